import { HEAT_STEPS, heatStep } from "./heat-steps.ts";

export interface HeatCell {
  pct: number;
  /** The share in words, and how exact it is, if it is not. */
  words: string;
  margin: string | null;
  /** Everything there is to say about it. */
  title: string;
  /** Its time has not ended. */
  running: boolean;
}

export interface HeatRow {
  name: string;
  size: string;
  cells: readonly HeatCell[];
}

interface HeatTableProps {
  label: string;
  headings: { name: string; size: string; cells: readonly string[] };
  rows: readonly HeatRow[];
}

/** Shares as figures on a ground that says the same: the lighter, the larger. */
export function HeatTable({ label, headings, rows }: HeatTableProps) {
  return (
    <section
      aria-label={label}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: nothing in it takes the focus, and it scrolls.
      tabIndex={0}
      className="overflow-x-auto"
    >
      <table className="w-full border-separate border-spacing-[3px] text-small">
        <thead>
          <tr className="text-quiet">
            <th scope="col" className="pr-1 text-left font-medium whitespace-nowrap">
              {headings.name}
            </th>
            <th scope="col" className="pr-1 text-right font-medium">
              {headings.size}
            </th>
            {headings.cells.map((heading) => (
              <th key={heading} scope="col" className="font-medium whitespace-nowrap">
                {heading}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ name, size, cells }) => (
            <tr key={name}>
              <th scope="row" className="pr-1 text-left font-medium whitespace-nowrap text-plain">
                {name}
              </th>
              <td className="pr-1 text-right text-plain">{size}</td>
              {cells.map((cell, index) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: a cell is its place.
                <Share key={index} {...cell} />
              ))}
              {cells.length < headings.cells.length && (
                <td colSpan={headings.cells.length - cells.length} />
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Share({ pct, words, margin, title, running }: HeatCell) {
  const { ground, text } = heatStep(pct);
  return (
    <td
      title={title}
      className={`min-w-[4em] rounded-xs border p-0.5 text-center ${running ? "border-dashed border-strong" : "border-transparent"}`}
      style={{ background: ground, color: text }}
    >
      {words}
      {margin !== null && <span className="block whitespace-nowrap">{margin}</span>}
    </td>
  );
}

/** Which ground means what. */
export function HeatKey({ running }: { running: string }) {
  return (
    <ul className="flex flex-wrap gap-0.5 text-small">
      {HEAT_STEPS.map(({ fromPct, ground, text }) => (
        <li
          key={fromPct}
          className="rounded-xs px-1"
          style={{ background: ground, color: text }}
        >{`from ${fromPct}%`}</li>
      ))}
      <li className="rounded-xs border border-dashed border-strong px-1 text-plain">{running}</li>
    </ul>
  );
}
