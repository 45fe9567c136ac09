//! Which event ids were stored lately, so that an event sent again is counted once.
//!
//! In: the ids of a request's events. Out: a claim, which says which of them are duplicates and holds the others.
//!
//! Invariants
//! * An id counts as stored only once its event is on disk. Until then it is claimed, and another request with it waits:
//!   it is a duplicate if the first one succeeds, and takes its place if not.
//! * No request waits while it holds a claim, so none waits for another in a circle.
//! * The last `window_ids` ids are known, at least, also after a restart: they are written to files behind the journal
//!   (`event_id_files`), and a start adds those that are in the journal.
//!
//! Limits: ids in memory (five generations of a quarter of the window), bytes not yet in a file, time of a wait.

use std::{
    collections::{HashSet, VecDeque},
    hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState},
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::Notify, time::timeout};

/// A generation is forgotten as a whole. One is being filled, so the others hold the window.
pub const GENERATIONS: usize = 5;
/// Time to wait for a request that is storing the same event.
const CLAIM_WAIT_MAX: Duration = Duration::from_secs(5);
/// Bytes of ids that wait for their file. Ids beyond it, while the disk stalls, are known until the end of the process.
const UNWRITTEN_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Another request has been storing the same event for too long to wait for its outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("another request is storing an event with the same event_id; send it again to learn the outcome")]
pub struct InProgress;

/// The ids of the events of one request, in their order.
#[derive(Debug, Default)]
pub struct RequestIds {
    events: Vec<IdentifiedEvent>,
    /// The ids, one after the other.
    text: Vec<u8>,
}

/// One event that has an id.
#[derive(Debug, Clone, Copy)]
struct IdentifiedEvent {
    index: usize,
    origin: IdOrigin,
    end: usize,
}

/// Where an event has its id from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdOrigin {
    /// Its own field.
    Event,
    /// The key of the batch, and its position in it.
    BatchKey,
}

impl RequestIds {
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Adds the id of the event at `index` of the request.
    pub fn push(&mut self, index: usize, origin: IdOrigin, id: &[u8]) {
        self.text.extend_from_slice(id);
        self.events.push(IdentifiedEvent { index, origin, end: self.text.len() });
    }

    fn iter(&self) -> impl Iterator<Item = (&IdentifiedEvent, &[u8])> {
        let mut start = 0;
        self.events.iter().map(move |event| {
            let id = &self.text[start..event.end];
            start = event.end;
            (event, id)
        })
    }
}

/// 128 bits of a keyed hash: two ids that differ are taken for one with a chance below 1 in 10^24, and nobody outside can
/// look for two that collide.
type IdHash = u128;
type IdSet = HashSet<IdHash, BuildHasherDefault<Hashed>>;

/// The hash of a hash is itself.
#[derive(Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u128(&mut self, hash: u128) {
        self.0 = hash as u64;
    }
}

/// The ids of the window, shared by all requests.
#[derive(Clone)]
pub struct EventIds(Arc<Shared>);

struct Shared {
    keys: [RandomState; 2],
    generation_ids_max: usize,
    state: Mutex<State>,
    settled: Notify,
}

#[derive(Default)]
struct State {
    /// Oldest first; new ids go to the last.
    generations: VecDeque<Generation>,
    claimed: IdSet,
    /// Ids of durable events that are in no file yet, by generation.
    unwritten: VecDeque<UnwrittenIds>,
    unwritten_bytes: usize,
}

struct Generation {
    number: u64,
    ids: IdSet,
}

/// Ids on their way to the file of their generation; each preceded by its length, one byte.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct UnwrittenIds {
    pub generation: u64,
    pub ids: Vec<u8>,
}

impl EventIds {
    /// Remembers the last `window_ids` ids, at least.
    pub fn new(window_ids: usize) -> Self {
        Self(Arc::new(Shared {
            keys: [RandomState::new(), RandomState::new()],
            generation_ids_max: window_ids.div_ceil(GENERATIONS - 1).max(1),
            state: Mutex::default(),
            settled: Notify::new(),
        }))
    }

    /// Claims the ids for a request that is about to store their events, once no other request holds one of them.
    pub async fn claim(&self, ids: &RequestIds) -> Result<Claim, InProgress> {
        self.claim_within(CLAIM_WAIT_MAX, ids).await
    }

