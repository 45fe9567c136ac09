import { expect, it } from "vitest";
import { suggestedFunnel } from "./suggested.ts";

function suggested(...names: string[]): string[] | undefined {
  const seen = names.map((event_name, index) => ({
    event_name,
    events: 100 - index,
    last_seen_at: "2026-11-23T10:00:00Z",
  }));
  return suggestedFunnel(seen, "24h")?.steps.map((step) => step.event_name);
}

it.each([
  [[], undefined],
  [["page_view"], undefined],
  [
    ["page_view", "click", "signup_started"],
    ["page_view", "click"],
  ],
  [
    ["page_view", "signup_completed", "signup_started"],
    ["signup_started", "signup_completed"],
  ],
  [
    ["email_verified", "signup_completed", "signup_started", "verification_email_sent"],
    ["signup_started", "verification_email_sent", "email_verified", "signup_completed"],
  ],
])("the_sign_up_is_suggested_or_the_two_most_frequent_events: %j", (names, expected) => {
  expect(suggested(...names)).toEqual(expected);
});
