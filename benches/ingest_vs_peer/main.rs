//! Weir and the pipeline people write first, in turn, on the same machine, engine and load: `make bench-ingest`.
//!
//! Both stand in front of the same embedded ClickHouse. Weir fsyncs before it answers and inserts exactly once, with its
//! rollups in the table; the peer answers from memory and inserts into the bare table. After each run the rows in
//! ClickHouse are counted: what was accepted must be there.
//! Settings: `BENCH_ROUNDS` (3), `BENCH_SECONDS` of load a run (10), `BENCH_ONLY` of the loads `500`, `10`, `1`, `paced` and
//! `memory`, separated by commas (all).

mod engine;
mod figures;
mod load;
mod report;
mod settings;
mod subject;

use std::time::{Duration, Instant};

use load::{Closed, Outcome, Paced};
use report::Report;
use settings::{is_wanted, number};
use subject::{Bench, Kind, Subject};

#[tokio::main]
async fn main() {
    let rounds = number("BENCH_ROUNDS", 3);
    let duration = Duration::from_secs(number("BENCH_SECONDS", 10));
    let bench = Bench::start().await;
    let mut report = Report::default();
    for round in 1..=rounds {
        for kind in [Kind::Weir, Kind::Peer] {
            eprintln!("round {round} of {rounds}: {kind:?}");
            throughput(&bench, kind, duration, &mut report).await;
            if is_wanted("paced") {
                paced(&bench, kind, duration, &mut report).await;
            }
        }
        if is_wanted("memory") {
            memory(&bench, duration, &mut report).await;
        }
    }
    report.print(rounds, duration);
    bench.stop().await;
}

/// As many events as fit through, in requests of three sizes; the clock runs until ClickHouse has them all.
async fn throughput(bench: &Bench, kind: Kind, duration: Duration, report: &mut Report) {
    for (events_per_request, connections) in [(500, 8), (10, 64), (1, 64)] {
        if !is_wanted(&events_per_request.to_string()) {
            continue;
        }
        let subject = bench.run(kind).await;
        let cpu_before = subject.cpu_us();
        let started = Instant::now();
        let closed = Closed { events_per_request, connections, duration };
        let outcome = closed.run(subject.port).await;
        bench.until_stored(&subject, outcome.accepted).await;
        let elapsed = started.elapsed().as_secs_f64();
        let cpu = subject.cpu_us() - cpu_before;
        let row = format!("{events_per_request} a request, until stored");
        report.add(&format!("{row}: events/s"), kind, outcome.accepted as f64 / elapsed);
        report.add(&format!("{events_per_request} a request: requests/s"), kind, outcome.requests_per_second());
        report.add(&format!("{events_per_request} a request: p99 of the 202, ms"), kind, outcome.percentile_ms(0.99));
        report.add(
            &format!("{events_per_request} a request: CPU of the program, µs an event"),
            kind,
            cpu as f64 / outcome.accepted as f64,
        );
        report.failures += outcome.failures;
        subject.stop().await;
    }
}

/// 5,000 events a second in requests of 10: how long a reply takes, and until an event can be seen.
async fn paced(bench: &Bench, kind: Kind, duration: Duration, report: &mut Report) {
    let subject = bench.run(kind).await;
    let paced = Paced { events_per_request: 10, requests_per_second: 500, connections: 32, duration };
    let (outcome, seen) = tokio::join!(paced.run(subject.port), bench.watch_count(&subject, duration));
    bench.until_stored(&subject, outcome.accepted).await;
    report.add("5,000 events/s in tens: p99 of the 202, ms", kind, outcome.percentile_ms(0.99));
    report.add("5,000 events/s in tens: accepted to visible, p99, ms", kind, visible_p99_ms(&outcome, &seen));
    report.failures += outcome.failures;
    subject.stop().await;
}

/// For each reply, the time until ClickHouse counted as many events as had been accepted by then.
fn visible_p99_ms(outcome: &Outcome, seen: &[(Instant, u64)]) -> f64 {
    let mut accepted = 0;
    let mut delays_ms: Vec<f64> = Vec::new();
    for (at, events) in &outcome.replies {
        accepted += events;
        if let Some((visible_at, _)) = seen.iter().find(|(_, count)| *count >= accepted) {
            delays_ms.push(visible_at.saturating_duration_since(*at).as_secs_f64() * 1000.0);
        }
    }
    figures::percentile(&mut delays_ms, 0.99)
}

/// The most memory that weir takes while ClickHouse is down and the journal fills at the top rate.
async fn memory(bench: &Bench, duration: Duration, report: &mut Report) {
    let subject = Subject::weir_without_store(bench).await;
    let outcome = Closed { events_per_request: 500, connections: 8, duration }.run(subject.port).await;
    report.add("ClickHouse down, 500 a request: events/s into the journal", Kind::Weir, outcome.accepted_per_second());
    report.add("ClickHouse down, 500 a request: most resident memory, MB", Kind::Weir, subject.peak_memory_mb());
    subject.stop().await;
}
