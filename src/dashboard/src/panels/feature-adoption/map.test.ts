import { describe, expect, it } from "vitest";
import type { Answers } from "../../api/client.ts";
import { adoptionTable, mapFeatureAdoption } from "./map.ts";

type Row = Answers["feature_adoption"]["rows"][number];

function row(feature: string, users: number, share: number | null, before: number | null): Row {
  return {
    feature,
    unique_users: users,
    share_pct: share,
    unique_users_before: before === null ? 0 : 10,
    share_before_pct: before,
    change_pts: share === null || before === null ? null : share - before,
  };
}

function answer(...rows: Row[]): Answers["feature_adoption"] {
  return { rows, newest_event_at: null, computed_at: "2026-11-23T10:45:00.000Z", elapsed_ms: 4 };
}

describe("mapFeatureAdoption", () => {
  it("says_how_many_use_the_feature_that_most_use", () => {
    const { headline } = mapFeatureAdoption(
      answer(row("export", 18_580, 31.3, 29), row("search", 90, 1.5, 2)),
      "24h",
    );
    expect(headline.value).toBe("31.3%");
    expect(headline.unit).toBe("of active users used \u2068export\u2069");
    expect(headline.note).toBe("in the last 24 whole hours, ▲ 2.3 pts");
  });

  it("measures_both_ranges_against_the_largest_share_of_either", () => {
    const { bars } = mapFeatureAdoption(
      answer(row("export", 20, 20, 40), row("search", 1, 10, 0)),
      "1h",
    );
    expect(bars.map((bar) => [bar.share, bar.shareBefore])).toEqual([
      [0.5, 1],
      [0.25, 0],
    ]);
    expect(bars.map((bar) => bar.figures)).toEqual([
      ["20%", "20 users", "▼ 20 pts"],
      ["10%", "1 user", "▲ 10 pts"],
    ]);
  });

  it("compares_with_nothing_where_nobody_was_active_before", () => {
    const { headline, bars } = mapFeatureAdoption(answer(row("export", 2, 50, null)), "1h");
    expect(headline.note).toBe("in the last whole hour");
    expect(bars[0]?.shareBefore).toBe(0);
  });

  it("is_missing_when_features_were_used_only_before", () => {
    expect(mapFeatureAdoption(answer(row("export", 0, 0, 40)), "6h").missing).toBe(
      "No feature was used in the last 6 whole hours; the running hour counts when it is over.",
    );
    expect(mapFeatureAdoption(answer(), "1h").headline.value).toBe("–");
  });
});

it("the_table_holds_both_ranges", () => {
  expect(adoptionTable(answer(row("export", 20, 20, 40))).rows).toEqual([
    ["export", 20, 20, 10, 40, -20],
  ]);
});
