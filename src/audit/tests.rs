//! Whole audits of small worlds.

use super::testing::{
    APIM, COMPUTE, CONNECTORS, DESIGNER, GroupBuilder, INTERNET, JUMP, PEERED, RowBuilder, STORAGE,
    environment, facts, group, profile, row,
};
use super::*;
use crate::classify::ClassId;
use crate::fault::FaultKind;
use crate::flowlog::LogKind;
use crate::net::{Direction, Mac};
use crate::tally::Interface;
use proptest::prelude::*;

fn audit_facts(rows: Vec<RowBuilder>, facts: &Facts, environment: &Environment) -> Audit {
    audit(&AuditInput {
        rules: None,
        facts,
        environment,
        profile: &profile(rows),
        included: &[],
        tags: &ServiceTags::embedded(),
        assumptions: vec!["said before".to_owned()],
        file_name: &|file| format!("file-{file}"),
        program: "nsgaudit 0.0.0",
    })
}

fn audit_groups(rows: Vec<RowBuilder>, groups: Vec<GroupBuilder>) -> Audit {
    audit_facts(rows, &facts(groups), &environment())
}

/// The requirement of the row for `compute`.
fn compute(audit: &Audit) -> &Requirement {
    let mut of = audit.requirements.iter();
    of.find(|requirement| requirement.subnet == "compute")
        .unwrap()
}

fn codes(audit: &Audit) -> Vec<&str> {
    audit.findings.iter().map(|f| f.code.as_str()).collect()
}

fn storage() -> Vec<RowBuilder> {
    vec![row("storage").outbound("Storage", "443")]
}

fn row_11() -> Vec<RowBuilder> {
    vec![
        row("connector-deployment")
            .inbound("Internet", "454")
            .callers("454", "AzureConnectors"),
    ]
}

#[test]
fn a_denial_after_the_last_allow_blocks() {
    let audit = audit_groups(
        storage(),
        vec![
            group(COMPUTE, STORAGE, 443).at(&[0, 5]),
            group(COMPUTE, STORAGE, 443).deny().at(&[10, 20]),
        ],
    );
    let requirement = compute(&audit);
    assert_eq!(requirement.verdict, Verdict::Blocked);
    assert_eq!(
        requirement.reason,
        "Denied by rule UserRule_Deny of NSG (2 attempts) since 2026-01-05T10:10:00Z; last begun \
         allowed 2026-01-05T10:05:00Z."
    );
    let finding = &audit.findings[0];
    assert_eq!(
        (finding.code.as_str(), finding.severity),
        ("NSG101", Severity::Critical)
    );
    assert_eq!(finding.evidence.as_ref().unwrap().flows, 2);
    assert_eq!(finding.contrast.as_ref().unwrap().flows, 2);
}

#[test]
fn a_flow_that_began_before_the_logs_does_not_hide_a_block() {
    let mut old = facts(vec![
        group(COMPUTE, STORAGE, 443).at(&[30]),
        group(COMPUTE, STORAGE, 443).deny().at(&[10]),
        group(APIM, STORAGE, 443).at(&[0]),
    ]);
    old.groups[0].totals.last_begin = None;
    old.groups[0].totals.flows = 0;
    let audit = audit_facts(storage(), &old, &environment());
    assert_eq!(compute(&audit).verdict, Verdict::Blocked);
    // Where no flow of the log begins at all, the last tuple stands in.
    old.groups[2].totals.last_begin = None;
    let audit = audit_facts(storage(), &old, &environment());
    assert_eq!(compute(&audit).verdict, Verdict::PartlyBlocked);
}

#[test]
fn an_allow_after_the_last_denial_looks_repaired() {
    let audit = audit_groups(
        storage(),
        vec![
            group(COMPUTE, STORAGE, 443).at(&[0, 30]),
            group(COMPUTE, STORAGE, 443).deny().at(&[10, 20]),
        ],
    );
    let requirement = compute(&audit);
    assert_eq!(requirement.verdict, Verdict::PartlyBlocked);
    assert!(
        requirement
            .reason
            .ends_with("Not denied since 2026-01-05T10:20:00Z: looks repaired.")
    );
    assert_eq!(audit.findings[0].severity, Severity::Medium);
}

