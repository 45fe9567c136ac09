//! What `POST /events` takes, refuses, and says.

use serde_json::{Value, json};

use crate::app::{Reply, TestApp, event};

/// 2026-03-10 10:07:30.500 UTC
const NOW_MS: i64 = 1_773_137_250_500;

#[tokio::test]
async fn accepted_events_are_stored_as_they_were_sent() {
    let app = TestApp::start_at(NOW_MS, &[("WEIR_RETENTION_DAYS", "36500")]).await;
    let properties = r#"{"b": [1, 2.50, "ü\u00e9 \"quoted\""],  "a": null}"#;
    let body = format!(
        r#"[{{"event_name":"checkout_paid","timestamp":"2026-03-10T12:07:30.123+02:00","session_id":"s-é","user_id":"u-1",
             "device_type":"tablet","country_code":"ZZ","properties": {properties} }}]"#
    );
    let reply = app.post(body).await;
    assert_eq!((reply.status, &reply.json), (202, &json!({ "accepted": 1, "duplicates": 0, "rejected": [] })));
    app.stored(1).await;
    let row = app.select("SELECT event_name, toUnixTimestamp64Milli(timestamp), session_id, user_id, device_type, country_code, properties, toString(date) FROM events FORMAT JSONCompactEachRow").await;
    let row: Value = serde_json::from_str(&row.expect("a row")).expect("JSON");
    let expected = json!(["checkout_paid", NOW_MS - 377, "s-é", "u-1", "tablet", "ZZ", properties, "2026-03-10"]);
    assert_eq!(row, expected);
}

#[tokio::test]
async fn absent_fields_have_their_defaults() {
    let app = TestApp::start_at(NOW_MS, &[("WEIR_RETENTION_DAYS", "36500")]).await;
    app.accept(&json!([event(json!({})), event(json!({ "user_id": null, "properties": null, "timestamp": null }))]))
        .await;
    app.stored(2).await;
    let rows =
        app.select("SELECT DISTINCT toUnixTimestamp64Milli(timestamp), isNull(user_id), properties FROM events").await;
    assert_eq!(rows.as_deref(), Some("1773137250500\t1\t{}"));
}

/// Changes that make an event bad, one kind of fault each.
fn faults() -> Vec<Value> {
    let longer = "x".repeat(201);
    vec![
        json!({ "event_id": "" }),
        json!({ "event_id": 7 }),
        json!({ "event_id": "x".repeat(65) }),
        json!({ "event_name": null }),
        json!({ "event_name": 7 }),
        json!({ "event_name": "Sign Up" }),
        json!({ "event_name": "a".repeat(65) }),
        json!({ "timestamp": "yesterday" }),
        json!({ "timestamp": "2026-03-10T10:07:30" }),
        json!({ "timestamp": 1.5 }),
        json!({ "timestamp": true }),
        json!({ "timestamp": NOW_MS + 600_001 }),
        json!({ "timestamp": NOW_MS - 90 * 86_400_000 - 1 }),
        json!({ "session_id": null }),
        json!({ "session_id": "" }),
        json!({ "session_id": longer }),
        json!({ "session_id": ["s"] }),
        json!({ "user_id": "" }),
        json!({ "user_id": 42 }),
        json!({ "device_type": "watch" }),
        json!({ "device_type": null }),
        json!({ "country_code": "us" }),
        json!({ "country_code": "XX" }),
        json!({ "country_code": null }),
        json!({ "properties": "{}" }),
        json!({ "properties": [] }),
        json!({ "properties": { "text": "x".repeat(16 * 1024) } }),
        json!({ "sesion_id": "s" }),
    ]
}

