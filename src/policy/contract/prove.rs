//! Whether a property holds of all its packets.

use std::collections::BTreeMap;

use super::{End, Property, Term};
use crate::catalogue::AddressTerm;
use crate::net::{Decision, Direction, PrefixSet};
use crate::policy::network::Network;
use crate::policy::prove::{Part, Prover};
use crate::policy::rule::{Addresses, Answer, Cube, Level};

/// Most prefixes that are named of addresses that no rules are known for.
const NAMED: usize = 4;

/// Whether a property holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Holds {
    /// Some packet is answered otherwise.
    No,
    /// Not known of some packet, and no packet is known to be answered otherwise; or there is no
    /// packet of which anything is known.
    Undetermined,
    /// Every packet is answered as expected.
    Yes,
}

/// What was proved of a property.
#[derive(Debug, Clone)]
pub struct Held {
    /// Whether it holds.
    pub holds: Holds,
    /// Packets that are answered otherwise, by who decides.
    pub against: Vec<Found>,
    /// Packets of which it is not known, by why not.
    pub open: Vec<Found>,
    /// What of its addresses is not known, in words.
    pub unknown: Vec<String>,
}

/// Packets of a property of which the same holds.
#[derive(Debug, Clone)]
pub struct Found {
    /// The levels on their way.
    pub levels: Vec<Level>,
    /// What becomes of them, by whom, and which they are.
    pub part: Part,
}

/// Proves a property of all its packets whose local end is in the network.
pub fn prove(property: &Property, network: &Network<'_>) -> Held {
    let (packets, unknown) = packets(property, network);
    let (mut against, mut open) = (Vec::new(), Vec::new());
    let mut any = false;
    for (levels, cube) in placed(property.direction, &packets, network) {
        let prover = Prover::new(&levels);
        for part in prover.prove(&cube).parts {
            any = true;
            let found = |part| Found {
                levels: levels.clone(),
                part,
            };
            match (part.ruling.answer, property.expected) {
                (Answer::Allow, Decision::Allow) | (Answer::Deny, Decision::Deny) => {}
                (Answer::Undetermined, _) => open.push(found(part)),
                _ => against.push(found(part)),
            }
        }
    }
    let [against, open] = [against, open].map(|found| joined(found, property.direction));
    let holds = if !against.is_empty() {
        Holds::No
    } else if any && open.is_empty() && unknown.is_empty() {
        Holds::Yes
    } else {
        Holds::Undetermined
    };
    Held {
        holds,
        against,
        open,
        unknown,
    }
}

/// Joins what the same rules do at several places, so that it is told once and as few sets.
fn joined(found: Vec<Found>, direction: Direction) -> Vec<Found> {
    let mut all: Vec<(String, Found)> = Vec::new();
    for one in found {
        let words = one.part.ruling.words(&one.levels);
        match all.iter_mut().find(|(known, _)| *known == words) {
            None => all.push((words, one)),
            Some((_, known)) => {
                let (part, more) = (&mut known.part, one.part);
                part.count = part.count.plus(more.count);
                part.witness = part.witness.min(more.witness);
                part.left_out += more.left_out;
                part.cubes.extend(more.cubes);
            }
        }
    }
    for (_, found) in &mut all {
        found.part.cubes = along(std::mem::take(&mut found.part.cubes), direction);
    }
    all.into_iter().map(|(_, found)| found).collect()
}

/// Joins disjoint cubes that differ in their local side alone.
fn along(cubes: Vec<Cube>, direction: Direction) -> Vec<Cube> {
    fn local(cube: &mut Cube, direction: Direction) -> &mut PrefixSet {
        match direction {
            Direction::Inbound => &mut cube.destination,
            Direction::Outbound => &mut cube.source,
        }
    }
    let mut by_rest: BTreeMap<Cube, PrefixSet> = BTreeMap::new();
    for mut cube in cubes {
        let own = std::mem::take(local(&mut cube, direction));
        let known = by_rest.entry(cube).or_default();
        *known = known.union(&own);
    }
    let whole = |(mut cube, own): (Cube, PrefixSet)| {
        *local(&mut cube, direction) = own;
        cube
    };
    let mut all: Vec<_> = by_rest.into_iter().map(whole).collect();
    all.sort_unstable();
    all
}

