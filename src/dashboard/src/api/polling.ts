import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { type Arguments, fetchAnswer, fetchInfo, type QueryName } from "./client.ts";
import { POLL_INTERVAL_MS, refetchAfterMs } from "./refetching.ts";
import { stream } from "./stream.ts";

/**
 * A failure shows at once, as failureReason, and stays until an answer comes: trying again at the
 * usual pace is one long request, so nothing flickers between failed and loading.
 */
export const PERSISTENT = {
  retry: true,
  retryDelay: POLL_INTERVAL_MS,
  // The server is often this very machine, which needs no network.
  networkMode: "always",
} as const;

/** How what is on the page is asked again: whenever something new is told, or else every five seconds. */
export function followed(title: string) {
  return {
    ...PERSISTENT,
    meta: { title },
    refetchInterval: ({ state }: { state: { data: { computed_at: string } | undefined } }) =>
      refetchAfterMs(state.data?.computed_at, stream.read()),
  };
}

/** One question, asked whenever something new is told, or else every five seconds, while the page is looked at. */
export function polled<Name extends QueryName, Asked extends Arguments>(
  name: Name,
  asked: Asked,
  title: string,
) {
  return queryOptions({
    queryKey: ["queries", name, asked] as const,
    queryFn: ({ signal }) => fetchAnswer(name, asked, signal),
    ...followed(title),
    placeholderData: keepPreviousData,
  });
}

/** What the server says about itself; it cannot change while the server runs. */
export const info = queryOptions({
  queryKey: ["info"],
  queryFn: ({ signal }) => fetchInfo(signal),
  staleTime: Number.POSITIVE_INFINITY,
  ...PERSISTENT,
});
