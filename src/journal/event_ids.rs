//! The event ids in the journal, for a start that must know which events are on disk already.

use std::io;

use bytes::Bytes;

use super::{
    disk::Disk,
    segment::{Segment, SegmentId},
};

/// Shows `visit` the id of each event in the segments that a start sends, oldest first; events without an id are left
/// out. After an unclean end, these are all segments that are kept.
pub fn visit_event_ids(disk: &dyn Disk, mut visit: impl FnMut(&[u8])) -> io::Result<()> {
    let files = disk.list()?;
    let named = files.iter().filter_map(|(name, _)| Some((SegmentId::from_name(name)?.0, name)));
    let mut pending: Vec<_> = named.filter(|(id, name)| **name == id.file_name()).map(|(id, _)| id).collect();
    pending.sort_by_key(|id| (id.sequence, id.epoch));
    for id in pending {
        let segment = Segment::read(id, &Bytes::from(disk.read(&id.file_name())?));
        // A block with a sound checksum that is not understood was written by another version; its ids are unknown.
        for event in segment.events().unwrap_or_default() {
            if !event.event_id.is_empty() {
                visit(event.event_id);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::*;
    use crate::journal::{EventBatch, EventRow, RealDisk, segment::write_record, trial::event};

    #[test]
    fn ids_are_read_back_from_the_pending_segments_in_order() {
        let directory = tempfile::tempdir().expect("a directory");
        let disk = RealDisk::open(directory.path()).expect("a disk");
        for (sequence, ids) in [(9, ["a-1", ""]), (10, ["", "a-2"])] {
            let id = SegmentId { epoch: 7, sequence };
            let mut batch = EventBatch::default();
            for event_id in ids {
                batch.push(&EventRow { event_id: event_id.as_bytes(), ..event(b"s") });
            }
            let mut bytes = BytesMut::from(id.header(0).as_slice());
            write_record(&mut bytes, id, 0, &batch);
            disk.create(&id.file_name()).expect("a new file").write_at(&bytes, 0).expect("room");
        }
        let mut found = Vec::new();
        visit_event_ids(disk.as_ref(), |id| found.push(String::from_utf8_lossy(id).into_owned())).expect("readable");
        assert_eq!(found, ["a-1", "a-2"]);
    }
}
