//! The table: session texts by session id, in shards behind locks, with limits.
//!
//! Time is the caller's: every call that needs it takes `now`, in ms since 1970. The ticks are the table's own: each use
//! and each change takes the next, so they order uses, and name versions.

use std::{
    borrow::Cow,
    hash::BuildHasher,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
};

use hashbrown::DefaultHashBuilder;
use parking_lot::{Mutex, MutexGuard};

use super::{
    cookie::{Cookie, Expires},
    limits::Limits,
    shape::{Shaped, Shapes},
    shard::{Change, Content, Shard, cost, narrow},
};
use crate::{document, error::Error};

/// As many threads as this rarely meet at one lock.
const SHARDS: usize = 16;
/// How many sessions are dropped, or changes taken, under one lock.
const BATCH: usize = 256;
/// How a session begins whose cookie comes first.
const OPENING: &str = "{\"cookie\":";

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

/// Why a session was not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is too large, or there is no room; what was there before is still there.
    Limit(Error),
    /// The end that its cookie has must be told by [`Due::At`] or [`Due::Ttl`].
    Foreign,
}

/// How a commit ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Commit {
    /// It is written: the session's version from now on.
    Written(u64),
    /// There is no such session any more: nothing is written.
    Gone,
    /// Somebody has written it since: nothing is written.
    Changed,
    /// It was merged with what somebody has written since: its text and version.
    Merged(Arc<str>, u64),
}

