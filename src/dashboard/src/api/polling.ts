import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { type Arguments, fetchAnswer, fetchInfo, type QueryName } from "./client.ts";
import { POLL_INTERVAL_MS, refetchAfterMs } from "./refetching.ts";
import { stream } from "./stream.ts";

/** One question, asked whenever something new is told, or else every five seconds, while the page is looked at. */
export function polled<Name extends QueryName, Asked extends Arguments>(
  name: Name,
  asked: Asked,
  title: string,
) {
  return queryOptions({
    queryKey: ["queries", name, asked] as const,
    queryFn: ({ signal }) => fetchAnswer(name, asked, signal),
    meta: { title },
    refetchInterval: ({ state }) => refetchAfterMs(state.data?.computed_at, stream.read()),
    placeholderData: keepPreviousData,
    // A failure shows at once, as failureReason, and stays until an answer comes: trying again at
    // the usual pace is one long request, so nothing flickers between failed and loading.
    retry: true,
    retryDelay: POLL_INTERVAL_MS,
    // The server is often this very machine, which needs no network.
    networkMode: "always",
  });
}

/** What the server says about itself; it cannot change while the server runs. */
export const info = queryOptions({
  queryKey: ["info"],
  queryFn: ({ signal }) => fetchInfo(signal),
  staleTime: Number.POSITIVE_INFINITY,
  retry: true,
  retryDelay: POLL_INTERVAL_MS,
  networkMode: "always",
});
