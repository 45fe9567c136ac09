//! A request body → the batch of its valid events and a reason for each of the others.

use std::{borrow::Cow, ops::Range};

use serde::Serialize;

use super::{
    event_ids::{IdOrigin, RequestIds},
    event_names::EventNames,
    json::{RawString, Reader, SyntaxError, Value},
};
use crate::{
    event::{DEVICE_TYPES, EVENT_NAME_RULE, EventLimits, is_country_code, is_event_name},
    journal::{EventBatch, EventRow},
};

/// Why one event was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Rejection {
    /// Position of the event in the request, from 0.
    pub index: usize,
    /// The field at fault, or `event` when the event as a whole is.
    pub field: Field,
    /// What was wrong and what would be right.
    pub reason: String,
}

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
    /// The name as in JSON.
    pub fn name(self) -> &'static str {
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

/// Why a body is no list of events.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    #[error("the body must be a JSON array of events, or an object {{\"events\": [...]}}: {} at byte {}", .0.reason, .0.at)]
    NotEvents(SyntaxError),
    #[error("the array is empty; send 1 to {0} events")]
    Empty(usize),
    #[error("more than {0} events in one request; send them in several")]
    TooManyEvents(usize),
}

/// What became of a body's events.
#[derive(Debug, Default)]
pub struct Decoded {
    pub batch: EventBatch,
    /// The ids of the batch's events that have one.
    pub event_ids: RequestIds,
    pub rejected: Vec<Rejection>,
    /// Where each rejected event stands in the body.
    pub rejected_texts: Vec<Range<usize>>,
}

/// What is known of a body besides its text.
#[derive(Debug, Clone, Copy, Default)]
pub struct Receipt<'a> {
    /// Milliseconds since the epoch, also the time of events that carry none.
    pub received_at_ms: i64,
    /// Names the batch: its events without an id are identified by this and their position.
    pub batch_key: Option<&'a str>,
    /// Positions of valid events that are left out, ascending: they are stored already.
    pub stored: &'a [usize],
}

/// Decodes bodies against the same limits and names.
pub struct Decoder {
    pub limits: EventLimits,
    pub names: EventNames,
}

impl Decoder {
    /// Decodes one body.
    pub fn decode(&self, body: &[u8], receipt: &Receipt<'_>) -> Result<Decoded, BodyError> {
        let text = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        let (body, offset) = (text, body.len() - text.len());
        let mut reader = Reader::new(body, self.limits.properties_depth_max);
        let wrapped = reader.take(b'{');
        if wrapped && reader.key().map_err(BodyError::NotEvents)?.text() != b"events".as_slice() {
            return Err(BodyError::NotEvents(SyntaxError { at: 0, reason: "the object's one key must be \"events\"" }));
        }
        let mut decoding = Decoding { decoder: self, receipt, body, offset, decoded: Decoded::default() };
        decoding.array(&mut reader)?;
        if wrapped {
            reader.expect(b'}', "expected } after the events").map_err(BodyError::NotEvents)?;
        }
        match reader.peek() {
            None => Ok(decoding.decoded),
            Some(_) => Err(BodyError::NotEvents(SyntaxError { at: reader.at(), reason: "text after the end" })),
        }
    }
}

struct Decoding<'a> {
    decoder: &'a Decoder,
    receipt: &'a Receipt<'a>,
    body: &'a [u8],
    /// Bytes of the request's body before `body`.
    offset: usize,
    decoded: Decoded,
}

impl<'a> Decoding<'a> {
    fn array(&mut self, reader: &mut Reader<'a>) -> Result<(), BodyError> {
        let count_max = self.decoder.limits.events_per_request_max;
        // One pass over the whole body is cheaper than one over each string; only a broken body is looked at by event.
        let utf8 = std::str::from_utf8(self.body).is_ok();
        reader.expect(b'[', "expected [").map_err(BodyError::NotEvents)?;
        if reader.take(b']') {
            return Err(BodyError::Empty(count_max));
        }
        for index in 0.. {
            if index == count_max {
                return Err(BodyError::TooManyEvents(count_max));
            }
            self.element(reader, index, utf8)?;
            if reader.take(b']') {
                break;
            }
            reader.expect(b',', "expected a comma or ] after an event").map_err(BodyError::NotEvents)?;
        }
        Ok(())
    }

    /// One event; whatever is wrong with it, the reader stands behind it afterwards.
    fn element(&mut self, reader: &mut Reader<'a>, index: usize, utf8: bool) -> Result<(), BodyError> {
        reader.peek();
        let start = reader.at();
        let outcome = read_fields(reader).and_then(|fields| {
            match utf8 || std::str::from_utf8(&self.body[start..reader.at()]).is_ok() {
                true => self.event(index, &fields),
                false => Err(Fault::new(Field::Event, "the text is not valid UTF-8")),
            }
        });
        let Err(Fault { field, reason, syntax }) = outcome else { return Ok(()) };
        if let Some(at) = syntax {
            let error = BodyError::NotEvents(SyntaxError {
                at,
                reason: "the array has no end after an event that is not JSON",
            });
            reader.skip_broken_element(start).ok_or(error)?;
        }
        self.decoded.rejected.push(Rejection { index, field, reason: reason.into_owned() });
        self.decoded.rejected_texts.push(self.offset + start..self.offset + reader.at());
        Ok(())
    }

