//! A question for another solver: rules, requirements, and what was found in how long (`benches/smt.py`).

use std::net::IpAddr;
use std::time::{Duration, Instant};

use nsgaudit::catalogue::{Catalogue, Row};
use nsgaudit::classify::addresses_of;
use nsgaudit::environment::ServiceTags;
use nsgaudit::net::prefix::Family;
use nsgaudit::net::{Direction, PortSet, PrefixSet, ProtocolSet};
use nsgaudit::policy::network::Network;
use nsgaudit::policy::prove::Prover;
use nsgaudit::policy::rule::{Access, Cube, Rule};
use serde_json::{Value, json};

/// Most requirements.
const REQUIREMENTS: usize = 11;

/// Prints, as JSON, the outbound rules of both levels, requirements of `ise-ga-2023` with service tags, what
/// is proved of each, and the shortest of 15 times of all of it from the documents on.
pub(crate) fn print(rules: usize) {
    let tags = ServiceTags::embedded();
    let newest = tags.editions.len() - 1;
    let (azure, environment) = super::documents(rules, &tags);
    let local = IpAddr::from([10, 0, 1, 4]);
    let Ok(catalogue) = Catalogue::embedded() else {
        return;
    };
    let Ok(profile) = catalogue.get("ise-ga-2023") else {
        return;
    };
    let outbound = |row: &&Row| row.directions.contains(&Direction::Outbound);
    let requirement = |row: &Row| {
        let terms = row.destination.iter();
        let sets = terms.filter_map(|term| addresses_of(term, &environment, false, &tags, newest));
        Cube {
            protocols: ProtocolSet::TCP,
            source: PrefixSet::new([local.into()]),
            source_ports: PortSet::any(),
            destination: sets.fold(PrefixSet::empty(), |all, set| all.union(&set)),
            destination_ports: row.ports.clone(),
        }
    };
    let requirements = || {
        let cubes = profile.rows.iter().filter(outbound).map(requirement);
        let known = cubes.filter(|cube| !cube.destination.ranges(Family::V4).is_empty());
        known.take(REQUIREMENTS).collect::<Vec<_>>()
    };
    let mut shortest = Duration::MAX;
    let mut answers = Vec::new();
    let mut lists = Vec::new();
    for _ in 0..15 {
        let start = Instant::now();
        let network = Network::new(&azure, &environment, &tags, newest);
        let levels = network.levels(local, Direction::Outbound);
        let prover = Prover::new(&levels);
        let proofs: Vec<_> = requirements()
            .iter()
            .map(|cube| prover.outline(&only_v4(cube)).verdict)
            .collect();
        shortest = shortest.min(start.elapsed());
        answers = proofs;
        lists = levels.iter().map(|level| level.rules.clone()).collect();
    }
    let asked = requirements().into_iter().zip(answers);
    let asked: Vec<_> = asked
        .map(|(cube, verdict)| {
            json!({
                "destination": addresses(&cube.destination),
                "destination_ports": cube.destination_ports.ranges(),
                "verdict": format!("{verdict:?}"),
            })
        })
        .collect();
    let levels: Vec<Vec<Value>> = lists
        .iter()
        .map(|rules| rules.iter().map(rule).collect())
        .collect();
    let document = json!({
        "source": u32::from_be_bytes([10, 0, 1, 4]),
        "levels": levels,
        "requirements": asked,
        "seconds": shortest.as_secs_f64(),
    });
    println!("{document}");
}

/// The IPv4 packets of a cube: the other solver is asked of no others.
fn only_v4(cube: &Cube) -> Cube {
    let ranges = cube.destination.ranges(Family::V4).iter().copied();
    Cube {
        destination: PrefixSet::from_ranges(Family::V4, ranges),
        ..cube.clone()
    }
}

fn rule(rule: &Rule) -> Value {
    json!({
        "allow": rule.access != Access::Deny,
        "tcp": !rule.protocols.intersection(ProtocolSet::TCP).is_empty(),
        "source": addresses(&rule.source.known),
        "source_ports": rule.source_ports.ranges(),
        "destination": addresses(&rule.destination.known),
        "destination_ports": rule.destination_ports.ranges(),
    })
}

fn addresses(set: &PrefixSet) -> Vec<[u64; 2]> {
    let ranges = set.ranges(Family::V4).iter();
    ranges
        .map(|&(low, high)| [low as u64, high as u64])
        .collect()
}