/// What a table holds and what it has done.
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
    /// The shapes that cookies may come in.
    pub shapes: Shapes,
    shards: [Mutex<Shard>; SHARDS],
    hasher: DefaultHashBuilder,
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
            shapes: Shapes::default(),
            shards: std::array::from_fn(|_| Mutex::new(Shard::new(journal))),
            hasher: DefaultHashBuilder::default(),
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

    /// A session's text and version.
    #[must_use]
    pub fn get(&self, sid: &[u8], now: u64) -> Option<(Arc<str>, u64)> {
        let (hash, mut shard) = self.shard(sid);
        let slot = self.live(&mut shard, hash, sid, now)?;
        shard.used(slot, self.tick());
        let text = Arc::clone(shard.text(slot, &self.shapes));
        Some((text, shard.entry(slot).version))
    }

    /// Whether there is such a session, with a cookie that is an object.
    #[must_use]
    pub fn has(&self, sid: &[u8], now: u64) -> bool {
        let (hash, mut shard) = self.shard(sid);
        let Some(slot) = self.live(&mut shard, hash, sid, now) else {
            return false;
        };
        shard.used(slot, self.tick());
        shard.entry(slot).proper
    }

    /// Writes a session. Gives its version.
    ///
    /// # Errors
    /// [`Refused`], and what was there before is still there.
    pub fn set(&self, sid: &[u8], text: &str, due: Due, now: u64) -> Result<u64, Refused> {
        self.put(sid, self.content(text, None, due, now)?, now)
    }

    /// Writes a session as [`Table::set`], given its cookie and the JSON text of the rest of it, an object. The cookie comes
    /// first in what is written. `text` is a buffer.
    ///
    /// # Errors
    /// [`Refused`]; [`Refused::Foreign`] when JavaScript has to spell the cookie.
    pub fn set_shaped(
        &self,
        sid: &[u8],
        cookie: Shaped,
        rest: &str,
        text: &mut String,
        now: u64,
    ) -> Result<u64, Refused> {
        text.clear();
        text.push_str(OPENING);
        let start = text.len();
        let members = rest.strip_prefix('{').ok_or(Refused::Foreign)?;
        if !self.shapes.spell(cookie, text) {
            return Err(Refused::Foreign);
        }
        let span = start..text.len();
        if members != "}" {
            text.push(',');
        }
        text.push_str(members);
        let due = due(cookie);
        let found = Cookie {
            span,
            expires: Expires::Open,
            proper: true,
        };
        self.put(sid, self.content(text, Some(found), due, now)?, now)
    }

    fn put(&self, sid: &[u8], text: Content, now: u64) -> Result<u64, Refused> {
        let cost = cost(sid, &text.text);
        let tick = self.tick();
        let (hash, mut shard) = self.shard(sid);
        let mut slot = shard.find(hash, sid);
        let (mut sessions, mut bytes) = growth(&shard, slot, cost);
        if !self.limits.evict && !self.fits(sessions, bytes) {
            drop(shard);
            self.sweep(now);
            (_, shard) = self.shard(sid);
            slot = shard.find(hash, sid);
            (sessions, bytes) = growth(&shard, slot, cost);
            if !self.fits(sessions, bytes) {
                return Err(self.refuse(Error::StoreFull));
            }
        } else if cost > self.limits.bytes {
            return Err(self.refuse(Error::StoreFull));
        }
        self.sessions.fetch_add(sessions, Relaxed);
        // Wraps around for a session that becomes smaller.
        self.bytes.fetch_add(bytes.cast_unsigned(), Relaxed);
        match slot {
            Some(slot) => shard.update(slot, text, tick),
            None => {
                shard.insert(hash, sid, text, tick);
            }
        }
        drop(shard);
        self.make_room(now);
        Ok(tick)
    }

    /// Puts a session's end off: gives it another cookie, and leaves the rest of it unread. False when there is none.
    ///
    /// # Errors
    /// [`Refused`], and what was there before is still there.
    pub fn touch(&self, sid: &[u8], cookie: &str, due: Due, now: u64) -> Result<bool, Refused> {
        let (hash, mut shard) = self.shard(sid);
        let Some(slot) = self.live(&mut shard, hash, sid, now) else {
            return Ok(false);
        };
        if due == Due::Cookie {
            return Err(Refused::Foreign);
        }
        let expires = self.moment(due, now);
        // A use, whether or not the new cookie fits.
        shard.used(slot, self.tick());
        let entry = shard.entry(slot);
        let length = entry.length() - entry.cookie.len() + cookie.len();
        if length > self.limits.session_bytes && cookie.len() > entry.cookie.len() {
            return Err(self.refuse(Error::SessionTooLarge));
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

    /// Puts a session's end off, as [`Table::touch`]. `spelling` is a buffer.
    ///
    /// # Errors
    /// [`Refused`]; [`Refused::Foreign`] when JavaScript has to spell the cookie.
    pub fn touch_shaped(
        &self,
        sid: &[u8],
        cookie: Shaped,
        spelling: &mut String,
        now: u64,
    ) -> Result<bool, Refused> {
        let length = self.shapes.length(cookie).ok_or(Refused::Foreign)?;
        let (hash, mut shard) = self.shard(sid);
        let Some(slot) = self.live(&mut shard, hash, sid, now) else {
            return Ok(false);
        };
        if shard.entry(slot).cookie.len() == length {
            let expires = self.moment(due(cookie), now);
            shard.touch(slot, cookie, expires, self.tick());
            return Ok(true);
        }
        drop(shard);
        spelling.clear();
        if !self.shapes.spell(cookie, spelling) {
            return Err(Refused::Foreign);
        }
        self.touch(sid, spelling, due(cookie), now)
    }

    /// Takes a session away. False when there is none.
    pub fn destroy(&self, sid: &[u8]) -> bool {
        let (hash, mut shard) = self.shard(sid);
        let Some(slot) = shard.find(hash, sid) else {
            return false;
        };
        self.drop_from(&mut shard, slot);
        true
    }

    /// Writes a session that was loaded at `version`, unless somebody has written it since or it is gone. With `renew`
    /// its end is counted anew also when its cookie stays as it is.
    ///
    /// # Errors
    /// [`Refused`], and what was there before is still there.
    pub fn replace(
        &self,
        sid: &[u8],
        version: u64,
        text: &str,
        (due, renew): (Due, bool),
        now: u64,
    ) -> Result<Commit, Refused> {
        self.commit(sid, version, (due, renew), now, |_, at| {
            (at == version).then_some(Ok(Some(Cow::Borrowed(text))))
        })
    }

    /// Merges what a session has become, `mine`, since it was `base` at `version` (0 when that is not known), with what it
    /// is now, and writes that. With `renew` its end is counted anew also when its cookie stays as it is.
    ///
    /// # Errors
    /// [`Refused`], [`Error::InvalidDocument`] included, and what was there before is still there.
    pub fn merge(
        &self,
        sid: &[u8],
        version: u64,
        base: &str,
        mine: &str,
        (due, renew): (Due, bool),
        now: u64,
    ) -> Result<Commit, Refused> {
        let merged = self.commit(sid, version, (due, renew), now, |current, _| {
            Some(match document::merge(base, mine, current) {
                Ok(document::Merged::Theirs) => Ok(None),
                Ok(document::Merged::Mine) => Ok(Some(Cow::Borrowed(mine))),
                Ok(merged) => Ok(Some(Cow::Owned(merged.into_text(mine, current)))),
                Err(_) => Err(Refused::Limit(Error::InvalidDocument)),
            })
        })?;
        let Commit::Written(_) = merged else {
            return Ok(merged);
        };
        Ok(self.get(sid, now).map_or(Commit::Gone, |(text, version)| {
            Commit::Merged(text, version)
        }))
    }

    /// Writes what `decide` makes of a session's text and version: nothing when somebody has written it, no text when
    /// it can stay as it is.
    fn commit<'t>(
        &self,
        sid: &[u8],
        loaded: u64,
        (due, renew): (Due, bool),
        now: u64,
        decide: impl FnOnce(&str, u64) -> Option<Result<Option<Cow<'t, str>>, Refused>>,
    ) -> Result<Commit, Refused> {
        let (hash, mut shard) = self.shard(sid);
        let Some(slot) = self.live(&mut shard, hash, sid, now) else {
            return Ok(Commit::Gone);
        };
        let text = Arc::clone(shard.text(slot, &self.shapes));
        let entry = shard.entry(slot);
        if loaded != 0 && loaded < entry.born {
            // It was destroyed, and somebody has begun another of the same id.
            return Ok(Commit::Gone);
        }
        let Some(decided) = decide(&text, entry.version) else {
            return Ok(Commit::Changed);
        };
        let Some(written) = decided? else {
            return Ok(Commit::Written(entry.version));
        };
        let cookie = &text[entry.cookie.start as usize..entry.cookie.end as usize];
        let found = Cookie::find(&written);
        let due = if !renew && !cookie.is_empty() && &written[found.span.clone()] == cookie {
            Due::At(entry.expires())
        } else {
            due
        };
        let text = self.content(&written, Some(found), due, now)?;
        let before = entry.cost();
        let after = cost(sid, &text.text);
        let growth = after.wrapping_sub(before).cast_signed();
        if after > self.limits.bytes || !self.limits.evict && growth > 0 && !self.fits(0, growth) {
            return Err(self.refuse(Error::StoreFull));
        }
        let tick = self.tick();
        self.bytes.fetch_add(after.wrapping_sub(before), Relaxed);
        shard.update(slot, text, tick);
        drop(shard);
        self.make_room(now);
        Ok(Commit::Written(tick))
    }

    /// Calls `visit` with the id, text and end of every session that has not ended.
    pub fn each(&self, now: u64, mut visit: impl FnMut(&[u8], &Arc<str>, u64)) {
        for shard in &self.shards {
            let mut shard = shard.lock();
            for entry in shard.each_mut().filter(|entry| entry.expires() > now) {
                let text = Arc::clone(entry.text(&self.shapes));
                visit(&entry.sid, &text, entry.expires());
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
            let mut shard = shard.lock();
            let bytes: usize = shard.iter().map(super::shard::Entry::cost).sum();
            self.bytes.fetch_sub(bytes, Relaxed);
            self.sessions.fetch_sub(shard.len(), Relaxed);
            shard.clear();
        }
    }

    /// Drops what has ended. Gives the bytes of it, as the limit counts them.
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

    /// What it holds and what it has done.
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
                shard.take_changes(BATCH, &self.shapes, &mut changes);
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

    fn shard(&self, sid: &[u8]) -> (u64, MutexGuard<'_, Shard>) {
        let hash = self.hasher.hash_one(sid);
        // Not the bits that the shard's own index uses: those at the top and the bottom.
        let shard = (hash >> 32) as usize % SHARDS;
        (hash, self.shards[shard].lock())
    }

    fn tick(&self) -> u64 {
        self.tick.fetch_add(1, Relaxed) + 1
    }

    /// The slot of a session that has not ended.
    fn live(&self, shard: &mut Shard, hash: u64, sid: &[u8], now: u64) -> Option<u32> {
        let slot = shard.find(hash, sid)?;
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

    /// What is written: a text, and what is known of its `cookie`, which is looked for if that is not said.
    fn content(
        &self,
        text: &str,
        cookie: Option<Cookie>,
        due: Due,
        now: u64,
    ) -> Result<Content, Refused> {
        if text.len() > self.limits.session_bytes.min(u32::MAX as usize) {
            return Err(self.refuse(Error::SessionTooLarge));
        }
        let cookie = cookie.unwrap_or_else(|| Cookie::find(text));
        let expires = match (due, cookie.expires) {
            (Due::Cookie, Expires::At(moment)) => moment,
            (Due::Cookie, Expires::Foreign) => return Err(Refused::Foreign),
            (due, _) => self.moment(due, now),
        };
        Ok(Content {
            text: text.into(),
            cookie: narrow(&cookie.span),
            proper: cookie.proper,
            expires,
        })
    }

    fn fits(&self, sessions: usize, bytes: isize) -> bool {
        let all = self.bytes.load(Relaxed).saturating_add_signed(bytes);
        (sessions == 0 || self.sessions.load(Relaxed) < self.limits.sessions)
            && (bytes <= 0 || all <= self.limits.bytes)
    }

    fn is_over(&self) -> bool {
        self.sessions.load(Relaxed) > self.limits.sessions
            || self.bytes.load(Relaxed) > self.limits.bytes
    }

    fn refuse(&self, error: Error) -> Refused {
        self.refused.fetch_add(1, Relaxed);
        Refused::Limit(error)
    }

    /// Drops what has ended, then what was least recently used, until the limits hold.
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

/// When a session ends that has a cookie of a registered shape.
fn due(cookie: Shaped) -> Due {
    cookie
        .end
        .map_or(Due::Ttl, |end| Due::At(u64::try_from(end).unwrap_or(0)))
}

/// By how many sessions and bytes a write lets the table grow.
fn growth(shard: &Shard, slot: Option<u32>, cost: usize) -> (usize, isize) {
    let before = slot.map_or(0, |slot| shard.entry(slot).cost());
    (
        usize::from(slot.is_none()),
        cost.wrapping_sub(before).cast_signed(),
    )
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, num::NonZeroU32};

    use proptest::prelude::*;

    use super::*;
    use crate::store::{cookie, limits::ENTRY_COST, shape::Shape};

    /// Far enough from 1970 for dates of four digits.
    const START: u64 = 1_795_439_783_000;

    fn session(ms: Option<u64>, body: &str) -> String {
        let date = ms.map_or("null".to_owned(), |ms| {
            let date = crate::date::spell(ms.cast_signed()).unwrap();
            format!("\"{}\"", std::str::from_utf8(&date).unwrap())
        });
        format!(r#"{{"cookie":{{"originalMaxAge":1,"expires":{date}}},"body":"{body}"}}"#)
    }

    fn table(limits: Limits) -> Table {
        Table::new(limits, false)
    }

    #[test]
    fn a_session_is_there_until_it_ends() {
        let table = table(Limits::default());
        table
            .set(b"a", &session(Some(START + 10), ""), Due::Cookie, START)
            .unwrap();
        assert!(table.get(b"a", START + 9).is_some());
        assert!(table.has(b"a", START + 9));
        assert_eq!(table.get(b"a", START + 10), None);
        assert!(!table.has(b"a", START + 10));
        assert_eq!(table.stats().expired, 1);
    }

    #[test]
    fn a_session_without_a_date_lives_for_the_ttl() {
        let table = table(Limits {
            ttl: 5,
            ..Limits::default()
        });
        table.set(b"a", "{}", Due::Cookie, START).unwrap();
        assert!(table.touch(b"a", "{}", Due::Ttl, START + 4).unwrap());
        assert!(table.get(b"a", START + 8).is_some());
        assert!(!table.touch(b"a", "{}", Due::Ttl, START + 9).unwrap());
    }

    #[test]
    fn what_was_there_stays_when_a_larger_session_is_refused() {
        let table = table(Limits {
            session_bytes: 10,
            ..Limits::default()
        });
        table.set(b"a", "{}", Due::Cookie, START).unwrap();
        let refused = table.set(b"a", r#"{"a":12345}"#, Due::Cookie, START);
        assert_eq!(refused, Err(Refused::Limit(Error::SessionTooLarge)));
        assert_eq!(&*table.get(b"a", START).unwrap().0, "{}");
        assert_eq!(table.stats().refused, 1);
    }

    #[test]
    fn a_full_table_that_may_not_evict_drops_what_has_ended_and_refuses_the_rest() {
        let limits = Limits {
            sessions: 2,
            evict: false,
            ..Limits::default()
        };
        let table = table(limits);
        table
            .set(b"a", &session(Some(START + 5), ""), Due::Cookie, START)
            .unwrap();
        table.set(b"b", "{}", Due::Cookie, START).unwrap();
        let refused = table.set(b"c", "{}", Due::Cookie, START);
        assert_eq!(refused, Err(Refused::Limit(Error::StoreFull)));
        table.set(b"b", r#"{"b":1}"#, Due::Cookie, START).unwrap();
        table.set(b"c", "{}", Due::Cookie, START + 5).unwrap();
        assert_eq!(table.len(START + 5), 2);
    }

    #[test]
    fn a_commit_writes_what_nobody_has_written_since_and_merges_the_rest() {
        let table = table(Limits::default());
        let base = r#"{"cookie":{"expires":null},"a":1,"b":1}"#;
        let version = table.set(b"a", base, Due::Cookie, START).unwrap();
        let mine = base.replace("\"a\":1", "\"a\":2");
        let theirs = base.replace("\"b\":1", "\"b\":2");
        let renewal = (Due::Cookie, false);
        let Ok(Commit::Written(_)) = table.replace(b"a", version, &theirs, renewal, START) else {
            panic!("nobody has written it");
        };
        assert_eq!(
            table.replace(b"a", version, &mine, renewal, START),
            Ok(Commit::Changed)
        );
        let Ok(Commit::Merged(text, _)) = table.merge(b"a", version, base, &mine, renewal, START)
        else {
            panic!("it is there");
        };
        assert_eq!(&*text, r#"{"cookie":{"expires":null},"a":2,"b":2}"#);
        table.destroy(b"a");
        assert_eq!(
            table.replace(b"a", version, &mine, renewal, START),
            Ok(Commit::Gone)
        );
        assert_eq!(
            table.merge(b"a", version, base, &mine, renewal, START),
            Ok(Commit::Gone)
        );
    }

    #[test]
    fn a_session_that_was_destroyed_is_not_merged_into_another_of_its_id() {
        let table = table(Limits::default());
        let version = table
            .set(b"a", r#"{"user":1}"#, Due::Cookie, START)
            .unwrap();
        table.destroy(b"a");
        table.set(b"a", "{}", Due::Cookie, START).unwrap();
        let merged = table.merge(
            b"a",
            version,
            r#"{"user":1}"#,
            r#"{"user":2}"#,
            (Due::Cookie, false),
            START,
        );
        assert_eq!(merged, Ok(Commit::Gone));
    }

    #[test]
    fn a_commit_leaves_the_end_as_it_is_unless_the_cookie_changed_or_it_renews() {
        let table = table(Limits {
            ttl: 10,
            ..Limits::default()
        });
        let text = r#"{"cookie":{"expires":null}}"#;
        let version = table.set(b"a", text, Due::Cookie, START).unwrap();
        let mine = r#"{"cookie":{"expires":null},"a":1}"#;
        let Ok(Commit::Written(version)) =
            table.replace(b"a", version, mine, (Due::Cookie, false), START + 9)
        else {
            panic!("nobody has written it");
        };
        assert!(table.get(b"a", START + 10).is_none());
        let again = table.set(b"a", text, Due::Cookie, START).unwrap();
        assert_ne!(version, again);
        table
            .replace(b"a", again, mine, (Due::Cookie, true), START + 9)
            .unwrap();
        assert!(table.get(b"a", START + 18).is_some());
    }

    #[test]
    fn a_shrunken_table_holds_what_it_held() {
        let table = Table::new(Limits::default(), true);
        for number in 0..100_000u32 {
            let end = START + if number % 50 == 0 { 100 } else { 1 };
            table
                .set(&number.to_le_bytes(), "{}", Due::At(end), START)
                .unwrap();
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
        table.set(b"a", r#"{"n":{}}"#, Due::Cookie, START).unwrap();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let table = &table;
                scope.spawn(move || {
                    for turn in 0..100 {
                        let (base, version) = table.get(b"a", START).unwrap();
                        let mine = base
                            .replacen("{\"n\":{", &format!("{{\"n\":{{\"t{thread}x{turn}\":1,"), 1)
                            .replace(",}", "}");
                        let written = table
                            .replace(b"a", version, &mine, (Due::Cookie, false), START)
                            .unwrap();
                        if written == Commit::Changed {
                            table
                                .merge(b"a", version, &base, &mine, (Due::Cookie, false), START)
                                .unwrap();
                        }
                    }
                });
            }
        });
        assert_eq!(table.get(b"a", START).unwrap().0.matches(":1").count(), 400);
    }

    /// What a table is, without its shards, lists and queues.
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
            self.sessions
                .iter()
                .map(|(sid, (text, ..))| cost(sid, text))
                .sum()
        }

        fn make_room(&mut self, limits: &Limits, now: u64) {
            let over = |model: &Self| {
                model.sessions.len() > limits.sessions || model.bytes() > limits.bytes
            };
            if over(self) {
                self.sessions.retain(|_, (_, expires, _)| *expires > now);
            }
            while over(self) {
                let oldest = self.sessions.iter().min_by_key(|(_, (.., used))| *used);
                let sid = oldest.unwrap().0.clone();
                self.sessions.remove(&sid);
            }
        }

        fn touch(
            &mut self,
            sid: &[u8],
            cookie: &str,
            end: u64,
            limits: &Limits,
            now: u64,
        ) -> Option<bool> {
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
            self.sessions
                .insert(sid.to_vec(), (text.to_owned(), expires, self.tick));
            self.make_room(limits, now);
            true
        }
    }

    /// The shapes of [`session`]'s cookies, with an end and without.
    struct Numbered {
        dated: NonZeroU32,
        open: NonZeroU32,
    }

    impl Numbered {
        fn register(table: &Table) -> Self {
            let dated = Shape::dated(r#"{"originalMaxAge":"#, r#","expires":""#, r#""}"#);
            let open = Shape::open(r#"{"originalMaxAge":null,"expires":null}"#);
            Self {
                dated: table.shapes.register(dated).unwrap(),
                open: table.shapes.register(open).unwrap(),
            }
        }

        fn cookie(&self, max_age: u64, end: Option<u64>) -> (Shaped, String) {
            let shaped = Shaped {
                shape: if end.is_some() { self.dated } else { self.open },
                max_age,
                end: end.map(u64::cast_signed),
            };
            let text = session(end, "");
            let text = &text[Cookie::find(&text).span];
            let spelt = if end.is_some() {
                text.replacen('1', &max_age.to_string(), 1)
            } else {
                text.replacen('1', "null", 1)
            };
            (shaped, spelt)
        }
    }

    #[derive(Clone, Debug)]
    enum Step {
        Set(u8, u16, Option<u8>),
        Touch(u8, u8),
        SetShaped(u8, u16, u64, Option<u8>),
        TouchShaped(u8, u64, Option<u8>),
        Get(u8),
        Has(u8),
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
            3 => (0..12u8, 0..300u16, 8..12u64, proptest::option::of(0..60u8))
                .prop_map(|(sid, size, max_age, age)| Step::SetShaped(sid, size, max_age, age)),
            4 => (0..12u8, 8..12u64, proptest::option::of(0..60u8))
                .prop_map(|(sid, max_age, age)| Step::TouchShaped(sid, max_age, age)),
            3 => (0..12u8).prop_map(Step::Get),
            2 => (0..12u8).prop_map(Step::Has),
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
            let shapes = Numbered::register(&table);
            let mut spelling = String::new();
            let mut model = Model::default();
            let mut file = BTreeMap::new();
            let mut now = START;
            for step in steps {
                match step {
                    Step::Set(sid, size, age) => {
                        let end = age.map(|age| now + u64::from(age));
                        let text = session(end, &"x".repeat(size.into()));
                        let done = table.set(&[sid], &text, Due::Cookie, now).is_ok();
                        let expected = model.set(&[sid], &text, end.unwrap_or(now + 30), &limits, now);
                        prop_assert_eq!(done, expected);
                    }
                    Step::SetShaped(sid, size, max_age, age) => {
                        let end = age.map(|age| now + u64::from(age));
                        let (cookie, spelt) = shapes.cookie(max_age, end);
                        let (rest, whole) = if size == 0 {
                            ("{}".to_owned(), format!(r#"{{"cookie":{spelt}}}"#))
                        } else {
                            let body = format!(r#""body":"{}""#, "é".repeat(usize::from(size) / 2));
                            (format!("{{{body}}}"), format!(r#"{{"cookie":{spelt},{body}}}"#))
                        };
                        let done = table.set_shaped(&[sid], cookie, &rest, &mut spelling, now).is_ok();
                        prop_assert_eq!(done, model.set(&[sid], &whole, end.unwrap_or(now + 30), &limits, now));
                    }
                    Step::Touch(sid, age) => {
                        let end = now + u64::from(age);
                        let text = session(Some(end), "");
                        let cookie = &text[Cookie::find(&text).span];
                        let touched = table.touch(&[sid], cookie, Due::At(end), now);
                        prop_assert_eq!(touched.ok(), model.touch(&[sid], cookie, end, &limits, now));
                    }
                    Step::TouchShaped(sid, max_age, age) => {
                        let end = age.map(|age| now + u64::from(age));
                        let (cookie, spelt) = shapes.cookie(max_age, end);
                        let touched = table.touch_shaped(&[sid], cookie, &mut spelling, now);
                        prop_assert_eq!(touched.ok(), model.touch(&[sid], &spelt, end.unwrap_or(now + 30), &limits, now));
                    }
                    Step::Get(sid) => {
                        let got = table.get(&[sid], now).map(|(text, _)| text.to_string());
                        prop_assert_eq!(got, model.live(&[sid], now).map(|session| session.0.clone()));
                    }
                    Step::Has(sid) => {
                        prop_assert_eq!(table.has(&[sid], now), model.live(&[sid], now).is_some());
                    }
                    Step::Destroy(sid) => {
                        prop_assert_eq!(table.destroy(&[sid]), model.sessions.remove(&[sid][..]).is_some());
                    }
                    Step::Commit(sid, size) => {
                        let Some((text, version)) = table.get(&[sid], now) else {
                            prop_assert!(model.live(&[sid], now).is_none());
                            continue;
                        };
                        let expires = model.live(&[sid], now).unwrap().1;
                        let cookie = &text[Cookie::find(&text).span];
                        let mine = format!(r#"{{"cookie":{cookie},"body":"{}"}}"#, "y".repeat(size.into()));
                        let done = table.replace(&[sid], version, &mine, (Due::Cookie, false), now).is_ok();
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
            // What the file was told comes to the same.
            table.take_changes(|changes| file.extend(changes));
            let kept: BTreeMap<_, _> = file.into_iter()
                .filter_map(|(sid, state)| state.map(|(end, text)| (sid.into_vec(), (text.to_string(), end))))
                .collect();
            prop_assert_eq!(kept, all);
        }
    }
}
