import type { Answers } from "../../api/client.ts";
import type { Reading } from "../../charts/chart-tooltip.tsx";
import type { Point } from "../../charts/stretches.ts";
import { change, compact, full } from "../../figures.ts";
import { RANGE_WORDS, type Range } from "../../range.ts";
import { clockTime } from "../../times.ts";
import type { Picture } from "../panel-frame.tsx";
import { soFar, type Table } from "../table.ts";

const MINUTE_MS = 60_000;

export interface ActiveUsersPicture extends Picture {
  points: Point[];
}

export function mapActiveUsers(answer: Answers["active_users"], range: Range): ActiveUsersPicture {
  const computedAtMs = Date.parse(answer.computed_at);
  const points = answer.rows.map((row) => {
    const timeMs = Date.parse(row.minute);
    return { timeMs, value: row.active_users, running: timeMs + MINUTE_MS > computedAtMs };
  });
  const now = answer.rows.at(-1)?.active_users_5m ?? 0;
  const before = answer.rows.at(-1)?.active_users_5m_before ?? 0;
  const nobody = now === 0 && points.every((point) => point.value === 0);
  return {
    headline: {
      value: compact(now),
      title: full(now),
      unit: "in the last 5 minutes",
      note: `${change(now - before, compact)} on the 5 before`,
    },
    missing: nobody ? `Nobody was active in the last ${RANGE_WORDS[range]}.` : null,
    points,
  };
}

export function readMinute({ timeMs, value, running }: Point): Reading {
  return {
    heading: running ? `${clockTime(timeMs)}, so far` : clockTime(timeMs),
    figures: [{ label: "Active users", value: full(value ?? 0) }],
  };
}

export function minutesTable({ points }: ActiveUsersPicture): Table {
  return {
    columns: [
      { name: "Minute", kind: "time" },
      { name: "Active users", kind: "count" },
      { name: "Note", kind: "text" },
    ],
    rows: points.map(({ timeMs, value, running }) => [timeMs, value, soFar(running)]),
  };
}
