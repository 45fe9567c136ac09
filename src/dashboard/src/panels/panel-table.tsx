import { barShare, type Cell, type Column, shown, type Table } from "./table.ts";

/** The figures in place of their chart. Focusable, so that the keyboard can scroll it. */
export function PanelTable({ title, table }: { title: string; table: Table }) {
  const { columns, rows } = table;
  // On a phone, a name and many figures are set as a paragraph: side by side there is no room for the name.
  const stacked = columns[0]?.kind === "text" && columns.length > 3;
  return (
    <section
      aria-label={`${title}, as a table`}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: nothing in it takes the focus, and it scrolls.
      tabIndex={0}
      className="h-full overflow-auto"
    >
      <table className="min-w-full border-collapse text-small text-plain">
        <thead className={`sticky top-0 bg-panel ${stacked ? "max-tablet:sr-only" : ""}`}>
          <tr>
            {columns.map((column) => (
              <th key={column.name} scope="col" className={`font-medium ${looks(column)}`}>
                {column.name}
                {column.bar && <Bar share={0} />}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, rowIndex) => (
            <tr
              // biome-ignore lint/suspicious/noArrayIndexKey: a row has no name of its own, and none keeps state.
              key={rowIndex}
              className={`border-t border-line ${stacked ? "max-tablet:flex max-tablet:flex-wrap max-tablet:py-0.5" : ""}`}
            >
              {columns.map((column, index) => (
                <td
                  key={column.name}
                  className={`${looks(column)} ${stacked ? "first:text-strong max-tablet:pl-0 max-tablet:first:basis-full" : ""}`}
                >
                  {stacked && index > 0 && (
                    <span aria-hidden="true" className="text-quiet tablet:hidden">
                      {column.name}{" "}
                    </span>
                  )}
                  <Figure column={column} cell={row[index] ?? null} />
                  <Bar share={barShare(table, index, row[index] ?? null)} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** Figures line up at their last digit; what names a row stands at its beginning and may be long. */
function looks({ kind }: Column): string {
  const side = ["text", "time", "day and time"].includes(kind) ? "text-left" : "text-right";
  return `px-1 py-px align-top first:pl-0 last:pr-0 ${side} ${kind === "text" ? "" : "tablet:whitespace-nowrap"}`;
}

function Figure({ column: { kind }, cell }: { column: Column; cell: Cell }) {
  if (kind !== "text") {
    return shown(cell, kind);
  }
  // Broken only where a word alone is too long for the panel.
  return <bdi className="inline-block max-w-[50em] wrap-break-word">{shown(cell, kind)}</bdi>;
}

function Bar({ share }: { share: number | null }) {
  return (
    share !== null && (
      <span aria-hidden="true" className="ml-1 inline-block w-[5em] text-left max-tablet:hidden">
        <span className="inline-block h-[0.7em] bg-now" style={{ width: `${100 * share}%` }} />
      </span>
    )
  );
}
