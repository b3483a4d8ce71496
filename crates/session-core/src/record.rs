//! What the session store holds under a key: the session that the key leads to.

use std::fmt;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use crate::channel::ChannelName;
use crate::key::fingerprint;

/// The top-level field that says that a record is ours. The original ignores it.
const MARKER: &str = "__io_session";
/// Version of the marker's content.
const MARKER_VERSION: u64 = 1;
/// The last moment whose year has four digits, in ms since 1970.
const LAST_MS: u64 = 253_402_300_799_999;
/// Most characters of a session id.
const MAX_SESSION_ID_LENGTH: usize = 1024;

/// The record of a key.
///
/// Ours is `{"id": sid, "cookie": {"originalMaxAge": ms, "expires": "…Z"}, "__io_session": {"v": 1, "channel": name}}`: every
/// session store takes from the cookie when to drop it, and the original `io-session` reads `id` alone. The original's own is
/// `{"id": sid, "cookie": {}}`.
///
/// `Debug` shows the session id's [`fingerprint`] only.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    session_id: String,
    /// `None` in a record that an original `io-session` wrote.
    channel: Option<ChannelName>,
    cookie: Value,
}

impl Record {
    /// A record for a new key, good for `max_age_ms` milliseconds from `now_epoch_ms` (milliseconds since 1970, UTC), or
    /// for as long as the session store keeps what has no end of its own.
    ///
    /// `session_id` is taken as it is; [`Record::parse`] refuses one that is empty or has over 1024 characters.
    #[must_use]
    pub fn new(session_id: &str, channel: ChannelName, max_age_ms: Option<u64>, now_epoch_ms: u64) -> Self {
        let cookie = match max_age_ms {
            Some(max_age) => {
                json!({ "originalMaxAge": max_age, "expires": iso(now_epoch_ms.saturating_add(max_age)) })
            }
            None => json!({ "originalMaxAge": null }),
        };
        Self { session_id: session_id.to_owned(), channel: Some(channel), cookie }
    }

    /// Reads what a session store gave for a key, as JSON text.
    ///
    /// Under a key may lie anything that the store holds, since session ids can be UUIDs too. With the marker, this is a
    /// record of ours, whatever the store has added to it. Without it, it is one of the original's unless its cookie is a
    /// browser's (express-session always gives that a `path` and `httpOnly`).
    ///
    /// # Errors
    /// [`InvalidRecord`] for broken JSON, no object, a session, a socket's own record, an `id` that is not a text of 1 to 1024
    /// characters.
    pub fn parse(json_text: &str) -> Result<Self, InvalidRecord> {
        let value: Value = serde_json::from_str(json_text).map_err(|_| InvalidRecord)?;
        let Value::Object(mut fields) = value else {
            return Err(InvalidRecord);
        };
        let session_id = match fields.remove("id") {
            Some(Value::String(id)) if !id.is_empty() && id.chars().nth(MAX_SESSION_ID_LENGTH).is_none() => {
                id
            }
            _ => return Err(InvalidRecord),
        };
        let Some(Value::Object(cookie)) = fields.remove("cookie") else {
            return Err(InvalidRecord);
        };
        if cookie.contains_key("__io") {
            return Err(InvalidRecord);
        }
        let channel = match fields.remove(MARKER) {
            Some(marker) => Some(read_marker(&marker)?),
            None if !is_browser_cookie(&cookie) => None,
            None => return Err(InvalidRecord),
        };
        Ok(Self { session_id, channel, cookie: Value::Object(cookie) })
    }

    /// The record as JSON text, for the session store.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut record = json!({ "id": self.session_id, "cookie": self.cookie });
        if let Some(channel) = &self.channel {
            record[MARKER] = json!({ "v": MARKER_VERSION, "channel": channel.as_str() });
        }
        record.to_string()
    }

    /// The id of the session that the key leads to.
    #[must_use]
    pub fn session_id(&self) -> &str {
        &self.session_id
    }

    /// The channel that the key was made for; none in a record of the original, which is good for any.
    #[must_use]
    pub fn channel(&self) -> Option<&str> {
        self.channel.as_ref().map(ChannelName::as_str)
    }
}

/// Redacted: the session id as a fingerprint.
impl fmt::Debug for Record {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Record")
            .field("session_id", &format_args!("#{}", fingerprint(&self.session_id)))
            .field("channel", &self.channel())
            .finish_non_exhaustive()
    }
}

/// A text that is no record. It does not carry the text, and a client is told `Missing data` for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidRecord;

/// A moment (ms since 1970) as `Date.prototype.toISOString` spells it. Later ones than the year 9999 are its end.
fn iso(ms: u64) -> String {
    let moment = UNIX_EPOCH + Duration::from_millis(ms.min(LAST_MS));
    humantime::format_rfc3339_millis(moment).to_string()
}

/// Whether a cookie is a browser's: then what has it is a session.
fn is_browser_cookie(cookie: &Map<String, Value>) -> bool {
    cookie.contains_key("path") || cookie.contains_key("httpOnly")
}

