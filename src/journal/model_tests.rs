//! The journal against its promise: whatever happens in whatever order, what was accepted arrives once (fault F34).

use std::time::Duration;

use proptest::prelude::*;

use super::{
    OpenJournal, PendingSegment,
    segment::SEGMENT_HEADER_BYTES,
    trial::{Rot, Trial, rot, run},
};

#[derive(Debug, Clone)]
enum Step {
    Append(u32),
    AppendTogether(u32),
    /// The store takes the next segment and it goes well.
    Store,
    /// The store fails, or takes the segment and the reply is lost: in both cases the segment stays in its hand.
    StoreFails,
    ReplyIsLost,
    /// The store will never take the next segment.
    Refuse,
    /// The disk gets full, or room.
    SetRoom(Option<usize>),
    ReopenInOrder,
    Kill,
    LosePower,
    Rot(prop::sample::Index, Rot),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (1_u32..5).prop_map(Step::Append),
        2 => (1_u32..5).prop_map(Step::AppendTogether),
        6 => Just(Step::Store),
        1 => Just(Step::StoreFails),
        1 => Just(Step::ReplyIsLost),
        1 => Just(Step::Refuse),
        1 => prop::option::of(0_usize..400).prop_map(Step::SetRoom),
        1 => Just(Step::ReopenInOrder),
        1 => Just(Step::Kill),
        1 => Just(Step::LosePower),
        1 => (any::<prop::sample::Index>(), rot()).prop_map(|(file, rot)| Step::Rot(file, rot)),
    ]
}

/// A running journal, and what the store has in its hand.
struct Life {
    open: OpenJournal,
    in_hand: Option<PendingSegment>,
}

impl Life {
    fn start(trial: &mut Trial) -> Self {
        Self { open: trial.start().expect("a start never refuses what it finds"), in_hand: None }
    }

    fn end(&self) {
        self.open.journal.close();
    }

    /// The segment that the store works on; every event is due, as the rule of the trial is one event.
    async fn take(&mut self) -> Option<PendingSegment> {
        if self.in_hand.is_none() && self.open.queue.depth().events > 0 {
            self.in_hand = self.open.queue.next().await;
        }
        self.in_hand
    }
}

async fn apply(trial: &mut Trial, life: &mut Life, step: &Step) {
    match step {
        // A refusal is fine: of a full journal, or a full disk.
        Step::Append(rows) => drop(trial.append(&life.open.journal, *rows).await),
        Step::AppendTogether(rows) => drop(trial.append_together(&life.open.journal, *rows).await),
        Step::Store | Step::ReplyIsLost => {
            if let Some(pending) = life.take().await {
                let segment = life.open.queue.read(&pending).expect("a segment stays until it is stored");
                trial.insert(&pending, &segment);
                if let Step::Store = step {
                    life.open.queue.mark_stored(&pending).expect("nothing fails");
                    life.in_hand = None;
                }
            }
        }
        Step::Refuse => {
            if let Some(pending) = life.take().await {
                life.open.queue.mark_refused(&pending).expect("nothing fails");
                life.in_hand = None;
            }
        }
        Step::StoreFails => drop(life.take().await),
        Step::SetRoom(room) => trial.machine.set_bytes_max(room.map(|room| trial.machine.bytes_used() + room)),
        Step::ReopenInOrder => {
            if let Some(pending) = life.in_hand.take() {
                let segment = life.open.queue.read(&pending).expect("a segment stays until it is stored");
                trial.insert(&pending, &segment);
                life.open.queue.mark_stored(&pending).expect("nothing fails");
            }
            trial.drain(&life.open).await.expect("nothing fails");
            let depth = life.open.queue.depth();
            assert_eq!((depth.events, depth.segments), (0, 0));
            let beyond = depth.set_aside_bytes.saturating_sub(trial.limits.set_aside_bytes_max);
            let there = SEGMENT_HEADER_BYTES as u64 + beyond;
            assert!(depth.bytes <= there, "{} bytes are counted and gone", depth.bytes);
            life.open.queue.mark_clean().expect("nothing fails");
            *life = Life::start(trial);
            assert_eq!(life.open.queue.depth().events, 0, "an orderly end leaves nothing to send");
        }
        Step::Kill => {
            life.end();
            trial.machine.kill();
            *life = Life::start(trial);
        }
        Step::LosePower => {
            life.end();
            trial.lose_power();
            *life = Life::start(trial);
        }
        Step::Rot(file, rot) => {
            // The newest may be open, and the one before it, if it is prepared: their process knows their lengths.
            let mut names = trial.machine.names(".segment");
            names.truncate(names.len().saturating_sub(2));
            if !names.is_empty() {
                trial.rot(file.get::<String>(&names), rot);
            }
        }
    }
}

/// The bounds of what is on disk, with what a start sends again.
fn check_bounds(trial: &Trial, life: &Life) {
    let (pending_max, stored_max) = (trial.limits.pending_bytes_max, trial.limits.stored_bytes_max);
    let prepared_max = 2 * u64::from(trial.limits.prepared_bytes_max);
    let (pending, stored) = (trial.machine.bytes_of(".segment"), trial.machine.bytes_of(".stored"));
    let counted = life.open.queue.depth().bytes;
    let set_aside = trial.machine.bytes_of(".corrupt") + trial.machine.bytes_of(".refused");
    // A segment that was cut by rot counts as what it was.
    assert!(set_aside <= life.open.queue.depth().set_aside_bytes, "{set_aside} bytes are set aside");
    let pending = pending + set_aside.saturating_sub(trial.limits.set_aside_bytes_max);
    assert!(pending <= pending_max + stored_max + prepared_max, "{pending} bytes are pending, or set aside beyond");
    assert!(counted <= pending_max + stored_max, "{counted} bytes are counted");
    assert!(stored <= stored_max, "{stored} bytes are stored");
}

proptest! {
    #[test]
    fn what_was_accepted_arrives_once_whatever_happens(
        seed: u64,
        stored_kept in prop_oneof![Just(Duration::ZERO), Just(Duration::from_secs(3600))],
        segment_bytes_max in 1_u64..3000,
        prepared_bytes_max in prop_oneof![Just(0_u32), 1_u32..3000],
        set_aside_bytes_max in prop_oneof![Just(0_u64), 0_u64..5000],
        steps in prop::collection::vec(step(), 1..60),
    ) {
        run(async {
            let mut trial = Trial::new(seed);
            trial.limits.flush_events = 1;
            trial.limits.segment_bytes_max = segment_bytes_max;
            trial.limits.prepared_bytes_max = prepared_bytes_max;
            trial.limits.pending_bytes_max = 6000;
            trial.limits.stored_bytes_max = 2000;
            trial.limits.set_aside_bytes_max = set_aside_bytes_max;
            trial.limits.stored_kept = stored_kept;
            // Kept for no time: as if ClickHouse's machine had written everything at once.
            trial.store_is_lasting = stored_kept.is_zero();
            let mut life = Life::start(&mut trial);
            for step in &steps {
                apply(&mut trial, &mut life, step).await;
                check_bounds(&trial, &life);
            }
            life.end();
            trial.machine.kill();
            trial.machine.set_bytes_max(None);
            trial.end_well().await;
        });
    }
}
