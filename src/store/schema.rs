//! The one schema, `init-db.sql`, brought to the server at hand, and the tables of older versions brought up to it.
//!
//! Every version but the first has an [`Upgrade`] from the one before. It changes one table; where the table is missing,
//! `init-db.sql` makes it as it is today. The version reached is recorded after each upgrade, in the database itself.
//!
//! Every statement may run again, and finds nothing to do then. So a start that was cut off is finished by the next one,
//! and many nodes may start at once: ClickHouse lets one statement change a table at a time.

use std::fmt;

use serde::Deserialize;

use super::{client::Store, error::StoreError};

pub(super) const SCHEMA: &str = include_str!("../../init-db.sql");

/// The script's choice of a database, for a server's first boot. Here it is configured.
const CHOICE_OF_DATABASE: &str = "CREATE DATABASE IF NOT EXISTS weir;\nUSE weir;\n";

/// How long the rows of a table are kept.
struct Retention {
    table: &'static str,
    /// What the days count from.
    since: &'static str,
    days: fn(&Store) -> u32,
    /// As the script has it.
    default: &'static str,
}

const RETENTIONS: [Retention; 2] = [
    Retention { table: "events", since: "date", days: Store::retention_days, default: "date + INTERVAL 90 DAY" },
    Retention {
        table: "rejected_events",
        since: "rejected_at",
        days: Store::rejected_retention_days,
        default: "rejected_at + INTERVAL 7 DAY",
    },
];

impl Retention {
    fn ttl(&self, store: &Store) -> String {
        format!("{} + INTERVAL {} DAY", self.since, (self.days)(store))
    }
}

/// What leads from the version before to this one.
#[derive(Debug, PartialEq, Eq)]
pub struct Upgrade {
    pub version: u32,
    /// Of this table; where it is not there, there is nothing to upgrade.
    pub table: &'static str,
    /// In a few words, for whoever runs it.
    pub what: &'static str,
    sql: &'static str,
}

const UPGRADES: [Upgrade; 4] = [
    Upgrade {
        version: 1,
        table: "events",
        what: "codecs on every column; the rollup feature_by_hour makes way for by_hour",
        sql: include_str!("upgrades/0001_codecs_and_rollups_by_hour.sql"),
    },
    Upgrade {
        version: 2,
        table: "events",
        what: "the rollup features_by_ten_minutes",
        sql: include_str!("upgrades/0002_features_by_ten_minutes.sql"),
    },
    Upgrade {
        version: 3,
        table: "events",
        what: "rollups that answer sooner, with paths that differ in ids as one",
        sql: include_str!("upgrades/0003_rollups_that_answer_sooner.sql"),
    },
    Upgrade {
        version: 4,
        table: "events",
        what: "rollups without rows at their edges, and hashes of the ids for large funnels",
        sql: include_str!("upgrades/0004_rollups_without_rows.sql"),
    },
];

/// The version of `init-db.sql`.
pub const SCHEMA_VERSION: u32 = UPGRADES[UPGRADES.len() - 1].version;

/// Something to be done before the tables are those of this program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SchemaChange {
    Upgrade(&'static Upgrade),
    /// Of the database, tables and rollups, what is not there. `tables` may be empty.
    Create {
        tables: Vec<&'static str>,
    },
    SetRetention {
        table: &'static str,
        days: u32,
    },
}

impl fmt::Display for SchemaChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Upgrade(Upgrade { version, table, what, .. }) => {
                write!(f, "upgrade the table {table} to version {version}: {what}")
            }
            Self::Create { tables } if tables.is_empty() => write!(f, "add the rollups that are missing"),
            Self::Create { tables } => write!(f, "create {}", tables.join(", ")),
            Self::SetRetention { table, days } => write!(f, "delete {} after {days} days", table.replace('_', " ")),
        }
    }
}

/// What is there, and what is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaPlan {
    /// 0 for tables from before there were versions, and for none.
    pub version_found: u32,
    /// In this order.
    pub changes: Vec<SchemaChange>,
}

/// The tables as they are found.
#[derive(Default)]
struct Found {
    version: u32,
    tables: Vec<Table>,
}

#[derive(Deserialize)]
struct Table {
    name: String,
    retention_days: u32,
}

