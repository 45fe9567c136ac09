import { describe, expect, it } from "vitest";
import type { Answers } from "../../api/client.ts";
import { mapErrorBreakdown } from "./map.ts";

type Row = Answers["error_breakdown"]["rows"][number];

function row(message: string, errors: number, last = "10:40"): Row {
  return {
    message,
    path: "/signup",
    errors,
    users_affected: errors,
    first_seen_at: "2026-11-23T09:05:00.000Z",
    last_seen_at: `2026-11-23T${last}:00.000Z`,
  };
}

function answer(...rows: Row[]): Answers["error_breakdown"] {
  return {
    rows,
    newest_event_at: null,
    computed_at: "2026-11-23T10:45:00.000Z",
    elapsed_ms: 4,
  };
}

describe("mapErrorBreakdown", () => {
  it("counts_the_errors_of_all_rows", () => {
    const { headline, missing } = mapErrorBreakdown(answer(row("a", 12_000), row("b", 345)), "6h");
    expect(headline.value).toBe("12.3K");
    expect(headline.title).toBe("12,345");
    expect(headline.unit).toBe("errors in the last 6 h");
    expect(headline.note).toMatch(/^and the running hour; the last at \d\d:\d\d$/);
    expect(missing).toBeNull();
  });

  it("says_when_there_may_be_more_than_it_was_told", () => {
    const rows = Array.from({ length: 50 }, (_, index) => row(`message ${index}`, 2));
    expect(mapErrorBreakdown(answer(...rows), "1h").headline.unit).toBe(
      "in the last hour, of the 50 most frequent",
    );
  });

  it("leaves_open_what_an_error_did_not_say", () => {
    const { rows } = mapErrorBreakdown(answer({ ...row("", 1), path: "" }), "1h").table;
    expect(rows).toEqual([
      [null, null, 1, 1, Date.parse("2026-11-23T09:05Z"), Date.parse("2026-11-23T10:40Z")],
    ]);
  });

  it("names_the_day_where_the_range_has_two", () => {
    const kinds = (range: "1h" | "24h") =>
      mapErrorBreakdown(answer(row("a", 1)), range)
        .table.columns.slice(-2)
        .map(({ kind }) => kind);
    expect(kinds("1h")).toEqual(["time", "time"]);
    expect(kinds("24h")).toEqual(["day and time", "day and time"]);
  });

  it("is_missing_without_errors", () => {
    const { headline, missing } = mapErrorBreakdown(answer(), "1h");
    expect(missing).toBe("No errors in the last hour.");
    expect(headline.note).toBe("and the running hour");
  });
});
