//! What people save under a name: small definitions, kept in ClickHouse.

use serde::{Deserialize, Serialize};

use super::{answers::Answers, funnel::Funnel};
use crate::{
    clock::rfc3339,
    store::{Parameter, StoreError},
};

const DEFINITIONS: &str = include_str!("internal/definitions.sql");

/// Definitions of one kind.
pub const DEFINITIONS_MAX: usize = 1_000;
/// Characters of a name.
pub const NAME_CHARS_MAX: usize = 100;
const FUNNEL_KIND: &str = "funnel";

/// A name under which something is saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefinitionName(String);

/// What cannot be saved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DefinitionError {
    #[error("a name has 1 to {NAME_CHARS_MAX} characters, none of them a control character")]
    Name,
    #[error("there are {DEFINITIONS_MAX} already; delete some first")]
    TooMany,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl DefinitionName {
    pub fn new(name: String) -> Result<Self, DefinitionError> {
        let is_right = (1..=NAME_CHARS_MAX).contains(&name.chars().count()) && !name.chars().any(char::is_control);
        if is_right { Ok(Self(name)) } else { Err(DefinitionError::Name) }
    }
}

/// A funnel under its name.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct SavedFunnel {
    pub name: String,
    pub funnel: Funnel,
    /// RFC 3339.
    pub updated_at: String,
}

#[derive(Deserialize)]
struct Row {
    name: String,
    definition: String,
    updated_at: String,
}

impl Answers {
    /// All saved funnels, by name.
    pub async fn saved_funnels(&self) -> Result<Vec<SavedFunnel>, StoreError> {
        let rows: Vec<Row> = self.store.query(DEFINITIONS, &[Parameter::text("kind", FUNNEL_KIND)]).await?;
        let funnels = rows.into_iter().filter_map(|Row { name, definition, updated_at }| {
            // One that a newer version has saved, perhaps.
            let funnel = serde_json::from_str(&definition)
                .inspect_err(|error| tracing::warn!(%error, "a saved funnel cannot be read"))
                .ok()?;
            Some(SavedFunnel { name, funnel, updated_at })
        });
        Ok(funnels.collect())
    }

    /// Saves a funnel, instead of one that has the name.
    pub async fn save_funnel(&self, name: DefinitionName, funnel: Funnel) -> Result<SavedFunnel, DefinitionError> {
        let saved = self.saved_funnels().await?;
        if saved.len() >= DEFINITIONS_MAX && !saved.iter().any(|other| other.name == name.0) {
            return Err(DefinitionError::TooMany);
        }
        let definition = serde_json::to_string(&funnel).expect("plain data");
        let updated_at = rfc3339(self.write(&name, &definition).await?);
        Ok(SavedFunnel { name: name.0, funnel, updated_at })
    }

    /// Whether there was one.
    pub async fn delete_funnel(&self, name: DefinitionName) -> Result<bool, DefinitionError> {
        if !self.saved_funnels().await?.iter().any(|saved| saved.name == name.0) {
            return Ok(false);
        }
        self.write(&name, "").await?;
        Ok(true)
    }

    /// An empty definition is a deleted one. Answers when it was written, in milliseconds.
    async fn write(&self, name: &DefinitionName, definition: &str) -> Result<i64, StoreError> {
        let now_ms = self.clock.now_ms();
        self.store.save_definition(FUNNEL_KIND, &name.0, definition, now_ms).await?;
        Ok(now_ms)
    }
}
