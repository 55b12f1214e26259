//! What a log says of a decision, beside what rules decide: the one judgement of whether both agree.

use std::ops::Range;

use super::decider::{Decider, Ruling};
use super::rule::{Answer, Level};
use crate::net::Decision;
use crate::net::rule_name::{bare, is_default, is_encryption, is_platform};

/// Whose decision a log tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Speaks {
    /// The NSG that it names alone, as an NSG flow log does.
    Nsg,
    /// All levels together, as a virtual network's flow log does.
    Path,
    /// One of both, as rows of Traffic Analytics may.
    Either,
}

/// What becomes of a flow that a log tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Compared {
    /// The rules decide the same, by the rule that is logged (or none is).
    Agrees,
    /// The rules decide the same, by another rule.
    OtherRule,
    /// The rules decide otherwise.
    Differs,
    /// It is not known what the rules decide.
    Undetermined,
    /// The rules given have no say in it.
    Out(Why),
}

/// Why rules have no say in a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Why {
    /// Its protocol is none that rules tell apart.
    Protocol,
    /// Its own end is in no subnet that is given.
    Elsewhere,
    /// The platform decided, by no rule of the user.
    Platform,
    /// The NSG that logged it is not on its way, by what is given.
    OtherNsg,
}

impl Why {
    /// All, in order.
    pub const ALL: [Self; 4] = [
        Self::Protocol,
        Self::Elsewhere,
        Self::Platform,
        Self::OtherNsg,
    ];

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Protocol => "of a protocol that rules do not tell apart",
            Self::Elsewhere => "whose own end is in no subnet that is given",
            Self::Platform => "decided by the platform, not by a rule",
            Self::OtherNsg => "logged by an NSG that is not on their way, by the rules given",
        }
    }
}

/// A decision as a log tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Logged<'a> {
    /// What was decided.
    pub decision: Decision,
    /// Whose decision it is.
    pub speaks: Speaks,
    /// What holds the rule, as logged; empty where missing.
    pub acl: &'a str,
    /// The rule, as logged; empty where missing.
    pub rule: &'a str,
}

/// What rules do with a flow, and of which levels that was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The levels, as a range of those on the way.
    pub levels: Range<usize>,
    /// What they do; or why it is not known, in words.
    pub ruling: Result<Ruling, &'static str>,
}

impl Asked {
    /// What becomes of the flow.
    pub fn answer(&self) -> Answer {
        self.ruling
            .as_ref()
            .map_or(Answer::Undetermined, |ruling| ruling.answer)
    }

    /// Who decides, or why it is not known, in words; `levels` are all on the way.
    pub fn words(&self, levels: &[Level]) -> String {
        match &self.ruling {
            Ok(ruling) => ruling.words(&levels[self.levels.clone()]),
            Err(why) => (*why).to_owned(),
        }
    }

    /// The rules that surely decide; `levels` are all on the way.
    pub fn deciders<'l>(&self, levels: &'l [Level]) -> Vec<(&'l Level, usize)> {
        let levels = &levels[self.levels.clone()];
        let by = self.ruling.iter().flat_map(|ruling| &ruling.by);
        by.filter_map(|by| match by.decider {
            Decider::Rule(rule) => Some((&levels[by.level], rule)),
            Decider::May { .. } | Decider::Nothing => None,
        })
        .collect()
    }
}

/// Holds what a log says against the levels on a flow's way. `ask` answers for a range of them.
///
/// A log of an NSG is held against that NSG alone, a log of a virtual network against all levels, a row
/// of Traffic Analytics against both, where one of them decides as logged.
pub fn compare(
    levels: &[Level],
    logged: &Logged<'_>,
    ask: impl Fn(Range<usize>) -> Result<Ruling, &'static str>,
) -> (Compared, Option<Asked>) {
    if is_platform(logged.acl, logged.rule) || is_encryption(logged.rule) {
        return (Compared::Out(Why::Platform), None);
    }
    let of = |levels: Range<usize>| Asked {
        ruling: ask(levels.clone()),
        levels,
    };
    let named = levels.iter().position(|level| level.is_held_by(logged.acl));
    let named = named.map(|at| at..at + 1);
    let whole = 0..levels.len();
    let answer = match logged.decision {
        Decision::Allow => Answer::Allow,
        Decision::Deny => Answer::Deny,
    };
    let asked = match (logged.speaks, named) {
        (Speaks::Nsg, None) => return (Compared::Out(Why::OtherNsg), None),
        (Speaks::Nsg, Some(level)) => of(level),
        (Speaks::Either, Some(level)) => {
            let asked = of(whole);
            let of_level = (asked.answer() != answer).then(|| of(level));
            of_level
                .filter(|of_level| of_level.answer() == answer)
                .unwrap_or(asked)
        }
        (Speaks::Path | Speaks::Either, _) => of(whole),
    };
    let compared = if asked.answer() == Answer::Undetermined {
        Compared::Undetermined
    } else if asked.answer() != answer {
        Compared::Differs
    } else if bare(logged.rule).is_none() || names_one(&asked.deciders(levels), logged) {
        Compared::Agrees
    } else {
        Compared::OtherRule
    };
    (compared, Some(asked))
}

