import { useSyncExternalStore } from "react";

export const RANGES = ["1h", "6h", "24h"] as const;
export type Range = (typeof RANGES)[number];

const DEFAULT_RANGE: Range = "1h";

/** How a range is said inside a sentence: "in the last hour". */
export const RANGE_WORDS: Record<Range, string> = {
  "1h": "hour",
  "6h": "6 h",
  "24h": "24 h",
};

/** The range a URL's search part asks for; anything that is not a range means the default. */
export function rangeOf(search: string): Range {
  const asked = new URLSearchParams(search).get("range");
  return RANGES.find((range) => range === asked) ?? DEFAULT_RANGE;
}

function subscribe(onChange: () => void): () => void {
  window.addEventListener("popstate", onChange);
  return () => window.removeEventListener("popstate", onChange);
}

/** The range in the URL, which is the only place it is kept. */
export function useRange(): Range {
  return useSyncExternalStore(subscribe, () => rangeOf(window.location.search));
}

export function chooseRange(range: Range): void {
  const url = new URL(window.location.href);
  url.searchParams.set("range", range);
  window.history.pushState(null, "", url);
  // pushState tells nobody; the event it leaves out is the one every reader of the URL listens to.
  window.dispatchEvent(new PopStateEvent("popstate"));
}
