//! Why a session was not written, or a file not opened.

use std::fmt;

/// Why something was refused. What was there before is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// There is no room for a session, or for those that the file holds.
    Full,
    /// A session has more bytes than it may have.
    TooLarge,
    /// The store is open with other options.
    OtherOptions,
    /// Another process, or another store of this one, has the file open.
    InUse,
    /// The file is damaged, or is not a store's.
    Damaged,
    /// The system refuses.
    Failed,
}

/// Why a store could not be opened or written.
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
