import { useSyncExternalStore } from "react";
import type { components } from "./schema.gen.ts";

type RevisionMessage = components["schemas"]["RevisionMessage"];

const STREAM_PATH = "/api/stream";

/** The server tells the revision at least every 15 s: two were missed, and a bit. */
const SILENCE_MAX_MS = 40_000;
/** Doubled with each stream that broke soon after the one before. */
const REOPEN_AFTER_MIN_MS = 1_000;
const REOPEN_AFTER_MAX_MS = 30_000;
/** A stream that has lasted for so long was a good one. */
const STEADY_AFTER_MS = 30_000;

export interface Told {
  /** `opening` until it is known to be either. */
  state: "opening" | "live" | "broken";
  /** Since when the latest revision has been current, by the server's clock; null until one was told. */
  sinceMs: number | null;
}

/** The server's revisions of the data, as they are told to this page. */
export class RevisionStream {
  private told: Told = { state: "opening", sinceMs: null };
  private readonly readers = new Set<(told: Told, before: Told) => void>();
  private source: EventSource | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private openedAtMs = 0;
  private brokenInARow = 0;

  constructor(private readonly connect: (path: string) => EventSource) {}

  readonly read = () => this.told;

  readonly subscribe = (reader: (told: Told, before: Told) => void) => {
    this.readers.add(reader);
    return () => {
      this.readers.delete(reader);
    };
  };

  /** Opens it, and opens it again whenever it breaks. */
  open(): void {
    this.disconnect();
    this.openedAtMs = Date.now();
    this.source = this.connect(STREAM_PATH);
    this.source.addEventListener("revision", this.hear);
    this.source.addEventListener("error", this.breakOff);
    this.timer = setTimeout(this.breakOff, SILENCE_MAX_MS);
  }

  close(): void {
    this.disconnect();
    this.tell({ ...this.told, state: "opening" });
  }

  private readonly hear = ({ data }: MessageEvent<string>) => {
    clearTimeout(this.timer);
    this.timer = setTimeout(this.breakOff, SILENCE_MAX_MS);
    const { since } = JSON.parse(data) as RevisionMessage;
    this.tell({ state: "live", sinceMs: Date.parse(since) });
  };

  private readonly breakOff = () => {
    const lastedMs = Date.now() - this.openedAtMs;
    this.brokenInARow = lastedMs > STEADY_AFTER_MS ? 1 : this.brokenInARow + 1;
    this.disconnect();
    this.timer = setTimeout(() => this.open(), reopenAfterMs(this.brokenInARow, Math.random()));
    this.tell({ ...this.told, state: "broken" });
  };

  private disconnect(): void {
    clearTimeout(this.timer);
    this.source?.removeEventListener("revision", this.hear);
    this.source?.removeEventListener("error", this.breakOff);
    this.source?.close();
    this.source = undefined;
  }

  private tell(told: Told): void {
    const before = this.told;
    if (told.state === before.state && told.sinceMs === before.sinceMs) {
      return;
    }
    this.told = told;
    for (const reader of this.readers) {
      reader(told, before);
    }
  }
}

/** `random`, from 0 to 1, keeps pages apart that have lost the same server. */
export function reopenAfterMs(brokenInARow: number, random: number): number {
  const mostMs = Math.min(REOPEN_AFTER_MIN_MS * 2 ** (brokenInARow - 1), REOPEN_AFTER_MAX_MS);
  return mostMs * (0.5 + random / 2);
}

/** The page's own. */
export const stream = new RevisionStream((path) => new EventSource(path));

export function useStream(): Told {
  return useSyncExternalStore(stream.subscribe, stream.read);
}
