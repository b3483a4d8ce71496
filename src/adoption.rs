//! Adopted stores: versions and bindings.

use napi_derive::napi;

use super::{
    desk::{self, now},
    index,
};
use crate::{adoption::Adoption, ticket::Line, version::Since};

/// Begins to remember a store. Gives its number.
#[napi(catch_unwind)]
#[must_use]
pub fn adopt() -> u32 {
    desk::with(|desk| {
        let mut stores = desk.stores.lock();
        let free = stores.iter().position(Option::is_none).unwrap_or_else(|| {
            stores.push(None);
            stores.len() - 1
        });
        stores[free] = Some(Adoption::default());
        u32::try_from(free).unwrap_or(u32::MAX)
    })
}

/// Forgets all about a store.
#[napi(catch_unwind)]
pub fn disown(store: u32) {
    desk::with(|desk| {
        if let Some(adoption) = desk.stores.lock().get_mut(store as usize) {
            *adoption = None;
        }
    });
}

/// Opens the line of a socket: its events run in order.
#[napi(catch_unwind)]
#[must_use]
pub fn open_line() -> u32 {
    desk::with(|desk| desk.tickets.lock().open_line().number())
}

/// Closes the line of a socket.
#[napi(catch_unwind)]
pub fn close_line(line: u32) {
    desk::with(|desk| desk.tickets.lock().close_line(Line::from_number(line)));
}

/// Puts the session's text of a quiet socket on the shelf, under its line.
#[napi(catch_unwind)]
pub fn shelve(line: u32, text: String) {
    desk::with(|desk| desk.shelf.lock().put(Line::from_number(line), text));
}

/// Takes the text from the shelf; null when there is none.
#[napi(catch_unwind)]
#[must_use]
pub fn unshelve(line: u32) -> Option<String> {
    desk::with(|desk| desk.shelf.lock().take(Line::from_number(line)))
}

/// Clears away the text that a socket has on the shelf.
#[napi(catch_unwind)]
pub fn clear_shelved(line: u32) {
    desk::with(|desk| desk.shelf.lock().clear(Line::from_number(line)));
}

/// A write to a session starts or has ended. Gives the clock after it.
#[napi(catch_unwind)]
#[must_use]
pub fn written(store: u32, sid: String) -> f64 {
    desk::with_store(store, |store| store.versions.written(&sid, now())).unwrap_or(0) as f64
}

/// The store was cleared: what was loaded before has to be read again.
#[napi(catch_unwind)]
pub fn cleared(store: u32) {
    desk::with_store(store, |store| store.versions.cleared());
}

/// What has happened to a session since a load that noted `clock`: 0 nothing, 1 this process wrote it, 2 it is gone.
#[napi(catch_unwind)]
#[must_use]
pub fn since(store: u32, sid: String, clock: f64) -> u32 {
    match desk::with_store(store, |store| store.versions.since(&sid, clock as u64)) {
        Some(Since::Unchanged) => 0,
        Some(Since::Changed) | None => 1,
        Some(Since::Gone) => 2,
    }
}

/// What goes with a session that ends.
#[napi(object, object_from_js = false)]
pub struct Ended {
    /// The ids of the sockets that were bound to it.
    pub sockets: Vec<String>,
    /// The keys whose records go with it.
    pub keys: Vec<String>,
}

/// A session is being destroyed: nothing loaded before may be written back.
#[napi(catch_unwind)]
#[must_use]
pub fn end(store: u32, sid: String) -> Ended {
    let (sockets, keys) =
        desk::with_store(store, |store| store.end(&sid, now())).unwrap_or_default();
    Ended {
        sockets,
        keys: keys.iter().map(ToString::to_string).collect(),
    }
}

/// Destroying the session failed: it is still there.
#[napi(catch_unwind)]
pub fn not_ended(store: u32, sid: String) {
    desk::with_store(store, |store| store.versions.not_gone(&sid));
}

/// Binds a socket to a session. Gives -1, or the index of an error.
#[napi(catch_unwind)]
#[must_use]
pub fn bind(store: u32, socket: String, sid: String) -> i32 {
    match desk::with_store(store, |store| store.bindings.bind(&socket, &sid)) {
        Some(Err(error)) => index(error).cast_signed(),
        _ => -1,
    }
}

/// Frees a socket.
#[napi(catch_unwind)]
pub fn unbind(store: u32, socket: String) {
    desk::with_store(store, |store| store.bindings.unbind(&socket));
}
