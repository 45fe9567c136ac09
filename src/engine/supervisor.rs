//! Starts engine processes, watches the one that runs, and replaces it when it ends or falls deaf.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::{interval, timeout};
use tokio_util::sync::CancellationToken;

use super::child::{EXIT_DATA_DIR_IN_USE, EXIT_PORT_TAKEN};
use super::config::Layout;
use super::probe::{Ping, ping};
use super::{EngineError, Status, failed};
use crate::{config::Secret, store::Endpoint};

const START_POLL_INTERVAL: Duration = Duration::from_millis(20);
const WATCH_INTERVAL: Duration = Duration::from_secs(1);

/// A refused connection to a living process means that its listener is closed, which does not mend by itself. A few in
/// a row are waited for all the same: a listener under pressure may refuse one.
const REFUSALS_MAX: u32 = 3;
/// Silence usually means a busy engine, and to kill one that works would be worse than to wait: with the 5 s that each
/// ping is given, this is a minute.
const SILENCES_MAX: u32 = 12;

/// How long a process may take to end when asked, before it is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

const BACKOFF_MIN: Duration = Duration::from_millis(100);
const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// A process that answered this often, a minute long, was healthy: its end is a first failure again.
const HEALTHY_ANSWERS: u32 = 60;

const OUTPUT_BYTES_MAX: u64 = 16 * 1024;
const OUTPUT_LINES_MAX: usize = 10;
const OUTPUT_LINE_CHARS_MAX: usize = 300;

/// Everything needed to start an engine process, any number of times.
#[derive(Debug)]
pub(super) struct Launch {
    pub program: PathBuf,
    pub library: PathBuf,
    pub layout: Layout,
    pub port: u16,
    pub endpoint: Endpoint,
    pub ping: Secret,
    pub start_timeout: Duration,
}

/// A process that has answered. Dropping it kills the process.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
    /// The child ends itself when this end of the pipe closes, by whatever cause.
    _lifeline: Option<ChildStdin>,
}

impl Launch {
    /// Starts a process and waits until it answers. Dropping the future kills the process.
    pub(super) async fn start(&self) -> Result<Running, EngineError> {
        let mut child = self.spawn()?;
        // Taken first, because waiting for the child's end would close it.
        let lifeline = child.stdin.take();
        tokio::select! {
            status = child.wait() => Err(self.startup_failure(status.map_err(failed("watch", &self.program))?)),
            () = self.answers() => Ok(Running { child, _lifeline: lifeline }),
            () = tokio::time::sleep(self.start_timeout) => {
                Err(EngineError::NotStarted { limit: self.start_timeout, output: self.last_output() })
            }
        }
    }

    fn spawn(&self) -> Result<Child, EngineError> {
        let layout = &self.layout;
        let written = layout.write(&self.endpoint, self.ping.expose());
        written.map_err(failed("write the engine's configuration in", &layout.root))?;
        let output = File::create(&layout.output).and_then(|file| Ok((file.try_clone()?, file)));
        let (stdout, stderr) = output.map_err(failed("write", &layout.output))?;
        Command::new(&self.program)
            .arg("engine")
            .arg("--library")
            .arg(&self.library)
            .arg("--config")
            .arg(&layout.config)
            .arg("--data")
            .arg(&layout.root)
            .arg("--port")
            .arg(self.port.to_string())
            // The engine looks for credentials of clouds and other services in its environment.
            .env_clear()
            // It ignores <timezone> of its configuration.
            .env("TZ", "UTC")
            .current_dir(&layout.root)
            .stdin(Stdio::piped())
            .stdout(stdout)
            .stderr(stderr)
            // Ctrl-C in a terminal goes to the whole group of weir, which still has to flush into the engine.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(failed("run", &self.program))
    }

    async fn answers(&self) {
        let mut poll = interval(START_POLL_INTERVAL);
        loop {
            poll.tick().await;
            if ping(self.port, self.ping.expose()).await == Ping::Answered {
                return;
            }
        }
    }

    fn startup_failure(&self, status: ExitStatus) -> EngineError {
        let is = |code: u8| status.code() == Some(i32::from(code));
        if is(EXIT_DATA_DIR_IN_USE) {
            EngineError::DataDirInUse { data_dir: self.layout.root.clone() }
        } else if is(EXIT_PORT_TAKEN) {
            EngineError::PortTaken { port: self.port }
        } else {
            EngineError::Exited { status, output: self.last_output() }
        }
    }

    /// The last lines the process printed, indented, or a word for none.
    fn last_output(&self) -> String {
        let printed = read_end(&self.layout.output).unwrap_or_default();
        let lines: Vec<&str> = printed.lines().filter(|line| !line.trim().is_empty()).collect();
        if lines.is_empty() {
            return " nothing".to_owned();
        }
        let mut last = String::new();
        for line in lines.iter().skip(lines.len().saturating_sub(OUTPUT_LINES_MAX)) {
            last.push_str("\n  ");
            last.extend(line.chars().take(OUTPUT_LINE_CHARS_MAX));
        }
        last
    }
}

