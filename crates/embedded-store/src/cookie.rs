//! The cookie in a session's text: where it is and when it expires, found without parsing the session.

use std::{ops::Range, time::UNIX_EPOCH};

use serde::Deserialize;
use serde_json::{Deserializer, value::RawValue};

/// How a session begins that express-session has written, up to its cookie.
const OPENING: &str = "{\"cookie\":";

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
}

impl Cookie {
    /// Finds the cookie of a session, given its text as `JSON.stringify` writes it.
    ///
    /// A session that express-session has written begins with its cookie, which is all that is looked at.
    #[must_use]
    pub fn find(text: &str) -> Self {
        let found = Self::at_the_beginning(text).or_else(|| Self::anywhere(text));
        found.unwrap_or(Self { span: 0..0, expires: Expires::Open })
    }

    fn at_the_beginning(text: &str) -> Option<Self> {
        let rest = text.strip_prefix(OPENING).filter(|rest| rest.starts_with('{'))?;
        let mut values = Deserializer::from_str(rest).into_iter::<Fields<'_>>();
        let expires = values.next()?.ok()?.expires();
        Some(Self { span: OPENING.len()..OPENING.len() + values.byte_offset(), expires })
    }

    fn anywhere(text: &str) -> Option<Self> {
        #[derive(Deserialize)]
        struct Session<'t> {
            #[serde(borrow)]
            cookie: Option<&'t RawValue>,
        }
        let cookie = object::<Session<'_>>(text)?.cookie?.get();
        let start = cookie.as_ptr() as usize - text.as_ptr() as usize;
        Some(Self { span: start..start + cookie.len(), expires: expires(cookie) })
    }
}

#[derive(Deserialize)]
struct Fields<'t> {
    #[serde(borrow)]
    expires: Option<&'t RawValue>,
}

impl Fields<'_> {
    fn expires(&self) -> Expires {
        match self.expires.map(RawValue::get) {
            None | Some("false" | "0" | "\"\"") => Expires::Open,
            Some(value) => read_date(value.trim_matches('"')).map_or(Expires::Unknown, Expires::At),
        }
    }
}

/// The end in a cookie's own text.
#[must_use]
pub fn expires(cookie: &str) -> Expires {
    object::<Fields<'_>>(cookie).map_or(Expires::Open, |fields| fields.expires())
}

/// Reads an object. Serde takes an array for a struct, too.
fn object<'t, T: Deserialize<'t>>(text: &'t str) -> Option<T> {
    text.starts_with('{').then(|| serde_json::from_str(text).ok())?
}

/// Reads a date as `Date.prototype.toISOString` spells it, in ms since 1970. Nothing for other spellings, for years before
/// 1970, and for leap seconds, which JavaScript does not have.
fn read_date(text: &str) -> Option<u64> {
    if text.len() != "1970-01-01T00:00:00.000Z".len() || text.get(17..19)? == "60" {
        return None;
    }
    let date = humantime::parse_rfc3339(text).ok()?;
    u64::try_from(date.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()
}

/// Puts another cookie in the place of the one at `span`, or adds it where that is empty.
pub fn replace(text: &mut String, span: &mut Range<usize>, cookie: &str) {
    if span.start < span.end {
        text.replace_range(span.clone(), cookie);
        span.end = span.start + cookie.len();
    } else if let Some(members) = text.strip_suffix('}') {
        // As assigning to `session.cookie` adds it: at the end.
        let comma = if members == "{" { "" } else { "," };
        *text = format!("{members}{comma}\"cookie\":{cookie}}}");
        *span = text.len() - 1 - cookie.len()..text.len() - 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    const DATE: &str = "2026-11-23T13:16:23.000Z";
    const MS: u64 = 1_795_439_783_000;

    fn found(text: &str) -> (String, Expires) {
        let Cookie { span, expires } = Cookie::find(text);
        (text[span].to_owned(), expires)
    }

    #[test]
    fn a_cookie_of_express_session_is_found_at_the_beginning() {
        let cookie = format!(
            r#"{{"originalMaxAge":60000,"priority":"high","expires":"{DATE}","httpOnly":true,"path":"/a}}\"b"}}"#
        );
        let text = format!(r#"{{"cookie":{cookie},"user":{{"cookie":1}}}}"#);
        assert_eq!(found(&text), (cookie, Expires::At(MS)));
    }

    #[test]
    fn a_cookie_without_an_end_is_open() {
        for cookie in [
            r#"{"originalMaxAge":null,"expires":null,"httpOnly":true,"path":"/"}"#,
            r#"{"originalMaxAge":null}"#,
        ] {
            let text = format!(r#"{{"cookie":{cookie},"a":1}}"#);
            assert_eq!(found(&text), (cookie.to_owned(), Expires::Open));
        }
        assert_eq!(found(r#"{"cookie":{},"a":1}"#), ("{}".into(), Expires::Open));
    }

    #[test]
    fn a_cookie_elsewhere_or_with_objects_in_it_is_found_too() {
        let text = format!(r#"{{"a":{{"cookie":1}},"cookie":{{"x":[{{}}],"expires":"{DATE}"}},"b":2}}"#);
        let cookie = format!(r#"{{"x":[{{}}],"expires":"{DATE}"}}"#);
        assert_eq!(found(&text), (cookie, Expires::At(MS)));
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
            assert_eq!(found(text), (String::new(), Expires::Open), "{text}");
        }
        assert_eq!(found(r#"{"cookie":5}"#), ("5".into(), Expires::Open));
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
            assert_eq!(found(&text).1, Expires::Unknown);
        }
    }

    #[test]
    fn a_cookie_is_replaced_or_added() {
        let replaced = |text: &str| {
            let (mut text, mut span) = (text.to_owned(), Cookie::find(text).span);
            replace(&mut text, &mut span, "{\"n\":1}");
            assert!(span.is_empty() || text[span] == *"{\"n\":1}");
            text
        };
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
