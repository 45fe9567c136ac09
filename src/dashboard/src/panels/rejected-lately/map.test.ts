import { describe, expect, it } from "vitest";
import type { RejectedReply } from "../../api/client.ts";
import { kindOf, mapRejectedLately } from "./map.ts";

type Row = RejectedReply["rows"][number];

function row(reason: string, changes: Partial<Row> = {}): Row {
  return {
    id: "0",
    received_at: "2026-11-23T10:00:00.000Z",
    source: "ingest",
    event_index: 0,
    field: "device_type",
    reason,
    raw: "{}",
    ...changes,
  };
}

describe("mapRejectedLately", () => {
  it("counts_by_what_is_wrong_the_most_frequent_first", () => {
    const { table, headline } = mapRejectedLately({
      rows: [
        row("is missing", { field: "session_id" }),
        row('"watch" is none of desktop, mobile, tablet, other'),
        row('"fridge" is none of desktop, mobile, tablet, other', {
          received_at: "2026-11-23T10:01:00.000Z",
        }),
        row("is missing", { field: "session_id", source: "store" }),
      ],
      next: null,
    });
    expect(table.rows.map((cells) => cells.slice(0, 4))).toEqual([
      ["“…” is none of desktop, mobile, tablet, other", "device_type", "validation", 2],
      ["is missing", "session_id", "validation", 1],
      ["is missing", "session_id", "ClickHouse", 1],
    ]);
    expect(table.rows[0]?.[4]).toBe(Date.parse("2026-11-23T10:01:00.000Z"));
    expect(headline).toMatchObject({
      value: "4",
      unit: "events rejected in the last hour",
      alarming: true,
    });
  });

  it("says_when_there_are_more_than_it_knows", () => {
    const { headline, count } = mapRejectedLately({
      rows: Array.from({ length: 1_000 }, () => row("is missing")),
      next: "x",
    });
    expect(count).toBe("1,000+");
    expect(headline.note).toBe("by what is wrong with the newest 1,000");
  });

  it("is_missing_when_nothing_is_wrong", () => {
    const { missing, headline, count } = mapRejectedLately({ rows: [], next: null });
    expect(missing).toBe("No event was rejected in the last hour.");
    expect(headline).toMatchObject({ value: "0", alarming: false });
    expect(count).toBe("0");
  });
});

it.each([
  [
    'unknown field "colour"; your own data goes into properties',
    "unknown field “…”; your own data goes into properties",
  ],
  ['"a \\"b\\" c" is no name', "“…” is no name"],
  [
    "not valid JSON: a comma is missing at byte 512 of the body",
    "not valid JSON: a comma is missing at byte … of the body",
  ],
  [
    "are 20000 bytes long; at most 16384 are allowed",
    "are … bytes long; at most 16384 are allowed",
  ],
  ["is missing", "is missing"],
])("what_one_event_alone_has_makes_no_kind: %s", (reason, kind) => {
  expect(kindOf(reason)).toBe(kind);
});
