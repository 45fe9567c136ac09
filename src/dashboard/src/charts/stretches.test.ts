import { describe, expect, it } from "vitest";
import { stretches } from "./stretches.ts";

const settled = (value: number | null) => ({ value, running: false });

describe("stretches", () => {
  it("share_the_point_where_the_running_bucket_begins", () => {
    expect(stretches([settled(1), settled(2), { value: 3, running: true }])).toEqual([
      { settled: 1, soFar: null, lone: false },
      { settled: 2, soFar: 2, lone: false },
      { settled: null, soFar: 3, lone: false },
    ]);
  });

  it("mark_points_between_gaps", () => {
    const lone = stretches([settled(null), settled(5), settled(null)]).map((part) => part.lone);
    expect(lone).toEqual([false, true, false]);
  });

  it("mark_a_running_point_after_a_gap", () => {
    const [gap, running] = stretches([settled(null), { value: 4, running: true }]);
    expect(gap).toEqual({ settled: null, soFar: null, lone: false });
    expect(running).toEqual({ settled: null, soFar: 4, lone: true });
  });
});
