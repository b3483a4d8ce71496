//! The border to Node.js: the only code that names napi.
//!
//! Two kinds of entry. The `hot` functions stand on the path of every event and are registered by hand, numbers in and
//! out. The rest are `#[napi]` functions, beside events: set-up, handshakes, commits that found a conflict.
//! Every entry catches panics: one that crossed into C would end the process.

#![allow(
    clippy::needless_pass_by_value,
    reason = "napi hands strings, objects and functions over owned"
)]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "JavaScript's numbers are f64: `as` saturates one way, and ours stay below 2^53 the other way"
)]

mod desk;
mod embedded;
mod embedded_hot;
mod engine;
mod handshake;
mod hot;
mod store;
mod text;
mod watch;

use napi_derive::napi;

use crate::{document, error::Error, key};

/// What the JavaScript side knows about each error of the library.
#[napi(object, object_from_js = false)]
pub struct ErrorText {
    /// The stable code, as `error.code`.
    pub code: String,
    /// The words for people and for clients of the original.
    pub message: String,
    /// The HTTP status of the key route's answer.
    pub status: u32,
}

/// All errors of the library; functions that fail give an index into this table.
#[napi(catch_unwind)]
pub fn errors() -> Vec<ErrorText> {
    Error::ALL
        .iter()
        .map(|error| ErrorText {
            code: error.code().into(),
            message: error.message().into(),
            status: error.status().into(),
        })
        .collect()
}

/// A short hash of a key or a session id, for logs: the id itself must not appear there.
#[napi(catch_unwind)]
#[must_use]
pub fn fingerprint(id: String) -> String {
    key::fingerprint(&id)
}

/// Merges the session texts `mine` and `theirs`, both made from `base`.
///
/// Gives the text to write, or null when `mine` changed nothing and there is nothing to write.
/// Throws `ERR_INVALID_DOCUMENT` when a text is no JSON object.
#[napi(catch_unwind)]
pub fn merge(base: String, mine: String, theirs: String) -> napi::Result<Option<String>> {
    match document::merge(&base, &mine, &theirs) {
        Ok(document::Merged::Mine) => Ok(Some(mine)),
        Ok(document::Merged::Theirs) => Ok(None),
        Ok(document::Merged::Text(text)) => Ok(Some(text)),
        Err(_) => Err(napi::Error::from_reason(Error::InvalidDocument.message())),
    }
}

/// The index of an error in the table that [`errors`] gives.
fn index(error: Error) -> u32 {
    error as u32
}
