import { describe, expect, it } from "vitest";
import type { FunnelAnswer } from "../../api/funnels.ts";
import { funnelStepsTable, mapFunnelSteps, worstStep } from "./map.ts";

/** Steps a, b, c …, with so many people each. */
function answer(counts: readonly number[], changes: Partial<FunnelAnswer> = {}): FunnelAnswer {
  const first = counts[0] ?? 0;
  const names = [..."abcdefghij"].slice(0, counts.length);
  return {
    asked: {
      steps: names.map((event_name) => ({ event_name, filters: [] })),
      window: "10m",
      range: "1h",
      order: "strict",
      breakdown: null,
    },
    steps: counts.map((count, index) => ({
      event_name: names[index] ?? null,
      count,
      count_error: 0,
      from_start_pct: first === 0 ? null : (100 * count) / first,
      from_previous_pct: first === 0 ? null : (100 * count) / (counts[index - 1] ?? count),
      median_seconds: index === 0 ? null : 32,
      p90_seconds: index === 0 ? null : 95,
    })),
    over_time: [],
    breakdown: null,
    bucket_seconds: 300,
    in_progress: 0,
    sampled_one_in: 1,
    values_cut: false,
    since: "2026-11-23T10:00:00.000Z",
    newest_event_at: "2026-11-23T11:00:00.000Z",
    computed_at: "2026-11-23T11:00:00.000Z",
    elapsed_ms: 4,
    received_at_ms: 0,
    took_ms: 5,
    ...changes,
  };
}

it.each([
  [[], null],
  [[0, 0], null],
  [[5, 5, 5], null],
  [[100, 96, 40, 38], 2],
  // The larger number, though the later step has the larger share.
  [[1_000, 500, 100], 1],
  [[100, 90, 80], 1],
])("most_can_be_won_where_most_people_leave: %j", (counts, worst) => {
  expect(worstStep(counts)).toBe(worst);
});

describe("mapFunnelSteps", () => {
  it("says_how_many_got_through_and_where_most_left", () => {
    const { headline, bars, missing } = mapFunnelSteps(answer([3_000, 2_900, 1_160, 1_044]));
    expect(headline).toMatchObject({
      value: "34.8%",
      unit: "of 3,000 people completed within 10 min",
      note: "most leave before c: − 1,740, 60%",
    });
    expect(missing).toBeNull();
    expect(bars.map((bar) => bar.left?.words)).toEqual([
      undefined,
      "− 100, 3.33% leave here",
      "Most leave here: − 1,740, 60%",
      "− 116, 10% leave here",
    ]);
    expect(bars.map((bar) => bar.left?.worst ?? false)).toEqual([false, false, true, false]);
    expect(bars[2]).toMatchObject({
      count: "1,160",
      sincePrevious: { rate: "40%", median: "32 s", p90: "1 min 35 s" },
    });
    expect([bars[2]?.share, bars[2]?.shareBefore]).toEqual([1_160 / 3_000, 2_900 / 3_000]);
  });

  it("has_no_worst_step_where_nobody_leaves", () => {
    const { headline, bars } = mapFunnelSteps(answer([1, 1]));
    expect(headline).toMatchObject({
      value: "100%",
      unit: "of 1 person completed within 10 min",
      note: "started in the last hour",
    });
    expect(bars[1]?.left).toEqual({ words: "nobody leaves here", worst: false });
    const gone = mapFunnelSteps(answer([3, 0, 0]));
    expect(gone.bars[2]?.left).toEqual({ words: "nobody is left", worst: false });
  });

  it("is_missing_when_nobody_started", () => {
    const { missing, headline } = mapFunnelSteps(answer([0, 0]));
    expect(missing).toBe("Nobody took a first step in the last hour.");
    expect(headline.value).toBe("–");
  });

  it("says_what_is_estimated_and_who_may_still_go_on", () => {
    expect(mapFunnelSteps(answer([4, 2])).notes).toEqual([]);
    const estimated = answer([4_000, 2_000], { in_progress: 1_200, sampled_one_in: 40 });
    for (const step of estimated.steps) {
      step.count_error = 400;
    }
    const { notes, bars } = mapFunnelSteps(estimated);
    expect(notes).toEqual([
      "1,200 people may still go on: they started less than 10 min ago.",
      "Estimates: one person in 40 was counted; ± is one standard error.",
    ]);
    expect(bars[0]?.count).toBe("4,000 ± 400");
    const huge = mapFunnelSteps(answer([3_282_713_653, 2_000_000_000]));
    expect(huge.bars.map((bar) => bar.count)).toEqual(["3.3B", "2B"]);
    expect(huge.bars[1]?.left?.words).toBe("Most leave here: − 1.3B, 39.1%");
  });

  it("names_numbers_of_steps_where_their_order_is_any", () => {
    const any = answer([5, 3]);
    any.asked = { ...any.asked, order: "any" };
    expect(mapFunnelSteps(any).bars.map((bar) => bar.name)).toEqual([
      "1 of 2 steps",
      "2 of 2 steps",
    ]);
  });
});

it("the_table_holds_every_step", () => {
  expect(funnelStepsTable(answer([10, 5])).rows).toEqual([
    ["a", 10, 0, 100, 100, 0, null, null],
    ["b", 5, 0, 50, 50, 5, 32, 95],
  ]);
});
