//! What people save: small definitions of a kind, each under its own name, kept in ClickHouse.

use serde::{Serialize, de::DeserializeOwned};

use super::answers::Answers;
use crate::store::{self, NAME_CHARS_MAX, Store, StoreError, is_text_of};

/// Definitions of one kind.
pub const DEFINITIONS_MAX: usize = 1_000;

/// What a definition defines.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Funnel,
    Annotation,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Funnel => "funnel",
            Self::Annotation => "annotation",
        }
    }
}

/// A name under which something is saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefinitionName(pub(super) String);

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
        if is_text_of(NAME_CHARS_MAX, &name) { Ok(Self(name)) } else { Err(DefinitionError::Name) }
    }
}

/// What is saved under a name.
pub(super) struct Definition<T> {
    pub name: String,
    pub definition: T,
    /// RFC 3339.
    pub updated_at: String,
}

/// All definitions of a kind, by name.
pub(super) async fn definitions<T: DeserializeOwned>(
    store: &Store,
    kind: Kind,
) -> Result<Vec<Definition<T>>, StoreError> {
    let rows = store.definitions(&[kind.as_str()]).await?;
    let read = rows.into_iter().filter_map(|store::Definition { name, definition, updated_at, .. }| {
        // One that a newer version has saved, perhaps.
        let definition = serde_json::from_str(&definition)
            .inspect_err(|error| tracing::warn!(%error, kind = kind.as_str(), "what is saved cannot be read"))
            .ok()?;
        Some(Definition { name, definition, updated_at })
    });
    Ok(read.collect())
}

impl Answers {
    /// Saves a definition, instead of one that has the name. Answers when it was written, in milliseconds.
    pub(super) async fn save_definition(
        &self,
        kind: Kind,
        name: &str,
        definition: &impl Serialize,
    ) -> Result<i64, StoreError> {
        self.write(kind, name, &serde_json::to_string(definition).expect("plain data")).await
    }

    pub(super) async fn delete_definition(&self, kind: Kind, name: &str) -> Result<(), StoreError> {
        self.write(kind, name, "").await?;
        Ok(())
    }

    /// An empty definition is a deleted one.
    async fn write(&self, kind: Kind, name: &str, definition: &str) -> Result<i64, StoreError> {
        let now_ms = self.clock.now_ms();
        self.store.save_definition(kind.as_str(), name, definition, now_ms).await?;
        Ok(now_ms)
    }
}
