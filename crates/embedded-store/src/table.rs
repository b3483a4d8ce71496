//! The table: session texts by session id, with limits and ends. The caller passes the time: `now` is in ms since 1970.

use std::{collections::BTreeSet, hash::RandomState, mem, ops::Range, sync::Arc};

use hashlink::LinkedHashMap;
use parking_lot::Mutex;
use session_core::error::Error;

use crate::cookie;

/// The bytes that an entry counts beside its texts: for itself, its places in the index and the queues, and the allocator.
const ENTRY_COST: usize = 192;
/// How many sessions are dropped, or changes taken, while other threads wait.
const BATCH: usize = 256;

/// The limits of one store.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most sessions.
    pub sessions: usize,
    /// Most bytes, of session ids, texts and 192 each.
    pub bytes: usize,
    /// Most bytes of one session's text.
    pub session_bytes: usize,
    /// Whether the least recently used sessions give way to new ones; otherwise what does not fit is refused.
    pub evict: bool,
}

/// The outcome of [`Table::compare_and_set`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CompareAndSet {
    /// The session is written.
    Written,
    /// There is no such session: nothing is written.
    Gone,
    /// Another text than the expected one is stored: nothing is written.
    Changed(Arc<String>),
}

/// The content of a table, and its work so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Sessions, those included that have ended and are not swept yet.
    pub sessions: usize,
    /// Bytes, as the limit counts them.
    pub bytes: usize,
    /// Sessions that have been dropped because they had ended.
    pub expired: u64,
    /// Sessions that have been dropped to make room.
    pub evicted: u64,
    /// Writes that have been refused.
    pub refused: u64,
}

/// A change that the file has not got yet: a session's end and text, or nothing for one that is gone.
pub type Change = (Box<[u8]>, Option<(u64, Arc<String>)>);

/// Sessions by id.
#[derive(Debug)]
pub struct Table {
    limits: Limits,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The least recently used first.
    sessions: LinkedHashMap<Arc<[u8]>, Entry, RandomState>,
    /// Each session at the end by which it was queued. A touch, which lets an end grow, costs nothing here: the session is queued
    /// again when it comes first.
    ends: BTreeSet<(u64, Arc<[u8]>)>,
    /// The ids of the sessions that have changed since the file was written, where there is a file.
    changed: Option<Vec<Box<[u8]>>>,
    /// But for the number of sessions.
    stats: Stats,
}

#[derive(Debug)]
struct Entry {
    text: Arc<String>,
    /// Where the cookie is in `text`.
    cookie: Range<usize>,
    /// When it ends, in ms since 1970.
    expires: u64,
    /// The end by which it is queued: `expires` at most.
    queued: u64,
    /// Whether it is among the changed ones.
    is_changed: bool,
}

impl Entry {
    fn new(text: String, expires: u64) -> Self {
        let cookie = cookie::find(&text);
        Self { text: Arc::new(text), cookie, expires, queued: u64::MAX, is_changed: false }
    }
}

/// The bytes that a session with a text of this length counts towards a table's limit.
fn cost(sid: &[u8], length: usize) -> usize {
    sid.len() + length + ENTRY_COST
}

impl Table {
    /// An empty table; `journal` says whether changes are noted for [`Table::take_changes`].
    #[must_use]
    pub fn new(limits: Limits, journal: bool) -> Self {
        let state = State { changed: journal.then(Vec::new), ..State::default() };
        Self { limits, state: Mutex::new(state) }
    }

    /// A session's text.
    #[must_use]
    pub fn get(&self, sid: &[u8], now: u64) -> Option<Arc<String>> {
        Some(Arc::clone(&self.state.lock().live(sid, now)?.text))
    }

    /// Writes a session that ends at `end`.
    ///
    /// # Errors
    /// [`Error::StoreFull`] or [`Error::SessionTooLarge`]; the session that was there before is still there.
    pub fn set(&self, sid: &[u8], text: String, end: u64, now: u64) -> Result<(), Error> {
        let entry = Entry::new(text, end);
        self.put(&mut self.state.lock(), sid, entry, now)
    }

