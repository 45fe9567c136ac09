//! The events that were not taken, page by page.

use serde::{Deserialize, Serialize};

use super::answers::Answers;
use crate::store::{Parameter, StoreError};

const REJECTED_EVENTS: &str = include_str!("internal/rejected_events.sql");

/// Rows of the largest page.
pub const REJECTED_ROWS_MAX: u32 = 1_000;

/// An event that was not taken.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RejectedRow {
    /// Names this row.
    pub id: String,
    /// RFC 3339.
    pub received_at: String,
    /// `ingest`: validation refused it. `store`: it was accepted, and ClickHouse refused it for good.
    pub source: String,
    /// Position in its request, or in its batch.
    pub event_index: u32,
    /// The field at fault, or `event`.
    pub field: String,
    pub reason: String,
    /// The event as it was sent; what validation refused is cut to 4 KiB.
    pub raw: String,
}

/// Which of them.
#[derive(Debug, Clone)]
pub struct RejectedPage {
    /// Rows, at most `REJECTED_ROWS_MAX`.
    pub limit: u32,
    /// Earliest moment, in milliseconds since the epoch.
    pub since_ms: i64,
    /// Only those with this field at fault.
    pub field: Option<String>,
    /// The last row of the page before: its moment in milliseconds, and its id.
    pub before: Option<(i64, String)>,
}

impl RejectedPage {
    fn parameters(&self) -> Vec<Parameter> {
        // Behind every row: the year 2286, and the greatest id.
        const BEFORE_MS_MAX: i64 = 9_999_999_999_999;
        const BEFORE_ID_MAX: &str = "ffffffff-ffff-ffff-ffff-ffffffffffff";
        let (before_ms, before_id) =
            self.before.as_ref().map_or((BEFORE_MS_MAX, BEFORE_ID_MAX), |(at_ms, id)| (*at_ms, id));
        [
            ("since_ms", self.since_ms.to_string()),
            ("before_ms", before_ms.to_string()),
            ("before_id", before_id.to_owned()),
            ("field", self.field.clone().unwrap_or_default()),
            ("limit", self.limit.min(REJECTED_ROWS_MAX).to_string()),
        ]
        .map(|(name, value)| Parameter::text(name, &value))
        .into()
    }
}

impl Answers {
    /// A page of rejected events, newest first.
    pub async fn rejected_events(&self, page: &RejectedPage) -> Result<Vec<RejectedRow>, StoreError> {
        let rows = self.store.query(REJECTED_EVENTS, &page.parameters()).await;
        rows.inspect_err(|error| tracing::warn!(query = "rejected_events", %error, "a query failed"))
            .map_err(StoreError::of_query)
    }
}
