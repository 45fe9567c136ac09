//! `weir demo`: a whole Weir on a throw-away directory, and simulated visitors who send events over its public HTTP
//! API, as an SDK would. In: a rate, a seed and a speed. Out: requests to `POST /events`, and a few lines on standard
//! output.
//!
//! The visitors tell the story of a product manager's hour, so that each panel has something to say:
//! * A session is a member's (60 %) or a stranger's. It takes 18 steps on average, 14 s apart: page views, button
//!   clicks and, for members, uses of 14 features whose popularity follows Zipf's law. 0.4 % of the steps end in an
//!   everyday error.
//! * Nearly half of the strangers start to sign up. 96 % of these are sent an e-mail, 72 % of those verify their
//!   address by it, and 90 % of those complete the sign-up, 20 to 90 s after its start; they go on as members. That is
//!   62 % of all. Until then nobody knows their user: there is only the session.
//! * The campaign: from minute 1 on, half as many sessions again, all of them strangers'. Their events have the property
//!   `utm_campaign`.
//! * The incident: verification e-mails to Gmail addresses, 42 % of all, are sent but refused. Nobody verifies these
//!   addresses, so conversion falls from 62 to 36 %, and each refusal is reported (`email_delivery_failed`), so the share
//!   of errors rises from 0.4 to about 2.5 % (1.8 % without the campaign). It lasts from minute 3 to minute 8 and comes
//!   again every 20 minutes.
//! * The annotations, on a dashboard of the demo's own: that the campaign has started, and that an incident was ended, which
//!   is what people note. Of the incidents that come again, the first one's end has one.
//! * The bug: on one page the SDK sends the country code DEU instead of DE. 0.4 % of the events have it and are rejected.
//! * Before the start lie 26 hours of history, sent first and as fast as it is taken: a night with a fifth of the
//!   traffic, and two such incidents, of an hour that ended two hours ago and of ten minutes that ended 25 minutes
//!   ago. History ends at the rate of live traffic (up to 40 events a second), and the sessions under way go on.
//!
//! A faster story (`--speed`) has its minutes after the start shortened, and so the time that a sign-up takes.
//!
//! Invariants: the same seed, start, rate and speed make the same events; what Weir cannot take now is sent again,
//! unchanged; the directory is gone when `run` returns, however it ends.
//!
//! Limits: 500 events a request, three requests at a time for history and three for live traffic; nothing is queued.

mod annotator;
mod announcement;
mod event;
mod product;
mod sender;
mod signup;
mod story;
mod visitors;

