//! What `GET /health` tells a load balancer and an operator.

use std::time::Duration;

use serde::Serialize;

use super::rejected_counts::{RejectedCount, by_store};
use crate::{
    clock::{milliseconds, rfc3339},
    journal::Depth,
    store::{FlushReport, RecentFlushes},
};

/// The reply of `GET /health`; 200, or 503 when nothing could be flushed for too long.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Health {
    pub status: HealthStatus,
    /// Accepted events that ClickHouse does not have yet.
    pub buffered_events: u64,
    /// Bytes of the journal they take, and files set aside beyond the bytes that these have for themselves.
    pub buffered_bytes: u64,
    /// Bytes beyond which events are answered 503.
    pub buffered_bytes_max: u64,
    /// Bytes of all files that the journal has set aside, for a person to look at and delete.
    pub set_aside_bytes: u64,
    /// Age of the oldest of them, in milliseconds; null when there is none.
    #[schema(required)]
    pub oldest_unflushed_ms: Option<u64>,
    /// RFC 3339; null before the first.
    #[schema(required)]
    pub last_flush_at: Option<String>,
    #[schema(required)]
    pub last_flush_duration_ms: Option<f64>,
    #[schema(required)]
    pub last_flush_events: Option<u64>,
    /// The latest 1,000 flushes; null before the first.
    #[schema(required)]
    pub recent_flushes: Option<RecentFlushTimes>,
    /// Attempts to flush that failed since the start; each was repeated.
    pub retries: u64,
    /// Events that were rejected since the start, by the reason.
    pub rejected_events: Vec<RejectedCount>,
    pub store: StoreState,
    /// What is wrong with ClickHouse, if it fails. Its own words stay in the log, as they may quote events.
    #[schema(required)]
    pub store_error: Option<String>,
}

/// How long flushes took.
#[derive(Debug, Clone, Copy, Serialize, utoipa::ToSchema)]
pub struct RecentFlushTimes {
    pub flushes: usize,
    /// Half of them took no longer.
    pub median_ms: f64,
    /// 99 in 100 of them took no longer.
    pub p99_ms: f64,
    pub longest_ms: f64,
}

impl From<RecentFlushes> for RecentFlushTimes {
    fn from(recent: RecentFlushes) -> Self {
        Self {
            flushes: recent.flushes,
            median_ms: milliseconds(recent.median),
            p99_ms: milliseconds(recent.p99),
            longest_ms: milliseconds(recent.longest),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HealthStatus {
    Ok,
    /// Nothing could be flushed for longer than the limit. Events are still taken while the journal has room.
    Stalled,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StoreState {
    /// Nothing has been sent yet.
    Unknown,
    Up,
    Down,
}

impl Health {
    pub fn is_healthy(&self) -> bool {
        self.status == HealthStatus::Ok
    }
}

/// Judges the pipeline by its depth and its flushes. `rejected_events`: by validation.
pub fn health(
    depth: Depth,
    report: &FlushReport,
    mut rejected_events: Vec<RejectedCount>,
    unflushed_max: Duration,
) -> Health {
    rejected_events.extend(by_store(report));
    let store = match (&report.failing_since, &report.last) {
        (Some(_), _) => StoreState::Down,
        (None, Some(_)) => StoreState::Up,
        (None, None) => StoreState::Unknown,
    };
    let store_error = report.last_error.as_ref().map(|_| match store {
        StoreState::Down => "ClickHouse does not take events now; they are kept and sent again".to_owned(),
        StoreState::Up | StoreState::Unknown => "ClickHouse refused events; the log says why".to_owned(),
    });
    let stalled = depth.oldest_age > unflushed_max;
    Health {
        status: if stalled { HealthStatus::Stalled } else { HealthStatus::Ok },
        buffered_events: depth.events,
        buffered_bytes: depth.bytes,
        buffered_bytes_max: depth.bytes_max,
        set_aside_bytes: depth.set_aside_bytes,
        oldest_unflushed_ms: (depth.events > 0)
            .then(|| u64::try_from(depth.oldest_age.as_millis()).unwrap_or(u64::MAX)),
        last_flush_at: report.last.map(|flush| rfc3339(flush.at_ms)),
        last_flush_duration_ms: report.last.map(|flush| milliseconds(flush.duration)),
        last_flush_events: report.last.map(|flush| flush.events),
        recent_flushes: report.durations.recent().map(RecentFlushTimes::from),
        retries: report.retries,
        rejected_events,
        store,
        store_error,
    }
}