    /// Gives a session another cookie and end, without reading the other fields. False when there is no such session.
    ///
    /// # Errors
    /// As [`Table::set`], where the cookie has become longer.
    pub fn touch(&self, sid: &[u8], cookie: &str, end: u64, now: u64) -> Result<bool, Error> {
        let mut state = self.state.lock();
        let Some(entry) = state.live(sid, now) else {
            return Ok(false);
        };
        let before = entry.text.len();
        let length = before - entry.cookie.len() + cookie.len();
        if length > before {
            self.check(&mut state, sid, length, now)?;
        }
        let Some(entry) = state.sessions.get_mut(sid) else {
            return Ok(false);
        };
        // The text is copied only if somebody else holds it at this moment.
        cookie::replace(Arc::make_mut(&mut entry.text), &mut entry.cookie, cookie);
        entry.expires = end;
        // Where it has no cookie, it stays as it was.
        let after = entry.text.len();
        state.stats.bytes = state.stats.bytes - before + after;
        state.written(sid);
        state.make_room(&self.limits, now);
        Ok(true)
    }

    /// Takes a session away. False when there is none.
    pub fn destroy(&self, sid: &[u8]) -> bool {
        self.state.lock().remove(sid)
    }

    /// Writes a session if the stored text is `expected`. It ends at `end`; without `renew` only where its cookie has changed.
    ///
    /// # Errors
    /// As [`Table::set`].
    pub fn compare_and_set(
        &self,
        sid: &[u8],
        expected: &str,
        text: String,
        (end, renew): (u64, bool),
        now: u64,
    ) -> Result<CompareAndSet, Error> {
        let mut state = self.state.lock();
        let Some(stored) = state.live(sid, now) else {
            return Ok(CompareAndSet::Gone);
        };
        if *stored.text != expected {
            return Ok(CompareAndSet::Changed(Arc::clone(&stored.text)));
        }
        let mut entry = Entry::new(text, end);
        let before = &expected[stored.cookie.clone()];
        if !renew && !before.is_empty() && entry.text[entry.cookie.clone()] == *before {
            entry.expires = stored.expires;
        }
        self.put(&mut state, sid, entry, now)?;
        Ok(CompareAndSet::Written)
    }

    /// Calls `visit` with the id, text and end of every session that has not ended.
    pub fn each(&self, now: u64, mut visit: impl FnMut(&[u8], &Arc<String>, u64)) {
        for (sid, entry) in self.state.lock().sessions.iter().filter(|(_, entry)| entry.expires > now) {
            visit(sid, &entry.text, entry.expires);
        }
    }

    /// How many sessions there are that have not ended.
    pub fn len(&self, now: u64) -> usize {
        self.sweep(now);
        self.state.lock().sessions.len()
    }

    /// Takes every session away.
    pub fn clear(&self) {
        let mut state = self.state.lock();
        let (gone, ends) = (mem::take(&mut state.sessions), mem::take(&mut state.ends));
        state.stats.bytes = 0;
        if let Some(changed) = &mut state.changed {
            changed.extend(gone.keys().map(|sid| (**sid).into()));
        }
        // The lock is free before the memory is: that takes a while.
        drop(state);
        drop((gone, ends));
    }

    /// Drops the sessions that have ended. Gives their bytes, as the limit counts them.
    pub fn sweep(&self, now: u64) -> usize {
        let mut bytes = 0;
        loop {
            let (dropped, freed) = self.state.lock().sweep(now, BATCH);
            bytes += freed;
            if dropped < BATCH {
                return bytes;
            }
        }
    }

    /// Gives the memory back that is kept for more sessions.
    pub fn shrink(&self) {
        self.state.lock().sessions.shrink_to_fit();
    }

