//! The bytes of a segment file, and reading them back after anything may have happened to them.
//!
//! ```text
//! segment  ┌ magic "WEIRJRN1" 8 │ epoch u64 │ sequence u64 │ crc32c of the other bytes, u32 │ prepared length u32 ┐ 32 bytes
//! record   ├ marker "REC1" 4 │ length u32 │ number u32 │ rows u32 │ crc32c of the header │ crc32c │ payload ┤
//!          └ …                                                                                             ┘
//! ```
//!
//! Integers are little-endian; a payload is one Native block. `number` counts the records of the segment from 0. The first
//! checksum covers the segment's id and the 16 bytes before, the second the first and the payload. So no record can pass
//! for one of another place, as when a disk returns old blocks; a client, who cannot know the epoch, cannot put a record
//! into its events; and a length is known to be good before it is followed.
//!
//! A file is made with its prepared length, zeros behind the header, and cut to what was written when the segment is closed,
//! or when the length does not suffice. One that has its prepared length was being written: its end may be zeros, or a
//! record that was cut off before them.
//!
//! The last byte of the magic is the version of all this, and of the columns in a block. Of every version, past and future, a
//! sound header can be told from damage: its 32 bytes stay as they are. So a file of another version is known for what it
//! is, and refused, rather than taken for damage and lost.

use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};

use super::batch::EventBatch;

const MAGIC: &[u8; 7] = b"WEIRJRN";
/// What stands behind the magic. Another layout, or other columns, are another version.
pub const VERSION: u8 = b'1';
const MARKER: &[u8; 4] = b"REC1";
pub const SEGMENT_HEADER_BYTES: usize = 32;
pub const RECORD_HEADER_BYTES: usize = 24;
/// Where the checksum and the prepared length stand in a segment's header.
const ID_END_AT: usize = 24;
const PREPARED_BYTES_AT: usize = 28;
/// Where the checksums stand in a record's header.
const HEADER_CHECKSUM_AT: usize = 16;
const CHECKSUM_AT: usize = 20;
/// No record is longer; a length beyond it is damage, and is not allocated for.
pub const RECORD_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A segment's identity, and with it the deduplication token of its insert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentId {
    /// Drawn at each start: a journal that was deleted and begins again at 1 must not repeat a token.
    pub epoch: u64,
    pub sequence: u64,
}

impl SegmentId {
    /// What ClickHouse recognises a repeated insert by.
    pub fn token(&self) -> String {
        format!("weir-{:016x}-{}", self.epoch, self.sequence)
    }

    /// The first bytes of the segment's file. `prepared_bytes`: the length it is made with, 0 for that of the header.
    pub fn header(&self, prepared_bytes: u32) -> [u8; SEGMENT_HEADER_BYTES] {
        self.header_of(VERSION, prepared_bytes)
    }

    pub(super) fn header_of(&self, version: u8, prepared_bytes: u32) -> [u8; SEGMENT_HEADER_BYTES] {
        let mut header = [0; SEGMENT_HEADER_BYTES];
        header[..MAGIC.len()].copy_from_slice(MAGIC);
        header[MAGIC.len()] = version;
        header[8..16].copy_from_slice(&self.epoch.to_le_bytes());
        header[16..24].copy_from_slice(&self.sequence.to_le_bytes());
        let mut checksum = crc32c::crc32c(&header[..ID_END_AT]);
        if prepared_bytes > 0 {
            checksum = crc32c::crc32c_append(checksum, &prepared_bytes.to_le_bytes());
        }
        header[ID_END_AT..PREPARED_BYTES_AT].copy_from_slice(&checksum.to_le_bytes());
        header[PREPARED_BYTES_AT..].copy_from_slice(&prepared_bytes.to_le_bytes());
        header
    }
}

