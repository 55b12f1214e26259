//! Deciding rules: names -> small numbers, bounded.

use hashbrown::HashMap;

use super::facts::RuleName;

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

/// Rules by name.
#[derive(Debug)]
pub(crate) struct Rules {
    numbers: HashMap<RuleName, u16, foldhash::fast::FixedState>,
    names: Vec<RuleName>,
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
            numbers: HashMap::default(),
            names,
            overflowed: false,
        }
    }

    /// The number of a rule.
    pub(crate) fn number(&mut self, acl: &str, rule: &str) -> u16 {
        let name = RuleName {
            acl: acl.to_uppercase(),
            rule: rule.to_owned(),
        };
        if let Some(&number) = self.numbers.get(&name) {
            return number;
        }
        if self.names.len() == MOST + FOLDED.len() {
            self.overflowed = true;
            return folded(rule);
        }
        let number = self.names.len() as u16;
        self.names.push(name.clone());
        self.numbers.insert(name, number);
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
        // Length and last bytes tell rules apart well enough for a place.
        let tail = |text: &str| {
            text.bytes().rev().take(8).fold(text.len(), |mix, byte| {
                mix.wrapping_mul(31).wrapping_add(byte as usize)
            })
        };
        let place = &mut self.entries[(tail(acl).wrapping_mul(17) ^ tail(rule)) % Self::PLACES];
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
    fn resource_ids_are_compared_without_case() {
        let mut rules = Rules::new();
        assert_eq!(
            rules.number("/subscriptions/x", "r"),
            rules.number("/SUBSCRIPTIONS/X", "r")
        );
    }
}
