//! A journal on a simulated machine, with a ClickHouse beside it that is a set of tokens and their rows: what was accepted
//! and what arrived can be compared.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    ops::Range,
    time::Duration,
};

use bytes::Bytes;
use proptest::prelude::*;

use super::{
    AppendError, EventBatch, EventRow, Journal, JournalLimits, OpenJournal, PendingSegment, Segment, SegmentQueue,
    segment::{RECORD_HEADER_BYTES, SEGMENT_HEADER_BYTES, SegmentId},
    simulated_machine::Machine,
};

/// Never, for a test.
const NEVER: Duration = Duration::from_secs(3600);

pub struct Trial {
    pub machine: Machine,
    pub limits: JournalLimits,
    /// Events that were answered with `Ok`.
    pub accepted: BTreeSet<u32>,
    /// Events so far, accepted or not: they are numbered.
    pub submitted: u32,
    /// ClickHouse keeps what it has through a power loss.
    pub store_is_lasting: bool,
    /// Events whose records have rotted: they need not arrive.
    excused: BTreeSet<u32>,
    inserts: BTreeMap<String, Insert>,
    starts: u64,
}

struct Insert {
    events: BTreeSet<u32>,
    /// Syncs of the file system before it.
    file_system_syncs: u64,
}

impl Trial {
    pub fn new(seed: u64) -> Self {
        let limits = JournalLimits {
            pending_bytes_max: 1 << 20,
            uncommitted_bytes_max: 1 << 20,
            stored_bytes_max: 1 << 20,
            set_aside_bytes_max: 1 << 20,
            stored_kept: NEVER,
            segment_bytes_max: 1 << 20,
            prepared_bytes_max: 0,
            flush_events: 4,
            flush_interval: NEVER,
        };
        Self {
            machine: Machine::new(seed),
            limits,
            accepted: BTreeSet::new(),
            submitted: 0,
            store_is_lasting: false,
            excused: BTreeSet::new(),
            inserts: BTreeMap::new(),
            starts: 0,
        }
    }

    pub fn start(&mut self) -> io::Result<OpenJournal> {
        self.starts += 1;
        Journal::open(self.machine.disk(), self.limits.clone(), self.starts)
    }

    /// A batch of new events, and their numbers.
    pub fn batch(&mut self, rows: u32) -> (EventBatch, BTreeSet<u32>) {
        let numbers: BTreeSet<u32> = (self.submitted..self.submitted + rows).collect();
        self.submitted += rows;
        let mut batch = EventBatch::default();
        for number in &numbers {
            batch.push(&event(format!("<{number}>").as_bytes()));
        }
        (batch, numbers)
    }

    /// Submits one batch.
    pub async fn append(&mut self, journal: &Journal, rows: u32) -> Result<(), AppendError> {
        let (batch, numbers) = self.batch(rows);
        journal.append(batch).await?;
        self.accepted.extend(numbers);
        Ok(())
    }

    /// Submits three batches at the same time.
    pub async fn append_together(&mut self, journal: &Journal, rows: u32) -> Result<(), AppendError> {
        let [first, second, third] = [rows, 1, rows].map(|rows| self.batch(rows));
        let outcomes = tokio::join!(journal.append(first.0), journal.append(second.0), journal.append(third.0));
        for (outcome, numbers) in [(outcomes.0, first.1), (outcomes.1, second.1), (outcomes.2, third.1)] {
            outcome?;
            self.accepted.extend(numbers);
        }
        Ok(())
    }

    /// Inserts the next segment into ClickHouse and says so to the journal; `None` if there is none any more.
    pub async fn store_next(&mut self, queue: &SegmentQueue) -> io::Result<Option<PendingSegment>> {
        let Some(pending) = queue.next().await else { return Ok(None) };
        let segment = queue.read(&pending)?;
        self.insert(&pending, &segment);
        queue.mark_stored(&pending)?;
        Ok(Some(pending))
    }

    /// An insert whose token is known stores nothing.
    pub fn insert(&mut self, pending: &PendingSegment, segment: &Segment) {
        let file_system_syncs = self.machine.file_system_syncs();
        let events: BTreeSet<u32> = segment.blocks.iter().flat_map(|block| events_in(block)).collect();
        assert_eq!(events.len() as u64, segment.rows, "every row is an event of its own");
        self.inserts.entry(pending.id.token()).or_insert(Insert { events, file_system_syncs });
    }

    /// Ends in order: what is left is stored.
    pub async fn drain(&mut self, open: &OpenJournal) -> io::Result<()> {
        open.journal.close();
        while self.store_next(&open.queue).await?.is_some() {}
        Ok(())
    }

    /// Takes what was not synced, of the journal and of ClickHouse.
    pub fn lose_power(&mut self) {
        self.machine.lose_power();
        if self.store_is_lasting {
            return;
        }
        let machine = &self.machine;
        self.inserts
            .retain(|_, insert| insert.file_system_syncs < machine.file_system_syncs() || machine.random_below(2) == 0);
    }

