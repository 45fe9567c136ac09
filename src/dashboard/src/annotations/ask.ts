import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { fetchAnnotations } from "../api/client.ts";
import { POLL_INTERVAL_MS, refetchAfterMs } from "../api/refetching.ts";
import { stream } from "../api/stream.ts";
import type { Range } from "../range.ts";

/** All annotations begin with it, whatever their range. */
export const ANNOTATIONS_KEY = ["annotations"];

/** The annotations that charts of the range show, oldest first. */
export const askAnnotations = (range: Range) =>
  queryOptions({
    queryKey: [...ANNOTATIONS_KEY, range],
    queryFn: ({ signal }) => fetchAnnotations(range, signal),
    meta: { isTold: true },
    refetchInterval: () => refetchAfterMs(undefined, stream.read()),
    placeholderData: keepPreviousData,
    retry: true,
    retryDelay: POLL_INTERVAL_MS,
    networkMode: "always",
  });
