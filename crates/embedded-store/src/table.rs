//! The table: session texts by session id, in shards behind locks, with limits.
//!
//! The caller passes the time: `now` is in ms since 1970. The ticks are the table's own: each use takes the next one, so they
//! order uses.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
};

use parking_lot::{Mutex, MutexGuard};

use crate::{
    cookie::{self, Cookie, Expires},
    error::Refused,
    limits::Limits,
    shard::{Change, Content, Entry, Shard, cost, narrow},
};

/// As many threads as this rarely meet at one lock.
const SHARDS: usize = 16;
/// How many sessions are dropped, or changes taken, under one lock.
const BATCH: usize = 256;
/// When a session that is written ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// As its cookie says, or after the table's `ttl` where the cookie has no end.
    Cookie,
    /// At a moment, in ms since 1970.
    At(u64),
    /// After the table's `ttl`.
    Ttl,
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

/// Sessions by id.
#[derive(Debug)]
pub struct Table {
    shards: [Mutex<Shard>; SHARDS],
    hasher: RandomState,
    limits: Limits,
    tick: AtomicU64,
    sessions: AtomicUsize,
    bytes: AtomicUsize,
    expired: AtomicU64,
    evicted: AtomicU64,
    refused: AtomicU64,
}

impl Table {
    /// An empty table; `journal` says whether changes are noted for [`Table::take_changes`].
    #[must_use]
    pub fn new(limits: Limits, journal: bool) -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::new(Shard::new(journal))),
            hasher: RandomState::new(),
            limits,
            tick: AtomicU64::new(0),
            sessions: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            expired: AtomicU64::new(0),
            evicted: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        }
    }

    /// The limits it was made with.
    #[must_use]
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// A session's text.
    #[must_use]
    pub fn get(&self, sid: &[u8], now: u64) -> Option<Arc<String>> {
        let mut shard = self.shard(sid);
        let slot = self.live(&mut shard, sid, now)?;
        shard.used(slot, self.tick());
        Some(Arc::clone(&shard.entry(slot).text))
    }

    /// Writes a session.
    ///
    /// # Errors
    /// [`Refused`], and the session that was there before is still there.
    pub fn set(&self, sid: &[u8], text: String, due: Due, now: u64) -> Result<(), Refused> {
        let cookie = Cookie::find(&text);
        self.put(sid, self.content(text, &cookie, due, now)?, now)
    }

    fn put(&self, sid: &[u8], content: Content, now: u64) -> Result<(), Refused> {
        let cost = cost(sid, &content.text);
        let tick = self.tick();
        let mut shard = self.shard(sid);
        let mut slot = shard.find(sid);
        let (mut sessions, mut bytes) = growth(&shard, slot, cost);
        if !self.limits.evict && !self.fits(sessions, bytes) {
            drop(shard);
            self.sweep(now);
            shard = self.shard(sid);
            slot = shard.find(sid);
            (sessions, bytes) = growth(&shard, slot, cost);
            if !self.fits(sessions, bytes) {
                return Err(self.refuse(Refused::Full));
            }
        } else if cost > self.limits.bytes {
            return Err(self.refuse(Refused::Full));
        }
        self.sessions.fetch_add(sessions, Relaxed);
        // Wraps around for a session that becomes smaller.
        self.bytes.fetch_add(bytes.cast_unsigned(), Relaxed);
        match slot {
            Some(slot) => shard.update(slot, content, tick),
            None => shard.insert(sid, content, tick),
        }
        drop(shard);
        self.make_room(now);
        Ok(())
    }

    /// Gives a session another cookie and end, without reading the other fields. False when there is no such session.
    ///
    /// # Errors
    /// [`Refused`], and the session that was there before is still there.
    pub fn touch(&self, sid: &[u8], cookie: &str, due: Due, now: u64) -> Result<bool, Refused> {
        let due = match (due, cookie::expires(cookie)) {
            (Due::Cookie, Expires::At(moment)) => Due::At(moment),
            (Due::Cookie, Expires::Unknown) => return Err(Refused::UnknownEnd),
            (due, _) => due,
        };
        let mut shard = self.shard(sid);
        let Some(slot) = self.live(&mut shard, sid, now) else {
            return Ok(false);
        };
        let expires = self.moment(due, now);
        // A use, whether or not the new cookie fits.
        shard.used(slot, self.tick());
        let entry = shard.entry(slot);
        let length = entry.text.len() - entry.cookie.len() + cookie.len();
        if length > self.limits.session_bytes && cookie.len() > entry.cookie.len() {
            return Err(self.refuse(Refused::TooLarge));
        }
        let before = entry.cost();
        shard.update_cookie(slot, cookie, expires, self.tick());
        let after = shard.entry(slot).cost();
        drop(shard);
        if before != after {
            self.bytes.fetch_add(after.wrapping_sub(before), Relaxed);
            self.make_room(now);
        }
        Ok(true)
    }

    /// Takes a session away. False when there is none.
    pub fn destroy(&self, sid: &[u8]) -> bool {
        let mut shard = self.shard(sid);
        let Some(slot) = shard.find(sid) else {
            return false;
        };
        self.drop_from(&mut shard, slot);
        true
    }

    /// Writes a session if the stored text is `expected`. Without `renew` its end stays as it is unless its cookie has changed.
    ///
    /// # Errors
    /// [`Refused`], and the session that was there before is still there.
    pub fn compare_and_set(
        &self,
        sid: &[u8],
        expected: &str,
        text: String,
        (due, renew): (Due, bool),
        now: u64,
    ) -> Result<CompareAndSet, Refused> {
        let mut shard = self.shard(sid);
        let Some(slot) = self.live(&mut shard, sid, now) else {
            return Ok(CompareAndSet::Gone);
        };
        shard.used(slot, self.tick());
        let entry = shard.entry(slot);
        if *entry.text != expected {
            return Ok(CompareAndSet::Changed(Arc::clone(&entry.text)));
        }
        let before = &entry.text[entry.cookie_span()];
        let cookie = Cookie::find(&text);
        let due = if !renew && !before.is_empty() && text[cookie.span.clone()] == *before {
            Due::At(entry.expires())
        } else {
            due
        };
        let content = self.content(text, &cookie, due, now)?;
        let after = cost(sid, &content.text);
        let growth = after.wrapping_sub(entry.cost()).cast_signed();
        if after > self.limits.bytes || !self.limits.evict && growth > 0 && !self.fits(0, growth) {
            return Err(self.refuse(Refused::Full));
        }
        self.bytes.fetch_add(growth.cast_unsigned(), Relaxed);
        shard.update(slot, content, self.tick());
        drop(shard);
        self.make_room(now);
        Ok(CompareAndSet::Written)
    }

    /// Calls `visit` with the id, text and end of every session that has not ended.
    pub fn each(&self, now: u64, mut visit: impl FnMut(&[u8], &Arc<String>, u64)) {
        for shard in &self.shards {
            for entry in shard.lock().iter().filter(|entry| entry.expires() > now) {
                visit(&entry.sid, &entry.text, entry.expires());
            }
        }
    }

    /// How many sessions there are that have not ended.
    pub fn len(&self, now: u64) -> usize {
        self.sweep(now);
        self.sessions.load(Relaxed)
    }

    /// Whether there is no session that has not ended.
    pub fn is_empty(&self, now: u64) -> bool {
        self.len(now) == 0
    }

    /// Takes every session away.
    pub fn clear(&self) {
        for shard in &self.shards {
            let cleared = shard.lock().clear();
            let bytes: usize = cleared.iter().map(Entry::cost).sum();
            self.bytes.fetch_sub(bytes, Relaxed);
            self.sessions.fetch_sub(cleared.len(), Relaxed);
        }
    }

    /// Drops the sessions that have ended. Gives their bytes, as the limit counts them.
    pub fn sweep(&self, now: u64) -> usize {
        let mut bytes = 0;
        for shard in &self.shards {
            loop {
                let mut shard = shard.lock();
                let mut dropped = 0;
                while dropped < BATCH
                    && let Some(slot) = shard.ended(now)
                {
                    bytes += self.drop_from(&mut shard, slot);
                    dropped += 1;
                }
                self.expired.fetch_add(dropped as u64, Relaxed);
                // A lock is not held for long: events wait for it.
                if dropped < BATCH {
                    break;
                }
            }
        }
        bytes
    }

    /// Gives the memory of slots back that are empty.
    pub fn shrink(&self) {
        for shard in &self.shards {
            shard.lock().shrink();
        }
    }

    /// Its content, and its work so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats {
            sessions: self.sessions.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
            expired: self.expired.load(Relaxed),
            evicted: self.evicted.load(Relaxed),
            refused: self.refused.load(Relaxed),
        }
    }

    /// Gives `take` the changes since the last time, some at a time; of one id in their order.
    pub fn take_changes(&self, mut take: impl FnMut(Vec<Change>)) {
        for shard in &self.shards {
            loop {
                let mut changes = Vec::new();
                let mut shard = shard.lock();
                shard.take_changes(BATCH, &mut changes);
                let more = shard.has_changes();
                drop(shard);
                if !changes.is_empty() {
                    take(changes);
                }
                if !more {
                    break;
                }
            }
        }
    }

    /// Whether there are changes since [`Table::take_changes`].
    #[must_use]
    pub fn has_changes(&self) -> bool {
        self.shards.iter().any(|shard| shard.lock().has_changes())
    }

    fn shard(&self, sid: &[u8]) -> MutexGuard<'_, Shard> {
        let hash = self.hasher.hash_one(sid);
        self.shards[usize::try_from(hash % SHARDS as u64).unwrap_or(0)].lock()
    }

    fn tick(&self) -> u64 {
        self.tick.fetch_add(1, Relaxed) + 1
    }

    /// The slot of a session that has not ended.
    fn live(&self, shard: &mut Shard, sid: &[u8], now: u64) -> Option<u32> {
        let slot = shard.find(sid)?;
        if shard.entry(slot).expires() > now {
            return Some(slot);
        }
        self.drop_from(shard, slot);
        self.expired.fetch_add(1, Relaxed);
        None
    }

    fn drop_from(&self, shard: &mut Shard, slot: u32) -> usize {
        let cost = shard.remove(slot).cost();
        self.sessions.fetch_sub(1, Relaxed);
        self.bytes.fetch_sub(cost, Relaxed);
        cost
    }

    /// When a session ends whose cookie does not say.
    fn moment(&self, due: Due, now: u64) -> u64 {
        match due {
            Due::At(moment) => moment,
            Due::Cookie | Due::Ttl => now.saturating_add(self.limits.ttl),
        }
    }

    fn content(&self, text: String, cookie: &Cookie, due: Due, now: u64) -> Result<Content, Refused> {
        if text.len() > self.limits.session_bytes.min(u32::MAX as usize) {
            return Err(self.refuse(Refused::TooLarge));
        }
        let expires = match (due, cookie.expires) {
            (Due::Cookie, Expires::At(moment)) => moment,
            (Due::Cookie, Expires::Unknown) => return Err(Refused::UnknownEnd),
            (due, _) => self.moment(due, now),
        };
        Ok(Content { text: Arc::new(text), cookie: narrow(&cookie.span), expires })
    }

    fn fits(&self, sessions: usize, bytes: isize) -> bool {
        let all = self.bytes.load(Relaxed).saturating_add_signed(bytes);
        (sessions == 0 || self.sessions.load(Relaxed) < self.limits.sessions)
            && (bytes <= 0 || all <= self.limits.bytes)
    }

    fn is_over(&self) -> bool {
        self.sessions.load(Relaxed) > self.limits.sessions || self.bytes.load(Relaxed) > self.limits.bytes
    }

    fn refuse(&self, refused: Refused) -> Refused {
        self.refused.fetch_add(1, Relaxed);
        refused
    }

    /// Drops the sessions that have ended, then the least recently used, until the limits hold.
    fn make_room(&self, now: u64) {
        if !self.is_over() {
            return;
        }
        self.sweep(now);
        while self.is_over() {
            let oldest = self
                .shards
                .iter()
                .filter_map(|shard| Some((shard.lock().least_used()?.1, shard)))
                .min_by_key(|(used, _)| *used);
            let Some((used, shard)) = oldest else {
                return;
            };
            let mut shard = shard.lock();
            // Another thread may have used it, or made room with it, since.
            if let Some((slot, still)) = shard.least_used()
                && still == used
            {
                self.drop_from(&mut shard, slot);
                self.evicted.fetch_add(1, Relaxed);
            }
        }
    }
}

