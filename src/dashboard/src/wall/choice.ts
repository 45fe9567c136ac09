import type { Page } from "../pages/table.ts";
import type { Parameter } from "../url-state.ts";

const SHOWN_DEFAULT_MS = 30_000;
const SHOWN_MIN_MS = 5_000;
const SHOWN_MAX_MS = 3_600_000;

/** What a wall was told to show, as it stands in the URL; null where there is no wall. */
export const WALL: Parameter<string | null> = {
  read: (query) => query.get("wall"),
  write: (query, chosen) => (chosen === null ? query.delete("wall") : query.set("wall", chosen)),
  history: "push",
};

/** How long a wall shows a screen, in ms: `every=45s`, or `every=2m`; anything else means 30 s. */
export const EVERY: Parameter<number> = {
  read: (query) => shownMs(query.get("every") ?? ""),
  write: (query, ms) => query.set("every", `${ms / 1_000}s`),
  history: "push",
};

function shownMs(text: string): number {
  const [, count, unit] = /^(\d{1,4})(s|m)$/.exec(text) ?? [];
  const ms = Number(count) * (unit === "m" ? 60_000 : 1_000);
  return ms >= SHOWN_MIN_MS && ms <= SHOWN_MAX_MS ? ms : SHOWN_DEFAULT_MS;
}

/**
 * The pages of `wall=overview,errors`, in that order; what is no page is passed over. With none
 * left, those that show a range of time: nobody stands at a wall to type or to read single rows.
 */
export function wallPages(chosen: string, pages: readonly Page[]): readonly Page[] {
  const names = chosen.split(",").map((name) => name.trim().toLowerCase());
  const found = [...new Set(names)].flatMap(
    (name) => pages.find((page) => page.name.toLowerCase() === name) ?? [],
  );
  return found.length > 0 ? found : pages.filter((page) => page.range !== undefined);
}
