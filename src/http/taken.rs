//! What becomes of a request's events: judged, stored once, or ignored as was asked for.

use std::time::Duration;

use serde::Serialize;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use super::{body::JsonBody, budget::HeldBytes, error::ApiError};
use crate::{
    clock::Clock,
    ingest::{Decoded, Decoder, EventIds, Receipt, Rejection, TimeCounts},
    journal::{AppendError, EventBatch, Journal},
    store::{FlushReport, RejectedEvent, RejectedEvents, Source},
};

/// What is behind the ingestion routes.
pub struct IngestStages {
    pub decoder: Decoder,
    pub event_ids: EventIds,
    pub journal: Journal,
    /// Runs what must end even when its client does not wait for it.
    pub tasks: TaskTracker,
    pub clock: Clock,
    pub reports: watch::Receiver<FlushReport>,
    /// Age of the oldest unflushed event from which `/health` answers 503.
    pub unflushed_max: Duration,
    /// Nothing is kept of a request by which somebody asks not to be tracked.
    pub respects_do_not_track: bool,
    pub rejected_events: RejectedEvents,
}

/// The reply to a request with events.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct IngestReply {
    /// Events that are on disk; when the batch was sent before under the same `Idempotency-Key`, since then.
    pub accepted: usize,
    /// Events whose `event_id` was stored before: a success, and nothing is counted twice.
    pub duplicates: usize,
    /// The others, each with its reason.
    pub rejected: Vec<Rejection>,
    /// Valid events that are not kept, since the request asks not to be tracked; absent where there are none.
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    pub ignored: usize,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// What became of a request's events.
#[derive(Debug, Default)]
pub struct Taken {
    /// Put on disk by this request.
    pub stored: usize,
    /// On disk since an earlier request.
    pub duplicates: usize,
    /// Those of the duplicates that came in the same batch, by its key.
    pub replayed: usize,
    pub times: TimeCounts,
    pub rejected: Vec<Rejection>,
    /// Valid, and not kept.
    pub ignored: usize,
}

impl Taken {
    /// Events that were sent.
    pub fn events(&self) -> usize {
        self.stored + self.duplicates + self.rejected.len() + self.ignored
    }

    /// A batch that is sent again under its key is answered as it was the first time.
    pub fn reply(self) -> IngestReply {
        let (accepted, duplicates) = (self.stored + self.replayed, self.duplicates - self.replayed);
        IngestReply { accepted, duplicates, rejected: self.rejected, ignored: self.ignored }
    }
}

/// Judges events and stores the valid ones. `batch_key`: that of `Idempotency-Key`.
pub async fn take_events(stages: &IngestStages, batch_key: Option<&str>, body: JsonBody) -> Result<Taken, ApiError> {
    let JsonBody { text: body, held } = body;
    let receipt = Receipt { received_at_ms: stages.clock.now_ms(), batch_key, ..Receipt::default() };
    let mut decoded = stages.decoder.decode(&body, &receipt, stages.journal.empty_batch())?;
    let rejected_texts = std::mem::take(&mut decoded.rejected_texts);
    let taken = match decoded.event_ids.is_empty() {
        true => store(stages, decoded).await?,
        false => store_once(stages, &body, &receipt, decoded, held).await?,
    };
    for (rejection, text) in taken.rejected.iter().zip(rejected_texts) {
        stages.rejected_events.push(RejectedEvent {
            received_at_ms: receipt.received_at_ms,
            source: Source::Ingest,
            event_index: u32::try_from(rejection.index).unwrap_or(u32::MAX),
            field: rejection.field.as_str().to_owned(),
            reason: rejection.reason.clone(),
            raw: body.slice(text),
        });
    }
    Ok(taken)
}

/// Stores events of which none has an id.
async fn store(stages: &IngestStages, decoded: Decoded) -> Result<Taken, ApiError> {
    let Decoded { batch, rejected, times, .. } = decoded;
    let stored = batch.rows();
    if stored > 0 {
        stages.journal.append(batch).await?;
    }
    Ok(Taken { stored, times, rejected, ..Taken::default() })
}

/// Stores the events that are not stored yet; each that has an id, once.
async fn store_once(
    stages: &IngestStages,
    body: &[u8],
    receipt: &Receipt<'_>,
    decoded: Decoded,
    held: HeldBytes,
) -> Result<Taken, ApiError> {
    let claim = stages.event_ids.claim(&decoded.event_ids).await?;
    let (duplicates, replayed) = (claim.duplicates().len(), claim.replayed());
    let Decoded { batch, rejected, times, .. } = match duplicates {
        0 => decoded,
        all if all == decoded.batch.rows() => {
            Decoded { batch: EventBatch::default(), times: TimeCounts::default(), ..decoded }
        }
        // Rare enough to decode once more, rather than to prepare every batch for taking rows out.
        _ => {
            let receipt = Receipt { stored: claim.duplicates(), ..*receipt };
            stages.decoder.decode(body, &receipt, stages.journal.empty_batch())?
        }
    };
    let stored = batch.rows();
    if stored > 0 {
        let journal = stages.journal.clone();
        // In a task of its own: if the client goes away, its events may be on disk, and then their ids must be known.
        let appended = stages.tasks.spawn(async move {
            let outcome = journal.append(batch).await.map(|()| claim.settle());
            drop(held);
            outcome
        });
        appended.await.unwrap_or(Err(AppendError::Closed))?;
    }
    Ok(Taken { stored, duplicates, replayed, times, rejected, ignored: 0 })
}

/// Judges events as ever, so that whoever sends them learns of mistakes, and keeps nothing of them: neither the valid ones,
/// nor the others, nor their ids and names.
pub fn ignore_events(stages: &IngestStages, body: &[u8]) -> Result<Taken, ApiError> {
    let receipt = Receipt { received_at_ms: stages.clock.now_ms(), is_ignored: true, ..Receipt::default() };
    let Decoded { batch, rejected, .. } = stages.decoder.decode(body, &receipt, EventBatch::default())?;
    Ok(Taken { ignored: batch.rows(), rejected, ..Taken::default() })
}
