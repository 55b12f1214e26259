//! Differences of audits that are made up, and laws of all.

use proptest::prelude::*;

use super::super::model::Gone;
use super::*;
use crate::audit::{RuleCount, Severity};
use crate::report::sample;

fn compared(old: &Audit, new: &Audit) -> Difference {
    diff(old, new, ["old.json", "new.json"], "nsgaudit 0")
}

fn finding(code: &str, fingerprint: &str) -> Finding {
    Finding {
        code: code.to_owned(),
        fingerprint: fingerprint.to_owned(),
        ..sample::incident().findings[0].clone()
    }
}

#[test]
fn an_audit_does_not_differ_from_itself() {
    for audit in [
        sample::incident(),
        sample::empty(),
        sample::hostile(),
        sample::large(),
        sample::quiet(),
    ] {
        let same = compared(&audit, &audit);
        assert_eq!(same.summary.unchanged, audit.findings.len() as u64);
        assert!(same.new_findings.is_empty() && same.fixed.is_empty() && same.changed.is_empty());
        assert!(same.verdicts.is_empty() && same.inputs.is_empty());
        assert_eq!(same.warnings.is_empty(), audit.input.tuples.counted > 0);
    }
}

#[test]
fn counts_and_times_are_no_change_but_severity_rule_and_title_are() {
    let mut old = sample::incident();
    for (number, finding) in old.findings.iter_mut().enumerate() {
        finding.fingerprint = format!("{number:016x}");
    }
    let changed = |change: fn(&mut Finding)| {
        let mut new = old.clone();
        change(&mut new.findings[0]);
        let changed = compared(&old, &new).changed;
        changed.into_iter().map(|one| one.changes).next()
    };
    assert_eq!(
        changed(|finding| {
            let seen = finding.evidence.as_mut().unwrap();
            (seen.flows, seen.last) = (9, None);
            finding.details = Vec::new();
        }),
        None
    );
    assert_eq!(
        changed(|finding| finding.severity = Severity::Info),
        Some(Vec::new())
    );
    let rule = changed(|finding| {
        let rules = &mut finding.evidence.as_mut().unwrap().rules;
        rules.push(RuleCount {
            rule: "UserRule_New".to_owned(),
            ..rules[0].clone()
        });
    });
    assert_eq!(rule.unwrap()[0].what, "decided by");
    assert_eq!(
        without_numbers("3 files of 12 hours"),
        without_numbers("1 file of 1 hour")
    );
    assert_ne!(without_numbers("port open"), without_numbers("port shut"));
}

#[test]
fn what_is_gone_is_not_called_repaired_unless_it_was_seen() {
    let old = sample::incident();
    let fixed = |change: fn(&mut Audit)| {
        let mut new = old.clone();
        new.findings.clear();
        change(&mut new);
        let fixed = compared(&old, &new).fixed;
        fixed
            .into_iter()
            .find(|fixed| fixed.finding.code == "NSG101")
            .unwrap()
            .gone
    };
    let set = |audit: &mut Audit, verdict| {
        for requirement in &mut audit.requirements {
            requirement.verdict = verdict;
        }
    };
    assert_eq!(fixed(|_| ()), Gone::Continues);
    assert_eq!(fixed(|new| new.requirements.clear()), Gone::NotAsked);
    assert_eq!(fixed(|new| new.input.tuples.counted = 0), Gone::Unseen);
    for (verdict, gone) in [
        (Verdict::Satisfied, Gone::Settled),
        (Verdict::Unproven, Gone::Unseen),
        (Verdict::NotApplicable, Gone::NotAsked),
    ] {
        let mut new = old.clone();
        new.findings.clear();
        set(&mut new, verdict);
        let fixed = compared(&old, &new).fixed;
        let first = fixed.iter().find(|fixed| fixed.finding.code == "NSG101");
        assert_eq!(first.unwrap().gone, gone);
    }
}

#[test]
fn less_coverage_and_other_profiles_are_warned_of() {
    let old = sample::incident();
    let warned = |change: fn(&mut Audit)| {
        let mut new = old.clone();
        change(&mut new);
        let difference = compared(&old, &new);
        (difference.comparable, difference.warnings.join(" "))
    };
    let (comparable, said) = warned(|new| new.input.coverage.per_mille = 500);
    assert_eq!(comparable, Comparable::Doubtful);
    assert!(said.contains("may only be unseen"), "{said}");
    let (comparable, said) = warned(|new| new.basis.profile = "other".to_owned());
    assert_eq!(comparable, Comparable::No);
    assert!(said.contains("Other profiles"), "{said}");
    let (_, said) = warned(|new| new.input.first = Some("2020-01-01T00:00:00Z".to_owned()));
    assert!(said.contains("swapped"), "{said}");
}

fn audits() -> impl Strategy<Value = Audit> {
    let finding = (0usize..4, 0usize..6, 0usize..3, any::<bool>());
    let verdict = 0usize..Verdict::ALL.len();
    (
        prop::collection::vec(finding, 0..8),
        prop::collection::vec(verdict, 0..6),
        0u64..1_000,
    )
        .prop_map(|(findings, verdicts, coverage)| {
            let mut audit = sample::incident();
            audit.input.coverage.per_mille = coverage;
            audit.findings = findings
                .into_iter()
                .map(|(code, print, severity, subnet)| Finding {
                    severity: [Severity::Low, Severity::High, Severity::Critical][severity],
                    subnet: subnet.then(|| "apim".to_owned()),
                    ..finding_of(code, print)
                })
                .collect();
            audit.requirements.truncate(verdicts.len());
            for (requirement, verdict) in audit.requirements.iter_mut().zip(verdicts) {
                requirement.verdict = Verdict::ALL[verdict];
            }
            audit
        })
}

fn finding_of(code: usize, print: usize) -> Finding {
    finding(
        ["NSG101", "NSG105", "NSG202", "NSG902"][code],
        &format!("{print:016x}"),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_new_one_way_is_gone_the_other(a in audits(), b in audits()) {
        let (there, back) = (compared(&a, &b), compared(&b, &a));
        let gone: Vec<_> = back.fixed.into_iter().map(|fixed| fixed.finding).collect();
        prop_assert_eq!(there.new_findings, gone);
        let gone: Vec<_> = there.fixed.into_iter().map(|fixed| fixed.finding).collect();
        prop_assert_eq!(back.new_findings, gone);
        prop_assert_eq!(there.summary.unchanged, back.summary.unchanged);
        let turned: Vec<_> = back.verdicts.into_iter().map(|one| VerdictChange { old: one.new, new: one.old, ..one }).collect();
        prop_assert_eq!(there.verdicts, turned);
    }

    #[test]
    fn every_finding_is_told_once(a in audits(), b in audits()) {
        let all = compared(&a, &b).summary;
        prop_assert_eq!(all.unchanged + all.changed + all.new, b.findings.len() as u64);
        prop_assert_eq!(all.unchanged + all.changed + all.fixed, a.findings.len() as u64);
    }

    #[test]
    fn the_order_of_findings_is_nothing(a in audits(), b in audits()) {
        let mut backward = b.clone();
        backward.findings.reverse();
        backward.requirements.reverse();
        prop_assert_eq!(compared(&a, &backward), compared(&a, &b));
    }
}
