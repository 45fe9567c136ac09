import { describe, expect, it } from "vitest";
import { light, type Signs } from "./light.ts";

const TITLES = ["Active users", "Sign-ups", "Features", "Errors"];
const NOW_MS = 1_000_000;

function panels(changes: Record<number, Partial<Signs>> = {}): Signs[] {
  return TITLES.map((title, index) => ({
    title,
    answered: true,
    failed: false,
    tookMs: 20,
    fetchingSinceMs: null,
    ...changes[index],
  }));
}

describe("light", () => {
  it("is_green_only_when_all_four_answer", () => {
    expect(light(panels(), "live", NOW_MS)).toEqual({ state: "green", words: "Live" });
    expect(light(panels({ 2: { answered: false } }), "live", NOW_MS)).toEqual({
      state: "yellow",
      words: "Connecting",
    });
  });

  it("is_yellow_over_two_seconds", () => {
    expect(light(panels({ 1: { tookMs: 2_000 } }), "live", NOW_MS).state).toBe("green");
    expect(light(panels({ 1: { tookMs: 2_001 } }), "live", NOW_MS)).toEqual({
      state: "yellow",
      words: "Slow: Sign-ups",
    });
  });

  it("is_yellow_while_a_request_is_taking_long", () => {
    const begun = panels({ 0: { fetchingSinceMs: NOW_MS }, 3: { tookMs: 3_000 } });
    expect(light(begun, "live", NOW_MS + 2_000).words).toBe("Slow: Errors");
    expect(light(begun, "live", NOW_MS + 2_001).words).toBe("Slow: Active users, Errors");
  });

  it("is_red_when_any_fails_however_slow_the_others_are", () => {
    expect(light(panels({ 0: { tookMs: 9_000 }, 1: { failed: true } }), "live", NOW_MS)).toEqual({
      state: "red",
      words: "Unreachable: Sign-ups",
    });
  });

  it("says_that_the_page_polls_when_nothing_worse_is_to_be_said", () => {
    expect(light(panels(), "broken", NOW_MS)).toEqual({
      state: "yellow",
      words: "Polling every 5 s: the stream broke",
    });
    expect(light(panels({ 1: { failed: true } }), "broken", NOW_MS).state).toBe("red");
    expect(light(panels(), "opening", NOW_MS).words).toBe("Live");
  });

  it("does_not_list_what_is_all", () => {
    const failed = { failed: true };
    expect(
      light(panels({ 0: failed, 1: failed, 2: failed, 3: failed }), "live", NOW_MS).words,
    ).toBe("Unreachable: all panels");
    expect(light(panels({ 0: failed }).slice(0, 1), "live", NOW_MS).words).toBe(
      "Unreachable: Active users",
    );
  });
});