/// The packets that a property allows, as far as they are known: needed, for its author.
pub fn cubes(properties: &[Property], network: &Network<'_>) -> Vec<(Direction, Cube)> {
    let allowing = |property: &&Property| property.expected == Decision::Allow;
    properties
        .iter()
        .filter(allowing)
        .map(|property| (property.direction, packets(property, network).0))
        .collect()
}

/// The packets of a property, and what of its addresses is not known.
fn packets(property: &Property, network: &Network<'_>) -> (Cube, Vec<String>) {
    let remote = meaning(property.remote(), network);
    let mut unknown = remote.unknown;
    let local = local(property.local(), network, &mut unknown);
    let (source, destination) = match property.direction {
        Direction::Inbound => (remote.known, local),
        Direction::Outbound => (local, remote.known),
    };
    let cube = Cube {
        protocols: property.protocols,
        source,
        source_ports: property.source.ports.clone(),
        destination,
        destination_ports: property.destination.ports.clone(),
    };
    unknown.sort();
    unknown.dedup();
    (cube, unknown)
}

/// The cube by the levels on its way: places with the same levels are one.
fn placed(direction: Direction, packets: &Cube, network: &Network<'_>) -> Vec<(Vec<Level>, Cube)> {
    let local = match direction {
        Direction::Inbound => &packets.destination,
        Direction::Outbound => &packets.source,
    };
    let mut joined: Vec<(Vec<Level>, PrefixSet)> = Vec::new();
    for place in network.places(local, direction) {
        match joined
            .iter_mut()
            .find(|(levels, _)| *levels == place.levels)
        {
            Some((_, addresses)) => *addresses = addresses.union(&place.addresses),
            None => joined.push((place.levels, place.addresses)),
        }
    }
    let cube = |(levels, addresses)| {
        let mut cube = packets.clone();
        match direction {
            Direction::Inbound => cube.destination = addresses,
            Direction::Outbound => cube.source = addresses,
        }
        (levels, cube)
    };
    joined.into_iter().map(cube).collect()
}

/// The addresses of an end.
fn meaning(end: &End, network: &Network<'_>) -> Addresses {
    let mut all = Addresses::default();
    for term in &end.terms {
        let one = of_term(term, network);
        all.known = all.known.union(&one.known);
        all.unknown.extend(one.unknown);
    }
    all
}

fn of_term(term: &Term, network: &Network<'_>) -> Addresses {
    match term {
        Term::Subnet(name) => match network.subnet_named(name) {
            Some(known) => Addresses {
                known,
                unknown: Vec::new(),
            },
            None => Addresses {
                known: PrefixSet::empty(),
                unknown: vec![format!("no subnet is called {name}")],
            },
        },
        Term::Addresses(term) => {
            let mut meant = network.meaning(term);
            for what in &mut meant.unknown {
                *what = format!("the addresses of {what} are not known");
            }
            meant
        }
    }
}

/// The addresses of the network that an end names. Broad terms (`any`, a tag) name those of the network
/// that they hold; addresses that are named one by one and lie in no network that is given are not
/// known to have rules.
fn local(end: &End, network: &Network<'_>, unknown: &mut Vec<String>) -> PrefixSet {
    let hosts = network.hosts();
    let space = network.space().union(&hosts);
    let mut meant = PrefixSet::empty();
    for term in &end.terms {
        let one = of_term(term, network);
        unknown.extend(one.unknown);
        let broad = matches!(
            term,
            Term::Addresses(
                AddressTerm::Any
                    | AddressTerm::VirtualNetwork
                    | AddressTerm::Internet
                    | AddressTerm::ServiceTag(_)
            )
        );
        let elsewhere = one.known.difference(&space);
        if !broad && !elsewhere.is_empty() {
            let prefixes = elsewhere.prefixes();
            let mut words: Vec<_> = prefixes
                .iter()
                .take(NAMED)
                .map(ToString::to_string)
                .collect();
            if prefixes.len() > NAMED {
                words.push("more".to_owned());
            }
            let words = words.join(", ");
            unknown.push(format!("no network that is given has {words}"));
        }
        meant = meant.union(&one.known);
    }
    let inside = meant.intersection(&hosts);
    if inside.is_empty() && unknown.is_empty() {
        unknown.push(format!("no subnet that is given has an address of {end}"));
    }
    inside
}
