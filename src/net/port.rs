//! Port sets: merged, sorted ranges of destination ports.

/// A set of ports, as sorted ranges that neither overlap nor touch.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct PortSet {
    ranges: Vec<(u16, u16)>,
}

impl PortSet {
    /// Every port.
    pub fn any() -> Self {
        Self {
            ranges: vec![(0, u16::MAX)],
        }
    }

    /// The union of inclusive ranges, in any order.
    pub fn new(ranges: impl IntoIterator<Item = (u16, u16)>) -> Self {
        let mut sorted: Vec<_> = ranges
            .into_iter()
            .filter(|(low, high)| low <= high)
            .collect();
        sorted.sort_unstable();
        let mut merged: Vec<(u16, u16)> = Vec::with_capacity(sorted.len());
        for (low, high) in sorted {
            match merged.last_mut() {
                Some(last) if low as u32 <= last.1 as u32 + 1 => last.1 = last.1.max(high),
                _ => merged.push((low, high)),
            }
        }
        Self { ranges: merged }
    }

    /// Reads `443`, `6379-6383` or `*`, as NSG rules and profiles write them.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::any());
        }
        let (low, high) = text.split_once('-').unwrap_or((text, text));
        let (low, high) = (low.trim().parse().ok()?, high.trim().parse().ok()?);
        (low <= high).then(|| Self::new([(low, high)]))
    }

    /// Whether `port` is a member.
    pub fn contains(&self, port: u16) -> bool {
        let after = self.ranges.partition_point(|&(low, _)| low <= port);
        after > 0 && self.ranges[after - 1].1 >= port
    }

    /// The union of both.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self::new(self.ranges.iter().chain(&other.ranges).copied())
    }

    /// The ports that are not members.
    #[must_use]
    pub fn complement(&self) -> Self {
        let mut ranges = Vec::with_capacity(self.ranges.len() + 1);
        let mut next = Some(0);
        for &(low, high) in &self.ranges {
            if let Some(start) = next.filter(|&start| start < low) {
                ranges.push((start, low - 1));
            }
            next = high.checked_add(1);
        }
        ranges.extend(next.map(|start| (start, u16::MAX)));
        Self { ranges }
    }

    /// The ports in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        self.complement().union(&other.complement()).complement()
    }

    /// The ports of this set that are not in `other`.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        self.intersection(&other.complement())
    }

    /// The lowest member.
    pub fn first(&self) -> Option<u16> {
        self.ranges.first().map(|&(low, _)| low)
    }

    /// The range that `port` is in or least far from, the lower of two as far; `None` of the empty
    /// set.
    pub fn nearest(&self, port: u16) -> Option<(u16, u16)> {
        let after = self.ranges.partition_point(|&(low, _)| low <= port);
        let below = after.checked_sub(1).map(|at| self.ranges[at]);
        let above = self.ranges.get(after).copied();
        match (below, above) {
            (Some(below), Some(above)) if above.0 - port < port.saturating_sub(below.1) => {
                Some(above)
            }
            (below, above) => below.or(above),
        }
    }

    /// Sorted inclusive ranges.
    pub fn ranges(&self) -> &[(u16, u16)] {
        &self.ranges
    }

    /// How many ports are members, 0 to 65,536.
    pub fn len(&self) -> u32 {
        self.ranges
            .iter()
            .map(|&(low, high)| high as u32 - low as u32 + 1)
            .sum()
    }

    /// Whether no port is a member.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Whether every port is a member.
    pub fn is_any(&self) -> bool {
        self.len() == 65_536
    }
}

impl std::fmt::Display for PortSet {
    /// `80, 443`, `6379-6383`, or `*`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.is_any() {
            return f.pad("*");
        }
        let parts: Vec<_> = self
            .ranges
            .iter()
            .map(|&(low, high)| {
                if low == high {
                    low.to_string()
                } else {
                    format!("{low}-{high}")
                }
            })
            .collect();
        f.pad(&parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rules_spellings_are_read() {
        assert_eq!(PortSet::parse("443").unwrap().ranges(), [(443, 443)]);
        assert_eq!(
            PortSet::parse("6379-6383").unwrap().to_string(),
            "6379-6383"
        );
        assert!(PortSet::parse("*").unwrap().is_any());
        for bad in ["", "70000", "9-8", "http", "1-2-3"] {
            assert_eq!(PortSet::parse(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn membership_is_that_of_the_ranges_given(
            ranges in prop::collection::vec((any::<u16>(), any::<u16>()), 0..8), port: u16,
        ) {
            let set = PortSet::new(ranges.iter().copied());
            let naive = ranges.iter().any(|&(low, high)| low <= port && port <= high);
            prop_assert_eq!(set.contains(port), naive);
            prop_assert!(set.ranges().windows(2).all(|pair| (pair[0].1 as u32) + 1 < pair[1].0 as u32));
        }

        #[test]
        fn algebra_is_that_of_membership(
            a in prop::collection::vec((0u16..40, 0u16..40), 0..5),
            b in prop::collection::vec((0u16..40, 0u16..40), 0..5),
            port in prop_oneof![0u16..45, Just(u16::MAX)],
        ) {
            let (a, b) = (PortSet::new(a), PortSet::new(b));
            let (in_a, in_b) = (a.contains(port), b.contains(port));
            prop_assert_eq!(a.complement().contains(port), !in_a);
            prop_assert_eq!(a.intersection(&b).contains(port), in_a && in_b);
            prop_assert_eq!(a.difference(&b).contains(port), in_a && !in_b);
            prop_assert_eq!(a.complement().complement(), a.clone());
            prop_assert_eq!(a.first(), (0..=u16::MAX).find(|&port| a.contains(port)));
            let distance = |(low, high): (u16, u16)| low.saturating_sub(port).max(port.saturating_sub(high));
            let naive = a.ranges().iter().copied().min_by_key(|&range| distance(range));
            prop_assert_eq!(a.nearest(port), naive);
        }
    }
}
