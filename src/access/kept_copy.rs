//! A copy of the credentials on disk, for a start while ClickHouse is away. Sessions are not in it: the dashboard they are for
//! has nothing to show then.

use std::{
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::PathBuf,
    sync::Mutex,
};

use super::credential::{Credential, Purpose};

/// The file, and what is in it.
pub struct KeptCopy {
    path: PathBuf,
    written: Mutex<Vec<u8>>,
}

impl KeptCopy {
    pub fn new(path: PathBuf) -> Self {
        Self { path, written: Mutex::default() }
    }

    /// `None` if there is none yet, or none that can be understood.
    pub fn read(&self) -> io::Result<Option<Vec<Credential>>> {
        match fs::read(&self.path) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes)
                .inspect_err(|error| tracing::warn!(%error, "the copy of the keys cannot be read; ClickHouse has them"))
                .ok()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Replaces what is there, whole or not at all, if it is something else.
    pub fn write(&self, credentials: &[Credential]) -> io::Result<()> {
        let kept: Vec<_> = credentials.iter().filter(|credential| credential.purpose != Purpose::Session).collect();
        let bytes = serde_json::to_vec(&kept)?;
        let mut written = self.written.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if *written == bytes {
            return Ok(());
        }
        let beside = self.path.with_extension("new");
        // One that an end in the middle left may have another mode.
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = File::options().write(true).create_new(true).mode(0o600).open(&beside)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&beside, &self.path)?;
        *written = bytes;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_copy_is_for_its_owner_alone_whatever_was_left_there() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("credentials.json");
        let left = path.with_extension("new");
        fs::write(&left, "half").expect("written");
        fs::set_permissions(&left, fs::Permissions::from_mode(0o644)).expect("its mode");
        let copy = KeptCopy::new(path.clone());
        copy.write(&[]).expect("written");
        assert_eq!(fs::metadata(&path).expect("it is there").permissions().mode() & 0o777, 0o600);
        assert_eq!(copy.read().expect("readable"), Some(Vec::new()));
    }
}
