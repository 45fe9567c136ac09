//! Signing in with the password, which makes a session, and out.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::Semaphore;

use super::{
    Access, CREDENTIALS_MAX, DASHBOARD, PASSWORD, SESSION,
    credential::{Credential, Purpose},
    password::{self, NoPassword},
    rate_limit::{Exceeded, RateLimit},
};
use crate::{config::Secret, store::StoreError};

/// How long somebody stays signed in.
pub const SESSION_MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Passwords hashed at once: each takes a processor and 19 MiB.
const HASHED_AT_ONCE_MAX: usize = 2;
/// Wrong passwords of one address: five, then one in 20 s.
const GUESS_INTERVAL: Duration = Duration::from_secs(20);
const GUESSES_AT_ONCE: u32 = 5;
/// Of all addresses together: 60, then one a second.
const GUESS_INTERVAL_OF_ALL: Duration = Duration::from_secs(1);
const GUESSES_AT_ONCE_OF_ALL: u32 = 60;
/// Addresses that are remembered; beyond them, those that have not guessed lately make room. The bound on all guesses lets no more than 160
/// guess within the 100 s in which their guesses count.
const ADDRESSES_MAX: usize = 10_000;

/// Why somebody is not signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    #[error("this is not the password")]
    Wrong,
    #[error("too many wrong passwords; try again in {} s", .0.0.as_secs() + 1)]
    TooMany(Exceeded),
    #[error("there is no password yet: run `weir password`")]
    NoPassword,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Bounds on guesses.
pub(super) struct SignInLimits {
    hashing: Arc<Semaphore>,
    by_address: Mutex<HashMap<IpAddr, RateLimit>>,
    all: RateLimit,
}

impl SignInLimits {
    pub fn new() -> Self {
        Self {
            hashing: Arc::new(Semaphore::new(HASHED_AT_ONCE_MAX)),
            by_address: Mutex::default(),
            all: RateLimit::every(GUESS_INTERVAL_OF_ALL, GUESS_INTERVAL_OF_ALL * GUESSES_AT_ONCE_OF_ALL),
        }
    }

    /// Counts an attempt, before it is known whether it is right: many at once must not be more than one by one.
    fn attempt(&self, address: IpAddr) -> Result<(), Exceeded> {
        self.all.check()?;
        let mut by_address = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        if by_address.len() >= ADDRESSES_MAX && !by_address.contains_key(&network(address)) {
            by_address.retain(|_, limit| !limit.is_unused());
        }
        let limit = by_address
            .entry(network(address))
            .or_insert_with(|| RateLimit::every(GUESS_INTERVAL, GUESS_INTERVAL * GUESSES_AT_ONCE));
        limit.check()?;
        limit.take(1);
        self.all.take(1);
        Ok(())
    }

    /// Who knows the password has not guessed.
    fn forgive(&self, address: IpAddr) {
        self.by_address.lock().unwrap_or_else(PoisonError::into_inner).remove(&network(address));
    }
}

/// Whoever has one address of IPv6 has 2^64 of them.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(address) => address.into(),
            None => std::net::Ipv6Addr::from(u128::from(address) >> 64 << 64).into(),
        },
    }
}

impl Access {
    /// The text of a new session, if it is the password. `address`: who asks; it is not kept longer than guesses count.
    pub async fn sign_in(&self, password: Secret, address: IpAddr) -> Result<Secret, SignInError> {
        self.sign_in.attempt(address).map_err(SignInError::TooMany)?;
        self.refresh().await?;
        let hash = self.password_hash().ok_or(SignInError::NoPassword)?;
        if !self.is_right(hash.clone(), password).await {
            return Err(SignInError::Wrong);
        }
        self.sign_in.forgive(address);
        self.make_room_for_a_session().await?;
        let now_ms = self.clock.now_ms();
        let expires_at_ms = now_ms.saturating_add(i64::try_from(SESSION_MAX.as_millis()).unwrap_or(i64::MAX));
        let (session, text) = Credential::create("session", Purpose::Session, now_ms, Some(expires_at_ms));
        self.save(SESSION, &session).await?;
        // Changed in the meantime, the password has ended all sessions but this one.
        if self.password_hash() != Some(hash) {
            self.sign_out(&session).await?;
            return Err(SignInError::Wrong);
        }
        Ok(text)
    }

