//! A disk that fails (fault F5) or is full (fault F4).

use rustix::io::Errno;

use super::{
    AppendError,
    segment::SEGMENT_HEADER_BYTES,
    simulated_machine::Operation,
    trial::{Trial, run},
};

/// Appends until the journal has failed, ends the process and checks that the next one sends what was accepted.
async fn appends_until_it_fails(trial: &mut Trial, power_loss: bool) {
    let open = trial.start().expect("the errors come later");
    let refusal = loop {
        if let Err(refusal) = trial.append(&open.journal, 2).await {
            break refusal;
        }
        assert!(trial.submitted < 1000, "the disk does not fail");
    };
    assert_eq!(refusal, AppendError::Closed);
    assert_eq!(trial.append(&open.journal, 1).await, Err(AppendError::Closed));
    assert!(open.ended.await.expect("the thread reports").is_err());
    assert_eq!(trial.machine.syncs_after_failure(), 0, "a failed sync is never repeated");
    match power_loss {
        true => trial.lose_power(),
        false => trial.machine.kill(),
    }
    trial.end_well().await;
}

#[test]
fn a_failed_operation_ends_the_journal_and_the_next_start_sends_what_was_accepted() {
    run(async {
        for operation in [Operation::Write, Operation::Sync, Operation::SyncDirectory, Operation::Create] {
            // Directories are synced and files created once a segment, and at the start.
            let starts_with = if operation == Operation::SyncDirectory { 1 } else { 0 };
            for spared in starts_with..8 {
                for power_loss in [false, true] {
                    let mut trial = Trial::new(spared);
                    trial.limits.segment_bytes_max = 1;
                    trial.machine.fail(operation, spared, Errno::IO);
                    appends_until_it_fails(&mut trial, power_loss).await;
                }
            }
        }
    });
}

#[test]
fn an_error_while_a_segment_is_prepared_ends_the_journal_and_no_room_does_not() {
    run(async {
        for operation in [Operation::Write, Operation::Sync, Operation::SyncDirectory, Operation::Create] {
            for spared in 1..12 {
                let mut trial = Trial::new(spared);
                trial.limits.segment_bytes_max = 1;
                trial.limits.prepared_bytes_max = 500;
                trial.machine.fail(operation, spared, Errno::IO);
                appends_until_it_fails(&mut trial, true).await;
            }
        }
        let mut trial = Trial::new(1);
        trial.limits.flush_events = 1;
        trial.limits.prepared_bytes_max = 100_000;
        trial.machine.set_bytes_max(Some(20_000));
        let open = trial.start().expect("nothing fails");
        for _ in 0..5 {
            trial.append(&open.journal, 1).await.expect("a segment that is not prepared has room");
            trial.store_next(&open.queue).await.expect("nothing fails");
        }
        open.journal.close();
    });
}

#[test]
fn a_partial_write_that_cannot_be_taken_back_ends_the_journal() {
    run(async {
        let mut trial = Trial::new(1);
        trial.machine.fail(Operation::Write, 3, Errno::NOSPC);
        trial.machine.fail(Operation::Truncate, 0, Errno::IO);
        appends_until_it_fails(&mut trial, true).await;
    });
}

#[test]
fn a_full_disk_refuses_leaves_nothing_and_takes_events_again_once_there_is_room() {
    run(async {
        let mut room = 0;
        loop {
            let mut trial = Trial::new(room);
            let open = trial.start().expect("nothing fails");
            for _ in 0..room % 3 {
                trial.append(&open.journal, 1).await.expect("there is room");
            }
            let used = trial.machine.bytes_used();
            trial.machine.set_bytes_max(Some(used + room as usize));
            let refused = match trial.append(&open.journal, 2).await {
                Err(refusal) => {
                    assert_eq!(refusal, AppendError::DiskFull);
                    let left = trial.machine.bytes_used() - used;
                    assert!(left == 0 || left == SEGMENT_HEADER_BYTES, "{left} bytes of a refused record are left");
                    true
                }
                Ok(()) => false,
            };
            trial.machine.set_bytes_max(None);
            trial.append(&open.journal, 2).await.expect("there is room again, without a restart");
            let expected = trial.accepted.len();
            open.journal.close();
            trial.lose_power();
            trial.end_well().await;
            assert_eq!(trial.arrived().len(), expected, "nothing of a refused record arrives");
            if !refused {
                break;
            }
            room += 1;
        }
        assert!(room > 200, "no record was cut in its middle");
    });
}

#[test]
fn a_record_cut_by_a_full_disk_does_not_come_back_in_a_closed_segment() {
    run(async {
        for seed in 0..50 {
            let mut trial = Trial::new(seed);
            let open = trial.start().expect("nothing fails");
            trial.append(&open.journal, 4).await.expect("there is room");
            trial.machine.set_bytes_max(Some(trial.machine.bytes_used() + 150));
            assert_eq!(trial.append(&open.journal, 1).await, Err(AppendError::DiskFull));
            trial.machine.set_bytes_max(None);
            let pending = open.queue.next().await.expect("a closed segment");
            trial.append(&open.journal, 1).await.expect("there is room");
            open.journal.close();
            trial.lose_power();
            assert_eq!(trial.machine.content(&pending.id.file_name()).len() as u64, pending.bytes);
            trial.end_well().await;
        }
    });
}

#[test]
fn a_segment_that_a_full_disk_keeps_empty_does_not_age() {
    run(async {
        let mut trial = Trial::new(1);
        let open = trial.start().expect("nothing fails");
        trial.machine.set_bytes_max(Some(SEGMENT_HEADER_BYTES));
        assert_eq!(trial.append(&open.journal, 1).await, Err(AppendError::DiskFull));
        let depth = open.journal.depth();
        assert_eq!((depth.events, depth.segments, depth.oldest_age.as_nanos()), (0, 0, 0));
        open.journal.close();
    });
}
