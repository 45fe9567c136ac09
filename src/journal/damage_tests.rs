//! Rot, truncation and bad sectors in the segments (fault F3).

use bytes::Bytes;
use proptest::prelude::*;
use rustix::io::Errno;

use super::{
    Damage,
    segment::{RECORD_HEADER_BYTES, SEGMENT_HEADER_BYTES, Segment, SegmentId},
    simulated_machine::Operation,
    trial::{Rot, Trial, rot, run},
};

/// Writes one segment a start, each with a record for each number of rows.
async fn write_segments(trial: &mut Trial, segments: &[Vec<u32>]) {
    for records in segments {
        let open = trial.start().expect("nothing fails");
        for rows in records {
            trial.append(&open.journal, *rows).await.expect("nothing fails");
        }
        open.journal.close();
        open.ended.await.expect("the thread reports").expect("nothing fails");
        trial.machine.kill();
    }
}

fn newest(trial: &Trial) -> String {
    trial.machine.names(".segment").pop().expect("a segment")
}

fn oldest(trial: &Trial) -> String {
    trial.machine.names(".segment").swap_remove(0)
}

proptest! {
    #[test]
    fn undamaged_records_arrive_whatever_rots(
        seed: u64,
        segments in prop::collection::vec(prop::collection::vec(1_u32..4, 1..5), 1..4),
        rots in prop::collection::vec((any::<prop::sample::Index>(), rot()), 1..5),
    ) {
        run(async {
            let mut trial = Trial::new(seed);
            write_segments(&mut trial, &segments).await;
            let (newest, mut must_be_counted) = (newest(&trial), false);
            for (place, rot) in &rots {
                let name = place.get(&trial.machine.names(".segment")).clone();
                let changed = trial.rot(&name, rot);
                // Only at the end of the newest, a cut can be a write that a kill has cut off.
                must_be_counted |= changed && matches!(rot, Rot::Flip(..)) && rots.len() == 1;
                must_be_counted |= changed && name != newest && matches!(rot, Rot::Cut(..)) && rots.len() == 1
                    && !trial.ends_with_a_record(&name);
            }
            let before: Vec<_> =
                trial.machine.names(".segment").into_iter().map(|name| (trial.machine.content(&name), name)).collect();
            let open = trial.start().expect("damage is no reason to refuse the start");
            trial.drain(&open).await.expect("nothing fails");
            trial.check();
            let damage = open.queue.depth().damage;
            assert!(damage.segments > 0 || !must_be_counted, "damage was not counted");
            assert_eq!(damage.segments, trial.machine.names(".corrupt").len() as u64);
            for (content, name) in before {
                let copy = name.replace(".segment", ".corrupt");
                if trial.machine.names(".corrupt").contains(&copy) {
                    assert_eq!(trial.machine.content(&copy), content, "what is kept is what was found");
                }
            }
        });
    }

    #[test]
    fn reading_a_segment_needs_no_valid_byte(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let segment = Segment::read(SegmentId { epoch: 1, sequence: 1 }, &Bytes::from(bytes));
        assert_eq!((segment.rows, segment.blocks.len()), (0, 0));
    }
}

#[test]
fn rot_in_the_last_record_is_no_torn_write() {
    run(async {
        let mut trial = Trial::new(1);
        write_segments(&mut trial, &[vec![1, 1]]).await;
        let name = newest(&trial);
        let length = trial.machine.content(&name).len();
        assert!(trial.rot(&name, &Rot::Flip(length * 8 - 1)));
        let open = trial.start().expect("damage is no reason to refuse the start");
        assert_eq!(open.queue.depth().damage, Damage { segments: 1, bytes: length as u64 });
        trial.drain(&open).await.expect("nothing fails");
        assert_eq!(trial.arrived().len(), 1);
    });
}

