//! Address sets: IPv4 and IPv6 apart, as merged sorted ranges, written once for both families.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use ipnet::IpNet;

/// A set of addresses of both families, as sorted inclusive ranges that neither overlap nor touch.
///
/// IPv4 addresses are numbers below 2^32 in their own list; an IPv4-mapped IPv6 address is an IPv6
/// address. A copy shares the ranges until one of both changes: a tag has thousands, and proofs name
/// the same sets again and again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct PrefixSet {
    v4: Arc<Ranges>,
    v6: Arc<Ranges>,
}

/// One family's ranges, both ends inclusive.
type Ranges = Vec<(u128, u128)>;

/// An address family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// The greatest address, as a number.
    pub const fn max(self) -> u128 {
        match self {
            Self::V4 => u32::MAX as u128,
            Self::V6 => u128::MAX,
        }
    }
}

/// Family and number of an address.
pub fn number(address: IpAddr) -> (Family, u128) {
    match address {
        IpAddr::V4(v4) => (Family::V4, u32::from(v4) as u128),
        IpAddr::V6(v6) => (Family::V6, u128::from(v6)),
    }
}

/// The address of a family's number. IPv4 numbers above 2^32-1 are cut to 32 bits.
pub fn address(family: Family, number: u128) -> IpAddr {
    match family {
        Family::V4 => IpAddr::V4(Ipv4Addr::from(number as u32)),
        Family::V6 => IpAddr::V6(Ipv6Addr::from(number)),
    }
}

impl PrefixSet {
    /// The set of no address.
    pub fn empty() -> Self {
        Self::default()
    }

    /// Every address of both families.
    pub fn any() -> Self {
        Self {
            v4: Arc::new(vec![(0, Family::V4.max())]),
            v6: Arc::new(vec![(0, Family::V6.max())]),
        }
    }

    /// The union of prefixes, host bits ignored.
    pub fn new(prefixes: impl IntoIterator<Item = IpNet>) -> Self {
        let mut set = Self::empty();
        for prefix in prefixes {
            let (family, low) = number(prefix.network());
            let (_, high) = number(prefix.broadcast());
            set.list_mut(family).push((low, high));
        }
        merge(set.list_mut(Family::V4));
        merge(set.list_mut(Family::V6));
        set
    }

    /// The union of one family's inclusive ranges, in any order.
    pub fn from_ranges(family: Family, ranges: impl IntoIterator<Item = (u128, u128)>) -> Self {
        let mut set = Self::empty();
        let list = set.list_mut(family);
        list.extend(ranges.into_iter().filter(|(low, high)| low <= high));
        merge(list);
        set
    }

    /// Reads prefixes and bare addresses (`10.0.0.0/24`, `168.63.129.16`, `fd00::/8`).
    ///
    /// # Errors
    /// The first text that is neither.
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let prefixes: Result<Vec<_>, _> = texts
            .into_iter()
            .map(|text| parse_prefix(text).ok_or_else(|| text.to_owned()))
            .collect();
        Ok(Self::new(prefixes?))
    }

    /// Whether `address` is a member.
    pub fn contains(&self, address: IpAddr) -> bool {
        let (family, number) = number(address);
        let list = self.ranges(family);
        let after = list.partition_point(|&(low, _)| low <= number);
        after > 0 && list[after - 1].1 >= number
    }

    /// The addresses in either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        self.with(other, |one, other| {
            if other.is_empty() || Arc::ptr_eq(one, other) {
                Arc::clone(one)
            } else if one.is_empty() {
                Arc::clone(other)
            } else {
                Arc::new(either(one, other))
            }
        })
    }

    /// The addresses that are not members.
    #[must_use]
    pub fn complement(&self) -> Self {
        Self {
            v4: Arc::new(outside(&self.v4, Family::V4)),
            v6: Arc::new(outside(&self.v6, Family::V6)),
        }
    }

    /// The addresses in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        self.with(other, |one, other| {
            if Arc::ptr_eq(one, other) {
                Arc::clone(one)
            } else {
                Arc::new(both(one, other))
            }
        })
    }

    /// The addresses of this set that are not in `other`.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        self.intersection(&other.complement())
    }

    /// A set made family by family.
    fn with(&self, other: &Self, join: impl Fn(&Arc<Ranges>, &Arc<Ranges>) -> Arc<Ranges>) -> Self {
        Self {
            v4: join(&self.v4, &other.v4),
            v6: join(&self.v6, &other.v6),
        }
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }

    /// The lowest member, IPv4 before IPv6.
    pub fn first(&self) -> Option<IpAddr> {
        [Family::V4, Family::V6].into_iter().find_map(|family| {
            let &(low, _) = self.ranges(family).first()?;
            Some(address(family, low))
        })
    }

    /// The fewest prefixes that make up the set, in order, IPv4 first.
    pub fn prefixes(&self) -> Vec<IpNet> {
        let mut prefixes = Vec::new();
        for family in [Family::V4, Family::V6] {
            for &(mut low, high) in self.ranges(family) {
                loop {
                    let block = block_from(low, high);
                    prefixes.extend(prefix(family, low, block));
                    let last = low + ones(block);
                    if last == high {
                        break;
                    }
                    low = last + 1;
                }
            }
        }
        prefixes
    }

    /// The prefix of [`PrefixSet::prefixes`] that holds `to` or is least far from it, the lower of
    /// two as far; `None` where no member is of that family. Takes a binary search, not a walk.
    pub fn nearest(&self, to: IpAddr) -> Option<IpNet> {
        let (family, number) = number(to);
        let list = self.ranges(family);
        let after = list.partition_point(|&(low, _)| low <= number);
        let below = after.checked_sub(1).map(|at| list[at]);
        let above = list.get(after).copied();
        match (below, above) {
            (Some((low, high)), _) if number <= high => block_around(family, (low, high), number),
            (Some((_, end)), Some((low, high))) if low - number < number - end => {
                prefix(family, low, block_from(low, high))
            }
            (Some((low, high)), _) => {
                let block = block_to(low, high);
                prefix(family, high - ones(block), block)
            }
            (None, Some((low, high))) => prefix(family, low, block_from(low, high)),
            (None, None) => None,
        }
    }

    /// One family's sorted inclusive ranges.
    pub fn ranges(&self, family: Family) -> &[(u128, u128)] {
        match family {
            Family::V4 => &self.v4,
            Family::V6 => &self.v6,
        }
    }

    fn list_mut(&mut self, family: Family) -> &mut Ranges {
        match family {
            Family::V4 => Arc::make_mut(&mut self.v4),
            Family::V6 => Arc::make_mut(&mut self.v6),
        }
    }
}