/// One event of each kind of fault in one request, with a good one between: only the good one is taken.
#[tokio::test]
async fn each_bad_field_is_named_with_its_reason_and_good_neighbours_are_kept() {
    let app = TestApp::start_at(NOW_MS, &[]).await;
    let (bad, long) = (faults(), "x".repeat(200));
    let good = [
        json!({}),
        json!({ "session_id": long, "user_id": long }),
        json!({ "event_id": "x".repeat(64) }),
        json!({ "event_id": null }),
        json!({ "timestamp": NOW_MS + 600_000 }),
        json!({ "timestamp": NOW_MS - 90 * 86_400_000 }),
        json!({ "properties": { "text": "x".repeat(16 * 1024 - 11) } }),
    ];
    let events: Vec<_> = bad.iter().chain(&good).map(|changes| event(changes.clone())).collect();
    let reply = app.post(Value::from(events).to_string()).await;
    assert_eq!((reply.status, &reply.json["accepted"]), (202, &json!(good.len())));
    let rejected = reply.json["rejected"].as_array().expect("a list");
    let indexes: Vec<_> = rejected.iter().map(|each| each["index"].clone()).collect();
    assert_eq!(indexes, (0..bad.len()).map(Value::from).collect::<Vec<_>>());
    let told: Vec<_> = rejected.iter().map(|each| format!("{}: {}", each["field"], each["reason"])).collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    "event_id": "is empty"
    "event_id": "expected a string, found a number"
    "event_id": "is 65 bytes long; at most 64 are allowed"
    "event_name": "is required"
    "event_name": "expected a string, found a number"
    "event_name": "\"Sign Up\" is no event name; use 1 to 64 characters: a lower-case letter, then lower-case letters, digits or underscores"
    "event_name": "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…\" is no event name; use 1 to 64 characters: a lower-case letter, then lower-case letters, digits or underscores"
    "timestamp": "expected RFC 3339 (2026-01-31T12:00:00Z) or whole milliseconds since 1970"
    "timestamp": "expected RFC 3339 (2026-01-31T12:00:00Z) or whole milliseconds since 1970"
    "timestamp": "expected RFC 3339 (2026-01-31T12:00:00Z) or whole milliseconds since 1970"
    "timestamp": "expected RFC 3339 (2026-01-31T12:00:00Z) or whole milliseconds since 1970, found true or false"
    "timestamp": "is more than 10 minutes in the future"
    "timestamp": "is older than the retention of 90 days"
    "session_id": "is required"
    "session_id": "is empty"
    "session_id": "is 201 bytes long; at most 200 are allowed"
    "session_id": "expected a string, found an array"
    "user_id": "is empty; use null for an unknown user"
    "user_id": "expected a string, found a number"
    "device_type": "\"watch\" is none of desktop, mobile, tablet, other"
    "device_type": "is required"
    "country_code": "\"us\" is no ISO 3166-1 code in upper case (DE, US), nor ZZ for unknown"
    "country_code": "\"XX\" is no ISO 3166-1 code in upper case (DE, US), nor ZZ for unknown"
    "country_code": "is required"
    "properties": "expected an object, found a string"
    "properties": "expected an object, found an array"
    "properties": "are 16395 bytes long; at most 16384 are allowed"
    "event": "unknown field \"sesion_id\"; your own data goes into properties"
    "#);
}

