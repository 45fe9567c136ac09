//! The funnels that people save under a name.

use serde::Serialize;

use super::{
    answers::Answers,
    definitions::{DEFINITIONS_MAX, Definition, DefinitionError, DefinitionName, Kind, definitions},
    funnel::Funnel,
};
use crate::{clock::rfc3339, store::StoreError};

/// A funnel under its name.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct SavedFunnel {
    pub name: String,
    pub funnel: Funnel,
    /// RFC 3339.
    pub updated_at: String,
}

impl Answers {
    /// All saved funnels, by name.
    pub async fn saved_funnels(&self) -> Result<Vec<SavedFunnel>, StoreError> {
        let saved = definitions(&self.store, Kind::Funnel).await?.into_iter();
        let funnel = |Definition { name, definition, updated_at }| SavedFunnel { name, funnel: definition, updated_at };
        Ok(saved.map(funnel).collect())
    }

    /// Saves a funnel, instead of one that has the name.
    pub async fn save_funnel(&self, name: DefinitionName, funnel: Funnel) -> Result<SavedFunnel, DefinitionError> {
        let saved = self.saved_funnels().await?;
        if saved.len() >= DEFINITIONS_MAX && !saved.iter().any(|other| other.name == name.0) {
            return Err(DefinitionError::TooMany);
        }
        let updated_at = rfc3339(self.save_definition(Kind::Funnel, &name.0, &funnel).await?);
        Ok(SavedFunnel { name: name.0, funnel, updated_at })
    }

    /// Whether there was one.
    pub async fn delete_funnel(&self, name: DefinitionName) -> Result<bool, DefinitionError> {
        if !self.saved_funnels().await?.iter().any(|saved| saved.name == name.0) {
            return Ok(false);
        }
        self.delete_definition(Kind::Funnel, &name.0).await?;
        Ok(true)
    }
}
