import { describe, expect, it } from "vitest";
import type { Answers } from "../../api/client.ts";
import { featuresTable, mapTopFeatures } from "./map.ts";

function answer(rows: Answers["top_features"]["rows"]): Answers["top_features"] {
  return {
    rows,
    newest_event_at: null,
    computed_at: "2026-11-23T10:12:00.000Z",
    elapsed_ms: 4,
  };
}

describe("mapTopFeatures", () => {
  it("measures_every_bar_against_the_longest", () => {
    const { bars, headline } = mapTopFeatures(
      answer([
        { feature: "export", unique_users: 12_000, events: 40_000 },
        { feature: "search", unique_users: 3_000, events: 9_000 },
      ]),
      "1h",
    );
    expect(headline.value).toBe("12K");
    expect(headline.unit).toBe("users of \u2068export\u2069");
    expect(bars.map((bar) => [bar.share, bar.value])).toEqual([
      [1, "12K"],
      [0.25, "3,000"],
    ]);
    expect(bars[0]?.title).toBe("export: 12,000 users, 40,000 events");
  });

  it("draws_what_it_is_compared_with_on_the_same_scale", () => {
    const now = answer([
      { feature: "export", unique_users: 50, events: 80 },
      { feature: "search", unique_users: 20, events: 30 },
    ]);
    const then = answer([{ feature: "export", unique_users: 100, events: 120 }]);
    const compared = { answer: then, agoMs: 86_400_000, words: "yesterday" };
    const { bars, headline } = mapTopFeatures(now, "1h", compared);
    expect(headline.note).toBe("▼ 50 on yesterday");
    expect(bars.map((bar) => [bar.share, bar.comparedShare])).toEqual([
      [0.5, 1],
      [0.2, 0],
    ]);
    expect(bars[0]?.title).toBe("export: 50 users, 80 events; yesterday: 100 users");
    expect(bars[1]?.title).toContain("; yesterday: not among the ten");
    const { columns, rows } = featuresTable(now, compared);
    expect(columns.slice(3).map(({ name }) => name)).toEqual(["Users yesterday", "Uses yesterday"]);
    expect(rows).toEqual([
      ["export", 50, 80, 100, 120],
      ["search", 20, 30, null, null],
    ]);
    expect(featuresTable(now).rows[0]).toEqual(["export", 50, 80]);
  });

  it("speaks_of_one_user_as_one", () => {
    const row = { feature: "export", unique_users: 1, events: 1 };
    expect(mapTopFeatures(answer([row]), "1h").headline.unit).toBe("user of \u2068export\u2069");
  });

  it("is_missing_when_no_feature_was_used", () => {
    const picture = mapTopFeatures(answer([]), "24h");
    expect(picture.missing).toBe("No feature was used in the last 24 h.");
    expect(picture.headline.value).toBe("–");
  });
});
