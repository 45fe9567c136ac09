import {
  notifyManager,
  type Query,
  type QueryCache,
  replaceEqualDeep,
  useQueryClient,
} from "@tanstack/react-query";
import { useCallback, useRef, useSyncExternalStore } from "react";
import type { Freshness } from "../freshness.ts";
import type { Receipt } from "./client.ts";

declare module "@tanstack/react-query" {
  interface Register {
    queryMeta: {
      /** The header watches a query that has one, and calls it so. */
      title?: string;
      /** Whether it is asked again when something is told. By default, what has a title is. */
      isTold?: boolean;
    };
  }
}

/** How the asking of one of the page's questions goes. */
export interface Watched {
  title: string;
  answered: boolean;
  failed: boolean;
  tookMs: number;
  /** When the request under way began, by the browser's clock; null if there is none. */
  fetchingSinceMs: number | null;
  /** Null if the answer is not about events, or not there yet. */
  freshness: Freshness | null;
}

/** The titled queries of the page that is shown, whatever page that is. */
export function useWatched(): readonly Watched[] {
  const cache = useQueryClient().getQueryCache();
  const shown = useRef<readonly Watched[]>([]);
  const subscribe = useCallback(
    (onChange: () => void) => {
      const fetchingSinceMs = new Map<string, number>();
      const look = () => {
        const next = replaceEqualDeep(shown.current, watched(cache, fetchingSinceMs));
        if (next !== shown.current) {
          shown.current = next;
          onChange();
        }
      };
      look();
      return cache.subscribe(notifyManager.batchCalls(look));
    },
    [cache],
  );
  return useSyncExternalStore(subscribe, () => shown.current);
}

function watched(cache: QueryCache, fetchingSinceMs: Map<string, number>): Watched[] {
  const shown = cache.getAll().filter((query) => query.isActive());
  for (const { queryHash, state } of cache.getAll()) {
    if (state.fetchStatus !== "fetching") {
      fetchingSinceMs.delete(queryHash);
    } else if (!fetchingSinceMs.has(queryHash)) {
      fetchingSinceMs.set(queryHash, Date.now());
    }
  }
  return shown.flatMap((query) => {
    const title = query.meta?.title;
    const sinceMs = fetchingSinceMs.get(query.queryHash) ?? null;
    return title === undefined ? [] : [{ title, fetchingSinceMs: sinceMs, ...progress(query) }];
  });
}

function progress(query: Query): Omit<Watched, "title" | "fetchingSinceMs"> {
  // As the panel has it: while another range is asked for, the answer is still that of the range before.
  const data = query.observers[0]?.getCurrentResult().data as
    | (Partial<Freshness> & Partial<Receipt<unknown>>)
    | undefined;
  const { newest_event_at, computed_at, received_at_ms, took_ms } = data ?? {};
  const known =
    newest_event_at !== undefined && computed_at !== undefined && received_at_ms !== undefined;
  return {
    answered: data !== undefined,
    failed: query.state.fetchFailureReason !== null,
    tookMs: took_ms ?? 0,
    freshness: known ? { newest_event_at, computed_at, received_at_ms } : null,
  };
}
