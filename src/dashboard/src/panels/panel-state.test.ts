import { describe, expect, it } from "vitest";
import { type PanelAnswer, panelState } from "./panel-state.ts";

const RECEIVED_AT_MS = 5_000_000;
const AGE_MS = 2_500;

const answer: PanelAnswer = {
  newest_event_at: "2026-11-23T10:00:00.000Z",
  computed_at: "2026-11-23T10:00:02.500Z",
  elapsed_ms: 12.3,
  received_at_ms: RECEIVED_AT_MS,
};

describe("panelState", () => {
  it("leaves_the_age_to_the_header_while_it_is_the_same", () => {
    expect(panelState(answer, null, RECEIVED_AT_MS, AGE_MS - 1_500)).toEqual({
      kind: "fresh",
      words: "Answered in 12 ms",
    });
  });

  it("says_an_age_that_differs_from_the_headers", () => {
    expect(panelState(answer, null, RECEIVED_AT_MS, AGE_MS - 1_501)).toEqual({
      kind: "fresh",
      words: "Newest event 2 s ago, answered in 12 ms",
    });
  });

  it("turns_stale_while_nothing_new_arrives", () => {
    const stateAt = (nowMs: number) =>
      panelState(answer, null, nowMs, AGE_MS + nowMs - RECEIVED_AT_MS);
    expect(stateAt(RECEIVED_AT_MS + 57_500).kind).toBe("fresh");
    expect(stateAt(RECEIVED_AT_MS + 57_501)).toEqual({
      kind: "stale",
      words: "Stale: newest event 1 min ago",
    });
  });

  it("says_what_failed_and_since_when", () => {
    const failure = new Error("The store cannot be reached");
    const { kind, words } = panelState(answer, failure, RECEIVED_AT_MS, AGE_MS);
    expect(kind).toBe("failed");
    expect(words).toMatch(/^No answer since \d\d:\d\d:\d\d: The store cannot be reached$/);
    expect(panelState(undefined, failure, 0, null).words).toBe(
      "No answer yet: The store cannot be reached",
    );
  });

  it("is_loading_until_the_first_answer", () => {
    expect(panelState(undefined, null, 0, null).kind).toBe("loading");
  });
});
