//! One shard of a table: its sessions by id, in the order of their last use, and in the order of their end.

use std::{collections::HashMap, ops::Range, sync::Arc};

use slab::Slab;

use crate::{
    cookie::{self, Cookie},
    expiry::{Place, Queue},
    limits::ENTRY_COST,
};

/// So few slots are not worth shrinking.
const SHORT: usize = 1024;

/// One session.
#[derive(Debug)]
pub struct Entry {
    /// The session id; see [`crate::sid`].
    pub sid: Arc<[u8]>,
    /// The session.
    pub text: Arc<String>,
    /// Where the cookie is in `text`.
    pub cookie: Range<u32>,
    /// When it ends, in ms since 1970, and its place among the ends.
    end: Place,
    /// The tick of its last use, and its place among the uses.
    usage: Place,
    /// Whether the file has not got its last change yet.
    dirty: bool,
}

impl Entry {
    /// When it ends, in ms since 1970.
    pub const fn expires(&self) -> u64 {
        self.end.due
    }

    /// The bytes that it counts towards a table's limit.
    pub fn cost(&self) -> usize {
        cost(&self.sid, &self.text)
    }

    /// Where the cookie is in the text.
    pub fn cookie_span(&self) -> Range<usize> {
        self.cookie.start as usize..self.cookie.end as usize
    }

    /// Puts another cookie in the place of the one it has.
    fn put_cookie(&mut self, cookie: &str) {
        let span = self.cookie_span();
        if !span.is_empty() && span.len() == cookie.len() {
            // The text is copied only if the file's writer holds it at this moment.
            Arc::make_mut(&mut self.text).replace_range(span, cookie);
            return;
        }
        let text = cookie::replace(&self.text, &span, cookie);
        self.cookie = narrow(&Cookie::find(&text).span);
        self.text = Arc::new(text);
    }
}

/// The bytes that a session counts towards a table's limit.
pub fn cost(sid: &[u8], text: &str) -> usize {
    sid.len() + text.len() + ENTRY_COST
}

/// A session's text, where its cookie is, and when it ends.
#[derive(Debug)]
pub struct Content {
    /// The session.
    pub text: Arc<String>,
    /// Where its cookie is.
    pub cookie: Range<u32>,
    /// When it ends, in ms since 1970.
    pub expires: u64,
}

/// A range in a text of less than 4 GiB.
pub fn narrow(range: &Range<usize>) -> Range<u32> {
    let narrow = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    narrow(range.start)..narrow(range.end)
}

/// A change that the file has not got yet: a session's end and text, or nothing for one that is gone.
pub type Change = (Box<[u8]>, Option<(u64, Arc<String>)>);

/// Some of a table's sessions.
#[derive(Debug, Default)]
pub struct Shard {
    /// The slot of each session.
    index: HashMap<Arc<[u8]>, u32>,
    slots: Slab<Entry>,
    ends: Queue,
    uses: Queue,
    /// The changes that the file has not got yet, where there is a file.
    journal: Option<Journal>,
}

#[derive(Debug, Default)]
struct Journal {
    written: Vec<u32>,
    removed: Vec<Arc<[u8]>>,
}

impl Shard {
    /// An empty shard; `journal` says whether changes are noted for a file.
    pub fn new(journal: bool) -> Self {
        Self { journal: journal.then(Journal::default), ..Self::default() }
    }

    /// How many sessions there are.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// The slot of a session.
    pub fn find(&self, sid: &[u8]) -> Option<u32> {
        self.index.get(sid).copied()
    }

    /// The session in a slot that [`Shard::find`] gave.
    pub fn entry(&self, slot: u32) -> &Entry {
        &self.slots[slot as usize]
    }

    /// Adds a session that is not there yet, as the most recently used.
    pub fn insert(&mut self, sid: &[u8], content: Content, tick: u64) {
        let sid: Arc<[u8]> = sid.into();
        let slot = self.slots.insert(Entry {
            sid: Arc::clone(&sid),
            text: content.text,
            cookie: content.cookie,
            end: Place::new(content.expires),
            usage: Place::new(tick),
            dirty: false,
        });
        let slot = u32::try_from(slot).expect("a shard has less than 2^32 sessions");
        self.index.insert(sid, slot);
        self.ends.push(content.expires, slot);
        self.uses.push(tick, slot);
        self.tidy();
        self.changed(slot);
    }

    /// Gives a session another text and end.
    pub fn update(&mut self, slot: u32, content: Content, tick: u64) {
        let entry = &mut self.slots[slot as usize];
        entry.text = content.text;
        entry.cookie = content.cookie;
        self.move_to(slot, content.expires, tick);
    }

