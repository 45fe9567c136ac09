//! Who asks the dashboard's API: somebody who has signed in, a script with a token, or whoever has a link to a page.

use std::sync::Arc;

use super::{Access, Denied, KnownCredential, Purpose, Scope, SharedPage, senders::authorized};
use crate::config::is_this_machine;

/// Cookies that hold the text of a credential.
pub const SESSION_COOKIE: &str = "weir_session";
pub const SHARE_COOKIE: &str = "weir_share";

/// What a request to the dashboard's listener shows of itself.
#[derive(Debug, Clone, Copy)]
pub struct Request<'r> {
    pub path: &'r str,
    /// Whether it changes nothing, by its method.
    pub is_safe: bool,
    pub host: Option<&'r str>,
    pub origin: Option<&'r str>,
    /// `Sec-Fetch-Site`, <https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header>.
    pub fetch_site: Option<&'r str>,
    pub authorization: Option<&'r str>,
    pub cookies: Option<&'r str>,
    /// Whether a proxy says that it passes it on.
    pub is_forwarded: bool,
}

/// On whose behalf a request is answered.
#[derive(Debug, Clone)]
pub enum Caller {
    /// Anybody on this machine, as the listener is open.
    Open,
    Nobody,
    Known(Arc<KnownCredential>),
}

impl Caller {
    pub fn purpose(&self) -> Option<&Purpose> {
        match self {
            Self::Known(known) => Some(&known.credential.purpose),
            Self::Open | Self::Nobody => None,
        }
    }

    pub fn scope(&self) -> Option<Scope> {
        match (self, self.purpose()) {
            (Self::Open, _) | (_, Some(Purpose::Session)) => Some(Scope::Admin),
            (_, Some(Purpose::Token { scope })) => Some(*scope),
            (_, Some(Purpose::ShareLink { .. })) => Some(Scope::Read),
            (_, Some(Purpose::WriteKey { .. }) | None) => None,
        }
    }

    /// The only page that it may see.
    pub fn page(&self) -> Option<&SharedPage> {
        match self.purpose() {
            Some(Purpose::ShareLink { page }) => Some(page),
            _ => None,
        }
    }

    /// Whether it may do what needs a scope, at a path of the API.
    pub fn may(&self, needed: Scope, path: &str) -> Result<(), Denied> {
        match (self.scope(), self.page()) {
            (None, _) if matches!(self, Self::Known(_)) => Err(Denied::WriteKeyOnly),
            (None, _) => Err(Denied::NotSignedIn),
            (Some(_), Some(page)) if !page.asks(path) => Err(Denied::OtherPage),
            (Some(scope), _) if scope < needed => Err(Denied::Scope(needed)),
            (Some(_), _) => Ok(()),
        }
    }
}

impl Request<'_> {
    /// A page of another site can make a browser send what only this one's pages should. Scripts are none.
    pub fn comes_from_another_site(&self) -> bool {
        match (self.fetch_site, self.origin) {
            // Browsers say it where it can be trusted, and pages cannot.
            (Some(site), _) => !matches!(site, "same-origin" | "none"),
            (None, Some(origin)) => origin.split_once("://").map(|(_, host)| host) != self.host,
            (None, None) => false,
        }
    }

    /// Refuses what may come from another machine, although the listener has an address that only this one reaches: by a proxy, or by a
    /// name of another site that was made to lead here (<https://en.wikipedia.org/wiki/DNS_rebinding>).
    pub fn must_be_of_this_machine(&self) -> Result<(), Denied> {
        match self.is_to_this_machine() {
            _ if self.is_forwarded => Err(Denied::Forwarded),
            false => Err(Denied::OtherName),
            true => Ok(()),
        }
    }

    fn is_to_this_machine(&self) -> bool {
        let Some(host) = self.host else { return true };
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => host,
        };
        is_this_machine(name)
    }

    /// The value of a cookie.
    fn cookie(&self, name: &str) -> Option<&str> {
        let pairs = self.cookies?.split(';').filter_map(|pair| pair.trim().split_once('='));
        pairs.into_iter().find(|(found, _)| *found == name).map(|(_, value)| value)
    }
}

