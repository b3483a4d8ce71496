//! Session ids, as the table's keys: bytes that stand for a JavaScript string, each for another.
//!
//! JavaScript's strings may have lone surrogates, which UTF-8 has not; two ids that differ in them alone must not become one. So
//! the key of an id is its UTF-8, or, if it has none, its UTF-16 behind a byte that is in no UTF-8.

use std::iter;

/// The first byte of a key in UTF-16.
const UTF16: u8 = 0xFF;

/// The key of an id, given its UTF-16 code units.
#[must_use]
pub fn key(units: &[u16]) -> Vec<u8> {
    match String::from_utf16(units) {
        Ok(text) => text.into_bytes(),
        Err(_) => iter::once(UTF16).chain(units.iter().flat_map(|unit| unit.to_le_bytes())).collect(),
    }
}

/// The UTF-16 code units of a key's id.
#[must_use]
pub fn units(key: &[u8]) -> Vec<u16> {
    match str::from_utf8(key) {
        Ok(text) => text.encode_utf16().collect(),
        Err(_) => key[1..].as_chunks().0.iter().map(|unit| u16::from_le_bytes(*unit)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ids_without_lone_surrogates_are_utf8() {
        for id in ["", "abc", "__proto__", "\0", "é", "😀 ’"] {
            let text: Vec<u16> = id.encode_utf16().collect();
            assert_eq!(key(&text), id.as_bytes());
        }
    }

    #[test]
    fn lone_surrogates_are_told_apart() {
        assert_ne!(key(&[0xD800]), key(&[0xD801]));
        assert_ne!(key(&[0xD800]), key(&[0xFFFD]));
    }

    proptest! {
        #[test]
        fn an_id_comes_back_as_it_was(units in proptest::collection::vec(
            prop_oneof![any::<u16>(), 0xD7F0u16..0xE010, 0u16..0x80], 0..20)) {
            prop_assert_eq!(super::units(&key(&units)), units);
        }
    }
}
