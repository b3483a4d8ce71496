//! Due times: when each call to a store has to be answered, and each bound session looked up.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

use crate::adoption::shrink;

/// Due times in ms on the caller's clock, one for a key.
#[derive(Debug, Default)]
pub struct DueTimes<K> {
    times: HashMap<K, u64>,
    queue: BTreeSet<(u64, K)>,
}

impl<K: Clone + Hash + Ord> DueTimes<K> {
    /// Sets the due time of a key, in the place of the one it has.
    pub fn set(&mut self, key: K, due: u64) {
        self.delete(&key);
        self.queue.insert((due, key.clone()));
        self.times.insert(key, due);
    }

    /// Removes the due time of a key, if it has one.
    pub fn delete(&mut self, key: &K) {
        if let Some((key, due)) = self.times.remove_entry(key) {
            self.queue.remove(&(due, key));
            shrink(&mut self.times);
        }
    }

    /// Takes up to `most` keys that are due by `now`, the earliest first. They have no due time any more.
    pub fn take_due(&mut self, now: u64, most: usize) -> Vec<K> {
        let due = self.queue.iter().take_while(|(due, _)| *due <= now).take(most);
        let taken: Vec<K> = due.map(|(_, key)| key.clone()).collect();
        for key in &taken {
            self.delete(key);
        }
        taken
    }

    /// The earliest due time; nothing when no key has one.
    #[must_use]
    pub fn next_due(&self) -> Option<u64> {
        self.queue.first().map(|(due, _)| *due)
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
        assert_eq!(times.times.len(), 0);
    }

    #[test]
    fn a_due_time_is_replaced_by_a_later_or_an_earlier_one() {
        let mut times = DueTimes::default();
        for due in [20, 40, 10, 30] {
            times.set("sid", due);
        }
        assert_eq!(times.times.len(), 1);
        assert_eq!(times.take_due(29, 100), [""; 0]);
        assert_eq!(times.take_due(30, 100), ["sid"]);
        assert_eq!(times.take_due(u64::MAX, 100), [""; 0]);
    }

    #[test]
    fn a_deleted_session_is_not_due() {
        let mut times = DueTimes::default();
        times.set("gone", 10);
        times.set("there", 10);
        times.delete(&"gone");
        times.delete(&"gone");
        assert_eq!(times.take_due(10, 100), ["there"]);
        times.set("gone", 20);
        assert_eq!(times.take_due(20, 100), ["gone"]);
    }

    #[test]
    fn sessions_that_are_due_together_come_in_batches() {
        let mut times = DueTimes::default();
        for number in 0..250 {
            times.set(number, 10);
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
            let mut model: BTreeMap<u8, u64> = BTreeMap::new();
            let mut now = 0;
            for step in steps {
                match step {
                    Step::Set(sid, after) => {
                        times.set(sid, now + after);
                        model.insert(sid, now + after);
                    }
                    Step::Delete(sid) => {
                        times.delete(&sid);
                        model.remove(&sid);
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
                prop_assert_eq!(times.times.len(), model.len());
                let earliest = model.values().min().copied();
                prop_assert!(earliest == times.next_due());
            }
        }
    }
}
