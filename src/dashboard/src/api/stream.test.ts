import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { RevisionStream, reopenAfterMs } from "./stream.ts";

const SINCE = "2026-11-23T10:00:00.500Z";

/** What the browser's EventSource does, on command. */
class Source extends EventTarget {
  isClosed = false;
  close = () => {
    this.isClosed = true;
  };

  tell(since: string) {
    this.dispatchEvent(new MessageEvent("revision", { data: JSON.stringify({ since }) }));
  }

  fail() {
    this.dispatchEvent(new Event("error"));
  }
}

function opened() {
  const sources: Source[] = [];
  const stream = new RevisionStream(() => {
    const source = new Source();
    sources.push(source);
    return source as unknown as EventSource;
  });
  stream.open();
  return { stream, sources, latest: () => sources.at(-1) as Source };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe("RevisionStream", () => {
  it("is_live_once_a_revision_was_told", () => {
    const { stream, latest } = opened();
    expect(stream.read()).toEqual({ state: "opening", sinceMs: null });
    latest().tell(SINCE);
    expect(stream.read()).toEqual({ state: "live", sinceMs: Date.parse(SINCE) });
  });

  it("does_not_repeat_what_was_told", () => {
    const { stream, latest } = opened();
    const reader = vi.fn();
    stream.subscribe(reader);
    latest().tell(SINCE);
    latest().tell(SINCE);
    expect(reader).toHaveBeenCalledTimes(1);
  });

  it("is_broken_by_an_error_and_opened_again", () => {
    const { stream, sources, latest } = opened();
    latest().tell(SINCE);
    latest().fail();
    expect(stream.read().state).toBe("broken");
    expect(sources[0]?.isClosed).toBe(true);
    vi.advanceTimersByTime(1_000);
    expect(sources).toHaveLength(2);
    expect(stream.read().state).toBe("broken");
    latest().tell(SINCE);
    expect(stream.read().state).toBe("live");
  });

  it("is_broken_by_silence", () => {
    const { stream, latest } = opened();
    latest().tell(SINCE);
    for (let heartbeat = 0; heartbeat < 10; heartbeat += 1) {
      vi.advanceTimersByTime(15_000);
      latest().tell(SINCE);
    }
    expect(stream.read().state).toBe("live");
    vi.advanceTimersByTime(40_000);
    expect(stream.read().state).toBe("broken");
  });

  it("is_left_alone_while_closed", () => {
    const { stream, sources, latest } = opened();
    latest().tell(SINCE);
    stream.close();
    vi.advanceTimersByTime(600_000);
    expect(stream.read().state).toBe("opening");
    expect(sources).toHaveLength(1);
    stream.open();
    latest().tell(SINCE);
    expect(stream.read().state).toBe("live");
  });

  it("waits_longer_each_time_until_a_stream_lasts", () => {
    const { sources, latest } = opened();
    for (let broken = 1; broken <= 8; broken += 1) {
      latest().fail();
      vi.advanceTimersByTime(reopenAfterMs(broken, 1));
      expect(sources).toHaveLength(broken + 1);
    }
    latest().tell(SINCE);
    vi.advanceTimersByTime(30_001);
    latest().fail();
    vi.advanceTimersByTime(1_000);
    expect(sources).toHaveLength(10);
  });
});

describe("reopenAfterMs", () => {
  it.each([
    [1, 0, 500],
    [1, 1, 1_000],
    [4, 1, 8_000],
    [6, 1, 30_000],
    [2_000, 0, 15_000],
  ])("of_%i_in_a_row_at_%f", (brokenInARow, random, afterMs) => {
    expect(reopenAfterMs(brokenInARow, random)).toBe(afterMs);
  });
});
