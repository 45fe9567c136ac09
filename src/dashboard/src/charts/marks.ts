interface Moment {
  timeMs: number;
}

/**
 * The marks of each place on a time axis, by when the places begin: a mark belongs to the last that
 * begins before it. What is marked before the first belongs to none.
 */
export function marksByPlace<Mark extends Moment>(
  startsMs: readonly number[],
  marks: readonly Mark[],
): Mark[][] {
  const places: Mark[][] = startsMs.map(() => []);
  for (const mark of marks) {
    places[startsMs.findLastIndex((startMs) => startMs <= mark.timeMs)]?.push(mark);
  }
  return places;
}
