//! Proofs held against an engine of another kind: binary decision diagrams over the bits of packets.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;

use biodivine_lib_bdd::{Bdd, BddPartialValuation, BddVariable, BddVariableSet};
use ipnet::{IpNet, Ipv4Net};
use nsgaudit::net::{PortSet, PrefixSet, ProtocolSet};
use nsgaudit::policy::decider::Decider;
use nsgaudit::policy::prove::Prover;
use nsgaudit::policy::rule::{Access, Addresses, Answer, Cube, Level, LevelKind, Rule};

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
}

/// The bits of a packet: where each part begins, and how many.
const PROTOCOL: (usize, usize) = (0, 3);
const SOURCE_PORT: (usize, usize) = (3, 16);
const DESTINATION_PORT: (usize, usize) = (19, 16);
const SOURCE: (usize, usize) = (35, 32);
const DESTINATION: (usize, usize) = (67, 32);

struct Engine {
    set: BddVariableSet,
    variables: Vec<BddVariable>,
}

impl Engine {
    fn new() -> Self {
        let set = BddVariableSet::new_anonymous(99);
        let variables = set.variables();
        Self { set, variables }
    }

    /// A part of the packet whose upper `length` bits are those of `value`.
    fn prefix(&self, (start, width): (usize, usize), value: u32, length: usize) -> Bdd {
        let mut bits = BddPartialValuation::empty();
        for at in 0..length {
            bits.set_value(
                self.variables[start + at],
                value >> (width - 1 - at) & 1 != 0,
            );
        }
        self.set.mk_conjunctive_clause(&bits)
    }

    fn range(&self, part: (usize, usize), low: u64, high: u64) -> Bdd {
        let mut all = self.set.mk_false();
        let mut low = low;
        while low <= high {
            let mut block = 0;
            while low.is_multiple_of(2 << block) && low + (2 << block) - 1 <= high {
                block += 1;
            }
            all = all.or(&self.prefix(part, low as u32, part.1 - block));
            low += 1 << block;
        }
        all
    }

    fn addresses(&self, part: (usize, usize), addresses: &PrefixSet) -> Bdd {
        let ranges = addresses.ranges(nsgaudit::net::prefix::Family::V4);
        let mut all = self.set.mk_false();
        for &(low, high) in ranges {
            all = all.or(&self.range(part, low as u64, high as u64));
        }
        all
    }

    fn ports(&self, part: (usize, usize), ports: &PortSet) -> Bdd {
        let mut all = self.set.mk_false();
        for &(low, high) in ports.ranges() {
            all = all.or(&self.range(part, low as u64, high as u64));
        }
        all
    }

    /// A cube. Packets without ports have port 0 here, and are in cubes for all ports only.
    fn cube(&self, cube: &Cube) -> Bdd {
        let with_ports = self
            .ports(SOURCE_PORT, &cube.source_ports)
            .and(&self.ports(DESTINATION_PORT, &cube.destination_ports));
        let no_ports = if cube.source_ports.is_any() && cube.destination_ports.is_any() {
            self.prefix(SOURCE_PORT, 0, 16)
                .and(&self.prefix(DESTINATION_PORT, 0, 16))
        } else {
            self.set.mk_false()
        };
        let mut low = self.set.mk_false();
        for (number, protocol) in ProtocolSet::EACH.into_iter().enumerate() {
            if cube.protocols.intersection(protocol).is_empty() {
                continue;
            }
            let ports = if number < 2 { &with_ports } else { &no_ports };
            low = low.or(&self.prefix(PROTOCOL, number as u32, 3).and(ports));
        }
        self.addresses(SOURCE, &cube.source)
            .and(&self.addresses(DESTINATION, &cube.destination))
            .and(&low)
    }

    fn rule(&self, rule: &Rule) -> Bdd {
        self.cube(&Cube {
            protocols: rule.protocols,
            source: rule.source.known.clone(),
            source_ports: rule.source_ports.clone(),
            destination: rule.destination.known.clone(),
            destination_ports: rule.destination_ports.clone(),
        })
    }

    /// The packets of `open` that each rule of a level decides.
    fn decided(&self, level: &Level, mut open: Bdd) -> Vec<(usize, Bdd)> {
        let mut decided = Vec::new();
        for (number, rule) in level.rules.iter().enumerate() {
            let matching = self.rule(rule);
            let taken = open.and(&matching);
            open = open.and_not(&matching);
            if !taken.is_false() {
                decided.push((number, taken));
            }
        }
        assert!(open.is_false());
        decided
    }
}

fn prefixes(random: &mut Random, count: u64) -> PrefixSet {
    PrefixSet::new((0..count).map(|_| {
        let base = random.of(&[0x0a00_0000u32, 0x0a01_0000, 0x1400_0000, 0x3400_0000]);
        let address = base | random.below(1 << 18) as u32;
        let length = 14 + random.below(19) as u8;
        IpNet::V4(Ipv4Net::new(address.into(), length).unwrap())
    }))
}

