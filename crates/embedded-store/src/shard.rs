//! One shard of a table: its sessions by id, in the order of their use, and in the order of their end.
//!
//! Entries stay in numbered slots, which two lazy queues have in order: see [`super::queue`].

use std::{num::NonZeroU32, ops::Range, sync::Arc};

use hashbrown::HashTable;
use smallvec::SmallVec;

use super::{
    limits::ENTRY_COST,
    queue::{Place, Queue},
    shape::{Shaped, Shapes},
};

/// So few slots are not worth moving together.
const SHORT: usize = 1024;

/// A session id; see [`super::sid`]. Those of express-session, and UUIDs, lie in the entry itself: to compare one is not
/// to wait for another place in memory.
type Sid = SmallVec<[u8; 40]>;

/// One session.
#[derive(Debug)]
pub struct Entry {
    /// The session id.
    pub sid: Sid,
    /// The session, with the cookie that it had before `touched`.
    text: Arc<str>,
    /// The cookie that a touch has given it, which is spelt when somebody wants the text: as long as the one in `text`.
    touched: Option<Touch>,
    /// Where the cookie is in `text`.
    pub cookie: Range<u32>,
    /// Whether that is an object.
    pub proper: bool,
    /// When it ends, in ms since 1970, and its place among the ends.
    end: Place,
    /// The tick of its last use, and its place among the uses.
    usage: Place,
    /// The tick of its last change.
    pub version: u64,
    /// The tick of its first write: what was loaded before was another session of this id.
    pub born: u64,
    hash: u64,
    /// Whether the file has not got its last change yet.
    dirty: bool,
}

/// A [`Shaped`] cookie but for its end, which is the session's.
#[derive(Clone, Copy, Debug)]
struct Touch {
    shape: NonZeroU32,
    max_age: u64,
}

/// What the file has not got yet: a session's end and text, or nothing for one that is no more.
pub type Change = (Box<[u8]>, Option<(u64, Arc<str>)>);

/// Some of a table's sessions.
#[derive(Debug)]
pub struct Shard {
    index: HashTable<u32>,
    slots: Vec<Option<Entry>>,
    free: Vec<u32>,
    ends: Queue,
    uses: Queue,
    /// The changes that the file has not got yet, where there is a file.
    journal: Option<Journal>,
}

#[derive(Debug, Default)]
struct Journal {
    written: Vec<u32>,
    removed: Vec<Box<[u8]>>,
}

impl Shard {
    /// An empty shard; `journal` says whether changes are noted for a file.
    pub fn new(journal: bool) -> Self {
        Self {
            index: HashTable::new(),
            slots: Vec::new(),
            free: Vec::new(),
            ends: Queue::default(),
            uses: Queue::default(),
            journal: journal.then(Journal::default),
        }
    }

    /// How many sessions there are.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// The slot of a session.
    pub fn find(&self, hash: u64, sid: &[u8]) -> Option<u32> {
        let is_it = |slot: &u32| self.entry(*slot).sid.as_slice() == sid;
        self.index.find(hash, is_it).copied()
    }

    /// The session in a slot that [`Shard::find`] gave.
    pub fn entry(&self, slot: u32) -> &Entry {
        self.slots[slot as usize]
            .as_ref()
            .expect("the index knows taken slots only")
    }

    fn entry_mut(&mut self, slot: u32) -> &mut Entry {
        self.slots[slot as usize]
            .as_mut()
            .expect("the index knows taken slots only")
    }

    /// Adds a session that is not there yet, as the most recently used.
    pub fn insert(&mut self, hash: u64, sid: &[u8], text: Content, tick: u64) -> u32 {
        let entry = Entry {
            sid: Sid::from_slice(sid),
            text: text.text,
            touched: None,
            cookie: text.cookie,
            proper: text.proper,
            end: Place::new(text.expires),
            usage: Place::new(tick),
            version: tick,
            born: tick,
            hash,
            dirty: false,
        };
        let slot = if let Some(slot) = self.free.pop() {
            self.slots[slot as usize] = Some(entry);
            slot
        } else {
            self.slots.push(Some(entry));
            u32::try_from(self.slots.len() - 1).expect("a shard has less than 2^32 slots")
        };
        let slots = &self.slots;
        self.index.insert_unique(hash, slot, |slot| {
            slots[*slot as usize].as_ref().map_or(0, |entry| entry.hash)
        });
        self.ends.push(text.expires, slot);
        self.uses.push(tick, slot);
        self.tidy();
        self.changed(slot);
        slot
    }

