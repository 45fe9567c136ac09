//! `weir rollup rebuild`: the rollups made anew from the rows.
//!
//! In: the definitions of `init-db.sql`. Out: the same projections in the table, built for all parts, and lines on stderr
//! that say how far it is.

use tokio_util::sync::CancellationToken;

use crate::{
    app::AppError,
    config::Config,
    offline::with_store,
    store::{RebuildStep, Store},
};

/// What can be done to the rollups.
#[derive(Debug, clap::Subcommand)]
pub enum RollupCommand {
    /// Drop each rollup, add it as this version defines it, and build it from the rows.
    ///
    /// For a rollup that is new in this version, or that is broken or missing. Works on the server at CLICKHOUSE_URL, or,
    /// without one, on the engine in WEIR_DATA_DIR, whether or not a weir is at work there (then WEIR_ENGINE_PORT must be as
    /// it has it). Events may come and queries run meanwhile; they are answered from the rows, more slowly. Safe to repeat.
    /// After Ctrl-C, ClickHouse finishes the rollup at hand by itself; run the command again for the others.
    Rebuild,
}

/// Rebuilds all rollups, or stops waiting for them at `shutdown`.
pub async fn rebuild(config: &Config, shutdown: &CancellationToken) -> Result<(), AppError> {
    with_store(config, async |store| rebuild_at(store, shutdown).await).await
}

async fn rebuild_at(store: Store, shutdown: &CancellationToken) -> Result<(), AppError> {
    let note = |rollup: &str, step| match step {
        RebuildStep::Replacing => eprintln!("{rollup}: dropping it and adding it again"),
        RebuildStep::PartsLeft(parts) => eprintln!("{rollup}: building it, {parts} parts to go"),
        RebuildStep::Done => eprintln!("{rollup}: done"),
    };
    tokio::select! {
        rebuilt = store.rebuild_rollups(note) => Ok(rebuilt?),
        () = shutdown.cancelled() => Err(AppError::RebuildStopped),
    }
}
