//! The latest answer to each question, and the next one on its way.

use std::{
    collections::HashMap,
    future::ready,
    hash::Hash,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::Either;

use super::computation::{Computation, Outcome, Waiting};

/// What an asker is content with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// With the answer before, for a short while, when the next one is still to be computed: nobody waits then but those
    /// who come after a pause. What RFC 5861 calls stale-while-revalidate.
    Recent,
    /// With a valid answer only.
    Valid,
}

/// The latest computations, by question.
pub(super) struct Latest<K, T> {
    computations: Mutex<HashMap<K, Computation<T>>>,
    kept_max: usize,
    valid_min: Duration,
}

impl<K: Clone + Eq + Hash, T: Clone + Send + Sync + 'static> Latest<K, T> {
    /// `kept_max`: of more questions, the answer computed longest ago is forgotten. `valid_min`: how long an answer is valid
    /// when it is not known whether there is something new.
    pub fn new(kept_max: usize, valid_min: Duration) -> Self {
        Self { computations: Mutex::default(), kept_max, valid_min }
    }

    /// A place among those who wait for the answer. `revision`: the data's current one, if it is known. `work` begins a
    /// computation, when there is none to join.
    pub fn wait<W>(&self, question: &K, content: Content, revision: Option<u64>, work: impl FnOnce() -> W) -> Waiting<T>
    where
        W: Future<Output = Outcome<T>> + Send + 'static,
    {
        let mut computations = self.computations.lock().unwrap_or_else(PoisonError::into_inner);
        let latest = computations.get(question);
        let recent = latest.and_then(|computation| computation.recent(self.valid_min));
        let joined = latest.and_then(|computation| computation.join(revision, self.valid_min));
        let waiting = joined.unwrap_or_else(|| {
            let (computation, first) = Computation::start(revision, recent.clone(), work());
            make_room(&mut computations, self.kept_max);
            computations.insert(question.clone(), computation);
            first
        });
        match (recent, waiting) {
            (Some(recent), Either::Right(next)) if content == Content::Recent => {
                // Nobody need wait for it, so somebody must drive it. It ends with its query, which has a limit of time.
                tokio::spawn(next);
                Either::Left(ready(Ok(recent.outcome)))
            }
            (_, waiting) => waiting,
        }
    }

    /// Whoever asks from now on gets an answer of after this moment.
    pub fn forget(&self, question: &K) {
        self.computations.lock().unwrap_or_else(PoisonError::into_inner).remove(question);
    }
}

/// Forgets the oldest answer at the bound. Whoever waits for it still gets it.
fn make_room<K: Clone + Eq + Hash, T: Clone + Send + Sync + 'static>(
    computations: &mut HashMap<K, Computation<T>>,
    kept_max: usize,
) {
    if computations.len() >= kept_max {
        let oldest =
            computations.iter().min_by_key(|(_, computation)| computation.started()).map(|(key, _)| key.clone());
        oldest.and_then(|key| computations.remove(&key));
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use tokio::sync::oneshot;

    use super::*;

    const VALID_MIN: Duration = Duration::from_millis(1_250);

    #[test]
    fn the_answers_kept_are_bounded_and_the_oldest_goes_first() {
        let latest = Latest::new(3, VALID_MIN);
        for key in 0..5_u64 {
            let answer = latest.wait(&key, Content::Valid, None, || async move { Ok(key) });
            assert_eq!(answer.now_or_never(), Some(Ok(key)));
            let age = Duration::from_secs(10 - key);
            latest.computations.lock().expect("not poisoned").get_mut(&key).expect("kept").age(age);
        }
        let mut kept: Vec<_> = latest.computations.lock().expect("not poisoned").keys().copied().collect();
        kept.sort_unstable();
        assert_eq!(kept, [2, 3, 4]);
    }

    #[tokio::test]
    async fn who_is_content_with_a_recent_answer_gets_it_while_the_next_is_computed() {
        let latest = Latest::new(1, VALID_MIN);
        let age = |by| {
            latest.computations.lock().expect("not poisoned").get_mut(&()).expect("kept").age(by);
        };
        let no_work = || -> std::future::Pending<_> { panic!("one is there or under way") };
        let first = latest.wait(&(), Content::Recent, None, || async { Ok(1) });
        assert_eq!(first.await, Ok(1));
        age(Duration::from_millis(1_500));
        let (tell, told) = oneshot::channel();
        let work = || async { Ok(told.await.expect("it is told")) };
        assert_eq!(latest.wait(&(), Content::Recent, None, work).now_or_never(), Some(Ok(1)));
        assert_eq!(latest.wait(&(), Content::Recent, None, no_work).now_or_never(), Some(Ok(1)));
        let valid = latest.wait(&(), Content::Valid, None, no_work);
        tell.send(2).expect("it goes on, though nobody who waits had to");
        assert_eq!(valid.await, Ok(2));
        assert_eq!(latest.wait(&(), Content::Recent, None, no_work).now_or_never(), Some(Ok(2)));
        // After a pause, the answer is too old to stand in.
        age(Duration::from_secs(5));
        let (tell, told) = oneshot::channel();
        let mut third = latest.wait(&(), Content::Recent, None, || async { Ok(told.await.expect("it is told")) });
        assert_eq!((&mut third).now_or_never(), None);
        tell.send(3).expect("it is waited for");
        assert_eq!(third.await, Ok(3));
    }

    #[tokio::test]
    async fn a_failure_is_not_hidden_by_the_answer_before() {
        let latest: Latest<(), u8> = Latest::new(1, VALID_MIN);
        let wait = |outcome: Outcome<u8>| latest.wait(&(), Content::Valid, None, || async { outcome });
        assert_eq!(wait(Ok(1)).await, Ok(1));
        latest.computations.lock().expect("not poisoned").get_mut(&()).expect("kept").age(Duration::from_millis(1_500));
        let failure = Err(crate::store::StoreError::OverLimit);
        assert_eq!(wait(failure.clone()).await, failure);
        let no_work = || -> std::future::Pending<_> { panic!("one is there") };
        assert_eq!(latest.wait(&(), Content::Recent, None, no_work).await, failure);
    }
}
