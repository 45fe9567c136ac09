import { describe, expect, it } from "vitest";
import { byMoment, comparedWindow, comparedWith, label, type Window } from "./compare.ts";

const asked = (window: Window) => ({ asked: window });

describe("comparing", () => {
  it("asks_about_the_same_range_of_another_day", () => {
    expect(comparedWindow("6h", "none")).toEqual({ range: "6h" });
    expect(comparedWindow("6h", "yesterday")).toEqual({ range: "6h", ago: "1d" });
    expect(comparedWindow("6h", "last-week")).toEqual({ range: "6h", ago: "7d" });
  });

  it("takes_only_the_answer_about_that_window", () => {
    const now = asked({ range: "1h" });
    const then = asked({ range: "1h", ago: "7d" });
    expect(comparedWith(now, then, "last-week")?.answer).toBe(then);
    expect(comparedWith(now, then, "none")).toBeNull();
    expect(comparedWith(now, undefined, "last-week")).toBeNull();
    // Answers of before a choice stay until the next ones come.
    expect(comparedWith(now, then, "yesterday")).toBeNull();
    expect(comparedWith(now, now, "yesterday")).toBeNull();
    expect(comparedWith(asked({ range: "6h" }), then, "last-week")).toBeNull();
  });

  it("finds_rows_by_the_moment_a_day_later", () => {
    const rows = [{ at: "2026-11-23T10:00:00Z", count: 3 }];
    const found = byMoment(rows, (row) => row.at, 86_400_000);
    expect(found.get(Date.parse("2026-11-24T10:00:00Z"))?.count).toBe(3);
    expect(label("last week")).toBe("Last week");
  });
});
