import { describe, expect, it } from "vitest";
import type { Answers } from "../../api/client.ts";
import { errorMinutesTable, mapErrorRate, readErrorMinute } from "./map.ts";

/** One row a minute from [events, errors], the last of them still running. */
function answer(...minutes: [number, number][]): Answers["error_rate"] {
  const startMs = Date.parse("2026-11-23T10:00:00Z");
  return {
    rows: minutes.map(([events, errors], index) => ({
      minute: new Date(startMs + index * 60_000).toISOString(),
      events,
      errors,
      error_pct: events === 0 ? null : (100 * errors) / events,
    })),
    newest_event_at: null,
    computed_at: new Date(startMs + minutes.length * 60_000 - 20_000).toISOString(),
    elapsed_ms: 4,
  };
}

const calm: [number, number][] = Array.from({ length: 5 }, () => [100, 0]);

describe("mapErrorRate", () => {
  it("weighs_minutes_by_their_events", () => {
    const { headline } = mapErrorRate(answer([900, 0], [0, 0], [0, 0], [0, 0], [100, 5]), "1h");
    expect(headline.value).toBe("0.5%");
    expect(headline.alarming).toBe(false);
  });

  it("says_over_only_above_the_threshold", () => {
    expect(mapErrorRate(answer([100, 1]), "1h").headline.alarming).toBe(false);
    const { headline } = mapErrorRate(answer(...calm, [500, 8], ...calm.slice(1)), "1h");
    expect(headline.alarming).toBe(false);
    const over = mapErrorRate(answer(...calm, [100, 20], ...calm.slice(1)), "1h").headline;
    expect(over.alarming).toBe(true);
    expect(over.unit).toBe("Over 1% in the last 5 minutes");
    expect(over.note).toBe("▲ 4 pts on the 5 before");
  });

  it("keeps_minutes_without_events_as_gaps", () => {
    const { points } = mapErrorRate(answer([100, 1], [0, 0], [50, 0]), "1h");
    expect(points.map((point) => point.value)).toEqual([1, null, 0]);
    expect(points.map((point) => point.running)).toEqual([false, false, true]);
  });

  it("has_no_rate_when_the_last_minutes_were_silent", () => {
    const silent = Array.from({ length: 5 }, (): [number, number] => [0, 0]);
    const { headline, missing } = mapErrorRate(answer([100, 1], ...silent), "1h");
    expect(headline.value).toBe("–");
    expect(headline.note).toBe("no events in that time");
    expect(missing).toBeNull();
  });

  it("is_missing_when_there_were_no_events_at_all", () => {
    expect(mapErrorRate(answer([0, 0]), "1h").missing).toBe("No events in the last hour.");
  });
});

it("compared_with_last_week_the_last_five_minutes_stand_beside_those_of_then", () => {
  const then = { answer: answer(...calm, [100, 5]), agoMs: 0, words: "last week" };
  const picture = mapErrorRate(answer(...calm, [100, 0]), "1h", then);
  const { headline, points } = picture;
  expect(headline.note).toBe("▼ 1 pt on last week");
  expect(points.at(-1)?.compared).toBe(5);
  const figures = points.slice(-1).flatMap((point) => readErrorMinute(point).figures);
  expect(figures.at(-1)).toEqual({ label: "Last week", value: "5%" });
  const { columns, rows } = errorMinutesTable(picture);
  expect(columns.slice(4, 7).map(({ name }) => name)).toEqual([
    "Events last week",
    "Errors last week",
    "Error rate last week",
  ]);
  expect(rows.at(-1)?.slice(1)).toEqual([100, 0, 0, 100, 5, 5, "so far"]);
  const silent = { ...then, answer: answer([0, 0]) };
  expect(mapErrorRate(answer([100, 0]), "1h", silent).headline.note).toBe("no events last week");
});

it("a_silent_minute_is_read_without_a_rate", () => {
  const minute = {
    timeMs: 0,
    value: null,
    running: false,
    events: 0,
    errors: 0,
    eventsThen: null,
    errorsThen: null,
    comparedWords: null,
  };
  expect(readErrorMinute(minute).figures.map((figure) => figure.value)).toEqual(["–", "0", "0"]);
});

it("the_table_holds_every_minute_and_keeps_its_gaps", () => {
  const { rows } = errorMinutesTable(mapErrorRate(answer([200, 1], [0, 0], [50, 0]), "1h"));
  expect(rows.map((row) => row.slice(1))).toEqual([
    [200, 1, 0.5, ""],
    [0, 0, null, ""],
    [50, 0, 0, "so far"],
  ]);
});
