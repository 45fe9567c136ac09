//! `POST /events` as most clients send it most of the time, answered without an HTTP library.
//!
//! What is simple: a request that was read whole at once, and whose headers are all of a short list. hyper takes a third of
//! the processor time that such a request with one event costs in user mode, and it needs none of what hyper can do for it.
//! With the first request that is not simple, hyper takes the connection over, for good, with what was read of it.

use std::{fmt::Write, io, ops::Range, sync::Arc, time::Duration};

use axum::response::Response;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use http_body_util::BodyExt;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use super::{
    body::is_text,
    connections::Activity,
    ingest::{DO_NOT_TRACK, IngestService},
    server::ListenerService,
};
use crate::{access::Presented, clock::http_date};

/// Bytes read at once, and so the length of a simple request.
const READ_BYTES: usize = 16 * 1024;
/// Headers of a simple request.
const HEADERS_MAX: usize = 32;
/// Headers that change nothing about a request with events.
const IGNORED_HEADERS: &[&str] = &[
    "host",
    "user-agent",
    "accept",
    "accept-encoding",
    "accept-language",
    "referer",
    "traceparent",
    "tracestate",
    "cache-control",
    "pragma",
    "forwarded",
    "via",
    "x-real-ip",
    "x-request-id",
];

/// What browsers say of themselves, and proxies of others: who sends events is told by their key alone.
const IGNORED_PREFIXES: &[&str] = &["sec-fetch-", "sec-ch-", "x-forwarded-"];

/// What becomes of a connection when no simple request follows.
pub enum Handover {
    /// It has ended, or has to.
    Closed,
    /// hyper goes on, with these bytes.
    Request(Bytes),
}

impl ListenerService for IngestService {
    async fn serve_simple(
        &self,
        stream: &mut (impl AsyncRead + AsyncWrite + Unpin + Send),
        idle_max: Duration,
        shutdown_told: &CancellationToken,
        activity: &Arc<Activity>,
    ) -> io::Result<Handover> {
        let (mut read, mut reply) = (BytesMut::new(), BytesMut::new());
        let mut idle = std::pin::pin!(sleep(idle_max));
        let mut shutdown = std::pin::pin!(shutdown_told.cancelled());
        loop {
            read.reserve(READ_BYTES);
            tokio::select! {
                biased;
                count = stream.read_buf(&mut read) => {
                    if count? == 0 {
                        return Ok(Handover::Closed);
                    }
                }
                () = idle.as_mut() => {
                    // Set once and looked at when it is due, rather than at each request.
                    let left = idle_max.saturating_sub(activity.unused_for());
                    if left.is_zero() {
                        return Ok(Handover::Closed);
                    }
                    idle.as_mut().reset(Instant::now() + left);
                    continue;
                }
                () = shutdown.as_mut() => return Ok(Handover::Closed),
            }
            while !read.is_empty() {
                let Some(Simple { body, presented }) = simple_request(&read, self.respects_do_not_track()) else {
                    return Ok(Handover::Request(Bytes::copy_from_slice(&read)));
                };
                let admission = self.admission(&presented);
                let under_way = activity.request();
                let mut request = read.split_to(body.end);
                request.advance(body.start);
                let response = self.answer(request.freeze(), admission).await;
                drop(under_way);
                let is_last = shutdown_told.is_cancelled();
                write_response(&mut reply, response, self.now_ms(), is_last).await?;
                send(stream, &mut reply).await?;
                if is_last {
                    return Ok(Handover::Closed);
                }
            }
        }
    }
}

/// A request without anything that hyper is needed for.
struct Simple<'r> {
    body: Range<usize>,
    presented: Presented<'r>,
}

