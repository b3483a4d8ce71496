//! The keyring: the keys of one store that this process has handed out or seen alive.
//!
//! It makes concurrent first handshakes share one key, lets the records of a session's keys go with their session,
//! and spares the socket's half of a repeated handshake the read that the HTTP half has just made. It is a memory,
//! not an authority: whether a key is good is always the store's word.

use std::{collections::HashMap, sync::Arc};

use crate::key::Key;

/// For how long after a key was made a request of the same session and channel that does not see it yet gets the same
/// one, in ms. Longer than a page's concurrent requests, far shorter than a key's life.
const SHARE_MS: u64 = 10_000;
/// For how long the HTTP half's look at a record counts for the socket's half, in ms.
const VOUCH_MS: u64 = 5_000;
/// How many keys are remembered at once in one store. What is forgotten expires in the store by itself.
const MAX_KEYS: usize = 100_000;

/// The key that a GET is to answer with.
#[derive(Debug, PartialEq, Eq)]
pub enum Issue {
    /// A new one: its record has to be set.
    Make(Key),
    /// One whose record another request is setting right now: wait for it.
    Join(Key),
    /// One whose record has just been set.
    Share(Key),
}

#[derive(Debug)]
struct Issued {
    key: Key,
    channel: Box<str>,
    /// When its record was set; nothing while it is being set. All times in ms.
    made_at: Option<u64>,
    expires_at: u64,
    vouched_at: Option<u64>,
}

/// The keys of one store.
#[derive(Debug, Default)]
pub struct Keyring {
    by_session: HashMap<Arc<str>, Vec<Issued>>,
    by_key: HashMap<Key, Arc<str>>,
}

impl Keyring {
    /// The key for a session's channel whose session has none yet; `now` in ms.
    pub fn issue(&mut self, sid: &str, channel: &str, now: u64) -> Issue {
        let recent = self
            .by_session
            .get(sid)
            .and_then(|keys| keys.iter().find(|issued| &*issued.channel == channel));
        if let Some(issued) = recent {
            match issued.made_at {
                None => return Issue::Join(issued.key.clone()),
                Some(at) if now.saturating_sub(at) < SHARE_MS => {
                    return Issue::Share(issued.key.clone());
                }
                Some(_) => {}
            }
        }
        self.issue_own(sid, channel)
    }

    /// A key that nobody else gets, whatever other requests of the session do.
    pub fn issue_own(&mut self, sid: &str, channel: &str) -> Issue {
        let key = Key::generate();
        self.insert(
            sid,
            Issued {
                key: key.clone(),
                channel: channel.into(),
                made_at: None,
                expires_at: u64::MAX,
                vouched_at: None,
            },
        );
        Issue::Make(key)
    }

    /// On how many channels this session has keys that this process remembers, `channel` left out.
    #[must_use]
    pub fn other_channels(&self, sid: &str, channel: &str) -> usize {
        self.by_session.get(sid).map_or(0, |keys| {
            keys.iter()
                .filter(|issued| &*issued.channel != channel)
                .count()
        })
    }

    /// The record of a key was set at `now` and expires `max_age` ms later.
    pub fn made(&mut self, key: &Key, now: u64, max_age: u64) {
        if let Some(issued) = self.find(key) {
            issued.made_at = Some(now);
            issued.expires_at = now.saturating_add(max_age);
        }
    }

    /// The HTTP half of a repeated handshake has just seen this key's record in the store.
    pub fn vouch(&mut self, key: &Key, sid: &str, channel: &str, now: u64) {
        if self.find(key).is_none() {
            self.insert(
                sid,
                Issued {
                    key: key.clone(),
                    channel: channel.into(),
                    made_at: Some(0),
                    expires_at: now.saturating_add(86_400_000),
                    vouched_at: None,
                },
            );
        }
        if let Some(issued) = self.find(key) {
            issued.vouched_at = Some(now);
        }
    }

