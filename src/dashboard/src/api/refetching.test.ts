import { describe, expect, it } from "vitest";
import { isBehind, refetchAfterMs } from "./refetching.ts";
import type { Told } from "./stream.ts";

const SINCE = "2026-11-23T10:00:00.500Z";
const BEFORE = "2026-11-23T10:00:00.499Z";
const live: Told = { state: "live", sinceMs: Date.parse(SINCE) };

describe("refetchAfterMs", () => {
  it.each([
    ["nothing_was_told_yet", BEFORE, { state: "opening", sinceMs: null }, 5_000],
    ["the_stream_broke", SINCE, { ...live, state: "broken" }, 5_000],
    ["the_answer_has_what_was_told", SINCE, live, 30_000],
    ["the_answer_is_older", BEFORE, live, 1_250],
    ["there_is_no_answer_yet", undefined, live, 30_000],
  ] as const)("%s", (_, computedAt, told, afterMs) => {
    expect(refetchAfterMs(computedAt, told)).toBe(afterMs);
  });
});

describe("isBehind", () => {
  it("compares_the_moments_whatever_their_precision", () => {
    expect(isBehind("2026-11-23T10:00:00Z", live)).toBe(true);
    expect(isBehind("2026-11-23T10:00:00.500000Z", live)).toBe(false);
  });
});
