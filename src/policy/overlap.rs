//! Which rules share packets, and which have all packets of another.

use super::axis::Field;
use super::bits::Bits;
use super::classes::{
    Column, Compiled, DESTINATION, DESTINATION_PORT, Question, SOURCE, SOURCE_PORT,
};
use super::count::Count;
use super::rule::{Cube, Rule};
use super::shadow::{Correlated, everything};
use crate::net::ProtocolSet;

/// The packets that two rules surely share; `None` where there is none.
pub fn overlap(one: &Rule, other: &Rule) -> Option<Cube> {
    if one.doubt.is_some() || other.doubt.is_some() {
        return None;
    }
    let cube = Cube {
        protocols: one.protocols.intersection(other.protocols),
        source: one.source.known.intersection(&other.source.known),
        source_ports: one.source_ports.intersection(&other.source_ports),
        destination: one.destination.known.intersection(&other.destination.known),
        destination_ports: one.destination_ports.intersection(&other.destination_ports),
    };
    let compiled = Compiled::new(&[]);
    let shared = compiled.questions(&cube).next().is_some();
    shared.then_some(cube)
}

/// How many packets a cube has. Protocols without ports have one a pair of addresses.
pub fn packets(cube: &Cube) -> Count {
    let compiled = Compiled::new(&[]);
    let mut all = Count::ZERO;
    for question in compiled.questions(cube) {
        let size = |field: usize| -> Count {
            let classes = question.fields[field].classes.iter();
            classes.map(|class| class.size).sum()
        };
        let ports = size(SOURCE_PORT).times(size(DESTINATION_PORT));
        let of_protocols: Count = ProtocolSet::EACH
            .into_iter()
            .filter(|&one| !question.protocols.intersection(one).is_empty())
            .map(|one| {
                if one.has_ports() {
                    ports
                } else {
                    Count::from(1)
                }
            })
            .sum();
        all = all.plus(size(SOURCE).times(size(DESTINATION)).times(of_protocols));
    }
    all
}

/// Of each rule, the rules that share a number of one part of packets with it, and those that have all
/// of its numbers.
struct Relation {
    meeting: Vec<Bits>,
    holding: Vec<Bits>,
}

impl Relation {
    /// Of the classes of a field, whose masks are over columns or rows: `rule` tells whose one is, if any's.
    fn new(field: &Field, rules: usize, rule: impl Fn(usize) -> Option<usize>) -> Self {
        let mut meeting = vec![Bits::empty(rules); rules];
        let mut holding = vec![Bits::full(rules); rules];
        for class in &field.classes {
            let mut members = Bits::empty(rules);
            let of_class = class.mask.ones().filter_map(&rule);
            of_class.for_each(|member| members.insert(member));
            for member in members.ones() {
                meeting[member].add(&members);
                holding[member].keep(&members);
            }
        }
        Self { meeting, holding }
    }

    /// The rules that have a number at all.
    fn some(&self) -> Bits {
        let mut some = Bits::empty(self.meeting.len());
        let has = |&rule: &usize| self.meeting[rule].has(rule);
        (0..self.meeting.len())
            .filter(has)
            .for_each(|rule| some.insert(rule));
        some
    }
}

/// Of each rule, the rules that share packets with it, and those that have all of its packets.
struct Relations {
    meeting: Vec<Bits>,
    holding: Vec<Bits>,
}

impl Relations {
    fn new(compiled: &Compiled) -> Self {
        let rules = compiled.rows();
        let mut all = Self {
            meeting: vec![Bits::empty(rules); rules],
            holding: vec![Bits::full(rules); rules],
        };
        for question in compiled.questions(&everything()) {
            all.add(&question);
        }
        all
    }

    /// Adds the packets of one family: those of each protocol by themselves.
    fn add(&mut self, question: &Question<'_>) {
        let compiled = question.compiled;
        let rules = compiled.rows();
        let of_column = |column: usize| {
            let Column { row, sure } = compiled.columns[column];
            sure.then_some(row)
        };
        let addresses = [SOURCE, DESTINATION]
            .map(|field| Relation::new(&question.fields[field], rules, of_column));
        let ports = [SOURCE_PORT, DESTINATION_PORT]
            .map(|field| Relation::new(&question.fields[field], rules, Some));
        for (number, protocol) in ProtocolSet::EACH.into_iter().enumerate() {
            // Protocols without ports have packets of every pair of addresses.
            let fields: Vec<_> = if protocol.has_ports() {
                addresses.iter().chain(&ports).collect()
            } else {
                addresses.iter().collect()
            };
            let mut of_protocol = compiled.protocol(number).clone();
            for field in &fields {
                of_protocol.keep(&field.some());
            }
            for rule in of_protocol.ones() {
                let (mut meeting, mut holding) = (of_protocol.clone(), of_protocol.clone());
                for field in &fields {
                    meeting.keep(&field.meeting[rule]);
                    holding.keep(&field.holding[rule]);
                }
                self.meeting[rule].add(&meeting);
                self.holding[rule].keep(&holding);
            }
        }
    }
}

/// Pairs of users' rules of other access that share packets and each have others, in order.
pub(super) fn correlated(compiled: &Compiled, rules: &[Rule]) -> Vec<Correlated> {
    let relations = Relations::new(compiled);
    let mut found = Vec::new();
    for later in (0..rules.len()).filter(|&later| !rules[later].is_default) {
        let mut others = relations.meeting[later].clone();
        others.remove(&relations.holding[later]);
        for earlier in others.ones().take_while(|&earlier| earlier < later) {
            let (one, other) = (&rules[earlier], &rules[later]);
            let has_more = !relations.holding[earlier].has(later);
            if has_more && one.access != other.access && !one.is_default {
                found.push(Correlated { earlier, later });
            }
        }
    }
    found
}
