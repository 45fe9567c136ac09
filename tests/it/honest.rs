//! Counting honestly: an event sent again is counted once, whatever happened in between.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::{
    app::{Reply, TestApp, event, eventually},
    process::Weir,
};

/// A flush rule that nothing in a test reaches by itself.
const NO_FLUSH: [(&str, &str); 2] = [("WEIR_FLUSH_INTERVAL_MS", "3600000"), ("WEIR_FLUSH_EVENTS", "1000000")];

/// Events with the ids `{prefix}-0`, `{prefix}-1`, …
fn identified(prefix: &str, count: usize) -> Value {
    (0..count).map(|number| event(json!({ "event_id": format!("{prefix}-{number}") }))).collect()
}

fn counts(reply: &Reply) -> (u16, u64, u64) {
    let count = |name: &str| reply.json[name].as_u64().unwrap_or_else(|| panic!("no {name}: {reply:?}"));
    (reply.status, count("accepted"), count("duplicates"))
}

#[tokio::test]
async fn an_event_sent_again_is_answered_as_a_duplicate_and_stored_once() {
    let app = TestApp::start().await;
    let batch = identified("a", 3);
    assert_eq!(counts(&app.post(batch.to_string()).await), (202, 3, 0));
    assert_eq!(counts(&app.post(batch.to_string()).await), (202, 0, 3));

    // New ones, one without an id, one twice in the request, and one that is refused.
    let mixed = json!([
        event(json!({ "event_id": "a-1" })),
        event(json!({})),
        event(json!({ "event_id": "b-0" })),
        event(json!({ "event_id": "b-1", "device_type": "watch" })),
        event(json!({ "event_id": "b-0" })),
    ]);
    let reply = app.post(mixed.to_string()).await;
    assert_eq!((counts(&reply), &reply.json["rejected"][0]["index"]), ((202, 2, 2), &json!(3)));
    // The refused one was not stored, so its id is still free.
    assert_eq!(counts(&app.post(identified("b", 2).to_string()).await), (202, 1, 1));
    app.stored(6).await;
    let ids = app.select("SELECT arrayStringConcat(arraySort(groupArray(event_id)), ' ') FROM events").await;
    assert_eq!(ids.as_deref(), Some(" a-0 a-1 a-2 b-0 b-1"));
}

#[tokio::test]
async fn the_same_batch_from_many_senders_at_once_is_stored_once() {
    let app = TestApp::start().await;
    // In different orders, and overlapping: a wait in a circle would show.
    let (all, some) = (identified("e", 40), identified("e", 25));
    let reversed: Value = all.as_array().expect("a list").iter().rev().cloned().collect();
    let bodies: Vec<_> = (0..60).map(|number| [&all, &reversed, &some][number % 3].to_string()).collect();
    let replies = join_all(bodies.into_iter().map(|body| app.post(body))).await;
    let accepted: u64 = replies.iter().map(|reply| counts(reply).1).sum();
    assert!(replies.iter().all(|reply| counts(reply).0 == 202));
    assert_eq!(accepted, 40);
    app.stored(40).await;
}

#[tokio::test]
async fn ids_are_known_after_an_orderly_end() {
    let app = TestApp::start().await;
    app.accept(&identified("a", 5)).await;
    app.stored(5).await;
    let app = TestApp::restart_with(app.stop().await, &[]).await;
    assert_eq!(counts(&app.post(identified("a", 6).to_string()).await), (202, 1, 5));
    app.stored(6).await;
}

/// Killed at once after the reply, the ids are in the journal alone; killed later, in their files too.
#[tokio::test]
async fn ids_are_known_after_a_kill() {
    let directory = tempfile::tempdir().expect("a directory");
    let id_files = directory.path().join("event_ids");
    for round in 0..3 {
        let weir = Weir::start(directory.path());
        eventually("weir", || weir.is_up()).await;
        for earlier in 0..round {
            let reply = weir.post(&identified(&format!("round-{earlier}"), 10)).await;
            assert_eq!(counts(&reply), (202, 0, 10), "round {round} after round {earlier}");
        }
        let reply = weir.post(&identified(&format!("round-{round}"), 10)).await;
        assert_eq!(counts(&reply), (202, 10, 0));
        if round == 1 {
            eventually("ids on disk", || async {
                std::fs::read_dir(&id_files).is_ok_and(|mut files| files.next().is_some())
            })
            .await;
        }
        weir.kill();
    }
    let weir = Weir::start(directory.path());
    eventually("all events once", || async { weir.shown().await == Some(30) }).await;
}

