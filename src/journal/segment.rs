//! The bytes of a segment file, and reading them back after anything may have happened to them.
//!
//! ```text
//! segment  ┌ magic "WEIRJRN1" 8 │ epoch u64 │ sequence u64 │ crc32c of the 24 bytes before, u32 │ zero u32 ┐ 32 bytes
//! record   ├ marker "REC1" 4 │ length u32 │ number u32 │ rows u32 │ crc32c u32 │ payload: one Native block   ┤
//!          └ …                                                                                              ┘
//! ```
//!
//! Integers are little-endian. A record's checksum covers everything of it but itself. `number` counts the records of the
//! segment from 0, so that a record cannot pass for another one.

use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};

use super::batch::EventBatch;

const MAGIC: &[u8; 8] = b"WEIRJRN1";
const MARKER: &[u8; 4] = b"REC1";
pub const SEGMENT_HEADER_BYTES: usize = 32;
const RECORD_HEADER_BYTES: usize = 20;
/// Where the checksum stands in a record's header.
const CHECKSUM_AT: usize = 16;
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

    /// The first bytes of the segment's file.
    pub fn header(&self) -> [u8; SEGMENT_HEADER_BYTES] {
        let mut header = [0; SEGMENT_HEADER_BYTES];
        header[..8].copy_from_slice(MAGIC);
        header[8..16].copy_from_slice(&self.epoch.to_le_bytes());
        header[16..24].copy_from_slice(&self.sequence.to_le_bytes());
        let checksum = crc32c::crc32c(&header[..24]);
        header[24..28].copy_from_slice(&checksum.to_le_bytes());
        header
    }

    /// Reads a header back; `None` if it is damaged.
    pub fn from_header(file: &[u8]) -> Option<Self> {
        let header = file.first_chunk::<SEGMENT_HEADER_BYTES>()?;
        let checksum = u32_at(header, 24)?;
        if !header.starts_with(MAGIC) || crc32c::crc32c(&header[..24]) != checksum {
            return None;
        }
        Some(Self { epoch: u64_at(header, 8)?, sequence: u64_at(header, 16)? })
    }
}

/// Appends a batch to `out` as record `number`.
pub fn write_record(out: &mut BytesMut, number: u32, batch: &EventBatch) {
    let start = out.len();
    out.put_slice(MARKER);
    out.put_u32_le(0);
    out.put_u32_le(number);
    out.put_u32_le(u32::try_from(batch.rows()).expect("a group of batches is bounded far below 2^32 rows"));
    out.put_u32_le(0);
    batch.write_block(out);
    let record = &mut out[start..];
    let length = u32::try_from(record.len() - RECORD_HEADER_BYTES).expect("a group of batches is bounded in bytes");
    record[4..8].copy_from_slice(&length.to_le_bytes());
    let checksum = checksum(record);
    record[CHECKSUM_AT..RECORD_HEADER_BYTES].copy_from_slice(&checksum.to_le_bytes());
}

fn checksum(record: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&record[..CHECKSUM_AT]), &record[RECORD_HEADER_BYTES..])
}

/// What a segment file holds.
#[derive(Debug, Default)]
pub struct Segment {
    /// One Native block a record, in order: joined, the body of the insert.
    pub blocks: Vec<Bytes>,
    pub rows: u64,
    /// Bytes that are no valid record, with valid records behind them: rot.
    pub damaged: Vec<Range<usize>>,
    /// Length up to the end of the last valid record; what follows is a torn write or rot at the end.
    pub valid_length: usize,
}

impl Segment {
    /// Reads all records that are whole, wherever damage lies between them.
    pub fn read(file: Bytes) -> Self {
        let mut segment = Self { valid_length: SEGMENT_HEADER_BYTES.min(file.len()), ..Self::default() };
        let mut at = SEGMENT_HEADER_BYTES;
        let mut number_min = 0;
        while at < file.len() {
            match record_at(&file, at, number_min) {
                Some(record) => {
                    if segment.valid_length < at {
                        segment.damaged.push(segment.valid_length..at);
                    }
                    at += RECORD_HEADER_BYTES + record.length;
                    number_min = record.number + 1;
                    segment.valid_length = at;
                    segment.rows += u64::from(record.rows);
                    segment.blocks.push(file.slice(at - record.length..at));
                }
                None => at = next_marker(&file, at + 1),
            }
        }
        segment
    }
}

struct Record {
    length: usize,
    number: u32,
    rows: u32,
}

/// The record at `at`, if one is there and whole. Numbers only rise: a stale copy of an earlier record is none.
fn record_at(file: &[u8], at: usize, number_min: u32) -> Option<Record> {
    let rest = file.get(at..)?;
    if !rest.starts_with(MARKER) {
        return None;
    }
    let length = u32_at(rest, 4)? as usize;
    if length > RECORD_BYTES_MAX {
        return None;
    }
    let record = rest.get(..RECORD_HEADER_BYTES + length)?;
    let number = u32_at(record, 8)?;
    let valid = number >= number_min && checksum(record) == u32_at(record, CHECKSUM_AT)?;
    valid.then_some(Record { length, number, rows: u32_at(record, 12)? })
}

fn next_marker(file: &[u8], from: usize) -> usize {
    file[from..].windows(MARKER.len()).position(|window| window == MARKER).map_or(file.len(), |found| from + found)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|chunk| u32::from_le_bytes(*chunk))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|chunk| u64::from_le_bytes(*chunk))
}
