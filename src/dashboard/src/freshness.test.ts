import { describe, expect, it } from "vitest";
import { dataAgeMs, type Freshness, pageAgeMs } from "./freshness.ts";

// A browser whose clock is years away from the server's.
const RECEIVED_AT_MS = 5_000_000;

const answer: Freshness = {
  newest_event_at: "2026-11-23T10:00:00.000Z",
  computed_at: "2026-11-23T10:00:02.500Z",
  received_at_ms: RECEIVED_AT_MS,
};
const empty: Freshness = { ...answer, newest_event_at: null };

describe("dataAgeMs", () => {
  it("never_compares_the_two_clocks", () => {
    expect(dataAgeMs(answer, RECEIVED_AT_MS)).toBe(2_500);
    expect(dataAgeMs(answer, RECEIVED_AT_MS + 3_000)).toBe(5_500);
  });

  it("is_never_negative_for_events_that_are_ahead", () => {
    const ahead = { ...answer, newest_event_at: "2026-11-23T10:05:00.000Z" };
    expect(dataAgeMs(ahead, RECEIVED_AT_MS - 400)).toBe(0);
  });

  it("is_unknown_without_events", () => {
    expect(dataAgeMs(empty, RECEIVED_AT_MS)).toBeNull();
  });
});

describe("pageAgeMs", () => {
  it("is_that_of_the_answer_that_knows_most", () => {
    const older = { ...answer, received_at_ms: RECEIVED_AT_MS - 4_000 };
    expect(pageAgeMs([older, answer, empty], RECEIVED_AT_MS)).toBe(2_500);
  });

  it("is_unknown_without_events", () => {
    expect(pageAgeMs([], RECEIVED_AT_MS)).toBeNull();
    expect(pageAgeMs([empty], RECEIVED_AT_MS)).toBeNull();
  });
});
