import { describe, expect, it } from "vitest";
import type { Answers } from "../../api/client.ts";
import { mapRetention, retentionTable } from "./map.ts";

type Row = Answers["retention"]["rows"][number];

function cohort(week: string, users: number, returned: number[], marginPts = 0): Row[] {
  return [users, ...returned].map((count, week_number) => ({
    cohort_week: week,
    week_number,
    users,
    returned: count,
    retained_pct: (100 * count) / users,
    margin_pts: week_number === 0 ? 0 : marginPts,
  }));
}

/** Asked in the week of Monday the 23rd. */
function answer(...rows: Row[][]): Answers["retention"] {
  return {
    rows: rows.flat(),
    newest_event_at: null,
    computed_at: "2026-11-24T10:00:00.000Z",
    elapsed_ms: 4,
  };
}

const known = answer(
  cohort("2026-11-09", 200, [100, 20]),
  cohort("2026-11-16", 50, [40]),
  cohort("2026-11-23", 10, []),
);

describe("mapRetention", () => {
  it("counts_for_its_headline_only_weeks_that_are_over", () => {
    const { headline } = mapRetention(known);
    expect(headline.value).toBe("50%");
    expect(headline.title).toBe("100 of 200");
    expect(headline.note).toBe("of 200 users");
  });

  it("has_no_headline_before_anybody's_second_week_is_over", () => {
    const { headline, missing } = mapRetention(answer(cohort("2026-11-16", 50, [40])));
    expect(headline.value).toBe("–");
    expect(missing).toBeNull();
  });

  it("has_a_row_a_cohort_with_the_weeks_it_has_had", () => {
    const { weeks, cohorts } = mapRetention(known);
    expect(weeks).toEqual(["Week 1", "Week 2"]);
    expect(cohorts.map(({ name, size }) => [name, size])).toEqual([
      ["9 Nov", "200"],
      ["16 Nov", "50"],
      ["23 Nov", "10"],
    ]);
    expect(cohorts.map(({ cells }) => cells.map((cell) => cell.words))).toEqual([
      ["50%", "10%"],
      ["80%"],
      [],
    ]);
  });

  it("marks_what_falls_into_the_running_week", () => {
    const { cohorts } = mapRetention(known);
    expect(cohorts.map(({ cells }) => cells.map((cell) => cell.running))).toEqual([
      [false, true],
      [true],
      [],
    ]);
  });

  it("says_the_margin_of_an_estimate", () => {
    const { headline, cohorts } = mapRetention(answer(cohort("2026-11-09", 200, [100, 20], 1.5)));
    expect(headline.note).toContain("an estimate");
    expect(cohorts[0]?.cells[0]?.margin).toBe("±1.5");
    expect(cohorts[0]?.cells[0]?.title).toBe(
      "100 of 200 users came again in week 1; an estimate, ±1.5 points",
    );
    expect(mapRetention(known).cohorts[0]?.cells[0]?.margin).toBeNull();
  });

  it("is_missing_before_the_first_event", () => {
    expect(mapRetention(answer()).missing).toBe("Nobody has come yet.");
  });
});

it("the_table_has_a_row_a_cohort_and_week", () => {
  expect(retentionTable(known).rows.slice(1, 3)).toEqual([
    ["2026-11-09", 1, 200, 100, 50, 0, ""],
    ["2026-11-09", 2, 200, 20, 10, 0, "so far"],
  ]);
});
