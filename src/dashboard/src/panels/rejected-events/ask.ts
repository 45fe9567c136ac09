import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { fetchRejected } from "../../api/client.ts";
import { PERSISTENT } from "../../api/polling.ts";
import { POLL_INTERVAL_MS } from "../../api/refetching.ts";
import { TITLES } from "../titles.ts";

const LIMIT = "100";

/** A page of what was rejected; an empty `before` means the newest, which alone changes. */
export const askRejectedEvents = (before: string) =>
  queryOptions({
    ...PERSISTENT,
    queryKey: ["rejected", before] as const,
    queryFn: ({ signal }) =>
      fetchRejected({ limit: LIMIT, ...(before === "" ? {} : { before }) }, signal),
    meta: { title: TITLES.rejected, isTold: false },
    refetchInterval: before === "" ? POLL_INTERVAL_MS : false,
    placeholderData: keepPreviousData,
  });