#[test]
fn a_write_that_a_kill_has_cut_off_is_no_damage() {
    run(async {
        let mut trial = Trial::new(1);
        write_segments(&mut trial, &[vec![1], vec![1, 1]]).await;
        let name = newest(&trial);
        let whole = trial.machine.content(&name);
        let record = (whole.len() - SEGMENT_HEADER_BYTES) / 2;
        for left_bytes in [record - 1, RECORD_HEADER_BYTES, RECORD_HEADER_BYTES - 1, 1] {
            trial.machine.rot(&name, whole.clone());
            trial.rot(&name, &Rot::Cut(SEGMENT_HEADER_BYTES + record + left_bytes));
            let open = trial.start().expect("a torn write is no reason to refuse the start");
            assert_eq!(open.queue.depth().damage, Damage::default());
            open.journal.close();
            trial.machine.kill();
        }
        trial.end_well().await;
        assert_eq!(trial.arrived().len(), 2);
    });
}

/// Two records in a prepared segment that a kill has left open, and its content.
async fn leave_open(trial: &mut Trial) -> (String, Vec<u8>) {
    trial.limits.prepared_bytes_max = 4000;
    trial.limits.flush_events = 3;
    let open = trial.start().expect("nothing fails");
    // The first segment is made when it is needed; the second was prepared.
    for rows in [3, 1, 1] {
        trial.append(&open.journal, rows).await.expect("nothing fails");
        if rows == 3 {
            trial.store_next(&open.queue).await.expect("nothing fails");
        }
    }
    trial.machine.kill();
    let is_open = |name: &String| {
        let (id, _) = SegmentId::from_name(name).expect("the name of a segment");
        let segment = Segment::read(id, &Bytes::from(trial.machine.content(name)));
        segment.is_open && segment.rows == 2
    };
    let name = trial.machine.names(".segment").into_iter().find(is_open).expect("an open segment");
    let content = trial.machine.content(&name);
    (name, content)
}

#[test]
fn a_write_that_a_kill_has_cut_off_in_a_prepared_segment_is_no_damage() {
    run(async {
        for cut_bytes in [0, 1, 30, 200] {
            let mut trial = Trial::new(1);
            let (name, mut content) = leave_open(&mut trial).await;
            let end = content.iter().rposition(|byte| *byte != 0).expect("records") + 1;
            content[end - cut_bytes..].fill(0);
            trial.machine.rot(&name, content);
            for _ in 0..2 {
                let open = trial.start().expect("a torn write is no reason to refuse the start");
                assert_eq!(open.queue.depth().damage, Damage::default(), "{cut_bytes} bytes are cut off");
                // What follows makes it one that is not the last.
                trial.append(&open.journal, 1).await.expect("nothing fails");
                open.journal.close();
                open.ended.await.expect("the thread reports").expect("nothing fails");
                trial.machine.kill();
            }
        }
    });
}

#[test]
fn rot_before_the_last_record_of_a_prepared_segment_is_damage() {
    run(async {
        let mut trial = Trial::new(1);
        let (name, _) = leave_open(&mut trial).await;
        assert!(trial.rot(&name, &Rot::Flip((SEGMENT_HEADER_BYTES + RECORD_HEADER_BYTES + 5) * 8)));
        let open = trial.start().expect("damage is no reason to refuse the start");
        assert_eq!(open.queue.depth().damage.segments, 1);
        trial.drain(&open).await.expect("nothing fails");
        trial.check();
    });
}

#[test]
fn a_cut_in_a_segment_that_is_not_the_last_is_damage() {
    run(async {
        let mut trial = Trial::new(1);
        write_segments(&mut trial, &[vec![1, 1], vec![1]]).await;
        let name = oldest(&trial);
        let length = trial.machine.content(&name).len();
        trial.rot(&name, &Rot::Cut(length - 1));
        for _ in 0..2 {
            // Also a later start counts it once.
            let open = trial.start().expect("damage is no reason to refuse the start");
            assert_eq!(open.queue.depth().damage, Damage { segments: 1, bytes: length as u64 - 1 });
            open.journal.close();
            trial.machine.kill();
        }
        trial.end_well().await;
        assert_eq!(trial.arrived().len(), 2);
    });
}

#[test]
fn a_segment_that_has_become_empty_is_damage() {
    run(async {
        for length in [0, 1, SEGMENT_HEADER_BYTES] {
            let mut trial = Trial::new(1);
            write_segments(&mut trial, &[vec![1], vec![1]]).await;
            trial.rot(&oldest(&trial), &Rot::Cut(length));
            let open = trial.start().expect("damage is no reason to refuse the start");
            assert_eq!(open.queue.depth().damage, Damage { segments: 1, bytes: length as u64 });
            open.journal.close();
        }
    });
}

