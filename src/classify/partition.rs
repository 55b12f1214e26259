//! The cut: environment, profile terms and service tags -> classes and their look-up table.

use std::collections::{BTreeMap, BTreeSet};

use super::classes::{Class, Classes, Membership, Scope, Spans};
use super::lookup::{Intervals, Lookup, MOST_CLASSES};
use crate::catalogue::{AddressTerm, Row};
use crate::environment::{Environment, ServiceTags};
use crate::net::PrefixSet;
use crate::net::prefix::Family;

/// The platform's addresses: health probes, DNS, agent; instance metadata.
const PLATFORM: [&str; 2] = ["168.63.129.16", "169.254.169.254"];
/// The address of health probes.
const LOAD_BALANCER: [&str; 1] = ["168.63.129.16"];
/// Space that is not publicly reachable: RFC 1918, 6598, 1122, 3927, 5771, 1112; for IPv6 all but
/// the global unicast space `2000::/3`. Documentation space counts as public.
const NOT_PUBLIC_V4: [&str; 9] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "224.0.0.0/4",
    "240.0.0.0/4",
];
const PUBLIC_V6: [&str; 1] = ["2000::/3"];
/// Private space: what an unknown virtual network is assumed to lie in.
const PRIVATE: [&str; 5] = [
    "10.0.0.0/8",
    "100.64.0.0/10",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "fc00::/7",
];

/// The address space, cut.
#[derive(Debug, Clone)]
pub struct Partition {
    /// What the classes are.
    pub classes: Classes,
    /// Address -> class.
    pub lookup: Lookup,
    /// Whether no environment is known: then private and logged addresses are told apart by block,
    /// until the logged interfaces have defined the subnets.
    pub assumed: bool,
    first_addresses: Vec<(Family, u128)>,
}

fn first_addresses(classes: usize, v4: &Intervals, v6: &Intervals) -> Vec<(Family, u128)> {
    let mut first = vec![None; classes];
    for (family, intervals) in [(Family::V4, v4), (Family::V6, v6)] {
        for &(start, class) in intervals {
            first[class as usize].get_or_insert((family, start));
        }
    }
    first
        .into_iter()
        .map(|first| first.unwrap_or((Family::V4, 0)))
        .collect()
}

fn set(texts: &[&str]) -> PrefixSet {
    PrefixSet::parse(texts.iter().copied()).unwrap_or_default()
}

fn not_public() -> PrefixSet {
    set(&NOT_PUBLIC_V4).union(&v6_only(&set(&PUBLIC_V6).complement()))
}

fn v6_only(of: &PrefixSet) -> PrefixSet {
    of.intersection(&set(&["::/0"]))
}

/// The tag `VirtualNetwork`: the network's own, peered and on-premises space and 168.63.129.16; of
/// a network whose bounds are not known, private space too.
pub fn virtual_network(environment: &Environment, assumed: bool) -> PrefixSet {
    let private = if assumed || environment.all_private {
        set(&PRIVATE)
    } else {
        PrefixSet::empty()
    };
    let parts = [
        &environment.peered,
        &environment.on_premises,
        &set(&LOAD_BALANCER),
        &private,
    ];
    parts
        .into_iter()
        .fold(own_space(environment), |all, part| all.union(part))
}

fn own_space(environment: &Environment) -> PrefixSet {
    environment
        .subnets
        .iter()
        .fold(environment.address_space.clone(), |all, subnet| {
            all.union(&subnet.prefixes)
        })
}

/// The terms that rows use, and `AzureCloud`, which tells Azure's addresses from the rest.
pub fn terms_of<'a>(rows: impl IntoIterator<Item = &'a Row>) -> BTreeSet<AddressTerm> {
    let mut terms: BTreeSet<_> = [AddressTerm::ServiceTag("AzureCloud".to_owned())].into();
    for row in rows {
        let peers = row
            .known_callers
            .iter()
            .chain(&row.known_destinations)
            .flat_map(|known| &known.peers);
        terms.extend(
            row.source
                .iter()
                .chain(&row.destination)
                .chain(peers)
                .cloned(),
        );
    }
    terms.remove(&AddressTerm::SameSubnet);
    terms
}

