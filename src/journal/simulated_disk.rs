//! A disk in memory that forgets, fails and rots: what tests of durability are run on.
//!
//! What a process has written is there for it and for the next one. A power loss takes what was not synced: content until
//! `sync`, and creations, renames and removals until `sync_directory`. Some of it may have reached the platter by itself,
//! and the last write may be torn. All of this is drawn from a seed, so that a failure can be repeated.

use std::{
    collections::{BTreeMap, VecDeque},
    io,
    sync::{Arc, Mutex, MutexGuard},
};

use rustix::io::Errno;

use super::disk::{Disk, DiskFile};

const SECTOR_BYTES: usize = 512;

/// The machine that the disk is in.
#[derive(Clone)]
pub struct Machine(Arc<Mutex<State>>);

/// What can be made to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    Append,
    Sync,
    SyncDirectory,
    Read,
    Create,
    Truncate,
}

#[derive(Default)]
struct State {
    random: Random,
    files: Vec<Content>,
    /// Names as processes see them.
    names: BTreeMap<String, usize>,
    /// Names as they are on the platter.
    lasting_names: BTreeMap<String, usize>,
    name_changes: Vec<NameChange>,
    /// The process that may use the disk; handles of earlier ones are dead.
    process: u64,
    is_off: bool,
    /// Changes and syncs so far, and after how many of them the power goes.
    operations: u64,
    power_for: Option<u64>,
    /// Errors to come: the operation, how many of it go well before, and the error.
    errors: Vec<(Operation, u64, Errno)>,
    bytes_max: Option<usize>,
    file_system_syncs: u64,
    syncs_after_failure: u64,
}

#[derive(Default)]
struct Content {
    now: Vec<u8>,
    lasting: Vec<u8>,
    changes: VecDeque<ContentChange>,
    /// The process whose sync has failed.
    sync_failed_in: Option<u64>,
}

enum ContentChange {
    Append(Vec<u8>),
    Truncate(usize),
}

#[derive(Clone)]
enum NameChange {
    Create(String, usize),
    Rename(String, String),
    Remove(String),
}

impl Machine {
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State { random: Random(seed), ..State::default() })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no operation panics")
    }

    /// The disk, for the process that starts now.
    pub fn disk(&self) -> Arc<dyn Disk> {
        Arc::new(Handle { machine: self.clone(), process: self.state().process })
    }

    /// Ends the process; all that it has written survives.
    pub fn kill(&self) {
        self.state().process += 1;
    }

    /// Ends the process and takes what was not synced.
    pub fn lose_power(&self) {
        let mut state = self.state();
        state.lose_names();
        let State { random, files, .. } = &mut *state;
        for file in files {
            file.lose(random);
        }
        state.process += 1;
        state.is_off = false;
        state.power_for = None;
    }

    /// Lets the power go in the midst of the operation after the next `operations` ones.
    pub fn cut_power_after(&self, operations: u64) {
        let mut state = self.state();
        state.power_for = Some(state.operations + operations);
    }

    pub fn has_power(&self) -> bool {
        !self.state().is_off
    }

    /// Lets one operation fail, after `spared` of its kind have not.
    pub fn fail(&self, operation: Operation, spared: u64, error: Errno) {
        self.state().errors.push((operation, spared, error));
    }

    /// Bounds the bytes of all files; `None` for no bound.
    pub fn set_bytes_max(&self, bytes_max: Option<usize>) {
        self.state().bytes_max = bytes_max;
    }

    pub fn bytes_used(&self) -> usize {
        self.state().bytes_used()
    }

    /// How often the whole file system was synced.
    pub fn file_system_syncs(&self) -> u64 {
        self.state().file_system_syncs
    }

    /// Syncs that followed a failed one of the same file in the same process.
    pub fn syncs_after_failure(&self) -> u64 {
        self.state().syncs_after_failure
    }

    /// Names with an ending.
    pub fn names(&self, ending: &str) -> Vec<String> {
        self.state().names.keys().filter(|name| name.ends_with(ending)).cloned().collect()
    }

    pub fn content(&self, name: &str) -> Vec<u8> {
        let state = self.state();
        state.files[state.names[name]].now.clone()
    }

    /// Replaces a file's bytes, as rot does: no process knows.
    pub fn rot(&self, name: &str, content: Vec<u8>) {
        let mut state = self.state();
        let file = state.names[name];
        state.files[file] = Content { lasting: content.clone(), now: content, ..Content::default() };
    }

    /// A number below `end`, from the seed.
    pub fn random_below(&self, end: usize) -> usize {
        self.state().random.below(end)
    }
}

