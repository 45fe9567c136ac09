//! The store, for a command that looks after it whether or not a weir is at work there.

use tokio_util::task::TaskTracker;

use crate::{
    app::{self, AppError},
    config::Config,
    engine,
    store::Store,
};

/// Hands over the server at `CLICKHOUSE_URL`, or, without one, the engine in the data directory: the one that another weir runs,
/// or one that is started for as long as `work` takes.
pub async fn with_store(
    config: &Config,
    work: impl AsyncFnOnce(Store) -> Result<(), AppError>,
) -> Result<(), AppError> {
    let store = |endpoint| {
        Store::new(endpoint, config.retention_days)
            .map(|store| store.with_rejected_retention(config.rejected_retention_days))
    };
    if config.store.url.is_some() {
        return work(store(app::server_endpoint(config))?).await;
    }
    let engine_dir = config.data_dir.join("engine");
    if !engine_dir.is_dir() {
        let source = std::io::Error::other("no engine has been at work there; set WEIR_DATA_DIR or CLICKHOUSE_URL");
        return Err(AppError::DataDir { path: config.data_dir.display().to_string(), source });
    }
    let _lock = match app::lock_data_dir(&config.data_dir) {
        Ok(lock) => lock,
        Err(AppError::DataDirInUse(_)) => {
            let endpoint = engine::endpoint_of_running(&engine_dir, config.engine.port, &config.store.database)?;
            return work(store(endpoint)?).await;
        }
        Err(error) => return Err(error),
    };
    let tasks = TaskTracker::new();
    let Some(engine) = app::start_engine(config, &tasks).await? else { return Ok(()) };
    let outcome = work(store(engine.endpoint().clone())?).await;
    engine.stop().await;
    tasks.close();
    tasks.wait().await;
    outcome
}
