//! The errors of the library, and fingerprints of ids for logs.

use napi_derive::napi;
use session_core::{error::Error, key};

/// One error of the library.
#[napi(object, object_from_js = false)]
pub struct ErrorText {
    /// The stable code, as `error.code`.
    pub code: &'static str,
    /// The words for people and for clients of the original.
    pub message: &'static str,
    /// The HTTP status of the key route's answer.
    pub status: u16,
}

/// All errors of the library; functions that fail give the code of one.
#[napi(catch_unwind)]
pub fn errors() -> Vec<ErrorText> {
    let descriptions = Error::ALL.iter().map(|error| error.describe());
    descriptions.map(|(code, status, message)| ErrorText { code, message, status }).collect()
}

/// A short hash of a key or a session id, for logs: the id itself must not appear there.
#[napi(catch_unwind)]
pub fn fingerprint(id: String) -> String {
    key::fingerprint(&id)
}
