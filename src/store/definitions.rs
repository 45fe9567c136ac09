//! Small definitions that are kept in ClickHouse, each of a kind and under a name: what people save, and who may do what.

use serde::Deserialize;

use super::{
    client::{Parameter, Store},
    error::StoreError,
};

/// Characters of a name that people choose.
pub const NAME_CHARS_MAX: usize = 100;

/// Whether people can read it in a line.
pub fn is_text_of(chars_max: usize, text: &str) -> bool {
    (1..=chars_max).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}

/// What is kept under a name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Definition {
    pub kind: String,
    pub name: String,
    /// JSON.
    pub definition: String,
    /// RFC 3339.
    pub updated_at: String,
}

impl Store {
    /// All definitions of these kinds, by kind and name.
    pub async fn definitions(&self, kinds: &[&str]) -> Result<Vec<Definition>, StoreError> {
        self.query(include_str!("definitions.sql"), &[Parameter::texts("kinds", kinds.iter().copied())]).await
    }

    /// Saves a definition of a kind under a name; an empty one deletes what is there. `at_ms`: the present.
    pub async fn save_definition(
        &self,
        kind: &str,
        name: &str,
        definition: &str,
        at_ms: i64,
    ) -> Result<(), StoreError> {
        let parameters = [
            Parameter::text("kind", kind),
            Parameter::text("name", name),
            Parameter::text("definition", definition),
            Parameter::new("at_ms", at_ms),
        ];
        self.execute_with(include_str!("save_definition.sql"), &parameters).await
    }
}
