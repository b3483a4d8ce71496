//! The cookie in a session's text: where it is and when it expires, found without parsing the session.

use std::{ops::Range, time::UNIX_EPOCH};

use serde::Deserialize;
use serde_json::value::RawValue;

/// How a session begins that express-session has written.
const OPENING: &[u8] = b"{\"cookie\":{";

/// The end of a session, as its cookie has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expires {
    /// At a moment, in ms since 1970.
    At(u64),
    /// The cookie does not say: it ends with the browser.
    Open,
    /// The cookie has an end in a spelling that only JavaScript's `Date` can read.
    Unknown,
}

/// A session's cookie: where it is, and when it ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cookie {
    /// Where its text is in the session's text; empty when the session has none.
    pub span: Range<usize>,
    /// When the session ends by it.
    pub expires: Expires,
    /// Whether it is an object, as a session's has to be.
    pub proper: bool,
}

impl Cookie {
    /// Finds the cookie of a session, given its text as `JSON.stringify` writes it.
    ///
    /// A session that express-session has written begins with its cookie, which is all that is looked at.
    #[must_use]
    pub fn find(text: &str) -> Self {
        Self::at_the_beginning(text.as_bytes()).or_else(|| Self::anywhere(text)).unwrap_or(Self {
            span: 0..0,
            expires: Expires::Open,
            proper: false,
        })
    }

    /// Reads a cookie that comes first and has no object or array in it.
    fn at_the_beginning(text: &[u8]) -> Option<Self> {
        text.strip_prefix(OPENING)?;
        let start = OPENING.len() - 1;
        let mut at = OPENING.len();
        let mut expires = Expires::Open;
        if text.get(at)? == &b'}' {
            return Some(Self { span: start..at + 1, expires, proper: true });
        }
        loop {
            let key = string(text, at)?;
            let value = key.end + 2;
            if text.get(key.end + 1)? != &b':' || text[key.clone()].contains(&b'\\') {
                return None;
            }
            let end = match text.get(value)? {
                b'"' => string(text, value)?.end + 1,
                b'{' | b'[' => return None,
                _ => value + text[value..].iter().position(|byte| matches!(byte, b',' | b'}'))?,
            };
            if &text[key] == b"expires" {
                expires = meaning(&text[value..end]);
            }
            match text.get(end)? {
                b',' => at = end + 1,
                b'}' => {
                    return Some(Self { span: start..end + 1, expires, proper: true });
                }
                _ => return None,
            }
        }
    }

    /// Looks through the whole session.
    fn anywhere(text: &str) -> Option<Self> {
        #[derive(Deserialize)]
        struct Session<'t> {
            #[serde(borrow)]
            cookie: Option<&'t RawValue>,
        }
        #[derive(Deserialize)]
        struct Fields<'t> {
            #[serde(borrow)]
            expires: Option<&'t RawValue>,
        }
        // Serde takes an array for a struct too.
        if !text.starts_with('{') {
            return None;
        }
        let cookie = serde_json::from_str::<Session<'_>>(text).ok()?.cookie?.get();
        let start = cookie.as_ptr() as usize - text.as_ptr() as usize;
        let fields =
            cookie.starts_with('{').then(|| serde_json::from_str::<Fields<'_>>(cookie).ok()).flatten();
        let expires = fields
            .and_then(|fields| fields.expires)
            .map_or(Expires::Open, |expires| meaning(expires.get().as_bytes()));
        Some(Self { span: start..start + cookie.len(), expires, proper: cookie.starts_with('{') })
    }
}

/// The end in a cookie's own text.
#[must_use]
pub fn expires(cookie: &str) -> Expires {
    Cookie::find(&format!("{{\"cookie\":{cookie}}}")).expires
}

/// The inside of the string that begins at `at`.
fn string(text: &[u8], at: usize) -> Option<Range<usize>> {
    if text.get(at)? != &b'"' {
        return None;
    }
    let mut end = at + 1;
    loop {
        match text.get(end)? {
            b'"' => return Some(at + 1..end),
            b'\\' => end += 2,
            _ => end += 1,
        }
    }
}

/// The meaning of the JSON of `expires`.
fn meaning(value: &[u8]) -> Expires {
    if matches!(value, b"null" | b"false" | b"0" | b"\"\"") {
        return Expires::Open;
    }
    value
        .strip_prefix(b"\"")
        .and_then(|value| value.strip_suffix(b"\""))
        .and_then(read_date)
        .map_or(Expires::Unknown, Expires::At)
}

/// Reads a date as `Date.prototype.toISOString` spells it, in ms since 1970. Nothing for other spellings, for years before
/// 1970, and for leap seconds, which JavaScript does not have.
fn read_date(text: &[u8]) -> Option<u64> {
    let text = str::from_utf8(text).ok()?;
    if text.len() != "1970-01-01T00:00:00.000Z".len() || text.get(17..19)? == "60" {
        return None;
    }
    let date = humantime::parse_rfc3339(text).ok()?;
    let ms = date.duration_since(UNIX_EPOCH).ok()?.as_millis();
    u64::try_from(ms).ok()
}

