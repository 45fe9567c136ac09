//! Who may do what: keys, the password, tokens and links, on the routes of both listeners and on the command line.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{Arc, atomic::AtomicI64},
    time::Duration,
};

use reqwest::{Method, RequestBuilder, StatusCode, header::HeaderMap};
use serde_json::{Value, json};
use weir::{
    access::{Access, Purpose, Scope},
    clock::Clock,
    config::Secret,
    http::{Gate, Need, Route, dashboard_routes, ingest_routes},
};

use crate::{
    app::{Reply, Settings, Stopped, TestApp, event, eventually},
    process::free_ports,
};

const PASSWORD: &str = "correct horse battery staple";

/// A program that is not open, and a token that may do everything.
pub struct Guarded {
    pub app: TestApp,
    admin: String,
}

impl Guarded {
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    pub async fn start_with(settings: Settings<'_>) -> Self {
        let settings = [&[("WEIR_AUTH", "required")], settings].concat();
        let app = TestApp::start_with(&settings).await;
        app.schema().await;
        let access = Access::new(app.store(), Clock::System, None).expect("no file");
        let created = access.create("tests", Purpose::Token { scope: Scope::Admin }, None).await;
        let admin = created.expect("it is made").1.expose().to_owned();
        let guarded = Self { app, admin };
        // What it makes at its first start is not what these tests are about.
        let kept = "SELECT uniq(kind) FROM weir_definitions WHERE kind = 'password' OR definition LIKE '%write_key%'";
        eventually("a first key and password", || async { guarded.app.select(kept).await.as_deref() == Some("2") })
            .await;
        let all = reply(guarded.as_admin(Method::GET, "/api/credentials")).await;
        let first = all.json["credentials"].as_array().into_iter().flatten().find(|each| each["name"] == "first");
        guarded.revoke(first.expect("it is listed")["id"].as_str().expect("a text")).await;
        guarded
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.app.http.request(method, format!("{}{path}", self.app.dashboard_url))
    }

    fn as_admin(&self, method: Method, path: &str) -> RequestBuilder {
        self.request(method, path).bearer_auth(&self.admin)
    }

    /// Makes a credential; its id and its secret.
    async fn create(&self, credential: Value) -> (String, String) {
        let reply = reply(self.as_admin(Method::POST, "/api/credentials").json(&credential)).await;
        assert_eq!(reply.status, 201, "{reply:?}");
        let text = |name: &str| reply.json[name].as_str().expect("a text").to_owned();
        (text("id"), text("secret"))
    }

    /// The secret of a new write key.
    pub async fn write_key(&self, fields: Value) -> String {
        let mut credential = json!({ "kind": "write_key", "name": "a key", "origins": [] });
        merge(&mut credential, fields);
        self.create(credential).await.1
    }

    async fn token(&self, scope: &str) -> String {
        self.create(json!({ "kind": "token", "name": "a token", "scope": scope })).await.1
    }

    async fn revoke(&self, id: &str) {
        let reply = reply(self.as_admin(Method::DELETE, &format!("/api/credentials/{id}"))).await;
        assert_eq!(reply.status, 204, "{reply:?}");
    }

    fn events(&self, query: &str) -> RequestBuilder {
        let request = self.app.http.post(format!("{}/events{query}", self.app.ingest_url));
        request.header("Content-Type", "application/json").body(json!([event(json!({}))]).to_string())
    }

    async fn set_password(&self) {
        let access = Access::new(self.app.store(), Clock::System, None).expect("no file");
        access.set_password(Secret::new(PASSWORD)).await.expect("it is set");
    }

    async fn sign_in(&self, password: &str) -> reqwest::Response {
        let request = self.request(Method::POST, "/api/session").json(&json!({ "password": password }));
        request.send().await.expect("a reply")
    }

    /// The cookie of somebody who has signed in.
    async fn session(&self) -> String {
        let reply = self.sign_in(PASSWORD).await;
        assert_eq!(reply.status(), 204);
        cookie(reply.headers())
    }
}

fn merge(object: &mut Value, fields: Value) {
    let (Value::Object(object), Value::Object(fields)) = (object, fields) else { return };
    object.extend(fields);
}

async fn reply(request: RequestBuilder) -> Reply {
    Reply::of(request.send().await.expect("a reply")).await
}

