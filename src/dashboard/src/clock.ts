import { useSyncExternalStore } from "react";

/** The browser's time, told at an interval, from one timer for all who look. */
class Clock {
  private nowMs = Date.now();
  private timer: ReturnType<typeof setInterval> | undefined;
  private readonly readers = new Set<() => void>();

  constructor(private readonly tickMs: number) {}

  readonly read = () => this.nowMs;

  readonly subscribe = (reader: () => void) => {
    if (this.readers.size === 0) {
      this.nowMs = Date.now();
      this.timer = setInterval(this.tick, this.tickMs);
    }
    this.readers.add(reader);
    return () => {
      this.readers.delete(reader);
      if (this.readers.size === 0) {
        clearInterval(this.timer);
      }
    };
  };

  private readonly tick = () => {
    this.nowMs = Date.now();
    for (const reader of this.readers) {
      reader();
    }
  };
}

const seconds = new Clock(1_000);
const tenths = new Clock(100);

/** The browser's time in ms, once a second: ages on the page change together. */
export function useNowMs(): number {
  return useSyncExternalStore(seconds.subscribe, seconds.read);
}

/** What `read` makes of the browser's time ten times a second. Draws only when that changes. */
export function useEachTenth<Read extends string | number | null>(
  read: (nowMs: number) => Read,
): Read {
  return useSyncExternalStore(tenths.subscribe, () => read(tenths.read()));
}
