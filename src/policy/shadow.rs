//! Rules of one level that are in each other's way, or that nothing needs.

use std::collections::BTreeSet;

use super::bits::Bits;
use super::classes::Compiled;
use super::cover::cover;
use super::grid::{Grid, High, Steps, tables};
use super::overlap::correlated;
use super::rule::{Access, Addresses, Cube, Level, Rule};
use crate::net::{PortSet, PrefixSet, ProtocolSet};

/// What is odd about the rules of a level. Numbers are positions in [`Level::rules`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anomalies {
    /// Rules that can never decide.
    pub shadowed: Vec<Shadowed>,
    /// Rules that decide, each of which can go without a packet's answer changing. Not all at once:
    /// one may do what another does.
    pub redundant: Vec<Redundant>,
    /// Pairs whose order matters, by the later rule.
    pub correlated: Vec<Correlated>,
}

/// A rule that decides no packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shadowed {
    /// The rule.
    pub rule: usize,
    /// Earlier rules that together surely take all its packets, none of which can be left out: the
    /// fewest, unless to find those takes too many steps.
    /// Empty where it has no packet at all.
    pub by: Vec<usize>,
    /// Whether one of them does the opposite, so that the rule is not merely superfluous.
    pub opposed: bool,
}

/// A rule whose packets later rules would decide alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redundant {
    /// The rule.
    pub rule: usize,
    /// The later rules that would decide in its place; none where the packets would go on to the NSGs,
    /// as they do with it.
    pub by: Vec<usize>,
    /// Whether it is a user's rule and those are default rules only.
    pub repeats_defaults: bool,
}

/// Two users' rules, one allowing and one denying, that share packets and each have others: with
/// the other order, the shared packets would be decided otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Correlated {
    /// The rule that goes first.
    pub earlier: usize,
    /// The other one.
    pub later: usize,
}

/// All packets there are.
pub(super) fn everything() -> Cube {
    Cube {
        protocols: ProtocolSet::ANY,
        source: PrefixSet::any(),
        source_ports: PortSet::any(),
        destination: PrefixSet::any(),
        destination_ports: PortSet::any(),
    }
}

/// All packets that a rule may match.
fn widest(rule: &Rule) -> Cube {
    let widest = |addresses: &Addresses| {
        if addresses.unknown.is_empty() {
            addresses.known.clone()
        } else {
            PrefixSet::any()
        }
    };
    Cube {
        protocols: rule.protocols,
        source: widest(&rule.source),
        source_ports: rule.source_ports.clone(),
        destination: widest(&rule.destination),
        destination_ports: rule.destination_ports.clone(),
    }
}

/// What becomes of the packets of one rule.
#[derive(Debug, Clone, Default)]
struct Fate {
    /// Whether it decides any, or may.
    decides: bool,
    /// Whether without it some would be decided otherwise, or not at all.
    needed: bool,
    /// The rules that would decide in its place, or may.
    heirs: BTreeSet<usize>,
}

/// Packets that a rule decides (or may), whose next match is yet to be found.
struct Waiting {
    rule: usize,
    lows: Bits,
}

/// Follows the packets of one high through the rules.
fn follow(grid: &Grid, high: &High, level: &Level, fates: &mut [Fate]) {
    let access = |rule: usize| level.rules[rule].access;
    let mut undecided = Bits::full(grid.lows.len());
    let mut waiting: Vec<Waiting> = Vec::new();
    for at in high.mask.ones() {
        let (column, matched) = (grid.columns[at], &grid.matched[at]);
        for other in &mut waiting {
            if other.rule == column.row || !other.lows.meets(matched) {
                continue;
            }
            let fate = &mut fates[other.rule];
            fate.heirs.insert(column.row);
            fate.needed |= access(other.rule) != access(column.row);
            if column.sure {
                other.lows.remove(matched);
            }
        }
        waiting.retain(|other| !other.lows.is_empty());
        if undecided.meets(matched) {
            fates[column.row].decides = true;
            // What it surely matches it may match too: then it waits already.
            if waiting.last().is_none_or(|last| last.rule != column.row) {
                waiting.push(Waiting {
                    rule: column.row,
                    lows: undecided.and(matched),
                });
            }
            if column.sure {
                undecided.remove(matched);
            }
        }
    }
    let unmatched: Option<Access> = level.kind.unmatched();
    for other in waiting {
        fates[other.rule].needed |= unmatched != Some(access(other.rule));
    }
}

/// What is odd about a level's rules, over all packets there are. Of rules with unknown addresses
/// only what holds whatever those are. Of rules too intricate to be followed to the end nothing is said
/// to be shadowed or redundant.
pub fn anomalies(level: &Level) -> Anomalies {
    let compiled = Compiled::of_levels(std::slice::from_ref(level));
    let rules = &level.rules;
    let mut fates = vec![Fate::default(); rules.len()];
    let mut steps = Steps::of_an_answer();
    for question in compiled.questions(&everything()) {
        // Who would decide in place of a rule that takes everything is behind it.
        let left = tables(&question, 2, &mut steps, |grid| {
            for high in &grid.highs {
                follow(grid, high, level, &mut fates);
            }
        });
        if !left.is_empty() {
            // Any of them may decide there, and be needed.
            for fate in &mut fates {
                fate.decides = true;
                fate.needed = true;
            }
        }
    }
    let mut shadowed = Vec::new();
    let mut redundant = Vec::new();
    for (rule, fate) in fates.into_iter().enumerate() {
        if !fate.decides {
            let by = cover(&compiled, rule, &widest(&rules[rule]));
            let opposed = by
                .iter()
                .any(|&other| rules[other].access != rules[rule].access);
            shadowed.push(Shadowed { rule, by, opposed });
        } else if !fate.needed {
            let defaults = fate.heirs.iter().all(|&heir| rules[heir].is_default);
            let only_defaults = defaults && !fate.heirs.is_empty();
            redundant.push(Redundant {
                rule,
                by: fate.heirs.into_iter().collect(),
                repeats_defaults: only_defaults && !rules[rule].is_default,
            });
        }
    }
    Anomalies {
        shadowed,
        redundant,
        correlated: correlated(&compiled, rules),
    }
}

#[cfg(test)]
mod tests;