/// What a browser would send back.
fn cookie(headers: &HeaderMap) -> String {
    let set = headers.get("set-cookie").expect("a cookie").to_str().expect("a text");
    set.split(';').next().expect("a pair").to_owned()
}

/// Every reply, also one that refuses, tells browsers what not to do with it.
fn assert_secure(headers: &HeaderMap, of: &str) {
    for name in [
        "x-content-type-options",
        "referrer-policy",
        "content-security-policy",
        "cross-origin-opener-policy",
        "permissions-policy",
    ] {
        assert!(headers.contains_key(name), "{of} lacks {name}: {headers:?}");
    }
    let policy = headers["content-security-policy"].to_str().expect("text");
    assert!(policy.contains("default-src") && policy.contains("frame-ancestors 'none'"), "{of}: {policy}");
    assert!(!policy.contains("script-src") && !policy.contains("unsafe-eval"), "{of}: {policy}");
}

fn code(reply: &Reply) -> &str {
    reply.json["error"]["code"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn events_need_a_write_key_wherever_it_is_written() {
    let guarded = Guarded::start().await;
    let (id, key) = guarded.create(json!({ "kind": "write_key", "name": "web", "origins": [] })).await;
    let token = guarded.token("admin").await;
    // With a header that hyper is needed for, and without.
    for more in
        [HeaderMap::new(), HeaderMap::from_iter([("x-more".parse().expect("a name"), "1".parse().expect("a value"))])]
    {
        let events = |query: &str| guarded.events(query).headers(more.clone());
        for (request, status, expected) in [
            (events(""), 401, "no_key"),
            (events("").bearer_auth("wk_nonsense"), 401, "unknown_key"),
            (events("").bearer_auth(&key[..key.len() - 1]), 401, "unknown_key"),
            (events("").bearer_auth(format!("{key}0")), 401, "unknown_key"),
            (events("").bearer_auth(&token), 403, "not_a_write_key"),
            (events("?write_key=").header("x-y", "z"), 401, "unknown_key"),
        ] {
            let reply = reply(request).await;
            assert_eq!((reply.status, code(&reply)), (status, expected), "{reply:?}");
        }
        for request in [
            events("").bearer_auth(&key),
            events("").basic_auth(&key, Some("")),
            events("").header("X-Write-Key", &key),
            events(&format!("?write_key={key}")),
        ] {
            assert_eq!(reply(request).await.status, 202);
        }
    }
    guarded.app.stored(8).await;
    guarded.revoke(&id).await;
    assert_eq!(code(&reply(guarded.events("").bearer_auth(&key)).await), "unknown_key");
}

#[tokio::test]
async fn pages_of_allowed_origins_alone_may_send() {
    let guarded = Guarded::start().await;
    let key = guarded.write_key(json!({ "origins": ["https://app.example.com"] })).await;
    let other = guarded.write_key(json!({ "origins": ["https://other.example.com"] })).await;
    let allowed = |headers: &HeaderMap| {
        headers.get("access-control-allow-origin").map(|value| value.to_str().expect("text").to_owned())
    };
    for (origin, expected) in [
        ("https://app.example.com", Some("https://app.example.com")),
        ("https://other.example.com", Some("https://other.example.com")),
        ("https://evil.example.com", None),
        ("http://app.example.com", None),
        ("null", None),
    ] {
        let preflight = guarded.app.http.request(Method::OPTIONS, format!("{}/events", guarded.app.ingest_url));
        let preflight = preflight.header("Origin", origin).header("Access-Control-Request-Method", "POST");
        let preflight = preflight.header("Access-Control-Request-Headers", "authorization,content-type");
        let reply = preflight.send().await.expect("a reply");
        assert_eq!(allowed(reply.headers()).as_deref(), expected, "a preflight from {origin}");
        let reply = guarded.events("").bearer_auth(&key).header("Origin", origin).send().await.expect("a reply");
        assert_eq!(allowed(reply.headers()).as_deref(), expected, "events from {origin}");
        assert_eq!(reply.status() == StatusCode::ACCEPTED, origin == "https://app.example.com", "{origin}");
    }
    let refused = reply(guarded.events("").bearer_auth(&other).header("Origin", "https://app.example.com")).await;
    assert_eq!((refused.status, code(&refused)), (403, "origin_not_allowed"));
    let any = guarded.write_key(json!({ "origins": ["*"] })).await;
    for origin in ["https://anything.example.com", "null"] {
        assert_eq!(reply(guarded.events("").bearer_auth(&any).header("Origin", origin)).await.status, 202);
    }
    let from_a_server = reply(guarded.events("").bearer_auth(&key)).await;
    assert_eq!(from_a_server.status, 202, "a server has no origin");
}

#[tokio::test]
async fn a_key_that_floods_is_told_when_to_come_again_and_others_are_not_held_up() {
    let guarded = Guarded::start().await;
    let flooding = guarded.write_key(json!({ "events_per_second": 5 })).await;
    let other = guarded.write_key(json!({})).await;
    let mut replies: BTreeMap<u16, u32> = BTreeMap::new();
    for _ in 0..500 {
        let reply = guarded.events("").bearer_auth(&flooding).send().await.expect("a reply");
        if reply.status() == StatusCode::TOO_MANY_REQUESTS {
            let seconds = reply.headers()["retry-after"].to_str().expect("text").parse::<u64>().expect("seconds");
            assert!((1..=2).contains(&seconds), "{seconds}");
        }
        *replies.entry(reply.status().as_u16()).or_default() += 1;
        if replies.values().sum::<u32>() % 10 == 0 {
            assert_eq!(reply_of(&guarded, &other).await, 202, "another key is not held up");
        }
    }
    assert_eq!(replies.keys().collect::<Vec<_>>(), [&202, &429], "{replies:?}");
    assert!(replies[&202] >= 5 && replies[&429] > 100, "{replies:?}");
    guarded.app.stored(u64::from(replies[&202]) + 50).await;
    let refused = guarded.app.http.get(format!("{}/metrics", guarded.app.ingest_url)).bearer_auth(&guarded.admin);
    let line = format!("weir_ingest_requests_failed_total{{status=\"429\"}} {}", replies[&429]);
    let metrics = reply(refused).await.text;
    assert!(metrics.contains(&line), "{line} is not in\n{metrics}");
}

async fn reply_of(guarded: &Guarded, key: &str) -> u16 {
    reply(guarded.events("").bearer_auth(key)).await.status
}

/// The decision about each route. A new one stands here, too.
#[tokio::test]
async fn every_route_is_for_those_that_it_is_for() {
    let guarded = Guarded::start().await;
    guarded.set_password().await;
    let access = Access::new(guarded.app.store(), Clock::System, None).expect("no file");
    let gate = Gate::new(access, false);
    let (dashboard, ingest) = (dashboard_routes(gate.clone()), ingest_routes(gate));
    let line = |Route { method, path, need }: &Route| match need {
        Need::Nothing => format!("{method} {path}: anybody"),
        Need::Scope(scope) => format!("{method} {path}: {scope}"),
    };
    insta::assert_snapshot!(dashboard.iter().chain(&ingest).map(line).collect::<Vec<_>>().join("\n"), @r"
    GET /api/session: anybody
    POST /api/session: anybody
    DELETE /api/session: anybody
    DELETE /api/sessions: admin
    GET /share/{link}: anybody
    GET /api/openapi.json: anybody
    GET /api/info: read
    GET /api/stream: read
    GET /api/queries/{name}: read
    GET /api/funnel: read
    POST /api/funnel: read
    GET /api/funnels: read
    PUT /api/funnels/{name}: annotate
    DELETE /api/funnels/{name}: annotate
    GET /api/annotations: read
    POST /api/annotations: annotate
    DELETE /api/annotations/{id}: annotate
    DELETE /api/users/{id}: admin
    GET /api/erasures: admin
    GET /api/erasures/{id}: admin
    GET /api/rejected: read
    GET /api/status: read
    GET /api/credentials: admin
    POST /api/credentials: admin
    DELETE /api/credentials/{id}: admin
    GET /health: anybody
    GET /metrics: read
    ");

    let link = guarded.create(json!({ "kind": "share_link", "name": "x", "page": "/errors", "days": 1 })).await.1;
    let callers = [
        ("nobody", None, HeaderMap::new()),
        ("a write key", None, bearer(&guarded.write_key(json!({})).await)),
        ("a link", Some(Scope::Read), cookies(&format!("weir_share={link}"))),
        ("read", Some(Scope::Read), bearer(&guarded.token("read").await)),
        ("annotate", Some(Scope::Annotate), bearer(&guarded.token("annotate").await)),
        ("admin", Some(Scope::Admin), bearer(&guarded.token("admin").await)),
    ];
    // Of a link, only what its page asks.
    let of_errors = ["/api/info", "/api/stream", "/api/annotations", "/api/queries/{name}"];
    for (name, scope, headers) in callers {
        for (url, route) in dashboard
            .iter()
            .map(|route| (&guarded.app.dashboard_url, route))
            .chain(ingest.iter().map(|route| (&guarded.app.ingest_url, route)))
        {
            let is_asked = name != "a link" || of_errors.contains(&route.path) || route.need == Need::Nothing;
            let may = match route.need {
                Need::Nothing => true,
                // Cookies are the dashboard's.
                Need::Scope(needed) => scope.is_some_and(|scope| scope >= needed) && is_asked,
            };
            let path = route.path.replace("/queries/{name}", "/queries/error_rate").replace(['{', '}'], "");
            let request =
                guarded.app.http.request(route.method.clone(), format!("{url}{path}")).headers(headers.clone());
            let reply = request.send().await.expect("a reply");
            assert_secure(reply.headers(), &line(route));
            let status = reply.status().as_u16();
            let is_denied = matches!(status, 401 | 403);
            assert_eq!(is_denied, !may, "{name} at {}: {status}", line(route));
            assert_eq!(status == 401, !may && name == "nobody", "{name} at {}: {status}", line(route));
        }
    }
}

#[tokio::test]
async fn pages_and_what_is_not_there_tell_browsers_what_not_to_do() {
    let app = TestApp::start().await;
    for path in ["/", "/funnels", "/nonsense", "/assets/nothing.js", "/api/nonsense", "/share/nonsense"] {
        let reply = app.get(&format!("{}{path}", app.dashboard_url)).await;
        assert_secure(&reply.headers, path);
        assert_eq!(reply.headers["cross-origin-resource-policy"], "same-origin", "{path}");
        assert!(!reply.headers.contains_key("strict-transport-security"), "{path} came without TLS");
    }
    for path in ["/health", "/metrics", "/events", "/nonsense"] {
        assert_secure(&app.get(&format!("{}{path}", app.ingest_url)).await.headers, path);
    }
    assert_eq!(app.post("[]").await.headers["x-content-type-options"], "nosniff");
}

fn bearer(secret: &str) -> HeaderMap {
    HeaderMap::from_iter([(
        "authorization".parse().expect("a name"),
        format!("Bearer {secret}").parse().expect("a value"),
    )])
}

fn cookies(pair: &str) -> HeaderMap {
    HeaderMap::from_iter([("cookie".parse().expect("a name"), pair.parse().expect("a value"))])
}

#[tokio::test]
async fn a_session_lasts_until_somebody_signs_out_or_the_password_changes() {
    let guarded = Guarded::start().await;
    guarded.set_password().await;
    let info = |cookie: &str| reply(guarded.request(Method::GET, "/api/info").headers(cookies(cookie)));
    let who = |cookie: &str| reply(guarded.request(Method::GET, "/api/session").headers(cookies(cookie)));
    assert_eq!(code(&info("weir_session=se_1_a").await), "not_signed_in");
    assert_eq!(who("").await.json, json!({ "caller": "nobody", "scope": null, "page": null }));

    let wrong = Reply::of(guarded.sign_in("wrong password").await).await;
    assert_eq!((wrong.status, code(&wrong)), (401, "wrong_password"));
    let signed_in = guarded.sign_in(PASSWORD).await;
    let set = signed_in.headers()["set-cookie"].to_str().expect("text").to_owned();
    for attribute in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=604800"] {
        assert!(set.contains(attribute), "{set}");
    }
    assert!(!set.contains("Secure"), "it would not come back without TLS: {set}");
    let first = cookie(signed_in.headers());
    let [second, third] = [guarded.session().await, guarded.session().await];
    assert_eq!(info(&first).await.status, 200);
    assert_eq!(who(&first).await.json, json!({ "caller": "session", "scope": "admin", "page": null }));

    let end = |path: &str, cookie: &str| reply(guarded.request(Method::DELETE, path).headers(cookies(cookie)));
    assert_eq!(end("/api/session", &first).await.status, 204);
    assert_eq!([info(&first).await.status, info(&second).await.status], [401, 200]);
    assert_eq!(end("/api/sessions", &second).await.status, 204);
    assert_eq!([info(&second).await.status, info(&third).await.status], [401, 401]);

    let fourth = guarded.session().await;
    guarded.set_password().await;
    eventually("the end of the session", || async { info(&fourth).await.status == 401 }).await;
    let kept = guarded.app.select("SELECT groupArray(definition) FROM weir_definitions").await.expect("rows");
    assert!(kept.contains("$argon2id$") && !kept.contains(PASSWORD));
    for session in [first, second, third, fourth] {
        let (_, text) = session.split_once('=').expect("a pair");
        // A secret may have underscores of its own.
        let secret = text.splitn(3, '_').nth(2).expect("three parts");
        assert!(!kept.contains(secret), "{secret} in {kept}");
    }
}

#[tokio::test]
async fn guesses_are_few() {
    let guarded = Guarded::start().await;
    guarded.set_password().await;
    let mut statuses = Vec::new();
    for _ in 0..8 {
        let reply = guarded.sign_in("a wrong password").await;
        if reply.status() == StatusCode::TOO_MANY_REQUESTS {
            let seconds: u64 = reply.headers()["retry-after"].to_str().expect("text").parse().expect("seconds");
            assert!((1..=21).contains(&seconds), "{seconds}");
        }
        statuses.push(reply.status().as_u16());
    }
    assert_eq!(statuses, [401, 401, 401, 401, 401, 429, 429, 429]);
    assert_eq!(guarded.sign_in(PASSWORD).await.status(), 429, "the right one is a guess, too");
}

#[tokio::test]
async fn pages_of_other_sites_change_nothing_with_a_session() {
    let guarded = Guarded::start().await;
    guarded.set_password().await;
    let session = guarded.session().await;
    let annotate = |name: &'static str, value: &str| {
        let request = guarded.request(Method::POST, "/api/annotations").headers(cookies(&session));
        reply(request.header(name, value).json(&json!({ "text": "deployed" })))
    };
    for (name, value) in
        [("Origin", "https://evil.example"), ("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Site", "same-site")]
    {
        let refused = annotate(name, value).await;
        assert_eq!((refused.status, code(&refused)), (403, "other_site"), "{name}: {value}");
    }
    assert_eq!(annotate("Origin", &guarded.app.dashboard_url).await.status, 201);
    assert_eq!(annotate("Sec-Fetch-Site", "same-origin").await.status, 201);
}

#[tokio::test]
async fn a_link_leads_to_its_page_and_to_nothing_else_until_it_is_revoked() {
    let guarded = Guarded::start().await;
    let link = json!({ "kind": "share_link", "name": "wall", "page": "/errors?range=24h", "days": 7 });
    let (id, secret) = guarded.create(link).await;
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
    let follow =
        || async { http.get(format!("{}/share/{secret}", guarded.app.dashboard_url)).send().await.expect("a reply") };
    let followed = follow().await;
    assert_eq!(
        (followed.status().as_u16(), &followed.headers()["location"]),
        (303, &"/errors?range=24h".parse().expect("a value"))
    );
    let link = cookie(followed.headers());
    let get = |path: &str| reply(guarded.request(Method::GET, path).headers(cookies(&link)));
    assert_eq!(get("/api/queries/error_breakdown?range=24h").await.status, 200);
    for path in
        ["/api/queries/active_users", "/api/queries/live_events", "/api/rejected", "/api/status", "/api/credentials"]
    {
        let refused = get(path).await;
        assert_eq!((refused.status, code(&refused)), (403, "other_page"), "{path}");
    }
    let write = guarded.request(Method::POST, "/api/annotations").headers(cookies(&link)).json(&json!({ "text": "x" }));
    assert_eq!(code(&reply(write).await), "scope_needed");
    assert_eq!(
        get("/api/session").await.json,
        json!({ "caller": "share_link", "scope": "read", "page": "/errors?range=24h" })
    );
    guarded.revoke(&id).await;
    assert_eq!(get("/api/queries/error_rate").await.status, 401);
    assert_eq!(follow().await.status(), 404);

    for (wrong, field) in [
        (json!({ "kind": "share_link", "name": "x", "page": "/live", "days": 1 }), "page must be"),
        (json!({ "kind": "share_link", "name": "x", "page": "/errors" }), "must expire"),
        (json!({ "kind": "write_key", "name": "", "origins": [] }), "name has 1 to 100"),
        (json!({ "kind": "write_key", "name": "x", "origins": ["example.com"] }), "an origin is"),
        (json!({ "kind": "write_key", "name": "x", "origins": [], "events_per_second": 0 }), "events_per_second"),
        (json!({ "kind": "session", "name": "x" }), "sessions are made by signing in"),
        (json!({ "kind": "token", "name": "x", "scope": "read", "days": 0 }), "days must be"),
        (json!({ "kind": "token", "name": "x", "scope": "read", "days": 3_651 }), "days must be"),
        (json!({ "kind": "token", "name": "x".repeat(101), "scope": "read" }), "name has 1 to 100"),
        (json!({ "kind": "write_key", "name": "x", "origins": vec!["https://a.example"; 101] }), "at most 100"),
    ] {
        let refused = reply(guarded.as_admin(Method::POST, "/api/credentials").json(&wrong)).await;
        assert_eq!(refused.status, 400, "{wrong}: {refused:?}");
        assert!(refused.text.contains(field), "{refused:?}");
    }
}

#[tokio::test]
async fn what_is_open_answers_to_names_of_this_machine_alone() {
    let app = TestApp::start().await;
    let get = |url: String, host: &'static str| reply(app.http.get(url).header("Host", host));
    let info = format!("{}/api/info", app.dashboard_url);
    assert_eq!(get(info.clone(), "localhost:3000").await.status, 200);
    let refused = get(info, "evil.example").await;
    assert_eq!((refused.status, code(&refused)), (403, "other_name"));
    for (name, value) in [("X-Forwarded-For", "198.51.100.7"), ("Via", "1.1 proxy"), ("Forwarded", "for=198.51.100.7")]
    {
        let through_proxy = reply(app.http.get(format!("{}/api/info", app.dashboard_url)).header(name, value)).await;
        assert_eq!((through_proxy.status, code(&through_proxy)), (403, "forwarded"), "{name}");
    }
    // Monitors name a service as they like.
    assert_eq!(get(format!("{}/health", app.ingest_url), "weir.internal").await.status, 200);
    let annotate =
        app.http.post(format!("{}/api/annotations", app.dashboard_url)).header("Origin", "https://evil.example");
    assert_eq!(code(&reply(annotate.json(&json!({ "text": "x" }))).await), "other_site");
}

#[tokio::test]
async fn keys_are_known_while_clickhouse_is_away() {
    let guarded = Guarded::start().await;
    let key = guarded.write_key(json!({})).await;
    let Guarded { app, .. } = guarded;
    let stopped = app.stop().await;
    let away = [("WEIR_AUTH", "required"), ("CLICKHOUSE_URL", "http://127.0.0.1:9")];
    let directory = tempfile::tempdir().expect("a directory");
    let new = Stopped { database: stopped.database.clone(), directory: directory.into() };
    let events = |app: &TestApp, key: &str| {
        let request = app.http.post(format!("{}/events", app.ingest_url)).bearer_auth(key);
        reply(request.header("Content-Type", "application/json").body(json!([event(json!({}))]).to_string()))
    };
    let app = TestApp::restart_with(stopped, &away).await;
    assert_eq!(events(&app, &key).await.status, 202);
    assert_eq!(events(&app, "wk_1_a").await.status, 401);
    // Sessions are not: they may be valid, and nobody is to sign in again for it.
    for path in ["/api/info", "/api/session"] {
        let request = app.http.get(format!("{}{path}", app.dashboard_url));
        let session = reply(request.headers(cookies("weir_session=se_1_a"))).await;
        assert_eq!((session.status, code(&session)), (503, "access_not_known"), "{path}");
    }
    let app = TestApp::restart_with(new, &away).await;
    let unknown = app.http.post(format!("{}/events", app.ingest_url)).bearer_auth(&key).send().await.expect("a reply");
    assert!(unknown.headers().contains_key("retry-after"));
    let unknown = Reply::of(unknown).await;
    assert_eq!((unknown.status, code(&unknown)), (503, "access_not_known"));
}

#[tokio::test]
async fn credentials_are_bounded_and_one_that_is_revoked_makes_room() {
    let guarded = Guarded::start().await;
    // Beside the token that the tests use.
    let others = r#"INSERT INTO weir_definitions SELECT 'credential', toString(number), concat('{"id":"', toString(number),
        '","name":"x","purpose":{"kind":"token","scope":"read"},"created_at_ms":0,"expires_at_ms":null,"hash":""}'), now64(3)
        FROM numbers(999)"#;
    guarded.app.select(others).await.expect("stored");
    let token = json!({ "kind": "token", "name": "x", "scope": "read" });
    let make = || reply(guarded.as_admin(Method::POST, "/api/credentials").json(&token));
    let refused = make().await;
    assert_eq!((refused.status, code(&refused)), (409, "too_many_credentials"));
    guarded.revoke("0").await;
    assert_eq!(make().await.status, 201);
}

