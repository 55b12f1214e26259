//! The incident, altered: nothing read, nothing wrong, names that mean harm, everything too long.

use super::{ROWS, SUBNETS, amqp_denied, cell, finding, incident, requirement, strings};
use crate::audit::{
    Audit, CoverageText, Input, Reconciled, Severity, SubnetText, TrafficClass, Verdict,
};

/// Nothing was read.
pub(crate) fn empty() -> Audit {
    Audit {
        assumptions: Vec::new(),
        input: Input {
            first: None,
            last: None,
            files: 0,
            flow_files: 0,
            bytes: 0,
            records: none_read(),
            tuples: none_read(),
            faults: Vec::new(),
            coverage: CoverageText {
                interfaces: 0,
                hours: 0,
                covered: 0,
                possible: 0,
                per_mille: 0,
                subnets: Vec::new(),
            },
            coarsening: 0,
            duplicates_kept: false,
            captures: None,
        },
        requirements: ROWS
            .iter()
            .flat_map(|row| SUBNETS.map(|subnet| requirement(*row, subnet, Verdict::Unproven)))
            .collect(),
        incidents: Vec::new(),
        findings: Vec::new(),
        baseline: None,
        matrix: Vec::new(),
        groups: Vec::new(),
        ..incident()
    }
}

fn none_read() -> Reconciled {
    Reconciled {
        read: 0,
        counted: 0,
        duplicate: 0,
        filtered: 0,
        faulty: 0,
    }
}

/// All is well, as far as can be seen.
pub(crate) fn quiet() -> Audit {
    let mut audit = incident();
    audit.findings.clear();
    audit.requirements.retain(|requirement| {
        matches!(
            requirement.verdict,
            Verdict::Satisfied | Verdict::Unproven | Verdict::NotApplicable
        )
    });
    audit.input.faults.clear();
    audit
        .groups
        .retain(|group| group.class == TrafficClass::Needed);
    audit
}

/// Names that mean harm.
pub(crate) fn hostile() -> Audit {
    const NAME: &str = "UserRule_\u{1b}[2J\u{1b}]0;x\u{7}\u{202e}tac\u{2066}\u{9b}31m\r\nok";
    let mut audit = incident();
    for requirement in &mut audit.requirements {
        for rule in &mut requirement.denied.rules {
            rule.rule = NAME.to_owned();
            rule.nsg = NAME.to_owned();
        }
        requirement.subnet = format!("\u{1b}{}", requirement.subnet);
    }
    for finding in &mut audit.findings {
        finding.title += NAME;
        finding.details.push(NAME.to_owned());
        finding.fingerprint = NAME.to_owned();
        finding.subnet = Some(NAME.to_owned());
        finding.rows.push(NAME.to_owned());
        for rule in finding.evidence.iter_mut().flat_map(|seen| &mut seen.rules) {
            rule.rule = NAME.to_owned();
        }
        for sample in finding
            .evidence
            .iter_mut()
            .flat_map(|seen| &mut seen.samples)
        {
            sample.file = NAME.to_owned();
            sample.tags.push(NAME.to_owned());
        }
    }
    for fault in &mut audit.input.faults {
        fault.samples[0].file = NAME.to_owned();
        fault.samples[0].detail = NAME.to_owned();
    }
    audit
        .matrix
        .push(cell(NAME, NAME, u64::MAX / 50_000, u64::MAX));
    audit.basis.subnets[0].name = NAME.to_owned();
    audit.basis.environment = NAME.to_owned();
    audit.assumptions.push(NAME.to_owned());
    audit.input.first = Some(NAME.to_owned());
    audit
}

/// More subnets than columns, more findings than are shown, numbers and names as large as they get.
pub(crate) fn large() -> Audit {
    let mut audit = incident();
    audit.basis.subnets.clear();
    audit.requirements.clear();
    audit.findings = (0..25)
        .map(|number| {
            finding(
                "NSG201",
                "open-from-internet",
                Severity::High,
                &format!("tcp {number} of subnet `規則-{number}` is open to the internet"),
            )
        })
        .collect();
    for number in 0..9 {
        let name = format!("subnet-with-a-rather-long-name-規則規則規則規則-{number}");
        for row in ROWS {
            let verdict = match number % 4 {
                0 => Verdict::Blocked,
                1 => Verdict::Unproven,
                2 => Verdict::Satisfied,
                _ => Verdict::PartlyBlocked,
            };
            let mut requirement = requirement(row, &name, verdict);
            requirement.denied = amqp_denied(u64::MAX);
            audit.requirements.push(requirement);
        }
        for other in 0..9 {
            audit
                .matrix
                .push(cell(&name, &format!("place-{other}"), 12_345, other));
        }
        audit.basis.subnets.push(SubnetText {
            name,
            prefixes: strings(&["2001:db8:1234:5678:9abc:def0:1234:0/112", "10.0.0.0/24"]),
            role: "ise-compute".to_owned(),
            audited: true,
        });
    }
    audit.input.tuples.read = u64::MAX;
    audit.input.tuples.counted = u64::MAX - 21_767;
    audit
}
