//! Numbers, bytes, spans and bars, as people read them.

use crate::net::Timestamp;

/// `1,234,567`.
pub(super) fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 flow`, `1,234 flows`.
pub(super) fn counted(value: u64, noun: &str) -> String {
    let plural = if value == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(value))
}

/// At most five characters: `999`, `1.2k`, `12k`, `3.4M`. Rounded down, so never more than there is.
pub(super) fn compact(value: u64) -> String {
    scaled(value, 1000, &["", "k", "M", "G", "T", "P", "E"])
}

/// `999 B`, `1.2 KiB`, `112 MiB`. Rounded down.
pub(super) fn bytes(value: u64) -> String {
    scaled(
        value,
        1024,
        &[" B", " KiB", " MiB", " GiB", " TiB", " PiB", " EiB"],
    )
}

fn scaled(value: u64, base: u64, units: &[&str]) -> String {
    let mut divisor = 1;
    let mut unit = 0;
    while value / divisor >= base && unit + 1 < units.len() {
        divisor *= base;
        unit += 1;
    }
    let whole = value / divisor;
    let tenth = u128::from(value % divisor) * 10 / u128::from(divisor);
    if unit > 0 && whole < 10 {
        format!("{whole}.{tenth}{}", units[unit])
    } else {
        format!("{whole}{}", units[unit])
    }
}

/// `92.3%` of per mille; never rounded up to `100%`.
pub(super) fn percent(per_mille: u64) -> String {
    if per_mille.is_multiple_of(10) {
        format!("{}%", per_mille / 10)
    } else {
        format!("{}.{}%", per_mille / 10, per_mille % 10)
    }
}

/// `45 s`, `12 min`, `7 h 5 min`, `3 d 4 h`.
pub(super) fn span(milliseconds: i64) -> String {
    let seconds = milliseconds.max(0) / 1000;
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let pair = |large: i64, unit: &str, small: i64, part: &str| {
        if small == 0 {
            format!("{large} {unit}")
        } else {
            format!("{large} {unit} {small} {part}")
        }
    };
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, _, _) => pair(hours, "h", minutes % 60, "min"),
        _ => pair(days, "d", hours % 24, "h"),
    }
}

/// The time between two RFC 3339 times, where both are.
pub(super) fn between(first: &str, last: &str) -> Option<String> {
    let first = Timestamp::parse(first)?;
    let last = Timestamp::parse(last)?;
    Some(span(last.0 - first.0))
}

/// Bars of at most `width` columns, and how many counts each bar stands for. `·` is none at all.
pub(super) fn sparkline(counts: &[u64], width: usize) -> (String, usize) {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let fold = counts.len().div_ceil(width.max(1)).max(1);
    let sums: Vec<u64> = counts
        .chunks(fold)
        .map(|chunk| chunk.iter().fold(0, |sum: u64, &n| sum.saturating_add(n)))
        .collect();
    let most = u128::from(sums.iter().copied().max().unwrap_or(0));
    let bars = sums
        .iter()
        .map(|&sum| match u128::from(sum) {
            0 => '·',
            sum => BARS[((sum * 8).div_ceil(most) - 1) as usize],
        })
        .collect();
    (bars, fold)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped_by_three() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_000), "1,000");
        assert_eq!(grouped(u64::MAX), "18,446,744,073,709,551,615");
        assert_eq!(counted(1, "flow"), "1 flow");
        assert_eq!(counted(0, "flow"), "0 flows");
    }

    #[test]
    fn compact_numbers_stay_short_and_never_round_up() {
        for (value, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1.0k"),
            (1_999, "1.9k"),
            (12_345, "12k"),
            (999_999, "999k"),
            (1_000_000, "1.0M"),
            (u64::MAX, "18E"),
        ] {
            assert_eq!(compact(value), text);
        }
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(1536), "1.5 KiB");
        assert_eq!(bytes(u64::MAX), "15 EiB");
        assert_eq!(percent(1000), "100%");
        assert_eq!(percent(999), "99.9%");
    }

    #[test]
    fn spans_have_two_units_at_most() {
        assert_eq!(span(59_999), "59 s");
        assert_eq!(span(12 * 60_000), "12 min");
        assert_eq!(span(25_500_000), "7 h 5 min");
        assert_eq!(span(86_400_000), "1 d");
        assert_eq!(span(-1), "0 s");
        assert_eq!(
            between("2026-01-05T10:00:00Z", "2026-01-05T17:00:00Z").as_deref(),
            Some("7 h")
        );
    }

    #[test]
    fn the_least_count_shows_and_none_differs_from_it() {
        assert_eq!(sparkline(&[0, 1, 500, 1000], 10), ("·▁▄█".to_owned(), 1));
        assert_eq!(sparkline(&[1, 1, 0, 0, 4], 3), ("▄·█".to_owned(), 2));
        assert_eq!(sparkline(&[u64::MAX, 1], 1), ("█".to_owned(), 2));
        assert_eq!(sparkline(&[], 3), (String::new(), 1));
    }
}
