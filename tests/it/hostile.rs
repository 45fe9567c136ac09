//! The edge against clients that mean harm, or are broken: over raw sockets, against the whole program.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{
    app::{PATIENCE, TestApp, event, eventually},
    ingest::{compress, post_encoded},
    process::Weir,
};

/// Bounds that a test can wait for.
const QUICK: (&str, &str) = ("WEIR_REQUEST_TIMEOUT_MS", "300");

async fn connect(app: &TestApp) -> TcpStream {
    connect_to(app.ingest_url.trim_start_matches("http://")).await
}

async fn connect_to(address: &str) -> TcpStream {
    TcpStream::connect(address).await.expect("a connection")
}

/// All that the server says until it closes, or has said `replies` replies.
async fn answer(stream: &mut TcpStream, replies: usize) -> String {
    let mut said = Vec::new();
    let read = async {
        let mut chunk = [0; 4096];
        while let Ok(length @ 1..) = stream.read(&mut chunk).await {
            said.extend_from_slice(&chunk[..length]);
            // Every reply here ends in JSON.
            let heads = said.windows(7).filter(|window| window == b"HTTP/1.").count();
            if heads == replies && matches!(said.last(), Some(b'}' | b'\n')) {
                break;
            }
        }
    };
    timeout(PATIENCE, read).await.expect("the server answers or closes");
    String::from_utf8_lossy(&said).into_owned()
}

async fn tell(app: &TestApp, request: &str) -> String {
    let mut stream = connect(app).await;
    stream.write_all(request.as_bytes()).await.expect("sent");
    answer(&mut stream, 1).await
}

fn post(headers: &str, body: &str) -> String {
    format!("POST /events HTTP/1.1\r\nHost: weir\r\nContent-Type: application/json\r\n{headers}\r\n{body}")
}

fn sized(body: &str) -> String {
    post(&format!("Content-Length: {}\r\n", body.len()), body)
}

fn one_event() -> String {
    json!([event(json!({}))]).to_string()
}

async fn closes(stream: &mut TcpStream) -> bool {
    let mut rest = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut rest)).await.is_ok()
}

#[tokio::test]
async fn slow_heads_slow_bodies_and_idle_connections_are_cut() {
    let app = TestApp::start_with(&[QUICK]).await;
    let mut slow_head = connect(&app).await;
    slow_head.write_all(b"POST /events HTTP/1.1\r\nHost: w").await.expect("sent");
    let mut silent = connect(&app).await;
    let mut slow_body = connect(&app).await;
    slow_body.write_all(post("Content-Length: 100\r\n", "[").as_bytes()).await.expect("sent");
    let mut used = connect(&app).await;
    used.write_all(sized(&one_event()).as_bytes()).await.expect("sent");
    let body_too_slow = answer(&mut slow_body, 1).await;
    assert!(body_too_slow.starts_with("HTTP/1.1 408") && body_too_slow.contains("body_too_slow"), "{body_too_slow}");
    assert!(answer(&mut used, 1).await.starts_with("HTTP/1.1 202"));
    for (name, stream) in [("head", &mut slow_head), ("silent", &mut silent), ("used", &mut used)] {
        assert!(closes(stream).await, "{name} stays open");
    }
}

/// It never reads its replies: what is written to it must not wait for good.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_client_that_does_not_read_is_cut() {
    let app = TestApp::start_with(&[QUICK]).await;
    let mut stream = connect(&app).await;
    let bad = Value::from(vec![json!({}); 500]).to_string();
    let request = sized(&bad);
    let flood = async { while stream.write_all(request.as_bytes()).await.is_ok() {} };
    timeout(PATIENCE, flood).await.expect("the server ends the connection");
    assert_eq!(tell(&app, &sized(&one_event())).await.get(..12), Some("HTTP/1.1 202"));
}

