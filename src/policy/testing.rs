//! A universe small enough to ask every packet, and rules within it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::decider::{Decider, Ruling};
use super::rule::{Access, Addresses, Answer, Cube, Level, LevelKind, Probe, Rule};
use crate::net::{Decision, PortSet, PrefixSet, ProtocolSet};

/// Ports told apart, 0 to 7; the next one stands for all others.
const PORTS: u16 = 8;
/// Source ports told apart; the next one stands for all others.
const SOURCE_PORTS: u16 = 2;

/// The universe's addresses: a /29 and a /126.
fn universe() -> Vec<IpAddr> {
    let v4 = (0..8u32).map(|host| IpAddr::from(Ipv4Addr::from(0x0a00_0000 + host)));
    let v6 = (0..4u128).map(|host| IpAddr::from(Ipv6Addr::from((0xfd << 120) + host)));
    v4.chain(v6).collect()
}

/// Every packet of the universe, lowest first, and how many packets it stands for.
pub(crate) fn packets() -> Vec<(Probe, u128)> {
    packets_between(&universe())
}

/// Packets within the universe, and with an address of each family that stands for all others: no
/// rule tells those apart.
pub(crate) fn packets_everywhere() -> Vec<(Probe, u128)> {
    let mut addresses = universe();
    addresses.push(Ipv4Addr::new(192, 0, 2, 1).into());
    addresses.push(Ipv6Addr::LOCALHOST.into());
    packets_between(&addresses)
}

fn packets_between(addresses: &[IpAddr]) -> Vec<(Probe, u128)> {
    let mut packets = Vec::new();
    let weight = |port: u16, last: u16| {
        if port == last {
            65_536 - last as u128
        } else {
            1
        }
    };
    for protocol in ProtocolSet::EACH {
        let ports = protocol.has_ports();
        for &source in addresses {
            for source_port in 0..=if ports { SOURCE_PORTS } else { 0 } {
                for &destination in addresses {
                    if source.is_ipv4() != destination.is_ipv4() {
                        continue;
                    }
                    for destination_port in 0..=if ports { PORTS } else { 0 } {
                        let probe = Probe {
                            protocol,
                            source,
                            source_port,
                            destination,
                            destination_port,
                        };
                        let weight = if ports {
                            weight(source_port, SOURCE_PORTS) * weight(destination_port, PORTS)
                        } else {
                            1
                        };
                        packets.push((probe, weight));
                    }
                }
            }
        }
    }
    packets
}

/// Whether a packet is in a cube: those without ports only where the cube is for all.
pub(crate) fn inside(cube: &Cube, probe: &Probe) -> bool {
    let ports = if probe.protocol.has_ports() {
        cube.source_ports.contains(probe.source_port)
            && cube.destination_ports.contains(probe.destination_port)
    } else {
        cube.source_ports.is_any() && cube.destination_ports.is_any()
    };
    ports
        && !cube.protocols.intersection(probe.protocol).is_empty()
        && cube.source.contains(probe.source)
        && cube.destination.contains(probe.destination)
}

/// The packets of the universe that a cube holds.
pub(crate) fn packets_of(cube: &Cube) -> Vec<(Probe, u128)> {
    let mut packets = packets();
    packets.retain(|(probe, _)| inside(cube, probe));
    packets
}

/// Whether a rule surely matches, and whether it may: written apart from the product.
pub(crate) fn naive_match(rule: &Rule, probe: &Probe) -> (bool, bool) {
    let cube = |source: &PrefixSet, destination: &PrefixSet| Cube {
        protocols: rule.protocols,
        source: source.clone(),
        source_ports: rule.source_ports.clone(),
        destination: destination.clone(),
        destination_ports: rule.destination_ports.clone(),
    };
    let widest = |addresses: &Addresses| {
        if addresses.unknown.is_empty() {
            addresses.known.clone()
        } else {
            PrefixSet::any()
        }
    };
    (
        rule.doubt.is_none() && inside(&cube(&rule.source.known, &rule.destination.known), probe),
        inside(
            &cube(&widest(&rule.source), &widest(&rule.destination)),
            probe,
        ),
    )
}

/// What decides at one level: by trying every combination of rules that may match and may not.
pub(crate) fn naive_level(level: &Level, probe: &Probe) -> Decider {
    let mut may = Vec::new();
    let mut sure = None;
    for (number, rule) in level.rules.iter().enumerate() {
        let (surely, maybe) = naive_match(rule, probe);
        if surely {
            sure = Some(number);
            break;
        }
        if maybe {
            may.push(number);
        }
    }
    // Any of those that may match can be the first that does; if none does, the sure one is.
    let access = |rule: usize| level.rules[rule].access;
    let end = match (sure, level.kind) {
        (Some(sure), _) => Some(access(sure)),
        (None, LevelKind::Admin) => Some(Access::Allow),
        (None, _) => None,
    };
    let first = may.iter().copied().find(|&rule| Some(access(rule)) != end);
    let Some(rule) = first else {
        return sure.map_or(Decider::Nothing, Decider::Rule);
    };
    let other = may
        .iter()
        .copied()
        .find(|&other| Some(access(other)) != end && access(other) != access(rule));
    Decider::May {
        rule,
        other,
        otherwise: sure,
    }
}

