//! How long proofs, comparisons and searches for dead rules take on rule sets of the greatest size.
//!
//! ```text
//! cargo run --release --example prove [whole [RULES] | growth | anomalies | adversarial | smt RULES]
//! ```
//!
//! Seeded: the same rules every time. An NSG holds at most 1,000 rules, a tag some 2,000 ranges.

#![expect(clippy::print_stdout, reason = "figures are its output")]
#![expect(
    clippy::disallowed_methods,
    reason = "it measures how long things take"
)]

use std::time::{Duration, Instant};

use ipnet::{IpNet, Ipv4Net};
use nsgaudit::audit::configured::configured;
use nsgaudit::catalogue::Catalogue;
use nsgaudit::environment::azure::{
    Azure, Interface, IpConfiguration, Network as Given, NetworkSubnet,
};
use nsgaudit::environment::rules::{Nsg, SecurityRule, Side};
use nsgaudit::environment::{Environment, ServiceTags, Subnet};
use nsgaudit::net::{Decision, Direction, PortSet, PrefixSet, ProtocolSet};
use nsgaudit::policy::diff::diff;
use nsgaudit::policy::network::{Network, changes};
use nsgaudit::policy::prove::{Extent, Prover};
use nsgaudit::policy::rule::{Access, Addresses, Cube, Level, LevelKind, Rule};
use nsgaudit::policy::shadow::{Anomalies, anomalies};
use nsgaudit::policy::unneeded::unneeded;

mod smt;

/// Numbers that look random and are the same every time.
struct Random(u64);

impl Random {
    /// A number below `bound`.
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }

    fn of<T: Clone>(&mut self, list: &[T]) -> T {
        list[self.below(list.len() as u64) as usize].clone()
    }

    fn prefix(&mut self, base: u32, spread: u64, lengths: (u64, u64)) -> IpNet {
        let length = lengths.0 + self.below(lengths.1 - lengths.0 + 1);
        let address = base.wrapping_add(self.below(spread) as u32);
        let prefix = Ipv4Net::new(address.into(), length as u8).unwrap_or_default();
        IpNet::V4(prefix.trunc())
    }

    /// A tag: public prefixes, mostly short ones.
    fn tag(&mut self, prefixes: usize) -> PrefixSet {
        PrefixSet::new((0..prefixes).map(|_| self.prefix(0x1400_0000, 1 << 30, (18, 32))))
    }

    /// A place in the network: a subnet, some addresses, a larger network.
    fn place(&mut self) -> PrefixSet {
        let count = self.of(&[1, 1, 1, 3, 8]);
        PrefixSet::new((0..count).map(|_| self.prefix(0x0a00_0000, 1 << 16, (20, 32))))
    }

    fn ports(&mut self) -> PortSet {
        let port = self.below(60_000) as u16;
        match self.below(8) {
            0 => PortSet::any(),
            1 => PortSet::new([(port, port + 100)]),
            2 => PortSet::new([(port, port), (443, 443), (8000, 8100)]),
            _ => self
                .of(&[443, 1433, 5671, 445, 12000, 3443, 53])
                .map_port(port),
        }
    }
}

trait MapPort {
    fn map_port(self, other: u16) -> PortSet;
}

impl MapPort for u16 {
    /// The port, or now and then another.
    fn map_port(self, other: u16) -> PortSet {
        let port = if other.is_multiple_of(3) { other } else { self };
        PortSet::new([(port, port)])
    }
}

fn addresses(known: &PrefixSet) -> Addresses {
    Addresses {
        known: known.clone(),
        unknown: Vec::new(),
    }
}

struct Places {
    tags: Vec<PrefixSet>,
    places: Vec<PrefixSet>,
}

