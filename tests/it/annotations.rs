//! Marks at a moment: made, listed by the span of time that a chart shows, deleted, and bounded.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use crate::{
    app::{Reply, TestApp, eventually, moment_ms},
    queries::NOW_MS,
    stream::Told,
};

/// A text, by what `GET /api/annotations` takes.
async fn texts(app: &TestApp, parameters: &str) -> Vec<Value> {
    let reply = app.get(&format!("{}/api/annotations{parameters}", app.dashboard_url)).await;
    assert_eq!(reply.status, 200, "{parameters}: {reply:?}");
    let listed = reply.json["annotations"].as_array().expect("a list").clone();
    listed.into_iter().map(|annotation| annotation["text"].clone()).collect()
}

async fn post(app: &TestApp, annotation: &Value) -> Reply {
    let request = app.http.post(format!("{}/api/annotations", app.dashboard_url)).json(annotation);
    Reply::of(request.send().await.expect("a reply")).await
}

async fn delete(app: &TestApp, id: &str) -> u16 {
    let request = app.http.delete(format!("{}/api/annotations/{id}", app.dashboard_url));
    Reply::of(request.send().await.expect("a reply")).await.status
}

#[tokio::test]
async fn annotations_are_made_listed_by_time_and_deleted() {
    let app = TestApp::start_at(NOW_MS, &[]).await;
    app.schema().await;
    assert_eq!(texts(&app, "").await, Vec::<Value>::new());
    let now = post(&app, &json!({ "text": "fix “deployed” – v1.2'\\" })).await;
    assert_eq!((now.status, &now.json["at"]), (201, &json!("2026-03-10T10:07:30.500Z")), "{now:?}");
    for (text, at) in [
        ("of yesterday", "2026-03-09T11:00:00+01:00"),
        ("in the first bucket", "2026-03-10T09:05:00Z"),
        ("before it", "2026-03-10T09:04:59.999Z"),
        ("planned", "2026-03-10T12:00:00Z"),
    ] {
        assert_eq!(post(&app, &json!({ "text": text, "at": at })).await.status, 201, "{text}");
    }
    let deployed = "fix “deployed” – v1.2'\\";
    assert_eq!(texts(&app, "").await, ["of yesterday", "before it", "in the first bucket", deployed, "planned"]);
    assert_eq!(texts(&app, "?range=1h").await, ["in the first bucket", deployed]);
    assert_eq!(texts(&app, "?range=1h&ago=1d").await, ["of yesterday"]);
    assert_eq!(texts(&app, "?since=2026-03-10T10:00:00Z").await, [deployed, "planned"]);
    assert_eq!(texts(&app, "?until=2026-03-09T10:00:00Z").await, ["of yesterday"]);

    let now_ms = app.now_ms.as_ref().expect("the clock stands");
    now_ms.store(NOW_MS + 1, Ordering::Relaxed);
    let id = now.json["id"].as_str().expect("an id");
    assert_eq!(delete(&app, id).await, 204);
    assert_eq!(texts(&app, "?range=1h").await, ["in the first bucket"]);
    assert_eq!(delete(&app, id).await, 404);
}

#[tokio::test]
async fn what_is_no_annotation_is_told_what_would_be_right() {
    let app = TestApp::start().await;
    app.schema().await;
    for (annotation, code, told) in [
        (json!({ "text": "" }), "bad_annotation", "1 to 200 characters"),
        (json!({ "text": "é".repeat(201) }), "bad_annotation", "1 to 200 characters"),
        (json!({ "text": "a\u{7}b" }), "bad_annotation", "none of them a control character"),
        (json!({ "text": "a", "at": "yesterday" }), "bad_annotation", "like 2026-01-31T12:00:00Z"),
        (json!({ "at": "2026-01-31T12:00:00Z" }), "bad_parameters", "missing field `text`"),
        (json!({ "text": "a", "time": 1 }), "bad_parameters", "expected `text` or `at`"),
    ] {
        let reply = post(&app, &annotation).await;
        assert_eq!((reply.status, &reply.json["error"]["code"]), (400, &json!(code)), "{annotation}: {reply:?}");
        assert!(reply.text.contains(told), "{annotation}: {reply:?}");
    }
    let large = post(&app, &json!({ "text": "a".repeat(8 * 1024) })).await;
    assert_eq!(large.status, 413, "{large:?}");
    // A form of another site can send text, and JSON only with leave.
    let form = app.http.post(format!("{}/api/annotations", app.dashboard_url)).header("Content-Type", "text/plain");
    let form = Reply::of(form.body(r#"{"text":"a"}"#).send().await.expect("a reply")).await;
    assert_eq!((form.status, &form.json["error"]["code"]), (415, &json!("unsupported_media_type")));
    assert_eq!(texts(&app, "").await, Vec::<Value>::new());
}

#[tokio::test]
async fn annotations_are_bounded_in_number() {
    let app = TestApp::start().await;
    app.schema().await;
    let filled =
        "INSERT INTO weir_definitions SELECT 'annotation', toString(number), '{\"text\":\"x\",\"at_ms\":0}', now64(3)
        FROM numbers(1000)";
    app.select(filled).await.expect("rows");
    let full = post(&app, &json!({ "text": "one more" })).await;
    assert_eq!((full.status, &full.json["error"]["code"]), (409, &json!("too_many_annotations")), "{full:?}");
    assert!(full.text.contains("there are 1000 already; delete some first"), "{full:?}");
    assert_eq!(delete(&app, "7").await, 204);
    let made = post(&app, &json!({ "text": "one more" })).await;
    assert_eq!(made.status, 201, "{made:?}");
}

#[tokio::test]
async fn pages_are_told_of_an_annotation_and_of_its_end() {
    let app = TestApp::start().await;
    app.schema().await;
    let mut told = Told::open(&app).await;
    told.next().await.expect("the current revision, at once");
    assert_eq!(texts(&app, "").await, Vec::<Value>::new());
    let made = post(&app, &json!({ "text": "fix deployed" })).await;
    let since_ms = told.after(moment_ms(&made.json["at"])).await;
    assert_eq!(texts(&app, "").await, ["fix deployed"]);
    assert_eq!(delete(&app, made.json["id"].as_str().expect("an id")).await, 204);
    told.after(since_ms).await;
    assert_eq!(texts(&app, "").await, Vec::<Value>::new());
}

/// Two dashboards may share a server, and an answer is shared for a moment only.
#[tokio::test]
async fn annotations_of_another_process_are_seen() {
    let app = TestApp::start().await;
    app.schema().await;
    assert_eq!(texts(&app, "").await, Vec::<Value>::new());
    let made =
        "INSERT INTO weir_definitions VALUES ('annotation', 'a', '{\"text\":\"elsewhere\",\"at_ms\":0}', now64(3))";
    app.select(made).await.expect("rows");
    eventually("the annotation", || async { texts(&app, "").await == ["elsewhere"] }).await;
}
