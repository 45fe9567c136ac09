//! What a query's URL may carry, as `takes` lines of its file declare it, and what one URL carries.

use super::{
    catalog::Query,
    range::{Ago, Range},
};
use crate::{
    clock::rfc3339,
    event::{EVENT_NAME_RULE, is_event_name},
    store::Parameter,
};

/// The parameter that stands for a length of time; ClickHouse is told its seconds.
const RANGE: &str = "range";
/// The parameter that moves the moment asked about into the past; ClickHouse is told the moment alone.
const AGO: &str = "ago";

/// Characters of a bad argument that are repeated to its sender.
const REPEATED_CHARS_MAX: usize = 40;

/// A parameter of a query's URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UrlParameter {
    pub name: String,
    pub values: Values,
    pub meaning: String,
}

/// What an argument may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Values {
    /// One of these; the first when the URL has none.
    OneOf(Vec<String>),
    /// A well-formed event name, which the URL must have.
    EventName,
}

/// A value for each parameter of a query, in the order in which its file declares them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Arguments(Vec<String>);

/// What is wrong with the parameters of a URL, and what would be right.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ArgumentError {
    #[error("range must be {0}, not {1:?}")]
    Range(String, String),
    #[error("{0} must be {1}, not {2:?}")]
    Value(String, String, String),
    #[error("{0} is missing; it must be {1}")]
    Missing(String, String),
    #[error("{0} is there twice; it may be there once")]
    Repeated(String),
    #[error("{0} takes no parameter {1:?}; it takes {2}")]
    Unknown(String, String, String),
}

impl UrlParameter {
    /// Reads `range 1h, 4h: how far back to look` or `event_name any event name: the events asked about`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (declared, meaning) = text.split_once(": ")?;
        let (name, values) = declared.split_once(' ')?;
        let values = match values {
            "any event name" => Values::EventName,
            choices => Values::OneOf(choices.split(", ").map(str::to_owned).collect()),
        };
        Some(Self { name: name.to_owned(), values, meaning: meaning.to_owned() })
    }

    fn check(&self, value: &str) -> Result<String, ArgumentError> {
        let allowed = match &self.values {
            Values::OneOf(choices) => choices.iter().any(|choice| choice == value),
            Values::EventName => is_event_name(value.as_bytes()),
        };
        match allowed {
            true => Ok(value.to_owned()),
            false if self.name == RANGE => Err(ArgumentError::range(self.rule(), value)),
            false => Err(ArgumentError::value(&self.name, self.rule(), value)),
        }
    }

    fn default(&self) -> Result<String, ArgumentError> {
        let first = match &self.values {
            Values::OneOf(choices) => choices.first().cloned(),
            Values::EventName => None,
        };
        first.ok_or_else(|| ArgumentError::Missing(self.name.clone(), self.rule()))
    }

    /// What the value must be, for people.
    fn rule(&self) -> String {
        match &self.values {
            Values::EventName => format!("an event name ({EVENT_NAME_RULE})"),
            Values::OneOf(choices) => choice(choices),
        }
    }
}

impl ArgumentError {
    pub(super) fn range(rule: String, given: &str) -> Self {
        Self::Range(rule, beginning(given))
    }

    pub(super) fn value(name: &str, rule: String, given: &str) -> Self {
        Self::Value(name.to_owned(), rule, beginning(given))
    }
}

impl Query {
    /// Judges the parameters of a URL, and completes them with the defaults.
    pub fn arguments(&self, given: &[(String, String)]) -> Result<Arguments, ArgumentError> {
        if let Some((unknown, _)) = given.iter().find(|(name, _)| self.takes.iter().all(|known| known.name != *name)) {
            let known: Vec<_> = self.takes.iter().map(|known| format!("{} ({})", known.name, known.rule())).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            return Err(ArgumentError::Unknown(self.name.clone(), beginning(unknown), known));
        }
        let values = self.takes.iter().map(|parameter| {
            let mut named = given.iter().filter(|(name, _)| *name == parameter.name);
            match (named.next(), named.next()) {
                (None, _) => parameter.default(),
                (Some((_, value)), None) => parameter.check(value),
                (Some(_), Some(_)) => Err(ArgumentError::Repeated(parameter.name.clone())),
            }
        });
        Ok(Arguments(values.collect::<Result<_, _>>()?))
    }

