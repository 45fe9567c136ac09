export interface ComparedBar {
  name: string;
  /** Lengths as shares of the longest of all, 0 to 1: now, and in the time compared with. */
  share: number;
  shareBefore: number;
  /** The value of the bar, and what else there is to say, in columns. */
  figures: readonly [value: string, ...others: string[]];
}

interface ComparedBarsProps {
  label: string;
  bars: readonly ComparedBar[];
}

/** Horizontal bars, each over the one it is compared with. On a phone they stand under their names. */
export function ComparedBars({ label, bars }: ComparedBarsProps) {
  return (
    <ol
      aria-label={label}
      className="grid grid-cols-[1fr_repeat(3,auto)] gap-x-1.5 gap-y-1 text-small tablet:grid-cols-[fit-content(30%)_1fr_repeat(3,auto)] tablet:gap-y-0.5"
    >
      {bars.map(({ name, share, shareBefore, figures }) => (
        <li key={name} className="col-span-full grid grid-cols-subgrid items-center">
          <bdi dir="auto" title={name} className="truncate text-start text-plain">
            {name}
          </bdi>
          <span
            aria-hidden="true"
            className="relative h-[1.3em] max-tablet:order-last max-tablet:col-span-full"
          >
            <span
              className="absolute inset-y-0 bg-compared"
              style={{ width: `${100 * shareBefore}%` }}
            />
            <span
              className="absolute inset-y-[22%] min-w-[2px] bg-now"
              style={{ width: `${100 * share}%` }}
            />
          </span>
          {figures.map((figure, column) => (
            <span
              // biome-ignore lint/suspicious/noArrayIndexKey: a column is its place.
              key={column}
              className={`text-right whitespace-nowrap ${column === 0 ? "text-strong" : "text-quiet"}`}
            >
              {figure}
            </span>
          ))}
        </li>
      ))}
    </ol>
  );
}
