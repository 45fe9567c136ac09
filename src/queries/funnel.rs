//! What a funnel is, and which ones can be asked for.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::event::{EVENT_NAME_RULE, is_event_name};

/// Steps of a funnel.
pub const STEPS_MIN: usize = 2;
pub const STEPS_MAX: usize = 10;
/// Filters of one step.
pub const FILTERS_MAX: usize = 10;
/// Bytes of a filter's value, and of a property's key.
pub const FILTER_VALUE_BYTES_MAX: usize = 1_000;
pub const PROPERTY_KEY_BYTES_MAX: usize = 200;

const MINUTE: u32 = 60;
const DAY: u32 = 86_400;
const WINDOW_SECONDS_MAX: u32 = 30 * DAY;
const RANGE_SECONDS_MAX: u32 = 90 * DAY;

/// Steps that people take one after the other, and how many get how far.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Funnel {
    /// 2 to 10, in their order.
    pub steps: Vec<Step>,
    /// Time to reach the last step, from the first one: 1m to 30d.
    #[serde(default = "default_window")]
    #[schema(value_type = String, example = "1h")]
    pub window: Span,
    /// How far back the first steps are looked for: 1m to 90d.
    #[serde(default = "default_range")]
    #[schema(value_type = String, example = "24h")]
    pub range: Span,
    #[serde(default)]
    pub order: Order,
    /// What the first step's event is told apart by: `device_type`, `country_code` or `properties.<key>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "properties.email_domain")]
    pub breakdown: Option<Field>,
}

/// An event that counts as a step.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    pub event_name: String,
    /// All must hold; at most 10.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub filters: Vec<Filter>,
}

/// A condition on an event.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// `device_type`, `country_code` or `properties.<key>`.
    #[schema(value_type = String)]
    pub field: Field,
    pub op: Op,
    /// Needed by every operator but `exists`; a number for `<` and `>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub enum Op {
    /// The same text; numbers, booleans and nested values are compared as JSON writes them.
    #[serde(rename = "=")]
    Equals,
    /// Another text, or none.
    #[serde(rename = "!=")]
    Differs,
    /// In either case of letters.
    #[serde(rename = "contains")]
    Contains,
    #[serde(rename = "exists")]
    Exists,
    #[serde(rename = "<")]
    Less,
    #[serde(rename = ">")]
    Greater,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// Each step after the one before it, with any other events between them.
    #[default]
    Strict,
    /// The steps in any order; a step of the answer is the number of different steps that were taken.
    Any,
}

/// A funnel that cannot be asked for: which part of it, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FunnelError(String);

impl Funnel {
    /// With the defaults.
    pub fn new(steps: Vec<Step>) -> Self {
        Self { steps, window: default_window(), range: default_range(), order: Order::default(), breakdown: None }
    }

    /// Refuses what has no answer.
    pub fn checked(self) -> Result<Self, FunnelError> {
        let refuse = |message: String| Err(FunnelError(message));
        let steps = self.steps.len();
        if !(STEPS_MIN..=STEPS_MAX).contains(&steps) {
            return refuse(format!("steps: {STEPS_MIN} to {STEPS_MAX} are needed, not {steps}"));
        }
        if !(MINUTE..=WINDOW_SECONDS_MAX).contains(&self.window.0) {
            return refuse(format!("window: 1m to 30d, not {}", self.window));
        }
        if !(MINUTE..=RANGE_SECONDS_MAX).contains(&self.range.0) {
            return refuse(format!("range: 1m to 90d, not {}", self.range));
        }
        for (index, step) in self.steps.iter().enumerate() {
            step.check().map_err(|message| FunnelError(format!("steps[{index}].{message}")))?;
            if self.order == Order::Any && self.steps[..index].contains(step) {
                return refuse(format!("steps[{index}]: in any order, a step can be there only once"));
            }
        }
        Ok(self)
    }
}

impl Step {
    fn check(&self) -> Result<(), String> {
        if !is_event_name(self.event_name.as_bytes()) {
            let name: String = self.event_name.chars().take(80).collect();
            return Err(format!("event_name: {EVENT_NAME_RULE}; not {name:?}"));
        }
        if self.filters.len() > FILTERS_MAX {
            return Err(format!("filters: at most {FILTERS_MAX}, not {}", self.filters.len()));
        }
        for (index, filter) in self.filters.iter().enumerate() {
            filter.check().map_err(|message| format!("filters[{index}].{message}"))?;
        }
        Ok(())
    }
}

