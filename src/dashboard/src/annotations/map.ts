import type { Annotation } from "../api/client.ts";
import { clockTime } from "../times.ts";

/** An annotation as a chart draws it. */
export interface Mark {
  id: string;
  timeMs: number;
  text: string;
  /** All there is to say of it: "Annotation, 17:42: fix deployed". */
  name: string;
}

export function mapMarks(annotations: readonly Annotation[]): Mark[] {
  return annotations.map(({ id, text, at }) => {
    const timeMs = Date.parse(at);
    return { id, timeMs, text, name: `Annotation, ${clockTime(timeMs)}: ${text}` };
  });
}

/** Local time to the minute, as an input for a date and a time has it: "2026-11-23T17:42". */
export function toInput(timeMs: number): string {
  const local = new Date(timeMs - new Date(timeMs).getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, "2026-11-23T17:42".length);
}

/** What to send of a form. A time left as it stood means now, and not the minute it began. */
export function toSend(text: string, at: string, atBefore: string): { text: string; at?: string } {
  return at === "" || at === atBefore
    ? { text: text.trim() }
    : { text: text.trim(), at: new Date(at).toISOString() };
}
