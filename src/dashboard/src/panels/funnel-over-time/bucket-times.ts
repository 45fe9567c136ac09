import { clockTime, dayAndTime } from "../../times.ts";

/** Up to so long, which is a day and a bit, the time of day says when. */
const RANGE_WITHOUT_DAYS_MAX_MS = 25 * 3_600_000;

/** When, as short as can be in a range of that length. */
export function bucketTime(timeMs: number, rangeMs: number): string {
  return rangeMs > RANGE_WITHOUT_DAYS_MAX_MS ? dayAndTime(timeMs) : clockTime(timeMs);
}

export function bucketTimes(
  { startMs, endMs }: { startMs: number; endMs: number },
  rangeMs: number,
): string {
  return `${bucketTime(startMs, rangeMs)} to ${bucketTime(endMs, rangeMs)}`;
}
