//! Fixes of random rules, held against every packet of a small network.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::audit::needed::NeededRemote;
use crate::catalogue::AddressTerm;
use crate::environment::Subnet;
use crate::environment::azure::{Interface, IpConfiguration, Network as Vnet, NetworkSubnet};
use crate::environment::rules::{Nsg, SecurityRule, Side};
use crate::net::{Decision, Direction, PortSet, PrefixSet, Protocol, ProtocolSet};
use crate::policy::evaluate::evaluate;
use crate::policy::rule::{Answer, Probe};

static TAGS: LazyLock<ServiceTags> = LazyLock::new(ServiceTags::embedded);

const SUBNET: &str = "10.0.0.0/30";
const REMOTE: &str = "192.0.2.0/30";

fn set(text: &str) -> PrefixSet {
    PrefixSet::parse([text]).unwrap()
}

/// Prefixes of the small network, or all addresses.
fn side() -> impl Strategy<Value = Side> {
    let prefix = (0u32..4, 30u8..=32, any::<bool>()).prop_map(|(host, length, own)| {
        let base = if own { 0x0a00_0000 } else { 0xc000_0200 };
        let address: IpAddr = Ipv4Addr::from(base + host).into();
        ipnet::IpNet::new(address, length).unwrap()
    });
    let some = prop::collection::vec(prefix, 1..3);
    prop_oneof![
        2 => Just(Side { any: true, ..Side::default() }),
        3 => some.prop_map(|some| Side { prefixes: PrefixSet::new(some), ..Side::default() }),
        1 => Just(Side { unknown: vec!["Tag".to_owned()], ..Side::default() }),
    ]
}

fn ports() -> impl Strategy<Value = PortSet> {
    prop_oneof![
        1 => Just(PortSet::any()),
        3 => (1u16..4, 1u16..4).prop_map(|range| PortSet::new([range])),
    ]
}

prop_compose! {
    fn rule()(
        priority in prop_oneof![100u32..106, 4090u32..=4096],
        outbound in any::<bool>(),
        deny in prop::bool::weighted(0.7),
        protocol in prop::sample::select(&[ProtocolSet::ANY, ProtocolSet::TCP, ProtocolSet::UDP][..]),
        source in side(),
        destination in side(),
        ports in ports(),
    ) -> SecurityRule {
        SecurityRule {
            name: format!("rule{priority}"),
            priority,
            direction: if outbound { Direction::Outbound } else { Direction::Inbound },
            access: if deny { Decision::Deny } else { Decision::Allow },
            protocols: protocol,
            source: Side { ports: PortSet::any(), ..source },
            destination: Side { ports, ..destination },
            is_default: false,
            path: String::new(),
        }
    }
}

fn default_rule(direction: Direction) -> SecurityRule {
    let any = || Side {
        any: true,
        ports: PortSet::any(),
        ..Side::default()
    };
    SecurityRule {
        name: "DenyAll".to_owned(),
        priority: 65_500,
        direction,
        access: Decision::Deny,
        protocols: ProtocolSet::ANY,
        source: any(),
        destination: any(),
        is_default: true,
        path: String::new(),
    }
}

fn nsg(name: &str, rules: Vec<SecurityRule>) -> Nsg {
    let mut taken = BTreeSet::new();
    let mut rules: Vec<_> = rules
        .into_iter()
        .filter(|rule| taken.insert((rule.direction, rule.priority)))
        .collect();
    for (number, rule) in rules.iter_mut().enumerate() {
        rule.name = format!("rule{number}");
    }
    rules.extend([Direction::Inbound, Direction::Outbound].map(default_rule));
    Nsg {
        id: format!("/subscriptions/s/resourceGroups/g/providers/x/networkSecurityGroups/{name}"),
        name: name.to_owned(),
        rules,
        ..Nsg::default()
    }
}

