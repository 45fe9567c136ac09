import { describe, expect, it } from "vitest";
import { barShare, csv, shown, type Table } from "./table.ts";

const AT_MS = Date.parse("2026-11-23T10:05:00Z");

function text(...cells: string[]): Table {
  return { columns: [{ name: "message", kind: "text" }], rows: cells.map((cell) => [cell]) };
}

describe("csv", () => {
  it("has_a_line_a_row_with_exact_figures_and_times_in_utc", () => {
    const table: Table = {
      columns: [
        { name: "minute", kind: "time" },
        { name: "events", kind: "count" },
        { name: "error rate", kind: "rate" },
      ],
      rows: [
        [AT_MS, 12_345, 0.625],
        [AT_MS + 60_000, 0, null],
      ],
    };
    expect(csv(table)).toBe(
      "minute,events,error rate (%)\r\n" +
        "2026-11-23T10:05:00.000Z,12345,0.625\r\n" +
        "2026-11-23T10:06:00.000Z,0,\r\n",
    );
  });

  it("quotes_what_would_be_taken_for_the_form", () => {
    expect(csv(text('say "no", twice', "two\nlines"))).toBe(
      'message\r\n"say ""no"", twice"\r\n"two\nlines"\r\n',
    );
  });

  it("holds_nothing_that_a_spreadsheet_would_run", () => {
    expect(csv(text("=1+1", "@SUM(A1)", "+1", "-1"))).toBe(
      "message\r\n'=1+1\r\n'@SUM(A1)\r\n'+1\r\n'-1\r\n",
    );
  });
});

describe("shown", () => {
  it.each([
    ["count", 12_345, "12,345"],
    ["rate", 0.625, "0.63%"],
    ["points", 1.5, "▲ 1.5 pts"],
    ["points", -1, "▼ 1 pt"],
    ["text", "export", "export"],
    ["rate", null, "–"],
  ] as const)("a_cell_is_written_for_people: %s %s", (kind, cell, words) => {
    expect(shown(cell, kind)).toBe(words);
  });

  it("times_are_local", () => {
    expect(shown(AT_MS, "time")).toMatch(/^\d\d:\d\d$/);
    expect(shown(AT_MS, "day and time")).toMatch(/^2[2-4] Nov, \d\d:\d\d$/);
  });
});

it("bars_are_measured_against_the_largest_figure_of_their_column", () => {
  const table: Table = {
    columns: [
      { name: "Path", kind: "text" },
      { name: "Errors", kind: "count", bar: true },
      { name: "Users", kind: "count" },
    ],
    rows: [
      ["/a", 8, 3],
      ["/b", 2, null],
    ],
  };
  expect(barShare(table, 1, 2)).toBe(0.25);
  expect(barShare(table, 2, 3)).toBeNull();
  expect(barShare({ ...table, rows: [["/a", 0, 0]] }, 1, 0)).toBe(0);
});