    /// Gives a session another cookie and end.
    pub fn update_cookie(&mut self, slot: u32, cookie: &str, expires: u64, tick: u64) {
        self.slots[slot as usize].put_cookie(cookie);
        self.move_to(slot, expires, tick);
    }

    /// Notes that a session was used.
    pub fn used(&mut self, slot: u32, tick: u64) {
        // Ticks only grow: its place in the queue is looked at when it may be the least recently used.
        self.slots[slot as usize].usage.due = tick;
    }

    /// Takes a session away.
    pub fn remove(&mut self, slot: u32) -> Entry {
        let entry = self.slots.remove(slot as usize);
        self.index.remove(&entry.sid);
        if let Some(journal) = &mut self.journal {
            journal.removed.push(Arc::clone(&entry.sid));
        }
        self.tidy();
        entry
    }

    /// The slot of the least recently used session, and the tick of that use.
    pub fn least_used(&mut self) -> Option<(u32, u64)> {
        self.uses.first(u64::MAX, &mut self.slots, |entry| &mut entry.usage)
    }

    /// The slot of a session that has ended by `now`.
    pub fn ended(&mut self, now: u64) -> Option<u32> {
        let first = self.ends.first(now, &mut self.slots, |entry| &mut entry.end);
        Some(first?.0)
    }

    /// The sessions, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.slots.iter().map(|(_, entry)| entry)
    }

    /// Takes every session away. Gives the shard that held them, for its memory to be freed without a lock.
    pub fn clear(&mut self) -> Self {
        let mut journal = self.journal.take();
        if let Some(journal) = &mut journal {
            journal.written.clear();
            journal.removed.extend(self.index.keys().cloned());
        }
        std::mem::replace(self, Self { journal, ..Self::default() })
    }

    /// Takes up to `most` of the changes that the file has not got yet.
    pub fn take_changes(&mut self, most: usize, changes: &mut Vec<Change>) {
        let Some(journal) = &mut self.journal else {
            return;
        };
        // All removals first: the same id may have been written again since.
        let rest = journal.removed.len().saturating_sub(most);
        changes.extend(journal.removed.drain(rest..).map(|sid| ((*sid).into(), None)));
        if !journal.removed.is_empty() {
            return;
        }
        let rest = journal.written.len().saturating_sub(most - changes.len());
        for slot in journal.written.drain(rest..) {
            let entry = self.slots.get_mut(slot as usize);
            if let Some(entry) = entry.filter(|entry| entry.dirty) {
                entry.dirty = false;
                let state = (entry.end.due, Arc::clone(&entry.text));
                changes.push(((*entry.sid).into(), Some(state)));
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
        if self.slots.capacity() < SHORT || self.len() > self.slots.capacity() / 4 {
            return;
        }
        self.slots.compact(|entry, _, slot| {
            let slot = u32::try_from(slot).expect("a slot moves to a lower one");
            self.index.insert(Arc::clone(&entry.sid), slot);
            true
        });
        self.slots.shrink_to_fit();
        self.index.shrink_to_fit();
        self.ends.tidy(self.slots.iter().map(|(slot, entry)| (slot, &entry.end)));
        self.uses.tidy(self.slots.iter().map(|(slot, entry)| (slot, &entry.usage)));
        if let Some(journal) = &mut self.journal {
            let dirty = self.slots.iter().filter(|(_, entry)| entry.dirty);
            journal.written = dirty.filter_map(|(slot, _)| u32::try_from(slot).ok()).collect();
        }
    }

    fn changed(&mut self, slot: u32) {
        let entry = &mut self.slots[slot as usize];
        if let Some(journal) = &mut self.journal
            && !entry.dirty
        {
            entry.dirty = true;
            journal.written.push(slot);
        }
    }

    /// A session has been written or touched: it ends and was used at other times.
    fn move_to(&mut self, slot: u32, expires: u64, tick: u64) {
        let entry = &mut self.slots[slot as usize];
        self.ends.set(slot, &mut entry.end, expires);
        self.used(slot, tick);
        self.tidy();
        self.changed(slot);
    }

    /// Makes the queues anew when most of their slots are empty.
    fn tidy(&mut self) {
        let live = self.len();
        if self.ends.is_untidy(live) {
            self.ends.tidy(self.slots.iter().map(|(slot, entry)| (slot, &entry.end)));
        }
        if self.uses.is_untidy(live) {
            self.uses.tidy(self.slots.iter().map(|(slot, entry)| (slot, &entry.usage)));
        }
    }
}
