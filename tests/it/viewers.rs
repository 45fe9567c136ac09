//! However many look, ClickHouse is asked a few times a second, and only while somebody looks.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use weir::{
    access::Access,
    clock::Clock,
    config::Config,
    http::{Connections, DashboardState, Entrance, Gate, Info, ServerLimits, Streams, dashboard_service, serve},
    queries::{Answers, Catalog, Funnels},
    store::{Erasures, QueryLimits},
};

use crate::{
    app::{TestApp, engine_endpoint, event, eventually},
    fault_proxy::FaultProxy,
    stream::Told,
};

const PANELS: [&str; 4] = ["active_users", "error_rate", "signup_funnel", "top_features"];

/// Each panel once in this time, and the newest event once in that: less than four queries a second.
const REVISION_INTERVAL_MS: usize = 1_050;
const NEWEST_EVENT_INTERVAL_MS: usize = 6_000;

/// A program that takes events as fast as one client sends them, and counts what ClickHouse is asked.
struct Watched {
    app: Arc<TestApp>,
    proxy: FaultProxy,
    flow: JoinHandle<()>,
    queries_before: usize,
    started: Instant,
}

impl Watched {
    async fn start() -> Self {
        let proxy = FaultProxy::start(&engine_endpoint().url).await;
        let app = Arc::new(TestApp::start_with(&[("CLICKHOUSE_URL", &proxy.url)]).await);
        app.schema().await;
        app.accept(&json!([event(json!({}))])).await;
        app.stored(1).await;
        let sender = Arc::clone(&app);
        let flow = tokio::spawn(async move {
            loop {
                sender.accept(&json!([event(json!({}))])).await;
            }
        });
        Self { queries_before: queries(&proxy), started: Instant::now(), app, proxy, flow }
    }

    /// Ends the flow of events. Whoever looked must have gone.
    async fn assert_few_queries(self) {
        let elapsed_ms = usize::try_from(self.started.elapsed().as_millis()).expect("seconds");
        // A revision may have begun before, and another one was saved up.
        let revisions = elapsed_ms / REVISION_INTERVAL_MS + 3;
        let allowed = PANELS.len() * revisions + elapsed_ms / NEWEST_EVENT_INTERVAL_MS + 1;
        let asked = queries(&self.proxy) - self.queries_before;
        assert!(asked <= allowed, "{asked} queries, of {allowed}, in {elapsed_ms} ms");
        let flushes = self.app.metric("weir_store_flushes_total").await;
        let flows = || async { self.app.metric("weir_store_flushes_total").await > flushes };
        eventually("events that flow", flows).await;
        self.flow.abort();
    }
}

fn queries(proxy: &FaultProxy) -> usize {
    proxy.seen().iter().filter(|seen| seen.token.is_none()).count()
}

#[tokio::test]
async fn a_thousand_viewers_of_four_panels_cost_four_queries_a_second_while_events_flow() {
    let watched = Watched::start().await;
    let (viewers, leave) = (TaskTracker::new(), CancellationToken::new());
    for _ in 0..1_000 {
        let (app, leave) = (Arc::clone(&watched.app), leave.clone());
        viewers.spawn(async move {
            for panel in PANELS.iter().cycle().take_while(|_| !leave.is_cancelled()) {
                app.query(panel, "1h").await;
            }
        });
    }
    let mut computed_at = [const { BTreeSet::new() }; PANELS.len()];
    while computed_at.iter().any(|moments| moments.len() < 4) {
        for (panel, moments) in PANELS.iter().zip(&mut computed_at) {
            let answer = watched.app.query(panel, "1h").await;
            moments.insert(answer["computed_at"].as_str().expect("a moment").to_owned());
        }
    }
    leave.cancel();
    viewers.close();
    viewers.wait().await;
    watched.assert_few_queries().await;
}

#[tokio::test]
async fn a_thousand_pages_that_are_told_what_is_new_cost_four_queries_a_second_while_events_flow() {
    let watched = Watched::start().await;
    let pages: TaskTracker = TaskTracker::new();
    for _ in 0..1_000 {
        let app = Arc::clone(&watched.app);
        pages.spawn(async move {
            let mut stream = Told::open(&app).await;
            for _ in 0..4 {
                let since_ms = stream.next().await.expect("a revision");
                for panel in PANELS {
                    app.answer_since(&format!("{panel}?range=1h"), since_ms).await;
                }
            }
        });
    }
    pages.close();
    pages.wait().await;
    watched.assert_few_queries().await;
}

const TEN_MINUTES: Duration = Duration::from_secs(600);
const ENDLESS_ROWS: u32 = 1_000_000;

/// A dashboard whose queries are slow.
struct SlowDashboard {
    app: TestApp,
    url: String,
    connections: Arc<Connections>,
    shutdown: CancellationToken,
}

