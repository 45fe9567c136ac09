//! What a start finds on the disk, made safe to send.

use std::{io, time::Instant};

use bytes::Bytes;

use super::{
    disk::Disk,
    queue::PendingSegment,
    segment::{SEGMENT_HEADER_BYTES, Segment, SegmentId},
};

/// Present while no process is at work and the last one ended in order.
pub const CLEAN_FILE: &str = "clean";

const PENDING: &str = "segment";
const STORED: &str = "stored";
const REFUSED: &str = "refused";
const CORRUPT: &str = "corrupt";

impl SegmentId {
    /// Names sort in the order of the segments.
    fn named(self, state: &str) -> String {
        format!("{:016}-{:016x}.{state}", self.sequence, self.epoch)
    }

    pub fn file_name(self) -> String {
        self.named(PENDING)
    }

    pub fn stored_name(self) -> String {
        self.named(STORED)
    }

    pub fn refused_name(self) -> String {
        self.named(REFUSED)
    }

    fn from_name(name: &str) -> Option<(Self, &str)> {
        let (stem, state) = name.split_once('.')?;
        let (sequence, epoch) = stem.split_once('-')?;
        Some((Self { epoch: u64::from_str_radix(epoch, 16).ok()?, sequence: sequence.parse().ok()? }, state))
    }
}

/// The journal as a start finds it.
#[derive(Debug, Default)]
pub struct Recovered {
    /// To be sent, oldest first.
    pub pending: Vec<PendingSegment>,
    /// Inserted before an orderly end, and still kept.
    pub stored: Vec<PendingSegment>,
    pub next_sequence: u64,
}

/// Reads the directory, cuts torn tails, sets damage aside. The clean mark is removed: from here on, an end is unclean
/// until it is marked otherwise.
pub fn recover(disk: &dyn Disk) -> io::Result<Recovered> {
    let files = disk.list()?;
    let clean = files.iter().any(|(name, _)| name == CLEAN_FILE);
    let mut segments: Vec<_> = files
        .iter()
        .filter_map(|(name, bytes)| SegmentId::from_name(name).map(|(id, state)| (id, state, *bytes)))
        .collect();
    segments.sort_by_key(|(id, ..)| (id.sequence, id.epoch));
    let mut recovered =
        Recovered { next_sequence: segments.last().map_or(1, |(id, ..)| id.sequence + 1), ..Recovered::default() };
    for (id, state, bytes) in segments {
        match state {
            STORED if clean => recovered.stored.push(PendingSegment { id, rows: 0, bytes, opened_at: Instant::now() }),
            // ClickHouse may have lost what it had not synced; it knows the token of what it has.
            STORED => {
                disk.rename(&id.stored_name(), &id.file_name())?;
                recovered.pending.extend(recover_segment(disk, id)?);
            }
            PENDING => recovered.pending.extend(recover_segment(disk, id)?),
            _ => {}
        }
    }
    if clean {
        disk.remove(CLEAN_FILE)?;
    }
    disk.sync_directory()?;
    Ok(recovered)
}

/// One segment; `None` if it holds no event.
fn recover_segment(disk: &dyn Disk, id: SegmentId) -> io::Result<Option<PendingSegment>> {
    let name = id.file_name();
    let content = Bytes::from(disk.read(&name)?);
    let segment = Segment::read(content.clone());
    let header_damaged = content.len() >= SEGMENT_HEADER_BYTES && SegmentId::from_header(&content) != Some(id);
    if header_damaged || !segment.damaged.is_empty() {
        tracing::error!(segment = name, ranges = ?segment.damaged, header_damaged, "a journal segment is damaged; its sound records are sent, a copy is kept");
        keep_copy(disk, id, &content)?;
    }
    if segment.rows == 0 {
        disk.remove(&name)?;
        return Ok(None);
    }
    let mut file = disk.open(&name)?;
    if segment.valid_length < content.len() {
        // A write that was under way: its request was never answered.
        tracing::warn!(
            segment = name,
            bytes = content.len() - segment.valid_length,
            "cut a torn write off a journal segment"
        );
        file.truncate(segment.valid_length as u64)?;
    }
    // What is sent from here must be what a later start finds.
    file.sync()?;
    let bytes = segment.valid_length as u64;
    Ok(Some(PendingSegment { id, rows: segment.rows, bytes, opened_at: Instant::now() }))
}

fn keep_copy(disk: &dyn Disk, id: SegmentId, content: &[u8]) -> io::Result<()> {
    let name = id.named(CORRUPT);
    match disk.create(&name) {
        Ok(mut file) => {
            file.append(content)?;
            file.sync()
        }
        // Kept at an earlier start.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}
