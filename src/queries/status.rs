//! What ClickHouse says of itself, and what was lately not taken: for whoever runs weir.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{answers::Answers, computation::Outcome, latest::Content};
use crate::{
    clock::rfc3339,
    store::{Parameter, Store, StoreError},
};

const STORE_STATUS: &str = include_str!("internal/store_status.sql");
const REJECTED_REASONS: &str = include_str!("internal/rejected_reasons.sql");

/// How far back rejected events are counted.
const REJECTED_SINCE_MS: i64 = 3_600_000;

/// ClickHouse, the events it keeps and the disk they are on.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct StoreStatus {
    /// Of ClickHouse.
    pub version: String,
    /// How many are kept; null while there is no table.
    #[schema(required)]
    pub events: Option<u64>,
    /// What they take on disk, compressed, with their rollups.
    #[schema(required)]
    pub events_bytes: Option<u64>,
    /// Of the disk that ClickHouse works on; null of one without a bound, such as object storage.
    #[schema(required)]
    pub disk_free_bytes: Option<u64>,
    #[schema(required)]
    pub disk_bytes: Option<u64>,
}

/// Events that were not taken for one reason.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RejectedReason {
    /// `ingest`: validation refused them. `store`: they were accepted, and ClickHouse refused them for good.
    pub source: String,
    /// The field at fault, or `event`.
    pub field: String,
    /// What was wrong, with … for what was sent.
    pub reason: String,
    pub events: u64,
}

/// What ClickHouse answers to whoever asks how it is.
pub struct StoreReport {
    pub status: Result<StoreStatus, StoreError>,
    /// Of the last hour, the most frequent 20 reasons.
    pub rejected: Result<Vec<RejectedReason>, StoreError>,
    /// RFC 3339; none when there is no event.
    pub newest_event_at: Result<Option<String>, StoreError>,
    pub computed_at: String,
}

impl Answers {
    /// Never an error: that ClickHouse does not answer is a part of what is asked.
    pub async fn store_report(&self) -> Result<Arc<StoreReport>, StoreError> {
        let work = || {
            let (store, now_ms) = (self.store.clone(), self.now_ms());
            let newest_event = self.newest_event.find();
            async move { Ok(Arc::new(report(&store, now_ms, newest_event).await)) }
        };
        self.store_report.wait(&(), Content::Valid, self.revision(), work).await
    }
}

async fn report(
    store: &Store,
    now_ms: i64,
    newest_event: impl Future<Output = Outcome<Option<String>>>,
) -> StoreReport {
    let since = [Parameter::new("since_ms", now_ms - REJECTED_SINCE_MS)];
    let status = store.query::<StoreStatus>(STORE_STATUS, &[]);
    let rejected = store.query(REJECTED_REASONS, &since);
    let (status, rejected, newest_event_at) = futures_util::future::join3(status, rejected, newest_event).await;
    let status = status.and_then(|rows| {
        rows.into_iter().next().ok_or_else(|| StoreError::Transient("it does not say how it is".to_owned()))
    });
    StoreReport {
        status: status.map_err(StoreError::of_query),
        rejected: rejected.map_err(StoreError::of_query),
        newest_event_at,
        computed_at: rfc3339(now_ms),
    }
}
