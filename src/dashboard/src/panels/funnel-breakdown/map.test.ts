import { describe, expect, it } from "vitest";
import type { FunnelAnswer } from "../../api/funnels.ts";
import { groupKey, groupName } from "./groups.ts";
import { chooseSort, funnelBreakdownTable, mapFunnelBreakdown, readSort } from "./map.ts";

type GroupOf = [value: string | null, counts: number[], other?: boolean];

function steps(counts: readonly number[]): FunnelAnswer["steps"] {
  const [first = 0] = counts;
  const pct = (count: number, of: number) => (of === 0 ? null : (100 * count) / of);
  return counts.map((count, index) => ({
    event_name: "abc"[index] ?? null,
    count,
    count_error: 0,
    from_start_pct: pct(count, first),
    from_previous_pct: pct(count, counts[index - 1] ?? count),
    median_seconds: null,
    p90_seconds: null,
  }));
}

function answer(...groups: GroupOf[]): FunnelAnswer {
  return {
    asked: {
      steps: ["a", "b", "c"].map((event_name) => ({ event_name, filters: [] })),
      window: "10m",
      range: "1h",
      order: "strict",
      breakdown: "properties.email_domain",
    },
    steps: [],
    over_time: [],
    breakdown: groups.map(([value, counts, other = false]) => ({
      value,
      other,
      steps: steps(counts),
      over_time: [],
    })),
    bucket_seconds: 300,
    in_progress: 0,
    sampled_one_in: 1,
    values_cut: false,
    since: "2026-11-23T10:00:00.000Z",
    newest_event_at: "2026-11-23T11:00:00.000Z",
    computed_at: "2026-11-23T11:00:00.000Z",
    elapsed_ms: 4,
    received_at_ms: 0,
    took_ms: 5,
  };
}

const STORY = answer(
  ["gmail.com", [500, 60, 54]],
  ["gmx.de", [300, 255, 230]],
  [null, [200, 170, 150]],
  [null, [80, 68, 10], true],
);

describe("mapFunnelBreakdown", () => {
  it("names_the_group_that_is_far_below_the_others_and_the_step", () => {
    const picture = mapFunnelBreakdown(STORY, readSort(""));
    expect(picture?.headline).toEqual({
      value: "12%",
      unit: "of \u2068gmail.com\u2069 go on to b, others 85%",
      note: "365 people fewer than if they did as the others",
      alarming: true,
    });
    const marks = picture?.rows.map((row) => row.cells.map((cell) => cell.mark));
    expect(marks?.[0]).toEqual([null, "others 85%", null, null]);
    expect(marks?.[3]).toEqual([null, null, "others 89.5%", null]);
  });

  it("says_that_no_group_stands_out", () => {
    const even = mapFunnelBreakdown(answer(["x", [50, 40, 30]], ["y", [40, 31, 25]]), readSort(""));
    expect(even?.headline).toMatchObject({
      value: "2",
      unit: "values of email_domain",
      note: "none is far below the others",
    });
    const one = mapFunnelBreakdown(answer(["x", [50, 40, 30]]), readSort(""));
    expect(one?.headline).toMatchObject({ value: "1", note: "nothing to compare it with" });
  });

  it("names_the_group_that_was_far_below_the_others_for_a_while", () => {
    const bucket = (minute: number, counts: number[], so_far: boolean) => ({
      bucket: `2026-11-23T10:${String(minute).padStart(2, "0")}:00.000Z`,
      counts,
      conversion_pct: null,
      so_far,
    });
    const story = (illAt: number) => {
      const even = answer(["gmail.com", [500, 375, 300]], ["gmx.de", [500, 400, 320]]);
      const over = (ill: boolean) =>
        Array.from({ length: 10 }, (_, index) =>
          bucket(5 * index, ill && index === illAt ? [50, 0, 0] : [50, 40, 32], index === 9),
        );
      even.over_time = over(false);
      even.breakdown?.forEach((group, index) => {
        group.over_time = over(index === 0);
      });
      return mapFunnelBreakdown(even, readSort(""))?.headline;
    };
    expect(story(4)).toMatchObject({
      value: "0%",
      unit: "of \u2068gmail.com\u2069 went on to b, others 80%",
      alarming: false,
    });
    expect(story(4)?.note).toMatch(/^from ..:20 to ..:25: 40 people fewer than if they did/);
    expect(story(8)?.note).toMatch(/^since ..:40: 40 people fewer/);
    expect(story(8)?.alarming).toBe(true);
  });

  it.each([
    ["", ["gmail.com", "gmx.de", "no email_domain", "all other values"]],
    ["people", ["no email_domain", "gmx.de", "gmail.com", "all other values"]],
    ["2", ["gmail.com", "gmx.de", "no email_domain", "all other values"]],
    ["-2", ["gmx.de", "no email_domain", "gmail.com", "all other values"]],
    ["3", ["no email_domain", "gmail.com", "gmx.de", "all other values"]],
    ["-all", ["gmx.de", "no email_domain", "gmail.com", "all other values"]],
    // From a link to a funnel that had more steps: no order but the answer's.
    ["9", ["gmail.com", "gmx.de", "no email_domain", "all other values"]],
  ])("sorts_by_what_is_chosen_with_all_others_last: %s", (sort, names) => {
    const picture = mapFunnelBreakdown(STORY, readSort(sort));
    expect(picture?.rows.map((row) => row.name)).toEqual(names);
  });

  it("has_nothing_to_show_without_a_breakdown", () => {
    expect(mapFunnelBreakdown({ ...STORY, breakdown: null }, readSort(""))).toBeNull();
    expect(mapFunnelBreakdown(answer(), readSort(""))?.missing).toBe(
      "Nobody took a first step in the last hour.",
    );
  });
});

it.each([
  ["", "3", "3"],
  ["3", "3", "-3"],
  ["-3", "3", "3"],
  ["3", "all", "all"],
  ["3", "people", ""],
  ["", "people", "people"],
  ["people", "people", ""],
])("a_column_chosen_again_is_turned_around: %s, %s", (before, column, after) => {
  expect(chooseSort(readSort(before), column)).toBe(after);
});

it("groups_of_the_same_name_are_told_apart", () => {
  const keys = [
    { value: "other", other: false },
    { value: "none", other: false },
    { value: null, other: false },
    { value: null, other: true },
  ].map((group) => groupKey({ ...group, steps: [], over_time: [] }));
  expect(keys).toEqual(["=other", "=none", "none", "other"]);
  expect(groupName({ value: "", other: false, steps: [], over_time: [] }, "country_code")).toBe(
    "(empty)",
  );
});

it("the_table_holds_counts_and_rates_of_every_group", () => {
  const { columns, rows } = funnelBreakdownTable(STORY);
  expect(columns.map((column) => column.name)).toEqual([
    "email_domain",
    "a",
    "b",
    "b, of the step before",
    "c",
    "c, of the step before",
    "All steps, of start",
  ]);
  expect(rows[0]).toEqual(["gmail.com", 500, 60, 12, 54, 90, 10.8]);
});
