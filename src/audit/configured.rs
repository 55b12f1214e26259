//! What rules and routes allow of each requirement, over all packets.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use crate::catalogue::{AddressTerm, KnownPeers, Profile, Row};
use crate::classify::addresses_of;
use crate::environment::{Environment, ServiceTags};
use crate::net::prefix::Family;
use crate::net::{Direction, PortSet, PrefixSet, Protocol, ProtocolSet};
use crate::policy::decider::Decider;
use crate::policy::diff::diff;
use crate::policy::network::routes::Routing;
use crate::policy::network::{Network, Place, everything_of};
use crate::policy::packet::Words;
use crate::policy::prove::{Extent, Part, Proof, Prover, Verdict};
use crate::policy::route::Routes;
use crate::policy::rule::{Answer, Cube, Level};
use crate::policy::unneeded::{Unneeded, unneeded};

use super::given::locations;
use super::matching::known_lists;
use super::model::{ConfiguredText, ConfiguredVerdict, RuleLocation};
use super::names;
use super::requirements::{Bound, Requirements, Standing, bind};
use super::routed::Routed;

/// Most parts that are told of a requirement that is not wholly allowed.
const TOLD: usize = 3;

/// What the rules do with a requirement's packets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configured {
    /// `profile/row-id`.
    pub row: String,
    /// What it is for.
    pub purpose: String,
    /// The subnet.
    pub subnet: String,
    /// Direction, seen from the subnet.
    pub direction: Direction,
    /// Protocols judged.
    pub protocols: String,
    /// Ports.
    pub ports: String,
    /// Advice rather than requirement.
    pub advice: bool,
    /// What holds.
    pub verdict: Verdict,
    /// Why, where not all is allowed: which packets, by which rule, for example.
    pub reasons: Vec<String>,
    /// The rules that decide what is not allowed.
    pub rules: Vec<RuleLocation>,
    /// By which routes the packets, or answers to them, leave the subnet.
    pub routed: Routed,
}

/// Proves all requirements of a profile, of those that it includes and of the user.
pub fn configured(
    profile: &Profile,
    included: &[&Profile],
    environment: &Environment,
    tags: &ServiceTags,
    network: &Network<'_>,
) -> Vec<Configured> {
    let requirements = bind(profile, included, environment);
    let routing = network.routing();
    let all = of_requirements(&requirements, environment, tags, network, &routing);
    all.into_iter().flatten().collect()
}

/// What rules and routes do with each requirement; `None` of those that are not judged.
pub(crate) fn of_requirements(
    requirements: &Requirements<'_>,
    environment: &Environment,
    tags: &ServiceTags,
    network: &Network<'_>,
    routing: &Routing,
) -> Vec<Option<Configured>> {
    let bound = requirements.bound.iter();
    let meanings = Meanings::new(environment, tags);
    let mut all: Vec<Option<Asked<'_>>> = bound
        .map(|bound| {
            let terms = Terms {
                meanings: &meanings,
                bound,
            };
            matches!(bound.standing, Standing::Required | Standing::Unsettled)
                .then(|| Asked::new(terms))
        })
        .collect();
    // Rules are compiled once a place, not once a requirement, and no longer kept than that place takes.
    let ways = all.iter().flatten().map(|asked| asked.terms.way());
    let ways: BTreeSet<_> = ways.collect();
    for way in ways {
        let (subnet, direction) = way;
        let subnet = &environment.subnets[subnet as usize].prefixes;
        for place in network.places(subnet, direction) {
            let prover = Prover::new(&place.levels);
            let routes = place.addresses.first().and_then(|first| routing.of(first));
            let routes = routes.and_then(Result::ok);
            let of_way = all.iter_mut().flatten();
            for asked in of_way.filter(|asked| asked.terms.way() == way) {
                asked.prove(&place, &prover, network, routes);
            }
        }
    }
    let told = all.into_iter().map(|asked| asked.map(Asked::told));
    told.collect()
}