fn level(random: &mut Random, palette: &Places, rules: usize) -> Level {
    let any = PrefixSet::any();
    let mut level = Level {
        kind: LevelKind::Subnet,
        name: String::new(),
        id: String::new(),
        rules: Vec::new(),
    };
    for number in 0..rules {
        let mut side = |tag: bool| match random.below(10) {
            0 => any.clone(),
            1..=4 if tag => random.of(&palette.tags),
            _ => random.of(&palette.places),
        };
        let (source, destination) = (side(true), side(false));
        level.rules.push(Rule {
            name: format!("rule{number}"),
            priority: 100 + number as u32,
            access: random.of(&[Access::Allow, Access::Allow, Access::Deny]),
            protocols: random.of(&[ProtocolSet::TCP, ProtocolSet::TCP, ProtocolSet::ANY]),
            source: addresses(&source),
            source_ports: PortSet::any(),
            destination: addresses(&destination),
            destination_ports: random.ports(),
            is_default: false,
            doubt: None,
        });
    }
    level.rules.push(Rule {
        name: "DenyAllInBound".to_owned(),
        priority: 65_500,
        access: Access::Deny,
        protocols: ProtocolSet::ANY,
        source: addresses(&any),
        source_ports: PortSet::any(),
        destination: addresses(&any),
        destination_ports: PortSet::any(),
        is_default: true,
        doubt: None,
    });
    level
}

fn requirements(random: &mut Random, palette: &Places) -> Vec<Cube> {
    let all = |number: usize| number.is_multiple_of(5);
    (0..20usize)
        .map(|number| Cube {
            protocols: ProtocolSet::TCP,
            source: if number.is_multiple_of(4) {
                PrefixSet::any()
            } else {
                random.of(&palette.tags)
            },
            source_ports: PortSet::any(),
            destination: if all(number) {
                PrefixSet::parse(["10.0.0.0/16"]).unwrap_or_default()
            } else {
                random.of(&palette.places)
            },
            destination_ports: if all(number) {
                PortSet::any()
            } else {
                random.ports()
            },
        })
        .collect()
}

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    println!("  {what}: {:.1?}", start.elapsed());
    result
}

/// The best of some times: what the machine does besides is not asked.
fn best<T>(what: &str, work: impl Fn() -> T) -> T {
    let mut shortest = Duration::MAX;
    let mut last = None;
    for _ in 0..15 {
        let start = Instant::now();
        last = Some(work());
        shortest = shortest.min(start.elapsed());
    }
    println!("  {what}: {shortest:.1?} (best of 15)");
    last.unwrap_or_else(work)
}

fn run(rules: usize, prefixes: usize, tags: usize) {
    println!("two levels of {rules} rules, {tags} tags of {prefixes} prefixes");
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let palette = Places {
        tags: (0..tags).map(|_| random.tag(prefixes)).collect(),
        places: (0..60).map(|_| random.place()).collect(),
    };
    let levels = [
        level(&mut random, &palette, rules),
        level(&mut random, &palette, rules),
    ];
    let required = requirements(&mut random, &palette);
    let prover = timed("compile", || Prover::new(&levels));
    let mut times: Vec<Duration> = Vec::new();
    let (mut parts, mut cubes) = (0, 0);
    let start = Instant::now();
    for requirement in &required {
        let one = Instant::now();
        let proof = prover.prove(requirement);
        times.push(one.elapsed());
        parts += proof.parts.len();
        cubes += proof
            .parts
            .iter()
            .map(|part| part.cubes.len())
            .sum::<usize>();
    }
    times.sort_unstable();
    println!(
        "  20 requirements: {:.1?} (median {:.1?}, worst {:.1?}), {parts} parts, {cubes} cubes",
        start.elapsed(),
        times[10],
        times[19],
    );
    let within = Cube {
        protocols: ProtocolSet::ANY,
        source: PrefixSet::any(),
        source_ports: PortSet::any(),
        destination: PrefixSet::parse(["10.0.0.0/16"]).unwrap_or_default(),
        destination_ports: PortSet::any(),
    };
    let everything = timed("all traffic to 10.0.0.0/16", || prover.prove(&within));
    println!("    {} parts", everything.parts.len());
    let found = timed("unneeded", || {
        unneeded(&levels, &required, &within, Extent::ALL)
    });
    println!("    {} parts", found.allowed.len());
    let mut changed = levels.clone();
    changed[0].rules.remove(rules / 2);
    changed[1].rules.swap(rules / 3, rules / 2);
    let found = timed("diff", || diff(&levels, &changed, &within));
    println!("    {} changes", found.changes.len());
    let found = timed("anomalies of one level", || anomalies(&levels[0]));
    println!(
        "    {} shadowed, {} redundant, {} correlated",
        found.shadowed.len(),
        found.redundant.len(),
        found.correlated.len()
    );
}

