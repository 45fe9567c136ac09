import type { FunnelAnswer } from "../../api/funnels.ts";
import type { FunnelBar } from "../../charts/funnel-bars.tsx";
import { compact, full, NO_FIGURE, percent } from "../../figures.ts";
import { type Funnel, lastWords, spanWords, stepName } from "../../funnels/funnel.ts";
import { duration } from "../../times.ts";
import type { Picture } from "../panel-frame.tsx";
import type { Table } from "../table.ts";

export interface FunnelStepsPicture extends Picture {
  bars: FunnelBar[];
  /** What must be known to read the figures right, in sentences. */
  notes: string[];
}

export function mapFunnelSteps(answer: FunnelAnswer): FunnelStepsPicture {
  const { steps, asked: funnel } = answer;
  const first = steps[0]?.count ?? 0;
  const last = steps.at(-1);
  const worst = worstStep(steps.map((step) => step.count));
  const within = `within ${spanWords(funnel.window)}`;
  return {
    headline: {
      value: percent(last?.from_start_pct ?? null),
      title: `${full(last?.count ?? 0)} of ${full(first)}`,
      unit: `of ${compact(first)} ${people(first)} completed ${within}`,
      note:
        worst === null
          ? `started in the last ${lastWords(funnel.range)}`
          : `most leave before ${stepName(funnel, worst)}: ${leftOf(steps, worst)}`,
    },
    missing: first === 0 ? nobody(funnel) : null,
    bars: steps.map((step, index) => ({
      name: stepName(funnel, index),
      share: step.count / Math.max(1, first),
      shareBefore: (steps[index - 1]?.count ?? step.count) / Math.max(1, first),
      count: countOf(step.count) + (step.count_error > 0 ? ` ± ${countOf(step.count_error)}` : ""),
      fromStart: percent(step.from_start_pct ?? null),
      sincePrevious:
        index === 0
          ? null
          : {
              rate: percent(step.from_previous_pct ?? null),
              median: timeOf(step.median_seconds),
              p90: timeOf(step.p90_seconds),
            },
      left: index === 0 ? null : leaving(steps, index, worst),
    })),
    notes: notesOn(answer),
  };
}

/** What is missing when nobody started. */
export function nobody({ steps, order, range }: Funnel): string {
  const filtered = steps.some((step) => step.filters.length > 0) ? " that passes its filters" : "";
  const what = order === "any" ? `took a step${filtered}` : `took a first step${filtered}`;
  return `Nobody ${what} in the last ${lastWords(range)}.`;
}

/** The step that most people do not reach from the one before: where the most can be won. Null if nobody leaves. */
export function worstStep(counts: readonly number[]): number | null {
  const left = counts.map((count, index) => (counts[index - 1] ?? count) - count);
  const most = Math.max(0, ...left);
  return most === 0 ? null : left.indexOf(most);
}

function leaving(steps: FunnelAnswer["steps"], index: number, worst: number | null) {
  const before = steps[index - 1]?.count ?? 0;
  if (before === (steps[index]?.count ?? 0)) {
    return { words: before === 0 ? "nobody is left" : "nobody leaves here", worst: false };
  }
  const figures = leftOf(steps, index);
  return index === worst
    ? { words: `Most leave here: ${figures}`, worst: true }
    : { words: `${figures} leave here`, worst: false };
}

/** "− 1,204, 40.2%". */
function leftOf(steps: FunnelAnswer["steps"], index: number): string {
  const before = steps[index - 1]?.count ?? 0;
  const lost = before - (steps[index]?.count ?? 0);
  return `− ${countOf(lost)}, ${percent((100 * lost) / Math.max(1, before))}`;
}

/** In full as long as it can be taken in at a glance. */
function countOf(count: number): string {
  return count < 10_000_000 ? full(count) : compact(count);
}

function notesOn({ in_progress, sampled_one_in, asked }: FunnelAnswer): string[] {
  const notes = [];
  if (in_progress > 0) {
    notes.push(
      `${countOf(in_progress)} ${people(in_progress)} may still go on: they started less than ${spanWords(asked.window)} ago.`,
    );
  }
  if (sampled_one_in > 1) {
    notes.push(
      `Estimates: one person in ${full(sampled_one_in)} was counted; ± is one standard error.`,
    );
  }
  return notes;
}

export function people(count: number): string {
  return count === 1 ? "person" : "people";
}

function timeOf(seconds: number | null | undefined): string {
  return seconds == null ? NO_FIGURE : duration(seconds);
}

export function funnelStepsTable({ steps, asked }: FunnelAnswer): Table {
  return {
    columns: [
      { name: "Step", kind: "text" },
      { name: "People", kind: "count", bar: true },
      { name: "Standard error", kind: "count" },
      { name: "Of start", kind: "rate" },
      { name: "Of the step before", kind: "rate" },
      { name: "Left before it", kind: "count" },
      { name: "Half within (s)", kind: "count" },
      { name: "9 of 10 within (s)", kind: "count" },
    ],
    rows: steps.map((step, index) => [
      stepName(asked, index),
      step.count,
      step.count_error,
      step.from_start_pct ?? null,
      step.from_previous_pct ?? null,
      (steps[index - 1]?.count ?? step.count) - step.count,
      step.median_seconds ?? null,
      step.p90_seconds ?? null,
    ]),
  };
}
