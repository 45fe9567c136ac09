//! The one schema, `init-db.sql`, brought to the server at hand.

use super::{client::Store, error::StoreError};

const SCHEMA: &str = include_str!("../../init-db.sql");

/// Creates what is missing and sets the retention. Safe to repeat.
pub async fn ensure_schema(store: &Store, retention_days: u32) -> Result<(), StoreError> {
    // The name has been checked to be a plain identifier.
    store.execute(&format!("CREATE DATABASE IF NOT EXISTS `{}`", store.database()), false).await?;
    for statement in statements(SCHEMA) {
        store.execute(statement, true).await?;
    }
    let retention = format!(
        "ALTER TABLE events MODIFY TTL date + INTERVAL {retention_days} DAY SETTINGS materialize_ttl_after_modify = 0"
    );
    store.execute(&retention, true).await
}

/// Splits a script at the semicolons that end a line.
fn statements(script: &str) -> impl Iterator<Item = &str> {
    script
        .split(";\n")
        .map(str::trim)
        .filter(|statement| statement.lines().any(|line| !line.starts_with("--") && !line.trim().is_empty()))
}
