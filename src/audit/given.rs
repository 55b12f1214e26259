//! What the given rules do with each flow group: asked once a group, never once a flow.
//!
//! The classes are cut by every set of addresses that a rule names, so the first address of a class
//! stands for all of it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::classify::{ClassId, Classes, Scope};
use crate::environment::Environment;
use crate::flowlog::LogKind;
use crate::net::{Direction, PrefixSet, ProtocolSet};
use crate::policy::ask::{Asker, Known};
use crate::policy::decider::{Decider, Ruling};
use crate::policy::logged::{Asked, Compared, Logged, Speaks, compare};
use crate::policy::network::routes::Routing;
use crate::policy::network::{Network, Place};
use crate::policy::rule::Level;
use crate::tally::{Facts, Group, Port, RuleName};

use super::model::{GivenRuling, RuleLocation};

/// The levels on the way of some addresses.
pub(super) struct Way {
    pub(super) direction: Direction,
    pub(super) addresses: PrefixSet,
    pub(super) levels: Vec<Level>,
}

/// The rules of a network, by the addresses that they stand before.
pub struct Ways<'a> {
    pub(crate) network: &'a Network<'a>,
    pub(super) list: Vec<Way>,
    routing: Routing,
}

impl<'a> Ways<'a> {
    /// The levels before every subnet of the environment.
    pub fn new(network: &'a Network<'a>, environment: &Environment) -> Self {
        let mut ways = Vec::new();
        for direction in [Direction::Inbound, Direction::Outbound] {
            for subnet in &environment.subnets {
                for Place { addresses, levels } in network.places(&subnet.prefixes, direction) {
                    ways.push(Way {
                        direction,
                        addresses,
                        levels,
                    });
                }
            }
        }
        Self {
            network,
            list: ways,
            routing: network.routing(),
        }
    }

    /// The routes of the subnets.
    pub(crate) fn routing(&self) -> &Routing {
        &self.routing
    }

    /// Every set of addresses that the rules tell apart.
    pub fn cuts(&self) -> Vec<PrefixSet> {
        let mut cuts = BTreeSet::new();
        for way in &self.list {
            cuts.insert(way.addresses.clone());
            for rule in way.levels.iter().flat_map(|level| &level.rules) {
                cuts.insert(rule.source.known.clone());
                cuts.insert(rule.destination.known.clone());
            }
        }
        cuts.into_iter().collect()
    }

    fn of(&self, local: IpAddr, direction: Direction) -> Option<usize> {
        self.list
            .iter()
            .position(|way| way.direction == direction && way.addresses.contains(local))
    }
}

/// What the rules do with the packets of one group.
#[derive(Debug, Clone)]
pub(crate) struct Ruled {
    /// Number of the way, which tells direction and levels.
    pub(crate) way: usize,
    pub(crate) ruling: Ruling,
}

/// Askers of single levels, by their way and their place on it.
pub(crate) type LevelAskers<'a> = BTreeMap<(usize, usize), Asker<'a>>;

/// What the given rules do with all groups.
pub(crate) struct Given<'a> {
    ways: &'a Ways<'a>,
    facts: &'a Facts,
    /// Of each group, in the facts' order; `None` where the logged end is in no known subnet, or the
    /// protocol is none that rules know.
    pub(crate) groups: Vec<Option<Ruled>>,
}

impl<'a> Given<'a> {
    /// Asks the rules about every group.
    pub(crate) fn new(ways: &'a Ways<'a>, facts: &'a Facts) -> Self {
        let askers: Vec<_> = ways
            .list
            .iter()
            .map(|way| Asker::new(&way.levels))
            .collect();
        let mut places: BTreeMap<(ClassId, Direction), Option<usize>> = BTreeMap::new();
        let groups = facts
            .groups
            .iter()
            .map(|group| {
                let local = local(group);
                let way = *places
                    .entry((local, group.direction))
                    .or_insert_with(|| way_of(ways, &facts.classes, local, group.direction));
                let way = way?;
                let known = known(group, &facts.classes)?;
                Some(Ruled {
                    way,
                    ruling: askers[way].ask(&known),
                })
            })
            .collect();
        Self {
            ways,
            facts,
            groups,
        }
    }

