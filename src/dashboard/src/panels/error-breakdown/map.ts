import type { Answers } from "../../api/client.ts";
import { compact, full } from "../../figures.ts";
import { RANGE_WORDS, type Range } from "../../range.ts";
import { clockTime } from "../../times.ts";
import type { Picture } from "../panel-frame.tsx";
import type { CellKind, Table } from "../table.ts";

/** The query's own bound: with as many rows there may be more. */
const ROWS_MAX = 50;

export interface ErrorBreakdownPicture extends Picture {
  table: Table;
}

export function mapErrorBreakdown(
  { rows }: Answers["error_breakdown"],
  range: Range,
): ErrorBreakdownPicture {
  const errors = rows.reduce((total, row) => total + row.errors, 0);
  const lastMs = Math.max(0, ...rows.map((row) => Date.parse(row.last_seen_at)));
  const words = RANGE_WORDS[range];
  return {
    headline: {
      value: compact(errors),
      title: full(errors),
      unit:
        rows.length < ROWS_MAX
          ? `${errors === 1 ? "error" : "errors"} in the last ${words}`
          : `in the last ${words}, of the ${ROWS_MAX} most frequent`,
      note:
        errors === 0
          ? "and the running hour"
          : `and the running hour; the last at ${clockTime(lastMs)}`,
    },
    missing: rows.length === 0 ? `No errors in the last ${words}.` : null,
    table: breakdownTable(rows, range),
  };
}

function breakdownTable(rows: Answers["error_breakdown"]["rows"], range: Range): Table {
  const moment: CellKind = range === "24h" ? "day and time" : "time";
  return {
    columns: [
      { name: "Message", kind: "text" },
      { name: "Path", kind: "text" },
      { name: "Errors", kind: "count", bar: true },
      { name: "Users", kind: "count" },
      { name: "First in range", kind: moment },
      { name: "Last", kind: moment },
    ],
    rows: rows.map((row) => [
      row.message || null,
      row.path || null,
      row.errors,
      row.users_affected,
      Date.parse(row.first_seen_at),
      Date.parse(row.last_seen_at),
    ]),
  };
}
