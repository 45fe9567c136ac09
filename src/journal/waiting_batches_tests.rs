//! Batches that wait for a commit, on a disk that stands still.

use futures_util::FutureExt;

use super::{
    AppendError,
    trial::{Trial, run},
};

#[test]
fn batches_whose_clients_have_gone_are_bounded_while_they_wait() {
    run(async {
        let mut trial = Trial::new(1);
        trial.limits.uncommitted_bytes_max = 20_000;
        let open = trial.start().expect("nothing fails");
        let machine = trial.machine.clone();
        let still = machine.state();
        let (mut waiting, mut bytes) = (0, 0);
        let refusal = loop {
            let (batch, _) = trial.batch(10);
            let batch_bytes = batch.block_bytes() as u64;
            // Asked once, and dropped: the client has gone.
            if let Some(refused) = open.journal.append(batch).now_or_never() {
                break refused;
            }
            (waiting, bytes) = (waiting + 1, bytes + batch_bytes);
            assert!(waiting < 1000, "what waits has no bound");
        };
        assert_eq!(refusal, Err(AppendError::Overloaded));
        assert!(waiting > 5 && bytes <= 20_000, "{waiting} batches of {bytes} bytes wait");
        let before = open.journal.depth().bytes;
        assert!(before <= 20_000, "{before} bytes are set aside, and those of a refused batch with them");
        drop(still);
        // Events that wait are counted once they are on disk.
        while open.journal.depth().events < waiting * 10 {
            std::thread::yield_now();
        }
        while trial.append(&open.journal, 10).await == Err(AppendError::Overloaded) {
            // Its last batch is on disk, and given back next.
            std::thread::yield_now();
        }
        trial.drain(&open).await.expect("nothing fails");
        trial.check();
        assert_eq!(trial.arrived().len() as u64, waiting * 10 + 10);
    });
}
