//! An adoption: the state of one session store that the app gave to us.

use std::{collections::HashMap, hash::Hash};

use crate::{allowance::Allowances, binding::Bindings, key::Key, keyring::Keyring, version::Versions};

/// How often the state of long ago is forgotten, in ms.
const SWEEP_MS: u64 = 30_000;
/// A map of so few entries is not worth shrinking.
const SHORT: usize = 1_024;

/// The state of one adopted session store.
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
    /// When it was swept last, in ms.
    swept: u64,
}

impl Adoption {
    /// A store is adopted: its clock starts behind `clock`, and what was loaded until then counts as written.
    #[must_use]
    pub fn starting_at(clock: u64) -> Self {
        Self { versions: Versions::starting_at(clock), ..Self::default() }
    }

    /// A session is destroyed at `now` (ms): gives the sockets that lose it and the keys whose records go with it.
    pub fn end(&mut self, sid: &str, now: u64) -> (Vec<String>, Vec<Key>) {
        self.versions.gone(sid, now);
        self.allowances.end(sid);
        (self.bindings.end(sid), self.keyring.end(sid))
    }

    /// Forgets what is long over by `now` (ms), unless it did so within the last 30 s.
    pub fn sweep(&mut self, now: u64) {
        if now.saturating_sub(self.swept) < SWEEP_MS {
            return;
        }
        self.swept = now;
        self.versions.sweep(now);
        self.keyring.sweep(now);
        self.allowances.sweep(now);
    }
}

/// Gives memory back when most entries of a map have gone.
pub(crate) fn shrink<K: Eq + Hash, V>(map: &mut HashMap<K, V>) {
    if map.capacity() > SHORT && map.len() < map.capacity() / 4 {
        map.shrink_to(map.len() * 2);
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
        assert!(adoption.bindings.end("sid").is_empty());
    }
}
