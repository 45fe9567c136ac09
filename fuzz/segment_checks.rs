//! What must hold for any bytes as a segment of the journal: for the fuzzer, and for the test of its corpus.

use bytes::Bytes;
use weir::journal::{Segment, SegmentId};

/// The segment that the corpus is of.
const ID: SegmentId = SegmentId { epoch: 1, sequence: 1 };
// The layout is drawn in src/journal/segment.rs.
const SEGMENT_HEADER_BYTES: usize = 32;
const RECORD_HEADER_BYTES: usize = 24;

/// Checks the bytes as they are, and with good checksums: a fuzzer does not find those.
pub fn check(data: &[u8]) {
    check_read(&Bytes::copy_from_slice(data));
    check_read(&with_good_checksums(data.to_vec()).into());
    let mut prepared = with_good_checksums(data.to_vec());
    if let (Some(header), Ok(length)) = (prepared.get_mut(..SEGMENT_HEADER_BYTES), u32::try_from(data.len())) {
        header.copy_from_slice(&ID.header(length));
        check_read(&prepared.into());
    }
}

fn check_read(file: &Bytes) {
    let segment = Segment::read(ID, file);
    // Payloads with good checksums need not be blocks.
    let _ = segment.events();
    let records: Vec<_> = segment
        .blocks
        .iter()
        .map(|block| {
            let payload = block.as_ptr() as usize - file.as_ptr() as usize;
            payload - RECORD_HEADER_BYTES..payload + block.len()
        })
        .collect();
    let header_bytes = match segment.damaged.first() {
        Some(damage) if damage.start == 0 => 0,
        _ if file.len() < SEGMENT_HEADER_BYTES => 0,
        _ => SEGMENT_HEADER_BYTES,
    };
    let known: usize = records.iter().chain(&segment.damaged).map(ExactSizeIterator::len).sum();
    let unused = file.len().checked_sub(header_bytes + known + segment.torn_bytes).expect("no byte counts twice");
    let is_blank = file[file.len() - unused..].iter().all(|byte| *byte == 0);
    assert!(unused == 0 || (segment.is_open && is_blank), "{unused} bytes are not accounted for");

    let mut sound = ID.header(0).to_vec();
    records.iter().for_each(|record| sound.extend_from_slice(&file[record.clone()]));
    let again = Segment::read(ID, &sound.into());
    assert_eq!((&again.blocks, again.rows), (&segment.blocks, segment.rows), "sound records are read as they were");
    assert!(again.damaged.is_empty() && again.torn_bytes == 0);
}

/// Gives every record the checksums of its bytes; from the end, as a record may lie in another one's payload.
fn with_good_checksums(mut file: Vec<u8>) -> Vec<u8> {
    for at in (0..file.len().saturating_sub(RECORD_HEADER_BYTES)).rev() {
        let record = &mut file[at..];
        if !record.starts_with(b"REC1") {
            continue;
        }
        let id = crc32c::crc32c_append(crc32c::crc32c(&ID.epoch.to_le_bytes()), &ID.sequence.to_le_bytes());
        let header = crc32c::crc32c_append(id, &record[..16]);
        record[16..20].copy_from_slice(&header.to_le_bytes());
        let length = u32::from_le_bytes([record[4], record[5], record[6], record[7]]) as usize;
        if let Some(payload) = record.get(RECORD_HEADER_BYTES..RECORD_HEADER_BYTES + length) {
            let checksum = crc32c::crc32c_append(header, payload);
            record[20..24].copy_from_slice(&checksum.to_le_bytes());
        }
    }
    file
}
