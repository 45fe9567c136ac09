import { queryOptions } from "@tanstack/react-query";
import { fetchAnswer } from "../../api/client.ts";
import { followed } from "../../api/polling.ts";
import { TITLES } from "../titles.ts";
import { joined, type Tail } from "./tail.ts";

/** The newest events, and those that were the newest since the page was opened. */
export const askLiveEvents = () =>
  queryOptions({
    ...followed(TITLES.live_events),
    queryKey: ["queries", "live_events"] as const,
    queryFn: async ({ client, queryKey, signal }): Promise<Tail> => {
      const { rows, ...answer } = await fetchAnswer("live_events", {}, signal);
      const before = client.getQueryData<Tail>(queryKey);
      return { ...answer, tail: joined(rows, before?.tail ?? null, answer.received_at_ms) };
    },
    // Rows that stay are the same objects already.
    structuralSharing: false,
  });
