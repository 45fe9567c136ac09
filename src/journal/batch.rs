//! A batch of events as ClickHouse's Native format wants them: column by column, each already in its wire encoding.
//!
//! Joining two batches is joining the bytes of their columns, and a block is a short header and those bytes. So an event
//! is encoded once, while it is validated; the journal, the insert and a replay only copy.
//! Format: <https://clickhouse.com/docs/interfaces/formats/Native> (a block: column count, row count, then for each column
//! its name, its type and its values; strings are preceded by their length as LEB128).

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::{BufMut, BytesMut};

/// One column of an insert: its name and the type its bytes are sent as. ClickHouse casts `String` to the
/// table's `LowCardinality(String)`, which spares the dictionary.
pub struct Column {
    pub name: &'static str,
    pub type_name: &'static str,
}

/// The columns of an insert into `events`, in the order of their bytes in a block.
pub const COLUMNS: [Column; 11] = [
    Column { name: "event_id", type_name: "String" },
    Column { name: "event_name", type_name: "String" },
    Column { name: "timestamp", type_name: "DateTime64(3)" },
    Column { name: "date", type_name: "Date" },
    Column { name: "session_id", type_name: "String" },
    Column { name: "user_id", type_name: "Nullable(String)" },
    Column { name: "device_type", type_name: "String" },
    Column { name: "country_code", type_name: "FixedString(2)" },
    Column { name: "properties", type_name: "String" },
    Column { name: "received_at", type_name: "DateTime64(3)" },
    Column { name: "clock_skew_ms", type_name: "Int64" },
];

/// One valid event, borrowed from the request that brought it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventRow<'a> {
    pub event_id: &'a [u8],
    pub event_name: &'a [u8],
    /// Milliseconds since the epoch.
    pub timestamp_ms: i64,
    pub session_id: &'a [u8],
    pub user_id: Option<&'a [u8]>,
    pub device_type: &'a [u8],
    pub country_code: [u8; 2],
    /// JSON text of an object.
    pub properties: &'a [u8],
    pub received_at_ms: i64,
    /// What was added to the time that the client sent.
    pub clock_skew_ms: i64,
}

/// Events, column by column, in Native encoding.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventBatch {
    rows: usize,
    columns: [Vec<u8>; COLUMNS.len()],
    /// The null map of `user_id`, which Native puts before its values: one byte a row.
    user_id_nulls: Vec<u8>,
}

/// Position of `timestamp` in `COLUMNS`.
pub const TIMESTAMP: usize = 2;

/// Position of `user_id` in `COLUMNS`, the only nullable column.
pub const USER_ID: usize = 5;

impl EventBatch {
    pub fn rows(&self) -> usize {
        self.rows
    }

    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Bytes the batch takes as a block, header included.
    pub fn block_bytes(&self) -> usize {
        let values: usize = self.columns.iter().map(Vec::len).sum();
        values + self.user_id_nulls.len() + BLOCK_HEADER_BYTES_MAX
    }

    pub fn push(&mut self, row: &EventRow<'_>) {
        let [
            event_id,
            event_name,
            timestamp,
            date,
            session_id,
            user_id,
            device_type,
            country_code,
            properties,
            received_at,
            clock_skew,
        ] = &mut self.columns;
        put_text(event_id, row.event_id);
        put_text(event_name, row.event_name);
        timestamp.extend_from_slice(&row.timestamp_ms.to_le_bytes());
        date.extend_from_slice(&utc_day(row.timestamp_ms).to_le_bytes());
        put_text(session_id, row.session_id);
        self.user_id_nulls.push(u8::from(row.user_id.is_none()));
        put_text(user_id, row.user_id.unwrap_or_default());
        put_text(device_type, row.device_type);
        country_code.extend_from_slice(&row.country_code);
        put_text(properties, row.properties);
        received_at.extend_from_slice(&row.received_at_ms.to_le_bytes());
        clock_skew.extend_from_slice(&row.clock_skew_ms.to_le_bytes());
        self.rows += 1;
    }

    /// Appends all rows of `other`.
    pub fn append(&mut self, other: &Self) {
        for (column, bytes) in self.columns.iter_mut().zip(&other.columns) {
            column.extend_from_slice(bytes);
        }
        self.user_id_nulls.extend_from_slice(&other.user_id_nulls);
        self.rows += other.rows;
    }

    /// Empties the batch and keeps its memory.
    pub fn clear(&mut self) {
        self.columns.iter_mut().for_each(Vec::clear);
        self.user_id_nulls.clear();
        self.rows = 0;
    }

    /// Writes the batch as one Native block.
    pub fn write_block(&self, out: &mut BytesMut) {
        let columns = self.columns.each_ref().map(|bytes| [bytes.as_slice()]);
        write_block(out, self.rows, &[&self.user_id_nulls], columns.each_ref().map(|parts| parts.as_slice()));
    }
}

