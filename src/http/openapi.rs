//! The OpenAPI document: the fixed routes from the types they answer with, a route a query from the catalog.

use serde_json::{Map, Value, json};
use utoipa::OpenApi;

use super::{
    annotations::AnnotationsReply,
    credentials::{CreatedCredential, CredentialsReply, NewCredential, credential_paths},
    dashboard::Info,
    erasures::ErasuresReply,
    error::{ErrorDetail, ErrorReply},
    funnel::{SavedFunnels, funnel_parameters},
    health::{Health, HealthStatus, RecentFlushTimes, StoreState},
    rejected::RejectedReply,
    rejected_counts::RejectedCount,
    session::{CallerKind, SessionReply, SignIn, session_paths},
    status::Status,
    stream::{EVENT_STREAM, RevisionMessage},
    taken::IngestReply,
};
use crate::{
    access::{CredentialInfo, Purpose, Scope},
    event::{DEVICE_TYPES, EventLimits, ID_BYTES_MAX},
    ingest::{Field, Rejection},
    queries::{
        Ago, Annotation, Catalog, Column, Filter, Funnel, FunnelAnswer, FunnelBucket, FunnelGroup, FunnelStep,
        NewAnnotation, Op, Order, Query, REJECTED_ROWS_MAX, Range, RejectedReason, RejectedRow, SavedFunnel, Step,
        StoreStatus, UrlParameter, Values,
    },
    store::{ErasedRows, Erasure, ErasureJournal, ErasureStatus, Source},
};

/// What `event::is_event_name` takes.
const EVENT_NAME_PATTERN: &str = "^[a-z][a-z0-9_]{0,63}$";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Weir",
        description = "Events in (port 3001), answers out (port 3000). Where Weir is not open, events need a write key, and all else a session, an API token (Authorization: Bearer) or a share link; who has none is answered 401, and who may not, 403."
    ),
    components(schemas(
        Annotation,
        AnnotationsReply,
        CallerKind,
        CreatedCredential,
        CredentialInfo,
        CredentialsReply,
        ErasedRows,
        Erasure,
        ErasureJournal,
        ErasureStatus,
        ErasuresReply,
        ErrorReply,
        ErrorDetail,
        Filter,
        Funnel,
        FunnelAnswer,
        FunnelBucket,
        FunnelGroup,
        FunnelStep,
        Field,
        Health,
        HealthStatus,
        Info,
        IngestReply,
        NewAnnotation,
        NewCredential,
        Purpose,
        RecentFlushTimes,
        RejectedCount,
        RejectedReply,
        RejectedRow,
        RejectedReason,
        Rejection,
        RevisionMessage,
        SavedFunnel,
        SavedFunnels,
        Scope,
        SessionReply,
        SignIn,
        Op,
        Order,
        Source,
        Step,
        Status,
        StoreState,
        StoreStatus
    ))
)]
struct Document;

/// The whole document, as `GET /api/openapi.json` and `docs/openapi.json` have it.
pub fn openapi_json(catalog: &Catalog) -> Value {
    let mut document = serde_json::to_value(Document::openapi()).expect("the document is plain data");
    let mut schemas = Map::new();
    schemas.insert("Event".to_owned(), event_schema());
    let mut paths = Map::new();
    paths.insert("/events".to_owned(), post_events());
    paths.insert(
        "/health".to_owned(),
        json!({ "get": operation("get_health", "State of ingestion.", "Health", &[503]) }),
    );
    paths.insert(
        "/api/info".to_owned(),
        json!({ "get": operation("get_info", "About this installation.", "Info", &[]) }),
    );
    paths.insert(
        "/api/status".to_owned(),
        json!({ "get": operation("get_status", "How this installation is.", "Status", &[]) }),
    );
    paths.insert("/api/rejected".to_owned(), get_rejected());
    paths.insert("/api/stream".to_owned(), get_stream());
    paths.insert("/api/funnel".to_owned(), funnel());
    paths.insert(
        "/api/funnels".to_owned(),
        json!({ "get": operation("list_funnels", "The saved funnels, by name.", "SavedFunnels", &[503]) }),
    );
    paths.insert("/api/funnels/{name}".to_owned(), saved_funnel());
    paths.insert("/api/annotations".to_owned(), annotations());
    paths.insert("/api/annotations/{id}".to_owned(), annotation());
    paths.extend(session_paths());
    paths.extend(credential_paths());
    paths.insert("/api/users/{id}".to_owned(), user());
    paths.insert(
        "/api/erasures".to_owned(),
        json!({ "get": operation("list_erasures", "The newest thousand erasures, newest first.", "ErasuresReply", &[401, 403, 503]) }),
    );
    paths.insert("/api/erasures/{id}".to_owned(), erasure());
    for query in catalog.iter() {
        let name = pascal_case(&query.name);
        schemas.insert(format!("{name}Row"), row_schema(&query.columns));
        schemas.insert(format!("{name}Answer"), answer_schema(&format!("{name}Row")));
        paths.insert(format!("/api/queries/{}", query.name), get_query(query, &format!("{name}Answer")));
    }
    document["paths"] = Value::Object(paths);
    if let Some(components) = document["components"]["schemas"].as_object_mut() {
        components.append(&mut schemas);
    }
    document
}

