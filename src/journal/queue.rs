//! The segments that wait for ClickHouse, and those it has taken but that are kept for a while.

use std::{
    collections::VecDeque,
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc::SyncSender,
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::sync::Notify;

use super::{
    AppendError, JournalLimits,
    batch::EventBatch,
    committer::Command,
    disk::Disk,
    recovery::{CLEAN_FILE, Recovered},
    segment::{RECORD_HEADER_BYTES, SEGMENT_HEADER_BYTES, Segment, SegmentId},
    set_aside::{Damage, SetAside},
};

/// Segments kept after their insert: fewer than ClickHouse remembers tokens (`non_replicated_deduplication_window` in
/// init-db.sql), so that it knows each of them if they are sent again.
const STORED_SEGMENTS_MAX: usize = 4_000;

/// A closed segment on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PendingSegment {
    pub id: SegmentId,
    pub rows: u64,
    /// Length of its file.
    pub bytes: u64,
    /// When its first event came; for a recovered one, when it was recovered.
    pub opened_at: Instant,
}

/// How much waits in the journal.
#[derive(Debug, Clone, Copy, Default)]
pub struct Depth {
    pub events: u64,
    /// Those of files set aside beyond their bound among them.
    pub bytes: u64,
    /// Bytes beyond which events are refused.
    pub bytes_max: u64,
    pub segments: usize,
    /// Age of the oldest event that ClickHouse does not have.
    pub oldest_age: Duration,
    /// What rot has cost so far.
    pub damage: Damage,
    /// Bytes of all files that are set aside, as `.corrupt` or `.refused`.
    pub set_aside_bytes: u64,
}

/// Closed segments, oldest first, and the accounting of bytes.
pub struct SegmentQueue {
    disk: Arc<dyn Disk>,
    limits: JournalLimits,
    state: Mutex<State>,
    changed: Notify,
    committer: SyncSender<Command>,
    counted: Arc<CountedBytes>,
    pending_events: AtomicU64,
    /// Age at which the store wants an open segment, in milliseconds.
    wanted_age_ms: AtomicU64,
    set_aside: Mutex<SetAside>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<PendingSegment>,
    in_flight: Vec<PendingSegment>,
    /// Inserted segments and when they were, oldest first.
    stored: VecDeque<(PendingSegment, Instant)>,
    /// When the segment that is being written got its first event.
    current_opened_at: Option<Instant>,
    /// The store has asked for a segment and there was none.
    store_idle: bool,
    ended: bool,
}

/// The bytes that are bounded.
#[derive(Default)]
struct CountedBytes {
    /// On disk, or to be there, and not in ClickHouse.
    pending: AtomicU64,
    /// Those of them that are in memory, because their batches wait for a commit.
    uncommitted: AtomicU64,
}

/// Bytes set aside for a batch on its way to the disk; given back on drop, when the bytes on disk are counted instead.
pub struct Reservation {
    bytes: u64,
    counted: Arc<CountedBytes>,
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.counted.pending.fetch_sub(self.bytes, Ordering::Relaxed);
        self.counted.uncommitted.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Counts bytes if they fit.
fn take(counter: &AtomicU64, bytes: u64, bytes_max: u64) -> bool {
    let within = |counted: u64| counted.checked_add(bytes).filter(|sum| *sum <= bytes_max);
    counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, within).is_ok()
}

