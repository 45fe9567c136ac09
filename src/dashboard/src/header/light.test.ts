import { describe, expect, it } from "vitest";
import { light, type Signs } from "./light.ts";

const TITLES = ["Active users", "Sign-ups", "Features", "Errors"];

function panels(changes: Record<number, Partial<Signs>> = {}): Signs[] {
  return TITLES.map((title, index) => ({
    title,
    answered: true,
    failed: false,
    tookMs: 20,
    takingLong: false,
    ...changes[index],
  }));
}

describe("light", () => {
  it("is_green_only_when_all_four_answer", () => {
    expect(light(panels())).toEqual({ state: "green", words: "Live" });
    expect(light(panels({ 2: { answered: false } }))).toEqual({
      state: "yellow",
      words: "Connecting",
    });
  });

  it("is_yellow_over_two_seconds", () => {
    expect(light(panels({ 1: { tookMs: 2_000 } })).state).toBe("green");
    expect(light(panels({ 1: { tookMs: 2_001 } }))).toEqual({
      state: "yellow",
      words: "Slow: Sign-ups",
    });
  });

  it("is_yellow_while_a_request_is_taking_long", () => {
    expect(light(panels({ 0: { takingLong: true }, 3: { tookMs: 3_000 } })).words).toBe(
      "Slow: Active users, Errors",
    );
  });

  it("is_red_when_any_fails_however_slow_the_others_are", () => {
    expect(light(panels({ 0: { takingLong: true }, 1: { failed: true } }))).toEqual({
      state: "red",
      words: "Unreachable: Sign-ups",
    });
  });

  it("does_not_list_what_is_all", () => {
    const failed = { failed: true };
    expect(light(panels({ 0: failed, 1: failed, 2: failed, 3: failed })).words).toBe(
      "Unreachable: all panels",
    );
  });
});
