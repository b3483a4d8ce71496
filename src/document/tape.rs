//! A JSON text taken apart in one pass: where each value begins and ends, without decoding any.

/// How deep a text is taken apart: containers below are one opaque value each. Bounds every recursion over a tape.
pub(super) const MAX_DEPTH: usize = 128;
/// How many of the guide's members are tried for the next key, so that added and removed members do not end the guiding.
const LOOK_AHEAD: usize = 8;
/// No node.
const NONE: u32 = u32::MAX;

/// The values of one JSON text, in the order of the text; the first is the root.
///
/// A tape can be parsed along a *guide*: the tape of a similar text. What is byte for byte the same there needs no parsing and is
/// not taken apart again: the node refers to its twin.
pub(super) struct Tape<'t> {
    text: &'t str,
    nodes: Vec<Node>,
    guide: Option<&'t Tape<'t>>,
    /// Whether a key, here or in the guide, is spelt with an escape.
    has_escaped_keys: bool,
}

struct Node {
    /// The key with its quotes; empty for elements and the root.
    key_start: u32,
    key_end: u32,
    start: u32,
    end: u32,
    /// The next member or element of the same container.
    next: u32,
    /// In the guide: the member with the same key, or the element at the same place.
    twin: u32,
    /// Place among the members or elements of the container.
    ordinal: u32,
    /// How many members or elements it has; the first is the node after this one.
    child_count: u32,
    /// The twin has the same bytes.
    identical: bool,
    /// A container too deep to be taken apart.
    opaque: bool,
}

/// One value on a tape.
#[derive(Clone, Copy)]
pub(super) struct Value<'t> {
    tape: &'t Tape<'t>,
    index: u32,
}

/// A member of an object, or an element of an array (its key is empty).
pub(super) struct Member<'t> {
    /// As it is spelt, with its quotes.
    pub(super) key: &'t str,
    pub(super) value: Value<'t>,
    /// The place of the member with the same key in the object's twin.
    pub(super) twin_ordinal: Option<u32>,
}

/// What a value is, by its first byte.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Object,
    Array,
    String,
    Number,
    /// `true`, `false`, `null`.
    Literal,
}

impl<'t> Tape<'t> {
    /// Takes `text` apart, along `guide` if there is one.
    ///
    /// # Errors
    /// Where (in bytes) the text ceases to be JSON.
    pub(super) fn parse(text: &'t str, guide: Option<&'t Tape<'t>>) -> Result<Self, usize> {
        let expected_nodes = if guide.is_some() {
            32
        } else {
            text.len() / 16 + 1
        };
        let mut nodes = Vec::with_capacity(expected_nodes);
        nodes.push(Node::new(guide.map_or(NONE, |_| 0), 0));
        let mut parser = Parser {
            bytes: text.as_bytes(),
            at: 0,
            nodes,
            guide,
            has_escaped_keys: guide.is_some_and(|guide| guide.has_escaped_keys),
        };
        let complete = parser.document();
        match complete {
            Some(()) => Ok(Self {
                text,
                nodes: parser.nodes,
                guide,
                has_escaped_keys: parser.has_escaped_keys,
            }),
            None => Err(parser.at),
        }
    }

    pub(super) fn root(&'t self) -> Value<'t> {
        Value {
            tape: self,
            index: 0,
        }
    }

    pub(super) fn root_kind(&self) -> Kind {
        self.kind(0)
    }

    fn kind(&self, index: u32) -> Kind {
        match self.text.as_bytes()[self.node(index).start as usize] {
            b'{' => Kind::Object,
            b'[' => Kind::Array,
            b'"' => Kind::String,
            b't' | b'f' | b'n' => Kind::Literal,
            _ => Kind::Number,
        }
    }

    fn node(&self, index: u32) -> &Node {
        &self.nodes[index as usize]
    }

    fn first_child(&self, index: u32) -> u32 {
        if self.node(index).child_count > 0 {
            index + 1
        } else {
            NONE
        }
    }
}

impl<'t> Value<'t> {
    /// The value as it is spelt.
    pub(super) fn text(self) -> &'t str {
        let node = self.tape.node(self.index);
        &self.tape.text[node.start as usize..node.end as usize]
    }

    pub(super) fn kind(self) -> Kind {
        self.tape.kind(self.index)
    }

    /// Whether it is a container that was too deep to be taken apart.
    pub(super) fn is_opaque(self) -> bool {
        self.tape.node(self.index).opaque
    }