/// Senders that repeat each batch until it is answered, while the program is killed under them.
#[tokio::test]
async fn events_repeated_across_kills_are_stored_exactly_once() {
    const SENDERS: usize = 4;
    const BATCHES: usize = 60;
    const KILLS: usize = 4;
    let directory = tempfile::tempdir().expect("a directory");
    let mut weir = Weir::start(directory.path());
    let ports = weir.ports();
    let answered = Arc::new(AtomicUsize::new(0));
    let senders = (0..SENDERS).map(|sender| {
        let answered = Arc::clone(&answered);
        tokio::spawn(async move {
            let http = reqwest::Client::new();
            for batch in 0..BATCHES {
                let body = identified(&format!("{sender}-{batch}"), 20);
                eventually("a batch that is answered", || async {
                    let request = http.post(format!("http://127.0.0.1:{}/events", ports[0])).json(&body);
                    request.send().await.is_ok_and(|reply| reply.status() == 202)
                })
                .await;
                answered.fetch_add(1, Ordering::Relaxed);
            }
        })
    });
    let senders: Vec<_> = senders.collect();
    for kill in 1..=KILLS {
        let progress = SENDERS * BATCHES * kill / (KILLS + 1);
        eventually("progress", || async { answered.load(Ordering::Relaxed) >= progress }).await;
        weir.kill();
        weir = Weir::start_on(directory.path(), ports);
    }
    for sender in senders {
        sender.await.expect("every batch was answered");
    }
    eventually("all events", || async { weir.shown().await == Some((SENDERS * BATCHES * 20) as u64) }).await;
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_its_events_stored_with_their_ids() {
    let app = TestApp::start_with(&NO_FLUSH).await;
    let mut seen = HashSet::new();
    for round in 0..30 {
        let body = identified(&format!("r{round}"), 50).to_string();
        // Cut off somewhere between sending and the reply.
        let _ = tokio::time::timeout(std::time::Duration::from_micros(200 * round), app.post(body.clone())).await;
        let reply = app.post(body).await;
        let (status, accepted, duplicates) = counts(&reply);
        assert_eq!((status, accepted + duplicates), (202, 50), "{reply:?}");
        seen.insert(accepted);
    }
    assert!(seen.is_subset(&HashSet::from([0, 50])), "a batch was stored in part: {seen:?}");
    assert_eq!(app.health().await.json["buffered_events"], 30 * 50);
}

#[tokio::test]
async fn a_refused_batch_may_come_again() {
    let no_store = ("CLICKHOUSE_URL", "http://127.0.0.1:9");
    let app = TestApp::start_with(&[no_store, ("WEIR_JOURNAL_MAX_BYTES", "3000")]).await;
    let batch = identified("a", 50).to_string();
    let refused = app.post(batch.clone()).await;
    assert_eq!((refused.status, &refused.json["error"]["code"]), (503, &json!("journal_full")));
    let app = TestApp::restart_with(app.stop().await, &[]).await;
    assert_eq!(counts(&app.post(batch).await), (202, 50, 0));
    app.stored(50).await;
}

#[tokio::test]
async fn only_the_last_ids_of_the_window_are_remembered() {
    let app = TestApp::start_with(&[("WEIR_EVENT_ID_WINDOW", "100")]).await;
    app.accept(&identified("old", 100)).await;
    assert_eq!(counts(&app.post(identified("old", 100).to_string()).await), (202, 0, 100));
    for number in 0..10 {
        app.accept(&identified(&format!("new-{number}"), 20)).await;
    }
    assert_eq!(counts(&app.post(identified("old", 1).to_string()).await), (202, 1, 0));
}

#[tokio::test]
async fn a_batch_sent_again_under_its_key_is_answered_alike_and_stored_once() {
    let app = TestApp::start().await;
    let batch = json!([event(json!({})), event(json!({ "device_type": "watch" })), event(json!({}))]).to_string();
    let first = app.post_keyed("batch-1", &batch).await;
    assert_eq!(counts(&first), (202, 2, 0));
    let again = join_all((0..10).map(|_| app.post_keyed("batch-1", &batch))).await;
    assert!(again.iter().all(|reply| (reply.status, &reply.json) == (first.status, &first.json)), "{again:?}");
    assert_eq!(counts(&app.post_keyed("batch-2", &batch).await), (202, 2, 0));
    app.stored(4).await;
    for key in ["", "a\tb", &"x".repeat(129)] {
        let reply = app.post_keyed(key, &batch).await;
        assert_eq!((reply.status, &reply.json["error"]["code"]), (400, &json!("bad_idempotency_key")), "{key}");
    }
}

/// 2026-11-20 10:00:00 UTC
const NOW_MS: i64 = 1_795_168_800_000;
const MINUTE_MS: i64 = 60_000;

#[tokio::test]
async fn times_of_a_wrong_clock_are_corrected_and_the_rows_tell_by_how_much() {
    let app = TestApp::start_at(NOW_MS, &[]).await;
    let ahead_ms = 3 * 60 * MINUTE_MS;
    let events = json!([
        event(json!({ "session_id": "now", "timestamp": NOW_MS + ahead_ms })),
        event(json!({ "session_id": "before", "timestamp": NOW_MS + ahead_ms - 5 * MINUTE_MS })),
        event(json!({ "session_id": "none" })),
        event(json!({ "session_id": "future", "timestamp": NOW_MS + ahead_ms + 11 * MINUTE_MS })),
    ]);
    // The position of sent_at in the object does not matter.
    let sent_at = NOW_MS + ahead_ms;
    for body in [
        format!(r#"{{"sent_at":{sent_at},"events":{events}}}"#),
        format!(r#"{{"events":{events},"sent_at":"2026-11-20T13:00:00Z"}}"#),
    ] {
        let reply = app.post(body).await;
        assert_eq!((reply.status, &reply.json["accepted"]), (202, &json!(3)), "{reply:?}");
        assert_eq!(reply.json["rejected"][0]["reason"], "is more than 10 minutes in the future");
    }
    app.stored(6).await;
    let rows = app
        .select("SELECT session_id, toUnixTimestamp64Milli(timestamp) - toUnixTimestamp64Milli(received_at), clock_skew_ms, count() FROM events GROUP BY ALL ORDER BY session_id")
        .await;
    assert_eq!(rows.as_deref(), Some("before\t-300000\t-10800000\t2\nnone\t0\t0\t2\nnow\t0\t-10800000\t2"));
    assert_eq!(app.metric("weir_ingest_events_corrected_total").await, 4.0);
}

#[tokio::test]
async fn a_clock_that_is_right_enough_is_left_alone_and_unusual_times_are_counted() {
    let app = TestApp::start_at(NOW_MS, &[]).await;
    let events = json!([
        event(json!({ "timestamp": NOW_MS })),
        event(json!({ "timestamp": NOW_MS - 61 * MINUTE_MS })),
        event(json!({ "timestamp": NOW_MS + MINUTE_MS })),
    ]);
    for sent_at in [json!(NOW_MS - 30_000), json!(NOW_MS + 30_000), json!(null)] {
        let reply = app.post(json!({ "events": events, "sent_at": sent_at }).to_string()).await;
        assert_eq!((reply.status, &reply.json["accepted"]), (202, &json!(3)), "{reply:?}");
    }
    app.stored(9).await;
    assert_eq!(app.select("SELECT count() FROM events WHERE clock_skew_ms != 0").await.as_deref(), Some("0"));
    for (metric, count) in [("corrected", 0.0), ("late", 3.0), ("future", 3.0)] {
        assert_eq!(app.metric(&format!("weir_ingest_events_{metric}_total")).await, count, "{metric}");
    }
}

/// A clock at the beginning of time, or beyond its end.
#[tokio::test]
async fn absurd_clocks_overflow_nothing() {
    let app = TestApp::start_at(NOW_MS, &[]).await;
    for sent_at in [0, i64::MIN, i64::MAX] {
        let body = json!({ "events": [event(json!({ "timestamp": sent_at }))], "sent_at": sent_at });
        let reply = app.post(body.to_string()).await;
        assert!(matches!(reply.status, 202 | 400), "{sent_at}: {reply:?}");
    }
    assert_eq!(app.metric("weir_ingest_events_accepted_total").await, 2.0);
}
