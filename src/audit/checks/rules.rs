//! NSG205, NSG301 to NSG304: the given rules, beside what was seen.

use std::collections::{BTreeMap, BTreeSet};

use crate::classify::ClassId;
use crate::flowlog::LogKind;
use crate::net::{Decision, Direction, Protocol};
use crate::policy::decider::Decider;
use crate::policy::logged::{Compared, Why, is_logged};
use crate::policy::packet::Words;
use crate::policy::prove::{Extent, Part};
use crate::policy::rule::{Answer, Level};
use crate::policy::shadow::anomalies;
use crate::tally::{Group, Port, RuleName};

use super::super::configured::{OpenBeyond, open_beyond_all};
use super::super::given::{Given, LevelAskers, Ruled, locations};
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
            .zip(&given.groups)
            .filter_map(|(judged, ruled)| Some((judged, ruled.as_ref()?)))
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
        let mut levels: BTreeMap<(&str, &str, Direction), &Level> = BTreeMap::new();
        let mut used: BTreeSet<(&str, &str, Direction, usize)> = BTreeSet::new();
        // Many groups have one logged rule: it is looked for once a way.
        let mut looked_for = BTreeSet::new();
        for (judged, ruled) in asked {
            let direction = judged.group.direction;
            for (level, rule) in given.deciders(ruled) {
                used.insert((&level.id, &level.name, direction, rule));
            }
            if !looked_for.insert((ruled.way, judged.group.rule)) {
                continue;
            }
            let logged = self.presenter.rule(judged.group.rule);
            for level in given.levels(ruled) {
                let key = (level.id.as_str(), level.name.as_str(), direction);
                levels.entry(key).or_insert(level);
                let mut rules = 0..level.rules.len();
                if let Some(rule) =
                    rules.find(|&rule| is_logged(level, rule, &logged.acl, &logged.rule))
                {
                    used.insert((key.0, key.1, key.2, rule));
                }
            }
        }
        let mut idle: BTreeMap<(&str, &str), Vec<(&Level, usize)>> = BTreeMap::new();
        for (&(id, name, direction), &level) in &levels {
            for rule in 0..level.rules.len() {
                let counts = !level.rules[rule].is_default;
                if counts && !used.contains(&(id, name, direction, rule)) {
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
    fn drift(&self, given: &Given<'a>, asked: &[Asked<'a>], findings: &mut Vec<Finding>) {
        let mut agreed: BTreeMap<Conversation, (i64, i64)> = BTreeMap::new();
        let mut drifts: BTreeMap<(RuleName, Decision, String), Drift<'_>> = BTreeMap::new();
        let mut askers = LevelAskers::new();
        for &(judged, ruled) in asked {
            let group = judged.group;
            if group.outcome.is_some() || group.kind == LogKind::Capture {
                continue;
            }
            let logged = self.presenter.rule(group.rule);
            let (first, last) = (group.totals.first, group.totals.last);
            let levels = given.levels(ruled);
            match given.compare(ruled, group, &logged, &mut askers) {
                (Compared::Agrees, _) => {
                    let times = agreed.entry(conversation(group)).or_insert((first, last));
                    *times = (times.0.min(first), times.1.max(last));
                }
                (Compared::OtherRule | Compared::Differs, Some(told)) => {
                    let key = (logged, group.decision, told.words(levels));
                    let (answer, deciders) = (told.answer(), told.deciders(levels));
                    drifts.entry(key).or_default().add(judged, answer, deciders);
                }
                // The NSG that logged it is none of those given: what they do is told beside it.
                (Compared::Out(Why::OtherNsg), _)
                    if ruled.ruling.answer != Answer::Undetermined =>
                {
                    let key = (logged, group.decision, given.words(ruled));
                    let (answer, deciders) = (ruled.ruling.answer, given.deciders(ruled));
                    drifts.entry(key).or_default().add(judged, answer, deciders);
                }
                _ => {}
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
        agreed: &BTreeMap<Conversation, (i64, i64)>,
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
            rules: locations(given.network(), drift.deciders.iter().copied()),
            ..finding("NSG304", &identity, title)
        }
    }
}

/// Flows that nothing requires, by direction and the names of the given rules that allow them: the
/// audited subnet and the group.
fn used<'a>(given: &Given<'_>, asked: &[Asked<'a>]) -> Used<'a> {
    let mut used = Used::new();
    for (judged, ruled) in asked {
        let Some(end) = judged.end else { continue };
        let counts =
            judged.class == TrafficClass::OpenUnneeded && ruled.ruling.answer == Answer::Allow;
        if counts {
            let key = (end.direction, names_of(given.deciders(ruled)));
            used.entry(key)
                .or_default()
                .push((end.subnet, judged.group));
        }
    }
    used
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
    deciders: Vec<(&'a Level, usize)>,
    answer: Option<Answer>,
}

impl<'a> Drift<'a> {
    fn add(&mut self, judged: &Judged<'a>, answer: Answer, deciders: Vec<(&'a Level, usize)>) {
        self.groups.push(judged.group);
        self.deciders.extend(deciders);
        self.answer = Some(answer);
    }
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
