/** An event that can be picked. */
export interface NameOption {
  name: string;
  /** What is known of it; null for a name that was typed and not seen. */
  events: number | null;
}

/** More would not be read. */
const SHOWN_MAX = 50;
/** What the server takes as an event's name. */
const EVENT_NAME = /^[a-z][a-z0-9_]{0,63}$/;
export const EVENT_NAME_RULE =
  "A name is 1 to 64 characters: a lower-case letter, then lower-case letters, digits or underscores.";

/** Those seen that hold what was typed, those that begin with it first, and then the text itself if it can be a name. */
export function matchingNames(
  typed: string,
  seen: readonly { event_name: string; events: number }[],
): NameOption[] {
  const text = typed
    .trim()
    .toLowerCase()
    .replaceAll(/[\s-]+/g, "_");
  const matching = seen.filter((row) => row.event_name.includes(text));
  const first = matching.filter((row) => row.event_name.startsWith(text));
  const ordered = [...first, ...matching.filter((row) => !first.includes(row))];
  const options = ordered
    .slice(0, SHOWN_MAX)
    .map((row) => ({ name: row.event_name, events: row.events }));
  const isNew = EVENT_NAME.test(text) && !seen.some((row) => row.event_name === text);
  return isNew ? [...options, { name: text, events: null }] : options;
}
