/** How many people of a group took each step. */
export type Counts = readonly number[];

/** A group that does far worse than all others at one step. */
export interface Laggard {
  group: number;
  step: number;
  /** Of those at the step before, in %: of the group, and of all others together. */
  pct: number;
  othersPct: number;
  /** People who would have gone on, had the group done as the others. */
  missed: number;
}

/** Less is no news, however sure it is. */
const DIFFERENCE_MIN_PTS = 10;
/**
 * Standard errors between the two rates, from which a difference is no chance: with ten groups and
 * nine steps, one funnel in fifty shows one that is.
 */
const STANDARD_ERRORS_MIN = 3.5;

/** The same where each bucket is compared: of these there are up to fifty times as many. */
const STANDARD_ERRORS_MIN_IN_A_BUCKET = 4.5;

/** Those that miss most first. `sampledOneIn`: each person counted stands for so many. */
export function laggards(
  groups: readonly Counts[],
  sampledOneIn: number,
  standardErrorsMin = STANDARD_ERRORS_MIN,
): Laggard[] {
  const found: Laggard[] = [];
  for (const [group, counts] of groups.entries()) {
    for (let step = 1; step < counts.length; step += 1) {
      const own = ratio(counts, step);
      const others = ratio(sumOf(groups.toSpliced(group, 1)), step);
      const behind = others.rate - own.rate;
      const sure = behind / standardError(own, others, sampledOneIn) >= standardErrorsMin;
      if (sure && 100 * behind >= DIFFERENCE_MIN_PTS) {
        const missed = Math.round(behind * own.before);
        found.push({ group, step, pct: 100 * own.rate, othersPct: 100 * others.rate, missed });
      }
    }
  }
  return found.sort((one, other) => other.missed - one.missed);
}

/** A stretch of time in which a group was far below all others at one step. */
export interface Relapse extends Laggard {
  /** Its first and its last bucket. */
  from: number;
  to: number;
}

/** The one in which most people are missed: what a whole range may hide. `buckets`: of each, its groups. */
export function worstRelapse(
  buckets: readonly (readonly Counts[])[],
  sampledOneIn: number,
): Relapse | null {
  const open = new Map<string, Relapse>();
  const all: Relapse[] = [];
  for (const [index, groups] of buckets.entries()) {
    for (const behind of laggards(groups, sampledOneIn, STANDARD_ERRORS_MIN_IN_A_BUCKET)) {
      const key = `${behind.group} ${behind.step}`;
      const before = open.get(key);
      const goesOn = before !== undefined && before.to === index - 1;
      const relapse = goesOn ? before : { ...behind, missed: 0, from: index, to: index };
      relapse.to = index;
      relapse.missed += behind.missed;
      open.set(key, relapse);
      all.push(...(goesOn ? [] : [relapse]));
    }
  }
  const worst = all.sort((one, other) => other.missed - one.missed)[0];
  return worst === undefined ? null : { ...worst, ...ratesOf(worst, buckets) };
}

function ratesOf({ group, step, from, to }: Relapse, buckets: readonly (readonly Counts[])[]) {
  const during = buckets.slice(from, to + 1);
  const own = ratio(sumOf(during.map((groups) => groups[group] ?? [])), step);
  const others = ratio(sumOf(during.flatMap((groups) => groups.toSpliced(group, 1))), step);
  return { pct: 100 * own.rate, othersPct: 100 * others.rate };
}

interface Ratio {
  before: number;
  took: number;
  rate: number;
}

function ratio(counts: Counts, step: number): Ratio {
  const before = counts[step - 1] ?? 0;
  const took = counts[step] ?? 0;
  return { before, took, rate: took / before };
}

/** Of the difference of two rates, were both the same one. NaN if there is nobody to compare. */
function standardError(one: Ratio, other: Ratio, sampledOneIn: number): number {
  const rate = (one.took + other.took) / (one.before + other.before);
  const inverse = sampledOneIn / one.before + sampledOneIn / other.before;
  return Math.sqrt(rate * (1 - rate) * inverse);
}

function sumOf(groups: readonly Counts[]): Counts {
  return (groups[0] ?? []).map((_, step) =>
    groups.reduce((total, counts) => total + (counts[step] ?? 0), 0),
  );
}
