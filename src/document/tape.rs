//! A JSON text taken apart in one pass: where each value begins and ends, without decoding any.

use super::parser::parse;

/// No node.
pub(super) const NONE: u32 = u32::MAX;

/// The values of one JSON text, in the order of the text; the first is the root.
///
/// A tape can be parsed along a *guide*: the tape of a similar text. What is byte for byte the same there needs no parsing and is
/// not taken apart again: the node refers to its twin.
pub(super) struct Tape<'t> {
    text: &'t str,
    pub(super) nodes: Vec<Node>,
    guide: Option<&'t Tape<'t>>,
    /// Whether a key, here or in the guide, is spelt with an escape.
    has_escaped_keys: bool,
}

pub(super) struct Node {
    /// The key with its quotes; empty for elements and the root.
    pub(super) key_start: u32,
    pub(super) key_end: u32,
    pub(super) start: u32,
    pub(super) end: u32,
    /// The next member or element of the same container.
    pub(super) next: u32,
    /// In the guide: the member with the same key, or the element at the same place.
    pub(super) twin: u32,
    /// Place among the members or elements of the container.
    pub(super) ordinal: u32,
    /// How many members or elements it has; the first is the node after this one.
    pub(super) child_count: u32,
    /// The twin has the same bytes.
    pub(super) identical: bool,
    /// A container too deep to be taken apart.
    pub(super) opaque: bool,
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
        let (nodes, has_escaped_keys) = parse(text.as_bytes(), guide)?;
        Ok(Self {
            text,
            nodes,
            guide,
            has_escaped_keys,
        })
    }

    pub(super) fn root(&'t self) -> Value<'t> {
        Value {
            tape: self,
            index: 0,
        }
    }

    pub(super) fn kind(&self, index: u32) -> Kind {
        match self.text.as_bytes()[self.node(index).start as usize] {
            b'{' => Kind::Object,
            b'[' => Kind::Array,
            b'"' => Kind::String,
            b't' | b'f' | b'n' => Kind::Literal,
            _ => Kind::Number,
        }
    }

    pub(super) fn node(&self, index: u32) -> &Node {
        &self.nodes[index as usize]
    }

    /// The bytes of a node's key, with its quotes.
    pub(super) fn key_bytes(&self, node: &Node) -> &[u8] {
        &self.text.as_bytes()[node.key_start as usize..node.key_end as usize]
    }

    /// The bytes of a node's value.
    pub(super) fn value_bytes(&self, node: &Node) -> &[u8] {
        &self.text.as_bytes()[node.start as usize..node.end as usize]
    }

    pub(super) fn has_escaped_keys(&self) -> bool {
        self.has_escaped_keys
    }

    pub(super) fn first_child(&self, index: u32) -> u32 {
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
    pub(super) fn new(twin: u32, ordinal: u32) -> Self {
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
