import { changeInPoints, full, NO_FIGURE, percent } from "../figures.ts";
import { clockTime, dayAndTime } from "../times.ts";

/** What a column holds. Times are in ms since 1970, rates in %, and null is a gap. */
export type CellKind = "text" | "time" | "day and time" | "count" | "rate" | "points";
export type Cell = string | number | null;

export interface Column {
  name: string;
  kind: CellKind;
  /** Each figure has a bar beside it, against the largest. */
  bar?: boolean;
}

/** The figures behind a picture, for those who read rather than look, and for spreadsheets. */
export interface Table {
  columns: readonly Column[];
  rows: readonly (readonly Cell[])[];
}

const NUMBERS: Record<CellKind, ((value: number) => string) | null> = {
  text: null,
  time: clockTime,
  "day and time": dayAndTime,
  count: full,
  rate: percent,
  points: changeInPoints,
};

/** What to note on a minute or a bucket: that it has not ended, and what somebody has marked in it. */
export function note(running: boolean, marks: readonly { text: string }[] = []): string {
  return [...(running ? ["so far"] : []), ...marks.map(({ text }) => text)].join("; ");
}

/** The columns of the window compared with, named by its day; none where nothing is compared. */
export function comparedColumns(words: string | null, columns: readonly Column[]): Column[] {
  return words === null
    ? []
    : columns.map((column) => ({ ...column, name: `${column.name} ${words}` }));
}

/** What stands in them; gaps where the other day has nothing. */
export function comparedCells(
  words: string | null,
  ...cells: readonly (Cell | undefined)[]
): Cell[] {
  return words === null ? [] : cells.map((cell) => cell ?? null);
}

/** A cell as people read it. */
export function shown(cell: Cell, kind: CellKind): string {
  if (cell === null) {
    return NO_FIGURE;
  }
  return typeof cell === "number" ? (NUMBERS[kind]?.(cell) ?? full(cell)) : cell;
}

/** How long the bar beside a figure is, 0 to 1; null where the column has none. */
export function barShare({ columns, rows }: Table, column: number, cell: Cell): number | null {
  if (!columns[column]?.bar || typeof cell !== "number") {
    return null;
  }
  const figures = rows.map((row) => row[column]).filter((other) => typeof other === "number");
  return cell / Math.max(1, ...figures);
}

/** The table as RFC 4180 has it, times in UTC as ISO 8601 has them. */
export function csv({ columns, rows }: Table): string {
  const heading = columns.map(({ name, kind }) => field(kind === "rate" ? `${name} (%)` : name));
  const lines = rows.map((row) => row.map((cell, index) => plain(cell, columns[index]?.kind)));
  return [heading, ...lines].map((line) => `${line.join(",")}\r\n`).join("");
}

function plain(cell: Cell, kind: CellKind = "text"): string {
  if (typeof cell === "number") {
    const isTime = kind === "time" || kind === "day and time";
    return isTime ? new Date(cell).toISOString() : String(cell);
  }
  return field(cell ?? "");
}

function field(text: string): string {
  // A spreadsheet runs what begins like a formula, and anybody may have sent this text.
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