/// Whether a log names one of the rules that decide; where none does (no NSG stands in the way), whatever
/// it names.
fn names_one(deciders: &[(&Level, usize)], logged: &Logged<'_>) -> bool {
    deciders.is_empty()
        || deciders.iter().any(|&(level, rule)| {
            // Some addresses match two default rules that both allow: which of them it logs, Azure does
            // not say.
            let defaults = level.rules[rule].is_default && is_default(logged.rule);
            defaults || is_logged(level, rule, logged.acl, logged.rule)
        })
}

/// Whether a rule is the one that a log names: `UserRule_x` and `DefaultRule_x` are `x`. Virtual
/// network flow logs may name the holder by a GUID, which no document of rules states: then the
/// name of the rule alone tells.
pub fn is_logged(level: &Level, rule: usize, acl: &str, logged: &str) -> bool {
    let same_holder = !acl.contains('/') || level.is_held_by(acl);
    let name = &level.rules[rule].name;
    same_holder && bare(logged).is_some_and(|logged| name.eq_ignore_ascii_case(logged))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::rule::{Access, LevelKind};
    use crate::policy::testing::{default_rule, named_level};

    const ACL: &str = "/X/NETWORKSECURITYGROUPS/NSG-APIM";

    fn level() -> Level {
        let mut level = named_level("hardening");
        (level.kind, level.name) = (LevelKind::Subnet, "NSG-APIM".to_owned());
        level.id = "/x/networkSecurityGroups/nsg-apim".to_owned();
        level
    }

    #[test]
    fn a_rule_is_the_logged_one_by_name_and_by_its_holder_where_that_is_told() {
        let told = |acl: &str, rule: &str| is_logged(&level(), 0, acl, rule);
        assert!(told(ACL, "UserRule_hardening"));
        assert!(!told(ACL, "UserRule_other"));
        assert!(!told(
            "/x/networkSecurityGroups/other",
            "UserRule_hardening"
        ));
        assert!(told(
            "0a0a0a0a-0000-0000-0000-000000000000",
            "UserRule_hardening"
        ));
        assert!(!told(ACL, "UserRule"));
        assert!(told("", "hardening"));
    }

    /// The answer of one rule of one level, whatever it is asked of.
    fn judged(level: &Level, rule: usize, logged: &Logged<'_>) -> Compared {
        let levels = std::slice::from_ref(level);
        let ask = |_| Ok(Ruling::new(levels, &[Decider::Rule(rule)]));
        compare(levels, logged, ask).0
    }

    #[test]
    fn two_default_rules_that_both_allow_are_one_answer() {
        let mut level = level();
        level.rules = vec![default_rule(Decision::Allow), default_rule(Decision::Deny)];
        level.rules[0].name = "AllowInternetOutBound".to_owned();
        let logged = Logged {
            decision: Decision::Allow,
            speaks: Speaks::Path,
            acl: ACL,
            rule: "DefaultRule_AllowVnetOutBound",
        };
        assert_eq!(judged(&level, 0, &logged), Compared::Agrees);
        assert_eq!(judged(&level, 1, &logged), Compared::Differs);
        let of_user = Logged {
            rule: "UserRule_AllowVnetOutBound",
            ..logged
        };
        assert_eq!(judged(&level, 0, &of_user), Compared::OtherRule);
    }

    #[test]
    fn a_log_of_an_nsg_speaks_of_that_one_alone() {
        let (mut allows, mut denies) = (level(), level());
        allows.rules[0].access = Access::Allow;
        denies.rules[0].access = Access::Deny;
        denies.kind = LevelKind::Interface;
        denies.id = "/x/networkSecurityGroups/nsg-nic".to_owned();
        let levels = [allows, denies];
        let ask = |range: Range<usize>| {
            let levels = &levels[range];
            Ok(Ruling::new(levels, &vec![Decider::Rule(0); levels.len()]))
        };
        let logged = |speaks, acl| Logged {
            decision: Decision::Allow,
            speaks,
            acl,
            rule: "UserRule_hardening",
        };
        let of = |speaks, acl| compare(&levels, &logged(speaks, acl), ask).0;
        assert_eq!(of(Speaks::Nsg, ACL), Compared::Agrees);
        assert_eq!(of(Speaks::Either, ACL), Compared::Agrees);
        assert_eq!(of(Speaks::Path, ACL), Compared::Differs);
        assert_eq!(of(Speaks::Nsg, "/x/other"), Compared::Out(Why::OtherNsg));
    }
}
