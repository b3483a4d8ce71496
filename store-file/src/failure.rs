//! Why a file could not be opened or written.

use std::fmt;

/// Which kind of failure. The numbers are part of the engine's layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Kind {
    /// Somebody has the file open.
    InUse = 0,
    /// It is damaged, or is not a store's.
    Damaged = 1,
    /// The system refuses.
    Failed = 2,
}

impl Kind {
    /// The kind of a number; [`Kind::Failed`] for one that nobody knows.
    pub(crate) const fn from_number(number: u32) -> Self {
        match number {
            0 => Self::InUse,
            1 => Self::Damaged,
            _ => Self::Failed,
        }
    }
}

/// Why a file could not be opened or written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Which kind of failure.
    pub kind: Kind,
    /// What the engine or the system says.
    pub reason: String,
}

impl Failure {
    /// A failure, in the words of what it comes from.
    pub fn new(kind: Kind, reason: impl fmt::Display) -> Self {
        Self {
            kind,
            reason: reason.to_string(),
        }
    }
}
