//! Funnels: events worked out by hand, random ones against a reference that tries every way, and what people save.

use rand::{RngExt, SeedableRng, rngs::StdRng, seq::SliceRandom};
use serde_json::{Value, json};

use crate::app::{Reply, TestApp, event};

/// 2026-03-10 10:07:30.500 UTC
const NOW_MS: i64 = 1_773_137_250_500;
const MINUTE_MS: i64 = 60_000;

/// What a user did, so many minutes ago.
fn did(user: &str, event_name: &str, minutes_ago: f64, properties: Value) -> Value {
    let timestamp = NOW_MS - (minutes_ago * MINUTE_MS as f64) as i64;
    let session = format!("s-{user}");
    event(json!({
        "event_name": event_name, "user_id": user, "session_id": session, "timestamp": timestamp, "properties": properties,
    }))
}

async fn app_with(events: &[Value], settings: &[(&str, &str)]) -> TestApp {
    let settings = [&[("WEIR_RETENTION_DAYS", "36500")], settings].concat();
    let app = TestApp::start_at(NOW_MS, &settings).await;
    for some in events.chunks(500) {
        app.accept(&Value::from(some)).await;
    }
    app.stored(events.len() as u64).await;
    app
}

async fn get(app: &TestApp, parameters: &str) -> Reply {
    app.get(&format!("{}/api/funnel?{parameters}", app.dashboard_url)).await
}

async fn post(app: &TestApp, funnel: &Value) -> Value {
    let request = app.http.post(format!("{}/api/funnel", app.dashboard_url)).json(funnel);
    let reply = Reply::of(request.send().await.expect("a reply")).await;
    assert_eq!(reply.status, 200, "{funnel}: {reply:?}");
    reply.json
}

fn counts(steps: &Value) -> Vec<u64> {
    steps.as_array().expect("steps").iter().map(|step| step["count"].as_u64().expect("a count")).collect()
}

/// Twelve minutes in the life of a sign-up form, whose e-mails to Gmail are lost.
fn signups() -> Vec<Value> {
    let gmail = json!({ "email_domain": "gmail.com" });
    let mut events = Vec::new();
    for (user, domain, minutes_ago, reached) in [
        ("ada", "gmail.com", 70.0, 2),
        ("bob", "gmail.com", 65.0, 2),
        ("eve", "gmx.de", 64.0, 4),
        ("joe", "gmx.de", 40.0, 4),
        ("kim", "", 30.0, 3),
        ("lea", "gmx.de", 2.0, 1),
    ] {
        let properties = if domain.is_empty() { json!({}) } else { json!({ "email_domain": domain }) };
        let steps = ["signup_started", "verification_email_sent", "email_verified", "signup_completed"];
        for (index, step) in steps.iter().take(reached).enumerate() {
            // A page view between the steps, which is none of them.
            events.push(did(user, "page_view", minutes_ago, json!({})));
            events.push(did(user, step, minutes_ago - index as f64, properties.clone()));
        }
    }
    // Ada comes again after it was mended; her way that got furthest counts.
    events.push(did("ada", "signup_started", 20.0, gmail.clone()));
    events.push(did("ada", "verification_email_sent", 19.5, gmail.clone()));
    events.push(did("ada", "email_verified", 9.5, gmail.clone()));
    events.push(did("ada", "signup_completed", 9.0, gmail));
    // Completed without a start in the range.
    events.push(did("old", "signup_completed", 5.0, json!({})));
    events
}

const SIGNUP: &str = "steps=signup_started,verification_email_sent,email_verified,signup_completed";

