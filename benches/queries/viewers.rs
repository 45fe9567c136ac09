//! Viewers of the dashboard: each has one connection and asks for the four panels every five seconds.

use std::{
    io,
    rc::Rc,
    time::{Duration, Instant},
};

use memchr::memmem;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::LocalSet,
};

use crate::{
    engine::BenchEngine,
    figures::{percentile, shown},
    load::Outcome,
    program::{Program, stream},
};

pub const PANELS: [&str; 4] = ["active_users", "error_rate", "signup_funnel", "top_features"];
const POLL_INTERVAL: Duration = Duration::from_secs(5);
/// Viewers come one after the other for so long, so that they do not all ask at the same moment.
const ARRIVAL: Duration = POLL_INTERVAL;
/// Queries are counted for this long without viewers: the engine is asked once a second whether it is there.
const ALONE: Duration = Duration::from_secs(5);
/// Events flow for this long beyond the viewers, who take a moment to connect.
const STREAM_MARGIN: Duration = Duration::from_secs(2);

/// What viewers got.
#[derive(Default)]
pub struct Answers {
    pub latencies_ms: Vec<f64>,
    pub failures: u64,
}

impl Answers {
    pub fn add(&mut self, other: Self) {
        self.latencies_ms.extend(other.latencies_ms);
        self.failures += other.failures;
    }
}

/// Lets viewers poll while 5,000 events a second come in, and prints what they got and what ClickHouse was asked.
pub async fn watch(engine: &BenchEngine, program: &Program, viewers: u64, duration: Duration, events: u64) {
    let port = program.dashboard_port;
    let alone = selects_per_second(engine, ALONE).await;
    let polled = ARRIVAL + duration;
    let polling = tokio::task::spawn_blocking(move || poll_all(port, viewers, polled));
    let counted = async {
        // All viewers are there then, and each further second is like the one before.
        tokio::time::sleep(ARRIVAL).await;
        selects_per_second(engine, duration).await
    };
    let (outcome, answers, selects_per_second) =
        tokio::join!(stream(polled + STREAM_MARGIN).run(program.ingest_port), polling, counted);
    print(&outcome, answers.expect("no panic"), selects_per_second - alone, viewers, polled, events);
}

fn print(outcome: &Outcome, answers: Answers, selects_per_second: f64, viewers: u64, duration: Duration, events: u64) {
    let mut latencies_ms = answers.latencies_ms;
    println!(
        "\n**{} viewers of the four panels at 1h, while {} events/s come in** ({} M events stored)\n\n| | |\n|---|---|",
        shown(viewers as f64),
        shown(outcome.accepted_per_second()),
        shown(events as f64 / 1e6)
    );
    println!("| answers a second | {} |", shown(latencies_ms.len() as f64 / duration.as_secs_f64()));
    println!(
        "| answer, p50 / p99, ms | {} / {} |",
        shown(percentile(&mut latencies_ms, 0.5)),
        shown(percentile(&mut latencies_ms, 0.99))
    );
    println!("| answers that failed | {} |", answers.failures);
    println!("| queries a second that ClickHouse saw, beyond those without viewers | {} |", shown(selects_per_second));
    println!("| p99 of the 202 meanwhile, ms | {} |", shown(outcome.percentile_ms(0.99)));
    println!("| events not taken | {} requests |", outcome.failures);
}

/// Queries a second that ClickHouse sees for so long.
pub async fn selects_per_second(engine: &BenchEngine, duration: Duration) -> f64 {
    let (before, started) = (selects(engine).await, Instant::now());
    tokio::time::sleep(duration).await;
    // The count itself is one of them.
    (selects(engine).await - before - 1) as f64 / started.elapsed().as_secs_f64()
}

/// Queries that ClickHouse has seen.
async fn selects(engine: &BenchEngine) -> u64 {
    let count = engine.select("system", "SELECT value FROM events WHERE event = 'SelectQuery'").await;
    count.expect("ClickHouse answers").trim().parse().expect("a number")
}

/// All viewers, on one thread.
fn poll_all(port: u16, viewers: u64, duration: Duration) -> Answers {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    LocalSet::new().block_on(&runtime, async {
        let started = Instant::now();
        let requests = Rc::new(PANELS.map(|panel| {
            format!(
                "GET /api/queries/{panel}?range=1h HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip, deflate, br\r\n\r\n"
            )
        }));
        let tasks: Vec<_> = (0..viewers)
            .map(|viewer| {
                let arrives = started + ARRIVAL.mul_f64(viewer as f64 / viewers as f64);
                tokio::task::spawn_local(poll(port, Rc::clone(&requests), arrives, started + duration))
            })
            .collect();
        let mut whole = Answers::default();
        for task in tasks {
            whole.add(task.await.expect("no panic"));
        }
        whole
    })
}

/// One viewer: the panels are asked for one after the other, evenly spread; a late answer counts from when it was due.
async fn poll(port: u16, requests: Rc<[String; PANELS.len()]>, arrives: Instant, ends: Instant) -> Answers {
    let (mut answers, mut due, mut buffer) = (Answers::default(), arrives, Vec::new());
    tokio::time::sleep_until(arrives.into()).await;
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)).await else {
        return Answers { failures: 1, ..Answers::default() };
    };
    for request in requests.iter().cycle() {
        if due >= ends {
            break;
        }
        tokio::time::sleep_until(due.into()).await;
        match exchange(&mut stream, request.as_bytes(), &mut buffer).await {
            Ok(true) => answers.latencies_ms.push(due.elapsed().as_secs_f64() * 1000.0),
            Ok(false) => answers.failures += 1,
            Err(_) => {
                answers.failures += 1;
                break;
            }
        }
        due += POLL_INTERVAL / u32::try_from(PANELS.len()).expect("four");
    }
    answers
}

/// Whether the reply is a 200, once it is whole.
pub async fn exchange(stream: &mut TcpStream, request: &[u8], buffer: &mut Vec<u8>) -> io::Result<bool> {
    stream.write_all(request).await?;
    buffer.clear();
    while !is_whole(buffer) {
        if stream.read_buf(buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(buffer.starts_with(b"HTTP/1.1 200"))
}

/// Compressed replies come in chunks, others with their length.
fn is_whole(reply: &[u8]) -> bool {
    let Some(head_end) = memmem::find(reply, b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&reply[..head_end]).to_ascii_lowercase();
    match head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()?.parse::<usize>().ok()) {
        Some(length) => reply.len() >= head_end + 4 + length,
        None => reply.ends_with(b"\r\n0\r\n\r\n"),
    }
}
