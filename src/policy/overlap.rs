//! Which rules share packets, and which have all packets of another.

use super::axis::Field;
use super::bits::Bits;
use super::classes::{Compiled, DESTINATION, DESTINATION_PORT, Question, SOURCE, SOURCE_PORT};
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

/// Of each column, the columns that share a number of one field with it, and those that have all
/// of its numbers.
struct Relation {
    meeting: Vec<Bits>,
    holding: Vec<Bits>,
}

impl Relation {
    fn new(field: &Field, columns: usize) -> Self {
        let mut meeting = vec![Bits::empty(columns); columns];
        let mut holding = vec![Bits::full(columns); columns];
        for class in &field.classes {
            for column in class.mask.ones() {
                meeting[column].add(&class.mask);
                holding[column].keep(&class.mask);
            }
        }
        Self { meeting, holding }
    }

    /// Whether a column has no number at all.
    fn is_empty(&self, column: usize) -> bool {
        !self.meeting[column].has(column)
    }
}

/// The relations of one family's addresses and those of ports.
struct Relations<'a> {
    compiled: &'a Compiled,
    fields: [Relation; 4],
}

/// What one rule has to do with another.
#[derive(Default)]
struct Pair {
    meets: bool,
    /// Whether the first has packets that the second has not.
    first_has_more: bool,
    /// The reverse.
    second_has_more: bool,
}

impl<'a> Relations<'a> {
    fn new(question: &Question<'a>) -> Self {
        let compiled = question.compiled;
        let relation = |field: usize| {
            let bound = match field {
                SOURCE | DESTINATION => compiled.columns.len(),
                _ => compiled.rows(),
            };
            Relation::new(&question.fields[field], bound)
        };
        Self {
            compiled,
            fields: [SOURCE, DESTINATION, SOURCE_PORT, DESTINATION_PORT].map(relation),
        }
    }

    /// Whether a row has packets of a protocol.
    fn has(&self, protocol: usize, column: usize) -> bool {
        let row = self.compiled.columns[column].row;
        let ports = !ProtocolSet::EACH[protocol].has_ports()
            || ![SOURCE_PORT, DESTINATION_PORT]
                .into_iter()
                .any(|field| self.fields[field].is_empty(row));
        let addresses = [SOURCE, DESTINATION]
            .into_iter()
            .all(|field| !self.fields[field].is_empty(column));
        ports && addresses && self.compiled.protocol(protocol).has(row)
    }

    /// Whether a relation holds between two columns in all fields that a protocol has.
    fn all(
        &self,
        protocol: usize,
        one: usize,
        other: usize,
        relation: fn(&Relation) -> &[Bits],
    ) -> bool {
        let row = |column: usize| self.compiled.columns[column].row;
        let addresses = [SOURCE, DESTINATION]
            .into_iter()
            .all(|field| relation(&self.fields[field])[one].has(other));
        addresses
            && (!ProtocolSet::EACH[protocol].has_ports()
                || [SOURCE_PORT, DESTINATION_PORT]
                    .into_iter()
                    .all(|field| relation(&self.fields[field])[row(one)].has(row(other))))
    }

    /// Adds what two columns have to do with each other.
    fn compare(&self, one: usize, other: usize, pair: &mut Pair) {
        for protocol in 0..ProtocolSet::EACH.len() {
            let (first, second) = (self.has(protocol, one), self.has(protocol, other));
            let both = first && second;
            let holds = |a, b| self.all(protocol, a, b, |relation| &relation.holding);
            pair.meets |= both && self.all(protocol, one, other, |relation| &relation.meeting);
            pair.first_has_more |= first && !(second && holds(one, other));
            pair.second_has_more |= second && !(first && holds(other, one));
        }
    }
}

/// Pairs of users' rules of other access that share packets and each have others, in order.
pub(super) fn correlated(compiled: &Compiled, rules: &[Rule]) -> Vec<Correlated> {
    let relations: Vec<_> = compiled
        .questions(&everything())
        .map(|question| Relations::new(&question))
        .collect();
    let sure: Vec<_> = (0..compiled.columns.len())
        .filter(|&column| compiled.columns[column].sure)
        .collect();
    let mut found = Vec::new();
    for later in 0..rules.len() {
        for earlier in 0..later {
            let (one, other) = (&rules[earlier], &rules[later]);
            if one.access == other.access || one.is_default || other.is_default {
                continue;
            }
            let mut pair = Pair::default();
            for relations in &relations {
                relations.compare(sure[earlier], sure[later], &mut pair);
            }
            if pair.meets && pair.first_has_more && pair.second_has_more {
                found.push(Correlated { earlier, later });
            }
        }
    }
    found
}