impl SlowDashboard {
    /// A query sleeps 50 ms for each of the rows.
    async fn start(rows: u32, time_max: Duration) -> Self {
        let app = TestApp::start().await;
        app.schema().await;
        app.select("RENAME TABLE events TO rows").await.expect("renamed");
        let view = "CREATE VIEW events AS SELECT * FROM (SELECT now64(3) - INTERVAL 1 MINUTE AS timestamp, 'feature_used' AS event_name, \
                    's' AS session_id, CAST(NULL AS Nullable(String)) AS user_id, 'export' AS feature \
                    FROM numbers({rows}) WHERE sleepEachRow(0.05) = 0 SETTINGS max_block_size = 1)";
        app.select(&view.replace("{rows}", &rows.to_string())).await.expect("a view");
        let limits = QueryLimits { time_max, ..QueryLimits::default() };
        let answers = Answers::new(app.store().with_query_limits(limits), Clock::System, None, Funnels::new(1_000));
        let (connections, shutdown) = (Connections::new(), CancellationToken::new());
        let access = Access::new(app.store(), Clock::System, None).expect("no file");
        let service = dashboard_service(DashboardState::new(
            Gate::new(access, true),
            Catalog::built_in(),
            answers,
            Erasures::new(app.store(), Clock::System, None, true).0,
            Streams::new(1, shutdown.clone()),
            Info::of(&Config::from_variables(&HashMap::new()).expect("defaults")),
            None,
        ));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/api/queries/top_features", listener.local_addr().expect("bound"));
        let limits = ServerLimits::new(10, Duration::from_secs(10), 1 << 20);
        tokio::spawn(serve(listener, service, limits, Entrance::default(), Arc::clone(&connections), shutdown.clone()));
        Self { app, url, connections, shutdown }
    }

    /// Asks on a connection of its own, until it is aborted.
    fn viewer(&self) -> tokio::task::JoinHandle<Value> {
        let url = self.url.clone();
        tokio::spawn(async move {
            let reply = reqwest::Client::new().get(url).send().await.expect("a reply");
            reply.json().await.expect("JSON")
        })
    }

    /// The panel's queries that ClickHouse works on.
    async fn running(&self) -> Vec<String> {
        let sql = "SELECT query_id FROM system.processes WHERE current_database = '{database}' \
                   AND query LIKE '%FROM%unique_users DESC%' AND query NOT LIKE '%processes%' ORDER BY query_id";
        self.app.select(sql).await.unwrap_or_default().lines().map(str::to_owned).collect()
    }

    async fn viewers(&self, count: usize) {
        eventually(&format!("{count} viewers"), || async { self.connections.requests_in_flight() == count }).await;
    }

    async fn queries(&self, count: usize) {
        eventually(&format!("{count} queries"), || async { self.running().await.len() == count }).await;
    }
}

impl Drop for SlowDashboard {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

#[tokio::test]
async fn a_query_is_cancelled_when_its_last_viewer_leaves() {
    let dashboard = SlowDashboard::start(ENDLESS_ROWS, TEN_MINUTES).await;
    let (first, second) = (dashboard.viewer(), dashboard.viewer());
    dashboard.viewers(2).await;
    dashboard.queries(1).await;
    first.abort();
    second.abort();
    dashboard.viewers(0).await;
    dashboard.queries(0).await;
    let third = dashboard.viewer();
    dashboard.queries(1).await;
    third.abort();
    dashboard.queries(0).await;
}

#[tokio::test]
async fn a_viewer_who_stays_gets_the_answer_that_one_who_left_has_asked_for() {
    let dashboard = SlowDashboard::start(120, TEN_MINUTES).await;
    let first = dashboard.viewer();
    dashboard.queries(1).await;
    let second = dashboard.viewer();
    dashboard.viewers(2).await;
    let asked_by_first = dashboard.running().await;
    first.abort();
    dashboard.viewers(1).await;
    assert_eq!(dashboard.running().await, asked_by_first);
    let answer = second.await.expect("an answer");
    assert_eq!(answer["rows"], json!([{ "feature": "export", "unique_users": 1, "events": 120 }]));
}

#[tokio::test]
async fn a_query_over_its_time_is_ended_and_answered_504() {
    let dashboard = SlowDashboard::start(ENDLESS_ROWS, Duration::from_secs(1)).await;
    let answer = dashboard.viewer().await.expect("an answer");
    assert_eq!(answer["error"]["code"], "query_over_limit", "{answer}");
    dashboard.queries(0).await;
    let reply = dashboard.app.get(&dashboard.url).await;
    assert_eq!((reply.status, &reply.json), (504, &answer));
}
