//! Fills a tape: takes a text apart, along the tape of a similar one where there is one.

use super::scanner::Scanner;
use super::tape::{Kind, NONE, Node, Tape};

/// How deep a text is taken apart: containers below are one opaque value each. Bounds every recursion over a tape.
pub(super) const MAX_DEPTH: usize = 128;
/// How many of the guide's members are tried for the next key, so that added and removed members do not end the guiding.
const LOOK_AHEAD: usize = 8;

/// The nodes of a text, and whether a key in it or in the guide is spelt with an escape.
///
/// # Errors
/// Where (in bytes) the text ceases to be JSON.
pub(super) fn parse(text: &[u8], guide: Option<&Tape<'_>>) -> Result<(Vec<Node>, bool), usize> {
    let expected_nodes = if guide.is_some() {
        32
    } else {
        text.len() / 16 + 1
    };
    let mut nodes = Vec::with_capacity(expected_nodes);
    nodes.push(Node::new(guide.map_or(NONE, |_| 0), 0));
    let mut parser = Parser {
        scanner: Scanner { bytes: text, at: 0 },
        nodes,
        guide,
        has_escaped_keys: guide.is_some_and(Tape::has_escaped_keys),
    };
    match parser.document() {
        Some(()) => Ok((parser.nodes, parser.has_escaped_keys)),
        None => Err(parser.scanner.at),
    }
}

/// Positions fit: a text that is parsed is shorter than 4 GiB.
fn narrow(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(NONE)
}

/// Each method returns `None` where the text is not JSON, with the scanner near the place.
struct Parser<'t> {
    scanner: Scanner<'t>,
    nodes: Vec<Node>,
    guide: Option<&'t Tape<'t>>,
    has_escaped_keys: bool,
}

impl Parser<'_> {
    fn document(&mut self) -> Option<()> {
        self.scanner.whitespace();
        self.value(0, 1)?;
        self.scanner.whitespace();
        if self.scanner.at == self.scanner.bytes.len() {
            Some(())
        } else {
            None
        }
    }

    /// The value of the node at `index`, whose twin is set; `depth` is what its own depth is if it is a container.
    fn value(&mut self, index: u32, depth: usize) -> Option<()> {
        let start = self.scanner.at;
        match self.scanner.peek()? {
            b'{' | b'[' if depth > MAX_DEPTH => {
                self.scanner.skip_container()?;
                self.nodes[index as usize].opaque = true;
            }
            b'{' => self.container(index, depth, Kind::Object)?,
            b'[' => self.container(index, depth, Kind::Array)?,
            _ => self.scanner.scalar()?,
        }
        let node = &mut self.nodes[index as usize];
        (node.start, node.end) = (narrow(start), narrow(self.scanner.at));
        Some(())
    }

    fn container(&mut self, parent: u32, depth: usize, kind: Kind) -> Option<()> {
        let close = if kind == Kind::Object { b'}' } else { b']' };
        self.scanner.at += 1;
        self.scanner.whitespace();
        if self.scanner.peek()? == close {
            self.scanner.at += 1;
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
            self.scanner.whitespace();
            match self.scanner.peek()? {
                b',' => self.scanner.at += 1,
                byte if byte == close => break,
                _ => return None,
            }
            self.scanner.whitespace();
            ordinal += 1;
            self.nodes[index as usize].next = narrow(self.nodes.len());
        }
        self.scanner.at += 1;
        self.nodes[parent as usize].child_count = ordinal + 1;
        Some(())
    }

    /// The key and the colon of the member at `index`; returns the guide's member with the same key, looking at `candidate`
    /// and some that follow it.
    fn key(&mut self, index: u32, mut candidate: u32) -> Option<u32> {
        let start = self.scanner.at;
        let mut twin = NONE;
        if let Some(guide) = self.guide {
            for _ in 0..LOOK_AHEAD {
                if candidate == NONE {
                    break;
                }
                let node = guide.node(candidate);
                let key = guide.key_bytes(node);
                // A key ends with its quote, so a prefix is the whole key.
                if self.scanner.rest().starts_with(key) {
                    twin = candidate;
                    self.scanner.at += key.len();
                    break;
                }
                candidate = node.next;
            }
        }
        if twin == NONE {
            if self.scanner.peek()? != b'"' {
                return None;
            }
            self.scanner.string()?;
            self.has_escaped_keys |= self.scanner.bytes[start..self.scanner.at].contains(&b'\\');
        }
        let node = &mut self.nodes[index as usize];
        (node.key_start, node.key_end) = (narrow(start), narrow(self.scanner.at));
        self.scanner.colon()?;
        Some(twin)
    }

    /// Passes over a value that is spelt as the guide's value at `twin`.
    fn skip_identical(&mut self, guide: &Tape<'_>, twin: u32) -> bool {
        let value = guide.value_bytes(guide.node(twin));
        let end = self.scanner.at + value.len();
        // The byte behind it tells `1` from the beginning of `10`.
        let is_identical = self.scanner.rest().starts_with(value)
            && matches!(self.scanner.bytes.get(end), Some(b',' | b'}' | b']'));
        if is_identical {
            self.scanner.at = end;
        }
        is_identical
    }
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
