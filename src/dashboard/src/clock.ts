import { useSyncExternalStore } from "react";

const TICK_MS = 1_000;

let nowMs = Date.now();
let timer: ReturnType<typeof setInterval> | undefined;
const readers = new Set<() => void>();

function tick(): void {
  nowMs = Date.now();
  for (const read of readers) {
    read();
  }
}

function subscribe(read: () => void): () => void {
  readers.add(read);
  timer ??= setInterval(tick, TICK_MS);
  return () => {
    readers.delete(read);
    if (readers.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };
}

/** The browser's time in ms, once a second, from one timer for all: ages on the page change together. */
export function useNowMs(): number {
  return useSyncExternalStore(subscribe, () => nowMs);
}
