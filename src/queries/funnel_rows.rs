//! The events of a funnel, as ClickHouse sends them, and whose they are.
//!
//! An event is its user's, or, without one, its session's. But who signs in during a session was somebody before: an event
//! without a user is that of the user of its session, if another event of the funnel tells one. Of several users of a
//! session, as on a shared device, it is the one who came first.

use std::collections::{HashMap, hash_map::Entry};

use rustc_hash::FxHashMap;

use super::conversions::{StepEvent, VALUES_MAX};

/// Bytes of a breakdown's value; longer ones are cut.
const VALUE_BYTES_MAX: usize = 200;

/// By session that has events without a user, and perhaps some with one: the user who came first, with that event's time.
pub type UsersBySession = FxHashMap<u64, Option<(u64, u64)>>;

/// The rows of `funnel_events.sql`, as they come.
#[derive(Default)]
pub struct Rows {
    /// Their actors are the users, or else the sessions.
    events: Vec<StepEvent>,
    /// That of each event.
    sessions: Vec<u64>,
    /// By text, the number of a value: that of its first appearance.
    values: HashMap<Vec<u8>, u16>,
    values_cut: bool,
}

/// The number of the values that are too many to have one.
const CUT: u16 = VALUES_MAX as u16;

impl Rows {
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Takes whole blocks in `Native`, <https://clickhouse.com/docs/interfaces/formats/Native>; answers their bytes.
    pub fn take(&mut self, bytes: &[u8]) -> usize {
        let mut rest = bytes;
        while let Some(after) = self.take_block(rest) {
            rest = after;
        }
        bytes.len() - rest.len()
    }

    fn take_block<'b>(&mut self, bytes: &'b [u8]) -> Option<&'b [u8]> {
        let (_columns, rest) = varint(bytes)?;
        let (rows, rest) = varint(rest)?;
        let (users, rest) = fixed_column::<8>(rest, rows)?;
        let (sessions, rest) = fixed_column::<8>(rest, rows)?;
        let (times, rest) = fixed_column::<4>(rest, rows)?;
        let (steps, rest) = fixed_column::<2>(rest, rows)?;
        let (mut values, rest) = text_column(rest, rows)?;
        self.events.reserve(rows);
        for (((user, session), at_ms), steps) in users.iter().zip(sessions).zip(times).zip(steps) {
            let (user, session) = (u64::from_le_bytes(*user), u64::from_le_bytes(*session));
            let (at_ms, steps) = (u32::from_le_bytes(*at_ms), u16::from_le_bytes(*steps));
            let (value, after) = text(values)?;
            values = after;
            let value = self.number_of(&value[..value.len().min(VALUE_BYTES_MAX)]);
            let actor = if user == 0 { session } else { user };
            self.events.push(StepEvent::new(actor, u64::from(at_ms), steps, value));
            self.sessions.push(session);
        }
        Some(rest)
    }

    fn number_of(&mut self, value: &[u8]) -> u16 {
        if value.is_empty() {
            return 0;
        }
        if let Some(number) = self.values.get(value) {
            return *number;
        }
        let next = self.values.len() + 1;
        if next == usize::from(CUT) {
            self.values_cut = true;
            return CUT;
        }
        self.values.insert(value.to_vec(), next as u16);
        next as u16
    }

    /// Takes the rows of another question about the same funnel.
    pub fn append(&mut self, other: Self) {
        let mut number_here = vec![0; usize::from(CUT) + 1];
        number_here[usize::from(CUT)] = CUT;
        for (text, number) in other.values {
            number_here[usize::from(number)] = self.number_of(&text);
        }
        self.events.extend(other.events.into_iter().map(|mut event| {
            event.set_value(number_here[usize::from(event.value())]);
            event
        }));
        self.sessions.extend(other.sessions);
        self.values_cut |= other.values_cut;
    }

    /// Whether of a sample's sessions so many have events with and events without a user that it is not chance: hashes of 32
    /// bits may be the same, and fewer than a quarter of the sample's error make no difference.
    pub fn people_sign_in(&self, users: &UsersBySession) -> bool {
        let sign_ins = users.values().filter(|user| user.is_some()).count();
        let without_user = self.events.iter().filter(|event| !is_user(event.actor)).count();
        sign_ins > without_user.isqrt() / 4
    }

    pub fn users_by_session(&self) -> UsersBySession {
        let of = |with_user: bool| {
            let rows = self.events.iter().zip(&self.sessions);
            rows.filter(move |(event, _)| is_user(event.actor) == with_user)
        };
        // Most sessions are of one kind. To find them out first is faster than to look all of them up in a large map.
        let (mut without, mut with) = (Sketch::default(), Sketch::default());
        of(false).for_each(|(_, session)| without.insert(*session));
        of(true).filter(|(_, session)| without.may_hold(**session)).for_each(|(_, session)| with.insert(*session));
        let mut users: FxHashMap<_, _> =
            of(false).filter(|(_, session)| with.may_hold(**session)).map(|(_, session)| (*session, None)).collect();
        for (event, session) in of(true).filter(|(_, session)| without.may_hold(**session)) {
            if let Entry::Occupied(mut first) = users.entry(*session) {
                let this = (event.at_ms(), event.actor);
                if first.get().is_none_or(|first| this < first) {
                    first.insert(Some(this));
                }
            }
        }
        users
    }

    /// The events of the actors in the sample, the texts of their values in order, and whether the last of these stands for
    /// all that were too many. In order, since the order in which rows come must not decide which of two events comes first.
    /// `users`: those of all these rows.
    pub fn finish(self, one_in: u32, users: &UsersBySession) -> (Vec<StepEvent>, Vec<String>, bool) {
        let Self { mut events, values, values_cut, .. } = self;
        let mut values: Vec<_> = values.into_iter().collect();
        values.sort_unstable();
        let mut number_in_order = vec![0; usize::from(CUT) + 1];
        let mut texts = vec![String::new()];
        for (text, number) in values {
            number_in_order[usize::from(number)] = texts.len() as u16;
            texts.push(String::from_utf8_lossy(&text).into_owned());
        }
        if values_cut {
            number_in_order[usize::from(CUT)] = texts.len() as u16;
            texts.push(String::new());
        }
        for event in &mut events {
            event.set_value(number_in_order[usize::from(event.value())]);
            // An event without a user has its session for an actor, for which there is an entry.
            if let Some((_, user)) = users.get(&event.actor).copied().flatten() {
                event.actor = user;
            }
        }
        // Whoever signed in elsewhere.
        events.retain(|event| (event.actor >> 1).is_multiple_of(u64::from(one_in)));
        (events, texts, values_cut)
    }
}

