//! The `weir engine` process: loads the engine library and runs it until a signal or the end of its parent.
//!
//! Invariants:
//!
//! * It never outlives its parent. Standard input is a pipe whose other end only the parent holds; its end, however the
//!   parent came to it, stops the process.
//! * It holds an exclusive lock on the data directory from before the engine opens a file until the process is gone.
//! * It runs before any async runtime exists, because the engine installs signal handlers and threads of its own.

use std::ffi::{CStr, CString, NulError, OsString, c_char, c_int, c_void};
use std::fs::{File, TryLockError};
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process};

/// Exit code that tells the parent: another engine held the data directory for too long.
pub(super) const EXIT_DATA_DIR_IN_USE: u8 = 75;
/// Exit code that tells the parent: the port belongs to someone else.
pub(super) const EXIT_PORT_TAKEN: u8 = 76;

/// How long an engine may take to end once its parent is gone, before it is killed.
const ORPHAN_STOP_TIMEOUT: Duration = Duration::from_secs(10);
/// How long to wait for the engine of a killed parent to let go of the data directory: longer than it may live.
const LOCK_TIMEOUT: Duration = Duration::from_secs(15);

/// Opens the listener, then never ends: the engine serves for as long as its last statement runs. Only an interrupted
/// block ends it, so the length of one sleep bounds how long a clean stop takes.
const STATEMENTS: &str = "SYSTEM START LISTEN HTTP; \
    SELECT sleepEachRow(1) FROM system.numbers SETTINGS max_block_size = 1 FORMAT Null";

/// Arguments of the hidden `weir engine` subcommand. `weir serve` passes them; nobody types them.
#[derive(Debug, clap::Args)]
pub struct EngineChildArgs {
    /// Engine library to load
    #[arg(long)]
    pub library: PathBuf,
    /// Engine configuration, written by the parent
    #[arg(long)]
    pub config: PathBuf,
    /// Directory that holds the engine's lock and store
    #[arg(long)]
    pub data: PathBuf,
    /// Loopback port to answer HTTP on
    #[arg(long)]
    pub port: u16,
}