#[test]
fn conversations_that_are_wholly_denied_are_named() {
    let rows = vec![row("intersubnet").both().ports("80").between_subnets()];
    let audit = audit_groups(
        rows,
        vec![
            group(COMPUTE, APIM, 80).at(&[0, 30]),
            group(COMPUTE, PEERED, 80).deny().at(&[10, 20]),
        ],
    );
    let requirement = &audit.requirements[0];
    assert_eq!(requirement.verdict, Verdict::PartlyBlocked);
    assert!(
        requirement
            .reason
            .ends_with("Wholly denied, while others work: subnet compute to peered on 80."),
        "{}",
        requirement.reason
    );
    assert_eq!(audit.findings[0].severity, Severity::High);
}

#[test]
fn allow_from_azureconnectors_satisfies_row_11() {
    let audit = audit_groups(
        row_11(),
        vec![
            group(CONNECTORS, COMPUTE, 454).inbound(),
            group(INTERNET, COMPUTE, 454).inbound().deny().at(&[5]),
        ],
    );
    let requirement = compute(&audit);
    assert_eq!(requirement.verdict, Verdict::Satisfied);
    assert_eq!(requirement.denied, Observed::default());
    assert_eq!(codes(&audit), ["NSG103"]);
}

#[test]
fn what_is_open_beyond_the_known_callers_is_found_with_whom_the_row_needs() {
    let audit = audit_groups(row_11(), vec![group(DESIGNER, COMPUTE, 454).inbound()]);
    assert_eq!(codes(&audit), ["NSG201", "NSG103"]);
    let finding = &audit.findings[0];
    assert_eq!(
        finding.title,
        "internet reaches compute on tcp 454, and nothing requires it"
    );
    assert_eq!(
        finding.details[1],
        "p/connector-deployment needs it only for AzureConnectors on 454: allow those, and no one \
         else."
    );
    assert_eq!(finding.rows, ["p/connector-deployment"]);
    assert!(finding.details.last().unwrap().contains("SNAT"));
}

#[test]
fn nothing_seen_is_unproven_and_one_finding_a_row() {
    let audit = audit_groups(storage(), vec![]);
    assert!(
        audit
            .requirements
            .iter()
            .all(|r| r.verdict == Verdict::Unproven)
    );
    assert_eq!(codes(&audit), ["NSG103"]);
    assert_eq!(
        audit.findings[0].details[0],
        "Unproven for apim (outbound), compute (outbound)."
    );
    assert!(audit.findings[0].details[1].starts_with("No flow of this subnet was seen at all"));
}

#[test]
fn a_conditional_row_says_what_to_state_and_weighs_less() {
    let rows = || {
        vec![
            row("probe")
                .inbound("AzureConnectors", "454")
                .when("endpoint", "internal"),
        ]
    };
    let denied = || vec![group(CONNECTORS, COMPUTE, 454).inbound().deny()];
    let audit = audit_groups(rows(), denied());
    assert_eq!(audit.findings[0].severity, Severity::High);
    assert!(compute(&audit).reason.contains("state endpoint"));

    let mut stated = environment();
    stated.stated.insert("endpoint".into(), "external".into());
    let audit = audit_facts(rows(), &facts(denied()), &stated);
    assert_eq!(compute(&audit).verdict, Verdict::NotApplicable);
    assert!(codes(&audit).is_empty());
    assert_eq!(audit.groups[0].class, TrafficClass::RightlyBlocked);
}

#[test]
fn advice_weighs_little() {
    let rows = vec![row("probe").inbound("AzureConnectors", "454").advice()];
    let audit = audit_groups(rows, vec![group(CONNECTORS, COMPUTE, 454).inbound().deny()]);
    assert_eq!(
        (codes(&audit), audit.findings[0].severity),
        (vec!["NSG101"], Severity::Low)
    );
}

