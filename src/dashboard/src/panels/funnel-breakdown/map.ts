import type { FunnelAnswer } from "../../api/funnels.ts";
import type { RateColumn, RateRow } from "../../charts/rate-table.tsx";
import { compact, full, percent } from "../../figures.ts";
import { type Funnel, fieldWords, stepName } from "../../funnels/funnel.ts";
import { bucketTime, bucketTimes } from "../funnel-over-time/bucket-times.ts";
import { nobody, people } from "../funnel-steps/map.ts";
import type { Picture } from "../panel-frame.tsx";
import type { Table } from "../table.ts";
import { type Group, groupKey, groupName } from "./groups.ts";
import { type Laggard, laggards, type Relapse, worstRelapse } from "./laggards.ts";

export interface FunnelBreakdownPicture extends Picture {
  field: string;
  columns: RateColumn[];
  rows: RateRow[];
  valuesCut: boolean;
}

/** By what the groups stand in order: their people, or their rate at a step, or through all steps. */
export interface Sort {
  column: string;
  descending: boolean;
}

const BY_PEOPLE: Sort = { column: "people", descending: true };
const ALL_STEPS = "all";

/** `-3` is the third step, the highest rate first. */
export function readSort(text: string): Sort {
  if (text === "") {
    return BY_PEOPLE;
  }
  const descending = text.startsWith("-");
  return { column: descending ? text.slice(1) : text, descending };
}

/** A column chosen again is turned around. The lowest rate comes first: that is who needs someone. */
export function chooseSort(current: Sort, column: string): string {
  const descending = current.column === column ? !current.descending : column === BY_PEOPLE.column;
  if (column === BY_PEOPLE.column && descending) {
    return "";
  }
  return `${descending ? "-" : ""}${column}`;
}

/** Null while the answer is to a question without a breakdown. */
export function mapFunnelBreakdown(
  answer: FunnelAnswer,
  sort: Sort,
): FunnelBreakdownPicture | null {
  const { breakdown: groups, asked: funnel } = answer;
  const field = funnel.breakdown;
  if (groups == null || field === null) {
    return null;
  }
  const behind = laggards(
    groups.map((group) => group.steps.map((step) => step.count)),
    answer.sampled_one_in,
  );
  const order = groups
    .map((group, index) => ({ group, index }))
    .sort((one, other) => compare(one.group, other.group, sort));
  return {
    headline: headlineOf(answer, groups, field, behind[0]),
    missing: groups.length === 0 ? nobody(funnel) : null,
    field: fieldWords(field),
    columns: columnsOf(funnel, sort),
    rows: order.map(({ group, index }) =>
      rowOf(
        group,
        field,
        behind.filter((laggard) => laggard.group === index),
      ),
    ),
    valuesCut: answer.values_cut,
  };
}

/** Who is far below the others in all; or else who was for a while, which the whole range hides. */
function headlineOf(
  answer: FunnelAnswer,
  groups: readonly Group[],
  field: string,
  worst: Laggard | undefined,
): Picture["headline"] {
  const relapse = worstRelapse(
    answer.over_time.map((_, bucket) =>
      groups.map((group) => group.over_time[bucket]?.counts ?? []),
    ),
    answer.sampled_one_in,
  );
  if (worst !== undefined) {
    const isIt = relapse?.group === worst.group && relapse.step === worst.step;
    return {
      value: percent(rounded(worst.pct)),
      unit: whoGoesOn(worst, groups, field, answer.asked, "go on"),
      note: `${fewer(worst)}${isIt ? `, worst ${whenOf(relapse, answer)}` : ""}`,
      alarming: true,
    };
  }
  if (relapse !== null) {
    return {
      value: percent(rounded(relapse.pct)),
      unit: whoGoesOn(relapse, groups, field, answer.asked, "went on"),
      note: `${whenOf(relapse, answer)}: ${fewer(relapse)}`,
      alarming: lasts(relapse, answer),
    };
  }
  return {
    value: full(groups.length),
    unit: groups.length === 1 ? `value of ${fieldWords(field)}` : `values of ${fieldWords(field)}`,
    note: groups.length === 1 ? "nothing to compare it with" : "none is far below the others",
  };
}

function whoGoesOn(
  { group, step, othersPct }: Laggard,
  groups: readonly Group[],
  field: string,
  funnel: Funnel,
  verb: string,
): string {
  const found = groups[group];
  const name = found === undefined ? "" : groupName(found, field);
  // Isolated, so that a name set from right to left leaves the words around it in their place.
  return `of \u2068${name}\u2069 ${verb} to ${stepName(funnel, step)}, others ${percent(rounded(othersPct))}`;
}

