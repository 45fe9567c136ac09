import { describe, expect, it } from "vitest";
import type { Page } from "../pages/table.ts";
import { HOURS } from "../range.ts";
import { EVERY, WALL, wallPages } from "./choice.ts";

const Content = () => null;

function page(name: string, hasRange: boolean): Page {
  const range = hasRange ? { range: HOURS } : {};
  return { path: `/${name.toLowerCase()}`, name, ...range, Content, load: async () => Content };
}

const PAGES = [page("Overview", true), page("Live", false), page("Errors", true)];

describe("a wall", () => {
  it.each([
    ["errors,overview", ["Errors", "Overview"]],
    ["Live", ["Live"]],
    [" overview , live ", ["Overview", "Live"]],
    ["errors,errors", ["Errors"]],
    ["errors,nonsense", ["Errors"]],
    ["nonsense", ["Overview", "Errors"]],
    ["", ["Overview", "Errors"]],
  ])("shows_the_pages_that_were_chosen: %s", (chosen, names) => {
    expect(wallPages(chosen, PAGES).map(({ name }) => name)).toEqual(names);
  });

  it.each([
    ["every=45s", 45_000],
    ["every=2m", 120_000],
    ["every=5s", 5_000],
    ["every=4s", 30_000],
    ["every=60m", 3_600_000],
    ["every=61m", 30_000],
    ["every=-5s", 30_000],
    ["every=soon", 30_000],
    ["", 30_000],
  ])("shows_each_for_so_long: %s", (query, ms) => {
    expect(EVERY.read(new URLSearchParams(query))).toBe(ms);
  });

  it("is_there_while_the_url_says_so", () => {
    expect(WALL.read(new URLSearchParams("wall"))).toBe("");
    expect(WALL.read(new URLSearchParams("range=1h"))).toBeNull();
    const query = new URLSearchParams("wall=errors&range=1h");
    WALL.write(query, null);
    expect(query.toString()).toBe("range=1h");
  });
});
