//! When two values are the same to JavaScript, however they are spelt, and which keys name the same member.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::tape::{Kind, Value};

/// Up to so many keys are found faster by looking at each.
const MAX_UNINDEXED: usize = 16;

/// Whether both values are the same once `JSON.parse` has read them: order of members, escapes, whitespace and the form of
/// numbers do not count, and of members with the same key the last does.
///
/// Containers below [`super::parser::MAX_DEPTH`] are the same only if their bytes are.
pub(super) fn is_same(one: Value<'_>, other: Value<'_>) -> bool {
    if one.is_identical(other) {
        return true;
    }
    let kind = one.kind();
    if kind != other.kind() || one.is_opaque() || other.is_opaque() {
        return false;
    }
    match kind {
        Kind::Literal => false,
        Kind::Number => number(one) == number(other),
        Kind::String => decode(one.text()) == decode(other.text()),
        Kind::Array => {
            let mut others = other.children();
            one.children().all(|element| {
                others
                    .next()
                    .is_some_and(|next| is_same(element.value, next.value))
            }) && others.next().is_none()
        }
        Kind::Object => are_same_objects(one, other),
    }
}

fn are_same_objects(one: Value<'_>, other: Value<'_>) -> bool {
    match are_same_in_order(one, other) {
        Some(are_same) => are_same,
        None => are_same_in_any_order(one, other),
    }
}

/// Compares objects whose members come in the same order, which is the usual case; `None` if that does not decide.
fn are_same_in_order(one: Value<'_>, other: Value<'_>) -> Option<bool> {
    if one.child_count() != other.child_count() {
        return None;
    }
    for (member, other_member) in one.children().zip(other.children()) {
        if member.key != other_member.key {
            return None;
        }
        if !is_same(member.value, other_member.value) {
            // A difference, unless it is one of members that a later one with the same key replaces.
            let is_only = |object: Value<'_>| {
                !object.may_have_escaped_keys()
                    && object
                        .children()
                        .filter(|candidate| candidate.key == member.key)
                        .count()
                        == 1
            };
            return if is_only(one) && is_only(other) {
                Some(false)
            } else {
                None
            };
        }
    }
    Some(true)
}

fn are_same_in_any_order(one: Value<'_>, other: Value<'_>) -> bool {
    let mut keys = KeyIndex::with_capacity(one.child_count());
    let mut values: Vec<(Value<'_>, Option<Value<'_>>)> = Vec::with_capacity(one.child_count());
    for member in one.children() {
        let place = keys.find_or_add(decode(member.key));
        if place == values.len() {
            values.push((member.value, None));
        } else {
            values[place].0 = member.value;
        }
    }
    for member in other.children() {
        match keys.find(&decode(member.key)) {
            Some(place) => values[place].1 = Some(member.value),
            None => return false,
        }
    }
    values
        .into_iter()
        .all(|(value, other)| other.is_some_and(|other| is_same(value, other)))
}

/// A number as JavaScript reads it.
fn number(value: Value<'_>) -> Option<f64> {
    value.text().parse().ok()
}

/// The text of a JSON string given with its quotes, as bytes: UTF-8, and a lone surrogate (which `JSON.stringify` writes as an
/// escape, and no `str` can hold) as the three bytes that it would have in UTF-8.
pub(super) fn decode(quoted: &str) -> Cow<'_, [u8]> {
    let spelt = &quoted.as_bytes()[1..quoted.len() - 1];
    if !spelt.contains(&b'\\') {
        return Cow::Borrowed(spelt);
    }
    let mut decoded = Vec::with_capacity(spelt.len());
    let mut at = 0;
    while let Some(&byte) = spelt.get(at) {
        if byte != b'\\' {
            decoded.push(byte);
            at += 1;
            continue;
        }
        at += 2;
        match spelt[at - 1] {
            b'b' => decoded.push(8),
            b'f' => decoded.push(12),
            b'n' => decoded.push(b'\n'),
            b'r' => decoded.push(b'\r'),
            b't' => decoded.push(b'\t'),
            b'u' => {
                let mut unit = code_unit(&spelt[at..]).unwrap_or_default();
                at += 4;
                if (0xd800..0xdc00).contains(&unit)
                    && spelt[at..].starts_with(b"\\u")
                    && let Some(low @ 0xdc00..0xe000) = code_unit(&spelt[at + 2..])
                {
                    unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
                    at += 6;
                }
                push_code_point(&mut decoded, unit);
            }
            verbatim => decoded.push(verbatim),
        }
    }
    Cow::Owned(decoded)
}

/// The number that four hexadecimal digits write.
fn code_unit(digits: &[u8]) -> Option<u32> {
    let digits = std::str::from_utf8(digits.get(..4)?).ok()?;
    u32::from_str_radix(digits, 16).ok()
}

fn push_code_point(decoded: &mut Vec<u8>, code_point: u32) {
    if let Some(character) = char::from_u32(code_point) {
        decoded.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    } else {
        // A surrogate: 1110xxxx 10xxxxxx 10xxxxxx.
        let [_, _, high, low] = code_point.to_be_bytes();
        decoded.extend([
            0xe0 | (high >> 4),
            0x80 | ((high & 0x0f) << 2) | (low >> 6),
            0x80 | (low & 0x3f),
        ]);
    }
}

