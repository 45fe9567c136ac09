const MINUTE_MS = 60_000;
const TIME_STEPS_MIN = [1, 2, 5, 10, 15, 30, 60, 120, 180, 240, 360, 720, 1440];
const ROUND_STEPS = [1, 2, 3, 4, 5, 6, 8, 10];

/** Ticks at zero, half and full of a round scale that holds `max`; `finest` is the least step. */
export function valueTicks(max: number, finest = 1): [number, number, number] {
  const half = Math.max(max / 2, finest);
  const magnitude = 10 ** Math.floor(Math.log10(half));
  // A hair of slack, or 0.3 / 0.1 would not be 3.
  const round = ROUND_STEPS.find((step) => step * magnitude >= half * (1 - 1e-9)) ?? 10;
  const step = round * magnitude;
  return [0, step, 2 * step];
}

/** Round local times within [fromMs, toMs], at most `countMax` of them. */
export function timeTicks(fromMs: number, toMs: number, countMax: number): number[] {
  const lengthMin = (toMs - fromMs) / MINUTE_MS;
  const stepMin =
    TIME_STEPS_MIN.find((step) => lengthMin / step <= countMax - 1) ??
    Math.ceil(lengthMin / Math.max(1, countMax - 1));
  const day = new Date(fromMs);
  const ticks: number[] = [];
  for (let minute = 0; ; minute += stepMin) {
    // Local arithmetic, so that a day of 23 or 25 hours still has its ticks on the hour.
    const tick = new Date(day.getFullYear(), day.getMonth(), day.getDate(), 0, minute).getTime();
    if (tick > toMs) {
      return ticks;
    }
    if (tick >= fromMs && tick !== ticks.at(-1)) {
      ticks.push(tick);
    }
  }
}

/** Of buckets starting at `startsMs`, those that hold a round local time: the ones to label. */
export function bucketTicks(startsMs: readonly number[], countMax: number): number[] {
  const first = startsMs[0];
  const last = startsMs.at(-1);
  if (first === undefined || last === undefined) {
    return [];
  }
  const round = timeTicks(first, last, countMax);
  const labelled = round.map((tick) => startsMs.find((start) => start >= tick) ?? last);
  return [...new Set(labelled)];
}

/** The room a time of day needs on an axis, the space to the next included. */
export const LABEL_EM = 4;

/** How many labels of `emWide` fit side by side without touching. */
export function labelsThatFit(widthPx: number, em: number, emWide: number): number {
  return Math.max(2, Math.floor(widthPx / (em * emWide)));
}
