import { describe, expect, it } from "vitest";
import { joined, type LiveEvent, lastArrivalMs, newSince, TAIL_EVENTS_MAX } from "./tail.ts";

const FIRST_MS = 1_000;
const SECOND_MS = 2_000;

function event(second: number): LiveEvent {
  return {
    timestamp: `2026-11-23T10:00:${String(second % 60).padStart(2, "0")}.000Z`,
    event_name: "page_view",
    user_id: null,
    session_id: `s${second}`,
    device_type: "desktop",
    country_code: "PT",
    properties: "{}",
    event_id: "",
    received_at: "2026-11-23T10:00:00.000Z",
    delay_ms: 0,
    clock_skew_ms: 0,
  };
}

function sessions(rows: readonly { event: LiveEvent }[]): string[] {
  return rows.map((row) => row.event.session_id);
}

describe("a tail", () => {
  const first = joined([event(2), event(1)], null, FIRST_MS);
  const second = joined([event(4), event(3), event(2)], first, SECOND_MS);

  it("keeps_what_was_seen_behind_what_is_new", () => {
    expect(sessions(second)).toEqual(["s4", "s3", "s2", "s1"]);
  });

  it("knows_what_arrived_while_the_page_was_open", () => {
    expect(lastArrivalMs(first)).toBeNull();
    expect(second.map((row) => row.arrivedAtMs)).toEqual([SECOND_MS, SECOND_MS, null, null]);
    expect(lastArrivalMs(second)).toBe(SECOND_MS);
  });

  it("leaves_rows_that_stay_as_they_are", () => {
    expect(second[2]).toBe(first[0]);
    expect(second[3]).toBe(first[1]);
  });

  it("counts_what_came_since_a_pause", () => {
    expect(newSince(first, first)).toBe(0);
    expect(newSince(first, second)).toBe(2);
  });

  it("tells_events_apart_that_say_the_same", () => {
    const twice = joined([event(1), event(1)], null, FIRST_MS);
    expect(new Set(twice.map((row) => row.key)).size).toBe(2);
    expect(joined([event(1), event(1), event(1)], twice, SECOND_MS)).toHaveLength(3);
  });

  it("is_bounded_and_the_oldest_go_first", () => {
    const many = Array.from({ length: TAIL_EVENTS_MAX }, (_, index) => event(index));
    const rows = joined([event(-1)], joined(many, null, FIRST_MS), SECOND_MS);
    expect(rows).toHaveLength(TAIL_EVENTS_MAX);
    expect(sessions(rows)[0]).toBe("s-1");
    expect(sessions(rows).at(-1)).toBe(`s${TAIL_EVENTS_MAX - 2}`);
  });
});
