import { expect, it } from "vitest";
import { mapMarks, toInput, toSend } from "./map.ts";

it("a_mark_is_named_by_its_time_and_text", () => {
  const marks = mapMarks([{ id: "a", text: "fix deployed", at: "2026-11-23T17:42:00.000Z" }]);
  expect(marks[0]?.timeMs).toBe(Date.parse("2026-11-23T17:42:00Z"));
  expect(marks[0]?.name).toMatch(/^Annotation, \d\d:\d\d: fix deployed$/);
});

it("the_time_of_an_input_is_local_and_comes_back_as_it_was", () => {
  const timeMs = Date.parse("2026-11-23T17:42:00Z");
  expect(new Date(toInput(timeMs)).getTime()).toBe(timeMs);
  expect(toInput(timeMs + 59_999)).toBe(toInput(timeMs));
});

it("a_time_left_as_it_stood_means_now", () => {
  const stood = toInput(Date.parse("2026-11-23T17:42:00Z"));
  expect(toSend(" fix ", stood, stood)).toEqual({ text: "fix" });
  expect(toSend("fix", "", stood)).toEqual({ text: "fix" });
  const earlier = toInput(Date.parse("2026-11-23T16:00:00Z"));
  expect(toSend("fix", earlier, stood)).toEqual({ text: "fix", at: "2026-11-23T16:00:00.000Z" });
});
