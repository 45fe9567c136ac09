//! The embedded engine: ClickHouse, as a library in a child process that weir starts, watches and stops.
//!
//! In: a data directory, a loopback port and the name of the database. Out: a URL and two logins ([`Endpoint`]); whoever
//! speaks to ClickHouse speaks to it over HTTP, as to any server.
//!
//! Invariants:
//!
//! * The engine never outlives weir, not even a weir that was killed, and two engines never share a data directory.
//! * The URL and the logins stay the same for the life of an [`Engine`], however often its process is replaced.
//! * A dead or deaf process is replaced for as long as weir runs. Its end is an outage of the store and nothing more.
//! * Over HTTP only the two generated logins exist. The engine's own session, `default`, has no password and cannot be
//!   given one, so the configuration refuses every request that does not name one of the two.
//!
//! Limits: every wait is bounded by a constant beside it. The reader sees one database, changes nothing, reaches no
//! other server and has bounded time, memory and rows; but its login must stay secret all the same, because in this
//! engine the scalar function `file()` needs no grant and opens any file that weir may open.

mod child;
mod config;
mod library;
mod probe;
mod supervisor;

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use child::{EngineChildArgs, run as run_child};

use crate::{
    config::Secret,
    store::{Endpoint, Login},
};
use config::Layout;
use supervisor::{Launch, Supervisor};

/// How long an engine may take to answer for the first time. Usual is 0.4 s; a large store on a slow disk takes longer,
/// and so does waiting for an earlier engine to let go of the data directory.
pub const START_TIMEOUT: Duration = Duration::from_secs(30);

/// What an engine needs to know to start.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// Directory for all files of the engine; made if missing.
    pub data_dir: PathBuf,
    /// Loopback port of its HTTP interface; 0 takes a free one.
    pub port: u16,
    /// Database that the reader may read. It need not exist yet.
    pub database: String,
    /// Engine library to load; by default it is looked for where npm installs it.
    pub library: Option<PathBuf>,
    /// The weir executable, which has the `engine` subcommand.
    pub program: PathBuf,
    /// Longest wait for the first answer, usually [`START_TIMEOUT`].
    pub start_timeout: Duration,
}

/// Why an engine did not start.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// No engine library is installed, or not where the configuration says.
    #[error(
        "the engine library is not installed. Looked at:{}\n\
         Run `npm ci --prefix engine`, or set WEIR_ENGINE_LIBRARY to the library, \
         or set CLICKHOUSE_URL to use a ClickHouse server.",
        list(places)
    )]
    LibraryNotFound {
        /// Every file looked for.
        places: Vec<PathBuf>,
    },
    /// Another program listens on the port.
    #[error("port {port} is taken by another program. Set WEIR_ENGINE_PORT to a free port.")]
    PortTaken {
        /// The configured port.
        port: u16,
    },
    /// Another engine works in the data directory.
    #[error("another weir uses the data directory {}. Stop it, or set WEIR_DATA_DIR.", data_dir.display())]
    DataDirInUse {
        /// The contested directory.
        data_dir: PathBuf,
    },
    /// The engine's files or process could not be made.
    #[error("cannot {action}: {source}")]
    Io {
        /// What was tried, as in "cannot …".
        action: String,
        /// What the system said.
        source: io::Error,
    },
    /// The process ended before it answered.
    #[error("the engine ended while it started ({status}). It said:{output}")]
    Exited {
        /// How it ended.
        status: std::process::ExitStatus,
        /// Its last lines.
        output: String,
    },
    /// The process lives, but did not answer in time.
    #[error("the engine did not answer within {limit:?}. It said:{output}")]
    NotStarted {
        /// The configured limit.
        limit: Duration,
        /// Its last lines.
        output: String,
    },
}

fn list(places: &[PathBuf]) -> String {
    places.iter().fold(String::new(), |text, place| text + "\n  " + &place.to_string_lossy())
}

/// 256 random bits, as 64 hexadecimal digits.
fn random_secret() -> Secret {
    let [high, low] = rand::random::<[u128; 2]>();
    Secret::new(format!("{high:032x}{low:032x}"))
}

