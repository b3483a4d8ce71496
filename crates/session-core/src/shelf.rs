//! The shelf: the session texts of sockets that are quiet, outside of V8's heap, and packed.
//!
//! There they would take twice as much, once a single character is beyond Latin-1, and the garbage collector would go by
//! each of them. The sessions of one app have the same fields, and much of what is in those: with some of them as a sample,
//! LZ4 writes of another one little more than what differs. A sample stays for as long as a text needs it, though its own
//! sessions may have ended; nothing reads it but to unpack others.

use std::sync::Arc;

use lz4_flex::block::{
    compress_into_with_dict, decompress_size_prepended_with_dict, get_maximum_output_size,
};

use crate::ticket::Line;

/// Most bytes of a sample, and of one text in it: LZ4 goes through all of it for each text.
const SAMPLE_MOST: usize = 8192;
const SAMPLED_MOST: usize = 4096;
/// Most bytes of a text that is packed: a longer one would keep the thread of all events waiting for too long.
const PACKED_MOST: usize = 32 * 1024;
/// So many texts that have not become half as long bring another sample. There are no more samples than that many to
/// one, whatever the texts are.
const POOR_MOST: u32 = 64;

/// A text, and what it was packed with; nothing where it was not.
#[derive(Debug)]
struct Packed {
    bytes: Box<[u8]>,
    /// By one pointer, not a slice's two: there is one of these for each quiet socket.
    sample: Option<Arc<Vec<u8>>>,
}

impl Packed {
    const fn plain(bytes: Box<[u8]>) -> Self {
        Self {
            bytes,
            sample: None,
        }
    }

    fn text(self) -> Option<String> {
        let text = match self.sample {
            Some(sample) => decompress_size_prepended_with_dict(&self.bytes, &sample).ok()?,
            None => self.bytes.into_vec(),
        };
        String::from_utf8(text).ok()
    }
}

/// So many lines have their texts on one board.
const BOARD: usize = 64;

/// The texts of neighbouring lines.
#[derive(Debug)]
struct Board {
    texts: [Option<Packed>; BOARD],
    /// How many of them are there.
    taken: usize,
}

impl Default for Board {
    fn default() -> Self {
        Self {
            texts: [const { None }; BOARD],
            taken: 0,
        }
    }
}

/// The texts, by the line of the socket that each belongs to. Lines are numbered as they are opened, and are used again: so
/// each has its place, in less room than a table would take that finds it.
#[derive(Debug, Default)]
pub struct Shelf {
    /// Those on which nothing is are not there.
    boards: Vec<Option<Box<Board>>>,
    /// How many are there.
    taken: usize,
    sample: Arc<Vec<u8>>,
    /// Where texts are packed, so that each is allocated as long as it then is: cut off from the room for the worst case, it would
    /// leave a hole behind it.
    room: Vec<u8>,
    /// How many texts it has helped too little.
    poor: u32,
}

impl Shelf {
    /// Puts a socket's text there, in the place of what it had there before.
    pub fn put(&mut self, line: Line, text: String) {
        let packed = if text.len() > PACKED_MOST {
            Packed::plain(text.into_bytes().into_boxed_slice())
        } else {
            self.pack(text.as_bytes())
        };
        let (board, place) = place_of(line);
        if board >= self.boards.len() {
            self.boards.resize_with(board + 1, || None);
        }
        let slot = &mut self.boards[board];
        if slot.is_none() {
            self.taken += 1;
        }
        let board = slot.get_or_insert_default();
        if board.texts[place].replace(packed).is_none() {
            board.taken += 1;
        }
    }

    fn pack(&mut self, text: &[u8]) -> Packed {
        if self.poor >= POOR_MOST {
            self.sample = Arc::default();
            self.poor = 0;
        }
        let sample = Arc::clone(&self.sample);
        let prefix = size_of::<u32>();
        self.room
            .resize(prefix + get_maximum_output_size(text.len()), 0);
        let packed = compress_into_with_dict(text, &mut self.room[prefix..], &sample);
        let (Ok(size), Ok(length)) = (packed, u32::try_from(text.len())) else {
            // There is room for the worst case, and a text that is packed is short.
            return Packed::plain(text.into());
        };
        self.room[..prefix].copy_from_slice(&length.to_le_bytes());
        let bytes: Box<[u8]> = self.room[..prefix + size].into();
        if bytes.len() > text.len() / 2 {
            self.poor += 1;
        }
        // Two sessions have few words in common, and some more of them have more. Not the same text again.
        let sampled = &text[..text.len().min(SAMPLED_MOST)];
        if bytes.len() > text.len() / 8 && sample.len() + sampled.len() <= SAMPLE_MOST {
            self.sample = Arc::new([&sample, sampled].concat());
        }
        Packed {
            bytes,
            sample: Some(sample),
        }
    }

