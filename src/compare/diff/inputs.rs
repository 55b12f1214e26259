//! What changed around the findings: inputs, coverage, and what the audits were held against.

use std::collections::BTreeMap;

use super::super::model::{Change, Comparable};
use super::time;
use crate::audit::{Audit, SubnetText};

/// Loss of coverage, in per mille of the interface-hours, from which it is told: a point.
const LESS_COVERAGE: u64 = 10;
/// A window shorter than so many per cent of the other's is told.
const LESS_WINDOW: u64 = 90;
/// Kinds of faults after which an unknown amount is missing.
const LOSSES: [&str; 6] = [
    "truncated",
    "unreadable",
    "damaged-compression",
    "compression-bomb",
    "file-shrank",
    "damaged-capture",
];

/// Whether two audits can be compared, and what speaks against it.
pub(super) fn comparable(old: &Audit, new: &Audit) -> (Comparable, Vec<String>) {
    let mut against = Vec::new();
    for (name, audit) in [("earlier", old), ("later", new)] {
        if audit.input.tuples.counted == 0 {
            against.push(format!(
                "The {name} audit counted no flow: nothing it lacks is fixed, nothing it lacks was absent."
            ));
        }
    }
    if old.basis.profile != new.basis.profile {
        against.push(format!(
            "Other profiles, {} and {}: fingerprints of requirements have their names in them, so \
             that all of those are new or gone.",
            old.basis.profile, new.basis.profile
        ));
    }
    let mut doubts = Vec::new();
    doubts.extend(other_basis(old, new));
    doubts.extend(less(old, new));
    let comparable = match (against.is_empty(), doubts.is_empty()) {
        (false, _) => Comparable::No,
        (true, false) => Comparable::Doubtful,
        (true, true) => Comparable::Yes,
    };
    against.extend(doubts);
    (comparable, against)
}

/// Where the two were held against something else.
fn other_basis(old: &Audit, new: &Audit) -> Vec<String> {
    let mut doubts = Vec::new();
    if old.basis.profile == new.basis.profile && old.basis.edition != new.basis.edition {
        doubts.push(format!(
            "Other editions of the profile, {} and {}: requirements may have come and gone.",
            old.basis.edition, new.basis.edition
        ));
    }
    if old.basis.subnets != new.basis.subnets {
        doubts.push(
            "The subnets differ: findings of a subnet that was renamed or cut otherwise are gone \
             and new again."
                .to_owned(),
        );
    }
    if old.basis.environment != new.basis.environment
        && [old, new]
            .iter()
            .any(|audit| audit.basis.environment == "assumed")
    {
        doubts
            .push("One environment is stated and the other assumed: state it for both.".to_owned());
    }
    doubts
}

/// Where the later audit saw less than the earlier one.
fn less(old: &Audit, new: &Audit) -> Vec<String> {
    let (before, now) = (&old.input, &new.input);
    let unseen = "what is fixed may only be unseen";
    let mut doubts = Vec::new();
    let first = |audit: &Audit| time(audit.input.first.as_deref());
    if first(old)
        .zip(first(new))
        .is_some_and(|(old, new)| new < old)
    {
        doubts.push("The later audit begins before the earlier one: are they swapped?".to_owned());
    }
    let (coverage_before, coverage) = (before.coverage.per_mille, now.coverage.per_mille);
    if coverage.saturating_add(LESS_COVERAGE) <= coverage_before {
        doubts.push(format!(
            "Coverage fell from {} to {}: {unseen}.",
            percent(coverage_before),
            percent(coverage)
        ));
    }
    if now.coverage.interfaces < before.coverage.interfaces {
        doubts.push(format!(
            "{} logged interfaces, {} before: {unseen}.",
            now.coverage.interfaces, before.coverage.interfaces
        ));
    }
    let (length_before, length) = (length(old), length(new));
    if length.saturating_mul(100) < length_before.saturating_mul(LESS_WINDOW) {
        doubts.push(format!(
            "The later window is shorter, {} of {} minutes: {unseen}.",
            length / 60_000,
            length_before / 60_000
        ));
    }
    if before.captures.is_some() && now.captures.is_none() {
        doubts.push(format!("The later audit has no captures: {unseen}."));
    }
    if now.coarsening > before.coarsening {
        doubts.push(format!(
            "The later audit told fewer flow groups apart (level {}, {} before): findings of single \
             ports or rules may be folded into others.",
            now.coarsening, before.coarsening
        ));
    }
    let lost = |audit: &Audit| -> u64 {
        let faults = audit.input.faults.iter();
        faults
            .filter(|fault| LOSSES.contains(&fault.kind.as_str()))
            .fold(0, |sum, fault| sum.saturating_add(fault.count))
    };
    if lost(new) > lost(old) {
        doubts.push(format!(
            "The later audit could not read all of its input ({} faults of that kind): {unseen}.",
            lost(new)
        ));
    }
    doubts
}