/// Rule sets whose every rule cuts every other: as many kinds of packets as there can be.
fn adversarial(rules: usize) {
    println!("adversarial: two levels of {rules} rules of random ranges on all sides");
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut level = || {
        let palette = Places {
            tags: vec![PrefixSet::any()],
            places: Vec::new(),
        };
        let mut level = level(&mut random, &palette, 0);
        for number in 0..rules {
            let mut side = || {
                addresses(&PrefixSet::new(
                    (0..40).map(|_| random.prefix(0, 1 << 32, (2, 12))),
                ))
            };
            let (source, destination) = (side(), side());
            let mut ports = || {
                let (a, b) = (random.below(65_536) as u16, random.below(65_536) as u16);
                PortSet::new([(a.min(b), a.max(b))])
            };
            let (source_ports, destination_ports) = (ports(), ports());
            level.rules.insert(
                number,
                Rule {
                    name: format!("rule{number}"),
                    priority: 100 + number as u32,
                    access: random.of(&[Access::Allow, Access::Deny]),
                    protocols: random.of(&[ProtocolSet::TCP, ProtocolSet::UDP]),
                    source,
                    source_ports,
                    destination,
                    destination_ports,
                    is_default: false,
                    doubt: None,
                },
            );
        }
        level
    };
    let levels = [level(), level()];
    let everything = Cube {
        protocols: ProtocolSet::ANY,
        source: PrefixSet::any(),
        source_ports: PortSet::any(),
        destination: PrefixSet::any(),
        destination_ports: PortSet::any(),
    };
    let prover = timed("compile", || Prover::new(&levels));
    let proof = timed("all traffic", || prover.prove(&everything));
    println!(
        "    {} parts; packets in powers of two: allowed {:?}, denied {:?}, undetermined {:?}",
        proof.parts.len(),
        proof.allowed.log2(),
        proof.denied.log2(),
        proof.undetermined.log2(),
    );
}

/// Two groups of so many rules with real service tags, before the subnet and the interface of one place, and
/// the network around it.
fn documents(rules: usize, tags: &ServiceTags) -> (Azure, Environment) {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let edition = &tags.editions[tags.editions.len() - 1];
    let mut names: Vec<_> = edition.names().map(str::to_owned).collect();
    names.sort();
    let nsg = |random: &mut Random, name: &str| {
        let rule = |random: &mut Random, number: usize, direction: Direction| {
            let prefix = |random: &mut Random| Side {
                prefixes: random.place(),
                ..Side::default()
            };
            let remote = match random.below(4) {
                0 => prefix(random),
                1 => Side {
                    tags: vec![random.of(&["VirtualNetwork", "Internet"]).to_owned()],
                    ..Side::default()
                },
                _ => Side {
                    tags: vec![random.of(&names)],
                    ..Side::default()
                },
            };
            let local = match random.below(3) {
                0 => Side {
                    any: true,
                    ..Side::default()
                },
                _ => prefix(random),
            };
            let (mut source, mut destination) = match direction {
                Direction::Inbound => (remote, local),
                Direction::Outbound => (local, remote),
            };
            source.ports = PortSet::any();
            destination.ports = random.ports();
            SecurityRule {
                name: format!("rule{number}"),
                priority: 100 + number as u32,
                direction,
                access: random.of(&[Decision::Allow, Decision::Allow, Decision::Deny]),
                protocols: random.of(&[ProtocolSet::TCP, ProtocolSet::TCP, ProtocolSet::ANY]),
                source,
                destination,
                is_default: false,
                path: String::new(),
            }
        };
        let mut nsg = Nsg {
            id: name.to_owned(),
            name: name.to_owned(),
            ..Nsg::default()
        };
        for number in 0..rules {
            let direction = random.of(&[Direction::Inbound, Direction::Outbound]);
            nsg.rules.push(rule(random, number, direction));
        }
        nsg
    };
    let local: PrefixSet = PrefixSet::parse(["10.0.1.4", "fd00::4"]).unwrap_or_default();
    let space = PrefixSet::parse(["10.0.0.0/16", "fd00::/48"]).unwrap_or_default();
    let azure = Azure {
        nsgs: vec![nsg(&mut random, "subnet"), nsg(&mut random, "interface")],
        networks: vec![Given {
            space: space.clone(),
            subnets: vec![NetworkSubnet {
                prefixes: local.clone(),
                nsg: Some("subnet".to_owned()),
                ..NetworkSubnet::default()
            }],
            ..Given::default()
        }],
        interfaces: vec![Interface {
            nsg: Some("interface".to_owned()),
            configurations: ["10.0.1.4", "fd00::4"]
                .iter()
                .map(|address| IpConfiguration {
                    address: address.parse().ok(),
                    ..IpConfiguration::default()
                })
                .collect(),
            ..Interface::default()
        }],
        ..Azure::default()
    };
    let environment = Environment {
        address_space: space,
        subnets: vec![Subnet {
            name: "app".to_owned(),
            prefixes: local,
            role: String::new(),
            audited: true,
        }],
        ..Environment::default()
    };
    (azure, environment)
}

