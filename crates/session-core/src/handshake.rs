//! What a handshake may do: pure decisions for the GET of a key and for the event `__zappa_key`.
//!
//! The JavaScript side reports facts and does what it is told; it calls the store in between.

use crate::adoption::Adoption;
use crate::channel::is_channel;
use crate::error::Error;
use crate::key::Key;
use crate::keyring::{Issue, Keyring};

/// What is known when a GET arrives.
#[derive(Clone, Copy, Debug)]
pub struct Visit<'a> {
    /// The id of the request's session, when it has one.
    pub sid: Option<&'a str>,
    /// The channel name in the URL, percent-decoded.
    pub channel: &'a str,
    /// `session.__socket[channel].key`, when it is a string.
    pub memo: Option<&'a str>,
    /// How many channels the session has a key on; 0 where this one is among them.
    pub channels: u32,
    /// How many it may have.
    pub max_channels: u32,
    /// How many keys the session may ask for in a minute.
    pub max_keys: u32,
    /// Keys are good for one use: each visit gets one of its own.
    pub one_time: bool,
}

/// Decides what a GET of a key does; `now` in ms.
///
/// # Errors
/// [`Error::NoSession`], [`Error::BadChannel`], [`Error::TooManyChannels`], [`Error::TooManyKeys`].
pub fn visit(visit: Visit<'_>, adoption: &mut Adoption, now: u64) -> Result<Issue, Error> {
    let sid = visit.sid.ok_or(Error::NoSession)?;
    if !is_channel(visit.channel) {
        return Err(Error::BadChannel);
    }
    if !adoption.allowances.take(sid, visit.max_keys, now) {
        return Err(Error::TooManyKeys);
    }
    let keyring = &mut adoption.keyring;
    if !visit.one_time
        && let Some(key) = visit.memo.and_then(Key::parse)
    {
        return Ok(Issue::Check(key));
    }
    // Requests at the same time do not see each other's channels in the session yet, but in the keyring.
    let handed_out = if visit.one_time { 0 } else { keyring.other_channels(sid, visit.channel) };
    let channels = handed_out.max(visit.channels as usize);
    if visit.memo.is_none() && channels >= visit.max_channels as usize {
        return Err(Error::TooManyChannels);
    }
    let issue = if visit.one_time { Keyring::issue_own } else { Keyring::issue };
    Ok(issue(keyring, sid, visit.channel, now))
}

/// Decides whether the store is asked for a key that a client presents (nothing where it sent none); `left` is how many more
/// this socket may present in vain.
///
/// # Errors
/// [`Error::MissingSessionStore`], [`Error::MissingKey`], and for everything else [`Error::MissingData`].
pub fn present(has_store: bool, presented: Option<&str>, left: u32) -> Result<(), Error> {
    if !has_store {
        return Err(Error::MissingSessionStore);
    }
    let text = presented.ok_or(Error::MissingKey)?;
    let is_well_formed = Key::parse(text).is_some();
    if is_well_formed && left > 0 { Ok(()) } else { Err(Error::MissingData) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Visit<'_> = Visit {
        sid: Some("sid"),
        channel: "__local",
        memo: None,
        channels: 0,
        max_channels: 32,
        max_keys: 10,
        one_time: false,
    };

    fn decide(facts: Visit<'_>) -> Result<Issue, Error> {
        visit(facts, &mut Adoption::default(), 0)
    }

    #[test]
    fn a_first_visit_makes_a_key() {
        assert!(matches!(decide(GOOD), Ok(Issue::Make(_))));
    }

    #[test]
    fn a_remembered_key_is_checked() {
        let key = Key::generate();
        let memo = key.to_string();
        assert_eq!(decide(Visit { memo: Some(&memo), channels: 99, ..GOOD }), Ok(Issue::Check(key)));
    }

    #[test]
    fn a_one_time_key_is_never_given_twice() {
        let mut adoption = Adoption::default();
        let memo = Key::generate().to_string();
        let facts = Visit { one_time: true, memo: Some(&memo), ..GOOD };
        let mut given = Vec::new();
        for _ in 0..3 {
            let Ok(Issue::Make(key)) = visit(facts, &mut adoption, 0) else {
                panic!("expected a new key");
            };
            assert!(!given.contains(&key) && key.to_string() != memo);
            given.push(key);
        }
    }

    #[test]
    fn a_memo_that_is_no_key_is_replaced() {
        assert!(matches!(decide(Visit { memo: Some("no key"), ..GOOD }), Ok(Issue::Make(_))));
    }

    #[test]
    fn what_is_missing_is_named_in_the_order_of_the_original() {
        assert_eq!(decide(Visit { sid: None, channel: "", ..GOOD }), Err(Error::NoSession));
        assert_eq!(decide(Visit { channel: "__proto__", ..GOOD }), Err(Error::BadChannel));
        assert_eq!(decide(Visit { channels: 32, ..GOOD }), Err(Error::TooManyChannels));
    }

    #[test]
    fn channels_that_are_not_in_the_session_yet_count_too() {
        let mut adoption = Adoption::default();
        for channel in ["a", "b"] {
            let facts = Visit { channel, max_channels: 2, ..GOOD };
            assert!(visit(facts, &mut adoption, 0).is_ok());
        }
        let third = Visit { channel: "c", max_channels: 2, ..GOOD };
        assert_eq!(visit(third, &mut adoption, 0), Err(Error::TooManyChannels));
        let again = Visit { channel: "b", max_channels: 2, ..GOOD };
        assert!(matches!(visit(again, &mut adoption, 0), Ok(Issue::Join(_))));
    }

    #[test]
    fn only_a_well_formed_key_reaches_the_store() {
        let key = Key::generate();
        assert_eq!(present(true, Some(&key.to_string()), 1), Ok(()));
        assert_eq!(present(true, None, 1), Err(Error::MissingKey));
        for text in ["", "__proto__", "../x", "00000000-0000-1000-8000-000000000000"] {
            assert_eq!(present(true, Some(text), 1), Err(Error::MissingData));
        }
        assert_eq!(present(false, None, 1), Err(Error::MissingSessionStore));
    }

    #[test]
    fn after_many_keys_in_vain_the_store_is_left_alone() {
        let key = Key::generate().to_string();
        assert!(present(true, Some(&key), 1).is_ok());
        assert_eq!(present(true, Some(&key), 0), Err(Error::MissingData));
    }

    #[test]
    fn a_session_asks_for_so_many_keys_a_minute() {
        let mut adoption = Adoption::default();
        for _ in 0..10 {
            assert!(visit(GOOD, &mut adoption, 0).is_ok());
        }
        assert_eq!(visit(GOOD, &mut adoption, 0), Err(Error::TooManyKeys));
        assert!(visit(GOOD, &mut adoption, 60_000).is_ok());
    }
}