/// The simple request at the beginning of the bytes, if there is one. `respects_do_not_track`: one that may ask not to be
/// tracked is not simple.
fn simple_request(read: &[u8], respects_do_not_track: bool) -> Option<Simple<'_>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    let Ok(httparse::Status::Complete(head_bytes)) = request.parse(read) else { return None };
    if (request.method, request.path, request.version) != (Some("POST"), Some(super::EVENTS_PATH), Some(1)) {
        return None;
    }
    let (mut length, mut is_text_seen, mut presented) = (None, false, Presented::default());
    for httparse::Header { name, value } in &*request.headers {
        if name.eq_ignore_ascii_case("content-length") && length.is_none() {
            length = Some(decimal(value)?);
        } else if name.eq_ignore_ascii_case("content-type") && !is_text_seen {
            std::str::from_utf8(value).ok().filter(|value| is_text(value))?;
            is_text_seen = true;
        } else if name.eq_ignore_ascii_case("connection") {
            value.eq_ignore_ascii_case(b"keep-alive").then_some(())?;
        } else if let Some(presented) = presented_by(name, &mut presented) {
            // Of two, hyper has to decide.
            presented.replace(value).is_none().then_some(())?;
        } else if DO_NOT_TRACK.iter().any(|known| name.eq_ignore_ascii_case(known)) {
            (!respects_do_not_track).then_some(())?;
        } else {
            is_ignored(name).then_some(())?;
        }
    }
    let body = head_bytes..head_bytes.checked_add(length?)?;
    (is_text_seen && !body.is_empty() && body.end <= read.len()).then_some(Simple { body, presented })
}

/// Where a header that tells of the sender is kept.
fn presented_by<'p, 'r>(name: &str, presented: &'p mut Presented<'r>) -> Option<&'p mut Option<&'r [u8]>> {
    match name.len() {
        6 if name.eq_ignore_ascii_case("origin") => Some(&mut presented.origin),
        11 if name.eq_ignore_ascii_case("x-write-key") => Some(&mut presented.write_key),
        13 if name.eq_ignore_ascii_case("authorization") => Some(&mut presented.authorization),
        _ => None,
    }
}

fn is_ignored(name: &str) -> bool {
    let starts_with = |prefix: &&str| name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    IGNORED_HEADERS.iter().any(|known| name.eq_ignore_ascii_case(known)) || IGNORED_PREFIXES.iter().any(starts_with)
}

/// A length in digits alone.
fn decimal(digits: &[u8]) -> Option<usize> {
    let is_decimal = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(digits).ok().filter(|_| is_decimal)?.parse().ok()
}

/// A response as HTTP/1.1 has it: <https://www.rfc-editor.org/rfc/rfc9112#section-4>.
async fn write_response(out: &mut BytesMut, response: Response, now_ms: i64, is_last: bool) -> io::Result<()> {
    let (head, body) = response.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    out.put_slice(b"HTTP/1.1 ");
    out.put_slice(head.status.as_str().as_bytes());
    out.put_slice(b" ");
    out.put_slice(head.status.canonical_reason().unwrap_or_default().as_bytes());
    for (name, value) in &head.headers {
        out.put_slice(b"\r\n");
        out.put_slice(name.as_str().as_bytes());
        out.put_slice(b": ");
        out.put_slice(value.as_bytes());
    }
    if is_last {
        out.put_slice(b"\r\nconnection: close");
    }
    let date = http_date(now_ms);
    write!(out, "\r\nx-content-type-options: nosniff\r\ncontent-length: {}\r\ndate: {date}\r\n\r\n", body.len())
        .map_err(io::Error::other)?;
    out.put_slice(&body);
    Ok(())
}