#[tokio::test]
async fn a_new_connection_takes_the_place_of_an_idle_one() {
    let app = TestApp::start_with(&[("WEIR_CONNECTIONS_MAX", "20")]).await;
    let mut idle = join_all((0..60).map(|_| connect(&app))).await;
    for _ in 0..3 {
        assert_eq!(tell(&app, &sized(&one_event())).await.get(..12), Some("HTTP/1.1 202"));
    }
    assert!(closes(&mut idle[0]).await);
    assert!(app.metric("weir_ingest_connections_open").await <= 20.0);
}

#[tokio::test]
async fn lengths_that_lie_and_requests_out_of_the_ordinary_are_answered_sensibly() {
    let app = TestApp::start_with(&[QUICK]).await;
    let event = one_event();
    let length = event.len();
    let chunked = |body: &str| post("Transfer-Encoding: chunked\r\n", body);
    let in_chunks = format!("{:x}\r\n{event}\r\n0\r\n\r\n", length);
    let bom = format!("\u{feff}{event}");
    for (name, request, status) in [
        ("more announced", post(&format!("Content-Length: {}\r\n", length + 10), &event), "408"),
        ("negative", post("Content-Length: -1\r\n", &event), "400"),
        ("no number", post("Content-Length: x\r\n", &event), "400"),
        ("beyond 64 bits", post("Content-Length: 99999999999999999999\r\n", &event), "400"),
        ("two lengths", post(&format!("Content-Length: {length}\r\nContent-Length: 3\r\n"), &event), "400"),
        ("huge, asked first", post("Content-Length: 999999999999\r\nExpect: 100-continue\r\n", ""), "413"),
        ("chunked", chunked(&in_chunks), "202"),
        ("broken chunk", chunked("zz\r\n[]"), "400"),
        ("no body", post("", ""), "400"),
        ("no JSON", sized("\0"), "400"),
        ("byte order mark", sized(&bom), "202"),
        ("no HTTP", "\x16\x03\x01\x02\x00\x01\r\n\r\n".to_owned(), "400"),
        ("HTTP/1.0", sized(&event).replace("HTTP/1.1", "HTTP/1.0"), "202"),
        ("HEAD", "HEAD /health HTTP/1.1\r\nHost: weir\r\nConnection: close\r\n\r\n".to_owned(), "200"),
        ("many headers", post(&"X-A: b\r\n".repeat(200), ""), "431"),
        ("long header", post(&format!("X-A: {}\r\n", "b".repeat(1_000_000)), ""), "431"),
        (
            "two encodings",
            post(&format!("Content-Encoding: gzip\r\nContent-Encoding: br\r\nContent-Length: {length}\r\n"), &event),
            "415",
        ),
        (
            "nested encodings",
            post(&format!("Content-Encoding: gzip, br\r\nContent-Length: {length}\r\n"), &event),
            "415",
        ),
    ] {
        let said = tell(&app, &request).await;
        assert_eq!(said.get(9..12), Some(status), "{name}: {said:.300}");
    }
    assert_eq!(app.metric("weir_ingest_events_accepted_total").await, 3.0);
}

