import type { Answers, Received } from "../../api/client.ts";

export type LiveEvent = Answers["live_events"]["rows"][number];

/** Events a page keeps of those it has seen, so that a filter or a pause has more than the newest hundred. */
export const TAIL_EVENTS_MAX = 1_000;

export interface TailEvent {
  /** Tells it from all others of the tail. */
  key: string;
  /** When the page was first told of it, by its own clock; null if it was there from the beginning. */
  arrivedAtMs: number | null;
  event: LiveEvent;
}

export type Tail = Omit<Received<Answers["live_events"], Record<string, never>>, "rows"> & {
  tail: readonly TailEvent[];
};

/** The newest events before those seen already, newest first. */
export function joined(
  newest: readonly LiveEvent[],
  seen: readonly TailEvent[] | null,
  receivedAtMs: number,
): TailEvent[] {
  const known = new Map((seen ?? []).map((row) => [row.key, row]));
  const arrivedAtMs = seen === null ? null : receivedAtMs;
  const alike = new Map<string, number>();
  const rows = newest.map((event) => {
    const text = JSON.stringify(event);
    const occurrence = alike.get(text) ?? 0;
    alike.set(text, occurrence + 1);
    const key = `${text}${occurrence}`;
    return known.get(key) ?? { key, arrivedAtMs, event };
  });
  const keys = new Set(rows.map(({ key }) => key));
  const older = (seen ?? []).filter(({ key }) => !keys.has(key));
  return [...rows, ...older].slice(0, TAIL_EVENTS_MAX);
}

/** How many came to the tail since it was paused. */
export function newSince(paused: readonly TailEvent[], tail: readonly TailEvent[]): number {
  const keys = new Set(paused.map(({ key }) => key));
  return tail.filter(({ key }) => !keys.has(key)).length;
}

/** When the latest of the arrivals came, null if all rows were there from the beginning. */
export function lastArrivalMs(tail: readonly TailEvent[]): number | null {
  const arrivals = tail.flatMap(({ arrivedAtMs }) => arrivedAtMs ?? []);
  return arrivals.length === 0 ? null : arrivals.reduce((one, other) => Math.max(one, other));
}
