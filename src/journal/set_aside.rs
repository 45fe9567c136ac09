//! The files that are set aside for a person to look at, and the bound on their bytes.
//!
//! A `.corrupt` file is a copy of a segment that rot has hit, or a segment that cannot be read. A `.refused` file is a
//! segment that ClickHouse will never take: its events are nowhere else. None of them is ever deleted here. Beyond
//! `JournalLimits::set_aside_bytes_max`, copies are not kept, and what is no copy counts as pending: if nobody ever looks,
//! the journal is full one day, and the disk is not.

use std::io;

use super::{
    disk::Disk,
    recovery::{CORRUPT, REFUSED},
    segment::SegmentId,
};

/// What no event can be read from any more. It is kept in `.corrupt` files, for a person to look at and delete.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Damage {
    /// Those that are kept, and those since the start for whose copy there was no room.
    pub segments: u64,
    /// Bytes that are kept.
    pub bytes: u64,
}

/// What has been set aside, now and at earlier starts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SetAside {
    pub damage: Damage,
    pub refused_bytes: u64,
    pub bytes_max: u64,
}

impl SetAside {
    /// Counts the files of a directory. `bytes_max`: what they may take before they count as pending.
    pub fn among(files: &[(String, u64)], bytes_max: u64) -> Self {
        let mut set_aside = Self { bytes_max, ..Self::default() };
        for (name, bytes) in files {
            match SegmentId::from_name(name) {
                Some((_, CORRUPT)) => set_aside.add_damage(*bytes),
                Some((_, REFUSED)) => set_aside.refused_bytes += bytes,
                _ => {}
            }
        }
        set_aside
    }

    pub fn bytes(&self) -> u64 {
        self.damage.bytes + self.refused_bytes
    }

    /// Bytes that count as pending.
    pub fn bytes_beyond(&self) -> u64 {
        self.bytes().saturating_sub(self.bytes_max)
    }

    pub fn warn_of_bytes_beyond(&self) {
        let (bytes, bytes_max) = (self.bytes(), self.bytes_max);
        tracing::warn!(
            bytes,
            bytes_max,
            "the files set aside in the journal take room from events: look at them, delete them and start weir again"
        );
    }

    /// Sets a whole segment aside that cannot be read; a later machine may.
    pub fn keep_unreadable(&mut self, disk: &dyn Disk, id: SegmentId, bytes: u64) -> io::Result<()> {
        disk.rename(&id.file_name(), &id.corrupt_name())?;
        self.add_damage(bytes);
        Ok(())
    }

    /// Keeps the damaged bytes and what is around them, if there is room: events come before evidence.
    pub fn keep_copy(&mut self, disk: &dyn Disk, id: SegmentId, content: &[u8]) -> io::Result<()> {
        let name = id.corrupt_name();
        match disk.read(&name) {
            // Kept at an earlier start.
            Ok(kept) if kept.starts_with(content) => return Ok(()),
            Ok(part) => {
                // That start did not get to its end.
                disk.remove(&name)?;
                self.damage.segments -= 1;
                self.damage.bytes -= part.len() as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let bytes = content.len() as u64;
        if self.bytes() + bytes > self.bytes_max {
            let bytes_max = self.bytes_max;
            tracing::error!(
                segment = name,
                bytes,
                bytes_max,
                "a copy of a damaged segment is not kept: the files set aside would take more than they may"
            );
            self.damage.segments += 1;
            return Ok(());
        }
        let mut file = disk.create(&name)?;
        match file.write_at(content, 0).and_then(|()| file.sync()) {
            Err(error) if error.kind() == io::ErrorKind::StorageFull => {
                tracing::error!(segment = name, "there is no room for a copy of a damaged segment; it is not kept");
                self.damage.segments += 1;
                disk.remove(&name)
            }
            outcome => {
                self.add_damage(bytes);
                outcome
            }
        }
    }

    fn add_damage(&mut self, bytes: u64) {
        self.damage.segments += 1;
        self.damage.bytes += bytes;
    }
}
