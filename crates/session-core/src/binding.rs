//! Bindings: which socket belongs to which session, in both directions.

use std::sync::Arc;

use crate::{by_session::BySession, error::Error};

/// How many sockets may be bound at the same time in one store.
const MAX_BOUND: usize = 4_000_000;

/// The bindings of one store's sessions.
#[derive(Debug, Default)]
pub struct Bindings(BySession<Arc<str>, ()>);

impl Bindings {
    /// Binds a socket to a session. A socket that was bound to another session leaves it.
    ///
    /// # Errors
    /// [`Error::Overloaded`] when 4,000,000 sockets are bound already.
    pub fn bind(&mut self, socket: &str, sid: &str) -> Result<(), Error> {
        let socket = socket.into();
        if self.0.get(&socket).is_some_and(|(bound, ())| bound == sid) {
            return Ok(());
        }
        self.0.remove(&socket);
        if self.0.len() >= MAX_BOUND {
            return Err(Error::Overloaded);
        }
        self.0.insert(sid, socket, ());
        Ok(())
    }

    /// Frees a socket. Does nothing when it is not bound.
    pub fn unbind(&mut self, socket: &str) {
        self.0.remove(&socket.into());
    }

    /// Frees the sockets of a session that has ended. Gives them in the order in which they were bound.
    pub fn end(&mut self, sid: &str) -> Vec<String> {
        self.0.end(sid).iter().map(ToString::to_string).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is_bound(bindings: &Bindings, socket: &str, sid: &str) -> bool {
        bindings.0.get(&socket.into()).is_some_and(|(bound, ())| bound == sid)
    }

    #[test]
    fn a_session_has_all_its_sockets_until_it_ends() {
        let mut bindings = Bindings::default();
        bindings.bind("tab 1", "s").unwrap();
        bindings.bind("tab 2", "s").unwrap();
        bindings.bind("other", "t").unwrap();
        assert_eq!(bindings.end("s"), ["tab 1", "tab 2"]);
        assert!(!is_bound(&bindings, "tab 1", "s"));
        assert!(is_bound(&bindings, "other", "t"));
        assert!(bindings.end("s").is_empty());
    }

    #[test]
    fn a_socket_that_is_bound_again_leaves_its_first_session() {
        let mut bindings = Bindings::default();
        bindings.bind("a", "s").unwrap();
        bindings.bind("a", "t").unwrap();
        assert!(is_bound(&bindings, "a", "t") && !is_bound(&bindings, "a", "s"));
        assert!(bindings.end("s").is_empty());
        assert_eq!(bindings.end("t"), ["a"]);
    }

    #[test]
    fn ids_of_any_length_and_alphabet_come_back_as_they_were() {
        let longest = "socket".repeat(100);
        let sockets =
            ["", "/chat#kanal", "канал 1", longest.as_str(), "🦀".repeat(7).as_str()].map(str::to_owned);
        let mut bindings = Bindings::default();
        for socket in &sockets {
            bindings.bind(socket, "s").unwrap();
        }
        assert_eq!(bindings.end("s"), sockets);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Bind(u8, u8),
        Unbind(u8),
        End(u8),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0..8u8, 0..4u8).prop_map(|(socket, sid)| Step::Bind(socket, sid)),
            2 => (0..8u8).prop_map(Step::Unbind),
            1 => (0..4u8).prop_map(Step::End),
        ]
    }

    proptest! {
        #[test]
        fn both_directions_always_agree_with_a_plain_list(steps in proptest::collection::vec(step(), 0..60)) {
            let mut bindings = Bindings::default();
            let mut model: Vec<(u8, u8)> = Vec::new();
            for step in steps {
                match step {
                    Step::Bind(socket, sid) => {
                        bindings.bind(&socket.to_string(), &sid.to_string()).unwrap();
                        if !model.contains(&(socket, sid)) {
                            model.retain(|bound| bound.0 != socket);
                            model.push((socket, sid));
                        }
                    }
                    Step::Unbind(socket) => {
                        bindings.unbind(&socket.to_string());
                        model.retain(|bound| bound.0 != socket);
                    }
                    Step::End(sid) => {
                        let of_it = model.iter().filter(|bound| bound.1 == sid);
                        let expected: Vec<String> = of_it.map(|bound| bound.0.to_string()).collect();
                        prop_assert_eq!(bindings.end(&sid.to_string()), expected);
                        model.retain(|bound| bound.1 != sid);
                    }
                }
                for (socket, sid) in (0..8u8).flat_map(|socket| (0..4u8).map(move |sid| (socket, sid))) {
                    prop_assert_eq!(
                        is_bound(&bindings, &socket.to_string(), &sid.to_string()),
                        model.contains(&(socket, sid))
                    );
                }
                prop_assert_eq!(bindings.0.len(), model.len());
            }
        }
    }
}