/// How to reach the engine that another weir runs on a data directory, for the owner of the directory: its logins are in
/// the files that were written at its start.
///
/// # Errors
///
/// [`EngineError::Io`] if there is none.
pub fn endpoint_of_running(data_dir: &Path, port: u16, database: &str) -> Result<Endpoint, EngineError> {
    let users = Layout::new(data_dir.to_owned()).users;
    let text = std::fs::read_to_string(&users).map_err(failed("read", &users))?;
    let mut endpoint = random_endpoint(port, database);
    for login in [&mut endpoint.writer, &mut endpoint.reader] {
        let password = config::password_of(&login.user, &text).ok_or_else(|| io::Error::other("it has no password"));
        login.password = password.map_err(failed("read", &users))?;
    }
    Ok(endpoint)
}

/// New logins for an engine. To be sent as the headers `X-ClickHouse-User` and `X-ClickHouse-Key`: the engine refuses
/// every other way to log in.
fn random_endpoint(port: u16, database: &str) -> Endpoint {
    let login = |user: &str| Login { user: user.to_owned(), password: random_secret() };
    Endpoint {
        url: format!("http://{}:{port}", Ipv4Addr::LOCALHOST),
        database: database.to_owned(),
        writer: login("weir"),
        reader: login("weir_reader"),
    }
}

/// What the supervisor tells the rest of weir.
#[derive(Debug, Default)]
struct Status {
    up: AtomicBool,
    restarts: AtomicU64,
}

/// A running, supervised engine. Dropping it stops the engine too, but only [`Engine::stop`] waits for that.
#[derive(Debug)]
pub struct Engine {
    endpoint: Endpoint,
    status: Arc<Status>,
    stop: CancellationToken,
    stopped: CancellationToken,
}

impl Engine {
    /// Starts the engine and returns once it answers; `tasks` gets the task that watches it.
    ///
    /// # Errors
    ///
    /// See [`EngineError`]; no process is left behind.
    pub async fn start(config: EngineConfig, tasks: &TaskTracker) -> Result<Self, EngineError> {
        let absolute = |path: &Path| std::path::absolute(path).map_err(failed("find", path));
        let program = absolute(&config.program)?;
        let library = library::find(config.library.as_deref(), &program, &absolute(Path::new("."))?)?;
        let layout = Layout::new(absolute(&config.data_dir)?);
        layout.create().map_err(failed("make the directory", &layout.root))?;
        let port = if config.port == 0 { free_port()? } else { config.port };
        let endpoint = random_endpoint(port, &config.database);

        let launch = Launch {
            program,
            library,
            layout,
            port,
            endpoint: endpoint.clone(),
            ping: random_secret(),
            start_timeout: config.start_timeout,
        };
        let running = launch.start().await?;
        let engine = Self {
            endpoint,
            status: Arc::default(),
            stop: CancellationToken::new(),
            stopped: CancellationToken::new(),
        };
        let supervisor = Supervisor { launch, status: Arc::clone(&engine.status), stop: engine.stop.clone() };
        let stopped = engine.stopped.clone().drop_guard();
        tasks.spawn(async move {
            let _stopped = stopped;
            supervisor.run(running).await;
        });
        Ok(engine)
    }

    /// How to reach the engine; the same for its whole life.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Whether the engine answered when last asked.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.status.up.load(Ordering::Relaxed)
    }

    /// How many times the engine was replaced.
    #[must_use]
    pub fn restarts(&self) -> u64 {
        self.status.restarts.load(Ordering::Relaxed)
    }

    /// Stops the engine and returns when its process is gone, which takes about a second and at most ten.
    pub async fn stop(&self) {
        self.stop.cancel();
        self.stopped.cancelled().await;
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> EngineError {
    let action = format!("{action} {}", path.display());
    move |source| EngineError::Io { action, source }
}

/// A port that is free now. Somebody else may take it before the engine does, which then reports so.
fn free_port() -> Result<u16, EngineError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|source| EngineError::Io { action: "find a free port".to_owned(), source })
}
