import { expect, it } from "vitest";
import { age, fineAge } from "./times.ts";

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