    /// The session of a key that was vouched for within the last seconds, where it was made for `channel` (`None`: any).
    /// Each vouching counts once.
    pub fn vouched(&mut self, key: &Key, channel: Option<&str>, now: u64) -> Option<Arc<str>> {
        let issued = self.find(key)?;
        if channel.is_some_and(|channel| channel != &*issued.channel) {
            return None;
        }
        let at = issued.vouched_at.take()?;
        (now.saturating_sub(at) < VOUCH_MS).then(|| self.session_of(key))?
    }

    /// The session that a key was made for, for all that is remembered. Whether it is good the store has to say.
    #[must_use]
    pub fn session_of(&self, key: &Key) -> Option<Arc<str>> {
        self.by_key.get(key).map(Arc::clone)
    }

    /// The key's record is gone, or was never set.
    pub fn revoke(&mut self, key: &Key) {
        let Some(sid) = self.by_key.remove(key) else {
            return;
        };
        if let Some(keys) = self.by_session.get_mut(&sid) {
            keys.retain(|issued| issued.key != *key);
            if keys.is_empty() {
                self.by_session.remove(&sid);
            }
        }
    }

    /// The session has ended: gives the keys whose records go with it.
    pub fn end(&mut self, sid: &str) -> Vec<Key> {
        let keys = self.by_session.remove(sid).unwrap_or_default();
        keys.into_iter()
            .map(|issued| {
                self.by_key.remove(&issued.key);
                issued.key
            })
            .collect()
    }

    /// Forgets the keys whose records have expired by `now` (ms).
    pub fn sweep(&mut self, now: u64) {
        self.retain(|issued| issued.expires_at > now);
    }

    fn insert(&mut self, sid: &str, issued: Issued) {
        if self.by_key.len() >= MAX_KEYS {
            // Those that have been there longest; a key that is being made stays, somebody may wait for it.
            let mut times: Vec<u64> = self
                .by_session
                .values()
                .flatten()
                .filter_map(|issued| issued.made_at)
                .collect();
            times.sort_unstable();
            let middle = times.get(times.len() / 2).copied().unwrap_or(0);
            self.retain(|issued| issued.made_at.is_none_or(|at| at > middle));
        }
        let sid: Arc<str> = match self.by_session.get_key_value(sid) {
            Some((known, _)) => Arc::clone(known),
            None => sid.into(),
        };
        self.by_key.insert(issued.key.clone(), Arc::clone(&sid));
        // Most sessions have a key for one channel; a `Vec` that grows by itself begins with room for four.
        let keys = self
            .by_session
            .entry(sid)
            .or_insert_with(|| Vec::with_capacity(1));
        // One key a channel: what it replaces stays valid in the store until it expires there.
        if let Some(position) = keys
            .iter()
            .position(|other| other.channel == issued.channel)
        {
            let replaced = keys.swap_remove(position);
            self.by_key.remove(&replaced.key);
        }
        keys.push(issued);
    }

    fn find(&mut self, key: &Key) -> Option<&mut Issued> {
        let sid = self.by_key.get(key)?;
        self.by_session
            .get_mut(sid)?
            .iter_mut()
            .find(|issued| issued.key == *key)
    }

