//! The open connections of a listener, so that an idle one can make room for a new one.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use tokio::task::AbortHandle;

/// A connection is left alone for this long after it was opened or last used.
const IDLE_MIN: Duration = Duration::from_millis(500);

/// All open connections, and the requests on them.
pub struct Connections {
    started_at: Instant,
    open: Mutex<HashMap<u64, Arc<Activity>>>,
    next_id: AtomicU64,
    requests: AtomicUsize,
}

/// What one connection does.
pub struct Activity {
    connections: Arc<Connections>,
    id: u64,
    busy: AtomicBool,
    /// Milliseconds since the listener's start.
    last_used_ms: AtomicU64,
    is_evicted: AtomicBool,
    task: OnceLock<AbortHandle>,
}

impl Connections {
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            started_at: Instant::now(),
            open: Mutex::default(),
            next_id: AtomicU64::new(0),
            requests: AtomicUsize::new(0),
        })
    }

    pub fn open_count(&self) -> usize {
        self.open().len()
    }

    /// Requests whose reply has not begun, and streams.
    pub fn requests_in_flight(&self) -> usize {
        self.requests.load(Relaxed)
    }

    /// Counts a new connection until `close`.
    pub fn add(self: &Arc<Self>) -> Arc<Activity> {
        let id = self.next_id.fetch_add(1, Relaxed);
        let activity = Arc::new(Activity {
            connections: Arc::clone(self),
            id,
            busy: AtomicBool::new(false),
            last_used_ms: AtomicU64::new(self.now_ms()),
            is_evicted: AtomicBool::new(false),
            task: OnceLock::new(),
        });
        self.open().insert(id, Arc::clone(&activity));
        activity
    }

    /// Ends the connection that has been without a request for the longest time; `false` if none has been for long.
    pub fn evict_idle(&self) -> bool {
        let used_before_ms = self.now_ms().saturating_sub(IDLE_MIN.as_millis() as u64);
        let open = self.open();
        let idle = open.values().filter(|each| !each.busy.load(Relaxed) && !each.is_evicted.load(Relaxed));
        let Some(longest) = idle.min_by_key(|each| each.last_used_ms.load(Relaxed)) else { return false };
        let Some(task) = longest.task.get().filter(|_| longest.last_used_ms.load(Relaxed) <= used_before_ms) else {
            return false;
        };
        longest.is_evicted.store(true, Relaxed);
        task.abort();
        tracing::debug!("an idle connection made room");
        true
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.started_at.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn open(&self) -> MutexGuard<'_, HashMap<u64, Arc<Activity>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Activity {
    /// Marks the connection as busy until the guard is dropped.
    pub fn request(self: &Arc<Self>) -> RequestGuard {
        self.busy.store(true, Relaxed);
        self.connections.requests.fetch_add(1, Relaxed);
        RequestGuard(Arc::clone(self))
    }

    /// Notes the task that serves the connection: it is ended if the connection has to make room.
    pub fn served_by(&self, task: AbortHandle) {
        // A connection has one task.
        let _ = self.task.set(task);
    }

    /// Time since the connection was opened or last used.
    pub fn unused_for(&self) -> Duration {
        let used_ms = self.last_used_ms.load(Relaxed);
        Duration::from_millis(self.connections.now_ms().saturating_sub(used_ms))
    }

    pub fn close(&self) {
        self.connections.open().remove(&self.id);
    }
}

/// One request under way.
pub struct RequestGuard(Arc<Activity>);

impl Drop for RequestGuard {
    fn drop(&mut self) {
        self.0.last_used_ms.store(self.0.connections.now_ms(), Relaxed);
        self.0.busy.store(false, Relaxed);
        self.0.connections.requests.fetch_sub(1, Relaxed);
    }
}