use std::{
    fs::DirBuilder,
    io::{self, IsTerminal, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    pin::pin,
    time::{Duration, Instant},
};

use tokio::{net::TcpListener, time::MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use self::{
    annotator::Annotator,
    announcement::{Announcement, local_zone, thousands},
    sender::{SendError, Sender},
    story::Story,
    visitors::{HISTORY_HOURS, LiveVisitors, Model},
};
use crate::{
    app::{self, AppError, Listeners},
    clock::Clock,
    config::{Config, Secret, reachable_url},
};

/// The most that the API takes.
const HISTORY_EVENTS_PER_REQUEST_MAX: usize = 500;
/// What browsers send together.
const LIVE_EVENTS_PER_REQUEST_MAX: usize = 25;
const LIVE_INTERVAL: Duration = Duration::from_secs(1);
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);

/// Options of `weir demo`.
#[derive(Debug, clap::Args)]
pub struct DemoArgs {
    /// Events a second that the visitors send, on average, before the campaign; with it, half as many again.
    ///
    /// The 26 hours before the start are made up at this rate too, up to 40 a second, and sent first.
    #[arg(long, value_name = "N", default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..=5000))]
    events_per_second: u32,
    /// Let the story pass so many times as fast: at 10, the campaign starts after 6 seconds and e-mails fail for 30.
    ///
    /// What happens after the start is compressed, and the time that a sign-up takes with it, so that it still begins and
    /// ends on one side of an incident. Events keep the time at which they are sent, and visits their pace and number.
    /// Charts have bars of a minute or of five: at more than 5, an incident is shorter than any.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=60))]
    speed: u32,
    /// Send the same visitors again: the same number makes the same sessions. Random by default.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Start nothing; send to the Weir that takes events at this URL, such as http://127.0.0.1:3001.
    ///
    /// The events, and the 26 made-up hours before them, stay there. WEIR_WRITE_KEY is sent along, if it is set.
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

/// Runs the demo until `shutdown`: the traffic ends first, then Weir, then its directory is removed.
pub async fn run(args: DemoArgs, config: Config, shutdown: CancellationToken) -> Result<(), AppError> {
    let model = Model {
        seed: args.seed.unwrap_or_else(rand::random),
        story: Story { start_ms: Clock::System.now_ms(), speed: args.speed },
        events_per_second: args.events_per_second,
    };
    match args.url {
        Some(url) => send_only(model, &url, config.client.write_key, &shutdown).await,
        None => run_with_weir(model, config, &shutdown).await,
    }
}

async fn send_only(
    model: Model,
    url: &str,
    write_key: Option<Secret>,
    shutdown: &CancellationToken,
) -> Result<(), AppError> {
    let sender = Sender::new(url, write_key).map_err(io::Error::other)?;
    let heading = format!("Simulated visitors are sending events.\n\n  {}\n", events_line(&model, &sender));
    let announcement = Announcement { heading, dashboard_url: None, story: model.story };
    tokio::select! {
        outcome = send_traffic(model, &sender, &announcement) => outcome,
        () = shutdown.cancelled() => Ok(()),
    }
}

async fn run_with_weir(model: Model, mut config: Config, shutdown: &CancellationToken) -> Result<(), AppError> {
    if !(config.ingest.is_open && config.dashboard.is_open) || config.tls.is_some() {
        let text = "the demo is for this machine alone: WEIR_INGEST_ADDR and WEIR_DASHBOARD_ADDR must be loopback addresses, WEIR_AUTH not be required, and WEIR_TLS_CERT not be set";
        return Err(AppError::Usage(text.to_owned()));
    }
    let listeners = Listeners::default().with_ingest(&config).await?.with_dashboard(&config).await?;
    let sender = Sender::new(&url_of(listeners.ingest.as_ref())?, None).map_err(io::Error::other)?;
    let dashboard_url = url_of(listeners.dashboard.as_ref())?;
    let kept = match &config.store.url {
        Some(url) => format!("\nThe events stay in the database {} at {url}.\n", config.store.database),
        None => String::new(),
    };
    let heading = format!(
        "Weir is running with simulated visitors.\n\n  Dashboard   {dashboard_url}\n  {}\n{kept}",
        events_line(&model, &sender),
    );
    let annotator = Annotator::new(&dashboard_url).map_err(io::Error::other)?;
    let announcement = Announcement { heading, dashboard_url: Some(dashboard_url), story: model.story };
    // Declared before Weir, so dropped after it.
    let directory = ThrowAwayDirectory::new()?;
    directory.path().clone_into(&mut config.data_dir);
    let weir_shutdown = CancellationToken::new();
    let mut weir = pin!(app::run(config, listeners, Clock::System, weir_shutdown.clone()));
    let traffic = send_traffic(model, &sender, &announcement);
    let annotations = async {
        annotator.annotate(&model.story).await;
        Ok(())
    };
    let outcome = tokio::select! {
        ended = &mut weir => return ended,
        outcome = async { tokio::try_join!(traffic, annotations) } => outcome.map(|_| ()),
        () = shutdown.cancelled() => Ok(()),
    };
    weir_shutdown.cancel();
    let ended = weir.await;
    outcome.and(ended)
}

/// Sends history and live traffic at the same time, so that no moment is missing; ends only with an error.
async fn send_traffic(model: Model, sender: &Sender, announcement: &Announcement) -> Result<(), AppError> {
    let history_then_announcement = async {
        send_history(model, sender).await.map_err(io::Error::other)?;
        print(&announcement.text(&local_zone(), sender.sent()))
    };
    let live = async { send_live(model, sender).await.map_err(io::Error::other) };
    tokio::try_join!(history_then_announcement, live)?;
    Ok(())
}

/// The newest hour first: it is what the dashboard opens with.
async fn send_history(model: Model, sender: &Sender) -> Result<(), SendError> {
    let mut progress = Progress { shown: Instant::now(), in_place: io::stderr().is_terminal() };
    for hours_ago in 0..HISTORY_HOURS {
        for events in model.history(hours_ago).chunks(20 * HISTORY_EVENTS_PER_REQUEST_MAX) {
            sender.send(events, HISTORY_EVENTS_PER_REQUEST_MAX).await?;
            progress.show(sender.sent().accepted, model.history_events() as u64);
        }
    }
    progress.end();
    Ok(())
}

/// How far history is, on standard error: one line that changes on a terminal, a line a second elsewhere.
struct Progress {
    shown: Instant,
    in_place: bool,
}

impl Progress {
    fn show(&mut self, sent: u64, all: u64) {
        if self.shown.elapsed() < PROGRESS_INTERVAL {
            return;
        }
        self.shown = Instant::now();
        let (sent, all) = (thousands(sent), thousands(all));
        let line = format!("Filling the last {HISTORY_HOURS} hours: {sent} of about {all} events");
        match self.in_place {
            true => eprint!("\r{line}"),
            false => eprintln!("{line}"),
        }
    }

    /// Makes room for what is printed next.
    fn end(&self) {
        if self.in_place {
            eprint!("\r\x1b[K");
        }
    }
}

async fn send_live(model: Model, sender: &Sender) -> Result<(), SendError> {
    let mut visitors = LiveVisitors::new(model);
    let mut ticks = tokio::time::interval(LIVE_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let events = visitors.events_until(Clock::System.now_ms());
        sender.send(&events, LIVE_EVENTS_PER_REQUEST_MAX).await?;
    }
}

fn events_line(model: &Model, sender: &Sender) -> String {
    format!("Events      {}   (about {} a second)", sender.endpoint(), model.events_per_second)
}

fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// Where this machine reaches a listener.
fn url_of(listener: Option<&TcpListener>) -> io::Result<String> {
    Ok(reachable_url(listener.ok_or(io::ErrorKind::NotConnected)?.local_addr()?, false))
}

/// A directory for this run only, readable by nobody else; dropping it removes it.
#[derive(Debug)]
struct ThrowAwayDirectory(PathBuf);

impl ThrowAwayDirectory {
    fn new() -> Result<Self, AppError> {
        let path = std::env::temp_dir().join(format!("weir-demo-{:016x}", rand::random::<u64>()));
        match DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => Ok(Self(path)),
            Err(source) => Err(AppError::DataDir { path: path.display().to_string(), source }),
        }
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for ThrowAwayDirectory {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(path = %self.0.display(), %error, "the demo's directory could not be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        demo: DemoArgs,
    }

    #[test]
    fn the_rate_and_the_speed_are_bounded() {
        let rate = |arguments: &[&str]| Cli::try_parse_from(arguments).map(|cli| cli.demo.events_per_second);
        assert_eq!(rate(&["demo"]).expect("the default"), 40);
        assert_eq!(rate(&["demo", "--events-per-second", "5000"]).expect("the most"), 5000);
        assert!(rate(&["demo", "--events-per-second", "0"]).is_err());
        assert!(rate(&["demo", "--events-per-second", "5001"]).is_err());
        let speed = |arguments: &[&str]| Cli::try_parse_from(arguments).map(|cli| cli.demo.speed);
        assert_eq!(speed(&["demo"]).expect("the default"), 1);
        assert_eq!(speed(&["demo", "--speed", "60"]).expect("the most"), 60);
        assert!(speed(&["demo", "--speed", "0"]).is_err());
        assert!(speed(&["demo", "--speed", "61"]).is_err());
    }

    #[test]
    fn the_directory_goes_with_its_guard() {
        let directory = ThrowAwayDirectory::new().expect("a directory");
        let path = directory.path().to_owned();
        std::fs::write(path.join("file"), "x").expect("written");
        drop(directory);
        assert!(!path.exists());
    }
}