/// A term's addresses in one edition of the tags; `None` where they are not known.
pub fn addresses_of(
    term: &AddressTerm,
    environment: &Environment,
    assumed: bool,
    tags: &ServiceTags,
    edition: usize,
) -> Option<PrefixSet> {
    match term {
        AddressTerm::Any => Some(PrefixSet::any()),
        AddressTerm::VirtualNetwork => Some(virtual_network(environment, assumed)),
        AddressTerm::Internet => Some(
            virtual_network(environment, assumed)
                .union(&not_public())
                .complement(),
        ),
        AddressTerm::AzureLoadBalancer => Some(set(&LOAD_BALANCER)),
        AddressTerm::VnetAddressSpace => Some(own_space(environment)),
        AddressTerm::SameSubnet => None,
        AddressTerm::SubnetRole(role) => {
            let of_role = environment
                .subnets
                .iter()
                .filter(|subnet| subnet.role == *role);
            let stated = environment
                .subnets
                .iter()
                .any(|subnet| subnet.role == *role);
            let audited = environment.subnets.iter().filter(|subnet| subnet.audited);
            let union =
                |all: PrefixSet, subnet: &crate::environment::Subnet| all.union(&subnet.prefixes);
            // Without a subnet of that role, all audited ones are taken to have it.
            Some(if stated {
                of_role.fold(PrefixSet::empty(), union)
            } else {
                audited.fold(PrefixSet::empty(), union)
            })
        }
        AddressTerm::Named(name) => environment.addresses.get(name).cloned(),
        AddressTerm::ServiceTag(tag) => tags.editions[edition].prefixes(tag),
        AddressTerm::Prefixes(prefixes) => Some(prefixes.clone()),
    }
}

impl Partition {
    /// Cuts the address space by `environment` (or, where `assumed`, by nothing yet), the terms and
    /// the tags' editions; and by `cuts`, the sets of addresses that rules tell apart.
    ///
    /// # Errors
    /// Where there are more classes than fit (32,768): the number of subnets and terms is to blame.
    pub fn new(
        environment: &Environment,
        assumed: bool,
        terms: &BTreeSet<AddressTerm>,
        tags: &ServiceTags,
        cuts: &[PrefixSet],
    ) -> Result<Self, String> {
        let mut cutter = Cutter::default();
        let scopes = scope_sets(environment, assumed);
        for (_, addresses) in &scopes {
            cutter.add(addresses);
        }
        let mut numbers: Vec<Vec<Option<usize>>> = Vec::new();
        for edition in 0..tags.editions.len() {
            let mut known = Vec::new();
            for term in terms {
                known.push(
                    addresses_of(term, environment, assumed, tags, edition)
                        .map(|set| cutter.add(&set)),
                );
            }
            numbers.push(known);
        }
        for addresses in cuts {
            cutter.add(addresses);
        }
        let (signatures, v4, v6) = cutter.cut();
        let too_many = || {
            format!(
                "{} address classes, at most {MOST_CLASSES} fit: merge subnets or drop terms",
                signatures.len()
            )
        };
        if signatures.len() >= MOST_CLASSES {
            return Err(too_many());
        }
        let lookup = Lookup::new(&v4, &v6).ok_or_else(too_many)?;
        let class = |signature: &Signature| Class {
            scope: scopes
                .iter()
                .enumerate()
                .find(|(number, _)| has(signature, *number))
                .map_or(Scope::Private, |(_, (scope, _))| *scope),
            members: numbers
                .iter()
                .map(|known| {
                    known
                        .iter()
                        .map(|&number| membership(signature, number))
                        .collect()
                })
                .collect(),
        };
        let first_addresses = first_addresses(signatures.len(), &v4, &v6);
        let classes = Classes {
            terms: terms
                .iter()
                .enumerate()
                .map(|(index, term)| (term.clone(), index))
                .collect(),
            classes: signatures.iter().map(class).collect(),
            first: first_addresses
                .iter()
                .map(|&(family, number)| crate::net::prefix::address(family, number))
                .collect(),
            spans: Spans::new(&v4, &v6),
        };
        Ok(Self {
            classes,
            lookup,
            assumed,
            first_addresses,
        })
    }