fn read_end(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(OUTPUT_BYTES_MAX)))?;
    let mut end = Vec::new();
    file.take(OUTPUT_BYTES_MAX).read_to_end(&mut end)?;
    Ok(String::from_utf8_lossy(&end).into_owned())
}

impl Running {
    /// Asks the process to end, kills it if it does not in time, and returns when it is gone.
    async fn stop(mut self) {
        let process = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(process) = process {
            // It may have ended by itself just now, which is as good.
            let _ = kill_process(process, Signal::TERM);
        }
        if timeout(STOP_TIMEOUT, self.child.wait()).await.is_err() {
            tracing::warn!(timeout = ?STOP_TIMEOUT, "engine did not stop in time; killing it");
            if let Err(error) = self.child.kill().await {
                tracing::error!(%error, "engine could not be killed");
            }
        }
    }
}

/// Why a process is no longer watched.
#[derive(Debug)]
enum End {
    Requested,
    Exited(io::Result<ExitStatus>),
    Deaf(Ping),
}

/// Keeps one engine running until told to stop.
#[derive(Debug)]
pub(super) struct Supervisor {
    pub launch: Launch,
    pub status: Arc<Status>,
    pub stop: CancellationToken,
}

impl Supervisor {
    pub(super) async fn run(self, mut running: Running) {
        let mut backoff = BACKOFF_MIN;
        loop {
            self.status.up.store(true, Ordering::Relaxed);
            let mut health = Health::default();
            let end = self.watch(&mut running, &mut health).await;
            self.status.up.store(false, Ordering::Relaxed);
            match &end {
                End::Requested => return running.stop().await,
                End::Exited(Ok(status)) => {
                    tracing::error!(%status, output = self.launch.last_output(), "engine ended; restarting it");
                }
                End::Exited(Err(error)) => tracing::error!(%error, "engine cannot be watched; restarting it"),
                End::Deaf(ping) => tracing::error!(?ping, "engine does not answer; restarting it"),
            }
            running.stop().await;
            if health.answers >= HEALTHY_ANSWERS {
                backoff = BACKOFF_MIN;
            }
            let Some(next) = self.restart(&mut backoff).await else { return };
            running = next;
            let restarts = self.status.restarts.fetch_add(1, Ordering::Relaxed) + 1;
            tracing::info!(restarts, "engine answers again");
        }
    }

    /// Tries to start a process until one answers, each time after a longer wait; `None` when told to stop.
    async fn restart(&self, backoff: &mut Duration) -> Option<Running> {
        loop {
            let wait = *backoff;
            *backoff = (wait * 2).min(BACKOFF_MAX);
            if timeout(wait, self.stop.cancelled()).await.is_ok() {
                return None;
            }
            match self.stop.run_until_cancelled(self.launch.start()).await? {
                Ok(running) => return Some(running),
                Err(error) => tracing::error!(%error, retry_in = ?*backoff, "engine did not start"),
            }
        }
    }

    async fn watch(&self, running: &mut Running, health: &mut Health) -> End {
        let mut poll = interval(WATCH_INTERVAL);
        let judge = async {
            loop {
                poll.tick().await;
                let answer = ping(self.launch.port, self.launch.ping.expose()).await;
                self.status.up.store(answer == Ping::Answered, Ordering::Relaxed);
                if health.record(answer) {
                    return answer;
                }
            }
        };
        tokio::select! {
            () = self.stop.cancelled() => End::Requested,
            status = running.child.wait() => End::Exited(status),
            answer = judge => End::Deaf(answer),
        }
    }
}

/// The pings of one process so far.
#[derive(Debug, Default)]
struct Health {
    answers: u32,
    refusals_in_a_row: u32,
    silences_in_a_row: u32,
}

impl Health {
    /// Takes one more ping into account and says whether the process is beyond waiting for.
    fn record(&mut self, ping: Ping) -> bool {
        match ping {
            Ping::Answered => {
                *self = Self { answers: self.answers.saturating_add(1), ..Self::default() };
            }
            Ping::Refused => self.refusals_in_a_row += 1,
            Ping::Silent => self.silences_in_a_row += 1,
        }
        self.refusals_in_a_row >= REFUSALS_MAX || self.silences_in_a_row >= SILENCES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pings_survived(ping: Ping) -> u32 {
        let mut health = Health::default();
        (0..1000).find(|_| health.record(ping)).expect("patience ends")
    }

    #[test]
    fn a_busy_engine_is_given_far_more_time_than_one_that_refuses() {
        assert_eq!(pings_survived(Ping::Refused), REFUSALS_MAX - 1);
        assert_eq!(pings_survived(Ping::Silent), SILENCES_MAX - 1);
    }

    #[test]
    fn an_answer_restores_patience() {
        let mut health = Health::default();
        for _ in 0..100 {
            assert!(!health.record(Ping::Refused));
            assert!(!health.record(Ping::Silent));
            assert!(!health.record(Ping::Answered));
        }
        assert_eq!(health.answers, 100);
    }
}
