//! What can go wrong, one code and one message each.

/// Makes [`Error`] of lines that say `Name: code, status, message`.
macro_rules! errors {
    ($($name:ident: $code:literal, $status:literal, $message:literal;)*) => {
        /// Everything this library refuses or fails with, apart from what an app's own store or handler throws.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Error { $(#[doc = concat!("`", $code, "`")] $name,)* }

        impl Error {
            /// Every error: the table that the JavaScript side reads once.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The code, the HTTP status of the key route's answer, and the words for people and for clients of the original.
            #[must_use]
            pub const fn describe(self) -> (&'static str, u16, &'static str) {
                match self { $(Self::$name => ($code, $status, $message),)* }
            }
        }
    };
}

errors! {
    // Of the key route, whose first two messages are the original's, byte for byte.
    NoSessionStore: "ERR_NO_SESSION_STORE", 500, "No session-store.";
    NoSession: "ERR_NO_SESSION", 400, "No session";
    // Of `__zappa_key`: the original's, too.
    MissingSessionStore: "ERR_MISSING_SESSION_STORE", 500, "Missing session-store.";
    MissingKey: "ERR_MISSING_KEY", 500, "Missing key.";
    // The key is malformed, unknown, expired, revoked or somebody else's: one answer for all, so that it tells an attacker nothing.
    MissingData: "ERR_MISSING_DATA", 500, "Missing data";
    BadChannel: "ERR_BAD_CHANNEL", 400, "The channel name is empty, too long, or has characters that are not allowed.";
    TooManyChannels: "ERR_TOO_MANY_CHANNELS", 400, "This session already has a key on as many channels as are allowed.";
    StoreTimeout: "ERR_STORE_TIMEOUT", 503, "The session store did not answer in time.";
    Overloaded: "ERR_OVERLOADED", 503, "Too many calls to the session store are waiting for an answer.";
    InvalidDocument: "ERR_INVALID_DOCUMENT", 500, "The text of the session is not a JSON object.";
    StoreFull: "ERR_STORE_FULL", 503, "The session store is full.";
    SessionTooLarge: "ERR_SESSION_TOO_LARGE", 500, "The session is larger than the session store takes.";
    StorePathInUse: "ERR_STORE_PATH_IN_USE", 500, "The file of the session store is in use.";
    StoreDamaged: "ERR_STORE_DAMAGED", 500, "The file of the session store is damaged, or is not a session store's.";
    StoreFailed: "ERR_STORE_FAILED", 500, "The file of the session store could not be opened or written.";
    StoreClosed: "ERR_STORE_CLOSED", 503, "The session store has been closed.";
    BadOrigin: "ERR_BAD_ORIGIN", 403, "This origin is not allowed.";
    TooManyKeys: "ERR_TOO_MANY_KEYS", 429, "Too many keys were asked for. Try again in a minute.";
    // What a client is told, whatever the store's own words are.
    StoreUnavailable: "ERR_STORE_UNAVAILABLE", 503, "The session store failed.";
    UnsavableSession: "ERR_UNSAVABLE_SESSION", 500, "The session has a value that cannot be saved as JSON.";
    SessionGone: "ERR_SESSION_GONE", 410, "The session is gone: it was destroyed, or has expired.";
    UpdateTimeout: "ERR_UPDATE_TIMEOUT", 500, "The function given to update() took longer than a store may (storeTimeout): nothing was written.";
}

impl Error {
    /// The stable code, as `error.code` in JavaScript.
    #[must_use]
    pub const fn code(self) -> &'static str {
        self.describe().0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_has_a_code_of_its_own() {
        let codes: std::collections::HashSet<_> = Error::ALL.iter().map(|error| error.code()).collect();
        assert_eq!(codes.len(), Error::ALL.len());
    }
}