/// Appends a batch to `out` as record `number` of a segment.
pub fn write_record(out: &mut BytesMut, id: SegmentId, number: u32, batch: &EventBatch) {
    let start = out.len();
    out.put_slice(MARKER);
    out.put_u32_le(0);
    out.put_u32_le(number);
    out.put_u32_le(u32::try_from(batch.rows()).expect("a group of batches is bounded far below 2^32 rows"));
    out.put_u64_le(0);
    batch.write_block(out);
    let record = &mut out[start..];
    let length = u32::try_from(record.len() - RECORD_HEADER_BYTES).expect("a group of batches is bounded in bytes");
    record[4..8].copy_from_slice(&length.to_le_bytes());
    let header_checksum = header_checksum(id, record);
    let checksum = crc32c::crc32c_append(header_checksum, &record[RECORD_HEADER_BYTES..]);
    record[HEADER_CHECKSUM_AT..CHECKSUM_AT].copy_from_slice(&header_checksum.to_le_bytes());
    record[CHECKSUM_AT..RECORD_HEADER_BYTES].copy_from_slice(&checksum.to_le_bytes());
}

fn header_checksum(id: SegmentId, record: &[u8]) -> u32 {
    let place = crc32c::crc32c_append(crc32c::crc32c(&id.epoch.to_le_bytes()), &id.sequence.to_le_bytes());
    crc32c::crc32c_append(place, &record[..HEADER_CHECKSUM_AT])
}

/// What a segment file holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Segment {
    /// One Native block a record, in order: joined, the body of the insert.
    pub blocks: Vec<Bytes>,
    pub rows: u64,
    /// Bytes that are neither a header nor a valid record.
    pub damaged: Vec<Range<usize>>,
    /// Bytes at the end, not among the damaged, that a write leaves which is cut off under way.
    pub torn_bytes: usize,
    /// The file has its prepared length: it was not closed.
    pub is_open: bool,
    /// Where the last record, or damage, ends.
    pub end: usize,
}

impl Segment {
    /// Reads all records of the segment that are whole, wherever damage lies between them.
    pub fn read(id: SegmentId, file: &Bytes) -> Self {
        let mut segment = Self::default();
        if file.len() < SEGMENT_HEADER_BYTES {
            segment.torn_bytes = file.len();
            return segment;
        }
        segment.end = SEGMENT_HEADER_BYTES;
        let prepared_bytes = u32_at(file, PREPARED_BYTES_AT).unwrap_or_default();
        let has_header = file.starts_with(&id.header(prepared_bytes));
        if !has_header {
            segment.damaged.push(0..SEGMENT_HEADER_BYTES);
        }
        segment.is_open = has_header && file.len() == prepared_bytes as usize;
        let mut at = SEGMENT_HEADER_BYTES;
        let (mut number_min, mut last_damaged_at) = (0, at);
        while at < file.len() && !(segment.is_open && is_blank(&file[at..])) {
            let end = match record_at(id, file, at, number_min) {
                Found::Record { end, number, rows } => {
                    number_min = number.saturating_add(1);
                    segment.rows += u64::from(rows);
                    segment.blocks.push(file.slice(at + RECORD_HEADER_BYTES..end));
                    segment.end = end;
                    end
                }
                Found::Torn => {
                    segment.torn_bytes = file.len() - at;
                    file.len()
                }
                Found::Damage { end } => {
                    last_damaged_at = at;
                    segment.add_damage(at..end);
                    end
                }
            };
            at = end;
        }
        if segment.is_open {
            segment.take_torn_end(file, last_damaged_at);
        }
        segment.end = segment.damaged.last().map_or(segment.end, |last| segment.end.max(last.end));
        segment
    }

    /// In a segment that was being written, the last thing may be a write that was cut off, if no record follows.
    fn take_torn_end(&mut self, file: &[u8], last_damaged_at: usize) {
        let end = self.end;
        if let Some(last) = self.damaged.pop_if(|last| last.end > end) {
            if last.start < last_damaged_at {
                self.damaged.push(last.start..last_damaged_at);
            }
            let written = file[last_damaged_at..].iter().rposition(|byte| *byte != 0);
            self.torn_bytes = written.map_or(0, |last| last + 1);
        }
    }

