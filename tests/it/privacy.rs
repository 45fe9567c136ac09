//! What is not kept: events of those who ask not to be tracked, addresses, and what is older than the retention.

use std::{
    fs::{self, File},
    net::IpAddr,
};

use serde_json::{Value, json};

use crate::{
    app::{Reply, TestApp, event, eventually, user_url},
    erasure::files_with,
    process::Weir,
};

/// Sends events with headers.
async fn post(app: &TestApp, headers: &[(&str, &str)], body: &Value) -> Reply {
    let mut request = app.http.post(format!("{}/events", app.ingest_url)).header("Content-Type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Reply::of(request.body(body.to_string()).send().await.expect("a reply")).await
}

async fn ignored(app: &TestApp) -> Option<String> {
    let text = app.get(&format!("{}/metrics", app.ingest_url)).await.text;
    let name = "weir_ingest_events_ignored_total{reason=\"do_not_track\"} ";
    text.lines().find_map(|line| line.strip_prefix(name).map(str::to_owned))
}

#[tokio::test]
async fn nothing_is_kept_of_a_request_that_asks_not_to_be_tracked() {
    let app = TestApp::start_with(&[("WEIR_RESPECT_DNT", "true")]).await;
    app.schema().await;
    let named = |name: &str| event(json!({ "event_name": name, "event_id": "e-1", "user_id": "u-dnt" }));
    let body =
        json!([named("brand_new"), named("page_view"), event(json!({ "user_id": "u-dnt", "device_type": "?" }))]);
    for headers in [&[("DNT", "1")], &[("Sec-GPC", "1")]] {
        let reply = post(&app, headers, &body).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        assert_eq!(
            (&reply.json["accepted"], &reply.json["duplicates"], &reply.json["ignored"]),
            (&json!(0), &json!(0), &json!(2))
        );
        assert_eq!(reply.json["rejected"][0]["field"], "device_type");
        assert_eq!(reply.headers["access-control-allow-origin"], "*");
    }
    assert_eq!(ignored(&app).await.as_deref(), Some("4"));
    // What is wrong is told as ever.
    assert_eq!(post(&app, &[("DNT", "1")], &json!([event(json!({ "device_type": "?" }))])).await.status, 400);
    assert_eq!(post(&app, &[("DNT", "1")], &json!([])).await.json["error"]["code"], "no_events");

    // Its ids are not known, either: others take these events for new ones.
    for headers in [&[][..], &[("DNT", "0")], &[("Sec-GPC", "0")], &[("DNT", "null")]] {
        let id = format!("e-{headers:?}");
        let kept = post(&app, headers, &json!([event(json!({ "event_id": id, "user_id": "u-kept" }))])).await;
        assert_eq!((kept.status, &kept.json["accepted"]), (202, &json!(1)), "{kept:?}");
        assert_eq!(kept.json.get("ignored"), None);
    }
    assert_eq!(post(&app, &[], &json!([named("page_view")])).await.json["accepted"], 1);
    app.stored(5).await;
    assert_eq!(app.select("SELECT count() FROM rejected_events").await.as_deref(), Some("0"));
    let stopped = app.stop().await;
    for text in ["brand_new", "device_type\":\"?"] {
        assert_eq!(files_with(stopped.directory.path(), text), Vec::<std::path::PathBuf>::new(), "{text}");
    }
}

#[tokio::test]
async fn without_the_setting_a_request_that_asks_not_to_be_tracked_is_like_any_other() {
    let app = TestApp::start().await;
    for headers in [&[("DNT", "1")], &[("Sec-GPC", "1")]] {
        let reply = post(&app, headers, &json!([event(json!({}))])).await;
        assert_eq!((reply.status, &reply.json["accepted"]), (202, &json!(1)));
    }
    app.stored(2).await;
    assert_eq!(ignored(&app).await, None);
}

/// Who connects, and who is said to have, is neither stored nor logged, however much the log tells.
#[tokio::test]
async fn no_address_is_stored_or_logged() {
    const ADDRESSES: [&str; 3] = ["127.9.8.7", "203.0.113.77", "2001:db8:cafe::17"];
    let (directory, logs) = (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
    let log = File::create(logs.path().join("log")).expect("a file");
    let weir = Weir::start_logged(directory.path(), log);
    eventually("weir", || weir.is_up()).await;
    eventually("an answer", || async { weir.shown().await.is_some() }).await;
    let from: IpAddr = "127.9.8.7".parse().expect("an address");
    let client = reqwest::Client::builder().local_address(from).build().expect("a client");
    let [ingest, dashboard, _] = weir.ports();
    let (events_url, dashboard_url) =
        (format!("http://127.0.0.1:{ingest}/events"), format!("http://127.0.0.1:{dashboard}"));
    let with_address = |request: reqwest::RequestBuilder| {
        request
            .header("X-Forwarded-For", "203.0.113.77, 2001:db8:cafe::17")
            .header("X-Real-IP", "203.0.113.77")
            .header("Forwarded", "for=203.0.113.77;by=\"[2001:db8:cafe::17]\"")
    };
    let post = async |body: String| {
        let plain = client.post(&events_url).header("Content-Type", "application/json").body(body);
        for request in [plain.try_clone().expect("a body in memory"), with_address(plain)] {
            request.send().await.expect("a reply");
        }
    };
    post(json!([event(json!({ "user_id": "marker-5b1e" })), event(json!({ "userId": "marker-5b1e" }))]).to_string())
        .await;
    post("{broken".to_owned()).await;
    post("[]".to_owned()).await;
    for path in ["/health", "/metrics", "/nothing"] {
        let request = client.get(format!("http://127.0.0.1:{ingest}{path}"));
        with_address(request).send().await.expect("a reply");
    }
    for path in ["/api/status", "/api/rejected", "/api/queries/live_events", "/api/nothing", "/"] {
        with_address(client.get(format!("{dashboard_url}{path}"))).send().await.expect("a reply");
    }
    with_address(client.delete(user_url(&dashboard_url, "nobody"))).send().await.expect("a reply");
    let select =
        async |table: &str| weir.select(directory.path(), &format!("SELECT * FROM {table} FORMAT JSONEachRow")).await;
    eventually("two events and two rejected ones", || async {
        select("events").await.matches("marker-5b1e").count() == 2
            && select("rejected_events").await.matches("marker-5b1e").count() == 2
    })
    .await;
    let mut tables = String::new();
    for table in ["events", "rejected_events", "weir_definitions", "weir_schema_versions"] {
        tables += &select(table).await;
    }
    assert!(weir.terminate().await.success());

    assert!(!files_with(directory.path(), "marker-5b1e").is_empty(), "files are searched");
    assert!(!files_with(logs.path(), "weir is up").is_empty(), "the log is searched");
    for address in ADDRESSES {
        assert!(!tables.contains(address), "{address} in {tables}");
        let found = [files_with(directory.path(), address), files_with(logs.path(), address)].concat();
        let lines = found.iter().flat_map(|path| {
            let text = String::from_utf8_lossy(&fs::read(path).expect("a file")).into_owned();
            text.lines().find(|line| line.contains(address)).map(str::to_owned)
        });
        assert_eq!(lines.collect::<Vec<_>>(), [""; 0], "{address} in {found:?}");
    }
}

/// Days after which rows are deleted, as the tables have it.
async fn retentions(app: &TestApp) -> String {
    let sql = "SELECT arrayStringConcat(groupArray(extract(engine_full, 'toIntervalDay\\\\((\\\\d+)\\\\)')), ' ')
        FROM (SELECT * FROM system.tables WHERE database = '{database}' AND name IN ('events', 'rejected_events') ORDER BY name)";
    app.select(sql).await.expect("tables")
}

#[tokio::test]
async fn retention_follows_the_configuration_at_the_next_start_and_old_rows_go() {
    let app = TestApp::start().await;
    app.schema().await;
    assert_eq!(retentions(&app).await, "90 7");
    let info = app.get(&format!("{}/api/info", app.dashboard_url)).await.json;
    assert_eq!((&info["retention_days"], &info["rejected_retention_days"]), (&json!(90), &json!(7)));
    // Days apart from each other, and at a distance from where it is decided.
    app.select("INSERT INTO events (event_name, timestamp, session_id) SELECT 'page_view', now64(3) - INTERVAL number * 10 DAY, 's' FROM numbers(8)")
        .await
        .expect("events");
    app.select(
        "INSERT INTO rejected_events (received_at, rejected_at, source) SELECT rejected_at, rejected_at, 'ingest' FROM
        (SELECT now() - INTERVAL number DAY - INTERVAL 12 HOUR AS rejected_at FROM numbers(6))",
    )
    .await
    .expect("rejected events");

    let shorter = [("WEIR_RETENTION_DAYS", "35"), ("WEIR_REJECTED_RETENTION_DAYS", "3")];
    let app = TestApp::restart_with(app.stop().await, &shorter).await;
    eventually("the new retentions", || async { retentions(&app).await == "35 3" }).await;
    let info = app.get(&format!("{}/api/info", app.dashboard_url)).await.json;
    assert_eq!((&info["retention_days"], &info["rejected_retention_days"]), (&json!(35), &json!(3)));
    for (table, left) in [("events", "4"), ("rejected_events", "3")] {
        eventually(&format!("{left} rows in {table}"), || async {
            app.select(&format!("OPTIMIZE TABLE {table} FINAL")).await;
            app.select(&format!("SELECT count() FROM {table}")).await.as_deref() == Some(left)
        })
        .await;
    }

    let longer = [("WEIR_RETENTION_DAYS", "400"), ("WEIR_REJECTED_RETENTION_DAYS", "30")];
    let app = TestApp::restart_with(app.stop().await, &longer).await;
    eventually("the new retentions", || async { retentions(&app).await == "400 30" }).await;
    for (table, left) in [("events", "4"), ("rejected_events", "3")] {
        app.select(&format!("OPTIMIZE TABLE {table} FINAL")).await;
        assert_eq!(app.select(&format!("SELECT count() FROM {table}")).await.as_deref(), Some(left), "{table}");
    }
}
