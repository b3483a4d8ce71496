//! Handshakes: the JavaScript side reports facts, and is told what to do.

use napi_derive::napi;
use session_core::channel;
use session_core::error::Error;
use session_core::handshake::{self, Visit};
use session_core::key::Key;
use session_core::keyring::{Issue, Keyring};
use session_core::record;

use crate::adoption::with_store;

/// The facts of a GET.
#[napi(object)]
pub struct VisitFacts {
    /// The adopted store's number; absent when the app has no session store.
    pub store: Option<u32>,
    /// The id of the request's session.
    pub sid: Option<String>,
    /// The channel name in the URL.
    pub channel: String,
    /// `session.__socket[channel].key`, when it is a string.
    pub memo: Option<String>,
    /// How many channels the session has a key on; 0 where this one is among them.
    pub channels: u32,
    /// How many it may have.
    pub max_channels: u32,
    /// How many keys the session may ask for in a minute.
    pub max_keys: u32,
    /// Keys are good for one use.
    pub one_time: bool,
}

/// What to do with a GET.
#[napi(object, object_from_js = false)]
pub struct VisitStep {
    /// `check`: see whether the record is there; `make`: set one; `join`: wait for who sets it; `share`: answer;
    /// `refuse`: answer with the error.
    #[napi(ts_type = "'check' | 'make' | 'join' | 'share' | 'refuse'")]
    pub step: &'static str,
    /// The key; empty when refused.
    pub key: String,
    /// The code of the error; empty when there is none.
    pub error: &'static str,
}

/// Decides what a GET of a key does.
#[napi(catch_unwind)]
pub fn visit(facts: VisitFacts) -> VisitStep {
    let visit = Visit {
        sid: facts.sid.as_deref(),
        channel: &facts.channel,
        memo: facts.memo.as_deref(),
        channels: facts.channels,
        max_channels: facts.max_channels,
        max_keys: facts.max_keys,
        one_time: facts.one_time,
    };
    let decided =
        facts.store.and_then(|store| with_store(store, |store, now| handshake::visit(visit, store, now)));
    let (step, key) = match decided.unwrap_or(Err(Error::NoSessionStore)) {
        Ok(Issue::Check(key)) => ("check", key),
        Ok(Issue::Make(key)) => ("make", key),
        Ok(Issue::Join(key)) => ("join", key),
        Ok(Issue::Share(key)) => ("share", key),
        Err(error) => return VisitStep { step: "refuse", key: String::new(), error: error.code() },
    };
    VisitStep { step, key: key.to_string(), error: "" }
}

fn with_key(store: u32, key: &str, run: impl FnOnce(&mut Keyring, &Key, u64)) {
    if let Some(key) = Key::parse(key) {
        with_store(store, |store, now| run(&mut store.keyring, &key, now));
    }
}

/// The record of a key was set and expires `max_age` ms from now.
#[napi(catch_unwind)]
pub fn key_made(store: u32, key: String, max_age: f64) {
    with_key(store, &key, |keyring, key, now| keyring.made(key, now, max_age as u64));
}

/// The record of a key is gone, or was never set.
#[napi(catch_unwind)]
pub fn revoke_key(store: u32, key: String) {
    with_key(store, &key, |keyring, key, _| keyring.revoke(key));
}

/// The record of a key has just been seen in the store.
#[napi(catch_unwind)]
pub fn vouch_key(store: u32, key: String, sid: String, channel: String) {
    with_key(store, &key, |keyring, key, now| keyring.vouch(key, &sid, &channel, now));
}

/// The session of a key for `channel` (any without it) whose record was seen seconds ago; each vouching counts once.
#[napi(catch_unwind)]
pub fn vouched_session(store: u32, key: String, channel: Option<String>) -> Option<String> {
    let key = Key::parse(&key)?;
    with_store(store, |store, now| store.keyring.vouched(&key, channel.as_deref(), now).map(str::to_owned))?
}

/// Decides whether the store is asked for what a client sent as its key (nothing where it sent none); `left` is how many more keys
/// this socket may present in vain. Gives the code of the error to answer with; null when it is asked.
#[napi(catch_unwind)]
pub fn present(has_store: bool, presented: Option<String>, left: u32) -> Option<&'static str> {
    handshake::present(has_store, presented.as_deref(), left).err().map(Error::code)
}

/// The text of a new record: the session's id, a channel that [`visit`] has accepted, how long the record is good in ms, and when it
/// expires, as an ISO date.
#[napi(catch_unwind)]
pub fn record_text(sid: String, channel: String, max_age: f64, expires: String) -> String {
    record::record_text(&sid, &channel, max_age as u64, &expires)
}

/// Whether a text can be the name of a channel.
#[napi(catch_unwind)]
pub fn is_channel(name: String) -> bool {
    channel::is_channel(&name)
}

/// The session's id in what the store holds under a key; null when that is no record, or not one of a given channel.
#[napi(catch_unwind)]
pub fn session_of_record(text: String, channel: Option<String>) -> Option<String> {
    record::session_of(&text, channel.as_deref())
}
