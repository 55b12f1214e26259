//! Whether an audit holds a piece of evidence, and what it says in words.

use std::collections::BTreeSet;

use crate::audit::{
    Audit, ConfiguredVerdict, Requirement, Severity, Source, TrafficClass, TrafficGroup, Verdict,
};
use crate::net::{Direction, Outcome, Timestamp};

use super::causes::{
    Evidence, FlowState, OfFindings, OfFlows, OfRequirement, OfRules, OfSubnets, port_set,
};

/// Places that a sentence lists.
const LISTED: usize = 4;

/// The check that logs allow what packets show to be dropped.
const DROPPED_BEHIND: &str = "NSG105";

/// Evidence that is there.
#[derive(Debug, Clone, Default)]
pub(super) struct Found<'a> {
    /// What it says beside the requirements' verdicts: sentences without a full stop.
    pub(super) words: Vec<String>,
    /// The requirements that it is of.
    pub(super) requirements: Vec<&'a Requirement>,
    /// The flow groups that it is of.
    pub(super) groups: Vec<&'a TrafficGroup>,
}

/// Asks an audit for evidence; `None` where it holds none.
///
/// Of flows only those that were seen after `since`: what worked before something broke says nothing
/// against it.
pub(super) fn ask<'a>(
    evidence: &Evidence,
    audit: &'a Audit,
    since: Option<Timestamp>,
) -> Option<Found<'a>> {
    match evidence {
        Evidence::Requirement(of) => requirement(of, audit),
        Evidence::Configured(of) => configured(of, audit),
        Evidence::Flows(of) => flows(of, audit, since),
        Evidence::Finding(of) => finding(of, audit),
        Evidence::Subnets(of) => subnets(of, audit),
        Evidence::Profile(name) => {
            let words = format!("audited against {}", audit.basis.profile);
            let is = audit.basis.profile.starts_with(name.as_str());
            said(is.then_some(words).into_iter().collect())
        }
        Evidence::All(several) => {
            let each = several.iter().map(|one| ask(one, audit, since));
            let mut all = Found::default();
            for found in each.collect::<Option<Vec<_>>>()? {
                all.words.extend(found.words);
                all.requirements.extend(found.requirements);
                all.groups.extend(found.groups);
            }
            Some(all)
        }
        Evidence::After(day) => {
            let last = audit
                .input
                .last
                .as_deref()
                .filter(|last| *last >= day.as_str());
            said(
                last.map(|last| format!("last flow {last}"))
                    .into_iter()
                    .collect(),
            )
        }
    }
}

fn finding<'a>(of: &OfFindings, audit: &'a Audit) -> Option<Found<'a>> {
    let findings = audit.findings.iter();
    let findings = findings.filter(|finding| of.codes.contains(&finding.code));
    let findings: Vec<_> = findings
        .filter(|finding| finding.severity >= of.least.unwrap_or(Severity::Low))
        .collect();
    let words = findings
        .iter()
        .map(|finding| format!("{}: {}", finding.code, finding.title));
    let mut found = said(words.take(LISTED).collect())?;
    let requirements = audit.requirements.iter();
    let requirements = requirements.filter(|of| !of.advice && of.dropped_behind);
    if findings
        .iter()
        .any(|finding| finding.code == DROPPED_BEHIND)
    {
        found.requirements = requirements.collect();
    }
    Some(found)
}

/// Whether logs allow what packets show to be dropped: then no rule is the cause.
fn is_behind(requirement: &Requirement) -> bool {
    requirement.dropped_behind && shown_by(requirement) == Source::Packets
}

fn said(words: Vec<String>) -> Option<Found<'static>> {
    (!words.is_empty()).then(|| Found {
        words,
        ..Found::default()
    })
}

fn requirement<'a>(of: &OfRequirement, audit: &'a Audit) -> Option<Found<'a>> {
    let of_it: Vec<&Requirement> = audit
        .requirements
        .iter()
        .filter(|requirement| !requirement.advice || of.advice)
        .filter(|requirement| requirement.verdict != Verdict::NotApplicable)
        .filter(|requirement| selects(of, requirement))
        .collect();
    let holds = |requirement: &&Requirement| {
        of.verdicts.contains(&requirement.verdict)
            && of.by.is_none_or(|by| by == shown_by(requirement))
            && (requirement.verdict == Verdict::Satisfied || !is_behind(requirement))
    };
    let found: Vec<&Requirement> = of_it.iter().copied().filter(holds).collect();
    if found.is_empty() || (of.every && found.len() < of_it.len()) {
        return None;
    }
    Some(Found {
        words: Vec::new(),
        requirements: found,
        groups: Vec::new(),
    })
}

