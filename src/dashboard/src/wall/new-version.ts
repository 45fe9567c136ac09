import { queryOptions, useQuery } from "@tanstack/react-query";
import { useEffect } from "react";
import { fetchInfo } from "../api/client.ts";
import { info, PERSISTENT } from "../api/polling.ts";
import { useWatched } from "../api/watched.ts";

const LOOK_INTERVAL_MS = 30_000;
/** A page that is younger does not load itself again: whatever is wrong, it would not help. */
const RELOAD_AGE_MIN_MS = 60_000;

/** What serves now, as opposed to what served this page. */
const latestInfo = queryOptions({
  ...PERSISTENT,
  queryKey: ["info", "latest"],
  queryFn: ({ signal }) => fetchInfo(signal),
  refetchInterval: LOOK_INTERVAL_MS,
});

/**
 * Loads the document again when another version serves it, once that version answers all that is
 * on the screen: until then, the picture that is there is the better one.
 */
export function ReloadOnNewVersion() {
  const served = useQuery(info).data?.version;
  const { data, dataUpdatedAt } = useQuery(latestInfo);
  const isWell = useWatched().every(({ answered, failed }) => answered && !failed);
  const isNew = served !== undefined && data !== undefined && data.version !== served;
  // biome-ignore lint/correctness/useExhaustiveDependencies: each look may find the page old enough.
  useEffect(() => {
    if (isNew && isWell) {
      reloadIfOldEnough();
    }
  }, [isNew, isWell, dataUpdatedAt]);
  return null;
}

/** Bounds reloads to one a minute, whatever asks for them. */
export function reloadIfOldEnough(): void {
  if (performance.now() > RELOAD_AGE_MIN_MS) {
    window.location.reload();
  }
}
