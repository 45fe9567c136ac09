//! Thousands of connections that say nothing, or a head without end, beside a few clients that work.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_util::sync::{CancellationToken, DropGuard};
use weir::http::connections_within_descriptors;

use crate::{
    ledger::Ledger,
    program::{Program, Reply, eventually},
    stored,
    verdict::{Form, Verdict},
};

const SENDERS: usize = 4;
const SEND_INTERVAL: Duration = Duration::from_millis(20);
/// Connections of the senders, and of the questions beside them.
const CLIENTS_MAX: usize = 2 * SENDERS;
const MEASURED: Duration = Duration::from_secs(30);
const MEASURED_FAST: Duration = Duration::from_secs(1);
/// The crowd comes one by one, so that the server's patience does not end with all of them at once.
const ARRIVAL_INTERVAL: Duration = Duration::from_millis(1);
const RECONNECT_INTERVAL: Duration = Duration::from_millis(100);
/// From one byte of a slow head to the next.
const SLOW_INTERVAL: Duration = Duration::from_secs(2);
/// How many times as long the slowest replies may take beside the crowd.
const P99_GROWTH_MAX: f64 = 2.0;

pub async fn run(connections: u64, form: Form) -> Verdict {
    // The limit on open files of this process is that of weir, which shares its part of it between two listeners.
    let wanted = usize::try_from(connections).unwrap_or(usize::MAX).saturating_add(CLIENTS_MAX);
    let connections = connections_within_descriptors(wanted).saturating_sub(CLIENTS_MAX);
    let weir = Program::new(&[]);
    let running = weir.start();
    eventually("weir", || weir.is_up()).await;
    let ledger = Ledger::default();
    // The first insert of an engine is slow, whoever is connected.
    ledger.fresh_shown_after(&weir).await;
    let measured = if form == Form::Long { MEASURED } else { MEASURED_FAST };
    let mut without = reply_times(&weir, &ledger, measured / 2).await;
    let crowd = Crowd::start(weir.ingest_addr(), connections);
    // Those that were just cut are on their way back.
    eventually("the crowd", || async { open(&weir).await >= connections as f64 * 0.9 }).await;
    let mut with = reply_times(&weir, &ledger, measured).await;
    let held = open(&weir).await;
    crowd.leave().await;
    eventually("the end of the crowd", || async { open(&weir).await <= CLIENTS_MAX as f64 }).await;
    // Before and after, as a machine does not stay the same.
    without.extend(reply_times(&weir, &ledger, measured / 2).await);
    eventually("an empty journal", || weir.is_drained()).await;
    running.terminate().await;
    let count = stored::count_in(weir.data_dir(), &ledger).await;
    let ([p50_without, p99_without], [p50_with, p99_with]) = (percentiles(&mut without), percentiles(&mut with));
    let figure = format!(
        "{held:.0} connections open; p99 {p99_without:.1?} without the idle ones, {p99_with:.1?} with \
         (p50 {p50_without:.1?}, {p50_with:.1?})"
    );
    let mut verdict = Verdict::new("idle_connections", count, figure);
    verdict.promise(ledger.refused() == 0, "requests were refused for those who do not send any");
    verdict.promise(ledger.unanswered().is_empty(), "requests were not answered");
    let fast_enough = p99_with <= p99_without.mul_f64(P99_GROWTH_MAX);
    verdict.promise_of_speed(form, fast_enough, "idle connections make others wait more than twice as long");
    verdict
}

async fn open(weir: &Program) -> f64 {
    weir.metric("weir_ingest_connections_open").await
}

/// Sends at a steady pace; gives how long after the time it was due each accepted request was answered.
async fn reply_times(weir: &Program, ledger: &Ledger, duration: Duration) -> Vec<Duration> {
    let started = Instant::now();
    let sender = || async {
        let mut times = Vec::new();
        let mut turns = tokio::time::interval(SEND_INTERVAL);
        while started.elapsed() < duration {
            let due = turns.tick().await;
            if ledger.send(weir).await == Some(Reply::Accepted) {
                times.push(due.elapsed());
            }
        }
        times
    };
    join_all((0..SENDERS).map(|_| sender())).await.concat()
}

/// p50 and p99.
fn percentiles(times: &mut [Duration]) -> [Duration; 2] {
    times.sort();
    [50, 99].map(|percent| times.get(times.len() * percent / 100).copied().expect("some requests were accepted"))
}

/// Connections that stay, each made anew when the server has cut it. On a thread of their own, so that the clients that
/// are measured do not wait for them on this side.
struct Crowd {
    /// Also ends the thread when a scenario fails: it would hold up the end of the process.
    over: DropGuard,
    thread: tokio::task::JoinHandle<()>,
}

impl Crowd {
    fn start(address: String, connections: usize) -> Self {
        let over = CancellationToken::new();
        let until = over.clone();
        let thread = tokio::task::spawn_blocking(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            let members = join_all((0..connections).map(|number| member(&address, number)));
            runtime.block_on(until.run_until_cancelled(members));
        });
        Self { over: over.drop_guard(), thread }
    }

    async fn leave(self) {
        drop(self.over);
        self.thread.await.expect("no panic");
    }
}

async fn member(address: &str, number: usize) {
    tokio::time::sleep(ARRIVAL_INTERVAL * u32::try_from(number).expect("fewer than descriptors")).await;
    loop {
        match TcpStream::connect(address).await {
            Ok(stream) if number.is_multiple_of(2) => be_silent(stream).await,
            Ok(stream) => be_slow(stream).await,
            Err(_) => tokio::time::sleep(RECONNECT_INTERVAL).await,
        }
    }
}

/// Until the server says or does something.
async fn be_silent(mut stream: TcpStream) {
    let _ = stream.read(&mut [0]).await;
}

async fn be_slow(mut stream: TcpStream) {
    let mut next: &[u8] = b"POST /events HTTP/1.1\r\nHost: weir\r\nX-Slow: ";
    while stream.write_all(next).await.is_ok() && timeout(SLOW_INTERVAL, stream.read(&mut [0])).await.is_err() {
        next = b"a";
    }
}
