//! The `.sql` files of this folder and what their leading comments say.

use std::collections::BTreeMap;

use rust_embed::RustEmbed;

use super::arguments::UrlParameter;

#[derive(RustEmbed)]
#[folder = "src/queries"]
#[include = "*.sql"]
#[exclude = "internal/*"]
struct QueryFiles;

/// The moment of the newest event, asked beside every query.
pub const NEWEST_EVENT: &str = include_str!("internal/newest_event.sql");

/// A column of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    /// ClickHouse's type.
    pub type_name: String,
    pub meaning: String,
}

/// One question.
#[derive(Debug, Clone)]
pub struct Query {
    pub name: String,
    pub description: String,
    /// What its URL may carry.
    pub takes: Vec<UrlParameter>,
    pub columns: Vec<Column>,
    pub sql: String,
}

/// All questions, by name.
#[derive(Debug, Clone)]
pub struct Catalog(BTreeMap<String, Query>);

impl Catalog {
    /// Reads the files that were built in.
    pub fn built_in() -> Self {
        let queries = QueryFiles::iter().filter_map(|file| {
            let content = QueryFiles::get(&file)?;
            let sql = String::from_utf8_lossy(&content.data).into_owned();
            let query = Query::parse(file.strip_suffix(".sql")?, sql);
            Some((query.name.clone(), query))
        });
        Self(queries.collect())
    }

    pub fn get(&self, name: &str) -> Option<&Query> {
        self.0.get(name)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Query> {
        self.0.values()
    }
}

impl Query {
    /// Reads the leading comment: sentences of description, then `takes name values: meaning` and `column name Type: meaning`,
    /// a line each. `parameter` lines are for the reader of the file.
    pub(super) fn parse(name: &str, sql: String) -> Self {
        let header = sql.lines().map_while(|line| line.strip_prefix("--")).map(str::trim);
        let mut description = Vec::new();
        let mut takes = Vec::new();
        let mut columns = Vec::new();
        for line in header {
            match line.split_once(' ') {
                Some(("takes", parameter)) => takes.extend(UrlParameter::parse(parameter)),
                Some(("column", column)) => columns.extend(Column::parse(column)),
                Some(("parameter", _)) => {}
                _ => description.push(line),
            }
        }
        Self { name: name.to_owned(), description: description.join(" "), takes, columns, sql }
    }
}

impl Column {
    fn parse(text: &str) -> Option<Self> {
        let (name, rest) = text.split_once(' ')?;
        let (type_name, meaning) = rest.split_once(": ")?;
        Some(Self { name: name.to_owned(), type_name: type_name.to_owned(), meaning: meaning.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            arguments::Values,
            range::{Ago, Range},
        },
        *,
    };

    #[test]
    fn every_query_says_what_it_answers_and_with_which_columns() {
        let catalog = Catalog::built_in();
        let names: Vec<_> = catalog.iter().map(|query| query.name.as_str()).collect();
        let expected = [
            "active_users",
            "active_users_by",
            "error_breakdown",
            "error_rate",
            "event_names",
            "feature_adoption",
            "live_events",
            "property_keys",
            "retention",
            "signup_funnel",
            "top_features",
        ];
        assert_eq!(names, expected);
        for query in catalog.iter() {
            assert!(query.description.ends_with('.'), "{}: {:?}", query.name, query.description);
            assert!(query.columns.len() >= 3, "{}: {:?}", query.name, query.columns);
            let declared = query.sql.lines().filter(|line| line.starts_with("-- takes ")).count();
            assert_eq!(query.takes.len(), declared, "{}: {:?}", query.name, query.takes);
        }
    }

    /// Offered and not known, it would be bound as it is, and the moment would stay.
    #[test]
    fn every_range_and_moment_that_a_query_offers_is_known() {
        for query in Catalog::built_in().iter() {
            for UrlParameter { name, values, .. } in &query.takes {
                let Values::OneOf(choices) = values else { continue };
                for choice in choices {
                    let is_known = match name.as_str() {
                        "range" => Range::from_name(choice).is_some(),
                        "ago" => Ago::from_name(choice).is_some(),
                        _ => true,
                    };
                    assert!(is_known, "{}: {name} {choice}", query.name);
                }
            }
        }
    }

    /// A placeholder without a value would fail at the first question.
    #[test]
    fn every_placeholder_of_a_query_is_bound() {
        for query in Catalog::built_in().iter() {
            let arguments = query.least_arguments();
            let bound = query.parameters(&arguments, 0);
            let placeholders = query.sql.split('{').skip(1).filter_map(|rest| rest.split_once(':'));
            // A regular expression has braces too, around a number.
            let is_name = |text: &str| text.starts_with(|first: char| first.is_ascii_lowercase());
            for (placeholder, _) in placeholders.filter(|(text, _)| is_name(text)) {
                assert!(bound.iter().any(|each| each.name() == placeholder), "{}: {placeholder}", query.name);
            }
        }
    }
}