/// Whether `after` denies packets of a requirement that `before` allows.
pub(crate) fn denies_more(
    bound: &Bound<'_>,
    environment: &Environment,
    tags: &ServiceTags,
    before: &Network<'_>,
    after: &Network<'_>,
) -> bool {
    let meanings = Meanings::new(environment, tags);
    let asked = Asked::new(Terms {
        meanings: &meanings,
        bound,
    });
    let subnet = &environment.subnets[bound.subnet as usize].prefixes;
    before.places(subnet, bound.direction).iter().any(|old| {
        let places = after.places(&old.addresses, bound.direction);
        places.iter().any(|new| {
            let local = asked.local.intersection(&new.addresses);
            asked.remotes.iter().any(|remote| {
                let cube = asked.terms.cube(&local, remote);
                let difference = diff(&old.levels, &new.levels, &cube);
                difference.newly_denied().next().is_some()
            })
        })
    })
}

impl Configured {
    /// As the report prints it.
    pub(crate) fn text(&self) -> ConfiguredText {
        ConfiguredText {
            verdict: match self.verdict {
                Verdict::Blocked => ConfiguredVerdict::Blocked,
                Verdict::Partly => ConfiguredVerdict::Partly,
                Verdict::Undetermined => ConfiguredVerdict::Undetermined,
                Verdict::Allowed => ConfiguredVerdict::Allowed,
            },
            reasons: self.reasons.clone(),
            rules: self.rules.clone(),
        }
    }
}

/// What the rules allow of some addresses of a subnet, and no requirement needs.
#[derive(Debug, Clone)]
pub struct OpenBeyond {
    /// The subnet.
    pub subnet: String,
    /// Direction, seen from it.
    pub direction: Direction,
    /// The levels on the way.
    pub levels: Vec<Level>,
    /// The packets, by the rules that allow them.
    pub unneeded: Unneeded,
}

/// What the rules allow beyond what is required of the audited subnets, and beyond what the user's
/// `own` contract allows in each direction. A requirement whose addresses are not known needs nothing
/// here.
pub fn open_beyond(
    profile: &Profile,
    included: &[&Profile],
    environment: &Environment,
    tags: &ServiceTags,
    network: &Network<'_>,
    own: &[(Direction, Cube)],
) -> Vec<OpenBeyond> {
    let requirements = bind(profile, included, environment);
    open_beyond_all(&requirements, environment, tags, network, own, Extent::ALL)
}

/// What the rules allow beyond some requirements.
pub(crate) fn open_beyond_all(
    requirements: &Requirements<'_>,
    environment: &Environment,
    tags: &ServiceTags,
    network: &Network<'_>,
    own: &[(Direction, Cube)],
    extent: Extent,
) -> Vec<OpenBeyond> {
    let meanings = Meanings::new(environment, tags);
    let mut all = Vec::new();
    for (index, subnet) in environment.subnets.iter().enumerate() {
        for direction in [Direction::Inbound, Direction::Outbound] {
            let of_it = requirements.bound.iter().filter(|bound| {
                bound.subnet as usize == index
                    && bound.direction == direction
                    && bound.standing != Standing::NotApplicable
            });
            let of_it: Vec<_> = of_it
                .map(|bound| Terms {
                    meanings: &meanings,
                    bound,
                })
                .collect();
            if !subnet.audited {
                continue;
            }
            for place in network.places(&subnet.prefixes, direction) {
                let of_contract = own.iter().filter(|(its, _)| *its == direction);
                let required: Vec<_> = of_it
                    .iter()
                    .flat_map(|terms| terms.needed(&place))
                    .chain(of_contract.map(|(_, cube)| cube.clone()))
                    .collect();
                let within = everything_of(&place.addresses, direction);
                all.push(OpenBeyond {
                    subnet: subnet.name.clone(),
                    direction,
                    unneeded: unneeded(&place.levels, &required, &within, extent),
                    levels: place.levels,
                });
            }
        }
    }
    all
}