function fewer({ missed }: Laggard): string {
  return `${compact(missed)} ${people(missed)} fewer than if they did as the others`;
}

/** Whether it goes on, as far as is known: the newest bucket may be too young to show it. */
function lasts({ to }: Relapse, { over_time }: FunnelAnswer): boolean {
  return to >= over_time.length - 2;
}

function whenOf(relapse: Relapse, answer: FunnelAnswer): string {
  const bucketMs = 1_000 * answer.bucket_seconds;
  const rangeMs = bucketMs * answer.over_time.length;
  const startMs = Date.parse(answer.since) + relapse.from * bucketMs;
  const endMs = Date.parse(answer.since) + (relapse.to + 1) * bucketMs;
  return lasts(relapse, answer)
    ? `since ${bucketTime(startMs, rangeMs)}`
    : `from ${bucketTimes({ startMs, endMs }, rangeMs)}`;
}

function columnsOf(funnel: Funnel, sort: Sort): RateColumn[] {
  const steps = funnel.steps.map((_, index) => ({
    key: index === 0 ? BY_PEOPLE.column : String(index + 1),
    name: stepName(funnel, index),
    hint: index === 0 ? "people" : "of the step before",
  }));
  const all = { key: ALL_STEPS, name: "All steps", hint: "of start" };
  return [...steps, all].map((column) => ({
    ...column,
    sorted: sort.column === column.key ? (sort.descending ? "descending" : "ascending") : null,
  }));
}

function rowOf(group: Group, field: string, behind: readonly Laggard[]): RateRow {
  const [first, ...later] = group.steps;
  const last = group.steps.at(-1);
  return {
    key: groupKey(group),
    name: groupName(group, field),
    cells: [
      {
        words: compact(first?.count ?? 0),
        title: full(first?.count ?? 0),
        share: null,
        mark: null,
      },
      ...later.map((step, index) => {
        const laggard = behind.find((other) => other.step === index + 1);
        return {
          words: percent(step.from_previous_pct ?? null),
          title: `${full(step.count)} of ${full(group.steps[index]?.count ?? 0)}`,
          share: (step.from_previous_pct ?? 0) / 100,
          mark: laggard === undefined ? null : `others ${percent(rounded(laggard.othersPct))}`,
        };
      }),
      {
        words: percent(last?.from_start_pct ?? null),
        title: `${full(last?.count ?? 0)} of ${full(first?.count ?? 0)}`,
        share: (last?.from_start_pct ?? 0) / 100,
        mark: null,
      },
    ],
  };
}

/** All others stand last, whatever their figures: they are not one group. */
function compare(one: Group, other: Group, { column, descending }: Sort): number {
  if (one.other !== other.other) {
    return one.other ? 1 : -1;
  }
  const [first, second] = [figureOf(one, column), figureOf(other, column)];
  if (first === null || second === null) {
    return Number(first === null) - Number(second === null);
  }
  return descending ? second - first : first - second;
}

function figureOf({ steps }: Group, column: string): number | null {
  if (column === ALL_STEPS) {
    return steps.at(-1)?.from_start_pct ?? null;
  }
  const step = steps[Number(column) - 1];
  return column === BY_PEOPLE.column
    ? (steps[0]?.count ?? null)
    : (step?.from_previous_pct ?? null);
}

/** One decimal, as the API has them. */
function rounded(pct: number): number {
  return Math.round(10 * pct) / 10;
}

export function funnelBreakdownTable({ breakdown, asked: funnel }: FunnelAnswer): Table {
  const groups = breakdown ?? [];
  const field = funnel.breakdown ?? "";
  return {
    columns: [
      { name: fieldWords(field), kind: "text" },
      ...funnel.steps.flatMap((_, index) => [
        { name: stepName(funnel, index), kind: "count" } as const,
        ...(index === 0
          ? []
          : [{ name: `${stepName(funnel, index)}, of the step before`, kind: "rate" } as const]),
      ]),
      { name: "All steps, of start", kind: "rate" },
    ],
    rows: groups.map((group) => [
      groupName(group, field),
      ...group.steps.flatMap((step, index) => [
        step.count,
        ...(index === 0 ? [] : [step.from_previous_pct ?? null]),
      ]),
      group.steps.at(-1)?.from_start_pct ?? null,
    ]),
  };
}
