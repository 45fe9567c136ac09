//! Sends events to `POST /events` as an SDK would: several a request, a few requests at a time, and the same events
//! again when Weir cannot take them now.

use std::{
    error::Error,
    slice::Chunks,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use reqwest::{
    Client, StatusCode,
    header::{CONTENT_TYPE, RETRY_AFTER},
};
use serde_json::Value;

use super::event::Event;
use crate::config::Secret;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Wait before a request is sent again, doubled each time, unless the answer says how long.
pub const RETRY_WAIT_MIN: Duration = Duration::from_millis(500);
pub const RETRY_WAIT_MAX: Duration = Duration::from_secs(30);

/// Why sending cannot go on; whatever may pass is tried again instead.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    #[error("no request can be made to {endpoint}: {}", cause(.source))]
    Client { endpoint: String, source: reqwest::Error },
    #[error("an event is no JSON: {0}")]
    Encode(#[from] serde_json::Error),
    #[error("{endpoint} answered {status}: {message}")]
    Refused { endpoint: String, status: StatusCode, message: String },
}

/// Where events go, and how many went.
#[derive(Debug)]
pub struct Sender {
    http: Client,
    endpoint: String,
    write_key: Option<Secret>,
    accepted: AtomicU64,
    rejected: AtomicU64,
    /// Said once an outage, and once at all.
    outage_logged: AtomicBool,
    rejection_logged: AtomicBool,
}

/// Events that were answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    pub accepted: u64,
    pub rejected: u64,
}

/// What became of one attempt.
enum Attempt {
    Done,
    Again { wait: Option<Duration>, reason: String },
}

impl Sender {
    /// `url`: of the listener that takes events, with or without the path. `write_key`: where one is needed.
    pub fn new(url: &str, write_key: Option<Secret>) -> Result<Self, SendError> {
        let endpoint = format!("{}/events", url.trim_end_matches('/').trim_end_matches("/events"));
        Ok(Self {
            http: client(&endpoint)?,
            endpoint,
            write_key,
            accepted: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
            outage_logged: AtomicBool::new(false),
            rejection_logged: AtomicBool::new(false),
        })
    }

    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// So far.
    pub fn sent(&self) -> Sent {
        let count = |events: &AtomicU64| events.load(Ordering::Relaxed);
        Sent { accepted: count(&self.accepted), rejected: count(&self.rejected) }
    }

    /// Sends all events, in order of their requests; three requests are under way at most. Returns when all are taken.
    pub async fn send(&self, events: &[Event], events_per_request_max: usize) -> Result<(), SendError> {
        let requests = Mutex::new(events.chunks(events_per_request_max));
        tokio::try_join!(self.send_each(&requests), self.send_each(&requests), self.send_each(&requests))?;
        Ok(())
    }

    async fn send_each(&self, requests: &Mutex<Chunks<'_, Event>>) -> Result<(), SendError> {
        while let Some(events) = next(requests) {
            let faulty = events.iter().filter(|event| event.is_faulty()).count();
            self.send_request(Bytes::from(serde_json::to_vec(events)?), faulty).await?;
        }
        Ok(())
    }

    /// `faulty`: events in the body that are to be rejected.
    async fn send_request(&self, body: Bytes, faulty: usize) -> Result<(), SendError> {
        let mut wait_next = RETRY_WAIT_MIN;
        loop {
            let (wait, reason) = match self.attempt(body.clone(), faulty).await? {
                Attempt::Done => {
                    self.outage_logged.store(false, Ordering::Relaxed);
                    return Ok(());
                }
                Attempt::Again { wait, reason } => (wait.unwrap_or(wait_next), reason),
            };
            if !self.outage_logged.swap(true, Ordering::Relaxed) {
                tracing::warn!(endpoint = self.endpoint, reason, "events are not taken now; sending them again");
            }
            tokio::time::sleep(wait.min(RETRY_WAIT_MAX)).await;
            wait_next = (wait_next * 2).min(RETRY_WAIT_MAX);
        }
    }