prop_compose! {
    /// A subnet with an NSG, of which one host has another of its own.
    fn azure()(
        subnet in prop::collection::vec(rule(), 0..8),
        host in prop::collection::vec(rule(), 0..8),
    ) -> Azure {
        let (subnet, host) = (nsg("subnet", subnet), nsg("host", host));
        Azure {
            networks: vec![Vnet {
                name: "vnet".to_owned(),
                space: set("10.0.0.0/24"),
                subnets: vec![NetworkSubnet {
                    id: "/s/net".to_owned(),
                    name: "net".to_owned(),
                    prefixes: set(SUBNET),
                    nsg: Some(subnet.id.clone()),
                    ..NetworkSubnet::default()
                }],
                ..Vnet::default()
            }],
            interfaces: vec![Interface {
                id: "/s/nic".to_owned(),
                name: "nic".to_owned(),
                nsg: Some(host.id.clone()),
                configurations: vec![IpConfiguration {
                    address: Some("10.0.0.1".parse().unwrap()),
                    ..IpConfiguration::default()
                }],
                ..Interface::default()
            }],
            nsgs: vec![subnet, host],
            ..Azure::default()
        }
    }
}

prop_compose! {
    fn required()(
        outbound in any::<bool>(),
        both in any::<bool>(),
        host in prop::option::of(0u8..4),
        ports in ports(),
    ) -> Needed {
        let remote = host.map_or_else(|| set(REMOTE), |host| set(&format!("192.0.2.{host}")));
        Needed {
            row: "p/row".to_owned(),
            purpose: String::new(),
            subnet: "net".to_owned(),
            addresses: set(SUBNET),
            direction: if outbound { Direction::Outbound } else { Direction::Inbound },
            advice: false,
            protocols: if both { ProtocolSet::TCP.union(ProtocolSet::UDP) } else { ProtocolSet::TCP },
            local: set(SUBNET),
            remotes: vec![NeededRemote {
                ports,
                terms: vec![(AddressTerm::Prefixes(remote.clone()), Some(remote))],
            }],
        }
    }
}

fn environment() -> Environment {
    Environment {
        subnets: vec![Subnet {
            name: "net".to_owned(),
            prefixes: set(SUBNET),
            role: String::new(),
            audited: true,
        }],
        address_space: set("10.0.0.0/24"),
        ..Environment::default()
    }
}

/// All packets of the small network, one port standing for those that nothing names.
fn packets() -> Vec<(Direction, IpAddr, Probe)> {
    let mut all = Vec::new();
    for direction in [Direction::Inbound, Direction::Outbound] {
        for own in 0..4u8 {
            for other in 0..5u8 {
                let local: IpAddr = [10, 0, 0, own].into();
                // The last is within no prefix that rules name.
                let remote: IpAddr = [192, 0, 2, if other < 4 { other } else { 99 }].into();
                let (source, destination) = match direction {
                    Direction::Inbound => (remote, local),
                    Direction::Outbound => (local, remote),
                };
                for protocol in [ProtocolSet::TCP, ProtocolSet::UDP, ProtocolSet::ICMP] {
                    for destination_port in 0..=if protocol.has_ports() { 4 } else { 0 } {
                        let probe = Probe {
                            protocol,
                            source,
                            source_port: 0,
                            destination,
                            destination_port,
                        };
                        all.push((direction, local, probe));
                    }
                }
            }
        }
    }
    all
}

fn answer(network: &Network<'_>, direction: Direction, local: IpAddr, probe: &Probe) -> Answer {
    evaluate(&network.levels(local, direction), probe).answer()
}

fn needs(needed: &Needed, direction: Direction, probe: &Probe) -> bool {
    needed.direction == direction
        && needed.cubes(&needed.local).iter().any(|cube| {
            !cube.protocols.intersection(probe.protocol).is_empty()
                && cube.source.contains(probe.source)
                && cube.destination.contains(probe.destination)
                && cube.destination_ports.contains(probe.destination_port)
        })
}

