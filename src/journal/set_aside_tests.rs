//! Files that nobody looks at: the disk does not fill with them, and no accepted event is lost.

use rustix::io::Errno;

use super::{
    AppendError, Depth, JournalLimits, OpenJournal,
    segment::{RECORD_HEADER_BYTES, SEGMENT_HEADER_BYTES},
    simulated_machine::Operation,
    trial::{Rot, Trial, run},
};
use crate::config::JournalConfig;

fn trial(pending_bytes_max: u64, set_aside_bytes_max: u64) -> Trial {
    let mut trial = Trial::new(1);
    trial.limits.flush_events = 1;
    trial.limits.pending_bytes_max = pending_bytes_max;
    trial.limits.set_aside_bytes_max = set_aside_bytes_max;
    trial
}

/// Lets ClickHouse refuse all segments until the journal takes no more; gives how many there were.
async fn refuse_until_full(trial: &mut Trial, open: &OpenJournal) -> usize {
    let mut segments = 0;
    while trial.append(&open.journal, 3).await != Err(AppendError::Full) {
        let pending = open.queue.next().await.expect("a segment");
        open.queue.mark_refused(&pending).expect("nothing fails");
        segments += 1;
        assert!(segments < 1000, "what is set aside has no bound");
    }
    segments
}

/// Segments with two records each, of which the first has rotted.
async fn damaged_segments(trial: &mut Trial, count: usize) -> u64 {
    trial.limits.flush_events = 2;
    let open = trial.start().expect("nothing fails");
    for _ in 0..count {
        trial.append(&open.journal, 1).await.expect("nothing fails");
        trial.append(&open.journal, 1).await.expect("nothing fails");
        open.queue.next().await.expect("a segment");
    }
    trial.machine.kill();
    let names = trial.machine.names(".segment");
    for name in &names[..count] {
        trial.rot(name, &Rot::Flip((SEGMENT_HEADER_BYTES + RECORD_HEADER_BYTES + 5) * 8));
    }
    trial.machine.content(&names[0]).len() as u64
}

#[test]
fn refused_segments_are_kept_and_fill_the_journal_rather_than_the_disk() {
    run(async {
        let mut trial = trial(4_000, 2_000);
        let open = trial.start().expect("nothing fails");
        let segments = refuse_until_full(&mut trial, &open).await;
        let bytes = trial.machine.bytes_of(".refused");
        assert!((4_000..=6_000).contains(&bytes), "{bytes} bytes are set aside");
        let Depth { events, bytes: pending, set_aside_bytes, .. } = open.journal.depth();
        assert_eq!((events, pending, set_aside_bytes), (0, bytes - 2_000, bytes));
        trial.drain(&open).await.expect("nothing fails");
        trial.machine.kill();

        let open = trial.start().expect("what is set aside is no reason to refuse the start");
        assert_eq!(trial.append(&open.journal, 3).await, Err(AppendError::Full), "a restart makes no room");
        assert_eq!((trial.machine.names(".refused").len(), trial.refused().len()), (segments, segments * 3));
        trial.drain(&open).await.expect("nothing fails");
        trial.check();
        trial.machine.kill();

        let disk = trial.machine.disk();
        trial.machine.names(".refused").iter().for_each(|name| disk.remove(name).expect("nothing fails"));
        let open = trial.start().expect("nothing fails");
        trial.append(&open.journal, 3).await.expect("there is room once a person has seen to it");
        trial.drain(&open).await.expect("nothing fails");
    });
}

#[test]
fn a_refused_segment_is_as_short_after_a_power_loss() {
    run(async {
        for seed in 0..50 {
            let mut trial = Trial::new(seed);
            trial.limits.flush_events = 1;
            trial.limits.prepared_bytes_max = 3_000;
            let open = trial.start().expect("nothing fails");
            for _ in 0..3 {
                trial.append(&open.journal, 1).await.expect("nothing fails");
                let pending = open.queue.next().await.expect("a segment");
                open.queue.mark_refused(&pending).expect("nothing fails");
            }
            open.journal.close();
            trial.lose_power();
            let bytes = trial.machine.bytes_of(".refused");
            assert!(bytes < 2_000, "{bytes} bytes are set aside");
            trial.end_well().await;
        }
    });
}

#[test]
fn copies_of_damaged_segments_end_at_their_bytes_and_the_damage_is_counted() {
    run(async {
        let mut trial = trial(1 << 20, 0);
        let segment_bytes = damaged_segments(&mut trial, 3).await;
        trial.limits.set_aside_bytes_max = segment_bytes * 2 - 1;
        for _ in 0..2 {
            let open = trial.start().expect("damage is no reason to refuse the start");
            let Depth { damage, set_aside_bytes, .. } = open.journal.depth();
            assert_eq!((damage.segments, damage.bytes, set_aside_bytes), (3, segment_bytes, segment_bytes));
            assert_eq!(trial.machine.names(".corrupt").len(), 1);
            trial.machine.kill();
        }
        trial.end_well().await;
        assert_eq!(trial.arrived().len(), 3, "sound records are sent, whatever is kept of the others");
    });
}

#[test]
fn damage_found_while_a_segment_waits_is_counted_when_no_copy_is_kept() {
    run(async {
        let mut trial = trial(1 << 20, 0);
        let open = trial.start().expect("nothing fails");
        trial.append(&open.journal, 1).await.expect("nothing fails");
        let pending = open.queue.next().await.expect("a segment");
        let name = trial.machine.names(".segment").swap_remove(0);
        trial.rot(&name, &Rot::Flip((SEGMENT_HEADER_BYTES + RECORD_HEADER_BYTES + 5) * 8));
        assert_eq!(open.queue.read(&pending).expect("damage is no error").rows, 0);
        let Depth { damage, set_aside_bytes, .. } = open.journal.depth();
        assert_eq!((damage.segments, damage.bytes, set_aside_bytes), (1, 0, 0));
        open.journal.close();
    });
}

#[test]
fn a_segment_that_cannot_be_read_is_kept_beyond_the_bytes_and_counts_as_pending() {
    run(async {
        let mut trial = trial(1 << 20, 100);
        let segment_bytes = damaged_segments(&mut trial, 3).await;
        trial.machine.fail(Operation::Read, 1, Errno::IO);
        let open = trial.start().expect("a bad sector is no reason to refuse the start");
        assert_eq!(trial.machine.names(".corrupt").len(), 1);
        trial.drain(&open).await.expect("nothing fails");
        let Depth { bytes, set_aside_bytes, .. } = open.journal.depth();
        assert_eq!((bytes, set_aside_bytes), (segment_bytes - 100, segment_bytes));
    });
}

#[test]
fn all_limits_together_are_within_the_configured_bytes() {
    for bytes_max in [1, 1_000, 300_000, 4 << 30, u64::MAX] {
        let config =
            JournalConfig { bytes_max, flush_events: 1_000, flush_interval: std::time::Duration::from_secs(2) };
        let limits = JournalLimits::from_config(&config);
        let prepared = 2 * u64::from(limits.prepared_bytes_max);
        let parts = [limits.pending_bytes_max, limits.stored_bytes_max, limits.set_aside_bytes_max, prepared];
        let sum = parts.iter().try_fold(0_u64, |sum, part| sum.checked_add(*part)).expect("no overflow");
        assert!(sum <= bytes_max, "{parts:?} of {bytes_max}");
    }
}
