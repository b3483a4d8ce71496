//! Due times: when each bound session has to be looked up, one time a session.
//!
//! Sessions are mostly touched long before they end, which sets a later due time. So a session is queued once, and stays
//! where it was queued while its due time grows; it is queued again when it comes first.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
    sync::Arc,
};

use crate::adoption::shrink;

/// A queue of so few sessions is not worth tidying.
const SHORT: usize = 1_024;

/// When a session is due, in ms on the caller's clock.
#[derive(Debug)]
struct Time {
    due: u64,
    /// The due time at which the session is queued: `due` at most.
    queued: u64,
}

/// The due times of sessions.
#[derive(Debug, Default)]
pub struct DueTimes {
    times: HashMap<Arc<str>, Time>,
    /// Each session at its `queued` time, and entries that are out of date.
    queue: BinaryHeap<Reverse<(u64, Arc<str>)>>,
}

impl DueTimes {
    /// Sets the due time of a session, in the place of the one it has.
    pub fn set(&mut self, sid: &str, due: u64) {
        if let Some(time) = self.times.get_mut(sid)
            && time.queued <= due
        {
            time.due = due;
            return;
        }
        let sid = match self.times.get_key_value(sid) {
            Some((sid, _)) => Arc::clone(sid),
            None => sid.into(),
        };
        self.tidy();
        self.queue.push(Reverse((due, Arc::clone(&sid))));
        self.times.insert(sid, Time { due, queued: due });
    }

    /// Removes the due time of a session. Gives whether it had one.
    pub fn delete(&mut self, sid: &str) -> bool {
        let deleted = self.times.remove(sid).is_some();
        shrink(&mut self.times);
        deleted
    }

    /// Takes up to `most` sessions that are due by `now`, the earliest first. They have no due time any more.
    pub fn take_due(&mut self, now: u64, most: usize) -> Vec<String> {
        let mut taken = Vec::new();
        while taken.len() < most
            && let Some(Reverse((queued, sid))) = self.queue.peek()
            && *queued <= now
        {
            let (queued, sid) = (*queued, Arc::clone(sid));
            self.queue.pop();
            let time = self.times.get_mut(&sid);
            let Some(time) = time.filter(|time| time.queued == queued) else {
                continue;
            };
            if time.due > queued {
                time.queued = time.due;
                self.queue.push(Reverse((time.due, sid)));
                continue;
            }
            self.times.remove(&sid);
            taken.push(sid.to_string());
        }
        shrink(&mut self.times);
        taken
    }

    /// When [`DueTimes::take_due`] may have something to give; nothing when no session has a due time. It may be an earlier
    /// due time that a session had.
    #[must_use]
    pub fn next_due(&self) -> Option<u64> {
        self.queue.peek().map(|Reverse((queued, _))| *queued)
    }

    /// How many sessions have a due time.
    #[must_use]
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Whether no session has a due time.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// Makes the queue anew when most of it is out of date.
    fn tidy(&mut self) {
        if self.queue.len() < SHORT.max(2 * self.times.len()) {
            return;
        }
        let times = self.times.iter();
        self.queue = times.map(|(sid, time)| Reverse((time.queued, Arc::clone(sid)))).collect();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sessions_come_in_the_order_of_their_due_times_and_once() {
        let mut times = DueTimes::default();
        for (sid, due) in [("late", 30), ("early", 10), ("middle", 20)] {
            times.set(sid, due);
        }
        assert_eq!(times.next_due(), Some(10));
        assert_eq!(times.take_due(9, 100), [""; 0]);
        assert_eq!(times.take_due(20, 100), ["early", "middle"]);
        assert_eq!(times.take_due(30, 100), ["late"]);
        assert_eq!(times.take_due(u64::MAX, 100), [""; 0]);
        assert!(times.is_empty());
    }

    #[test]
    fn a_due_time_is_replaced_by_a_later_or_an_earlier_one() {
        let mut times = DueTimes::default();
        for due in [20, 40, 10, 30] {
            times.set("sid", due);
        }
        assert_eq!(times.len(), 1);
        assert_eq!(times.take_due(29, 100), [""; 0]);
        assert_eq!(times.take_due(30, 100), ["sid"]);
        assert_eq!(times.take_due(u64::MAX, 100), [""; 0]);
    }

    #[test]
    fn a_deleted_session_is_not_due() {
        let mut times = DueTimes::default();
        times.set("gone", 10);
        times.set("there", 10);
        assert!(times.delete("gone") && !times.delete("gone"));
        assert_eq!(times.take_due(10, 100), ["there"]);
        times.set("gone", 20);
        assert_eq!(times.take_due(20, 100), ["gone"]);
    }

    #[test]
    fn sessions_that_are_due_together_come_in_batches() {
        let mut times = DueTimes::default();
        for number in 0..250 {
            times.set(&number.to_string(), 10);
        }
        let batches = [(); 4].map(|()| times.take_due(10, 100).len());
        assert_eq!(batches, [100, 100, 50, 0]);
    }

    #[test]
    fn a_due_time_may_be_a_year_away() {
        let mut times = DueTimes::default();
        let year = 365 * 86_400_000;
        times.set("sid", year);
        assert_eq!(times.take_due(year - 1, 100), [""; 0]);
        assert_eq!(times.take_due(year, 100), ["sid"]);
    }

    #[test]
    fn sessions_that_come_and_go_leave_nothing() {
        let mut times = DueTimes::default();
        for number in 0..100 * SHORT as u64 {
            times.set("sid", 1_000_000 - number % 7);
            times.delete("sid");
        }
        assert!(times.queue.len() <= SHORT);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Set(u8, u64),
        Delete(u8),
        Take(usize),
        Wait(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            5 => (0..8u8, 0..40u64).prop_map(|(sid, after)| Step::Set(sid, after)),
            1 => (0..8u8).prop_map(Step::Delete),
            3 => (1..4usize).prop_map(Step::Take),
            3 => (0..20u64).prop_map(Step::Wait),
        ]
    }

    proptest! {
        #[test]
        fn they_are_a_map_of_times(steps in proptest::collection::vec(step(), 0..120)) {
            let mut times = DueTimes::default();
            let mut model: BTreeMap<String, u64> = BTreeMap::new();
            let mut now = 0;
            for step in steps {
                match step {
                    Step::Set(sid, after) => {
                        times.set(&sid.to_string(), now + after);
                        model.insert(sid.to_string(), now + after);
                    }
                    Step::Delete(sid) => {
                        let deleted = times.delete(&sid.to_string());
                        prop_assert_eq!(deleted, model.remove(&sid.to_string()).is_some());
                    }
                    Step::Take(most) => {
                        let taken = times.take_due(now, most);
                        let mut due: Vec<_> = model.iter().filter(|(_, due)| **due <= now).collect();
                        due.sort_by_key(|(_, due)| **due);
                        prop_assert_eq!(taken.len(), due.len().min(most));
                        let expected: Vec<u64> = due.iter().take(most).map(|(_, due)| **due).collect();
                        let given: Vec<u64> = taken.iter().map(|sid| model[sid]).collect();
                        prop_assert_eq!(given, expected);
                        model.retain(|sid, _| !taken.contains(sid));
                    }
                    Step::Wait(ms) => now += ms,
                }
                prop_assert_eq!(times.len(), model.len());
                let earliest = model.values().min().copied();
                prop_assert!(earliest.is_none_or(|earliest| times.next_due().is_some_and(|next| next <= earliest)));
            }
        }
    }
}
