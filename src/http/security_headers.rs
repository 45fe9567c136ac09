//! What replies tell browsers not to do, but for most of those to `POST /events`, which no browser shows (<https://cheatsheetseries.owasp.org/cheatsheets/HTTP_Headers_Cheat_Sheet.html>).

use axum::{
    http::{HeaderMap, HeaderName, HeaderValue, header},
    response::Response,
};

use super::peer::Peer;

/// Of replies that are no pages. A page brings its own.
const NOTHING_BUT_ITSELF: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
const NOT_GUESSED: HeaderValue = HeaderValue::from_static("nosniff");
const NO_REFERRER: HeaderValue = HeaderValue::from_static("no-referrer");
const NO_OPENER: HeaderValue = HeaderValue::from_static("same-origin");
const NO_DEVICES: HeaderValue =
    HeaderValue::from_static("camera=(), geolocation=(), microphone=(), payment=(), usb=()");
/// A year, which browsers count from the last reply.
const ONLY_TLS: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// Of the dashboard, which no page of another site may load, not even as an image or a script. On ingestion the same would
/// only make failures of requests that pages may send.
const OWN_SITE: HeaderValue = HeaderValue::from_static("same-origin");

/// Keeps a reply to the pages of its own origin.
pub async fn keep_to_own_pages(mut response: Response) -> Response {
    response.headers_mut().insert(HeaderName::from_static("cross-origin-resource-policy"), OWN_SITE);
    response
}

/// Adds what a reply does not say itself.
pub fn secure(headers: &mut HeaderMap, peer: Peer) {
    let always = [
        (header::X_CONTENT_TYPE_OPTIONS, NOT_GUESSED),
        (header::REFERRER_POLICY, NO_REFERRER),
        (header::CONTENT_SECURITY_POLICY, NOTHING_BUT_ITSELF),
        (HeaderName::from_static("cross-origin-opener-policy"), NO_OPENER),
        (HeaderName::from_static("permissions-policy"), NO_DEVICES),
    ];
    for (name, value) in always {
        headers.entry(name).or_insert(value);
    }
    if peer.is_tls {
        headers.entry(header::STRICT_TRANSPORT_SECURITY).or_insert(ONLY_TLS);
    }
}
