import type { Status } from "../api/client.ts";
import { bytes, compact, full } from "../figures.ts";
import { dataAgeMs, type Freshness } from "../freshness.ts";
import { age } from "../times.ts";

/** What the page knows: the status, and when it came by the browser's own clock. */
export type ReceivedStatus = Status & Freshness;

export interface Health {
  state: "good" | "warn" | "bad";
  words: string;
}

export interface Fact {
  name: string;
  value: string;
  /** What the value means, or what to do about it. */
  note?: string;
}

/** From this share on, a journal or a disk is nearly full. */
const NEARLY_FULL = 0.9;

/** How the installation is, in a sentence: what is worst comes first. */
export function mapHealth(status: ReceivedStatus): Health {
  const { ingestion, store, newest_event_at: newestEventAt } = status;
  const oldest = age(ingestion?.oldest_unflushed_ms ?? 0);
  if (ingestion?.status === "stalled") {
    return {
      state: "bad",
      words: `Nothing was stored for ${oldest}. Events are still taken while the journal has room.`,
    };
  }
  if (store === null) {
    return {
      state: "bad",
      words:
        ingestion === null
          ? "ClickHouse does not answer: no page can show anything."
          : "ClickHouse does not answer. Events are taken and wait in the journal; pages show what they last had.",
    };
  }
  if (ingestion !== null && ingestion.buffered_bytes > NEARLY_FULL * ingestion.buffered_bytes_max) {
    return { state: "warn", words: "The journal is nearly full. Beyond it, events are refused." };
  }
  if (isNearlyFull(store)) {
    return { state: "warn", words: "The disk is nearly full. Beyond it, events are refused." };
  }
  return newestEventAt === null
    ? { state: "good", words: "Ready. No event has arrived yet: send one as below." }
    : { state: "good", words: "What arrives is stored and can be seen." };
}

/** The same in figures. */
export function mapFacts(status: ReceivedStatus, nowMs: number): Fact[] {
  return [...ingestionFacts(status, nowMs), ...storeFacts(status)];
}

function ingestionFacts(status: ReceivedStatus, nowMs: number): Fact[] {
  const { ingestion } = status;
  if (ingestion === null) {
    return [
      {
        name: "Ingestion",
        value: "in another process",
        note: "Ask its GET /health: this one takes no events.",
      },
    ];
  }
  const waiting = ingestion.buffered_events;
  const room = `${bytes(ingestion.buffered_bytes)} of ${bytes(ingestion.buffered_bytes_max)}`;
  const oldest = ingestion.oldest_unflushed_ms;
  const sinceFlushMs = dataAgeMs({ ...status, newest_event_at: ingestion.last_flush_at }, nowMs);
  return [
    {
      name: "Journal",
      value: `${compact(waiting)} ${waiting === 1 ? "event waits" : "events wait"}`,
      note: oldest === null ? room : `${room}, the oldest for ${age(oldest)}`,
    },
    {
      name: "Last stored",
      value: sinceFlushMs === null ? "nothing since the start" : `${age(sinceFlushMs)} ago`,
      ...(ingestion.last_flush_events === null
        ? {}
        : { note: `${compact(ingestion.last_flush_events)} events at once` }),
    },
  ];
}

function storeFacts({ store, embedded_engine: embedded, retention_days: days }: Status): Fact[] {
  const kept = { name: "Retention", value: days === 1 ? "1 day" : `${full(days)} days` };
  const engine = embedded ? "embedded" : "a server, by CLICKHOUSE_URL";
  if (store === null) {
    return [{ name: "ClickHouse", value: "does not answer", note: engine }, kept];
  }
  const { disk_free_bytes: freeBytes, disk_bytes: diskBytes } = store;
  return [
    { name: "ClickHouse", value: store.version, note: engine },
    {
      name: "Events kept",
      value: store.events === null ? "none" : compact(store.events),
      ...(store.events_bytes === null ? {} : { note: `${bytes(store.events_bytes)} on disk` }),
    },
    { ...kept, note: "WEIR_RETENTION_DAYS changes it." },
    freeBytes === null || diskBytes === null
      ? { name: "Disk", value: "without a bound", note: "as object storage is" }
      : { name: "Disk", value: `${bytes(freeBytes)} free`, note: `of ${bytes(diskBytes)}` },
  ];
}

function isNearlyFull({ disk_free_bytes: free, disk_bytes: all }: NonNullable<Status["store"]>) {
  return free !== null && all !== null && free < (1 - NEARLY_FULL) * all;
}
