//! What must hold for any bytes as the body of `POST /events`: for the fuzzer, and for the test of its corpus.

use std::collections::HashMap;

use bytes::BytesMut;
use serde_json::{Map, Value, value::RawValue};
use weir::{
    event::{EventLimits, PRODUCT_EVENTS},
    ingest::{Decoded, Decoder, EventNames, Receipt},
    journal::{EventBatch, Segment},
};

/// 2026-01-01T00:00:00Z.
const RECEIVED_AT_MS: i64 = 1_767_225_600_000;

/// Decodes a body and compares the outcome with what another JSON reader makes of it.
pub fn check(body: &[u8]) {
    let decoder = Decoder {
        limits: EventLimits::with_retention_days(90),
        names: EventNames::listed(&PRODUCT_EVENTS.map(str::to_owned)),
    };
    let elements = elements(body).filter(|elements| (1..=decoder.limits.events_per_request_max).contains(elements));
    match decoder.decode(body, &Receipt { received_at_ms: RECEIVED_AT_MS, ..Receipt::default() }, EventBatch::default())
    {
        Ok(decoded) => check_decoded(body, decoded, elements, &decoder.limits),
        Err(error) => assert_eq!(elements, None, "a list of values was refused as a whole: {error}"),
    }
}

fn check_decoded(body: &[u8], decoded: Decoded, elements: Option<usize>, limits: &EventLimits) {
    let Decoded { batch, rejected, rejected_texts, .. } = decoded;
    let count = batch.rows() + rejected.len();
    assert!(elements.is_none_or(|elements| elements == count), "{count} outcomes for {elements:?} events");
    assert!(rejected.is_sorted_by(|one, next| one.index < next.index), "one outcome an event");
    assert!(rejected.last().is_none_or(|last| last.index < count));
    assert!(rejected.iter().all(|rejection| !rejection.reason.is_empty()));
    assert_eq!(rejected_texts.len(), rejected.len());
    assert!(rejected_texts.iter().all(|text| body.get(text.clone()).is_some()), "rejected events stand in the body");

    let mut block = BytesMut::new();
    batch.write_block(&mut block);
    let segment = Segment { blocks: vec![block.freeze()], ..Segment::default() };
    let events = segment.events().expect("what is written can be read");
    assert_eq!(events.len(), batch.rows());
    for event in events {
        let parsed = serde_json::from_slice::<Map<String, Value>>(event.properties);
        assert!(parsed.is_ok(), "{:?} is no JSON object: {parsed:?}", String::from_utf8_lossy(event.properties));
        let user_id = event.user_id.unwrap_or(b"-");
        for (text, bytes_max) in [
            (event.session_id, limits.id_bytes_max),
            (user_id, limits.id_bytes_max),
            (event.event_name, 64),
            (event.device_type, 64),
        ] {
            assert!(std::str::from_utf8(text).is_ok() && (1..=bytes_max).contains(&text.len()), "{event:?}");
        }
        assert!(std::str::from_utf8(event.event_id).is_ok() && event.event_id.len() <= limits.event_id_bytes_max);
        let time = RECEIVED_AT_MS - limits.past_ms_max..=RECEIVED_AT_MS + limits.future_ms_max;
        assert!(time.contains(&event.timestamp_ms), "{event:?}");
    }
}

/// The count of events, if the whole body is JSON.
fn elements(body: &[u8]) -> Option<usize> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    if let Ok(list) = serde_json::from_slice::<Vec<&RawValue>>(body) {
        return Some(list.len());
    }
    let object = serde_json::from_slice::<HashMap<String, Vec<&RawValue>>>(body).ok()?;
    let is_alone = object.len() == 1 && body.windows(8).filter(|window| window == b"\"events\"").count() == 1;
    object.get("events").filter(|_| is_alone).map(Vec::len)
}
