//! The shape of a cookie: all of its text but its two numbers, which are what a touch changes.
//!
//! The sessions of an app have one shape or a few. JavaScript registers a shape once and then touches with numbers, so
//! that no cookie is stringified.

use crate::date;

/// A cookie's text, with gaps for its `originalMaxAge` and its `expires`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    before: Box<str>,
    /// Between the two numbers, and after them; nothing when the cookie has no end.
    gaps: Option<(Box<str>, Box<str>)>,
}

impl Shape {
    /// The shape of a cookie that ends: the texts before, between and after its two numbers.
    #[must_use]
    pub fn dated(before: &str, between: &str, after: &str) -> Self {
        Self {
            before: before.into(),
            gaps: Some((between.into(), after.into())),
        }
    }

    /// The shape of a cookie without an end: its text.
    #[must_use]
    pub fn open(text: &str) -> Self {
        Self {
            before: text.into(),
            gaps: None,
        }
    }

    /// Writes the cookie to `out`; false when JavaScript has to spell the date.
    pub fn spell(&self, max_age: u64, expires: i64, out: &mut String) -> bool {
        out.clear();
        out.push_str(&self.before);
        let Some((between, after)) = &self.gaps else {
            return true;
        };
        let Some(date) = date::spell(expires) else {
            return false;
        };
        let mut digits = [0; 20];
        let mut first = digits.len();
        let mut number = max_age;
        loop {
            first -= 1;
            digits[first] = b'0' + u8::try_from(number % 10).unwrap_or(0);
            number /= 10;
            if number == 0 {
                break;
            }
        }
        out.extend(digits[first..].iter().copied().map(char::from));
        out.push_str(between);
        out.extend(date.iter().copied().map(char::from));
        out.push_str(after);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dated_cookie_gets_its_numbers() {
        let shape = Shape::dated(
            r#"{"originalMaxAge":"#,
            r#","expires":""#,
            r#"","path":"/"}"#,
        );
        let mut out = String::from("left over");
        assert!(shape.spell(60_000, 1_795_439_783_000, &mut out));
        assert_eq!(
            out,
            r#"{"originalMaxAge":60000,"expires":"2026-11-23T13:16:23.000Z","path":"/"}"#
        );
        assert!(shape.spell(0, 0, &mut out));
        assert!(out.contains(r#""originalMaxAge":0,"#));
        assert!(!shape.spell(0, i64::MAX, &mut out));
    }

    #[test]
    fn a_cookie_without_an_end_is_always_the_same() {
        let mut out = String::new();
        assert!(Shape::open("{}").spell(5, i64::MAX, &mut out));
        assert_eq!(out, "{}");
    }
}
