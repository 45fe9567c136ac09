import { dataAgeMs, type Freshness, STALE_AFTER_MS } from "../freshness.ts";
import { age, clockTimeWithSeconds } from "../times.ts";

/** Ages that differ by less are one: panels ask one after another. */
const SAME_AGE_MS = 1_500;

/** An answer as its panel's state line needs it: about events, or about something else. */
export type PanelAnswer =
  | (Freshness & { elapsed_ms: number })
  | { newest_event_at?: never; received_at_ms: number };

export interface PanelState {
  kind: "loading" | "fresh" | "stale" | "failed";
  words: string;
}

/** What a panel says about its data, in one line. The header says the age of the page's. */
export function panelState(
  answer: PanelAnswer | undefined,
  failure: Error | null,
  nowMs: number,
  pageAgeMs: number | null,
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
  if (answer.newest_event_at === undefined) {
    return { kind: "fresh", words: `As of ${clockTimeWithSeconds(answer.received_at_ms)}` };
  }
  const ageMs = dataAgeMs(answer, nowMs);
  if (ageMs === null) {
    return { kind: "fresh", words: "No events yet" };
  }
  if (ageMs > STALE_AFTER_MS) {
    return { kind: "stale", words: `Stale: newest event ${age(ageMs)} ago` };
  }
  const answered = `nswered in ${Math.max(1, Math.round(answer.elapsed_ms))} ms`;
  const differs = Math.abs(ageMs - (pageAgeMs ?? 0)) > SAME_AGE_MS;
  return {
    kind: "fresh",
    words: differs ? `Newest event ${age(ageMs)} ago, a${answered}` : `A${answered}`,
  };
}
