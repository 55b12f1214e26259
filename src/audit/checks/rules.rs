//! NSG205, NSG301 to NSG304: the given rules, beside what was seen.

use std::collections::{BTreeMap, BTreeSet};

use hashbrown::HashMap;

use crate::classify::ClassId;
use crate::flowlog::LogKind;
use crate::net::rule_name::{bare, is_default, is_encryption, is_platform};
use crate::net::{Decision, Direction, Protocol};
use crate::policy::decider::Decider;
use crate::policy::packet::Words;
use crate::policy::prove::{Extent, Part};
use crate::policy::rule::{Answer, Level};
use crate::policy::shadow::anomalies;
use crate::tally::{Group, Port, RuleName};

use super::super::configured::{OpenBeyond, open_beyond_all};
use super::super::given::{Given, Named, Ruled, is_logged, locations};
use super::super::model::{Finding, Severity, TrafficClass};
use super::super::names;
use super::super::traffic::Judged;
use super::{Findings, finding};

/// Most rules, NSGs and places that a sentence lists.
const LISTED: usize = 5;

/// A group with what the given rules do with it.
type Asked<'a> = (&'a Judged<'a>, &'a Ruled);
/// Flows that nothing requires, by direction and the names of the rules that allow them.
type Used<'a> = BTreeMap<(Direction, Vec<String>), Vec<(u16, &'a Group)>>;
/// Packets that nothing requires, by direction and the names of the rules that allow them.
type Openings<'a> = BTreeMap<(Direction, Vec<String>), Vec<(&'a OpenBeyond, &'a Part)>>;

impl<'a> Findings<'a> {
    /// What the given rules allow beyond need, what in them is odd, and where logs tell otherwise.
    pub(super) fn rules(&self, findings: &mut Vec<Finding>) {
        let Some(given) = self.given else { return };
        let asked: Vec<Asked<'_>> = self
            .judged
            .iter()
            .enumerate()
            .filter_map(|(index, judged)| Some((judged, given.ruled(index)?)))
            .collect();
        self.unneeded(given, &asked, findings);
        odd(given, findings);
        self.unused(given, &asked, findings);
        self.drift(given, &asked, findings);
    }

