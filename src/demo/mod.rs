//! Simulated visitors.
use crate::{app::AppError, config::Config};
use tokio_util::sync::CancellationToken;
#[derive(Debug, clap::Args)]
pub struct DemoArgs {}
pub async fn run(_args: DemoArgs, _config: Config, _shutdown: CancellationToken) -> Result<(), AppError> {
    Ok(())
}
