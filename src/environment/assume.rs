//! An environment from the logs alone, where nothing states one.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::text::list;
use super::{Environment, Subnet};
use crate::net::{Mac, PrefixSet};
use crate::tally::{Interface, Target};

/// Most subnets that are assumed: each is a requirement a row, all of them held until they are
/// reported. A network of more is for its owner to state.
const MOST_ASSUMED: usize = 512;

/// An address is assumed to lie in a subnet of this size: the usual one of IPv4, and IPv6's own.
const WIDEST: (u8, u8) = (24, 64);

/// No IPv4 subnet is assumed to be smaller. Azure allows /29; what is that small holds no ISE.
const NARROWEST: u8 = 28;

/// Logged addresses in order, and an interface of each; of an address with several, all of them.
type Logged<'a> = [(IpAddr, &'a Interface)];

/// Assumes subnets around the own addresses of the logged interfaces, and says so in sentences.
///
/// A subnet is the /24 (IPv4) or /64 (IPv6) around an address. An IPv4 block is cut where its
/// addresses fall into halves that were logged under different targets: a subnet has one NSG, so
/// two NSGs without a common interface are two subnets. Blocks never overlap, and each logged
/// address lies in exactly one.
///
/// Private addresses that captured connections have count as own addresses too, logged under nothing.
pub fn assume(
    interfaces: &BTreeMap<Mac, Interface>,
    captured: &BTreeSet<IpAddr>,
) -> (Environment, Vec<String>) {
    let nothing = Interface::default();
    let mut logged = logged(interfaces);
    logged.extend(captured.iter().map(|&address| (address, &nothing)));
    logged.sort_by_key(|&(address, _)| address);
    let mut prefixes: Vec<IpNet> = Vec::new();
    let mut dropped = 0;
    for inside in logged.chunk_by(|&(one, _), &(next, _)| widest(one) == widest(next)) {
        match widest(inside[0].0) {
            IpNet::V4(block) => prefixes.extend(cut(block, inside).into_iter().map(IpNet::from)),
            block @ IpNet::V6(_) => prefixes.push(block),
        }
        // At once: there may be a block for each of hundreds of thousands of addresses.
        dropped += prefixes.len().saturating_sub(MOST_ASSUMED);
        prefixes.truncate(MOST_ASSUMED);
    }
    let remarks = sentences(&prefixes, interfaces.len(), captured.len(), dropped);
    let mut subnets: Vec<_> = prefixes.iter().map(|&prefix| subnet(prefix)).collect();
    subnets.sort();
    let environment = Environment {
        address_space: PrefixSet::new(prefixes),
        subnets,
        all_private: true,
        ..Environment::default()
    };
    (environment, remarks)
}

fn logged(interfaces: &BTreeMap<Mac, Interface>) -> Vec<(IpAddr, &Interface)> {
    interfaces
        .values()
        .flat_map(|interface| {
            let addresses = interface.addresses.iter();
            addresses.map(move |&address| (address, interface))
        })
        .collect()
}

fn widest(address: IpAddr) -> IpNet {
    // Lengths are within the family's own, so the fallbacks are never taken.
    match address {
        IpAddr::V4(v4) => Ipv4Net::new(v4, WIDEST.0)
            .map_or_else(|_| v4.into(), |net| net.trunc())
            .into(),
        IpAddr::V6(v6) => Ipv6Net::new(v6, WIDEST.1)
            .map_or_else(|_| v6.into(), |net| net.trunc())
            .into(),
    }
}

/// Cuts a block in halves while that tells apart what was logged under different targets. A half
/// without addresses is left away only if the other half is cut further: otherwise the block stays
/// whole, so that its neighbours that were not logged stay inside.
fn cut(block: Ipv4Net, logged: &Logged<'_>) -> Vec<Ipv4Net> {
    let length = block.prefix_len() + 1;
    let halves: Vec<Ipv4Net> = match block.subnets(length) {
        Ok(halves) if length <= NARROWEST => halves.collect(),
        _ => return vec![block],
    };
    let [low, high] = halves[..] else {
        return vec![block];
    };
    let middle = IpAddr::from(high.network());
    let (first, second) = logged.split_at(logged.partition_point(|&(at, _)| at < middle));
    if first.is_empty() || second.is_empty() {
        let (half, logged) = if second.is_empty() {
            (low, first)
        } else {
            (high, second)
        };
        return match cut(half, logged) {
            narrower if narrower.len() > 1 => narrower,
            _ => vec![block],
        };
    }
    if apart(first, second) {
        [cut(low, first), cut(high, second)].concat()
    } else {
        vec![block]
    }
}

/// Whether both were logged, under targets that have nothing in common.
fn apart(first: &Logged<'_>, second: &Logged<'_>) -> bool {
    let targets = |logged: &Logged<'_>| -> BTreeSet<Target> {
        let targets = logged.iter().flat_map(|(_, interface)| &interface.targets);
        targets.copied().collect()
    };
    let (first, second) = (targets(first), targets(second));
    !first.is_empty() && !second.is_empty() && first.is_disjoint(&second)
}

fn subnet(prefix: IpNet) -> Subnet {
    Subnet {
        name: prefix.to_string(),
        prefixes: PrefixSet::new([prefix]),
        role: String::new(),
        audited: true,
    }
}

