//! Computations that all who ask share.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::OnceCell;

use crate::store::StoreError;

/// An answer is shared for this long even when events come in faster.
const VALID_MIN: Duration = Duration::from_secs(1);
/// And no longer than this, even when none come in: the window of a question moves with the time.
const VALID_MAX: Duration = Duration::from_secs(4);
/// One that took long is shared for so many times as long: at most a fifth of the time is spent on a question.
const VALID_PER_COMPUTATION: u32 = 4;

/// The latest answer of every question, by its key.
pub struct Shared<K, T> {
    latest: Mutex<HashMap<K, Arc<Computation<T>>>>,
    /// Answers kept at once.
    kept_max: usize,
}

/// An answer under way or done; all who ask while it is valid wait for the same one.
struct Computation<T> {
    started: Instant,
    /// Flushes before the start, when they are known.
    flushes: Option<u64>,
    /// A failure is shared too: a server that is down must not be asked once a viewer.
    answer: OnceCell<Done<T>>,
}

struct Done<T> {
    outcome: Result<Arc<T>, StoreError>,
    took: Duration,
}

impl<T> Computation<T> {
    fn is_valid(&self, flushes: Option<u64>) -> bool {
        let Some(done) = self.answer.get() else { return true };
        let age = self.started.elapsed();
        let unchanged = done.outcome.is_ok() && flushes.is_some() && flushes == self.flushes;
        age < VALID_MIN.max(done.took * VALID_PER_COMPUTATION) || (unchanged && age < VALID_MAX)
    }
}

impl<K: Eq + Hash + Clone, T> Shared<K, T> {
    pub fn new(kept_max: usize) -> Self {
        Self { latest: Mutex::default(), kept_max }
    }

    /// The valid answer to a question, or the one that `compute` gives. `flushes`: how many there have been, if it is known.
    ///
    /// When the viewer whose call computes goes away, the computation ends with it, and another viewer who waits computes.
    pub async fn answer(
        &self,
        key: &K,
        flushes: Option<u64>,
        compute: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<Arc<T>, StoreError> {
        let computation = self.computation(key, flushes);
        let done = computation.answer.get_or_init(|| async {
            let started = Instant::now();
            let outcome = compute.await.map(Arc::new);
            Done { outcome, took: started.elapsed() }
        });
        done.await.outcome.clone()
    }

    fn computation(&self, key: &K, flushes: Option<u64>) -> Arc<Computation<T>> {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(computation) = latest.get(key)
            && computation.is_valid(flushes)
        {
            return Arc::clone(computation);
        }
        if latest.len() >= self.kept_max {
            let oldest = latest.iter().min_by_key(|(_, computation)| computation.started).map(|(key, _)| key.clone());
            oldest.and_then(|key| latest.remove(&key));
        }
        let computation = Arc::new(Computation { started: Instant::now(), flushes, answer: OnceCell::new() });
        latest.insert(key.clone(), Arc::clone(&computation));
        computation
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn those_who_ask_together_share_an_answer_and_the_kept_are_bounded() {
        let shared = Shared::new(3);
        for key in 0..10 {
            let first = shared.answer(&key, None, async { Ok(key * 10) }).await;
            let second = shared.answer(&key, None, async { Err(StoreError::OverLimit) }).await;
            assert_eq!((first.clone(), second), (Ok(Arc::new(key * 10)), first));
        }
        assert_eq!(shared.latest.lock().expect("no panic").len(), 3);
    }

    #[tokio::test]
    async fn an_answer_is_not_lost_with_the_viewer_who_asked_first() {
        let shared = Arc::new(Shared::new(1));
        let never = std::future::pending::<Result<u8, StoreError>>();
        let first = tokio::spawn({
            let shared = Arc::clone(&shared);
            async move { shared.answer(&0, None, never).await }
        });
        while shared.latest.lock().expect("no panic").is_empty() {
            tokio::task::yield_now().await;
        }
        let second = shared.answer(&0, None, async { Ok(2) });
        let (second, ()) = tokio::join!(second, async { first.abort() });
        assert_eq!(second, Ok(Arc::new(2)));
    }
}
