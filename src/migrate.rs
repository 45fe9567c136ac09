//! `weir migrate`: the tables brought to the schema of this version.
//!
//! In: the tables as they are, and their recorded version. Out: the tables of `init-db.sql`, and a line on stdout for each
//! change.

use crate::{
    app::AppError,
    config::Config,
    offline::with_store,
    store::{SCHEMA_VERSION, SchemaPlan, Store},
};

/// How to migrate.
#[derive(Debug, clap::Args)]
pub struct MigrateArgs {
    /// Print what would be done, and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Changes what is not as this version has it, or only says what that is.
pub async fn run(args: &MigrateArgs, config: &Config) -> Result<(), AppError> {
    with_store(config, async |store: Store| {
        let SchemaPlan { version_found, changes } = store.plan_schema().await?;
        match version_found {
            0 => println!("{}: no version of the schema is recorded", store.database()),
            found => println!("{}: the schema has version {found}", store.database()),
        }
        for change in &changes {
            println!("{}{change}", if args.dry_run { "would " } else { "" });
        }
        if !args.dry_run {
            store.ensure_schema().await?;
        }
        match (changes.is_empty(), args.dry_run) {
            (true, _) => println!("nothing to do: version {SCHEMA_VERSION} is that of this weir"),
            (false, true) => println!("nothing was changed; run without --dry-run for version {SCHEMA_VERSION}"),
            (false, false) => println!("done: version {SCHEMA_VERSION}"),
        }
        Ok(())
    })
    .await
}