    /// Whether both are spelt the same, byte for byte.
    pub(super) fn is_identical(self, other: Self) -> bool {
        (std::ptr::eq(self.tape, other.tape) && self.index == other.index)
            || self.text() == other.text()
    }

    /// Whether this was parsed along `other`, so that `twin_ordinal` of its members counts members of `other`.
    pub(super) fn is_guided_by(self, other: Self) -> bool {
        let is_guide = self
            .tape
            .guide
            .is_some_and(|guide| std::ptr::eq(guide, other.tape));
        is_guide && self.tape.node(self.index).twin == other.index
    }

    /// Whether keys around here may be spelt with escapes, so that different spellings can be the same key.
    pub(super) fn may_have_escaped_keys(self) -> bool {
        self.tape.has_escaped_keys
    }

    /// How many members or elements there are; members with the same key count each.
    pub(super) fn child_count(self) -> usize {
        self.tape.node(self.index).child_count as usize
    }

    /// The members of an object, or the elements of an array; none of anything else, nor of an opaque container.
    pub(super) fn children(self) -> impl Iterator<Item = Member<'t>> {
        let tape = self.tape;
        let mut index = tape.first_child(self.index);
        std::iter::from_fn(move || {
            if index == NONE {
                return None;
            }
            let node = tape.node(index);
            let twin = if node.twin == NONE {
                None
            } else {
                tape.guide.map(|guide| (guide, node.twin))
            };
            let value = match twin {
                Some((guide, twin)) if node.identical => Value {
                    tape: guide,
                    index: twin,
                },
                _ => Value { tape, index },
            };
            index = node.next;
            Some(Member {
                key: &tape.text[node.key_start as usize..node.key_end as usize],
                value,
                twin_ordinal: twin.map(|(guide, twin)| guide.node(twin).ordinal),
            })
        })
    }
}

impl Node {
    fn new(twin: u32, ordinal: u32) -> Self {
        Self {
            key_start: 0,
            key_end: 0,
            start: 0,
            end: 0,
            next: NONE,
            twin,
            ordinal,
            child_count: 0,
            identical: false,
            opaque: false,
        }
    }
}

/// Positions fit: a text that is parsed is shorter than 4 GiB.
fn narrow(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(NONE)
}

/// Each method returns `None` where the text is not JSON, with `at` near the place.
struct Parser<'t> {
    bytes: &'t [u8],
    at: usize,
    nodes: Vec<Node>,
    guide: Option<&'t Tape<'t>>,
    has_escaped_keys: bool,
}

