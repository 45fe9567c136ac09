import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { type Arguments, fetchAnswer, fetchInfo, type QueryName } from "./client.ts";

export const POLL_INTERVAL_MS = 5_000;

/** One question, asked every five seconds while the page is looked at. */
export function polled<Name extends QueryName, Asked extends Arguments>(
  name: Name,
  asked: Asked,
  title: string,
) {
  return queryOptions({
    queryKey: ["queries", name, asked] as const,
    queryFn: ({ signal }) => fetchAnswer(name, asked, signal),
    meta: { title },
    refetchInterval: POLL_INTERVAL_MS,
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
