//! A machine with a disk in memory that forgets, fails and rots: what tests of durability are run on.
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

const SECTOR_BYTES: usize = 512;

/// The machine that the disk is in.
#[derive(Clone)]
pub struct Machine(Arc<Mutex<State>>);

/// What can be made to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    Write,
    Sync,
    SyncDirectory,
    Read,
    Create,
    Truncate,
}

#[derive(Default)]
pub struct State {
    pub random: Random,
    pub files: Vec<Content>,
    /// Names as processes see them.
    pub names: BTreeMap<String, usize>,
    /// Names as they are on the platter.
    pub lasting_names: BTreeMap<String, usize>,
    pub name_changes: Vec<NameChange>,
    /// The process that may use the disk; handles of earlier ones are dead.
    pub process: u64,
    pub is_off: bool,
    /// Changes and syncs so far, and after how many of them the power goes.
    pub operations: u64,
    pub power_for: Option<u64>,
    /// Errors to come: the operation, how many of it go well before, and the error.
    pub errors: Vec<(Operation, u64, Errno)>,
    pub bytes_max: Option<usize>,
    pub file_system_syncs: u64,
    pub syncs_after_failure: u64,
}

#[derive(Default)]
pub struct Content {
    pub now: Vec<u8>,
    pub lasting: Vec<u8>,
    pub changes: VecDeque<ContentChange>,
    /// The process whose sync has failed.
    pub sync_failed_in: Option<u64>,
}

#[derive(Clone)]
pub enum ContentChange {
    /// At an offset.
    Write(usize, Vec<u8>),
    Truncate(usize),
}

#[derive(Clone)]
pub enum NameChange {
    Create(String, usize),
    Rename(String, String),
    Remove(String),
}

impl Machine {
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State { random: Random(seed), ..State::default() })))
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no operation panics")
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

    /// Bytes of the files whose names have an ending.
    pub fn bytes_of(&self, ending: &str) -> u64 {
        let state = self.state();
        let files = state.names.iter().filter(|(name, _)| name.ends_with(ending));
        files.map(|(_, file)| state.files[*file].now.len() as u64).sum()
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
    pub fn bytes_used(&self) -> usize {
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
    pub fn begin(&mut self, operation: Option<Operation>) -> Result<(), Errno> {
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
    pub fn end(&self) -> io::Result<()> {
        if self.is_off { Err(power_is_off()) } else { Ok(()) }
    }

    pub fn change_names(&mut self, change: NameChange) -> io::Result<()> {
        self.begin(None)?;
        change.apply(&mut self.names);
        self.name_changes.push(change);
        self.end()
    }

    pub fn file(&self, name: &str) -> io::Result<usize> {
        self.names.get(name).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// A sync that the power loss interrupts may have done its work.
    pub fn sync_reaches(&mut self) -> bool {
        !self.is_off || self.random.coin()
    }
}

impl Content {
    pub fn apply(bytes: &mut Vec<u8>, change: ContentChange) {
        match change {
            ContentChange::Write(offset, new) => {
                bytes.resize(bytes.len().max(offset + new.len()), 0);
                bytes[offset..offset + new.len()].copy_from_slice(&new);
            }
            ContentChange::Truncate(length) => bytes.truncate(length),
        }
    }

    pub fn sync(&mut self) {
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
        if let Some(ContentChange::Write(offset, mut new)) = self.changes.pop_front() {
            new.truncate(random.below(new.len() + 1));
            let torn_from = new.len().saturating_sub(new.len() % SECTOR_BYTES);
            match random.below(3) {
                0 => {}
                1 => new[torn_from..].fill(0),
                _ => new[torn_from..].iter_mut().for_each(|byte| *byte = random.byte()),
            }
            Self::apply(&mut self.lasting, ContentChange::Write(offset, new));
        }
        *self = Self { now: self.lasting.clone(), lasting: std::mem::take(&mut self.lasting), ..Self::default() };
    }
}

impl NameChange {
    pub fn apply(&self, names: &mut BTreeMap<String, usize>) {
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

pub fn power_is_off() -> io::Error {
    io::Error::other("the power is off")
}

/// SplitMix64, <https://prng.di.unimi.it/splitmix64.c>.
#[derive(Default)]
pub struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    pub fn byte(&mut self) -> u8 {
        self.next() as u8
    }

    pub fn coin(&mut self) -> bool {
        self.next() & 1 == 1
    }
}