fn selects(of: &OfRequirement, requirement: &Requirement) -> bool {
    let row = requirement.row.rsplit('/').next().unwrap_or_default();
    let remote = match requirement.direction {
        Direction::Inbound => &requirement.source,
        Direction::Outbound => &requirement.destination,
    };
    (of.rows.is_empty() || of.rows.iter().any(|wanted| wanted == row))
        && of
            .direction
            .is_none_or(|wanted| wanted == requirement.direction)
        && (of.remote.is_empty()
            || remote
                .split(", ")
                .any(|term| of.remote.iter().any(|wanted| wanted == term)))
        && of.ports.as_ref().is_none_or(|wanted| {
            port_set(&requirement.ports)
                .is_some_and(|ports| !ports.is_any() && !ports.intersection(&wanted.0).is_empty())
        })
}

/// Who shows that a requirement is denied: logs, where a rule is named.
fn shown_by(requirement: &Requirement) -> Source {
    let mut rules = requirement.denied.rules.iter();
    if rules.any(|rule| rule.outcome.is_none()) {
        Source::Logs
    } else {
        Source::Packets
    }
}

/// `Azure SQL dependency (outbound 1433): blocked in apim and ase`.
pub(super) fn by_row(requirements: &[&Requirement]) -> Vec<String> {
    let mut rows: Vec<(String, Verdict, Vec<&str>)> = Vec::new();
    for requirement in requirements {
        let row = format!(
            "{} ({} {})",
            requirement.purpose, requirement.direction, requirement.ports
        );
        let same = |(other, verdict, _): &&mut (String, Verdict, Vec<&str>)| {
            *other == row && *verdict == requirement.verdict
        };
        match rows.iter_mut().find(same) {
            Some((_, _, subnets)) => subnets.push(&requirement.subnet),
            None => rows.push((row, requirement.verdict, vec![&requirement.subnet])),
        }
    }
    rows.into_iter()
        .map(|(row, verdict, subnets)| format!("{row}: {} in {}", verdict.name(), listed(&subnets)))
        .collect()
}

fn configured<'a>(of: &OfRules, audit: &'a Audit) -> Option<Found<'a>> {
    let holds = |verdict: ConfiguredVerdict| of.verdicts.contains(&verdict);
    let mut found = Found::default();
    for requirement in audit.requirements.iter().filter(|of| !of.advice) {
        let Some(configured) = requirement
            .configured
            .as_ref()
            .filter(|by| holds(by.verdict) && !by.rules.is_empty())
        else {
            continue;
        };
        found.requirements.push(requirement);
        let reason = configured.reasons.first().map_or("", String::as_str);
        found.words.push(format!(
            "by the given rules, {} ({} {}) of {}: {}",
            requirement.purpose,
            requirement.direction,
            requirement.ports,
            requirement.subnet,
            reason.trim_end_matches('.')
        ));
    }
    (!found.requirements.is_empty()).then_some(found)
}

fn flows<'a>(of: &OfFlows, audit: &'a Audit, since: Option<Timestamp>) -> Option<Found<'a>> {
    let selected = |state: FlowState| -> Vec<&TrafficGroup> {
        let groups = audit.groups.iter();
        groups
            .filter(|group| group.class != TrafficClass::Other)
            .filter(|group| concerns(of, group) && is(state, group))
            .filter(|group| since.is_none_or(|since| Timestamp::parse(&group.last) > Some(since)))
            .collect()
    };
    let groups = selected(of.state);
    if of.none {
        let counted = audit.input.tuples.counted > 0;
        return said(
            (groups.is_empty() && counted)
                .then(|| format!("no such flow among {} tuples", audit.input.tuples.counted))
                .into_iter()
                .collect(),
        );
    }
    if groups.is_empty() || (of.all && !selected(FlowState::Silent).is_empty()) {
        return None;
    }
    Some(Found {
        words: by_port(&groups, of.state),
        requirements: Vec::new(),
        groups,
    })
}

fn concerns(of: &OfFlows, group: &TrafficGroup) -> bool {
    let remote = match group.direction {
        Direction::Inbound => &group.source,
        Direction::Outbound => &group.destination,
    };
    let has = |ports: &super::causes::Ports| group.port.is_some_and(|port| ports.0.contains(port));
    of.direction.is_none_or(|wanted| wanted == group.direction)
        && of
            .protocol
            .as_ref()
            .is_none_or(|wanted| *wanted == group.protocol)
        && of.ports.as_ref().is_none_or(has)
        && !of.except_ports.as_ref().is_some_and(has)
        && (of.remote.is_empty() || of.remote.iter().any(|word| remote.contains(word.as_str())))
        && (of.classes.is_empty() || of.classes.contains(&group.class))
}

