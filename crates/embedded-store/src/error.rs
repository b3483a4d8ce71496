//! Why a store could not be opened, or its file not be written.

use store_file::{Failure, Kind};

use crate::error::Error;

/// Why a store could not be opened, or its file not be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Which kind of failure.
    pub error: Error,
    /// What the engine or the system says.
    pub reason: String,
}

impl From<Failure> for Damage {
    fn from(failure: Failure) -> Self {
        let error = match failure.kind {
            Kind::InUse => Error::StorePathInUse,
            Kind::Damaged => Error::StoreDamaged,
            Kind::Failed => Error::StoreFailed,
        };
        Self {
            error,
            reason: failure.reason,
        }
    }
}
