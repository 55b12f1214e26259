//! The first lines: what is broken, since when, by which rule; then what it was judged on.

use std::collections::{BTreeMap, BTreeSet};

use super::page::{Page, Text, Tone};
use crate::audit::{Audit, ChangeKind, Finding, Requirement, RuleCount, Severity, Verdict};
use crate::net::{Decision, Outcome};
use crate::report::number::{between, counted, grouped, percent};
use crate::report::purpose::{self, Purpose, is_before};

/// Purposes named in the headline.
const NAMED: usize = 5;
/// Codes of other findings than on required traffic that are named in the headline.
const ALSO: usize = 3;

/// A line of the answer.
pub(in crate::report) struct Line {
    /// One of a list that the line before begins.
    pub(in crate::report) listed: bool,
    /// What it says.
    pub(in crate::report) text: Text,
}

pub(super) fn print(page: &mut Page, audit: &Audit) {
    for line in lines(audit) {
        if line.listed {
            page.hanging(&Text::new().plain("- "), &line.text, 2);
        } else {
            page.line(&line.text);
        }
    }
    page.blank();
    basis(page, audit);
}

/// What is broken, since when, by which rule: the first lines of every report for people.
pub(in crate::report) fn lines(audit: &Audit) -> Vec<Line> {
    let purposes: Vec<Purpose<'_>> = purpose::gathered(audit)
        .into_iter()
        .filter(|purpose| !purpose.row().advice)
        .collect();
    let blocked = of(&purposes, Verdict::Blocked);
    let partly = of(&purposes, Verdict::PartlyBlocked);
    let mut lines = Vec::new();
    if audit.input.tuples.counted == 0 {
        let nothing = "NOTHING WAS COUNTED";
        let meaning = ": no flow tuple was read and kept, so nothing is proven either way.";
        lines.push(said(Text::toned(Tone::Bad, nothing).plain(meaning)));
    }
    trouble(&mut lines, &blocked, "BLOCKED", Tone::Bad);
    trouble(&mut lines, &partly, "PARTLY BLOCKED", Tone::Doubtful);
    if blocked.is_empty() && partly.is_empty() && audit.input.tuples.counted > 0 {
        lines.push(said(nothing_blocked(&purposes)));
    }
    also(&mut lines, &audit.findings);
    lines
}

fn said(text: Text) -> Line {
    Line {
        listed: false,
        text,
    }
}

fn listed(text: Text) -> Line {
    Line { listed: true, text }
}

fn of<'a, 'b>(purposes: &'b [Purpose<'a>], verdict: Verdict) -> Vec<&'b Purpose<'a>> {
    purposes
        .iter()
        .filter(|purpose| purpose.worst == verdict)
        .collect()
}