/// What terms mean with the newest tags, each resolved once: rows name the same tags again and again, and
/// every subnet has all rows.
pub(super) struct Meanings<'a> {
    environment: &'a Environment,
    tags: &'a ServiceTags,
    known: RefCell<BTreeMap<AddressTerm, Option<PrefixSet>>>,
}

impl<'a> Meanings<'a> {
    pub(super) fn new(environment: &'a Environment, tags: &'a ServiceTags) -> Self {
        Self {
            environment,
            tags,
            known: RefCell::default(),
        }
    }

    /// A term's addresses; `None` where they are not known.
    fn of(&self, term: &AddressTerm) -> Option<PrefixSet> {
        if let Some(known) = self.known.borrow().get(term) {
            return known.clone();
        }
        let newest = self.tags.editions.len().saturating_sub(1);
        let meaning = addresses_of(term, self.environment, false, self.tags, newest);
        let mut known = self.known.borrow_mut();
        known.insert(term.clone(), meaning.clone());
        meaning
    }
}

/// A requirement, and what its terms mean.
pub(super) struct Terms<'a> {
    pub(super) meanings: &'a Meanings<'a>,
    pub(super) bound: &'a Bound<'a>,
}

/// The remote side of a requirement for some of its ports.
pub(super) struct Remote<'a> {
    pub(super) ports: PortSet,
    pub(super) terms: &'a [AddressTerm],
    addresses: PrefixSet,
    /// Terms whose addresses are not known.
    unknown: Vec<String>,
}

/// A requirement that is being proved, place by place.
struct Asked<'a> {
    terms: Terms<'a>,
    /// The subnet's own end.
    local: PrefixSet,
    remotes: Vec<Remote<'a>>,
    verdicts: Vec<Verdict>,
    reasons: Vec<String>,
    rules: BTreeSet<RuleLocation>,
    routed: Routed,
}

impl<'a> Asked<'a> {
    fn new(terms: Terms<'a>) -> Self {
        let subnet = &terms.meanings.environment.subnets[terms.bound.subnet as usize];
        Self {
            local: terms.local(&subnet.prefixes),
            remotes: terms.remotes(),
            terms,
            verdicts: Vec::new(),
            reasons: Vec::new(),
            rules: BTreeSet::new(),
            routed: Routed::default(),
        }
    }

    /// Adds what the rules of a place do with those packets that are of it.
    fn prove(
        &mut self,
        place: &Place,
        prover: &Prover<'_>,
        network: &Network<'_>,
        routes: Option<&Routes>,
    ) {
        let local = self.local.intersection(&place.addresses);
        if local.is_empty() {
            return;
        }
        for remote in &self.remotes {
            let proof = prover.outline(&self.terms.cube(&local, remote));
            // What lies within one address leaves no packet to prove.
            if proof.parts.is_empty() && remote.unknown.is_empty() {
                continue;
            }
            let routed = Routed::new(routes, &reached(&local, &remote.addresses));
            if remote.unknown.is_empty() {
                let verdicts = self.beside_routes(&local, remote, prover, (&proof, &routed));
                self.verdicts.extend(verdicts);
            } else {
                self.verdicts.push(Verdict::Undetermined);
            }
            let direction = self.terms.bound.direction;
            for part in routed.dropped() {
                let why = part.why(direction);
                if !self.reasons.contains(&why) {
                    self.reasons.push(why);
                }
            }
            self.routed.add(routed);
            let parts = || proof.parts.iter();
            self.reasons
                .extend(parts().filter_map(|part| why(part, place)));
            let deciders = parts().flat_map(|part| deciders(part, place));
            self.rules.extend(locations(network, deciders));
        }
    }

