//! The keyring: the keys of one store that this process has handed out or seen alive.
//!
//! It makes concurrent first handshakes share one key, lets the records of a session's keys go with their session,
//! and spares the socket's half of a repeated handshake the read that the HTTP half has just made. It is a memory,
//! not an authority: whether a key is good is always the store's word.

use crate::{by_session::BySession, key::Key};

/// For how long after a key was made a request of the same session and channel that does not see it yet gets the same
/// one, in ms. Longer than a page's concurrent requests, far shorter than a key's life.
const SHARE_MS: u64 = 10_000;
/// For how long a request waits for the key that another request is making, in ms after that began. A store that has not
/// answered by then may never do, so the request makes a key of its own.
const JOIN_MS: u64 = 1_000;
/// How long a key is remembered that this process has not made, in ms.
const STRANGER_MS: u64 = 86_400_000;
/// For how long the HTTP half's look at a record counts for the socket's half, in ms.
const VOUCH_MS: u64 = 5_000;
/// How many keys are remembered at the same time in one store. A forgotten key expires in the store by itself.
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
    /// One that the session remembers: see whether its record is still there.
    Check(Key),
}

/// A key that was handed out.
#[derive(Debug)]
struct Issued {
    channel: Box<str>,
    /// When it was handed out, in ms.
    handed_out: u64,
    /// When its record was set, in ms; nothing while it is being set.
    made: Option<u64>,
    /// When its record expires, in ms.
    expires_at: u64,
    /// When its record was seen in the store, in ms.
    vouched: Option<u64>,
}

/// The keys of one store, one for each channel of a session.
#[derive(Debug, Default)]
pub struct Keyring(BySession<Key, Box<Issued>>);

impl Keyring {
    /// The key for a session's channel whose session has none yet; `now` in ms.
    pub fn issue(&mut self, sid: &str, channel: &str, now: u64) -> Issue {
        if let Some((key, known)) = self.0.of(sid).find(|(_, issued)| *issued.channel == *channel) {
            match known.made {
                None if now.saturating_sub(known.handed_out) < JOIN_MS => return Issue::Join(key.clone()),
                Some(made) if now.saturating_sub(made) < SHARE_MS => return Issue::Share(key.clone()),
                _ => {}
            }
        }
        self.issue_own(sid, channel, now)
    }

    /// A key that nobody else gets, whatever other requests of the session do; `now` in ms.
    pub fn issue_own(&mut self, sid: &str, channel: &str, now: u64) -> Issue {
        let key = Key::generate();
        let channel = channel.into();
        let issued = Issued { channel, handed_out: now, made: None, expires_at: u64::MAX, vouched: None };
        self.insert(sid, key.clone(), issued);
        Issue::Make(key)
    }

    /// On how many channels this session has keys that this process remembers, `channel` left out.
    #[must_use]
    pub fn other_channels(&self, sid: &str, channel: &str) -> usize {
        self.0.of(sid).filter(|(_, issued)| *issued.channel != *channel).count()
    }

    /// The record of a key was set at `now` and expires `max_age` ms later.
    pub fn made(&mut self, key: &Key, now: u64, max_age: u64) {
        if let Some((_, issued)) = self.0.get_mut(key) {
            issued.made = Some(now);
            issued.expires_at = now.saturating_add(max_age);
        }
    }

    /// The HTTP half of a repeated handshake has just seen this key's record in the store.
    pub fn vouch(&mut self, key: &Key, sid: &str, channel: &str, now: u64) {
        if let Some((_, issued)) = self.0.get_mut(key) {
            issued.vouched = Some(now);
            return;
        }
        let expires_at = now.saturating_add(STRANGER_MS);
        let channel = channel.into();
        let issued = Issued { channel, handed_out: 0, made: Some(0), expires_at, vouched: Some(now) };
        self.insert(sid, key.clone(), issued);
    }

    /// The session of a key that was just vouched for, where it was made for `channel` (`None`: any). Each vouching counts once.
    pub fn vouched(&mut self, key: &Key, channel: Option<&str>, now: u64) -> Option<&str> {
        let (sid, issued) = self.0.get_mut(key)?;
        if channel.is_some_and(|channel| channel != &*issued.channel) {
            return None;
        }
        let at = issued.vouched.take()?;
        (now.saturating_sub(at) < VOUCH_MS).then_some(sid)
    }

    /// Forgets a key whose record is gone, or was never set.
    pub fn revoke(&mut self, key: &Key) {
        self.0.remove(key);
    }

