//! Reads a request's body within bounds: media type, time, bytes on the wire, bytes after decompression.

use std::{io, sync::Arc, time::Duration};

use async_compression::{
    tokio::bufread::{BrotliDecoder, GzipDecoder, ZstdDecoder},
    zstd::DParameter,
};
use axum::http::{
    HeaderMap, Request,
    header::{CONTENT_ENCODING, CONTENT_TYPE, EXPECT},
};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    time::timeout,
};

use super::budget::{BodyBudget, BudgetSpent, HeldBytes};

/// Bytes of a body, on the wire and again after decompression.
pub const BODY_BYTES_MAX: usize = 5 * 1024 * 1024;
/// Bytes that a decompressor may write before they are counted.
const DECOMPRESS_STEP_BYTES: usize = 64 * 1024;
/// Memory that a zstd frame may ask for, as a power of two: 8 MiB, which every decoder must support (RFC 8878, 3.1.1.1.2).
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// Why a body could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("the body is larger than {0} bytes; send the events in several requests")]
    TooLarge(usize),
    #[error("the body did not arrive within {} s", .0.as_secs())]
    TooSlow(Duration),
    #[error("too many large bodies are arriving at once")]
    Overloaded,
    #[error("send the header Content-Type: application/json")]
    MediaType,
    #[error("Content-Encoding {0:?} is not supported; use gzip, zstd or br")]
    Encoding(String),
    #[error("the body could not be read: {0}")]
    Broken(String),
}

impl From<BudgetSpent> for ReadError {
    fn from(_: BudgetSpent) -> Self {
        Self::Overloaded
    }
}

/// How bodies are read.
pub struct BodyReader {
    pub budget: Arc<BodyBudget>,
    /// Time for a body to arrive.
    pub time_max: Duration,
}

/// The text of a body, and what it holds of the budget until that is dropped.
pub struct JsonBody {
    pub text: Bytes,
    pub held: HeldBytes,
}

impl BodyReader {
    /// The body of a request with JSON in it, decompressed.
    pub async fn read_json(&self, request: Request<Incoming>) -> Result<JsonBody, ReadError> {
        let (parts, body) = request.into_parts();
        check_media_type(&parts.headers)?;
        let encoding = Encoding::of(&parts.headers)?;
        if body.size_hint().lower() > BODY_BYTES_MAX as u64 && parts.headers.contains_key(EXPECT) {
            // The client asks before it sends. One that does not ask reads our answer only after it has sent.
            return Err(ReadError::TooLarge(BODY_BYTES_MAX));
        }
        let mut held = HeldBytes::none(&self.budget);
        let arrived = timeout(self.time_max, arrive(body, &mut held)).await;
        let bytes = arrived.map_err(|_| ReadError::TooSlow(self.time_max))??;
        let text = match encoding {
            Encoding::Identity => bytes,
            compressed => compressed.decompress(&bytes, &mut held).await?,
        };
        Ok(JsonBody { text, held })
    }
}

/// Collects a body; one that arrives in one piece is not copied.
async fn arrive(mut body: Incoming, held: &mut HeldBytes) -> Result<Bytes, ReadError> {
    let (mut first, mut joined) = (Bytes::new(), BytesMut::new());
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|error| ReadError::Broken(error.to_string()))?.into_data() else { continue };
        if first.len().max(joined.len()) + data.len() > BODY_BYTES_MAX {
            return Err(ReadError::TooLarge(BODY_BYTES_MAX));
        }
        held.grow(data.len()).await?;
        if first.is_empty() && joined.is_empty() {
            first = data;
            continue;
        }
        if joined.is_empty() {
            joined.extend_from_slice(&std::mem::take(&mut first));
        }
        joined.extend_from_slice(&data);
    }
    Ok(if joined.is_empty() { first } else { joined.freeze() })
}

/// JSON by name, or plain text, which is what a browser's `sendBeacon` says of a string.
fn check_media_type(headers: &HeaderMap) -> Result<(), ReadError> {
    if is_text(content_type(headers)) { Ok(()) } else { Err(ReadError::MediaType) }
}

/// Whether a body is JSON by name. A page of another origin cannot send such a body unasked.
pub fn is_json(headers: &HeaderMap) -> bool {
    essence(content_type(headers)).eq_ignore_ascii_case("application/json")
}

fn content_type(headers: &HeaderMap) -> &str {
    headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// A Content-Type without its parameters.
fn essence(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or_default().trim()
}

/// Whether a Content-Type is one of those.
pub fn is_text(content_type: &str) -> bool {
    let essence = essence(content_type);
    essence.eq_ignore_ascii_case("application/json") || essence.eq_ignore_ascii_case("text/plain")
}

enum Encoding {
    Identity,
    Gzip,
    Zstd,
    Brotli,
}

impl Encoding {
    fn of(headers: &HeaderMap) -> Result<Self, ReadError> {
        let mut values = headers.get_all(CONTENT_ENCODING).iter();
        let Some(value) = values.next() else { return Ok(Self::Identity) };
        if values.next().is_some() {
            return Err(ReadError::Encoding("more than one".to_owned()));
        }
        match value.as_bytes().to_ascii_lowercase().as_slice() {
            b"identity" => Ok(Self::Identity),
            b"gzip" | b"x-gzip" => Ok(Self::Gzip),
            b"zstd" => Ok(Self::Zstd),
            b"br" => Ok(Self::Brotli),
            other => Err(ReadError::Encoding(String::from_utf8_lossy(other).chars().take(40).collect())),
        }
    }

    async fn decompress(self, compressed: &[u8], held: &mut HeldBytes) -> Result<Bytes, ReadError> {
        let mut rest = compressed;
        let text = match self {
            Self::Identity => Bytes::copy_from_slice(std::mem::take(&mut rest)),
            Self::Gzip => {
                let mut decoder = GzipDecoder::new(&mut rest);
                decoder.multiple_members(true);
                read_bounded(decoder, held).await?
            }
            Self::Zstd => {
                let window = [DParameter::window_log_max(ZSTD_WINDOW_LOG_MAX)];
                let mut decoder = ZstdDecoder::with_params(&mut rest, &window);
                decoder.multiple_members(true);
                read_bounded(decoder, held).await?
            }
            Self::Brotli => read_bounded(BrotliDecoder::new(&mut rest), held).await?,
        };
        match rest.is_empty() {
            true => Ok(text),
            false => Err(ReadError::Broken("there are bytes behind the end of the compressed text".to_owned())),
        }
    }
}

/// Reads to the end, or to one byte over the bound: a bomb costs no more than the largest good body.
async fn read_bounded(decoder: impl AsyncRead + Unpin, held: &mut HeldBytes) -> Result<Bytes, ReadError> {
    let mut decoder = decoder.take(BODY_BYTES_MAX as u64 + 1);
    let mut text = Vec::new();
    loop {
        text.reserve(DECOMPRESS_STEP_BYTES);
        let read = decoder.read_buf(&mut text).await;
        match read
            .map_err(|error: io::Error| ReadError::Broken(format!("it is not what Content-Encoding says: {error}")))?
        {
            0 => return Ok(text.into()),
            _ if text.len() > BODY_BYTES_MAX => return Err(ReadError::TooLarge(BODY_BYTES_MAX)),
            read => held.grow(read).await?,
        }
    }
}
