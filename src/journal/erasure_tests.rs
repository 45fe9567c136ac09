//! What an erasure of a user asks of the journal: that all of before is handed over, and that nothing of it stays.

use std::time::Instant;

use super::trial::{Trial, run};

#[test]
fn what_was_accepted_is_handed_over_once_stored_and_its_segments_can_go_before_their_time() {
    run(async {
        let mut trial = Trial::new(1);
        let open = trial.start().expect("nothing fails");
        let queue = &open.queue;
        assert!(queue.has_handed_over(Instant::now()), "there is nothing");
        trial.append(&open.journal, 4).await.expect("there is room");
        let accepted = Instant::now();
        assert!(!queue.has_handed_over(accepted), "it is on disk alone");
        trial.store_next(queue).await.expect("nothing fails");
        assert!(queue.has_handed_over(accepted));
        assert!(queue.keeps_stored(Instant::now()) && !queue.keeps_stored(accepted));
        assert_eq!(trial.machine.names(".stored").len(), 1);

        // What comes now is later, and does not hold up those who wait for what was before.
        trial.append(&open.journal, 1).await.expect("there is room");
        assert!(queue.has_handed_over(accepted) && !queue.has_handed_over(Instant::now()));
        queue.remove_stored().expect("nothing fails");
        assert!(!queue.keeps_stored(Instant::now()));
        trial.store_is_lasting = true;
        trial.lose_power();
        assert_eq!(trial.machine.names(".stored"), [""; 0], "nor does a power loss bring it back");
        drop(open);
        trial.end_well().await;
    });
}