fn sentences(
    prefixes: &[IpNet],
    interfaces: usize,
    captured: usize,
    dropped: usize,
) -> Vec<String> {
    if prefixes.is_empty() {
        return vec![
            "no logged interface shows its own address: no subnet is assumed, and no requirement \
             can be judged"
                .to_owned(),
        ];
    }
    let texts: Vec<_> = prefixes.iter().map(ToString::to_string).collect();
    let mut around = Vec::new();
    if interfaces > 0 {
        let plural = if interfaces == 1 { "" } else { "s" };
        around.push(format!(
            "the addresses of {interfaces} logged interface{plural}"
        ));
    }
    if captured > 0 {
        let plural = if captured == 1 { "" } else { "es" };
        around.push(format!("{captured} private address{plural} in captures"));
    }
    let mut said = vec![
        format!(
            "the audited subnets are assumed to be {}, around {}",
            list(&texts),
            around.join(" and ")
        ),
        "subnets without a logged interface, roles, peers, on-premises space and the access \
         endpoint are not known; the tag VirtualNetwork is assumed to be all private address space"
            .to_owned(),
    ];
    if dropped > 0 {
        said.push(format!(
            "{dropped} more blocks of addresses were logged than the {MOST_ASSUMED} that are taken \
             as subnets"
        ));
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn interfaces(logged: &[(&str, &str)]) -> BTreeMap<Mac, Interface> {
        let words = |text: &str| {
            text.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let interface = |(at, &(addresses, targets)): (usize, &(&str, &str))| {
            let addresses = words(addresses)
                .iter()
                .map(|text| text.parse().unwrap())
                .collect();
            let interface = Interface {
                addresses,
                targets: words(targets).iter().map(|name| Target::of(name)).collect(),
                ..Interface::default()
            };
            (Mac(at as u64), interface)
        };
        logged.iter().enumerate().map(interface).collect()
    }

    fn names(logged: &[(&str, &str)]) -> Vec<String> {
        let (environment, _) = assume(&interfaces(logged), &BTreeSet::new());
        environment
            .subnets
            .into_iter()
            .map(|subnet| subnet.name)
            .collect()
    }

    #[test]
    fn one_target_is_one_block() {
        assert_eq!(
            names(&[("10.20.0.4", "A"), ("10.20.0.200", "A")]),
            ["10.20.0.0/24"]
        );
        assert_eq!(
            names(&[("10.20.0.4", ""), ("10.20.0.200", "")]),
            ["10.20.0.0/24"]
        );
        assert_eq!(
            names(&[("10.20.0.4", "A"), ("10.20.0.200", "A B")]),
            ["10.20.0.0/24"]
        );
        assert_eq!(
            names(&[("10.20.0.4 fd00::4", "A")]),
            ["10.20.0.0/24", "fd00::/64"]
        );
    }

    #[test]
    fn four_groups_are_four_subnets() {
        let four = [
            ("10.20.0.4", "A"),
            ("10.20.0.36", "B"),
            ("10.20.0.68", "C"),
            ("10.20.0.100", "D"),
        ];
        assert_eq!(
            names(&four),
            [
                "10.20.0.0/27",
                "10.20.0.32/27",
                "10.20.0.64/27",
                "10.20.0.96/27"
            ]
        );
    }

    #[test]
    fn blocks_are_not_cut_below_their_least_size() {
        assert_eq!(
            names(&[("10.20.0.4", "A"), ("10.20.0.9", "B")]),
            ["10.20.0.0/24"]
        );
        let three = [("10.20.0.4", "A"), ("10.20.0.20", "B"), ("10.20.0.25", "C")];
        assert_eq!(names(&three), ["10.20.0.0/28", "10.20.0.16/28"]);
    }

    #[test]
    fn what_is_assumed_is_said() {
        let (_, said) = assume(&interfaces(&[("10.20.0.4", "A")]), &BTreeSet::new());
        assert!(said[0].ends_with("10.20.0.0/24, around the addresses of 1 logged interface"));
        assert!(said[1].contains("private address space"));
        let (environment, said) = assume(&BTreeMap::new(), &BTreeSet::new());
        assert!(environment.subnets.is_empty() && environment.all_private);
        assert!(said[0].contains("no subnet is assumed"));
    }

    proptest! {
        #[test]
        fn each_logged_address_lies_in_exactly_one_subnet(
            logged in prop::collection::vec((prop::collection::vec(0u32..600, 0..3), prop::collection::vec(0u8..5, 0..3)), 0..12),
            v6: Option<u128>,
        ) {
            let mut interfaces: BTreeMap<Mac, Interface> = BTreeMap::new();
            for (at, (hosts, targets)) in logged.iter().enumerate() {
                interfaces.insert(Mac(at as u64), Interface {
                    addresses: hosts.iter().map(|host| std::net::Ipv4Addr::from(0x0A14_0000 + host).into())
                        .chain(v6.map(|v6| std::net::Ipv6Addr::from(v6).into())).collect(),
                    targets: targets.iter().map(|target| Target::of(&target.to_string())).collect(),
                    ..Interface::default()
                });
            }
            let (environment, _) = assume(&interfaces, &BTreeSet::new());
            for address in interfaces.values().flat_map(|interface| &interface.addresses) {
                let holding = environment.subnets.iter().filter(|subnet| subnet.prefixes.contains(*address));
                prop_assert_eq!(holding.count(), 1);
            }
            prop_assert_eq!(super::super::check::contradiction(&environment.address_space, &environment.subnets), None);
            prop_assert!(environment.subnets.is_sorted());
        }
    }
}
