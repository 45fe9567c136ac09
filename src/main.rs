//! The command line of weir.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use weir::{
    app::{self, AppError, Listeners},
    clock::Clock,
    config::Config,
    credentials::{self, KeyCommand, LinkCommand, TokenCommand},
    demo::DemoArgs,
    engine::EngineChildArgs,
    http::openapi_json,
    migrate::{self, MigrateArgs},
    probe::{self, HealthArgs},
    queries::Catalog,
    replay::{self, ReplayArgs, ReplayReport},
    rollup::{self, RollupCommand},
    telemetry,
};

/// Real-time product analytics on your own machine: events in over HTTP, answers out on a live dashboard.
///
/// Everything is configured by environment variables, also from a file `.env` in the working directory;
/// `.env.example` lists them with their defaults.
#[derive(Parser)]
#[command(version, after_help = "Start with `weir serve`, then open http://127.0.0.1:3000")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run everything: take events on :3001, show the dashboard on :3000.
    ///
    /// ClickHouse is the server at CLICKHOUSE_URL, or, without one, an engine that weir starts and stops itself.
    /// SIGTERM or Ctrl-C ends in order: requests under way are finished and events flushed. A second one ends at once;
    /// events that were accepted are on disk and are sent after the next start.
    Serve,
    /// Only take events (`POST /events` on :3001) and write them to CLICKHOUSE_URL.
    Ingest,
    /// Only show the dashboard and answer queries (:3000) from CLICKHOUSE_URL.
    Dashboard,
    /// Run everything on a throw-away directory, with simulated visitors.
    Demo(DemoArgs),
    /// Send events that were rejected in the last days again, after what was wrong has been put right.
    ///
    /// Reads GET /api/rejected and sends the events that are whole to POST /events; without a timestamp of their own, they
    /// get the time at which they first came. Validation keeps no more than 4 KiB of an event: longer ones are reported,
    /// not sent. Safe to repeat: rows that were answered, also with another rejection, are remembered for 400 days in
    /// WEIR_DATA_DIR/replayed and not sent again. Two exceptions: with another WEIR_DATA_DIR, nothing is remembered; and a
    /// request whose reply was lost (the command then ends with an error) is sent again by the next run, where only events
    /// with an event_id are known not to count twice.
    ReplayRejected(ReplayArgs),
    /// Make, list and revoke the keys that events are sent with.
    #[command(subcommand)]
    Key(KeyCommand),
    /// Make, list and revoke the tokens that scripts use the API with.
    #[command(subcommand)]
    Token(TokenCommand),
    /// Make, list and revoke links that show one page to whoever has them.
    #[command(subcommand)]
    Link(LinkCommand),
    /// Set the dashboard's password to a line of standard input, and sign everybody out.
    Password,
    /// Look after the rollups, from which panels answer about long ranges.
    #[command(subcommand)]
    Rollup(RollupCommand),
    /// Bring the tables to the schema of this version, as every start does.
    ///
    /// Safe to repeat, and from many nodes at once; one that was cut off is finished by the next. Tables of a newer version are
    /// refused. Works on the server at CLICKHOUSE_URL, or, without one, on the engine in WEIR_DATA_DIR, whether or not a weir is
    /// at work there (then WEIR_ENGINE_PORT must be as it has it).
    Migrate(MigrateArgs),
    /// Ask the weir at WEIR_INGEST_ADDR and WEIR_DASHBOARD_ADDR whether it is well: exit code 0 if it is, else 1.
    Health(HealthArgs),
    /// Print the OpenAPI document of both listeners.
    Openapi,
    #[command(hide = true)]
    Engine(EngineChildArgs),
}

fn main() -> ExitCode {
    match Cli::parse().command {
        // Before any thread starts: the engine takes over the process.
        Command::Engine(args) => weir::engine::run_child(&args),
        Command::Openapi => {
            println!("{:#}", openapi_json(&Catalog::built_in()));
            ExitCode::SUCCESS
        }
        command => match start(command) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("weir: {error}");
                ExitCode::FAILURE
            }
        },
    }
}

#[tokio::main]
async fn start(command: Command) -> Result<(), AppError> {
    let config = Config::from_env()?;
    if matches!(command, Command::Ingest | Command::Dashboard) && config.store.url.is_none() {
        return Err(AppError::NoServer);
    }
    telemetry::init(&config.log)?;
    let shutdown = CancellationToken::new();
    end_on_signals(shutdown.clone())?;
    let listeners = Listeners::default();
    let listeners = match command {
        Command::Ingest => listeners.with_ingest(&config).await?,
        Command::Dashboard => listeners.with_dashboard(&config).await?,
        Command::ReplayRejected(args) => {
            let report = replay::run(&args, &config.client, &config.data_dir, &Clock::System).await?;
            let ReplayReport { accepted, rejected, incomplete, replayed_before } = report;
            println!(
                "{accepted} accepted, {rejected} rejected again, {incomplete} cut off, {replayed_before} replayed before"
            );
            return Ok(());
        }
        Command::Key(command) => return credentials::run_key(command, &config).await,
        Command::Token(command) => return credentials::run_token(command, &config).await,
        Command::Link(command) => return credentials::run_link(command, &config).await,
        Command::Password => return credentials::run_password(&config).await,
        Command::Rollup(RollupCommand::Rebuild) => return rollup::rebuild(&config, &shutdown).await,
        Command::Migrate(args) => return migrate::run(&args, &config).await,
        Command::Health(args) => return probe::run(&args, &config).await,
        Command::Demo(args) => return weir::demo::run(args, config, shutdown).await,
        Command::Serve | Command::Openapi | Command::Engine(_) => {
            listeners.with_ingest(&config).await?.with_dashboard(&config).await?
        }
    };
    app::run(config, listeners, Clock::System, shutdown).await
}

/// The first SIGTERM or SIGINT asks for an orderly end, the second ends at once.
fn end_on_signals(shutdown: CancellationToken) -> Result<(), AppError> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::spawn(async move {
        let mut first = true;
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if !first {
                // What was accepted is on disk; the engine ends when its pipe does.
                std::process::exit(130);
            }
            first = false;
            tracing::info!("stopping; a second signal ends at once");
            shutdown.cancel();
        }
    });
    Ok(())
}