impl Found {
    fn table(&self, name: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.name == name)
    }

    /// `retentions`: tables, and how many days their rows are kept.
    fn plan(&self, retentions: impl IntoIterator<Item = (&'static str, u32)>) -> SchemaPlan {
        let due = UPGRADES.iter().filter(|due| due.version > self.version && self.table(due.table).is_some());
        let mut changes: Vec<_> = due.map(SchemaChange::Upgrade).collect();
        let missing: Vec<_> = tables().filter(|name| self.table(name).is_none()).collect();
        if self.version < SCHEMA_VERSION || !missing.is_empty() {
            changes.push(SchemaChange::Create { tables: missing });
        }
        for (table, days) in retentions {
            if self.table(table).is_some_and(|found| found.retention_days != days) {
                changes.push(SchemaChange::SetRetention { table, days });
            }
        }
        SchemaPlan { version_found: self.version, changes }
    }
}

impl Store {
    /// Brings the tables to this version and sets the retention. Safe to repeat, and for many nodes at once.
    pub async fn ensure_schema(&self) -> Result<(), StoreError> {
        for change in self.plan_schema().await?.changes {
            tracing::info!(%change, "changing the schema");
            self.change_schema(&change).await?;
        }
        Ok(())
    }

    /// What `ensure_schema` would do now. Tables of a newer version are an error: this program does not know them.
    pub async fn plan_schema(&self) -> Result<SchemaPlan, StoreError> {
        let found = self.find_schema().await?;
        if found.version > SCHEMA_VERSION {
            return Err(StoreError::NewerSchema {
                database: self.database().to_owned(),
                found: found.version,
                known: SCHEMA_VERSION,
            });
        }
        Ok(found.plan(RETENTIONS.map(|retention| (retention.table, (retention.days)(self)))))
    }

    async fn find_schema(&self) -> Result<Found, StoreError> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let tables = match self.query_as_writer(include_str!("tables.sql"), &[]).await {
            Ok(tables) => tables,
            // There is no database yet.
            Err(StoreError::NoSchema(_)) => return Ok(Found::default()),
            Err(error) => return Err(error),
        };
        let mut found = Found { version: 0, tables };
        if found.table("weir_schema_versions").is_some() {
            let rows: Vec<Version> = self.query_as_writer(include_str!("schema_version.sql"), &[]).await?;
            found.version = rows.first().map_or(0, |row| row.version);
        }
        Ok(found)
    }

    async fn change_schema(&self, change: &SchemaChange) -> Result<(), StoreError> {
        match change {
            SchemaChange::Upgrade(upgrade) => {
                for statement in statements(upgrade.sql) {
                    self.execute(statement, true).await?;
                }
                self.record_version(upgrade.version).await
            }
            SchemaChange::Create { .. } => {
                // The name has been checked to be a plain identifier.
                self.execute(&format!("CREATE DATABASE IF NOT EXISTS `{}`", self.database()), false).await?;
                // A table that began with the default would delete older events before its TTL is changed.
                let mut script = SCHEMA.replace(CHOICE_OF_DATABASE, "");
                for retention in &RETENTIONS {
                    script = script.replace(retention.default, &retention.ttl(self));
                }
                for statement in statements(&script) {
                    self.execute(statement, true).await?;
                }
                self.record_version(SCHEMA_VERSION).await
            }
            // Parts know when the first and the last of their rows expire, and are looked at again only then: that is worked out
            // anew for all of them, in the background, so that what is too old now goes, and what is not stays.
            SchemaChange::SetRetention { table, .. } => {
                for retention in RETENTIONS.iter().filter(|retention| retention.table == *table) {
                    let ttl = retention.ttl(self);
                    let modify =
                        format!("ALTER TABLE {table} MODIFY TTL {ttl} SETTINGS materialize_ttl_after_modify = 1");
                    self.execute(&modify, true).await?;
                }
                Ok(())
            }
        }
    }

    async fn record_version(&self, version: u32) -> Result<(), StoreError> {
        let create = statements(SCHEMA).find(|statement| table_created(statement) == Some("weir_schema_versions"));
        self.execute(create.expect("the script creates it"), true).await?;
        self.execute(&format!("INSERT INTO weir_schema_versions (version) SELECT {version}"), true).await
    }
}

