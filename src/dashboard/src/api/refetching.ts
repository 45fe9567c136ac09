import type { Query, QueryClient } from "@tanstack/react-query";
import { stream, type Told } from "./stream.ts";

/** While the stream does not tell what is new. */
export const POLL_INTERVAL_MS = 5_000;
/**
 * While it does, and nothing is: the windows of the panels move with the time all the same, and a
 * minute is the least that any of them tells apart.
 */
const UNCHANGED_INTERVAL_MS = 30_000;
/** For an answer that is older than the revision that was told: a slow one, which the server gives out for longer. */
const BEHIND_INTERVAL_MS = 1_250;

/** How long after an answer the question is asked again, unless something is told before. */
export function refetchAfterMs(computedAt: string | undefined, told: Told): number {
  if (told.state !== "live") {
    return POLL_INTERVAL_MS;
  }
  return isBehind(computedAt, told) ? BEHIND_INTERVAL_MS : UNCHANGED_INTERVAL_MS;
}

/** Whether an answer lacks what was told. Both times are the server's. */
export function isBehind(computedAt: string | undefined, { sinceMs }: Told): boolean {
  return computedAt !== undefined && sinceMs !== null && Date.parse(computedAt) < sinceMs;
}

/**
 * Asks again what is on the screen, at once, when something new is told. A hidden page is told
 * nothing: nobody looks, and a browser has six connections to a server for all of its pages.
 */
export function followRevisions(queries: QueryClient): void {
  stream.subscribe((told, before) => {
    const type = "active";
    if (told.state === "broken" && before.state !== "broken") {
      void queries.refetchQueries({ type, predicate: isFollowed }, { cancelRefetch: false });
    }
    if (told.state === "live" && before.state === "broken") {
      // What failed waits for its next try, which may come now.
      const predicate = (query: Query) => isFollowed(query) && query.state.fetchFailureCount > 0;
      void queries.refetchQueries({ type, predicate });
    }
    if (told.state === "live" && told.sinceMs !== before.sinceMs) {
      const predicate = (query: Query) => isFollowed(query) && lacks(query, told);
      // A request under way goes on: one that takes long would never end if each revision began it again.
      void queries.refetchQueries({ type, predicate }, { cancelRefetch: false });
    }
  });
  const openIfVisible = () => (document.hidden ? stream.close() : stream.open());
  document.addEventListener("visibilitychange", openIfVisible);
  openIfVisible();
}

function isFollowed({ meta }: Query): boolean {
  return meta?.isTold ?? meta?.title !== undefined;
}

/** An answer that does not say when it was computed may always lack it. */
function lacks({ state }: Query, told: Told): boolean {
  const answer = state.data as { computed_at?: string } | undefined;
  return (
    answer !== undefined && (answer.computed_at === undefined || isBehind(answer.computed_at, told))
  );
}
