import { type CellKind, shown, type Table } from "./table.ts";

/** The figures in place of their chart. Focusable, so that the keyboard can scroll it. */
export function PanelTable({ title, table }: { title: string; table: Table }) {
  return (
    <section
      aria-label={`${title}, as a table`}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: nothing in it takes the focus, and it scrolls.
      tabIndex={0}
      className="h-full overflow-auto"
    >
      <table className="min-w-full border-collapse text-small text-plain">
        <thead className="sticky top-0 bg-panel">
          <tr>
            {table.columns.map(({ name, kind }) => (
              <th key={name} scope="col" className={`font-medium text-strong ${side(kind)}`}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {table.rows.map((row, rowIndex) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a row has no name of its own, and none keeps state.
            <tr key={rowIndex} className="border-t border-line">
              {table.columns.map(({ name, kind }, index) => (
                <td key={name} className={side(kind)}>
                  {shown(row[index] ?? null, kind)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** Figures line up at their last digit; what names a row stands at its beginning. */
function side(kind: CellKind): string {
  const names = ["text", "time", "day and time"].includes(kind);
  return `px-1 py-px first:pl-0 last:pr-0 ${names ? "text-left" : "text-right"}`;
}