/// Reads a prefix or a bare address; host bits are dropped.
pub fn parse_prefix(text: &str) -> Option<IpNet> {
    let text = text.trim();
    if let Ok(prefix) = text.parse::<IpNet>() {
        return Some(prefix.trunc());
    }
    text.parse::<IpAddr>().ok().map(IpNet::from)
}

/// A number of so many one bits: addresses of a block of `2^bits`, less one.
fn ones(bits: u32) -> u128 {
    1u128.checked_shl(bits).map_or(u128::MAX, |size| size - 1)
}

/// Bits of the largest block that is no longer than a range.
fn fitting(low: u128, high: u128) -> u32 {
    (high - low).checked_add(1).map_or(128, u128::ilog2)
}

/// Bits of the largest aligned block that starts a range.
fn block_from(low: u128, high: u128) -> u32 {
    fitting(low, high).min(low.trailing_zeros())
}

/// Bits of the largest aligned block that ends a range.
fn block_to(low: u128, high: u128) -> u32 {
    fitting(low, high).min(high.trailing_ones())
}

/// The largest aligned block of a range that holds `number`, which the range does.
fn block_around(family: Family, (low, high): (u128, u128), number: u128) -> Option<IpNet> {
    (0..=128).rev().find_map(|block| {
        let start = number & !ones(block);
        (start >= low && ones(block) <= high - start)
            .then(|| prefix(family, start, block))
            .flatten()
    })
}

/// The prefix of a block of `2^bits` addresses.
fn prefix(family: Family, low: u128, bits: u32) -> Option<IpNet> {
    let width = match family {
        Family::V4 => 32,
        Family::V6 => 128,
    };
    IpNet::new(address(family, low), u8::try_from(width - bits).ok()?).ok()
}

/// Sorts ranges and joins those that overlap or touch.
fn merge(ranges: &mut Ranges) {
    ranges.sort_unstable();
    let mut kept = 0;
    for at in 0..ranges.len() {
        let (low, high) = ranges[at];
        if kept > 0 && (low <= ranges[kept - 1].1 || low - 1 == ranges[kept - 1].1) {
            ranges[kept - 1].1 = ranges[kept - 1].1.max(high);
        } else {
            ranges[kept] = (low, high);
            kept += 1;
        }
    }
    ranges.truncate(kept);
}

/// The union of merged ranges: one walk along both.
fn either<'r>(mut one: &'r [(u128, u128)], mut other: &'r [(u128, u128)]) -> Ranges {
    let mut joined = Ranges::with_capacity(one.len() + other.len());
    loop {
        let from_one = match (one.first(), other.first()) {
            (None, None) => return joined,
            (Some(first), Some(second)) => first <= second,
            (first, _) => first.is_some(),
        };
        let next = if from_one { &mut one } else { &mut other };
        let Some(&(low, high)) = next.split_off_first() else {
            return joined;
        };
        match joined.last_mut() {
            Some(last) if low <= last.1 || low - 1 == last.1 => last.1 = last.1.max(high),
            _ => joined.push((low, high)),
        }
    }
}

