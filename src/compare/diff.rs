//! Old and new audit -> their difference.
//!
//! Findings are matched by fingerprint, requirements by row, subnet and direction. A document may
//! have one several times, since anybody may have written it: then they are matched one by one.

use std::collections::BTreeMap;

use super::model::{
    Change, Changed, Comparable, DIFF_SCHEMA, Difference, FindingText, Fixed, Gone, Side, Summary,
    VerdictChange,
};
use crate::audit::{Audit, Finding, Observed, Requirement, Verdict};
use crate::net::{Direction, Timestamp};

mod inputs;

/// Compares two audits. `files` are the names of their documents, old and new.
pub fn diff(old: &Audit, new: &Audit, files: [&str; 2], program: &str) -> Difference {
    let pairs = paired(
        sorted(&old.findings),
        sorted(&new.findings),
        |finding| finding.fingerprint.as_str(),
        |finding| finding,
    );
    let (comparable, warnings) = inputs::comparable(old, new);
    let mut difference = Difference {
        schema: DIFF_SCHEMA.to_owned(),
        program: program.to_owned(),
        old: side(old, files[0]),
        new: side(new, files[1]),
        comparable,
        warnings,
        summary: Summary::default(),
        new_findings: Vec::new(),
        fixed: Vec::new(),
        changed: Vec::new(),
        unchanged: Vec::new(),
        verdicts: verdicts(old, new),
        inputs: inputs::changes(old, new),
    };
    for pair in pairs {
        match pair {
            (Some(before), Some(now)) => {
                let changes = changes(before, now);
                if changes.is_empty() && before.severity == now.severity {
                    difference.unchanged.push(text(now));
                } else {
                    difference.changed.push(Changed {
                        finding: text(now),
                        severity_before: before.severity,
                        changes,
                    });
                }
            }
            (None, Some(now)) => difference.new_findings.push(text(now)),
            (Some(before), None) => {
                let (gone, meaning) = gone(before, new, comparable);
                difference.fixed.push(Fixed {
                    finding: text(before),
                    gone,
                    meaning,
                });
            }
            (None, None) => {}
        }
    }
    difference.new_findings.sort_by_cached_key(order);
    difference.unchanged.sort_by_cached_key(order);
    difference
        .fixed
        .sort_by_cached_key(|fixed| order(&fixed.finding));
    let changed = &mut difference.changed;
    changed.sort_by_cached_key(|changed| order(&changed.finding));
    difference.summary = summary(&difference);
    difference
}

fn summary(difference: &Difference) -> Summary {
    let suppressed = |finding: &&FindingText| finding.suppressed.is_some();
    let unproven = |fixed: &&Fixed| fixed.gone != Gone::Settled;
    Summary {
        new: difference.new_findings.len() as u64,
        new_suppressed: difference.new_findings.iter().filter(suppressed).count() as u64,
        fixed: difference.fixed.len() as u64,
        fixed_unproven: difference.fixed.iter().filter(unproven).count() as u64,
        changed: difference.changed.len() as u64,
        unchanged: difference.unchanged.len() as u64,
        verdicts: difference.verdicts.len() as u64,
    }
}

fn side(audit: &Audit, file: &str) -> Side {
    Side {
        file: file.to_owned(),
        program: audit.program.clone(),
        profile: audit.basis.profile.clone(),
        first: audit.input.first.clone(),
        last: audit.input.last.clone(),
        coverage_per_mille: audit.input.coverage.per_mille,
        findings: audit.findings.len() as u64,
    }
}

/// Worst first, then by code, title and fingerprint.
fn order(finding: &FindingText) -> impl Ord + use<> {
    (
        std::cmp::Reverse(finding.severity),
        finding.code.clone(),
        finding.title.clone(),
        finding.fingerprint.clone(),
        finding.subnet.clone(),
        finding.flows,
    )
}

fn text(finding: &Finding) -> FindingText {
    FindingText {
        code: finding.code.clone(),
        check: finding.check.clone(),
        severity: finding.severity,
        fingerprint: finding.fingerprint.clone(),
        title: finding.title.clone(),
        subnet: finding.subnet.clone(),
        rows: finding.rows.clone(),
        flows: finding.evidence.as_ref().map_or(0, |seen| seen.flows),
        suppressed: finding.suppressed.clone(),
    }
}

