//! What belongs to sessions, found from either side: their sockets, and their keys.

use std::{collections::HashMap, hash::Hash, sync::Arc};

use crate::adoption::shrink;

/// Values by key, each of one session.
#[derive(Debug)]
pub(crate) struct BySession<K, V> {
    values: HashMap<K, (Arc<str>, V)>,
    /// The keys of each session, in the order in which they came.
    sessions: HashMap<Arc<str>, Vec<K>>,
}

impl<K, V> Default for BySession<K, V> {
    fn default() -> Self {
        Self { values: HashMap::new(), sessions: HashMap::new() }
    }
}

impl<K: Clone + Eq + Hash, V> BySession<K, V> {
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// The session and the value of a key.
    pub fn get(&self, key: &K) -> Option<(&str, &V)> {
        self.values.get(key).map(|(sid, value)| (&**sid, value))
    }

    pub fn get_mut(&mut self, key: &K) -> Option<(&str, &mut V)> {
        self.values.get_mut(key).map(|(sid, value)| (&**sid, value))
    }

    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.values.values().map(|(_, value)| value)
    }

    /// The keys and values of a session.
    pub fn of(&self, sid: &str) -> impl Iterator<Item = (&K, &V)> {
        let keys = self.sessions.get(sid).into_iter().flatten();
        keys.filter_map(|key| Some((key, self.get(key)?.1)))
    }

    /// Adds a key. One that was another session's leaves that.
    pub fn insert(&mut self, sid: &str, key: K, value: V) {
        self.remove(&key);
        let known = self.sessions.get_key_value(sid);
        let sid = known.map_or_else(|| sid.into(), |(sid, _)| Arc::clone(sid));
        self.values.insert(key.clone(), (Arc::clone(&sid), value));
        // Most sessions have one: `push` alone would make room for four.
        self.sessions.entry(sid).or_insert_with(|| Vec::with_capacity(1)).push(key);
    }

    pub fn remove(&mut self, key: &K) {
        let Some((key, (sid, _))) = self.values.remove_entry(key) else {
            return;
        };
        if let Some(keys) = self.sessions.get_mut(&sid) {
            keys.retain(|other| *other != key);
            if keys.is_empty() {
                self.sessions.remove(&sid);
            }
        }
        self.shrink();
    }

    /// Removes all that is a session's. Gives the keys.
    pub fn end(&mut self, sid: &str) -> Vec<K> {
        let keys = self.sessions.remove(sid).unwrap_or_default();
        for key in &keys {
            self.values.remove(key);
        }
        self.shrink();
        keys
    }

    pub fn retain(&mut self, keep: impl Fn(&V) -> bool) {
        let gone = self.values.iter().filter(|(_, (_, value))| !keep(value));
        for key in gone.map(|(key, _)| key.clone()).collect::<Vec<_>>() {
            self.remove(&key);
        }
    }

    fn shrink(&mut self) {
        shrink(&mut self.values);
        shrink(&mut self.sessions);
    }
}