/// A set of hashes that may seem to hold others, too: a bit for each. Small enough for a processor's cache.
struct Sketch(Vec<u64>);

impl Sketch {
    const BITS: usize = 1 << 23;

    fn insert(&mut self, hash: u64) {
        let (word, bit) = Self::place(hash);
        self.0[word] |= 1 << bit;
    }

    fn may_hold(&self, hash: u64) -> bool {
        let (word, bit) = Self::place(hash);
        self.0[word] & (1 << bit) != 0
    }

    fn place(hash: u64) -> (usize, u32) {
        // The lowest bit says whose hash it is.
        let place = (hash >> 1) as usize % Self::BITS;
        (place / 64, (place % 64) as u32)
    }
}

impl Default for Sketch {
    fn default() -> Self {
        Self(vec![0; Self::BITS / 64])
    }
}

/// Hashes of users are odd, those of sessions even.
fn is_user(actor: u64) -> bool {
    actor & 1 == 1
}

/// The values of a column of numbers, and what comes behind it. A column begins with its name and its type.
fn fixed_column<const BYTES: usize>(bytes: &[u8], rows: usize) -> Option<(&[[u8; BYTES]], &[u8])> {
    let (_name, rest) = text(bytes)?;
    let (_type, rest) = text(rest)?;
    let (values, rest) = rest.split_at_checked(rows.checked_mul(BYTES)?)?;
    Some((values.as_chunks().0, rest))
}

/// The bytes of a column of texts, and what comes behind it.
fn text_column(bytes: &[u8], rows: usize) -> Option<(&[u8], &[u8])> {
    let (_name, rest) = text(bytes)?;
    let (_type, values) = text(rest)?;
    let mut rest = values;
    for _ in 0..rows {
        (_, rest) = text(rest)?;
    }
    Some((&values[..values.len() - rest.len()], rest))
}

/// A text, which begins with its length.
fn text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = varint(bytes)?;
    rest.split_at_checked(length)
}

