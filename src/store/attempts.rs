//! One insert, repeated until it is done or refused for good.

use std::time::{Duration, Instant};

use super::{
    client::{Rows, Store},
    error::StoreError,
};

/// Bounds on attempts.
#[derive(Debug, Clone)]
pub struct AttemptLimits {
    /// Wait after the first failure; doubled after each further one, with jitter.
    pub backoff_min: Duration,
    /// Short enough that fresh events are seen soon after an outage; one request in this time is no load.
    pub backoff_max: Duration,
    /// Time for an insert, which usually takes milliseconds. An insert that was swallowed is given up after it.
    pub insert_timeout_min: Duration,
    /// A server that answers, only not in time, is given more, up to this.
    pub insert_timeout_max: Duration,
}

impl Default for AttemptLimits {
    fn default() -> Self {
        Self {
            backoff_min: Duration::from_millis(100),
            backoff_max: Duration::from_secs(2),
            insert_timeout_min: Duration::from_secs(5),
            insert_timeout_max: Duration::from_secs(60),
        }
    }
}

/// Makes attempts, one at a time.
pub(super) struct Attempts {
    store: Store,
    limits: AttemptLimits,
    insert_timeout: Duration,
}

impl Attempts {
    pub fn new(store: Store, limits: AttemptLimits) -> Self {
        Self { store, insert_timeout: limits.insert_timeout_min, limits }
    }

    /// Repeats until ClickHouse has the rows; the error is why it never will. `note` hears of every other failure.
    pub async fn until_stored(
        &mut self,
        token: &str,
        rows: Rows<'_>,
        mut note: impl FnMut(&StoreError) + Send,
    ) -> Result<(), String> {
        let mut backoff = self.limits.backoff_min;
        loop {
            let started = Instant::now();
            let error = match self.store.insert(token, rows, self.insert_timeout).await {
                Ok(()) => {
                    self.insert_timeout = self.limited(started.elapsed() * 4);
                    return Ok(());
                }
                Err(StoreError::Permanent(reason)) => return Err(reason),
                Err(error) => error,
            };
            note(&error);
            let timed_out = started.elapsed() >= self.insert_timeout;
            let answered_at_once = self.wait_for_answer(&error, &mut backoff, &mut note).await;
            if timed_out && answered_at_once {
                // It is there, but slow.
                self.insert_timeout = self.limited(self.insert_timeout * 2);
            }
        }
    }

    /// Waits until another attempt makes sense. A server that gave no answer is asked for a small one first: while it is
    /// away, it is not sent the rows again and again, and its return is not missed. `true` if it answered at once.
    async fn wait_for_answer(
        &self,
        error: &StoreError,
        backoff: &mut Duration,
        note: &mut (impl FnMut(&StoreError) + Send),
    ) -> bool {
        let mut asked = 0;
        loop {
            tokio::time::sleep(jittered(*backoff)).await;
            *backoff = (*backoff * 2).min(self.limits.backoff_max);
            asked += 1;
            let ready = match error {
                StoreError::Unreachable(_) => self.store.is_reachable().await,
                StoreError::NoSchema(_) => self.store.ensure_schema().await.inspect_err(&mut *note).is_ok(),
                _ => true,
            };
            if ready {
                return asked == 1;
            }
        }
    }

    fn limited(&self, timeout: Duration) -> Duration {
        timeout.clamp(self.limits.insert_timeout_min, self.limits.insert_timeout_max)
    }
}

/// Between half and the whole of `wait`, so that many nodes do not come back at once.
fn jittered(wait: Duration) -> Duration {
    wait.mul_f64(rand::random_range(0.5..=1.0))
}