#[tokio::test]
async fn a_funnel_tells_where_people_drop_off_and_who() {
    let app = app_with(&signups(), &[]).await;
    let reply = get(&app, &format!("{SIGNUP}&window=1h&range=4h&breakdown=properties.email_domain")).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let answer = reply.json;
    let step = |name: &str, count: u64, from_start: f64, from_previous: f64, took: Value| {
        json!({
            "event_name": name, "count": count, "count_error": 0, "from_start_pct": from_start,
            "from_previous_pct": from_previous, "median_seconds": took[0], "p90_seconds": took[1],
        })
    };
    assert_eq!(
        answer["steps"],
        json!([
            step("signup_started", 6, 100.0, 100.0, json!([null, null])),
            step("verification_email_sent", 5, 83.3, 83.3, json!([60.0, 60.0])),
            step("email_verified", 4, 66.7, 80.0, json!([60.0, 600.0])),
            step("signup_completed", 3, 50.0, 75.0, json!([60.0, 60.0])),
        ])
    );
    let groups = answer["breakdown"].as_array().expect("groups");
    let told: Vec<_> = groups.iter().map(|group| (group["value"].clone(), counts(&group["steps"]))).collect();
    assert_eq!(
        told,
        [(json!("gmx.de"), vec![3, 2, 2, 2]), (json!("gmail.com"), vec![2, 2, 1, 1]), (Value::Null, vec![1, 1, 1, 0]),]
    );
    assert!(groups.iter().all(|group| group["other"] == false));
    assert_eq!(
        (&answer["in_progress"], &answer["sampled_one_in"], &answer["values_cut"]),
        (&json!(2), &json!(1), &json!(false))
    );
    assert_eq!(answer["newest_event_at"], "2026-03-10T10:05:30.500Z");

    // Five-minute buckets: Gmail drops in the one, and is well in the other.
    let gmail = groups[1]["over_time"].as_array().expect("buckets");
    let told: Vec<_> = gmail
        .iter()
        .filter(|bucket| bucket["counts"][0] != 0)
        .map(|bucket| {
            (bucket["bucket"].as_str().expect("a time"), bucket["counts"].clone(), bucket["conversion_pct"].clone())
        })
        .collect();
    assert_eq!(
        told,
        [
            ("2026-03-10T08:55:00.000Z", json!([1, 1, 0, 0]), json!(0.0)),
            ("2026-03-10T09:00:00.000Z", json!([1, 1, 0, 0]), json!(0.0)),
            ("2026-03-10T09:45:00.000Z", json!([1, 1, 1, 1]), json!(100.0)),
        ]
    );
    let all = answer["over_time"].as_array().expect("buckets");
    let entered: u64 = all.iter().map(|bucket| bucket["counts"][0].as_u64().expect("a count")).sum();
    assert_eq!((all.len(), entered), (49, 7), "four hours, and Ada entered twice");
    let so_far = all.iter().filter(|bucket| bucket["so_far"] == true).count();
    assert_eq!(so_far, 13, "those that reach into the last hour");
}

#[tokio::test]
async fn the_window_the_range_and_filters_bound_what_counts() {
    let app = app_with(&signups(), &[]).await;
    for (parameters, expected) in [
        ("window=2m&range=4h", vec![6, 5, 3, 0]),
        ("window=1h&range=45m", vec![4, 3, 3, 2]),
        ("window=1h&range=4h&filter=1:properties.email_domain:=:gmx.de", vec![3, 2, 2, 2]),
        ("window=1h&range=4h&filter=1:properties.email_domain:!%3D:gmx.de", vec![3, 3, 2, 1]),
        ("window=1h&range=4h&filter=1:properties.email_domain:exists", vec![5, 4, 3, 3]),
        ("window=1h&range=4h&filter=1:properties.email_domain:contains:MAIL", vec![2, 2, 1, 1]),
        ("window=1h&range=4h&filter=3:device_type:=:mobile", vec![6, 5, 0, 0]),
        (
            "window=1h&range=4h&filter=1:country_code:=:DE&filter=1:properties.email_domain:=:gmail.com",
            vec![2, 2, 1, 1],
        ),
    ] {
        let reply = get(&app, &format!("{SIGNUP}&{parameters}")).await;
        assert_eq!((reply.status, counts(&reply.json["steps"])), (200, expected), "{parameters}: {reply:?}");
    }
}

#[tokio::test]
async fn values_are_compared_as_they_were_sent() {
    let odd = "it's \\ a\ttab\nline \"quoted\" – ❤ {x:String} %27";
    let properties =
        json!({ "odd key's \\": odd, "amount": 9.5, "count": "10", "on": true, "none": null, "list": [1, 2] });
    let events = [did("u", "a", 3.0, properties), did("u", "b", 2.0, json!({}))];
    let app = app_with(&events, &[]).await;
    for (field, op, value, holds) in [
        ("properties.odd key's \\", "=", Some(odd), true),
        ("properties.odd key's \\", "contains", Some("❤ {X:STRING}"), true),
        ("properties.odd key's \\", "=", Some("it's"), false),
        ("properties.amount", "=", Some("9.5"), true),
        ("properties.amount", ">", Some("9"), true),
        ("properties.amount", "<", Some("9"), false),
        ("properties.count", ">", Some("9.5"), true),
        ("properties.on", "=", Some("true"), true),
        ("properties.on", ">", Some("0"), false),
        ("properties.none", "exists", None, true),
        ("properties.list", "=", Some("[1,2]"), true),
        ("properties.missing", "exists", None, false),
        ("properties.missing", "!=", Some("x"), true),
        ("properties.missing", "=", Some("') OR 1=1 --"), false),
        ("properties.a') OR sleep(3) --", "exists", None, false),
    ] {
        let filter = match value {
            Some(value) => json!({ "field": field, "op": op, "value": value }),
            None => json!({ "field": field, "op": op }),
        };
        let funnel =
            json!({ "steps": [{ "event_name": "a", "filters": [filter] }, { "event_name": "b" }], "range": "1h" });
        let expected = if holds { [1, 1] } else { [0, 0] };
        assert_eq!(counts(&post(&app, &funnel).await["steps"]), expected, "{funnel}");
    }
    let funnel = json!({
        "steps": [{ "event_name": "a" }, { "event_name": "b" }], "range": "1h", "breakdown": "properties.odd key's \\",
    });
    assert_eq!(post(&app, &funnel).await["breakdown"][0]["value"], odd);
}

