import { describe, expect, it } from "vitest";
import {
  type Filter,
  type Funnel,
  fromSaved,
  hrefOf,
  isComplete,
  isSame,
  lastWords,
  readFunnel,
  type Step,
  spanWords,
  stepName,
  withMovedStep,
  withNewStep,
  withoutStep,
  writeFunnel,
} from "./funnel.ts";

function step(event_name: string, ...filters: Filter[]): Step {
  return { event_name, filters };
}

function funnel(changes: Partial<Funnel> = {}): Funnel {
  return {
    steps: [step("a"), step("b")],
    window: "1h",
    range: "24h",
    order: "strict",
    breakdown: null,
    ...changes,
  };
}

const read = (query: string) => readFunnel(new URLSearchParams(query));

describe("a_funnel_is_read_from_the_url", () => {
  const rows: [string, Funnel][] = [
    ["", funnel({ steps: [] })],
    ["steps=a,b", funnel()],
    ["steps=a%2Cb&wall", funnel()],
    ["steps=a,,b,", funnel()],
    ["steps=a,a", funnel({ steps: [step("a"), step("a")] })],
    [
      "steps=a,b&window=10m&range=1h&order=any&breakdown=properties.plan",
      funnel({ window: "10m", range: "1h", order: "any", breakdown: "properties.plan" }),
    ],
    ["steps=a,b&breakdown=", funnel()],
    // The server says what is wrong with these.
    ["steps=a,b&window=soon&range=91d", funnel({ window: "soon", range: "91d" })],
    [
      "steps=a,b&filter=2:properties.url:contains:https%3A%2F%2Fx:=:y&filter=1:country_code:exists&filter=2:device_type:!%3D:other",
      funnel({
        steps: [
          step("a", { field: "country_code", op: "exists", value: null }),
          step(
            "b",
            { field: "properties.url", op: "contains", value: "https://x:=:y" },
            { field: "device_type", op: "!=", value: "other" },
          ),
        ],
      }),
    ],
    [
      "steps=a,b&filter=1:properties.a:b:<:5",
      funnel({ steps: [step("a", { field: "properties.a:b", op: "<", value: "5" }), step("b")] }),
    ],
    [
      "steps=a,b&filter=1:properties.note:=:",
      funnel({ steps: [step("a", { field: "properties.note", op: "=", value: "" }), step("b")] }),
    ],
  ];
  it.each(rows)("%s", (query, expected) => {
    expect(read(query)).toEqual({ funnel: expected, unread: [] });
  });
});

it.each([
  ["filter=3:device_type:=:other", "filter=3:device_type:=:other"],
  ["filter=0:device_type:exists", "filter=0:device_type:exists"],
  ["filter=1:device_type:like:other", "filter=1:device_type:like:other"],
  ["filter=device_type", "filter=device_type"],
  ["order=random", "order=random"],
])("what_cannot_be_read_is_told: %s", (query, told) => {
  expect(read(`steps=a,b&${query}`)).toEqual({ funnel: funnel(), unread: [told] });
});

it("a_funnel_is_the_same_after_it_was_written_and_read", () => {
  const all = funnel({
    steps: [
      step("a", { field: "properties.q&a", op: "=", value: "x & y = 1, 2 : 3 + 4 #" }),
      step("b", { field: "properties.名前", op: "exists", value: null }),
      step("a"),
    ],
    window: "7d",
    range: "30d",
    order: "any",
    breakdown: "properties.email_domain",
  });
  const href = hrefOf(all);
  expect(read(href.split("?")[1] ?? "")).toEqual({ funnel: all, unread: [] });
});

it("an_address_is_for_people_to_read", () => {
  expect(hrefOf(funnel({ window: "10m", range: "1h", breakdown: "properties.email_domain" }))).toBe(
    "/funnels?steps=a,b&window=10m&range=1h&breakdown=properties.email_domain",
  );
});

it("a_group_and_an_order_of_groups_end_with_their_breakdown", () => {
  const before = "steps=a,b&breakdown=device_type&group=%3Dother&sort=2&wall";
  const written = (changes: Partial<Funnel>) => {
    const query = new URLSearchParams(before);
    writeFunnel(query, funnel(changes));
    return [...query.keys()];
  };
  const kept = ["group", "sort", "wall", "steps", "window", "range", "breakdown"];
  expect(written({ breakdown: "device_type" })).toEqual(kept);
  expect(written({ breakdown: "country_code" })).toEqual(kept.slice(2));
});

it("a_saved_funnel_is_what_its_link_shows", () => {
  const saved = fromSaved({
    steps: [{ event_name: "a" }, { event_name: "b", filters: [{ field: "x", op: "exists" }] }],
  });
  expect(saved).toEqual(
    funnel({ steps: [step("a"), step("b", { field: "x", op: "exists", value: null })] }),
  );
  expect(isSame(saved, fromSaved(saved as never))).toBe(true);
  expect(isSame(saved, funnel())).toBe(false);
});

it("filters_go_along_with_their_step", () => {
  const filter = { field: "device_type", op: "=", value: "mobile" } as const;
  const three = withNewStep(funnel({ steps: [step("a", filter), step("b")] }), "c");
  const names = (moved: Funnel) => moved.steps.map((each) => each.event_name).join("");
  expect(names(withMovedStep(three, 0, 1))).toBe("bac");
  expect(withMovedStep(three, 0, 2).steps[2]?.filters).toEqual([filter]);
  expect(names(withMovedStep(three, 0, -1))).toBe("abc");
  expect(names(withMovedStep(three, 2, 3))).toBe("abc");
  expect(names(withoutStep(three, 1))).toBe("ac");
});

it.each([
  ["", "=", "x", false],
  ["device_type", "=", "", false],
  ["device_type", "=", null, false],
  ["device_type", "=", "mobile", true],
  ["device_type", "exists", null, true],
  ["properties.size", "<", "ten", false],
  ["properties.size", "<", " ", false],
  ["properties.size", ">", "1e3", true],
] as [string, Filter["op"], string | null, boolean][])(
  "a_filter_applies_when_it_is_complete: %s %s %s",
  (field, op, value, complete) => {
    expect(isComplete({ field, op, value })).toBe(complete);
  },
);

it.each([
  ["1h", "1 hour", "hour"],
  ["4h", "4 h", "4 h"],
  ["10m", "10 min", "10 min"],
  ["1d", "1 day", "day"],
  ["30d", "30 days", "30 days"],
  ["soon", "soon", "soon"],
])("a_length_of_time_is_said_in_words: %s", (span, alone, last) => {
  expect([spanWords(span), lastWords(span)]).toEqual([alone, last]);
});

it("a_step_of_any_order_is_a_number_of_steps", () => {
  expect(stepName(funnel(), 1)).toBe("b");
  expect(stepName(funnel({ order: "any" }), 1)).toBe("2 of 2 steps");
});
