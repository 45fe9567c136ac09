// Records what a running Weir answers to the pages, for recorded.spec.ts:
//   weir demo --seed 1, then: npm run record -- http://127.0.0.1:3000 demo
import { writeFile } from "node:fs/promises";
import { join } from "node:path";

const FUNNEL =
  "steps=signup_started,verification_email_sent,email_verified,signup_completed&window=10m&range=1h&breakdown=properties.email_domain";

const PATHS = [
  "/api/session",
  "/api/info",
  "/api/status",
  "/api/annotations?range=1h",
  ...["active_users", "signup_funnel", "top_features", "error_rate"].map(
    (name) => `/api/queries/${name}?range=1h`,
  ),
  ...["feature_adoption", "error_breakdown"].map((name) => `/api/queries/${name}?range=1h`),
  "/api/queries/retention?weeks=8",
  "/api/queries/live_events",
  "/api/queries/event_names?range=24h",
  "/api/queries/property_keys?event_name=signup_started&range=24h",
  "/api/rejected",
  "/api/funnels",
  `/api/funnel?${FUNNEL}`,
];

const [url, name] = process.argv.slice(2);
const answers = {};
for (const path of PATHS) {
  const reply = await fetch(new URL(path, url));
  const body = await reply.json();
  if (!reply.ok) {
    throw new Error(`${path}: ${JSON.stringify(body)}`);
  }
  answers[path] = body;
}
// One path a line, so that a new recording can be compared with the one before.
const lines = Object.entries(answers).map(
  ([path, body]) => `${JSON.stringify(path)}: ${JSON.stringify(body)}`,
);
await writeFile(
  join(import.meta.dirname, "recorded", `${name}.json`),
  `{\n${lines.join(",\n")}\n}\n`,
);
