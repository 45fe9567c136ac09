import type { RejectedReply } from "../../api/client.ts";
import { exactTime } from "../../times.ts";
import { REFUSED_BY } from "../rejected-lately/map.ts";
import type { Table } from "../table.ts";

export interface RejectedRow {
  key: string;
  time: string;
  field: string;
  reason: string;
  refusedBy: string;
  /** As it was sent, or its beginning. */
  raw: string;
}

export interface RejectedPicture {
  missing: string | null;
  rows: RejectedRow[];
  /** The page after this one, null after the last. */
  next: string | null;
  table: Table;
}

export function mapRejectedEvents({ rows, next }: RejectedReply, nowMs: number): RejectedPicture {
  return {
    missing: rows.length === 0 ? "No event was rejected lately." : null,
    rows: rows.map((row) => ({
      key: row.id,
      time: exactTime(Date.parse(row.received_at), nowMs),
      field: row.field,
      reason: row.reason,
      refusedBy: REFUSED_BY[row.source] ?? row.source,
      raw: row.raw,
    })),
    next: next ?? null,
    table: {
      columns: ["received", "field", "reason", "source", "position", "raw"].map((name, index) => ({
        name,
        kind: index === 0 ? "day and time" : "text",
      })),
      rows: rows.map((row) => [
        Date.parse(row.received_at),
        row.field,
        row.reason,
        row.source,
        row.event_index,
        row.raw,
      ]),
    },
  };
}
