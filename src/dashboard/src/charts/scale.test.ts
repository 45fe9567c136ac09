import { describe, expect, it } from "vitest";
import { bucketTicks, timeTicks, valueTicks } from "./scale.ts";

const MINUTE_MS = 60_000;
const noon = new Date(2026, 10, 23, 12, 0).getTime();

describe("valueTicks", () => {
  it("are_round_and_hold_the_largest_value", () => {
    expect(valueTicks(0)).toEqual([0, 1, 2]);
    expect(valueTicks(3)).toEqual([0, 2, 4]);
    expect(valueTicks(10)).toEqual([0, 5, 10]);
    expect(valueTicks(11)).toEqual([0, 6, 12]);
    expect(valueTicks(987_654)).toEqual([0, 500_000, 1_000_000]);
  });

  it("go_below_one_for_rates", () => {
    expect(valueTicks(0.6, 0.1)).toEqual([0, expect.closeTo(0.3), expect.closeTo(0.6)]);
  });
});

describe("timeTicks", () => {
  it("fall_on_round_local_times", () => {
    const ticks = timeTicks(noon + 3 * MINUTE_MS, noon + 62 * MINUTE_MS, 7);
    expect(ticks).toEqual([10, 20, 30, 40, 50, 60].map((minute) => noon + minute * MINUTE_MS));
  });

  it("are_never_more_than_fit", () => {
    for (const hours of [1, 6, 24]) {
      for (const countMax of [2, 4, 9]) {
        const ticks = timeTicks(noon, noon + hours * 60 * MINUTE_MS, countMax);
        expect(ticks.length).toBeLessThanOrEqual(countMax);
      }
    }
  });
});

describe("bucketTicks", () => {
  it("labels_only_buckets_that_exist", () => {
    const starts = Array.from({ length: 12 }, (_, index) => noon + index * 5 * MINUTE_MS);
    const ticks = bucketTicks(starts, 5);
    expect(ticks).toEqual([0, 15, 30, 45].map((minute) => noon + minute * MINUTE_MS));
  });

  it("labels_nothing_when_there_is_nothing", () => {
    expect(bucketTicks([], 5)).toEqual([]);
  });
});
