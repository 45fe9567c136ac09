import { expect, it } from "vitest";
import { type Counts, laggards, worstRelapse } from "./laggards.ts";

/** Of each: the group, the step, its rate, that of the others, and how many people it misses. */
function found(groups: readonly Counts[], sampledOneIn = 1): string[] {
  return laggards(groups, sampledOneIn).map(({ group, step, pct, othersPct, missed }) =>
    [group, step, Math.round(pct), Math.round(othersPct), missed].join(" "),
  );
}

/** A group a word, its counts separated by slashes. */
function read(words: string): Counts[] {
  return words
    .split(" ")
    .filter((word) => word !== "")
    .map((word) => word.split("/").map(Number));
}

it.each([
  ["no group", "", []],
  ["one group has no others", "500/10", []],
  ["all alike", "500/400/380 300/240/225", []],
  ["one, and only at the step where it falls behind", story(), ["0 2 13 85 350"]],
  ["few people, by chance", "6/3 300/240", []],
  ["few people, and yet no chance", "12/0 300/240", ["0 1 0 80 10"]],
  ["sure, but small", "50000/46000 50000/49000", []],
  ["nobody is left for the steps after", "500/0/0 300/250/200", ["0 1 0 83 417"]],
  ["nobody at all", "0/0 0/0", []],
  ["the one that misses most first", "100/20 900/300 900/800", ["1 1 33 82 438", "0 1 20 61 41"]],
])("a_group_is_named_that_is_far_below_all_others: %s", (_, groups, expected) => {
  expect(found(read(groups))).toEqual(expected);
});

/** Gmail's addresses cannot be verified; whoever had verified theirs goes on as all do. */
function story(): string {
  return "500/480/60/54 300/290/250/225 200/190/160/144";
}

it("counts_that_are_estimates_are_less_sure", () => {
  const groups = read("200/100 800/560");
  expect(found(groups)).toHaveLength(1);
  expect(found(groups, 10)).toEqual([]);
});

/** Of two groups, bucket by bucket: those who started, and those who went on. */
function relapse(...buckets: string[]) {
  const worst = worstRelapse(buckets.map(read), 1);
  return worst && [worst.group, worst.from, worst.to, worst.pct, worst.othersPct, worst.missed];
}

it("a_relapse_is_found_that_the_whole_range_hides", () => {
  const [well, ill] = ["50/40 50/40", "50/0 50/40"];
  expect(relapse()).toBeNull();
  expect(relapse(well, well, "0/0 0/0", well)).toBeNull();
  expect(relapse(well, ill, ill, well, well)).toEqual([0, 1, 2, 0, 80, 80]);
  // Two that are apart are two; the one that misses more is told.
  expect(relapse(ill, well, ill, ill, ill, well)).toEqual([0, 2, 4, 0, 80, 120]);
  // A few are no sign of one.
  expect(relapse(well, "5/1 5/4", well)).toBeNull();
});
