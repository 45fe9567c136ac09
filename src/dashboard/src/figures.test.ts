import { describe, expect, it } from "vitest";
import { bytes, change, changeInPoints, compact, full, percent } from "./figures.ts";

describe("figures", () => {
  it("shortens_only_what_does_not_fit", () => {
    expect(compact(9_999)).toBe("9,999");
    expect(compact(12_345)).toBe("12.3K");
    expect(compact(98_765_432)).toBe("98.8M");
    expect(full(98_765_432)).toBe("98,765,432");
  });

  it("keeps_small_rates_apart", () => {
    expect(percent(0.625)).toBe("0.63%");
    expect(percent(40)).toBe("40%");
    expect(percent(42.36)).toBe("42.4%");
    expect(percent(null)).toBe("–");
  });

  it("tells_bytes_in_the_unit_that_fits", () => {
    expect([0, 1, 999, 1_000, 19_562_182, 2_684_354_560, 1e18].map(bytes)).toEqual([
      "0 B",
      "1 B",
      "999 B",
      "1 kB",
      "19.6 MB",
      "2.7 GB",
      "1,000 PB",
    ]);
  });

  it("calls_a_difference_too_small_to_show_no_change", () => {
    expect(change(5, full)).toBe("▲ 5");
    expect(change(-5, full)).toBe("▼ 5");
    expect(change(0, full)).toBe("no change");
    expect(changeInPoints(3.14)).toBe("▲ 3.1 pts");
    expect(changeInPoints(-1.04)).toBe("▼ 1 pt");
    expect(changeInPoints(-0.01)).toBe("no change");
  });
});