    async fn claim_within(&self, wait_max: Duration, ids: &RequestIds) -> Result<Claim, InProgress> {
        let hashes: Vec<_> = ids.iter().map(|(_, id)| self.hash(id)).collect();
        let claimed = async {
            loop {
                let settled = self.0.settled.notified();
                tokio::pin!(settled);
                settled.as_mut().enable();
                if let Some(claim) = self.try_claim(ids, &hashes) {
                    return claim;
                }
                settled.await;
            }
        };
        timeout(wait_max, claimed).await.map_err(|_| InProgress)
    }

    fn try_claim(&self, ids: &RequestIds, hashes: &[IdHash]) -> Option<Claim> {
        let mut state = self.state();
        if hashes.iter().any(|hash| state.claimed.contains(hash)) {
            return None;
        }
        let mut claim = Claim::new(self.clone());
        for ((event, id), hash) in ids.iter().zip(hashes) {
            // The second of two in one request finds the first one's claim.
            match state.is_stored(hash) || !state.claimed.insert(*hash) {
                true => {
                    claim.duplicates.push(event.index);
                    claim.replayed += usize::from(event.origin == IdOrigin::BatchKey);
                }
                false => {
                    claim.held.push(*hash);
                    put_id(&mut claim.text, id);
                }
            }
        }
        Some(claim)
    }

    /// Adds the id of an event that a start has found in the journal.
    pub fn remember(&self, id: &[u8]) {
        let hash = self.hash(id);
        let mut state = self.state();
        if !state.is_stored(&hash) {
            let mut text = Vec::new();
            put_id(&mut text, id);
            state.store(&[hash], &text, self.0.generation_ids_max);
        }
    }

    /// Adds a generation that a start has read from its file; `ids` as in `UnwrittenIds`. Oldest first.
    pub fn load(&self, generation: u64, ids: &[u8]) {
        let mut loaded = IdSet::default();
        let mut rest = ids;
        while let Some((id, behind)) = split_id(rest) {
            loaded.insert(self.hash(id));
            rest = behind;
        }
        self.state().open_generation(Generation { number: generation, ids: loaded });
    }

    /// Takes the ids that wait for their files, and the number of the oldest generation that is still known.
    pub fn take_unwritten(&self) -> (VecDeque<UnwrittenIds>, u64) {
        let mut state = self.state();
        state.unwritten_bytes = 0;
        let oldest = state.generations.front().map_or(0, |generation| generation.number);
        (mem::take(&mut state.unwritten), oldest)
    }

    fn hash(&self, id: &[u8]) -> IdHash {
        let [low, high] = &self.0.keys;
        u128::from(low.hash_one(id)) | u128::from(high.hash_one(id)) << 64
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_stored(&self, hash: &IdHash) -> bool {
        self.generations.iter().rev().any(|generation| generation.ids.contains(hash))
    }

    /// Adds new ids, and their text for the files.
    fn store(&mut self, hashes: &[IdHash], text: &[u8], generation_ids_max: usize) {
        let current = self.generations.back();
        if current.is_none_or(|generation| generation.ids.len() >= generation_ids_max) {
            let number = current.map_or(1, |generation| generation.number + 1);
            // At its full size from the start: growing it would keep other requests waiting.
            let ids = IdSet::with_capacity_and_hasher(generation_ids_max, BuildHasherDefault::default());
            self.open_generation(Generation { number, ids });
        }
        let Some(current) = self.generations.back_mut() else { return };
        current.ids.extend(hashes);
        if self.unwritten_bytes + text.len() > UNWRITTEN_BYTES_MAX {
            return;
        }
        self.unwritten_bytes += text.len();
        match self.unwritten.back_mut() {
            Some(unwritten) if unwritten.generation == current.number => unwritten.ids.extend_from_slice(text),
            _ => self.unwritten.push_back(UnwrittenIds { generation: current.number, ids: text.to_vec() }),
        }
    }

    fn open_generation(&mut self, generation: Generation) {
        self.generations.push_back(generation);
        if self.generations.len() > GENERATIONS {
            self.generations.pop_front();
        }
    }
}

/// The ids of one request that no other may store. Dropped before it is settled, it gives them back: nothing was stored.
pub struct Claim {
    event_ids: EventIds,
    held: Vec<IdHash>,
    /// The held ids, as in `UnwrittenIds`.
    text: Vec<u8>,
    duplicates: Vec<usize>,
    replayed: usize,
}

impl Claim {
    fn new(event_ids: EventIds) -> Self {
        Self { event_ids, held: Vec::new(), text: Vec::new(), duplicates: Vec::new(), replayed: 0 }
    }

