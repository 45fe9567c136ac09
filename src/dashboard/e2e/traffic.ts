import type { Event } from "./weir.ts";

const FEATURES = ["export", "search", "share_link", "invite_teammate"];
const MINUTE_MS = 60_000;

function event(session: number, event_name: string, changes: Partial<Event> = {}): Event {
  return {
    event_name,
    session_id: `session-${session}`,
    user_id: `user-${session}`,
    device_type: session % 3 === 0 ? "mobile" : "desktop",
    country_code: "PT",
    ...changes,
  };
}

/** One visit that does everything the four panels measure. */
export function visit(session: number, timestamp?: string): Event[] {
  const at = timestamp === undefined ? {} : { timestamp };
  const feature = FEATURES[session % FEATURES.length] ?? "export";
  return [
    event(session, "page_view", { ...at, properties: { path: "/" } }),
    event(session, "signup_started", at),
    ...(session % 2 === 0 ? [event(session, "signup_completed", at)] : []),
    event(session, "feature_used", { ...at, properties: { feature } }),
    ...(session % 20 === 0 ? [event(session, "error_occurred", at)] : []),
  ];
}

/** Visits spread over the last hour, or the same one of an earlier day, in requests small enough to be accepted. */
export function lastHour(daysAgo = 0): Event[][] {
  const nowMs = Date.now() - daysAgo * 24 * 60 * MINUTE_MS;
  return Array.from({ length: 56 }, (_, minute) => {
    const timestamp = new Date(nowMs - minute * MINUTE_MS).toISOString();
    const visits = 4 + (minute % 7);
    return Array.from({ length: visits }, (_, index) =>
      visit(minute * 10 + index, timestamp),
    ).flat();
  });
}
