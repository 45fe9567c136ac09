//! ClickHouse cannot be reached for a while, and the load goes on: the journal takes it all, and is emptied afterwards
//! faster than it is filled.

use std::time::{Duration, Instant};

use crate::{
    fault_proxy::{Fault, FaultProxy},
    ledger::Ledger,
    program::{PATIENCE, Program, eventually, eventually_within},
    stored,
    verdict::{Form, Verdict},
};

const SENDERS: usize = 4;
const SEND_INTERVAL: Duration = Duration::from_millis(10);
/// The outage is over for viewers when no event waits for longer than this.
const WAITING_MAX: Duration = Duration::from_secs(5);
/// A short outage is only seen with a closer look.
const WAITING_MAX_FAST: Duration = Duration::from_secs(2);
const FRESH_SHOWN_MAX: Duration = Duration::from_secs(5);
const STORED: &str = "weir_store_events_stored_total";

struct Drain {
    normal_per_second: f64,
    drained_per_second: f64,
    backlog_events: f64,
    took: Duration,
}

pub async fn run(seconds: u64, form: Form) -> Verdict {
    let outage = Duration::from_secs(seconds);
    let mut weir = Program::new(&[]);
    let engine = stored::start_engine(weir.data_dir()).await;
    let proxy = FaultProxy::start(&engine.endpoint().url).await;
    weir.set("CLICKHOUSE_URL", &proxy.url);
    weir.set("CLICKHOUSE_USER", &engine.endpoint().writer.user);
    weir.set("CLICKHOUSE_PASSWORD", engine.endpoint().writer.password.expose());
    let running = weir.start();
    eventually("weir", || weir.is_up()).await;
    let ledger = Ledger::default();
    let drain = async {
        let drain = live_through(&weir, &ledger, &proxy, outage, form).await;
        ledger.over.cancel();
        drain
    };
    let ((), drain) = tokio::join!(ledger.load(&weir, SENDERS, Some(SEND_INTERVAL)), drain);
    let fresh_shown_after = ledger.fresh_shown_after(&weir).await;
    eventually("an empty journal", || weir.is_drained()).await;
    running.terminate().await;
    let count = stored::count(&engine, &ledger).await;
    engine.stop().await;
    let Drain { normal_per_second, drained_per_second, backlog_events, took } = drain;
    let figure = format!(
        "{seconds} s away; {backlog_events:.0} events waited and were drained in {:.1} s at {drained_per_second:.0}/s, \
         normal is {normal_per_second:.0}/s; a fresh event was shown after {:.2} s",
        took.as_secs_f64(),
        fresh_shown_after.as_secs_f64()
    );
    let mut verdict = Verdict::new("outage", count, figure);
    verdict.promise(ledger.refused() == 0, "a journal with room refused requests");
    verdict.promise(ledger.unanswered().is_empty(), "requests were not answered");
    let fast_enough = drained_per_second >= normal_per_second && took <= outage;
    verdict.promise_of_speed(form, fast_enough, "the backlog was drained more slowly than it grew");
    verdict.promise_of_speed(form, fresh_shown_after <= FRESH_SHOWN_MAX, "a fresh event was shown too late");
    verdict
}

/// The load before the outage, the outage, and the time until nothing old waits.
async fn live_through(weir: &Program, ledger: &Ledger, proxy: &FaultProxy, outage: Duration, form: Form) -> Drain {
    eventually("a first flush", || async { weir.metric(STORED).await > 0.0 }).await;
    let (calm_from, accepted_before) = (Instant::now(), ledger.accepted_events());
    tokio::time::sleep(outage / 4).await;
    let accepted = ledger.accepted_events() - accepted_before;
    let normal_per_second = accepted as f64 / calm_from.elapsed().as_secs_f64();
    // The two ways to be away that keep the proxy's port: if nobody listened on it for minutes, one of the many
    // connections of the load could be given it.
    proxy.set(Fault::ResetRequest);
    tokio::time::sleep(outage / 2).await;
    proxy.set(Fault::BlackHole);
    tokio::time::sleep(outage / 2).await;
    let backlog_events = weir.metric("weir_journal_pending_events").await;
    let (back_at, stored_before) = (Instant::now(), weir.metric(STORED).await);
    // The first insert is done, but weir does not hear of it: it must not be done twice.
    proxy.next_inserts([Fault::LoseReply]);
    proxy.set(Fault::None);
    eventually("the lost reply", || async { proxy.is_done() }).await;
    let waiting_max = if form == Form::Long { WAITING_MAX } else { WAITING_MAX_FAST };
    eventually_within(outage + PATIENCE, "a journal without old events", || async {
        weir.oldest_unflushed().await.is_some_and(|oldest| oldest <= waiting_max)
    })
    .await;
    let took = back_at.elapsed();
    let drained_per_second = (weir.metric(STORED).await - stored_before) / took.as_secs_f64();
    Drain { normal_per_second, drained_per_second, backlog_events, took }
}