/// Findings in an order that does not depend on that of the document.
fn sorted(findings: &[Finding]) -> Vec<&Finding> {
    let mut sorted: Vec<_> = findings.iter().collect();
    sorted.sort_by_cached_key(|finding| order(&text(finding)));
    sorted
}

/// What two lists have of each key, one by one; in order of the keys.
fn paired<'a, T, K: Ord, V>(
    old: Vec<&'a T>,
    new: Vec<&'a T>,
    key: impl Fn(&'a T) -> K,
    value: impl Fn(&'a T) -> V,
) -> Vec<(Option<V>, Option<V>)> {
    let mut both: BTreeMap<K, [Vec<V>; 2]> = BTreeMap::new();
    for (number, list) in [old, new].into_iter().enumerate() {
        for one in list {
            both.entry(key(one)).or_default()[number].push(value(one));
        }
    }
    let mut pairs = Vec::new();
    for [old, new] in both.into_values() {
        let length = old.len().max(new.len());
        let (mut old, mut new) = (old.into_iter(), new.into_iter());
        pairs.extend((0..length).map(|_| (old.next(), new.next())));
    }
    pairs
}

/// What changed of a finding, but for its severity: facts, not counts and times.
fn changes(old: &Finding, new: &Finding) -> Vec<Change> {
    let facts = |finding: &Finding| {
        let one = |text: &str| vec![text.to_owned()];
        [
            ("code", one(&finding.code)),
            ("title", one(&without_numbers(&finding.title))),
            ("subnet", finding.subnet.iter().cloned().collect()),
            ("rows", finding.rows.clone()),
            ("decided by", deciders(finding.evidence.as_ref())),
            ("rules", rules(finding)),
            ("suppressed", suppressed(finding)),
        ]
    };
    let said = |texts: Vec<String>| (!texts.is_empty()).then(|| texts.join(", "));
    facts(old)
        .into_iter()
        .zip(facts(new))
        .filter(|((_, before), (_, now))| before != now)
        .map(|((what, before), (_, now))| match what {
            "title" => change(what, Some(old.title.clone()), Some(new.title.clone())),
            _ => change(what, said(before), said(now)),
        })
        .collect()
}

fn change(what: &str, old: Option<String>, new: Option<String>) -> Change {
    Change {
        what: what.to_owned(),
        old,
        new,
    }
}

/// A title with its numbers masked: they are counts, and what is no count is in the fingerprint.
fn without_numbers(title: &str) -> String {
    let mut masked = String::new();
    for letter in title.chars() {
        match letter {
            '0'..='9' if masked.ends_with('#') => {}
            '0'..='9' => masked.push('#'),
            // `1 flow`, `2 flows`.
            's' if masked.ends_with(|last: char| last.is_ascii_lowercase()) => {}
            other => masked.push(other),
        }
    }
    masked
}

/// The rules (or outcomes) that decided, each once, in order.
fn deciders(seen: Option<&Observed>) -> Vec<String> {
    let rules = seen.into_iter().flat_map(|seen| &seen.rules);
    let mut names: Vec<_> = rules
        .map(|rule| match (rule.outcome, rule.nsg.as_str()) {
            (Some(outcome), _) => format!("packets, {}", outcome.name()),
            (None, "") => rule.rule.clone(),
            (None, nsg) => format!("{} of {nsg}", rule.rule),
        })
        .collect();
    names.sort();
    names.dedup();
    names
}

fn rules(finding: &Finding) -> Vec<String> {
    let named = finding.rules.iter();
    let mut names: Vec<_> = named
        .map(|rule| format!("{} of {}", rule.rule, rule.nsg))
        .collect();
    names.sort();
    names.dedup();
    names
}

fn suppressed(finding: &Finding) -> Vec<String> {
    let by = finding.suppressed.iter();
    by.map(|by| format!("by {} until {}: {}", by.owner, by.expires, by.reason))
        .collect()
}

type Key<'a> = (&'a str, &'a str, Direction);

fn key(requirement: &Requirement) -> Key<'_> {
    (&requirement.row, &requirement.subnet, requirement.direction)
}

