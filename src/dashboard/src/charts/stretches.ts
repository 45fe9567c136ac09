export interface Point {
  timeMs: number;
  /** null is a gap: nothing was there to measure. */
  value: number | null;
  /** The last point of a series whose minute or bucket has not ended. */
  running: boolean;
  /** The value of the window compared with, drawn behind. */
  compared?: number | null;
}

export interface Stretch {
  /** The value as part of the solid line. */
  settled: number | null;
  /** The value as part of the dashed stretch into the running bucket. */
  soFar: number | null;
  /** Has no neighbour to draw a line to, and so needs a dot to be seen. */
  lone: boolean;
}

/** Splits a line where its running bucket begins; the two stretches share the point in between. */
export function stretches(points: readonly Omit<Point, "timeMs">[]): Stretch[] {
  return points.map(({ value, running }, index) => {
    const next = points[index + 1];
    const hasNeighbour = [points[index - 1], next].some(
      (neighbour) => neighbour !== undefined && neighbour.value !== null,
    );
    return {
      settled: running ? null : value,
      soFar: running || next?.running === true ? value : null,
      lone: value !== null && !hasNeighbour,
    };
  });
}
