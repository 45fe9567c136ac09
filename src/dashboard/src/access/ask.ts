import { queryOptions, useQuery } from "@tanstack/react-query";
import { type Caller, fetchCredentials, fetchSession } from "../api/access.ts";
import { PERSISTENT } from "../api/polling.ts";

/** On whose behalf the page asks. It changes with signing in and out, and when a request is answered 401. */
export const askCaller = queryOptions({
  queryKey: ["session"],
  queryFn: ({ signal }) => fetchSession(signal),
  staleTime: Number.POSITIVE_INFINITY,
  ...PERSISTENT,
});

export const CREDENTIALS_KEY = ["credentials"] as const;

/** The keys, tokens and links that there are. */
export const askCredentials = queryOptions({
  queryKey: CREDENTIALS_KEY,
  queryFn: async ({ signal }) => (await fetchCredentials(signal)).credentials,
  ...PERSISTENT,
});

export function useCaller(): Caller | undefined {
  return useQuery(askCaller).data;
}