impl SegmentQueue {
    pub(super) fn new(
        disk: Arc<dyn Disk>,
        limits: JournalLimits,
        recovered: &Recovered,
        committer: SyncSender<Command>,
    ) -> Self {
        let now = Instant::now();
        let state = State {
            waiting: recovered.pending.iter().copied().collect(),
            stored: recovered.stored.iter().map(|segment| (*segment, now)).collect(),
            ..State::default()
        };
        let waiting_bytes: u64 = state.waiting.iter().map(|segment| segment.bytes).sum();
        if recovered.set_aside.bytes_beyond() > 0 {
            recovered.set_aside.warn_of_bytes_beyond();
        }
        let pending_bytes = waiting_bytes + recovered.set_aside.bytes_beyond();
        Self {
            disk,
            limits,
            changed: Notify::new(),
            committer,
            counted: Arc::new(CountedBytes { pending: AtomicU64::new(pending_bytes), ..CountedBytes::default() }),
            pending_events: AtomicU64::new(state.waiting.iter().map(|segment| segment.rows).sum()),
            wanted_age_ms: AtomicU64::new(u64::MAX),
            state: Mutex::new(state),
            set_aside: Mutex::new(recovered.set_aside),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets bytes aside for a batch. The client that sent it may go away and give back what its body held, but the batch
    /// stays until it is committed: what is in memory is bounded here, whoever waits for it.
    pub(super) fn reserve(&self, batch: &EventBatch) -> Result<Reservation, AppendError> {
        // As if it became a record and a segment of its own.
        let bytes = (batch.block_bytes() + RECORD_HEADER_BYTES + SEGMENT_HEADER_BYTES) as u64;
        if !take(&self.counted.pending, bytes, self.limits.pending_bytes_max) {
            return Err(AppendError::Full);
        }
        if !take(&self.counted.uncommitted, bytes, self.limits.uncommitted_bytes_max) {
            self.counted.pending.fetch_sub(bytes, Ordering::Relaxed);
            return Err(AppendError::Overloaded);
        }
        Ok(Reservation { bytes, counted: Arc::clone(&self.counted) })
    }

    pub(super) fn opened(&self, opened_at: Instant) {
        self.state().current_opened_at = Some(opened_at);
    }

    /// Counts what a commit has put on disk.
    pub(super) fn committed(&self, rows: u64, bytes: u64) {
        self.pending_events.fetch_add(rows, Ordering::Relaxed);
        self.counted.pending.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn is_store_idle(&self) -> bool {
        self.state().store_idle
    }

    /// Age at which an open segment is closed for an idle store.
    pub(super) fn flush_interval(&self) -> Duration {
        let wanted = Duration::from_millis(self.wanted_age_ms.load(Ordering::Relaxed));
        wanted.min(self.limits.flush_interval)
    }

    /// The store would rather have its segments younger than the flush interval, because it has nothing else to do.
    pub fn want_age(&self, age: Duration) {
        self.wanted_age_ms.store(u64::try_from(age.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Hands a closed segment to the store.
    pub(super) fn push(&self, segment: PendingSegment) {
        let mut state = self.state();
        state.current_opened_at = None;
        state.store_idle = false;
        if segment.rows > 0 {
            state.waiting.push_back(segment);
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// No segment will come any more.
    pub(super) fn end(&self) {
        self.state().ended = true;
        self.changed.notify_waiters();
    }

    /// The oldest waiting segment, once there is one; `None` after the journal has ended and all are taken.
    pub async fn next(&self) -> Option<PendingSegment> {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            {
                let mut state = self.state();
                if let Some(segment) = state.waiting.pop_front() {
                    state.in_flight.push(segment);
                    return Some(segment);
                }
                if state.ended {
                    return None;
                }
                state.store_idle = true;
            }
            // When its channel is full, the committer is awake and looks by itself.
            let _ = self.committer.try_send(Command::StoreIdle);
            changed.await;
        }
    }

    /// Whether another closed segment waits to be taken.
    pub fn has_waiting(&self) -> bool {
        !self.state().waiting.is_empty()
    }

    /// Reads a segment's records, small ones joined. Blocking.
    pub fn read(&self, segment: &PendingSegment) -> io::Result<Segment> {
        let content = Bytes::from(self.disk.read(&segment.id.file_name())?);
        let mut read = Segment::read(segment.id, &content);
        if read.rows != segment.rows {
            let (rows, written) = (read.rows, segment.rows);
            tracing::error!(
                segment = segment.id.file_name(),
                rows,
                written,
                "a journal segment was damaged while it waited"
            );
            let mut set_aside = self.set_aside();
            set_aside.keep_copy(self.disk.as_ref(), segment.id, &content)?;
            self.note_set_aside(set_aside);
        }
        read.join_blocks();
        Ok(read)
    }

    /// What has been set aside.
    fn set_aside(&self) -> SetAside {
        *self.set_aside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Only the store sets files aside while the journal is open, one at a time: nothing was changed in between.
    fn note_set_aside(&self, after: SetAside) {
        let before = std::mem::replace(&mut *self.set_aside.lock().unwrap_or_else(PoisonError::into_inner), after);
        self.counted.pending.fetch_add(after.bytes_beyond(), Ordering::Relaxed);
        self.counted.pending.fetch_sub(before.bytes_beyond(), Ordering::Relaxed);
        if after.bytes_beyond() > before.bytes_beyond() {
            after.warn_of_bytes_beyond();
        }
    }

    /// ClickHouse has the segment: it is kept for a while, and those kept long enough are deleted. Blocking.
    pub fn mark_stored(&self, segment: &PendingSegment) -> io::Result<()> {
        self.disk.rename(&segment.id.file_name(), &segment.id.stored_name())?;
        {
            let mut state = self.state();
            self.leave(&mut state, segment);
            state.stored.push_back((*segment, Instant::now()));
        }
        self.remove_expired()
    }

    /// Deletes the inserted segments that have been kept long enough. Blocking.
    pub fn remove_expired(&self) -> io::Result<()> {
        let (expired, early) = self.state().expired(&self.limits);
        if early {
            // What they would be kept for may still be in memory only.
            self.disk.sync_file_system()?;
        }
        expired.iter().try_for_each(|segment| self.remove_stored_file(segment))
    }

    /// Deletes all inserted segments before their time, so that no start sends them again. What ClickHouse has made of them
    /// must last already. Blocking.
    pub fn remove_stored(&self) -> io::Result<()> {
        let mut taken = std::mem::take(&mut self.state().stored);
        let removed = taken.iter().try_for_each(|(segment, _)| self.remove_stored_file(segment));
        let outcome = removed.and_then(|()| self.disk.sync_directory());
        if outcome.is_err() {
            let mut state = self.state();
            taken.append(&mut state.stored);
            state.stored = taken;
        }
        outcome
    }

    fn remove_stored_file(&self, segment: &PendingSegment) -> io::Result<()> {
        match self.disk.remove(&segment.id.stored_name()) {
            // An attempt that failed further on has removed it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            outcome => outcome,
        }
    }

    /// Whether everything that was accepted before a moment has left for ClickHouse, or was set aside.
    pub fn has_handed_over(&self, before: Instant) -> bool {
        let state = self.state();
        let closed = state.in_flight.iter().chain(&state.waiting).map(|segment| segment.opened_at);
        closed.chain(state.current_opened_at).all(|opened_at| opened_at > before)
    }

    /// Whether a segment is still kept that was inserted before a moment.
    pub fn keeps_stored(&self, before: Instant) -> bool {
        self.state().stored.front().is_some_and(|(_, stored_at)| *stored_at <= before)
    }

    /// ClickHouse will never take the segment: it is set aside, for a person to look at. Blocking.
    pub fn mark_refused(&self, segment: &PendingSegment) -> io::Result<()> {
        let name = segment.id.file_name();
        // A power loss would give back what was cut off when it was closed; a start cuts off only what it sends.
        self.disk.open(&name)?.sync()?;
        self.disk.rename(&name, &segment.id.refused_name())?;
        let mut set_aside = self.set_aside();
        set_aside.refused_bytes += segment.bytes;
        self.note_set_aside(set_aside);
        self.leave(&mut self.state(), segment);
        Ok(())
    }

    fn leave(&self, state: &mut State, segment: &PendingSegment) {
        state.in_flight.retain(|other| other.id != segment.id);
        self.counted.pending.fetch_sub(segment.bytes, Ordering::Relaxed);
        self.pending_events.fetch_sub(segment.rows, Ordering::Relaxed);
    }

    /// Notes that everything was handed over in order, so that the next start need not send it again. Blocking.
    pub fn mark_clean(&self) -> io::Result<()> {
        // The next start trusts the mark, also after a power loss: what ClickHouse has taken must last before it does.
        self.disk.sync_file_system()?;
        self.disk.create(CLEAN_FILE)?;
        self.disk.sync_directory()
    }

    /// Events that are on disk and not in ClickHouse.
    pub fn pending_events(&self) -> u64 {
        self.pending_events.load(Ordering::Relaxed)
    }

    /// What ClickHouse does not have yet.
    pub fn depth(&self) -> Depth {
        let set_aside = self.set_aside();
        let state = self.state();
        let closed = state.in_flight.iter().chain(&state.waiting).map(|segment| segment.opened_at);
        let oldest = closed.chain(state.current_opened_at).min();
        Depth {
            events: self.pending_events(),
            bytes: self.counted.pending.load(Ordering::Relaxed),
            bytes_max: self.limits.pending_bytes_max,
            segments: state.in_flight.len() + state.waiting.len() + usize::from(state.current_opened_at.is_some()),
            oldest_age: oldest.map(|opened_at| opened_at.elapsed()).unwrap_or_default(),
            damage: set_aside.damage,
            set_aside_bytes: set_aside.bytes(),
        }
    }
}

impl State {
    /// Takes out the stored segments that are kept no longer; with `true`, if they have not been kept their time: then
    /// it is all of them, so that it does not come to this again at once.
    fn expired(&mut self, limits: &JournalLimits) -> (Vec<PendingSegment>, bool) {
        let over = self.stored.partition_point(|(_, stored_at)| stored_at.elapsed() >= limits.stored_kept);
        let left: u64 = self.stored.iter().skip(over).map(|(segment, _)| segment.bytes).sum();
        let early = left > limits.stored_bytes_max || self.stored.len() - over > STORED_SEGMENTS_MAX;
        let count = if early { self.stored.len() } else { over };
        (self.stored.drain(..count).map(|(segment, _)| segment).collect(), early)
    }
}
