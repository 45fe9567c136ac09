import { BreakableName } from "./breakable-name.tsx";

export interface FunnelBar {
  name: string;
  /** Of those at the first step, 0 to 1: who took this step, and who took the one before. */
  share: number;
  shareBefore: number;
  count: string;
  fromStart: string;
  /** The figures that the first step has not. */
  sincePrevious: { rate: string; median: string; p90: string } | null;
  /** Who took the step before and not this one. */
  left: { words: string; worst: boolean } | null;
}

/** As they head the columns; under a bar, those of times stand before their figures and the others behind. */
const HEADINGS = ["people", "of start", "of step before", "half within", "9 of 10 within"];
const FIRST_TIME = 3;

const HATCH = {
  plain:
    "bg-[repeating-linear-gradient(135deg,var(--color-whole)_0_1px,transparent_1px_7px)] border-whole",
  worst:
    "bg-[repeating-linear-gradient(135deg,var(--color-bad)_0_2px,transparent_2px_6px)] border-bad",
};

/**
 * Bars from the first step to the last, each with those hatched who left before it. Plain elements
 * rather than SVG, as for other names of any length. Where there is no room beside the bars, the figures stand under them.
 */
export function FunnelBars({ label, bars }: { label: string; bars: readonly FunnelBar[] }) {
  return (
    <div className="@container">
      <div className="grid grid-cols-1 gap-x-2 text-small @min-[50rem]:grid-cols-[fit-content(28%)_1fr_repeat(5,auto)]">
        <div
          aria-hidden="true"
          className="col-span-full grid grid-cols-subgrid text-right text-quiet @max-[50rem]:hidden"
        >
          <span className="col-start-3">{HEADINGS[0]}</span>
          {HEADINGS.slice(1).map((heading) => (
            <span key={heading}>{heading}</span>
          ))}
        </div>
        <ol aria-label={label} className="col-span-full grid grid-cols-subgrid">
          {bars.map((bar, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a step is its place, and one event may be two steps.
            <li key={index} className="col-span-full grid grid-cols-subgrid items-center">
              {bar.left !== null && <Left {...bar.left} />}
              <span className="min-w-0 text-body font-medium text-strong">
                <span aria-hidden="true" className="mr-0.5 text-quiet">
                  {index + 1}
                </span>
                <BreakableName name={bar.name} />
              </span>
              <Bar {...bar} />
              <Figures {...bar} />
            </li>
          ))}
        </ol>
      </div>
    </div>
  );
}

function Left({ words, worst }: { words: string; worst: boolean }) {
  return (
    <p
      data-worst={worst || undefined}
      className={`col-span-full py-0.5 @min-[50rem]:col-start-2 @min-[50rem]:py-px ${worst ? "font-medium text-bad" : "text-plain"}`}
    >
      <span aria-hidden="true">{worst ? "▼ " : "↓ "}</span>
      {words}
    </p>
  );
}

function Bar({ share, shareBefore, left }: FunnelBar) {
  return (
    <span aria-hidden="true" className="flex h-[1.8em] min-w-0">
      <span className="min-w-[2px] bg-now" style={{ width: `${100 * share}%` }} />
      <span
        className={`${shareBefore > share ? "border" : ""} ${left?.worst ? HATCH.worst : HATCH.plain}`}
        style={{ width: `${100 * Math.max(0, shareBefore - share)}%` }}
      />
    </span>
  );
}

function Figures({ count, fromStart, sincePrevious }: FunnelBar) {
  const { rate = "", median = "", p90 = "" } = sincePrevious ?? {};
  return (
    <span className="contents @max-[50rem]:flex @max-[50rem]:flex-wrap @max-[50rem]:gap-x-1.5">
      {[count, fromStart, rate, median, p90].map((figure, index) => (
        <span
          key={HEADINGS[index]}
          className={`whitespace-nowrap @min-[50rem]:text-right ${index < 2 ? "text-strong" : "text-plain"} ${figure === "" ? "@max-[50rem]:hidden" : ""}`}
        >
          {index >= FIRST_TIME && figure !== "" && <Heading index={index} />} {figure}{" "}
          {index < FIRST_TIME && figure !== "" && <Heading index={index} />}
        </span>
      ))}
    </span>
  );
}

function Heading({ index }: { index: number }) {
  return <span className="text-quiet @min-[50rem]:sr-only">{HEADINGS[index]}</span>;
}
