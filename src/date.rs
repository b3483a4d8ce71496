//! Dates as `Date.prototype.toISOString` spells them: `2026-11-23T13:16:23.000Z`.

/// How many bytes a date of the years 0 to 9999 has.
pub const LENGTH: usize = 24;

const MS_PER_DAY: i64 = 86_400_000;
/// The last moment that a `Date` can hold, in ms.
const LAST_MS: u64 = 8_640_000_000_000_000;
/// The last day whose date has four digits for its year: 9999-12-31.
const LAST_DAY: i64 = 2_932_896;
/// The first one: 0000-01-01.
const FIRST_DAY: i64 = -719_528;

/// Whether [`spell`] spells a moment: whether its year has four digits.
#[must_use]
pub fn is_spelt(ms: i64) -> bool {
    (FIRST_DAY..=LAST_DAY).contains(&ms.div_euclid(MS_PER_DAY))
}

/// Spells a moment, in ms since 1970; nothing when its year has more than four digits.
#[must_use]
pub fn spell(ms: i64) -> Option<[u8; LENGTH]> {
    if !is_spelt(ms) {
        return None;
    }
    let (year, month, day) = civil(ms.div_euclid(MS_PER_DAY));
    let rest = ms.rem_euclid(MS_PER_DAY);
    let mut out = *b"0000-00-00T00:00:00.000Z";
    for (at, width, number) in [
        (0, 4, year),
        (5, 2, month),
        (8, 2, day),
        (11, 2, rest / 3_600_000),
        (14, 2, rest / 60_000 % 60),
        (17, 2, rest / 1000 % 60),
        (20, 3, rest % 1000),
    ] {
        let mut number = number;
        for byte in out[at..at + width].iter_mut().rev() {
            *byte = b'0' + u8::try_from(number % 10).unwrap_or(0);
            number /= 10;
        }
    }
    Some(out)
}

/// Spells any moment that a `Date` can hold, in ms since 1970: from the year 10000 on with a sign and six digits. Later moments
/// are the last one.
#[must_use]
pub fn iso(ms: u64) -> String {
    let ms = ms.min(LAST_MS).cast_signed();
    if let Some(text) = spell(ms) {
        return String::from_utf8_lossy(&text).into_owned();
    }
    let (year, month, day) = civil(ms.div_euclid(MS_PER_DAY));
    // The time of day is as on any other day.
    let time = spell(ms.rem_euclid(MS_PER_DAY)).unwrap_or_default();
    let time = String::from_utf8_lossy(&time[10..]).into_owned();
    format!("+{year:06}-{month:02}-{day:02}{time}")
}

/// Reads a moment, in ms since 1970; nothing when it is spelt in any other way than [`spell`]'s.
#[must_use]
pub fn read(text: &[u8]) -> Option<i64> {
    let text: &[u8; LENGTH] = text.try_into().ok()?;
    let number = |at: usize, width: usize| {
        text[at..at + width].iter().try_fold(0i64, |sum, byte| {
            byte.is_ascii_digit()
                .then(|| sum * 10 + i64::from(byte - b'0'))
        })
    };
    let days = days(number(0, 4)?, number(5, 2)?, number(8, 2)?);
    let seconds = (number(11, 2)? * 60 + number(14, 2)?) * 60 + number(17, 2)?;
    let ms = days * MS_PER_DAY + seconds * 1000 + number(20, 3)?;
    // The 31st of February, a 61st minute, another separator: JavaScript is to say what it is.
    (spell(ms)? == *text).then_some(ms)
}

/// The Gregorian date of a day counted from 1970, by Howard Hinnant's algorithm.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted_month = (month + 9) % 12;
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn dates_are_spelt_as_javascript_does() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (951_782_400_123, "2000-02-29T00:00:00.123Z"),
            (1_795_439_783_000, "2026-11-23T13:16:23.000Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
            (-62_167_219_200_000, "0000-01-01T00:00:00.000Z"),
        ] {
            assert_eq!(spell(ms).as_ref(), text.as_bytes().first_chunk::<LENGTH>());
            assert_eq!(read(text.as_bytes()), Some(ms));
        }
        assert_eq!(spell(253_402_300_800_000), None);
        assert_eq!(spell(-62_167_219_200_001), None);
        assert_eq!(spell(i64::MAX), None);
    }

    #[test]
    fn moments_beyond_the_year_9999_are_spelt_as_javascript_does() {
        // Made by `new Date(ms).toISOString()` in Node 20.
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_868_800_000, "2000-03-01T00:00:00.000Z"),
            (1_709_164_800_001, "2024-02-29T00:00:00.001Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
            (253_402_300_800_000, "+010000-01-01T00:00:00.000Z"),
            (253_402_345_678_901, "+010000-01-01T12:27:58.901Z"),
            (8_640_000_000_000_000, "+275760-09-13T00:00:00.000Z"),
            (u64::MAX, "+275760-09-13T00:00:00.000Z"),
        ] {
            assert_eq!(iso(ms), text);
        }
    }

    #[test]
    fn other_spellings_are_left_to_javascript() {
        for text in [
            "",
            "2026-02-31T00:00:00.000Z",
            "2026-01-01T24:00:00.000Z",
            "2026-01-01 00:00:00.000Z",
            "2026-01-01T00:00:00Z",
            "+010000-01-01T00:00:00.000Z",
            "Thu, 01 Jan 1970 00:00:00",
            "2026-00-01T00:00:00.000Z",
        ] {
            assert_eq!(read(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_spelt_is_read(ms in -62_167_219_200_000i64..253_402_300_800_000) {
            let text = spell(ms).unwrap();
            prop_assert_eq!(read(&text), Some(ms));
        }

        #[test]
        fn each_day_follows_the_one_before(day in -719_528i64..100_000_000) {
            let (today, tomorrow) = (civil(day), civil(day + 1));
            let next = (today.0, today.1, today.2 + 1);
            let next_month = (today.0, today.1 + 1, 1);
            prop_assert!([next, next_month, (today.0 + 1, 1, 1)].contains(&tomorrow));
            prop_assert!(today.2 <= 31 && today.1 <= 12);
        }

        #[test]
        fn anything_may_be_read(text in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = read(&text);
        }
    }
}