fn trouble(lines: &mut Vec<Line>, purposes: &[&Purpose<'_>], word: &str, tone: Tone) {
    let Some((first, others)) = purposes.split_first() else {
        return;
    };
    if others.is_empty() {
        let lead = Text::toned(tone, &format!("1 required purpose is {word}"));
        lines.push(said(lead.plain(": ").append(sentence(first))));
        return;
    }
    let lead = format!("{} required purposes are {word}", purposes.len());
    lines.push(said(Text::toned(tone, &lead).plain(":")));
    for purpose in purposes.iter().take(NAMED) {
        lines.push(listed(sentence(purpose)));
    }
    if purposes.len() > NAMED {
        let more = format!("and {} more, in the table below", purposes.len() - NAMED);
        lines.push(listed(Text::toned(Tone::Quiet, &more)));
    }
}

/// `Event Hub (outbound 5672) in compute and apim, since …, by UserRule_x of NSG y.`
fn sentence(purpose: &Purpose<'_>) -> Text {
    let worst: Vec<_> = purpose
        .requirements
        .iter()
        .copied()
        .filter(|requirement| requirement.verdict == purpose.worst)
        .collect();
    let mut text = Text::toned(Tone::Strong, &purpose.row().purpose).plain(&format!(
        " ({}) in {}",
        purpose.traffic(),
        purpose::listed(&purpose.subnets_with(purpose.worst))
    ));
    let onset = |requirement: &&Requirement| match requirement.verdict {
        // What is blocked has not begun allowed since.
        Verdict::Blocked => requirement.denied.first.clone(),
        _ => purpose::onset(&requirement.denied, &requirement.allowed),
    };
    if let Some(since) = worst
        .iter()
        .filter_map(onset)
        .reduce(|a, b| if is_before(&b, &a) { b } else { a })
    {
        text = text.plain(", since ").push(Tone::Strong, &since);
        if let Some(last) = last_allowed(&worst, &since) {
            let packets = rules(&worst).all(|rule| rule.outcome.is_some());
            let worked = if packets { "answered" } else { "allowed" };
            text = text.plain(&format!(" (last {worked} {last})"));
        }
    } else if let Some(last) = worst
        .iter()
        .filter_map(|requirement| requirement.denied.last.as_deref())
        .reduce(|a, b| if is_before(a, b) { b } else { a })
    {
        text = text.plain(&mixed(&worst)).plain(last);
    }
    let rules: Vec<_> = rules(&worst).collect();
    let rule = rules
        .iter()
        .copied()
        .reduce(|most, rule| if rule.flows > most.flows { rule } else { most });
    match rule {
        Some(rule) if rule.outcome.is_some() => text = text.plain(&packets(&worst)),
        Some(rule) => {
            text = text.plain(", by ").push(Tone::Strong, &rule.rule);
            if !rule.nsg.is_empty() {
                text = text.plain(" of NSG ").push(Tone::Strong, &rule.nsg);
            }
            text = text.plain(&others(rule, &rules));
        }
        None => {}
    }
    text.plain(".")
}

/// Who denies them.
fn rules<'a>(requirements: &[&'a Requirement]) -> impl Iterator<Item = &'a RuleCount> {
    requirements
        .iter()
        .flat_map(|requirement| &requirement.denied.rules)
}

/// When it was last allowed before that time, the time of day only where the day is the same.
fn last_allowed<'a>(requirements: &[&'a Requirement], since: &str) -> Option<&'a str> {
    let changes = requirements.iter().flat_map(|of| &of.changes);
    let stopped = changes.filter(|change| change.kind == ChangeKind::Stopped);
    let last = stopped
        .filter_map(|change| change.last_before.as_deref())
        .filter(|last| !is_before(since, last))
        .reduce(|a, b| if is_before(a, b) { b } else { a })?;
    let day = since.split('T').next().unwrap_or_default();
    match last.split_once('T') {
        Some((of, clock)) if of == day => Some(clock),
        _ => Some(last),
    }
}

/// ` and 3 more NSGs`: those that deny as well as the one that is named.
fn others(named: &RuleCount, rules: &[&RuleCount]) -> String {
    let more: BTreeSet<&str> = rules
        .iter()
        .map(|rule| rule.nsg_id.as_str())
        .filter(|id| !id.is_empty() && *id != named.nsg_id)
        .collect();
    let plural = if more.len() == 1 { "" } else { "s" };
    let by = if rules.iter().all(|rule| rule.rule == named.rule) {
        " and"
    } else {
        ", and by other rules of"
    };
    match more.len() {
        0 => String::new(),
        count => format!("{by} {} more NSG{plural}", grouped(count as u64)),
    }
}

/// ` (packets: 1,204 connections unanswered)`: what became of those that did not work.
fn packets(requirements: &[&Requirement]) -> String {
    let mut outcomes: BTreeMap<Outcome, u64> = BTreeMap::new();
    for of in requirements
        .iter()
        .flat_map(|requirement| &requirement.packets)
    {
        if of.outcome.decision() == Some(Decision::Deny) {
            *outcomes.entry(of.outcome).or_default() += of.connections;
        }
    }
    let words: Vec<_> = outcomes
        .into_iter()
        .map(|(outcome, connections)| {
            format!("{} {}", counted(connections, "connection"), outcome.name())
        })
        .collect();
    format!(" (packets: {})", words.join(", "))
}