#[test]
fn denied_udp_alone_does_not_block_a_row_without_protocol() {
    let audit = audit_groups(storage(), vec![group(COMPUTE, STORAGE, 443).udp().deny()]);
    let requirement = compute(&audit);
    assert_eq!(requirement.verdict, Verdict::Unproven);
    assert!(
        requirement
            .reason
            .contains("1 flow of other protocols also denied")
    );
    assert!(codes(&audit).contains(&"NSG204"));
}

#[test]
fn allowed_flows_that_nobody_answers_point_behind_the_nsg() {
    let audit = audit_groups(storage(), vec![group(COMPUTE, STORAGE, 443).bytes(3000, 0)]);
    assert_eq!(compute(&audit).verdict, Verdict::Satisfied);
    assert!(compute(&audit).reason.contains("look behind the NSG"));
    assert!(codes(&audit).contains(&"NSG104"));
    // Without counters nothing can be said.
    let audit = audit_groups(storage(), vec![group(COMPUTE, STORAGE, 443)]);
    assert!(!codes(&audit).contains(&"NSG104"));
}

#[test]
fn a_denial_at_a_neighbours_nsg_is_no_less_a_denial() {
    let rows = vec![row("intersubnet").both().ports("80").between_subnets()];
    let audit = audit_groups(rows, vec![group(COMPUTE, JUMP, 80).inbound().deny()]);
    let requirement = &audit.requirements[0];
    assert_eq!(
        (requirement.verdict, requirement.direction),
        (Verdict::Blocked, Direction::Outbound)
    );
    assert!(requirement.reason.contains("Denied at the other end"));
}

#[test]
fn openings_are_weighed_by_place_and_port() {
    let audit = audit_groups(
        vec![],
        vec![
            group(INTERNET, COMPUTE, 3389).inbound(),
            group(INTERNET, COMPUTE, 8080).inbound(),
            group(JUMP, COMPUTE, 22).inbound(),
            group(COMPUTE, INTERNET, 445),
            group(COMPUTE, INTERNET, 8080),
        ],
    );
    let weighed: Vec<_> = audit
        .findings
        .iter()
        .map(|f| (f.code.as_str(), f.severity))
        .collect();
    assert_eq!(
        weighed,
        [
            ("NSG201", Severity::Critical),
            ("NSG201", Severity::High),
            ("NSG202", Severity::Medium),
            ("NSG203", Severity::Medium),
            ("NSG203", Severity::Low),
        ]
    );
}

#[test]
fn fingerprints_do_not_depend_on_counts_times_or_rules() {
    let one = audit_groups(storage(), vec![group(INTERNET, COMPUTE, 3389).inbound()]);
    let mut other = facts(vec![group(INTERNET, COMPUTE, 3389).inbound().at(&[7, 8])]);
    other.groups[0].rule = 1;
    let other = audit_facts(storage(), &other, &environment());
    let prints = |audit: &Audit| -> Vec<_> {
        audit
            .findings
            .iter()
            .map(|f| f.fingerprint.clone())
            .collect()
    };
    assert_eq!(prints(&one), prints(&other));
}

#[test]
fn the_order_of_groups_changes_nothing() {
    let groups = || {
        vec![
            group(INTERNET, COMPUTE, 3389).inbound(),
            group(COMPUTE, STORAGE, 443).at(&[0, 5]),
            group(COMPUTE, STORAGE, 443).deny().at(&[3]),
            group(COMPUTE, STORAGE, 443)
                .kind(LogKind::NsgV2)
                .at(&[0, 5]),
            group(APIM, COMPUTE, 22),
            group(APIM, COMPUTE, 22).inbound(),
        ]
    };
    let forward = audit_groups(storage(), groups());
    let backward = audit_groups(storage(), groups().into_iter().rev().collect());
    assert_eq!(forward, backward);
    let allowed = &compute(&forward).allowed;
    assert_eq!((allowed.flows, allowed.tuples), (2, 2));
}