/// The tables of the script.
fn tables() -> impl Iterator<Item = &'static str> {
    statements(SCHEMA).filter_map(table_created)
}

/// The table that a statement creates.
fn table_created(statement: &str) -> Option<&str> {
    statement.lines().find_map(|line| line.strip_prefix("CREATE TABLE IF NOT EXISTS "))
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
    fn the_script_has_one_retention_a_table_and_one_choice_of_a_database_to_replace() {
        for Retention { table, default, .. } in RETENTIONS {
            assert_eq!(SCHEMA.matches(&format!("\nTTL {default}\n")).count(), 1, "{table}");
            assert_eq!(SCHEMA.matches(default).count(), 1, "{table}");
        }
        assert_eq!(SCHEMA.matches(CHOICE_OF_DATABASE).count(), 1);
    }

    #[test]
    fn statements_are_cut_at_the_ends_of_lines_and_comments_are_none() {
        let script = "-- first; second\nSELECT 1;\n\n-- last\nSELECT ';' AS x;\n-- end\n";
        let found: Vec<_> = statements(script).collect();
        assert_eq!(found, ["-- first; second\nSELECT 1", "-- last\nSELECT ';' AS x"]);
    }

    #[test]
    fn upgrades_are_numbered_without_a_gap_and_the_script_records_the_last() {
        let versions: Vec<_> = UPGRADES.iter().map(|upgrade| upgrade.version).collect();
        assert_eq!(versions, (1..=SCHEMA_VERSION).collect::<Vec<_>>());
        let record = format!("INSERT INTO weir_schema_versions (version) SELECT {SCHEMA_VERSION} WHERE ");
        assert!(SCHEMA.contains(&record), "init-db.sql does not record version {SCHEMA_VERSION}");
    }

    /// Tables that are there would not get what is only changed in the script.
    #[test]
    fn a_change_of_the_script_comes_with_a_new_version() {
        let bare: Vec<_> =
            SCHEMA.lines().filter(|line| !line.trim_start().starts_with("--") && !line.is_empty()).collect();
        let known = (SCHEMA_VERSION, crc32c::crc32c(bare.join("\n").as_bytes()));
        assert_eq!(
            known,
            (4, 3_514_470_549),
            "init-db.sql has changed: add an Upgrade that brings existing tables to it (a new table needs none), then put the numbers here"
        );
    }

    #[test]
    fn every_table_of_the_script_is_looked_for() {
        for name in tables() {
            assert!(include_str!("tables.sql").contains(&format!("'{name}'")), "tables.sql does not ask for {name}");
        }
        assert_eq!(include_str!("tables.sql").matches("', '").count() + 1, tables().count());
    }

    fn plan(version: u32, tables: &[&str]) -> Vec<String> {
        let tables = tables.iter().map(|name| Table { name: (*name).to_owned(), retention_days: 90 }).collect();
        Found { version, tables }
            .plan([("events", 90), ("rejected_events", 90)])
            .changes
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn what_is_there_is_upgraded_and_what_is_not_is_created() {
        let all: Vec<_> = tables().collect();
        assert_eq!(plan(SCHEMA_VERSION, &all), [""; 0]);
        assert_eq!(plan(0, &[]), [format!("create {}", all.join(", "))]);
        let [first, second, third, fourth] = UPGRADES
            .map(|Upgrade { version, what, .. }| format!("upgrade the table events to version {version}: {what}"));
        assert_eq!(
            plan(0, &["events", "rejected_events", "weir_definitions"]),
            [&first, &second, &third, &fourth, "create weir_schema_versions"]
        );
        // A start that was cut off between the tables and the record of their version.
        assert_eq!(plan(0, &all), [&first, &second, &third, &fourth, "add the rollups that are missing"]);
        assert_eq!(plan(1, &all), [&second, &third, &fourth, "add the rollups that are missing"]);
        assert_eq!(plan(2, &all), [&third, &fourth, "add the rollups that are missing"]);
        assert_eq!(plan(3, &all), [&fourth, "add the rollups that are missing"]);
        let without_events: Vec<_> = all.iter().copied().filter(|name| *name != "events").collect();
        assert_eq!(plan(SCHEMA_VERSION, &without_events), ["create events"]);
    }
}
