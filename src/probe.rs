//! `weir health`: asks a running weir how it is, for a container's or a supervisor's health check.

use std::{net::SocketAddr, time::Duration};

use crate::{
    app::AppError,
    config::{Config, reachable_url},
};

/// Longest wait for an answer, of each half.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// Whom to ask.
#[derive(Debug, clap::Args)]
pub struct HealthArgs {
    /// Ask this half alone; else both, as they run in `weir serve`
    #[arg(value_enum)]
    half: Option<Half>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Half {
    /// Healthy while events reach ClickHouse in time
    Ingest,
    /// Healthy while it answers
    Dashboard,
}

impl Half {
    fn url(self, config: &Config) -> String {
        let url = |addr: SocketAddr, path| format!("{}{path}", reachable_url(addr, config.tls.is_some()));
        match self {
            Self::Ingest => url(config.ingest.addr, "/health"),
            Self::Dashboard => url(config.dashboard.addr, "/"),
        }
    }
}

/// Succeeds if all that is asked is well; the error says what is not.
pub async fn run(args: &HealthArgs, config: &Config) -> Result<(), AppError> {
    // It asks itself, by an address that no certificate is for, and tells nothing that is secret.
    let http =
        reqwest::Client::builder().timeout(ANSWER_TIMEOUT).no_proxy().tls_danger_accept_invalid_certs(true).build();
    let http = http.map_err(|error| AppError::Unhealthy(error.to_string()))?;
    let halves = [Half::Ingest, Half::Dashboard].into_iter().filter(|half| args.half.is_none_or(|one| one == *half));
    for half in halves {
        let url = half.url(config);
        let unhealthy = |reason: String| AppError::Unhealthy(format!("{url}: {reason}"));
        let reply = http.get(&url).send().await.map_err(|error| unhealthy(error.without_url().to_string()))?;
        // A page may be one that asks to sign in.
        if reply.status().is_server_error() {
            return Err(unhealthy(reply.status().to_string()));
        }
    }
    Ok(())
}
