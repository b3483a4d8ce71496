//! The allowance: how many keys a session may ask for in a minute.

use std::collections::HashMap;

use crate::adoption::shrink;

/// How long an allowance lasts before it begins anew, in ms.
const WINDOW_MS: u64 = 60_000;
/// How many sessions are counted at the same time in one store.
const MAX_SESSIONS: usize = 100_000;

/// How many keys a session has taken since its current minute began.
#[derive(Debug)]
struct Minute {
    began: u64,
    taken: u32,
}

/// The allowances of one store's sessions.
#[derive(Debug, Default)]
pub struct Allowances {
    minutes: HashMap<Box<str>, Minute>,
}

impl Allowances {
    /// Takes one of the `most` keys that a session may ask for each minute; false when there is none left. `now` in ms.
    ///
    /// Beside 100,000 others a new session is not counted: refusing it would let one client lock all others out.
    pub fn take(&mut self, sid: &str, most: u32, now: u64) -> bool {
        if self.minutes.len() >= MAX_SESSIONS && !self.minutes.contains_key(sid) {
            return most > 0;
        }
        let minute = self.minutes.entry(sid.into()).or_insert(Minute { began: now, taken: 0 });
        if now.saturating_sub(minute.began) >= WINDOW_MS {
            *minute = Minute { began: now, taken: 0 };
        }
        let is_allowed = minute.taken < most;
        minute.taken += u32::from(is_allowed);
        is_allowed
    }

    /// Forgets a session that has ended.
    pub fn end(&mut self, sid: &str) {
        self.minutes.remove(sid);
    }

    /// Forgets the minutes that are over by `now` (ms).
    pub fn sweep(&mut self, now: u64) {
        self.minutes.retain(|_, minute| now.saturating_sub(minute.began) < WINDOW_MS);
        shrink(&mut self.minutes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_a_minute_and_no_more() {
        let mut allowances = Allowances::default();
        assert!(allowances.take("sid", 2, 0) && allowances.take("sid", 2, 59_999));
        assert!(!allowances.take("sid", 2, 59_999));
        assert!(allowances.take("sid", 2, 60_000));
    }

    #[test]
    fn sessions_do_not_take_from_each_other() {
        let mut allowances = Allowances::default();
        assert!(allowances.take("one", 1, 0) && !allowances.take("one", 1, 0));
        assert!(allowances.take("two", 1, 0));
    }

    #[test]
    fn what_is_over_is_forgotten() {
        let mut allowances = Allowances::default();
        allowances.take("old", 1, 0);
        allowances.take("ended", 1, 59_000);
        allowances.take("new", 1, 59_000);
        allowances.end("ended");
        allowances.sweep(60_000);
        assert_eq!(allowances.minutes.len(), 1);
    }

    #[test]
    fn a_crowd_takes_bounded_room_and_locks_nobody_out() {
        let mut allowances = Allowances::default();
        for number in 0..=MAX_SESSIONS {
            assert!(allowances.take(&number.to_string(), 1, 0));
        }
        assert_eq!(allowances.minutes.len(), MAX_SESSIONS);
    }
}
