import { describe, expect, it } from "vitest";
import { rangeOf } from "./range.ts";

describe("rangeOf", () => {
  it("reads_the_range_from_the_url", () => {
    expect(rangeOf("?range=6h")).toBe("6h");
    expect(rangeOf("?theme=x&range=24h")).toBe("24h");
  });

  it("falls_back_to_the_last_hour", () => {
    expect(rangeOf("")).toBe("1h");
    expect(rangeOf("?range=7d")).toBe("1h");
    expect(rangeOf("?range=")).toBe("1h");
  });
});