    /// How many of the duplicates have their id from the key of the batch: the batch itself was sent before.
    pub fn replayed(&self) -> usize {
        self.replayed
    }

    /// Positions, in the request, of the events that are stored already; ascending.
    pub fn duplicates(&self) -> &[usize] {
        &self.duplicates
    }

    /// The events are on disk.
    pub fn settle(mut self) {
        let mut state = self.event_ids.state();
        state.store(&self.held, &self.text, self.event_ids.0.generation_ids_max);
        release(&mut state, &mem::take(&mut self.held));
        drop(state);
        self.event_ids.0.settled.notify_waiters();
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if !self.held.is_empty() {
            release(&mut self.event_ids.state(), &self.held);
            self.event_ids.0.settled.notify_waiters();
        }
    }
}

fn release(state: &mut State, held: &[IdHash]) {
    for hash in held {
        state.claimed.remove(hash);
    }
}

fn put_id(out: &mut Vec<u8>, id: &[u8]) {
    out.push(u8::try_from(id.len()).expect("an id is bounded far below 256 bytes"));
    out.extend_from_slice(id);
}

fn split_id(ids: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = ids.split_first()?;
    rest.split_at_checked(usize::from(*length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(texts: &[&str]) -> RequestIds {
        let mut ids = RequestIds::default();
        for (index, text) in texts.iter().enumerate() {
            ids.push(index, IdOrigin::Event, text.as_bytes());
        }
        ids
    }

    async fn duplicates(event_ids: &EventIds, texts: &[&str]) -> Vec<usize> {
        let claim = event_ids.claim(&ids(texts)).await.expect("nobody is in the way");
        let duplicates = claim.duplicates().to_vec();
        claim.settle();
        duplicates
    }

    #[tokio::test]
    async fn an_id_is_new_once_also_within_a_request() {
        let event_ids = EventIds::new(100);
        assert_eq!(duplicates(&event_ids, &["a", "b", "a"]).await, [2]);
        assert_eq!(duplicates(&event_ids, &["c", "b", "a"]).await, [1, 2]);
    }

    #[tokio::test]
    async fn the_last_ids_of_the_window_are_known_and_memory_is_bounded() {
        let event_ids = EventIds::new(40);
        for number in 0..1000 {
            assert_eq!(duplicates(&event_ids, &[&number.to_string()]).await, [0; 0]);
            let oldest = (number - 40).max(0).to_string();
            assert_eq!(duplicates(&event_ids, &[&oldest]).await, [0]);
        }
        let known: usize = event_ids.state().generations.iter().map(|generation| generation.ids.len()).sum();
        assert!(known <= 50, "{known} ids are known");
        assert_eq!(event_ids.state().claimed.len(), 0);
    }

    /// The two outcomes that a second sender can meet.
    #[tokio::test]
    async fn a_second_request_waits_for_the_outcome_of_the_first() {
        let event_ids = EventIds::new(100);
        let (texts, none) = (ids(&["a", "b"]), [0_usize; 0]);

        let first = event_ids.claim(&texts).await.expect("nobody is in the way");
        let both = async { tokio::join!(event_ids.claim(&texts), async { drop(first) }) };
        let after_failure = both.await.0.expect("the first has given up");
        assert_eq!(after_failure.duplicates(), none);

        let both = async { tokio::join!(event_ids.claim(&texts), async { after_failure.settle() }) };
        assert_eq!(both.await.0.expect("the first is done").duplicates(), [0, 1]);
    }

    #[tokio::test]
    async fn a_wait_has_a_bound() {
        let event_ids = EventIds::new(100);
        let _held = event_ids.claim(&ids(&["a"])).await.expect("nobody is in the way");
        let refused = event_ids.claim_within(Duration::ZERO, &ids(&["b", "a"])).await;
        assert_eq!(refused.err(), Some(InProgress));
        assert!(event_ids.claim(&ids(&["b"])).await.is_ok(), "a request that waits holds nothing");
    }
}
