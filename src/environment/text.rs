//! Addresses as text: prefixes of a set, and reading them strictly.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Subnets, Ipv6Subnets};

use crate::net::PrefixSet;
use crate::net::prefix::Family;

/// The fewest prefixes that make up a set, sorted, IPv4 first.
pub fn prefixes(set: &PrefixSet) -> Vec<IpNet> {
    let mut found = Vec::new();
    for &(low, high) in set.ranges(Family::V4) {
        let (low, high) = (Ipv4Addr::from(low as u32), Ipv4Addr::from(high as u32));
        found.extend(Ipv4Subnets::new(low, high, 0).map(IpNet::from));
    }
    for &(low, high) in set.ranges(Family::V6) {
        let (low, high) = (Ipv6Addr::from(low), Ipv6Addr::from(high));
        found.extend(Ipv6Subnets::new(low, high, 0).map(IpNet::from));
    }
    found
}

/// A set in words: its prefixes, those after the eighth only counted.
pub fn describe(set: &PrefixSet) -> String {
    let texts: Vec<_> = prefixes(set).iter().map(ToString::to_string).collect();
    list(&texts)
}

/// Texts with commas, those after the eighth only counted.
pub fn list<T: AsRef<str>>(texts: &[T]) -> String {
    const SHOWN: usize = 8;
    let shown: Vec<_> = texts.iter().take(SHOWN).map(AsRef::as_ref).collect();
    match texts.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// Reads a prefix or an address.
///
/// # Errors
/// What was expected and found; a prefix with host bits is named with the one that it lies in.
pub fn parse_prefix(text: &str) -> Result<IpNet, String> {
    if let Ok(prefix) = text.parse::<IpNet>() {
        let network = prefix.trunc();
        return if network == prefix {
            Ok(prefix)
        } else {
            Err(format!(
                "expected a prefix, and {prefix} is an address inside one: {network} is the prefix"
            ))
        };
    }
    text.parse::<IpAddr>().map(IpNet::from).map_err(|_| {
        format!("expected an address or a prefix such as 10.20.0.0/27 or fd00::/64, found {text:?}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_set_is_its_prefixes(ranges in prop::collection::vec((any::<u32>(), 0u8..=32, any::<u128>(), 0u8..=128), 0..6)) {
            let set = PrefixSet::new(ranges.into_iter().flat_map(|(v4, short, v6, long)| [
                IpNet::new(Ipv4Addr::from(v4).into(), short).unwrap(),
                IpNet::new(Ipv6Addr::from(v6).into(), long).unwrap(),
            ]));
            let texts: Vec<_> = prefixes(&set).iter().map(ToString::to_string).collect();
            prop_assert_eq!(PrefixSet::parse(texts.iter().map(String::as_str)), Ok(set));
        }
    }

    #[test]
    fn everything_is_two_prefixes() {
        assert_eq!(describe(&PrefixSet::any()), "0.0.0.0/0, ::/0");
    }

    #[test]
    fn host_bits_are_an_error_that_names_the_prefix() {
        assert!(
            parse_prefix("10.20.0.5/27")
                .unwrap_err()
                .contains("10.20.0.0/27 is the prefix")
        );
        assert!(parse_prefix("10.20.0.5").is_ok());
        assert!(parse_prefix("Storage").unwrap_err().contains("Storage"));
    }
}
