import { expect, it } from "vitest";
import { matchingNames } from "./matching-names.ts";

const SEEN = [
  { event_name: "page_view", events: 90 },
  { event_name: "email_verified", events: 5 },
  { event_name: "verification_email_sent", events: 7 },
];

it.each([
  ["", ["page_view", "email_verified", "verification_email_sent"]],
  ["page_view", ["page_view"]],
  // What begins with it comes first, and what was not seen can be picked too.
  ["verif", ["verification_email_sent", "email_verified", "verif (new)"]],
  ["Page View", ["page_view"]],
  ["checkout-done ", ["checkout_done (new)"]],
  ["1st", []],
  ["名前", []],
])("names_are_found_by_any_part_of_them: %s", (typed, expected) => {
  const found = matchingNames(typed, SEEN);
  expect(found.map(({ name, events }) => (events === null ? `${name} (new)` : name))).toEqual(
    expected,
  );
});

it("a_list_is_no_longer_than_can_be_read", () => {
  const many = Array.from({ length: 1_000 }, (_, index) => ({
    event_name: `event_${index}`,
    events: 1,
  }));
  expect(matchingNames("", many)).toHaveLength(50);
});