/// The first rules that match at one level, in every way in which those that may match do or do not.
pub(crate) fn worlds(level: &Level, probe: &Probe, without: Option<usize>) -> Vec<Option<usize>> {
    let matching: Vec<_> = (0..level.rules.len())
        .map(|rule| (rule, naive_match(&level.rules[rule], probe)))
        .filter(|&(_, (_, may))| may)
        .collect();
    let unsure: Vec<_> = matching
        .iter()
        .filter(|&&(_, (sure, _))| !sure)
        .map(|&(rule, _)| rule)
        .collect();
    (0..1usize << unsure.len())
        .map(|world| {
            let here = |rule: usize| {
                let at = unsure.iter().position(|&other| other == rule);
                at.is_none_or(|at| world >> at & 1 != 0) && without != Some(rule)
            };
            let first = matching.iter().find(|&&(rule, _)| here(rule));
            first.map(|&(rule, _)| rule)
        })
        .collect()
}

/// Whether a packet may be let through, and whether it may be dropped, from the level `levels[0]` on:
/// by following it through every world.
fn fates(levels: &[Level], probe: &Probe) -> (bool, bool) {
    let Some((level, behind)) = levels.split_first() else {
        return (true, false);
    };
    let mut may = (false, false);
    let mut all: Vec<_> = worlds(level, probe, None)
        .into_iter()
        .map(|rule| rule.map(|rule| level.rules[rule].access))
        .collect();
    all.sort();
    all.dedup();
    for access in all {
        let (allowed, denied) = match (access, level.kind) {
            (Some(Access::AlwaysAllow), _) => (true, false),
            (Some(Access::Deny), _) => (false, true),
            (Some(Access::Allow), _) | (None, LevelKind::Admin) => fates(behind, probe),
            // Whatever else there is might match.
            (None, _) => (fates(behind, probe).0, true),
        };
        may = (may.0 | allowed, may.1 | denied);
    }
    may
}

/// What becomes of a packet.
pub(crate) fn naive(levels: &[Level], probe: &Probe) -> Ruling {
    let deciders: Vec<_> = levels
        .iter()
        .map(|level| naive_level(level, probe))
        .collect();
    let answer = match fates(levels, probe) {
        (true, false) => Answer::Allow,
        (false, true) => Answer::Deny,
        _ => Answer::Undetermined,
    };
    let ruling = Ruling::new(levels, &deciders);
    assert_eq!(ruling.answer, answer);
    ruling
}

/// Sets of addresses: prefixes of the universe, and wider ones.
fn address_sets() -> impl Strategy<Value = PrefixSet> {
    let v4 = (0u32..8, 29u8..=32).prop_map(|(host, length)| {
        ipnet::IpNet::new(Ipv4Addr::from(0x0a00_0000 + host).into(), length).unwrap()
    });
    let v6 = (0u128..4, 126u8..=128).prop_map(|(host, length)| {
        ipnet::IpNet::new(Ipv6Addr::from((0xfd << 120) + host).into(), length).unwrap()
    });
    prop_oneof![
        2 => Just(PrefixSet::any()),
        5 => prop::collection::vec(prop_oneof![3 => v4, 1 => v6], 0..4).prop_map(PrefixSet::new),
    ]
}

fn addresses() -> impl Strategy<Value = Addresses> {
    let unknown = prop_oneof![
        8 => Just(Vec::new()),
        1 => Just(vec!["Tag".to_owned()]),
    ];
    (address_sets(), unknown).prop_map(|(known, unknown)| Addresses { known, unknown })
}

fn ports(below: u16) -> impl Strategy<Value = PortSet> {
    prop_oneof![
        2 => Just(PortSet::any()),
        3 => prop::collection::vec((0..below, 0..below), 0..3).prop_map(PortSet::new),
    ]
}

fn protocols() -> impl Strategy<Value = ProtocolSet> {
    let some = prop::collection::vec(prop::sample::select(&ProtocolSet::EACH[..]), 1..3);
    prop_oneof![
        1 => Just(ProtocolSet::ANY),
        2 => some.prop_map(|some| some.into_iter().fold(ProtocolSet::default(), ProtocolSet::union)),
    ]
}

