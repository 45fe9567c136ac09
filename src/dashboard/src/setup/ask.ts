import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { fetchStatus } from "../api/client.ts";
import { POLL_INTERVAL_MS } from "../api/refetching.ts";

/** How this installation is. */
export const askStatus = queryOptions({
  queryKey: ["status"],
  queryFn: ({ signal }) => fetchStatus(signal),
  meta: { title: "Health" },
  refetchInterval: POLL_INTERVAL_MS,
  placeholderData: keepPreviousData,
  retry: true,
  retryDelay: POLL_INTERVAL_MS,
  networkMode: "always",
});