    /// The first address of a class.
    pub fn first_address(&self, class: u16) -> (Family, u128) {
        self.first_addresses[class as usize]
    }
}

fn membership(signature: &Signature, number: Option<usize>) -> Membership {
    match number {
        None => Membership::Unknown,
        Some(number) if has(signature, number) => Membership::Inside,
        Some(_) => Membership::Outside,
    }
}

/// The scopes' addresses: of several that hold an address, the first is its scope.
fn scope_sets(environment: &Environment, assumed: bool) -> Vec<(Scope, PrefixSet)> {
    let mut scopes = vec![(Scope::Platform, set(&PLATFORM))];
    for (index, subnet) in environment.subnets.iter().enumerate() {
        scopes.push((Scope::Subnet(index as u16), subnet.prefixes.clone()));
    }
    scopes.push((Scope::VirtualNetwork, environment.address_space.clone()));
    scopes.push((Scope::Peered, environment.peered.clone()));
    scopes.push((Scope::OnPremises, environment.on_premises.clone()));
    let virtual_network = virtual_network(environment, assumed);
    scopes.push((
        Scope::Internet,
        virtual_network.union(&not_public()).complement(),
    ));
    scopes
}

/// Which sets an interval is in, a bit each.
type Signature = Vec<u64>;

fn has(signature: &Signature, number: usize) -> bool {
    signature
        .get(number / 64)
        .is_some_and(|word| word >> (number % 64) & 1 != 0)
}

/// Cuts both families' space at every border of the sets added.
#[derive(Debug, Default)]
struct Cutter {
    sets: usize,
    v4: Vec<(u128, usize)>,
    v6: Vec<(u128, usize)>,
}

impl Cutter {
    /// Adds a set and gives its number.
    fn add(&mut self, addresses: &PrefixSet) -> usize {
        let number = self.sets;
        self.sets += 1;
        for (family, borders) in [(Family::V4, &mut self.v4), (Family::V6, &mut self.v6)] {
            for &(low, high) in addresses.ranges(family) {
                borders.push((low, number));
                if high < family.max() {
                    borders.push((high + 1, number));
                }
            }
        }
        number
    }

