import type { RejectedReply } from "../../api/client.ts";
import { full } from "../../figures.ts";
import type { Picture } from "../panel-frame.tsx";
import type { Table } from "../table.ts";

interface Group {
  /** The reason itself where all have the same. */
  wrong: string;
  field: string;
  source: string;
  events: number;
  newestMs: number;
}

export interface RejectedLatelyPicture extends Picture {
  count: string;
  table: Table;
}

/** `next` is set when there are more than the server gives at once. */
export function mapRejectedLately({ rows, next }: RejectedReply): RejectedLatelyPicture {
  const count = next == null ? full(rows.length) : `${full(rows.length)}+`;
  const kinds = grouped(rows);
  return {
    count,
    headline: {
      value: count,
      unit: `${rows.length === 1 ? "event" : "events"} rejected in the last hour`,
      note:
        next == null
          ? "by what is wrong with them"
          : `by what is wrong with the newest ${full(rows.length)}`,
      alarming: rows.length > 0,
    },
    missing: rows.length === 0 ? "No event was rejected in the last hour." : null,
    table: {
      columns: [
        { name: "What is wrong", kind: "text" },
        { name: "Field", kind: "text" },
        { name: "Refused by", kind: "text" },
        { name: "Events", kind: "count", bar: true },
        { name: "Newest", kind: "time" },
      ],
      rows: kinds.map((group) => [
        group.wrong,
        group.field,
        REFUSED_BY[group.source] ?? group.source,
        group.events,
        group.newestMs,
      ]),
    },
  };
}

/** Who refused an event, in words. */
export const REFUSED_BY: Record<string, string> = { ingest: "validation", store: "ClickHouse" };

/** By what is wrong, the most frequent first. */
function grouped(rows: RejectedReply["rows"]): Group[] {
  const groups = new Map<string, Group>();
  for (const { field, source, reason, received_at } of rows) {
    const kind = kindOf(reason);
    const key = JSON.stringify([source, field, kind]);
    const group = groups.get(key) ?? { wrong: reason, field, source, events: 0, newestMs: 0 };
    group.wrong = group.wrong === reason ? reason : kind;
    group.events += 1;
    group.newestMs = Math.max(group.newestMs, Date.parse(received_at));
    groups.set(key, group);
  }
  return [...groups.values()].sort(
    (one, other) => other.events - one.events || other.newestMs - one.newestMs,
  );
}

/** A reason without what one event alone has: `"watch" is none of …` is one kind whatever was sent. */
export function kindOf(reason: string): string {
  return reason
    .replaceAll(/"(?:[^"\\]|\\.)*"/g, "“…”")
    .replaceAll(/\bat byte \d+/g, "at byte …")
    .replaceAll(/\bare \d+ bytes/g, "are … bytes");
}