    /// The defaults, and `page_view` where a name must be given.
    #[cfg(test)]
    pub(super) fn least_arguments(&self) -> Arguments {
        Arguments(self.takes.iter().map(|each| each.default().unwrap_or_else(|_| "page_view".to_owned())).collect())
    }

    /// All that the query may use: the moment asked about, and the URL's arguments by their names, a range by its seconds.
    pub fn parameters(&self, arguments: &Arguments, now_ms: i64) -> Vec<Parameter> {
        let mut until_ms = now_ms;
        let mut parameters = Vec::new();
        for (parameter, value) in self.takes.iter().zip(&arguments.0) {
            match (parameter.name.as_str(), Range::from_name(value), Ago::from_name(value)) {
                (RANGE, Some(range), _) => parameters.extend([
                    Parameter::new("range_seconds", range.seconds),
                    Parameter::new("bucket_seconds", range.bucket_seconds),
                ]),
                (AGO, _, Some(ago)) => until_ms -= ago.milliseconds(),
                (name, ..) => parameters.push(Parameter::text(name, value)),
            }
        }
        parameters.push(Parameter::new("until", clickhouse_time(until_ms)));
        parameters
    }
}

/// `2026-11-23 10:00:00.123`, in UTC: how every version reads a `DateTime64(3, 'UTC')` parameter.
pub(super) fn clickhouse_time(at_ms: i64) -> String {
    rfc3339(at_ms).replace('T', " ").trim_end_matches('Z').to_owned()
}

/// `1h, 6h or 24h`
pub(super) fn choice(names: &[impl AsRef<str>]) -> String {
    let names: Vec<_> = names.iter().map(AsRef::as_ref).collect();
    match names.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

fn beginning(text: &str) -> String {
    text.chars().take(REPEATED_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str =
        "-- Says something.\n-- takes range 1h, 7d: how far back\n-- takes name any event name: which events\nSELECT 1";

    fn judge(given: &[(&str, &str)]) -> Result<Arguments, ArgumentError> {
        let given: Vec<_> = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Query::parse("question", FILE.to_owned()).arguments(&given)
    }

    #[test]
    fn arguments_are_completed_and_bound_by_name() {
        let query = Query::parse("question", FILE.to_owned());
        let arguments = judge(&[("name", "page_view")]).expect("valid");
        let bound = query.parameters(&arguments, 1_700_000_000_045);
        let expected = [
            ("range_seconds", "3600"),
            ("bucket_seconds", "300"),
            ("name", "page_view"),
            ("until", "2023-11-14 22:13:20.045"),
        ]
        .map(|(name, value)| Parameter::text(name, value));
        assert_eq!(bound, expected);
        assert_ne!(judge(&[("name", "page_view"), ("range", "7d")]), Ok(arguments));
    }

    #[test]
    fn a_moment_in_the_past_is_asked_about_as_the_present_is() {
        let file = "-- Says something.\n-- takes range 1h: how far back\n-- takes ago 0, 1d, 7d: when\nSELECT 1";
        let query = Query::parse("question", file.to_owned());
        for (ago, until) in
            [("0", "2023-11-14 22:13:20.045"), ("1d", "2023-11-13 22:13:20.045"), ("7d", "2023-11-07 22:13:20.045")]
        {
            let arguments = query.arguments(&[("ago".to_owned(), ago.to_owned())]).expect("valid");
            let expected = [("range_seconds", "3600"), ("bucket_seconds", "300"), ("until", until)];
            assert_eq!(
                query.parameters(&arguments, 1_700_000_000_045),
                expected.map(|(name, value)| Parameter::text(name, value)),
                "{ago}"
            );
        }
    }

    #[test]
    fn bad_arguments_are_told_what_would_be_right() {
        for (given, said) in [
            (vec![], "name is missing; it must be an event name"),
            (vec![("name", "a'b")], "name must be an event name"),
            (vec![("name", "a"), ("range", "24h")], "range must be 1h or 7d, not \"24h\""),
            (vec![("name", "a"), ("name", "a")], "name is there twice"),
            (
                vec![("name", "a"), ("until", "now")],
                "question takes no parameter \"until\"; it takes range (1h or 7d), name (",
            ),
        ] {
            let error = judge(&given).expect_err(said).to_string();
            assert!(error.starts_with(said), "{error}");
        }
        let long = judge(&[("name", &"é".repeat(1_000))]).expect_err("too long").to_string();
        assert!(long.ends_with(&format!("not \"{}\"", "é".repeat(REPEATED_CHARS_MAX))), "{long}");
    }
}
