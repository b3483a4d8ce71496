//! Session ids, as the table's keys: bytes that stand for a JavaScript string, each for another.
//!
//! JavaScript's strings may have lone surrogates, which UTF-8 has not; two ids that differ in them alone must not become
//! one. So ids are WTF-8: UTF-8, with a lone surrogate as the three bytes that its number would have.

/// The key of an id, given its UTF-16 code units.
#[must_use]
pub fn key(units: &[u16]) -> Vec<u8> {
    let mut key = Vec::with_capacity(units.len());
    if units.iter().fold(0, |all, unit| all | unit) < 0x80 {
        key.extend(units.iter().map(|unit| unit.to_le_bytes()[0]));
        return key;
    }
    for unit in char::decode_utf16(units.iter().copied()) {
        match unit {
            Ok(character) => key.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
            Err(error) => {
                let [low, high] = error.unpaired_surrogate().to_le_bytes();
                key.extend([
                    0xE0 | (high >> 4),
                    0x80 | ((high & 0x0F) << 2) | (low >> 6),
                    0x80 | (low & 0x3F),
                ]);
            }
        }
    }
    key
}

/// The UTF-16 code units of a key's id.
#[must_use]
pub fn units(key: &[u8]) -> Vec<u16> {
    let mut units = Vec::with_capacity(key.len());
    let mut rest = key;
    while let Some(chunk) = rest.utf8_chunks().next() {
        units.extend(chunk.valid().encode_utf16());
        let Some((surrogate, after)) = rest[chunk.valid().len()..].split_first_chunk::<3>() else {
            break;
        };
        let [a, b, c] = surrogate.map(u16::from);
        units.push(((a & 0x0F) << 12) | ((b & 0x3F) << 6) | (c & 0x3F));
        rest = after;
    }
    units
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