/// The intersection of merged ranges: one walk along both.
fn both<'r>(one: &'r [(u128, u128)], other: &'r [(u128, u128)]) -> Ranges {
    let (mut one, mut other) = (reaching(one, other), reaching(other, one));
    let mut shared = Ranges::new();
    while let (Some(&(low, high)), Some(&(other_low, other_high))) = (one.first(), other.first()) {
        let (low, end) = (low.max(other_low), high.min(other_high));
        if low <= end {
            shared.push((low, end));
        }
        // The one that ends first meets nothing that is still to come.
        let ended = if high < other_high {
            &mut one
        } else {
            &mut other
        };
        *ended = &ended[1..];
    }
    shared
}

/// The ranges that do not end before others begin: a single address is looked for among few.
fn reaching<'r>(ranges: &'r [(u128, u128)], others: &[(u128, u128)]) -> &'r [(u128, u128)] {
    let start = others.first().map_or(0, |&(low, _)| low);
    &ranges[ranges.partition_point(|&(_, high)| high < start)..]
}

/// The complement of merged ranges.
fn outside(ranges: &[(u128, u128)], family: Family) -> Ranges {
    let mut outside = Ranges::with_capacity(ranges.len() + 1);
    let mut next = Some(0);
    for &(low, high) in ranges {
        if let Some(start) = next.filter(|&start| start < low) {
            outside.push((start, low - 1));
        }
        next = (high < family.max()).then(|| high + 1);
    }
    outside.extend(next.map(|start| (start, family.max())));
    outside
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn small_sets() -> impl Strategy<Value = Vec<IpNet>> {
        let v4 = (0u32..64, 26u8..=32)
            .prop_map(|(host, length)| IpNet::new(Ipv4Addr::from(host).into(), length).unwrap());
        let v6 = (0u128..64, 122u8..=128)
            .prop_map(|(host, length)| IpNet::new(Ipv6Addr::from(host).into(), length).unwrap());
        prop::collection::vec(prop_oneof![v4, v6], 0..6)
    }

    proptest! {
        #[test]
        fn sets_obey_membership_of_their_prefixes(a in small_sets(), b in small_sets(), host in 0u32..80) {
            let (x, y) = (PrefixSet::new(a.iter().copied()), PrefixSet::new(b.iter().copied()));
            for address in [IpAddr::from(Ipv4Addr::from(host)), Ipv6Addr::from(host as u128).into()] {
                let in_a = a.iter().any(|prefix| prefix.contains(&address));
                let in_b = b.iter().any(|prefix| prefix.contains(&address));
                prop_assert_eq!(x.contains(address), in_a);
                prop_assert_eq!(x.union(&y).contains(address), in_a || in_b);
                prop_assert_eq!(x.intersection(&y).contains(address), in_a && in_b);
                prop_assert_eq!(x.difference(&y).contains(address), in_a && !in_b);
                prop_assert_eq!(x.complement().contains(address), !in_a);
            }
            prop_assert_eq!(x.complement().complement(), x);
        }
    }

    proptest! {
        #[test]
        fn prefixes_are_the_set_and_the_nearest_is_one_of_them(a in small_sets(), host in 0u32..80) {
            let set = PrefixSet::new(a);
            let prefixes = set.prefixes();
            prop_assert_eq!(&PrefixSet::new(prefixes.iter().copied()), &set);
            prop_assert_eq!(&IpNet::aggregate(&prefixes), &prefixes, "not the fewest");
            prop_assert_eq!(set.first(), prefixes.first().map(IpNet::network));
            for address in [IpAddr::from(Ipv4Addr::from(host)), Ipv6Addr::from(host as u128).into()] {
                let (family, at) = number(address);
                let naive = prefixes
                    .iter()
                    .filter(|prefix| number(prefix.network()).0 == family)
                    .min_by_key(|prefix| {
                        let (low, high) = (number(prefix.network()).1, number(prefix.broadcast()).1);
                        low.saturating_sub(at).max(at.saturating_sub(high))
                    });
                prop_assert_eq!(set.nearest(address), naive.copied());
            }
        }
    }

    #[test]
    fn the_whole_space_is_two_prefixes() {
        let all: Vec<_> = PrefixSet::any()
            .prefixes()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(all, ["0.0.0.0/0", "::/0"]);
        assert_eq!(
            PrefixSet::any().nearest("::1".parse().unwrap()),
            Some("::/0".parse().unwrap())
        );
        assert_eq!(PrefixSet::empty().nearest("::1".parse().unwrap()), None);
    }

    #[test]
    fn everything_and_nothing_are_complements() {
        assert_eq!(PrefixSet::any().complement(), PrefixSet::empty());
        assert_eq!(PrefixSet::empty().complement(), PrefixSet::any());
    }

    #[test]
    fn bare_addresses_are_prefixes_of_one() {
        let set = PrefixSet::parse(["168.63.129.16", "10.0.0.9/8"]).unwrap();
        assert!(set.contains("168.63.129.16".parse().unwrap()));
        assert!(!set.contains("168.63.129.17".parse().unwrap()));
        assert!(set.contains("10.255.0.1".parse().unwrap()));
        assert_eq!(
            PrefixSet::parse(["10.0.0.0/33"]),
            Err("10.0.0.0/33".to_owned())
        );
    }
}