#[tokio::test]
async fn a_chunked_body_over_the_limit_is_refused_while_it_comes() {
    let app = TestApp::start().await;
    let mut stream = connect(&app).await;
    stream.write_all(post("Transfer-Encoding: chunked\r\n", "").as_bytes()).await.expect("sent");
    let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
    // It may be cut off while it sends; it must not be able to send for good.
    let mut sent = 0;
    while sent < 1000 && stream.write_all(chunk.as_bytes()).await.is_ok() {
        sent += 1;
    }
    assert!(sent < 1000, "a body of 65 MB was taken");
    assert_eq!(app.metric("weir_ingest_bodies_bytes").await, 0.0);
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order_and_continue_is_said() {
    let app = TestApp::start().await;
    let mut stream = connect(&app).await;
    let three = [sized(&one_event()), sized("[]"), sized(&one_event())].concat();
    stream.write_all(three.as_bytes()).await.expect("sent");
    let said = answer(&mut stream, 3).await;
    let statuses: Vec<_> = said.split("HTTP/1.1 ").skip(1).map(|reply| &reply[..3]).collect();
    assert_eq!(statuses, ["202", "400", "202"]);

    let event = one_event();
    let head = post(&format!("Expect: 100-continue\r\nContent-Length: {}\r\n", event.len()), "");
    stream.write_all(head.as_bytes()).await.expect("sent");
    assert!(answer(&mut stream, 1).await.starts_with("HTTP/1.1 100"));
    stream.write_all(event.as_bytes()).await.expect("sent");
    assert!(answer(&mut stream, 1).await.starts_with("HTTP/1.1 202"));
}

#[tokio::test]
async fn requests_of_every_kind_follow_each_other_on_one_connection() {
    let app = TestApp::start().await;
    let mut stream = connect(&app).await;
    let event = one_event();
    let chunked = post("Transfer-Encoding: chunked\r\n", &format!("{:x}\r\n{event}\r\n0\r\n\r\n", event.len()));
    let health = "GET /health HTTP/1.1\r\nHost: weir\r\n\r\n".to_owned();
    let four = [sized(&event), sized(&event), chunked, health, sized(&event)].concat();
    // In two parts that are cut within a request.
    let (first, second) = four.split_at(sized(&event).len() + 30);
    stream.write_all(first.as_bytes()).await.expect("sent");
    assert!(answer(&mut stream, 1).await.starts_with("HTTP/1.1 202"));
    stream.write_all(second.as_bytes()).await.expect("sent");
    let said = answer(&mut stream, 4).await;
    let statuses: Vec<_> = said.split("HTTP/1.1 ").skip(1).map(|reply| &reply[..3]).collect();
    assert_eq!(statuses, ["202", "202", "200", "202"]);
}

/// As many members of an object as fit in a number of bytes, each with a comma behind it.
fn distinct_keys(bytes_max: usize) -> String {
    const DIGITS: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-";
    let mut keys = String::with_capacity(bytes_max);
    for number in 0_usize.. {
        let length = (1..).find(|length| number >> (6 * length) == 0).expect("a number ends");
        let key = (0..length).map(|place| char::from(DIGITS[number >> (6 * place) & 63]));
        let before = keys.len();
        keys.push('"');
        keys.extend(key);
        keys.push_str("\":1,");
        if keys.len() > bytes_max {
            keys.truncate(before);
            break;
        }
    }
    keys
}

/// Events made to hurt a reader, each between two good ones.
#[tokio::test]
async fn hostile_events_are_refused_with_a_reason_and_good_neighbours_are_kept() {
    let app = TestApp::start().await;
    let good = event(json!({})).to_string();
    let with = |field: &str| good.replacen('{', &format!("{{{field},"), 1);
    let keys = distinct_keys(5 * 1024 * 1024 - 2 * good.len() - with("\"properties\":{}").len() - 100);
    assert!(keys.matches(',').count() > 500_000);
    let cases = [
        ("depth", format!("{}{}", "[".repeat(400_000), "]".repeat(400_000))),
        ("depth of properties", with(&format!("\"properties\":{}1{}", "{\"a\":".repeat(400_000), "}".repeat(400_000)))),
        ("keys of properties", with(&format!("\"properties\":{{{keys}\"z\":1}}"))),
        ("keys of the event", with(keys.trim_end_matches(','))),
        ("the same key", with("\"session_id\":\"b\"")),
        ("a number without end", with("\"properties\":{\"n\":1e999999}")),
        ("half a surrogate", with("\"user_id\":\"\\ud800\"")),
        ("a raw NUL", with("\"user_id\":\"\0\"")),
        ("long string", with(&format!("\"user_id\":\"{}\"", "x".repeat(1_000_000)))),
    ];
    for (name, hostile) in cases {
        let reply = app.post(format!("[{good},{hostile},{good}]")).await;
        assert_eq!((reply.status, &reply.json["accepted"]), (202, &json!(2)), "{name}: {reply:?}");
        assert_eq!(reply.json["rejected"][0]["index"], 1, "{name}");
        assert!(reply.json["rejected"][0]["reason"].is_string());
    }
    // Odd, but text like any other.
    let odd = event(json!({ "session_id": "\u{0}\u{202e}abc\u{202c}\u{feff}", "properties": { "\u{0}": "\u{202e}" } }));
    assert_eq!(app.post(json!([odd]).to_string()).await.json["accepted"], 1);
}

#[tokio::test]
async fn compressed_bodies_of_several_parts_are_read_whole_and_tails_are_refused() {
    let app = TestApp::start().await;
    let body = one_event();
    let (front, back) = body.split_at(10);
    for encoding in ["gzip", "zstd"] {
        let mut parts = compress(encoding, front.as_bytes()).await;
        parts.extend(compress(encoding, back.as_bytes()).await);
        let reply = post_encoded(&app, encoding, parts).await;
        assert_eq!(reply.status, 202, "{encoding}: {reply:?}");
    }
    for encoding in ["gzip", "zstd", "br"] {
        let mut tail = compress(encoding, body.as_bytes()).await;
        tail.extend_from_slice(b"and more");
        let reply = post_encoded(&app, encoding, tail).await;
        assert_eq!((reply.status, &reply.json["error"]["code"]), (400, &json!("body_unreadable")), "{encoding}");
        // Compressed twice, it is no JSON.
        let nested = compress(encoding, &compress(encoding, body.as_bytes()).await).await;
        assert_eq!(post_encoded(&app, encoding, nested).await.json["error"]["code"], "not_events", "{encoding}");
        let mut many = Vec::new();
        let megabyte = compress(encoding, &[b' '; 1024 * 1024]).await;
        (0..10).for_each(|_| many.extend_from_slice(&megabyte));
        let status = post_encoded(&app, encoding, many).await.status;
        assert_eq!(status, if encoding == "br" { 400 } else { 413 }, "{encoding}");
    }
}

#[tokio::test]
async fn the_bytes_of_all_bodies_are_bounded_and_the_rest_is_told_to_come_again() {
    let app = TestApp::start_with(&[("WEIR_BODIES_MAX_BYTES", "1000000")]).await;
    // Bodies that do not end hold all bytes.
    let part = " ".repeat(490_000);
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut stream = connect(&app).await;
        stream.write_all(post("Content-Length: 900000\r\n", &part).as_bytes()).await.expect("sent");
        held.push(stream);
    }
    eventually("bodies in memory", || async { app.metric("weir_ingest_bodies_bytes").await >= 980_000.0 }).await;
    assert_eq!(app.metric("weir_ingest_requests_in_flight").await, 3.0);
    let large = json!([event(json!({ "properties": { "text": "x".repeat(16_000) } }))]).to_string();
    let large = format!("{}{large}", " ".repeat(20_000));
    let refused = app.post(large.clone()).await;
    assert_eq!((refused.status, &refused.json["error"]["code"]), (503, &json!("overloaded")));
    assert!(refused.headers.contains_key("retry-after"));
    assert_eq!(app.post(one_event()).await.status, 202, "a small one still fits");
    drop(held);
    eventually("room for bodies", || async { app.post(large.clone()).await.status == 202 }).await;
    eventually("all bytes given back", || async { app.metric("weir_ingest_bodies_bytes").await == 0.0 }).await;
}

