import { describe, expect, it } from "vitest";
import type { Answers } from "../../api/client.ts";
import { bucketsTable, COMPARED_STARTS_MIN, mapSignupFunnel, readBucket } from "./map.ts";

type Row = Answers["signup_funnel"]["rows"][number];

function row(minute: string, started: number, completed: number, before = [0, 0]): Row {
  return {
    bucket: `2026-11-23T10:${minute}:00Z`,
    started,
    completed,
    conversion_pct: started === 0 ? null : (100 * completed) / started,
    started_before: before[0] ?? 0,
    completed_before: before[1] ?? 0,
  };
}

function answer(...rows: Row[]): Answers["signup_funnel"] {
  return {
    rows,
    newest_event_at: "2026-11-23T10:11:00.000Z",
    computed_at: "2026-11-23T10:12:00.000Z",
    elapsed_ms: 4,
  };
}

describe("mapSignupFunnel", () => {
  it("rates_the_whole_range_and_not_the_mean_of_its_buckets", () => {
    const { headline } = mapSignupFunnel(
      answer(row("00", 90, 45, [100, 40]), row("05", 10, 0), row("10", 0, 0)),
      "1h",
    );
    expect(headline.value).toBe("45%");
    expect(headline.unit).toBe("of 100 in the last hour");
    expect(headline.note).toBe("▲ 5 pts on the hour before");
  });

  it("compares_with_the_same_range_of_another_day_instead_of_the_one_before", () => {
    const then = answer(row("00", 50, 40), row("05", 50, 40));
    const compared = { answer: then, agoMs: 300_000, words: "yesterday" };
    const now = answer(row("00", 60, 30, [100, 40]), row("05", 40, 20));
    const picture = mapSignupFunnel(now, "1h", compared);
    const { headline, buckets } = picture;
    expect(headline.note).toBe("▼ 30 pts on yesterday");
    // The bucket of then that is as long ago before it.
    expect(buckets.map((bucket) => bucket.comparedPct)).toEqual([null, 80]);
    const last = buckets.slice(-1).flatMap((bucket) => readBucket(bucket).figures);
    expect(last.at(-1)).toEqual({ label: "Yesterday", value: "80%" });
    const { columns, rows } = bucketsTable(picture);
    expect(columns.slice(6, 9).map(({ name }) => name)).toEqual([
      "Started yesterday",
      "Completed yesterday",
      "Conversion yesterday",
    ]);
    expect(rows.map((cells) => cells.slice(6, 9))).toEqual([
      [null, null, null],
      [50, 40, 80],
    ]);
  });

  it("compares_nothing_with_a_range_in_which_too_few_started", () => {
    const noteWith = (started: number, startedBefore: number) =>
      mapSignupFunnel(answer(row("00", started, 9, [startedBefore, 3])), "24h").headline.note;
    expect(noteWith(30, 30)).toBe("▲ 20 pts on the 24 h before");
    for (const few of [0, 1, COMPARED_STARTS_MIN - 1]) {
      expect(noteWith(400, few).trim()).toBe("");
      expect(noteWith(few, 400).trim()).toBe("");
    }
  });

  it("keeps_buckets_without_a_start_as_gaps", () => {
    const picture = mapSignupFunnel(answer(row("00", 2, 1), row("05", 0, 0)), "1h");
    expect(picture.buckets.map((bucket) => bucket.ratePct)).toEqual([50, null]);
  });

  it("gives_no_rate_to_a_bucket_that_has_just_begun", () => {
    const picture = mapSignupFunnel(answer(row("05", 1, 3), row("10", 1, 6)), "1h");
    expect(picture.buckets.map((bucket) => bucket.ratePct)).toEqual([300, null]);
  });

  it("takes_the_width_of_a_bucket_from_the_rows", () => {
    const { buckets } = mapSignupFunnel(
      answer(row("00", 2, 1), row("05", 1, 0), row("10", 1, 0)),
      "1h",
    );
    expect(buckets.map((bucket) => bucket.running)).toEqual([false, false, true]);
    expect((buckets[0]?.endMs ?? 0) - (buckets[0]?.startMs ?? 0)).toBe(300_000);
  });

  it("is_missing_when_no_sign_up_started_or_completed", () => {
    expect(mapSignupFunnel(answer(row("00", 0, 0)), "1h").missing).toBe(
      "No sign-up started in the last hour.",
    );
    const late = mapSignupFunnel(answer(row("00", 0, 3)), "1h");
    expect(late.missing).toBeNull();
    expect(late.headline.value).toBe("–");
  });
});

it("a_bucket_is_read_beside_the_one_a_range_earlier", () => {
  const { buckets } = mapSignupFunnel(answer(row("00", 8, 2, [10, 4]), row("05", 0, 0)), "1h");
  const figures = buckets[0] === undefined ? [] : readBucket(buckets[0]).figures;
  expect(figures.map((figure) => figure.value)).toEqual(["8", "2", "25%", "40%"]);
});

it("the_table_holds_every_bucket_beside_the_one_a_range_earlier", () => {
  const picture = mapSignupFunnel(answer(row("05", 4, 1, [5, 2]), row("10", 2, 1)), "1h");
  expect(bucketsTable(picture).rows.map((cells) => cells.slice(1))).toEqual([
    [4, 1, 25, 5, 2, ""],
    [2, 1, 50, 0, 0, "so far"],
  ]);
  const mark = (minute: string, text: string) => {
    const timeMs = Date.parse(`2026-11-23T10:${minute}:30Z`);
    return { id: text, timeMs, text, name: text };
  };
  const marks = [mark("09", "broken"), mark("11", "fixed"), mark("12", "told")];
  expect(bucketsTable(picture, marks).rows.map((cells) => cells.at(-1))).toEqual([
    "broken",
    "so far; fixed; told",
  ]);
});