/// Writes one Native block of columns in parts.
pub fn write_block(out: &mut BytesMut, rows: usize, user_id_nulls: &[&[u8]], columns: [&[&[u8]]; COLUMNS.len()]) {
    let values: usize =
        columns.iter().chain([&user_id_nulls]).flat_map(|parts| parts.iter()).map(|part| part.len()).sum();
    out.reserve(values + BLOCK_HEADER_BYTES_MAX);
    put_length(out, COLUMNS.len());
    put_length(out, rows);
    for (index, (column, parts)) in COLUMNS.iter().zip(columns).enumerate() {
        put_text(out, column.name.as_bytes());
        put_text(out, column.type_name.as_bytes());
        if index == USER_ID {
            user_id_nulls.iter().for_each(|part| out.put_slice(part));
        }
        parts.iter().for_each(|part| out.put_slice(part));
    }
}

/// Emptied batches, whose memory later ones use: a batch is twelve allocations, and most hold few events.
#[derive(Debug, Default)]
pub struct EmptyBatches(Mutex<Vec<EventBatch>>);

const EMPTY_BATCHES_MAX: usize = 64;
/// One with more memory than this is freed.
const EMPTY_BATCH_BYTES_MAX: usize = 256 * 1024;

impl EmptyBatches {
    pub fn take(&self) -> EventBatch {
        self.kept().pop().unwrap_or_default()
    }

    /// Keeps what there is room for, emptied.
    pub fn put(&self, batches: impl Iterator<Item = EventBatch>) {
        let mut kept = self.kept();
        for mut batch in batches {
            let bytes: usize = batch.columns.iter().map(Vec::capacity).sum();
            if kept.len() < EMPTY_BATCHES_MAX && bytes <= EMPTY_BATCH_BYTES_MAX {
                batch.clear();
                kept.push(batch);
            }
        }
    }

    fn kept(&self) -> MutexGuard<'_, Vec<EventBatch>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Days since 1970 in UTC, as `Date` counts them. It is sent, not left to the table's default, because that depends on the
/// server's time zone: a change of it between two attempts would move a row to another partition.
fn utc_day(timestamp_ms: i64) -> u16 {
    const DAY_MS: i64 = 24 * 60 * 60 * 1000;
    u16::try_from(timestamp_ms.div_euclid(DAY_MS)).unwrap_or(if timestamp_ms < 0 { 0 } else { u16::MAX })
}

/// Room for the counts, names and types of a block.
const BLOCK_HEADER_BYTES_MAX: usize = 256;

fn put_text(out: &mut impl BufMut, text: &[u8]) {
    put_length(out, text.len());
    out.put_slice(text);
}

/// LEB128, as ClickHouse writes lengths.
fn put_length(out: &mut impl BufMut, mut length: usize) {
    while length >= 0x80 {
        out.put_u8((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    out.put_u8(length as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(session_id: &str) -> EventRow<'_> {
        EventRow {
            event_id: b"",
            event_name: b"page_view",
            timestamp_ms: 1_700_000_000_123,
            session_id: session_id.as_bytes(),
            user_id: None,
            device_type: b"desktop",
            country_code: *b"DE",
            properties: b"{}",
            received_at_ms: 1_700_000_000_200,
            clock_skew_ms: 0,
        }
    }

    fn block(batch: &EventBatch) -> Vec<u8> {
        let mut out = BytesMut::new();
        batch.write_block(&mut out);
        out.to_vec()
    }

    #[test]
    fn joined_batches_make_the_block_of_their_rows_in_order() {
        let (mut first, mut second, mut whole) = (EventBatch::default(), EventBatch::default(), EventBatch::default());
        let long_id = "s".repeat(200);
        first.push(&row("s-1"));
        second.push(&EventRow { user_id: Some(b"u-1"), ..row(&long_id) });
        for each in [&row("s-1"), &EventRow { user_id: Some(b"u-1"), ..row(&long_id) }] {
            whole.push(each);
        }
        first.append(&second);
        assert_eq!(block(&first), block(&whole));
    }

    #[test]
    fn emptied_batches_are_used_again_within_bounds() {
        let empty = EmptyBatches::default();
        let mut batch = EventBatch::default();
        batch.push(&row("s-1"));
        empty.put(vec![batch; 2 * EMPTY_BATCHES_MAX].into_iter());
        assert_eq!(empty.kept().len(), EMPTY_BATCHES_MAX);
        assert_eq!(empty.take(), EventBatch::default());
        let mut large = EventBatch::default();
        large.push(&row(&"s".repeat(EMPTY_BATCH_BYTES_MAX + 1)));
        empty.put(std::iter::once(large));
        assert_eq!(empty.kept().len(), EMPTY_BATCHES_MAX - 1);
    }

    #[test]
    fn a_block_fits_its_announced_size() {
        let mut batch = EventBatch::default();
        batch.push(&row("s-1"));
        assert!(block(&batch).len() <= batch.block_bytes());
    }

    #[test]
    fn lengths_are_leb128() {
        let encoded = |length| {
            let mut out = Vec::new();
            put_length(&mut out, length);
            out
        };
        assert_eq!(encoded(0), [0]);
        assert_eq!(encoded(127), [0x7f]);
        assert_eq!(encoded(300), [0xac, 0x02]);
        assert_eq!(encoded(16_384), [0x80, 0x80, 0x01]);
    }
}
