//! An adoption: all that is remembered of one session store that the app handed to us.

use crate::{
    allowance::Allowances, binding::Bindings, key::Key, keyring::Keyring, version::Versions,
};

/// What is remembered of one adopted session store.
#[derive(Debug, Default)]
pub struct Adoption {
    /// Which of its sessions were written or destroyed by this process.
    pub versions: Versions,
    /// Which keys were handed out for it.
    pub keyring: Keyring,
    /// Which sockets belong to which of its sessions.
    pub bindings: Bindings,
    /// How many keys its sessions have asked for.
    pub allowances: Allowances,
}

impl Adoption {
    /// A session is destroyed at `now` (ms): gives the sockets that lose it and the keys whose records go with it.
    pub fn end(&mut self, sid: &str, now: u64) -> (Vec<String>, Vec<Key>) {
        self.versions.gone(sid, now);
        self.allowances.end(sid);
        (self.bindings.end(sid), self.keyring.end(sid))
    }

    /// Forgets what is long over by `now` (ms).
    pub fn sweep(&mut self, now: u64) {
        self.versions.sweep(now);
        self.keyring.sweep(now);
        self.allowances.sweep(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{keyring::Issue, version::Since};

    #[test]
    fn a_destroyed_session_takes_its_sockets_and_keys_along() {
        let mut adoption = Adoption::default();
        let loaded = adoption.versions.clock();
        adoption.bindings.bind("socket", "sid").unwrap();
        let Issue::Make(key) = adoption.keyring.issue("sid", "c", 0) else {
            panic!("expected a new key");
        };
        let (sockets, keys) = adoption.end("sid", 0);
        assert_eq!(sockets, ["socket"]);
        assert_eq!(keys, [key]);
        assert_eq!(adoption.versions.since("sid", loaded), Since::Gone);
        assert!(adoption.bindings.is_empty());
    }
}
