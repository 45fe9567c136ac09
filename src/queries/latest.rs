//! The latest answer to each question, and the next one on its way.

use std::{
    collections::HashMap,
    future::ready,
    hash::Hash,
    sync::{Mutex, PoisonError},
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
}

impl<K: Clone + Eq + Hash, T: Clone + Send + Sync + 'static> Latest<K, T> {
    /// `kept_max`: of more questions, the answer computed longest ago is forgotten.
    pub fn new(kept_max: usize) -> Self {
        Self { computations: Mutex::default(), kept_max }
    }

    /// A place among those who wait for the answer, and the flushes before its computation. `flushes`: up to now. `work` begins a
    /// computation, when there is none to join, and tells after how many flushes.
    pub fn wait<W>(
        &self,
        question: &K,
        content: Content,
        flushes: Option<u64>,
        work: impl FnOnce() -> (Option<u64>, W),
    ) -> (Option<u64>, Waiting<T>)
    where
        W: Future<Output = Outcome<T>> + Send + 'static,
    {
        let mut computations = self.computations.lock().unwrap_or_else(PoisonError::into_inner);
        let latest = computations.get(question);
        let recent = latest.and_then(Computation::recent);
        let joined = latest.and_then(|computation| Some((computation.flushes(), computation.join(flushes)?)));
        let (flushes, waiting) = joined.unwrap_or_else(|| {
            let (flushes, work) = work();
            let (computation, first) = Computation::start(flushes, recent.clone(), work);
            make_room(&mut computations, self.kept_max);
            computations.insert(question.clone(), computation);
            (flushes, first)
        });
        let waiting = match (recent, waiting) {
            (Some(recent), Either::Right(next)) if content == Content::Recent => {
                // Nobody need wait for it, so somebody must drive it. It ends with its query, which has a limit of time.
                tokio::spawn(next);
                Either::Left(ready(Ok(recent.outcome)))
            }
            (_, waiting) => waiting,
        };
        (flushes, waiting)
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
    use std::time::Duration;

    use futures_util::FutureExt;
    use tokio::sync::oneshot;

    use super::*;

    #[test]
    fn the_answers_kept_are_bounded_and_the_oldest_goes_first() {
        let latest = Latest::new(3);
        for key in 0..5_u64 {
            let answer = latest.wait(&key, Content::Valid, None, || (None, async move { Ok(key) })).1;
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
        let latest = Latest::new(1);
        let age = |by| {
            latest.computations.lock().expect("not poisoned").get_mut(&()).expect("kept").age(by);
        };
        let no_work = || -> (Option<u64>, std::future::Pending<_>) { panic!("one is there or under way") };
        let first = latest.wait(&(), Content::Recent, None, || (None, async { Ok(1) }));
        assert_eq!(first.1.await, Ok(1));
        age(Duration::from_millis(1_500));
        let (tell, told) = oneshot::channel();
        let work = || (None, async { Ok(told.await.expect("it is told")) });
        assert_eq!(latest.wait(&(), Content::Recent, None, work).1.now_or_never(), Some(Ok(1)));
        assert_eq!(latest.wait(&(), Content::Recent, None, no_work).1.now_or_never(), Some(Ok(1)));
        let (_, valid) = latest.wait(&(), Content::Valid, None, no_work);
        tell.send(2).expect("it goes on, though nobody who waits had to");
        assert_eq!(valid.await, Ok(2));
        assert_eq!(latest.wait(&(), Content::Recent, None, no_work).1.now_or_never(), Some(Ok(2)));
        // After a pause, the answer is too old to stand in.
        age(Duration::from_secs(5));
        let (tell, told) = oneshot::channel();
        let (_, mut third) =
            latest.wait(&(), Content::Recent, None, || (None, async { Ok(told.await.expect("it is told")) }));
        assert_eq!((&mut third).now_or_never(), None);
        tell.send(3).expect("it is waited for");
        assert_eq!(third.await, Ok(3));
    }

    #[tokio::test]
    async fn a_failure_is_not_hidden_by_the_answer_before() {
        let latest: Latest<(), u8> = Latest::new(1);
        let wait = |outcome: Outcome<u8>| latest.wait(&(), Content::Valid, None, || (None, async { outcome })).1;
        assert_eq!(wait(Ok(1)).await, Ok(1));
        latest.computations.lock().expect("not poisoned").get_mut(&()).expect("kept").age(Duration::from_millis(1_500));
        let failure = Err(crate::store::StoreError::OverLimit);
        assert_eq!(wait(failure.clone()).await, failure);
        let no_work = || -> (Option<u64>, std::future::Pending<_>) { panic!("one is there") };
        assert_eq!(latest.wait(&(), Content::Recent, None, no_work).1.await, failure);
    }
}
