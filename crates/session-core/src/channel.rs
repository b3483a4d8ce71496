//! The name by which a client says which of the app's Socket.IO servers it talks to.

/// Most characters (Unicode scalar values) of a channel name.
const MAX_LENGTH: usize = 128;

/// A channel name: 1 to 128 characters, none of them a control character, and not `__proto__`, `.` or `..`.
///
/// It comes from the path of the handshake's GET, so from anybody, and becomes a property of the session
/// (`session.__socket[channel]`). Names such as `constructor` and `toString` are allowed: JavaScript must look them up as
/// own properties.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelName(String);

impl ChannelName {
    /// Checks a name that was sent by a client or read from a record.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let is_well_formed = !name.is_empty()
            && name.chars().nth(MAX_LENGTH).is_none()
            && !name.chars().any(char::is_control)
            // As the name of a property it would reach an object's prototype; in a path the others are taken out by any client.
            && !["__proto__", ".", ".."].contains(&name);
        is_well_formed.then(|| Self(name.to_owned()))
    }

    /// The name, as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ordinary_and_odd_names_are_kept_as_they_are() {
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
            assert_eq!(ChannelName::parse(name).as_ref().map(ChannelName::as_str), Some(name));
        }
    }

    #[test]
    fn an_empty_name_is_refused() {
        assert_eq!(ChannelName::parse(""), None);
    }

    #[test]
    fn a_name_is_too_long_by_its_characters_and_not_by_its_bytes() {
        assert!(ChannelName::parse(&"🦀".repeat(128)).is_some());
        assert_eq!(ChannelName::parse(&"a".repeat(129)), None);
        assert_eq!(ChannelName::parse(&"a".repeat(15_000)), None);
    }

    #[test]
    fn control_characters_are_refused_wherever_they_stand() {
        for name in ["\0", "a\0b", "a\n", "\u{7f}", "\u{85}b", "\u{9f}"] {
            assert_eq!(ChannelName::parse(name), None, "{name:?}");
        }
    }

    #[test]
    fn a_name_that_reaches_a_prototype_is_refused() {
        assert_eq!(ChannelName::parse("__proto__"), None);
    }

    proptest! {
        #[test]
        fn a_name_is_accepted_unchanged_or_refused(name in any::<String>()) {
            if let Some(channel) = ChannelName::parse(&name) {
                prop_assert_eq!(channel.as_str(), &name);
                prop_assert!((1..=128).contains(&name.chars().count()));
            }
        }
    }
}
