//! The session texts of quiet sockets, outside of V8's heap.

use std::{cell::RefCell, collections::HashMap};

use napi_derive::napi;

thread_local! {
    static TEXTS: RefCell<HashMap<u32, String>> = RefCell::default();
}

/// Keeps the session's text of a quiet socket, under its queue.
#[napi(catch_unwind)]
pub fn shelve(queue: u32, text: String) {
    TEXTS.with_borrow_mut(|texts| texts.insert(queue, text));
}

/// Takes the text of a queue; null when there is none.
#[napi(catch_unwind)]
#[must_use]
pub fn unshelve(queue: u32) -> Option<String> {
    TEXTS.with_borrow_mut(|texts| texts.remove(&queue))
}

/// Drops the text of a queue.
#[napi(catch_unwind)]
pub fn clear_shelved(queue: u32) {
    TEXTS.with_borrow_mut(|texts| texts.remove(&queue));
}
