import { expect, it } from "vitest";
import { age, duration, exactTime, fineAge } from "./times.ts";

it("an_age_is_said_in_its_largest_whole_unit", () => {
  expect(age(-20)).toBe("0 s");
  expect(age(59_999)).toBe("59 s");
  expect(age(60_000)).toBe("1 min");
  expect(age(3_599_999)).toBe("59 min");
  expect(age(7_200_000)).toBe("2 h");
  expect(age(172_800_000)).toBe("2 d");
});

it("an_age_below_ten_seconds_has_tenths", () => {
  expect(fineAge(-20)).toBe("0.0 s");
  expect(fineAge(849)).toBe("0.8 s");
  expect(fineAge(9_999)).toBe("9.9 s");
  expect(fineAge(10_000)).toBe("10 s");
  expect(fineAge(60_000)).toBe("1 min");
});

it.each([
  [0.04, "0 s"],
  [2.24, "2.2 s"],
  [9.96, "10 s"],
  [59.4, "59 s"],
  [59.6, "1 min"],
  [65, "1 min 5 s"],
  [3_600, "1 h"],
  [7_500, "2 h 5 min"],
  [273_600, "3 d 4 h"],
])("a_duration_is_said_in_its_two_largest_units: %d", (seconds, words) => {
  expect(duration(seconds)).toBe(words);
});

it("a_time_to_the_millisecond_has_its_day_unless_that_is_today", () => {
  const noonMs = new Date(2026, 10, 23, 12, 0, 5, 7).getTime();
  expect(exactTime(noonMs, noonMs + 3_600_000)).toBe("12:00:05.007");
  expect(exactTime(noonMs, noonMs + 86_400_000)).toBe("23 Nov, 12:00:05.007");
});
