//! The random value that a browser gets over HTTP and presents on its socket.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

use uuid::{Uuid, Variant};

/// A key: a random UUID (version 4), whose text is given by `Display`.
///
/// Whoever presents it is bound to the session that its record names, so it is a secret: `Debug` shows its [`fingerprint`] only.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Key(Uuid);

impl Key {
    /// Makes a new key from the system's random source.
    #[must_use]
    pub fn generate() -> Self {
        Self(Uuid::new_v4())
    }

    /// Reads a key in the one form that is handed out, which is also that of `uuid.v4()` in JavaScript: 36 characters,
    /// lower-case hexadecimal, hyphens in place, version 4, RFC 4122 variant. Other spellings of a UUID are no keys.
    ///
    /// Nothing else may ever reach a session store, where it could be a path, an operator or somebody's session id.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let uuid = Uuid::try_parse(text).ok()?;
        let is_ours = uuid.get_version_num() == 4 && uuid.get_variant() == Variant::RFC4122;
        (is_ours && uuid.to_string() == text).then_some(Self(uuid))
    }
}

/// The key's text, for the client or the session store; never for a log.
impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, formatter)
    }
}

/// Redacted: a fingerprint such as `Key(#1a2b3c4d)`.
impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Key(#{})", fingerprint(&self.to_string()))
    }
}

/// Eight hexadecimal digits that stand for a key or a session id in logs and errors.
///
/// The same id has the same fingerprint as long as the process lives; the hash is seeded anew in each process, and 32
/// bits do not lead back to the id.
#[must_use]
pub fn fingerprint(id: &str) -> String {
    static SEED: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    format!("{:08x}", SEED.hash_one(id) >> 32)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::thread;

    use proptest::prelude::*;

    use super::*;

    const GOOD: &str = "3f2a1b0c-9d8e-4f7a-8b6c-5d4e3f2a1b0c";

    #[test]
    fn a_generated_key_is_a_well_formed_random_uuid() {
        for _ in 0..1_000 {
            let key = Key::generate();
            let uuid = Uuid::parse_str(&key.to_string()).expect("a UUID");
            assert_eq!(uuid.get_version_num(), 4);
            assert_eq!(uuid.get_variant(), uuid::Variant::RFC4122);
            assert_eq!(Key::parse(&key.to_string()), Some(key));
        }
    }

    #[test]
    fn keys_do_not_repeat_within_and_across_threads() {
        let threads: Vec<_> = (0..4)
            .map(|_| thread::spawn(|| (0..5_000).map(|_| Key::generate()).collect::<Vec<_>>()))
            .collect();
        let keys: HashSet<Key> =
            threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect();
        assert_eq!(keys.len(), 20_000);
    }

    #[test]
    fn every_free_bit_of_a_key_is_random() {
        let (mut ones, mut zeros) = (0_u128, 0_u128);
        for _ in 0..500 {
            let bits = Key::generate().0.as_u128();
            ones |= bits;
            zeros |= !bits;
        }
        assert_eq!((ones & zeros).count_ones(), 122);
    }

    #[test]
    fn only_the_form_that_is_handed_out_is_a_key() {
        assert_eq!(Key::parse(GOOD).map(|key| key.to_string()), Some(GOOD.to_owned()));
        let refused = [
            "",
            "abc",
            "__proto__",
            "3F2A1B0C-9D8E-4F7A-8B6C-5D4E3F2A1B0C",
            "3f2a1b0c9d8e4f7a8b6c5d4e3f2a1b0c",
            "{3f2a1b0c-9d8e-4f7a-8b6c-5d4e3f2a1b0c}",
            "urn:uuid:3f2a1b0c-9d8e-4f7a-8b6c-5d4e3f2a1b0c",
            " 3f2a1b0c-9d8e-4f7a-8b6c-5d4e3f2a1b0c",
            "3f2a1b0c-9d8e-4f7a-8b6c-5d4e3f2a1b0c\n",
            "3f2a1b0c-9d8e-4f7a-8b6c-5d4e3f2a1b0",
            "3f2a1b0c-9d8e-1f7a-8b6c-5d4e3f2a1b0c",
            "3f2a1b0c-9d8e-4f7a-cb6c-5d4e3f2a1b0c",
            "3f2a1b0c-9d8e-4f7a-7b6c-5d4e3f2a1b0c",
            "3f2a1b0c_9d8e-4f7a-8b6c-5d4e3f2a1b0c",
            "3f2a1b0c--d8e-4f7a-8b6c-5d4e3f2a1b0c",
            "3g2a1b0c-9d8e-4f7a-8b6c-5d4e3f2a1b0c",
            "../../../../../../../etc/passwd/../..",
            "00000000-0000-0000-0000-000000000000",
            "ffffffff-ffff-ffff-ffff-ffffffffffff",
            "é2a1b0c-9d8e-4f7a-8b6c-5d4e3f2a1b0c",
        ];
        for text in refused {
            assert_eq!(Key::parse(text), None, "{text}");
        }
    }

    #[test]
    fn debug_shows_a_fingerprint_and_not_the_key() {
        let key = Key::parse(GOOD).expect("a key");
        let shown = format!("{key:?}");
        assert_eq!(shown, format!("Key(#{})", fingerprint(GOOD)));
        assert_eq!(shown.len(), "Key(#1a2b3c4d)".len());
        assert!(!GOOD.split('-').any(|part| shown.contains(part)));
    }

    #[test]
    fn a_fingerprint_is_stable_in_a_process_and_tells_ids_apart() {
        assert_eq!(fingerprint("a"), fingerprint("a"));
        let all: HashSet<String> = (0..100).map(|number| fingerprint(&number.to_string())).collect();
        assert_eq!(all.len(), 100);
        assert!(all.iter().all(|text| text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit())));
    }

    proptest! {
        #[test]
        fn a_text_is_a_key_exactly_if_uuid_reads_it_as_version_4_and_writes_it_the_same(
            text in "[0-9a-f]{8}-[0-9a-f]{4}-[45][0-9a-f]{3}-[0-9a-f]{4}-[0-9a-fA]{12}"
        ) {
            let expected = Uuid::parse_str(&text).is_ok_and(|uuid| {
                uuid.get_version_num() == 4 && uuid.get_variant() == uuid::Variant::RFC4122 && uuid.to_string() == text
            });
            prop_assert_eq!(Key::parse(&text).is_some(), expected);
        }

        #[test]
        fn no_text_makes_parse_panic(text in any::<String>()) {
            prop_assert!(Key::parse(&text).is_none());
        }
    }
}