    /// Forgets a session that has ended. Gives the keys whose records go with it.
    pub fn end(&mut self, sid: &str) -> Vec<Key> {
        self.0.end(sid)
    }

    /// Forgets the keys whose records have expired by `now` (ms).
    pub fn sweep(&mut self, now: u64) {
        self.0.retain(|issued| issued.expires_at > now);
    }

    fn insert(&mut self, sid: &str, key: Key, issued: Issued) {
        if self.0.len() >= MAX_KEYS {
            // Forgets the older half. A key that is being made stays: a request may wait for it.
            let mut times: Vec<u64> = self.0.values().filter_map(|issued| issued.made).collect();
            times.sort_unstable();
            let middle = times.get(times.len() / 2).copied().unwrap_or(0);
            self.0.retain(|issued| issued.made.is_none_or(|at| at > middle));
        }
        // A key that it replaces stays valid in the store until it expires there.
        let replaced = self.0.of(sid).find(|(_, other)| other.channel == issued.channel);
        if let Some(key) = replaced.map(|(key, _)| key.clone()) {
            self.0.remove(&key);
        }
        self.0.insert(sid, key, Box::new(issued));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn session_of<'k>(keyring: &'k Keyring, key: &Key) -> Option<&'k str> {
        keyring.0.get(key).map(|(sid, _)| sid)
    }

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
        assert!(matches!(keyring.issue("s", "c", SHARE_MS + 3), Issue::Make(other) if other != key));
    }

    #[test]
    fn nobody_waits_for_long_for_a_key_that_a_store_never_answers_for() {
        let mut keyring = Keyring::default();
        let Issue::Make(key) = keyring.issue("s", "c", 0) else {
            panic!("expected a new key");
        };
        let early = keyring.issue("s", "c", JOIN_MS - 1);
        assert_eq!(early, Issue::Join(key.clone()));
        let late = keyring.issue("s", "c", JOIN_MS);
        assert!(matches!(late, Issue::Make(other) if other != key));
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
        assert_eq!(keyring.vouched(&key, None, 1), Some("s"));
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
        assert_eq!(keyring.vouched(&key, Some("c"), 1), Some("s"));
    }

    #[test]
    fn a_key_is_remembered_with_its_session_until_either_ends() {
        let mut keyring = Keyring::default();
        let revoked = made(&mut keyring, "s", "c", 0);
        let ended = made(&mut keyring, "t", "c", 0);
        assert_eq!(session_of(&keyring, &revoked), Some("s"));
        keyring.revoke(&revoked);
        assert_eq!(session_of(&keyring, &revoked), None);
        keyring.end("t");
        assert_eq!(session_of(&keyring, &ended), None);
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
        assert_eq!(keyring.0.len(), 0);
        for index in 0..=MAX_KEYS as u64 {
            made(&mut keyring, &index.to_string(), "c", index);
        }
        assert!(keyring.0.len() <= MAX_KEYS);
    }

    /// A key as the plain list has it.
    #[derive(Clone, Debug)]
    struct Plain {
        key: Key,
        sid: String,
        channel: String,
        issued: u64,
        made: Option<u64>,
        expires: u64,
        vouched: Option<u64>,
    }

    #[derive(Clone, Debug)]
    enum Step {
        Issue(u8, u8),
        IssueOwn(u8, u8),
        Made(usize),
        Vouch(usize),
        VouchForAnother(u8, u8),
        Vouched(usize, u8),
        Revoke(usize),
        End(u8),
        Sweep,
        Wait(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        let (sid, channel) = (0..4u8, 0..3u8);
        let both = (sid.clone(), channel.clone());
        prop_oneof![
            6 => both.clone().prop_map(|(sid, channel)| Step::Issue(sid, channel)),
            2 => both.clone().prop_map(|(sid, channel)| Step::IssueOwn(sid, channel)),
            6 => any::<usize>().prop_map(Step::Made),
            3 => any::<usize>().prop_map(Step::Vouch),
            1 => both.prop_map(|(sid, channel)| Step::VouchForAnother(sid, channel)),
            4 => (any::<usize>(), channel).prop_map(|(key, channel)| Step::Vouched(key, channel)),
            2 => any::<usize>().prop_map(Step::Revoke),
            1 => sid.prop_map(Step::End),
            1 => Just(Step::Sweep),
            3 => prop_oneof![0..300u64, 0..7_000u64].prop_map(Step::Wait),
        ]
    }

    fn put(list: &mut Vec<Plain>, key: &Key, sid: String, channel: String, issued: u64) -> usize {
        list.retain(|plain| (&plain.sid, &plain.channel) != (&sid, &channel));
        list.push(Plain {
            key: key.clone(),
            sid,
            channel,
            issued,
            made: None,
            expires: u64::MAX,
            vouched: None,
        });
        list.len() - 1
    }

    proptest! {
        #[test]
        fn it_remembers_what_a_plain_list_does(steps in proptest::collection::vec(step(), 0..120)) {
            let mut keyring = Keyring::default();
            let mut list: Vec<Plain> = Vec::new();
            let mut now = 0;
            for step in steps {
                let among = |at: usize| (!list.is_empty()).then(|| at % list.len());
                match step {
                    Step::Issue(sid, channel) => {
                        let (sid, channel) = (sid.to_string(), channel.to_string());
                        let known = list.iter().find(|plain| plain.sid == sid && plain.channel == channel);
                        let shared = known.filter(|plain| match plain.made {
                            None => now - plain.issued < JOIN_MS,
                            Some(at) => now - at < SHARE_MS,
                        });
                        match (keyring.issue(&sid, &channel, now), shared) {
                            (Issue::Make(key), None) => {
                                put(&mut list, &key, sid, channel, now);
                            }
                            (Issue::Join(key), Some(plain)) => {
                                prop_assert!(key == plain.key && plain.made.is_none());
                            }
                            (Issue::Share(key), Some(plain)) => {
                                prop_assert!(key == plain.key && plain.made.is_some());
                            }
                            other => prop_assert!(false, "{other:?}"),
                        }
                    }
                    Step::IssueOwn(sid, channel) => {
                        let (sid, channel) = (sid.to_string(), channel.to_string());
                        let Issue::Make(key) = keyring.issue_own(&sid, &channel, now) else {
                            panic!("expected a new key");
                        };
                        put(&mut list, &key, sid, channel, now);
                    }
                    Step::Made(at) => if let Some(at) = among(at) {
                        keyring.made(&list[at].key, now, 20_000);
                        (list[at].made, list[at].expires) = (Some(now), now + 20_000);
                    }
                    Step::Vouch(at) => if let Some(at) = among(at) {
                        keyring.vouch(&list[at].key, &list[at].sid, &list[at].channel, now);
                        list[at].vouched = Some(now);
                    }
                    Step::VouchForAnother(sid, channel) => {
                        let (key, sid, channel) = (Key::generate(), sid.to_string(), channel.to_string());
                        keyring.vouch(&key, &sid, &channel, now);
                        let at = put(&mut list, &key, sid, channel, now);
                        list[at].made = Some(0);
                        list[at].expires = now + 86_400_000;
                        list[at].vouched = Some(now);
                    }
                    Step::Vouched(at, channel) => if let Some(at) = among(at) {
                        let plain = &mut list[at];
                        let is_it = plain.channel == channel.to_string();
                        let vouched = if is_it { plain.vouched.take() } else { None };
                        let expected = vouched.filter(|at| now - at < VOUCH_MS).map(|_| plain.sid.as_str());
                        prop_assert_eq!(keyring.vouched(&plain.key, Some(&channel.to_string()), now), expected);
                    }
                    Step::Revoke(at) => if let Some(at) = among(at) {
                        keyring.revoke(&list.remove(at).key);
                    }
                    Step::End(sid) => {
                        let (gone, left) = list.into_iter().partition(|plain| plain.sid == sid.to_string());
                        list = left;
                        let gone: Vec<Plain> = gone;
                        let gone: Vec<Key> = gone.into_iter().map(|plain| plain.key).collect();
                        prop_assert_eq!(keyring.end(&sid.to_string()), gone);
                    }
                    Step::Sweep => {
                        keyring.sweep(now);
                        list.retain(|plain| plain.expires > now);
                    }
                    Step::Wait(ms) => now += ms,
                }
                prop_assert_eq!(keyring.0.len(), list.len());
                for plain in &list {
                    prop_assert_eq!(session_of(&keyring, &plain.key), Some(plain.sid.as_str()));
                    let others = list.iter().filter(|other| other.sid == plain.sid && other.channel != plain.channel);
                    prop_assert_eq!(keyring.other_channels(&plain.sid, &plain.channel), others.count());
                }
            }
        }
    }
}
