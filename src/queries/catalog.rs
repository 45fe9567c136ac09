//! The `.sql` files of this folder and what their leading comments say.

use std::collections::BTreeMap;

use rust_embed::RustEmbed;

use crate::{clock::rfc3339, store::Parameter};

#[derive(RustEmbed)]
#[folder = "src/queries"]
#[include = "*.sql"]
#[exclude = "internal/*"]
struct QueryFiles;

/// The moment of the newest event, asked beside every query.
pub const NEWEST_EVENT: &str = include_str!("internal/newest_event.sql");

/// How far back a query looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Deserialize, utoipa::ToSchema)]
pub enum Range {
    #[default]
    #[serde(rename = "1h")]
    OneHour,
    #[serde(rename = "6h")]
    SixHours,
    #[serde(rename = "24h")]
    OneDay,
}

impl Range {
    const ALL: [(&'static str, Self); 3] = [("1h", Self::OneHour), ("6h", Self::SixHours), ("24h", Self::OneDay)];

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, range)| *range)
    }

    fn seconds(self) -> u32 {
        match self {
            Self::OneHour => 3_600,
            Self::SixHours => 21_600,
            Self::OneDay => 86_400,
        }
    }

    /// Finer buckets for shorter ranges; each is a whole number of the rollup's minutes.
    fn bucket_seconds(self) -> u32 {
        match self {
            Self::OneHour => 300,
            Self::SixHours => 1_800,
            Self::OneDay => 3_600,
        }
    }

    /// All that a query may use.
    pub fn parameters(self, until_ms: i64) -> Vec<Parameter> {
        vec![
            Parameter::new("until", clickhouse_time(until_ms)),
            Parameter::new("range_seconds", self.seconds()),
            Parameter::new("bucket_seconds", self.bucket_seconds()),
        ]
    }
}

/// `2026-11-23 10:00:00.123`, in UTC: how every version reads a `DateTime64(3, 'UTC')` parameter.
pub(super) fn clickhouse_time(at_ms: i64) -> String {
    rfc3339(at_ms).replace('T', " ").trim_end_matches('Z').to_owned()
}

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
    /// Reads the leading comment: sentences of description, then `column name Type: meaning` a line.
    fn parse(name: &str, sql: String) -> Self {
        let header = sql.lines().map_while(|line| line.strip_prefix("--")).map(str::trim);
        let mut description = Vec::new();
        let mut columns = Vec::new();
        for line in header {
            match line.split_once(' ') {
                Some(("column", column)) => columns.extend(Column::parse(column)),
                Some(("parameter", _)) => {}
                _ => description.push(line),
            }
        }
        Self { name: name.to_owned(), description: description.join(" "), columns, sql }
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
    use super::*;

    #[test]
    fn every_query_says_what_it_answers_and_with_which_columns() {
        let catalog = Catalog::built_in();
        let names: Vec<_> = catalog.iter().map(|query| query.name.as_str()).collect();
        assert_eq!(names, ["active_users", "error_rate", "signup_funnel", "top_features"]);
        for query in catalog.iter() {
            assert!(query.description.ends_with('.'), "{}: {:?}", query.name, query.description);
            assert!(query.columns.len() >= 3, "{}: {:?}", query.name, query.columns);
        }
    }

    #[test]
    fn moments_are_bound_with_their_milliseconds() {
        let until = &Range::OneHour.parameters(1_700_000_000_045)[0];
        assert_eq!(*until, Parameter::new("until", "2023-11-14 22:13:20.045"));
    }
}
