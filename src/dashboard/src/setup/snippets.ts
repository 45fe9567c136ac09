/** For a page of the product: an event a call, sent even while the page is left. README.md has it too. */
export function browserSnippet(ingestUrl: string, keyNeeded: boolean): string {
  return `const WEIR = "${ingestUrl}/events${keyNeeded ? "?write_key=wk_…" : ""}";
const session_id = (sessionStorage.weirSession ??= crypto.randomUUID());

function track(event_name, properties = {}) {
  const event = { event_name, session_id, device_type: "desktop", country_code: "ZZ", properties };
  const body = JSON.stringify([event]);
  if (!navigator.sendBeacon(WEIR, body)) {
    fetch(WEIR, { method: "POST", body, keepalive: true, headers: { "Content-Type": "application/json" } });
  }
}

track("page_view", { path: location.pathname });`;
}

/** For whatever deploys: marks the present on the charts. */
export function annotationLine(dashboardUrl: string, tokenNeeded: boolean): string {
  const token = tokenNeeded ? " -H 'Authorization: Bearer at_…'" : "";
  return `curl -X POST ${dashboardUrl}/api/annotations${token} -H 'Content-Type: application/json' -d '{"text":"version 1.2 deployed"}'`;
}

const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/;

/** Whether only this very machine reaches an address. */
export function isLoopback(url: string): boolean {
  return URL.canParse(url) && LOOPBACK.test(new URL(url).hostname);
}
