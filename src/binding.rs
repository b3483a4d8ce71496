//! Bindings: which socket belongs to which session, in both directions.

use std::{collections::HashMap, sync::Arc};

use crate::error::Error;

/// How many sockets may be bound at once in one store.
pub const MAX_BOUND: usize = 4_000_000;

/// The bindings of one store's sessions.
#[derive(Debug, Default)]
pub struct Bindings {
    by_socket: HashMap<Arc<str>, Arc<str>>,
    by_session: HashMap<Arc<str>, Vec<Arc<str>>>,
}

impl Bindings {
    /// Binds a socket to a session. A socket that was bound to another session leaves it.
    ///
    /// # Errors
    /// [`Error::Overloaded`] when [`MAX_BOUND`] sockets are bound already.
    pub fn bind(&mut self, socket: &str, sid: &str) -> Result<(), Error> {
        if self
            .by_socket
            .get(socket)
            .is_some_and(|bound| &**bound == sid)
        {
            return Ok(());
        }
        self.unbind(socket);
        if self.by_socket.len() >= MAX_BOUND {
            return Err(Error::Overloaded);
        }
        let socket: Arc<str> = socket.into();
        let sid: Arc<str> = match self.by_session.get_key_value(sid) {
            Some((known, _)) => Arc::clone(known),
            None => sid.into(),
        };
        // Most sessions have one socket; a `Vec` that grows by itself begins with room for four.
        self.by_session
            .entry(Arc::clone(&sid))
            .or_insert_with(|| Vec::with_capacity(1))
            .push(Arc::clone(&socket));
        self.by_socket.insert(socket, sid);
        Ok(())
    }

    /// Frees a socket. Does nothing when it is not bound.
    pub fn unbind(&mut self, socket: &str) {
        let Some(sid) = self.by_socket.remove(socket) else {
            return;
        };
        if let Some(sockets) = self.by_session.get_mut(&sid) {
            sockets.retain(|bound| &**bound != socket);
            if sockets.is_empty() {
                self.by_session.remove(&sid);
            }
        }
    }

    /// The session of a socket.
    #[must_use]
    pub fn session_of(&self, socket: &str) -> Option<&str> {
        self.by_socket.get(socket).map(AsRef::as_ref)
    }

    /// The sockets of a session, in the order they were bound.
    pub fn sockets_of(&self, sid: &str) -> impl Iterator<Item = &str> {
        self.by_session
            .get(sid)
            .into_iter()
            .flatten()
            .map(AsRef::as_ref)
    }

    /// The session has ended: frees its sockets and gives them.
    pub fn end(&mut self, sid: &str) -> Vec<Arc<str>> {
        let sockets = self.by_session.remove(sid).unwrap_or_default();
        for socket in &sockets {
            self.by_socket.remove(socket);
        }
        sockets
    }

    /// How many sockets are bound.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_socket.len()
    }

    /// Whether no socket is bound.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_socket.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_session_has_all_its_sockets_until_it_ends() {
        let mut bindings = Bindings::default();
        bindings.bind("tab 1", "s").unwrap();
        bindings.bind("tab 2", "s").unwrap();
        bindings.bind("other", "t").unwrap();
        assert_eq!(
            bindings.sockets_of("s").collect::<Vec<_>>(),
            ["tab 1", "tab 2"]
        );
        assert_eq!(bindings.end("s").len(), 2);
        assert_eq!(bindings.session_of("tab 1"), None);
        assert_eq!(bindings.session_of("other"), Some("t"));
    }

    #[test]
    fn a_socket_that_is_bound_again_leaves_its_first_session() {
        let mut bindings = Bindings::default();
        bindings.bind("a", "s").unwrap();
        bindings.bind("a", "t").unwrap();
        assert_eq!(bindings.sockets_of("s").count(), 0);
        assert_eq!(bindings.session_of("a"), Some("t"));
        assert_eq!(bindings.by_session.len(), 1);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Bind(u8, u8),
        Unbind(u8),
        End(u8),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0..8u8, 0..4u8).prop_map(|(socket, sid)| Step::Bind(socket, sid)),
            (0..8u8).prop_map(Step::Unbind),
            (0..4u8).prop_map(Step::End),
        ]
    }

    proptest! {
        #[test]
        fn both_directions_always_agree_with_a_plain_map(steps in proptest::collection::vec(step(), 0..60)) {
            let mut bindings = Bindings::default();
            let mut model = std::collections::BTreeMap::new();
            for step in steps {
                match step {
                    Step::Bind(socket, sid) => {
                        bindings.bind(&socket.to_string(), &sid.to_string()).unwrap();
                        model.insert(socket, sid);
                    }
                    Step::Unbind(socket) => {
                        bindings.unbind(&socket.to_string());
                        model.remove(&socket);
                    }
                    Step::End(sid) => {
                        let ended = bindings.end(&sid.to_string()).len();
                        let before = model.len();
                        model.retain(|_, bound| *bound != sid);
                        prop_assert_eq!(ended, before - model.len());
                    }
                }
                for socket in 0..8u8 {
                    let expected = model.get(&socket).map(ToString::to_string);
                    prop_assert_eq!(bindings.session_of(&socket.to_string()), expected.as_deref());
                }
                for sid in 0..4u8 {
                    let expected = model.values().filter(|bound| **bound == sid).count();
                    prop_assert_eq!(bindings.sockets_of(&sid.to_string()).count(), expected);
                }
                prop_assert_eq!(bindings.len(), model.len());
            }
        }
    }
}