/// Requirements whose verdict differs, in order of row, subnet and direction.
fn verdicts(old: &Audit, new: &Audit) -> Vec<VerdictChange> {
    let list = |audit: &'_ Audit| -> Vec<usize> {
        let mut order: Vec<_> = (0..audit.requirements.len()).collect();
        order.sort_by_key(|&index| {
            let requirement = &audit.requirements[index];
            (key(requirement), requirement.verdict)
        });
        order
    };
    let of = |audit| -> Vec<&Requirement> {
        let audit: &Audit = audit;
        let order = list(audit).into_iter();
        order.map(|index| &audit.requirements[index]).collect()
    };
    paired(of(old), of(new), key, |requirement| requirement)
        .into_iter()
        .filter_map(|(old, new)| {
            let one = new.or(old)?;
            let (old, new) = (old.map(|old| old.verdict), new.map(|new| new.verdict));
            (old != new).then(|| VerdictChange {
                row: one.row.clone(),
                purpose: one.purpose.clone(),
                subnet: one.subnet.clone(),
                direction: one.direction,
                old,
                new,
            })
        })
        .collect()
}

/// What it means that the later audit lacks a finding.
fn gone(finding: &Finding, new: &Audit, comparable: Comparable) -> (Gone, String) {
    if new.input.tuples.counted == 0 {
        return (Gone::Unseen, "The later audit counted no flow.".to_owned());
    }
    match finding.code.get(..4) {
        Some("NSG1") => requirement_gone(finding, new),
        Some("NSG9") => (
            Gone::Settled,
            "The later audit's evidence does not have it.".to_owned(),
        ),
        _ => open_gone(finding, new, comparable),
    }
}

fn requirement_gone(finding: &Finding, new: &Audit) -> (Gone, String) {
    let of_captures = finding.code == "NSG105";
    if finding.rows.is_empty() || of_captures {
        let why = if of_captures && new.input.captures.is_none() {
            "The later audit has no captures: it cannot see this."
        } else {
            "The later audit did not see it again: that alone proves no repair."
        };
        return (Gone::Unseen, why.to_owned());
    }
    let asked: Vec<_> = new
        .requirements
        .iter()
        .filter(|requirement| finding.rows.contains(&requirement.row))
        .filter(|requirement| {
            let subnet = finding.subnet.as_ref();
            subnet.is_none_or(|subnet| *subnet == requirement.subnet)
        })
        .collect();
    let Some(worst) = asked.iter().map(|requirement| requirement.verdict).min() else {
        let why =
            "The later audit has no such requirement: another profile, subnet or environment.";
        return (Gone::NotAsked, why.to_owned());
    };
    let (gone, means) = match worst {
        Verdict::Blocked | Verdict::PartlyBlocked | Verdict::AtRisk => {
            (Gone::Continues, "see its other finding")
        }
        Verdict::Unproven => (
            Gone::Unseen,
            "no flow shows it: it is unseen, which is not repaired",
        ),
        Verdict::SatisfiedUnseen => (Gone::Settled, "the rules allow it"),
        Verdict::Satisfied => (Gone::Settled, "it was seen to work"),
        Verdict::NotApplicable => (Gone::NotAsked, "its condition does not hold any more"),
    };
    let meaning = format!("The requirement is now {}: {means}.", worst.name());
    (gone, meaning)
}

fn open_gone(finding: &Finding, new: &Audit, comparable: Comparable) -> (Gone, String) {
    let known = |name: &String| {
        let mut subnets = new.basis.subnets.iter();
        subnets.any(|subnet| subnet.audited && subnet.name == *name)
    };
    if finding.subnet.as_ref().is_some_and(|name| !known(name)) {
        let why = "The later audit does not audit a subnet of that name.";
        return (Gone::NotAsked, why.to_owned());
    }
    let why = match comparable {
        Comparable::No => "The later audit cannot be compared: this says nothing.",
        _ if finding.code == "NSG204" => {
            "The later audit has no such traffic, or can tell what it is."
        }
        _ => {
            "Nobody used it in the later window. It may still be open: `nsgaudit prove --unneeded` \
             on the rules says."
        }
    };
    (Gone::Unseen, why.to_owned())
}

/// A time of a document; none where it is no time.
fn time(text: Option<&str>) -> Option<i64> {
    text.and_then(Timestamp::parse).map(|time| time.0)
}

#[cfg(test)]
mod tests;
