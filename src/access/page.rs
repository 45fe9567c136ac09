//! The page that a share link shows, and what that page asks.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

/// Bytes of its path and query.
const PAGE_BYTES_MAX: usize = 4096;

/// What every page asks.
const ALL_PAGES_ASK: [&str; 3] = ["/api/info", "/api/stream", "/api/annotations"];

/// By path, what a page asks beside that. Single events, and how the installation is, are on no page that
/// can be shared; a funnel can be broken down by any property, and so tells the most frequent values of it.
const PAGES: [(&str, &[&str]); 4] = [
    (
        "/",
        &[
            "/api/queries/active_users",
            "/api/queries/signup_funnel",
            "/api/queries/top_features",
            "/api/queries/error_rate",
        ],
    ),
    ("/funnels", &["/api/funnel", "/api/funnels", "/api/queries/event_names", "/api/queries/property_keys"]),
    ("/features", &["/api/queries/feature_adoption", "/api/queries/retention"]),
    ("/errors", &["/api/queries/error_rate", "/api/queries/error_breakdown"]),
];

/// A page with all that is chosen on it: the path and the query of its URL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(value_type = String, example = "/funnels?range=24h")]
pub struct SharedPage(String);

/// What cannot be shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "page must be the path of one of /, /funnels, /features and /errors, perhaps with a query, as in /errors?range=24h"
)]
pub struct NoSharedPage;

impl SharedPage {
    pub fn new(page: String) -> Result<Self, NoSharedPage> {
        let is_in_an_address = page.bytes().all(|byte| byte.is_ascii_graphic());
        let page = Self(page);
        match page.0.len() <= PAGE_BYTES_MAX && is_in_an_address && page.asks_beside().is_some() {
            true => Ok(page),
            false => Err(NoSharedPage),
        }
    }

    /// Whether the page asks what is at a path of the API. A wall shows pages in turn, so it asks what any of them does.
    pub fn asks(&self, path: &str) -> bool {
        let is_wall = self.query().split('&').any(|parameter| parameter.split('=').next() == Some("wall"));
        ALL_PAGES_ASK.contains(&path)
            || match is_wall {
                true => PAGES.iter().any(|(_, asked)| asked.contains(&path)),
                false => self.asks_beside().is_some_and(|asked| asked.contains(&path)),
            }
    }

    fn asks_beside(&self) -> Option<&'static [&'static str]> {
        let path = self.0.split('?').next().unwrap_or_default();
        PAGES.iter().find(|(page, _)| *page == path).map(|(_, asked)| *asked)
    }

    fn query(&self) -> &str {
        self.0.split_once('?').map_or("", |(_, query)| query)
    }
}

impl fmt::Display for SharedPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for SharedPage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(page: &str) -> Result<SharedPage, NoSharedPage> {
        SharedPage::new(page.to_owned())
    }

    #[test]
    fn a_page_asks_what_it_shows_and_nothing_else() {
        let errors = page("/errors?range=24h").expect("a page");
        assert!(errors.asks("/api/queries/error_breakdown") && errors.asks("/api/stream"));
        for path in [
            "/api/queries/active_users",
            "/api/rejected",
            "/api/status",
            "/api/credentials",
            "/api/queries/live_events",
        ] {
            assert!(!errors.asks(path), "{path}");
        }
        let wall = page("/?wall=overview,errors").expect("a page");
        assert!(wall.asks("/api/queries/active_users") && wall.asks("/api/queries/error_breakdown"));
        assert!(!wall.asks("/api/rejected"));
    }

    #[test]
    fn what_is_no_page_or_shows_what_was_sent_is_not_shared() {
        for wrong in
            ["", "errors", "//evil.example", "/live", "/setup", "/errors/", "/errors?a=\n", "https://evil.example/"]
        {
            assert_eq!(page(wrong), Err(NoSharedPage), "{wrong:?}");
        }
        assert_eq!(page(&format!("/?{}", "a".repeat(PAGE_BYTES_MAX))), Err(NoSharedPage));
    }
}