/// From the first to the last event, ms.
fn length(audit: &Audit) -> u64 {
    let (first, last) = (&audit.input.first, &audit.input.last);
    match (time(first.as_deref()), time(last.as_deref())) {
        (Some(first), Some(last)) if last > first => last.abs_diff(first),
        _ => 0,
    }
}

/// The facts that differ, in a fixed order.
pub(super) fn changes(old: &Audit, new: &Audit) -> Vec<Change> {
    let mut changes: Vec<_> = facts(old)
        .into_iter()
        .zip(facts(new))
        .filter(|((_, before), (_, now))| before != now)
        .map(|((what, before), (_, now))| Change {
            what: what.to_owned(),
            old: before,
            new: now,
        })
        .collect();
    changes.extend(lists(
        "service tags",
        &old.basis.service_tags,
        &new.basis.service_tags,
    ));
    changes.extend(subnets(&old.basis.subnets, &new.basis.subnets));
    changes.extend(lists("assumption", &old.assumptions, &new.assumptions));
    changes
}

fn facts(audit: &Audit) -> Vec<(&'static str, Option<String>)> {
    let (basis, input) = (&audit.basis, &audit.input);
    let number = |value: u64| Some(value.to_string());
    vec![
        ("program", Some(audit.program.clone())),
        ("profile", Some(basis.profile.clone())),
        ("edition", Some(basis.edition.clone())),
        ("environment", Some(basis.environment.clone())),
        ("first event", input.first.clone()),
        ("last event", input.last.clone()),
        ("files", number(input.files)),
        ("files with flows", number(input.flow_files)),
        ("tuples counted", number(input.tuples.counted)),
        ("tuples faulty", number(input.tuples.faulty)),
        ("interfaces", number(input.coverage.interfaces)),
        ("coverage", Some(percent(input.coverage.per_mille))),
        ("coarsening", number(input.coarsening.into())),
        (
            "captured packets",
            input
                .captures
                .map(|captures| captures.packets.read.to_string()),
        ),
    ]
}

/// Entries that only one list has.
fn lists(what: &str, old: &[String], new: &[String]) -> Vec<Change> {
    let only = |ours: &[String], theirs: &[String]| -> Vec<String> {
        let mut only: Vec<_> = ours
            .iter()
            .filter(|entry| !theirs.contains(entry))
            .cloned()
            .collect();
        only.sort();
        only.dedup();
        only
    };
    let gone = only(old, new).into_iter().map(|entry| (Some(entry), None));
    let come = only(new, old).into_iter().map(|entry| (None, Some(entry)));
    gone.chain(come)
        .map(|(old, new)| Change {
            what: what.to_owned(),
            old,
            new,
        })
        .collect()
}

/// Subnets that differ, by name.
fn subnets(old: &[SubnetText], new: &[SubnetText]) -> Vec<Change> {
    let mut names: BTreeMap<&str, [Vec<String>; 2]> = BTreeMap::new();
    for (number, list) in [old, new].into_iter().enumerate() {
        for subnet in list {
            let audited = if subnet.audited {
                "audited"
            } else {
                "not audited"
            };
            let mut words = vec![subnet.prefixes.join(" "), audited.to_owned()];
            if !subnet.role.is_empty() {
                words.push(format!("role {}", subnet.role));
            }
            names.entry(&subnet.name).or_default()[number].push(words.join(", "));
        }
    }
    let said = |mut texts: Vec<String>| {
        texts.sort();
        (!texts.is_empty()).then(|| texts.join("; "))
    };
    names
        .into_iter()
        .map(|(name, [old, new])| (name, said(old), said(new)))
        .filter(|(_, old, new)| old != new)
        .map(|(name, old, new)| Change {
            what: format!("subnet {name}"),
            old,
            new,
        })
        .collect()
}

fn percent(per_mille: u64) -> String {
    format!("{}.{} %", per_mille / 10, per_mille % 10)
}
