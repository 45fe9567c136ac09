//! Stage 1: a request body → validated events.
//!
//! In: the bytes of a body, already decompressed and bounded. Out: a batch of the valid events in the encoding of the
//! journal, and for each other event its position, the field at fault and the reason.
//!
//! Invariants
//! * Events are judged one by one: nothing valid is lost to a neighbour.
//! * What is stored is what was sent: `properties` stays the text it was.
//! * No recursion and no allocation that the body's length does not bound.
//!
//! Limits: `EventLimits`, and the count of distinct event names.

mod decode;
mod event_names;
mod json;

pub use decode::{BodyError, Decoded, Decoder, Field, Rejection};
pub use event_names::EventNames;