    fn add_damage(&mut self, range: Range<usize>) {
        match self.damaged.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => self.damaged.push(range),
        }
    }
}

/// The version of a segment's format, if its header is sound.
pub fn version_of(id: SegmentId, file: &[u8]) -> Option<u8> {
    let version = *file.get(MAGIC.len())?;
    file.starts_with(&id.header_of(version, u32_at(file, PREPARED_BYTES_AT)?)).then_some(version)
}

enum Found {
    Record {
        end: usize,
        number: u32,
        rows: u32,
    },
    /// The beginning of a record, up to the end of the file.
    Torn,
    Damage {
        end: usize,
    },
}

/// What lies at `at`. Numbers only rise: a stale copy of an earlier record is damage.
fn record_at(id: SegmentId, file: &[u8], at: usize, number_min: u32) -> Found {
    let rest = &file[at..];
    let damage = || Found::Damage { end: next_marker(file, at + 1) };
    let Some(header) = rest.first_chunk::<RECORD_HEADER_BYTES>() else {
        let shared = rest.len().min(MARKER.len());
        return if rest[..shared] == MARKER[..shared] { Found::Torn } else { damage() };
    };
    let [length, number, rows, known_header, known] = [4, 8, 12, HEADER_CHECKSUM_AT, CHECKSUM_AT]
        .map(|field| u32_at(header, field).expect("a header holds its fields"));
    let length = length as usize;
    if !header.starts_with(MARKER)
        || header_checksum(id, header) != known_header
        || length > RECORD_BYTES_MAX
        || number < number_min
    {
        return damage();
    }
    let end = at + RECORD_HEADER_BYTES + length;
    match file.get(at + RECORD_HEADER_BYTES..end) {
        None => Found::Torn,
        Some(payload) if crc32c::crc32c_append(known_header, payload) == known => Found::Record { end, number, rows },
        // The header is good, so the next record is where it says.
        Some(_) => Found::Damage { end },
    }
}

/// Where the next record may begin.
fn next_marker(file: &[u8], from: usize) -> usize {
    let rest = file.get(from..).unwrap_or_default();
    rest.windows(MARKER.len()).position(|window| window == MARKER).map_or(file.len(), |found| from + found)
}

/// Whether there is nothing in a segment's file but, perhaps, its header: it was made, and not used.
pub fn is_unused(file: &[u8]) -> bool {
    file.get(SEGMENT_HEADER_BYTES..).is_none_or(is_blank)
}

fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|chunk| u32::from_le_bytes(*chunk))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::COLUMNS;

    /// What waits in a journal is sent by the program of the next start, which must know what it reads.
    #[test]
    fn other_columns_come_with_another_version_of_the_format() {
        let columns = COLUMNS.map(|column| format!("{} {}", column.name, column.type_name)).join(", ");
        assert_eq!(VERSION, b'1');
        assert_eq!(
            columns,
            "event_id String, event_name String, timestamp DateTime64(3), date Date, session_id String, user_id Nullable(String), \
             device_type String, country_code FixedString(2), properties String, received_at DateTime64(3), clock_skew_ms Int64"
        );
    }

    #[test]
    fn a_sound_header_tells_its_version_and_a_damaged_one_none() {
        let id = SegmentId { epoch: 7, sequence: 9 };
        for (version, prepared_bytes) in [(b'1', 0), (b'1', 4000), (b'2', 0), (b'9', 4000)] {
            let header = id.header_of(version, prepared_bytes);
            assert_eq!(version_of(id, &header), Some(version));
            for at in 0..header.len() {
                let mut damaged = header;
                damaged[at] ^= 1;
                assert_eq!(version_of(id, &damaged), None, "byte {at}");
            }
            assert_eq!(version_of(id, &header[..header.len() - 1]), None);
        }
    }
}
