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
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    clock::Clock,
    config::{Config, ConfigError},
    engine::{Engine, EngineConfig, EngineError, START_TIMEOUT},
    event::EventLimits,
    http::{
        Connections, DashboardState, Info, IngestHealth, IngestService, IngestStages, IngestState, ServerLimits,
        Streams, connections_within_descriptors, dashboard_service, serve,
    },
    ingest::{Decoder, EventIdFiles, EventIds, EventNames},
    journal::{Disk, Journal, JournalLimits, OpenJournal, RealDisk, SegmentQueue, visit_event_ids},
    queries::{Answers, Catalog, Freshness, Funnels},
    replay::ReplayError,
    store::{
        Access, AttemptLimits, Login, RebuildError, RejectedEvents, RejectedLimits, Store, StoreError, Writer,
        WriterLimits,
    },
};

/// Time for the journal's last segments to reach ClickHouse at the end; what is left is sent after the next start.
const LAST_FLUSH_MAX: Duration = Duration::from_secs(10);

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
    // A dashboard in front of a server keeps nothing on disk.
    let keeps_files = listeners.ingest.is_some() || config.store.url.is_none();
    let _lock = if keeps_files { Some(lock_data_dir(&config.data_dir)?) } else { None };
    let tasks = TaskTracker::new();
    let engine = start_engine(&config, &tasks).await?;
    let access = engine.as_ref().map_or_else(|| server_access(&config), |engine| engine.access().clone());
    let store = Store::new(access, config.retention_days)?;
    let (tried, refused) = (CancellationToken::new(), CancellationToken::new());
    let schema = create_schema(store.clone(), tried.clone(), refused.clone(), shutdown.clone()).boxed().shared();
    tasks.spawn(schema.clone());
    // The first viewer should not find an empty database, nor the writer tables that it does not know.
    let _ = tokio::time::timeout(SCHEMA_WAIT_MAX, tried.cancelled()).await;
    let connections_max = connections_within_descriptors(config.connections_max);
    let limits = ServerLimits::new(connections_max, config.request_max, config.bodies_bytes_max);

    let ingestion = match listeners.ingest {
        Some(listener) => Some(Ingestion::start(&config, listener, &store, &clock, &limits, &refused, &shutdown)?),
        None => None,
    };
    let dashboard = listeners.dashboard.map(|listener| {
        // Streams leave room for the questions of those who watch them.
        let streams = Streams::new(config.dashboard.streams_max.min(connections_max / 2), shutdown.clone());
        let state = dashboard(&config, &store, &clock, ingestion.as_ref(), streams);
        let service = dashboard_service(state.clone());
        let until = shutdown.clone();
        tasks.spawn(async move { until.run_until_cancelled(state.answers().follow_data()).await });
        tokio::spawn(serve(listener, service, limits.clone(), Connections::new(), shutdown.clone()))
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

/// The running ingestion side: listener → journal → writer.
struct Ingestion {
    server: JoinHandle<()>,
    journal: Journal,
    journal_ended: oneshot::Receiver<io::Result<()>>,
    queue: Arc<SegmentQueue>,
    /// Appends that go on without their clients.
    appends: TaskTracker,
    event_id_files: JoinHandle<()>,
    event_ids_complete: CancellationToken,
    writer: JoinHandle<io::Result<bool>>,
    rejected_writer: JoinHandle<()>,
    give_up: CancellationToken,
    freshness: tokio::sync::watch::Receiver<crate::store::FlushReport>,
    health: IngestHealth,
}

impl Ingestion {
    fn start(
        config: &Config,
        listener: TcpListener,
        store: &Store,
        clock: &Clock,
        limits: &ServerLimits,
        refused: &CancellationToken,
        shutdown: &CancellationToken,
    ) -> Result<Self, AppError> {
        let in_data_dir = |source| AppError::DataDir { path: config.data_dir.display().to_string(), source };
        let names = match &config.ingest.event_names {
            Some(names) => EventNames::listed(names),
            None => EventNames::seen(&config.data_dir.join("event_names"), config.ingest.event_names_max)
                .map_err(in_data_dir)?,
        };
        let disk = RealDisk::open(&config.data_dir.join("journal")).map_err(in_data_dir)?;
        let OpenJournal { journal, queue, ended } =
            Journal::open(Arc::clone(&disk), JournalLimits::from_config(&config.journal), rand::random())
                .map_err(in_data_dir)?;
        let event_ids = EventIds::new(config.ingest.event_id_window_ids);
        let event_id_files =
            open_event_ids(&config.data_dir.join("event_ids"), disk.as_ref(), &event_ids).map_err(in_data_dir)?;
        let retention_days = config.retention_days;
        let writer = Writer::new(store.clone(), Arc::clone(&queue), WriterLimits::default(), clock.clone());
        let freshness = writer.reports();
        let appends = TaskTracker::new();
        let rejected_limits = RejectedLimits::in_rhythm(config.journal.flush_events, config.journal.flush_interval);
        let (rejected_events, rejected_writer) =
            RejectedEvents::new(store.clone(), rejected_limits, AttemptLimits::default(), rand::random());
        let connections = Connections::new();
        let stages = IngestStages {
            decoder: Decoder { limits: EventLimits::with_retention_days(retention_days), names },
            event_ids,
            journal: journal.clone(),
            tasks: appends.clone(),
            clock: clock.clone(),
            reports: freshness.clone(),
            unflushed_max: config.ingest.unflushed_max,
            rejected_events,
        };
        let state = IngestState::new(stages, limits, Arc::clone(&connections));
        let (health, service) = (state.health_source(), IngestService::new(state));
        // What tables of a newer version would make of the events is not known.
        let (give_up, event_ids_complete) = (refused.child_token(), CancellationToken::new());
        Ok(Self {
            server: tokio::spawn(serve(listener, service, limits.clone(), connections, shutdown.clone())),
            journal,
            journal_ended: ended,
            queue,
            appends,
            event_id_files: tokio::spawn(event_id_files.run(event_ids_complete.clone())),
            event_ids_complete,
            writer: tokio::spawn(writer.run(give_up.clone())),
            rejected_writer: tokio::spawn(rejected_writer.run(give_up.clone())),
            give_up,
            freshness,
            health,
        })
    }

    /// Runs until `shutdown` or a failure of the journal, then ends in the order of the data: requests, journal, flush.
    async fn run_to_end(mut self, shutdown: &CancellationToken) -> Result<(), AppError> {
        tokio::select! {
            // First, for the writer may have been told to end with it.
            biased;
            () = shutdown.cancelled() => {}
            ended = &mut self.journal_ended => return Err(AppError::Journal(failure(ended))),
            ended = &mut self.writer => return Err(AppError::Journal(failure(ended))),
        }
        // The listener ends by the token; a panic in it has been reported.
        let _ = self.server.await;
        self.journal.close();
        self.journal_ended.await.unwrap_or_else(|error| Err(io::Error::other(error))).map_err(AppError::Journal)?;
        self.appends.close();
        self.appends.wait().await;
        self.event_ids_complete.cancel();
        // Before the end is marked as clean: the next start then reads no ids out of the journal.
        let _ = self.event_id_files.await;
        let give_up = self.give_up.clone();
        let deadline = tokio::spawn(async move {
            tokio::time::sleep(LAST_FLUSH_MAX).await;
            give_up.cancel();
        });
        let all_stored = self.writer.await.unwrap_or_else(|error| Err(io::Error::other(error)));
        // It ends because the listener has; a panic in it has been reported.
        let _ = self.rejected_writer.await;
        deadline.abort();
        match all_stored.map_err(AppError::Journal)? {
            true => self.queue.mark_clean().map_err(AppError::Journal),
            false => {
                let events = self.journal.depth().events;
                tracing::warn!(
                    events,
                    "ClickHouse did not take everything in time; the rest is sent after the next start"
                );
                Ok(())
            }
        }
    }
}

/// Loads the ids that were stored within the window, from their files and from the journal.
fn open_event_ids(directory: &Path, journal: &dyn Disk, event_ids: &EventIds) -> io::Result<EventIdFiles> {
    let files = EventIdFiles::open(RealDisk::open(directory)?, event_ids.clone())?;
    visit_event_ids(journal, |id| event_ids.remember(id))?;
    Ok(files)
}

/// Why a part ended that should not have.
fn failure<T, E: std::error::Error + Send + Sync + 'static>(ended: Result<io::Result<T>, E>) -> io::Error {
    match ended {
        Ok(Ok(_)) => io::Error::other("it ended early"),
        Ok(Err(error)) => error,
        Err(panicked) => io::Error::other(panicked),
    }
}

/// `ingestion`: of this process, if it takes events.
fn dashboard(
    config: &Config,
    store: &Store,
    clock: &Clock,
    ingestion: Option<&Ingestion>,
    streams: Streams,
) -> DashboardState {
    let freshness: Freshness = ingestion.map(|ingestion| ingestion.freshness.clone());
    let answers =
        Answers::new(store.clone(), clock.clone(), freshness, Funnels::new(config.dashboard.funnel_events_max));
    let info = Info::new(config.dashboard.ingest_url.clone(), config.retention_days, config.store.url.is_none());
    let health = ingestion.map(|ingestion| ingestion.health.clone());
    DashboardState::new(Catalog::built_in(), answers, streams, info, health)
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

pub(crate) fn server_access(config: &Config) -> Access {
    let login = Login { user: config.store.user.clone(), password: config.store.password.clone() };
    Access {
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
