/** An age at which live data is no longer live. */
export const STALE_AFTER_MS = 60_000;

/** What an answer tells about the age of its data. */
export interface Freshness {
  newest_event_at: string | null;
  computed_at: string;
  received_at_ms: number;
}

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

/** The least age among a page's answers: what the page as a whole knows. Null without events. */
export function pageAgeMs(answers: readonly Freshness[], nowMs: number): number | null {
  const ages = answers.map((answer) => dataAgeMs(answer, nowMs)).filter((age) => age !== null);
  return ages.length === 0 ? null : Math.min(...ages);
}
