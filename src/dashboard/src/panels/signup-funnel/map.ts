import type { Mark } from "../../annotations/map.ts";
import type { Answers } from "../../api/client.ts";
import type { RateBucket } from "../../charts/bars-with-rate.tsx";
import type { Reading } from "../../charts/chart-tooltip.tsx";
import { marksByPlace } from "../../charts/marks.ts";
import { byMoment, type Compared, label } from "../../compare.ts";
import { changeInPoints, compact, full, percent } from "../../figures.ts";
import { RANGE_WORDS, type Range } from "../../range.ts";
import { clockTime } from "../../times.ts";
import type { Picture } from "../panel-frame.tsx";
import { type Column, comparedCells, comparedColumns, note, type Table } from "../table.ts";

type Answer = Answers["signup_funnel"];
type Row = Answer["rows"][number];

export interface SignupBucket extends RateBucket {
  endMs: number;
  wholeBefore: number;
  partBefore: number;
  wholeThen: number | null;
  partThen: number | null;
  /** The day compared with, in words; null when there is none. */
  comparedWords: string | null;
}

export interface SignupFunnelPicture extends Picture {
  buckets: SignupBucket[];
}

/** Sign-ups that must have started in each of two ranges to compare them: of fewer, a rate is off by 9 points by chance. */
export const COMPARED_STARTS_MIN = 30;

/** Keeps the line's height. */
const NO_NOTE = "\u00a0";

export function mapSignupFunnel(
  answer: Answer,
  range: Range,
  compared: Compared<Answer> | null = null,
): SignupFunnelPicture {
  const { rows } = answer;
  const started = sum(rows, (row) => row.started);
  const completed = sum(rows, (row) => row.completed);
  const then = compared?.answer.rows;
  const startedBefore =
    then === undefined ? sum(rows, (row) => row.started_before) : sum(then, (row) => row.started);
  const now = ratePct(completed, started);
  const completedBefore =
    then === undefined
      ? sum(rows, (row) => row.completed_before)
      : sum(then, (row) => row.completed);
  const before = ratePct(completedBefore, startedBefore);
  const comparable = Math.min(started, startedBefore) >= COMPARED_STARTS_MIN;
  const words = RANGE_WORDS[range];
  return {
    headline: {
      value: percent(now),
      title: `${full(completed)} of ${full(started)}`,
      unit: `of ${compact(started)} in the last ${words}`,
      note: comparable
        ? noteOn(now, before, compared === null ? `the ${words} before` : `${compared.words}`)
        : NO_NOTE,
    },
    missing: started === 0 && completed === 0 ? `No sign-up started in the last ${words}.` : null,
    buckets: buckets(rows, Date.parse(answer.computed_at), compared),
  };
}

function noteOn(now: number | null, before: number | null, words: string): string {
  return now === null || before === null ? NO_NOTE : `${changeInPoints(now - before)} on ${words}`;
}

function buckets(
  rows: readonly Row[],
  computedAtMs: number,
  compared: Compared<Answer> | null,
): SignupBucket[] {
  const then = byMoment(compared?.answer.rows ?? [], (row) => row.bucket, compared?.agoMs ?? 0);
  const starts = rows.map((row) => Date.parse(row.bucket));
  // The buckets' width is the server's choice; two neighbours tell it.
  const widthMs = (starts[1] ?? 0) - (starts[0] ?? 0);
  return rows.map((row, index) => {
    const startMs = starts[index] ?? 0;
    const endMs = startMs + Math.max(0, widthMs);
    const running = endMs > computedAtMs;
    const other = then.get(startMs);
    // In a bucket that has just begun, those who complete started before it: no rate yet, and no scale to set by it.
    const premature = running && row.completed > row.started;
    return {
      startMs,
      endMs,
      whole: row.started,
      part: row.completed,
      ratePct: premature ? null : row.conversion_pct,
      wholeBefore: row.started_before,
      partBefore: row.completed_before,
      running,
      comparedPct: other?.conversion_pct ?? null,
      wholeThen: other?.started ?? null,
      partThen: other?.completed ?? null,
      comparedWords: compared?.words ?? null,
    };
  });
}

export function readBucket(bucket: SignupBucket): Reading {
  const times = `${clockTime(bucket.startMs)} to ${clockTime(bucket.endMs)}`;
  return {
    heading: bucket.running ? `${times}, so far` : times,
    figures: [
      { label: "Started", value: full(bucket.whole) },
      { label: "Completed", value: full(bucket.part) },
      { label: "Conversion", value: percent(bucket.ratePct) },
      {
        label: "One range earlier",
        value: percent(ratePct(bucket.partBefore, bucket.wholeBefore)),
      },
      ...(bucket.comparedWords === null
        ? []
        : [{ label: label(bucket.comparedWords), value: percent(bucket.comparedPct ?? null) }]),
    ],
  };
}

export function bucketsTable({ buckets }: SignupFunnelPicture, marks: readonly Mark[] = []): Table {
  const places = marksByPlace(
    buckets.map((bucket) => bucket.startMs),
    marks,
  );
  const figures: Column[] = [
    { name: "Started", kind: "count" },
    { name: "Completed", kind: "count" },
    { name: "Conversion", kind: "rate" },
  ];
  return {
    columns: [
      { name: "From", kind: "time" },
      ...figures,
      { name: "Started one range earlier", kind: "count" },
      { name: "Completed one range earlier", kind: "count" },
      ...comparedColumns(buckets[0]?.comparedWords ?? null, figures),
      { name: "Note", kind: "text" },
    ],
    rows: buckets.map((bucket, index) => [
      bucket.startMs,
      bucket.whole,
      bucket.part,
      bucket.ratePct,
      bucket.wholeBefore,
      bucket.partBefore,
      ...comparedCells(bucket.comparedWords, bucket.wholeThen, bucket.partThen, bucket.comparedPct),
      note(bucket.running, places[index]),
    ]),
  };
}

function ratePct(part: number, whole: number): number | null {
  return whole === 0 ? null : (100 * part) / whole;
}

function sum(rows: readonly Row[], count: (row: Row) => number): number {
  return rows.reduce((total, row) => total + count(row), 0);
}
