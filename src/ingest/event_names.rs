//! Which event names are taken: the listed ones, or any well-formed one up to a count.
//!
//! `event_name` is a dictionary column and the first key of the table, so its distinct values must stay few. The names
//! seen are kept in a file, a name a line, so that the bound also holds across restarts.

use std::{
    collections::HashSet,
    fs::{File, OpenOptions},
    io::{self, Read, Write},
    path::Path,
    sync::{Mutex, PoisonError, RwLock},
};

use super::fields::{Fault, Field, RejectCode};
use crate::event::PRODUCT_EVENTS;

/// The names admitted so far.
pub struct EventNames {
    policy: Policy,
}

enum Policy {
    Listed(HashSet<Vec<u8>>),
    Seen { names: RwLock<HashSet<Vec<u8>>>, file: Mutex<File>, names_max: usize },
}

impl EventNames {
    /// Only these names.
    pub fn listed(names: &[String]) -> Self {
        Self { policy: Policy::Listed(names.iter().map(|name| name.clone().into_bytes()).collect()) }
    }

    /// Every name until there are `names_max`; remembered in `path`.
    pub fn seen(path: &Path, names_max: usize) -> io::Result<Self> {
        let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        let complete = text.split_inclusive(|byte| *byte == b'\n').filter_map(|line| line.strip_suffix(b"\n"));
        let mut names: HashSet<Vec<u8>> = complete.map(<[u8]>::to_vec).collect();
        names.extend(PRODUCT_EVENTS.iter().map(|name| name.as_bytes().to_vec()));
        Ok(Self { policy: Policy::Seen { names: RwLock::new(names), file: Mutex::new(file), names_max } })
    }

    /// Takes a well-formed name, or says why not.
    pub fn admit(&self, name: &[u8]) -> Result<(), Fault> {
        match &self.policy {
            Policy::Listed(names) if names.contains(name) => Ok(()),
            Policy::Listed(_) => {
                let reason = "is none of the names that WEIR_EVENT_NAMES allows";
                Err(Fault::new(Field::EventName, RejectCode::NotAllowed, reason))
            }
            // Most events bear one of these: no lock, and no hash.
            Policy::Seen { .. } if PRODUCT_EVENTS.iter().any(|known| known.as_bytes() == name) => Ok(()),
            Policy::Seen { names, file, names_max } => {
                if names.read().unwrap_or_else(PoisonError::into_inner).contains(name) {
                    return Ok(());
                }
                let mut names = names.write().unwrap_or_else(PoisonError::into_inner);
                if names.len() >= *names_max && !names.contains(name) {
                    let reason = format!("would be a new name, and {names_max} distinct names are in use already");
                    return Err(Fault::new(Field::EventName, RejectCode::TooManyNames, reason));
                }
                if names.insert(name.to_vec()) {
                    remember(file, name);
                }
                Ok(())
            }
        }
    }
}

/// A name that could not be written is only forgotten at the next start, so the event is taken all the same.
fn remember(file: &Mutex<File>, name: &[u8]) {
    let line = [name, b"\n"].concat();
    let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
    if let Err(error) = file.write_all(&line) {
        tracing::warn!(%error, "a new event name could not be written to disk");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_names_are_bounded_also_after_a_restart() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("event_names");
        let names_max = PRODUCT_EVENTS.len() + 1;
        let names = EventNames::seen(&path, names_max).expect("opens");
        assert!(names.admit(b"checkout").is_ok());
        assert!(names.admit(b"refund").is_err());
        assert!(names.admit(b"page_view").is_ok());

        let reopened = EventNames::seen(&path, names_max).expect("opens again");
        assert!(reopened.admit(b"checkout").is_ok());
        assert!(reopened.admit(b"refund").is_err());
    }

    #[test]
    fn a_list_allows_only_its_names() {
        let names = EventNames::listed(&["checkout".to_owned()]);
        assert!(names.admit(b"checkout").is_ok());
        assert!(names.admit(b"page_view").is_err());
    }
}
