import type { Answers } from "../../api/client.ts";
import type { HeatCell, HeatRow } from "../../charts/heat-table.tsx";
import { compact, full, percent } from "../../figures.ts";
import { dayOfWeek } from "../../times.ts";
import type { Picture } from "../panel-frame.tsx";
import type { Table } from "../table.ts";

type Row = Answers["retention"]["rows"][number];

const WEEK_MS = 7 * 24 * 3_600_000;

export interface RetentionPicture extends Picture {
  /** Weeks after the first, for the columns. */
  weeks: string[];
  cohorts: HeatRow[];
}

export function mapRetention(answer: Answers["retention"]): RetentionPicture {
  const { rows } = answer;
  const nowMs = Date.parse(answer.computed_at);
  const cohortWeeks = [...new Set(rows.map((row) => row.cohort_week))];
  const weeksMax = Math.max(0, ...rows.map((row) => row.week_number));
  return {
    headline: headlineOf(rows, nowMs),
    missing: rows.length === 0 ? "Nobody has come yet." : null,
    weeks: Array.from({ length: weeksMax }, (_, index) => `Week ${index + 1}`),
    cohorts: cohortWeeks.map((week) =>
      cohortOf(
        rows.filter((row) => row.cohort_week === week),
        nowMs,
      ),
    ),
  };
}

/** Of all whose second week is over: those who came in it. */
function headlineOf(rows: readonly Row[], nowMs: number): Picture["headline"] {
  const ended = rows.filter((row) => row.week_number === 1 && !isRunning(row, nowMs));
  const users = ended.reduce((total, row) => total + row.users, 0);
  const returned = ended.reduce((total, row) => total + row.returned, 0);
  const estimated = rows.some((row) => row.margin_pts > 0);
  const known = users > 0;
  return {
    value: percent(known ? (100 * returned) / users : null),
    title: `${full(returned)} of ${full(users)}`,
    unit: "came again in the week after their first",
    note: known
      ? `of ${compact(users)} users${estimated ? ", an estimate: ± says how exact each figure is" : ""}`
      : "known when the first users' second week is over",
  };
}

function cohortOf(rows: readonly Row[], nowMs: number): HeatRow {
  return {
    name: dayOfWeek(Date.parse(rows[0]?.cohort_week ?? "")),
    size: full(rows[0]?.users ?? 0),
    // Week 0 is the cohort itself, all of it.
    cells: rows.filter((row) => row.week_number > 0).map((row) => cellOf(row, nowMs)),
  };
}

function cellOf(row: Row, nowMs: number): HeatCell {
  const running = isRunning(row, nowMs);
  const margin = row.margin_pts > 0 ? `±${row.margin_pts}` : null;
  return {
    pct: row.retained_pct,
    words: percent(row.retained_pct),
    margin,
    title:
      `${full(row.returned)} of ${full(row.users)} users came again in week ${row.week_number}` +
      (running ? ", so far" : "") +
      (margin === null ? "" : `; an estimate, ${margin} points`),
    running,
  };
}

function isRunning({ cohort_week, week_number }: Row, nowMs: number): boolean {
  return Date.parse(cohort_week) + (week_number + 1) * WEEK_MS > nowMs;
}

export function retentionTable(answer: Answers["retention"]): Table {
  const nowMs = Date.parse(answer.computed_at);
  return {
    columns: [
      { name: "First week", kind: "text" },
      { name: "Week after it", kind: "count" },
      { name: "Users", kind: "count" },
      { name: "Came again", kind: "count" },
      { name: "Share", kind: "rate" },
      { name: "Margin (points)", kind: "count" },
      { name: "Note", kind: "text" },
    ],
    rows: answer.rows.map((row) => [
      row.cohort_week,
      row.week_number,
      row.users,
      row.returned,
      row.retained_pct,
      row.margin_pts,
      isRunning(row, nowMs) ? "so far" : "",
    ]),
  };
}