    /// The rules themselves.
    pub(crate) fn network(&self) -> &'a Network<'a> {
        self.ways.network
    }

    /// The levels that decided.
    pub(crate) fn levels(&self, ruled: &Ruled) -> &'a [Level] {
        &self.ways.list[ruled.way].levels
    }

    /// Who decides, in words.
    pub(crate) fn words(&self, ruled: &Ruled) -> String {
        ruled.ruling.words(self.levels(ruled))
    }

    /// As the report prints it.
    pub(crate) fn text(&self, ruled: &Ruled) -> GivenRuling {
        GivenRuling {
            answer: ruled.ruling.answer,
            by: self.words(ruled),
        }
    }

    /// What a log says of a group's flows, held against the rules. `askers` are those of single levels,
    /// compiled when they are first asked.
    pub(crate) fn compare(
        &self,
        ruled: &Ruled,
        group: &Group,
        logged: &RuleName,
        askers: &mut LevelAskers<'a>,
    ) -> (Compared, Option<Asked>) {
        let levels = self.levels(ruled);
        let said = Logged {
            decision: group.decision,
            speaks: speaks(group.kind),
            acl: &logged.acl,
            rule: &logged.rule,
        };
        let askers = RefCell::new(askers);
        compare(levels, &said, |range| {
            if range == (0..levels.len()) {
                return Ok(ruled.ruling.clone());
            }
            let known = known(group, &self.facts.classes).ok_or("since its ends are not known")?;
            let mut askers = askers.borrow_mut();
            let asker = askers
                .entry((ruled.way, range.start))
                .or_insert_with(|| Asker::new(&levels[range]));
            Ok(asker.ask(&known))
        })
    }

    /// The rules that surely decide.
    pub(crate) fn deciders(&self, ruled: &Ruled) -> Vec<(&'a Level, usize)> {
        let levels = self.levels(ruled);
        let by = ruled.ruling.by.iter();
        by.filter_map(|by| match by.decider {
            Decider::Rule(rule) => Some((&levels[by.level], rule)),
            Decider::May { .. } | Decider::Nothing => None,
        })
        .collect()
    }
}

/// Where rules are stated, each once.
pub(crate) fn locations<'l>(
    network: &Network<'_>,
    rules: impl IntoIterator<Item = (&'l Level, usize)>,
) -> Vec<RuleLocation> {
    let found: BTreeSet<_> = rules
        .into_iter()
        .map(|(level, rule)| {
            let name = level.rules[rule].name.clone();
            let (file, path) = network.stated_at(level, &level.rules[rule]);
            RuleLocation {
                nsg: level.name.clone(),
                rule: name,
                file,
                path,
            }
        })
        .collect();
    found.into_iter().collect()
}

/// Whose decision a kind of log tells.
pub fn speaks(kind: LogKind) -> Speaks {
    match kind {
        LogKind::NsgV1 | LogKind::NsgV2 => Speaks::Nsg,
        LogKind::VnetV4 | LogKind::Capture => Speaks::Path,
        LogKind::TrafficAnalytics => Speaks::Either,
    }
}

/// The class of the logged end.
pub(super) fn local(group: &Group) -> ClassId {
    match group.direction {
        Direction::Inbound => group.destination,
        Direction::Outbound => group.source,
    }
}

pub(super) fn way_of(
    ways: &Ways<'_>,
    classes: &Classes,
    local: ClassId,
    direction: Direction,
) -> Option<usize> {
    match classes.class(local).scope {
        Scope::Subnet(_) => ways.of(*classes.first.get(local.0 as usize)?, direction),
        _ => None,
    }
}

pub(super) fn known(group: &Group, classes: &Classes) -> Option<Known> {
    let protocol = ProtocolSet::of(group.protocol);
    let first = |class: ClassId| classes.first.get(class.0 as usize).copied();
    let (source, destination) = (first(group.source)?, first(group.destination)?);
    let sound = !protocol.is_empty() && source.is_ipv4() == destination.is_ipv4();
    sound.then_some(Known {
        protocol,
        source,
        source_port: None,
        destination,
        destination_port: match group.port {
            Port::One(port) => Some(port),
            Port::Other => None,
        },
    })
}
