//! Power loss at every operation (fault F2).

use std::io;

use super::{
    OpenJournal,
    trial::{Trial, run},
};

/// How a journal bounds what it keeps after an insert.
#[derive(Clone, Copy, Debug)]
enum Kept {
    /// All of it.
    Long,
    /// As little as it can.
    Short,
}

/// Bytes that segments are prepared with: none, too few for all records, enough.
const PREPARED_BYTES: [u32; 3] = [0, 500, 4000];

fn trial(seed: u64, kept: Kept, prepared_bytes_max: u32) -> Trial {
    let mut trial = Trial::new(seed);
    trial.limits.prepared_bytes_max = prepared_bytes_max;
    if let Kept::Short = kept {
        trial.limits.stored_bytes_max = 700;
    }
    trial
}

/// Two orderly lives and one that ends with a kill, with all that a journal does in them.
async fn lives(trial: &mut Trial) -> io::Result<()> {
    let open = trial.start()?;
    let outcome = first_life(trial, &open).await;
    // The thread must end, whatever has happened.
    open.journal.close();
    outcome?;
    let open = trial.start()?;
    let outcome = second_life(trial, &open).await;
    open.journal.close();
    outcome?;
    trial.machine.kill();
    let open = trial.start()?;
    let outcome = last_life(trial, &open).await;
    open.journal.close();
    outcome
}

async fn first_life(trial: &mut Trial, open: &OpenJournal) -> io::Result<()> {
    for rows in [1, 3, 2] {
        trial.append(&open.journal, rows).await.map_err(io::Error::other)?;
    }
    trial.store_next(&open.queue).await?;
    trial.append_together(&open.journal, 2).await.map_err(io::Error::other)?;
    trial.store_next(&open.queue).await?;
    trial.append(&open.journal, 1).await.map_err(io::Error::other)?;
    trial.drain(open).await?;
    open.queue.mark_clean()
}

async fn second_life(trial: &mut Trial, open: &OpenJournal) -> io::Result<()> {
    trial.append(&open.journal, 5).await.map_err(io::Error::other)?;
    trial.store_next(&open.queue).await?;
    trial.append(&open.journal, 5).await.map_err(io::Error::other)?;
    // Inserted, and the process ends before it can note it.
    if let Some(pending) = open.queue.next().await {
        let segment = open.queue.read(&pending)?;
        trial.insert(&pending, &segment);
    }
    trial.append(&open.journal, 2).await.map_err(io::Error::other)
}

async fn last_life(trial: &mut Trial, open: &OpenJournal) -> io::Result<()> {
    trial.append(&open.journal, 2).await.map_err(io::Error::other)?;
    trial.drain(open).await?;
    open.queue.mark_clean()
}

/// Lets the power go at an operation of the lives; `false` if they had fewer.
async fn lose_power_in_lives(trial: &mut Trial, operation: u64) -> bool {
    trial.machine.cut_power_after(operation);
    let outcome = lives(trial).await;
    let cut = !trial.machine.has_power();
    assert!(cut || outcome.is_ok(), "only the power loss may fail an operation: {outcome:?}");
    trial.lose_power();
    cut
}

#[test]
fn accepted_events_arrive_once_after_a_power_loss_at_any_operation() {
    run(async {
        for (kept, prepared_bytes_max) in
            [Kept::Long, Kept::Short].into_iter().flat_map(|kept| PREPARED_BYTES.map(|bytes| (kept, bytes)))
        {
            for seed in 0..6 {
                let mut operation = 0;
                loop {
                    let mut trial = trial(seed, kept, prepared_bytes_max);
                    let cut = lose_power_in_lives(&mut trial, operation).await;
                    trial.end_well().await;
                    if !cut {
                        break;
                    }
                    operation += 1;
                }
                assert!(operation > 50, "the lives do too little");
            }
        }
    });
}

#[test]
fn accepted_events_arrive_once_after_another_power_loss_during_the_recovery() {
    run(async {
        for (seed, prepared_bytes_max) in [(0, 0), (1, 4000)] {
            for operation in 0.. {
                let mut recovery_operation = 0;
                let lost_in_lives = loop {
                    let mut trial = trial(seed, Kept::Long, prepared_bytes_max);
                    let cut = lose_power_in_lives(&mut trial, operation).await;
                    trial.machine.cut_power_after(recovery_operation);
                    if let Ok(open) = trial.start() {
                        let drained = trial.drain(&open).await;
                        assert!(drained.is_ok() || !trial.machine.has_power(), "{drained:?}");
                    }
                    let cut_again = !trial.machine.has_power();
                    trial.lose_power();
                    trial.end_well().await;
                    if !cut_again {
                        break cut;
                    }
                    recovery_operation += 1;
                };
                if !lost_in_lives {
                    break;
                }
            }
        }
    });
}
