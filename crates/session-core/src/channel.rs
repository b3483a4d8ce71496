//! The name by which a client says which of the app's Socket.IO servers it talks to.

use std::fmt;

/// Most characters (Unicode scalar values) of a channel name.
const MAX_LENGTH: usize = 128;

/// A channel name: 1 to 128 characters, none of them a control character, and not `__proto__`.
///
/// It comes from the path of the handshake's GET, so from anybody, and becomes a property of the session
/// (`session.__socket[channel]`). Names such as `constructor` and `toString` are allowed: JavaScript must look them up as
/// own properties.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelName(String);

impl ChannelName {
    /// Checks a name that was sent by a client or read from a record.
    ///
    /// # Errors
    /// [`InvalidChannel`] if it is empty, longer than 128 characters, or reserved, or has a control character.
    pub fn parse(name: &str) -> Result<Self, InvalidChannel> {
        let is_well_formed = !name.is_empty()
            && name.chars().nth(MAX_LENGTH).is_none()
            && !name.chars().any(char::is_control)
            // As the name of a property it would reach an object's prototype.
            && name != "__proto__";
        is_well_formed.then(|| Self(name.to_owned())).ok_or(InvalidChannel)
    }

    /// The name, as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ChannelName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl AsRef<str> for ChannelName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// A text that is no channel name. It does not carry the text, which may be a stranger's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidChannel;

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
            assert_eq!(ChannelName::parse(name).map(|channel| channel.to_string()), Ok(name.to_owned()));
        }
    }

    #[test]
    fn an_empty_name_is_refused() {
        assert_eq!(ChannelName::parse(""), Err(InvalidChannel));
    }

    #[test]
    fn a_name_is_too_long_by_its_characters_and_not_by_its_bytes() {
        assert!(ChannelName::parse(&"🦀".repeat(128)).is_ok());
        assert_eq!(ChannelName::parse(&"a".repeat(129)), Err(InvalidChannel));
        assert_eq!(ChannelName::parse(&"a".repeat(15_000)), Err(InvalidChannel));
    }

    #[test]
    fn control_characters_are_refused_wherever_they_stand() {
        for name in ["\0", "a\0b", "a\n", "\u{7f}", "\u{85}b", "\u{9f}"] {
            assert_eq!(ChannelName::parse(name), Err(InvalidChannel), "{name:?}");
        }
    }

    #[test]
    fn a_name_that_reaches_a_prototype_is_refused() {
        assert_eq!(ChannelName::parse("__proto__"), Err(InvalidChannel));
    }

    proptest! {
        #[test]
        fn a_name_is_accepted_unchanged_or_refused(name in any::<String>()) {
            if let Ok(channel) = ChannelName::parse(&name) {
                prop_assert_eq!(channel.as_str(), &name);
                prop_assert!((1..=128).contains(&name.chars().count()));
            }
        }
    }
}