fn is(state: FlowState, group: &TrafficGroup) -> bool {
    use crate::net::Decision::{Allow, Deny};
    let logged = group.outcome.is_none();
    match state {
        FlowState::Denied => logged && group.decision == Deny,
        FlowState::Unanswered => matches!(
            group.outcome,
            Some(Outcome::Unanswered | Outcome::Prohibited | Outcome::Unreachable)
        ),
        // Without bytes forward the log has no counters, and their lack says nothing.
        FlowState::Silent => {
            logged && group.decision == Allow && group.bytes_forward > 0 && group.bytes_reverse == 0
        }
        FlowState::Answered => {
            group.decision == Allow
                && (group.bytes_reverse > 0 || group.outcome == Some(Outcome::Answered))
        }
        FlowState::Allowed => {
            group.decision == Allow
                && !matches!(group.outcome, Some(Outcome::Refused | Outcome::OneSided))
        }
    }
}

/// `outbound udp 53: 12 denied, from subnet ase to on-premises, 09:00:00Z to …`.
fn by_port(groups: &[&TrafficGroup], state: FlowState) -> Vec<String> {
    let mut ports: BTreeSet<(Direction, &str, Option<u16>)> = BTreeSet::new();
    ports.extend(groups.iter().map(|group| key(group)));
    let mut words: Vec<String> = Vec::new();
    for &port in ports.iter().take(LISTED) {
        let those: Vec<_> = groups.iter().filter(|group| key(group) == port).collect();
        let tuples: u64 = those.iter().map(|group| group.tuples).sum();
        let ends: BTreeSet<String> = those
            .iter()
            .map(|group| format!("{} to {}", group.source, group.destination))
            .collect();
        let ends: Vec<&str> = ends.iter().map(String::as_str).collect();
        let first = those.iter().map(|group| group.first.as_str()).min();
        let last = those.iter().map(|group| group.last.as_str()).max();
        let what = match state {
            FlowState::Denied => "denied",
            FlowState::Unanswered => "not answered",
            FlowState::Silent => "allowed, and no bytes came back",
            FlowState::Answered => "allowed and answered",
            FlowState::Allowed => "allowed",
        };
        let (direction, protocol, number) = port;
        let number = number.map_or_else(|| "other ports".to_owned(), |port| port.to_string());
        let plural = if tuples == 1 { "" } else { "s" };
        words.push(format!(
            "{direction} {protocol} {number}: {tuples} tuple{plural} {what}{}, {}, {} to {}",
            if state == FlowState::Denied {
                by(&those)
            } else {
                String::new()
            },
            few(&ends),
            first.unwrap_or_default(),
            last.unwrap_or_default()
        ));
    }
    if ports.len() > LISTED {
        words.push(format!("and {} more ports", ports.len() - LISTED));
    }
    words
}

/// ` by UserRule_x of nsg-a, nsg-b and 2 more`.
fn by(groups: &[&&TrafficGroup]) -> String {
    let rules: BTreeSet<&str> = groups.iter().map(|group| group.rule.as_str()).collect();
    let holders: BTreeSet<&str> = groups.iter().map(|group| group.nsg.as_str()).collect();
    let list = |names: &BTreeSet<&str>| few(&names.iter().copied().collect::<Vec<_>>());
    if rules.iter().all(|rule| rule.is_empty()) {
        return String::new();
    }
    format!(" by {} of {}", list(&rules), list(&holders))
}

fn key(group: &TrafficGroup) -> (Direction, &str, Option<u16>) {
    (group.direction, &group.protocol, group.port)
}

fn subnets(of: &OfSubnets, audit: &Audit) -> Option<Found<'static>> {
    if audit.basis.environment == "assumed" {
        return None;
    }
    let subnets: Vec<_> = audit.basis.subnets.iter().filter(|of| of.audited).collect();
    let mut wrong = Vec::new();
    if of.fewer_than.is_some_and(|least| subnets.len() < least) {
        wrong.push(format!("{} audited subnets are stated", subnets.len()));
    }
    for subnet in &subnets {
        for prefix in &subnet.prefixes {
            let length = prefix
                .split_once('/')
                .and_then(|(_, length)| length.parse::<u8>().ok());
            let narrow = of
                .narrower_than
                .zip(length)
                .is_some_and(|(most, is)| is > most);
            if narrow && !prefix.contains(':') {
                wrong.push(format!("{} is {prefix}", subnet.name));
            }
        }
    }
    match (of.none, wrong.is_empty()) {
        (true, true) => said(vec![format!(
            "{} audited subnets are stated, none too small",
            subnets.len()
        )]),
        (false, false) => said(wrong),
        _ => None,
    }
}

/// The first two.
fn few(names: &[&str]) -> String {
    match names {
        [first, second, rest @ ..] if !rest.is_empty() => {
            format!("{first}, {second} and {} more", rest.len())
        }
        _ => listed(names),
    }
}

/// `a, b and 3 more`.
pub(super) fn listed(names: &[&str]) -> String {
    let (named, rest) = names.split_at(names.len().min(LISTED));
    match (named, rest.len()) {
        ([], _) => String::new(),
        ([only], 0) => (*only).to_owned(),
        ([first @ .., last], 0) => format!("{} and {last}", first.join(", ")),
        (named, more) => format!("{} and {more} more", named.join(", ")),
    }
}