    async fn attempt(&self, body: Bytes, faulty: usize) -> Result<Attempt, SendError> {
        let request = self.http.post(&self.endpoint).header(CONTENT_TYPE, "application/json").body(body);
        let request = match &self.write_key {
            Some(write_key) => request.bearer_auth(write_key.expose()),
            None => request,
        };
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) if error.is_builder() => {
                return Err(SendError::Client { endpoint: self.endpoint.clone(), source: error });
            }
            Err(error) => return Ok(Attempt::Again { wait: None, reason: cause(&error) }),
        };
        let status = response.status();
        let wait = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let wait = wait.and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs);
        let reply = match response.bytes().await {
            Ok(reply) => serde_json::from_slice(&reply).unwrap_or_default(),
            Err(error) => return Ok(Attempt::Again { wait, reason: cause(&error) }),
        };
        let message = message(&reply);
        let rejected = reply.get("rejected").and_then(Value::as_array).map_or(0, Vec::len);
        // 400 is the answer when no event is acceptable; it is no mistake if that is meant to be.
        let all_are_faulty = status == StatusCode::BAD_REQUEST && rejected > 0 && rejected == faulty;
        match status {
            _ if status == StatusCode::ACCEPTED || all_are_faulty => {
                let accepted = reply.get("accepted").and_then(Value::as_u64).unwrap_or_default();
                self.accepted.fetch_add(accepted, Ordering::Relaxed);
                self.rejected.fetch_add(rejected as u64, Ordering::Relaxed);
                if rejected > faulty {
                    self.log_rejection(&message);
                }
                Ok(Attempt::Done)
            }
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => {
                Ok(Attempt::Again { wait, reason: status.to_string() })
            }
            _ if status.is_server_error() => Ok(Attempt::Again { wait, reason: format!("{status}: {message}") }),
            _ => Err(SendError::Refused { endpoint: self.endpoint.clone(), status, message }),
        }
    }

    fn log_rejection(&self, reason: &str) {
        if !self.rejection_logged.swap(true, Ordering::Relaxed) {
            tracing::warn!(reason, "events were rejected that should not be");
        }
    }
}

/// For requests to one endpoint.
pub fn client(endpoint: &str) -> Result<Client, SendError> {
    let http = Client::builder().connect_timeout(CONNECT_TIMEOUT).timeout(REQUEST_TIMEOUT);
    // A proxy of the environment does not lead to this machine.
    let local = endpoint.contains("//127.") || endpoint.contains("//localhost") || endpoint.contains("//[::1]");
    let http = if local { http.no_proxy() } else { http };
    http.build().map_err(|source| SendError::Client { endpoint: endpoint.to_owned(), source })
}

/// The next request's events; a function of its own so that the lock is not held while they are sent.
fn next<'a>(requests: &Mutex<Chunks<'a, Event>>) -> Option<&'a [Event]> {
    requests.lock().unwrap_or_else(PoisonError::into_inner).next()
}

/// What lies at the bottom of an HTTP error: "connection refused" says more than "error sending request".
fn cause(error: &reqwest::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| (*cause).source());
    causes.last().map_or_else(|| error.to_string(), |cause| cause.to_string())
}