fn source_ports() -> impl Strategy<Value = PortSet> {
    prop_oneof![3 => Just(PortSet::any()), 1 => ports(SOURCE_PORTS)]
}

prop_compose! {
    fn rule()(
        access in prop::sample::select(&[Access::Allow, Access::Deny, Access::AlwaysAllow][..]),
        protocols in protocols(),
        source in addresses(),
        source_ports in source_ports(),
        destination in addresses(),
        destination_ports in ports(PORTS),
        doubt in prop::option::weighted(0.1, Just("whether it is deployed".to_owned())),
    ) -> Rule {
        Rule {
            name: String::new(),
            priority: 0,
            access,
            protocols,
            source,
            source_ports,
            destination,
            destination_ports,
            is_default: false,
            doubt,
        }
    }
}

/// A rule for everything.
pub(crate) fn default_rule(access: Decision) -> Rule {
    let any = || Addresses {
        known: PrefixSet::any(),
        unknown: Vec::new(),
    };
    Rule {
        name: String::new(),
        priority: 0,
        access: access.into(),
        protocols: ProtocolSet::ANY,
        source: any(),
        source_ports: PortSet::any(),
        destination: any(),
        destination_ports: PortSet::any(),
        is_default: true,
        doubt: None,
    }
}

prop_compose! {
    /// A level of some rules, mostly with a default rule at the end.
    pub(crate) fn level()(
        mut rules in prop::collection::vec(rule(), 0..9),
        end in 0..6,
        defaults in 0..2usize,
    ) -> Level {
        let users = rules.len() - defaults.min(rules.len());
        for rule in &mut rules[users..] {
            rule.is_default = true;
        }
        // Only security admin rules let through for good, and only they may not be in effect.
        for rule in rules.iter_mut().filter(|rule| rule.access == Access::AlwaysAllow) {
            rule.access = Access::Allow;
            rule.doubt = None;
        }
        if end > 0 {
            rules.push(default_rule(if end > 4 { Decision::Allow } else { Decision::Deny }));
        }
        for (number, rule) in rules.iter_mut().enumerate() {
            rule.name = format!("rule{number}");
            rule.priority = 100 + number as u32;
        }
        Level { kind: LevelKind::Subnet, name: "nsg".to_owned(), id: String::new(), rules }
    }
}

prop_compose! {
    /// Security admin rules, some of which may not be in effect.
    fn admin_level()(mut rules in prop::collection::vec(rule(), 0..6)) -> Level {
        for (number, rule) in rules.iter_mut().enumerate() {
            rule.name = format!("admin{number}");
            rule.priority = 1 + number as u32;
        }
        Level { kind: LevelKind::Admin, name: "avnm".to_owned(), id: String::new(), rules }
    }
}

/// A level of either kind.
pub(crate) fn any_level() -> impl Strategy<Value = Level> {
    prop_oneof![2 => level(), 1 => admin_level()]
}

/// Up to two NSGs, behind security admin rules in half of the cases.
pub(crate) fn levels() -> impl Strategy<Value = Vec<Level>> {
    let admin = prop::option::of(admin_level());
    (admin, prop::collection::vec(level(), 0..3))
        .prop_map(|(admin, nsgs)| admin.into_iter().chain(nsgs).collect())
}

prop_compose! {
    /// Packets of the universe and no others.
    pub(crate) fn cube()(
        protocols in protocols(),
        source in address_sets(),
        source_ports in source_ports(),
        destination in address_sets(),
        destination_ports in ports(PORTS),
    ) -> Cube {
        let all = PrefixSet::parse(["10.0.0.0/29", "fd00::/126"]).unwrap();
        Cube {
            protocols,
            source: source.intersection(&all),
            source_ports,
            destination: destination.intersection(&all),
            destination_ports,
        }
    }
}

/// All of the universe.
pub(crate) fn everything() -> Cube {
    let all = PrefixSet::parse(["10.0.0.0/29", "fd00::/126"]).unwrap();
    Cube {
        protocols: ProtocolSet::ANY,
        source: all.clone(),
        source_ports: PortSet::any(),
        destination: all,
        destination_ports: PortSet::any(),
    }
}

/// A level with one rule of a name, which takes everything.
pub(crate) fn named_level(name: &str) -> Level {
    let any = Addresses {
        known: PrefixSet::any(),
        unknown: Vec::new(),
    };
    Level {
        kind: LevelKind::Subnet,
        name: String::new(),
        id: String::new(),
        rules: vec![Rule {
            name: name.to_owned(),
            priority: 100,
            access: Access::Deny,
            protocols: ProtocolSet::ANY,
            source: any.clone(),
            source_ports: PortSet::any(),
            destination: any,
            destination_ports: PortSet::any(),
            is_default: false,
            doubt: None,
        }],
    }
}