/// By how many sessions and bytes a write lets the table grow.
fn growth(shard: &Shard, slot: Option<u32>, cost: usize) -> (usize, isize) {
    let before = slot.map_or(0, |slot| shard.entry(slot).cost());
    (usize::from(slot.is_none()), cost.wrapping_sub(before).cast_signed())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::limits::ENTRY_COST;

    /// Far enough from 1970 for dates of four digits.
    const START: u64 = 1_795_439_783_000;

    fn session(ms: Option<u64>, body: &str) -> String {
        let date = ms.map_or("null".to_owned(), |ms| {
            let date = std::time::UNIX_EPOCH + std::time::Duration::from_millis(ms);
            format!("\"{}\"", humantime::format_rfc3339_millis(date))
        });
        format!(r#"{{"cookie":{{"originalMaxAge":1,"expires":{date}}},"body":"{body}"}}"#)
    }

    fn table(limits: Limits) -> Table {
        Table::new(limits, false)
    }

    #[test]
    fn a_session_is_there_until_it_ends() {
        let table = table(Limits::default());
        table.set(b"a", session(Some(START + 10), ""), Due::Cookie, START).unwrap();
        assert!(table.get(b"a", START + 9).is_some());
        assert_eq!(table.get(b"a", START + 10), None);
        assert_eq!(table.stats().expired, 1);
    }

    #[test]
    fn a_session_without_a_date_lives_for_the_ttl() {
        let table = table(Limits { ttl: 5, ..Limits::default() });
        table.set(b"a", "{}".into(), Due::Cookie, START).unwrap();
        assert!(table.touch(b"a", "{}", Due::Ttl, START + 4).unwrap());
        assert!(table.get(b"a", START + 8).is_some());
        assert!(!table.touch(b"a", "{}", Due::Ttl, START + 9).unwrap());
    }

    #[test]
    fn what_was_there_stays_when_a_larger_session_is_refused() {
        let table = table(Limits { session_bytes: 10, ..Limits::default() });
        table.set(b"a", "{}".into(), Due::Cookie, START).unwrap();
        let refused = table.set(b"a", r#"{"a":12345}"#.into(), Due::Cookie, START);
        assert_eq!(refused, Err(Refused::TooLarge));
        assert_eq!(*table.get(b"a", START).unwrap(), "{}");
        assert_eq!(table.stats().refused, 1);
    }

    #[test]
    fn a_full_table_that_may_not_evict_drops_what_has_ended_and_refuses_the_rest() {
        let limits = Limits { sessions: 2, evict: false, ..Limits::default() };
        let table = table(limits);
        table.set(b"a", session(Some(START + 5), ""), Due::Cookie, START).unwrap();
        table.set(b"b", "{}".into(), Due::Cookie, START).unwrap();
        let refused = table.set(b"c", "{}".into(), Due::Cookie, START);
        assert_eq!(refused, Err(Refused::Full));
        table.set(b"b", r#"{"b":1}"#.into(), Due::Cookie, START).unwrap();
        table.set(b"c", "{}".into(), Due::Cookie, START + 5).unwrap();
        assert_eq!(table.len(START + 5), 2);
    }

    #[test]
    fn a_session_is_written_only_where_the_expected_text_is_stored() {
        let table = table(Limits::default());
        let [first, mine, theirs] = [1, 2, 3].map(|n| format!(r#"{{"cookie":{{}},"n":{n}}}"#));
        let renewal = (Due::Cookie, false);
        let gone = table.compare_and_set(b"a", &first, mine.clone(), renewal, START);
        assert_eq!(gone, Ok(CompareAndSet::Gone));
        table.set(b"a", first.clone(), Due::Cookie, START).unwrap();
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
        let table = table(Limits { ttl: 10, ..Limits::default() });
        let text = r#"{"cookie":{"expires":null}}"#;
        let mine = r#"{"cookie":{"expires":null},"a":1}"#;
        for (renew, lives) in [(false, false), (true, true)] {
            table.set(b"a", text.into(), Due::Cookie, START).unwrap();
            let due = (Due::Cookie, renew);
            let written = table.compare_and_set(b"a", text, mine.into(), due, START + 9);
            assert_eq!(written, Ok(CompareAndSet::Written));
            assert_eq!(table.get(b"a", START + 18).is_some(), lives);
        }
    }

    #[test]
    fn of_more_changes_than_are_taken_under_one_lock_the_last_state_is_told() {
        let table = Table::new(Limits::default(), true);
        let sids: Vec<_> = (0..100 * BATCH as u64).map(u64::to_le_bytes).collect();
        let set = |sid: &[u8]| table.set(sid, "{}".into(), Due::Ttl, START).unwrap();
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
        table.set(b"a", text.into(), Due::Cookie, START).unwrap();
        let held = table.get(b"a", START).unwrap();
        for cookie in [r#"{"n":2}"#, r#"{"n":33}"#, "{}"] {
            table.touch(b"a", cookie, Due::Ttl, START).unwrap();
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
            table.set(&number.to_le_bytes(), "{}".into(), Due::At(end), START).unwrap();
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
        table.set(b"a", first, Due::Cookie, START).unwrap();
        let increment = || {
            for _ in 0..100 {
                let mut base = table.get(b"a", START).unwrap();
                loop {
                    let mine = base.replace('[', "[1").replace("11", "1,1");
                    match table.compare_and_set(b"a", &base, mine, (Due::Cookie, false), START) {
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
            self.sessions.iter().map(|(sid, (text, ..))| cost(sid, text)).sum()
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
            let whole = cookie::replace(&session.0, &Cookie::find(&session.0).span, cookie);
            if whole.len() > limits.session_bytes && whole.len() > session.0.len() {
                return None;
            }
            session.0 = whole;
            session.1 = end;
            self.make_room(limits, now);
            Some(true)
        }

        fn set(&mut self, sid: &[u8], text: &str, expires: u64, limits: &Limits, now: u64) -> bool {
            if text.len() > limits.session_bytes || cost(sid, text) > limits.bytes {
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
        Set(u8, u16, Option<u8>),
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
            6 => (0..12u8, 0..300u16, proptest::option::of(0..60u8)).prop_map(|(sid, size, age)| Step::Set(sid, size, age)),
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
            let limits = Limits { sessions: most, bytes, session_bytes: 250, evict: true, ttl: 30 };
            let table = Table::new(limits, true);
            let mut model = Model::default();
            let mut file = BTreeMap::new();
            let mut now = START;
            for step in steps {
                match step {
                    Step::Set(sid, size, age) => {
                        let end = age.map(|age| now + u64::from(age));
                        let text = session(end, &"x".repeat(size.into()));
                        let done = table.set(&[sid], text.clone(), Due::Cookie, now).is_ok();
                        let expected = model.set(&[sid], &text, end.unwrap_or(now + 30), &limits, now);
                        prop_assert_eq!(done, expected);
                    }
                    Step::Touch(sid, age) => {
                        let end = now + u64::from(age);
                        let text = session(Some(end), "");
                        let cookie = &text[Cookie::find(&text).span];
                        let touched = table.touch(&[sid], cookie, Due::At(end), now);
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
                        let cookie = &text[Cookie::find(&text).span];
                        let mine = format!(r#"{{"cookie":{cookie},"body":"{}"}}"#, "y".repeat(size.into()));
                        let done = table.compare_and_set(&[sid], &text, mine.clone(), (Due::Cookie, false), now).is_ok();
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
            let bytes: usize = all.iter().map(|(sid, (text, _))| cost(sid, text)).sum();
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
