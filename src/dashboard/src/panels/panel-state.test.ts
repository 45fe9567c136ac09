import { describe, expect, it } from "vitest";
import { dataAgeMs, type Freshness, panelState } from "./panel-state.ts";

// A browser whose clock is years away from the server's.
const RECEIVED_AT_MS = 5_000_000;

const answer: Freshness = {
  newest_event_at: "2026-11-23T10:00:00.000Z",
  computed_at: "2026-11-23T10:00:02.500Z",
  elapsed_ms: 12.3,
  received_at_ms: RECEIVED_AT_MS,
};

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
    expect(dataAgeMs({ ...answer, newest_event_at: null }, RECEIVED_AT_MS)).toBeNull();
  });
});

describe("panelState", () => {
  it("says_the_age_of_live_data", () => {
    expect(panelState(answer, null, RECEIVED_AT_MS)).toEqual({
      kind: "fresh",
      words: "Newest event 2 s ago, answered in 12 ms",
    });
  });

  it("turns_stale_while_nothing_new_arrives", () => {
    expect(panelState(answer, null, RECEIVED_AT_MS + 57_500).kind).toBe("fresh");
    expect(panelState(answer, null, RECEIVED_AT_MS + 57_501)).toEqual({
      kind: "stale",
      words: "Stale: newest event 1 min ago",
    });
  });

  it("says_what_failed_and_since_when", () => {
    const failure = new Error("The store cannot be reached");
    const { kind, words } = panelState(answer, failure, RECEIVED_AT_MS);
    expect(kind).toBe("failed");
    expect(words).toMatch(/^No answer since \d\d:\d\d:\d\d: The store cannot be reached$/);
    expect(panelState(undefined, failure, 0).words).toBe(
      "No answer yet: The store cannot be reached",
    );
  });

  it("is_loading_until_the_first_answer", () => {
    expect(panelState(undefined, null, 0).kind).toBe("loading");
  });
});
