//! `weir replay-rejected`: sends the events that were not taken again, after what was wrong has been put right.
//!
//! In: rows of `GET /api/rejected`. Out: requests to `POST /events`, and a line that says what became of them.
//!
//! A row that has been answered, be it with another rejection, is written down by its id in `WEIR_DATA_DIR/replayed`, and
//! is not sent again. (Rejected again, it is a new row with the new reason.)
//!
//! Limits: events and bytes of a request, attempts, the time that ids are remembered.

use std::{
    collections::{HashMap, HashSet},
    fs::{DirBuilder, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::DirBuilderExt,
    path::Path,
    time::Duration,
};

use reqwest::{Client, RequestBuilder, StatusCode};
use rustix::fs::{FlockOperation, flock};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    clock::Clock,
    config::{ClientConfig, Secret},
    http::RejectedReply,
    queries::{REJECTED_ROWS_MAX, RejectedRow},
};

const EVENTS_PER_REQUEST_MAX: usize = 500;
const REQUEST_BYTES_MAX: usize = 4 * 1024 * 1024;
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Attempts to send a request that is answered "not now".
const ATTEMPTS_MAX: u32 = 10;
const ATTEMPT_INTERVAL: Duration = Duration::from_secs(2);
/// Rejected events are kept for a year at most; their ids are remembered for longer.
const REMEMBERED_MS: i64 = 400 * 24 * 60 * 60 * 1000;

/// Options of `weir replay-rejected`.
#[derive(Debug, clap::Args)]
pub struct ReplayArgs {
    /// Where events are sent.
    #[arg(long, default_value = "http://127.0.0.1:3001")]
    pub url: String,
    /// Where rejected events are read.
    #[arg(long, default_value = "http://127.0.0.1:3000")]
    pub dashboard_url: String,
    /// How far back to look: a number and s, m, h or d.
    #[arg(long, default_value = "1h", value_parser = parse_duration)]
    pub since: Duration,
    /// Only those with this field at fault, for example country_code.
    #[arg(long)]
    pub field: Option<String>,
}

/// What became of the rejected events.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct ReplayReport {
    pub accepted: usize,
    /// Sent and rejected again.
    pub rejected: usize,
    /// Cut off when they were kept, or no JSON object: there is nothing to send.
    pub incomplete: usize,
    /// Answered in an earlier run.
    pub replayed_before: usize,
}

/// Why a replay ended early.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    #[error("{path}: {source}")]
    Remembered { path: String, source: io::Error },
    #[error("another replay is at work with {0}")]
    InUse(String),
    #[error("{url} cannot be asked: {source}")]
    Network { url: String, source: reqwest::Error },
    #[error("{url} answers {status}: {body}")]
    Answer { url: String, status: StatusCode, body: String },
    #[error("{url} answers what is not understood: {source}")]
    Unreadable { url: String, source: serde_json::Error },
}

/// Sends all that is there. `data_dir`: where ids are remembered.
pub async fn run(
    args: &ReplayArgs,
    client: &ClientConfig,
    data_dir: &Path,
    clock: &Clock,
) -> Result<ReplayReport, ReplayError> {
    let now_ms = clock.now_ms();
    let mut replayed = Replayed::open(data_dir, now_ms)?;
    let replay = Replay {
        http: Client::builder().no_proxy().timeout(REQUEST_TIMEOUT).build().map_err(network(&args.url))?,
        args,
        client,
    };
    let since_ms = now_ms.saturating_sub(i64::try_from(args.since.as_millis()).unwrap_or(i64::MAX));
    let mut report = ReplayReport::default();
    let mut events = Vec::new();
    for row in replay.rows(since_ms).await? {
        match sendable(&row.raw, &row.received_at) {
            _ if replayed.ids.contains(&row.id) => report.replayed_before += 1,
            None => report.incomplete += 1,
            Some(event) => events.push((row.id, event)),
        }
    }
    // Oldest first, as they came.
    events.reverse();
    while !events.is_empty() {
        let (request, rest) = request_of(events);
        events = rest;
        let (accepted, rejected) = replay.send(&request).await?;
        report.accepted += accepted;
        report.rejected += rejected;
        replayed.remember(request.iter().map(|(id, _)| id.as_str()), now_ms)?;
    }
    Ok(report)
}