#[test]
fn the_head_says_what_was_read_and_assumed() {
    let mut facts = facts(vec![group(COMPUTE, STORAGE, 443)]);
    facts
        .faults
        .add(3, 17, FaultKind::Truncated, "the file ends");
    facts.faults.add(3, 0, FaultKind::NotFlowLog, "a picture");
    let interface = Interface {
        hours: [10, 11, 13].into_iter().collect(),
        ..Interface::default()
    };
    facts.coverage.interfaces.insert(Mac(1), interface);
    facts
        .coverage
        .mixed_files
        .insert(2, vec![LogKind::NsgV1, LogKind::NsgV2]);
    facts.coverage.mixed_file_count = 1;
    facts.coverage.backward_files.insert(2, 4);
    facts.coverage.backward_file_count = 1;
    facts.read.records_duplicate = 5;
    facts.coarsening = 1;
    let audit = audit_facts(storage(), &facts, &environment());
    assert_eq!(audit.basis.environment, "assumed");
    assert_eq!(audit.assumptions, ["said before"]);
    assert_eq!(audit.input.coverage.per_mille, 750);
    let evidence: Vec<_> = audit
        .findings
        .iter()
        .filter(|f| f.code.starts_with("NSG9"))
        .map(|f| (f.code.as_str(), f.severity))
        .collect();
    assert_eq!(
        evidence,
        [
            ("NSG901", Severity::Medium),
            ("NSG902", Severity::Medium),
            ("NSG906", Severity::Low),
            ("NSG902", Severity::Info),
            ("NSG903", Severity::Info),
            ("NSG904", Severity::Info),
            ("NSG905", Severity::Info),
        ]
    );
    let gap = audit.findings.iter().find(|f| f.code == "NSG901").unwrap();
    let folded = |level| {
        let facts = Facts {
            coarsening: level,
            ..facts.clone()
        };
        let audit = audit_facts(storage(), &facts, &environment());
        let finding = audit.findings.into_iter().find(|f| f.code == "NSG906");
        finding.unwrap().details.remove(0)
    };
    assert!(folded(1).contains("of denied flows, ports from 1024"));
    assert!(folded(3).ends_with("no longer: ports that no row names."));
    assert!(folded(4).ends_with("names; which rule decided."));
    assert!(folded(6).contains("below /16"));
    assert!(folded(9).contains("all ports") && folded(9).contains("protocols"));
    assert!(gap.details[1].ends_with("1 of 4 hours missing, the first 1970-01-01T12:00:00Z."));
}

#[test]
fn interfaces_with_more_addresses_than_are_remembered_are_said() {
    let mut facts = facts(vec![group(COMPUTE, STORAGE, 443)]);
    let coarsened = |facts: &Facts| {
        let audit = audit_facts(storage(), facts, &environment());
        audit.findings.into_iter().find(|f| f.code == "NSG906")
    };
    assert_eq!(coarsened(&facts), None);
    facts.coverage.crowded = 2;
    let finding = coarsened(&facts).unwrap();
    let detail = "2 interfaces with more than 16 own addresses or targets";
    assert!(
        finding.details[0].starts_with(detail),
        "{:?}",
        finding.details
    );
}

#[test]
fn a_busy_log_without_begins_or_denials_looks_filtered() {
    let mut facts = facts(vec![group(COMPUTE, STORAGE, 443)]);
    facts.groups[0].totals.tuples = 20_000;
    facts.groups[0].totals.flows = 0;
    facts.groups[0].totals.last_begin = None;
    let audit = audit_facts(storage(), &facts, &environment());
    let filtered = audit.findings.iter().filter(|f| f.code == "NSG907");
    assert_eq!(filtered.count(), 2);
}