    /// Its content, and its work so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let state = self.state.lock();
        Stats { sessions: state.sessions.len(), ..state.stats }
    }

    /// Gives `take` the changes since the last time, some at a time: the newest state of each session that has changed.
    pub fn take_changes(&self, mut take: impl FnMut(Vec<Change>)) {
        let sids = self.state.lock().changed.as_mut().map(mem::take).unwrap_or_default();
        for sids in sids.chunks(BATCH) {
            let mut state = self.state.lock();
            let changes = sids.iter().map(|sid| {
                let newest = state.sessions.get_mut(&**sid).map(|entry| {
                    entry.is_changed = false;
                    (entry.expires, Arc::clone(&entry.text))
                });
                (sid.clone(), newest)
            });
            let changes = changes.collect();
            drop(state);
            take(changes);
        }
    }

    /// Whether a session's text may be of so many bytes.
    fn check(&self, state: &mut State, sid: &[u8], length: usize, now: u64) -> Result<(), Error> {
        let cost = cost(sid, length);
        let error = if length > self.limits.session_bytes {
            Error::SessionTooLarge
        } else if cost > self.limits.bytes || !self.limits.evict && !state.fits(sid, cost, &self.limits, now)
        {
            Error::StoreFull
        } else {
            return Ok(());
        };
        state.stats.refused += 1;
        Err(error)
    }

    fn put(&self, state: &mut State, sid: &[u8], mut entry: Entry, now: u64) -> Result<(), Error> {
        let length = entry.text.len();
        self.check(state, sid, length, now)?;
        state.stats.bytes = state.stats.bytes - state.cost_of(sid).unwrap_or(0) + cost(sid, length);
        if let Some(stored) = state.sessions.to_back(sid) {
            (entry.queued, entry.is_changed) = (stored.queued, stored.is_changed);
            *stored = entry;
        } else {
            state.sessions.insert(sid.into(), entry);
        }
        state.written(sid);
        state.make_room(&self.limits, now);
        Ok(())
    }
}

impl State {
    /// A session that has not ended. It is the most recently used then.
    fn live(&mut self, sid: &[u8], now: u64) -> Option<&mut Entry> {
        if self.sessions.to_back(sid)?.expires <= now {
            self.remove(sid);
            self.stats.expired += 1;
        }
        self.sessions.get_mut(sid)
    }

    /// The bytes that a session of this id counts, where there is one.
    fn cost_of(&self, sid: &[u8]) -> Option<usize> {
        self.sessions.get(sid).map(|entry| cost(sid, entry.text.len()))
    }

    /// Whether there is room for a session; if need be, where others were that have ended.
    fn fits(&mut self, sid: &[u8], cost: usize, limits: &Limits, now: u64) -> bool {
        let fits = |state: &Self| {
            let before = state.cost_of(sid);
            state.sessions.len() + usize::from(before.is_none()) <= limits.sessions
                && state.stats.bytes - before.unwrap_or(0) + cost <= limits.bytes
        };
        fits(self) || {
            self.sweep(now, usize::MAX);
            fits(self)
        }
    }

    /// Notes that a session has been written or touched.
    fn written(&mut self, sid: &[u8]) {
        let Some(entry) = self.sessions.get_mut(sid) else {
            return;
        };
        if let Some(changed) = &mut self.changed
            && !mem::replace(&mut entry.is_changed, true)
        {
            changed.push(sid.into());
        }
        if entry.expires < entry.queued {
            let sid: Arc<[u8]> = sid.into();
            self.ends.remove(&(entry.queued, Arc::clone(&sid)));
            entry.queued = entry.expires;
            self.ends.insert((entry.queued, sid));
        }
    }

    fn remove(&mut self, sid: &[u8]) -> bool {
        let Some((key, entry)) = self.sessions.remove_entry(sid) else {
            return false;
        };
        self.stats.bytes -= cost(sid, entry.text.len());
        self.ends.remove(&(entry.queued, key));
        if let Some(changed) = &mut self.changed {
            changed.push(sid.into());
        }
        true
    }