/// `: 17 flows denied and 410 allowed, last denied `.
fn mixed(requirements: &[&Requirement]) -> String {
    let sum = |flows: fn(&Requirement) -> u64| {
        requirements.iter().fold(0u64, |sum, requirement| {
            sum.saturating_add(flows(requirement))
        })
    };
    format!(
        ": {} denied and {} allowed, last denied ",
        counted(sum(|requirement| requirement.denied.flows), "flow"),
        grouped(sum(|requirement| requirement.allowed.flows))
    )
}

fn nothing_blocked(purposes: &[Purpose<'_>]) -> Text {
    let count = |verdict| of(purposes, verdict).len();
    let (satisfied, unproven) = (count(Verdict::Satisfied), count(Verdict::Unproven));
    let mut text = Text::toned(Tone::Good, "No required purpose was seen blocked").plain(&format!(
        ": of {} purposes, {satisfied} were seen to work in every subnet",
        purposes.len()
    ));
    if unproven > 0 {
        text = text.plain(&format!(
            ", {unproven} are unproven in a subnet or more (no flow was seen: neither working nor blocked)"
        ));
    }
    text.plain(".")
}

/// Grave findings that the sentences above do not tell: the first of each code.
fn also(lines: &mut Vec<Line>, findings: &[Finding]) {
    let mut codes: Vec<(&Finding, u64)> = Vec::new();
    for finding in findings {
        let told = ["NSG101", "NSG102", "NSG103", "NSG104"].contains(&finding.code.as_str());
        if finding.severity < Severity::High || told || finding.suppressed.is_some() {
            continue;
        }
        match codes
            .iter_mut()
            .find(|(first, _)| first.code == finding.code)
        {
            Some((_, more)) => *more += 1,
            None => codes.push((finding, 0)),
        }
    }
    for (finding, more) in codes.iter().take(ALSO) {
        let mut text = Text::toned(Tone::Bad, &format!("Also {}", finding.code))
            .plain(": ")
            .plain(&finding.title);
        if *more > 0 {
            text = text.plain(&format!("; and {} more of its kind", grouped(*more)));
        }
        lines.push(said(text.plain(".")));
    }
    if codes.len() > ALSO {
        let more = format!("And {} more kinds of finding as grave.", codes.len() - ALSO);
        lines.push(said(Text::toned(Tone::Quiet, &more)));
    }
}

/// What the answer rests on, in two lines.
fn basis(page: &mut Page, audit: &Audit) {
    let input = &audit.input;
    let window = match (&input.first, &input.last) {
        (Some(first), Some(last)) => {
            let length = between(first, last).map_or_else(String::new, |span| format!(" ({span})"));
            format!("{first} to {last}{length}, ")
        }
        _ => String::new(),
    };
    let mut seen = format!("{window}{}", counted(input.tuples.counted, "tuple"));
    if let Some(captures) = &input.captures {
        let connections = counted(captures.connections, "connection");
        let packets = counted(captures.packets.read, "captured packet");
        seen.extend([" (", &connections, " of ", &packets, ")"]);
    }
    if input.coverage.interfaces > 0 || input.captures.is_none() {
        seen.extend([", coverage ", &percent(input.coverage.per_mille)]);
    }
    page.entry("seen", &Text::new().plain(&seen));
    let profile = format!("{}: {}", audit.basis.profile, audit.basis.title);
    page.entry("against", &Text::new().plain(&profile));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_nsgs_that_deny_are_counted_once() {
        let rule = |nsg: &str, rule: &str| RuleCount {
            nsg: nsg.to_owned(),
            nsg_id: nsg.to_owned(),
            rule: rule.to_owned(),
            outcome: None,
            flows: 1,
        };
        let said = |rules: &[RuleCount]| others(&rules[0], &rules.iter().collect::<Vec<_>>());
        let (a, b) = (rule("a", "x"), rule("b", "x"));
        assert_eq!(said(std::slice::from_ref(&a)), "");
        assert_eq!(said(&[a.clone(), b.clone(), b.clone()]), " and 1 more NSG");
        let different = [a.clone(), b, rule("c", "y")];
        assert_eq!(said(&different), ", and by other rules of 2 more NSGs");
        assert_eq!(said(&[a, rule("", "y")]), "", "a holder that is not known");
    }
}