impl Filter {
    fn check(&self) -> Result<(), String> {
        match (self.op, self.value.as_deref()) {
            (Op::Exists, None) => Ok(()),
            (Op::Exists, Some(_)) => Err("value: exists takes none".to_owned()),
            (_, None) => Err("value: needed by every op but exists".to_owned()),
            (_, Some(value)) if value.len() > FILTER_VALUE_BYTES_MAX => {
                Err(format!("value: at most {FILTER_VALUE_BYTES_MAX} bytes, not {}", value.len()))
            }
            (Op::Less | Op::Greater, Some(value)) if value.parse::<f64>().is_err() => {
                Err(format!("value: < and > take a number, not {value:?}"))
            }
            _ => Ok(()),
        }
    }
}

impl Op {
    /// As the API and the SQL write it.
    pub const ALL: [(&'static str, Self); 6] = [
        ("=", Self::Equals),
        ("!=", Self::Differs),
        ("contains", Self::Contains),
        ("exists", Self::Exists),
        ("<", Self::Less),
        (">", Self::Greater),
    ];

    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, op)| *op == self).map_or("", |(name, _)| name)
    }
}

impl FromStr for Op {
    type Err = FunnelError;

    fn from_str(text: &str) -> Result<Self, FunnelError> {
        let known = Self::ALL.iter().find(|(name, _)| *name == text).map(|(_, op)| *op);
        known.ok_or_else(|| FunnelError(format!("op: =, !=, contains, exists, < or >, not {text:?}")))
    }
}

impl FromStr for Order {
    type Err = FunnelError;

    fn from_str(text: &str) -> Result<Self, FunnelError> {
        match text {
            "strict" => Ok(Self::Strict),
            "any" => Ok(Self::Any),
            _ => Err(FunnelError(format!("order: strict or any, not {text:?}"))),
        }
    }
}

/// Something an event is told apart by: `device_type`, `country_code` or `properties.<key>`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Field {
    DeviceType,
    CountryCode,
    Property(String),
}

impl FromStr for Field {
    type Err = FunnelError;

    fn from_str(text: &str) -> Result<Self, FunnelError> {
        match (text, text.strip_prefix("properties.")) {
            ("device_type", _) => Ok(Self::DeviceType),
            ("country_code", _) => Ok(Self::CountryCode),
            (_, Some(key)) if (1..=PROPERTY_KEY_BYTES_MAX).contains(&key.len()) => Ok(Self::Property(key.to_owned())),
            _ => Err(FunnelError(format!(
                "a field is device_type, country_code or properties.<key> (a key of 1 to {PROPERTY_KEY_BYTES_MAX} bytes), not {:?}",
                text.chars().take(80).collect::<String>()
            ))),
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DeviceType => f.write_str("device_type"),
            Self::CountryCode => f.write_str("country_code"),
            Self::Property(key) => write!(f, "properties.{key}"),
        }
    }
}

/// A length of time in seconds, written as `90m`, `4h` or `7d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Span(pub u32);

const UNITS: [(char, u32); 3] = [('d', DAY), ('h', 3_600), ('m', MINUTE)];

fn default_window() -> Span {
    Span(3_600)
}

fn default_range() -> Span {
    Span(DAY)
}

impl FromStr for Span {
    type Err = FunnelError;

    fn from_str(text: &str) -> Result<Self, FunnelError> {
        let seconds = UNITS.iter().find_map(|(unit, seconds)| {
            let number: u32 = text.strip_suffix(*unit)?.parse().ok()?;
            number.checked_mul(*seconds)
        });
        seconds.map(Self).ok_or_else(|| {
            let text: String = text.chars().take(40).collect();
            FunnelError(format!("a length of time is a number and m, h or d, such as 90m, 4h or 7d; not {text:?}"))
        })
    }
}

impl fmt::Display for Span {
    /// In the largest unit that leaves a whole number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, seconds) =
            UNITS.into_iter().find(|(_, seconds)| self.0.is_multiple_of(*seconds)).unwrap_or(('m', MINUTE));
        write!(f, "{}{unit}", self.0 / seconds)
    }
}

