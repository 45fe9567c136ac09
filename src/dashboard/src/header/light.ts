import { POLL_INTERVAL_MS } from "../api/refetching.ts";
import type { Told } from "../api/stream.ts";
import type { Watched } from "../api/watched.ts";

/** An answer that takes longer than this is slow. */
export const SLOW_AFTER_MS = 2_000;

/** What is known about the asking of one of the page's questions. */
export type Signs = Omit<Watched, "freshness">;

export interface Light {
  state: "green" | "yellow" | "red";
  words: string;
}

/** One light for the whole page: the worst of its questions decides, and is named. */
export function light(shown: readonly Signs[], stream: Told["state"], nowMs: number): Light {
  const failed = shown.filter((signs) => signs.failed);
  if (failed.length > 0) {
    return { state: "red", words: `Unreachable: ${named(failed, shown)}` };
  }
  const slow = shown.filter((signs) => runningMs(signs, nowMs) > SLOW_AFTER_MS);
  if (slow.length > 0) {
    return { state: "yellow", words: `Slow: ${named(slow, shown)}` };
  }
  if (shown.some((signs) => !signs.answered)) {
    return { state: "yellow", words: "Connecting" };
  }
  if (stream === "broken") {
    const words = `Polling every ${POLL_INTERVAL_MS / 1_000} s: the stream broke`;
    return { state: "yellow", words };
  }
  return { state: "green", words: "Live" };
}

/** How long the last answer took, or the one that is waited for has been taking. */
function runningMs({ tookMs, fetchingSinceMs }: Signs, nowMs: number): number {
  return Math.max(tookMs, fetchingSinceMs === null ? 0 : nowMs - fetchingSinceMs);
}

function named(some: readonly Signs[], all: readonly Signs[]): string {
  if (some.length === all.length && all.length > 1) {
    return "all panels";
  }
  return [...new Set(some.map((signs) => signs.title))].join(", ");
}