    /// One more start, to which nothing happens: afterwards all that was accepted has arrived, once.
    pub async fn end_well(&mut self) {
        let open = self.start().expect("a start never refuses what it finds");
        self.drain(&open).await.expect("nothing fails");
        self.check();
    }

    /// Compares what was accepted and what has arrived.
    pub fn check(&self) {
        let mut arrived = BTreeMap::<u32, u32>::new();
        for number in self.inserts.values().flat_map(|insert| &insert.events) {
            *arrived.entry(*number).or_default() += 1;
        }
        let refused = self.refused();
        let is_lost = |number: &&u32| !arrived.contains_key(number) && !refused.contains(number);
        let lost: Vec<_> = self.accepted.difference(&self.excused).filter(is_lost).collect();
        let repeated: Vec<_> = arrived.iter().filter(|(_, times)| **times > 1).collect();
        let unknown: Vec<_> = arrived.keys().filter(|number| **number >= self.submitted).collect();
        assert!(
            lost.is_empty() && repeated.is_empty() && unknown.is_empty(),
            "lost {lost:?}, repeated {repeated:?}, unknown {unknown:?}"
        );
    }

    /// Numbers of the events in files that are set aside as refused.
    pub fn refused(&self) -> BTreeSet<u32> {
        let names = self.machine.names(".refused");
        let records = names.iter().flat_map(|name| records(name, &self.machine.content(name)));
        records.flat_map(|(_, events)| events).collect()
    }

    /// Numbers of the events that ClickHouse has.
    pub fn arrived(&self) -> BTreeSet<u32> {
        self.inserts.values().flat_map(|insert| insert.events.iter().copied()).collect()
    }
}

/// What time does to a file, at a place of it.
#[derive(Debug, Clone)]
pub enum Rot {
    /// Of one bit.
    Flip(usize),
    /// Of all bytes from here.
    Cut(usize),
    /// Of a sector that returns zeros.
    Zero(usize),
}

pub fn rot() -> impl Strategy<Value = Rot> {
    prop_oneof![
        3 => (0_usize..100_000).prop_map(Rot::Flip),
        1 => (0_usize..2000).prop_map(Rot::Cut),
        1 => (0_usize..2000).prop_map(Rot::Zero),
    ]
}

impl Trial {
    /// Lets a segment rot, and excuses the events of its damaged records; `false` if its bytes are as before.
    pub fn rot(&mut self, name: &str, rot: &Rot) -> bool {
        let before = self.machine.content(name);
        let mut after = before.clone();
        match *rot {
            _ if before.is_empty() => {}
            Rot::Flip(bit) => after[bit / 8 % before.len()] ^= 1 << (bit % 8),
            Rot::Cut(length) => after.truncate(length % before.len()),
            Rot::Zero(from) => after.iter_mut().skip(from % before.len()).take(512).for_each(|byte| *byte = 0),
        }
        for (range, events) in records(name, &before) {
            if after.get(range.clone()) != Some(&before[range]) {
                self.excused.extend(events);
            }
        }
        let changed = before != after;
        self.machine.rot(name, after);
        changed
    }

    /// Whether a segment holds whole records only.
    pub fn ends_with_a_record(&self, name: &str) -> bool {
        let content = self.machine.content(name);
        let end = records(name, &content).last().map_or(SEGMENT_HEADER_BYTES, |(range, _)| range.end);
        end == content.len()
    }
}

/// Where a segment's sound records are, and the events in them.
fn records(name: &str, content: &[u8]) -> Vec<(Range<usize>, Vec<u32>)> {
    let (id, _) = SegmentId::from_name(name).expect("the name of a segment");
    let content = Bytes::copy_from_slice(content);
    let segment = Segment::read(id, &content);
    let record = |block: &Bytes| {
        let start = block.as_ptr() as usize - content.as_ptr() as usize;
        (start - RECORD_HEADER_BYTES..start + block.len(), events_in(block))
    };
    segment.blocks.iter().map(record).collect()
}

/// Runs a test's future to its end.
pub fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(future)
}

/// An event with nothing to it but its session.
pub fn event(session_id: &[u8]) -> EventRow<'_> {
    EventRow {
        event_id: b"",
        event_name: b"page_view",
        timestamp_ms: 0,
        session_id,
        user_id: None,
        device_type: b"desktop",
        country_code: *b"DE",
        properties: b"{}",
        received_at_ms: 0,
        clock_skew_ms: 0,
    }
}

/// The numbers of a block's events, which are in angle brackets.
pub fn events_in(block: &[u8]) -> Vec<u32> {
    let number = |text: &[u8]| std::str::from_utf8(text).ok()?.split_once('>')?.0.parse().ok();
    let starts = block.iter().enumerate().filter(|(_, byte)| **byte == b'<');
    starts.filter_map(|(at, _)| number(&block[at + 1..block.len().min(at + 12)])).collect()
}
