import type { Mark } from "../../annotations/map.ts";
import type { Answers } from "../../api/client.ts";
import type { Reading } from "../../charts/chart-tooltip.tsx";
import { marksByPlace } from "../../charts/marks.ts";
import type { Point } from "../../charts/stretches.ts";
import { byMoment, type Compared, label } from "../../compare.ts";
import { changeInPoints, full, NO_FIGURE, percent } from "../../figures.ts";
import { RANGE_WORDS, type Range } from "../../range.ts";
import { clockTime } from "../../times.ts";
import type { Picture } from "../panel-frame.tsx";
import { type Column, comparedCells, comparedColumns, note, type Table } from "../table.ts";

type Answer = Answers["error_rate"];
type Row = Answer["rows"][number];

/** Above this share of events being errors, somebody should look. */
export const ERROR_THRESHOLD_PCT = 1;

const MINUTE_MS = 60_000;
const RECENT_MINUTES = 5;

export interface ErrorMinute extends Point {
  events: number;
  errors: number;
  eventsThen: number | null;
  errorsThen: number | null;
  /** The day compared with, in words; null when there is none. */
  comparedWords: string | null;
}

export interface ErrorRatePicture extends Picture {
  points: ErrorMinute[];
}

export function mapErrorRate(
  answer: Answer,
  range: Range,
  compared: Compared<Answer> | null = null,
): ErrorRatePicture {
  const { rows } = answer;
  const computedAtMs = Date.parse(answer.computed_at);
  const now = ratePct(rows.slice(-RECENT_MINUTES));
  const then = byMoment(compared?.answer.rows ?? [], (row) => row.minute, compared?.agoMs ?? 0);
  const before = ratePct(
    compared === null
      ? rows.slice(-2 * RECENT_MINUTES, -RECENT_MINUTES)
      : compared.answer.rows.slice(-RECENT_MINUTES),
  );
  const over = now !== null && now > ERROR_THRESHOLD_PCT;
  return {
    headline: {
      value: percent(now),
      title: now === null ? NO_FIGURE : `${now}%`,
      unit: over ? `Over ${ERROR_THRESHOLD_PCT}% in the last 5 minutes` : "in the last 5 minutes",
      note: noteOn(now, before, compared?.words ?? null),
      alarming: over,
    },
    missing: rows.every((row) => row.events === 0)
      ? `No events in the last ${RANGE_WORDS[range]}.`
      : null,
    points: rows.map(({ minute, events, errors, error_pct }) => {
      const timeMs = Date.parse(minute);
      const other = then.get(timeMs);
      return {
        timeMs,
        value: error_pct,
        events,
        errors,
        running: timeMs + MINUTE_MS > computedAtMs,
        compared: other?.error_pct ?? null,
        eventsThen: other?.events ?? null,
        errorsThen: other?.errors ?? null,
        comparedWords: compared?.words ?? null,
      };
    }),
  };
}

function noteOn(now: number | null, before: number | null, comparedWords: string | null): string {
  if (now === null) {
    return "no events in that time";
  }
  if (before === null) {
    return `no events ${comparedWords ?? "in the 5 before"}`;
  }
  const on = comparedWords === null ? "the 5 before" : `${comparedWords}`;
  return `${changeInPoints(now - before)} on ${on}`;
}

function ratePct(rows: readonly Row[]): number | null {
  const events = rows.reduce((total, row) => total + row.events, 0);
  const errors = rows.reduce((total, row) => total + row.errors, 0);
  return events === 0 ? null : (100 * errors) / events;
}

export function readErrorMinute(minute: ErrorMinute): Reading {
  const { timeMs, value, running, events, errors, compared, comparedWords } = minute;
  return {
    heading: running ? `${clockTime(timeMs)}, so far` : clockTime(timeMs),
    figures: [
      { label: "Error rate", value: percent(value) },
      { label: "Errors", value: full(errors) },
      { label: "Events", value: full(events) },
      ...(comparedWords === null
        ? []
        : [{ label: label(comparedWords), value: percent(compared ?? null) }]),
    ],
  };
}

export function errorMinutesTable(
  { points }: ErrorRatePicture,
  marks: readonly Mark[] = [],
): Table {
  const places = marksByPlace(
    points.map((point) => point.timeMs),
    marks,
  );
  const figures: Column[] = [
    { name: "Events", kind: "count" },
    { name: "Errors", kind: "count" },
    { name: "Error rate", kind: "rate" },
  ];
  return {
    columns: [
      { name: "Minute", kind: "time" },
      ...figures,
      ...comparedColumns(points[0]?.comparedWords ?? null, figures),
      { name: "Note", kind: "text" },
    ],
    rows: points.map((point, index) => [
      point.timeMs,
      point.events,
      point.errors,
      point.value,
      ...comparedCells(point.comparedWords, point.eventsThen, point.errorsThen, point.compared),
      note(point.running, places[index]),
    ]),
  };
}
