//! What must hold for any bytes as the body of `POST /events`: for the fuzzer, and for the test of its corpus.

use std::collections::HashMap;

use bytes::BytesMut;
use serde_json::{Map, Value, value::RawValue};
use weir::{
    event::{EventLimits, PRODUCT_EVENTS},
    ingest::{Decoded, Decoder, EventNames, Receipt},
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
    match decoder.decode(body, &Receipt { received_at_ms: RECEIVED_AT_MS, ..Receipt::default() }) {
        Ok(decoded) => check_decoded(&decoded, elements, &decoder.limits),
        Err(error) => assert_eq!(elements, None, "a list of values was refused as a whole: {error}"),
    }
}

fn check_decoded(decoded: &Decoded, elements: Option<usize>, limits: &EventLimits) {
    let Decoded { batch, rejected, rejected_texts, .. } = decoded;
    assert_eq!(rejected.len(), rejected_texts.len());
    let count = batch.rows() + rejected.len();
    assert!(elements.is_none_or(|elements| elements == count), "{count} outcomes for {elements:?} events");
    assert!(rejected.is_sorted_by(|one, next| one.index < next.index), "one outcome an event");
    assert!(rejected.last().is_none_or(|last| last.index < count));
    assert!(rejected.iter().all(|rejection| !rejection.reason.is_empty()));

    let mut block = BytesMut::new();
    batch.write_block(&mut block);
    let columns = columns(&block, batch.rows());
    for text in columns.values().flatten() {
        assert!(std::str::from_utf8(text).is_ok(), "text is UTF-8");
    }
    for properties in &columns["properties"] {
        let parsed = serde_json::from_slice::<Map<String, Value>>(properties);
        assert!(parsed.is_ok(), "{:?} is no JSON object: {parsed:?}", String::from_utf8_lossy(properties));
    }
    for session_id in &columns["session_id"] {
        assert!((1..=limits.id_bytes_max).contains(&session_id.len()));
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

/// The text columns of a Native block: <https://clickhouse.com/docs/interfaces/formats/Native>.
fn columns(block: &[u8], rows: usize) -> HashMap<String, Vec<Vec<u8>>> {
    let mut block = Block(block);
    let count = block.length();
    assert_eq!(block.length(), rows);
    let mut columns = HashMap::new();
    for _ in 0..count {
        let name = String::from_utf8(block.text()).expect("a name");
        let type_name = String::from_utf8(block.text()).expect("a type");
        match type_name.as_str() {
            "String" => drop(columns.insert(name, (0..rows).map(|_| block.text()).collect())),
            "Nullable(String)" => {
                block.take(rows);
                columns.insert(name, (0..rows).map(|_| block.text()).collect());
            }
            "FixedString(2)" | "Date" => drop(block.take(2 * rows)),
            "DateTime64(3)" | "Int64" => drop(block.take(8 * rows)),
            other => panic!("{other} is unknown here"),
        }
    }
    assert!(block.0.is_empty(), "nothing follows the last column");
    columns
}

struct Block<'a>(&'a [u8]);

impl<'a> Block<'a> {
    fn take(&mut self, bytes: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(bytes);
        self.0 = rest;
        taken
    }

    /// LEB128.
    fn length(&mut self) -> usize {
        let mut length = 0;
        for shift in (0..).step_by(7) {
            let byte = self.take(1)[0];
            length |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        length
    }

    fn text(&mut self) -> Vec<u8> {
        let length = self.length();
        self.take(length).to_vec()
    }
}
