//! The allowance: how many keys a session may ask for in a minute.

use std::collections::HashMap;

/// How long an allowance lasts before it begins anew, in ms.
const WINDOW_MS: u64 = 60_000;
/// How many sessions are counted at once in one store.
const MAX_SESSIONS: usize = 100_000;

/// What each session has taken of its allowance since its current minute began.
#[derive(Debug, Default)]
pub struct Allowances {
    taken: HashMap<Box<str>, (u64, u32)>,
}

impl Allowances {
    /// Takes one of the `most` that a session has each minute; false when there is none left. `now` in ms.
    ///
    /// Above 100,000 sessions those whose minute is over are forgotten; if that is none of them, a session that is new
    /// is not counted, since refusing strangers would let one client lock all others out.
    pub fn take(&mut self, sid: &str, most: u32, now: u64) -> bool {
        if let Some((began, taken)) = self.taken.get_mut(sid) {
            if now.saturating_sub(*began) >= WINDOW_MS {
                (*began, *taken) = (now, 0);
            }
            let allowed = *taken < most;
            *taken += u32::from(allowed);
            return allowed;
        }
        if self.taken.len() >= MAX_SESSIONS {
            self.sweep(now);
        }
        if self.taken.len() < MAX_SESSIONS {
            self.taken.insert(sid.into(), (now, 1));
        }
        most > 0
    }

    /// The session has ended.
    pub fn end(&mut self, sid: &str) {
        self.taken.remove(sid);
    }

    /// Forgets those whose minute is over by `now` (ms).
    pub fn sweep(&mut self, now: u64) {
        self.taken
            .retain(|_, (began, _)| now.saturating_sub(*began) < WINDOW_MS);
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
        assert_eq!(allowances.taken.len(), 1);
    }

    #[test]
    fn a_crowd_takes_bounded_room_and_locks_nobody_out() {
        let mut allowances = Allowances::default();
        for number in 0..=MAX_SESSIONS {
            assert!(allowances.take(&number.to_string(), 1, 0));
        }
        assert_eq!(allowances.taken.len(), MAX_SESSIONS);
    }
}