/// LEB128: seven bits a byte, the lowest first.
fn varint(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let length = bytes.iter().position(|byte| byte & 0x80 == 0)? + 1;
    let (digits, rest) = bytes.split_at(length);
    let value = digits.iter().rev().fold(0_u64, |value, digit| value << 7 | u64::from(digit & 0x7f));
    Some((usize::try_from(value).unwrap_or(usize::MAX), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `user`, `session`, `at_ms`, `steps` and `value` of an event.
    type Row<'v> = (u64, u64, u32, u16, &'v str);

    /// A block in `Native`, all of whose lengths are below 128.
    fn block(rows: &[Row]) -> Vec<u8> {
        fn column<'r>(name: &str, rows: &'r [Row], bytes: impl Fn(&'r Row<'r>) -> Vec<u8>) -> Vec<u8> {
            let head = [&[name.len() as u8], name.as_bytes(), b"\x06String"].concat();
            head.into_iter().chain(rows.iter().flat_map(bytes)).collect()
        }
        [
            vec![5, rows.len() as u8],
            column("user", rows, |row| row.0.to_le_bytes().to_vec()),
            column("session", rows, |row| row.1.to_le_bytes().to_vec()),
            column("at_ms", rows, |row| row.2.to_le_bytes().to_vec()),
            column("steps", rows, |row| row.3.to_le_bytes().to_vec()),
            column("value", rows, |row| [&[row.4.len() as u8], row.4.as_bytes()].concat()),
        ]
        .concat()
    }

    fn rows(of: &[Row]) -> Rows {
        let mut rows = Rows::default();
        for some in of.chunks(100) {
            let bytes = block(some);
            assert_eq!(rows.take(&bytes), bytes.len());
        }
        rows
    }

    #[test]
    fn blocks_are_read_in_whatever_pieces_they_come() {
        let blocks =
            [block(&[(7, 70, 1_000, 1, "b"), (9, 80, 2_000, 2, "")]), block(&[]), block(&[(0, 90, 3_000, 5, "a")])];
        let bytes = blocks.concat();
        for piece in [1, 5, 19, 1_000] {
            let (mut rows, mut held) = (Rows::default(), Vec::new());
            for piece in bytes.chunks(piece) {
                held.extend_from_slice(piece);
                let taken = rows.take(&held);
                held.drain(..taken);
            }
            let expected =
                vec![StepEvent::new(7, 1_000, 1, 2), StepEvent::new(9, 2_000, 2, 0), StepEvent::new(90, 3_000, 5, 1)];
            let users = rows.users_by_session();
            assert_eq!(rows.finish(1, &users), (expected, vec![String::new(), "a".to_owned(), "b".to_owned()], false));
        }
    }

    #[test]
    fn values_beyond_the_bound_are_one() {
        let texts: Vec<_> = (0..VALUES_MAX + 5).map(|number| number.to_string()).collect();
        let all: Vec<Row> = texts.iter().map(|text| (1, 2, 0, 1, text.as_str())).collect();
        // In two halves, which do not know each other's numbers.
        let (first, second) = all.split_at(all.len() / 2);
        let mut joined = rows(first);
        joined.append(rows(second));
        for rows in [rows(&all), joined] {
            let users = rows.users_by_session();
            let (events, values, cut) = rows.finish(1, &users);
            assert_eq!((values.len(), cut), (VALUES_MAX + 1, true));
            let others = events.iter().filter(|event| usize::from(event.value()) == VALUES_MAX);
            assert_eq!(others.count(), 6);
        }
    }

    #[test]
    fn an_event_without_a_user_is_that_of_the_first_user_of_its_session() {
        let mut joined =
            rows(&[(0, 10, 1, 1, ""), (5, 10, 9, 2, ""), (3, 10, 8, 2, ""), (0, 10, 99, 1, ""), (0, 20, 1, 1, "")]);
        joined.append(rows(&[(3, 30, 2, 4, "")]));
        let users = joined.users_by_session();
        assert!(joined.people_sign_in(&users));
        let (events, ..) = joined.finish(1, &users);
        let actors: Vec<_> = events.iter().map(|event| event.actor).collect();
        assert_eq!(actors, [3, 5, 3, 3, 20, 3]);
    }

    #[test]
    fn a_few_sessions_that_seem_to_sign_in_are_chance() {
        let alone: Vec<_> = (1..=10_000_u64).map(|session| (0, 2 * session, 1, 1, "")).collect();
        for (sign_ins, expected) in [(25, false), (26, true)] {
            let mut some = rows(&alone);
            some.append(rows(&(1..=sign_ins).map(|session| (7, 2 * session, 2, 2, "")).collect::<Vec<_>>()));
            let users = some.users_by_session();
            assert_eq!(some.people_sign_in(&users), expected, "{sign_ins}");
        }
    }

    #[test]
    fn who_is_not_in_the_sample_is_left_out_with_what_came_before_signing_in() {
        // One in two: the users 1 and 5, and the sessions 4 and 8.
        let sample = rows(&[(0, 4, 1, 1, ""), (3, 4, 2, 2, ""), (0, 8, 1, 1, ""), (5, 6, 2, 2, "")]);
        let users = sample.users_by_session();
        let (events, ..) = sample.finish(2, &users);
        let actors: Vec<_> = events.iter().map(|event| event.actor).collect();
        assert_eq!(actors, [8, 5]);
    }
}
