//! Who decides: of one level, and of all levels together.

use super::rule::{Access, Answer, Level, LevelKind};

/// What decides at one level. Numbers are positions in [`Level::rules`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Decider {
    /// This rule; rules before it that may match as well would decide the same.
    Rule(usize),
    /// Not known: the first rule that may match and that would decide other than `otherwise` does.
    May {
        /// The rule that may match.
        rule: usize,
        /// The first rule that may match and that would decide other than both.
        other: Option<usize>,
        /// What decides if no such rule matches; `None` where then no rule matches.
        otherwise: Option<usize>,
    },
    /// No rule matches: security admin rules leave the packet to the NSGs. The documents of a whole
    /// NSG never leave it possible.
    Nothing,
}

/// What a level may do with a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Outcomes {
    /// Hand it on to the next level.
    passes: bool,
    /// Let it through, whatever comes.
    ends: bool,
    /// Drop it.
    denies: bool,
}

impl Outcomes {
    fn add(&mut self, access: Access) {
        match access {
            Access::Allow => self.passes = true,
            Access::AlwaysAllow => self.ends = true,
            Access::Deny => self.denies = true,
        }
    }

    /// What the level does, in one word.
    fn answer(self) -> Answer {
        match (self.passes || self.ends, self.denies) {
            (false, true) => Answer::Deny,
            (_, false) => Answer::Allow,
            (true, true) => Answer::Undetermined,
        }
    }

    /// Whether it is known what the level does.
    fn is_known(self) -> bool {
        u8::from(self.passes) + u8::from(self.ends) + u8::from(self.denies) == 1
    }
}

impl Decider {
    /// What decides, of the first rules of each access that may match and the one that surely does.
    pub(super) fn of(
        level: &Level,
        mut may: [Option<usize>; Access::COUNT],
        sure: Option<usize>,
    ) -> Self {
        let sure_access = sure.map(|rule| level.rules[rule].access);
        if let Some(access) = sure_access.or(level.kind.unmatched()) {
            may[access as usize] = None;
        }
        let first = may.into_iter().flatten().min();
        let other = may.into_iter().flatten().filter(|&one| Some(one) != first);
        match (first, sure) {
            (Some(rule), otherwise) => Self::May {
                rule,
                other: other.min(),
                otherwise,
            },
            (None, Some(sure)) => Self::Rule(sure),
            (None, None) => Self::Nothing,
        }
    }

    fn outcomes(self, level: &Level) -> Outcomes {
        let mut outcomes = Outcomes::default();
        let mut rule = |rule: usize| outcomes.add(level.rules[rule].access);
        let end = match self {
            Self::Rule(sure) => Some(sure),
            Self::May {
                rule: may,
                other,
                otherwise,
            } => {
                rule(may);
                other.into_iter().for_each(&mut rule);
                otherwise
            }
            Self::Nothing => None,
        };
        match (end, level.kind.unmatched()) {
            (Some(end), _) => rule(end),
            (None, Some(access)) => outcomes.add(access),
            (None, None) => {
                outcomes.add(Access::Allow);
                outcomes.add(Access::Deny);
            }
        }
        outcomes
    }

    /// What it does with the packet at its own level.
    pub fn answer(self, level: &Level) -> Answer {
        self.outcomes(level).answer()
    }

    /// Whether levels behind this one are surely not asked: a security admin rule drops the packet, or
    /// lets it through whatever they say.
    pub fn ends(self, level: &Level) -> bool {
        let outcomes = self.outcomes(level);
        !outcomes.passes && (outcomes.ends || level.kind == LevelKind::Admin)
    }

