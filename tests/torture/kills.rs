//! Kills weir and its engine in turn with SIGKILL, at random moments under load.

use std::time::{Duration, Instant};

use rustix::process::{Signal, kill_process};

use crate::{
    ledger::Ledger,
    program::{Program, Running, eventually},
    stored,
    verdict::{Form, Verdict},
};

const SENDERS: usize = 4;
const SEND_INTERVAL: Duration = Duration::from_millis(10);
/// A kill comes at a moment of this time after the program was up.
const LIFE_MAX_MS: u64 = 1_500;
/// Bound on a start, and on the time until a fresh event is shown.
const RECOVERY_MAX: Duration = Duration::from_secs(5);

pub async fn run(kills: u64, form: Form) -> Verdict {
    let weir = Program::new(&[("WEIR_FLUSH_INTERVAL_MS", "200")]);
    let ledger = Ledger::default();
    let mut running = weir.start();
    let killing = async {
        let start_max = kill_in_turn(&weir, &mut running, kills).await;
        // A fault has ended when the engine is back.
        let killed = Instant::now();
        eventually("an answer", || async { weir.newest_event_at().await.is_some() }).await;
        let engine_back_after = killed.elapsed();
        ledger.over.cancel();
        (start_max, engine_back_after)
    };
    let ((), (start_max, engine_back_after)) = tokio::join!(ledger.load(&weir, SENDERS, Some(SEND_INTERVAL)), killing);
    let fresh_shown_after = ledger.fresh_shown_after(&weir).await;
    eventually("an empty journal", || weir.is_drained()).await;
    running.terminate().await;
    let count = stored::count_in(weir.data_dir(), &ledger).await;
    let figure = format!(
        "{kills} kills; started within {:.2} s, queries answered {:.2} s after the last; a fresh event was shown after \
         {:.2} s",
        start_max.as_secs_f64(),
        engine_back_after.as_secs_f64(),
        fresh_shown_after.as_secs_f64()
    );
    let mut verdict = Verdict::new("kills", count, figure);
    verdict.promise_of_speed(form, start_max <= RECOVERY_MAX, "a start took too long");
    verdict.promise_of_speed(form, fresh_shown_after <= RECOVERY_MAX, "a fresh event was shown too late");
    verdict
}

/// Gives the time that the longest start took.
async fn kill_in_turn(weir: &Program, running: &mut Running, kills: u64) -> Duration {
    let mut start_max = Duration::ZERO;
    for number in 0..kills {
        let started = Instant::now();
        eventually("weir", || weir.is_up()).await;
        start_max = start_max.max(started.elapsed());
        let life = Duration::from_millis(rand::random_range(0..LIFE_MAX_MS));
        tokio::time::sleep(life).await;
        if number % 2 == 0 {
            running.kill();
            *running = weir.start();
        } else if let Some(engine) = weir.engine_process() {
            // It may be about to be replaced after the kill before.
            let _ = kill_process(engine, Signal::KILL);
        }
    }
    start_max
}