    /// NSG205: what the rules allow and no requirement needs, by the rules that allow it.
    fn unneeded(&self, given: &Given<'_>, asked: &[Asked<'a>], findings: &mut Vec<Finding>) {
        let environment = self.matcher.environment;
        let open = open_beyond_all(
            self.requirements,
            environment,
            self.tags,
            given.network(),
            &[],
            Extent::Outline,
        );
        let mut openings = Openings::new();
        for beyond in &open {
            for part in &beyond.unneeded.allowed {
                let rules = rule_names(part, &beyond.levels);
                let key = (beyond.direction, rules);
                openings.entry(key).or_default().push((beyond, part));
            }
        }
        let used = used(given, asked);
        for ((direction, rules), parts) in &openings {
            let used = used.get(&(*direction, rules.clone()));
            let used = used.map_or(&[][..], Vec::as_slice);
            findings.push(self.allowed_beyond(given, used, *direction, rules, parts));
        }
    }

    fn allowed_beyond(
        &self,
        given: &Given<'_>,
        used: &[(u16, &Group)],
        direction: Direction,
        rules: &[String],
        parts: &[(&OpenBeyond, &Part)],
    ) -> Finding {
        let subnets: BTreeSet<_> = parts.iter().map(|(beyond, _)| &beyond.subnet).collect();
        let used: Vec<_> = used
            .iter()
            .filter(|&&(subnet, _)| {
                subnets.contains(&self.matcher.environment.subnets[subnet as usize].name)
            })
            .map(|&(_, group)| group)
            .collect();
        let subnets: Vec<_> = subnets.into_iter().cloned().collect();
        let evidence = self.presenter.observed(&used);
        let by = if rules.is_empty() {
            "no NSG stands in the way".to_owned()
        } else {
            format!("allowed by {}", names::first_few(rules, LISTED))
        };
        let identity = [&[direction.to_string()], rules].concat();
        let identity: Vec<_> = identity.iter().map(String::as_str).collect();
        let title = format!(
            "{direction} of {}: {by}, and nothing requires it",
            names::first_few(&subnets, LISTED)
        );
        let use_of_it = match &evidence.last {
            Some(last) => format!(
                "Used: {} that nothing requires, the last {last}.",
                names::count(evidence.flows, "flow")
            ),
            None => "Idle: no flow of it was seen in the logs, so that closing it would break \
                     nothing that they show."
                .to_owned(),
        };
        let mut details = vec![use_of_it];
        if let Some((_, part)) = parts.first() {
            details.push(format!("For example {}.", Words(&part.witness)));
        }
        details.push(
            "`nsgaudit prove --unneeded` lists all packets of it. Where it is wanted, state it as a \
             requirement of your own."
                .to_owned(),
        );
        let levels = parts.iter().flat_map(|(beyond, part)| {
            part.ruling.by.iter().filter_map(|by| match by.decider {
                Decider::Rule(rule) => Some((&beyond.levels[by.level], rule)),
                _ => None,
            })
        });
        Finding {
            severity: match direction {
                Direction::Inbound => Severity::Low,
                Direction::Outbound => Severity::Info,
            },
            details,
            evidence: (!used.is_empty()).then_some(evidence),
            rules: locations(given.network(), levels),
            ..finding("NSG205", &identity, title)
        }
    }

    /// NSG303: rules that decided no flow, of NSGs that decided others.
    fn unused(&self, given: &Given<'_>, asked: &[Asked<'_>], findings: &mut Vec<Finding>) {
        // Many groups have the same way, the same logged rule and the same ruling.
        let mut logged: BTreeSet<(usize, usize)> = BTreeSet::new();
        let mut rulings: BTreeMap<u32, (Direction, &Ruled)> = BTreeMap::new();
        for (judged, ruled) in asked {
            logged.insert((ruled.way, judged.group.rule));
            rulings.insert(ruled.number, (judged.group.direction, ruled));
        }
        let mut levels: BTreeMap<LevelKey<'_>, &Level> = BTreeMap::new();
        let mut used: BTreeSet<(LevelKey<'_>, usize)> = BTreeSet::new();
        let mut named: BTreeMap<usize, Vec<(LevelKey<'_>, Named<'_>)>> = BTreeMap::new();
        for &(direction, ruled) in rulings.values() {
            let of_way = given.levels(ruled);
            named.entry(ruled.way).or_insert_with(|| {
                let levels = of_way.iter();
                let name = |level| (level_key(level, direction), Named::new(level));
                levels.map(name).collect()
            });
            for level in of_way {
                levels.entry(level_key(level, direction)).or_insert(level);
            }
            for (level, rule) in given.deciders(ruled) {
                used.insert((level_key(level, direction), rule));
            }
        }
        for (way, logged) in logged {
            let logged = self.presenter.rule(logged);
            for (key, named) in named.get(&way).into_iter().flatten() {
                used.extend(named.logged(&logged).map(|rule| (*key, rule)));
            }
        }
        let mut idle: BTreeMap<(&str, &str), Vec<(&Level, usize)>> = BTreeMap::new();
        for (&(id, name, direction), &level) in &levels {
            for rule in 0..level.rules.len() {
                let counts = !level.rules[rule].is_default;
                if counts && !used.contains(&((id, name, direction), rule)) {
                    idle.entry((id, name)).or_default().push((level, rule));
                }
            }
        }
        for ((id, name), rules) in idle {
            findings.push(self.unused_of(given, id, name, &rules));
        }
    }

    fn unused_of(
        &self,
        given: &Given<'_>,
        id: &str,
        name: &str,
        rules: &[(&Level, usize)],
    ) -> Finding {
        let listed: Vec<_> = rules
            .iter()
            .map(|(level, rule)| level.rules[*rule].words())
            .collect();
        let verb = if rules.len() == 1 {
            "decides"
        } else {
            "decide"
        };
        let title = format!(
            "{} of {name} {verb} no flow of the logs",
            names::count(rules.len() as u64, "rule")
        );
        let window = match (&self.read.first, &self.read.last) {
            (Some(first), Some(last)) => format!(" from {first} to {last}"),
            _ => String::new(),
        };
        let details = vec![
            format!("{}.", names::first_few(&listed, LISTED)),
            format!(
                "Seen{window}, with records in {} of {} interface-hours: what is rare (certificates, \
                 recovery, deployments) may need them all the same.",
                self.read.coverage.covered, self.read.coverage.possible
            ),
        ];
        Finding {
            details,
            rules: locations(given.network(), rules.iter().copied()),
            ..finding("NSG303", &[id, name], title)
        }
    }

    /// NSG304: what logs tell and the given rules would not do.
    fn drift(&self, given: &Given<'_>, asked: &[Asked<'a>], findings: &mut Vec<Finding>) {
        // Whether they agree is the same for all groups of a logged rule, a decision and a ruling.
        let mut alike: BTreeMap<(usize, Decision, u32), Vec<Asked<'a>>> = BTreeMap::new();
        for &(judged, ruled) in asked {
            let group = judged.group;
            let known = group.outcome.is_none()
                && group.kind != LogKind::Capture
                && ruled.ruling.answer != Answer::Undetermined;
            if known {
                let key = (group.rule, group.decision, ruled.number);
                alike.entry(key).or_default().push((judged, ruled));
            }
        }
        let mut agreed: HashMap<Conversation, (i64, i64)> = HashMap::new();
        let mut drifts: BTreeMap<(RuleName, Decision, String), Drift<'_>> = BTreeMap::new();
        for ((rule, decision, _), all) in alike {
            let logged = self.presenter.rule(rule);
            let Some(&(_, ruled)) = all.first() else {
                continue;
            };
            if is_platform(&logged.acl, &logged.rule) || is_encryption(&logged.rule) {
                continue;
            }
            if is_same_answer(given, ruled, decision, &logged) {
                for (judged, _) in all {
                    let group = judged.group;
                    let (first, last) = (group.totals.first, group.totals.last);
                    let times = agreed.entry(conversation(group)).or_insert((first, last));
                    *times = (times.0.min(first), times.1.max(last));
                }
            } else {
                let key = (logged, decision, ruled.words.clone());
                let drift = drifts.entry(key).or_default();
                drift.add(all.iter().map(|(judged, _)| judged.group), ruled);
            }
        }
        for ((logged, decision, given_words), drift) in &drifts {
            let finding = self.drifted(given, logged, *decision, given_words, drift, &agreed);
            findings.push(finding);
        }
    }

    fn drifted(
        &self,
        given: &Given<'_>,
        logged: &RuleName,
        decision: Decision,
        given_words: &str,
        drift: &Drift<'_>,
        agreed: &HashMap<Conversation, (i64, i64)>,
    ) -> Finding {
        let evidence = self.presenter.observed(&drift.groups);
        let last = drift.groups.iter().map(|group| group.totals.last).max();
        let since: Option<i64> = drift
            .groups
            .iter()
            .filter_map(|group| agreed.get(&conversation(group)))
            .map(|&(first, _)| first)
            .min();
        let follows = since.zip(last).is_some_and(|(since, last)| since > last);
        let holder = names::holder(logged);
        let answer = match drift.answer {
            Some(Answer::Allow) => "allow",
            Some(Answer::Deny) => "deny",
            _ => "leave open",
        };
        let word = match decision {
            Decision::Allow => "allowed",
            Decision::Deny => "denied",
        };
        let title = format!(
            "Logs tell of flows {word} by {}, which the given rules {answer} {given_words}",
            names::rule_words(holder, &logged.rule)
        );
        let mut details = vec![format!(
            "{}, first {}, last {}.",
            names::count(evidence.flows.max(evidence.tuples.min(1)), "flow"),
            evidence.first.as_deref().unwrap_or("unknown"),
            evidence.last.as_deref().unwrap_or("unknown")
        )];
        details.push(match (follows, since) {
            (true, Some(since)) => format!(
                "From {} on the logs tell what the given rules do: the rules changed in between.",
                names::time(since)
            ),
            _ => "The logs' rules are not those given: they changed since, the documents are of \
                  another NSG, or a service tag's addresses moved. Collect the rules anew."
                .to_owned(),
        });
        let identity = [logged.acl.as_str(), logged.rule.as_str(), word, given_words];
        Finding {
            severity: if follows {
                Severity::Info
            } else {
                Severity::Medium
            },
            details,
            evidence: Some(evidence),
            rules: locations(given.network(), drift.deciders(given)),
            ..finding("NSG304", &identity, title)
        }
    }
}

