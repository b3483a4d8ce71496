//! Why a store could not be opened or written.

use std::fmt;

use session_core::error::Error;

/// Why a store could not be opened or written. What was there before is still there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The library's error.
    pub error: Error,
    /// The words of redb or of the system.
    pub reason: String,
}

impl Failure {
    /// A failure, in the words of its cause.
    pub fn new(error: Error, reason: impl fmt::Display) -> Self {
        Self { error, reason: reason.to_string() }
    }
}
