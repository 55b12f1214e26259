//! Whole audits of small worlds: what changed, and what changed together.

use proptest::prelude::*;

use super::super::testing::{
    APIM, COMPUTE, CONNECTORS, GroupBuilder, INTERNET, RowBuilder, STORAGE, environment, facts,
    group, profile, row,
};
use super::super::{Audit, AuditInput, ChangeKind, Confidence, Source};
use crate::environment::ServiceTags;
use crate::flowlog::LogKind;
use crate::net::Outcome;

fn rows() -> Vec<RowBuilder> {
    vec![
        row("storage").outbound("Storage", "443"),
        row("sql").outbound("Internet", "1433"),
    ]
}

fn audited(rows: Vec<RowBuilder>, groups: impl IntoIterator<Item = GroupBuilder>) -> Audit {
    super::super::audit(&AuditInput {
        rules: None,
        facts: &facts(groups.into_iter().collect()),
        environment: &environment(),
        profile: &profile(rows),
        included: &[],
        tags: &ServiceTags::embedded(),
        assumptions: Vec::new(),
        file_name: &|_| "file".to_owned(),
        program: "nsgaudit 0.0.0",
    })
}

fn audit(groups: Vec<GroupBuilder>) -> Audit {
    audited(rows(), groups)
}

#[test]
fn a_stop_and_a_recovery_are_told_with_their_rules() {
    let audit = audit(vec![
        group(COMPUTE, STORAGE, 443).at(&[0, 4, 20]),
        group(COMPUTE, STORAGE, 443).deny().at(&[6, 9]),
    ]);
    let [stopped, recovered] = &audit.requirements[0].changes[..] else {
        panic!("{:#?}", audit.requirements[0].changes);
    };
    assert_eq!(stopped.kind, ChangeKind::Stopped);
    assert_eq!(stopped.last_before.as_deref(), Some("2026-01-05T10:04:00Z"));
    assert_eq!(stopped.first_after, "2026-01-05T10:06:00Z");
    assert_eq!(stopped.gap_ms, Some(120_000));
    assert_eq!(stopped.before[0].rule, "UserRule_Allow");
    assert_eq!(stopped.after[0].rule, "UserRule_Deny");
    assert_eq!(stopped.ended.as_deref(), Some("2026-01-05T10:20:00Z"));
    assert_eq!(recovered.kind, ChangeKind::Recovered);
    assert_eq!(recovered.gap_ms, Some(11 * 60_000));
    let [incident] = &audit.incidents[..] else {
        panic!("{:#?}", audit.incidents);
    };
    assert_eq!(incident.ended.as_deref(), Some("2026-01-05T10:20:00Z"));
    assert_eq!(incident.confidence, Confidence::High);
}

#[test]
fn what_stops_in_one_moment_is_one_incident_with_the_narrowest_gap() {
    let audit = audit(vec![
        group(COMPUTE, STORAGE, 443).at(&[0, 4]),
        group(COMPUTE, STORAGE, 443).deny().at(&[9]),
        group(APIM, INTERNET, 1433).at(&[0, 2]),
        group(APIM, INTERNET, 1433).deny().at(&[6]),
    ]);
    let [incident] = &audit.incidents[..] else {
        panic!("{:#?}", audit.incidents);
    };
    assert_eq!(incident.requirements, 2);
    assert_eq!(
        incident.last_allowed.as_deref(),
        Some("2026-01-05T10:04:00Z")
    );
    assert_eq!(incident.first_denied, "2026-01-05T10:06:00Z");
    assert_eq!(incident.subnets, ["apim", "compute"]);
    assert_eq!(incident.ended, None);
}

#[test]
fn a_rule_that_is_rolled_out_is_one_incident_and_hours_later_another() {
    let stops = |second: i64| {
        audit(vec![
            group(COMPUTE, STORAGE, 443).at(&[0, 4]),
            group(COMPUTE, STORAGE, 443).deny().at(&[5]),
            group(APIM, STORAGE, 443).at(&[0, second]),
            group(APIM, STORAGE, 443).deny().at(&[second + 1]),
        ])
    };
    let together = stops(8);
    assert_eq!(together.incidents.len(), 1);
    let last = together.incidents[0].last_start.as_deref();
    assert_eq!(last, Some("2026-01-05T10:09:00Z"));
    assert_eq!(stops(200).incidents.len(), 2);
}

