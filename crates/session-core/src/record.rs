//! What the session store holds under a key: the session that the key leads to.
//!
//! Our record is `{"id": sid, "cookie": {"originalMaxAge": ms, "expires": "…Z"}, "__io_session": {"v": 1, "channel": name}}`:
//! every session store takes from the cookie when to drop it, and the original `io-session` reads `id` alone. The original's
//! own is `{"id": sid, "cookie": {}}`.

use serde_json::{Value, json};

use crate::channel::is_channel;

/// The top-level field that says that a record is ours. The original ignores it.
const MARKER: &str = "__io_session";
/// Version of the marker's content.
const MARKER_VERSION: u64 = 1;
/// Most characters of a session id.
const MAX_SESSION_ID_LENGTH: usize = 1024;

/// The JSON text of a record for a new key, good for `max_age` ms, which is until `expires`, as `Date.prototype.toISOString` spells
/// it.
#[must_use]
pub fn record_text(sid: &str, channel: &str, max_age: u64, expires: &str) -> String {
    let record = json!({
        "id": sid,
        "cookie": { "originalMaxAge": max_age, "expires": expires },
        MARKER: { "v": MARKER_VERSION, "channel": channel },
    });
    record.to_string()
}

/// The session id in the JSON text of what a session store holds under a key; nothing when that is no record. With a `channel`,
/// only a key that was made for it is good, or one of the original's, which names none.
///
/// Under a key may lie anything that the store holds, since session ids can be UUIDs too. With the marker it is a record of ours,
/// whatever the store has added to it. Without, it is one of the original's unless its cookie is a browser's (express-session
/// always gives that a `path` and `httpOnly`).
#[must_use]
pub fn session_of(text: &str, channel: Option<&str>) -> Option<String> {
    let Value::Object(mut fields) = serde_json::from_str(text).ok()? else {
        return None;
    };
    let cookie = fields.get("cookie")?.as_object()?;
    let is_record = match fields.get(MARKER) {
        Some(marker) => {
            let made_for = marker["channel"].as_str().filter(|name| is_channel(name))?;
            // A later version's record is good here too: what it adds is for that version.
            marker["v"].as_u64() >= Some(MARKER_VERSION) && channel.is_none_or(|channel| channel == made_for)
        }
        None => !cookie.contains_key("path") && !cookie.contains_key("httpOnly"),
    };
    // A socket's own record has `__io`.
    if !is_record || cookie.contains_key("__io") {
        return None;
    }
    match fields.remove("id") {
        Some(Value::String(id)) if !id.is_empty() && id.chars().nth(MAX_SESSION_ID_LENGTH).is_none() => {
            Some(id)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_new_record_expires_by_its_cookie_and_carries_the_marker() {
        let text = record_text("sid-1", "__local", 60_000, "2023-11-14T22:14:20.000Z");
        let record: Value = serde_json::from_str(&text).unwrap();
        let cookie = json!({ "originalMaxAge": 60_000, "expires": "2023-11-14T22:14:20.000Z" });
        let marker = json!({ "v": 1, "channel": "__local" });
        assert_eq!(record, json!({ "id": "sid-1", "cookie": cookie, "__io_session": marker }));
    }

    #[test]
    fn the_originals_record_is_accepted_with_what_stores_add_to_it() {
        for text in [
            r#"{"id":"sid-1","cookie":{}}"#,
            r#" { "cookie" : { } , "id" : "sid-1" } "#,
            r#"{"id":"sid-1","cookie":{},"__lastAccess":1700000000000}"#,
            r#"{"id":"sid-1","cookie":{},"_rev":"1-a"}"#,
        ] {
            assert_eq!(session_of(text, Some("any")).as_deref(), Some("sid-1"), "{text}");
        }
    }

    #[test]
    fn our_record_is_accepted_with_what_stores_add_to_it() {
        let text = r#"{"id":"s","cookie":{"originalMaxAge":1,"expires":"x","httpOnly":true,"path":"/"},"lastModified":1,"__io_session":{"v":1,"channel":"c","more":2}}"#;
        assert_eq!(session_of(text, Some("c")).as_deref(), Some("s"));
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
            assert_eq!(session_of(text, None), None, "{text}");
        }
    }

    #[test]
    fn a_key_of_another_channel_is_no_record() {
        let text = record_text("sid", "chat", 1, "1970-01-01T00:00:00.001Z");
        assert!(session_of(&text, Some("chat")).is_some());
        assert!(session_of(&text, None).is_some());
        assert_eq!(session_of(&text, Some("news")), None);
    }

    #[test]
    fn a_session_id_has_at_most_1024_characters() {
        let record = |id: &str| session_of(&json!({ "id": id, "cookie": {} }).to_string(), None);
        assert!(record(&"é".repeat(1024)).is_some());
        assert_eq!(record(&"é".repeat(1025)), None);
    }

    #[test]
    fn the_last_of_repeated_fields_counts() {
        assert_eq!(session_of(r#"{"id":"a","cookie":{},"id":"b"}"#, None).as_deref(), Some("b"));
    }

    #[test]
    fn text_nested_a_hundred_thousand_deep_is_refused() {
        let text =
            format!(r#"{{"id":"s","cookie":{{}},"_":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(session_of(&text, None), None);
    }

    proptest! {
        #[test]
        fn a_record_reads_back_as_it_was_written(
            id in ".{1,80}",
            name in "[^\\p{Cc}]{1,40}".prop_filter("a part of a path", |name| ![".", ".."].contains(&name.as_str())),
            age in 0_u64..1_000_000_000_000,
            expires in ".{0,24}",
        ) {
            let text = record_text(&id, &name, age, &expires);
            prop_assert_eq!(session_of(&text, Some(&name)), Some(id));
        }
    }
}
