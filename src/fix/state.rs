//! What rules and routes do with each requirement, and which rules of which NSG are in its way.

use std::collections::BTreeSet;

use crate::audit::needed::{Needed, NeededRemote};
use crate::audit::routed::Routed;
use crate::net::{Direction, PrefixSet};
use crate::policy::decider::Decider;
use crate::policy::network::Network;
use crate::policy::packet::Words;
use crate::policy::prove::Prover;
use crate::policy::route::Routes;
use crate::policy::rule::{Access, Answer, Cube, Level, LevelKind, Rule};

/// An NSG by its resource ID, or by its name where it has none; in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key(pub(super) String);

impl Key {
    pub(super) fn new(id: &str, name: &str) -> Self {
        Self(if id.is_empty() { name } else { id }.to_lowercase())
    }
}

/// An NSG denies packets of a requirement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Denial {
    pub(super) nsg: Key,
    /// The requirement's own addresses at which it does.
    pub(super) local: PrefixSet,
    /// Which part of the other end.
    pub(super) remote: usize,
    /// Priority of the first rule that may deny some of them.
    pub(super) before: u32,
}

/// What the rules do with a requirement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    /// They allow all of it.
    Allowed,
    /// They deny some, and NSGs alone do.
    Denied(Vec<Denial>),
    /// No rule of an NSG can change it, or it is not known: why.
    Open(String),
}

/// Asks of every requirement; rules are compiled once a place.
pub(super) fn states(needed: &[Needed], network: &Network<'_>) -> Vec<State> {
    let mut found: Vec<Finding> = needed.iter().map(|_| Finding::default()).collect();
    let ways: BTreeSet<_> = needed.iter().map(way).collect();
    let routing = network.routing();
    for (subnet, direction, _) in &ways {
        let of_way = |one: &Needed| way(one).0 == *subnet && one.direction == *direction;
        let Some(first) = needed.iter().find(|one| of_way(one)) else {
            continue;
        };
        for place in network.places(&first.addresses, *direction) {
            let prover = Prover::new(&place.levels);
            let routes = place.addresses.first().and_then(|first| routing.of(first));
            let routes = routes.and_then(Result::ok);
            for (one, finding) in needed.iter().zip(&mut found) {
                if of_way(one) {
                    finding.add(one, &place.addresses, &place.levels, &prover);
                    finding.route(one, &place.addresses, routes);
                }
            }
        }
    }
    let both = needed.iter().zip(found);
    both.map(|(one, finding)| finding.told(one)).collect()
}

fn way(needed: &Needed) -> (String, Direction, Option<std::net::IpAddr>) {
    (
        needed.subnet.clone(),
        needed.direction,
        needed.addresses.first(),
    )
}

#[derive(Debug, Default)]
struct Finding {
    denials: Vec<Denial>,
    admin: Option<String>,
    unknown: Option<String>,
    dropped: Option<String>,
    packets: bool,
}

impl Finding {
    fn add(&mut self, needed: &Needed, at: &PrefixSet, levels: &[Level], prover: &Prover<'_>) {
        let local = needed.local.intersection(at);
        if local.is_empty() {
            return;
        }
        for (remote, cube) in needed.cubes(at).iter().enumerate() {
            let proof = prover.prove(cube);
            self.packets |= !proof.parts.is_empty();
            for part in &proof.parts {
                match part.ruling.answer {
                    Answer::Allow => {}
                    Answer::Undetermined => {
                        let why = format!(
                            "it is not known what the rules do {}, for example with {}",
                            part.ruling.words(levels),
                            Words(&part.witness)
                        );
                        self.unknown.get_or_insert(why);
                    }
                    Answer::Deny => {
                        for by in &part.ruling.by {
                            let level = &levels[by.level];
                            let Decider::Rule(rule) = by.decider else {
                                continue;
                            };
                            if level.kind == LevelKind::Admin {
                                let why = format!(
                                    "{} of network manager {} denies it before any NSG is asked: change it there",
                                    level.rules[rule].words(),
                                    level.name
                                );
                                self.admin.get_or_insert(why);
                                continue;
                            }
                            self.denials.push(Denial {
                                nsg: Key::new(&level.id, &level.name),
                                local: local.clone(),
                                remote,
                                before: first_deny(level, cube),
                            });
                        }
                    }
                }
            }
        }
    }

    /// Whether a route surely drops packets of it, or answers to them.
    fn route(&mut self, needed: &Needed, at: &PrefixSet, routes: Option<&Routes>) {
        if needed.local.intersection(at).is_empty() {
            return;
        }
        for remote in &needed.remotes {
            let routed = Routed::new(routes, &remote.addresses());
            if let Some(part) = routed.dropped().find(|part| part.is_sure()) {
                let why = part.why(needed.direction);
                let why = format!("{why}; no rule of an NSG changes that");
                self.dropped.get_or_insert(why);
            }
        }
    }

    fn told(self, needed: &Needed) -> State {
        let mut terms: Vec<_> = needed
            .remotes
            .iter()
            .flat_map(NeededRemote::unknown)
            .collect();
        terms.sort();
        terms.dedup();
        if !terms.is_empty() {
            return State::Open(format!(
                "the addresses of {} are not known: state them under [addresses], or give \
                 --service-tags",
                terms.join(", ")
            ));
        }
        match self {
            Self {
                unknown: Some(why), ..
            }
            | Self {
                admin: Some(why), ..
            }
            | Self {
                dropped: Some(why), ..
            } => State::Open(why),
            Self { packets: false, .. } => {
                State::Open("it has no packet in this network".to_owned())
            }
            Self { denials, .. } if denials.is_empty() => State::Allowed,
            Self { denials, .. } => State::Denied(denials),
        }
    }
}

/// Priority of the first rule that denies, or may deny, a packet of a cube.
fn first_deny(level: &Level, cube: &Cube) -> u32 {
    let may = |rule: &&Rule| {
        let meets = |side: &crate::policy::rule::Addresses, of: &PrefixSet| {
            !side.unknown.is_empty() || !side.known.intersection(of).is_empty()
        };
        rule.access == Access::Deny
            && !rule.protocols.intersection(cube.protocols).is_empty()
            && meets(&rule.source, &cube.source)
            && meets(&rule.destination, &cube.destination)
            && !rule
                .destination_ports
                .intersection(&cube.destination_ports)
                .is_empty()
    };
    let first = level.rules.iter().find(may);
    first.map_or(u32::MAX, |rule| rule.priority)
}
