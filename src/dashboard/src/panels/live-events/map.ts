import { exactTime } from "../../times.ts";
import type { Table } from "../table.ts";
import { type LiveEvent, lastArrivalMs, type TailEvent } from "./tail.ts";

/** What a row must hold to be shown; an empty text asks for nothing. */
export interface Filter {
  event: string;
  session: string;
  user: string;
  text: string;
}

/** A property, its value cut to what fits in a row. */
export interface Pair {
  key: string;
  value: string;
}

export interface LiveRow {
  key: string;
  isNew: boolean;
  time: string;
  name: string;
  /** The user, or the session of somebody who is not known. */
  who: { kind: "user" | "session"; id: string };
  device: string;
  country: string;
  pairs: Pair[];
  event: LiveEvent;
}

/** Rows on the screen at once. */
export const ROWS_SHOWN_MAX = 100;
/** Pairs of a row, and characters of a value, before the rest is left to the details. */
const PAIRS_MAX = 6;
const VALUE_CHARS_MAX = 48;

export interface LivePicture {
  missing: string | null;
  rows: LiveRow[];
  matching: number;
  seen: number;
}

export function mapLiveEvents(
  tail: readonly TailEvent[],
  filter: Filter,
  nowMs: number,
): LivePicture {
  const newestMs = lastArrivalMs(tail);
  const matching = tail.filter(({ event }) => matches(event, filter));
  return {
    missing: tail.length === 0 ? "No events yet." : null,
    rows: matching.slice(0, ROWS_SHOWN_MAX).map(({ key, arrivedAtMs, event }) => ({
      key,
      isNew: arrivedAtMs !== null && arrivedAtMs === newestMs,
      time: exactTime(Date.parse(event.timestamp), nowMs),
      name: event.event_name,
      who:
        event.user_id === null
          ? { kind: "session", id: event.session_id }
          : { kind: "user", id: event.user_id },
      device: event.device_type,
      country: event.country_code,
      pairs: pairs(event.properties),
      event,
    })),
    matching: matching.length,
    seen: tail.length,
  };
}

function matches(event: LiveEvent, filter: Filter): boolean {
  return (
    holds(event.event_name, filter.event) &&
    holds(event.session_id, filter.session) &&
    holds(event.user_id ?? "", filter.user) &&
    holds(event.properties, filter.text)
  );
}

function holds(value: string, asked: string): boolean {
  return value.toLowerCase().includes(asked.trim().toLowerCase());
}

/** The first properties, readable: texts as they are, anything else as JSON. */
export function pairs(properties: string): Pair[] {
  const all = Object.entries(read(properties) as Record<string, unknown>);
  const shown = all.slice(0, PAIRS_MAX).map(([key, value]) => ({
    key,
    value: cut(typeof value === "string" ? value : JSON.stringify(value)),
  }));
  const left = all.length - shown.length;
  return left === 0 ? shown : [...shown, { key: "…", value: `${left} more` }];
}

function cut(value: string): string {
  const characters = [...value];
  return characters.length <= VALUE_CHARS_MAX
    ? value
    : `${characters.slice(0, VALUE_CHARS_MAX).join("")}…`;
}

function read(properties: string): unknown {
  try {
    return JSON.parse(properties) ?? {};
  } catch {
    return {};
  }
}

/**
 * An event as JSON, in lines. Properties of which this browser would change anything, as it does
 * to whole numbers of twenty digits, stand as they were sent.
 */
export function wholeJson({ properties, ...fields }: LiveEvent): string {
  const parsed = read(properties);
  const compact = properties.replaceAll(/\s/g, "");
  const isKept = JSON.stringify(parsed).replaceAll(/\s/g, "") === compact;
  const inLines = isKept ? JSON.stringify(parsed, null, 2).replaceAll("\n", "\n  ") : properties;
  const others = JSON.stringify(fields, null, 2).slice(0, -"\n}".length);
  return `${others},\n  "properties": ${inLines}\n}`;
}

export function liveTable({ rows }: LivePicture): Table {
  return {
    columns: ["time", "event", "user", "session", "device", "country", "properties"].map(
      (name, index) => ({ name, kind: index === 0 ? "day and time" : "text" }),
    ),
    rows: rows.map(({ event }) => [
      Date.parse(event.timestamp),
      event.event_name,
      event.user_id,
      event.session_id,
      event.device_type,
      event.country_code,
      event.properties,
    ]),
  };
}