    /// Drops up to `most` sessions that have ended by `now`. Gives how many, and their bytes.
    fn sweep(&mut self, now: u64, most: usize) -> (usize, usize) {
        let (mut dropped, before) = (0, self.stats.bytes);
        while dropped < most
            && self.ends.first().is_some_and(|(queued, _)| *queued <= now)
            && let Some((_, sid)) = self.ends.pop_first()
            && let Some(entry) = self.sessions.get_mut(&sid)
        {
            if entry.expires <= now {
                self.remove(&sid);
                dropped += 1;
            } else {
                entry.queued = entry.expires;
                self.ends.insert((entry.queued, sid));
            }
        }
        self.stats.expired += dropped as u64;
        (dropped, before - self.stats.bytes)
    }

    /// Drops the sessions that have ended, then the least recently used, until the limits hold.
    fn make_room(&mut self, limits: &Limits, now: u64) {
        let is_over =
            |state: &Self| state.sessions.len() > limits.sessions || state.stats.bytes > limits.bytes;
        if is_over(self) {
            self.sweep(now, usize::MAX);
        }
        while is_over(self)
            && let Some((sid, _)) = self.sessions.front()
        {
            let sid = Arc::clone(sid);
            self.remove(&sid);
            self.stats.evicted += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    impl Default for Limits {
        fn default() -> Self {
            Self { sessions: usize::MAX, bytes: usize::MAX, session_bytes: usize::MAX, evict: true }
        }
    }

    const START: u64 = 1_795_439_783_000;

    const END: u64 = START + 1000;

    fn session(end: u64, body: &str) -> String {
        format!(r#"{{"cookie":{{"originalMaxAge":1,"expires":{end}}},"body":"{body}"}}"#)
    }

    fn table(limits: Limits) -> Table {
        Table::new(limits, false)
    }

    #[test]
    fn a_session_is_there_until_it_ends() {
        let table = table(Limits::default());
        table.set(b"a", "{}".into(), START + 10, START).unwrap();
        assert!(table.get(b"a", START + 9).is_some());
        assert_eq!(table.get(b"a", START + 10), None);
        assert_eq!(table.stats().expired, 1);
    }

    #[test]
    fn a_touch_moves_the_end_of_what_has_not_ended() {
        let table = table(Limits::default());
        table.set(b"a", "{}".into(), START + 5, START).unwrap();
        assert!(table.touch(b"a", "{}", START + 9, START + 4).unwrap());
        assert!(table.get(b"a", START + 8).is_some());
        assert!(!table.touch(b"a", "{}", START + 20, START + 9).unwrap());
    }

    #[test]
    fn a_touch_that_does_not_fit_is_refused_and_drops_nobody() {
        for evict in [false, true] {
            let bytes = cost(b"a", r#"{"cookie":{}}"#.len()) * if evict { 1 } else { 2 };
            let table = table(Limits { bytes, evict, ..Limits::default() });
            let sids: &[&[u8]] = if evict { &[b"a"] } else { &[b"a", b"b"] };
            for sid in sids {
                table.set(sid, r#"{"cookie":{}}"#.into(), END, START).unwrap();
            }
            assert_eq!(table.touch(b"a", r#"{"path":"/"}"#, END, START), Err(Error::StoreFull));
            for sid in sids {
                assert_eq!(*table.get(sid, START).unwrap(), r#"{"cookie":{}}"#);
            }
            assert_eq!((table.stats().refused, table.stats().evicted), (1, 0));
            assert!(table.touch(b"a", "{}", END + 1, START).unwrap());
        }
    }

    #[test]
    fn what_was_there_stays_when_a_larger_session_is_refused() {
        let table = table(Limits { session_bytes: 10, ..Limits::default() });
        table.set(b"a", "{}".into(), END, START).unwrap();
        let refused = table.set(b"a", r#"{"a":12345}"#.into(), END, START);
        assert_eq!(refused, Err(Error::SessionTooLarge));
        assert_eq!(*table.get(b"a", START).unwrap(), "{}");
        assert_eq!(table.stats().refused, 1);
    }

    #[test]
    fn a_full_table_that_may_not_evict_drops_what_has_ended_and_refuses_the_rest() {
        let limits = Limits { sessions: 2, evict: false, ..Limits::default() };
        let table = table(limits);
        table.set(b"a", "{}".into(), START + 5, START).unwrap();
        table.set(b"b", "{}".into(), END, START).unwrap();
        let refused = table.set(b"c", "{}".into(), END, START);
        assert_eq!(refused, Err(Error::StoreFull));
        table.set(b"b", r#"{"b":1}"#.into(), END, START).unwrap();
        table.set(b"c", "{}".into(), END, START + 5).unwrap();
        assert_eq!(table.len(START + 5), 2);
    }

    #[test]
    fn a_session_is_written_only_where_the_expected_text_is_stored() {
        let table = table(Limits::default());
        let [first, mine, theirs] = [1, 2, 3].map(|n| format!(r#"{{"cookie":{{}},"n":{n}}}"#));
        let renewal = (END, false);
        let gone = table.compare_and_set(b"a", &first, mine.clone(), renewal, START);
        assert_eq!(gone, Ok(CompareAndSet::Gone));
        table.set(b"a", first.clone(), END, START).unwrap();
        let written = table.compare_and_set(b"a", &first, theirs.clone(), renewal, START);
        assert_eq!(written, Ok(CompareAndSet::Written));
        let changed = table.compare_and_set(b"a", &first, mine.clone(), renewal, START);
        assert_eq!(changed, Ok(CompareAndSet::Changed(theirs.clone().into())));
        table.destroy(b"a");
        let gone = table.compare_and_set(b"a", &theirs, mine, renewal, START);
        assert_eq!(gone, Ok(CompareAndSet::Gone));
    }

    #[test]
    fn a_commit_leaves_the_end_as_it_is_unless_the_cookie_changed_or_it_renews() {
        let table = table(Limits::default());
        let text = r#"{"cookie":{"expires":null}}"#;
        let mine = r#"{"cookie":{"expires":null},"a":1}"#;
        for (renew, lives) in [(false, false), (true, true)] {
            table.set(b"a", text.into(), START + 10, START).unwrap();
            let due = (START + 19, renew);
            let written = table.compare_and_set(b"a", text, mine.into(), due, START + 9);
            assert_eq!(written, Ok(CompareAndSet::Written));
            assert_eq!(table.get(b"a", START + 18).is_some(), lives);
        }
    }

    #[test]
    fn of_more_changes_than_are_taken_under_one_lock_the_last_state_is_told() {
        let table = Table::new(Limits::default(), true);
        let sids: Vec<_> = (0..100 * BATCH as u64).map(u64::to_le_bytes).collect();
        let set = |sid: &[u8]| table.set(sid, "{}".into(), END, START).unwrap();
        for sid in &sids {
            set(sid);
        }
        table.clear();
        for sid in sids.iter().step_by(3) {
            set(sid);
        }
        let mut file = BTreeMap::new();
        table.take_changes(|changes| {
            assert!(changes.len() <= BATCH);
            file.extend(changes);
        });
        assert_eq!(file.len(), sids.len());
        let kept = file.values().filter(|state| state.is_some());
        assert_eq!(kept.count(), sids.len().div_ceil(3));
    }

    #[test]
    fn a_touch_changes_the_cookie_alone_whoever_holds_the_text() {
        let table = table(Limits::default());
        let text = r#"{"cookie":{"n":1},"a":1}"#;
        table.set(b"a", text.into(), END, START).unwrap();
        let held = table.get(b"a", START).unwrap();
        for cookie in [r#"{"n":2}"#, r#"{"n":33}"#, "{}"] {
            table.touch(b"a", cookie, END, START).unwrap();
            let expected = format!(r#"{{"cookie":{cookie},"a":1}}"#);
            assert_eq!(*table.get(b"a", START).unwrap(), expected);
        }
        assert_eq!(*held, text);
    }

    #[test]
    fn a_shrunken_table_holds_what_it_held() {
        let table = Table::new(Limits::default(), true);
        for number in 0..100_000u32 {
            let end = START + if number % 50 == 0 { 100 } else { 1 };
            table.set(&number.to_le_bytes(), "{}".into(), end, START).unwrap();
        }
        assert!(table.sweep(START + 1) > 90_000 * ENTRY_COST);
        table.shrink();
        assert_eq!(table.len(START + 1), 2000);
        for number in (0..100_000u32).step_by(50) {
            assert!(table.get(&number.to_le_bytes(), START + 1).is_some());
        }
        table.sweep(START + 100);
        assert_eq!(table.stats().bytes, 0);
    }

    #[test]
    fn increments_of_many_threads_are_all_kept() {
        let table = table(Limits::default());
        let first = r#"{"n":[]}"#.to_owned();
        table.set(b"a", first, END, START).unwrap();
        let increment = || {
            for _ in 0..100 {
                let mut base = table.get(b"a", START).unwrap();
                loop {
                    let mine = base.replace('[', "[1").replace("11", "1,1");
                    match table.compare_and_set(b"a", &base, mine, (END, false), START) {
                        Ok(CompareAndSet::Changed(current)) => base = current,
                        outcome => break assert_eq!(outcome, Ok(CompareAndSet::Written)),
                    }
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(increment);
            }
        });
        assert_eq!(table.get(b"a", START).unwrap().matches('1').count(), 400);
    }

    /// A table without shards, slots and queues.
    #[derive(Default)]
    struct Model {
        sessions: BTreeMap<Vec<u8>, (String, u64, u64)>,
        tick: u64,
    }

    impl Model {
        fn live(&mut self, sid: &[u8], now: u64) -> Option<&mut (String, u64, u64)> {
            if self.sessions.get(sid)?.1 <= now {
                self.sessions.remove(sid);
                return None;
            }
            self.tick += 1;
            let tick = self.tick;
            let session = self.sessions.get_mut(sid)?;
            session.2 = tick;
            Some(session)
        }

        fn bytes(&self) -> usize {
            self.sessions.iter().map(|(sid, (text, ..))| cost(sid, text.len())).sum()
        }

        fn make_room(&mut self, limits: &Limits, now: u64) {
            let over = |model: &Self| model.sessions.len() > limits.sessions || model.bytes() > limits.bytes;
            if over(self) {
                self.sessions.retain(|_, (_, expires, _)| *expires > now);
            }
            while over(self) {
                let oldest = self.sessions.iter().min_by_key(|(_, (.., used))| *used);
                let sid = oldest.unwrap().0.clone();
                self.sessions.remove(&sid);
            }
        }

        fn touch(&mut self, sid: &[u8], cookie: &str, end: u64, limits: &Limits, now: u64) -> Option<bool> {
            let Some(session) = self.live(sid, now) else {
                return Some(false);
            };
            let mut whole = session.0.clone();
            cookie::replace(&mut whole, &mut cookie::find(&session.0), cookie);
            if whole.len() > limits.session_bytes && whole.len() > session.0.len() {
                return None;
            }
            session.0 = whole;
            session.1 = end;
            self.make_room(limits, now);
            Some(true)
        }

        fn set(&mut self, sid: &[u8], text: &str, expires: u64, limits: &Limits, now: u64) -> bool {
            if text.len() > limits.session_bytes || cost(sid, text.len()) > limits.bytes {
                return false;
            }
            self.tick += 1;
            self.sessions.insert(sid.to_vec(), (text.to_owned(), expires, self.tick));
            self.make_room(limits, now);
            true
        }
    }

    #[derive(Clone, Debug)]
    enum Step {
        Set(u8, u16, u8),
        Touch(u8, u8),
        Get(u8),
        Destroy(u8),
        Commit(u8, u16),
        Wait(u8),
        Sweep,
        Clear,
        Length,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => (0..12u8, 0..300u16, 0..60u8).prop_map(|(sid, size, age)| Step::Set(sid, size, age)),
            3 => (0..12u8, 0..60u8).prop_map(|(sid, age)| Step::Touch(sid, age)),
            3 => (0..12u8).prop_map(Step::Get),
            2 => (0..12u8).prop_map(Step::Destroy),
            2 => (0..12u8, 0..300u16).prop_map(|(sid, size)| Step::Commit(sid, size)),
            3 => (0..20u8).prop_map(Step::Wait),
            1 => Just(Step::Sweep),
            1 => Just(Step::Clear),
            1 => Just(Step::Length),
        ]
    }

    proptest! {
        #[test]
        fn a_table_is_a_map_with_ends_and_limits(
            steps in proptest::collection::vec(step(), 1..200),
            most in 1..14usize,
            bytes in prop_oneof![Just(usize::MAX), 400..4000usize],
        ) {
            let limits = Limits { sessions: most, bytes, session_bytes: 250, evict: true };
            let table = Table::new(limits, true);
            let mut model = Model::default();
            let mut file = BTreeMap::new();
            let mut now = START;
            for step in steps {
                match step {
                    Step::Set(sid, size, age) => {
                        let end = now + u64::from(age);
                        let text = session(end, &"x".repeat(size.into()));
                        let done = table.set(&[sid], text.clone(), end, now).is_ok();
                        let expected = model.set(&[sid], &text, end, &limits, now);
                        prop_assert_eq!(done, expected);
                    }
                    Step::Touch(sid, age) => {
                        let end = now + u64::from(age);
                        let text = session(end, "");
                        let cookie = &text[cookie::find(&text)];
                        let touched = table.touch(&[sid], cookie, end, now);
                        prop_assert_eq!(touched.ok(), model.touch(&[sid], cookie, end, &limits, now));
                    }
                    Step::Get(sid) => {
                        let got = table.get(&[sid], now).map(|text| text.to_string());
                        prop_assert_eq!(got, model.live(&[sid], now).map(|session| session.0.clone()));
                    }
                    Step::Destroy(sid) => {
                        prop_assert_eq!(table.destroy(&[sid]), model.sessions.remove(&[sid][..]).is_some());
                    }
                    Step::Commit(sid, size) => {
                        let Some(text) = table.get(&[sid], now) else {
                            prop_assert!(model.live(&[sid], now).is_none());
                            continue;
                        };
                        let expires = model.live(&[sid], now).unwrap().1;
                        let cookie = &text[cookie::find(&text)];
                        let mine = format!(r#"{{"cookie":{cookie},"body":"{}"}}"#, "y".repeat(size.into()));
                        let done = table.compare_and_set(&[sid], &text, mine.clone(), (END, false), now).is_ok();
                        prop_assert_eq!(done, model.set(&[sid], &mine, expires, &limits, now));
                    }
                    Step::Wait(ms) => now += u64::from(ms),
                    Step::Sweep => {
                        table.sweep(now);
                        model.sessions.retain(|_, session| session.1 > now);
                        table.take_changes(|changes| file.extend(changes));
                    }
                    Step::Clear => {
                        table.clear();
                        model.sessions.clear();
                    }
                    Step::Length => {
                        model.sessions.retain(|_, session| session.1 > now);
                        prop_assert_eq!(table.len(now), model.sessions.len());
                        table.shrink();
                    }
                }
            }
            let mut all = BTreeMap::new();
            table.each(now, |sid, text, end| {
                all.insert(sid.to_vec(), (text.to_string(), end));
            });
            model.sessions.retain(|_, session| session.1 > now);
            let expected: BTreeMap<_, _> = model.sessions.into_iter().map(|(sid, (text, end, _))| (sid, (text, end))).collect();
            prop_assert_eq!(&all, &expected);
            table.sweep(now);
            let bytes: usize = all.iter().map(|(sid, (text, _))| cost(sid, text.len())).sum();
            prop_assert_eq!(table.stats().bytes, bytes);
            // The file was told the same.
            table.take_changes(|changes| file.extend(changes));
            let kept: BTreeMap<_, _> = file.into_iter()
                .filter_map(|(sid, state)| state.map(|(end, text)| (sid.into_vec(), (text.to_string(), end))))
                .collect();
            prop_assert_eq!(kept, all);
        }
    }
}
