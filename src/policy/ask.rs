//! One question after another against compiled rules: what of a packet is known, its ports perhaps not.

use std::net::IpAddr;

use super::bits::Bits;
use super::classes::Compiled;
use super::decider::{Decider, Ruling};
use super::rule::{Access, Level};
use crate::net::ProtocolSet;
use crate::net::prefix::number;

/// What is known of some packets that all have the same addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Known {
    /// One protocol of [`ProtocolSet::EACH`].
    pub protocol: ProtocolSet,
    /// Source address.
    pub source: IpAddr,
    /// Source port; `None` where it is not known. Not looked at where the protocol has none.
    pub source_port: Option<u16>,
    /// Destination address.
    pub destination: IpAddr,
    /// Destination port; `None` as above.
    pub destination_port: Option<u16>,
}

/// Rules, compiled once for many questions.
#[derive(Debug)]
pub struct Asker<'a> {
    levels: &'a [Level],
    compiled: Compiled,
    /// Rows for all source ports, and rows for all destination ports.
    all_ports: [Bits; 2],
}

/// The rows that surely match a port, and whether the others may.
struct PortRows<'a> {
    sure: &'a Bits,
    others: Holds,
}

impl<'a> Asker<'a> {
    /// Compiles the rules of all levels on a path.
    pub fn new(levels: &'a [Level]) -> Self {
        let compiled = Compiled::of_levels(levels);
        let rules = || levels.iter().flat_map(|level| &level.rules);
        let mut all_ports = [Bits::empty(compiled.rows()), Bits::empty(compiled.rows())];
        for (row, rule) in rules().enumerate() {
            if rule.source_ports.is_any() {
                all_ports[0].insert(row);
            }
            if rule.destination_ports.is_any() {
                all_ports[1].insert(row);
            }
        }
        Self {
            levels,
            compiled,
            all_ports,
        }
    }

    /// The levels.
    pub fn levels(&self) -> &'a [Level] {
        self.levels
    }

    /// What becomes of the packets of which `known` is known. A rule for certain ports may match one
    /// whose port is not known.
    pub fn ask(&self, known: &Known) -> Ruling {
        Ruling::new(self.levels, &self.deciders(known))
    }

    /// What decides at each level, were it asked: levels behind a security admin rule that ends the
    /// evaluation are not.
    pub fn deciders(&self, known: &Known) -> Vec<Decider> {
        let Some(protocol) = ProtocolSet::EACH
            .iter()
            .position(|&each| each == known.protocol)
        else {
            return vec![Decider::Nothing; self.levels.len()];
        };
        let (family, source) = number(known.source);
        let (_, destination) = number(known.destination);
        let [sources, destinations] = self.compiled.addresses(family);
        let matching = sources
            .mask_at(source)
            .and(destinations.mask_at(destination));
        let of_protocol = self.compiled.protocol(protocol);
        let ports = known.protocol.has_ports().then(|| {
            [(known.source_port, 0), (known.destination_port, 1)]
                .map(|(port, side)| self.port_rows(side, port))
        });
        let holds = |row: usize| match &ports {
            _ if !of_protocol.has(row) => Holds::No,
            None => Holds::Yes,
            Some([source, destination]) => source.holds(row).min(destination.holds(row)),
        };
        let columns = matching.ones().map(|column| self.compiled.columns[column]);
        let mut columns = columns.peekable();
        let lists = self.compiled.lists.iter().zip(self.levels);
        lists
            .map(|(list, level)| {
                let mut of_list =
                    std::iter::from_fn(|| columns.next_if(|column| column.row < list.end));
                let rules = of_list.by_ref().map(|column| {
                    let most = if column.sure {
                        Holds::Yes
                    } else {
                        Holds::Maybe
                    };
                    (column.row - list.start, holds(column.row).min(most))
                });
                let decider = decider(level, rules);
                of_list.for_each(drop);
                decider
            })
            .collect()
    }

    fn port_rows(&self, side: usize, port: Option<u16>) -> PortRows<'_> {
        match port {
            Some(port) => PortRows {
                sure: self.compiled.ports(side).mask_at(port as u128),
                others: Holds::No,
            },
            None => PortRows {
                sure: &self.all_ports[side],
                others: Holds::Maybe,
            },
        }
    }
}

/// Whether a rule matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Holds {
    No,
    Maybe,
    Yes,
}

impl PortRows<'_> {
    fn holds(&self, row: usize) -> Holds {
        if self.sure.has(row) {
            Holds::Yes
        } else {
            self.others
        }
    }
}

/// What decides at a level, whose rules are asked in order.
fn decider(level: &Level, rules: impl Iterator<Item = (usize, Holds)>) -> Decider {
    // The first rule of each access that may match.
    let mut may: [Option<usize>; Access::COUNT] = [None; Access::COUNT];
    for (rule, holds) in rules {
        let access = level.rules[rule].access;
        match holds {
            Holds::No => {}
            Holds::Maybe => {
                may[access as usize].get_or_insert(rule);
            }
            Holds::Yes => return Decider::of(level, may, Some(rule)),
        }
    }
    Decider::of(level, may, None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::evaluate::evaluate;
    use crate::policy::rule::Answer;
    use crate::policy::testing::{levels, packets_everywhere};
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        #[test]
        fn a_known_packet_is_answered_as_by_the_rules_one_by_one(
            levels in levels(),
        ) {
            let asker = Asker::new(&levels);
            for (probe, _) in packets_everywhere() {
                let known = Known {
                    protocol: probe.protocol,
                    source: probe.source,
                    source_port: Some(probe.source_port),
                    destination: probe.destination,
                    destination_port: Some(probe.destination_port),
                };
                prop_assert_eq!(asker.ask(&known), evaluate(&levels, &probe).ruling);
            }
        }

        #[test]
        fn what_is_told_without_ports_holds_for_every_port(
            levels in levels(),
        ) {
            let asker = Asker::new(&levels);
            let mut answers: BTreeMap<Known, BTreeSet<Answer>> = BTreeMap::new();
            for (probe, _) in packets_everywhere() {
                let known = Known {
                    protocol: probe.protocol,
                    source: probe.source,
                    source_port: None,
                    destination: probe.destination,
                    destination_port: Some(probe.destination_port),
                };
                let portless = Known { destination_port: None, ..known };
                let answer = evaluate(&levels, &probe).answer();
                answers.entry(known).or_default().insert(answer);
                answers.entry(portless).or_default().insert(answer);
            }
            for (known, possible) in answers {
                let told = asker.ask(&known).answer;
                if told != Answer::Undetermined {
                    prop_assert_eq!(possible, BTreeSet::from([told]));
                }
            }
        }
    }
}