#[test]
fn a_segment_that_cannot_be_read_is_set_aside() {
    run(async {
        let mut trial = Trial::new(1);
        write_segments(&mut trial, &[vec![1], vec![1], vec![1]]).await;
        trial.machine.fail(Operation::Read, 1, Errno::IO);
        let open = trial.start().expect("a bad sector is no reason to refuse the start");
        trial.drain(&open).await.expect("nothing fails");
        assert_eq!(open.queue.depth().damage.segments, 1);
        assert_eq!(trial.arrived().len(), 2);
    });
}

#[test]
fn a_full_disk_and_damage_do_not_refuse_the_start_together() {
    run(async {
        let mut trial = Trial::new(1);
        write_segments(&mut trial, &[vec![1, 1], vec![1]]).await;
        trial.rot(&oldest(&trial), &Rot::Flip((SEGMENT_HEADER_BYTES + 30) * 8));
        trial.machine.set_bytes_max(Some(trial.machine.bytes_used() + 10));
        trial.end_well().await;
        assert_eq!(trial.arrived().len(), 2);
    });
}

#[test]
fn rot_while_a_segment_waits_is_counted() {
    run(async {
        let mut trial = Trial::new(1);
        write_segments(&mut trial, &[vec![1, 1], vec![1]]).await;
        let open = trial.start().expect("nothing fails");
        assert_eq!(open.queue.depth().damage, Damage::default());
        trial.rot(&oldest(&trial), &Rot::Flip((SEGMENT_HEADER_BYTES + 30) * 8));
        trial.drain(&open).await.expect("nothing fails");
        assert_eq!(open.queue.depth().damage.segments, 1);
        trial.check();
    });
}

#[test]
fn a_record_of_another_segment_is_damage() {
    run(async {
        let mut trial = Trial::new(1);
        write_segments(&mut trial, &[vec![1, 1], vec![1]]).await;
        let (old, new) = (trial.machine.content(&oldest(&trial)), newest(&trial));
        // As after a power loss, when a file has got its new length and still the blocks of a deleted one.
        let mut content = trial.machine.content(&new);
        content.extend_from_slice(&old[content.len()..]);
        trial.machine.rot(&new, content);
        trial.end_well().await;
        assert_eq!(trial.arrived().len(), 3);
    });
}

#[test]
fn files_of_others_are_left_alone() {
    run(async {
        let mut trial = Trial::new(1);
        write_segments(&mut trial, &[vec![1]]).await;
        let disk = trial.machine.disk();
        let own = newest(&trial);
        for name in ["notes.txt", "1-1.segment", &format!("{own}.bak"), ".segment"] {
            disk.create(name).expect("nothing fails");
        }
        trial.end_well().await;
        assert!(trial.machine.names("").len() >= 5);
        assert_eq!(trial.arrived().len(), 1);
    });
}

/// Another version of the program wrote it; taken for damage, its events would be lost.
#[test]
fn a_segment_of_another_version_is_refused_and_kept_as_it_is() {
    run(async {
        let mut trial = Trial::new(1);
        write_segments(&mut trial, &[vec![1], vec![1, 1], vec![1]]).await;
        for name in trial.machine.names(".segment") {
            let (id, _) = SegmentId::from_name(&name).expect("the name of a segment");
            let content = trial.machine.content(&name);
            let mut other = content.clone();
            other[..SEGMENT_HEADER_BYTES].copy_from_slice(&id.header_of(b'2', 0));
            trial.machine.rot(&name, other.clone());
            for _ in 0..2 {
                let error = trial.start().err().expect("a refusal").to_string();
                assert!(error.contains(&name) && error.contains("has version 2 of its format"), "{error}");
                assert_eq!(trial.machine.content(&name), other);
                trial.machine.kill();
            }
            trial.machine.rot(&name, content);
        }
        trial.end_well().await;
        assert_eq!(trial.arrived().len(), 4);
    });
}