/// Sends a reply to its end: TLS keeps back what a full line does not take at once.
async fn send(stream: &mut (impl AsyncWrite + Unpin), reply: &mut BytesMut) -> io::Result<()> {
    stream.write_all_buf(reply).await?;
    stream.flush().await
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::http::tls::tests::connected;

    #[tokio::test]
    async fn a_reply_arrives_whole_over_tls_also_when_it_is_read_slowly() {
        // A line that takes less than a reply at once.
        let (mut server, mut client) = connected(1024).await;
        let serving = tokio::spawn(async move {
            send(&mut server, &mut BytesMut::from([b'x'; 5000].as_slice())).await?;
            // The next request, which the client sends when it has the reply.
            server.read_u8().await
        });
        let exchange = async {
            client.read_exact(&mut [0; 5000]).await?;
            client.write_u8(7).await?;
            client.flush().await
        };
        tokio::time::timeout(Duration::from_secs(20), exchange).await.expect("nothing is kept back").expect("a reply");
        assert_eq!(serving.await.expect("no panic").expect("a request"), 7);
    }

    fn request(head: &str, body: &str) -> Vec<u8> {
        format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
    }

    fn simple_body(read: &[u8], respects_do_not_track: bool) -> Option<Range<usize>> {
        simple_request(read, respects_do_not_track).map(|simple| simple.body)
    }

    const SIMPLE: &str = "POST /events HTTP/1.1\r\nhost: weir\r\nContent-Type: application/json";

    #[test]
    fn the_body_of_a_simple_request_is_found_also_before_another_request() {
        let bytes = request(SIMPLE, "[{}]");
        let body = simple_body(&bytes, true).expect("a simple request");
        assert_eq!(&bytes[body.clone()], b"[{}]");
        assert_eq!(simple_body(&[bytes.as_slice(), b"POST"].concat(), true), Some(body));
    }

    #[test]
    fn what_is_cut_off_anywhere_is_not_simple() {
        let bytes = request(SIMPLE, "[{}]");
        for length in 0..bytes.len() {
            assert_eq!(simple_body(&bytes[..length], true), None, "cut at {length}");
        }
    }

    #[test]
    fn what_proxies_add_leaves_a_request_simple() {
        let head = format!(
            "{SIMPLE}\r\nX-Forwarded-For: 198.51.100.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: a.example\r\n\
             X-Real-IP: 198.51.100.1\r\nX-Request-ID: 1\r\nVia: 1.1 proxy\r\nForwarded: for=198.51.100.1"
        );
        assert!(simple_body(&request(&head, "[{}]"), true).is_some());
    }

    #[test]
    fn a_simple_request_tells_who_sends_it() {
        let head =
            format!("{SIMPLE}\r\nauthorization: Bearer wk_1_a\r\nOrigin: https://a.example\r\nX-Write-Key: wk_2_b");
        let bytes = request(&head, "[{}]");
        let Some(Simple { presented, .. }) = simple_request(&bytes, true) else { panic!("it is simple") };
        assert_eq!(presented.authorization, Some(b"Bearer wk_1_a".as_slice()));
        assert_eq!(presented.origin, Some(b"https://a.example".as_slice()));
        assert_eq!(presented.write_key, Some(b"wk_2_b".as_slice()));
    }

    #[test]
    fn whatever_could_change_the_meaning_is_not_simple() {
        for head in [
            "GET /events HTTP/1.1\r\nContent-Type: application/json",
            "POST /events?a=b HTTP/1.1\r\nContent-Type: application/json",
            "POST /events HTTP/1.0\r\nContent-Type: application/json",
            "POST /events HTTP/1.1",
            "POST /events HTTP/1.1\r\nContent-Type: text/html",
            "POST /events HTTP/1.1\r\nContent-Type: text/html\r\nContent-Type: application/json",
            "POST /events HTTP/1.1\r\nContent-Type: application/json\r\nContent-Type: application/json",
            "POST /events HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked",
            "POST /events HTTP/1.1\r\nContent-Type: application/json\r\nContent-Encoding: gzip",
            "POST /events HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 4",
            "POST /events HTTP/1.1\r\nContent-Type: application/json\r\nExpect: 100-continue",
            "POST /events HTTP/1.1\r\nContent-Type: application/json\r\nConnection: close",
            "POST /events HTTP/1.1\r\nContent-Type: application/json\r\nIdempotency-Key: k",
            "POST /events HTTP/1.1\r\nContent-Type: application/json\r\nAuthorization: Bearer x\r\nAuthorization: Bearer y",
            "POST /events HTTP/1.1\r\nContent-Type: application/json\r\nOrigin: https://a.example\r\nOrigin: null",
        ] {
            assert_eq!(simple_body(&request(head, "[{}]"), true), None, "{head}");
        }
        for length in ["+4", " ", "4,4", "0x4", "18446744073709551615", "5", "0"] {
            let bytes = format!("{SIMPLE}\r\nContent-Length: {length}\r\n\r\n[{{}}]");
            assert_eq!(simple_body(bytes.as_bytes(), true), None, "{length}");
        }
    }

    #[test]
    fn a_request_that_may_ask_not_to_be_tracked_is_simple_only_where_nobody_listens() {
        for header in ["DNT: 1", "dnt: 0", "Sec-GPC: 1"] {
            let bytes = request(&format!("{SIMPLE}\r\n{header}"), "[{}]");
            assert!(simple_body(&bytes, false).is_some(), "{header}");
            assert_eq!(simple_body(&bytes, true), None, "{header}");
        }
    }
}
