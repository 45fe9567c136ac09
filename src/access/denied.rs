//! Why a request may not do what it asks.

use super::{Exceeded, Scope};

/// The message says what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    #[error(
        "a write key is needed: send it as Authorization: Bearer wk_…, as X-Write-Key or as ?write_key=…; `weir key create` makes one"
    )]
    NoKey,
    #[error("this key is not known; it was revoked, has expired or was never made")]
    Unknown,
    #[error("only a write key, wk_…, may send events")]
    NotAWriteKey,
    #[error("pages of this origin may not send events with this key; `weir key create` makes one that they may use")]
    Origin,
    #[error("this key sends more than its {events_per_second} events a second; send again in {} s", .exceeded.0.as_secs() + 1)]
    TooManyEvents { events_per_second: u32, exceeded: Exceeded },
    #[error("who may do what is not known yet: ClickHouse has not answered since the start")]
    NotKnownYet,
    #[error("sign in, or send an API token as Authorization: Bearer at_…; `weir token create` makes one")]
    NotSignedIn,
    #[error("this needs the scope {0}")]
    Scope(Scope),
    #[error("a write key may send events, and nothing else")]
    WriteKeyOnly,
    #[error("this link shows one page, which does not ask this")]
    OtherPage,
    #[error("this was sent by a page of another site")]
    OtherSite,
    #[error(
        "without a password, Weir answers as localhost, 127.0.0.1 and [::1] alone; set WEIR_AUTH=required to use another name, for example behind a proxy"
    )]
    OtherName,
    #[error(
        "this came through a proxy, and without a password Weir answers this machine alone; set WEIR_AUTH=required behind a proxy"
    )]
    Forwarded,
}