    /// Gives a session another text and end.
    pub fn update(&mut self, slot: u32, text: Content, tick: u64) {
        let entry = self.entry_mut(slot);
        entry.text = text.text;
        entry.touched = None;
        entry.cookie = text.cookie;
        entry.proper = text.proper;
        entry.version = tick;
        self.move_to(slot, text.expires, tick);
    }

    /// Gives a session another cookie and end.
    pub fn update_cookie(&mut self, slot: u32, cookie: &str, expires: u64, tick: u64) {
        let entry = self.entry_mut(slot);
        entry.put_cookie(cookie);
        entry.version = tick;
        self.move_to(slot, expires, tick);
    }

    /// Gives a session another end, and a cookie that is as long as the one that it has, with that end. Neither is its text
    /// looked at nor the cookie spelt, which is most of what a touch would cost.
    pub fn touch(&mut self, slot: u32, cookie: Shaped, expires: u64, tick: u64) {
        let entry = self.entry_mut(slot);
        entry.touched = Some(Touch {
            shape: cookie.shape,
            max_age: cookie.max_age,
        });
        entry.proper = true;
        entry.version = tick;
        self.move_to(slot, expires, tick);
    }

    /// A session's text.
    pub fn text(&mut self, slot: u32, shapes: &Shapes) -> &Arc<str> {
        self.entry_mut(slot).text(shapes)
    }

    /// The sessions, in no order.
    pub fn each_mut(&mut self) -> impl Iterator<Item = &mut Entry> {
        self.slots.iter_mut().flatten()
    }

    /// Notes that a session was used.
    pub fn used(&mut self, slot: u32, tick: u64) {
        // Ticks only grow: its place in the queue is looked at when it may be the least recently used.
        self.entry_mut(slot).usage.due = tick;
    }

    /// Takes a session away.
    pub fn remove(&mut self, slot: u32) -> Entry {
        let entry = self.slots[slot as usize]
            .take()
            .expect("the index knows taken slots only");
        self.free.push(slot);
        if let Ok(found) = self.index.find_entry(entry.hash, |other| *other == slot) {
            found.remove();
        }
        if let Some(journal) = &mut self.journal {
            journal.removed.push(entry.sid.as_slice().into());
        }
        self.tidy();
        entry
    }

    /// The slot of the least recently used session, and the tick of that use.
    pub fn least_used(&mut self) -> Option<(u32, u64)> {
        self.uses
            .first(u64::MAX, &mut self.slots, |entry| &mut entry.usage)
    }

    /// The slot of a session that has ended by `now`.
    pub fn ended(&mut self, now: u64) -> Option<u32> {
        let first = self
            .ends
            .first(now, &mut self.slots, |entry| &mut entry.end);
        Some(first?.0)
    }