/// Flows that nothing requires, by direction and the names of the given rules that allow them: the
/// audited subnet and the group.
fn used<'a>(given: &Given<'_>, asked: &[Asked<'a>]) -> Used<'a> {
    let mut by_ruling: BTreeMap<(Direction, u32), Vec<(u16, &Group)>> = BTreeMap::new();
    let mut rulings: BTreeMap<u32, &Ruled> = BTreeMap::new();
    for (judged, ruled) in asked {
        let Some(end) = judged.end else { continue };
        if judged.class == TrafficClass::OpenUnneeded && ruled.ruling.answer == Answer::Allow {
            let key = (end.direction, ruled.number);
            let of_ruling = by_ruling.entry(key).or_default();
            of_ruling.push((end.subnet, judged.group));
            rulings.insert(ruled.number, ruled);
        }
    }
    let mut used = Used::new();
    for ((direction, number), groups) in by_ruling {
        let names = names_of(given.deciders(rulings[&number]));
        used.entry((direction, names)).or_default().extend(groups);
    }
    used
}

/// What tells a level: its ID, its name, the direction.
type LevelKey<'a> = (&'a str, &'a str, Direction);

fn level_key(level: &Level, direction: Direction) -> LevelKey<'_> {
    (&level.id, &level.name, direction)
}

/// What is asked again and again: who, with whom, by what.
type Conversation = (ClassId, ClassId, Protocol, Port, Direction);

