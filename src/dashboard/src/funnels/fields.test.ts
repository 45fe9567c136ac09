import { expect, it } from "vitest";
import { fieldOptions } from "./fields.ts";

it("fields_are_those_of_every_event_and_the_properties_seen_that_can_be_asked", () => {
  const rows = ["plan", "", "名".repeat(67), "x".repeat(200)].map((property_key) => ({
    property_key,
    events: 1,
    share_pct: 100,
  }));
  const values = fieldOptions({
    rows,
    computed_at: "",
    newest_event_at: null,
    elapsed_ms: 1,
  }).map((field) => field.value);
  expect(values).toEqual([
    "device_type",
    "country_code",
    "properties.plan",
    `properties.${"x".repeat(200)}`,
  ]);
  expect(fieldOptions(undefined)).toHaveLength(2);
});
