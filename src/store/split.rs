//! Takes a segment apart that ClickHouse refuses for good, until the rows at fault are alone.
//!
//! Halves have tokens made of the segment's token and their rows, so that a crash in between, after which all of it
//! begins again, stores nothing twice.

use std::ops::Range;

use bytes::Bytes;

use super::{
    attempts::Attempts,
    client::Rows,
    error::StoreError,
    rejected::{RejectedEvent, Source},
};
use crate::journal::{EventRow, Segment};

/// What became of a segment's events.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Split {
    /// All are either in `events` or, with the reason, in `rejected_events`.
    Placed { stored: u64, rejected: u64 },
    /// Some are in neither table; the whole must be kept elsewhere.
    Incomplete { reason: String },
}

/// Stores the good rows of a refused segment and rejects the others, with at most `inserts_max` inserts.
pub(super) async fn split(
    attempts: &mut Attempts,
    token: &str,
    segment: &Segment,
    reason: String,
    inserts_max: usize,
    mut note: impl FnMut(&StoreError) + Send,
) -> Split {
    let Some(events) = segment.events() else { return Split::Incomplete { reason } };
    let (mut inserts, mut stored) = (0, 0);
    let mut rejected = Vec::new();
    // Ranges that were refused as a whole.
    let mut refused: Vec<(Range<usize>, String)> = vec![(0..events.len(), reason)];
    while let Some((range, reason)) = refused.pop() {
        if range.len() == 1 {
            rejected.push(rejected_event(range.start, &events[range.start], reason));
            continue;
        }
        inserts += 2;
        if inserts > inserts_max {
            return Split::Incomplete { reason };
        }
        let middle = range.start + range.len() / 2;
        for half in [range.start..middle, middle..range.end] {
            let half_token = format!("{token}-{}-{}", half.start, half.end);
            let rows = Segment::of_events(&events[half.clone()]);
            match attempts.until_stored(&half_token, Rows::Events(&rows), &mut note).await {
                Ok(()) => stored += rows.rows,
                Err(reason) => refused.push((half, reason)),
            }
        }
    }
    if rejected.is_empty() {
        return Split::Placed { stored, rejected: 0 };
    }
    rejected.sort_by_key(|event| event.event_index);
    match attempts.until_stored(&format!("{token}-rejected"), Rows::Rejected(&rejected), note).await {
        Ok(()) => Split::Placed { stored, rejected: rejected.len() as u64 },
        Err(reason) => Split::Incomplete { reason },
    }
}

/// The row as the event that was sent: it can be sent again. It is not cut, because it was accepted; its length is bounded
/// by the limits of an event.
fn rejected_event(index: usize, event: &EventRow<'_>, reason: String) -> RejectedEvent {
    let text = |bytes: &[u8]| serde_json::Value::from(String::from_utf8_lossy(bytes));
    let mut raw = Vec::new();
    for (field, value) in [
        ("event_id", (!event.event_id.is_empty()).then(|| text(event.event_id))),
        ("event_name", Some(text(event.event_name))),
        ("timestamp", Some(event.timestamp_ms.into())),
        ("session_id", Some(text(event.session_id))),
        ("user_id", event.user_id.map(text)),
        ("device_type", Some(text(event.device_type))),
        ("country_code", Some(text(&event.country_code))),
    ] {
        raw.extend(value.map(|value| format!("\"{field}\":{value},").into_bytes()).unwrap_or_default());
    }
    let raw = [b"{", raw.as_slice(), b"\"properties\":", event.properties, b"}"].concat();
    RejectedEvent {
        received_at_ms: event.received_at_ms,
        source: Source::Store,
        event_index: u32::try_from(index).unwrap_or(u32::MAX),
        field: "event".to_owned(),
        reason,
        raw: Bytes::from(raw),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_becomes_the_event_that_was_sent() {
        let event = EventRow {
            event_id: b"",
            event_name: b"page_view",
            timestamp_ms: 1_700_000_000_123,
            session_id: "s-\"é\"".as_bytes(),
            user_id: Some(b"u-1"),
            device_type: b"desktop",
            country_code: *b"DE",
            properties: br#"{"a":  1.50}"#,
            received_at_ms: 1_700_000_000_200,
            clock_skew_ms: 0,
        };
        let raw = rejected_event(0, &event, String::new()).raw;
        insta::assert_snapshot!(
            String::from_utf8_lossy(&raw),
            @r#"{"event_name":"page_view","timestamp":1700000000123,"session_id":"s-\"é\"","user_id":"u-1","device_type":"desktop","country_code":"DE","properties":{"a":  1.50}}"#
        );
    }
}
