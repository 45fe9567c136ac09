export interface RankedBar {
  name: string;
  /** Length of the bar, as a share of the longest, 0 to 1. */
  share: number;
  /** Of the window compared with, drawn behind. */
  comparedShare?: number;
  value: string;
  /** Everything there is to say about it, the name in full included. */
  title: string;
}

/**
 * Horizontal bars, longest first, the value at the end of each. Plain elements rather than SVG:
 * the browser already knows how to shorten a long name and how to set it from right to left.
 */
export function RankedBars({ label, bars }: { label: string; bars: readonly RankedBar[] }) {
  return (
    <ol
      aria-label={label}
      className="grid h-full auto-rows-[minmax(1.15rem,2.4rem)] grid-cols-[fit-content(36%)_1fr] content-stretch gap-x-1.5 text-small"
    >
      {bars.map(({ name, share, comparedShare = 0, value, title }) => (
        <li key={name} title={title} className="col-span-2 grid grid-cols-subgrid items-center">
          <bdi dir="auto" className="truncate text-start text-plain">
            {name}
          </bdi>
          <span className="relative flex h-full min-w-0 items-center gap-1">
            {comparedShare > 0 && (
              <span
                className="absolute left-0 h-[90%] bg-compared"
                style={{ width: `calc(${comparedShare} * (100% - 4.5em))` }}
              />
            )}
            {/* Room for the value is left beside the longest bar, so that shares stay true. */}
            <span
              className={`relative min-w-[2px] shrink-0 bg-now ${comparedShare > 0 ? "h-[45%]" : "h-[62%]"}`}
              style={{ width: `calc(${share} * (100% - 4.5em))` }}
            />
            <span
              className="relative shrink-0 text-strong"
              style={{
                marginLeft: `calc(${Math.max(0, comparedShare - share)} * (100% - 4.5em))`,
              }}
            >
              {value}
            </span>
          </span>
        </li>
      ))}
    </ol>
  );
}
