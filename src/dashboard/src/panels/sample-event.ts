/** What differs from the least that an event must say, as POST /events takes it. */
export interface SampleEvent {
  event_name: string;
  device_type?: string;
  properties?: Record<string, string>;
}

/** A line for a POSIX shell that sends one such event. No value in it may hold a single quote. */
export function curlLine(
  ingestUrl: string,
  { event_name, device_type = "desktop", properties }: SampleEvent,
  keyNeeded = false,
): string {
  const event = {
    event_name,
    session_id: "s1",
    device_type,
    country_code: "US",
    ...(properties === undefined ? {} : { properties }),
  };
  const body = JSON.stringify([event]);
  const key = keyNeeded ? " -H 'Authorization: Bearer wk_…'" : "";
  return `curl -X POST ${ingestUrl}/events${key} -H 'Content-Type: application/json' -d '${body}'`;
}
