//! The place of the cookie in a session's text, found without parsing the session.

use std::ops::Range;

use serde::Deserialize;
use serde_json::{Deserializer, value::RawValue};

/// Finds the cookie of a session, given its text as `JSON.stringify` writes it; an empty range where it has none.
///
/// A session that express-session has written begins with its cookie, which is all that is looked at.
pub fn find(text: &str) -> Range<usize> {
    let cookie = match text.strip_prefix("{\"cookie\":") {
        Some(rest) => Deserializer::from_str(rest).into_iter().next().and_then(Result::ok),
        None => anywhere(text),
    };
    cookie.filter(|cookie| cookie.get() != "null").map_or(0..0, |cookie| {
        let start = cookie.get().as_ptr() as usize - text.as_ptr() as usize;
        start..start + cookie.get().len()
    })
}

fn anywhere(text: &str) -> Option<&RawValue> {
    #[derive(Deserialize)]
    struct Session<'t> {
        #[serde(borrow)]
        cookie: Option<&'t RawValue>,
    }
    // Serde takes an array for a struct, too.
    text.starts_with('{').then(|| serde_json::from_str::<Session<'_>>(text).ok())??.cookie
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

    fn found(text: &str) -> &str {
        &text[find(text)]
    }

    #[test]
    fn a_cookie_of_express_session_is_found_at_the_beginning() {
        let cookie = r#"{"originalMaxAge":60000,"priority":"high","httpOnly":true,"path":"/a}\"b"}"#;
        assert_eq!(found(&format!(r#"{{"cookie":{cookie},"user":{{"cookie":1}}}}"#)), cookie);
        assert_eq!(found(r#"{"cookie":{},"a":1}"#), "{}");
    }

    #[test]
    fn a_cookie_elsewhere_or_with_objects_in_it_is_found_too() {
        let cookie = r#"{"x":[{}],"y":"}"}"#;
        assert_eq!(found(&format!(r#"{{"a":{{"cookie":1}},"cookie":{cookie},"b":2}}"#)), cookie);
        assert_eq!(found(&format!(r#"{{"cookie":{cookie}}}"#)), cookie);
    }

    #[test]
    fn what_is_no_session_has_no_cookie() {
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
            assert_eq!(found(text), "", "{text}");
        }
        assert_eq!(found(r#"{"cookie":5}"#), "5");
    }

    #[test]
    fn a_cookie_is_replaced_or_added() {
        let replaced = |text: &str| {
            let (mut text, mut span) = (text.to_owned(), find(text));
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
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            let key = prop_oneof!["cookie", "expires", ".{0,4}"];
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::vec((key, inner), 0..5)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_cookie_found_is_the_one_that_json_has(value in json()) {
            let text = value.to_string();
            if let Some(expected) = value.get("cookie").filter(|cookie| !cookie.is_null()) {
                let cookie: Value = serde_json::from_str(found(&text)).unwrap();
                prop_assert_eq!(&cookie, expected);
            } else {
                prop_assert_eq!(found(&text), "");
            }
        }

        #[test]
        fn any_text_may_be_looked_at(text in ".{0,60}", head in 0..12usize) {
            let text = format!("{}{text}", &r#"{"cookie":{""#[..head]);
            let _ = find(&text);
        }
    }
}
