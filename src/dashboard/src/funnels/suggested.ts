import type { Answers } from "../api/client.ts";
import type { Funnel } from "./funnel.ts";

type Row = Answers["event_names"]["rows"][number];

const SIGNUP_STEPS = [
  "signup_started",
  "verification_email_sent",
  "email_verified",
  "signup_completed",
];

/** A funnel to begin with: the sign-up, as far as it was seen, or the two most frequent events. Null before there are two. */
export function suggestedFunnel(seen: readonly Row[], range: string): Funnel | null {
  const names = seen.map((row) => row.event_name);
  const signup = SIGNUP_STEPS.filter((name) => names.includes(name));
  const steps = signup.length >= 2 ? signup : names.slice(0, 2);
  if (steps.length < 2) {
    return null;
  }
  return {
    steps: steps.map((event_name) => ({ event_name, filters: [] })),
    window: "1h",
    range,
    order: "strict",
    breakdown: null,
  };
}
