//! Passes over JSON, and tells whether it is any.

/// A place in a text. Each method returns `None` where the text is not JSON, with `at` near the place.
pub(super) struct Scanner<'t> {
    pub(super) bytes: &'t [u8],
    pub(super) at: usize,
}

impl<'t> Scanner<'t> {
    /// Passes over a container of any depth, without recursion.
    pub(super) fn skip_container(&mut self) -> Option<()> {
        let mut closers = Vec::new();
        loop {
            // Before a value.
            let opened = match self.peek()? {
                b'{' => Some(b'}'),
                b'[' => Some(b']'),
                _ => None,
            };
            if let Some(close) = opened {
                self.at += 1;
                self.whitespace();
                if self.peek()? == close {
                    self.at += 1;
                } else {
                    closers.push(close);
                    self.skip_key(close)?;
                    continue;
                }
            } else {
                self.scalar()?;
            }
            // Behind a value.
            loop {
                let Some(&close) = closers.last() else {
                    return Some(());
                };
                self.whitespace();
                match self.peek()? {
                    b',' => {
                        self.at += 1;
                        self.whitespace();
                        self.skip_key(close)?;
                        break;
                    }
                    byte if byte == close => {
                        self.at += 1;
                        closers.pop();
                    }
                    _ => return None,
                }
            }
        }
    }

    /// Passes over the key and the colon of a member, if `close` closes an object.
    fn skip_key(&mut self, close: u8) -> Option<()> {
        if close == b']' {
            return Some(());
        }
        if self.peek()? != b'"' {
            return None;
        }
        self.string()?;
        self.colon()
    }

    pub(super) fn colon(&mut self) -> Option<()> {
        self.whitespace();
        if self.peek()? != b':' {
            return None;
        }
        self.at += 1;
        self.whitespace();
        Some(())
    }

    pub(super) fn scalar(&mut self) -> Option<()> {
        match self.peek()? {
            b'"' => self.string(),
            b't' => self.literal("true"),
            b'f' => self.literal("false"),
            b'n' => self.literal("null"),
            _ => self.number(),
        }
    }

    pub(super) fn string(&mut self) -> Option<()> {
        self.at += 1;
        loop {
            self.at = plain_end(self.bytes, self.at);
            match self.peek()? {
                b'"' => {
                    self.at += 1;
                    return Some(());
                }
                b'\\' => self.escape()?,
                _ => return None,
            }
        }
    }

    fn escape(&mut self) -> Option<()> {
        match self.bytes.get(self.at + 1)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.at += 2,
            b'u' => {
                let digits = self.bytes.get(self.at + 2..self.at + 6)?;
                if !digits.iter().all(u8::is_ascii_hexdigit) {
                    return None;
                }
                self.at += 6;
            }
            _ => return None,
        }
        Some(())
    }

    fn literal(&mut self, literal: &str) -> Option<()> {
        if !self.bytes[self.at..].starts_with(literal.as_bytes()) {
            return None;
        }
        self.at += literal.len();
        Some(())
    }

    fn number(&mut self) -> Option<()> {
        if self.peek()? == b'-' {
            self.at += 1;
        }
        if self.peek()? == b'0' {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Some(())
    }

    /// One digit or more.
    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at > start { Some(()) } else { None }
    }

    pub(super) fn whitespace(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }
    /// What has not been passed over yet.
    pub(super) fn rest(&self) -> &'t [u8] {
        &self.bytes[self.at..]
    }
}

/// Where in a string, from `at` on, the first byte lies that is a quote, a backslash or a control character.
fn plain_end(bytes: &[u8], mut at: usize) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    // Eight bytes at once. A byte's high bit is set by `word - ONES * n` where the byte is below n (or, harmlessly for the
    // first such byte, behind one that is), and `& !word` drops the bytes that had it set before.
    while let Some(chunk) = bytes
        .get(at..at + 8)
        .and_then(|chunk| <[u8; 8]>::try_from(chunk).ok())
    {
        let word = u64::from_le_bytes(chunk);
        let quote = word ^ (ONES * u64::from(b'"'));
        let backslash = word ^ (ONES * u64::from(b'\\'));
        let control = word.wrapping_sub(ONES * 0x20) & !word;
        let special = (quote.wrapping_sub(ONES) & !quote)
            | (backslash.wrapping_sub(ONES) & !backslash)
            | control;
        let special = special & HIGHS;
        if special != 0 {
            return at + special.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    while bytes
        .get(at)
        .is_some_and(|byte| !matches!(byte, b'"' | b'\\' | 0..0x20))
    {
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_plain_run_is_found_at_every_offset() {
        for special in ["\"", "\\", "\u{1f}", "\0"] {
            for before in 0..20 {
                for filler in ["a", " ", "!", "#", "[", "]", "\u{7f}", "é", "🦀"] {
                    let plain = filler.repeat(before);
                    let text = format!("{plain}{special}{special}{plain}");
                    assert_eq!(plain_end(text.as_bytes(), 0), plain.len(), "{text:?}");
                }
            }
        }
        assert_eq!(plain_end(b"abcdefghij", 0), 10);
    }
}
