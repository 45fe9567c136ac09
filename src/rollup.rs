//! `weir rollup rebuild`: the rollups made anew from the rows.
//!
//! In: the definitions of `init-db.sql`. Out: the same projections in the table, built for all parts, and lines on stderr
//! that say how far it is.

use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    app::{self, AppError},
    config::Config,
    engine,
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
    if config.store.url.is_some() {
        return rebuild_at(Store::new(app::server_access(config), config.retention_days)?, shutdown).await;
    }
    let engine_dir = config.data_dir.join("engine");
    if !engine_dir.is_dir() {
        let source = std::io::Error::other("no engine has been at work there; set WEIR_DATA_DIR or CLICKHOUSE_URL");
        return Err(AppError::DataDir { path: config.data_dir.display().to_string(), source });
    }
    let _lock = match app::lock_data_dir(&config.data_dir) {
        Ok(lock) => lock,
        Err(AppError::DataDirInUse(_)) => {
            let access = engine::access_of_running(&engine_dir, config.engine.port, &config.store.database)?;
            return rebuild_at(Store::new(access, config.retention_days)?, shutdown).await;
        }
        Err(error) => return Err(error),
    };
    let tasks = TaskTracker::new();
    let Some(engine) = app::start_engine(config, &tasks).await? else { return Ok(()) };
    let outcome = rebuild_at(Store::new(engine.access().clone(), config.retention_days)?, shutdown).await;
    engine.stop().await;
    tasks.close();
    tasks.wait().await;
    outcome
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
