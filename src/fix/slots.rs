//! Priorities: which are free, and how to make one free.

use std::collections::BTreeMap;

use super::model::Move;
use crate::environment::rules::{Nsg, SecurityRule};
use crate::net::{Direction, ProtocolSet};

/// Priorities that users may give.
const FIRST: u32 = 100;
/// The last of them.
pub(super) const LAST: u32 = 4096;

/// The priorities of an NSG as rules are added.
pub(super) struct Slots<'a> {
    /// Of each priority, the rule that has it: `None` of a new one, or of one that is only known to be
    /// there.
    taken: BTreeMap<(Direction, u32), Option<&'a SecurityRule>>,
    /// Where rules go, by direction and the priority that they had.
    moved: BTreeMap<(Direction, u32), (&'a SecurityRule, u32)>,
}

impl<'a> Slots<'a> {
    pub(super) fn new(nsg: &'a Nsg) -> Self {
        let rules = nsg.rules.iter().filter(|rule| !rule.is_default);
        let mut taken: BTreeMap<_, _> = rules
            .map(|rule| ((rule.direction, rule.priority), Some(rule)))
            .collect();
        for rule in &nsg.unread {
            for direction in [Direction::Inbound, Direction::Outbound] {
                let its = rule.direction.is_none_or(|its| its == direction);
                if let Some(priority) = rule.priority.filter(|_| its) {
                    taken.insert((direction, priority), None);
                }
            }
        }
        Self {
            taken,
            moved: BTreeMap::new(),
        }
    }

    /// Takes a priority below `before`, which is that of a rule as it was given: after all rules there,
    /// at the next number that ends in 0 where one is left, else the greatest that is free. Where none
    /// is, the rules from `before` on move up by one, as far as there is no gap.
    pub(super) fn take(&mut self, direction: Direction, before: u32) -> Result<u32, String> {
        // Where the rule of that priority has gone.
        let moved = self.moved.get(&(direction, before));
        let before = moved.map_or(before, |&(_, to)| to);
        let end = before.min(LAST + 1);
        let is_free =
            |slots: &Self, priority: u32| !slots.taken.contains_key(&(direction, priority));
        let below = self.taken.range((direction, 0)..(direction, end));
        let last = below.map(|(&(_, priority), _)| priority).max();
        let next = last.map_or(FIRST, |last| (last / 10 + 1) * 10).max(FIRST);
        let found = [next, last.unwrap_or(FIRST) + 1]
            .into_iter()
            .find(|&priority| (FIRST..end).contains(&priority) && is_free(self, priority))
            .or_else(|| (FIRST..end).rev().find(|&priority| is_free(self, priority)));
        let priority = match found {
            Some(priority) => priority,
            None => self.make_room(direction, before)?,
        };
        self.taken.insert((direction, priority), None);
        Ok(priority)
    }

    /// Moves the rule of a priority and those right behind it up by one.
    fn make_room(&mut self, direction: Direction, at: u32) -> Result<u32, String> {
        let gap = (at..=LAST).find(|&priority| !self.taken.contains_key(&(direction, priority)));
        let Some(gap) = gap.filter(|_| at >= FIRST) else {
            return Err(format!(
                "no {direction} priority is free from {FIRST} to {LAST} before or behind the rule that denies"
            ));
        };
        for from in (at..gap).rev() {
            let rule = self.taken.remove(&(direction, from)).flatten();
            let known = rule.filter(|rule| is_known(rule));
            let Some(rule) = known else {
                return Err(format!(
                    "no {direction} priority below {at} is free, and the rule of priority {from} cannot \
                     be moved: not all of it is known, or it is new"
                ));
            };
            self.taken.insert((direction, from + 1), Some(rule));
            self.moved
                .insert((direction, rule.priority), (rule, from + 1));
        }
        Ok(at)
    }

    /// Rules that move, the highest first.
    pub(super) fn moves(&self) -> Vec<Move> {
        let moved = self.moved.values().rev();
        moved
            .map(|&(rule, to)| Move {
                rule: rule.clone(),
                to,
            })
            .collect()
    }
}

/// Whether a rule can be written out again.
fn is_known(rule: &SecurityRule) -> bool {
    let sides = [&rule.source, &rule.destination];
    let one = rule.protocols == ProtocolSet::ANY || ProtocolSet::EACH.contains(&rule.protocols);
    one && sides
        .iter()
        .all(|side| side.unknown.is_empty() && !side.expanded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::rules::Side;
    use crate::net::Decision;

    fn nsg(priorities: impl IntoIterator<Item = u32>) -> Nsg {
        let rule = |priority| SecurityRule {
            name: format!("rule{priority}"),
            priority,
            direction: Direction::Outbound,
            access: Decision::Deny,
            protocols: ProtocolSet::ANY,
            source: Side::default(),
            destination: Side::default(),
            is_default: false,
            path: String::new(),
        };
        Nsg {
            rules: priorities.into_iter().map(rule).collect(),
            ..Nsg::default()
        }
    }

    #[test]
    fn a_rule_goes_after_those_before_the_denying_one() {
        let out = Direction::Outbound;
        for (taken, before, expected) in [
            (vec![110], 110, 100),
            (vec![200, 300], 65_500, 310),
            (vec![100, 101], 101, 4096),
            (vec![100, 105], 105, 101),
            (vec![100, 104, 105], 105, 103),
            (vec![4096], 65_500, 4095),
        ] {
            let nsg = nsg(taken.clone());
            let mut slots = Slots::new(&nsg);
            let found = slots.take(out, before);
            if expected == 4096 {
                // No room: 101 moves to 102.
                assert_eq!(found, Ok(101));
                let moves: Vec<_> = slots
                    .moves()
                    .iter()
                    .map(|m| (m.rule.priority, m.to))
                    .collect();
                assert_eq!(moves, [(101, 102)]);
                continue;
            }
            assert_eq!(found, Ok(expected), "{taken:?}");
            assert!(slots.moves().is_empty());
        }
    }

    #[test]
    fn rules_move_up_as_often_as_rules_are_added_and_keep_their_order() {
        let nsg = nsg([100, 101, 103]);
        let mut slots = Slots::new(&nsg);
        let taken: Vec<_> = (0..3)
            .map(|_| slots.take(Direction::Outbound, 100))
            .collect();
        assert_eq!(taken, [Ok(100), Ok(101), Ok(102)]);
        let moves: Vec<_> = slots
            .moves()
            .iter()
            .map(|m| (m.rule.priority, m.to))
            .collect();
        assert_eq!(moves, [(103, 105), (101, 104), (100, 103)]);
    }

    #[test]
    fn where_all_is_taken_there_is_no_room() {
        let nsg = nsg(100..=4096);
        let found = Slots::new(&nsg).take(Direction::Outbound, 4096);
        assert!(found.is_err_and(|why| why.contains("no Outbound") || why.contains("no outbound")));
        assert_eq!(Slots::new(&nsg).take(Direction::Inbound, 65_500), Ok(100));
    }
}