#[tokio::test]
async fn sessions_are_bounded_and_the_oldest_makes_room() {
    let guarded = Guarded::start().await;
    guarded.set_password().await;
    let others = r#"INSERT INTO weir_definitions SELECT 'session', toString(number), concat('{"id":"', toString(number),
        '","name":"session","purpose":{"kind":"session"},"created_at_ms":', toString(number), ',"expires_at_ms":null,"hash":""}'),
        now64(3) FROM numbers(1000)"#;
    guarded.app.select(others).await.expect("stored");
    guarded.session().await;
    let kept =
        "SELECT count(), countIf(name = '0') FROM weir_definitions FINAL WHERE kind = 'session' AND definition != ''";
    assert_eq!(guarded.app.select(kept).await.as_deref(), Some("1000\t0"));
}

/// An `Access` of another node, whose clock is off.
fn with_clock(app: &TestApp, off_ms: i64) -> Arc<Access> {
    let now_ms = Arc::new(AtomicI64::new(Clock::System.now_ms() + off_ms));
    Access::new(app.store(), Clock::Fixed(now_ms), None).expect("no file")
}

#[tokio::test]
async fn what_is_revoked_on_a_machine_whose_clock_is_behind_is_revoked() {
    let guarded = Guarded::start().await;
    let (id, key) = guarded.create(json!({ "kind": "write_key", "name": "web", "origins": [] })).await;
    let behind = with_clock(&guarded.app, -300_000);
    assert!(behind.revoke(&id).await.expect("an answer"));
    eventually("the end of the key", || async { reply_of(&guarded, &key).await == 401 }).await;
    behind.set_password(Secret::new(PASSWORD)).await.expect("it is set");
    behind.set_password(Secret::new("another password")).await.expect("it is set");
    assert_eq!(guarded.sign_in(PASSWORD).await.status(), 401);
    assert_eq!(guarded.sign_in("another password").await.status(), 204);
}