/// The channel that a marker names.
fn read_marker(marker: &Value) -> Result<ChannelName, InvalidRecord> {
    // A later version's record is good here too: what it adds is for that version.
    if marker.get("v").and_then(Value::as_u64).is_none_or(|version| version < MARKER_VERSION) {
        return Err(InvalidRecord);
    }
    let channel = marker.get("channel").and_then(Value::as_str).ok_or(InvalidRecord)?;
    ChannelName::parse(channel).map_err(|_| InvalidRecord)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn channel(name: &str) -> ChannelName {
        ChannelName::parse(name).expect("a channel name")
    }

    #[test]
    fn a_new_record_expires_by_its_cookie_and_carries_the_marker() {
        let record = Record::new("sid-1", channel("__local"), Some(60_000), 1_700_000_000_000);
        assert_eq!(
            record.to_json(),
            r#"{"id":"sid-1","cookie":{"originalMaxAge":60000,"expires":"2023-11-14T22:14:20.000Z"},"__io_session":{"v":1,"channel":"__local"}}"#
        );
    }

    #[test]
    fn dates_are_spelt_as_javascript_does() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_123, "2000-02-29T00:00:00.123Z"),
            (1_795_439_783_000, "2026-11-23T13:16:23.000Z"),
            (LAST_MS, "9999-12-31T23:59:59.999Z"),
            (u64::MAX, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(iso(ms), text);
        }
    }

    #[test]
    fn a_record_without_an_age_has_no_expiry() {
        let record = Record::new("sid-1", channel("__local"), None, 1_700_000_000_000);
        assert_eq!(
            record.to_json(),
            r#"{"id":"sid-1","cookie":{"originalMaxAge":null},"__io_session":{"v":1,"channel":"__local"}}"#
        );
    }

    #[test]
    fn the_originals_record_is_accepted_with_what_stores_add_to_it() {
        for text in [
            r#"{"id":"sid-1","cookie":{}}"#,
            r#" { "cookie" : { } , "id" : "sid-1" } "#,
            r#"{"id":"sid-1","cookie":{},"__lastAccess":1700000000000}"#,
            r#"{"id":"sid-1","cookie":{},"_rev":"1-a"}"#,
        ] {
            let record = Record::parse(text).expect(text);
            assert_eq!((record.session_id(), record.channel()), ("sid-1", None));
            assert_eq!(record.to_json(), r#"{"id":"sid-1","cookie":{}}"#);
        }
    }

    #[test]
    fn our_record_is_accepted_with_what_stores_add_to_it() {
        let text = r#"{"id":"s","cookie":{"originalMaxAge":1,"expires":"x","httpOnly":true,"path":"/"},"lastModified":1,"__io_session":{"v":1,"channel":"c","more":2}}"#;
        let record = Record::parse(text).expect("a record");
        assert_eq!((record.session_id(), record.channel()), ("s", Some("c")));
    }

    #[test]
    fn whatever_else_a_store_holds_is_no_record() {
        let refused = [
            "",
            "{",
            r#"{"id":"\ud800","cookie":{}}"#,
            "null",
            "7",
            r#""abc""#,
            r#"[{"id":"s","cookie":{}}]"#,
            "{}",
            r#"{"cookie":{}}"#,
            r#"{"id":"","cookie":{}}"#,
            r#"{"id":7,"cookie":{}}"#,
            r#"{"id":{"a":1},"cookie":{}}"#,
            r#"{"id":"s"}"#,
            r#"{"id":"s","cookie":null}"#,
            r#"{"id":"s","cookie":[]}"#,
            r#"{"id":"s","cookie":{"__io":true}}"#,
            r#"{"id":"s","cookie":{"__io":true},"__io_session":{"v":1,"channel":"c"}}"#,
            r#"{"id":"s","cookie":{"originalMaxAge":null,"expires":null,"httpOnly":true,"path":"/"}}"#,
            r#"{"id":"s","cookie":{"path":"/"}}"#,
            r#"{"id":"s","cookie":{},"__io_session":null}"#,
            r#"{"id":"s","cookie":{},"__io_session":{"v":0,"channel":"c"}}"#,
            r#"{"id":"s","cookie":{},"__io_session":{"v":1}}"#,
            r#"{"id":"s","cookie":{},"__io_session":{"v":1,"channel":"__proto__"}}"#,
        ];
        for text in refused {
            assert_eq!(Record::parse(text), Err(InvalidRecord), "{text}");
        }
    }

    #[test]
    fn a_session_id_has_at_most_1024_characters() {
        let record = |id: &str| Record::parse(&json!({ "id": id, "cookie": {} }).to_string());
        assert!(record(&"é".repeat(1024)).is_ok());
        assert_eq!(record(&"é".repeat(1025)), Err(InvalidRecord));
    }

    #[test]
    fn the_last_of_repeated_fields_counts() {
        let record = Record::parse(r#"{"id":"a","cookie":{},"id":"b"}"#).expect("a record");
        assert_eq!(record.session_id(), "b");
    }

    #[test]
    fn text_nested_a_hundred_thousand_deep_is_refused() {
        let text =
            format!(r#"{{"id":"s","cookie":{{}},"_":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(Record::parse(&text), Err(InvalidRecord));
    }

    #[test]
    fn debug_does_not_show_the_session_id() {
        let record = Record::new("secret-sid", channel("c"), None, 0);
        assert_eq!(
            format!("{record:?}"),
            format!("Record {{ session_id: #{}, channel: Some(\"c\"), .. }}", fingerprint("secret-sid"))
        );
    }

    proptest! {
        #[test]
        fn a_record_reads_back_as_it_was_written(
            id in ".{1,80}", name in "[^\\p{Cc}]{1,40}", age in proptest::option::of(0_u64..1_000_000_000_000), now in 0_u64..9_000_000_000_000
        ) {
            let record = Record::new(&id, channel(&name), age, now);
            prop_assert_eq!(Record::parse(&record.to_json()), Ok(record));
        }
    }
}
