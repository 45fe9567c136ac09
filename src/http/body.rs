//! Reads a request's body within bounds: media type, time, bytes on the wire, bytes after decompression.

use std::{io, time::Duration};

use async_compression::{
    tokio::bufread::{BrotliDecoder, GzipDecoder, ZstdDecoder},
    zstd::DParameter,
};
use axum::{
    body::Body,
    http::{
        HeaderMap, Request,
        header::{CONTENT_ENCODING, CONTENT_TYPE},
    },
};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    time::timeout,
};

/// Bytes of a body, on the wire and again after decompression.
pub const BODY_BYTES_MAX: usize = 5 * 1024 * 1024;
/// Time for a body to arrive.
const BODY_TIME_MAX: Duration = Duration::from_secs(10);
/// Memory that a zstd frame may ask for, as a power of two: 8 MiB, which every decoder must support (RFC 8878, 3.1.1.1.2).
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// Why a body could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("the body is larger than {0} bytes; send the events in several requests")]
    TooLarge(usize),
    #[error("the body did not arrive within {} s", .0.as_secs())]
    TooSlow(Duration),
    #[error("send the header Content-Type: application/json")]
    MediaType,
    #[error("Content-Encoding {0:?} is not supported; use gzip, zstd or br")]
    Encoding(String),
    #[error("the body could not be read: {0}")]
    Broken(String),
}

/// The body of a request with JSON in it, decompressed.
pub async fn read_json(request: Request<Body>) -> Result<Bytes, ReadError> {
    let (parts, body) = request.into_parts();
    check_media_type(&parts.headers)?;
    let encoding = Encoding::of(&parts.headers)?;
    let limited = Limited::new(body, BODY_BYTES_MAX);
    let collected = timeout(BODY_TIME_MAX, limited.collect()).await.map_err(|_| ReadError::TooSlow(BODY_TIME_MAX))?;
    let bytes = collected
        .map_err(|error| match error.downcast_ref::<LengthLimitError>() {
            Some(_) => ReadError::TooLarge(BODY_BYTES_MAX),
            None => ReadError::Broken(error.to_string()),
        })?
        .to_bytes();
    match encoding {
        Encoding::Identity => Ok(bytes),
        Encoding::Gzip => {
            let mut decoder = GzipDecoder::new(bytes.as_ref());
            decoder.multiple_members(true);
            decompress(decoder).await
        }
        Encoding::Zstd => {
            let window = [DParameter::window_log_max(ZSTD_WINDOW_LOG_MAX)];
            decompress(ZstdDecoder::with_params(bytes.as_ref(), &window)).await
        }
        Encoding::Brotli => decompress(BrotliDecoder::new(bytes.as_ref())).await,
    }
}

/// JSON by name, or plain text, which is what a browser's `sendBeacon` says of a string.
fn check_media_type(headers: &HeaderMap) -> Result<(), ReadError> {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default().trim();
    match essence.eq_ignore_ascii_case("application/json") || essence.eq_ignore_ascii_case("text/plain") {
        true => Ok(()),
        false => Err(ReadError::MediaType),
    }
}

enum Encoding {
    Identity,
    Gzip,
    Zstd,
    Brotli,
}

impl Encoding {
    fn of(headers: &HeaderMap) -> Result<Self, ReadError> {
        let Some(value) = headers.get(CONTENT_ENCODING) else { return Ok(Self::Identity) };
        match value.as_bytes().to_ascii_lowercase().as_slice() {
            b"identity" => Ok(Self::Identity),
            b"gzip" | b"x-gzip" => Ok(Self::Gzip),
            b"zstd" => Ok(Self::Zstd),
            b"br" => Ok(Self::Brotli),
            other => Err(ReadError::Encoding(String::from_utf8_lossy(other).chars().take(40).collect())),
        }
    }
}

/// Reads to the end, or to one byte over the bound: a bomb costs no more than the largest good body.
async fn decompress(decoder: impl AsyncRead + Unpin) -> Result<Bytes, ReadError> {
    let mut bytes = Vec::new();
    let read = decoder.take(BODY_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).await;
    read.map_err(|error: io::Error| ReadError::Broken(format!("it is not what Content-Encoding says: {error}")))?;
    match bytes.len() > BODY_BYTES_MAX {
        true => Err(ReadError::TooLarge(BODY_BYTES_MAX)),
        false => Ok(bytes.into()),
    }
}
