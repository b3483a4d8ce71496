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
    /// [`InvalidChannel`] says what is wrong with it.
    pub fn parse(name: &str) -> Result<Self, InvalidChannel> {
        if name.is_empty() {
            return Err(InvalidChannel::Empty);
        }
        if name.chars().nth(MAX_LENGTH).is_some() {
            return Err(InvalidChannel::TooLong);
        }
        if name.chars().any(char::is_control) {
            return Err(InvalidChannel::ControlCharacter);
        }
        if name == "__proto__" {
            return Err(InvalidChannel::Reserved);
        }
        Ok(Self(name.to_owned()))
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

/// Why [`ChannelName::parse`] refuses a name. The messages are for people; none repeats the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidChannel {
    /// It has no character.
    Empty,
    /// It has more than 128 characters.
    TooLong,
    /// It has a control character: U+0000 to U+001F, U+007F (DEL), or U+0080 to U+009F.
    ControlCharacter,
    /// It is `__proto__`, which as a property name would reach an object's prototype.
    Reserved,
}

impl fmt::Display for InvalidChannel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Empty => "Channel name is empty.",
            Self::TooLong => "Channel name is longer than 128 characters.",
            Self::ControlCharacter => "Channel name contains a control character.",
            Self::Reserved => "Channel name is reserved.",
        })
    }
}

impl std::error::Error for InvalidChannel {}

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
        assert_eq!(ChannelName::parse(""), Err(InvalidChannel::Empty));
    }

    #[test]
    fn a_name_is_too_long_by_its_characters_and_not_by_its_bytes() {
        assert!(ChannelName::parse(&"🦀".repeat(128)).is_ok());
        assert_eq!(ChannelName::parse(&"a".repeat(129)), Err(InvalidChannel::TooLong));
        assert_eq!(ChannelName::parse(&"a".repeat(15_000)), Err(InvalidChannel::TooLong));
        assert_eq!(InvalidChannel::TooLong.to_string(), "Channel name is longer than 128 characters.");
    }

    #[test]
    fn control_characters_are_refused_wherever_they_stand() {
        for name in ["\0", "a\0b", "a\n", "\u{7f}", "\u{85}b", "\u{9f}"] {
            assert_eq!(ChannelName::parse(name), Err(InvalidChannel::ControlCharacter), "{name:?}");
        }
    }

    #[test]
    fn a_name_that_reaches_a_prototype_is_refused() {
        assert_eq!(ChannelName::parse("__proto__"), Err(InvalidChannel::Reserved));
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