impl Parser<'_> {
    fn document(&mut self) -> Option<()> {
        self.whitespace();
        self.value(0, 1)?;
        self.whitespace();
        if self.at == self.bytes.len() {
            Some(())
        } else {
            None
        }
    }

    /// The value of the node at `index`, whose twin is set; `depth` is what its own depth is if it is a container.
    fn value(&mut self, index: u32, depth: usize) -> Option<()> {
        let start = self.at;
        match self.peek()? {
            b'{' | b'[' if depth > MAX_DEPTH => {
                self.skip_container()?;
                self.nodes[index as usize].opaque = true;
            }
            b'{' => self.container(index, depth, Kind::Object)?,
            b'[' => self.container(index, depth, Kind::Array)?,
            _ => self.scalar()?,
        }
        let node = &mut self.nodes[index as usize];
        (node.start, node.end) = (narrow(start), narrow(self.at));
        Some(())
    }

    fn container(&mut self, parent: u32, depth: usize, kind: Kind) -> Option<()> {
        let close = if kind == Kind::Object { b'}' } else { b']' };
        self.at += 1;
        self.whitespace();
        if self.peek()? == close {
            self.at += 1;
            return Some(());
        }
        let twin_parent = self.nodes[parent as usize].twin;
        let mut candidate = match self.guide {
            Some(guide) if twin_parent != NONE && guide.kind(twin_parent) == kind => {
                guide.first_child(twin_parent)
            }
            _ => NONE,
        };
        let mut ordinal = 0;
        loop {
            let index = narrow(self.nodes.len());
            self.nodes.push(Node::new(NONE, ordinal));
            let twin = if kind == Kind::Object {
                self.key(index, candidate)?
            } else {
                candidate
            };
            if let Some(guide) = self.guide
                && twin != NONE
            {
                candidate = guide.node(twin).next;
                self.nodes[index as usize].twin = twin;
                self.nodes[index as usize].identical = self.skip_identical(guide, twin);
            }
            if !self.nodes[index as usize].identical {
                self.value(index, depth + 1)?;
            }
            self.whitespace();
            match self.peek()? {
                b',' => self.at += 1,
                byte if byte == close => break,
                _ => return None,
            }
            self.whitespace();
            ordinal += 1;
            self.nodes[index as usize].next = narrow(self.nodes.len());
        }
        self.at += 1;
        self.nodes[parent as usize].child_count = ordinal + 1;
        Some(())
    }

    /// The key and the colon of the member at `index`; returns the guide's member with the same key, looking at `candidate`
    /// and some that follow it.
    fn key(&mut self, index: u32, mut candidate: u32) -> Option<u32> {
        let start = self.at;
        let mut twin = NONE;
        if let Some(guide) = self.guide {
            for _ in 0..LOOK_AHEAD {
                if candidate == NONE {
                    break;
                }
                let node = guide.node(candidate);
                let key = &guide.text.as_bytes()[node.key_start as usize..node.key_end as usize];
                // A key ends with its quote, so a prefix is the whole key.
                if self.bytes[start..].starts_with(key) {
                    twin = candidate;
                    self.at += key.len();
                    break;
                }
                candidate = node.next;
            }
        }
        if twin == NONE {
            if self.peek()? != b'"' {
                return None;
            }
            self.string()?;
            self.has_escaped_keys |= self.bytes[start..self.at].contains(&b'\\');
        }
        let node = &mut self.nodes[index as usize];
        (node.key_start, node.key_end) = (narrow(start), narrow(self.at));
        self.colon()?;
        Some(twin)
    }

    /// Passes over a value that is spelt as the guide's value at `twin`.
    fn skip_identical(&mut self, guide: &Tape<'_>, twin: u32) -> bool {
        let node = guide.node(twin);
        let value = &guide.text.as_bytes()[node.start as usize..node.end as usize];
        let end = self.at + value.len();
        // The byte behind it tells `1` from the beginning of `10`.
        let is_identical = self.bytes[self.at..].starts_with(value)
            && matches!(self.bytes.get(end), Some(b',' | b'}' | b']'));
        if is_identical {
            self.at = end;
        }
        is_identical
    }

    /// Passes over a container of any depth, without recursion.
    fn skip_container(&mut self) -> Option<()> {
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

    fn colon(&mut self) -> Option<()> {
        self.whitespace();
        if self.peek()? != b':' {
            return None;
        }
        self.at += 1;
        self.whitespace();
        Some(())
    }

    fn scalar(&mut self) -> Option<()> {
        match self.peek()? {
            b'"' => self.string(),
            b't' => self.literal("true"),
            b'f' => self.literal("false"),
            b'n' => self.literal("null"),
            _ => self.number(),
        }
    }

    fn string(&mut self) -> Option<()> {
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

    fn whitespace(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
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
    use proptest::prelude::*;
    use serde_json::value::RawValue;

    use super::*;

    fn is_json(text: &str) -> bool {
        Tape::parse(text, None).is_ok()
    }

    fn spans(tape: &Tape<'_>) -> Vec<String> {
        tape.root()
            .children()
            .map(|member| format!("{}={}", member.key, member.value.text()))
            .collect()
    }

    #[test]
    fn members_are_found_with_their_keys_and_values() {
        let text = r#" { "a" : 1 , "b\"}" : [ { "c" : "]" } , -1.5e+3 ] , "" : { } } "#;
        let tape = Tape::parse(text, None).expect("JSON");
        assert_eq!(
            spans(&tape),
            [
                r#""a"=1"#,
                r#""b\"}"=[ { "c" : "]" } , -1.5e+3 ]"#,
                r#"""={ }"#
            ]
        );
    }

    #[test]
    fn a_guide_gives_the_same_members_as_parsing_without() {
        let guide_text = r#"{"a":1,"b":{"c":[1,2],"d":"x"},"e":10,"f":null}"#;
        let guide = Tape::parse(guide_text, None).expect("JSON");
        for text in [
            r#"{"a":10,"b":{"c":[1,2],"d":"y"},"e":1,"f":null}"#,
            r#"{"f":null,"e":10,"b":{"d":"x","c":[1,2]},"a":1}"#,
            r#"{"a":1 ,"new":0,"b":{"c":[1,2,3],"d":"x"},"f":null}"#,
            r#"{"a":1,"a":2,"b":7,"b":{"c":[1,2],"d":"x"}}"#,
            r#"{"a":{"x":1},"b":[1,2],"e":{"y":[3]},"f":[]}"#,
            r"{}",
        ] {
            let guided = Tape::parse(text, Some(&guide)).expect("JSON");
            assert_eq!(
                spans(&guided),
                spans(&Tape::parse(text, None).expect("JSON")),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_the_same_in_the_guide_is_not_taken_apart_again() {
        let guide_text = r#"{"a":{"x":[1,2,3]},"b":1}"#;
        let guide = Tape::parse(guide_text, None).expect("JSON");
        let guided = Tape::parse(r#"{"a":{"x":[1,2,3]},"b":2}"#, Some(&guide)).expect("JSON");
        assert_eq!(guided.nodes.len(), 3);
    }

    #[test]
    fn a_guide_does_not_make_broken_text_pass() {
        let guide_text = r#"{"a":{"b":1},"c":1}"#;
        let guide = Tape::parse(guide_text, None).expect("JSON");
        for text in [
            r#"{"a":{"b":1}"#,
            r#"{"a":{"b":1},"c":1"#,
            r#"{"a":{"b":1},"c":1]"#,
            r#"{"a":{"b":1],"c":1}"#,
            r#"{"a":{"b":1},}"#,
            r#"{"a":{"b":1},"c":1}}"#,
            r#"{"a":{"b":1}"c":1}"#,
        ] {
            assert!(Tape::parse(text, Some(&guide)).is_err(), "{text}");
        }
    }

    #[test]
    fn the_error_says_where_the_text_ceases_to_be_json() {
        assert_eq!(Tape::parse(r#"{"a":tru}"#, None).err(), Some(5));
        assert_eq!(Tape::parse("", None).err(), Some(0));
        assert_eq!(Tape::parse("{} x", None).err(), Some(3));
    }

    #[test]
    fn containers_below_the_depth_limit_are_opaque_and_still_checked() {
        let nested = |depth: usize, inner: &str| {
            format!("{}{inner}{}", r#"{"a":"#.repeat(depth), "}".repeat(depth))
        };
        let depth_of = |text: &str| {
            let tape = Tape::parse(text, None).expect("JSON");
            let mut value = tape.root();
            let mut depth = 0;
            while let Some(member) = value.children().next() {
                value = member.value;
                depth += 1;
            }
            (depth, value.is_opaque())
        };
        assert_eq!(depth_of(&nested(MAX_DEPTH, "1")), (MAX_DEPTH, false));
        assert_eq!(depth_of(&nested(MAX_DEPTH + 1, "1")), (MAX_DEPTH, true));
        assert!(is_json(&nested(MAX_DEPTH + 5, r#"[1,{"b":[]},{},"x"]"#)));
        for broken in [
            "",
            "[1,]",
            "[1,{]}",
            "[1 2]",
            r#"{"b" 1}"#,
            "{b:1}",
            "[}",
            "[[]",
        ] {
            assert!(!is_json(&nested(MAX_DEPTH + 5, broken)), "{broken}");
        }
    }

    #[test]
    fn text_nested_a_hundred_thousand_deep_does_not_overflow_the_stack() {
        for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
            assert!(is_json(&format!(
                "{}1{}",
                open.repeat(100_000),
                close.repeat(100_000)
            )));
            assert!(!is_json(&open.repeat(100_000)));
        }
    }

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

    proptest! {
        #[test]
        fn a_text_is_json_exactly_if_serde_takes_it_for_json(
            text in r#"[ \[\]{}:,"0-9eE.+\-\\untrfalse\x00-\x20\x7f-\xffd8]{0,24}"#
        ) {
            prop_assert_eq!(is_json(&text), serde_json::from_str::<&RawValue>(&text).is_ok());
        }

        #[test]
        fn json_with_one_edit_is_json_exactly_if_serde_takes_it_for_json(
            position in 0_usize..90, removed in 0_usize..3, added in r#"[ \[\]{}:,"0-9e.\-\\untx]{0,2}"#
        ) {
            let mut text = r#"{"a":[1,-2.5e3,{"b":null,"c":"x\u00e9\n"}],"d":{},"e":[],"f":[true,false],"g":0.5}"#.to_owned();
            let start = position.min(text.len());
            text.replace_range(start..(start + removed).min(text.len()), &added);
            let expected = serde_json::from_str::<&RawValue>(&text).is_ok();
            prop_assert_eq!(is_json(&text), expected);
            let guide_text = r#"{"a":[1,-2.5e3,{"b":null}],"d":{},"e":[],"f":[true,false],"g":0.5}"#;
            let guide = Tape::parse(guide_text, None).expect("JSON");
            prop_assert_eq!(Tape::parse(&text, Some(&guide)).is_ok(), expected);
        }
    }
}
