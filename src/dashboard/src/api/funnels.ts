import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import type { Freshness } from "../freshness.ts";
import type { Funnel } from "../funnels/funnel.ts";
import { fetchJson, type Received, received } from "./client.ts";
import { POLL_INTERVAL_MS, refetchAfterMs } from "./refetching.ts";
import type { components } from "./schema.gen.ts";
import { stream } from "./stream.ts";

type Schemas = components["schemas"];

type Answer = Schemas["FunnelAnswer"] & Pick<Freshness, "newest_event_at">;
export type FunnelAnswer = Received<Answer, Funnel>;
export type SavedFunnel = Schemas["SavedFunnel"];

const SAVED_KEY = ["funnels"];
/** Others save theirs too, but seldom. */
const SAVED_STALE_AFTER_MS = 30_000;

/** One funnel, asked again as other panels' questions are. */
export const askFunnel = (funnel: Funnel) =>
  queryOptions({
    queryKey: ["funnel", funnel] as const,
    // Not by GET: a property's key may hold colons, which only JSON can tell from those of a filter.
    queryFn: ({ signal }) =>
      received(funnel, () =>
        fetchJson<Answer>("/api/funnel", signal, { method: "POST", json: funnel }),
      ),
    meta: { title: "Funnel" },
    refetchInterval: ({ state }) => refetchAfterMs(state.data?.computed_at, stream.read()),
    placeholderData: keepPreviousData,
    retry: true,
    retryDelay: POLL_INTERVAL_MS,
    networkMode: "always",
  });

export const savedFunnels = queryOptions({
  queryKey: SAVED_KEY,
  queryFn: async ({ signal }) =>
    (await fetchJson<Schemas["SavedFunnels"]>("/api/funnels", signal)).funnels,
  staleTime: SAVED_STALE_AFTER_MS,
  refetchInterval: SAVED_STALE_AFTER_MS,
  retry: true,
  retryDelay: POLL_INTERVAL_MS,
  networkMode: "always",
});

/** Saves a funnel, instead of one that has the name. */
export function saveFunnel(name: string, funnel: Funnel): Promise<SavedFunnel> {
  return fetchJson(pathOf(name), never(), { method: "PUT", json: funnel });
}

export async function deleteFunnel(name: string): Promise<void> {
  await fetchJson(pathOf(name), never(), { method: "DELETE" });
}

function pathOf(name: string): string {
  return `/api/funnels/${encodeURIComponent(name)}`;
}

/** What was begun is not taken back when the page is left. */
function never(): AbortSignal {
  return new AbortController().signal;
}