#[tokio::test]
async fn what_has_expired_makes_room() {
    let guarded = Guarded::start().await;
    let link = json!({ "kind": "share_link", "name": "x", "page": "/errors", "days": 1 });
    let (expired, _) = guarded.create(link).await;
    let purpose = Purpose::Token { scope: Scope::Read };
    with_clock(&guarded.app, 48 * 3_600_000).create("later", purpose, None).await.expect("it is made");
    let gone = format!("SELECT count() FROM weir_definitions FINAL WHERE name = '{expired}' AND definition = ''");
    assert_eq!(guarded.app.select(&gone).await.as_deref(), Some("1"));
}

#[tokio::test]
async fn another_node_knows_of_a_session_at_once_and_of_a_revoked_key_soon() {
    let guarded = Guarded::start().await;
    guarded.set_password().await;
    let other = TestApp::start_dashboard_with(&guarded.app, &[("WEIR_AUTH", "required")]).await;
    let session = guarded.session().await;
    let status = || async {
        let request = other.http.get(format!("{}/api/info", other.dashboard_url)).headers(cookies(&session));
        reply(request).await.status
    };
    eventually("the session on the other node", || async { status().await == 200 }).await;
    guarded.request(Method::DELETE, "/api/sessions").headers(cookies(&session)).send().await.expect("a reply");
    eventually("its end there", || async { status().await == 401 }).await;
    tokio::time::timeout(Duration::from_secs(30), other.stop()).await.expect("an orderly end");
}