impl State {
    fn bytes_used(&self) -> usize {
        self.names.values().map(|file| self.files[*file].now.len()).sum()
    }

    /// Applies some of the changes of names that were not synced: the first ones, as file systems with a journal do, or
    /// any of them, as POSIX allows.
    fn lose_names(&mut self) {
        let in_order = self.random.coin();
        let first = self.random.below(self.name_changes.len() + 1);
        for (index, change) in std::mem::take(&mut self.name_changes).into_iter().enumerate() {
            let happened = if in_order { index < first } else { self.random.coin() };
            if happened {
                change.apply(&mut self.lasting_names);
            }
        }
        self.names = self.lasting_names.clone();
    }

    /// Counts one operation; an error is one that it meets instead.
    fn begin(&mut self, operation: Option<Operation>) -> Result<(), Errno> {
        self.operations += 1;
        if self.power_for.is_some_and(|operations| self.operations > operations) {
            self.is_off = true;
        }
        let Some(operation) = operation else { return Ok(()) };
        let mut failed = None;
        self.errors.retain_mut(|(kind, spared, error)| match *kind == operation {
            true if *spared == 0 && failed.is_none() => {
                failed = Some(*error);
                false
            }
            true => {
                *spared = spared.saturating_sub(1);
                true
            }
            false => true,
        });
        failed.map_or(Ok(()), Err)
    }

    /// Whether the operation that began was over before the power was off.
    fn end(&self) -> io::Result<()> {
        if self.is_off { Err(power_is_off()) } else { Ok(()) }
    }

    fn change_names(&mut self, change: NameChange) -> io::Result<()> {
        self.begin(None)?;
        change.apply(&mut self.names);
        self.name_changes.push(change);
        self.end()
    }

    fn file(&self, name: &str) -> io::Result<usize> {
        self.names.get(name).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// A sync that the power loss interrupts may have done its work.
    fn sync_reaches(&mut self) -> bool {
        !self.is_off || self.random.coin()
    }
}

impl Content {
    fn apply(bytes: &mut Vec<u8>, change: ContentChange) {
        match change {
            ContentChange::Append(new) => bytes.extend(new),
            ContentChange::Truncate(length) => bytes.truncate(length),
        }
    }

    fn sync(&mut self) {
        self.changes.clear();
        self.lasting.clone_from(&self.now);
    }

    /// Keeps the first of the changes that were not synced, and of the next one a part.
    fn lose(&mut self, random: &mut Random) {
        for _ in 0..random.below(self.changes.len() + 1) {
            if let Some(change) = self.changes.pop_front() {
                Self::apply(&mut self.lasting, change);
            }
        }
        if let Some(ContentChange::Append(mut new)) = self.changes.pop_front() {
            new.truncate(random.below(new.len() + 1));
            let torn_from = new.len().saturating_sub(new.len() % SECTOR_BYTES);
            match random.below(3) {
                0 => {}
                1 => new[torn_from..].fill(0),
                _ => new[torn_from..].iter_mut().for_each(|byte| *byte = random.byte()),
            }
            self.lasting.extend(new);
        }
        *self = Self { now: self.lasting.clone(), lasting: std::mem::take(&mut self.lasting), ..Self::default() };
    }
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            Self::Create(name, file) => {
                names.insert(name.clone(), *file);
            }
            Self::Rename(from, to) => {
                if let Some(file) = names.remove(from) {
                    names.insert(to.clone(), file);
                }
            }
            Self::Remove(name) => {
                names.remove(name);
            }
        }
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

fn power_is_off() -> io::Error {
    io::Error::other("the power is off")
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
        match &change {
            ContentChange::Append(new) => file.now.extend_from_slice(new),
            ContentChange::Truncate(length) => file.now.truncate(*length),
        }
        file.changes.push_back(change);
    }
}

impl DiskFile for FileHandle {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut state = running(&self.machine, self.process)?;
        let failed = state.begin(Some(Operation::Append));
        let room = state.bytes_max.map_or(usize::MAX, |bytes_max| bytes_max.saturating_sub(state.bytes_used()));
        let written = match failed {
            Ok(()) => bytes.len().min(room),
            Err(_) => state.random.below(bytes.len() + 1).min(room),
        };
        self.change(&mut state, ContentChange::Append(bytes[..written].to_vec()));
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

/// SplitMix64, <https://prng.di.unimi.it/splitmix64.c>.
#[derive(Default)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn byte(&mut self) -> u8 {
        self.next() as u8
    }

    fn coin(&mut self) -> bool {
        self.next() & 1 == 1
    }
}
