//! Deciding rules: names -> small numbers, bounded.

use std::hash::BuildHasher as _;

use hashbrown::HashTable;

use super::facts::RuleName;
use crate::flowlog::tuple::fold;

/// Number of the rule that stands for all, once rules are folded.
const ANY: u16 = 0;
/// Most rules that are told apart; beyond it they are folded by the prefix of their names.
const MOST: usize = 16_384;
/// What folded rules are called, by number, and the prefix that makes a rule one of them.
const FOLDED: [(&str, &str); 5] = [
    ("(all rules)", "\0"),
    ("(user rules)", "UserRule"),
    ("(default rules)", "DefaultRule"),
    ("(platform rules)", "PlatformRule"),
    ("(other rules)", ""),
];

/// Most bytes of their names together; beyond it they are folded likewise.
const MOST_BYTES: usize = 4 << 20;

/// Rules by name.
#[derive(Debug)]
pub(crate) struct Rules {
    /// Numbers by a hash of the names.
    numbers: HashTable<u16>,
    names: Vec<RuleName>,
    /// Bytes of the names.
    bytes: usize,
    /// Whether there were more rules than are told apart.
    pub(crate) overflowed: bool,
}

impl Rules {
    pub(crate) fn new() -> Self {
        let names = FOLDED
            .iter()
            .map(|(name, _)| RuleName {
                acl: String::new(),
                rule: (*name).to_owned(),
            })
            .collect();
        Self {
            numbers: HashTable::new(),
            names,
            bytes: 0,
            overflowed: false,
        }
    }

    /// The number of a rule.
    pub(crate) fn number(&mut self, acl: &str, rule: &str) -> u16 {
        let name = RuleName {
            acl: acl.to_uppercase(),
            rule: rule.to_owned(),
        };
        let hash = hash_of(&name);
        let is_name = |&number: &u16| self.names[number as usize] == name;
        if let Some(&number) = self.numbers.find(hash, is_name) {
            return number;
        }
        let bytes = self.bytes + name.acl.len() + name.rule.len();
        if self.names.len() == MOST + FOLDED.len() || bytes > MOST_BYTES {
            self.overflowed = true;
        }
        if self.overflowed {
            return folded(rule);
        }
        self.bytes = bytes;
        let number = self.names.len() as u16;
        self.names.push(name);
        let names = &self.names;
        self.numbers
            .insert_unique(hash, number, |&number| hash_of(&names[number as usize]));
        number
    }

    /// The number that stands for `number`: itself, or the fold's once there were too many.
    pub(crate) fn resolved(&self, number: u16) -> u16 {
        if self.overflowed && number as usize >= FOLDED.len() {
            folded(&self.names[number as usize].rule)
        } else {
            number
        }
    }

    /// The rule of a number.
    pub(crate) fn name(&self, number: u16) -> &RuleName {
        &self.names[number as usize]
    }
}

fn hash_of(name: &RuleName) -> u64 {
    foldhash::fast::FixedState::default().hash_one(name)
}

fn folded(rule: &str) -> u16 {
    FOLDED
        .iter()
        .position(|(_, prefix)| rule.starts_with(prefix))
        .map_or(ANY, |number| number as u16)
}

/// A worker's recent rules: so that the shared table is asked once a rule, not once a record.
#[derive(Debug)]
pub(crate) struct RecentRules {
    entries: Vec<Option<(String, String, u16)>>,
}

impl RecentRules {
    const PLACES: usize = 256;

    pub(crate) fn new() -> Self {
        Self {
            entries: vec![None; Self::PLACES],
        }
    }

    /// The number of a rule; `ask` is asked where it is not among the recent ones.
    pub(crate) fn number(&mut self, acl: &str, rule: &str, ask: impl FnOnce() -> u16) -> u16 {
        let place = &mut self.entries[place_of(acl, rule)];
        match place {
            Some((kept_acl, kept_rule, number)) if kept_rule == rule && kept_acl == acl => *number,
            _ => {
                let number = ask();
                *place = Some((acl.to_owned(), rule.to_owned(), number));
                number
            }
        }
    }
}

/// Length and last bytes tell rules apart well enough for a place.
#[inline]
fn place_of(acl: &str, rule: &str) -> usize {
    let tail = |text: &str| {
        let last = text.as_bytes().last_chunk().copied().unwrap_or_default();
        u64::from_le_bytes(last) ^ text.len() as u64
    };
    let mixed = fold(
        tail(acl) ^ 0x9e37_79b9_7f4a_7c15,
        tail(rule) ^ 0xd1b5_4a32_d192_ed03,
    );
    (mixed >> 32) as usize % RecentRules::PLACES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_rules_fold_by_prefix_whatever_came_first() {
        let mut rules = Rules::new();
        let first = rules.number("a", "UserRule_1");
        for number in 0..MOST {
            rules.number("a", &format!("DefaultRule_{number}"));
        }
        assert!(rules.overflowed);
        assert_eq!(rules.name(rules.resolved(first)).rule, "(user rules)");
        let last = rules.number("a", "DefaultRule_new");
        assert_eq!(rules.name(rules.resolved(last)).rule, "(default rules)");
    }

    #[test]
    fn names_that_are_too_long_together_fold_whatever_came_first() {
        let name = |number: usize| format!("UserRule_{number}{}", "x".repeat(1_000));
        let count = MOST_BYTES / 1_000;
        for order in [1, count - 1] {
            let mut rules = Rules::new();
            let numbers: Vec<_> = (0..count)
                .map(|step| rules.number("", &name(step * order % count)))
                .collect();
            assert!(rules.overflowed);
            assert!(
                numbers
                    .iter()
                    .all(|&number| rules.name(rules.resolved(number)).rule == "(user rules)")
            );
        }
    }

    #[test]
    fn resource_ids_are_compared_without_case() {
        let mut rules = Rules::new();
        assert_eq!(
            rules.number("/subscriptions/x", "r"),
            rules.number("/SUBSCRIPTIONS/X", "r")
        );
    }
}
