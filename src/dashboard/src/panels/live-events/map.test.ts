import { describe, expect, it } from "vitest";
import { type Filter, liveTable, mapLiveEvents, pairs, ROWS_SHOWN_MAX, wholeJson } from "./map.ts";
import { joined, type LiveEvent } from "./tail.ts";

const NOW_MS = Date.parse("2026-11-23T10:00:01.000Z");
const ALL: Filter = { event: "", session: "", user: "", text: "" };

function event(changes: Partial<LiveEvent> = {}): LiveEvent {
  return {
    timestamp: "2026-11-23T10:00:00.250Z",
    event_name: "page_view",
    user_id: null,
    session_id: "s-1",
    device_type: "desktop",
    country_code: "PT",
    properties: '{"path":"/pricing"}',
    event_id: "",
    received_at: "2026-11-23T10:00:00.300Z",
    delay_ms: 50,
    clock_skew_ms: 0,
    ...changes,
  };
}

function shown(events: LiveEvent[], filter: Partial<Filter> = {}) {
  return mapLiveEvents(joined(events, null, NOW_MS), { ...ALL, ...filter }, NOW_MS);
}

describe("mapLiveEvents", () => {
  it("says_what_each_event_is", () => {
    expect(shown([event()]).rows[0]).toMatchObject({
      time: expect.stringMatching(/^\d\d:\d\d:00\.250$/),
      name: "page_view",
      who: { kind: "session", id: "s-1" },
      device: "desktop",
      country: "PT",
      pairs: [{ key: "path", value: "/pricing" }],
      isNew: false,
    });
    expect(shown([event({ user_id: "u-7" })]).rows[0]?.who).toEqual({ kind: "user", id: "u-7" });
  });

  it("marks_the_latest_arrivals_alone", () => {
    const first = joined([event()], null, NOW_MS);
    const second = joined([event({ session_id: "s-2" }), event()], first, NOW_MS + 1);
    const third = joined([event({ session_id: "s-3" })], second, NOW_MS + 2);
    const isNew = (tail: typeof first) =>
      mapLiveEvents(tail, ALL, NOW_MS).rows.map((row) => row.isNew);
    expect(isNew(second)).toEqual([true, false]);
    expect(isNew(third)).toEqual([true, false, false]);
  });

  it.each([
    ["part of a name", { event: "sign" }, 1],
    ["a user, whatever the case", { user: "U-7" }, 1],
    ["a session", { session: "s-2" }, 1],
    ["text of a property", { text: "pricing" }, 2],
    ["all at once", { text: "pricing", session: "s-1" }, 1],
    ["nothing of the kind", { user: "u-8" }, 0],
    ["spaces around what was pasted", { session: " s-2 " }, 1],
  ] as const)("is_filtered_by %s", (_, filter, matching) => {
    const events = [
      event(),
      event({ session_id: "s-2", user_id: "u-7" }),
      event({ session_id: "s-3", event_name: "signup_started", properties: "{}" }),
    ];
    expect(shown(events, filter)).toMatchObject({ matching, seen: 3, missing: null });
  });

  it("draws_a_bounded_number_of_rows", () => {
    const events = Array.from({ length: 150 }, (_, index) => event({ session_id: `s-${index}` }));
    expect(shown(events).rows).toHaveLength(ROWS_SHOWN_MAX);
    expect(shown(events).matching).toBe(150);
  });

  it("is_missing_without_events", () => {
    expect(shown([]).missing).toBe("No events yet.");
  });
});

describe("pairs", () => {
  it("reads_texts_as_they_are_and_the_rest_as_json", () => {
    expect(pairs('{"plan":"pro","seats":3,"beta":true,"tags":["a","b"],"ref":null}')).toEqual([
      { key: "plan", value: "pro" },
      { key: "seats", value: "3" },
      { key: "beta", value: "true" },
      { key: "tags", value: '["a","b"]' },
      { key: "ref", value: "null" },
    ]);
  });

  it("cuts_what_is_long_and_counts_what_is_left_out", () => {
    expect(pairs(JSON.stringify({ text: "界".repeat(60) }))).toEqual([
      { key: "text", value: `${"界".repeat(48)}…` },
    ]);
    const many = Object.fromEntries(Array.from({ length: 9 }, (_, index) => [`k${index}`, index]));
    expect(pairs(JSON.stringify(many)).at(-1)).toEqual({ key: "…", value: "3 more" });
  });

  it("is_empty_without_properties", () => {
    expect(pairs("{}")).toEqual([]);
    expect(pairs("")).toEqual([]);
  });
});

describe("wholeJson", () => {
  it("holds_all_of_the_event", () => {
    const whole = JSON.parse(wholeJson(event({ user_id: "u-7" })));
    expect(whole).toEqual({ ...event({ user_id: "u-7" }), properties: { path: "/pricing" } });
  });

  it("shows_properties_in_lines", () => {
    expect(wholeJson(event())).toContain('  "properties": {\n    "path": "/pricing"\n  }\n}');
  });

  it("never_changes_what_was_sent", () => {
    const sent = '{"id": 12345678901234567890, "text": "a  b"}';
    expect(wholeJson(event({ properties: sent }))).toContain(`"properties": ${sent}\n}`);
  });
});

it("the_table_holds_all_columns_in_full", () => {
  const { columns, rows } = liveTable(shown([event({ user_id: "u-7" })]));
  expect(columns.map(({ name }) => name)).toContain("session");
  expect(rows).toEqual([
    [NOW_MS - 750, "page_view", "u-7", "s-1", "desktop", "PT", '{"path":"/pricing"}'],
  ]);
});
