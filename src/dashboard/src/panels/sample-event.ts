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
): string {
  const event = {
    event_name,
    session_id: "s1",
    device_type,
    country_code: "US",
    ...(properties === undefined ? {} : { properties }),
  };
  const body = JSON.stringify([event]);
  return `curl -X POST ${ingestUrl}/events -H 'Content-Type: application/json' -d '${body}'`;
}
