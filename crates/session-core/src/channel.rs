//! The name by which a client says which of the app's Socket.IO servers it talks to.

/// Most characters (Unicode scalar values) of a channel name.
const MAX_LENGTH: usize = 128;

/// Whether a text is a channel name: 1 to 128 characters, none of them a control character, and not `__proto__`, `.` or `..`.
///
/// It comes from the path of the handshake's GET, so from anybody, and becomes a property of the session
/// (`session.__socket[channel]`). Names such as `constructor` and `toString` are allowed: JavaScript must look them up as
/// own properties.
#[must_use]
pub fn is_channel(name: &str) -> bool {
    !name.is_empty()
        && name.chars().nth(MAX_LENGTH).is_none()
        && !name.chars().any(char::is_control)
        // As the name of a property it would reach an object's prototype; in a path the others are taken out by any client.
        && !["__proto__", ".", ".."].contains(&name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ordinary_and_odd_names_are_accepted() {
        let longest = "é".repeat(128);
        let names = [
            "__local",
            "a",
            "a/b",
            "a b",
            "constructor",
            "toString",
            "hasOwnProperty",
            "канал",
            "🦀",
            "\"",
            &longest,
        ];
        for name in names {
            assert!(is_channel(name), "{name}");
        }
    }

    #[test]
    fn an_empty_name_is_refused() {
        assert!(!is_channel(""));
    }

    #[test]
    fn a_name_is_too_long_by_its_characters_and_not_by_its_bytes() {
        assert!(is_channel(&"🦀".repeat(128)));
        assert!(!is_channel(&"a".repeat(129)));
        assert!(!is_channel(&"a".repeat(15_000)));
    }

    #[test]
    fn control_characters_are_refused_wherever_they_stand() {
        for name in ["\0", "a\0b", "a\n", "\u{7f}", "\u{85}b", "\u{9f}"] {
            assert!(!is_channel(name), "{name:?}");
        }
    }

    #[test]
    fn a_name_that_reaches_a_prototype_is_refused() {
        assert!(!is_channel("__proto__"));
    }

    proptest! {
        #[test]
        fn an_accepted_name_has_1_to_128_characters(name in any::<String>()) {
            prop_assert!(!is_channel(&name) || (1..=128).contains(&name.chars().count()));
        }
    }
}
