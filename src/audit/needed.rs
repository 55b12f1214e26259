//! What is required, as sets of packets: for whoever writes rules.

use super::configured::{Meanings, Terms, protocols};
use super::requirements::{Standing, bind};
use crate::catalogue::{AddressTerm, Profile};
use crate::environment::{Environment, ServiceTags};
use crate::net::{Direction, PortSet, PrefixSet, ProtocolSet};
use crate::policy::rule::Cube;

/// A requirement and its packets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needed {
    /// `profile/row-id`.
    pub row: String,
    /// What it is for.
    pub purpose: String,
    /// The subnet.
    pub subnet: String,
    /// All addresses of the subnet.
    pub addresses: PrefixSet,
    /// Direction, seen from the subnet.
    pub direction: Direction,
    /// Advice rather than requirement.
    pub advice: bool,
    /// Protocols judged: TCP, where the row names none.
    pub protocols: ProtocolSet,
    /// The subnet's own end.
    pub local: PrefixSet,
    /// The other end, ports by ports.
    pub remotes: Vec<NeededRemote>,
}

/// The other end of a requirement, for some of its ports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NeededRemote {
    /// The destination ports.
    pub ports: PortSet,
    /// Its terms, and what each means; `None` where that is not known.
    pub terms: Vec<(AddressTerm, Option<PrefixSet>)>,
}

/// All requirements that are judged of a profile, of those that it includes and of the user: rows in
/// order, then subnets, then directions.
pub fn needed(
    profile: &Profile,
    included: &[&Profile],
    environment: &Environment,
    tags: &ServiceTags,
) -> Vec<Needed> {
    let requirements = bind(profile, included, environment);
    let meanings = Meanings::new(environment, tags);
    let judged = requirements
        .bound
        .iter()
        .filter(|bound| matches!(bound.standing, Standing::Required | Standing::Unsettled));
    judged
        .map(|bound| {
            let terms = Terms {
                meanings: &meanings,
                bound,
            };
            let subnet = &environment.subnets[bound.subnet as usize];
            let meaning = |term: &AddressTerm| (term.clone(), terms.addresses(term));
            let remotes = terms.remotes();
            Needed {
                row: bound.name.clone(),
                purpose: bound.row.purpose.clone(),
                subnet: subnet.name.clone(),
                addresses: subnet.prefixes.clone(),
                direction: bound.direction,
                advice: bound.row.advice,
                protocols: protocols(bound.row),
                local: terms.local(&subnet.prefixes),
                remotes: remotes
                    .iter()
                    .map(|remote| NeededRemote {
                        ports: remote.ports.clone(),
                        terms: remote.terms.iter().map(meaning).collect(),
                    })
                    .collect(),
            }
        })
        .collect()
}

impl NeededRemote {
    /// The addresses that are known.
    pub fn addresses(&self) -> PrefixSet {
        let known = self.terms.iter().filter_map(|(_, set)| set.as_ref());
        known.fold(PrefixSet::empty(), |all, set| all.union(set))
    }

    /// Terms whose addresses are not known.
    pub fn unknown(&self) -> Vec<String> {
        let unknown = self.terms.iter().filter(|(_, set)| set.is_none());
        unknown.map(|(term, _)| term.to_string()).collect()
    }
}

impl Needed {
    /// The packets of it whose own end is among `local`, a cube for each part of the other end.
    pub fn cubes(&self, local: &PrefixSet) -> Vec<Cube> {
        let local = self.local.intersection(local);
        let cube = |remote: &NeededRemote| {
            let (source, destination) = match self.direction {
                Direction::Inbound => (remote.addresses(), local.clone()),
                Direction::Outbound => (local.clone(), remote.addresses()),
            };
            Cube {
                protocols: self.protocols,
                source,
                source_ports: PortSet::any(),
                destination,
                destination_ports: remote.ports.clone(),
            }
        };
        self.remotes.iter().map(cube).collect()
    }
}
