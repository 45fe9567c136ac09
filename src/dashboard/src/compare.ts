import type { Range } from "./range.ts";
import { choice } from "./url-state.ts";

/** What a panel draws behind the present: the same window of another day. */
export type Compare = "none" | "yesterday" | "last-week";

export const COMPARE = choice<Compare>("compare", ["none", "yesterday", "last-week"], "none");

/** The window a question is about: a range, and how long before the present it ends. */
export type Window = { range: Range; ago?: "1d" | "7d" };

const DAY_MS = 24 * 60 * 60 * 1_000;

const WINDOWS = {
  yesterday: { ago: "1d", agoMs: DAY_MS, words: "yesterday" },
  "last-week": { ago: "7d", agoMs: 7 * DAY_MS, words: "last week" },
} as const;

/** The window to compare with; the present's own when there is none to compare with. */
export function comparedWindow(range: Range, compare: Compare): Window {
  return compare === "none" ? { range } : { range, ago: WINDOWS[compare].ago };
}

/** An answer about the window compared with. */
export interface Compared<Answer> {
  answer: Answer;
  /** How much later the present is than the moments in it. */
  agoMs: number;
  /** The day it is of: "yesterday". */
  words: string;
}

/** What `now` is compared with. Null while the other answer is not there, or is about something else. */
export function comparedWith<Answer extends { asked: Window }>(
  now: Answer,
  then: Answer | undefined,
  compare: Compare,
): Compared<Answer> | null {
  if (compare === "none" || then === undefined) {
    return null;
  }
  const { ago, agoMs, words } = WINDOWS[compare];
  const isIt = then.asked.ago === ago && then.asked.range === now.asked.range;
  return isIt ? { answer: then, agoMs, words } : null;
}

/** The rows of the window compared with, by the moment of the present that each belongs to. */
export function byMoment<Row>(
  rows: readonly Row[],
  momentOf: (row: Row) => string,
  agoMs: number,
): Map<number, Row> {
  return new Map(rows.map((row) => [Date.parse(momentOf(row)) + agoMs, row]));
}

/** "Yesterday", as a label of a figure. */
export function label(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1);
}
