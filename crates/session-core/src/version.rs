//! Versions: which sessions of a store this process has written, and which are gone.
//!
//! A clock counts every write that this process makes. A load notes the clock; a commit asks whether its session was
//! written, or destroyed, since. What is not known any more (it was long ago) counts as written, so that the commit
//! reads the store again: forgetting costs a read, never an update.

use std::collections::HashMap;

use crate::adoption::shrink;

/// How long a write is remembered, in ms: longer than almost any handler runs.
const MEMORY_MS: u64 = 600_000;
/// How many sessions are remembered at the same time in one store.
const MAX_REMEMBERED: usize = 100_000;

/// What has happened to a session since a load; JavaScript gets the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// This process has not written it.
    Unchanged,
    /// This process has written it, or cannot tell any more.
    Changed,
    /// It was destroyed: nothing loaded before may be written back.
    Gone,
}

#[derive(Debug)]
struct Entry {
    /// The clock at the last write or destroy.
    written: u64,
    /// The clock at the last destroy; 0 if never.
    gone: u64,
    /// The clock at the last write of a new session, which nobody had loaded; 0 if never.
    new: u64,
    /// When, in ms.
    at: u64,
}

/// The versions of one store's sessions.
#[derive(Debug, Default)]
pub struct Versions {
    clock: u64,
    /// Writes up to here may have been forgotten, or all sessions were destroyed here: what was loaded before counts as written.
    forgotten: u64,
    entries: HashMap<Box<str>, Entry>,
}

impl Versions {
    /// Versions whose clock starts behind `clock`: what was loaded until then counts as written.
    #[must_use]
    pub fn starting_at(clock: u64) -> Self {
        Self { clock: clock + 1, forgotten: clock + 1, ..Self::default() }
    }

    /// The clock: what a load notes.
    #[must_use]
    pub const fn clock(&self) -> u64 {
        self.clock
    }

    /// A write to `sid` starts or ends now (`now` in ms). Gives the clock after it.
    pub fn written(&mut self, sid: &str, now: u64) -> u64 {
        self.entry(sid, now).written
    }

    /// A new session is being written under `sid`.
    pub fn new_session(&mut self, sid: &str, now: u64) -> u64 {
        let entry = self.entry(sid, now);
        entry.new = entry.written;
        entry.new
    }

    /// Whether a new session has been written under `sid` after the clock was `began`.
    #[must_use]
    pub fn is_new_since(&self, sid: &str, began: u64) -> bool {
        self.entries.get(sid).is_some_and(|entry| entry.new > began)
    }

    /// `sid` is destroyed now (`now` in ms).
    pub fn gone(&mut self, sid: &str, now: u64) {
        let entry = self.entry(sid, now);
        entry.gone = entry.written;
    }

    /// The destroy of `sid` that had begun at the clock `began` failed: its session is there, unless another has succeeded since.
    pub fn not_gone(&mut self, sid: &str, began: u64) {
        if let Some(entry) = self.entries.get_mut(sid)
            && entry.gone <= began
        {
            entry.gone = 0;
        }
    }

    /// Every session was destroyed: a session that was loaded before counts as written, so that it is read again.
    /// Gives the clock after it.
    pub fn cleared(&mut self) -> u64 {
        self.clock += 1;
        self.forgotten = self.clock;
        self.clock
    }

    /// What has happened to `sid` since a load that noted `clock`.
    #[must_use]
    pub fn since(&self, sid: &str, clock: u64) -> Since {
        match self.entries.get(sid) {
            Some(entry) if entry.gone > clock => Since::Gone,
            Some(entry) if entry.written > clock => Since::Changed,
            _ if self.forgotten > clock => Since::Changed,
            _ => Since::Unchanged,
        }
    }

    /// Forgets what was written longer than ten minutes before `now` (ms).
    pub fn sweep(&mut self, now: u64) {
        let before = now.saturating_sub(MEMORY_MS);
        self.forget(|entry| entry.at < before);
    }

    /// Counts a write to a session. Gives what is remembered of it.
    fn entry(&mut self, sid: &str, now: u64) -> &mut Entry {
        if self.entries.len() >= MAX_REMEMBERED && !self.entries.contains_key(sid) {
            // The older half.
            let middle = self.clock - MAX_REMEMBERED as u64 / 2;
            self.forget(|entry| entry.written <= middle);
        }
        self.clock += 1;
        let entry = self.entries.entry(sid.into()).or_insert(Entry { written: 0, gone: 0, new: 0, at: 0 });
        (entry.written, entry.at) = (self.clock, now);
        entry
    }

