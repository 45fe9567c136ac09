/** An answer that takes longer than this is slow. */
export const SLOW_AFTER_MS = 2_000;

/** What is known about the asking of one panel's question. */
export interface Signs {
  title: string;
  answered: boolean;
  failed: boolean;
  tookMs: number;
  /** A request has been running for longer than SLOW_AFTER_MS. */
  takingLong: boolean;
}

export interface Light {
  state: "green" | "yellow" | "red";
  words: string;
}

/** One light for all panels: the worst of them decides, and is named. */
export function light(panels: readonly Signs[]): Light {
  const failed = panels.filter((panel) => panel.failed);
  if (failed.length > 0) {
    return { state: "red", words: `Unreachable: ${named(failed, panels)}` };
  }
  const slow = panels.filter((panel) => panel.takingLong || panel.tookMs > SLOW_AFTER_MS);
  if (slow.length > 0) {
    return { state: "yellow", words: `Slow: ${named(slow, panels)}` };
  }
  if (panels.some((panel) => !panel.answered)) {
    return { state: "yellow", words: "Connecting" };
  }
  return { state: "green", words: "Live" };
}

function named(some: readonly Signs[], all: readonly Signs[]): string {
  return some.length === all.length ? "all panels" : some.map((panel) => panel.title).join(", ");
}
