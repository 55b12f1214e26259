//! What-if: past traffic against a proposed rule set.
//!
//! The rules are asked once a group, never once a flow. What is not known of a group, or cannot be told
//! from what was logged, is undetermined: see `docs/what-if.md`.

mod ask;
mod flows;
mod model;
mod requirements;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use super::basis;
use super::given::{Ways, local};
use super::matching::Matcher;
use super::names::Places;
use super::observe::Presenter;
use super::requirements::bind;
use super::traffic;
use crate::catalogue::Profile;
use crate::classify::ClassId;
use crate::environment::{Environment, ServiceTags};
use crate::flowlog::LogKind;
use crate::net::rule_name::{is_encryption, is_platform};
use crate::net::{Decision, Direction, Outcome, Protocol};
use crate::policy::decider::Ruling;
use crate::policy::diff::Change;
use crate::policy::network::{Changed, Network, changes};
use crate::policy::rule::Answer;
use crate::tally::{Facts, Group, Port, RuleName};
use ask::{Asked, Rules, Why};
use flows::{Counted, Lister};
pub use model::*;

/// What a replay is made of.
#[derive(Clone, Copy)]
pub struct ReplayInput<'a> {
    /// What was observed, of an environment that is stated. Its classes need not be cut by the rules'
    /// addresses ([`Ways::cuts`]), but then more of it may be undetermined.
    pub facts: &'a Facts,
    /// The audited network.
    pub environment: &'a Environment,
    /// The profile that says what is required.
    pub profile: &'a Profile,
    /// The profiles that it includes, resolved.
    pub included: &'a [&'a Profile],
    /// The editions of the service tags that the facts refer to.
    pub tags: &'a ServiceTags,
    /// Today's rules, where they are given.
    pub today: Option<&'a Ways<'a>>,
    /// The proposed rules.
    pub proposed: &'a Ways<'a>,
    /// Name of a file, by its number in the plan.
    pub file_name: &'a dyn Fn(u32) -> String,
}

/// Replays what was observed against the proposed rules. Pure: the same input gives the same replay.
pub fn replay(input: &ReplayInput<'_>) -> Replay {
    let facts = input.facts;
    let requirements = bind(input.profile, input.included, input.environment);
    let matcher = Matcher {
        classes: &facts.classes,
        environment: input.environment,
        assumed_roles: &requirements.assumed_roles,
    };
    let places = Places::new(&facts.classes, input.environment);
    let presenter = Presenter {
        facts,
        places: &places,
        tags: input.tags,
        file_name: input.file_name,
    };
    let judged = traffic::judge(&facts.groups, &requirements, &matcher);
    let asking = Asking {
        facts,
        is_assumed: input.environment.source.is_empty(),
        denied: denied_by_nsgs(&facts.groups),
        today: input.today.map(|ways| Rules::new(ways, facts)),
        proposed: Rules::new(input.proposed, facts),
    };
    let mut lister = Lister::new(&requirements, input.environment, &presenter, &asking);
    let mut changed = Vec::new();
    for judged in &judged {
        let told = asking.ask(judged.group);
        lister.add(judged, &told);
        changed.extend(ChangedGroup::of(judged.group, told));
    }
    let today: Option<&Network<'_>> = input.today.map(|ways| ways.network);
    let proposed = input.proposed.network;
    Replay {
        requirements: requirements::touched(
            &requirements,
            input.environment,
            input.tags,
            today,
            proposed,
        ),
        with_today: today.is_some(),
        changes: today.map_or_else(Vec::new, |today| {
            let all = changes(today, proposed, input.environment);
            seen(all, &changed, facts)
        }),
        ..lister.finish(
            basis::basis(input.profile, input.environment, input.tags),
            basis::input(facts, input.environment, input.file_name),
        )
    }
}

/// What becomes of a group, held against what was logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Becomes {
    NewlyDenied,
    NewlyAllowed,
    /// As before: allowed, denied, or the platform's to decide.
    Unchanged(Option<Decision>),
    Undetermined,
}

/// What a group's log tells of the decision on its whole way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Was {
    Decided(Decision),
    /// By no rule.
    Platform,
    /// Not told, and why.
    Open(Why),
}

/// A group, asked.
struct Told {
    becomes: Becomes,
    today: Option<Asked>,
    proposed: Asked,
    /// What today's rules surely do.
    today_answer: Option<Answer>,
    /// What the proposed rules surely do, or why it is not known.
    answer: Result<Answer, Why>,
    /// Why it is undetermined, where that is not the proposed rules' doing.
    why: Option<Why>,
}

/// What is asked, and of whom.
struct Asking<'a> {
    facts: &'a Facts,
    is_assumed: bool,
    denied: BTreeMap<Key, BTreeSet<usize>>,
    today: Option<Rules<'a>>,
    proposed: Rules<'a>,
}

/// What is the same flow in the log of every NSG on its way.
type Key = (ClassId, ClassId, Protocol, Port, Direction);

fn key(group: &Group) -> Key {
    (
        group.source,
        group.destination,
        group.protocol,
        group.port,
        group.direction,
    )
}

fn is_of_nsg(group: &Group) -> bool {
    matches!(group.kind, LogKind::NsgV1 | LogKind::NsgV2)
}

