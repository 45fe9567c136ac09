//! The steps of an event's way to the disk, each alone: decode and validate, join and encode, append with fsync.

use std::hint::black_box;

use bytes::BytesMut;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use weir::{
    config::JournalConfig,
    event::EventLimits,
    ingest::{Decoder, EventNames, Receipt},
    journal::{EventBatch, Journal, JournalLimits, OpenJournal, RealDisk},
};

const RECEIPT: Receipt<'_> =
    Receipt { received_at_ms: 1_773_137_250_500, batch_key: None, stored: &[], is_ignored: false };
const EVENTS: usize = 500;

fn body(events: usize) -> String {
    let event = |number: usize| {
        format!(
            r#"{{"event_name":"feature_used","timestamp":"2026-03-10T10:07:{:02}.{:03}Z","session_id":"s-{number:08x}-4f2a","user_id":"user-{number}","device_type":"desktop","country_code":"DE","properties":{{"feature":"feature-{}","path":"/app/page/{number}","plan":"pro","duration_ms":{number}}}}}"#,
            number % 30,
            number % 1000,
            number % 40,
        )
    };
    format!("[{}]", (0..events).map(event).collect::<Vec<_>>().join(","))
}

fn decoder() -> Decoder {
    let directory = tempfile::tempdir().expect("a directory");
    let names = EventNames::seen(&directory.path().join("event_names"), 1000).expect("a new file");
    Decoder { limits: EventLimits::with_retention_days(90), names }
}

fn decoded(events: usize) -> EventBatch {
    decoder().decode(body(events).as_bytes(), &RECEIPT, EventBatch::default()).expect("a valid body").batch
}

fn decode(criterion: &mut Criterion) {
    let (decoder, body) = (decoder(), body(EVENTS));
    let mut group = criterion.benchmark_group("decode and validate");
    group.throughput(Throughput::Elements(EVENTS as u64));
    group.bench_function("500 events", |bencher| {
        bencher.iter(|| decoder.decode(black_box(body.as_bytes()), &RECEIPT, EventBatch::default()));
    });
    group.finish();
}

fn encode(criterion: &mut Criterion) {
    let batches: Vec<_> = (0..8).map(|_| decoded(EVENTS)).collect();
    let mut group = criterion.benchmark_group("join and encode");
    group.throughput(Throughput::Elements((batches.len() * EVENTS) as u64));
    let (mut joined, mut block) = (EventBatch::default(), BytesMut::new());
    group.bench_function("8 batches of 500 events", |bencher| {
        bencher.iter(|| {
            joined.clear();
            block.clear();
            batches.iter().for_each(|batch| joined.append(batch));
            joined.write_block(&mut block);
            black_box(block.len())
        });
    });
    group.finish();
}

fn append(criterion: &mut Criterion) {
    // On a disk, beside the program: the temporary directory may be memory.
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let disk = RealDisk::open(directory.path()).expect("a disk");
    let config =
        JournalConfig { bytes_max: 64 << 30, flush_events: 1000, flush_interval: std::time::Duration::from_secs(2) };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let OpenJournal { journal, .. } =
        Journal::open(disk, JournalLimits::from_config(&config), 1).expect("an empty journal");
    let mut group = criterion.benchmark_group("append until on disk");
    for events in [1, EVENTS] {
        let batch = decoded(events);
        group.throughput(Throughput::Elements(events as u64));
        group.bench_function(format!("{events} events"), |bencher| {
            bencher.iter_batched(
                || batch.clone(),
                |batch| runtime.block_on(journal.append(batch)),
                BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, decode, encode, append);
criterion_main!(benches);
