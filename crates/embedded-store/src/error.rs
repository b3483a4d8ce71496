//! Why a session was not written, or a file not opened.

use std::fmt;

/// Why a session was not written. The session that was there before is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// There is no room for it.
    Full,
    /// It has more bytes than a session may have.
    TooLarge,
    /// Its cookie has an end that only JavaScript's `Date` can read: the caller passes it on.
    UnknownEnd,
}

/// The kind of a [`Failure`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Another process, or another store of this one, has the file open.
    InUse,
    /// The file is damaged, or is not a store's.
    Damaged,
    /// The file holds more than the limits allow.
    Full,
    /// The system refuses.
    Failed,
}

/// Why a file could not be opened or written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The kind of failure.
    pub kind: Kind,
    /// The words of redb or of the system.
    pub reason: String,
}

impl Failure {
    /// A failure, in the words of its cause.
    pub fn new(kind: Kind, reason: impl fmt::Display) -> Self {
        Self { kind, reason: reason.to_string() }
    }
}
