import type { Mark } from "../../annotations/map.ts";
import type { Answers } from "../../api/client.ts";
import type { Reading } from "../../charts/chart-tooltip.tsx";
import { marksByPlace } from "../../charts/marks.ts";
import type { Point } from "../../charts/stretches.ts";
import { byMoment, type Compared, label } from "../../compare.ts";
import { change, compact, full, NO_FIGURE } from "../../figures.ts";
import { RANGE_WORDS, type Range } from "../../range.ts";
import { clockTime } from "../../times.ts";
import type { Picture } from "../panel-frame.tsx";
import { type Column, comparedCells, comparedColumns, note, type Table } from "../table.ts";

const MINUTE_MS = 60_000;

type Answer = Answers["active_users"];

export interface UsersMinute extends Point {
  /** The day compared with, in words; null when there is none. */
  comparedWords: string | null;
}

export interface ActiveUsersPicture extends Picture {
  points: UsersMinute[];
}

export function mapActiveUsers(
  answer: Answer,
  range: Range,
  compared: Compared<Answer> | null = null,
): ActiveUsersPicture {
  const then = byMoment(compared?.answer.rows ?? [], (row) => row.minute, compared?.agoMs ?? 0);
  const computedAtMs = Date.parse(answer.computed_at);
  const points = answer.rows.map((row) => {
    const timeMs = Date.parse(row.minute);
    return {
      timeMs,
      value: row.active_users,
      running: timeMs + MINUTE_MS > computedAtMs,
      compared: then.get(timeMs)?.active_users ?? null,
      comparedWords: compared?.words ?? null,
    };
  });
  const now = answer.rows.at(-1)?.active_users_5m ?? 0;
  const before =
    compared === null
      ? answer.rows.at(-1)?.active_users_5m_before
      : compared.answer.rows.at(-1)?.active_users_5m;
  const difference = change(now - (before ?? 0), compact);
  const nobody = now === 0 && points.every((point) => point.value === 0);
  return {
    headline: {
      value: compact(now),
      title: full(now),
      unit: "in the last 5 minutes",
      note: `${difference} on ${compared === null ? "the 5 before" : `${compared.words}`}`,
    },
    missing: nobody ? `Nobody was active in the last ${RANGE_WORDS[range]}.` : null,
    points,
  };
}

export function readMinute(minute: UsersMinute): Reading {
  const { timeMs, value, running, compared, comparedWords } = minute;
  return {
    heading: running ? `${clockTime(timeMs)}, so far` : clockTime(timeMs),
    figures: [
      { label: "Active users", value: full(value ?? 0) },
      ...(comparedWords === null
        ? []
        : [{ label: label(comparedWords), value: compared == null ? NO_FIGURE : full(compared) }]),
    ],
  };
}

export function minutesTable({ points }: ActiveUsersPicture, marks: readonly Mark[] = []): Table {
  const places = marksByPlace(
    points.map((point) => point.timeMs),
    marks,
  );
  const users: Column = { name: "Active users", kind: "count" };
  return {
    columns: [
      { name: "Minute", kind: "time" },
      users,
      ...comparedColumns(points[0]?.comparedWords ?? null, [users]),
      { name: "Note", kind: "text" },
    ],
    rows: points.map(({ timeMs, value, running, compared, comparedWords }, index) => [
      timeMs,
      value,
      ...comparedCells(comparedWords, compared),
      note(running, places[index]),
    ]),
  };
}
