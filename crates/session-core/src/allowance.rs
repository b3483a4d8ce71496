//! The allowance: how many keys a session may ask for in a minute.

use crate::{
    digest::Digest,
    roll::{Entry, Roll},
};

/// How long an allowance lasts before it begins anew, in ms.
const WINDOW_MS: u64 = 60_000;
/// How many sessions are counted at once in one store.
const MAX_SESSIONS: usize = 100_000;
/// How long a roll that is full is left alone after it was gone through, in ms: each stranger would pay for that otherwise.
const LEFT_ALONE_MS: u64 = 1_000;

/// What a session has taken of its allowance since its current minute began.
#[derive(Debug)]
struct Minute {
    session: Digest,
    began: u64,
    taken: u32,
}

impl Entry for Minute {
    type Id = Digest;

    fn id(&self) -> &Digest {
        &self.session
    }
}

/// What each session has taken.
#[derive(Debug, Default)]
pub struct Allowances {
    all: Roll<Minute>,
    /// Until when it is not gone through for one more session, in ms.
    left_alone: u64,
}

impl Allowances {
    /// Takes one of the `most` that a session has each minute; false when there is none left. `now` in ms.
    ///
    /// Above 100,000 sessions those whose minute is over are forgotten, once a second; where there is still no room, a
    /// session that is new is not counted, since refusing strangers would let one client lock all others out.
    pub fn take(&mut self, sid: &str, most: u32, now: u64) -> bool {
        let session = Digest::of(sid);
        if let Some(known) = self.all.get_mut(&session) {
            if now.saturating_sub(known.began) >= WINDOW_MS {
                (known.began, known.taken) = (now, 0);
            }
            let allowed = known.taken < most;
            known.taken += u32::from(allowed);
            return allowed;
        }
        if self.all.len() >= MAX_SESSIONS && now >= self.left_alone {
            self.sweep(now);
            self.left_alone = now + LEFT_ALONE_MS;
        }
        if self.all.len() < MAX_SESSIONS {
            self.all.add(Minute {
                session,
                began: now,
                taken: 1,
            });
        }
        most > 0
    }

    /// The session has ended.
    pub fn end(&mut self, sid: &str) {
        self.all.remove_id(&Digest::of(sid));
    }

    /// Forgets those whose minute is over by `now` (ms).
    pub fn sweep(&mut self, now: u64) {
        self.all
            .retain(|known| now.saturating_sub(known.began) < WINDOW_MS);
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
        assert_eq!(allowances.all.len(), 1);
    }

    #[test]
    fn a_crowd_takes_bounded_room_and_locks_nobody_out() {
        let mut allowances = Allowances::default();
        for number in 0..=MAX_SESSIONS {
            assert!(allowances.take(&number.to_string(), 1, 0));
        }
        assert_eq!(allowances.all.len(), MAX_SESSIONS);
    }

    #[test]
    fn a_crowd_is_gone_through_once_a_second_not_for_each_stranger() {
        let mut allowances = Allowances::default();
        for number in 0..MAX_SESSIONS {
            allowances.take(&number.to_string(), 1, 0);
        }
        for now in [59_999, 60_000, 60_998] {
            assert!(allowances.take("stranger", 1, now));
            assert_eq!(allowances.all.len(), MAX_SESSIONS, "at {now}");
        }
        assert!(allowances.take("stranger", 1, 60_999) && !allowances.take("stranger", 1, 60_999));
        assert_eq!(allowances.all.len(), 1);
    }
}