/// Whose an event is: its user's, else that of whoever signs in during its session, else the session's. A session of
/// these events has one user at most.
fn actor<'e>(event: &'e Value, of_steps: &[&'e Value]) -> &'e Value {
    let in_session = of_steps.iter().filter(|other| other["session_id"] == event["session_id"]);
    let mut users = in_session.map(|other| &other["user_id"]).filter(|user| !user.is_null());
    if event["user_id"].is_null() { users.next_back().unwrap_or(&event["session_id"]) } else { &event["user_id"] }
}

/// What the answer should be, from every way through the events of each actor.
fn reference(events: &[Value], steps: &[Vec<&str>], window_ms: i64, any_order: bool) -> Vec<u64> {
    let is_step = |event: &&Value| steps.iter().flatten().any(|name| event["event_name"] == *name);
    let of_steps: Vec<&Value> = events.iter().filter(is_step).collect();
    let mut events: Vec<_> = of_steps.iter().map(|event| (actor(event, &of_steps).as_str(), *event)).collect();
    events.sort_by_key(|(actor, _)| *actor);
    let mut counts = vec![0; steps.len()];
    for own in events.chunk_by(|(one, _), (other, _)| one == other) {
        let own: Vec<_> = own
            .iter()
            .map(|(_, event)| *event)
            .map(|event| (event["timestamp"].as_i64().expect("a time"), event["event_name"].as_str().expect("a name")))
            .collect();
        let furthest = match any_order {
            true => own.iter().map(|entry| different(&own, *entry, steps, window_ms)).max(),
            false => own
                .iter()
                .filter(|entry| steps[0].contains(&entry.1))
                .map(|entry| further(&own, *entry, steps, 1, entry.0 + window_ms))
                .max(),
        };
        for count in &mut counts[..furthest.unwrap_or(0)] {
            *count += 1;
        }
    }
    counts
}

/// The most steps that follow an event, if it is the `step`-th. No two steps have a name in common.
fn further(own: &[(i64, &str)], from: (i64, &str), steps: &[Vec<&str>], step: usize, latest_ms: i64) -> usize {
    let Some(names) = steps.get(step) else { return step };
    let next = own.iter().filter(|event| event.0 >= from.0 && event.0 <= latest_ms && names.contains(&event.1));
    next.map(|event| further(own, *event, steps, step + 1, latest_ms)).max().unwrap_or(step)
}

fn different(own: &[(i64, &str)], entry: (i64, &str), steps: &[Vec<&str>], window_ms: i64) -> usize {
    let within = |event: &&(i64, &str)| event.0 >= entry.0 && event.0 <= entry.0 + window_ms;
    steps.iter().filter(|names| own.iter().filter(within).any(|event| names.contains(&event.1))).count()
}

#[tokio::test]
async fn random_streams_are_counted_as_by_trying_every_way_whatever_order_they_came_in() {
    let seed = rand::random::<u64>();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let names = ["a", "b", "c", "d"];
    let mut events: Vec<_> = (0..1_500)
        .map(|_| {
            let user = format!("u{}", random.random_range(0..120));
            // Whole seconds of some minutes: many events share a millisecond.
            let seconds_ago = random.random_range(1..600);
            let name = names[random.random_range(0..names.len())];
            let mut event = did(&user, name, f64::from(seconds_ago) / 60.0, json!({}));
            event["session_id"] = json!(format!("{user} {}", random.random_range(0..3)));
            if random.random_range(0..3) == 0 {
                event["user_id"] = Value::Null;
            }
            event
        })
        .collect();
    events.shuffle(&mut random);
    let app = app_with(&events, &[]).await;
    for (steps, any_order) in [(vec!["a", "b"], false), (vec!["c", "a", "d", "b"], false), (vec!["b", "d", "a"], true)]
    {
        for (window, window_ms) in [("1m", 60_000), ("3m", 180_000), ("1h", 3_600_000)] {
            let funnel = json!({
                "steps": steps.iter().map(|name| json!({ "event_name": name })).collect::<Vec<_>>(),
                "window": window, "range": "1h", "order": if any_order { "any" } else { "strict" },
            });
            let found = post(&app, &funnel).await;
            let steps: Vec<_> = steps.iter().map(|name| vec![*name]).collect();
            assert_eq!(
                counts(&found["steps"]),
                reference(&events, &steps, window_ms, any_order),
                "seed {seed}: {funnel}"
            );
            let named =
                found["steps"].as_array().expect("steps").iter().all(|step| step["event_name"].is_null() == any_order);
            assert!(named, "{found}");
        }
    }
}

#[tokio::test]
async fn sessions_count_where_there_is_no_user() {
    let mut events = vec![did("u", "a", 3.0, json!({})), did("u", "b", 2.0, json!({}))];
    for (session, name, minutes_ago) in [("x", "a", 3.0), ("x", "b", 2.0), ("y", "a", 3.0), ("z", "b", 1.0)] {
        let mut anonymous = did(session, name, minutes_ago, json!({}));
        anonymous["user_id"] = Value::Null;
        events.push(anonymous);
    }
    let app = app_with(&events, &[]).await;
    let reply = get(&app, "steps=a,b&range=1h").await;
    assert_eq!(counts(&reply.json["steps"]), [3, 2], "{reply:?}");
}

/// Anonymous until the last step, in which the user appears: what most products send.
fn signs_in(user: &str, session: &str, minutes_ago: f64, names: &[&str]) -> Vec<Value> {
    let last = names.len() - 1;
    let step = |(step, name): (usize, &&str)| {
        let mut event = did(user, name, minutes_ago - step as f64 / 60.0, json!({ "plan": user }));
        event["session_id"] = json!(session);
        if step < last {
            event["user_id"] = Value::Null;
        }
        event
    };
    names.iter().enumerate().map(step).collect()
}

#[tokio::test]
async fn who_signs_in_during_a_session_was_there_before() {
    let events = [
        signs_in("ada", "laptop", 50.0, &["a", "b", "c"]),
        // Comes back on another device, and is the same person.
        signs_in("ada", "phone", 40.0, &["a", "c"]),
        // Never signs in.
        signs_in("bob", "tablet", 30.0, &["a", "b", "x"]),
        // Signs in with an event that is no step of the funnel.
        signs_in("eve", "watch", 20.0, &["a", "x"]),
    ];
    let app = app_with(&events.concat(), &[]).await;
    let reply = get(&app, "steps=a,b,c&range=1h&breakdown=properties.plan").await;
    assert_eq!(counts(&reply.json["steps"]), [3, 2, 1], "{reply:?}");
    let groups = reply.json["breakdown"].as_array().expect("groups").iter();
    let groups: Vec<_> = groups.map(|group| (group["value"].as_str(), counts(&group["steps"]))).collect();
    assert_eq!(
        groups,
        [(Some("ada"), vec![1, 1, 1]), (Some("bob"), vec![1, 1, 0]), (Some("eve"), vec![1, 0, 0])],
        "{reply:?}"
    );
}

#[tokio::test]
async fn of_too_many_events_a_share_of_the_users_is_counted_and_the_answer_says_so() {
    let users = 0..3_000;
    let plan = json!({ "plan": "pro" });
    let known = users.clone().flat_map(|user| ["a", "b"].map(|name| did(&format!("u{user}"), name, 5.0, plan.clone())));
    // In two sessions, the second step in the second one.
    let signing_in = users.flat_map(|user| {
        let user = format!("v{user}");
        [
            signs_in(&user, &format!("{user} first"), 9.0, &["a", "d"]),
            signs_in(&user, &format!("{user} second"), 5.0, &["b", "d"]),
        ]
        .concat()
    });
    let events: Vec<_> = known.chain(signing_in).collect();
    let app = app_with(&events, &[("WEIR_FUNNEL_EVENTS_MAX", "1000")]).await;
    for (parameters, one_in, actors) in [
        ("steps=a,b&range=1h", 12, vec![6_000, 3_000]),
        // Signing in is a step, so that the two sessions are one person.
        ("steps=a,b,d&range=1h&window=1h", 18, vec![6_000, 6_000, 3_000]),
    ] {
        let answer = get(&app, parameters).await.json;
        assert_eq!(answer["sampled_one_in"], one_in);
        let (counted, error) =
            (counts(&answer["steps"]), answer["steps"][0]["count_error"].as_u64().expect("an error"));
        // n × √(counted × (1 − 1/n)), where counted is about a share of 1/n: √(actors × (n − 1)).
        let expected_error = u64::isqrt(actors[0] * (one_in - 1));
        assert!(error.abs_diff(expected_error) < expected_error / 5, "{error}, not {expected_error}");
        for (counted, actors) in counted.iter().zip(actors) {
            assert_eq!(counted % one_in, 0);
            assert!(counted.abs_diff(actors) < 5 * error, "{counted} of {actors} ± {error}");
        }
    }
    // Values are read of those who are counted.
    let answer = get(&app, "steps=a,b&range=1h&breakdown=properties.plan").await.json;
    let groups = answer["breakdown"].as_array().expect("groups");
    let pro = groups.iter().find(|group| group["value"] == "pro").expect("a group");
    assert_eq!(counts(&pro["steps"]), [counts(&answer["steps"])[1]; 2]);
}

#[tokio::test]
async fn what_cannot_be_asked_is_told_what_would_be_right() {
    let app = app_with(&[], &[]).await;
    let reply = get(&app, "steps=a").await;
    assert_eq!((reply.status, &reply.json["error"]["code"]), (400, &json!("bad_parameters")), "{reply:?}");
    assert!(reply.text.contains("2 to 10 are needed, not 1"), "{reply:?}");
    let url = format!("{}/api/funnel", app.dashboard_url);
    let send = async |content_type: &str, body: String| {
        let request = app.http.post(&url).header("Content-Type", content_type).body(body);
        Reply::of(request.send().await.expect("a reply")).await
    };
    for (content_type, body, status, told) in [
        ("text/plain", "{}".to_owned(), 415, "Content-Type: application/json"),
        ("application/json", "{".to_owned(), 400, "EOF while parsing"),
        ("application/json", r#"{"steps":[],"limit":1}"#.to_owned(), 400, "unknown field `limit`"),
        ("application/json", " ".repeat(70_000), 413, "larger than 65536 bytes"),
    ] {
        let reply = send(content_type, body).await;
        assert_eq!(reply.status, status, "{reply:?}");
        assert!(reply.text.contains(told), "{reply:?}");
    }
    let empty = get(&app, "steps=a,b").await;
    assert_eq!((empty.status, counts(&empty.json["steps"])), (200, vec![0, 0]));
    assert_eq!(empty.json["steps"][1]["from_start_pct"], Value::Null);
}

#[tokio::test]
async fn funnels_are_saved_listed_replaced_and_deleted() {
    let app = app_with(&[], &[]).await;
    app.schema().await;
    let name = "Campaign: “50 %” – week 1";
    let mut url = reqwest::Url::parse(&format!("{}/api/funnels/", app.dashboard_url)).expect("a URL");
    url.path_segments_mut().expect("it has a path").pop().push(name);
    let list = async || app.get(&format!("{}/api/funnels", app.dashboard_url)).await.json["funnels"].clone();
    assert_eq!(list().await, json!([]));
    let put =
        async |funnel: &Value| Reply::of(app.http.put(url.clone()).json(funnel).send().await.expect("a reply")).await;
    for window in ["1h", "2h"] {
        let funnel = json!({ "steps": [{ "event_name": "a" }, { "event_name": "b" }], "window": window });
        let reply = put(&funnel).await;
        assert_eq!(
            (reply.status, &reply.json["name"], &reply.json["funnel"]["window"]),
            (200, &json!(name), &json!(window)),
            "{reply:?}"
        );
        assert_eq!(list().await, json!([reply.json]));
        let now_ms = app.now_ms.as_ref().expect("the clock stands");
        now_ms.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }
    let bad = put(&json!({ "steps": [{ "event_name": "a" }] })).await;
    assert_eq!((bad.status, list().await.as_array().map(Vec::len)), (400, Some(1)), "{bad:?}");
    let delete = async || Reply::of(app.http.delete(url.clone()).send().await.expect("a reply")).await.status;
    assert_eq!((delete().await, list().await, delete().await), (204, json!([]), 404));
    let long = app.http.delete(format!("{}/api/funnels/{}", app.dashboard_url, "x".repeat(101)));
    assert_eq!(Reply::of(long.send().await.expect("a reply")).await.status, 400);
}
