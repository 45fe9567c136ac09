//! A request body → the batch of its valid events and a reason for each of the others.

use std::{borrow::Cow, ops::Range};

use serde::Serialize;

use super::{
    event_ids::{IdOrigin, RequestIds},
    event_names::EventNames,
    fields::{
        Arrival, EventTime, Fault, Field, Fields, RejectCode, country_code, device_type, event_time, id, instant,
        properties, read_fields, shown,
    },
    json::{Reader, SyntaxError, Value},
};
use crate::{
    event::{EVENT_NAME_RULE, EventLimits, is_event_name},
    journal::{EventBatch, EventRow},
};

/// Why one event was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Rejection {
    /// Position of the event in the request, from 0.
    pub index: usize,
    /// The field at fault, or `event` when the event as a whole is.
    pub field: Field,
    #[serde(skip)]
    pub code: RejectCode,
    /// What was wrong and what would be right.
    pub reason: String,
}

/// Why a body is no list of events.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    #[error("the body must be a JSON array of events, or an object {{\"events\": [...]}}: {} at byte {}", .0.reason, .0.at)]
    NotEvents(SyntaxError),
    #[error("sent_at: {0}")]
    SentAt(String),
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
    pub times: TimeCounts,
    pub rejected: Vec<Rejection>,
    /// Where each rejected event stands in the body.
    pub rejected_texts: Vec<Range<usize>>,
}

/// How many of the batch's events have an unusual time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TimeCounts {
    /// Corrected by the skew of their client's clock.
    pub corrected: u64,
    /// Older than `late_ms_min` when they arrived.
    pub late: u64,
    /// Ahead of their arrival by more than `clock_skew_ms_max`.
    pub future: u64,
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
    /// Nothing is kept of it, not even the name of an event that is new.
    pub is_ignored: bool,
}

/// Decodes bodies against the same limits and names.
pub struct Decoder {
    pub limits: EventLimits,
    pub names: EventNames,
}

impl Decoder {
    /// Decodes one body. `batch`: an empty one, to which its events are added.
    pub fn decode(&self, body: &[u8], receipt: &Receipt<'_>, batch: EventBatch) -> Result<Decoded, BodyError> {
        let text = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        let (body, offset) = (text, body.len() - text.len());
        let decoded = Decoded { batch, ..Decoded::default() };
        let mut decoding = Decoding { decoder: self, receipt, body, offset, clock_skew_ms: 0, decoded };
        if decoding.read()? == Reading::CorrectionCameLate {
            let mut batch = decoding.decoded.batch;
            batch.clear();
            decoding.decoded = Decoded { batch, ..Decoded::default() };
            decoding.read()?;
        }
        Ok(decoding.decoded)
    }
}

/// How reading a body went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    Complete,
    /// A `sent_at` that corrects the events stood behind them.
    CorrectionCameLate,
}

struct Decoding<'a> {
    decoder: &'a Decoder,
    receipt: &'a Receipt<'a>,
    body: &'a [u8],
    /// Bytes of the request's body before `body`.
    offset: usize,
    /// Added to the times of events: the skew of the client's clock, once it is known to be worth a correction.
    clock_skew_ms: i64,
    decoded: Decoded,
}

impl<'a> Decoding<'a> {
    fn read(&mut self) -> Result<Reading, BodyError> {
        let mut reader = Reader::new(self.body, self.decoder.limits.properties_depth_max);
        let reading = match reader.take(b'{') {
            true => self.object(&mut reader)?,
            false => self.array(&mut reader).map(|()| Reading::Complete)?,
        };
        match reader.peek() {
            None => Ok(reading),
            Some(_) => Err(BodyError::NotEvents(SyntaxError { at: reader.at(), reason: "text after the end" })),
        }
    }

    /// `{"events": […], "sent_at": …}` in either order; the bracket has been read.
    fn object(&mut self, reader: &mut Reader<'a>) -> Result<Reading, BodyError> {
        const KEYS: &str = "the object's keys must be \"events\" and, optionally, \"sent_at\"";
        let (mut corrected_by, mut sent_at_seen) = (None, false);
        loop {
            let at = reader.at();
            match reader.key().map_err(BodyError::NotEvents)?.text().as_ref() {
                b"events" if corrected_by.is_none() => {
                    corrected_by = Some(self.clock_skew_ms);
                    self.array(reader)?;
                }
                b"sent_at" if !sent_at_seen => {
                    sent_at_seen = true;
                    self.clock_skew_ms = self.clock_skew(reader.value().map_err(BodyError::NotEvents)?)?;
                }
                _ => return Err(BodyError::NotEvents(SyntaxError { at, reason: KEYS })),
            }
            if reader.take(b'}') {
                break;
            }
            reader.expect(b',', "expected a comma or } in the object").map_err(BodyError::NotEvents)?;
        }
        match corrected_by {
            Some(used) if used == self.clock_skew_ms => Ok(Reading::Complete),
            Some(_) => Ok(Reading::CorrectionCameLate),
            None => Err(BodyError::NotEvents(SyntaxError { at: reader.at(), reason: KEYS })),
        }
    }

