//! Starts and stops every long-lived part, in one visible order.

use std::{
    fs::{DirBuilder, File},
    io,
    os::unix::fs::DirBuilderExt,
    path::Path,
    sync::Arc,
    time::Duration,
};

use futures_util::FutureExt;
use rustix::fs::{FlockOperation, flock};
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    access::{Access, FirstSecrets, MustHave, PasswordError},
    clock::Clock,
    config::{Config, ConfigError, TlsConfig},
    engine::{Engine, EngineConfig, EngineError, START_TIMEOUT},
    http::{
        Connections, DashboardState, Entrance, Gate, Info, ServerLimits, Streams, Tls, TlsError, TrustedProxies,
        connections_within_descriptors, dashboard_service, serve,
    },
    ingestion::{Ends, Ingestion},
    queries::{Answers, Catalog, Freshness, Funnels},
    replay::ReplayError,
    store::{Endpoint, Erasures, Login, RebuildError, Store, StoreError},
};

/// Time that a start waits for the schema. If it takes longer, events come first.
const SCHEMA_WAIT_MAX: Duration = Duration::from_secs(5);

/// Why weir could not start, or had to end.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("WEIR_LOG: {0}")]
    Log(#[from] tracing_subscriber::filter::ParseError),
    #[error("cannot listen on {addr}: {source}; set {variable} to another address")]
    Listen { addr: std::net::SocketAddr, variable: &'static str, source: io::Error },
    #[error("another weir is at work in {0}; stop it, or set WEIR_DATA_DIR to another directory")]
    DataDirInUse(String),
    #[error("the data directory {path}: {source}")]
    DataDir { path: String, source: io::Error },
    #[error(
        "this half of weir needs a ClickHouse server to meet the other half: set CLICKHOUSE_URL, or use `weir serve`"
    )]
    NoServer,
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Password(#[from] PasswordError),
    #[error("TLS: {0}")]
    Tls(#[from] TlsError),
    #[error("{0}")]
    Usage(String),
    #[error(transparent)]
    Rebuild(#[from] RebuildError),
    #[error(
        "stopped before the end; ClickHouse goes on with the rollup at hand by itself, run this again for the others"
    )]
    RebuildStopped,
    #[error("not healthy: {0}")]
    Unhealthy(String),
    #[error("the journal failed, and no event can be taken safely any more: {0}")]
    Journal(io::Error),
    #[error(transparent)]
    Replay(#[from] ReplayError),
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// The sockets of the parts that run.
#[derive(Debug, Default)]
pub struct Listeners {
    pub ingest: Option<TcpListener>,
    pub dashboard: Option<TcpListener>,
}

impl Listeners {
    /// Takes the configured address for events.
    pub async fn with_ingest(mut self, config: &Config) -> Result<Self, AppError> {
        self.ingest = Some(bind(config.ingest.addr, "WEIR_INGEST_ADDR").await?);
        Ok(self)
    }

    /// Takes the configured address for the dashboard.
    pub async fn with_dashboard(mut self, config: &Config) -> Result<Self, AppError> {
        self.dashboard = Some(bind(config.dashboard.addr, "WEIR_DASHBOARD_ADDR").await?);
        Ok(self)
    }
}

async fn bind(addr: std::net::SocketAddr, variable: &'static str) -> Result<TcpListener, AppError> {
    TcpListener::bind(addr).await.map_err(|source| AppError::Listen { addr, variable, source })
}

/// Runs the parts that have a listener until `shutdown`, or until one of them can not go on.
pub async fn run(
    config: Config,
    listeners: Listeners,
    clock: Clock,
    shutdown: CancellationToken,
) -> Result<(), AppError> {
    // First, so that a mistake here begins nothing: no key and no password is made that nobody is told.
    let entrance = entrance(&config)?;
    // A dashboard in front of a server keeps nothing on disk.
    let keeps_files = listeners.ingest.is_some() || config.store.url.is_none();
    let _lock = if keeps_files { Some(lock_data_dir(&config.data_dir)?) } else { None };
    let tasks = TaskTracker::new();
    let engine = start_engine(&config, &tasks).await?;
    let endpoint = engine.as_ref().map_or_else(|| server_endpoint(&config), |engine| engine.endpoint().clone());
    let store = Store::new(endpoint, config.retention_days)?.with_rejected_retention(config.rejected_retention_days);
    let (tried, refused) = (CancellationToken::new(), CancellationToken::new());
    let ends = Ends { shutdown: shutdown.clone(), refused: refused.clone() };
    let schema = create_schema(store.clone(), tried.clone(), refused, shutdown.clone()).boxed().shared();
    tasks.spawn(schema.clone());
    // The first viewer should not find an empty database, nor the writer tables that it does not know.
    let _ = tokio::time::timeout(SCHEMA_WAIT_MAX, tried.cancelled()).await;
    let access = open_access(&config, &store, &clock, keeps_files)?;
    let must_have = MustHave {
        write_key: listeners.ingest.is_some() && !config.ingest.is_open,
        password: listeners.dashboard.is_some() && !config.dashboard.is_open,
    };
    if must_have.write_key || must_have.password {
        let (access, until) = (Arc::clone(&access), shutdown.clone());
        tasks.spawn(async move { until.run_until_cancelled(guard(&access, must_have)).await });
    }
    let connections_max = connections_within_descriptors(config.connections_max);
    if let Some(tls) = entrance.tls.clone() {
        let until = shutdown.clone();
        tasks.spawn(async move { until.run_until_cancelled(tls.follow()).await });
    }
    let limits = ServerLimits::new(connections_max, config.request_max, config.bodies_bytes_max);

    let ingestion = match listeners.ingest {
        Some(listener) => {
            let gate = Gate::new(Arc::clone(&access), config.ingest.is_open);
            Some(Ingestion::start(&config, (listener, gate), &store, &clock, (&limits, &entrance), &ends)?)
        }
        None => None,
    };
    let dashboard = listeners.dashboard.map(|listener| {
        // Streams leave room for the questions of those who watch them.
        let streams = Streams::new(config.dashboard.streams_max.min(connections_max / 2), shutdown.clone());
        let gate = Gate::new(Arc::clone(&access), config.dashboard.is_open);
        let erased = ingestion.as_ref().map(|ingestion| ingestion.erased.clone());
        let (erasures, eraser) = Erasures::new(store.clone(), clock.clone(), erased, config.store.is_local());
        tasks.spawn(eraser.run(shutdown.clone()));
        let state = dashboard(&config, gate, &store, &clock, ingestion.as_ref(), erasures, streams);
        let service = dashboard_service(state.clone());
        let until = shutdown.clone();
        tasks.spawn(async move { until.run_until_cancelled(state.answers().follow_data()).await });
        tokio::spawn(serve(listener, service, limits.clone(), entrance.clone(), Connections::new(), shutdown.clone()))
    });
    tracing::info!("weir is up");

    let outcome = match ingestion {
        Some(ingestion) => ingestion.run_to_end(&shutdown).await,
        None => {
            shutdown.cancelled().await;
            Ok(())
        }
    };
    shutdown.cancel();
    if let Some(dashboard) = dashboard {
        // It ends by the same token, and cannot fail.
        let _ = dashboard.await;
    }
    if let Some(engine) = engine {
        engine.stop().await;
    }
    tasks.close();
    tasks.wait().await;
    tracing::info!("weir has stopped");
    schema.await?;
    outcome
}

/// `ingestion`: of this process, if it takes events.
fn dashboard(
    config: &Config,
    gate: Gate,
    store: &Store,
    clock: &Clock,
    ingestion: Option<&Ingestion>,
    erasures: Erasures,
    streams: Streams,
) -> DashboardState {
    let freshness: Freshness = ingestion.map(|ingestion| ingestion.freshness.clone());
    let answers =
        Answers::new(store.clone(), clock.clone(), freshness, Funnels::new(config.dashboard.funnel_events_max));
    let health = ingestion.map(|ingestion| ingestion.health.clone());
    DashboardState::new(gate, Catalog::built_in(), answers, erasures, streams, Info::of(config), health)
}

fn entrance(config: &Config) -> Result<Entrance, AppError> {
    let load = |TlsConfig { certificate, key }: TlsConfig| Tls::load(certificate, key).map(Arc::new);
    let tls = config.tls.clone().map(load).transpose()?;
    Ok(Entrance { tls, trusted_proxies: Arc::new(TrustedProxies::new(config.trusted_proxies.clone())) })
}

/// What is known of the credentials until ClickHouse can be asked: a process with files has a copy of them.
fn open_access(config: &Config, store: &Store, clock: &Clock, keeps_files: bool) -> Result<Arc<Access>, AppError> {
    let path = &config.data_dir;
    let copy = keeps_files.then(|| path.join("credentials.json"));
    let in_data_dir = |source| AppError::DataDir { path: path.display().to_string(), source };
    Access::new(store.clone(), clock.clone(), copy).map_err(in_data_dir)
}

/// Follows who may do what, and makes what a listener that others can reach must have: a write key, a password.
async fn guard(access: &Access, must_have: MustHave) {
    const RETRY: Duration = Duration::from_secs(1);
    let mut first = FirstSecrets::default();
    while let Err(error) = access.create_missing(must_have, &mut first).await {
        tracing::warn!(%error, "who may do what is not known; trying again");
        tokio::time::sleep(RETRY).await;
    }
    tell(&first);
    access.follow().await;
}

/// On standard output, where the log is not.
fn tell(FirstSecrets { write_key, password }: &FirstSecrets) {
    if write_key.is_none() && password.is_none() {
        return;
    }
    println!("Weir asks who sends events and who looks at them, and has made what was missing.");
    println!("It is told this once; only hashes are kept.\n");
    if let Some(write_key) = write_key {
        println!("  Write key   {}", write_key.expose());
        println!(
            "              sends events, also from any web page: Authorization: Bearer, or `weir key create` another\n"
        );
    }
    if let Some(password) = password {
        println!("  Password    {}", password.expose());
        println!("              to sign in to the dashboard; `weir password` changes it\n");
    }
}

/// Brings the tables in ClickHouse to this version, as soon as it can be reached. Those of a newer one end the process: what it
/// has accepted waits in the journal for a program that knows them. `tried`: at least once.
async fn create_schema(
    store: Store,
    tried: CancellationToken,
    refused: CancellationToken,
    shutdown: CancellationToken,
) -> Result<(), StoreError> {
    const RETRY: Duration = Duration::from_secs(1);
    let _tried = tried.clone().drop_guard();
    loop {
        match store.ensure_schema().await {
            Ok(()) => return Ok(()),
            Err(error @ StoreError::NewerSchema { .. }) => {
                shutdown.cancel();
                refused.cancel();
                return Err(error);
            }
            Err(error) => tracing::warn!(%error, "the schema could not be created; trying again"),
        }
        tried.cancel();
        tokio::select! {
            () = tokio::time::sleep(RETRY) => {}
            () = shutdown.cancelled() => return Ok(()),
        }
    }
}

pub(crate) async fn start_engine(config: &Config, tasks: &TaskTracker) -> Result<Option<Engine>, AppError> {
    if config.store.url.is_some() {
        return Ok(None);
    }
    let engine = EngineConfig {
        data_dir: config.data_dir.join("engine"),
        port: config.engine.port,
        database: config.store.database.clone(),
        library: config.engine.library.clone(),
        program: std::env::current_exe()?,
        start_timeout: START_TIMEOUT,
    };
    Ok(Some(Engine::start(engine, tasks).await?))
}

pub(crate) fn server_endpoint(config: &Config) -> Endpoint {
    let login = Login { user: config.store.user.clone(), password: config.store.password.clone() };
    Endpoint {
        url: config.store.url.clone().unwrap_or_default(),
        database: config.store.database.clone(),
        writer: login.clone(),
        reader: login,
    }
}

/// One process a data directory: a second one would send the first one's segments.
pub(crate) fn lock_data_dir(data_dir: &Path) -> Result<File, AppError> {
    let in_data_dir = |source| AppError::DataDir { path: data_dir.display().to_string(), source };
    // One that is there already is left as its owner has made it; what holds people's data in it is private by itself.
    DirBuilder::new().recursive(true).mode(0o700).create(data_dir).map_err(in_data_dir)?;
    let lock = File::create(data_dir.join("lock")).map_err(in_data_dir)?;
    match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(lock),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(AppError::DataDirInUse(data_dir.display().to_string())),
        Err(error) => Err(in_data_dir(error.into())),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_new_data_directory_is_for_the_owner_alone() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let data_dir = root.path().join("weir-data");
        let _lock = lock_data_dir(&data_dir).expect("nobody is at work in it");
        let mode = data_dir.metadata().expect("it exists").permissions().mode() & 0o777;
        assert_eq!(mode, 0o700);
    }
}