    fn retain(&mut self, keep: impl Fn(&Issued) -> bool) {
        let by_key = &mut self.by_key;
        self.by_session.retain(|_, keys| {
            keys.retain(|issued| {
                let kept = keep(issued);
                if !kept {
                    by_key.remove(&issued.key);
                }
                kept
            });
            !keys.is_empty()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(keyring: &mut Keyring, sid: &str, channel: &str, now: u64) -> Key {
        let Issue::Make(key) = keyring.issue(sid, channel, now) else {
            panic!("expected a new key");
        };
        keyring.made(&key, now, 60_000);
        key
    }

    #[test]
    fn two_concurrent_first_calls_of_one_session_share_a_key() {
        let mut keyring = Keyring::default();
        let Issue::Make(key) = keyring.issue("s", "c", 0) else {
            panic!("expected a new key");
        };
        assert_eq!(keyring.issue("s", "c", 1), Issue::Join(key.clone()));
        keyring.made(&key, 2, 60_000);
        assert_eq!(keyring.issue("s", "c", 3), Issue::Share(key.clone()));
        assert!(
            matches!(keyring.issue("s", "c", SHARE_MS + 3), Issue::Make(other) if other != key)
        );
    }

    #[test]
    fn sessions_and_channels_have_keys_of_their_own() {
        let mut keyring = Keyring::default();
        let keys = [
            made(&mut keyring, "s", "c", 0),
            made(&mut keyring, "s", "d", 0),
            made(&mut keyring, "t", "c", 0),
        ];
        assert!(keys[0] != keys[1] && keys[0] != keys[2] && keys[1] != keys[2]);
        assert_eq!(keyring.end("s").len(), 2);
        assert_eq!(keyring.end("s").len(), 0);
        assert_eq!(keyring.end("t"), [keys[2].clone()]);
    }

    #[test]
    fn a_failed_key_is_not_shared() {
        let mut keyring = Keyring::default();
        let Issue::Make(key) = keyring.issue("s", "c", 0) else {
            panic!("expected a new key");
        };
        keyring.revoke(&key);
        assert!(matches!(keyring.issue("s", "c", 1), Issue::Make(_)));
    }

    #[test]
    fn a_vouching_counts_once_and_not_for_long() {
        let mut keyring = Keyring::default();
        let key = Key::generate();
        assert_eq!(keyring.vouched(&key, None, 0), None);
        keyring.vouch(&key, "s", "c", 0);
        assert_eq!(keyring.vouched(&key, None, 1).as_deref(), Some("s"));
        assert_eq!(keyring.vouched(&key, None, 1), None);
        keyring.vouch(&key, "s", "c", 0);
        assert_eq!(keyring.vouched(&key, None, VOUCH_MS), None);
    }

    #[test]
    fn a_vouching_is_for_its_channel() {
        let mut keyring = Keyring::default();
        let key = made(&mut keyring, "s", "c", 0);
        keyring.vouch(&key, "s", "c", 0);
        assert_eq!(keyring.vouched(&key, Some("d"), 1), None);
        assert_eq!(keyring.vouched(&key, Some("c"), 1).as_deref(), Some("s"));
    }

    #[test]
    fn a_key_is_remembered_with_its_session_until_either_ends() {
        let mut keyring = Keyring::default();
        let revoked = made(&mut keyring, "s", "c", 0);
        let ended = made(&mut keyring, "t", "c", 0);
        assert_eq!(keyring.session_of(&revoked).as_deref(), Some("s"));
        keyring.revoke(&revoked);
        assert_eq!(keyring.session_of(&revoked), None);
        keyring.end("t");
        assert_eq!(keyring.session_of(&ended), None);
    }

    #[test]
    fn an_ended_session_vouches_for_nothing() {
        let mut keyring = Keyring::default();
        let key = made(&mut keyring, "s", "c", 0);
        keyring.vouch(&key, "s", "c", 0);
        keyring.end("s");
        assert_eq!(keyring.vouched(&key, None, 1), None);
    }

    #[test]
    fn expired_keys_are_forgotten_and_memory_is_bounded() {
        let mut keyring = Keyring::default();
        made(&mut keyring, "s", "c", 0);
        keyring.sweep(60_000);
        assert!(keyring.by_key.is_empty() && keyring.by_session.is_empty());
        for index in 0..=MAX_KEYS as u64 {
            made(&mut keyring, &index.to_string(), "c", index);
        }
        assert!(keyring.by_key.len() <= MAX_KEYS);
        assert_eq!(
            keyring.by_key.len(),
            keyring.by_session.values().map(Vec::len).sum::<usize>()
        );
    }
}
