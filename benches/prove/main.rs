//! How long proofs, comparisons and searches for dead rules take on rule sets of the greatest size.
//!
//! ```text
//! cargo run --release --example prove
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
use nsgaudit::net::{PortSet, PrefixSet, ProtocolSet};
use nsgaudit::policy::diff::diff;
use nsgaudit::policy::prove::Prover;
use nsgaudit::policy::rule::{Access, Addresses, Cube, Level, LevelKind, Rule};
use nsgaudit::policy::shadow::anomalies;
use nsgaudit::policy::unneeded::unneeded;

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
    let found = timed("unneeded", || unneeded(&levels, &required, &within));
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

fn main() {
    run(100, 500, 10);
    run(500, 1000, 20);
    run(1000, 2000, 20);
    run(1000, 5000, 20);
}