/// Decoded keys in the order in which they came, each once, and the place of each.
#[derive(Default)]
pub(super) struct KeyIndex<'t> {
    keys: Vec<Cow<'t, [u8]>>,
    /// Made for many keys only. Seeded at random: clients may choose the keys.
    places: Option<HashMap<Cow<'t, [u8]>, usize>>,
}

impl<'t> KeyIndex<'t> {
    pub(super) fn with_capacity(expected: usize) -> Self {
        let places = (expected > MAX_UNINDEXED).then(|| HashMap::with_capacity(expected));
        Self {
            keys: Vec::with_capacity(expected),
            places,
        }
    }

    pub(super) fn find(&self, key: &[u8]) -> Option<usize> {
        match &self.places {
            Some(places) => places.get(key).copied(),
            None => self.keys.iter().position(|known| **known == *key),
        }
    }

    /// The place of `key`, which is added at the end if it is new.
    pub(super) fn find_or_add(&mut self, key: Cow<'t, [u8]>) -> usize {
        let next = self.keys.len();
        if self.places.is_none() {
            if let Some(place) = self.find(&key) {
                return place;
            }
            if next < MAX_UNINDEXED {
                self.keys.push(key);
                return next;
            }
        }
        let places = self
            .places
            .get_or_insert_with(|| self.keys.iter().cloned().zip(0..).collect());
        match places.entry(key) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => {
                self.keys.push(new.key().clone());
                *new.insert(next)
            }
        }
    }

    pub(super) fn key(&self, place: usize) -> &[u8] {
        &self.keys[place]
    }
}

#[cfg(test)]
mod tests {
    use super::super::tape::Tape;
    use super::*;

    fn same(one: &str, other: &str) -> bool {
        let one = Tape::parse(one, None).expect("JSON");
        let other = Tape::parse(other, Some(&one)).expect("JSON");
        let forth = is_same(one.root(), other.root());
        assert_eq!(forth, is_same(other.root(), one.root()));
        forth
    }

    #[test]
    fn another_spelling_is_the_same_value() {
        for (one, other) in [
            ("1", "1.0"),
            ("100", "1e2"),
            ("0", "-0"),
            ("9007199254740993", "9007199254740992"),
            (r#""é""#, r#""\u00e9""#),
            (r#""\u00E9""#, r#""\u00e9""#),
            (r#""🦀""#, r#""\ud83e\udd80""#),
            (r#""/\n""#, r#""\/\u000a""#),
            ("[1,2]", " [ 1 , 2 ] "),
            (
                r#"{"a":1,"b":{"c":2,"d":3}}"#,
                r#"{"b":{"d":3,"c":2.0},"a":1}"#,
            ),
            (r#"{"a":1}"#, r#"{"\u0061":1}"#),
            (r#"{"a":1}"#, r#"{"a":2,"a":1}"#),
            (r#"{"a":1,"b":2}"#, r#"{"a":9,"b":2,"\u0061":1}"#),
        ] {
            assert!(same(one, other), "{one} {other}");
        }
    }

    #[test]
    fn another_value_is_not_the_same() {
        for (one, other) in [
            ("1", "2"),
            ("1", r#""1""#),
            ("1", "-1"),
            ("true", "false"),
            ("null", "{}"),
            ("[]", "{}"),
            ("[1]", "[1,2]"),
            ("[1,2]", "[2,1]"),
            (r#""\ud800""#, r#""\ud801""#),
            (r#""\ud800""#, r#""\ufffd""#),
            (r#"{"a":1}"#, r#"{"a":1,"b":2}"#),
            (r#"{"a":1}"#, r#"{"b":1}"#),
            (r#"{"a":1,"a":2}"#, r#"{"a":2,"a":1}"#),
            (r#"{"a":1,"a":1}"#, r#"{"a":1,"b":1}"#),
        ] {
            assert!(!same(one, other), "{one} {other}");
        }
    }

    #[test]
    fn strings_are_decoded_with_lone_surrogates_kept_apart() {
        assert_eq!(
            &*decode(r#""a\"\\\/\b\f\n\r\t\u0041""#),
            b"a\"\\/\x08\x0c\n\r\tA"
        );
        assert_eq!(&*decode(r#""\ud83e\udd80""#), "🦀".as_bytes());
        assert_eq!(&*decode(r#""\ud800""#), [0xed, 0xa0, 0x80]);
        assert_eq!(
            &*decode(r#""\udfff\ud800x""#),
            [0xed, 0xbf, 0xbf, 0xed, 0xa0, 0x80, b'x']
        );
        assert_eq!(
            &*decode(r#""\ud800\ud83e\udd80""#),
            [0xed, 0xa0, 0x80, 0xf0, 0x9f, 0xa6, 0x80]
        );
    }

    #[test]
    fn many_keys_are_found_as_few_are() {
        let mut keys = KeyIndex::default();
        for round in 0..2 {
            for number in 0..100 {
                let place = keys.find_or_add(Cow::Owned(format!("key{number}").into_bytes()));
                assert_eq!(place, number, "round {round}");
            }
        }
        assert_eq!(keys.find(b"key99"), Some(99));
        assert_eq!(keys.find(b"key100"), None);
        assert_eq!(keys.key(17), b"key17");
    }
}