    /// Whether it is the password, as was last read.
    pub(super) async fn is_password(&self, password: &Secret) -> bool {
        match self.password_hash() {
            Some(hash) => self.is_right(hash, password.clone()).await,
            None => false,
        }
    }

    fn password_hash(&self) -> Option<String> {
        self.known.load().as_ref()?.password_hash.clone()
    }

    async fn is_right(&self, hash: String, password: Secret) -> bool {
        self.on_hashing_thread(move || password::is_right(&hash, &password)).await
    }

    /// Ends a session, here at once, elsewhere within the interval of reading.
    pub async fn sign_out(&self, session: &Credential) -> Result<(), StoreError> {
        self.forget(SESSION, &session.id).await
    }

    /// Ends all sessions.
    pub async fn sign_out_everywhere(&self) -> Result<(), StoreError> {
        self.refresh().await?;
        for session in self.sessions() {
            self.store.save_definition(SESSION, &session.id, "", self.clock.now_ms()).await?;
        }
        self.refresh().await
    }

    /// Changes the password. Who was signed in with the one before is so no longer.
    pub async fn set_password(&self, password: Secret) -> Result<(), PasswordError> {
        let hash = self.on_hashing_thread(move || password::hash(&password)).await?;
        self.store.save_definition(PASSWORD, DASHBOARD, &hash, self.clock.now_ms()).await?;
        Ok(self.sign_out_everywhere().await?)
    }

    /// Expired sessions go, and the oldest ones if there are too many.
    async fn make_room_for_a_session(&self) -> Result<(), StoreError> {
        let mut valid = self.forget_expired(SESSION, self.sessions()).await?;
        valid.sort_by_key(|session| session.created_at_ms);
        let too_many = (valid.len() + 1).saturating_sub(CREDENTIALS_MAX);
        for session in valid.iter().take(too_many) {
            self.store.save_definition(SESSION, &session.id, "", self.clock.now_ms()).await?;
        }
        Ok(())
    }

    fn sessions(&self) -> Vec<Credential> {
        self.all_that(|purpose| *purpose == Purpose::Session)
    }

    async fn on_hashing_thread<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let permit = Arc::clone(&self.sign_in.hashing).acquire_owned().await.expect("it is never closed");
        // A client that goes away does not end the work, so the permit goes with it.
        let hashing = tokio::task::spawn_blocking(move || {
            let outcome = work();
            drop(permit);
            outcome
        });
        hashing.await.expect("hashing does not panic")
    }
}

/// Why the password is not changed.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    #[error(transparent)]
    NoPassword(#[from] NoPassword),
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guesses_of_one_address_are_few_and_those_of_others_do_not_count() {
        let limits = SignInLimits::new();
        let guesser = "203.0.113.7".parse().expect("an address");
        for _ in 0..GUESSES_AT_ONCE {
            assert!(limits.attempt(guesser).is_ok());
        }
        assert!(limits.attempt(guesser).is_err());
        assert!(limits.attempt("::ffff:203.0.113.7".parse().expect("an address")).is_err(), "the same one");
        assert!(limits.attempt("203.0.113.8".parse().expect("an address")).is_ok());
        limits.forgive(guesser);
        assert!(limits.attempt(guesser).is_ok());
    }

    #[test]
    fn guesses_of_all_addresses_are_bounded_and_so_is_what_is_remembered_of_them() {
        let limits = SignInLimits::new();
        let address = |number: u32| IpAddr::from(number.to_be_bytes());
        let guessed = (0..1_000).filter(|number| limits.attempt(address(*number)).is_ok()).count();
        assert!((GUESSES_AT_ONCE_OF_ALL as usize..200).contains(&guessed), "{guessed}");
        assert!(limits.attempt(network("2001:db8::1".parse().expect("an address"))).is_err());
        assert_eq!(network("2001:db8::1".parse().expect("an address")), network("2001:db8::2".parse().expect("one")));

        let limits = SignInLimits::new();
        let unused = |number| (address(number), RateLimit::every(GUESS_INTERVAL, GUESS_INTERVAL * GUESSES_AT_ONCE));
        let remembered = || limits.by_address.lock().expect("no panic");
        remembered().extend((0..).map(unused).take(ADDRESSES_MAX));
        assert!(limits.attempt(address(u32::MAX)).is_ok());
        assert_eq!(remembered().len(), 1);
    }
}
