import { describe, expect, it } from "vitest";
import { choice, flag, hrefTo, list, type Parameter, readable, text } from "./url-state.ts";

const range = choice("range", ["1h", "24h"], "1h");

function written<Value>(parameter: Parameter<Value>, value: Value, before = ""): string {
  const query = new URLSearchParams(before);
  parameter.write(query, value);
  return query.toString();
}

describe("a parameter", () => {
  it.each([
    ["a choice", range, "range=24h", "24h"],
    ["no choice", range, "", "1h"],
    ["no such choice", range, "range=7d", "1h"],
    ["an empty choice", range, "range=", "1h"],
    ["text", text("find"), "find=a%20b", "a b"],
    ["no text", text("find"), "range=24h", ""],
    ["a flag", flag("wall"), "wall", true],
    ["no flag", flag("wall"), "range=24h", false],
    ["a list", list("step"), "step=a&range=1h&step=b", ["a", "b"]],
    ["no list", list("step"), "", []],
  ] as [string, Parameter<unknown>, string, unknown][])(
    "is_read_from_the_query: %s",
    (_, parameter, query, value) => {
      expect(parameter.read(new URLSearchParams(query))).toEqual(value);
    },
  );

  it("is_written_beside_the_others", () => {
    expect(written(range, "24h", "find=x&range=1h")).toBe("find=x&range=24h");
    expect(written(text("find"), "a b", "range=1h")).toBe("range=1h&find=a+b");
    expect(written(flag("wall"), true)).toBe("wall=");
    expect(written(list("step"), ["b", "a"], "step=c&range=1h")).toBe("range=1h&step=b&step=a");
  });

  it("that_is_empty_is_absent", () => {
    expect(written(text("find"), "", "find=x")).toBe("");
    expect(written(flag("wall"), false, "wall")).toBe("");
    expect(written(list("step"), [], "step=a")).toBe("");
  });
});

it("a_link_keeps_what_pages_have_in_common", () => {
  expect(hrefTo("/features", "")).toBe("/features");
  expect(hrefTo("/", "?weeks=12")).toBe("/");
  expect(hrefTo("/", "?step=a&range=24h&step=b&compare=week&wall")).toBe(
    "/?range=24h&compare=week&wall=",
  );
});

it("a_link_is_for_people_to_read_and_means_the_same", () => {
  const query = new URLSearchParams({ steps: "a,b", filter: "1:properties.url:=:a&b %2C" });
  const link = readable(`/funnels?${query}`);
  expect(link).toBe("/funnels?steps=a,b&filter=1:properties.url:%3D:a%26b+%252C");
  expect([...new URL(link, "http://weir").searchParams]).toEqual([...query]);
});
