import { expect, it } from "vitest";
import { marksByPlace } from "./marks.ts";

it("a_mark_belongs_to_the_place_it_is_in", () => {
  const marks = [{ timeMs: 9 }, { timeMs: 10 }, { timeMs: 19 }, { timeMs: 45 }];
  expect(marksByPlace([10, 20, 30], marks)).toEqual([
    [{ timeMs: 10 }, { timeMs: 19 }],
    [],
    [{ timeMs: 45 }],
  ]);
  expect(marksByPlace([], marks)).toEqual([]);
});