/// `90s`, `5m`, `1h`, `7d`.
fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no duration; use a number and s, m, h or d, like 90m");
    let unit = text.chars().last().ok_or_else(wrong)?;
    let number: u64 = text.strip_suffix(unit).and_then(|number| number.parse().ok()).ok_or_else(wrong)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        _ => return Err(wrong()),
    };
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(wrong)
}

/// The event to send, if it is whole. One that named no time is given the time at which it came: not that of the replay.
fn sendable(raw: &str, received_at: &str) -> Option<String> {
    let fields: HashMap<String, &RawValue> = serde_json::from_str(raw).ok()?;
    let raw = raw.trim();
    match fields.is_empty() || fields.contains_key("timestamp") {
        true => Some(raw.to_owned()),
        false => Some(format!("{{\"timestamp\":\"{received_at}\",{}", raw.strip_prefix('{')?)),
    }
}

type Sendable = (String, String);

/// As many events as fit into one request, and the others.
fn request_of(mut events: Vec<Sendable>) -> (Vec<Sendable>, Vec<Sendable>) {
    let mut bytes = 0;
    let fitting = events.iter().take(EVENTS_PER_REQUEST_MAX).take_while(|(_, event)| {
        bytes += event.len() + 1;
        bytes <= REQUEST_BYTES_MAX
    });
    let count = fitting.count().max(1);
    let rest = events.split_off(count);
    (events, rest)
}

struct Replay<'a> {
    http: Client,
    args: &'a ReplayArgs,
    client: &'a ClientConfig,
}

fn presenting(request: RequestBuilder, secret: Option<&Secret>) -> RequestBuilder {
    match secret {
        Some(secret) => request.bearer_auth(secret.expose()),
        None => request,
    }
}

impl Replay<'_> {
    /// All rejected events of the time, newest first.
    async fn rows(&self, since_ms: i64) -> Result<Vec<RejectedRow>, ReplayError> {
        let url = format!("{}/api/rejected", self.args.dashboard_url.trim_end_matches('/'));
        let (mut rows, mut before) = (Vec::new(), None::<String>);
        loop {
            let mut request = self
                .http
                .get(&url)
                .query(&[("limit", REJECTED_ROWS_MAX.to_string()), ("since_ms", since_ms.to_string())]);
            request = request.query(&self.args.field.as_ref().map(|field| ("field", field)).as_slice());
            request = request.query(&before.as_ref().map(|before| ("before", before)).as_slice());
            let request = presenting(request, self.client.token.as_ref());
            let reply = request.send().await.map_err(network(&url))?;
            let (status, body) = (reply.status(), reply.text().await.map_err(network(&url))?);
            if !status.is_success() {
                return Err(ReplayError::Answer { url, status, body });
            }
            let page: RejectedReply =
                serde_json::from_str(&body).map_err(|source| ReplayError::Unreadable { url: url.clone(), source })?;
            rows.extend(page.rows);
            before = page.next;
            if before.is_none() {
                return Ok(rows);
            }
        }
    }

    /// Sends one request until it is judged: how many events were accepted, and how many rejected.
    async fn send(&self, events: &[Sendable]) -> Result<(usize, usize), ReplayError> {
        #[derive(Deserialize)]
        struct Judged {
            accepted: usize,
            rejected: Vec<serde::de::IgnoredAny>,
        }
        let url = format!("{}/events", self.args.url.trim_end_matches('/'));
        let texts: Vec<_> = events.iter().map(|(_, event)| event.as_str()).collect();
        let body = format!("[{}]", texts.join(","));
        let mut attempts = 0;
        loop {
            attempts += 1;
            let request = self.http.post(&url).header("Content-Type", "application/json").body(body.clone());
            let reply = presenting(request, self.client.write_key.as_ref()).send().await.map_err(network(&url))?;
            let (status, body) = (reply.status(), reply.text().await.map_err(network(&url))?);
            match serde_json::from_str::<Judged>(&body) {
                Ok(judged) => return Ok((judged.accepted, judged.rejected.len())),
                Err(_) if is_not_now(status) && attempts < ATTEMPTS_MAX => tokio::time::sleep(ATTEMPT_INTERVAL).await,
                Err(_) => return Err(ReplayError::Answer { url, status, body }),
            }
        }
    }
}

