//! Event times: milliseconds since the Unix epoch, UTC. Formatting is `jiff`'s.

/// Milliseconds since 1970-01-01T00:00:00Z. Always the time of a record, never of a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

/// The last millisecond of the year 9999, the latest time that a record may carry.
pub const LATEST: Timestamp = Timestamp(253_402_300_799_999);

impl Timestamp {
    /// Reads RFC 3339 (`2026-01-05T10:00:37.1234567Z`), or a bare date (its first instant, UTC).
    pub fn parse(text: &str) -> Option<Self> {
        if let Ok(instant) = text.parse::<jiff::Timestamp>() {
            return Some(Self(instant.as_millisecond()));
        }
        let first_instant = format!("{text}T00:00:00Z")
            .parse::<jiff::Timestamp>()
            .ok()?;
        Some(Self(first_instant.as_millisecond()))
    }

    /// Hours since the epoch: the unit of Azure's blobs and of coverage.
    pub fn hour(self) -> i64 {
        self.0.div_euclid(3_600_000)
    }
}

impl std::fmt::Display for Timestamp {
    /// `2026-01-05T10:00:37Z`, or `…37.123Z` where the milliseconds are not zero.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(instant) => f.pad(&instant.to_string()),
            Err(_) => f.pad(&format!("{} ms", self.0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn azure_record_times_and_dates_are_read() {
        assert_eq!(
            Timestamp::parse("2026-01-05T10:00:37.1234567Z"),
            Some(Timestamp(1_767_607_237_123))
        );
        assert_eq!(
            Timestamp::parse("2026-01-05"),
            Some(Timestamp(1_767_571_200_000))
        );
        assert_eq!(Timestamp::parse("20180719:L012620622"), None);
    }

    #[test]
    fn times_print_as_rfc_3339_in_utc() {
        assert_eq!(
            Timestamp(1_767_607_237_123).to_string(),
            "2026-01-05T10:00:37.123Z"
        );
        assert_eq!(
            Timestamp(1_767_607_237_000).to_string(),
            "2026-01-05T10:00:37Z"
        );
    }
}
