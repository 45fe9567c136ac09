//! Stage 1: a request body → validated events.
//!
//! In: the bytes of a body, already decompressed and bounded. Out: a batch of the valid events in the encoding of the
//! journal, and for each other event its position, the field at fault and the reason.
//!
//! Invariants
//! * Events are judged one by one: nothing valid is lost to a neighbour.
//! * What is stored is what was sent: `properties` stays the text it was.
//! * A time is corrected only by what the request says of its clock, and the row tells by how much.
//! * No recursion and no allocation that the body's length does not bound.
//!
//! * An event whose id was stored within the window is not stored again.
//!
//! Limits: `EventLimits`, the count of distinct event names, the window of event ids.

mod decode;
mod event_id_files;
mod event_ids;
mod event_names;
mod fields;
mod json;

pub use decode::{BodyError, Decoded, Decoder, Receipt, Rejection, TimeCounts};
pub use event_id_files::EventIdFiles;
pub use event_ids::{Claim, EventIds, InProgress};
pub use event_names::EventNames;
pub use fields::{Field, RejectCode};
