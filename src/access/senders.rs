//! Who sends events: the key that a request presents, and the origin of its page.

use std::{borrow::Cow, sync::Arc};

use base64::{Engine, prelude::BASE64_STANDARD};

use super::{Access, Denied, KnownCredential, Purpose};

/// What a request says of its sender, as its headers have it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Presented<'r> {
    pub authorization: Option<&'r [u8]>,
    /// `X-Write-Key`.
    pub write_key: Option<&'r [u8]>,
    /// Of the URL: a beacon cannot have headers.
    pub query: Option<&'r str>,
    pub origin: Option<&'r [u8]>,
}

impl<'r> Presented<'r> {
    /// The text of a key. The header that is made for it goes before the others.
    fn key(&self) -> Option<Cow<'r, str>> {
        let text = |bytes: &'r [u8]| std::str::from_utf8(bytes).ok();
        if let Some(authorization) = self.authorization {
            return authorized(text(authorization)?);
        }
        if let Some(key) = self.write_key {
            return text(key).map(|key| key.trim().into());
        }
        let parameters = self.query?.split('&').filter_map(|parameter| parameter.split_once('='));
        parameters.into_iter().find(|(name, _)| *name == "write_key").map(|(_, key)| key.into())
    }
}

/// The credential in an `Authorization`: that of `Bearer`, or the user name of `Basic`
/// (<https://www.rfc-editor.org/rfc/rfc6750#section-2.1>, <https://www.rfc-editor.org/rfc/rfc7617#section-2>).
pub fn authorized(header: &str) -> Option<Cow<'_, str>> {
    let (scheme, credentials) = header.trim().split_once(' ')?;
    let credentials = credentials.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(credentials.into());
    }
    let pair = scheme.eq_ignore_ascii_case("basic").then(|| BASE64_STANDARD.decode(credentials).ok())??;
    let pair = String::from_utf8(pair).ok()?;
    Some(pair.split(':').next().unwrap_or_default().to_owned().into())
}

impl Access {
    /// The key that the request is sent with, if it may be.
    pub fn sender(&self, presented: &Presented<'_>) -> Result<Arc<KnownCredential>, Denied> {
        let key = presented.key().ok_or(Denied::NoKey)?;
        if !self.is_known() {
            return Err(Denied::NotKnownYet);
        }
        let known = self.find(&key).ok_or(Denied::Unknown)?;
        let Purpose::WriteKey { origins, events_per_second } = &known.credential.purpose else {
            return Err(Denied::NotAWriteKey);
        };
        let is_allowed = |origin| origins.iter().any(|allowed| allowed == "*" || allowed.as_bytes() == origin);
        if !presented.origin.is_none_or(is_allowed) {
            return Err(Denied::Origin);
        }
        if let (Some(events_per_second), Some(rate)) = (*events_per_second, &known.rate) {
            rate.check().map_err(|exceeded| Denied::TooManyEvents { events_per_second, exceeded })?;
        }
        Ok(known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_wherever_it_may_be() {
        let basic = format!("Basic {}", BASE64_STANDARD.encode("wk_1_a:"));
        let found = |presented: Presented<'static>| presented.key().map(Cow::into_owned);
        let header = |authorization| Presented { authorization: Some(authorization), ..Presented::default() };
        assert_eq!(found(header(b"Bearer wk_1_a")).as_deref(), Some("wk_1_a"));
        assert_eq!(found(header(b"bearer  wk_1_a ")).as_deref(), Some("wk_1_a"));
        assert_eq!(authorized(&basic).as_deref(), Some("wk_1_a"));
        assert_eq!(found(Presented { write_key: Some(b" wk_1_a"), ..Presented::default() }).as_deref(), Some("wk_1_a"));
        let query = |query| Presented { query: Some(query), ..Presented::default() };
        assert_eq!(found(query("a=b&write_key=wk_1_a&c")).as_deref(), Some("wk_1_a"));
        for wrong in [b"wk_1_a".as_slice(), b"Basic ???", b"Digest wk_1_a", b"Bearer", b"\xff \xff"] {
            assert_eq!(found(header(wrong)), None);
        }
        assert_eq!(found(query("write_keys=wk_1_a&a")), None);
    }
}
