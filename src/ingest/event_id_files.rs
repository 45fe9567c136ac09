//! The files that keep the window of event ids across restarts: one a generation, in a directory of their own.
//!
//! ```text
//! record  ┌ length u32 │ crc32c of the ids u32 │ ids: each a length byte and its text ┐
//! ```
//!
//! Nothing waits for these files. Ids are written and fsynced every `WRITE_INTERVAL`, long before the journal gives up the
//! segments that hold the same ids; what a crash keeps out of the files, the next start finds in the journal. They are
//! written as text, not as hashes, so that neither the hash nor its key must ever stay the same.

use std::{collections::VecDeque, io, sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use super::event_ids::{EventIds, UnwrittenIds};
use crate::journal::Disk;

/// How long an id is in the journal alone.
const WRITE_INTERVAL: Duration = Duration::from_secs(1);
const RECORD_HEADER_BYTES: usize = 8;

/// Reads the files into a window, and writes its new ids to them.
pub struct EventIdFiles {
    disk: Arc<dyn Disk>,
    event_ids: EventIds,
}

impl EventIdFiles {
    /// Loads what an earlier process left. Blocking.
    pub fn open(disk: Arc<dyn Disk>, event_ids: EventIds) -> io::Result<Self> {
        let mut generations: Vec<_> = disk.list()?.iter().filter_map(|(name, _)| generation_of(name)).collect();
        generations.sort_unstable();
        for generation in generations {
            let name = file_name(generation);
            let content = disk.read(&name)?;
            let (ids, valid_length) = read_records(&content);
            if valid_length < content.len() {
                // A write that a crash has torn: its ids are in the journal.
                tracing::warn!(
                    file = name,
                    bytes = content.len() - valid_length,
                    "cut a torn write off a file of event ids"
                );
                disk.open(&name)?.truncate(valid_length as u64)?;
            }
            event_ids.load(generation, &ids);
        }
        Ok(Self { disk, event_ids })
    }

    /// Writes new ids until `stop`, and then the last of them.
    pub async fn run(self, stop: CancellationToken) {
        let files = Arc::new(self);
        loop {
            let stopped = tokio::time::timeout(WRITE_INTERVAL, stop.cancelled()).await.is_ok();
            let work = Arc::clone(&files);
            let written = tokio::task::spawn_blocking(move || work.write()).await;
            if let Err(error) = written.unwrap_or_else(|panicked| Err(io::Error::other(panicked))) {
                tracing::warn!(%error, "event ids could not be written; until they are forgotten, this process knows them");
            }
            if stopped {
                return;
            }
        }
    }

    /// Writes what waits, and deletes what is forgotten. Blocking.
    pub fn write(&self) -> io::Result<()> {
        let (unwritten, oldest): (VecDeque<UnwrittenIds>, u64) = self.event_ids.take_unwritten();
        for UnwrittenIds { generation, ids } in unwritten {
            self.append(generation, &ids)?;
            for forgotten in self.disk.list()?.iter().filter_map(|(name, _)| generation_of(name)) {
                if forgotten < oldest {
                    self.disk.remove(&file_name(forgotten))?;
                }
            }
        }
        Ok(())
    }

    fn append(&self, generation: u64, ids: &[u8]) -> io::Result<()> {
        let name = file_name(generation);
        let found = self.disk.list()?.into_iter().find(|(found, _)| *found == name);
        let (mut file, before) = match found {
            Some((_, length)) => (self.disk.open(&name)?, length),
            None => {
                let file = self.disk.create(&name)?;
                self.disk.sync_directory()?;
                (file, 0)
            }
        };
        let mut record = Vec::with_capacity(RECORD_HEADER_BYTES + ids.len());
        record.extend_from_slice(&u32::try_from(ids.len()).map_err(io::Error::other)?.to_le_bytes());
        record.extend_from_slice(&crc32c::crc32c(ids).to_le_bytes());
        record.extend_from_slice(ids);
        if let Err(error) = file.write_at(&record, before) {
            // Part of the record may be there, and would hide what comes after it.
            file.truncate(before)?;
            return Err(error);
        }
        file.sync()
    }
}

fn file_name(generation: u64) -> String {
    format!("{generation:016}.ids")
}

fn generation_of(name: &str) -> Option<u64> {
    name.strip_suffix(".ids")?.parse().ok()
}

/// The ids of all records up to the first that is damaged, and where that begins.
fn read_records(content: &[u8]) -> (Vec<u8>, usize) {
    let (mut ids, mut at) = (Vec::with_capacity(content.len()), 0);
    while let Some(record) = record_at(&content[at..]) {
        ids.extend_from_slice(record);
        at += RECORD_HEADER_BYTES + record.len();
    }
    (ids, at)
}

fn record_at(rest: &[u8]) -> Option<&[u8]> {
    let length = u32::from_le_bytes(*rest.first_chunk()?) as usize;
    let checksum = u32::from_le_bytes(*rest.get(4..)?.first_chunk()?);
    let ids = rest.get(RECORD_HEADER_BYTES..RECORD_HEADER_BYTES.checked_add(length)?)?;
    (length > 0 && crc32c::crc32c(ids) == checksum).then_some(ids)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ingest::event_ids::{IdOrigin, RequestIds},
        journal::RealDisk,
    };

    const WINDOW_IDS: usize = 40;

    fn reopen(directory: &std::path::Path) -> (EventIds, EventIdFiles) {
        let event_ids = EventIds::new(WINDOW_IDS);
        let disk = RealDisk::open(directory).expect("a directory");
        (event_ids.clone(), EventIdFiles::open(disk, event_ids).expect("readable files"))
    }

    async fn is_duplicate(event_ids: &EventIds, id: &str) -> bool {
        let mut ids = RequestIds::default();
        ids.push(0, IdOrigin::Event, id.as_bytes());
        let claim = event_ids.claim(&ids).await.expect("nobody is in the way");
        let duplicate = !claim.duplicates().is_empty();
        claim.settle();
        duplicate
    }

    #[tokio::test]
    async fn the_window_survives_a_restart_and_its_files_are_bounded() {
        let directory = tempfile::tempdir().expect("a directory");
        for number in 0..20 {
            let (event_ids, files) = reopen(directory.path());
            for each in 0..10 {
                assert!(!is_duplicate(&event_ids, &format!("{number}-{each}")).await);
            }
            files.write().expect("written");
        }
        let (event_ids, _) = reopen(directory.path());
        for number in 16..20 {
            for each in 0..10 {
                assert!(is_duplicate(&event_ids, &format!("{number}-{each}")).await, "{number}-{each}");
            }
        }
        assert!(!is_duplicate(&event_ids, "1-1").await);
        let files = std::fs::read_dir(directory.path()).expect("a directory").count();
        assert!(files <= crate::ingest::event_ids::GENERATIONS, "{files} files");
    }

    #[tokio::test]
    async fn a_torn_write_costs_only_its_own_ids() {
        let directory = tempfile::tempdir().expect("a directory");
        let (event_ids, files) = reopen(directory.path());
        for id in ["first", "second"] {
            is_duplicate(&event_ids, id).await;
            files.write().expect("written");
        }
        let path = directory.path().join(file_name(1));
        let content = std::fs::read(&path).expect("a file");
        std::fs::write(&path, &content[..content.len() - 1]).expect("writable");

        let (event_ids, files) = reopen(directory.path());
        assert!(is_duplicate(&event_ids, "first").await);
        assert!(!is_duplicate(&event_ids, "second").await);
        files.write().expect("written behind the sound records");
        let (event_ids, _) = reopen(directory.path());
        assert!(is_duplicate(&event_ids, "second").await);
    }
}
