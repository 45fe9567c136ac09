//! The fields of one event: reading them, and judging each.

use std::borrow::Cow;

use serde::Serialize;

use super::json::{RawString, Reader, SyntaxError, Value};
use crate::event::{DEVICE_TYPES, EventLimits, is_country_code};

/// The fields of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    EventId,
    EventName,
    Timestamp,
    SessionId,
    UserId,
    DeviceType,
    CountryCode,
    Properties,
    Event,
}

impl Field {
    /// The name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EventId => "event_id",
            Self::EventName => "event_name",
            Self::Timestamp => "timestamp",
            Self::SessionId => "session_id",
            Self::UserId => "user_id",
            Self::DeviceType => "device_type",
            Self::CountryCode => "country_code",
            Self::Properties => "properties",
            Self::Event => "event",
        }
    }
}

/// Fields that can be sent; `Event` stands for none of them.
const FIELD_COUNT: usize = Field::Event as usize;

/// Why an event was not taken, as a word for metrics: few, so that each can be a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RejectCode {
    Missing,
    WrongType,
    Malformed,
    Empty,
    TooLong,
    NotAllowed,
    Future,
    Expired,
    TooManyNames,
    UnknownField,
    SentTwice,
    NotJson,
    NotUtf8,
}

impl RejectCode {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::WrongType => "wrong_type",
            Self::Malformed => "malformed",
            Self::Empty => "empty",
            Self::TooLong => "too_long",
            Self::NotAllowed => "not_allowed",
            Self::Future => "future",
            Self::Expired => "expired",
            Self::TooManyNames => "too_many_names",
            Self::UnknownField => "unknown_field",
            Self::SentTwice => "sent_twice",
            Self::NotJson => "not_json",
            Self::NotUtf8 => "not_utf8",
        }
    }
}

/// What is wrong with one event.
pub struct Fault {
    pub field: Field,
    pub code: RejectCode,
    pub reason: Cow<'static, str>,
    /// Where the event stopped being JSON, if it did.
    pub syntax: Option<usize>,
}

impl Fault {
    pub fn new(field: Field, code: RejectCode, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { field, code, reason: reason.into(), syntax: None }
    }

    pub fn missing(field: Field) -> Self {
        Self::new(field, RejectCode::Missing, "is required")
    }

    fn expected(field: Field, expected: &str, found: &Value<'_>) -> Self {
        Self::new(field, RejectCode::WrongType, format!("expected {expected}, found {}", found.kind()))
    }
}

impl From<SyntaxError> for Fault {
    fn from(error: SyntaxError) -> Self {
        let reason = format!("not valid JSON: {} at byte {} of the body", error.reason, error.at);
        Self { syntax: Some(error.at), ..Self::new(Field::Event, RejectCode::NotJson, reason) }
    }
}

/// The values of one event, by field.
#[derive(Default)]
pub struct Fields<'a>([Option<Value<'a>>; FIELD_COUNT]);

impl<'a> Fields<'a> {
    /// The value sent; `null` counts as absent.
    pub fn get(&self, field: Field) -> Option<Value<'a>> {
        self.0[field as usize].filter(|value| *value != Value::Null)
    }

    pub fn required_text(&self, field: Field) -> Result<Cow<'a, [u8]>, Fault> {
        match self.get(field) {
            Some(Value::String(string)) => Ok(string.text()),
            Some(other) => Err(Fault::expected(field, "a string", &other)),
            None => Err(Fault::missing(field)),
        }
    }
}

pub fn read_fields<'a>(reader: &mut Reader<'a>) -> Result<Fields<'a>, Fault> {
    let mut fields = Fields::default();
    let mut fault = None;
    if reader.peek() != Some(b'{') {
        return Err(Fault::expected(Field::Event, "an object", &reader.value()?));
    }
    reader.expect(b'{', "expected {")?;
    if reader.take(b'}') {
        return Ok(fields);
    }
    loop {
        let key = reader.key()?;
        let value = reader.value()?;
        // A misfit is reported after the whole event has been read, so that the next one is found.
        match field_named(key) {
            Ok(field) if fields.0[field as usize].is_some() => {
                fault = Some(Fault::new(field, RejectCode::SentTwice, "is sent twice"));
            }
            Ok(field) => fields.0[field as usize] = Some(value),
            Err(unknown) => fault = Some(unknown),
        }
        if reader.take(b'}') {
            return fault.map_or(Ok(fields), Err);
        }
        reader.expect(b',', "expected a comma or } in the event")?;
    }
}

fn field_named(key: RawString<'_>) -> Result<Field, Fault> {
    match key.text().as_ref() {
        b"event_id" => Ok(Field::EventId),
        b"event_name" => Ok(Field::EventName),
        b"timestamp" => Ok(Field::Timestamp),
        b"session_id" => Ok(Field::SessionId),
        b"user_id" => Ok(Field::UserId),
        b"device_type" => Ok(Field::DeviceType),
        b"country_code" => Ok(Field::CountryCode),
        b"properties" => Ok(Field::Properties),
        unknown => {
            let reason = format!("unknown field {}; your own data goes into properties", shown(unknown));
            Err(Fault::new(Field::Event, RejectCode::UnknownField, reason))
        }
    }
}

