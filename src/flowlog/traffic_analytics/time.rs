//! Times as exports print them, always UTC.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::Offset;

use crate::net::Timestamp;
use crate::net::time::LATEST;

/// Reads ISO 8601 with or without a zone, and `8/25/2025 8:11:21.937 PM`.
///
/// A time without a zone is UTC: Log Analytics knows no other. Month and day are in American order
/// where slashes part them.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    let instant = if text.contains('/') {
        utc(american(text)?)?
    } else {
        text.parse::<jiff::Timestamp>()
            .ok()
            .or_else(|| utc(text.parse().ok()?))?
    };
    let milliseconds = instant.as_millisecond();
    (1..=LATEST.0)
        .contains(&milliseconds)
        .then_some(Timestamp(milliseconds))
}

fn utc(time: DateTime) -> Option<jiff::Timestamp> {
    Offset::UTC.to_timestamp(time).ok()
}

/// `8/25/2025 8:11:21.937 PM`; also with a comma after the date, without fraction or seconds, and
/// with 24 hours.
fn american(text: &str) -> Option<DateTime> {
    let mut words = text.split_whitespace();
    let mut date = words.next()?.trim_end_matches(',').splitn(3, '/');
    let month = number(date.next()?)?;
    let day = number(date.next()?)?;
    let year = number(date.next()?)?;
    let mut clock = words.next()?.splitn(3, ':');
    let hour = number(clock.next()?)?;
    let minute = number(clock.next()?)?;
    let (second, nanosecond) = seconds(clock.next().unwrap_or("0"))?;
    let hour = match words.next() {
        Some(half) if (1..=12).contains(&hour) => match () {
            () if half.eq_ignore_ascii_case("AM") => hour % 12,
            () if half.eq_ignore_ascii_case("PM") => hour % 12 + 12,
            () => return None,
        },
        None => hour,
        Some(_) => return None,
    };
    if words.next().is_some() {
        return None;
    }
    let day = Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
    let time = Time::new(
        i8::try_from(hour).ok()?,
        i8::try_from(minute).ok()?,
        second,
        nanosecond,
    );
    Some(day.to_datetime(time.ok()?))
}

/// One to four ASCII digits.
fn number(text: &str) -> Option<i16> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    (digits && text.len() <= 4).then_some(())?;
    text.parse().ok()
}

/// Seconds and nanoseconds of `21` or `21.937`.
fn seconds(text: &str) -> Option<(i8, i32)> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = fraction.bytes().all(|byte| byte.is_ascii_digit());
    (digits && (1..=9).contains(&fraction.len())).then_some(())?;
    let scale = 10_i32.pow(9 - fraction.len() as u32);
    let nanosecond = fraction.parse::<i32>().ok()? * scale;
    Some((i8::try_from(number(whole)?).ok()?, nanosecond))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_one_instant_is_that_instant() {
        for text in [
            "8/25/2025 8:11:21.937 PM",
            "8/25/2025, 8:11:21.937 PM",
            "08/25/2025 20:11:21.937",
            "8/25/2025 8:11:21.937\u{202f}PM",
            "2025-08-25T20:11:21.937Z",
            "2025-08-25T20:11:21.9370000Z",
            "2025-08-25T20:11:21.937",
            "2025-08-25 20:11:21.937",
            "2025-08-25 22:11:21.937+02:00",
        ] {
            assert_eq!(parse(text), Some(Timestamp(1_756_152_681_937)), "{text}");
        }
        assert_eq!(
            parse("2025-08-25 20:11:21"),
            Some(Timestamp(1_756_152_681_000))
        );
        assert_eq!(
            parse("8/25/2025 12:00:00 AM"),
            Some(Timestamp(1_756_080_000_000))
        );
        assert_eq!(
            parse("8/25/2025 12:00 PM"),
            Some(Timestamp(1_756_123_200_000))
        );
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "/",
            "25/8/2025 8:11:21 PM",
            "8/25/2025",
            "8/25/2025 13:11:21 PM",
            "8/25/2025 0:11:21 PM",
            "8/25/2025 8:11:21 XM",
            "8/25/2025 8:11:21 PM x",
            "8/25/2025 8:11:-1 PM",
            "1970-01-01T00:00:00Z",
            "now",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
