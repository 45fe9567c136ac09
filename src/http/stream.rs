//! `GET /api/stream`: server-sent events that tell of each new revision of the data
//! (<https://html.spec.whatwg.org/multipage/server-sent-events.html>).

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    extract::State,
    response::{
        IntoResponse, Response,
        sse::{Event, Sse},
    },
};
use futures_util::{Stream, stream};
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_util::sync::CancellationToken;

use super::{dashboard::DashboardState, error::ApiError};
use crate::{clock::rfc3339, queries::Revision};

/// The media type of server-sent events.
pub const EVENT_STREAM: &str = "text/event-stream";

/// The current revision is told again after so long without a new one. A page knows by it that the stream is whole: it is
/// not shown comments.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(15);

/// Clients come again after so long when the stream has ended.
const RETRY: Duration = Duration::from_secs(2);

/// Bounds on streams.
pub struct Streams {
    streams_max: usize,
    free: Arc<Semaphore>,
    /// Ends them all.
    shutdown: CancellationToken,
}

impl Streams {
    pub fn new(streams_max: usize, shutdown: CancellationToken) -> Self {
        let streams_max = streams_max.min(Semaphore::MAX_PERMITS);
        Self { streams_max, free: Arc::new(Semaphore::new(streams_max)), shutdown }
    }

    fn take_place(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        Arc::clone(&self.free).try_acquire_owned().map_err(|_| ApiError::TooManyStreams(self.streams_max))
    }
}

/// What the stream tells, as JSON.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct RevisionMessage {
    /// RFC 3339. An answer whose `computed_at` is not before it has all that was stored until this was told.
    since: String,
}

pub async fn get_stream(State(state): State<DashboardState>) -> Result<Response, ApiError> {
    let streams = state.streams();
    let place = streams.take_place()?;
    let messages = messages(state.answers().revisions(), place, HEARTBEAT_INTERVAL, streams.shutdown.child_token());
    // Proxies that keep replies back until they are long enough know this header.
    Ok(([("x-accel-buffering", "no")], Sse::new(messages)).into_response())
}

/// The current revision, then each new one. Nothing is kept for a client that is slow: it is told the latest when it reads.
fn messages<P>(
    mut revisions: watch::Receiver<Revision>,
    place: P,
    heartbeat: Duration,
    shutdown: CancellationToken,
) -> impl Stream<Item = Result<Event, Infallible>> {
    revisions.mark_changed();
    stream::unfold((revisions, true, place, shutdown), move |(mut revisions, is_first, place, shutdown)| async move {
        tokio::select! {
            biased;
            () = shutdown.cancelled() => return None,
            changed = revisions.changed() => changed.ok()?,
            () = tokio::time::sleep(heartbeat) => {}
        }
        let message = RevisionMessage { since: rfc3339(revisions.borrow_and_update().since_ms) };
        let event = Event::default().event("revision").json_data(message).expect("a text is JSON");
        let event = if is_first { event.retry(RETRY) } else { event };
        Some((Ok(event), (revisions, false, place, shutdown)))
    })
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use futures_util::{FutureExt, StreamExt};
    use tokio::sync::watch;

    use super::*;
    use crate::clock::Clock;

    #[tokio::test]
    async fn a_reader_that_was_slow_is_told_the_latest_revision_alone() {
        let first = Revision::first(&Clock::System);
        let (revisions, followed) = watch::channel(first);
        let mut told = Box::pin(messages(followed, (), HEARTBEAT_INTERVAL, CancellationToken::new()));
        assert!(told.next().now_or_never().is_some());
        for later_ms in 1..=1_000 {
            revisions.send_modify(|revision| revision.since_ms = first.since_ms + later_ms);
        }
        let message = format!("{:?}", told.next().await);
        assert!(message.contains(&rfc3339(first.since_ms + 1_000)), "{message}");
        assert!(told.next().now_or_never().is_none());
    }

    #[tokio::test]
    async fn the_revision_is_told_again_until_the_end() {
        let (_revisions, followed) = watch::channel(Revision::first(&Clock::System));
        let shutdown = CancellationToken::new();
        let end = shutdown.clone();
        let told =
            messages(followed, (), Duration::from_millis(1), shutdown).enumerate().map(move |(index, message)| {
                if index == 2 {
                    end.cancel();
                }
                message
            });
        let body = to_bytes(Sse::new(told).into_response().into_body(), 1_000).await.expect("it ends");
        let text = String::from_utf8(body.to_vec()).expect("text");
        let (first, again) = text.split_once("\n\n").expect("several messages");
        let message = first.strip_prefix("event: revision\n").expect("its name");
        assert_eq!(message.lines().filter(|line| line.starts_with("data: {\"since\":\"2")).count(), 1, "{message}");
        assert_eq!(message.lines().last(), Some("retry: 2000"));
        assert_eq!(again.matches("event: revision\n").count(), 2, "{again}");
    }
}