pub(super) fn schema_ref(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

pub(super) fn content(schema: &Value) -> Value {
    json!({ "application/json": { "schema": schema } })
}

/// Replies: 200 with `schema`, and the statuses of errors.
pub(super) fn replies(status: u16, description: &str, schema: &str, errors: &[u16]) -> Value {
    let mut replies = Map::new();
    replies.insert(status.to_string(), json!({ "description": description, "content": content(&schema_ref(schema)) }));
    for error in errors {
        let reply = json!({ "description": "See error.code.", "content": content(&schema_ref("ErrorReply")) });
        replies.insert(error.to_string(), reply);
    }
    Value::Object(replies)
}

pub(super) fn operation(id: &str, description: &str, schema: &str, errors: &[u16]) -> Value {
    json!({ "operationId": id, "summary": description, "responses": replies(200, description, schema, errors) })
}

fn post_events() -> Value {
    let events = json!({ "type": "array", "minItems": 1, "maxItems": 500, "items": schema_ref("Event") });
    let wrapped = json!({ "type": "object", "required": ["events"], "properties": {
        "events": events,
        "sent_at": {
            "description": "The client's time when it sent the request, RFC 3339 or milliseconds since 1970. If its clock is off by more than 30 s, the timestamps of its events are corrected by the difference.",
            "oneOf": [{ "type": "string", "format": "date-time" }, { "type": "integer" }, { "type": "null" }],
        },
    } });
    let mut replies =
        replies(202, "The accepted events are on disk.", "IngestReply", &[400, 401, 403, 408, 413, 415, 429, 503, 507]);
    let ignored = "Nothing is kept: the request asks not to be tracked, and WEIR_RESPECT_DNT says to heed that.";
    replies["200"] = json!({ "description": ignored, "content": content(&schema_ref("IngestReply")) });
    json!({
        "post": {
            "operationId": "post_events",
            "summary": "Takes events; each is judged on its own.",
            "parameters": [{
                "name": "Idempotency-Key",
                "in": "header",
                "description": "Names the batch; sent again under the same key within the window, it is answered alike and counted once.",
                "schema": { "type": "string", "minLength": 1, "maxLength": 128 },
            }],
            "requestBody": { "required": true, "content": content(&json!({ "oneOf": [events, wrapped] })) },
            "responses": replies,
        }
    })
}

fn event_schema() -> Value {
    let limits = EventLimits::with_retention_days(90);
    let id = json!({ "type": "string", "minLength": 1, "maxLength": limits.id_bytes_max });
    let nullable_id = json!({ "type": ["string", "null"], "minLength": 1, "maxLength": limits.id_bytes_max });
    json!({
        "type": "object",
        "required": ["event_name", "session_id", "device_type", "country_code"],
        "additionalProperties": false,
        "properties": {
            "event_id": {
                "type": ["string", "null"],
                "minLength": 1,
                "maxLength": limits.event_id_bytes_max,
                "description": "Tells the event from all others, for example a UUID; sent again within the window, it is counted once.",
            },
            "event_name": { "type": "string", "pattern": EVENT_NAME_PATTERN },
            "timestamp": {
                "description": "RFC 3339 or milliseconds since 1970; absent means now.",
                "oneOf": [{ "type": "string", "format": "date-time" }, { "type": "integer" }],
            },
            "session_id": id,
            "user_id": nullable_id,
            "device_type": { "type": "string", "enum": DEVICE_TYPES },
            "country_code": { "type": "string", "description": "ISO 3166-1 alpha-2, or ZZ.", "pattern": "^[A-Z]{2}$" },
            "properties": { "type": "object", "description": "At most 16 KiB as JSON text." },
        },
    })
}

fn get_rejected() -> Value {
    let summary =
        "Events that were not taken, newest first; they are kept for as long as WEIR_REJECTED_RETENTION_DAYS says.";
    let mut operation = operation("get_rejected", summary, "RejectedReply", &[400, 500, 503, 504]);
    let parameter = |name: &str, description: &str, schema: Value| json!({ "name": name, "in": "query", "description": description, "schema": schema });
    let limit = json!({ "type": "integer", "minimum": 1, "maximum": REJECTED_ROWS_MAX, "default": 100 });
    operation["parameters"] = json!([
        parameter("limit", "Rows of a page.", limit),
        parameter("since_ms", "The earliest moment, in milliseconds since 1970.", json!({ "type": "integer" })),
        parameter("field", "Only those with this field at fault.", schema_ref("Field")),
        parameter("before", "`next` of the page before.", json!({ "type": "string" })),
    ]);
    json!({ "get": operation })
}

fn get_stream() -> Value {
    let summary = "Server-sent events named `revision`: one when it begins, one when something was stored, and at least one in 15 s.";
    let mut operation = operation("get_stream", summary, "RevisionMessage", &[503]);
    let message = schema_ref("RevisionMessage");
    operation["responses"]["200"]["content"] = json!({ EVENT_STREAM: { "schema": message } });
    json!({ "get": operation })
}

fn funnel() -> Value {
    let errors = [400, 500, 503, 504];
    let mut get = operation("get_funnel", "How many get how far through steps.", "FunnelAnswer", &errors);
    get["parameters"] = funnel_parameters();
    let mut post =
        operation("post_funnel", "The same, for long ones.", "FunnelAnswer", &[400, 408, 413, 415, 500, 503, 504]);
    post["requestBody"] = json!({ "required": true, "content": content(&schema_ref("Funnel")) });
    json!({ "get": get, "post": post })
}

fn saved_funnel() -> Value {
    let name = json!([{ "name": "name", "in": "path", "required": true, "schema": { "type": "string", "minLength": 1, "maxLength": 100 } }]);
    let errors = [400, 408, 409, 413, 415, 503];
    let mut put = operation("put_funnel", "Saves a funnel, instead of one that has the name.", "SavedFunnel", &errors);
    put["requestBody"] = json!({ "required": true, "content": content(&schema_ref("Funnel")) });
    let mut delete = json!({ "operationId": "delete_funnel", "summary": "Deletes a saved funnel." });
    delete["responses"] = replies(404, "unknown_funnel", "ErrorReply", &[400, 503]);
    delete["responses"]["204"] = json!({ "description": "It is gone." });
    json!({ "parameters": name, "put": put, "delete": delete })
}

fn annotations() -> Value {
    let mut get = operation(
        "list_annotations",
        "The annotations of a span of time, oldest first.",
        "AnnotationsReply",
        &[400, 503],
    );
    let parameter = |name: &str, description: &str, schema: Value| json!({ "name": name, "in": "query", "description": description, "schema": schema });
    let moment = || json!({ "type": "string", "format": "date-time" });
    get["parameters"] = json!([
        parameter(
            "range",
            "As the queries take it: what their charts show. Without it, and without ends, all are listed.",
            json!({ "type": "string", "enum": Range::names() })
        ),
        parameter(
            "ago",
            "With range: how long before the present it ends.",
            json!({ "type": "string", "enum": Ago::names(), "default": "0" })
        ),
        parameter("since", "The earliest moment, instead of range.", moment()),
        parameter("until", "The latest moment, instead of range.", moment()),
    ]);
    let errors = [400, 408, 409, 413, 415, 503];
    let mut post = json!({ "operationId": "post_annotation", "summary": "Marks a moment with a text." });
    post["responses"] = replies(201, "It is made.", "Annotation", &errors);
    post["requestBody"] = json!({ "required": true, "content": content(&schema_ref("NewAnnotation")) });
    json!({ "get": get, "post": post })
}

fn annotation() -> Value {
    let id = json!([{ "name": "id", "in": "path", "required": true, "schema": { "type": "string" } }]);
    let mut delete = json!({ "operationId": "delete_annotation", "summary": "Deletes an annotation." });
    delete["responses"] = replies(404, "unknown_annotation", "ErrorReply", &[503]);
    delete["responses"]["204"] = json!({ "description": "It is gone." });
    json!({ "parameters": id, "delete": delete })
}

fn user() -> Value {
    let id = json!({ "type": "string", "minLength": 1, "maxLength": ID_BYTES_MAX });
    let id = json!([{ "name": "id", "in": "path", "required": true, "description": "The user_id of events.", "schema": id }]);
    let summary = "Erases everything of a user that was received up to now.";
    let mut delete = json!({ "operationId": "delete_user", "summary": summary });
    delete["responses"] =
        replies(202, "It is on record and will be carried out.", "Erasure", &[400, 401, 403, 500, 503]);
    json!({ "parameters": id, "delete": delete })
}

fn erasure() -> Value {
    let id = json!([{ "name": "id", "in": "path", "required": true, "schema": { "type": "string" } }]);
    let summary = "The receipt of an erasure: done when nothing was left, counted after the end.";
    json!({ "parameters": id, "get": operation("get_erasure", summary, "Erasure", &[401, 403, 404, 503]) })
}

fn get_query(query: &Query, answer: &str) -> Value {
    let mut operation = operation(&query.name, &query.description, answer, &[400, 500, 503, 504]);
    operation["parameters"] = query.takes.iter().map(url_parameter).collect();
    json!({ "get": operation })
}

fn url_parameter(parameter: &UrlParameter) -> Value {
    let (required, schema) = match &parameter.values {
        Values::OneOf(choices) => (false, json!({ "type": "string", "enum": choices, "default": choices.first() })),
        Values::EventName => (true, json!({ "type": "string", "pattern": EVENT_NAME_PATTERN })),
    };
    json!({
        "name": parameter.name, "in": "query", "required": required, "description": parameter.meaning, "schema": schema,
    })
}

fn answer_schema(row: &str) -> Value {
    json!({
        "type": "object",
        "required": ["rows", "newest_event_at", "computed_at", "elapsed_ms"],
        "properties": {
            "rows": { "type": "array", "items": schema_ref(row) },
            "newest_event_at": { "type": ["string", "null"], "format": "date-time", "description": "Null when there is no event." },
            "computed_at": { "type": "string", "format": "date-time" },
            "elapsed_ms": { "type": "number", "description": "Time ClickHouse took." },
        },
    })
}

fn row_schema(columns: &[Column]) -> Value {
    let names: Vec<_> = columns.iter().map(|column| &column.name).collect();
    let properties: Map<_, _> = columns.iter().map(|column| (column.name.clone(), column_schema(column))).collect();
    json!({ "type": "object", "required": names, "properties": properties })
}

/// A column as `FORMAT JSON` writes it.
fn column_schema(column: &Column) -> Value {
    let nullable = column.type_name.strip_prefix("Nullable(").and_then(|inner| inner.strip_suffix(')'));
    let type_name = nullable.unwrap_or(&column.type_name);
    let (json_type, format) = match type_name {
        name if name.starts_with("DateTime") => ("string", Some("date-time")),
        "Date" => ("string", Some("date")),
        name if name.starts_with("Int") || name.starts_with("UInt") => ("integer", None),
        name if name.starts_with("Float") => ("number", None),
        _ => ("string", None),
    };
    let mut schema = json!({ "type": json_type, "description": column.meaning });
    if nullable.is_some() {
        schema["type"] = json!([json_type, "null"]);
    }
    if let Some(format) = format {
        schema["format"] = json!(format);
    }
    schema
}

/// `active_users` → `ActiveUsers`
fn pascal_case(name: &str) -> String {
    name.split('_')
        .map(|word| {
            word.chars()
                .next()
                .map(|first| first.to_ascii_uppercase())
                .into_iter()
                .chain(word.chars().skip(1))
                .collect::<String>()
        })
        .collect()
}
