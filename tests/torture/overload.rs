//! More than is taken, for as long as it lasts: senders that wait for nothing but their replies, and a small journal.

use std::time::{Duration, Instant};

use crate::{
    ledger::Ledger,
    program::{PATIENCE, Program, Reply, eventually},
    stored,
    verdict::{Form, Verdict},
};

/// Small enough to be full under any load that ClickHouse cannot follow at once.
const JOURNAL_BYTES_MAX: &str = "2097152";
const CONNECTIONS: usize = 256;
const TRICKLE_INTERVAL: Duration = Duration::from_millis(100);
/// So many acceptances in a row, and the overload is over.
const ACCEPTED_IN_A_ROW: u32 = 50;
const ACCEPTED_IN_A_ROW_FAST: u32 = 10;
const GOODPUT_KEPT_MIN: f64 = 0.8;
const RECOVERY_MAX: Duration = Duration::from_secs(10);

pub async fn run(seconds: u64, form: Form) -> Verdict {
    let weir = Program::new(&[("WEIR_JOURNAL_MAX_BYTES", JOURNAL_BYTES_MAX)]);
    let running = weir.start();
    eventually("weir", || weir.is_up()).await;
    let ledger = Ledger::default();
    let half = Duration::from_secs(seconds) / 2;
    let halves = async {
        // A machine that takes everything at first has not shown what it does when it cannot.
        eventually("a refusal", || std::future::ready(ledger.refused() > 0)).await;
        let halves = [goodput(&ledger, half).await, goodput(&ledger, half).await];
        ledger.over.cancel();
        halves
    };
    let ((), [first, second]) = tokio::join!(ledger.load(&weir, CONNECTIONS, None), halves);
    let refused = ledger.refused();
    let in_a_row = if form == Form::Long { ACCEPTED_IN_A_ROW } else { ACCEPTED_IN_A_ROW_FAST };
    let recovered_after = recovery(&weir, &ledger, in_a_row).await;
    eventually("an empty journal", || weir.is_drained()).await;
    running.terminate().await;
    let count = stored::count_in(weir.data_dir(), &ledger).await;
    let kept = second / first;
    let figure = format!(
        "{seconds} s, {refused} requests refused; {first:.0} events/s in the first half, {second:.0} in the second \
         ({:.0} %); the last refusal came {:.2} s after the overload",
        kept * 100.0,
        recovered_after.as_secs_f64()
    );
    let mut verdict = Verdict::new("overload", count, figure);
    verdict.promise(ledger.unanswered().is_empty(), "requests were not answered");
    verdict.promise_of_speed(form, kept >= GOODPUT_KEPT_MIN, "the overload took more than a fifth of the goodput");
    verdict.promise_of_speed(form, recovered_after <= RECOVERY_MAX, "requests were refused long after the overload");
    verdict
}

/// Events accepted a second.
async fn goodput(ledger: &Ledger, duration: Duration) -> f64 {
    let (started, before) = (Instant::now(), ledger.accepted_events());
    tokio::time::sleep(duration).await;
    (ledger.accepted_events() - before) as f64 / started.elapsed().as_secs_f64()
}

/// Sends a trickle until so many requests in a row were accepted; gives the time of the last that was not.
async fn recovery(weir: &Program, ledger: &Ledger, in_a_row: u32) -> Duration {
    let started = Instant::now();
    let mut last_refused = Duration::ZERO;
    let mut turns = tokio::time::interval(TRICKLE_INTERVAL);
    let mut accepted = 0;
    while accepted < in_a_row {
        assert!(started.elapsed() < PATIENCE, "waited in vain for {in_a_row} acceptances in a row");
        turns.tick().await;
        if ledger.send(weir).await == Some(Reply::Accepted) {
            accepted += 1;
        } else {
            accepted = 0;
            last_refused = started.elapsed();
        }
    }
    last_refused
}