/// Tags of some dozen prefixes, subnets, single addresses, everything.
fn palette(random: &mut Random) -> Vec<PrefixSet> {
    let mut sets = vec![PrefixSet::any(), PrefixSet::any()];
    for _ in 0..12 {
        let count = random.of(&[1, 1, 2, 5, 40]);
        sets.push(prefixes(random, count));
    }
    sets
}

fn ports(random: &mut Random) -> PortSet {
    let port = random.below(65_536) as u16;
    match random.below(5) {
        0 | 1 => PortSet::any(),
        2 => PortSet::new([(port, port.saturating_add(2000))]),
        _ => PortSet::new([(443, 443), (port, port), (8000, 8100)]),
    }
}

fn rule(random: &mut Random, palette: &[PrefixSet], number: usize) -> Rule {
    let mut side = || Addresses {
        known: random.of(palette),
        unknown: Vec::new(),
    };
    let (source, destination) = (side(), side());
    let tcp = ProtocolSet::TCP;
    Rule {
        name: format!("rule{number}"),
        priority: 100 + number as u32,
        access: random.of(&[Access::Allow, Access::Deny]),
        protocols: random.of(&[
            ProtocolSet::ANY,
            tcp,
            tcp,
            ProtocolSet::UDP,
            ProtocolSet::ICMP,
        ]),
        source,
        source_ports: if random.below(8) == 0 {
            ports(random)
        } else {
            PortSet::any()
        },
        destination,
        destination_ports: ports(random),
        is_default: false,
        doubt: None,
    }
}

fn level(random: &mut Random, palette: &[PrefixSet]) -> Level {
    let count = 5 + random.below(25) as usize;
    let mut rules: Vec<_> = (0..count)
        .map(|number| rule(random, palette, number))
        .collect();
    let mut last = rule(random, palette, count);
    last.protocols = ProtocolSet::ANY;
    last.source.known = PrefixSet::any();
    last.destination.known = PrefixSet::any();
    last.source_ports = PortSet::any();
    last.destination_ports = PortSet::any();
    rules.push(last);
    Level {
        kind: LevelKind::Subnet,
        name: String::new(),
        id: String::new(),
        rules,
    }
}

/// The path of rules that decides: of an allowed packet all, of a denied one those that deny.
type Path = Vec<(usize, usize)>;

fn expected(engine: &Engine, levels: &[Level], cube: &Cube) -> BTreeMap<(Answer, Path), Bdd> {
    let mut parts = BTreeMap::new();
    for (first, packets) in engine.decided(&levels[0], engine.cube(cube)) {
        for (second, packets) in engine.decided(&levels[1], packets) {
            let path = [(0, first), (1, second)];
            let denying: Path = path
                .into_iter()
                .filter(|&(level, rule)| levels[level].rules[rule].access == Access::Deny)
                .collect();
            let key = if denying.is_empty() {
                (Answer::Allow, path.to_vec())
            } else {
                (Answer::Deny, denying)
            };
            let known = parts.entry(key).or_insert_with(|| engine.set.mk_false());
            *known = known.or(&packets);
        }
    }
    parts
}

#[test]
fn proofs_are_those_of_decision_diagrams() {
    let engine = Engine::new();
    for seed in 1..=30u64 {
        let mut random = Random(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed));
        let palette = palette(&mut random);
        let levels = [level(&mut random, &palette), level(&mut random, &palette)];
        let prover = Prover::new(&levels);
        for _ in 0..3 {
            let cube = Cube {
                protocols: random.of(&[ProtocolSet::ANY, ProtocolSet::TCP]),
                source: random.of(&palette),
                source_ports: PortSet::any(),
                destination: random.of(&palette),
                destination_ports: ports(&mut random),
            };
            let v4 = |set: &PrefixSet| set.intersection(&PrefixSet::parse(["0.0.0.0/0"]).unwrap());
            let cube = Cube {
                source: v4(&cube.source),
                destination: v4(&cube.destination),
                ..cube
            };
            let mut expected = expected(&engine, &levels, &cube);
            let proof = prover.prove(&cube);
            for part in &proof.parts {
                let path: Path = part
                    .ruling
                    .by
                    .iter()
                    .map(|by| match by.decider {
                        Decider::Rule(rule) => (by.level, rule),
                        other => panic!("{other:?} though all is known"),
                    })
                    .collect();
                let packets = expected.remove(&(part.ruling.answer, path)).unwrap();
                let count = packets.exact_cardinality();
                assert_eq!(count.to_string(), part.count.to_string(), "seed {seed}");
                let mut union = engine.set.mk_false();
                let mut sum = union.exact_cardinality();
                for cube in &part.cubes {
                    let cube = engine.cube(cube);
                    sum += cube.exact_cardinality();
                    union = union.or(&cube);
                }
                assert!(union == packets, "seed {seed}: other packets");
                assert_eq!(sum, count, "seed {seed}: cubes overlap");
            }
            assert!(expected.is_empty(), "seed {seed}: parts are missing");
        }
    }
}