    /// How far the client's clock is behind; 0 within what the way here and honest clocks explain.
    fn clock_skew(&self, sent_at: Value<'_>) -> Result<i64, BodyError> {
        if sent_at == Value::Null {
            return Ok(0);
        }
        let sent_at_ms = instant(sent_at).map_err(|(_, reason)| BodyError::SentAt(reason))?;
        let skew_ms = self.receipt.received_at_ms.saturating_sub(sent_at_ms);
        let beyond = skew_ms.unsigned_abs() > self.decoder.limits.clock_skew_ms_max.unsigned_abs();
        Ok(if beyond { skew_ms } else { 0 })
    }

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
                false => Err(Fault::new(Field::Event, RejectCode::NotUtf8, "the text is not valid UTF-8")),
            }
        });
        let Err(Fault { field, code, reason, syntax }) = outcome else { return Ok(()) };
        if let Some(at) = syntax {
            let error = BodyError::NotEvents(SyntaxError {
                at,
                reason: "the array has no end after an event that is not JSON",
            });
            reader.skip_broken_element(start).ok_or(error)?;
        }
        self.decoded.rejected.push(Rejection { index, field, code, reason: reason.into_owned() });
        self.decoded.rejected_texts.push(self.offset + start..self.offset + reader.at());
        Ok(())
    }

    /// Validates the fields and adds the event to the batch.
    fn event(&mut self, index: usize, fields: &Fields<'_>) -> Result<(), Fault> {
        let (limits, received_at_ms) = (&self.decoder.limits, self.receipt.received_at_ms);
        let event_id = self.event_id(index, fields)?;
        let event_name = self.event_name(fields)?;
        let arrival = Arrival { received_at_ms, clock_skew_ms: self.clock_skew_ms };
        let time = event_time(fields.get(Field::Timestamp), arrival, limits)?;
        let session_id = id(Field::SessionId, fields.get(Field::SessionId), limits.id_bytes_max)?
            .ok_or_else(|| Fault::missing(Field::SessionId))?;
        let user_id = id(Field::UserId, fields.get(Field::UserId), limits.id_bytes_max)?;
        let device_type = device_type(fields.required_text(Field::DeviceType)?)?;
        let country_code = country_code(&fields.required_text(Field::CountryCode)?)?;
        let properties = properties(fields.get(Field::Properties), limits)?;
        if !self.receipt.is_ignored {
            self.decoder.names.admit(&event_name)?;
        }
        if let Some((origin, id)) = &event_id {
            self.decoded.event_ids.push(index, *origin, id);
            if self.receipt.stored.binary_search(&index).is_ok() {
                return Ok(());
            }
        }
        self.count(time);
        self.decoded.batch.push(&EventRow {
            event_id: event_id.as_ref().map_or(b"", |(_, id)| id),
            event_name: &event_name,
            timestamp_ms: time.at_ms,
            session_id: &session_id,
            user_id: user_id.as_deref(),
            device_type,
            country_code,
            properties,
            received_at_ms,
            clock_skew_ms: time.clock_skew_ms,
        });
        Ok(())
    }

    fn count(&mut self, time: EventTime) {
        let (limits, received_at_ms) = (&self.decoder.limits, self.receipt.received_at_ms);
        let age_ms = received_at_ms.saturating_sub(time.at_ms);
        let times = &mut self.decoded.times;
        times.corrected += u64::from(time.clock_skew_ms != 0);
        times.late += u64::from(age_ms > limits.late_ms_min);
        times.future += u64::from(age_ms < -limits.clock_skew_ms_max);
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
            false => {
                let reason = format!("{} is no event name; {EVENT_NAME_RULE}", shown(&name));
                Err(Fault::new(Field::EventName, RejectCode::Malformed, reason))
            }
        }
    }
}

/// An event's id, and where it is from.
type EventId<'a> = (IdOrigin, Cow<'a, [u8]>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_each_rejected_event_is_found_in_the_body() {
        let decoder = Decoder { limits: EventLimits::with_retention_days(90), names: EventNames::listed(&[]) };
        let body = "\u{feff}{\"events\": [ {\"event_name\": \"é\"} , {\"broken\": tru}, 7 ,{} ]}";
        let decoded =
            decoder.decode(body.as_bytes(), &Receipt::default(), EventBatch::default()).expect("a list of events");
        let texts: Vec<_> = decoded.rejected_texts.into_iter().map(|range| body[range].trim()).collect();
        assert_eq!(texts, ["{\"event_name\": \"é\"}", "{\"broken\": tru}", "7", "{}"]);
        assert_eq!(decoded.rejected.len(), 4);
    }
}
