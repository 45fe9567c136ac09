import { expect, it } from "vitest";
import { curlLine } from "./sample-event.ts";

it("the_curl_line_is_ready_to_paste", () => {
  expect(curlLine("http://127.0.0.1:3001", { event_name: "signup_started" })).toBe(
    "curl -X POST http://127.0.0.1:3001/events -H 'Content-Type: application/json' " +
      `-d '[{"event_name":"signup_started","session_id":"s1","device_type":"desktop","country_code":"US"}]'`,
  );
});

it("properties_are_sent_only_where_the_panel_needs_them", () => {
  const line = curlLine("http://h", {
    event_name: "feature_used",
    properties: { feature: "export" },
  });
  expect(line).toContain(`"properties":{"feature":"export"}}]'`);
});