    /// Validates the fields and adds the event to the batch.
    fn event(&mut self, index: usize, fields: &Fields<'_>) -> Result<(), Fault> {
        let (limits, received_at_ms) = (&self.decoder.limits, self.receipt.received_at_ms);
        let event_id = self.event_id(index, fields)?;
        let event_name = self.event_name(fields)?;
        let timestamp_ms = timestamp(fields.get(Field::Timestamp), received_at_ms, limits)?;
        let session_id = id(Field::SessionId, fields.get(Field::SessionId), limits.id_bytes_max)?
            .ok_or_else(|| Fault::missing(Field::SessionId))?;
        let user_id = id(Field::UserId, fields.get(Field::UserId), limits.id_bytes_max)?;
        let device_type = device_type(fields.required_text(Field::DeviceType)?)?;
        let country_code = country_code(&fields.required_text(Field::CountryCode)?)?;
        let properties = properties(fields.get(Field::Properties), limits)?;
        self.decoder.names.admit(&event_name).map_err(|reason| Fault::new(Field::EventName, reason))?;
        if let Some((origin, id)) = &event_id {
            self.decoded.event_ids.push(index, *origin, id);
            if self.receipt.stored.binary_search(&index).is_ok() {
                return Ok(());
            }
        }
        self.decoded.batch.push(&EventRow {
            event_id: event_id.as_ref().map_or(b"", |(_, id)| id),
            event_name: &event_name,
            timestamp_ms,
            session_id: &session_id,
            user_id: user_id.as_deref(),
            device_type,
            country_code,
            properties,
            received_at_ms,
        });
        Ok(())
    }

    /// What tells the event from all others, if the client said so.
    fn event_id<'f>(&self, index: usize, fields: &Fields<'f>) -> Result<Option<EventId<'f>>, Fault> {
        if let Some(id) = id(Field::EventId, fields.get(Field::EventId), self.decoder.limits.event_id_bytes_max)? {
            return Ok(Some((IdOrigin::Event, id)));
        }
        let derived = self.receipt.batch_key.map(|key| Cow::Owned(format!("{key}/{index}").into_bytes()));
        Ok(derived.map(|id| (IdOrigin::BatchKey, id)))
    }

    fn event_name<'f>(&self, fields: &Fields<'f>) -> Result<Cow<'f, [u8]>, Fault> {
        let name = fields.required_text(Field::EventName)?;
        match is_event_name(&name) {
            true => Ok(name),
            false => Err(Fault::new(Field::EventName, format!("{} is no event name; {EVENT_NAME_RULE}", shown(&name)))),
        }
    }
}

/// An event's id, and where it is from.
type EventId<'a> = (IdOrigin, Cow<'a, [u8]>);

/// What is wrong with one event.
struct Fault {
    field: Field,
    reason: Cow<'static, str>,
    /// Where the event stopped being JSON, if it did.
    syntax: Option<usize>,
}

impl Fault {
    fn new(field: Field, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { field, reason: reason.into(), syntax: None }
    }

    fn missing(field: Field) -> Self {
        Self::new(field, "is required")
    }

    fn expected(field: Field, expected: &str, found: &Value<'_>) -> Self {
        Self::new(field, format!("expected {expected}, found {}", found.kind()))
    }
}

impl From<SyntaxError> for Fault {
    fn from(error: SyntaxError) -> Self {
        let reason = format!("not valid JSON: {} at byte {} of the body", error.reason, error.at);
        Self { syntax: Some(error.at), ..Self::new(Field::Event, reason) }
    }
}

/// The values of one event, by field.
#[derive(Default)]
struct Fields<'a>([Option<Value<'a>>; FIELD_COUNT]);

impl<'a> Fields<'a> {
    /// The value sent; `null` counts as absent.
    fn get(&self, field: Field) -> Option<Value<'a>> {
        self.0[field as usize].filter(|value| *value != Value::Null)
    }

    fn required_text(&self, field: Field) -> Result<Cow<'a, [u8]>, Fault> {
        match self.get(field) {
            Some(Value::String(string)) => Ok(string.text()),
            Some(other) => Err(Fault::expected(field, "a string", &other)),
            None => Err(Fault::missing(field)),
        }
    }
}

fn read_fields<'a>(reader: &mut Reader<'a>) -> Result<Fields<'a>, Fault> {
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
            Ok(field) if fields.0[field as usize].is_some() => fault = Some(Fault::new(field, "is sent twice")),
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
            Err(Fault::new(Field::Event, reason))
        }
    }
}

