// The pipeline people write first: a JSON schema, a buffer in memory, and a flush of JSON lines to ClickHouse every two
// seconds or thousand events. It answers before anything is on disk: what it holds is lost with the process.
import { createClient } from "@clickhouse/client";
import Fastify from "fastify";

const FLUSH_EVENTS = 1000;
const FLUSH_INTERVAL_MS = 2000;
const BODY_BYTES_MAX = 5 * 1024 * 1024;

const columns = ["event_name", "timestamp", "session_id", "user_id", "device_type", "country_code", "properties"];
const { CLICKHOUSE_URL, CLICKHOUSE_USER, CLICKHOUSE_PASSWORD, CLICKHOUSE_DATABASE, PORT } = process.env;

const store = createClient({
  url: CLICKHOUSE_URL,
  database: CLICKHOUSE_DATABASE,
  set_basic_auth_header: false,
  http_headers: { "X-ClickHouse-User": CLICKHOUSE_USER, "X-ClickHouse-Key": CLICKHOUSE_PASSWORD },
  clickhouse_settings: { async_insert: 0, date_time_input_format: "best_effort" },
});

let buffer = [];
let flushing = false;

async function flush() {
  if (flushing || buffer.length === 0) return;
  flushing = true;
  const values = buffer;
  buffer = [];
  try {
    await store.insert({ table: "events", values, format: "JSONEachRow", columns });
  } catch (error) {
    console.error(error.message);
    buffer = values.concat(buffer);
  } finally {
    flushing = false;
    if (buffer.length >= FLUSH_EVENTS) setImmediate(flush);
  }
}
setInterval(flush, FLUSH_INTERVAL_MS);

const event = {
  type: "object",
  required: ["event_name", "timestamp", "session_id", "device_type", "country_code"],
  properties: {
    event_name: {
      enum: ["page_view", "button_click", "signup_started", "signup_completed", "feature_used", "error_occurred"],
    },
    timestamp: { type: "string", format: "date-time" },
    session_id: { type: "string", minLength: 1, maxLength: 200 },
    user_id: { type: ["string", "null"] },
    device_type: { type: "string" },
    country_code: { type: "string", minLength: 2, maxLength: 2 },
    properties: { type: "object" },
  },
};
const schema = { body: { type: "array", minItems: 1, maxItems: 500, items: event } };

const app = Fastify({ bodyLimit: BODY_BYTES_MAX });
app.post("/events", { schema }, (request, reply) => {
  for (const each of request.body) {
    each.properties = JSON.stringify(each.properties ?? {});
    buffer.push(each);
  }
  if (buffer.length >= FLUSH_EVENTS) setImmediate(flush);
  reply.code(202).send({ accepted: request.body.length });
});
app.get("/health", () => ({ buffered_events: buffer.length }));
await app.listen({ port: Number(PORT), host: "127.0.0.1" });