/// Azure takes the change step by step: no two rules of a direction ever have one priority.
fn check_steps(azure: &Azure, changes: &[NsgChange]) {
    for change in changes {
        let nsg = azure.nsgs.iter().find(|nsg| nsg.name == change.nsg.name);
        let rules = nsg.unwrap().rules.iter().filter(|rule| !rule.is_default);
        let mut taken: BTreeSet<_> = rules.map(|rule| (rule.direction, rule.priority)).collect();
        for moved in &change.moves {
            assert!(taken.remove(&(moved.rule.direction, moved.rule.priority)));
            assert!(taken.insert((moved.rule.direction, moved.to)));
            assert!((100..=4096).contains(&moved.to));
        }
        for new in &change.new {
            assert!(taken.insert((new.rule.direction, new.rule.priority)));
            assert!((100..=4096).contains(&new.rule.priority));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn a_fix_allows_what_is_required_and_changes_nothing_else(
        azure in azure(),
        mut needed in prop::collection::vec(required(), 1..4),
    ) {
        for (number, one) in needed.iter_mut().enumerate() {
            one.row = format!("p/row{number}");
        }
        let (environment, tags) = (environment(), &*TAGS);
        let before = Network::new(&azure, &environment, tags, 0);
        let Fixed { fix, azure: proposed } = smallest(&FixInput {
            network: &before,
            environment: &environment,
            tags,
            needed: &needed,
            advice: false,
            only: &[],
        });
        let after = Network::new(&proposed, &environment, tags, 0);
        check_steps(&azure, &fix.changes);
        let is_fixed = |one: &Needed| fix.fixed.iter().any(|about| about.row == one.row);
        for (direction, local, probe) in packets() {
            let old = answer(&before, direction, local, &probe);
            let new = answer(&after, direction, local, &probe);
            let required = needed.iter().filter(|one| is_fixed(one)).any(|one| needs(one, direction, &probe));
            if required {
                prop_assert_eq!(new, Answer::Allow, "{:?}", probe);
            } else {
                prop_assert_eq!(new, old, "{:?}", probe);
            }
        }
        // What is neither fixed nor said to be open is allowed already.
        for one in &needed {
            let is_open = fix.open.iter().any(|(about, _)| about.row == one.row);
            if !is_open && !is_fixed(one) {
                for (direction, local, probe) in packets() {
                    if needs(one, direction, &probe) {
                        prop_assert_eq!(answer(&before, direction, local, &probe), Answer::Allow);
                    }
                }
            }
        }
    }

    #[test]
    fn a_whole_rule_set_allows_what_is_required_and_was_seen_and_nothing_more(
        azure in azure(),
        mut needed in prop::collection::vec(required(), 0..3),
        talks in prop::collection::vec((0u8..4, 0u8..4, 0u16..5, any::<bool>()), 0..6),
    ) {
        for (number, one) in needed.iter_mut().enumerate() {
            one.row = format!("p/row{number}");
        }
        let (environment, tags) = (environment(), &*TAGS);
        let before = Network::new(&azure, &environment, tags, 0);
        let mut seen = Seen::default();
        let mut kept = Vec::new();
        for (own, other, port, outbound) in talks {
            let (local, remote): (IpAddr, IpAddr) = ([10, 0, 0, own].into(), [192, 0, 2, other].into());
            let (direction, source, destination) = if outbound {
                (Direction::Outbound, local, remote)
            } else {
                (Direction::Inbound, remote, local)
            };
            seen.add(&Flow {
                direction,
                protocol: Protocol::TCP,
                source,
                source_port: Some(50_000),
                destination,
                destination_port: port,
                decision: Decision::Allow,
                packets: [1, 1],
            });
            kept.push((direction, own == 1, remote, port));
        }
        let Fixed { fix, azure: proposed } = least_privilege(&FixInput {
            network: &before,
            environment: &environment,
            tags,
            needed: &needed,
            advice: false,
            only: &[],
        }, &seen);
        prop_assert!(!fix.changes.is_empty(), "{:?}", fix.refused);
        check_steps(&azure, &fix.changes);
        let after = Network::new(&proposed, &environment, tags, 0);
        for (direction, local, probe) in packets() {
            let new = answer(&after, direction, local, &probe);
            let required = needed.iter().any(|one| needs(one, direction, &probe));
            let remote = if direction == Direction::Inbound { probe.source } else { probe.destination };
            // The place is the host with an NSG of its own, or the rest of the subnet.
            let its_own = local == IpAddr::from([10, 0, 0, 1]);
            let talked = probe.protocol == ProtocolSet::TCP
                && kept.contains(&(direction, its_own, remote, probe.destination_port));
            let expected = if required || talked { Answer::Allow } else { Answer::Deny };
            prop_assert_eq!(new, expected, "{:?} {:?}", direction, probe);
        }
    }
}
