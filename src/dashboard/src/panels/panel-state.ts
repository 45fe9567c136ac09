import { age, clockTimeWithSeconds } from "../times.ts";

/** An age at which live data is no longer live. */
const STALE_AFTER_MS = 60_000;

export interface Freshness {
  newest_event_at: string | null;
  computed_at: string;
  elapsed_ms: number;
  received_at_ms: number;
}

export type PanelState =
  | { kind: "loading"; words: string }
  | { kind: "fresh"; words: string }
  | { kind: "stale"; words: string }
  | { kind: "failed"; words: string };

/**
 * Age of the newest event in ms, null when there is none. The server's two times are compared with
 * each other and the browser's with each other: their clocks need not agree.
 */
export function dataAgeMs(answer: Freshness, nowMs: number): number | null {
  if (answer.newest_event_at === null) {
    return null;
  }
  const whenComputedMs = Date.parse(answer.computed_at) - Date.parse(answer.newest_event_at);
  const sinceReceivedMs = nowMs - answer.received_at_ms;
  return Math.max(0, whenComputedMs) + Math.max(0, sinceReceivedMs);
}

/** What a panel says about its data, in one line. */
export function panelState(
  answer: Freshness | undefined,
  failure: Error | null,
  nowMs: number,
): PanelState {
  if (failure !== null) {
    const since =
      answer === undefined
        ? "No answer yet"
        : `No answer since ${clockTimeWithSeconds(answer.received_at_ms)}`;
    return { kind: "failed", words: `${since}: ${failure.message}` };
  }
  if (answer === undefined) {
    return { kind: "loading", words: "Loading" };
  }
  const ageMs = dataAgeMs(answer, nowMs);
  if (ageMs === null) {
    return { kind: "fresh", words: "No events yet" };
  }
  if (ageMs > STALE_AFTER_MS) {
    return { kind: "stale", words: `Stale: newest event ${age(ageMs)} ago` };
  }
  const elapsed = Math.max(1, Math.round(answer.elapsed_ms));
  return { kind: "fresh", words: `Newest event ${age(ageMs)} ago, answered in ${elapsed} ms` };
}
