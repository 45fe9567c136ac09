//! The bytes of all bodies that are held at once: what bounds the memory of the listener, however many clients send.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use tokio::{sync::Notify, time::timeout};

/// Time a body waits for others to be done with.
const WAIT_MAX: Duration = Duration::from_secs(1);

/// Other bodies have held all the bytes for too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetSpent;

/// Bytes for bodies. Taken as they arrive, so that an announced body that never comes takes nothing.
pub struct BodyBudget {
    bytes_max: usize,
    bytes: AtomicUsize,
    waiting: AtomicUsize,
    freed: Notify,
}

impl BodyBudget {
    pub fn new(bytes_max: usize) -> Arc<Self> {
        Arc::new(Self { bytes_max, bytes: AtomicUsize::new(0), waiting: AtomicUsize::new(0), freed: Notify::new() })
    }

    /// Bytes held now.
    pub fn held(&self) -> usize {
        self.bytes.load(SeqCst)
    }

    /// Takes all or nothing: bytes taken and given back at once would wake those who wait, this one among them.
    fn try_take(&self, bytes: usize) -> bool {
        let fits = |held: usize| held.checked_add(bytes).filter(|sum| *sum <= self.bytes_max);
        self.bytes.fetch_update(SeqCst, SeqCst, fits).is_ok()
    }

    fn give_back(&self, bytes: usize) {
        if bytes == 0 {
            return;
        }
        self.bytes.fetch_sub(bytes, SeqCst);
        if self.waiting.load(SeqCst) > 0 {
            self.freed.notify_waiters();
        }
    }

    async fn take(&self, bytes: usize) {
        loop {
            let freed = self.freed.notified();
            tokio::pin!(freed);
            freed.as_mut().enable();
            if self.try_take(bytes) {
                return;
            }
            freed.await;
        }
    }
}

/// What one request holds; given back on drop.
pub struct HeldBytes {
    budget: Arc<BodyBudget>,
    bytes: usize,
}

impl HeldBytes {
    pub fn none(budget: &Arc<BodyBudget>) -> Self {
        Self { budget: Arc::clone(budget), bytes: 0 }
    }

    /// Takes more, waiting if need be.
    pub async fn grow(&mut self, bytes: usize) -> Result<(), BudgetSpent> {
        if !self.budget.try_take(bytes) {
            let waiting = Waiting::new(&self.budget);
            timeout(WAIT_MAX, waiting.0.take(bytes)).await.map_err(|_| BudgetSpent)?;
        }
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for HeldBytes {
    fn drop(&mut self) {
        self.budget.give_back(self.bytes);
    }
}

/// Counts a waiting request, also when it is cancelled.
struct Waiting<'a>(&'a BodyBudget);

impl<'a> Waiting<'a> {
    fn new(budget: &'a BodyBudget) -> Self {
        budget.waiting.fetch_add(1, SeqCst);
        Self(budget)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn bytes_beyond_the_budget_wait_for_those_given_back_and_then_are_refused() {
        let budget = BodyBudget::new(100);
        let (mut first, mut second) = (HeldBytes::none(&budget), HeldBytes::none(&budget));
        assert_eq!(first.grow(60).await, Ok(()));
        assert_eq!(second.grow(60).await, Err(BudgetSpent));
        let (waited, ()) = tokio::join!(second.grow(60), async { drop(first) });
        assert_eq!((waited, budget.held()), (Ok(()), 60));
        drop(second);
        assert_eq!((budget.held(), budget.waiting.load(SeqCst)), (0, 0));
    }
}