/// Milliseconds since the epoch, within the limits around the time of receipt.
fn timestamp(value: Option<Value<'_>>, received_at_ms: i64, limits: &EventLimits) -> Result<i64, Fault> {
    const EXPECTED: &str = "RFC 3339 (2026-01-31T12:00:00Z) or whole milliseconds since 1970";
    let parsed = match value {
        None => return Ok(received_at_ms),
        Some(Value::Number(number)) => std::str::from_utf8(number).ok().and_then(|text| text.parse().ok()),
        Some(Value::String(string)) => {
            let text = string.text();
            let text = std::str::from_utf8(&text).unwrap_or_default();
            text.parse::<jiff::Timestamp>().ok().map(|timestamp| timestamp.as_millisecond())
        }
        Some(other) => return Err(Fault::expected(Field::Timestamp, EXPECTED, &other)),
    };
    let at_ms = parsed.ok_or_else(|| Fault::new(Field::Timestamp, format!("expected {EXPECTED}")))?;
    if at_ms > received_at_ms.saturating_add(limits.future_ms_max) {
        let minutes = limits.future_ms_max / 60_000;
        return Err(Fault::new(Field::Timestamp, format!("is more than {minutes} minutes in the future")));
    }
    if at_ms < received_at_ms.saturating_sub(limits.past_ms_max) {
        let days = limits.past_ms_max / 86_400_000;
        return Err(Fault::new(Field::Timestamp, format!("is older than the retention of {days} days")));
    }
    Ok(at_ms)
}

fn id<'a>(field: Field, value: Option<Value<'a>>, bytes_max: usize) -> Result<Option<Cow<'a, [u8]>>, Fault> {
    let text = match value {
        None => return Ok(None),
        Some(Value::String(string)) => string.text(),
        Some(other) => return Err(Fault::expected(field, "a string", &other)),
    };
    match text.len() {
        0 if field == Field::UserId => Err(Fault::new(field, "is empty; use null for an unknown user")),
        0 => Err(Fault::new(field, "is empty")),
        length if length > bytes_max => {
            Err(Fault::new(field, format!("is {length} bytes long; at most {bytes_max} are allowed")))
        }
        _ => Ok(Some(text)),
    }
}

fn device_type(text: Cow<'_, [u8]>) -> Result<&'static [u8], Fault> {
    DEVICE_TYPES.iter().map(|known| known.as_bytes()).find(|known| *known == text.as_ref()).ok_or_else(|| {
        Fault::new(Field::DeviceType, format!("{} is none of {}", shown(&text), DEVICE_TYPES.join(", ")))
    })
}

fn country_code(text: &[u8]) -> Result<[u8; 2], Fault> {
    match <[u8; 2]>::try_from(text) {
        Ok(code) if is_country_code(&code) => Ok(code),
        _ => {
            let reason = format!("{} is no ISO 3166-1 code in upper case (DE, US), nor ZZ for unknown", shown(text));
            Err(Fault::new(Field::CountryCode, reason))
        }
    }
}

fn properties<'a>(value: Option<Value<'a>>, limits: &EventLimits) -> Result<&'a [u8], Fault> {
    match value {
        None => Ok(b"{}"),
        Some(Value::Object(text)) if text.len() <= limits.properties_bytes_max => Ok(text),
        Some(Value::Object(text)) => {
            let reason = format!("are {} bytes long; at most {} are allowed", text.len(), limits.properties_bytes_max);
            Err(Fault::new(Field::Properties, reason))
        }
        Some(other) => Err(Fault::expected(Field::Properties, "an object", &other)),
    }
}

/// A client's text in quotes, cut short, for a message.
fn shown(text: &[u8]) -> String {
    const SHOWN_CHARACTERS_MAX: usize = 40;
    let text = String::from_utf8_lossy(text);
    let cut: String = text.chars().take(SHOWN_CHARACTERS_MAX).collect();
    match cut.len() < text.len() {
        true => format!("{:?}", cut + "…"),
        false => format!("{cut:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_each_rejected_event_is_found_in_the_body() {
        let decoder = Decoder { limits: EventLimits::with_retention_days(90), names: EventNames::listed(&[]) };
        let body = "\u{feff}{\"events\": [ {\"event_name\": \"é\"} , {\"broken\": tru}, 7 ,{} ]}";
        let decoded = decoder.decode(body.as_bytes(), &Receipt::default()).expect("a list of events");
        let texts: Vec<_> = decoded.rejected_texts.into_iter().map(|range| body[range].trim()).collect();
        assert_eq!(texts, ["{\"event_name\": \"é\"}", "{\"broken\": tru}", "7", "{}"]);
        assert_eq!(decoded.rejected.len(), 4);
    }
}
