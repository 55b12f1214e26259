//! Who decides: of one level, and of all levels together.

use super::rule::{Answer, Level};
use crate::net::Decision;

/// What decides at one level. Numbers are positions in [`Level::rules`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Decider {
    /// This rule; rules before it that may match as well would decide the same.
    Rule(usize),
    /// Not known: the first rule that may match and that would decide other than `otherwise` does.
    May {
        /// The rule that may match.
        rule: usize,
        /// What decides if no such rule matches; `None` where then no rule matches.
        otherwise: Option<usize>,
    },
    /// No rule matches, which the documents of a whole NSG never leave possible.
    Nothing,
}

impl Decider {
    /// What it does with the packet.
    pub fn answer(self, level: &Level) -> Answer {
        match self {
            Self::Rule(rule) => match level.rules[rule].access {
                Decision::Allow => Answer::Allow,
                Decision::Deny => Answer::Deny,
            },
            Self::May { .. } | Self::Nothing => Answer::Undetermined,
        }
    }

    /// Why it is not known, in words; `None` where it is.
    pub fn reason(self, level: &Level) -> Option<String> {
        match self {
            Self::Rule(_) => None,
            Self::Nothing => Some("no rule matches".to_owned()),
            Self::May { rule, .. } => {
                let rule = &level.rules[rule];
                let mut unknown: Vec<_> = rule.source.unknown.iter().collect();
                unknown.extend(&rule.destination.unknown);
                unknown.dedup();
                if unknown.is_empty() {
                    return Some(format!(
                        "rule {} may match: it is for certain ports, which are not known here",
                        rule.name
                    ));
                }
                let unknown: Vec<_> = unknown.into_iter().map(String::as_str).collect();
                Some(format!(
                    "rule {} may match: the addresses of {} are not known",
                    rule.name,
                    unknown.join(", ")
                ))
            }
        }
    }
}

impl Decider {
    /// Who decides, in words: `by x (deny, priority 110)`, or `since ...`.
    pub fn words(self, level: &Level) -> String {
        match self {
            Self::Rule(rule) => format!("by {}", level.rules[rule].words()),
            Self::May { .. } | Self::Nothing => {
                format!("since {}", self.reason(level).unwrap_or_default())
            }
        }
    }
}

/// A level and what decides there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct By {
    /// Position in the list of levels.
    pub level: usize,
    /// What decides at this level.
    pub decider: Decider,
}

/// What becomes of a packet, and by whom.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ruling {
    /// What becomes of it.
    pub answer: Answer,
    /// Of allowed packets every level; of denied ones the levels that surely deny; of the others
    /// the levels that are not known. In the order of the levels.
    pub by: Vec<By>,
}

impl Ruling {
    /// Who decides, in words, level by level.
    pub fn words(&self, levels: &[Level]) -> String {
        if levels.is_empty() {
            return "no NSG, which allows".to_owned();
        }
        let words = self.by.iter().map(|by| {
            let level = &levels[by.level];
            let (kind, name) = (level.kind.name(), &level.name);
            format!("{} of {kind} {name}", by.decider.words(level))
        });
        words.collect::<Vec<_>>().join(" and ")
    }

    /// Joins what decides at each level: every level must allow.
    pub fn new(levels: &[Level], deciders: &[Decider]) -> Self {
        let at = |level: usize| deciders[level].answer(&levels[level]);
        let all = || 0..deciders.len();
        let answer = if all().any(|level| at(level) == Answer::Deny) {
            Answer::Deny
        } else if all().any(|level| at(level) == Answer::Undetermined) {
            Answer::Undetermined
        } else {
            Answer::Allow
        };
        let by = all()
            .filter(|&level| at(level) == answer)
            .map(|level| By {
                level,
                decider: deciders[level],
            })
            .collect();
        Self { answer, by }
    }
}
