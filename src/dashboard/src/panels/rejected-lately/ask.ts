import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { fetchRejected } from "../../api/client.ts";
import { PERSISTENT } from "../../api/polling.ts";
import { POLL_INTERVAL_MS } from "../../api/refetching.ts";
import { TITLES } from "../titles.ts";

const HOUR_MS = 3_600_000;
/** The most that the server gives at once: beyond it, counts say "at least". */
const LIMIT = "1000";

/** The events that were rejected in the last hour. No revision tells of them: they are polled. */
export const askRejectedLately = () =>
  queryOptions({
    ...PERSISTENT,
    queryKey: ["rejected lately"] as const,
    queryFn: ({ signal }) =>
      fetchRejected({ limit: LIMIT, since_ms: String(Date.now() - HOUR_MS) }, signal),
    meta: { title: TITLES.rejected_lately, isTold: false },
    refetchInterval: POLL_INTERVAL_MS,
    placeholderData: keepPreviousData,
  });
