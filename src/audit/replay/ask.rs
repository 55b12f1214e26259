//! What a rule set does with each group: asked once a group.
//!
//! The first address of a class stands for all of it, where no rule tells the class's addresses apart.
//! Facts that were counted before the rules were known may have classes that some rule does: of these
//! all packets of the group are proved.

use std::cell::OnceCell;
use std::collections::BTreeSet;

use super::model::AtLevel;
use crate::audit::given::{Ways, known, local, way_of};
use crate::classify::{ClassId, Classes, Scope};
use crate::net::{PortSet, ProtocolSet};
use crate::policy::ask::{Asker, Known};
use crate::policy::decider::Ruling;
use crate::policy::prove::Prover;
use crate::policy::rule::{Answer, Cube, Level, LevelKind};
use crate::tally::{Facts, Group, Port, RuleName};

/// Why it is not known what becomes of some flows, or what became of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Why {
    /// The network is not stated.
    Assumed,
    /// The protocol is none that rules tell apart.
    Protocol,
    /// The logged end is in no stated subnet.
    Elsewhere,
    /// No document gives the subnet of the logged end, nor an NSG before it.
    NotGiven,
    /// The NSG that decided is not on the way, by what is given.
    OtherNsg,
    /// The rules tell addresses of the group apart, and do not do the same with all.
    Parts,
    /// By one NSG's log allowed, by another's denied.
    Levels,
    /// Packets: nobody answered.
    Unanswered,
    /// Packets do not tell whether it was let through.
    Packets,
}

impl Why {
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Assumed => "since the network is not stated",
            Self::Protocol => "since rules do not tell its protocol apart",
            Self::Elsewhere => "since its logged end is in no stated subnet",
            Self::NotGiven => "since no document gives its subnet, nor an NSG before it",
            Self::OtherNsg => "since the rules given do not have the NSG that logged it on its way",
            Self::Parts => "since the rules allow some of its addresses and deny others",
            Self::Levels => "since one NSG logged it as allowed and another as denied",
            Self::Unanswered => "since nobody answered, which need not be the doing of rules",
            Self::Packets => "since the packets do not tell whether it was let through",
        }
    }
}

/// What rules do with a group.
#[derive(Debug, Clone)]
pub(super) enum Asked {
    /// They have no say, or are not known.
    Unknown(Why),
    /// The same with all of it.
    One {
        way: usize,
        known: Known,
        ruling: Ruling,
    },
    /// With packets that rules tell apart.
    Several {
        ways: Vec<usize>,
        /// `None` where they do not do the same with all.
        answer: Option<Answer>,
        by: String,
    },
}

/// A rule set, ready to be asked.
pub(super) struct Rules<'a> {
    ways: &'a Ways<'a>,
    classes: &'a Classes,
    askers: Vec<Asker<'a>>,
    provers: Vec<OnceCell<Prover<'a>>>,
    /// Classes that the rules tell apart.
    cut: BTreeSet<ClassId>,
}

impl<'a> Rules<'a> {
    pub(super) fn new(ways: &'a Ways<'a>, facts: &'a Facts) -> Self {
        let classes = &facts.classes;
        let cuts = ways.cuts();
        Self {
            ways,
            classes,
            askers: ways
                .ways
                .iter()
                .map(|way| Asker::new(&way.levels))
                .collect(),
            provers: ways.ways.iter().map(|_| OnceCell::new()).collect(),
            cut: cuts.iter().flat_map(|set| classes.cut_by(set)).collect(),
        }
    }

    pub(super) fn ask(&self, group: &Group) -> Asked {
        if ProtocolSet::of(group.protocol).is_empty() {
            return Asked::Unknown(Why::Protocol);
        }
        let end = local(group);
        if !matches!(self.classes.class(end).scope, Scope::Subnet(_)) {
            return Asked::Unknown(Why::Elsewhere);
        }
        if self.cut.contains(&group.source) || self.cut.contains(&group.destination) {
            return self.prove(group);
        }
        let way = way_of(self.ways, self.classes, end, group.direction);
        match (way, known(group, self.classes)) {
            (None, _) => Asked::Unknown(Why::Elsewhere),
            (_, None) => Asked::Unknown(Why::Protocol),
            (Some(way), Some(known)) => Asked::One {
                way,
                known,
                ruling: self.askers[way].ask(&known),
            },
        }
    }