    /// Takes a socket's text from there; nothing when it has none there.
    pub fn take(&mut self, line: Line) -> Option<String> {
        self.remove(line)?.text()
    }

    /// Clears away a socket's text.
    pub fn clear(&mut self, line: Line) {
        self.remove(line);
    }

    fn remove(&mut self, line: Line) -> Option<Packed> {
        let (board, place) = place_of(line);
        let slot = self.boards.get_mut(board)?;
        let board = slot.as_mut()?;
        let packed = board.texts[place].take()?;
        board.taken -= 1;
        if board.taken == 0 {
            *slot = None;
            self.taken -= 1;
        }
        if self.taken == 0 {
            *self = Self::default();
        }
        Some(packed)
    }
}

/// The board that a line's text is on, and where.
fn place_of(line: Line) -> (usize, usize) {
    let number = line.number() as usize;
    (number / BOARD, number % BOARD)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ticket::Tickets;

    fn lines(count: usize) -> Vec<Line> {
        let mut tickets = Tickets::default();
        (0..count).map(|_| tickets.open_line()).collect()
    }

    fn held(shelf: &Shelf) -> usize {
        let boards = shelf.boards.iter().flatten();
        let texts = boards.flat_map(|board| board.texts.iter().flatten());
        texts.map(|packed| packed.bytes.len()).sum()
    }

    #[test]
    fn a_text_is_taken_once_by_the_line_that_put_it_there() {
        let lines = lines(2);
        let (one, other) = (lines[0], lines[1]);
        let mut shelf = Shelf::default();
        shelf.put(one, "first".into());
        shelf.put(one, "second".into());
        assert_eq!(shelf.take(other), None);
        assert_eq!(shelf.take(one).as_deref(), Some("second"));
        assert_eq!(shelf.take(one), None);
    }

    #[test]
    fn a_text_that_was_cleared_is_not_there() {
        let lines = lines(2);
        let mut shelf = Shelf::default();
        shelf.put(lines[0], "first".into());
        shelf.put(lines[1], "second".into());
        shelf.clear(lines[0]);
        assert_eq!(shelf.take(lines[0]), None);
        assert_eq!(shelf.take(lines[1]).as_deref(), Some("second"));
    }

    #[test]
    fn what_a_crowd_has_taken_is_given_back() {
        let lines = lines(10_000);
        let mut shelf = Shelf::default();
        for &line in &lines {
            shelf.put(line, "text".into());
        }
        for &line in &lines[1..] {
            assert!(shelf.take(line).is_some());
        }
        assert_eq!(shelf.boards.iter().flatten().count(), 1);
        shelf.clear(lines[0]);
        // Nor is a sample kept of sessions whose sockets have gone.
        assert!(shelf.sample.is_empty());
    }

    #[test]
    fn sessions_of_the_same_fields_take_less_than_half() {
        let lines = lines(1000);
        let mut shelf = Shelf::default();
        // Others come first, who have not logged in.
        let stranger =
            r#"{"cookie":{"originalMaxAge":null,"expires":null,"httpOnly":true,"path":"/"}}"#;
        let mut length = 0;
        for (number, &line) in lines.iter().enumerate() {
            let text = if number < 10 {
                stranger.to_owned()
            } else {
                let id = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
                format!(
                    r#"{{"cookie":{{"originalMaxAge":3600000,"expires":"2030-01-01T00:00:00.{:03}Z","httpOnly":true,"path":"/"}},"passport":{{"user":"{id:x}"}},"preferences":{{"theme":"dark","locale":"en-GB","notifications":{{"email":true,"push":false}}}}}}"#,
                    number % 1000
                )
            };
            length += text.len();
            shelf.put(line, text);
        }
        assert!(held(&shelf) < length / 2, "{} of {length}", held(&shelf));
    }

    proptest! {
        #[test]
        fn every_text_comes_back_as_it_was(
            steps in prop::collection::vec((0..8usize, prop_oneof![
                any::<String>(),
                "[a-z{}\":,’🙈]{0,20}".prop_map(|text: String| text.repeat(100)),
                "[a-z’]{1,20}".prop_map(|text: String| text.repeat(PACKED_MOST / text.len() + 1)),
            ]), 0..40),
        ) {
            let lines = lines(8);
            let mut shelf = Shelf::default();
            let mut expected: [Option<String>; 8] = Default::default();
            for (place, text) in steps {
                if let Some(before) = expected[place].take_if(|_| text.len() % 3 == 0) {
                    prop_assert_eq!(shelf.take(lines[place]), Some(before));
                } else {
                    shelf.put(lines[place], text.clone());
                    expected[place] = Some(text);
                }
            }
            for (place, text) in expected.into_iter().enumerate() {
                prop_assert_eq!(shelf.take(lines[place]), text);
            }
        }
    }
}