#[derive(Debug, thiserror::Error)]
enum ChildError {
    #[error("another engine has held {} for {LOCK_TIMEOUT:?}", .0.display())]
    DataDirInUse(PathBuf),
    #[error("port {0} is taken")]
    PortTaken(u16),
    #[error("{what}: {source}")]
    Io { what: &'static str, source: io::Error },
    #[error("cannot load the engine library: {0}")]
    Library(#[from] libloading::Error),
    #[error("an argument contains a NUL byte")]
    Argument(#[from] NulError),
    #[error("the engine failed: {0}")]
    Engine(String),
}

/// Runs the engine in this process until it is told to stop. To be called before any async runtime starts.
#[must_use]
pub fn run(args: &EngineChildArgs) -> ExitCode {
    match run_engine(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The parent reads standard error back from a file; there is no subscriber for tracing here.
            eprintln!("weir engine: {error}");
            match error {
                ChildError::DataDirInUse(_) => ExitCode::from(EXIT_DATA_DIR_IN_USE),
                ChildError::PortTaken(_) => ExitCode::from(EXIT_PORT_TAKEN),
                _ => ExitCode::FAILURE,
            }
        }
    }
}

fn run_engine(args: &EngineChildArgs) -> Result<(), ChildError> {
    stop_with_parent()?;
    let _lock = lock(&args.data)?;
    // Only now: until the lock is free, the port may still belong to the engine of a killed parent.
    claim_port(args.port)?;
    call_library(&args.library, engine_arguments(args)?)
}

/// Ends this process when standard input ends, which is when the parent has.
fn stop_with_parent() -> Result<(), ChildError> {
    let wait = || {
        // An error means the pipe cannot tell any more whether the parent lives: treat it as its end.
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        let _ = kill_process(getpid(), Signal::TERM);
        // Nothing to wait on: if the process ends in time, this thread ends with it.
        thread::sleep(ORPHAN_STOP_TIMEOUT);
        let _ = kill_process(getpid(), Signal::KILL);
    };
    let spawned = thread::Builder::new().name("parent-watch".to_owned()).spawn(wait);
    spawned.map(drop).map_err(|source| ChildError::Io { what: "cannot watch the parent", source })
}

/// Takes the lock on the data directory, waiting a bounded time for an engine that is still stopping.
fn lock(data: &Path) -> Result<File, ChildError> {
    let failed = |source| ChildError::Io { what: "cannot lock the data directory", source };
    let file = File::options().create(true).truncate(false).write(true).mode(0o600).open(data.join("lock"));
    let file = file.map_err(failed)?;
    match file.try_lock() {
        Ok(()) => return Ok(file),
        Err(TryLockError::Error(source)) => return Err(failed(source)),
        Err(TryLockError::WouldBlock) => {}
    }
    // A lock call cannot time out by itself, so it runs beside the one who waits.
    let (sender, locked) = mpsc::sync_channel(1);
    let wait = move || drop(sender.send(file.lock().map(|()| file)));
    thread::Builder::new().name("lock-wait".to_owned()).spawn(wait).map_err(failed)?;
    match locked.recv_timeout(LOCK_TIMEOUT) {
        Ok(outcome) => outcome.map_err(failed),
        Err(_) => Err(ChildError::DataDirInUse(data.to_path_buf())),
    }
}

/// Tells a taken port apart from every other reason for an engine not to start.
fn claim_port(port: u16) -> Result<(), ChildError> {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
        Ok(listener) => {
            drop(listener);
            Ok(())
        }
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(ChildError::PortTaken(port)),
        Err(source) => Err(ChildError::Io { what: "cannot listen on the loopback address", source }),
    }
}

/// The command line the library expects, beginning with the program name it chooses its tool by.
fn engine_arguments(args: &EngineChildArgs) -> Result<Vec<CString>, NulError> {
    let with_path = |option: &str, path: &Path| {
        let mut argument = OsString::from(option);
        argument.push(path);
        argument.into_vec()
    };
    [
        b"clickhouse".to_vec(),
        with_path("--config-file=", &args.config),
        with_path("--path=", &args.data.join("store")),
        b"--multiquery".to_vec(),
        format!("--listen_host={}", Ipv4Addr::LOCALHOST).into_bytes(),
        format!("--http_port={}", args.port).into_bytes(),
        // Lifts the limit on how long one block may sleep, which the endless statement needs.
        b"--function_sleep_max_microseconds_per_block=0".to_vec(),
        format!("--query={STATEMENTS}").into_bytes(),
    ]
    .into_iter()
    .map(CString::new)
    .collect()
}

/// Loads the library and runs its command line entry; returns when the engine has stopped.
#[allow(unsafe_code, reason = "the engine is a C library")]
fn call_library(path: &Path, arguments: Vec<CString>) -> Result<(), ChildError> {
    type RunCommandLine = unsafe extern "C" fn(c_int, *mut *mut c_char) -> *mut c_void;
    type ResultError = unsafe extern "C" fn(*mut c_void) -> *const c_char;

    let count = c_int::try_from(arguments.len()).expect("a handful of arguments fits an int");
    let mut argv: Vec<*mut c_char> = arguments.into_iter().map(CString::into_raw).collect();
    argv.push(std::ptr::null_mut());

    // SAFETY: loading runs the library's initialisers, in a process that exists for nothing else and before any other
    // code uses what they touch. The library is leaked: its threads may outlive the call, so it is never unloaded.
    let library: &'static libloading::Library = Box::leak(Box::new(unsafe { libloading::Library::new(path) }?));
    // SAFETY: the types are those of `chdb_query_cmdline` and `chdb_result_error` in chdb.h.
    let (run_command_line, result_error) = unsafe {
        (library.get::<RunCommandLine>("chdb_query_cmdline")?, library.get::<ResultError>("chdb_result_error")?)
    };
    // SAFETY: `argv` is `count` C strings and a null, writable and, because leaked, valid for the whole process.
    let result = unsafe { run_command_line(count, argv.as_mut_ptr()) };
    if result.is_null() {
        return Err(ChildError::Engine("it returned no result".to_owned()));
    }
    // SAFETY: `result` is not null and comes from the entry; it is never freed, for the process ends.
    let message = unsafe { result_error(result) };
    if message.is_null() {
        return Ok(());
    }
    // SAFETY: an error of a result is a C string that lives as long as the result.
    Err(ChildError::Engine(unsafe { CStr::from_ptr(message) }.to_string_lossy().into_owned()))
}
