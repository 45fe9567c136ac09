//! The disk of a simulated machine, as one process has it.

use std::{
    io,
    sync::{Arc, MutexGuard},
};

use rustix::io::Errno;

use super::{
    disk::{Disk, DiskFile},
    simulated_machine::{Content, ContentChange, Machine, NameChange, Operation, State, power_is_off},
};

impl Machine {
    /// The disk, for the process that starts now.
    pub fn disk(&self) -> Arc<dyn Disk> {
        Arc::new(Handle { machine: self.clone(), process: self.state().process })
    }
}

/// The disk as one process has it.
struct Handle {
    machine: Machine,
    process: u64,
}

struct FileHandle {
    machine: Machine,
    process: u64,
    file: usize,
}

/// The state, if the process still runs.
fn running(machine: &Machine, process: u64) -> io::Result<MutexGuard<'_, State>> {
    let state = machine.state();
    if state.is_off || state.process != process {
        return Err(power_is_off());
    }
    Ok(state)
}

impl Disk for Handle {
    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let mut state = running(&self.machine, self.process)?;
        if state.names.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        state.begin(Some(Operation::Create))?;
        let file = state.files.len();
        state.files.push(Content::default());
        let change = NameChange::Create(name.to_owned(), file);
        change.apply(&mut state.names);
        state.name_changes.push(change);
        state.end()?;
        Ok(Box::new(FileHandle { machine: self.machine.clone(), process: self.process, file }))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let file = running(&self.machine, self.process)?.file(name)?;
        Ok(Box::new(FileHandle { machine: self.machine.clone(), process: self.process, file }))
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let mut state = running(&self.machine, self.process)?;
        let file = state.file(name)?;
        state.begin(Some(Operation::Read))?;
        state.end()?;
        Ok(state.files[file].now.clone())
    }

    fn list(&self) -> io::Result<Vec<(String, u64)>> {
        let state = running(&self.machine, self.process)?;
        Ok(state.names.iter().map(|(name, file)| (name.clone(), state.files[*file].now.len() as u64)).collect())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = running(&self.machine, self.process)?;
        state.file(from)?;
        state.change_names(NameChange::Rename(from.to_owned(), to.to_owned()))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = running(&self.machine, self.process)?;
        state.file(name)?;
        state.change_names(NameChange::Remove(name.to_owned()))
    }

    fn sync_directory(&self) -> io::Result<()> {
        let mut state = running(&self.machine, self.process)?;
        state.begin(Some(Operation::SyncDirectory))?;
        if state.sync_reaches() {
            state.name_changes.clear();
            state.lasting_names = state.names.clone();
        }
        state.end()
    }

    fn sync_file_system(&self) -> io::Result<()> {
        let mut state = running(&self.machine, self.process)?;
        state.begin(None)?;
        if state.sync_reaches() {
            state.file_system_syncs += 1;
            state.name_changes.clear();
            state.lasting_names = state.names.clone();
            state.files.iter_mut().for_each(Content::sync);
        }
        state.end()
    }
}

impl FileHandle {
    fn change(&self, state: &mut State, change: ContentChange) {
        let file = &mut state.files[self.file];
        Content::apply(&mut file.now, change.clone());
        file.changes.push_back(change);
    }
}

impl DiskFile for FileHandle {
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = running(&self.machine, self.process)?;
        let failed = state.begin(Some(Operation::Write));
        let offset = usize::try_from(offset).expect("an offset in memory");
        let free = state.bytes_max.map_or(bytes.len(), |bytes_max| bytes_max.saturating_sub(state.bytes_used()));
        // What is written over takes no room.
        let room = free + state.files[self.file].now.len().saturating_sub(offset);
        let written = match failed {
            Ok(()) => bytes.len().min(room),
            Err(_) => state.random.below(bytes.len() + 1).min(room),
        };
        self.change(&mut state, ContentChange::Write(offset, bytes[..written].to_vec()));
        failed?;
        state.end()?;
        if written < bytes.len() { Err(Errno::NOSPC.into()) } else { Ok(()) }
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        let mut state = running(&self.machine, self.process)?;
        state.begin(Some(Operation::Truncate))?;
        self.change(&mut state, ContentChange::Truncate(usize::try_from(length).expect("a length in memory")));
        state.end()
    }

    /// A failed sync forgets what it could not write, as Linux does: the next one finds nothing to do.
    fn sync(&mut self) -> io::Result<()> {
        let mut state = running(&self.machine, self.process)?;
        let failed = state.begin(Some(Operation::Sync));
        let reaches = state.sync_reaches();
        let file = &mut state.files[self.file];
        let repeats = file.sync_failed_in == Some(self.process);
        match failed {
            Err(_) => {
                file.changes.clear();
                file.sync_failed_in = Some(self.process);
            }
            Ok(()) if reaches && file.sync_failed_in.is_none() => file.sync(),
            Ok(()) => {}
        }
        state.syncs_after_failure += u64::from(repeats);
        failed?;
        state.end()
    }
}
