//! Adopted stores: versions and bindings.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use napi_derive::napi;
use session_core::{adoption::Adoption, error::Error, version::Since};

use crate::clock;

thread_local! {
    /// The adopted stores of this JavaScript environment, by number. An environment runs on one thread.
    static STORES: RefCell<HashMap<u32, Adoption>> = RefCell::default();
    /// The last number: none is used again, since a call for a store that is given back may still come.
    static LAST: Cell<u32> = const { Cell::new(0) };
    /// The latest clock of the stores that were given back: handlers that have loaded a session then may go on.
    static LATEST: Cell<u64> = const { Cell::new(0) };
}

/// Runs with an adopted store and the time in ms; nothing when there is no store of this number.
pub fn with_store<R>(store: u32, run: impl FnOnce(&mut Adoption, u64) -> R) -> Option<R> {
    STORES.with_borrow_mut(|stores| {
        let adoption = stores.get_mut(&store)?;
        let now = clock::monotonic();
        adoption.sweep(now);
        Some(run(adoption, now))
    })
}

/// Begins to remember a store. Gives its number.
#[napi(catch_unwind)]
pub fn adopt() -> u32 {
    let number = LAST.get() + 1;
    LAST.set(number);
    STORES.with_borrow_mut(|stores| stores.insert(number, Adoption::starting_at(LATEST.get())));
    number
}

/// Forgets all about a store.
#[napi(catch_unwind)]
pub fn disown(store: u32) {
    let adoption = STORES.with_borrow_mut(|stores| stores.remove(&store));
    let clock = adoption.map_or(0, |adoption| adoption.versions.clock());
    LATEST.set(LATEST.get().max(clock));
}

/// The clock of a store's versions, which a load notes.
#[napi(catch_unwind)]
pub fn clock(store: u32) -> f64 {
    with_store(store, |store, _| store.versions.clock()).unwrap_or(0) as f64
}

/// A write to a session starts or has ended. Gives the clock after it.
#[napi(catch_unwind)]
pub fn written(store: u32, sid: String) -> f64 {
    with_store(store, |store, now| store.versions.written(&sid, now)).unwrap_or(0) as f64
}

/// The store was cleared: a session that was loaded before has to be read again. Gives the clock after it.
#[napi(catch_unwind)]
pub fn cleared(store: u32) -> f64 {
    with_store(store, |store, _| store.versions.cleared()).unwrap_or(0) as f64
}

/// The change of a session since a load that noted `clock`: 0 none, 1 this process has written it or cannot tell any more, 2 it is gone.
#[napi(catch_unwind)]
pub fn since(store: u32, sid: String, clock: f64) -> u32 {
    let since = with_store(store, |store, _| store.versions.since(&sid, clock as u64));
    since.unwrap_or(Since::Changed) as u32
}

/// The sockets and keys that go with a session that ends.
#[napi(object, object_from_js = false)]
#[derive(Default)]
pub struct Ended {
    /// The ids of the sockets that were bound to it.
    pub sockets: Vec<String>,
    /// The keys whose records go with it.
    pub keys: Vec<String>,
}

/// A session is being destroyed: a session that was loaded before may not be written back.
#[napi(catch_unwind)]
pub fn end(store: u32, sid: String) -> Ended {
    let (sockets, keys) = with_store(store, |store, now| store.end(&sid, now)).unwrap_or_default();
    Ended { sockets, keys: keys.iter().map(ToString::to_string).collect() }
}

/// The store has destroyed a session, which has taken from the clock `began` until now: what was loaded or bound meanwhile goes,
/// too. Nothing where a new session has been written under its id since.
#[napi(catch_unwind)]
pub fn end_late(store: u32, sid: String, began: f64) -> Ended {
    let is_new = with_store(store, |store, _| store.versions.is_new_since(&sid, began as u64));
    if is_new == Some(true) { Ended::default() } else { end(store, sid) }
}

/// A new session, which nobody has loaded, is being written. Gives the clock after it.
#[napi(catch_unwind)]
pub fn new_session(store: u32, sid: String) -> f64 {
    with_store(store, |store, now| store.versions.new_session(&sid, now)).unwrap_or(0) as f64
}

/// Destroying the session, which had begun when the clock was `began`, failed: it is still there, unless it was destroyed since.
#[napi(catch_unwind)]
pub fn not_ended(store: u32, sid: String, began: f64) {
    with_store(store, |store, _| store.versions.not_gone(&sid, began as u64));
}

/// Binds a socket to a session. Gives the code of an error; null when it is bound.
#[napi(catch_unwind)]
pub fn bind(store: u32, socket: String, sid: String) -> Option<&'static str> {
    with_store(store, |store, _| store.bindings.bind(&socket, &sid))?.err().map(Error::code)
}

/// Frees a socket.
#[napi(catch_unwind)]
pub fn unbind(store: u32, socket: String) {
    with_store(store, |store, _| store.bindings.unbind(&socket));
}
