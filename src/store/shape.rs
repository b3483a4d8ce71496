//! The shape of a cookie: all of its text but its two numbers, which are what a touch changes.
//!
//! The sessions of an app have one shape or a few. JavaScript registers a shape once and then sets and touches with
//! numbers, so that no cookie is stringified.

use std::num::NonZeroU32;

use parking_lot::RwLock;

use crate::date;

/// Most shapes of cookies: an app that has more of them spells them out.
const MOST: usize = 256;

/// A cookie's text, with gaps for its `originalMaxAge` and its `expires`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    before: Box<str>,
    /// Between the two numbers, and after them; nothing when the cookie has no end.
    gaps: Option<(Box<str>, Box<str>)>,
}

/// A cookie of a registered shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shaped {
    /// The number of its shape.
    pub shape: NonZeroU32,
    /// Its `originalMaxAge`, where it has an end.
    pub max_age: u64,
    /// Its end, in ms since 1970.
    pub end: Option<i64>,
}

/// The shapes of a table's cookies. Its lock is the last that is taken, and nothing is called under it.
#[derive(Debug, Default)]
pub struct Shapes(RwLock<Vec<Shape>>);

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

    /// How many bytes a cookie of it has; nothing when JavaScript has to spell the date.
    fn length(&self, cookie: Shaped) -> Option<usize> {
        let Some((between, after)) = &self.gaps else {
            return Some(self.before.len());
        };
        let digits = cookie.max_age.checked_ilog10().unwrap_or(0) as usize + 1;
        date::is_spelt(cookie.end?)
            .then(|| self.before.len() + digits + between.len() + date::LENGTH + after.len())
    }

    /// Adds a cookie to `out`; false when JavaScript has to spell the date.
    fn spell(&self, cookie: Shaped, out: &mut String) -> bool {
        let Some((between, after)) = &self.gaps else {
            out.push_str(&self.before);
            return true;
        };
        let Some(date) = cookie.end.and_then(date::spell) else {
            return false;
        };
        out.push_str(&self.before);
        let mut digits = [0; 20];
        let mut first = digits.len();
        let mut number = cookie.max_age;
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

impl Shapes {
    /// Registers a shape. Gives its number; nothing when there are too many.
    pub fn register(&self, shape: Shape) -> Option<NonZeroU32> {
        let mut shapes = self.0.write();
        let known = shapes.iter().position(|other| *other == shape);
        let place = known.unwrap_or(shapes.len());
        if place == MOST {
            return None;
        }
        if known.is_none() {
            shapes.push(shape);
        }
        NonZeroU32::new(u32::try_from(place + 1).ok()?)
    }

    /// How many bytes a cookie has; nothing when JavaScript has to spell it.
    #[must_use]
    pub fn length(&self, cookie: Shaped) -> Option<usize> {
        self.0.read().get(place(cookie.shape))?.length(cookie)
    }

    /// Adds a cookie to `out`; false when JavaScript has to spell it.
    #[must_use]
    pub fn spell(&self, cookie: Shaped, out: &mut String) -> bool {
        let shapes = self.0.read();
        let shape = shapes.get(place(cookie.shape));
        shape.is_some_and(|shape| shape.spell(cookie, out))
    }
}

fn place(number: NonZeroU32) -> usize {
    number.get() as usize - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelt(shapes: &Shapes, cookie: Shaped) -> Option<String> {
        let mut out = String::from("before ");
        let spelt = shapes.spell(cookie, &mut out).then_some(out);
        let length = spelt.as_ref().map(|text| text.len() - "before ".len());
        assert_eq!(shapes.length(cookie), length);
        spelt
    }

    #[test]
    fn a_dated_cookie_gets_its_numbers() {
        let shapes = Shapes::default();
        let shape = Shape::dated(
            r#"{"originalMaxAge":"#,
            r#","expires":""#,
            r#"","path":"/"}"#,
        );
        let shape = shapes.register(shape).unwrap();
        let cookie = |max_age, end| {
            spelt(
                &shapes,
                Shaped {
                    shape,
                    max_age,
                    end,
                },
            )
        };
        assert_eq!(
            cookie(60_000, Some(1_795_439_783_000)).unwrap(),
            r#"before {"originalMaxAge":60000,"expires":"2026-11-23T13:16:23.000Z","path":"/"}"#
        );
        for max_age in [0, 9, 10, 99, 100, u64::MAX] {
            let text = cookie(max_age, Some(0)).unwrap();
            assert!(text.contains(&format!(r#""originalMaxAge":{max_age},"#)));
        }
        assert_eq!(cookie(0, Some(i64::MAX)), None);
        assert_eq!(cookie(0, None), None);
    }

    #[test]
    fn a_cookie_without_an_end_is_always_the_same() {
        let shapes = Shapes::default();
        let shape = shapes.register(Shape::open("{}")).unwrap();
        for end in [None, Some(i64::MAX)] {
            let cookie = Shaped {
                shape,
                max_age: 5,
                end,
            };
            assert_eq!(spelt(&shapes, cookie).unwrap(), "before {}");
        }
    }

    #[test]
    fn a_shape_is_registered_once_and_not_above_the_most() {
        let shapes = Shapes::default();
        let open = |number: usize| Shape::open(&number.to_string());
        for number in 0..MOST {
            assert_eq!(shapes.register(open(number)).map(place), Some(number));
        }
        assert_eq!(shapes.register(open(7)).map(place), Some(7));
        assert_eq!(shapes.register(open(MOST)), None);
        let cookie = Shaped {
            shape: NonZeroU32::MAX,
            max_age: 0,
            end: None,
        };
        assert_eq!(spelt(&shapes, cookie), None);
    }
}
