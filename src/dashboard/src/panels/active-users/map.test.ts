import { describe, expect, it } from "vitest";
import type { Answers } from "../../api/client.ts";
import { mapActiveUsers, minutesTable, readMinute } from "./map.ts";

function answer(counts: number[], now: number, before: number): Answers["active_users"] {
  return {
    rows: counts.map((active_users, index) => ({
      minute: `2026-11-23T10:0${index}:00Z`,
      active_users,
      active_users_5m: now,
      active_users_5m_before: before,
    })),
    newest_event_at: "2026-11-23T10:02:29.000Z",
    computed_at: "2026-11-23T10:02:30.000Z",
    elapsed_ms: 4,
  };
}

describe("mapActiveUsers", () => {
  it("compares_the_last_five_minutes_with_the_five_before", () => {
    const { headline } = mapActiveUsers(answer([3, 5, 2], 12_345, 12_000), "1h");
    expect(headline.value).toBe("12.3K");
    expect(headline.title).toBe("12,345");
    expect(headline.note).toBe("▲ 345 on the 5 before");
  });

  it("marks_only_the_minute_that_has_not_ended", () => {
    const { points } = mapActiveUsers(answer([3, 5, 2], 8, 8), "1h");
    expect(points.map((point) => point.running)).toEqual([false, false, true]);
    expect(points.map((point) => point.value)).toEqual([3, 5, 2]);
  });

  it("is_missing_only_when_nobody_came_in_the_whole_range", () => {
    expect(mapActiveUsers(answer([0, 0, 0], 0, 0), "6h").missing).toBe(
      "Nobody was active in the last 6 h.",
    );
    expect(mapActiveUsers(answer([1, 0, 0], 0, 1), "6h").missing).toBeNull();
    expect(mapActiveUsers({ ...answer([], 0, 0) }, "1h").missing).not.toBeNull();
  });
});

it("compared_with_yesterday_each_minute_stands_beside_the_one_a_day_before", () => {
  const then = answer([7, 9], 10, 99);
  const dayBefore = then.rows.map((row) => ({
    ...row,
    minute: row.minute.replace("-23T", "-22T"),
  }));
  const compared = { answer: { ...then, rows: dayBefore }, agoMs: 86_400_000, words: "yesterday" };
  const picture = mapActiveUsers(answer([3, 5, 2], 8, 1), "1h", compared);
  const { headline, points } = picture;
  expect(headline.note).toBe("▼ 2 on yesterday");
  expect(points.map((point) => point.compared)).toEqual([7, 9, null]);
  const figures = points.map((point) => readMinute(point).figures[1]);
  expect(figures[0]).toEqual({ label: "Yesterday", value: "7" });
  expect(figures[2]).toEqual({ label: "Yesterday", value: "–" });
  const { columns, rows } = minutesTable(picture);
  expect(columns[2]).toEqual({ name: "Active users yesterday", kind: "count" });
  expect(rows.map((row) => row.slice(1, 3))).toEqual([
    [3, 7],
    [5, 9],
    [2, null],
  ]);
});

it("a_running_minute_is_read_as_so_far", () => {
  const reading = readMinute({ timeMs: 0, value: 1_234, running: true, comparedWords: null });
  expect(reading.heading).toMatch(/^\d\d:\d\d, so far$/);
  expect(reading.figures).toEqual([{ label: "Active users", value: "1,234" }]);
});

it("the_table_holds_every_minute_and_marks_the_running_one", () => {
  const { rows } = minutesTable(mapActiveUsers(answer([3, 5, 2], 8, 8), "1h"));
  expect(rows.map((row) => row.slice(1))).toEqual([
    [3, ""],
    [5, ""],
    [2, "so far"],
  ]);
});
