import { describe, expect, it } from "vitest";
import { mapFacts, mapHealth, type ReceivedStatus } from "./map.ts";

const RECEIVED_AT_MS = 1_000_000;

type Changes = Omit<Partial<ReceivedStatus>, "ingestion" | "store"> & {
  ingestion?: Partial<NonNullable<ReceivedStatus["ingestion"]>> | null;
  store?: Partial<NonNullable<ReceivedStatus["store"]>> | null;
};

function status({ ingestion, store, ...changes }: Changes = {}): ReceivedStatus {
  return {
    version: "0.1.0",
    ingest_url: "http://127.0.0.1:3001",
    retention_days: 90,
    embedded_engine: true,
    ingestion:
      ingestion === null
        ? null
        : {
            status: "ok",
            buffered_events: 0,
            buffered_bytes: 0,
            buffered_bytes_max: 2_684_354_560,
            set_aside_bytes: 0,
            oldest_unflushed_ms: null,
            last_flush_at: "2026-11-23T10:00:50.000Z",
            last_flush_duration_ms: 12,
            last_flush_events: 1_204,
            recent_flushes: null,
            retries: 0,
            rejected_events: [],
            store: "up",
            store_error: null,
            ...ingestion,
          },
    store:
      store === null
        ? null
        : {
            version: "26.7.2.1",
            events: 1_553_763,
            events_bytes: 19_562_182,
            disk_free_bytes: 55_832_055_808,
            disk_bytes: 270_553_174_016,
            ...store,
          },
    store_error: null,
    rejected_last_hour: [],
    newest_event_at: "2026-11-23T10:00:58.000Z",
    computed_at: "2026-11-23T10:01:00.000Z",
    received_at_ms: RECEIVED_AT_MS,
    ...changes,
  };
}

describe("mapHealth", () => {
  it.each<[string, Changes, string, string]>([
    ["all is well", {}, "good", "What arrives is stored"],
    ["nothing came yet", { newest_event_at: null }, "good", "No event has arrived yet"],
    [
      "flushes stall",
      { ingestion: { status: "stalled", oldest_unflushed_ms: 90_000 } },
      "bad",
      "for 1 min",
    ],
    ["ClickHouse is down", { store: null }, "bad", "wait in the journal"],
    ["both halves are apart", { store: null, ingestion: null }, "bad", "no page can show anything"],
    [
      "the journal fills",
      { ingestion: { buffered_bytes: 2_600_000_000 } },
      "warn",
      "journal is nearly full",
    ],
    [
      "the disk fills",
      { store: { disk_free_bytes: 20_000_000_000 } },
      "warn",
      "disk is nearly full",
    ],
    [
      "the disk has no bound",
      { store: { disk_free_bytes: null, disk_bytes: null } },
      "good",
      "stored",
    ],
    ["ingestion is elsewhere", { ingestion: null }, "good", "What arrives is stored"],
  ])("when %s", (_, changes, state, words) => {
    const health = mapHealth(status(changes));
    expect(health.state).toBe(state);
    expect(health.words).toContain(words);
  });
});

describe("mapFacts", () => {
  function told(changes: Changes, sinceReceivedMs = 0) {
    const facts = mapFacts(status(changes), RECEIVED_AT_MS + sinceReceivedMs);
    return Object.fromEntries(facts.map(({ name, value, note }) => [name, [value, note]]));
  }

  it("says_what_waits_and_what_is_kept", () => {
    expect(told({}, 2_000)).toEqual({
      Journal: ["0 events wait", "0 B of 2.7 GB"],
      "Last stored": ["12 s ago", "1,204 events at once"],
      ClickHouse: ["26.7.2.1", "embedded"],
      "Events kept": ["1.6M", "19.6 MB on disk"],
      Retention: ["90 days", "WEIR_RETENTION_DAYS changes it."],
      Disk: ["55.8 GB free", "of 270.6 GB"],
    });
  });

  it("says_how_long_the_oldest_event_has_waited", () => {
    const ingestion = { buffered_events: 1, buffered_bytes: 310, oldest_unflushed_ms: 4_200 };
    expect(told({ ingestion }).Journal).toEqual([
      "1 event waits",
      "310 B of 2.7 GB, the oldest for 4 s",
    ]);
  });

  it("says_what_is_not_known_in_words", () => {
    expect(told({ ingestion: null, store: null, embedded_engine: false })).toEqual({
      Ingestion: ["in another process", "Ask its GET /health: this one takes no events."],
      ClickHouse: ["does not answer", "a server, by CLICKHOUSE_URL"],
      Retention: ["90 days", undefined],
    });
    const unstored = told({
      ingestion: { last_flush_at: null, last_flush_events: null },
      store: { disk_bytes: null },
    });
    expect(unstored["Last stored"]).toEqual(["nothing since the start", undefined]);
    expect(unstored.Disk).toEqual(["without a bound", "as object storage is"]);
  });
});
