import { Fragment, type ReactNode, useId } from "react";

export interface RowsColumn {
  name: string;
  className?: string;
}

export interface Row {
  key: string;
  /** What the row is called beside the button that opens it: its time, for example. */
  title: string;
  cells: readonly ReactNode[];
  isNew?: boolean;
}

interface RowsTableProps {
  label: string;
  columns: readonly RowsColumn[];
  rows: readonly Row[];
  openKey: string | null;
  onOpen: (key: string | null) => void;
  detailsOf: (key: string) => ReactNode;
}

/** Rows of single things, each of which opens to the whole of it. On a phone each is a card. */
export function RowsTable({ label, columns, rows, openKey, onOpen, detailsOf }: RowsTableProps) {
  const id = useId();
  return (
    <table
      aria-label={label}
      className="w-full table-fixed border-collapse text-small text-plain max-tablet:block"
    >
      <thead className="max-tablet:sr-only">
        <tr>
          {columns.map(({ name, className = "" }) => (
            <th key={name} scope="col" className={`px-1 text-left font-medium ${className}`}>
              {name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody className="max-tablet:flex max-tablet:flex-col max-tablet:gap-1">
        {rows.map((row, index) => {
          const isOpen = row.key === openKey;
          return (
            <Fragment key={row.key}>
              <OpenableRow
                row={row}
                isOpen={isOpen}
                detailsId={`${id}${index}`}
                onToggle={() => onOpen(isOpen ? null : row.key)}
              />
              {isOpen && (
                <tr id={`${id}${index}`} className="max-tablet:block">
                  <td
                    colSpan={columns.length}
                    className="px-1 pb-1 max-tablet:block max-tablet:px-0"
                  >
                    {detailsOf(row.key)}
                  </td>
                </tr>
              )}
            </Fragment>
          );
        })}
      </tbody>
    </table>
  );
}

interface OpenableRowProps {
  row: Row;
  isOpen: boolean;
  detailsId: string;
  onToggle: () => void;
}

/** The button in the first cell covers the row: a click anywhere opens it, and the keyboard has one stop. */
function OpenableRow({ row, isOpen, detailsId, onToggle }: OpenableRowProps) {
  return (
    <tr
      data-new={row.isNew === true ? "" : undefined}
      className="relative border-t border-line hover:bg-raised has-[button:focus-visible]:outline-2 has-[button:focus-visible]:-outline-offset-2 has-[button:focus-visible]:outline-now data-new:shadow-[inset_3px_0_0_var(--color-now)] motion-safe:data-new:animate-arrived max-tablet:flex max-tablet:flex-wrap max-tablet:items-baseline max-tablet:gap-x-1 max-tablet:rounded max-tablet:border max-tablet:p-1"
    >
      {row.cells.map((cell, index) => (
        <td
          // biome-ignore lint/suspicious/noArrayIndexKey: cells have their column's place.
          key={index}
          className="truncate px-1 py-0.5 max-tablet:max-w-full max-tablet:px-0 max-tablet:py-0"
        >
          {index === 0 ? (
            <button
              type="button"
              data-on-wall
              aria-expanded={isOpen}
              aria-controls={isOpen ? detailsId : undefined}
              aria-label={row.title}
              onClick={onToggle}
              className="cursor-pointer text-left outline-none after:absolute after:inset-0"
            >
              {cell}
            </button>
          ) : (
            cell
          )}
        </td>
      ))}
    </tr>
  );
}