impl Access {
    /// On whose behalf the request is sent. What it presents and is not valid is nobody's; a session of before the start is not
    /// known until ClickHouse has answered.
    pub async fn caller(&self, request: &Request<'_>) -> Result<Caller, Denied> {
        if let Some(text) = request.authorization.and_then(authorized) {
            return Ok(self.find_anew(&text).await.map_or(Caller::Nobody, Caller::Known));
        }
        for name in [SESSION_COOKIE, SHARE_COOKIE] {
            let Some(text) = request.cookie(name) else { continue };
            let is_of_its_kind = |known: &Arc<KnownCredential>| {
                matches!(
                    (name, &known.credential.purpose),
                    (SESSION_COOKIE, Purpose::Session) | (SHARE_COOKIE, Purpose::ShareLink { .. })
                )
            };
            if let Some(known) = self.find_anew(text).await.filter(is_of_its_kind) {
                return Ok(Caller::Known(known));
            }
        }
        match request.cookie(SESSION_COOKIE) {
            Some(_) if !self.knows_sessions() => Err(Denied::NotKnownYet),
            _ => Ok(Caller::Nobody),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Credential;

    const PLAIN: Request<'static> = Request {
        path: "/api/info",
        is_safe: false,
        host: Some("weir.example:3000"),
        origin: None,
        fetch_site: None,
        authorization: None,
        cookies: None,
        is_forwarded: false,
    };

    #[test]
    fn what_other_sites_make_a_browser_send_is_told_from_what_our_pages_do() {
        assert!(!PLAIN.comes_from_another_site(), "a script");
        for (origin, fetch_site, expected) in [
            (Some("http://weir.example:3000"), None, false),
            (Some("https://weir.example"), None, true),
            (Some("https://evil.example"), None, true),
            (Some("null"), None, true),
            (Some("https://public.example"), Some("same-origin"), false),
            (Some("https://weir.example"), Some("same-site"), true),
            (None, Some("cross-site"), true),
            (None, Some("none"), false),
        ] {
            let request = Request { origin, fetch_site, ..PLAIN };
            assert_eq!(request.comes_from_another_site(), expected, "{origin:?} {fetch_site:?}");
        }
    }

    #[test]
    fn names_of_this_machine_are_few() {
        for (host, expected) in [
            ("localhost", true),
            ("LocalHost:3000", true),
            ("127.0.0.1:3000", true),
            ("127.1.2.3", true),
            ("[::1]:3000", true),
            ("[::1]", true),
            ("evil.example", false),
            ("localhost.evil.example:3000", false),
            ("192.168.0.7:3000", false),
            ("", false),
        ] {
            assert_eq!(Request { host: Some(host), ..PLAIN }.is_to_this_machine(), expected, "{host}");
        }
    }

    #[test]
    fn cookies_are_told_apart_by_their_whole_names() {
        let request = Request { cookies: Some("a=1; xweir_session=2;weir_session=se_3_=; b"), ..PLAIN };
        assert_eq!(request.cookie(SESSION_COOKIE), Some("se_3_="));
        assert_eq!(request.cookie("b"), None);
    }

    #[test]
    fn each_may_what_it_was_made_for() {
        let known =
            |purpose| Caller::Known(Arc::new(KnownCredential::new(Credential::create("x", purpose, 0, None).0)));
        let token = |scope| known(Purpose::Token { scope });
        let page = SharedPage::new("/errors".to_owned()).expect("a page");
        let link = known(Purpose::ShareLink { page });
        let key = known(Purpose::WriteKey { origins: Vec::new(), events_per_second: None });
        for (caller, needed, path, expected) in [
            (Caller::Open, Scope::Admin, "/api/credentials", Ok(())),
            (Caller::Nobody, Scope::Read, "/api/info", Err(Denied::NotSignedIn)),
            (known(Purpose::Session), Scope::Admin, "/api/credentials", Ok(())),
            (token(Scope::Read), Scope::Read, "/api/rejected", Ok(())),
            (token(Scope::Read), Scope::Annotate, "/api/annotations", Err(Denied::Scope(Scope::Annotate))),
            (token(Scope::Annotate), Scope::Admin, "/api/credentials", Err(Denied::Scope(Scope::Admin))),
            (token(Scope::Admin), Scope::Read, "/api/info", Ok(())),
            (link.clone(), Scope::Read, "/api/queries/error_rate", Ok(())),
            (link.clone(), Scope::Read, "/api/rejected", Err(Denied::OtherPage)),
            (link, Scope::Annotate, "/api/annotations", Err(Denied::Scope(Scope::Annotate))),
            (key, Scope::Read, "/api/info", Err(Denied::WriteKeyOnly)),
        ] {
            assert_eq!(caller.may(needed, path), expected, "{caller:?} at {path}");
        }
    }
}