    /// Why it is not known, in words; `None` where it is.
    pub fn reason(self, level: &Level) -> Option<String> {
        match self {
            Self::Rule(_) => None,
            Self::Nothing => Some("no rule matches".to_owned()),
            Self::May { rule, .. } => {
                let rule = &level.rules[rule];
                if let Some(doubt) = &rule.doubt {
                    return Some(format!(
                        "rule {} may match: it is not known {doubt}",
                        rule.name
                    ));
                }
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
    /// Of allowed packets every level whose rule surely lets it through; of denied ones the levels
    /// that surely deny; of the others the levels that are not known. In the order of the levels.
    /// Levels behind a security admin rule that ends the evaluation are not among them. None of
    /// undetermined packets that rules were too intricate to be followed for.
    pub by: Vec<By>,
}

impl Ruling {
    /// Who decides, in words, level by level.
    pub fn words(&self, levels: &[Level]) -> String {
        if levels.is_empty() {
            return "no NSG, which allows".to_owned();
        }
        if self.by.is_empty() && self.answer == Answer::Undetermined {
            return "since the rules are too intricate to be followed to the end".to_owned();
        }
        if self.by.is_empty() {
            return "no rule of a network manager, and no NSG, which allows".to_owned();
        }
        let words = self.by.iter().map(|by| {
            let level = &levels[by.level];
            let (kind, name) = (level.kind.name(), &level.name);
            format!("{} of {kind} {name}", by.decider.words(level))
        });
        words.collect::<Vec<_>>().join(" and ")
    }

    /// Of packets that there was no time for.
    pub(super) fn not_followed() -> Self {
        Self {
            answer: Answer::Undetermined,
            by: Vec::new(),
        }
    }

    /// Joins what decides at each level, in the order in which they are asked: every level must
    /// allow, unless one before it lets through for good.
    pub fn new(levels: &[Level], deciders: &[Decider]) -> Self {
        // What may become of the packet, and whether it may come as far as the next level.
        let (mut all, mut comes) = (Outcomes::default(), true);
        let mut asked = Vec::with_capacity(deciders.len());
        for (number, (level, &decider)) in levels.iter().zip(deciders).enumerate() {
            let outcomes = decider.outcomes(level);
            asked.push((number, decider, outcomes));
            all.ends |= comes && outcomes.ends;
            all.denies |= comes && outcomes.denies;
            comes &= outcomes.passes;
            if decider.ends(level) {
                break;
            }
        }
        all.passes = comes;
        let answer = all.answer();
        let by = asked
            .into_iter()
            .filter(|&(_, decider, outcomes)| {
                let known = outcomes.is_known() && decider != Decider::Nothing;
                match answer {
                    Answer::Undetermined => !outcomes.is_known(),
                    _ => known && outcomes.answer() == answer,
                }
            })
            .map(|(level, decider, _)| By { level, decider })
            .collect();
        Self { answer, by }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::rule::Rule;
    use crate::policy::testing::default_rule;

    fn level(kind: LevelKind, access: &[Access]) -> Level {
        let rules = access.iter().map(|&access| Rule {
            access,
            ..default_rule(crate::net::Decision::Allow)
        });
        Level {
            kind,
            name: String::new(),
            id: String::new(),
            rules: rules.collect(),
        }
    }

    type Case = (&'static [Access], Decider, Access, Answer, &'static [usize]);

    #[test]
    fn admin_rules_end_or_hand_on_and_what_they_may_do_matters_only_where_it_would() {
        use Access::{Allow, AlwaysAllow, Deny};
        use LevelKind::{Admin, Subnet};
        let may = |rule, other| Decider::May {
            rule,
            other,
            otherwise: None,
        };
        let sure = Decider::Rule(0);
        // What the admin level has and says, what the NSG says, the answer, and the levels named.
        let cases: [Case; 10] = [
            (&[Allow], sure, Deny, Answer::Deny, &[1]),
            (&[Allow], sure, Allow, Answer::Allow, &[0, 1]),
            (&[AlwaysAllow], sure, Deny, Answer::Allow, &[0]),
            (&[Deny], sure, Allow, Answer::Deny, &[0]),
            (&[], Decider::Nothing, Deny, Answer::Deny, &[1]),
            (
                &[AlwaysAllow],
                may(0, None),
                Deny,
                Answer::Undetermined,
                &[0],
            ),
            (&[AlwaysAllow], may(0, None), Allow, Answer::Allow, &[1]),
            (&[Deny], may(0, None), Deny, Answer::Deny, &[1]),
            (&[Deny], may(0, None), Allow, Answer::Undetermined, &[0]),
            (
                &[AlwaysAllow, Deny],
                may(0, Some(1)),
                Allow,
                Answer::Undetermined,
                &[0],
            ),
        ];
        for (access, decider, nsg, answer, by) in cases {
            let levels = [level(Admin, access), level(Subnet, &[nsg])];
            let ruling = Ruling::new(&levels, &[decider, sure]);
            let named: Vec<_> = ruling.by.iter().map(|by| by.level).collect();
            assert_eq!(
                (ruling.answer, &named[..]),
                (answer, by),
                "{access:?} {nsg:?}"
            );
        }
        let alone = Ruling::new(&[level(Admin, &[])], &[Decider::Nothing]);
        assert_eq!((alone.answer, alone.by.len()), (Answer::Allow, 0));
    }
}
