//! The shelf: the session texts of sockets that are quiet, outside of V8's heap.
//!
//! There they would take twice as much, once a single character is beyond Latin-1, and the garbage collector would go by
//! each of them.

use std::collections::HashMap;

use crate::ticket::Line;

/// The texts, by the line of the socket that each belongs to.
#[derive(Debug, Default)]
pub struct Shelf {
    texts: HashMap<Line, Box<str>>,
}

impl Shelf {
    /// Puts a socket's text there, in the place of what it had there before.
    pub fn put(&mut self, line: Line, text: String) {
        self.texts.insert(line, text.into_boxed_str());
    }

    /// Takes a socket's text from there; nothing when it has none there.
    pub fn take(&mut self, line: Line) -> Option<String> {
        let text = self.texts.remove(&line).map(String::from)?;
        // What a crowd has taken is given back when it has gone.
        if self.texts.capacity() > 1024 && self.texts.len() < self.texts.capacity() / 4 {
            self.texts.shrink_to_fit();
        }
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ticket::Tickets;

    #[test]
    fn a_text_is_taken_once_by_the_line_that_put_it_there() {
        let mut tickets = Tickets::default();
        let (one, other) = (tickets.open_line(), tickets.open_line());
        let mut shelf = Shelf::default();
        shelf.put(one, "first".into());
        shelf.put(one, "second".into());
        assert_eq!(shelf.take(other), None);
        assert_eq!(shelf.take(one).as_deref(), Some("second"));
        assert_eq!(shelf.take(one), None);
    }

    #[test]
    fn what_a_crowd_has_taken_is_given_back() {
        let mut tickets = Tickets::default();
        let mut shelf = Shelf::default();
        let lines: Vec<_> = (0..10_000).map(|_| tickets.open_line()).collect();
        for &line in &lines {
            shelf.put(line, "text".into());
        }
        for &line in &lines {
            assert!(shelf.take(line).is_some());
        }
        assert!(shelf.texts.capacity() <= 1024);
    }
}
