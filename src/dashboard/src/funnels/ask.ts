import { queryOptions } from "@tanstack/react-query";
import { fetchAnswer } from "../api/client.ts";
import { polled } from "../api/polling.ts";
import { POLL_INTERVAL_MS } from "../api/refetching.ts";
import { TITLES } from "../panels/titles.ts";

/** The events there are to pick from. */
export const askEventNames = () => polled("event_names", { range: "30d" }, TITLES.event_names);

/** An event's properties seldom change, once there are some. */
const KEYS_STALE_AFTER_MS = 60_000;

/** What an event can be filtered and told apart by. */
export const askPropertyKeys = (event_name: string) => {
  const asked = { event_name, range: "7d" };
  return queryOptions({
    queryKey: ["queries", "property_keys", asked] as const,
    queryFn: ({ signal }) => fetchAnswer("property_keys", asked, signal),
    staleTime: KEYS_STALE_AFTER_MS,
    refetchInterval: ({ state }) =>
      state.data?.rows.length === 0 ? POLL_INTERVAL_MS : KEYS_STALE_AFTER_MS,
    retry: true,
    retryDelay: POLL_INTERVAL_MS,
    networkMode: "always",
  });
};
