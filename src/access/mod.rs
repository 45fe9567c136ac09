//! Who may do what. In: what a request presents. Out: the credential that it belongs to, or why it opens nothing.
//!
//! Credentials and the password's hash are kept in ClickHouse, as all nodes share it, and in memory, which is read again every
//! few seconds. A node that takes events keeps a copy on disk, so that it knows its keys while ClickHouse is away.
//!
//! Invariants
//! * Of a secret and of the password only hashes are kept, here and in ClickHouse; they are told once, when they are made.
//! * A credential that is revoked opens nothing any more: here at once, on other nodes within `REFRESH_INTERVAL`.
//! * Secrets are compared in constant time.
//!
//! Limits: credentials, sessions, bytes of what is presented, attempts to sign in, passwords hashed at once.

mod callers;
mod credential;
mod denied;
mod kept_copy;
mod page;
mod password;
mod rate_limit;
mod senders;
mod sign_in;

use std::{
    collections::{HashMap, HashSet},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwapOption;
use tokio::sync::Mutex;

pub use self::{
    callers::{Caller, Request, SESSION_COOKIE, SHARE_COOKIE},
    credential::{Credential, CredentialInfo, Purpose, Scope},
    denied::Denied,
    page::{NoSharedPage, SharedPage},
    rate_limit::{Exceeded, RateLimit},
    senders::Presented,
    sign_in::{PasswordError, SESSION_MAX, SignInError},
};
use self::{credential::id_in, kept_copy::KeptCopy, sign_in::SignInLimits};
use crate::{
    clock::Clock,
    config::Secret,
    store::{Definition, NAME_CHARS_MAX, Store, StoreError, is_text_of},
};

/// How soon every node knows of a change that another one made.
pub const REFRESH_INTERVAL: Duration = Duration::from_secs(5);
/// Keys, tokens and share links; and as many sessions.
pub const CREDENTIALS_MAX: usize = 1_000;
/// Web origins of a key, and bytes of one.
const ORIGINS_MAX: usize = 100;
const ORIGIN_BYTES_MAX: usize = 300;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
/// Days for which a credential may be made.
const DAYS_MAX: u32 = 3_650;

/// Kinds of definitions in ClickHouse.
const CREDENTIAL: &str = "credential";
const SESSION: &str = "session";
const PASSWORD: &str = "password";
/// The password's name among its kind.
const DASHBOARD: &str = "dashboard";

/// Why a credential cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    #[error("name has 1 to {NAME_CHARS_MAX} characters, none of them a control character")]
    Name,
    #[error("an origin is * or like https://app.example.com, without a path; at most {ORIGINS_MAX} of them")]
    Origin,
    #[error("events_per_second must be 1 at least")]
    Rate,
    #[error("days must be 1 to {DAYS_MAX}")]
    Days,
    #[error("a share link must expire: say after how many days")]
    Endless,
    #[error("sessions are made by signing in")]
    Session,
    #[error("there are {CREDENTIALS_MAX} already; revoke some first")]
    TooMany,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Password(#[from] PasswordError),
}

/// A credential, and how much it was used.
#[derive(Debug)]
pub struct KnownCredential {
    pub credential: Credential,
    /// That of a write key.
    pub rate: Option<RateLimit>,
}

impl KnownCredential {
    fn new(credential: Credential) -> Self {
        let rate = match credential.purpose {
            Purpose::WriteKey { events_per_second: Some(per_second), .. } => Some(RateLimit::per_second(per_second)),
            _ => None,
        };
        Self { credential, rate }
    }
}

/// All that is known at a time.
#[derive(Debug, Default)]
struct Known {
    by_id: HashMap<String, Arc<KnownCredential>>,
    password_hash: Option<String>,
    /// Whose pages may send events with some key.
    origins: HashSet<String>,
}

impl Known {
    /// Credentials that are the same stay, with how much they were used.
    fn new(credentials: Vec<Credential>, password_hash: Option<String>, before: Option<&Self>) -> Self {
        let mut known = Self { password_hash, ..Self::default() };
        for credential in credentials {
            if let Purpose::WriteKey { origins, .. } = &credential.purpose {
                known.origins.extend(origins.iter().cloned());
            }
            let same = before.and_then(|before| before.by_id.get(&credential.id));
            let same = same.filter(|same| same.credential == credential).cloned();
            let id = credential.id.clone();
            known.by_id.insert(id, same.unwrap_or_else(|| Arc::new(KnownCredential::new(credential))));
        }
        known
    }

    fn has_write_key(&self) -> bool {
        self.by_id.values().any(|known| matches!(known.credential.purpose, Purpose::WriteKey { .. }))
    }
}

/// What a process that listens to others must have.
#[derive(Debug, Clone, Copy)]
pub struct MustHave {
    pub write_key: bool,
    pub password: bool,
}

/// What it found missing and made, to be told once.
#[derive(Debug, Default)]
pub struct FirstSecrets {
    pub write_key: Option<Secret>,
    pub password: Option<Secret>,
}

/// The credentials of an installation.
pub struct Access {
    store: Store,
    clock: Clock,
    copy: Option<KeptCopy>,
    /// `None` until they could be read.
    known: ArcSwapOption<Known>,
    /// Whether they were read from ClickHouse: of sessions, the copy knows nothing.
    is_read: AtomicBool,
    /// One reads at a time, so that what was read before a change is not taken for what is there after it.
    reading: Mutex<()>,
    sign_in: SignInLimits,
    /// On how often a session that is not known is looked for: another node may just have made it.
    lookups: RateLimit,
}

impl Access {
    /// `copy`: the file that knows the credentials while ClickHouse is away, in a directory that is there.
    pub fn new(store: Store, clock: Clock, copy: Option<PathBuf>) -> std::io::Result<Arc<Self>> {
        let copy = copy.map(KeptCopy::new);
        let credentials = copy.as_ref().map(KeptCopy::read).transpose()?.flatten();
        let known = credentials.map(|credentials| Arc::new(Known::new(credentials, None, None)));
        let lookups = RateLimit::per_second(1);
        Ok(Arc::new(Self {
            store,
            clock,
            copy,
            known: known.into(),
            is_read: AtomicBool::new(false),
            reading: Mutex::default(),
            sign_in: SignInLimits::new(),
            lookups,
        }))
    }

    /// Reads again what is kept in ClickHouse, every few seconds, and does not end.
    pub async fn follow(&self) {
        let mut failing = false;
        loop {
            tokio::time::sleep(REFRESH_INTERVAL).await;
            match self.refresh().await {
                Ok(()) => failing = false,
                Err(error) if !failing => {
                    failing = true;
                    tracing::warn!(%error, "keys and sessions could not be read; those that are known stay");
                }
                Err(_) => {}
            }
        }
    }

    /// Reads what is kept in ClickHouse.
    pub async fn refresh(&self) -> Result<(), StoreError> {
        let _alone = self.reading.lock().await;
        let mut password_hash = None;
        let mut credentials = Vec::new();
        for Definition { kind, name, definition, .. } in
            self.store.definitions(&[CREDENTIAL, SESSION, PASSWORD]).await?
        {
            if kind == PASSWORD {
                password_hash = Some(definition);
                continue;
            }
            match serde_json::from_str(&definition) {
                Ok(credential) => credentials.push(credential),
                // One that a newer version has saved, perhaps.
                Err(error) => tracing::warn!(%error, kind, name, "a credential cannot be read, and opens nothing"),
            }
        }
        if let Some(copy) = &self.copy
            && let Err(error) = copy.write(&credentials)
        {
            tracing::warn!(%error, "the copy of the keys cannot be written");
        }
        let before = self.known.load();
        self.known.store(Some(Arc::new(Known::new(credentials, password_hash, before.as_deref()))));
        self.is_read.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Whether ClickHouse has told the sessions since the start.
    pub(super) fn knows_sessions(&self) -> bool {
        self.is_read.load(Ordering::Relaxed)
    }

    /// Whether it is known who may do what.
    pub fn is_known(&self) -> bool {
        self.known.load().is_some()
    }

    /// The credential whose text it is.
    pub fn find(&self, text: &str) -> Option<Arc<KnownCredential>> {
        let known = self.known.load();
        let found = known.as_ref()?.by_id.get(id_in(text)?)?;
        let is_valid = found.credential.is_opened_by(text) && !found.credential.is_expired(self.clock.now_ms());
        is_valid.then(|| Arc::clone(found))
    }

    /// The same, and if there is none, a look at what other nodes may just have made.
    pub async fn find_anew(&self, text: &str) -> Option<Arc<KnownCredential>> {
        if let Some(found) = self.find(text) {
            return Some(found);
        }
        if id_in(text).is_none() || self.lookups.check().is_err() {
            return None;
        }
        self.lookups.take(1);
        self.refresh().await.ok()?;
        self.find(text)
    }

    /// Whether pages of an origin may send events with some key.
    pub fn may_send(&self, origin: &str) -> bool {
        let known = self.known.load();
        known.as_ref().is_some_and(|known| known.origins.contains("*") || known.origins.contains(origin))
    }

    /// All credentials but sessions, in the order of their making.
    pub fn list(&self) -> Vec<CredentialInfo> {
        let mut kept = self.kept();
        kept.sort_by(|one, other| (one.created_at_ms, &one.id).cmp(&(other.created_at_ms, &other.id)));
        kept.iter().map(Credential::info).collect()
    }

    fn kept(&self) -> Vec<Credential> {
        self.all_that(|purpose| *purpose != Purpose::Session)
    }

    fn all_that(&self, is_wanted: impl Fn(&Purpose) -> bool) -> Vec<Credential> {
        let known = self.known.load();
        let all = known.iter().flat_map(|known| known.by_id.values()).map(|known| &known.credential);
        all.filter(|credential| is_wanted(&credential.purpose)).cloned().collect()
    }

    /// Makes a credential, and tells its text this once. `days`: until it expires.
    pub async fn create(
        &self,
        name: &str,
        purpose: Purpose,
        days: Option<u32>,
    ) -> Result<(CredentialInfo, Secret), CreateError> {
        checked(name, &purpose, days)?;
        self.refresh().await?;
        if self.forget_expired(CREDENTIAL, self.kept()).await?.len() >= CREDENTIALS_MAX {
            return Err(CreateError::TooMany);
        }
        let now_ms = self.clock.now_ms();
        let expires_at_ms = days.map(|days| now_ms.saturating_add(i64::from(days) * DAY_MS));
        let (credential, text) = Credential::create(name, purpose, now_ms, expires_at_ms);
        self.save(CREDENTIAL, &credential).await?;
        Ok((credential.info(), text))
    }

    /// Whether there was one that is no session.
    pub async fn revoke(&self, id: &str) -> Result<bool, StoreError> {
        self.refresh().await?;
        if !self.list().iter().any(|known| known.id == id) {
            return Ok(false);
        }
        self.forget(CREDENTIAL, id).await?;
        Ok(true)
    }

    /// Makes what an installation that others can reach must have and does not have yet. `made`: what an earlier attempt made, which
    /// may be kept although it failed; at the end, what is kept.
    pub async fn create_missing(&self, must_have: MustHave, made: &mut FirstSecrets) -> Result<(), CreateError> {
        self.refresh().await?;
        let known = self.known.load_full().unwrap_or_default();
        if must_have.write_key && !known.has_write_key() {
            let purpose = Purpose::WriteKey { origins: vec!["*".to_owned()], events_per_second: None };
            let (credential, text) = Credential::create("first", purpose, self.clock.now_ms(), None);
            made.write_key = Some(text);
            self.save(CREDENTIAL, &credential).await?;
        }
        if must_have.password && known.password_hash.is_none() {
            let first = password::generated();
            made.password = Some(first.clone());
            self.set_password(first).await?;
        }
        // Of two nodes that start at once, one has the last word.
        made.write_key = made.write_key.take().filter(|text| self.find(text.expose()).is_some());
        if let Some(password) = &made.password
            && !self.is_password(password).await
        {
            made.password = None;
        }
        Ok(())
    }

    async fn save(&self, kind: &str, credential: &Credential) -> Result<(), StoreError> {
        let definition = serde_json::to_string(credential).expect("plain data");
        self.store.save_definition(kind, &credential.id, &definition, self.clock.now_ms()).await?;
        self.refresh().await
    }

    /// Answers those that are valid.
    async fn forget_expired(&self, kind: &str, all: Vec<Credential>) -> Result<Vec<Credential>, StoreError> {
        let now_ms = self.clock.now_ms();
        let (expired, valid): (Vec<_>, Vec<_>) = all.into_iter().partition(|known| known.is_expired(now_ms));
        for credential in expired {
            self.store.save_definition(kind, &credential.id, "", now_ms).await?;
        }
        Ok(valid)
    }

    async fn forget(&self, kind: &str, id: &str) -> Result<(), StoreError> {
        self.store.save_definition(kind, id, "", self.clock.now_ms()).await?;
        self.refresh().await
    }
}

fn checked(name: &str, purpose: &Purpose, days: Option<u32>) -> Result<(), CreateError> {
    if !is_text_of(NAME_CHARS_MAX, name) {
        return Err(CreateError::Name);
    }
    if !days.is_none_or(|days| (1..=DAYS_MAX).contains(&days)) {
        return Err(CreateError::Days);
    }
    match purpose {
        Purpose::WriteKey { origins, .. }
            if origins.len() > ORIGINS_MAX || !origins.iter().all(|text| is_origin(text)) =>
        {
            Err(CreateError::Origin)
        }
        Purpose::WriteKey { events_per_second: Some(0), .. } => Err(CreateError::Rate),
        Purpose::ShareLink { .. } if days.is_none() => Err(CreateError::Endless),
        Purpose::Session => Err(CreateError::Session),
        _ => Ok(()),
    }
}

/// As browsers write it: <https://www.rfc-editor.org/rfc/rfc6454#section-6.1>.
fn is_origin(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let is_host = |host: &str| {
        let characters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.:[]".contains(&byte);
        !host.is_empty() && host.bytes().all(characters)
    };
    text == "*" || text.len() <= ORIGIN_BYTES_MAX && host.is_some_and(is_host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(origins: &[&str]) -> Purpose {
        Purpose::WriteKey { origins: origins.iter().map(ToString::to_string).collect(), events_per_second: Some(5) }
    }

    #[test]
    fn origins_are_as_browsers_write_them() {
        for origin in ["*", "https://app.example.com", "http://localhost:8080", "http://[::1]:3000"] {
            assert!(checked("web", &key(&[origin]), None).is_ok(), "{origin}");
        }
        for wrong in
            ["", "null", "example.com", "https://", "https://a.example/", "https://A.example", "ftp://a.example"]
        {
            assert!(matches!(checked("web", &key(&[wrong]), None), Err(CreateError::Origin)), "{wrong}");
        }
    }

    #[test]
    fn what_was_used_of_a_key_is_not_forgotten_when_keys_are_read_again() {
        let (credential, _) = Credential::create("web", key(&[]), 0, None);
        let before = Known::new(vec![credential.clone()], None, None);
        let rate = before.by_id[&credential.id].rate.as_ref().expect("it has one");
        rate.take(1_000);
        let after = Known::new(vec![credential.clone()], None, Some(&before));
        assert!(after.by_id[&credential.id].rate.as_ref().expect("it has one").check().is_err());
        let mut changed = credential.clone();
        changed.purpose = key(&["*"]);
        let after = Known::new(vec![changed], None, Some(&before));
        assert!(after.by_id[&credential.id].rate.as_ref().expect("it has one").check().is_ok());
        assert!(after.origins.contains("*"));
    }
}