fn is_not_now(status: StatusCode) -> bool {
    matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE | StatusCode::INSUFFICIENT_STORAGE)
}

fn network(url: &str) -> impl FnOnce(reqwest::Error) -> ReplayError {
    let url = url.to_owned();
    move |source| ReplayError::Network { url, source: source.without_url() }
}

/// The rows that were answered: a line each, with the time and the id.
struct Replayed {
    file: File,
    path: String,
    ids: HashSet<String>,
}

impl Replayed {
    fn open(data_dir: &Path, now_ms: i64) -> Result<Self, ReplayError> {
        let path = data_dir.join("replayed");
        let shown = path.display().to_string();
        let failed = |source| ReplayError::Remembered { path: shown.clone(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(data_dir).map_err(failed)?;
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(&path).map_err(failed)?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            return Err(ReplayError::InUse(shown));
        }
        let mut content = String::new();
        file.read_to_string(&mut content).map_err(failed)?;
        let entries = content.lines().filter_map(|line| line.split_once(' '));
        let remembered = |at: &str| at.parse::<i64>().is_ok_and(|at_ms| now_ms - at_ms < REMEMBERED_MS);
        let (kept, forgotten): (Vec<_>, Vec<_>) = entries.partition(|(at, _)| remembered(at));
        let ids = kept.iter().map(|(_, id)| (*id).to_owned()).collect();
        if !forgotten.is_empty() {
            // Cut short by a crash, it would forget too much: at worst, events are sent twice after weeks without a replay.
            let kept: String = kept.iter().map(|(at, id)| format!("{at} {id}\n")).collect();
            file.set_len(0).and_then(|()| file.write_all(kept.as_bytes())).map_err(failed)?;
        }
        Ok(Self { file, path: shown, ids })
    }

    fn remember<'a>(&mut self, ids: impl Iterator<Item = &'a str>, now_ms: i64) -> Result<(), ReplayError> {
        let lines: String = ids.map(|id| format!("{now_ms} {id}\n")).collect();
        let written = self.file.write_all(lines.as_bytes()).and_then(|()| self.file.sync_data());
        written.map_err(|source| ReplayError::Remembered { path: self.path.clone(), source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_keeps_its_text_and_gets_the_time_at_which_it_came() {
        let sendable = |raw| sendable(raw, "2026-03-10T10:07:30.500Z");
        let timed = r#"{"timestamp": 5, "properties": {"a": 1.50}}"#;
        assert_eq!(sendable(timed).as_deref(), Some(timed));
        let untimed = sendable(r#" {"properties": {"a": 1.50}} "#);
        assert_eq!(untimed.as_deref(), Some(r#"{"timestamp":"2026-03-10T10:07:30.500Z","properties": {"a": 1.50}}"#));
        for incomplete in ["", "7", "[]", r#"{"properties": {"a": "xxx"#, "{} {}"] {
            assert_eq!(sendable(incomplete), None, "{incomplete}");
        }
    }

    #[test]
    fn requests_keep_the_bounds_of_the_api() {
        let event = |length| (String::new(), "x".repeat(length));
        let (request, rest) = request_of(vec![event(1); 501]);
        assert_eq!((request.len(), rest.len()), (500, 1));
        let (request, rest) = request_of(vec![event(REQUEST_BYTES_MAX / 2); 3]);
        assert_eq!((request.len(), rest.len()), (1, 2));
    }

    #[test]
    fn durations_have_a_unit() {
        assert_eq!(parse_duration("90m"), Ok(Duration::from_secs(5_400)));
        assert_eq!(parse_duration("7d"), Ok(Duration::from_secs(604_800)));
        for wrong in ["", "h", "1", "1w", "-1h", "1é", "99999999999999999999d"] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
    }
}
