import { BreakableName } from "./breakable-name.tsx";

export interface RateColumn {
  key: string;
  name: string;
  /** What its figures are shares of. */
  hint: string;
  sorted: "ascending" | "descending" | null;
}

export interface RateCell {
  words: string;
  /** What it was computed from. */
  title: string;
  /** 0 to 1; null for what is no rate. */
  share: number | null;
  /** What it is far below, in words. */
  mark: string | null;
}

export interface RateRow {
  key: string;
  name: string;
  cells: readonly RateCell[];
}

interface RateTableProps {
  label: string;
  /** What the rows are told apart by. */
  rowHeading: string;
  columns: readonly RateColumn[];
  rows: readonly RateRow[];
  onSort: (column: string) => void;
  /** The row that another chart shows, and the way to choose one; the chosen one again means none. */
  chosen: string;
  onChoose: (row: string) => void;
}

/** Rates of groups, each with its bar; what is far below the others says so in its cell. */
export function RateTable(props: RateTableProps) {
  const { label, rowHeading, columns, rows, onSort, chosen, onChoose } = props;
  return (
    <section
      aria-label={label}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls where the columns have no room.
      tabIndex={0}
      className="overflow-x-auto"
    >
      <table className="w-full border-collapse text-small">
        <thead>
          <tr className="align-bottom text-quiet">
            <th scope="col" className="sticky left-0 bg-panel pr-1 text-left font-medium">
              {rowHeading}
            </th>
            {columns.map((column) => (
              <SortableHeading key={column.key} column={column} onSort={onSort} />
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.key} className="border-t border-line">
              <th
                scope="row"
                className="sticky left-0 min-w-[7em] max-w-[9em] bg-panel pr-1 text-left font-medium tablet:min-w-[12em] tablet:max-w-[18em]"
              >
                <button
                  type="button"
                  aria-pressed={row.key === chosen}
                  onClick={() => onChoose(row.key === chosen ? "" : row.key)}
                  className="touch-target max-w-full cursor-pointer rounded px-0.5 py-px text-left text-strong hover:bg-raised aria-pressed:bg-raised aria-pressed:underline"
                >
                  <span className="line-clamp-2">
                    {row.cells.some((cell) => cell.mark !== null) && (
                      <span aria-hidden="true" className="text-bad">
                        ▼{" "}
                      </span>
                    )}
                    <BreakableName name={row.name} />
                  </span>
                </button>
              </th>
              {row.cells.map((cell, index) => (
                <Rate key={columns[index]?.key} {...cell} />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

interface SortableHeadingProps {
  column: RateColumn;
  onSort: (column: string) => void;
}

function SortableHeading({ column: { key, name, hint, sorted }, onSort }: SortableHeadingProps) {
  const shapes = { ascending: "▲", descending: "▼" };
  return (
    <th
      scope="col"
      {...(sorted !== null && { "aria-sort": sorted })}
      className="min-w-[4.8em] px-0.5 tablet:min-w-[8em] pb-px text-right font-medium"
    >
      <button
        type="button"
        onClick={() => onSort(key)}
        className="touch-target max-w-[12em] cursor-pointer rounded px-0.5 text-right hover:bg-raised hover:text-strong"
      >
        <span className="line-clamp-3 text-plain">
          <BreakableName name={name} />
        </span>
        <span className="block">
          <span aria-hidden="true">{sorted === null ? "" : `${shapes[sorted]} `}</span>
          {hint}
        </span>
      </button>
    </th>
  );
}

function Rate({ words, title, share, mark }: RateCell) {
  return (
    <td title={title} className="px-1 py-px text-right align-middle whitespace-nowrap">
      <span
        className={`block ${mark === null ? "" : "rounded-xs border border-bad px-0.5 text-bad"}`}
      >
        <span className={mark === null ? "text-strong" : "font-medium"}>{words}</span>
        {mark !== null && <span className="block"> ▼ {mark}</span>}
        {share !== null && (
          <span aria-hidden="true" className="block h-[4px] w-full bg-raised text-left">
            <span
              className={`block h-full ${mark === null ? "bg-now" : "bg-bad"}`}
              style={{ width: `${100 * share}%` }}
            />
          </span>
        )}
      </span>
    </td>
  );
}