/// Rules with real service tags on both levels against the requirements of a profile, as `nsgaudit prove`
/// asks them.
fn whole(rules: usize, tags: &ServiceTags) {
    println!("ise-ga-2023 against two levels of {rules} rules with real service tags");
    let (azure, environment) = documents(rules, tags);
    let Ok(catalogue) = Catalogue::embedded() else {
        return;
    };
    let Ok(profile) = catalogue.get("ise-ga-2023") else {
        return;
    };
    let network = best("tags of the rules", || {
        Network::new(&azure, &environment, tags, tags.editions.len() - 1)
    });
    let levels = timed("levels of one place", || {
        network.levels(
            std::net::Ipv4Addr::new(10, 0, 1, 4).into(),
            Direction::Inbound,
        )
    });
    timed("compile", || Prover::new(&levels));
    let proved = best("prove", || {
        configured(profile, &[], &environment, tags, &network)
    });
    println!("    {} requirements", proved.len());
    let mut other = azure.clone();
    other.nsgs[0].rules.remove(rules / 2);
    other.nsgs[1].rules.swap(rules / 3, rules / 2);
    let after = Network::new(&other, &environment, tags, tags.editions.len() - 1);
    let found = best("diff", || changes(&network, &after, &environment));
    println!(
        "    {} changes",
        found
            .iter()
            .map(|one| one.difference.changes.len())
            .sum::<usize>()
    );
}

fn main() {
    let part = std::env::args().nth(1);
    let wanted = |name: &str| part.as_deref().is_none_or(|part| part == name);
    if wanted("whole") {
        let tags = ServiceTags::embedded();
        let only: Option<usize> = std::env::args().nth(2).and_then(|rules| rules.parse().ok());
        let all = [10, 60, 100, 1000, 4000].into_iter();
        for rules in all.filter(|&rules| only.is_none_or(|only| only == rules)) {
            whole(rules, &tags);
        }
    }
    if wanted("anomalies") {
        let tags = ServiceTags::embedded();
        for rules in [100, 1000, 4000] {
            let (azure, environment) = documents(rules, &tags);
            let network = Network::new(&azure, &environment, &tags, tags.editions.len() - 1);
            println!("all four lists of two groups of {rules} rules with real service tags");
            let levels = network.all_levels();
            let found = timed("anomalies", || {
                let levels = levels.iter();
                levels.map(anomalies).collect::<Vec<_>>()
            });
            let sum = |of: fn(&Anomalies) -> usize| found.iter().map(of).sum::<usize>();
            println!(
                "    {} shadowed, {} redundant, {} correlated",
                sum(|one| one.shadowed.len()),
                sum(|one| one.redundant.len()),
                sum(|one| one.correlated.len())
            );
        }
    }
    if part.as_deref() == Some("smt") {
        let rules = std::env::args().nth(2).and_then(|rules| rules.parse().ok());
        smt::print(rules.unwrap_or(1000));
    }
    if wanted("growth") {
        for rules in [10, 100, 1000, 4000] {
            run(rules, 2000, 20);
        }
        run(1000, 5000, 20);
    }
    if wanted("adversarial") {
        adversarial(30);
        adversarial(200);
    }
}