/// A data directory, and the commands that are run on it as an operator would.
struct Operator {
    directory: tempfile::TempDir,
    ports: [u16; 3],
}

impl Operator {
    fn command(&self, arguments: &[&str]) -> Command {
        let [ingest, dashboard, engine] = self.ports;
        let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
        command.args(arguments).stderr(Stdio::null()).env("WEIR_AUTH", "required");
        command.env("WEIR_DATA_DIR", self.directory.path().join("data")).env("WEIR_ENGINE_PORT", engine.to_string());
        command.env("WEIR_INGEST_ADDR", format!("127.0.0.1:{ingest}"));
        command.env("WEIR_DASHBOARD_ADDR", format!("127.0.0.1:{dashboard}"));
        command
    }

    /// Starts `weir serve`, which prints to a file.
    fn serve(&self, printed: &Path) -> Serving {
        let printed = File::create(printed).expect("a file");
        Serving(self.command(&["serve"]).stdout(printed).spawn().expect("it starts"))
    }

    async fn run(&self, arguments: &[&str], input: &str) -> Output {
        let mut child =
            self.command(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
        child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("written");
        tokio::task::spawn_blocking(|| child.wait_with_output()).await.expect("no panic").expect("an end")
    }

    /// What a command prints, which must be a success.
    async fn told(&self, arguments: &[&str], input: &str) -> String {
        let output = self.run(arguments, input).await;
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).expect("text").trim().to_owned()
    }

