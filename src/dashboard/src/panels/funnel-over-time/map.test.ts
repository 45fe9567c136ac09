import { describe, expect, it } from "vitest";
import type { FunnelAnswer } from "../../api/funnels.ts";
import { funnelOverTimeTable, mapFunnelOverTime, readBucketOf } from "./map.ts";

type BucketOf = [minute: string, started: number, completed: number, soFar?: boolean];

function buckets(...rows: BucketOf[]): FunnelAnswer["over_time"] {
  return rows.map(([minute, started, completed, so_far = false]) => ({
    bucket: `2026-11-23T10:${minute}:00.000Z`,
    counts: [started, started, completed],
    conversion_pct: started === 0 ? null : (100 * completed) / started,
    so_far,
  }));
}

const ALL = buckets(["00", 100, 62], ["05", 100, 36], ["10", 100, 60], ["15", 40, 10, true]);
const GMAIL = buckets(["00", 50, 31], ["05", 50, 0], ["10", 50, 30], ["15", 20, 2, true]);

function answer(over_time: FunnelAnswer["over_time"], withGroup = true): FunnelAnswer {
  return {
    asked: {
      steps: ["a", "b", "c"].map((event_name) => ({ event_name, filters: [] })),
      window: "10m",
      range: "1h",
      order: "strict",
      breakdown: withGroup ? "properties.email_domain" : null,
    },
    steps: [],
    over_time,
    breakdown: withGroup
      ? [{ value: "gmail.com", other: false, steps: [], over_time: GMAIL }]
      : null,
    bucket_seconds: 300,
    in_progress: 0,
    sampled_one_in: 1,
    values_cut: false,
    since: "2026-11-23T10:00:00.000Z",
    newest_event_at: "2026-11-23T10:17:00.000Z",
    computed_at: "2026-11-23T10:17:00.000Z",
    elapsed_ms: 4,
    received_at_ms: 0,
    took_ms: 5,
  };
}

/** The times of the words are local ones. */
const withoutTimes = (words: string) => words.replaceAll(/\d\d:\d\d/g, "…");

describe("mapFunnelOverTime", () => {
  it("says_the_rate_of_the_newest_bucket_that_is_complete_and_the_extremes", () => {
    const { headline, buckets: shown } = mapFunnelOverTime(answer(ALL), "");
    expect(headline.value).toBe("60%");
    expect(withoutTimes(headline.unit)).toBe("of those who started … to … completed");
    expect(withoutTimes(headline.note)).toBe("lowest 36% at …, highest 62% at …");
    expect(shown.map((bucket) => bucket.running)).toEqual([false, false, false, true]);
    expect(shown[0]).not.toHaveProperty("comparedPct");
  });

  it("shows_a_chosen_group_before_all", () => {
    const picture = mapFunnelOverTime(answer(ALL), "=gmail.com");
    expect(picture.group).toBe("gmail.com");
    expect(withoutTimes(picture.headline.note)).toBe("lowest 0% at …, highest 62% at …");
    expect(picture.buckets.map((bucket) => [bucket.ratePct, bucket.comparedPct])).toEqual([
      [62, 62],
      [0, 36],
      [60, 60],
      [10, 25],
    ]);
    const [first] = picture.buckets;
    const reading = first && readBucketOf(picture)(first);
    expect(reading?.figures.map((figure) => figure.value)).toEqual(["50", "31", "62%", "62%"]);
  });

  it("shows_all_for_a_group_that_is_not_there", () => {
    expect(mapFunnelOverTime(answer(ALL), "=gmx.de").group).toBeNull();
    expect(mapFunnelOverTime(answer(ALL, false), "=gmail.com").groups).toEqual([]);
  });

  it("keeps_a_gap_and_does_not_rate_what_is_not_complete", () => {
    const {
      headline,
      missing,
      buckets: shown,
    } = mapFunnelOverTime(answer(buckets(["00", 0, 0], ["05", 9, 1, true])), "");
    expect(headline.value).toBe("–");
    expect(headline.note).toBe("known once the time to complete has passed for some");
    expect(missing).toBeNull();
    expect(shown[0]?.ratePct).toBeNull();
    expect(mapFunnelOverTime(answer(buckets(["00", 0, 0])), "").missing).toBe(
      "Nobody took a first step in the last hour.",
    );
  });
});

it("the_table_says_what_is_so_far_and_compares_a_group_with_all", () => {
  const all = funnelOverTimeTable(mapFunnelOverTime(answer(ALL), ""));
  expect(all.rows.map((row) => row.slice(1))).toEqual([
    [100, 62, 62, ""],
    [100, 36, 36, ""],
    [100, 60, 60, ""],
    [40, 10, 25, "so far"],
  ]);
  const gmail = funnelOverTimeTable(mapFunnelOverTime(answer(ALL), "=gmail.com"));
  expect(gmail.rows[1]?.slice(1)).toEqual([50, 0, 0, 36, ""]);
});
