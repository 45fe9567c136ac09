//! One computation for all who ask.

use std::{
    future::{Ready, ready},
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use futures_util::{
    FutureExt,
    future::{BoxFuture, Either, Shared, WeakShared},
};

use crate::store::StoreError;

/// Outcomes of the current revision are shared for this long: the window of a question moves with the time.
const VALID_MAX: Duration = Duration::from_secs(4);
/// One that took long is shared for so many times as long: a question takes at most a fifth of the time.
const VALID_PER_COMPUTATION: u32 = 4;
/// For so many times as long as it is shared, it may stand in for the next one, which is being computed. That is less than
/// the time between two polls, so nobody who polls alone is answered with what was computed for the poll before.
const RECENT_PER_VALID: u32 = 2;

/// A failure is shared too: a server that is down must not be asked once a viewer.
pub(super) type Outcome<T> = Result<T, StoreError>;

type UnderWay<T> = BoxFuture<'static, Outcome<T>>;

/// A place among those who wait.
pub(super) type Waiting<T> = Either<Ready<Outcome<T>>, Shared<UnderWay<T>>>;

/// A computation under way or done. Those who wait for it drive it: it goes on when one of them leaves, and is dropped,
/// which cancels its query, with the last.
pub(super) struct Computation<T> {
    started: Instant,
    /// The data's revision at the start, when it is known.
    revision: Option<u64>,
    under_way: WeakShared<UnderWay<T>>,
    /// And how long it took.
    outcome: Arc<OnceLock<(Outcome<T>, Duration)>>,
    /// What stands in for the outcome while it is under way.
    before: Option<Recent<T>>,
}

/// An outcome that is out of date, and until when it may be given out.
#[derive(Debug, Clone)]
pub(super) struct Recent<T> {
    pub outcome: T,
    until: Instant,
}

impl<T: Clone + Send + Sync + 'static> Computation<T> {
    /// The computation, and the place of the first who waits for it. `before`: what it takes the place of.
    pub fn start(
        revision: Option<u64>,
        before: Option<Recent<T>>,
        work: impl Future<Output = Outcome<T>> + Send + 'static,
    ) -> (Self, Waiting<T>) {
        let (outcome, started) = (Arc::new(OnceLock::new()), Instant::now());
        let kept = Arc::clone(&outcome);
        let keep = move |outcome: Outcome<T>| kept.get_or_init(|| (outcome, started.elapsed())).0.clone();
        let under_way = work.map(keep).boxed().shared();
        // Nobody has polled it yet, so there is something to point at.
        let weak = under_way.downgrade().expect("a future that has not been polled is not done");
        (Self { started, revision, under_way: weak, outcome, before }, Either::Right(under_way))
    }

    /// A place among those who wait for it, unless it is out of date or was given up. `revision`: the current one, or
    /// `None` where it is not known; an outcome is then valid for `valid_min`, as a failure always is.
    pub fn join(&self, revision: Option<u64>, valid_min: Duration) -> Option<Waiting<T>> {
        let Some((outcome, took)) = self.outcome.get() else {
            return self.under_way.upgrade().map(Either::Right);
        };
        let valid = match (outcome, revision) {
            (Ok(_), Some(_)) if revision == self.revision => VALID_MAX,
            (Ok(_), Some(_)) => Duration::ZERO,
            (Err(_), _) | (_, None) => valid_min,
        };
        let is_valid = self.started.elapsed() < valid.max(*took * VALID_PER_COMPUTATION);
        is_valid.then(|| Either::Left(ready(outcome.clone())))
    }

    /// What may be given out while nothing valid is there: its outcome, or, while it is under way, the one before.
    pub fn recent(&self, valid_min: Duration) -> Option<Recent<T>> {
        let recent = match self.outcome.get() {
            Some((Ok(outcome), took)) => {
                let valid = valid_min.max(*took * VALID_PER_COMPUTATION);
                Some(Recent { outcome: outcome.clone(), until: self.started + valid * RECENT_PER_VALID })
            }
            Some((Err(_), _)) => None,
            None => self.before.clone(),
        };
        recent.filter(|recent| Instant::now() < recent.until)
    }

    pub fn started(&self) -> Instant {
        self.started
    }
}

#[cfg(test)]
impl<T> Computation<T> {
    /// As if it had begun earlier.
    pub fn age(&mut self, by: Duration) {
        self.started -= by;
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    const VALID_MIN: Duration = Duration::from_millis(1_250);

    /// A computation that ends when it is told its outcome.
    fn started() -> (oneshot::Sender<u8>, Computation<u8>, Waiting<u8>) {
        let (tell, told) = oneshot::channel();
        let work = async move { told.await.map_err(|_| StoreError::OverLimit) };
        let (computation, first) = Computation::start(Some(0), None, work);
        (tell, computation, first)
    }

    #[tokio::test]
    async fn it_goes_on_for_those_who_stay_when_the_first_who_asked_leaves() {
        let (tell, computation, mut first) = started();
        assert_eq!((&mut first).now_or_never(), None);
        let mut second = computation.join(Some(0), VALID_MIN).expect("it is under way");
        assert_eq!((&mut second).now_or_never(), None);
        drop(first);
        tell.send(7).expect("it is still waited for");
        assert_eq!(second.await, Ok(7));
        assert_eq!(computation.join(Some(0), VALID_MIN).expect("it is valid").await, Ok(7));
    }

    #[tokio::test]
    async fn it_is_dropped_with_the_last_who_waits_and_nobody_joins_it_then() {
        let (tell, computation, mut first) = started();
        let second = computation.join(Some(0), VALID_MIN).expect("it is under way");
        assert_eq!((&mut first).now_or_never(), None);
        drop((first, second));
        assert!(tell.is_closed());
        assert!(computation.join(Some(0), VALID_MIN).is_none());
    }

    #[tokio::test]
    async fn a_revision_a_failure_and_time_make_it_out_of_date() {
        let aged = |age, revision, outcome: Outcome<u8>| {
            let (mut computation, first) = Computation::start(revision, None, async { outcome });
            assert!(first.now_or_never().is_some());
            computation.age(age);
            computation
        };
        // Half of it: a busy machine takes its time.
        let below = |limit: Duration| limit / 2;
        let failure = || Err(StoreError::OverLimit);
        for (age, revision, outcome, is_valid) in [
            (below(VALID_MAX), Some(1), Ok(1), true),
            (VALID_MAX, Some(1), Ok(1), false),
            (below(VALID_MIN), Some(2), Ok(1), false),
            (below(VALID_MIN), None, Ok(1), true),
            (VALID_MIN, None, Ok(1), false),
            (below(VALID_MIN), Some(1), failure(), true),
            (below(VALID_MIN), Some(2), failure(), true),
            (VALID_MIN, Some(1), failure(), false),
        ] {
            let joined = aged(age, Some(1), outcome.clone()).join(revision, VALID_MIN);
            assert_eq!(joined.is_some(), is_valid, "{age:?} {revision:?} {outcome:?}");
        }
    }
}