#[tokio::test]
async fn what_is_no_json_costs_only_its_own_event() {
    let app = TestApp::start().await;
    let good = event(json!({})).to_string();
    let deep = format!(r#"{{"properties":{}1{}}}"#, r#"{"a":"#.repeat(65), "}".repeat(65));
    let mut body = b"[".to_vec();
    for broken in [
        br#"{"event_name":"page_view",}"#.as_slice(),
        br#"{"event_name":"a]b\"","session_id":tru}"#,
        b"{\"session_id\":\"\xff\"}",
        br#"{"properties":{"n":1e999999}}"#,
        br#"{"session_id":"\ud800"}"#,
        deep.as_bytes(),
        br#"{"session_id":"a","session_id":"b"}"#,
        b"[[1,2],{}]",
        b"17",
    ] {
        body.extend_from_slice(broken);
        body.push(b',');
        body.extend_from_slice(good.as_bytes());
        body.push(b',');
    }
    body.pop();
    body.push(b']');
    let reply = app.post(body).await;
    assert_eq!((reply.status, &reply.json["accepted"]), (202, &json!(9)), "{reply:?}");
    let told: Vec<_> = reply.json["rejected"].as_array().expect("a list").iter().map(Value::to_string).collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    {"field":"event","index":0,"reason":"not valid JSON: expected a key in double quotes at byte 27 of the body"}
    {"field":"event","index":2,"reason":"not valid JSON: expected a JSON value at byte 154 of the body"}
    {"field":"event","index":4,"reason":"the text is not valid UTF-8"}
    {"field":"event","index":6,"reason":"not valid JSON: the number does not fit a double at byte 385 of the body"}
    {"field":"event","index":8,"reason":"not valid JSON: a high surrogate needs a low one after it at byte 499 of the body"}
    {"field":"event","index":10,"reason":"not valid JSON: nested too deeply at byte 926 of the body"}
    {"field":"session_id","index":12,"reason":"is sent twice"}
    {"field":"event","index":14,"reason":"expected an object, found an array"}
    {"field":"event","index":16,"reason":"expected an object, found a number"}
    "#);
}

#[tokio::test]
async fn bodies_that_are_no_list_of_events_are_refused_whole() {
    let app = TestApp::start().await;
    let good = event(json!({})).to_string();
    let too_many = format!("[{}]", vec![good.as_str(); 501].join(","));
    let cases: &[(&str, u16, &str)] = &[
        ("", 400, "not_events"),
        ("null", 400, "not_events"),
        ("{}", 400, "not_events"),
        (&good, 400, "not_events"),
        ("[]", 400, "no_events"),
        (r#"{"events":[]}"#, 400, "no_events"),
        (&format!("[{good}"), 400, "not_events"),
        (&format!("[{good},"), 400, "not_events"),
        (&format!("[{good}] x"), 400, "not_events"),
        (&format!(r#"{{"items":[{good}]}}"#), 400, "not_events"),
        (&format!(r#"{{"events":[{good}],"events":[{good}]}}"#), 400, "not_events"),
        (r#"{"sent_at":1}"#, 400, "not_events"),
        (&format!(r#"{{"events":[{good}],"sent_at":"now"}}"#), 400, "bad_sent_at"),
        (&format!(r#"{{"sent_at":[],"events":[{good}]}}"#), 400, "bad_sent_at"),
        (&"[".repeat(400_000), 400, "not_events"),
        (&too_many, 413, "too_many_events"),
        (&format!("[\"{}\"]", "x".repeat(5 * 1024 * 1024)), 413, "body_too_large"),
    ];
    for (body, status, code) in cases {
        let reply = app.post((*body).to_owned()).await;
        let shown = body.chars().take(60).collect::<String>();
        assert_eq!((reply.status, &reply.json["error"]["code"]), (*status, &json!(code)), "{shown}: {reply:?}");
    }
    let none_valid = app.post(json!([event(json!({ "device_type": "watch" }))]).to_string()).await;
    assert_eq!((none_valid.status, &none_valid.json["accepted"]), (400, &json!(0)));
    assert_eq!(app.health().await.json["buffered_events"], 0);
}

#[tokio::test]
async fn both_forms_of_a_body_are_taken_up_to_500_events_also_after_a_byte_order_mark() {
    let app = TestApp::start().await;
    let events = Value::from(vec![event(json!({})); 500]);
    app.accept(&events).await;
    app.accept(&json!({ "events": events })).await;
    let reply = app.post(format!("\u{feff}{events}")).await;
    assert_eq!(reply.json["accepted"], 500);
    app.stored(1500).await;
}

#[tokio::test]
async fn compressed_bodies_are_taken_and_bombs_are_not() {
    let app = TestApp::start().await;
    let body = json!([event(json!({}))]).to_string();
    let bomb = vec![b' '; 6 * 1024 * 1024];
    for encoding in ["gzip", "zstd", "br"] {
        let reply = post_encoded(&app, encoding, compress(encoding, body.as_bytes()).await).await;
        assert_eq!(reply.status, 202, "{encoding}: {reply:?}");
        let reply = post_encoded(&app, encoding, compress(encoding, &bomb).await).await;
        assert_eq!((reply.status, &reply.json["error"]["code"]), (413, &json!("body_too_large")), "{encoding}");
        let reply = post_encoded(&app, encoding, b"not compressed at all".to_vec()).await;
        assert_eq!((reply.status, &reply.json["error"]["code"]), (400, &json!("body_unreadable")), "{encoding}");
    }
    let reply = post_encoded(&app, "deflate", body.into_bytes()).await;
    assert_eq!((reply.status, &reply.json["error"]["code"]), (415, &json!("unsupported_encoding")));
}

/// Posts a body under a Content-Encoding.
pub async fn post_encoded(app: &TestApp, encoding: &str, body: Vec<u8>) -> Reply {
    let request = app.http.post(format!("{}/events", app.ingest_url));
    let request = request.header("Content-Type", "application/json").header("Content-Encoding", encoding);
    Reply::of(request.body(body).send().await.expect("a reply")).await
}

/// What a client sends under a Content-Encoding of gzip, zstd or br.
pub async fn compress(encoding: &str, plain: &[u8]) -> Vec<u8> {
    use async_compression::tokio::bufread::{BrotliEncoder, GzipEncoder, ZstdEncoder};
    use tokio::io::AsyncReadExt;
    let mut packed = Vec::new();
    let read = match encoding {
        "gzip" => GzipEncoder::new(plain).read_to_end(&mut packed).await,
        "zstd" => ZstdEncoder::new(plain).read_to_end(&mut packed).await,
        _ => BrotliEncoder::new(plain).read_to_end(&mut packed).await,
    };
    read.expect("compressible");
    packed
}

#[tokio::test]
async fn only_json_is_taken_and_browsers_of_any_origin_may_send_it() {
    let app = TestApp::start().await;
    let url = format!("{}/events", app.ingest_url);
    let body = json!([event(json!({}))]).to_string();
    for (media_type, status) in [
        ("application/json", 202),
        ("Application/JSON; charset=utf-8", 202),
        ("text/plain;charset=UTF-8", 202),
        ("application/x-www-form-urlencoded", 415),
        ("", 415),
    ] {
        let reply = app.http.post(&url).header("Content-Type", media_type).body(body.clone()).send().await;
        assert_eq!(reply.expect("a reply").status(), status, "{media_type}");
    }
    let preflight = app
        .http
        .request(reqwest::Method::OPTIONS, &url)
        .header("Origin", "https://shop.example")
        .header("Access-Control-Request-Method", "POST")
        .header("Access-Control-Request-Headers", "content-type");
    let reply = Reply::of(preflight.send().await.expect("a reply")).await;
    assert_eq!((reply.status, reply.headers["access-control-allow-origin"].as_bytes()), (200, b"*".as_slice()));
    let wrong_method = app.get(&url).await;
    assert_eq!((wrong_method.status, &wrong_method.json["error"]["code"]), (405, &json!("method_not_allowed")));
    let wrong_path = app.get(&format!("{}/event", app.ingest_url)).await;
    assert_eq!((wrong_path.status, &wrong_path.json["error"]["code"]), (404, &json!("not_found")));
}

#[tokio::test]
async fn listed_event_names_are_the_only_ones_taken() {
    let app = TestApp::start_with(&[("WEIR_EVENT_NAMES", "page_view, checkout_paid")]).await;
    let events = json!([event(json!({ "event_name": "checkout_paid" })), event(json!({ "event_name": "other" }))]);
    let reply = app.post(events.to_string()).await;
    assert_eq!((reply.status, &reply.json["accepted"]), (202, &json!(1)));
    assert_eq!(reply.json["rejected"][0]["field"], "event_name");
}

#[tokio::test]
async fn distinct_event_names_are_bounded() {
    let app = TestApp::start_with(&[("WEIR_EVENT_NAMES_MAX", "7")]).await;
    let events = json!([
        event(json!({ "event_name": "first_new" })),
        event(json!({ "event_name": "second_new" })),
        event(json!({ "event_name": "first_new" })),
    ]);
    let reply = app.post(events.to_string()).await;
    assert_eq!((reply.status, &reply.json["accepted"]), (202, &json!(2)));
    assert_eq!(reply.json["rejected"][0]["index"], 1);
}

#[tokio::test]
async fn what_is_counted_can_be_scraped() {
    let app = TestApp::start().await;
    app.accept(&json!([event(json!({}))])).await;
    app.post(json!([event(json!({ "session_id": "" }))]).to_string()).await;
    app.post("[").await;
    app.stored(1).await;
    let text = app.get(&format!("{}/metrics", app.ingest_url)).await.text;
    for line in [
        "weir_ingest_events_accepted_total 1",
        "weir_ingest_events_rejected_total{field=\"session_id\",reason=\"empty\"} 1",
        "weir_ingest_requests_failed_total{status=\"400\"} 1",
        "weir_store_up 1",
        "weir_store_flush_duration_seconds_count 1",
        "weir_ingest_requests_in_flight 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
}
