//! The password of the dashboard: argon2id, with the parameters that OWASP recommends and the crate has as its own
//! (<https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html>).

use argon2::{Argon2, PasswordHasher, PasswordVerifier, password_hash::phc::PasswordHash};

use crate::config::Secret;

/// Bytes of a password: enough against guessing, and no more than is hashed without harm.
const PASSWORD_BYTES_MIN: usize = 12;
const PASSWORD_BYTES_MAX: usize = 1024;

/// Letters and digits that nobody takes for others: 32, so that a random byte chooses fairly.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
const GENERATED_CHARACTERS: usize = 20;

/// What cannot be a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a password has {PASSWORD_BYTES_MIN} to {PASSWORD_BYTES_MAX} bytes")]
pub struct NoPassword;

/// 100 random bits, as people can type them.
pub fn generated() -> Secret {
    let characters = (0..GENERATED_CHARACTERS).map(|_| char::from(ALPHABET[usize::from(rand::random::<u8>() % 32)]));
    Secret::new(characters.collect::<String>())
}

/// The hash of a password in PHC form. Takes some 20 ms of processor time and 19 MiB of memory.
pub fn hash(password: &Secret) -> Result<String, NoPassword> {
    let bytes = password.expose().as_bytes();
    if !(PASSWORD_BYTES_MIN..=PASSWORD_BYTES_MAX).contains(&bytes.len()) {
        return Err(NoPassword);
    }
    let hash: PasswordHash = Argon2::default().hash_password(bytes).map_err(|_| NoPassword)?;
    Ok(hash.to_string())
}

/// Whether it is the password. Takes as long as `hash`.
pub fn is_right(hash: &str, password: &Secret) -> bool {
    let bytes = password.expose().as_bytes();
    let Ok(hash) = PasswordHash::new(hash) else { return false };
    bytes.len() <= PASSWORD_BYTES_MAX && Argon2::default().verify_password(bytes, &hash).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_password_is_right_and_its_hash_does_not_tell_it() {
        let password = generated();
        let kept = hash(&password).expect("long enough");
        assert!(kept.starts_with("$argon2id$") && !kept.contains(password.expose()), "{kept}");
        assert!(is_right(&kept, &password));
        assert!(!is_right(&kept, &generated()) && !is_right(&kept, &Secret::new("")) && !is_right("", &password));
        assert_ne!(hash(&password), Ok(kept), "each has its own salt");
    }

    #[test]
    fn short_ones_and_endless_ones_are_none() {
        for length in [0, PASSWORD_BYTES_MIN - 1, PASSWORD_BYTES_MAX + 1] {
            assert_eq!(hash(&Secret::new("x".repeat(length))), Err(NoPassword));
        }
    }
}