#[test]
fn an_established_flow_that_goes_on_does_not_count() {
    let mut went_on = group(COMPUTE, STORAGE, 443).at(&[0, 4]).build();
    went_on.totals.last += 3_600_000;
    let audit = audited(
        rows(),
        [
            GroupBuilder::from(went_on),
            group(COMPUTE, STORAGE, 443).deny().at(&[6, 30]),
        ],
    );
    assert_eq!(audit.requirements[0].changes.len(), 1);
    assert_eq!(audit.incidents[0].ended, None);
}

#[test]
fn one_dead_conversation_among_live_ones_is_a_stop_and_no_flapping() {
    let audit = audited(
        vec![row("web").outbound("Internet", "443")],
        [
            group(COMPUTE, STORAGE, 443).at(&[0, 10, 20, 30]),
            group(COMPUTE, CONNECTORS, 443).at(&[0, 5]),
            group(COMPUTE, CONNECTORS, 443).deny().at(&[7, 25]),
        ],
    );
    let changed = audit.requirements.iter().find(|of| of.subnet == "compute");
    let changes = &changed.unwrap().changes;
    assert_eq!(changes.len(), 1, "{changes:#?}");
    assert_eq!(changes[0].kind, ChangeKind::Stopped);
    assert_eq!(changes[0].conversations, 1);
}

#[test]
fn packets_tell_a_stop_too_and_name_no_rule() {
    let audit = audit(vec![
        group(COMPUTE, STORAGE, 443)
            .captured(Outcome::Answered)
            .at(&[0, 4]),
        group(COMPUTE, STORAGE, 443)
            .captured(Outcome::Unanswered)
            .at(&[6, 9]),
    ]);
    let change = &audit.requirements[0].changes[0];
    assert_eq!(
        (change.kind, change.source),
        (ChangeKind::Stopped, Source::Packets)
    );
    assert_eq!(change.after[0].outcome, Some(Outcome::Unanswered));
    assert_eq!(audit.incidents[0].confidence, Confidence::Medium);
}

#[test]
fn what_was_never_allowed_says_so() {
    let audit = audit(vec![group(COMPUTE, STORAGE, 443).deny().at(&[6, 9])]);
    let incident = &audit.incidents[0];
    assert_eq!(incident.last_allowed, None);
    assert_eq!(incident.confidence, Confidence::Low);
    let all_well = audited(rows(), [group(COMPUTE, STORAGE, 443)]);
    assert!(all_well.incidents.is_empty());
}

fn some_groups() -> impl Strategy<Value = Vec<crate::tally::Group>> {
    let one = (
        prop::sample::select(vec![APIM, COMPUTE]),
        prop::sample::select(vec![(STORAGE, 443), (INTERNET, 1433)]),
        any::<bool>(),
        any::<bool>(),
        prop::collection::btree_set(0i64..40, 1..6),
    )
        .prop_map(|(source, (destination, port), deny, nsg, minutes)| {
            let minutes: Vec<_> = minutes.into_iter().collect();
            let mut group = group(source, destination, port).at(&minutes);
            if deny {
                group = group.deny();
            }
            if nsg {
                group = group.kind(LogKind::NsgV2);
            }
            group.build()
        });
    prop::collection::vec(one, 1..8)
}

proptest! {
    #[test]
    fn the_order_of_groups_changes_nothing(groups in some_groups()) {
        let told = |groups: &[crate::tally::Group]| {
            let audit = audited(rows(), groups.iter().cloned().map(GroupBuilder::from));
            let changes: Vec<_> = audit.requirements.iter().map(|of| of.changes.clone()).collect();
            (changes, audit.incidents)
        };
        let mut backward = groups.clone();
        backward.reverse();
        prop_assert_eq!(told(&groups), told(&backward));
    }
}
