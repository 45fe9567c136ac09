//! The tables are brought to the schema of this version: from nothing, from older ones, by many nodes, after a crash.

use std::{
    path::Path,
    process::{Command, Output, Stdio},
    time::Instant,
};

use serde_json::json;
use weir::store::{Endpoint, SCHEMA_VERSION, Store, StoreError};

use crate::{
    app::{PATIENCE, Stopped, TestApp, engine_endpoint, event, new_database, select},
    product_queries::OLD_TABLE,
};

fn store(database: &str, retention_days: u32) -> Store {
    let Endpoint { url, writer, .. } = engine_endpoint().clone();
    let endpoint = Endpoint { url, database: database.to_owned(), reader: writer.clone(), writer };
    Store::new(endpoint, retention_days).expect("a store")
}

/// Runs a command of weir on a database, to its end.
async fn weir(database: &str, arguments: &[&str]) -> Output {
    let directory = tempfile::tempdir().expect("a directory");
    weir_in(directory.path(), database, arguments).await
}

async fn weir_in(data_dir: &Path, database: &str, arguments: &[&str]) -> Output {
    let endpoint = engine_endpoint();
    let mut child = Command::new(env!("CARGO_BIN_EXE_weir"))
        .args(arguments)
        .env("WEIR_DATA_DIR", data_dir)
        .env("WEIR_INGEST_ADDR", "127.0.0.1:0")
        .env("WEIR_DASHBOARD_ADDR", "127.0.0.1:0")
        .env("CLICKHOUSE_URL", &endpoint.url)
        .env("CLICKHOUSE_USER", &endpoint.writer.user)
        .env("CLICKHOUSE_PASSWORD", endpoint.writer.password.expose())
        .env("CLICKHOUSE_DATABASE", database)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("weir starts");
    let started = Instant::now();
    while child.try_wait().expect("it can be waited for").is_none() {
        if started.elapsed() > PATIENCE {
            child.kill().expect("it can be killed");
            panic!("weir {arguments:?} does not end");
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    child.wait_with_output().expect("its output")
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

async fn create(database: &str, tables: &[&str]) {
    select("default", &format!("CREATE DATABASE {database}")).await.expect("a database");
    for table in tables {
        select(database, table).await.expect("a table");
    }
}

/// How ClickHouse describes the tables.
async fn described(database: &str) -> String {
    let columns = "SELECT table, name, type, default_kind, default_expression, compression_codec FROM system.columns
        WHERE database = '{database}' ORDER BY table, name";
    let tables = "SELECT name, engine, partition_key, sorting_key, replaceOne(engine_full, ' TTL date', '\nTTL date'),
        arraySort(extractAll(create_table_query, 'PROJECTION (\\\\w+)')) FROM system.tables
        WHERE database = '{database}' ORDER BY name";
    let columns = select(database, columns).await.expect("columns");
    columns + &select(database, tables).await.expect("tables")
}

async fn is_of_today(database: &str) {
    let plan = store(database, 90).plan_schema().await.expect("a plan");
    assert_eq!((plan.version_found, plan.changes), (SCHEMA_VERSION, vec![]));
}

#[tokio::test]
async fn older_tables_become_those_of_a_new_installation() {
    let (new, old) = (new_database(), new_database());
    store(&new, 90).ensure_schema().await.expect("a schema");
    create(&old, &[OLD_TABLE]).await;
    select(&old, "INSERT INTO events (event_name, timestamp, session_id) VALUES ('page_view', now64(3), 's-1')")
        .await
        .expect("an event");

    store(&old, 90).ensure_schema().await.expect("a schema");

    // ClickHouse lets nobody change it later: a table that was there keeps its granules.
    let granules = "index_granularity_bytes = 2097152, ";
    let described_new = described(&new).await;
    assert!(described_new.contains(granules), "{described_new}");
    assert_eq!(described(&old).await, described_new.replace(granules, ""));
    is_of_today(&old).await;
    assert_eq!(select(&old, "SELECT count() FROM events").await.as_deref(), Some("1"));
}

/// The script that a server runs at its first boot makes the same tables as the program, but in the database it names.
#[tokio::test]
async fn a_servers_first_boot_makes_the_tables_that_the_program_expects() {
    let (booted, new) = (new_database(), new_database());
    let script = include_str!("../../init-db.sql").replace("weir;", &format!("{booted};"));
    for statement in script.split(";\n").map(str::trim).filter(|statement| !statement.is_empty()) {
        // Over HTTP, each statement stands alone.
        let database = if statement.contains("CREATE DATABASE") { "default" } else { &booted };
        select(database, statement).await.unwrap_or_else(|| panic!("{statement}"));
    }
    store(&new, 90).ensure_schema().await.expect("a schema");
    assert_eq!(described(&booted).await, described(&new).await);
    is_of_today(&booted).await;
}

#[tokio::test]
async fn nodes_that_start_at_once_agree() {
    for tables in [vec![], vec![OLD_TABLE]] {
        let database = new_database();
        create(&database, &tables).await;
        let nodes = (0..8).map(|_| {
            let store = store(&database, 90);
            async move { store.ensure_schema().await }
        });
        for outcome in futures_util::future::join_all(nodes).await {
            outcome.expect("a schema");
        }
        is_of_today(&database).await;
    }
}

#[tokio::test]
async fn a_creation_that_is_cut_off_after_any_statement_is_finished_by_the_next_start() {
    let script = include_str!("../../init-db.sql");
    let statements: Vec<_> = script.split(";\n").filter(|statement| !statement.contains("USE weir")).collect();
    let (new, cuts) = (new_database(), statements.len());
    store(&new, 90).ensure_schema().await.expect("a schema");
    for cut in 1..cuts {
        let database = new_database();
        create(&database, &[]).await;
        for statement in statements[..cut].iter().filter(|statement| !statement.contains("CREATE DATABASE")) {
            select(&database, statement).await.unwrap_or_else(|| panic!("{statement}"));
        }
        store(&database, 90).ensure_schema().await.expect("a schema");
        assert_eq!(described(&database).await, described(&new).await, "cut after {cut} statements");
        is_of_today(&database).await;
    }
}

#[tokio::test]
async fn a_start_on_the_tables_of_today_changes_what_is_configured_otherwise_and_nothing_else() {
    let database = new_database();
    store(&database, 90).ensure_schema().await.expect("a schema");
    is_of_today(&database).await;
    let plan = store(&database, 30).plan_schema().await.expect("a plan");
    let changes: Vec<_> = plan.changes.iter().map(ToString::to_string).collect();
    assert_eq!(changes, ["delete events after 30 days"]);
    let plan = store(&database, 90).with_rejected_retention(3).plan_schema().await.expect("a plan");
    let changes: Vec<_> = plan.changes.iter().map(ToString::to_string).collect();
    assert_eq!(changes, ["delete rejected events after 3 days"]);
    store(&database, 30).ensure_schema().await.expect("a schema");
    assert_eq!(store(&database, 30).plan_schema().await.expect("a plan").changes, []);
}

#[tokio::test]
async fn tables_of_a_newer_version_are_refused_and_left_alone() {
    let database = new_database();
    store(&database, 90).ensure_schema().await.expect("a schema");
    let newer = SCHEMA_VERSION + 1;
    let mark = format!("INSERT INTO weir_schema_versions (version) VALUES ({newer})");
    select(&database, &mark).await.expect("a version");
    let before = described(&database).await;

    let error = store(&database, 30).ensure_schema().await.expect_err("a refusal");
    assert_eq!(error, StoreError::NewerSchema { database: database.clone(), found: newer, known: SCHEMA_VERSION });
    for command in [&["migrate"][..], &["migrate", "--dry-run"], &["serve"], &["ingest"], &["dashboard"]] {
        let output = weir(&database, command).await;
        let expected =
            format!("have version {newer} of the schema, which a newer weir has made; this one knows version");
        assert!(!output.status.success() && said(&output).contains(&expected), "{command:?}: {}", said(&output));
    }
    assert_eq!(described(&database).await, before);
}

#[tokio::test]
async fn what_waits_in_the_journal_is_not_sent_to_tables_of_a_newer_version() {
    let app = TestApp::start_with(&[("CLICKHOUSE_URL", "http://127.0.0.1:1")]).await;
    app.accept(&json!([event(json!({})), event(json!({}))])).await;
    let Stopped { database, directory } = app.stop().await;
    store(&database, 90).ensure_schema().await.expect("a schema");
    let mark = format!("INSERT INTO weir_schema_versions (version) VALUES ({})", SCHEMA_VERSION + 1);
    select(&database, &mark).await.expect("a version");

    let output = weir_in(directory.path(), &database, &["ingest"]).await;
    assert!(!output.status.success() && said(&output).contains("which a newer weir has made"), "{}", said(&output));
    assert_eq!(select(&database, "SELECT count() FROM events").await.as_deref(), Some("0"));

    // As a program that knows them would find it.
    select(&database, "TRUNCATE TABLE weir_schema_versions").await.expect("no version");
    let app = TestApp::restart_with(Stopped { database, directory }, &[]).await;
    app.stored(2).await;
}

#[tokio::test]
async fn migrate_says_what_it_does_and_a_dry_run_does_nothing() {
    let database = new_database();
    create(&database, &[OLD_TABLE]).await;
    let before = described(&database).await;

    let dry = weir(&database, &["migrate", "--dry-run"]).await;
    let expected = format!(
        "{database}: no version of the schema is recorded\n\
         would upgrade the table events to version 1: codecs on every column; the rollup feature_by_hour makes way for by_hour\n\
         would upgrade the table events to version 2: the rollup features_by_ten_minutes\n\
         would upgrade the table events to version 3: rollups that answer sooner, with paths that differ in ids as one\n\
         would upgrade the table events to version 4: rollups without rows at their edges, and hashes of the ids for large funnels\n\
         would create weir_schema_versions, rejected_events, weir_definitions\n\
         would delete events after 90 days\n\
         nothing was changed; run without --dry-run for version {SCHEMA_VERSION}\n"
    );
    assert_eq!(String::from_utf8_lossy(&dry.stdout), expected, "{}", said(&dry));
    assert_eq!(described(&database).await, before);

    let done = weir(&database, &["migrate"]).await;
    assert!(
        done.status.success() && said(&done).contains(&format!("done: version {SCHEMA_VERSION}\n")),
        "{}",
        said(&done)
    );
    let again = weir(&database, &["migrate"]).await;
    let nothing = format!(
        "{database}: the schema has version {SCHEMA_VERSION}\nnothing to do: version {SCHEMA_VERSION} is that of this weir\n"
    );
    assert_eq!(String::from_utf8_lossy(&again.stdout), nothing);
}