/// A type that JSON has as its text.
macro_rules! as_text {
    ($($name:ty),*) => {$(
        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

as_text!(Field, Span);

#[cfg(test)]
mod tests {
    use super::*;

    fn funnel(json: &str) -> Result<Funnel, String> {
        let parsed: Funnel = serde_json::from_str(json).map_err(|error| error.to_string())?;
        parsed.checked().map_err(|error| error.to_string())
    }

    #[test]
    fn a_funnel_is_read_with_its_defaults_and_written_as_it_was() {
        let text = r#"{"steps":[{"event_name":"a"},{"event_name":"b","filters":[{"field":"properties.plan","op":"=","value":"pro"}]}],"window":"90m","range":"7d","order":"any","breakdown":"device_type"}"#;
        let read = funnel(text).expect("it is right");
        assert_eq!(serde_json::to_string(&read).expect("plain data"), text);
        let small = funnel(r#"{"steps":[{"event_name":"a"},{"event_name":"b"}]}"#).expect("it is right");
        assert_eq!(
            (small.window, small.range, small.order, small.breakdown),
            (Span(3_600), Span(DAY), Order::Strict, None)
        );
    }

    #[test]
    fn each_mistake_is_told_with_its_place() {
        let with_filter =
            |filter: &str| format!(r#"{{"steps":[{{"event_name":"a"}},{{"event_name":"b","filters":[{filter}]}}]}}"#);
        for (json, told) in [
            (r#"{"steps":[{"event_name":"a"}]}"#.to_owned(), "steps: 2 to 10 are needed, not 1"),
            (r#"{"steps":[{"event_name":"a"},{"event_name":"B c"}]}"#.to_owned(), "steps[1].event_name: "),
            (
                r#"{"steps":[{"event_name":"a"},{"event_name":"b"}],"window":"31d"}"#.to_owned(),
                "window: 1m to 30d, not 31d",
            ),
            (r#"{"steps":[{"event_name":"a"},{"event_name":"b"}],"window":"0h"}"#.to_owned(), "window: 1m to 30d"),
            (
                r#"{"steps":[{"event_name":"a"},{"event_name":"b"}],"range":"91d"}"#.to_owned(),
                "range: 1m to 90d, not 91d",
            ),
            (r#"{"steps":[{"event_name":"a"},{"event_name":"b"}],"window":"soon"}"#.to_owned(), "such as 90m"),
            (r#"{"steps":[{"event_name":"a"},{"event_name":"b"}],"range":"9999999999d"}"#.to_owned(), "such as 90m"),
            (r#"{"steps":[{"event_name":"a"},{"event_name":"b"}],"breakdown":"plan"}"#.to_owned(), "properties.<key>"),
            (r#"{"steps":[{"event_name":"a"},{"event_name":"a"}],"order":"any"}"#.to_owned(), "steps[1]: in any order"),
            (r#"{"steps":[{"event_name":"a"},{"event_name":"b"}],"sort":1}"#.to_owned(), "unknown field `sort`"),
            (with_filter(r#"{"field":"properties.x","op":"="}"#), "steps[1].filters[0].value: needed"),
            (
                with_filter(r#"{"field":"properties.x","op":"<","value":"ten"}"#),
                "steps[1].filters[0].value: < and > take a number",
            ),
            (
                with_filter(r#"{"field":"properties.x","op":"exists","value":"1"}"#),
                "steps[1].filters[0].value: exists takes none",
            ),
            (with_filter(r#"{"field":"properties.x","op":"like","value":"1"}"#), "unknown variant `like`"),
            (with_filter(r#"{"field":"user_id","op":"=","value":"1"}"#), "a field is device_type"),
        ] {
            let error = funnel(&json).expect_err(&json);
            assert!(error.contains(told), "{json}: {error}");
        }
    }

    #[test]
    fn lengths_of_time_are_written_in_their_largest_unit() {
        for (text, seconds) in [("1m", 60), ("90m", 5_400), ("4h", 14_400), ("1d", 86_400)] {
            assert_eq!((text.parse::<Span>(), Span(seconds).to_string()), (Ok(Span(seconds)), text.to_owned()));
        }
        assert_eq!(Span(86_400), "24h".parse().expect("a day"));
    }
}
