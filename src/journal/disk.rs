//! The file operations the journal is built of, as a seam: the real file system, or a faulty one in tests.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, FileExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

/// A directory of flat files.
pub trait Disk: Send + Sync + 'static {
    /// Creates a file that must not exist yet.
    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;
    /// Opens an existing file for changes.
    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;
    fn read(&self, name: &str) -> io::Result<Vec<u8>>;
    /// Names and lengths of all files.
    fn list(&self) -> io::Result<Vec<(String, u64)>>;
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes creations, renames and removals last through a power loss.
    fn sync_directory(&self) -> io::Result<()>;
    /// Makes everything last that anyone has written to the file system: also what the embedded engine has.
    fn sync_file_system(&self) -> io::Result<()>;
}

/// An open file.
pub trait DiskFile: Send {
    /// Writes over what is at `offset`, or behind the end.
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()>;
    fn truncate(&mut self, length: u64) -> io::Result<()>;
    /// Makes the content last through a power loss.
    fn sync(&mut self) -> io::Result<()>;
}

/// A directory of the operating system's file system.
pub struct RealDisk {
    directory: PathBuf,
}

impl RealDisk {
    /// Opens the directory, creating it if need be, for the owner alone: what people did is in it.
    pub fn open(directory: &Path) -> io::Result<Arc<dyn Disk>> {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        // It may be older than this program, with the mode of its time.
        fs::set_permissions(directory, fs::Permissions::from_mode(0o700))?;
        let directory = directory.canonicalize()?;
        // A power loss must not take a new directory with all that is in it: neither this one, nor the one it is in.
        for parent in directory.ancestors().skip(1).take(2) {
            match File::open(parent) {
                Ok(parent) => parent.sync_all()?,
                // Where weir may not look, it has not created anything.
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Arc::new(Self { directory }))
    }
}

impl Disk for RealDisk {
    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let file = OpenOptions::new().write(true).create_new(true).open(self.directory.join(name))?;
        Ok(Box::new(file))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let file = OpenOptions::new().write(true).open(self.directory.join(name))?;
        Ok(Box::new(file))
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        fs::read(self.directory.join(name))
    }

    fn list(&self) -> io::Result<Vec<(String, u64)>> {
        fs::read_dir(&self.directory)?
            .map(|entry| {
                let entry = entry?;
                Ok((entry.file_name().to_string_lossy().into_owned(), entry.metadata()?.len()))
            })
            .collect()
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.directory.join(from), self.directory.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.directory.join(name))
    }

    fn sync_directory(&self) -> io::Result<()> {
        File::open(&self.directory)?.sync_all()
    }

    #[cfg(target_os = "linux")]
    fn sync_file_system(&self) -> io::Result<()> {
        Ok(rustix::fs::syncfs(File::open(&self.directory)?)?)
    }

    #[cfg(not(target_os = "linux"))]
    fn sync_file_system(&self) -> io::Result<()> {
        rustix::fs::sync();
        Ok(())
    }
}

impl DiskFile for File {
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directory_is_for_the_owner_alone_also_one_that_is_older() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let (old, new) = (root.path().join("old"), root.path().join("parent/new"));
        fs::create_dir(&old).expect("a directory");
        fs::set_permissions(&old, fs::Permissions::from_mode(0o755)).expect("the usual mode");
        for directory in [&old, &new] {
            RealDisk::open(directory).expect("a disk");
            let mode = fs::metadata(directory).expect("it exists").permissions().mode() & 0o777;
            assert_eq!(mode, 0o700, "{}", directory.display());
        }
    }
}