    /// What holds of packets of which routes drop some: those are blocked whatever rules say, or it is
    /// not known, and the rules decide of the others.
    fn beside_routes(
        &self,
        local: &PrefixSet,
        remote: &Remote<'_>,
        prover: &Prover<'_>,
        (proof, routed): (&Proof, &Routed),
    ) -> Vec<Verdict> {
        let dropped = |sure: bool| {
            let parts = routed.dropped().filter(|part| part.is_sure() == sure);
            parts.fold(PrefixSet::empty(), |all, part| all.union(&part.addresses))
        };
        let (sure, doubtful) = (dropped(true), dropped(false));
        if sure.is_empty() && doubtful.is_empty() {
            return vec![proof.verdict];
        }
        let of = |addresses: PrefixSet| {
            let part = Remote {
                addresses,
                ports: remote.ports.clone(),
                terms: remote.terms,
                unknown: Vec::new(),
            };
            let proof = prover.prove(&self.terms.cube(local, &part));
            (!proof.parts.is_empty()).then_some(proof.verdict)
        };
        let rest = remote.addresses.difference(&sure.union(&doubtful));
        let mut verdicts = Vec::new();
        if !sure.is_empty() {
            verdicts.push(Verdict::Blocked);
        }
        if !doubtful.is_empty() {
            verdicts.extend(of(doubtful).map(|verdict| match verdict {
                Verdict::Blocked => Verdict::Blocked,
                _ => Verdict::Undetermined,
            }));
        }
        verdicts.extend(of(rest));
        verdicts
    }

    fn told(self) -> Configured {
        let Self {
            terms,
            remotes,
            verdicts,
            mut reasons,
            rules,
            routed,
            ..
        } = self;
        let (row, bound) = (terms.bound.row, terms.bound);
        let subnet = &terms.meanings.environment.subnets[bound.subnet as usize];
        let mut unknown: Vec<_> = remotes
            .iter()
            .flat_map(|remote| remote.unknown.clone())
            .collect();
        unknown.sort();
        unknown.dedup();
        let more = reasons.len().saturating_sub(TOLD);
        reasons.truncate(TOLD);
        if more > 0 {
            reasons.push(format!("and {more} more parts"));
        }
        if !unknown.is_empty() {
            reasons.push(format!("addresses of {} are not known", unknown.join(", ")));
        }
        Configured {
            row: bound.name.clone(),
            purpose: row.purpose.clone(),
            subnet: subnet.name.clone(),
            direction: bound.direction,
            protocols: protocols(row).to_string(),
            ports: row.ports.to_string(),
            advice: row.advice,
            verdict: joined(&verdicts),
            reasons,
            rules: rules.into_iter().collect(),
            routed,
        }
    }
}

impl<'a> Terms<'a> {
    /// The subnet and the direction.
    fn way(&self) -> (u16, Direction) {
        (self.bound.subnet, self.bound.direction)
    }

    /// The packets that are needed of a place: of every protocol, where the row names none.
    fn needed(&self, place: &Place) -> Vec<Cube> {
        let any = self.bound.row.protocols.is_empty();
        let cubes = self
            .remotes()
            .into_iter()
            .map(|remote| self.cube(&place.addresses, &remote));
        cubes
            .map(|cube| Cube {
                protocols: if any {
                    ProtocolSet::ANY
                } else {
                    cube.protocols
                },
                ..cube
            })
            .collect()
    }

    /// The subnet's own end: those of its addresses that the row names.
    pub(super) fn local(&self, subnet: &PrefixSet) -> PrefixSet {
        let mut local = PrefixSet::empty();
        for term in self.bound.local() {
            local = local.union(&match term {
                AddressTerm::Named(_) | AddressTerm::Prefixes(_) => {
                    self.addresses(term).unwrap_or_default()
                }
                // Whether the row concerns the subnet has been asked.
                _ => subnet.clone(),
            });
        }
        local.intersection(subnet)
    }