    async fn send(&self, key: &str) -> u16 {
        let request = reqwest::Client::new().post(format!("http://127.0.0.1:{}/events", self.ports[0]));
        let request = request.bearer_auth(key).json(&json!([event(json!({}))]));
        request.send().await.map_or(0, |reply| reply.status().as_u16())
    }

    async fn sign_in(&self, password: &str) -> u16 {
        let request = reqwest::Client::new().post(format!("http://127.0.0.1:{}/api/session", self.ports[1]));
        let request = request.json(&json!({ "password": password }));
        request.send().await.map_or(0, |reply| reply.status().as_u16())
    }
}

/// It does not outlive the test.
struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        // An ended process is no error.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn files_under(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() { files_under(&path) } else { vec![path] }).collect()
}

#[tokio::test]
async fn a_first_key_and_password_are_told_once_and_an_operator_manages_the_rest() {
    let operator = Operator { directory: tempfile::tempdir().expect("a directory"), ports: free_ports() };
    let printed = operator.directory.path().join("printed");
    let serving = operator.serve(&printed);
    let told = |name: &str| {
        let text = fs::read_to_string(&printed).expect("text");
        text.lines().find_map(|line| Some(line.trim().strip_prefix(name)?.trim().to_owned()))
    };
    eventually("a first key and password", || async { told("Write key").is_some() && told("Password").is_some() })
        .await;
    let (first, password) = (told("Write key").expect("a key"), told("Password").expect("a password"));
    assert_eq!((operator.send(&first).await, operator.sign_in(&password).await), (202, 204));

    let web = operator.told(&["key", "create", "web", "--origin", "https://app.example.com"], "").await;
    eventually("the new key", || async { operator.send(&web).await == 202 }).await;
    let listed = operator.told(&["key", "list"], "").await;
    let line = listed.lines().find(|line| line.contains("\"web\"  write key for https://app.example.com, since "));
    let id = line.expect("it is listed").split(' ').next().expect("an id").to_owned();
    assert!(!listed.contains(&web) && listed.contains("\"first\""), "{listed}");
    assert!(!operator.run(&["token", "revoke", &id], "").await.status.success(), "it is no token");
    operator.told(&["key", "revoke", &id], "").await;
    eventually("its end", || async { operator.send(&web).await == 401 }).await;

    let token = operator.told(&["token", "create", "grafana", "--days", "30"], "").await;
    let link = operator.told(&["link", "create", "lobby", "/?wall"], "").await;
    assert!(token.starts_with("at_") && link.starts_with("/share/sl_"), "{token} {link}");
    assert!(!operator.run(&["password"], "too short\n").await.status.success());
    operator.told(&["password"], &format!("{PASSWORD}\n")).await;
    assert_eq!((operator.sign_in(PASSWORD).await, operator.sign_in(&password).await), (204, 401));

    drop(serving);
    let _serving = operator.serve(&printed);
    eventually("the key after a restart", || async { operator.send(&first).await == 202 }).await;
    assert_eq!(fs::read_to_string(&printed).expect("text"), "", "it is told once");
    for file in files_under(&operator.directory.path().join("data")) {
        let Ok(bytes) = fs::read(&file) else { continue };
        for secret in [&first, &password, &web, &token, PASSWORD] {
            let found = memchr::memmem::find(&bytes, secret.as_bytes());
            assert!(found.is_none(), "{} holds {secret}", file.display());
        }
    }
}
