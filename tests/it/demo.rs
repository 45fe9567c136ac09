//! The demo on the real engine: what it says has happened is what the dashboard's answers show.

use std::{
    fs::File,
    ops::Range,
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};

use crate::{
    app::{Reply, TestApp, eventually, moment_ms},
    process::free_ports,
};

const FUNNEL: &str = "steps=signup_started,verification_email_sent,email_verified,signup_completed&window=10m&range=6h\
    &breakdown=properties.email_domain";
const MINUTE_MS: i64 = 60_000;
/// The buckets of a funnel over six hours.
const BUCKET_MINUTES: i64 = 10;

/// Simulated visitors, until it is dropped.
struct Demo(Child);

impl Demo {
    /// Sends to `app`; what it prints goes to a file.
    fn start(app: &TestApp, printed: &Path) -> Self {
        let demo = Command::new(env!("CARGO_BIN_EXE_weir"))
            .args(["demo", "--url", &app.ingest_url, "--events-per-second", "8", "--seed", "7"])
            .stdout(File::create(printed).expect("a file"))
            .spawn();
        Self(demo.expect("the demo starts"))
    }

    /// Starts with a Weir of its own, and passes fast.
    fn start_alone(directory: &Path, [ingest, dashboard, engine]: [u16; 3]) -> Self {
        let demo = Command::new(env!("CARGO_BIN_EXE_weir"))
            .args(["demo", "--events-per-second", "1", "--seed", "7", "--speed", "60"])
            .env("TMPDIR", directory)
            .env("WEIR_INGEST_ADDR", format!("127.0.0.1:{ingest}"))
            .env("WEIR_DASHBOARD_ADDR", format!("127.0.0.1:{dashboard}"))
            .env("WEIR_ENGINE_PORT", engine.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(demo.expect("the demo starts"))
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // Also when a test fails; an ended process is no error.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `So far 311,963 events were sent. 1,245 of them were rejected`
fn counts_told(text: &str) -> [u64; 2] {
    let (_, told) = text.split_once("So far ").expect(text);
    let mut counts = told.split(". ").map(|part| {
        let digits: String =
            part.chars().take_while(|char| !char.is_whitespace()).filter(char::is_ascii_digit).collect();
        digits.parse().expect("a number")
    });
    [counts.next().expect("sent"), counts.next().expect("rejected")]
}

/// Who was sent an e-mail, who of them verified the address, and who of those completed the sign-up.
#[derive(Debug, Default, Clone, Copy)]
struct Mails {
    sent: u64,
    verified: u64,
    completed: u64,
}

impl Mails {
    fn verified_share(self) -> f64 {
        self.verified as f64 / self.sent as f64
    }

    fn completed_share(self) -> f64 {
        self.completed as f64 / self.verified as f64
    }
}

/// The e-mails of sign-ups that began in these minutes, counted from the start of the demo: to Gmail, and to the others.
fn mails(answer: &Value, start_ms: i64, minutes: Range<i64>) -> [Mails; 2] {
    let mut mails = [Mails::default(); 2];
    for group in answer["breakdown"].as_array().expect("groups") {
        let mails = &mut mails[usize::from(group["value"] != "gmail.com")];
        for bucket in group["over_time"].as_array().expect("buckets") {
            let from: jiff::Timestamp = bucket["bucket"].as_str().expect("a time").parse().expect("RFC 3339");
            let from_ms = from.as_millisecond() - start_ms;
            if from_ms >= minutes.start * MINUTE_MS && from_ms + BUCKET_MINUTES * MINUTE_MS <= minutes.end * MINUTE_MS {
                let count = |step: usize| bucket["counts"][step].as_u64().expect("a count");
                mails.sent += count(1);
                mails.verified += count(2);
                mails.completed += count(3);
            }
        }
    }
    mails
}

#[tokio::test]
async fn the_funnel_shows_that_gmail_stops_at_the_verification_and_recovers() {
    let app = TestApp::start().await;
    let directory = tempfile::tempdir().expect("a directory");
    let printed = directory.path().join("printed");
    let start_ms = weir::clock::Clock::System.now_ms();
    let _demo = Demo::start(&app, &printed);
    let text = || std::fs::read_to_string(&printed).unwrap_or_default();
    eventually("the day of history", || async { text().contains("Press Ctrl-C to stop.") }).await;
    let [sent, rejected] = counts_told(&text());
    let stored = || async { app.select("SELECT count() FROM events").await?.parse::<u64>().ok() };
    eventually("what was accepted", || async { stored().await >= Some(sent - rejected) }).await;

    let answer = app.get(&format!("{}/api/funnel?{FUNNEL}", app.dashboard_url)).await.json;
    assert_eq!(answer["bucket_seconds"], 60 * BUCKET_MINUTES, "{answer}");
    // An hour that ended two hours ago, and what was before and after it.
    for (minutes, gmail_is_well) in [(-300..-181, true), (-179..-121, false), (-119..-37, true)] {
        let [gmail, others] = mails(&answer, start_ms, minutes.clone());
        assert!(gmail.sent > 30 && others.sent > 30, "{minutes:?}: {gmail:?} {others:?}");
        assert!((0.6..0.85).contains(&others.verified_share()), "{minutes:?}: {others:?}");
        // The user is known from the last step on, and the session before.
        assert!(others.completed_share() > 0.75, "{minutes:?}: {others:?}");
        match gmail_is_well {
            true => assert!((0.6..0.85).contains(&gmail.verified_share()), "{minutes:?}: {gmail:?}"),
            false => assert_eq!(gmail.verified, 0, "{minutes:?}: {gmail:?}"),
        }
    }

    assert!((0.003..0.006).contains(&(rejected as f64 / sent as f64)), "{rejected} of {sent}");
    let kept =
        || async { app.get(&format!("{}/api/rejected?limit=1", app.dashboard_url)).await.json["rows"][0].clone() };
    eventually("a rejected event", || async { kept().await.is_object() }).await;
    let reason = kept().await["reason"].to_string();
    assert!(reason.contains("DEU") && reason.contains("ISO 3166-1"), "{reason}");

    let annotations = app.get(&format!("{}/api/annotations", app.dashboard_url)).await.json;
    assert_eq!(annotations["annotations"], json!([]), "the dashboard belongs to somebody else");
}

#[tokio::test]
async fn what_people_did_is_annotated_when_they_have_done_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let ports = free_ports();
    let _demo = Demo::start_alone(directory.path(), ports);
    let (http, url) = (reqwest::Client::new(), format!("http://127.0.0.1:{}/api/annotations", ports[1]));
    let annotations = || async {
        let listed = Reply::of(http.get(&url).send().await.ok()?).await.json["annotations"].as_array()?.clone();
        Some(listed.iter().map(|each| (each["text"].to_string(), moment_ms(&each["at"]))).collect::<Vec<_>>())
    };
    let count = || async { annotations().await.map_or(0, |annotations| annotations.len()) };
    eventually("those of history", || async { count().await >= 2 }).await;
    eventually("those of the present", || async { count().await == 4 }).await;
    let (texts, at_ms): (Vec<_>, Vec<_>) = annotations().await.expect("an answer").into_iter().unzip();
    let fixed = r#""Sender domain fixed""#;
    assert_eq!(texts, [fixed, fixed, r#""Campaign started""#, fixed]);
    // Minutes -120, -25, 1 and 8, of which those after the start are seconds.
    let since_the_campaign_ms = at_ms.iter().map(|at| at - at_ms[2]);
    assert!(since_the_campaign_ms.eq([-120 * MINUTE_MS - 1_000, -25 * MINUTE_MS - 1_000, 0, 7_000]), "{at_ms:?}");
}
