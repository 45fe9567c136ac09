import { expect, it } from "vitest";
import { mapRejectedEvents } from "./map.ts";

const NOW_MS = Date.parse("2026-11-23T10:00:30.000Z");
const ROW = {
  id: "0d9c",
  received_at: "2026-11-23T10:00:00.250Z",
  source: "ingest",
  event_index: 3,
  field: "device_type",
  reason: '"watch" is none of desktop, mobile, tablet, other',
  raw: '{"device_type":"watch"}',
};

it("a_rejected_event_says_what_is_wrong_with_it", () => {
  const { rows, next, missing, table } = mapRejectedEvents({ rows: [ROW], next: "later" }, NOW_MS);
  expect(rows).toEqual([
    {
      key: "0d9c",
      time: expect.stringMatching(/^\d\d:\d\d:00\.250$/),
      field: "device_type",
      reason: ROW.reason,
      refusedBy: "validation",
      raw: ROW.raw,
    },
  ]);
  expect(next).toBe("later");
  expect(missing).toBeNull();
  expect(table.rows).toEqual([[NOW_MS - 29_750, "device_type", ROW.reason, "ingest", 3, ROW.raw]]);
});

it("nothing_is_rejected_and_no_page_follows", () => {
  const { missing, next } = mapRejectedEvents({ rows: [] }, NOW_MS);
  expect(missing).toBe("No event was rejected lately.");
  expect(next).toBeNull();
});