/// Three times what the journal may wait with: refusals come at once and say when to come again, and what is taken is kept.
#[tokio::test]
async fn overload_is_refused_with_retry_after_and_ends_with_the_load() {
    let app = TestApp::start_with(&[("WEIR_JOURNAL_MAX_BYTES", "400000"), ("WEIR_FLUSH_INTERVAL_MS", "20")]).await;
    app.stored(0).await;
    let batch = Value::from(vec![event(json!({ "properties": { "text": "x".repeat(100) } })); 500]).to_string();
    let started = Instant::now();
    let (mut accepted, mut refused) = (0, 0);
    while started.elapsed() < Duration::from_secs(3) {
        for reply in join_all((0..12).map(|_| app.post(batch.clone()))).await {
            match reply.status {
                202 => accepted += 500,
                503 => refused += usize::from(reply.headers.contains_key("retry-after")),
                other => panic!("{other}: {reply:?}"),
            }
        }
    }
    assert!(refused > 0, "the load was none");
    eventually("room again", || async { app.post(batch.clone()).await.status == 202 }).await;
    app.stored(accepted + 500).await;
}

/// Requests under way are answered, what was accepted is flushed, and nobody waits long.
#[tokio::test]
async fn a_stop_under_load_loses_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let weir = Weir::start(directory.path());
    eventually("weir", || weir.is_up()).await;
    let url = format!("http://127.0.0.1:{}/events", weir.ports()[0]);
    let senders: Vec<_> = (0..16)
        .map(|_| {
            let (url, http) = (url.clone(), reqwest::Client::new());
            tokio::spawn(async move {
                let batch = Value::from(vec![event(json!({})); 20]);
                let mut accepted = 0;
                while let Ok(reply) = http.post(&url).json(&batch).send().await {
                    assert_eq!(reply.status(), 202);
                    accepted += 20;
                }
                accepted
            })
        })
        .collect();
    eventually("some load", || async { weir.shown().await.is_some_and(|shown| shown > 500) }).await;
    assert!(weir.terminate().await.success());
    let accepted: u64 = join_all(senders).await.into_iter().map(|sender| sender.expect("no wrong answer")).sum();
    let weir = Weir::start(directory.path());
    // Events whose reply was lost may be there too, so the count is a lower bound of at most one batch a sender.
    eventually("all events", || async {
        weir.shown().await.is_some_and(|shown| (accepted..=accepted + 16 * 20).contains(&shown))
    })
    .await;
}