    /// The remote side: the known peers of the ports that name some, else what is written.
    pub(super) fn remotes(&self) -> Vec<Remote<'a>> {
        let row = self.bound.row;
        let mut rest = row.ports.clone();
        let mut remotes = Vec::new();
        for KnownPeers { ports, peers, .. } in known_lists(self.bound) {
            let ports = ports.intersection(&row.ports);
            rest = rest.difference(&ports);
            remotes.push(self.remote(ports, peers));
        }
        if !rest.is_empty() {
            remotes.push(self.remote(rest, self.bound.remote()));
        }
        remotes
    }

    fn remote(&self, ports: PortSet, terms: &'a [AddressTerm]) -> Remote<'a> {
        let mut remote = Remote {
            ports,
            terms,
            addresses: PrefixSet::empty(),
            unknown: Vec::new(),
        };
        for term in terms {
            match self.addresses(term) {
                Some(set) => remote.addresses = remote.addresses.union(&set),
                None => remote.unknown.push(names::term(term)),
            }
        }
        remote
    }

    pub(super) fn addresses(&self, term: &AddressTerm) -> Option<PrefixSet> {
        if *term == AddressTerm::SameSubnet {
            let subnet = &self.meanings.environment.subnets[self.bound.subnet as usize];
            return Some(subnet.prefixes.clone());
        }
        self.meanings.of(term)
    }

    fn cube(&self, local: &PrefixSet, remote: &Remote<'_>) -> Cube {
        let (local, remote_set) = (local.clone(), remote.addresses.clone());
        let (source, destination) = match self.bound.direction {
            Direction::Inbound => (remote_set, local),
            Direction::Outbound => (local, remote_set),
        };
        Cube {
            protocols: protocols(self.bound.row),
            source,
            source_ports: PortSet::any(),
            destination,
            destination_ports: remote.ports.clone(),
        }
    }
}

/// The addresses of those families that the local end has: no packet has both.
fn reached(local: &PrefixSet, remote: &PrefixSet) -> PrefixSet {
    let families = [Family::V4, Family::V6].into_iter();
    let families = families.filter(|&family| !local.ranges(family).is_empty());
    families.fold(PrefixSet::empty(), |all, family| {
        let ranges = remote.ranges(family).iter().copied();
        all.union(&PrefixSet::from_ranges(family, ranges))
    })
}

/// The protocols that a row is judged on: TCP, where it names none.
pub(super) fn protocols(row: &Row) -> ProtocolSet {
    if row.protocols.is_empty() {
        return ProtocolSet::TCP;
    }
    let sets = row
        .protocols
        .iter()
        .map(|&protocol: &Protocol| ProtocolSet::of(protocol));
    sets.fold(ProtocolSet::default(), ProtocolSet::union)
}

/// Of several parts together.
fn joined(verdicts: &[Verdict]) -> Verdict {
    let all = |wanted: Verdict| verdicts.iter().all(|&verdict| verdict == wanted);
    let any = |wanted: Verdict| verdicts.contains(&wanted);
    if verdicts.is_empty() {
        Verdict::Undetermined
    } else if all(Verdict::Allowed) {
        Verdict::Allowed
    } else if all(Verdict::Blocked) {
        Verdict::Blocked
    } else if any(Verdict::Partly) || any(Verdict::Blocked) && any(Verdict::Allowed) {
        Verdict::Partly
    } else {
        Verdict::Undetermined
    }
}

/// The rules by which a part is not allowed.
fn deciders<'p>(part: &Part, place: &'p Place) -> Vec<(&'p Level, usize)> {
    if part.ruling.answer == Answer::Allow {
        return Vec::new();
    }
    let by = part.ruling.by.iter();
    by.filter_map(|by| match by.decider {
        Decider::Rule(rule) | Decider::May { rule, .. } => Some((&place.levels[by.level], rule)),
        Decider::Nothing => None,
    })
    .collect()
}

/// Why a part is not allowed, and a packet of it.
fn why(part: &Part, place: &Place) -> Option<String> {
    let word = match part.ruling.answer {
        Answer::Allow => return None,
        Answer::Deny => "denied",
        Answer::Undetermined => "undetermined",
    };
    Some(format!(
        "{word} {}: for example {}",
        part.ruling.words(&place.levels),
        Words(&part.witness)
    ))
}
