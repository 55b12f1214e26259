//! What the given rules do with each flow group: asked once a group, never once a flow.
//!
//! The classes are cut by every set of addresses that a rule names, so the first address of a class
//! stands for all of it.

use std::collections::BTreeSet;
use std::net::IpAddr;

use hashbrown::HashMap;

use crate::classify::{ClassId, Classes, Scope};
use crate::environment::Environment;
use crate::net::rule_name::bare;
use crate::net::{Direction, PrefixSet, ProtocolSet};
use crate::policy::ask::{Asker, Known};
use crate::policy::decider::{Decider, Ruling};
use crate::policy::network::{Network, Place};
use crate::policy::rule::Level;
use crate::tally::{Facts, Group, Port, RuleName};

use super::model::{GivenRuling, RuleLocation};

/// The levels on the way of some addresses.
struct Way {
    direction: Direction,
    addresses: PrefixSet,
    levels: Vec<Level>,
}

/// The rules of a network, by the addresses that they stand before.
pub struct Ways<'a> {
    pub(crate) network: &'a Network<'a>,
    ways: Vec<Way>,
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
        Self { network, ways }
    }

    /// Every set of addresses that the rules tell apart.
    pub fn cuts(&self) -> Vec<PrefixSet> {
        let mut cuts = BTreeSet::new();
        for way in &self.ways {
            cuts.insert(way.addresses.clone());
            for rule in way.levels.iter().flat_map(|level| &level.rules) {
                cuts.insert(rule.source.known.clone());
                cuts.insert(rule.destination.known.clone());
            }
        }
        cuts.into_iter().collect()
    }

    fn of(&self, local: IpAddr, direction: Direction) -> Option<usize> {
        self.ways
            .iter()
            .position(|way| way.direction == direction && way.addresses.contains(local))
    }
}

/// What the rules before some addresses do with some packets. Many groups have the same.
#[derive(Debug, Clone)]
pub(crate) struct Ruled {
    /// Its own number: equal where way and ruling are.
    pub(crate) number: u32,
    /// Number of the way, which tells the levels.
    pub(crate) way: usize,
    pub(crate) ruling: Ruling,
    /// Who decides, in words.
    pub(crate) words: String,
}

impl Ruled {
    /// As the report prints it.
    pub(crate) fn text(&self) -> GivenRuling {
        GivenRuling {
            answer: self.ruling.answer,
            by: self.words.clone(),
        }
    }
}

/// What the given rules do with all groups.
pub(crate) struct Given<'a> {
    ways: &'a Ways<'a>,
    /// What is done with any group, by number.
    rulings: Vec<Ruled>,
    /// Of each group, in the facts' order.
    groups: Vec<Option<u32>>,
}

impl<'a> Given<'a> {
    /// Asks the rules about every group.
    pub(crate) fn new(ways: &'a Ways<'a>, facts: &Facts) -> Self {
        let askers: Vec<_> = ways
            .ways
            .iter()
            .map(|way| Asker::new(&way.levels))
            .collect();
        let mut places: HashMap<(ClassId, Direction), Option<usize>> = HashMap::new();
        let mut asked: HashMap<(usize, Known), u32> = HashMap::new();
        let mut numbers: HashMap<(usize, Ruling), u32> = HashMap::new();
        let mut rulings: Vec<Ruled> = Vec::new();
        let mut number = |way: usize, ruling: Ruling| {
            *numbers
                .entry((way, ruling))
                .or_insert_with_key(|(way, ruling)| {
                    let number = rulings.len() as u32;
                    rulings.push(Ruled {
                        number,
                        way: *way,
                        ruling: ruling.clone(),
                        words: ruling.words(&ways.ways[*way].levels),
                    });
                    number
                })
        };
        let groups = facts.groups.iter().map(|group| {
            let local = local(group);
            let way = *places
                .entry((local, group.direction))
                .or_insert_with(|| way_of(ways, &facts.classes, local, group.direction));
            let way = way?;
            let known = known(group, &facts.classes)?;
            let ask = || number(way, askers[way].ask(&known));
            Some(*asked.entry((way, known)).or_insert_with(ask))
        });
        let groups = groups.collect();
        Self {
            ways,
            rulings,
            groups,
        }
    }

    /// What is done with a group, by its index in the facts; `None` where the logged end is in no known
    /// subnet, or the protocol is none that rules know.
    pub(crate) fn ruled(&self, group: usize) -> Option<&Ruled> {
        let number = self.groups.get(group).copied().flatten()?;
        self.rulings.get(number as usize)
    }

    /// The rules themselves.
    pub(crate) fn network(&self) -> &'a Network<'a> {
        self.ways.network
    }

    /// The levels that decided.
    pub(crate) fn levels(&self, ruled: &Ruled) -> &'a [Level] {
        &self.ways.ways[ruled.way].levels
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

/// The rules of a level by their names, without case.
pub(crate) struct Named<'l> {
    level: &'l Level,
    rules: HashMap<String, Vec<usize>>,
}

impl<'l> Named<'l> {
    /// Those of a level.
    pub(crate) fn new(level: &'l Level) -> Self {
        let mut rules: HashMap<String, Vec<usize>> = HashMap::new();
        for (number, rule) in level.rules.iter().enumerate() {
            let of_name = rules.entry(rule.name.to_ascii_lowercase());
            of_name.or_default().push(number);
        }
        Self { level, rules }
    }

    /// The first rule that a log names.
    pub(crate) fn logged(&self, logged: &RuleName) -> Option<usize> {
        let of_name = self.rules.get(&bare(&logged.rule)?.to_ascii_lowercase())?;
        let mut rules = of_name.iter().copied();
        rules.find(|&rule| is_logged(self.level, rule, logged))
    }
}

/// Whether a rule is the one that a log names: `UserRule_x` and `DefaultRule_x` are `x`. Virtual
/// network flow logs may name the holder by a GUID, which no document of rules states: then the
/// name of the rule alone tells.
pub(crate) fn is_logged(level: &Level, rule: usize, logged: &RuleName) -> bool {
    let same_holder = !logged.acl.contains('/') || level.is_held_by(&logged.acl);
    let name = &level.rules[rule].name;
    same_holder && bare(&logged.rule).is_some_and(|logged| name.eq_ignore_ascii_case(logged))
}

/// The class of the logged end.
fn local(group: &Group) -> ClassId {
    match group.direction {
        Direction::Inbound => group.destination,
        Direction::Outbound => group.source,
    }
}

fn way_of(
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

fn known(group: &Group, classes: &Classes) -> Option<Known> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_the_logged_one_by_name_and_by_its_holder_where_that_is_told() {
        use crate::policy::rule::LevelKind;
        let mut network = crate::policy::testing::named_level("hardening");
        (network.kind, network.name) = (LevelKind::Subnet, "NSG-APIM".to_owned());
        network.id = "/x/networkSecurityGroups/nsg-apim".to_owned();
        let told = |acl: &str, rule: &str| {
            let logged = RuleName {
                acl: acl.to_owned(),
                rule: rule.to_owned(),
            };
            is_logged(&network, 0, &logged)
        };
        let path = "/X/NETWORKSECURITYGROUPS/NSG-APIM";
        assert!(told(path, "UserRule_hardening"));
        assert!(!told(path, "UserRule_other"));
        assert!(!told(
            "/X/NETWORKSECURITYGROUPS/NSG-ASE",
            "UserRule_hardening"
        ));
        assert!(told(
            "00000000-1234-abcd-ef00-c1c2c3c4c5c6",
            "UserRule_hardening"
        ));
        assert!(told("", "hardening"));
    }
}