#[test]
fn a_scan_through_an_open_nsg_is_one_opening_and_its_worst_ports() {
    let scan = (1..=200).map(|port| group(INTERNET, COMPUTE, port).inbound());
    let audit = audit_groups(vec![], scan.collect());
    let openings = audit.findings.iter().filter(|f| f.code == "NSG201");
    let titles: Vec<_> = openings.map(|f| f.title.as_str()).collect();
    assert_eq!(titles.len(), 6, "{titles:#?}");
    assert_eq!(
        titles[5],
        "internet reaches compute on tcp other ports, and nothing requires it"
    );
    let few = (1000..1064).map(|port| group(INTERNET, COMPUTE, port).inbound());
    assert_eq!(audit_groups(vec![], few.collect()).findings.len(), 64);
}

#[test]
fn unproven_for_want_of_addresses_says_which() {
    let rows = vec![row("dns").outbound("@custom-dns", "53")];
    let audit = audit_groups(rows, vec![group(COMPUTE, PEERED, 53)]);
    let reason = &compute(&audit).reason;
    assert!(
        reason.contains("1 flow allowed that may be its"),
        "{reason}"
    );
    assert!(
        reason.contains("Addresses of @custom-dns are not known"),
        "{reason}"
    );
}

#[test]
fn a_row_open_to_any_caller_says_that_some_denials_may_be_meant() {
    let rows = vec![row("calls").inbound("Internet", "443")];
    let audit = audit_groups(
        rows,
        vec![
            group(CONNECTORS, COMPUTE, 443).inbound().at(&[9]),
            group(INTERNET, COMPUTE, 443).inbound().deny(),
        ],
    );
    let requirement = compute(&audit);
    assert_eq!(requirement.verdict, Verdict::PartlyBlocked);
    assert!(requirement.reason.contains("denying the others is right"));
    assert_eq!(audit.findings[0].severity, Severity::Medium);
}

fn any_group() -> impl Strategy<Value = GroupBuilder> {
    let ends = (
        0u32..9,
        0u32..9,
        prop::sample::select(vec![22u16, 80, 443, 454]),
    );
    let minutes = prop::collection::vec(0i64..30, 1..4);
    (ends, any::<[bool; 4]>(), minutes).prop_map(|((from, to, port), flags, mut minutes)| {
        minutes.sort_unstable();
        let [inbound, deny, udp, nsg] = flags;
        let mut builder = group(ClassId(from), ClassId(to), port).at(&minutes);
        if inbound {
            builder = builder.inbound();
        }
        if deny {
            builder = builder.deny();
        }
        if udp {
            builder = builder.udp();
        }
        if nsg {
            builder = builder.kind(LogKind::NsgV2);
        }
        builder
    })
}

proptest! {
    #[test]
    fn any_groups_in_any_order_give_one_audit_that_keeps_them_all(
        groups in prop::collection::vec(any_group(), 0..24),
    ) {
        let rows = || {
            vec![
                row("intersubnet").both().ports("80").between_subnets(),
                row("storage").outbound("Storage", "443"),
                row("dns").outbound("@custom-dns", "22").tcp(),
                row("deploy").inbound("Internet", "454").callers("454", "AzureConnectors"),
            ]
        };
        let mut facts = facts(groups);
        let forward = audit_facts(rows(), &facts, &environment());
        prop_assert_eq!(forward.groups.len(), facts.groups.len());
        facts.groups.reverse();
        prop_assert_eq!(&audit_facts(rows(), &facts, &environment()), &forward);
        // Blocked traffic and blocked requirements tell of each other.
        let blocked = |group: &TrafficGroup| group.class == TrafficClass::BlockedRequired;
        let denied = |requirement: &Requirement| {
            matches!(requirement.verdict, Verdict::Blocked | Verdict::PartlyBlocked)
        };
        prop_assert_eq!(
            forward.groups.iter().any(blocked),
            forward.requirements.iter().any(denied)
        );
    }
}