/// The text of a session with another cookie in the place of the one that it has.
#[must_use]
pub fn replace(text: &str, span: &Range<usize>, cookie: &str) -> String {
    if !span.is_empty() {
        return [&text[..span.start], cookie, &text[span.end..]].concat();
    }
    // As assigning to `session.cookie` adds it: at the end.
    match text.strip_suffix('}') {
        Some("{") => format!("{{\"cookie\":{cookie}}}"),
        Some(members) => format!("{members},\"cookie\":{cookie}}}"),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    const DATE: &str = "2026-11-23T13:16:23.000Z";
    const MS: u64 = 1_795_439_783_000;

    fn found(text: &str) -> (String, Expires, bool) {
        let Cookie { span, expires, proper } = Cookie::find(text);
        (text[span].to_owned(), expires, proper)
    }

    #[test]
    fn a_cookie_of_express_session_is_found_at_the_beginning() {
        let cookie = format!(
            r#"{{"originalMaxAge":60000,"priority":"high","expires":"{DATE}","httpOnly":true,"path":"/a}}\"b"}}"#
        );
        let text = format!(r#"{{"cookie":{cookie},"user":{{"cookie":1}}}}"#);
        assert_eq!(found(&text), (cookie, Expires::At(MS), true));
    }

    #[test]
    fn a_cookie_without_an_end_is_open() {
        for cookie in [
            r#"{"originalMaxAge":null,"expires":null,"httpOnly":true,"path":"/"}"#,
            r#"{"originalMaxAge":null}"#,
        ] {
            let text = format!(r#"{{"cookie":{cookie},"a":1}}"#);
            assert_eq!(found(&text), (cookie.to_owned(), Expires::Open, true));
        }
        assert_eq!(found(r#"{"cookie":{},"a":1}"#), ("{}".into(), Expires::Open, true));
    }

    #[test]
    fn a_cookie_elsewhere_or_with_objects_in_it_is_found_too() {
        let text = format!(r#"{{"a":{{"cookie":1}},"cookie":{{"x":[{{}}],"expires":"{DATE}"}},"b":2}}"#);
        let cookie = format!(r#"{{"x":[{{}}],"expires":"{DATE}"}}"#);
        assert_eq!(found(&text), (cookie, Expires::At(MS), true));
        let text = format!(r#"{{"cookie":{{"expires":"{DATE}","x":{{"y":"}}"}}}}}}"#);
        assert_eq!(found(&text).1, Expires::At(MS));
    }

    #[test]
    fn what_is_no_cookie_has_no_end() {
        for text in [
            "{}",
            "[]",
            "[1]",
            "7",
            "null",
            "",
            "{",
            r#"{"cookie"#,
            r#"{"cookie":{"#,
            r#"{"cookie":{"a"#,
            r#"{"cookie":{"a\"#,
            r#"{"cookie":null}"#,
        ] {
            assert_eq!(found(text), (String::new(), Expires::Open, false), "{text}");
        }
        assert_eq!(found(r#"{"cookie":5}"#), ("5".into(), Expires::Open, false));
    }

    #[test]
    fn other_spellings_of_an_end_are_unknown() {
        for expires in [
            r#""Thu, 01 Jan 1970""#,
            "5",
            "true",
            r#""+275760-09-13T00:00:00.000Z""#,
            r#""1969-12-31T23:59:59.999Z""#,
            r#""2026-02-31T00:00:00.000Z""#,
            r#""2026-01-01T24:00:00.000Z""#,
            r#""2026-01-01T00:00:60.000Z""#,
            r#""2026-01-01 00:00:00.000Z""#,
            r#""2026-01-01T00:00:00Z""#,
        ] {
            let text = format!(r#"{{"cookie":{{"originalMaxAge":1,"expires":{expires}}}}}"#);
            let (_, found, proper) = found(&text);
            assert_eq!((found, proper), (Expires::Unknown, true));
        }
    }

    #[test]
    fn a_cookie_is_replaced_or_added() {
        let replaced = |text: &str| replace(text, &Cookie::find(text).span, "{\"n\":1}");
        assert_eq!(replaced(r#"{"cookie":{"a":1},"b":2}"#), r#"{"cookie":{"n":1},"b":2}"#);
        assert_eq!(replaced(r#"{"b":2,"cookie":null}"#), r#"{"b":2,"cookie":null,"cookie":{"n":1}}"#);
        assert_eq!(replaced(r#"{"b":2}"#), r#"{"b":2,"cookie":{"n":1}}"#);
        assert_eq!(replaced("{}"), r#"{"cookie":{"n":1}}"#);
        assert_eq!(replaced("[]"), "[]");
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            ".{0,6}".prop_map(Value::from),
            Just(Value::from(DATE)),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::vec(
                    (prop_oneof!["cookie", "expires", "originalMaxAge", ".{0,4}"], inner),
                    0..5
                )
                .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_cookie_found_is_the_one_that_json_has(value in json()) {
            let text = value.to_string();
            let cookie = Cookie::find(&text);
            match value.get("cookie").filter(|cookie| !cookie.is_null()) {
                Some(expected) => {
                    let found: Value = serde_json::from_str(&text[cookie.span]).unwrap();
                    prop_assert_eq!(&found, expected);
                    let dated = expected.get("expires").and_then(Value::as_str) == Some(DATE);
                    prop_assert_eq!(dated, cookie.expires == Expires::At(MS));
                }
                None => prop_assert!(cookie.span.is_empty()),
            }
        }

        #[test]
        fn any_text_may_be_looked_at(text in ".{0,60}", head in 0..12usize) {
            let text = format!("{}{text}", &r#"{"cookie":{""#[..head]);
            let _ = Cookie::find(&text);
        }
    }
}