    fn forget(&mut self, is_old: impl Fn(&Entry) -> bool) {
        let gone = self.entries.extract_if(|_, entry| is_old(entry));
        self.forgotten = gone.map(|(_, entry)| entry.written).fold(self.forgotten, u64::max);
        shrink(&mut self.entries);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_session_nobody_wrote_is_unchanged() {
        assert_eq!(Versions::default().since("a", 0), Since::Unchanged);
    }

    #[test]
    fn a_write_after_the_load_is_noticed_and_one_before_it_is_not() {
        let mut versions = Versions::default();
        let before = versions.clock();
        versions.written("a", 0);
        assert_eq!(versions.since("a", before), Since::Changed);
        assert_eq!(versions.since("a", versions.clock()), Since::Unchanged);
        assert_eq!(versions.since("b", before), Since::Unchanged);
    }

    #[test]
    fn a_destroyed_session_is_gone_for_those_who_loaded_it_before() {
        let mut versions = Versions::default();
        let before = versions.clock();
        versions.gone("a", 0);
        assert_eq!(versions.since("a", before), Since::Gone);
        versions.written("a", 0);
        assert_eq!(versions.since("a", before), Since::Gone);
        assert_eq!(versions.since("a", versions.clock()), Since::Unchanged);
    }

    #[test]
    fn a_destroy_that_failed_leaves_the_session_written_but_not_gone() {
        let mut versions = Versions::default();
        let before = versions.clock();
        versions.gone("a", 0);
        versions.not_gone("a", versions.clock());
        assert_eq!(versions.since("a", before), Since::Changed);
    }

    #[test]
    fn a_destroy_that_failed_takes_no_other_one_back() {
        let mut versions = Versions::default();
        let before = versions.clock();
        versions.gone("a", 0);
        let began = versions.clock();
        assert!(!versions.is_new_since("a", began));
        versions.gone("a", 0);
        versions.not_gone("a", began);
        assert_eq!(versions.since("a", before), Since::Gone);
    }

    #[test]
    fn after_a_clear_everything_is_read_again() {
        let mut versions = Versions::default();
        versions.written("a", 0);
        let before = versions.clock();
        versions.cleared();
        assert_eq!(versions.since("a", before), Since::Changed);
        assert_eq!(versions.since("b", before), Since::Changed);
        assert_eq!(versions.since("b", versions.clock()), Since::Unchanged);
    }

    #[test]
    fn what_was_loaded_before_the_versions_began_counts_as_changed() {
        let versions = Versions::starting_at(7);
        assert_eq!(versions.since("a", 7), Since::Changed);
        assert_eq!(versions.since("a", versions.clock()), Since::Unchanged);
    }

    #[test]
    fn what_is_forgotten_counts_as_changed() {
        let mut versions = Versions::default();
        let before = versions.clock();
        versions.written("a", 0);
        versions.sweep(MEMORY_MS + 1);
        assert_eq!(versions.since("a", before), Since::Changed);
        assert_eq!(versions.since("a", versions.clock()), Since::Unchanged);
    }

    #[test]
    fn memory_is_bounded() {
        let mut versions = Versions::default();
        for index in 0..=2 * MAX_REMEMBERED {
            versions.gone(&index.to_string(), 0);
        }
        assert!(versions.entries.len() <= MAX_REMEMBERED);
        assert_eq!(versions.since("0", 0), Since::Changed);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Written(u8),
        Gone(u8),
        NotGone(u8),
        Cleared,
        Sweep,
        Wait(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => (0..6u8).prop_map(Step::Written),
            2 => (0..6u8).prop_map(Step::Gone),
            1 => (0..6u8).prop_map(Step::NotGone),
            1 => Just(Step::Cleared),
            1 => Just(Step::Sweep),
            2 => (0..MEMORY_MS).prop_map(Step::Wait),
        ]
    }

    proptest! {
        #[test]
        fn what_has_happened_is_told_and_what_is_forgotten_counts_as_changed(
            steps in proptest::collection::vec(step(), 0..60)
        ) {
            let mut versions = Versions::default();
            // The clock at the last write and at the last destroy of each.
            let mut writes: BTreeMap<u8, u64> = BTreeMap::new();
            let mut ends: BTreeMap<u8, u64> = BTreeMap::new();
            let mut now = 0;
            for step in steps {
                match step {
                    Step::Written(sid) => {
                        let clock = versions.written(&sid.to_string(), now);
                        prop_assert_eq!(clock, versions.clock());
                        writes.insert(sid, clock);
                    }
                    Step::Gone(sid) => {
                        versions.gone(&sid.to_string(), now);
                        writes.insert(sid, versions.clock());
                        ends.insert(sid, versions.clock());
                    }
                    Step::NotGone(sid) => {
                        versions.not_gone(&sid.to_string(), versions.clock());
                        ends.remove(&sid);
                    }
                    Step::Cleared => _ = versions.cleared(),
                    Step::Sweep => versions.sweep(now),
                    Step::Wait(ms) => now += ms,
                }
                for (sid, clock) in (0..6u8).flat_map(|sid| (0..=versions.clock()).map(move |clock| (sid, clock))) {
                    let after = |at: Option<&u64>| at.is_some_and(|at| *at > clock);
                    let told = versions.since(&sid.to_string(), clock);
                    if after(ends.get(&sid)) && versions.forgotten <= clock {
                        prop_assert_eq!(told, Since::Gone);
                    } else if after(writes.get(&sid)) {
                        prop_assert_ne!(told, Since::Unchanged);
                    } else if versions.forgotten <= clock {
                        prop_assert_eq!(told, Since::Unchanged);
                    }
                }
            }
        }
    }
}
