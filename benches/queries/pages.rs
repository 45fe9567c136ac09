//! Open pages of the dashboard: each has a stream, and asks for the four panels at once whenever it is told.

use std::{
    io,
    time::{Duration, Instant},
};

use memchr::memmem;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::watch,
    task::LocalSet,
    time::{sleep, sleep_until, timeout_at},
};

use crate::{
    engine::BenchEngine,
    figures::{percentile, shown},
    load::Outcome,
    program::{Program, stream},
    viewers::{Answers, PANELS, exchange, selects_per_second},
};

/// Pages open one after the other for so long.
const ARRIVAL: Duration = Duration::from_secs(5);
/// Events flow for this long beyond the pages.
const STREAM_MARGIN: Duration = Duration::from_secs(2);
const STREAM_REQUEST: &[u8] =
    b"GET /api/stream HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip, deflate, br\r\n\r\n";

/// What pages were told, and what they got.
#[derive(Default)]
struct Told {
    messages: u64,
    /// Streams that were refused or broke.
    broken: u64,
    answers: Answers,
}

/// Keeps pages open while 5,000 events a second come in, and prints what they got and what ClickHouse was asked.
pub async fn watch(engine: &BenchEngine, program: &Program, pages: u64, duration: Duration, events: u64) {
    let port = program.dashboard_port;
    let opened = ARRIVAL + duration;
    let open = tokio::task::spawn_blocking(move || open_all(port, pages, opened));
    let counted = async {
        sleep(ARRIVAL).await;
        selects_per_second(engine, duration).await
    };
    let (outcome, told, selects_per_second) =
        tokio::join!(stream(opened + STREAM_MARGIN).run(program.ingest_port), open, counted);
    print(&outcome, told.expect("no panic"), selects_per_second, pages, events);
}

fn print(outcome: &Outcome, told: Told, selects_per_second: f64, pages: u64, events: u64) {
    let Answers { mut latencies_ms, failures } = told.answers;
    println!(
        "\n**{} open pages that ask for the four panels at 1h when they are told, while {} events/s come in** ({} M events \
         stored)\n\n| | |\n|---|---|",
        shown(pages as f64),
        shown(outcome.accepted_per_second()),
        shown(events as f64 / 1e6)
    );
    println!("| messages to a page, on average | {} |", shown(told.messages as f64 / pages as f64));
    println!("| answers | {} |", latencies_ms.len());
    println!(
        "| from a message to the answer, p50 / p99, ms | {} / {} |",
        shown(percentile(&mut latencies_ms, 0.5)),
        shown(percentile(&mut latencies_ms, 0.99))
    );
    println!("| answers that failed, streams that broke | {failures}, {} |", told.broken);
    println!("| queries a second that ClickHouse saw | {} |", shown(selects_per_second));
    println!("| p99 of the 202 meanwhile, ms | {} |", shown(outcome.percentile_ms(0.99)));
    println!("| events not taken | {} requests |", outcome.failures);
}

/// All pages, on one thread.
fn open_all(port: u16, pages: u64, duration: Duration) -> Told {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    LocalSet::new().block_on(&runtime, async {
        let started = Instant::now();
        let tasks: Vec<_> = (0..pages)
            .map(|page| {
                let opens = started + ARRIVAL.mul_f64(page as f64 / pages as f64);
                tokio::task::spawn_local(open(port, opens, started + duration))
            })
            .collect();
        let mut whole = Told::default();
        for task in tasks {
            let told = task.await.expect("no panic");
            whole.messages += told.messages;
            whole.broken += told.broken;
            whole.answers.add(told.answers);
        }
        whole
    })
}

/// One page: a connection for the stream, and one for each panel, as a browser has them.
async fn open(port: u16, opens: Instant, ends: Instant) -> Told {
    sleep_until(opens.into()).await;
    let (tell, told_at) = watch::channel(opens);
    let panels = PANELS.map(|panel| tokio::task::spawn_local(follow(port, panel, told_at.clone())));
    let mut told = Told::default();
    let listening = timeout_at(ends.into(), listen(port, &tell, &mut told.messages)).await;
    // A stream does not end before its page does.
    told.broken = u64::from(listening.is_ok());
    drop(tell);
    for panel in panels {
        told.answers.add(panel.await.expect("no panic"));
    }
    told
}

/// Reads the stream until it ends, and tells when each message came.
async fn listen(port: u16, tell: &watch::Sender<Instant>, messages: &mut u64) -> io::Result<()> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(STREAM_REQUEST).await?;
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        if stream.read_buf(&mut buffer).await? == 0 {
            return Ok(());
        }
        // Messages are short, and come whole.
        if memmem::find(&buffer, b"event: revision").is_some() {
            *messages += 1;
            tell.send_replace(Instant::now());
        }
    }
}

/// Asks for a panel whenever the page is told, until nobody is left to tell it.
async fn follow(port: u16, panel: &str, mut told_at: watch::Receiver<Instant>) -> Answers {
    let request = format!(
        "GET /api/queries/{panel}?range=1h HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip, deflate, br\r\n\
         Cache-Control: no-cache\r\n\r\n"
    );
    let (mut answers, mut buffer) = (Answers::default(), Vec::new());
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)).await else {
        return Answers { failures: 1, ..answers };
    };
    while told_at.changed().await.is_ok() {
        let told_at = *told_at.borrow_and_update();
        match exchange(&mut stream, request.as_bytes(), &mut buffer).await {
            Ok(true) => answers.latencies_ms.push(told_at.elapsed().as_secs_f64() * 1000.0),
            Ok(false) => answers.failures += 1,
            Err(_) => {
                answers.failures += 1;
                break;
            }
        }
    }
    answers
}