fn conversation(group: &Group) -> Conversation {
    (
        group.source,
        group.destination,
        group.protocol,
        group.port,
        group.direction,
    )
}

/// Flows of which logs tell one thing, and the given rules another.
#[derive(Default)]
struct Drift<'a> {
    groups: Vec<&'a Group>,
    ruled: Vec<&'a Ruled>,
    answer: Option<Answer>,
}

impl<'a> Drift<'a> {
    fn add(&mut self, groups: impl Iterator<Item = &'a Group>, ruled: &'a Ruled) {
        self.groups.extend(groups);
        self.ruled.push(ruled);
        self.answer = Some(ruled.ruling.answer);
    }

    fn deciders<'g>(&self, given: &Given<'g>) -> Vec<(&'g Level, usize)> {
        let ruled = self.ruled.iter();
        ruled.flat_map(|ruled| given.deciders(ruled)).collect()
    }
}

/// Whether the log tells what the given rules do: the same answer, by one of the same rules where
/// the log names one.
fn is_same_answer(given: &Given<'_>, ruled: &Ruled, decision: Decision, logged: &RuleName) -> bool {
    let same = match decision {
        Decision::Allow => ruled.ruling.answer == Answer::Allow,
        Decision::Deny => ruled.ruling.answer == Answer::Deny,
    };
    let deciders = given.deciders(ruled);
    same && (bare(&logged.rule).is_none()
        || deciders.is_empty()
        || deciders.into_iter().any(|(level, rule)| {
            // The platform's addresses match two default rules that both allow: which of them it
            // logs, Azure does not say.
            let defaults = level.rules[rule].is_default && is_default(&logged.rule);
            defaults || is_logged(level, rule, logged)
        }))
}

fn names_of(deciders: Vec<(&Level, usize)>) -> Vec<String> {
    let names: BTreeSet<_> = deciders
        .into_iter()
        .map(|(level, rule)| level.rules[rule].name.clone())
        .collect();
    names.into_iter().collect()
}

/// The names of the rules that allow a part, each once.
fn rule_names(part: &Part, levels: &[Level]) -> Vec<String> {
    let deciders = part.ruling.by.iter().filter_map(|by| match by.decider {
        Decider::Rule(rule) => Some((&levels[by.level], rule)),
        _ => None,
    });
    names_of(deciders.collect())
}

/// NSG301 and NSG302: rules that never decide, and rules of which it is not known what they match.
fn odd(given: &Given<'_>, findings: &mut Vec<Finding>) {
    for level in &given.network().all_levels() {
        let own = |rule: usize| !level.rules[rule].is_default;
        let shadowed = anomalies(level).shadowed.into_iter();
        for shadowed in shadowed.filter(|shadowed| own(shadowed.rule)) {
            findings.push(never(given, level, shadowed.rule, &shadowed.by));
        }
        for (number, rule) in level.rules.iter().enumerate() {
            let unknown: BTreeSet<_> = [&rule.source, &rule.destination]
                .into_iter()
                .flat_map(|side| side.unknown.iter().cloned())
                .collect();
            if unknown.is_empty() {
                continue;
            }
            let unknown: Vec<_> = unknown.into_iter().collect();
            let title = format!(
                "Rule {} of {}: the addresses of {} are not known",
                rule.words(),
                level.name,
                names::first_few(&unknown, LISTED)
            );
            findings.push(Finding {
                details: vec![
                    "What it may match is undetermined: give the documents or service tags that \
                     state them."
                        .to_owned(),
                ],
                rules: locations(given.network(), [(level, number)]),
                ..finding("NSG302", &[&level.id, &level.name, &rule.name], title)
            });
        }
    }
}

fn never(given: &Given<'_>, level: &Level, rule: usize, by: &[usize]) -> Finding {
    let its = &level.rules[rule];
    let title = format!("Rule {} of {} never decides", its.words(), level.name);
    let earlier: Vec<_> = by.iter().map(|&other| level.rules[other].words()).collect();
    let opposed = by
        .iter()
        .any(|&other| level.rules[other].access != its.access);
    let mut details = vec![if earlier.is_empty() {
        "It has no packet at all.".to_owned()
    } else {
        format!(
            "Earlier rules take all its packets: {}.",
            names::first_few(&earlier, LISTED)
        )
    }];
    if opposed {
        details.push(
            "One of them does the opposite: what the rule was written for does not happen."
                .to_owned(),
        );
    }
    let all = std::iter::once(rule).chain(by.iter().copied());
    Finding {
        severity: if opposed {
            Severity::Medium
        } else {
            Severity::Low
        },
        details,
        rules: locations(given.network(), all.map(|rule| (level, rule))),
        ..finding("NSG301", &[&level.id, &level.name, &its.name], title)
    }
}