    /// The sessions, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.slots.iter().flatten()
    }

    /// Takes every session away.
    pub fn clear(&mut self) {
        let mut journal = self.journal.take();
        if let Some(journal) = &mut journal {
            journal.written.clear();
            journal.removed.extend(
                self.slots
                    .drain(..)
                    .flatten()
                    .map(|entry| entry.sid.into_vec().into_boxed_slice()),
            );
        }
        *self = Self::new(false);
        self.journal = journal;
    }

    /// Takes up to `most` of the changes that the file has not got yet; fewer mean that there are no more.
    pub fn take_changes(&mut self, most: usize, shapes: &Shapes, changes: &mut Vec<Change>) {
        let Some(journal) = &mut self.journal else {
            return;
        };
        // What was removed first: the same id may have been written again since.
        let removed = journal.removed.drain(..).map(|sid| (sid, None));
        changes.extend(removed);
        let rest = journal.written.len().saturating_sub(most);
        for slot in journal.written.drain(rest..) {
            if let Some(entry) = self.slots[slot as usize]
                .as_mut()
                .filter(|entry| entry.dirty)
            {
                entry.dirty = false;
                changes.push((
                    entry.sid.as_slice().into(),
                    Some((entry.end.due, Arc::clone(entry.text(shapes)))),
                ));
            }
        }
    }

    /// Whether there are changes that the file has not got yet.
    pub fn has_changes(&self) -> bool {
        let has = |journal: &Journal| !journal.removed.is_empty() || !journal.written.is_empty();
        self.journal.as_ref().is_some_and(has)
    }

    /// Moves the sessions closer together when most slots are empty, to give memory back.
    pub fn shrink(&mut self) {
        if self.slots.len() < SHORT || self.len() > self.slots.len() / 4 {
            return;
        }
        let mut small = Self::new(self.journal.is_some());
        for entry in std::mem::take(&mut self.slots).into_iter().flatten() {
            let (version, born, dirty) = (entry.version, entry.born, entry.dirty);
            let touched = entry.touched;
            let text = Content {
                expires: entry.expires(),
                text: entry.text,
                cookie: entry.cookie,
                proper: entry.proper,
            };
            let place = small.insert(entry.hash, &entry.sid, text, entry.usage.due);
            let moved = small.entry_mut(place);
            moved.version = version;
            moved.touched = touched;
            moved.born = born;
            // One that the file has got already is written once more where this is false: `insert` has noted it.
            moved.dirty |= dirty;
        }
        if let (Some(journal), Some(old)) = (&mut small.journal, &mut self.journal) {
            journal.removed = std::mem::take(&mut old.removed);
        }
        *self = small;
    }

    fn changed(&mut self, slot: u32) {
        if let Some(journal) = &mut self.journal {
            let entry = self.slots[slot as usize].as_mut();
            if let Some(entry) = entry.filter(|entry| !entry.dirty) {
                entry.dirty = true;
                journal.written.push(slot);
            }
        }
    }

    /// A session has been written or touched: it ends and was used at other times.
    fn move_to(&mut self, slot: u32, expires: u64, tick: u64) {
        let entry = self.slots[slot as usize]
            .as_mut()
            .expect("the index knows taken slots only");
        self.ends.set(slot, &mut entry.end, expires);
        self.used(slot, tick);
        self.tidy();
        self.changed(slot);
    }

    /// Makes the queues anew when most of them is about sessions that are gone.
    fn tidy(&mut self) {
        let live = self.len();
        let slots = || (0..).zip(&self.slots);
        if self.ends.is_untidy(live) {
            self.ends
                .tidy(slots().filter_map(|(slot, entry)| Some((slot, &entry.as_ref()?.end))));
        }
        if self.uses.is_untidy(live) {
            self.uses
                .tidy(slots().filter_map(|(slot, entry)| Some((slot, &entry.as_ref()?.usage))));
        }
    }
}

impl Entry {
    /// The session's text, with the cookie that it was touched with last.
    pub fn text(&mut self, shapes: &Shapes) -> &Arc<str> {
        if let Some(Touch { shape, max_age }) = self.touched.take() {
            let cookie = Shaped {
                shape,
                max_age,
                end: i64::try_from(self.expires()).ok(),
            };
            let mut spelt = String::with_capacity(self.cookie.len());
            if shapes.spell(cookie, &mut spelt) {
                self.put_cookie(&spelt);
            }
        }
        &self.text
    }

    /// Puts another cookie in the place of the one it has, in place where it is as long.
    fn put_cookie(&mut self, cookie: &str) {
        let span = self.cookie.start as usize..self.cookie.end as usize;
        self.touched = None;
        match Arc::get_mut(&mut self.text) {
            Some(text) if span.len() == cookie.len() => {
                // SAFETY: a whole JSON value gives way to another `str` of the same length, so both ends stay on
                // boundaries of characters.
                unsafe { text.as_bytes_mut()[span].copy_from_slice(cookie.as_bytes()) }
                self.proper = true;
            }
            _ => {
                let text: Arc<str> = super::cookie::replace(&self.text, &span, cookie).into();
                let found = super::cookie::Cookie::find(&text);
                self.cookie = narrow(&found.span);
                self.proper = found.proper;
                self.text = text;
            }
        }
    }

    /// How many bytes its text has.
    pub fn length(&self) -> usize {
        self.text.len()
    }

    /// When it ends, in ms since 1970.
    pub const fn expires(&self) -> u64 {
        self.end.due
    }

    /// What it counts towards a table's limit.
    pub fn cost(&self) -> usize {
        cost(&self.sid, &self.text)
    }
}

/// What a session counts towards a table's limit.
pub fn cost(sid: &[u8], text: &str) -> usize {
    sid.len() + text.len() + ENTRY_COST
}

/// A session's text and what is known of it.
#[derive(Debug)]
pub struct Content {
    /// The session.
    pub text: Arc<str>,
    /// Where its cookie is.
    pub cookie: Range<u32>,
    /// Whether that is an object.
    pub proper: bool,
    /// When it ends, in ms since 1970.
    pub expires: u64,
}

/// A range in a text of less than 4 GiB.
pub fn narrow(range: &Range<usize>) -> Range<u32> {
    let narrow = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    narrow(range.start)..narrow(range.end)
}
