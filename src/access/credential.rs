//! What opens a door: a long random secret, of which only a hash is kept.
//!
//! Its text is `wk_<id>_<secret>`: what it is for, a public id to find it by, and 256 random bits. The hash is SHA-256: a
//! slow hash protects what people can remember and others can guess, and nobody guesses 256 bits.

use std::fmt;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::page::SharedPage;
use crate::{clock::rfc3339, config::Secret};

/// Random bytes of a secret.
const SECRET_BYTES: usize = 32;
/// What comes in a header is read no further.
const PRESENTED_BYTES_MAX: usize = 128;

/// What a token's holder may do on the dashboard's listener. Each may all that those before it may.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Ask every question
    Read,
    /// Make and delete annotations and saved funnels, too
    Annotate,
    /// Manage keys, tokens and links, and erase users, too
    Admin,
}

/// What a credential is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Purpose {
    /// Sends events, and nothing else.
    WriteKey {
        /// Web origins whose pages may send with it; `*` is all of them. Without one, it is for servers.
        origins: Vec<String>,
        /// Absent: as many as come.
        events_per_second: Option<u32>,
    },
    /// Lets a script use the dashboard's API.
    Token { scope: Scope },
    /// Shows one page to whoever has the link.
    ShareLink { page: SharedPage },
    /// Somebody who has signed in with the password.
    Session,
}

impl Purpose {
    fn prefix(&self) -> &'static str {
        match self {
            Self::WriteKey { .. } => "wk",
            Self::Token { .. } => "at",
            Self::ShareLink { .. } => "sl",
            Self::Session => "se",
        }
    }
}

/// A credential as it is kept: the secret cannot be found from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    pub id: String,
    /// For people.
    pub name: String,
    pub purpose: Purpose,
    pub created_at_ms: i64,
    pub expires_at_ms: Option<i64>,
    /// SHA-256 of the whole text.
    hash: String,
}

/// What may be told about a credential.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct CredentialInfo {
    pub id: String,
    pub name: String,
    #[serde(flatten)]
    pub purpose: Purpose,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339; null: it does not expire.
    #[schema(required)]
    pub expires_at: Option<String>,
}

impl Credential {
    /// A new one, and its text, which is not kept.
    pub fn create(name: &str, purpose: Purpose, now_ms: i64, expires_at_ms: Option<i64>) -> (Self, Secret) {
        let id = format!("{:016x}", rand::random::<u64>());
        let secret = BASE64_URL_SAFE_NO_PAD.encode(rand::random::<[u8; SECRET_BYTES]>());
        let text = format!("{}_{id}_{secret}", purpose.prefix());
        let credential =
            Self { id, name: name.to_owned(), hash: hash(&text), purpose, created_at_ms: now_ms, expires_at_ms };
        (credential, Secret::new(text))
    }

    /// Takes as long for a wrong secret whatever is wrong with it.
    pub fn is_opened_by(&self, text: &str) -> bool {
        self.hash.as_bytes().ct_eq(hash(text).as_bytes()).into()
    }

    pub fn is_expired(&self, now_ms: i64) -> bool {
        self.expires_at_ms.is_some_and(|expires_at_ms| expires_at_ms <= now_ms)
    }

    pub fn info(&self) -> CredentialInfo {
        CredentialInfo {
            id: self.id.clone(),
            name: self.name.clone(),
            purpose: self.purpose.clone(),
            created_at: rfc3339(self.created_at_ms),
            expires_at: self.expires_at_ms.map(rfc3339),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Annotate => "annotate",
            Self::Admin => "admin",
        })
    }
}

impl fmt::Display for CredentialInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  {:?}  ", self.id, self.name)?;
        match &self.purpose {
            Purpose::WriteKey { origins, events_per_second } => {
                match origins.as_slice() {
                    [] => write!(f, "write key for servers")?,
                    origins => write!(f, "write key for {}", origins.join(", "))?,
                }
                if let Some(events_per_second) = events_per_second {
                    write!(f, ", {events_per_second} events/s")?;
                }
            }
            Purpose::Token { scope } => write!(f, "token, {scope}")?,
            Purpose::ShareLink { page } => write!(f, "share link to {page}")?,
            Purpose::Session => write!(f, "session")?,
        }
        write!(f, ", since {}", self.created_at)?;
        match &self.expires_at {
            Some(expires_at) => write!(f, ", until {expires_at}"),
            None => Ok(()),
        }
    }
}

/// The id in the text of a credential.
pub(super) fn id_in(text: &str) -> Option<&str> {
    if text.len() > PRESENTED_BYTES_MAX {
        return None;
    }
    text.split('_').nth(1)
}

fn hash(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_text_opens_it_and_what_is_kept_does_not_tell_that() {
        let (credential, text) = Credential::create("ci", Purpose::Token { scope: Scope::Read }, 5, None);
        let (_, other) = Credential::create("ci", Purpose::Token { scope: Scope::Read }, 5, None);
        let text = text.expose();
        assert!(text.starts_with("at_") && id_in(text) == Some(credential.id.as_str()), "{text}");
        assert!(credential.is_opened_by(text));
        for wrong in ["", "at_", &text[..text.len() - 1], &format!("{text}0"), other.expose(), &credential.hash] {
            assert!(!credential.is_opened_by(wrong), "{wrong}");
        }
        let kept = serde_json::to_string(&credential).expect("plain data");
        // A secret may have underscores of its own.
        let secret = text.splitn(3, '_').nth(2).expect("three parts");
        assert!(!kept.contains(secret) && !format!("{credential:?}").contains(secret));
        assert_eq!(serde_json::from_str::<Credential>(&kept).expect("what was written"), credential);
    }

    #[test]
    fn a_scope_holds_those_before_it() {
        assert!(Scope::Read < Scope::Annotate && Scope::Annotate < Scope::Admin);
    }

    #[test]
    fn texts_that_are_none_have_no_id() {
        for text in ["", "wk", &"a_b_".repeat(PRESENTED_BYTES_MAX)] {
            assert_eq!(id_in(text), None);
        }
    }
}