/// What a reply complains about: the request, or its first rejected event. Empty when it does not.
fn message(reply: &Value) -> String {
    let message = reply.pointer("/error/message").or_else(|| reply.pointer("/rejected/0/reason"));
    message.and_then(Value::as_str).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::{Router, extract::State, http::HeaderMap, routing::post};
    use tokio::{net::TcpListener, task::JoinSet};

    use super::*;
    use crate::demo::{story::Story, visitors::Model};

    type Answers = Arc<Mutex<Vec<(StatusCode, &'static str)>>>;
    type Bodies = Arc<Mutex<Vec<Bytes>>>;

    /// A listener that gives these answers, the last one first, and keeps the bodies.
    async fn listener(answers: &[(StatusCode, &'static str)]) -> (Sender, Bodies, JoinSet<()>) {
        let bodies = Bodies::default();
        let state: (Answers, Bodies) = (Arc::new(Mutex::new(answers.to_vec())), Arc::clone(&bodies));
        let take = async |State((answers, bodies)): State<(Answers, Bodies)>, body: Bytes| {
            bodies.lock().expect("not poisoned").push(body);
            let (status, text) = answers.lock().expect("not poisoned").pop().expect("an answer is left");
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, "0".parse().expect("a header value"));
            (status, headers, text)
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let router = Router::new().route("/events", post(take)).with_state(state);
            let _ = axum::serve(listener, router).await;
        });
        (Sender::new(&url, None).expect("a client"), bodies, tasks)
    }

    fn events() -> Vec<Event> {
        let story = Story { start_ms: 1_795_000_000_000, speed: 1 };
        Model { seed: 1, story, events_per_second: 1 }.history(0)
    }

    #[tokio::test]
    async fn refused_events_are_sent_again_unchanged() {
        let (sender, bodies, _tasks) = listener(&[
            (StatusCode::ACCEPTED, r#"{"accepted":9,"rejected":[]}"#),
            (StatusCode::SERVICE_UNAVAILABLE, r#"{"error":{"code":"journal_full","message":"full"}}"#),
        ])
        .await;
        sender.send(&events()[..9], 500).await.expect("taken the second time");
        assert_eq!(sender.sent(), Sent { accepted: 9, rejected: 0 });
        let bodies = bodies.lock().expect("not poisoned");
        assert_eq!(bodies.len(), 2);
        assert_eq!(bodies.first(), bodies.last());
    }

    #[tokio::test]
    async fn rejections_that_are_meant_to_be_are_counted_and_others_end_the_traffic() {
        let none = r#"{"accepted":0,"rejected":[{"index":0,"field":"country_code","reason":"no"}]}"#;
        let (sender, _, _tasks) = listener(&[
            (StatusCode::BAD_REQUEST, none),
            (StatusCode::BAD_REQUEST, none),
            (StatusCode::ACCEPTED, r#"{"accepted":1,"rejected":[{"index":0,"field":"country_code","reason":"no"}]}"#),
        ])
        .await;
        let events = events();
        let faulty = events.iter().find(|event| event.is_faulty()).expect("there are some").clone();
        let sound = events.iter().find(|event| !event.is_faulty()).expect("most are").clone();
        sender.send(&[faulty.clone(), sound.clone()], 500).await.expect("one is taken");
        sender.send(&[faulty], 500).await.expect("none is to be taken");
        assert_eq!(sender.sent(), Sent { accepted: 1, rejected: 2 });
        sender.send(&[sound], 500).await.expect_err("it should have been taken");
    }

    #[tokio::test]
    async fn a_wrong_address_is_told() {
        let (sender, _, _tasks) =
            listener(&[(StatusCode::NOT_FOUND, r#"{"error":{"code":"not_found","message":"nothing here"}}"#)]).await;
        let error = sender.send(&events()[..1], 500).await.expect_err("refused for good");
        assert_eq!(error.to_string(), format!("{} answered 404 Not Found: nothing here", sender.endpoint()));
    }

    #[tokio::test]
    async fn requests_keep_their_bound() {
        let (sender, bodies, _tasks) = listener(&[(StatusCode::ACCEPTED, "{}"); 3]).await;
        sender.send(&events()[..25], 10).await.expect("taken");
        let count = |body: &Bytes| serde_json::from_slice::<Vec<Value>>(body).expect("an array").len();
        let mut counts: Vec<_> = bodies.lock().expect("not poisoned").iter().map(count).collect();
        counts.sort_unstable();
        assert_eq!(counts, [5, 10, 10]);
    }
}