    /// Proves all packets that the group may be of.
    fn prove(&self, group: &Group) -> Asked {
        let source = self.classes.addresses(group.source);
        let destination = self.classes.addresses(group.destination);
        let end = local(group);
        let mut rest = self.classes.addresses(end);
        let (mut ways, mut answers) = (Vec::new(), BTreeSet::new());
        let mut words = Vec::new();
        for (number, way) in self.ways.ways.iter().enumerate() {
            let here = rest.intersection(&way.addresses);
            if way.direction != group.direction || here.is_empty() {
                continue;
            }
            rest = rest.difference(&here);
            let mut cube = Cube {
                protocols: ProtocolSet::of(group.protocol),
                source: source.clone(),
                source_ports: PortSet::any(),
                destination: destination.clone(),
                destination_ports: match group.port {
                    Port::One(port) => PortSet::new([(port, port)]),
                    Port::Other => PortSet::any(),
                },
            };
            if end == group.source {
                cube.source = here;
            } else {
                cube.destination = here;
            }
            let prover = self.provers[number].get_or_init(|| Prover::new(&way.levels));
            let proof = prover.prove(&cube);
            answers.extend(proof.parts.iter().map(|part| part.ruling.answer));
            let by = proof
                .parts
                .iter()
                .map(|part| part.ruling.words(&way.levels));
            words.extend(by);
            ways.push(number);
        }
        words.sort();
        words.dedup();
        let all: Vec<_> = answers.into_iter().collect();
        match (&all[..], rest.is_empty()) {
            ([], _) | (_, false) => Asked::Unknown(Why::Elsewhere),
            ([answer], true) => Asked::Several {
                ways,
                answer: Some(*answer),
                by: words.join(", or "),
            },
            (_, true) => Asked::Several {
                ways,
                answer: None,
                by: String::new(),
            },
        }
    }

    /// What surely becomes of the group, or why that is not known. `others` may have the NSG that logged
    /// it on their way: then it is gone from these, and not missing.
    pub(super) fn answer(
        &self,
        group: &Group,
        asked: &Asked,
        logged: &RuleName,
        others: Option<(&Self, &Asked)>,
    ) -> Result<Answer, Why> {
        let answer = match asked {
            Asked::Unknown(why) => return Err(*why),
            Asked::One { ruling, .. } => ruling.answer,
            Asked::Several { answer, .. } => answer.ok_or(Why::Parts)?,
        };
        if answer != Answer::Allow {
            return Ok(answer);
        }
        let holds = |rules: &Self, asked: &Asked| {
            let mut levels = rules.levels_of(asked);
            levels.any(|level| level.is_held_by(&logged.acl))
        };
        let is_there = !names_nsg(&logged.acl)
            || holds(self, asked)
            || others.is_some_and(|(rules, asked)| holds(rules, asked));
        if !is_there {
            return Err(Why::OtherNsg);
        }
        let mut levels = self.levels_of(asked);
        let has_nsg = levels.any(|level| level.kind != LevelKind::Admin);
        let first = self.classes.first.get(local(group).0 as usize);
        let given = || first.is_some_and(|&end| self.ways.network.gives_subnet_of(end));
        if has_nsg || given() {
            Ok(answer)
        } else {
            Err(Why::NotGiven)
        }
    }

    fn levels_of(&self, asked: &Asked) -> impl Iterator<Item = &'a Level> {
        let ways = match asked {
            Asked::Unknown(_) => Vec::new(),
            Asked::One { way, .. } => vec![*way],
            Asked::Several { ways, .. } => ways.clone(),
        };
        let all = &self.ways.ways;
        ways.into_iter().flat_map(|way| &all[way].levels)
    }

    /// Who decides, in words.
    pub(super) fn words(&self, asked: &Asked) -> String {
        match asked {
            Asked::Unknown(why) => why.words().to_owned(),
            Asked::One { way, ruling, .. } => ruling.words(&self.ways.ways[*way].levels),
            Asked::Several { by, .. } => by.clone(),
        }
    }

    /// What every level does that is asked.
    pub(super) fn levels(&self, asked: &Asked) -> Vec<AtLevel> {
        let Asked::One { way, known, .. } = asked else {
            return Vec::new();
        };
        let asker = &self.askers[*way];
        let mut told = Vec::new();
        for (level, decider) in asker.levels().iter().zip(asker.deciders(known)) {
            told.push(AtLevel {
                level: level.kind.name().to_owned(),
                holder: level.name.clone(),
                answer: decider.answer(level),
                by: decider.words(level),
            });
            if decider.ends(level) {
                break;
            }
        }
        told
    }
}

/// Whether a log names an NSG by its resource ID: the GUIDs of virtual networks' logs tell none.
fn names_nsg(acl: &str) -> bool {
    acl.to_ascii_lowercase().contains("/networksecuritygroups/")
}