/// What logs of NSGs, each of which speaks for itself alone, tell as denied: the rules that denied it.
fn denied_by_nsgs(groups: &[Group]) -> BTreeMap<Key, BTreeSet<usize>> {
    let mut denied: BTreeMap<_, BTreeSet<usize>> = BTreeMap::new();
    let those = groups
        .iter()
        .filter(|group| is_of_nsg(group) && group.decision == Decision::Deny);
    for group in those {
        denied.entry(key(group)).or_default().insert(group.rule);
    }
    denied
}

impl Asking<'_> {
    fn ask(&self, group: &Group) -> Told {
        let none = RuleName::default();
        let logged = self.facts.rules.get(group.rule).unwrap_or(&none);
        let proposed = self.proposed.ask(group);
        let today = self.today.as_ref().map(|rules| (rules, rules.ask(group)));
        let others = today.as_ref().map(|(rules, asked)| (*rules, asked));
        let answer = if self.is_assumed {
            Err(Why::Assumed)
        } else {
            self.proposed.answer(group, &proposed, logged, others)
        };
        let today_answer = others
            .and_then(|(rules, asked)| rules.answer(group, asked, logged, None).ok())
            .filter(|_| !self.is_assumed);
        let (becomes, why) = becomes(self.was(group, logged), answer, today_answer);
        Told {
            becomes,
            today: today.map(|(_, asked)| asked),
            proposed,
            today_answer,
            answer,
            why,
        }
    }

    fn was(&self, group: &Group, logged: &RuleName) -> Was {
        if group.outcome.is_none()
            && (is_platform(&logged.acl, &logged.rule) || is_encryption(&logged.rule))
        {
            return Was::Platform;
        }
        match group.outcome.map(Outcome::decision) {
            Some(Some(Decision::Deny)) => return Was::Open(Why::Unanswered),
            Some(None) => return Was::Open(Why::Packets),
            Some(Some(Decision::Allow)) | None => {}
        }
        // One NSG lets it through, and another on its way may have dropped it.
        let others = self.denied.get(&key(group)).filter(|_| is_of_nsg(group));
        let acl = |rule: usize| self.facts.rules.get(rule).map_or("", |rule| &rule.acl);
        let dropped = others.is_some_and(|others| {
            let mut others = others.iter();
            others.any(|&rule| acl(rule).is_empty() || acl(rule) != logged.acl)
        });
        if group.decision == Decision::Allow && dropped {
            return Was::Open(Why::Levels);
        }
        Was::Decided(group.decision)
    }
}

/// Holds the answer against what was; where the log does not tell, against today's rules.
fn becomes(was: Was, answer: Result<Answer, Why>, today: Option<Answer>) -> (Becomes, Option<Why>) {
    let answer = match (was, answer) {
        (Was::Platform, _) => return (Becomes::Unchanged(None), None),
        (_, Err(why)) => return (Becomes::Undetermined, Some(why)),
        (_, Ok(answer)) => answer,
    };
    let now = match answer {
        Answer::Allow => Decision::Allow,
        Answer::Deny => Decision::Deny,
        Answer::Undetermined => return (Becomes::Undetermined, None),
    };
    let before = match (was, today, now) {
        (Was::Decided(before), ..) => before,
        // That NSG let it through, and will.
        (Was::Open(Why::Levels), _, Decision::Allow) | (_, Some(Answer::Allow), _) => {
            Decision::Allow
        }
        // It did not come through, and will not.
        (Was::Open(Why::Unanswered), None, Decision::Deny) | (_, Some(Answer::Deny), _) => {
            Decision::Deny
        }
        (Was::Open(why), ..) => return (Becomes::Undetermined, Some(why)),
        (Was::Platform, ..) => return (Becomes::Unchanged(None), None),
    };
    let becomes = match (before, now) {
        (Decision::Allow, Decision::Deny) => Becomes::NewlyDenied,
        (Decision::Deny, Decision::Allow) => Becomes::NewlyAllowed,
        _ => Becomes::Unchanged(Some(now)),
    };
    (becomes, None)
}

/// A group that today's rules and the proposed ones answer otherwise.
struct ChangedGroup<'a> {
    group: &'a Group,
    before: Ruling,
    after: Ruling,
}

impl<'a> ChangedGroup<'a> {
    fn of(group: &'a Group, told: Told) -> Option<Self> {
        match (told.today, told.proposed) {
            (Some(Asked::One { ruling: before, .. }), Asked::One { ruling: after, .. })
                if before.answer != after.answer =>
            {
                Some(Self {
                    group,
                    before,
                    after,
                })
            }
            _ => None,
        }
    }
}

/// How much was seen of each change: the groups at its addresses that the same rules answer, before and
/// after.
fn seen(all: Vec<Changed>, groups: &[ChangedGroup<'_>], facts: &Facts) -> Vec<Unseen> {
    let is_there = |changed: &Changed, group: &Group| {
        let first = facts.classes.first.get(local(group).0 as usize);
        group.direction == changed.direction
            && first.is_some_and(|&end| changed.addresses.contains(end))
    };
    all.into_iter()
        .filter(|changed| !changed.difference.is_empty())
        .map(|changed| {
            let here = groups.iter().filter(|of| is_there(&changed, of.group));
            let here: Vec<_> = here.collect();
            let of = |change: &Change| {
                let mut counted = Counted::default();
                let same = here
                    .iter()
                    .filter(|of| of.before == change.before && of.after == change.after);
                same.for_each(|of| counted.add(of.group));
                counted.told()
            };
            Unseen {
                seen: changed.difference.changes.iter().map(of).collect(),
                changed,
            }
        })
        .collect()
}