/// What is known of the time when a body arrived.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    /// Milliseconds since the epoch.
    pub received_at_ms: i64,
    /// How far the client's clock is behind; 0 when it is right, or right enough.
    pub clock_skew_ms: i64,
}

/// An event's time, as it is stored.
#[derive(Debug, Clone, Copy)]
pub struct EventTime {
    /// Milliseconds since the epoch.
    pub at_ms: i64,
    /// What was added to the time that the client sent.
    pub clock_skew_ms: i64,
}

/// The time an event carries, corrected by the skew of its client's clock, within the limits around its arrival.
pub fn event_time(value: Option<Value<'_>>, arrival: Arrival, limits: &EventLimits) -> Result<EventTime, Fault> {
    let Arrival { received_at_ms, clock_skew_ms } = arrival;
    let Some(value) = value else { return Ok(EventTime { at_ms: received_at_ms, clock_skew_ms: 0 }) };
    let at_ms = instant(value).map_err(|(code, reason)| Fault::new(Field::Timestamp, code, reason))?;
    let at_ms = at_ms.saturating_add(clock_skew_ms);
    if at_ms > received_at_ms.saturating_add(limits.future_ms_max) {
        let minutes = limits.future_ms_max / 60_000;
        let reason = format!("is more than {minutes} minutes in the future");
        return Err(Fault::new(Field::Timestamp, RejectCode::Future, reason));
    }
    if at_ms < received_at_ms.saturating_sub(limits.past_ms_max) {
        let days = limits.past_ms_max / 86_400_000;
        let reason = format!("is older than the retention of {days} days");
        return Err(Fault::new(Field::Timestamp, RejectCode::Expired, reason));
    }
    Ok(EventTime { at_ms, clock_skew_ms })
}

/// Milliseconds since the epoch, or what is wrong.
pub fn instant(value: Value<'_>) -> Result<i64, (RejectCode, String)> {
    const EXPECTED: &str = "RFC 3339 (2026-01-31T12:00:00Z) or whole milliseconds since 1970";
    let parsed = match value {
        Value::Number(number) => std::str::from_utf8(number).ok().and_then(|text| text.parse().ok()),
        Value::String(string) => {
            let text = string.text();
            let text = std::str::from_utf8(&text).unwrap_or_default();
            text.parse::<jiff::Timestamp>().ok().map(|timestamp| timestamp.as_millisecond())
        }
        other => return Err((RejectCode::WrongType, format!("expected {EXPECTED}, found {}", other.kind()))),
    };
    parsed.ok_or_else(|| (RejectCode::Malformed, format!("expected {EXPECTED}")))
}

pub fn id<'a>(field: Field, value: Option<Value<'a>>, bytes_max: usize) -> Result<Option<Cow<'a, [u8]>>, Fault> {
    let text = match value {
        None => return Ok(None),
        Some(Value::String(string)) => string.text(),
        Some(other) => return Err(Fault::expected(field, "a string", &other)),
    };
    match text.len() {
        0 if field == Field::UserId => {
            Err(Fault::new(field, RejectCode::Empty, "is empty; use null for an unknown user"))
        }
        0 => Err(Fault::new(field, RejectCode::Empty, "is empty")),
        length if length > bytes_max => Err(Fault::new(
            field,
            RejectCode::TooLong,
            format!("is {length} bytes long; at most {bytes_max} are allowed"),
        )),
        _ => Ok(Some(text)),
    }
}

pub fn device_type(text: Cow<'_, [u8]>) -> Result<&'static [u8], Fault> {
    DEVICE_TYPES.iter().map(|known| known.as_bytes()).find(|known| *known == text.as_ref()).ok_or_else(|| {
        Fault::new(
            Field::DeviceType,
            RejectCode::NotAllowed,
            format!("{} is none of {}", shown(&text), DEVICE_TYPES.join(", ")),
        )
    })
}

pub fn country_code(text: &[u8]) -> Result<[u8; 2], Fault> {
    match <[u8; 2]>::try_from(text) {
        Ok(code) if is_country_code(&code) => Ok(code),
        _ => {
            let reason = format!("{} is no ISO 3166-1 code in upper case (DE, US), nor ZZ for unknown", shown(text));
            Err(Fault::new(Field::CountryCode, RejectCode::NotAllowed, reason))
        }
    }
}

pub fn properties<'a>(value: Option<Value<'a>>, limits: &EventLimits) -> Result<&'a [u8], Fault> {
    match value {
        None => Ok(b"{}"),
        Some(Value::Object(text)) if text.len() <= limits.properties_bytes_max => Ok(text),
        Some(Value::Object(text)) => {
            let reason = format!("are {} bytes long; at most {} are allowed", text.len(), limits.properties_bytes_max);
            Err(Fault::new(Field::Properties, RejectCode::TooLong, reason))
        }
        Some(other) => Err(Fault::expected(Field::Properties, "an object", &other)),
    }
}

/// A client's text in quotes, cut short, for a message.
pub fn shown(text: &[u8]) -> String {
    const SHOWN_CHARACTERS_MAX: usize = 40;
    let text = String::from_utf8_lossy(text);
    let cut: String = text.chars().take(SHOWN_CHARACTERS_MAX).collect();
    match cut.len() < text.len() {
        true => format!("{:?}", cut + "…"),
        false => format!("{cut:?}"),
    }
}