    /// The signatures that occur, in order of their first address, and both families' intervals.
    fn cut(self) -> (Vec<Signature>, Intervals, Intervals) {
        let words = self.sets.div_ceil(64);
        let mut numbers: BTreeMap<Signature, u16> = BTreeMap::new();
        let mut signatures = Vec::new();
        let mut family = |mut borders: Vec<(u128, usize)>| {
            borders.sort_unstable();
            let mut intervals: Intervals = Vec::new();
            let mut current: Signature = vec![0; words];
            let mut borders = borders.into_iter().peekable();
            let mut start = 0;
            loop {
                while let Some((_, number)) = borders.next_if(|&(border, _)| border == start) {
                    // A set's ranges do not touch, so each border flips its membership.
                    current[number / 64] ^= 1 << (number % 64);
                }
                let class = *numbers.entry(current.clone()).or_insert_with(|| {
                    signatures.push(current.clone());
                    (signatures.len() - 1).min(u16::MAX as usize) as u16
                });
                if intervals.last().is_none_or(|&(_, last)| last != class) {
                    intervals.push((start, class));
                }
                match borders.peek() {
                    Some(&(border, _)) => start = border,
                    None => return intervals,
                }
            }
        };
        let v4 = family(self.v4);
        let v6 = family(self.v6);
        (signatures, v4, v6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::Subnet;
    use crate::net::prefix;
    use proptest::prelude::*;
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

    fn environment(subnets: &[&str]) -> Environment {
        let subnets: Vec<_> = subnets
            .iter()
            .map(|prefix| Subnet {
                name: (*prefix).to_owned(),
                prefixes: PrefixSet::parse([*prefix]).unwrap(),
                role: String::new(),
                audited: true,
            })
            .collect();
        Environment {
            address_space: PrefixSet::parse(["10.0.0.0/16"]).unwrap(),
            on_premises: PrefixSet::parse(["192.168.0.0/16"]).unwrap(),
            subnets,
            ..Environment::default()
        }
    }

    fn scope(partition: &Partition, address: &str) -> Scope {
        let (family, number) = prefix::number(address.parse().unwrap());
        partition.classes.classes[partition.lookup.number(family, number) as usize].scope
    }

    #[test]
    fn every_address_has_the_scope_that_holds_it() {
        let partition = Partition::new(
            &environment(&["10.0.0.0/27", "10.0.0.32/27"]),
            false,
            &BTreeSet::new(),
            &ServiceTags::embedded(),
            &[],
        )
        .unwrap();
        for (address, expected) in [
            ("10.0.0.31", Scope::Subnet(0)),
            ("10.0.0.32", Scope::Subnet(1)),
            ("10.0.1.1", Scope::VirtualNetwork),
            ("10.1.0.0", Scope::Private),
            ("192.168.7.7", Scope::OnPremises),
            ("168.63.129.16", Scope::Platform),
            ("169.254.169.254", Scope::Platform),
            ("203.0.113.7", Scope::Internet),
            ("2001:db8::1", Scope::Internet),
            ("fd00::1", Scope::Private),
            ("255.255.255.255", Scope::Private),
            ("0.0.0.0", Scope::Private),
        ] {
            assert_eq!(scope(&partition, address), expected, "{address}");
        }
    }

    fn sets() -> impl Strategy<Value = Vec<Vec<ipnet::IpNet>>> {
        let v4 = (any::<u32>(), 0u8..=32).prop_map(|(number, length)| {
            ipnet::IpNet::new(Ipv4Addr::from(number & 0x0103_07ff).into(), length).unwrap()
        });
        let v6 = (any::<u8>(), 110u8..=128).prop_map(|(number, length)| {
            ipnet::IpNet::new(Ipv6Addr::from(number as u128).into(), length).unwrap()
        });
        prop::collection::vec(
            prop::collection::vec(prop_oneof![3 => v4, 1 => v6], 0..5),
            1..80,
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn classes_are_what_naive_prefix_tests_say(sets in sets(), probes in prop::collection::vec(any::<u32>(), 20)) {
            let mut cutter = Cutter::default();
            for prefixes in &sets {
                cutter.add(&PrefixSet::new(prefixes.iter().copied()));
            }
            let (signatures, v4, v6) = cutter.cut();
            let lookup = Lookup::new(&v4, &v6).unwrap();
            let near: Vec<IpAddr> = sets.iter().flatten().flat_map(|prefix| [prefix.network(), prefix.broadcast()]).collect();
            let far = probes.into_iter().flat_map(|probe| [IpAddr::from(Ipv4Addr::from(probe & 0x0103_07ff)), Ipv6Addr::from((probe & 0x1ff) as u128).into()]);
            for address in near.into_iter().chain(far) {
                let (family, number) = prefix::number(address);
                let signature = &signatures[lookup.number(family, number) as usize];
                for (index, prefixes) in sets.iter().enumerate() {
                    let naive = prefixes.iter().any(|prefix| prefix.contains(&address));
                    prop_assert_eq!(has(signature, index), naive, "{} in set {}", address, index);
                }
            }
        }
    }
}
