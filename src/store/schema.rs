//! The one schema, `init-db.sql`, brought to the server at hand.

use super::{client::Store, error::StoreError};

pub(super) const SCHEMA: &str = include_str!("../../init-db.sql");

/// The TTL of `events` as the script has it.
const DEFAULT_RETENTION: &str = "date + INTERVAL 90 DAY";

impl Store {
    /// Creates what is missing and sets the retention. Safe to repeat.
    pub async fn ensure_schema(&self) -> Result<(), StoreError> {
        // The name has been checked to be a plain identifier.
        self.execute(&format!("CREATE DATABASE IF NOT EXISTS `{}`", self.database()), false).await?;
        // A table that began with the default would delete older events before its TTL is changed.
        let retention = format!("date + INTERVAL {} DAY", self.retention_days());
        for statement in statements(&SCHEMA.replace(DEFAULT_RETENTION, &retention)) {
            self.execute(statement, true).await?;
        }
        // Of a table that was there. Its parts learn of it when they are merged.
        let modify = format!("ALTER TABLE events MODIFY TTL {retention} SETTINGS materialize_ttl_after_modify = 0");
        self.execute(&modify, true).await
    }
}

/// Splits a script at the semicolons that end a line.
fn statements(script: &str) -> impl Iterator<Item = &str> {
    script
        .split(";\n")
        .map(str::trim)
        .filter(|statement| statement.lines().any(|line| !line.starts_with("--") && !line.trim().is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_has_one_retention_to_replace() {
        assert_eq!(SCHEMA.matches(&format!("\nTTL {DEFAULT_RETENTION}\n")).count(), 1);
        assert_eq!(SCHEMA.matches(DEFAULT_RETENTION).count(), 1);
    }

    #[test]
    fn statements_are_cut_at_the_ends_of_lines_and_comments_are_none() {
        let script = "-- first; second\nSELECT 1;\n\n-- last\nSELECT ';' AS x;\n-- end\n";
        let found: Vec<_> = statements(script).collect();
        assert_eq!(found, ["-- first; second\nSELECT 1", "-- last\nSELECT ';' AS x"]);
    }
}
