//! What can go wrong, one code and one message each.

use std::fmt;

/// Everything this library refuses or fails with, apart from what an app's own store or handler throws.
///
/// The messages of [`Error::NoSessionStore`], [`Error::NoSession`], [`Error::MissingSessionStore`],
/// [`Error::MissingKey`] and [`Error::MissingData`] are the original's, byte for byte: clients read them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The key route was asked, and the app has no session store.
    NoSessionStore,
    /// The key route was asked, and the request has no session.
    NoSession,
    /// `__zappa_key` arrived, and the app has no session store.
    MissingSessionStore,
    /// `__zappa_key` arrived without a key.
    MissingKey,
    /// The key is malformed, unknown, expired, revoked or somebody else's: one answer for all, so that it tells an
    /// attacker nothing.
    MissingData,
    /// The channel name of the key route is empty, too long, or has characters that are not allowed.
    BadChannel,
    /// The session has a key on as many channels as are allowed.
    TooManyChannels,
    /// The session store did not answer in time.
    StoreTimeout,
    /// More store calls are in flight than are allowed.
    Overloaded,
    /// The text of a session is no JSON object.
    InvalidDocument,
    /// The embedded store has as many sessions or bytes as it may have, and may not drop any for a new one.
    StoreFull,
    /// A session has more bytes than the embedded store takes.
    SessionTooLarge,
    /// Another process, or another store of this one, has the embedded store's file open.
    StorePathInUse,
    /// The embedded store's file is damaged, or is not an embedded store's.
    StoreDamaged,
    /// The embedded store's file could not be opened or written.
    StoreFailed,
    /// The embedded store has been closed.
    StoreClosed,
    /// The page or the client is of an origin that the app does not allow.
    BadOrigin,
    /// The session has asked for more keys within a minute than are allowed.
    TooManyKeys,
    /// The session store failed: what a client is told, whatever the store's own words are.
    StoreUnavailable,
    /// A session was to be updated, and was destroyed or has expired.
    SessionGone,
    /// What changes a session in an update has not ended in time.
    UpdateTimeout,
}

impl Error {
    /// Every error, in the order of its discriminant: the table that the JavaScript side reads once.
    pub const ALL: [Self; 21] = [
        Self::NoSessionStore,
        Self::NoSession,
        Self::MissingSessionStore,
        Self::MissingKey,
        Self::MissingData,
        Self::BadChannel,
        Self::TooManyChannels,
        Self::StoreTimeout,
        Self::Overloaded,
        Self::InvalidDocument,
        Self::StoreFull,
        Self::SessionTooLarge,
        Self::StorePathInUse,
        Self::StoreDamaged,
        Self::StoreFailed,
        Self::StoreClosed,
        Self::BadOrigin,
        Self::TooManyKeys,
        Self::StoreUnavailable,
        Self::SessionGone,
        Self::UpdateTimeout,
    ];

    /// The stable code, as `error.code` in JavaScript.
    #[must_use]
    pub const fn code(self) -> &'static str {
        self.describe().0
    }

    /// The HTTP status of the key route's answer.
    #[must_use]
    pub const fn status(self) -> u16 {
        self.describe().1
    }

    /// The words for people, and for clients of the original.
    #[must_use]
    pub const fn message(self) -> &'static str {
        self.describe().2
    }

    /// The code, the status and the message; one line an error.
    #[rustfmt::skip]
    const fn describe(self) -> (&'static str, u16, &'static str) {
        match self {
            Self::NoSessionStore => ("ERR_NO_SESSION_STORE", 500, "No session-store."),
            Self::NoSession => ("ERR_NO_SESSION", 400, "No session"),
            Self::MissingSessionStore => ("ERR_MISSING_SESSION_STORE", 500, "Missing session-store."),
            Self::MissingKey => ("ERR_MISSING_KEY", 500, "Missing key."),
            Self::MissingData => ("ERR_MISSING_DATA", 500, "Missing data"),
            Self::BadChannel => ("ERR_BAD_CHANNEL", 400, "The channel name is empty, too long, or has characters that are not allowed."),
            Self::TooManyChannels => ("ERR_TOO_MANY_CHANNELS", 400, "This session already has a key on as many channels as are allowed."),
            Self::StoreTimeout => ("ERR_STORE_TIMEOUT", 503, "The session store did not answer in time."),
            Self::Overloaded => ("ERR_OVERLOADED", 503, "Too many calls to the session store are waiting for an answer."),
            Self::InvalidDocument => ("ERR_INVALID_DOCUMENT", 500, "The text of the session is not a JSON object."),
            Self::StoreFull => ("ERR_STORE_FULL", 503, "The session store is full."),
            Self::SessionTooLarge => ("ERR_SESSION_TOO_LARGE", 500, "The session is larger than the session store takes."),
            Self::StorePathInUse => ("ERR_STORE_PATH_IN_USE", 500, "The file of the session store is in use."),
            Self::StoreDamaged => ("ERR_STORE_DAMAGED", 500, "The file of the session store is damaged, or is not a session store's."),
            Self::StoreFailed => ("ERR_STORE_FAILED", 500, "The file of the session store could not be opened or written."),
            Self::StoreClosed => ("ERR_STORE_CLOSED", 503, "The session store has been closed."),
            Self::BadOrigin => ("ERR_BAD_ORIGIN", 403, "This origin is not allowed."),
            Self::TooManyKeys => ("ERR_TOO_MANY_KEYS", 429, "Too many keys were asked for. Try again in a minute."),
            Self::StoreUnavailable => ("ERR_STORE_UNAVAILABLE", 503, "The session store failed."),
            Self::SessionGone => ("ERR_SESSION_GONE", 410, "The session is gone: it was destroyed, or has expired."),
            Self::UpdateTimeout => ("ERR_UPDATE_TIMEOUT", 500, "The function given to update() took longer than a store may (storeTimeout): nothing was written."),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_discriminants() {
        for (index, error) in Error::ALL.into_iter().enumerate() {
            assert_eq!(error as usize, index);
        }
    }

    #[test]
    fn every_error_has_a_code_of_its_own() {
        let codes: std::collections::HashSet<_> = Error::ALL.iter().map(|error| error.code()).collect();
        assert_eq!(codes.len(), Error::ALL.len());
    }
}
