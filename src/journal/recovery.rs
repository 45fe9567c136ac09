//! What a start finds on the disk, made safe to send.

use std::{io, time::Instant};

use bytes::Bytes;
use rustix::io::Errno;

use super::{
    disk::Disk,
    queue::PendingSegment,
    segment::{Segment, SegmentId, VERSION, is_unused, version_of},
    set_aside::SetAside,
};

/// Present while no process is at work and the last one ended in order.
pub const CLEAN_FILE: &str = "clean";

const PENDING: &str = "segment";
const STORED: &str = "stored";
pub const REFUSED: &str = "refused";
pub const CORRUPT: &str = "corrupt";

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

    pub fn corrupt_name(self) -> String {
        self.named(CORRUPT)
    }

    pub fn from_name(name: &str) -> Option<(Self, &str)> {
        let (stem, state) = name.split_once('.')?;
        let (sequence, epoch) = stem.split_once('-')?;
        let id = Self { epoch: u64::from_str_radix(epoch, 16).ok()?, sequence: sequence.parse().ok()? };
        // Someone else's file is left alone.
        (id.named(state) == name).then_some((id, state))
    }
}

/// The journal as a start finds it.
#[derive(Debug, Default)]
pub struct Recovered {
    /// To be sent, oldest first.
    pub pending: Vec<PendingSegment>,
    /// Inserted before an orderly end, and still kept.
    pub stored: Vec<PendingSegment>,
    pub set_aside: SetAside,
    pub next_sequence: u64,
}

/// Reads the directory and sets damage aside. The clean mark is removed: from here on, an end is unclean until it is
/// marked otherwise. No record is changed: what a start sends, any later start finds.
pub fn recover(disk: &dyn Disk, set_aside_bytes_max: u64) -> io::Result<Recovered> {
    let files = disk.list()?;
    let clean = files.iter().any(|(name, _)| name == CLEAN_FILE);
    let mut segments: Vec<_> = files
        .iter()
        .filter_map(|(name, bytes)| SegmentId::from_name(name).map(|(id, state)| (id, state, *bytes)))
        .collect();
    segments.sort_by_key(|(id, ..)| (id.sequence, id.epoch));
    let next_sequence = segments.last().map_or(1, |(last, ..)| last.sequence.saturating_add(1));
    remove_unused(disk, &mut segments)?;
    let last = segments.last().map(|(id, ..)| *id);
    let mut set_aside = SetAside::among(&files, set_aside_bytes_max);
    let mut recovered = Recovered { next_sequence, ..Recovered::default() };
    for (id, state, bytes) in segments {
        match state {
            STORED if clean => recovered.stored.push(PendingSegment { id, rows: 0, bytes, opened_at: Instant::now() }),
            PENDING | STORED => {
                if state == STORED {
                    // ClickHouse may have lost what it had not synced; it knows the token of what it has.
                    disk.rename(&id.stored_name(), &id.file_name())?;
                }
                recovered.pending.extend(recover_segment(disk, id, bytes, last == Some(id), &mut set_aside)?);
            }
            _ => {}
        }
    }
    if clean {
        disk.remove(CLEAN_FILE)?;
    }
    disk.sync_directory()?;
    recovered.set_aside = set_aside;
    Ok(recovered)
}

/// Deletes the segments that were made and not used: the one that was prepared, and perhaps the one before.
fn remove_unused(disk: &dyn Disk, segments: &mut Vec<(SegmentId, &str, u64)>) -> io::Result<()> {
    const UNUSED_MAX: usize = 2;
    for _ in 0..UNUSED_MAX {
        let Some((id, PENDING, _)) = segments.last() else { return Ok(()) };
        let name = id.file_name();
        match disk.read(&name) {
            Ok(content) if is_unused(&content) => disk.remove(&name)?,
            // What cannot be read is dealt with later.
            _ => return Ok(()),
        }
        segments.pop();
    }
    Ok(())
}

/// One segment; `None` if it holds no event. Only in the last one, a write can have been under way.
fn recover_segment(
    disk: &dyn Disk,
    id: SegmentId,
    file_bytes: u64,
    is_last: bool,
    set_aside: &mut SetAside,
) -> io::Result<Option<PendingSegment>> {
    let name = id.file_name();
    let content = match disk.read(&name) {
        Ok(content) => Bytes::from(content),
        Err(error) if error.raw_os_error() == Some(Errno::IO.raw_os_error()) => {
            tracing::error!(segment = name, %error, "a journal segment cannot be read; it is set aside");
            set_aside.keep_unreadable(disk, id, file_bytes)?;
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    if let Some(version) = version_of(id, &content).filter(|version| *version != VERSION) {
        let (version, known) = (char::from(version), char::from(VERSION));
        return Err(io::Error::other(format!(
            "{name} in the journal has version {version} of its format, and this weir knows version {known}; start the weir that wrote \
             it, which sends it to ClickHouse, then this one again"
        )));
    }
    let segment = Segment::read(id, &content);
    // One without a record is among the last, too: a start deletes it.
    let cut = !is_last && (segment.torn_bytes > 0 || segment.rows == 0);
    if !segment.damaged.is_empty() || cut {
        tracing::error!(segment = name, ranges = ?segment.damaged, torn_bytes = segment.torn_bytes, "a journal segment is damaged; its sound records are sent");
        set_aside.keep_copy(disk, id, &content)?;
    } else if segment.torn_bytes > 0 {
        let bytes = segment.torn_bytes;
        tracing::warn!(segment = name, bytes, "the last write to the journal was cut off; it was never answered");
    }
    if segment.rows == 0 {
        disk.remove(&name)?;
        return Ok(None);
    }
    let mut file = disk.open(&name)?;
    let mut bytes = if cut { content.len() } else { segment.end } as u64;
    if bytes < content.len() as u64
        // For a later start, when others have followed, a record that was cut off would be damage.
        && let Err(error) = file.truncate(bytes)
    {
        // Some file systems need room to give room back: it can stay.
        tracing::warn!(segment = name, %error, "the unused end of a journal segment could not be cut off");
        bytes = content.len() as u64;
    }
    // What is sent from here must be what a later start finds.
    file.sync()?;
    Ok(Some(PendingSegment { id, rows: segment.rows, bytes, opened_at: Instant::now() }))
}
