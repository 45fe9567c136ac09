//! The file of the next segment, made and filled with zeros before it is needed.
//!
//! A write at the end of a file changes what the file system keeps about it, too, and a new file is only safe with its
//! directory. A write into a file that is long enough is the write alone: its sync takes 0.10 ms instead of 0.14, and
//! beside busy threads, where each step waits for them, two thirds. And no request waits for a file to be made.

use std::{
    io,
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
};

use super::{
    disk::{Disk, DiskFile},
    segment::{SEGMENT_HEADER_BYTES, SegmentId},
};

/// A segment's file with its header.
pub struct NewSegment {
    pub id: SegmentId,
    pub file: Box<dyn DiskFile>,
    /// Its length, if it is filled with zeros up to there.
    pub prepared_bytes: u64,
}

/// Why something was not written.
pub enum WriteError {
    /// The disk has no room; nothing of it is left there.
    NoSpace(io::Error),
    /// What is on the disk is not known any more.
    Fatal(io::Error),
}

impl From<io::Error> for WriteError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::NoSpace(error),
            _ => Self::Fatal(error),
        }
    }
}

/// Makes a segment's file; one of `prepared_bytes` is on disk with all its zeros before its header is.
pub fn create_segment(disk: &dyn Disk, id: SegmentId, prepared_bytes: u32) -> Result<NewSegment, WriteError> {
    let name = id.file_name();
    let mut file = disk.create(&name)?;
    if let Err(error) = fill(file.as_mut(), id, prepared_bytes) {
        disk.remove(&name).map_err(WriteError::Fatal)?;
        return Err(error);
    }
    disk.sync_directory().map_err(WriteError::Fatal)?;
    Ok(NewSegment { id, file, prepared_bytes: u64::from(prepared_bytes) })
}

fn fill(file: &mut dyn DiskFile, id: SegmentId, prepared_bytes: u32) -> Result<(), WriteError> {
    let zeros = (prepared_bytes as usize).saturating_sub(SEGMENT_HEADER_BYTES);
    if zeros > 0 {
        file.write_at(&vec![0; zeros], SEGMENT_HEADER_BYTES as u64)?;
        // Some file systems find out here that there is no room.
        file.sync()?;
    }
    file.write_at(&id.header(prepared_bytes), 0)?;
    if zeros > 0 {
        file.sync()?;
    }
    Ok(())
}

/// The thread that makes the next segment while the current one is written.
pub struct Preparer {
    requests: SyncSender<(SegmentId, u32)>,
    made: Receiver<Result<NewSegment, WriteError>>,
    is_under_way: bool,
    prepared: Option<Result<NewSegment, WriteError>>,
}

impl Preparer {
    pub fn start(disk: Arc<dyn Disk>) -> io::Result<Self> {
        let (requests, requested) = sync_channel(1);
        let (report, made) = sync_channel(1);
        std::thread::Builder::new().name("weir-segments".to_owned()).spawn(move || {
            for (id, prepared_bytes) in requested {
                if report.send(create_segment(disk.as_ref(), id, prepared_bytes)).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { requests, made, is_under_way: false, prepared: None })
    }

    /// Asks for a segment. Only after the one before was taken.
    pub fn prepare(&mut self, id: SegmentId, prepared_bytes: u32) {
        self.is_under_way = self.requests.try_send((id, prepared_bytes)).is_ok();
    }

    /// Waits until nothing is under way; `true` if something was, which takes no more room than it has.
    pub fn settle(&mut self) -> bool {
        let was_under_way = std::mem::take(&mut self.is_under_way);
        if was_under_way {
            self.prepared = self.made.recv().ok();
        }
        was_under_way
    }

    /// The segment that was asked for; waits until it is made.
    pub fn take(&mut self) -> Option<Result<NewSegment, WriteError>> {
        self.settle();
        self.prepared.take()
    }
}