#[tokio::test]
async fn a_second_signal_ends_at_once_and_loses_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let weir = Weir::start(directory.path());
    eventually("weir", || weir.is_up()).await;
    // A body that does not end keeps the first signal waiting.
    let mut slow = connect_to(&format!("127.0.0.1:{}", weir.ports()[0])).await;
    slow.write_all(post("Content-Length: 100\r\n", "[").as_bytes()).await.expect("sent");
    let reply = weir.post(&Value::from(vec![event(json!({})); 7])).await;
    assert_eq!(reply.status, 202);
    weir.signal();
    eventually("a closed listener", || async { !weir.is_up().await }).await;
    let status = weir.terminate().await;
    assert_eq!(status.code(), Some(130));
    let weir = Weir::start(directory.path());
    eventually("all events", || async { weir.shown().await == Some(7) }).await;
}

/// With few descriptors, a flood of connections must not take those that the journal needs.
#[tokio::test]
async fn a_flood_of_connections_leaves_files_for_the_journal() {
    let directory = tempfile::tempdir().expect("a directory");
    let weir = Weir::start_with_descriptors(directory.path(), 200);
    eventually("weir", || weir.is_up()).await;
    let address = format!("127.0.0.1:{}", weir.ports()[0]);
    let mut flood = Vec::new();
    for _ in 0..400 {
        flood.push(connect_to(&address).await);
    }
    for _ in 0..3 {
        let reply = weir.post(&Value::from(vec![event(json!({})); 5])).await;
        assert_eq!(reply.status, 202);
    }
    eventually("all events", || async { weir.shown().await == Some(15) }).await;
    drop(flood);
    assert!(weir.terminate().await.success());
}
