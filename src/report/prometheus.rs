//! The audit as Prometheus text (exposition format 0.0.4), for the text file collector or a push
//! gateway.
//!
//! Gauges only: an audit is of a window, and the next one may be of another. Label values are escaped
//! as the format says; what a terminal would obey is written out (`\x1b`).

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::escape;
use super::table::class_word;
use crate::audit::{Audit, Requirement, Verdict, checks};
use crate::net::{Decision, Timestamp};

/// Writes the audit's numbers.
pub fn write(audit: &Audit, out: &mut dyn Write) -> io::Result<()> {
    let mut text = Exposition { out };
    window(audit, &mut text)?;
    requirements(audit, &mut text)?;
    findings(audit, &mut text)?;
    traffic(audit, &mut text)
}

/// What was read.
fn window(audit: &Audit, text: &mut Exposition<'_>) -> io::Result<()> {
    let (basis, input) = (&audit.basis, &audit.input);
    text.family(
        "nsgaudit_info",
        "What the audit was made by, and held against.",
    )?;
    let labels = [
        ("program", audit.program.as_str()),
        ("profile", &basis.profile),
        ("edition", &basis.edition),
    ];
    text.sample("nsgaudit_info", &labels, 1)?;
    for (name, help, time) in [
        (
            "nsgaudit_window_start_timestamp_seconds",
            "First event time counted.",
            &input.first,
        ),
        (
            "nsgaudit_window_end_timestamp_seconds",
            "Last event time counted.",
            &input.last,
        ),
    ] {
        text.family(name, help)?;
        if let Some(time) = seconds(time.as_deref()) {
            text.sample(name, &[], time)?;
        }
    }
    text.family(
        "nsgaudit_coverage_ratio",
        "Interface-hours with records, of those in the window.",
    )?;
    let ratio = input.coverage.per_mille as f64 / 1000.0;
    text.sample("nsgaudit_coverage_ratio", &[], ratio)?;
    for (name, help, counts) in [
        (
            "nsgaudit_records",
            "Flow records, by what became of them.",
            &input.records,
        ),
        (
            "nsgaudit_tuples",
            "Flow tuples, by what became of them.",
            &input.tuples,
        ),
    ] {
        text.family(name, help)?;
        for (what, count) in [
            ("counted", counts.counted),
            ("duplicate", counts.duplicate),
            ("filtered", counts.filtered),
            ("faulty", counts.faulty),
        ] {
            text.sample(name, &[("result", what)], count)?;
        }
    }
    text.family("nsgaudit_faults", "Bad records and files, by kind.")?;
    for fault in &input.faults {
        text.sample("nsgaudit_faults", &[("kind", &fault.kind)], fault.count)?;
    }
    Ok(())
}

fn requirements(audit: &Audit, text: &mut Exposition<'_>) -> io::Result<()> {
    text.family("nsgaudit_requirements", "Requirements, by verdict.")?;
    for verdict in Verdict::ALL {
        let count = audit.requirements.iter();
        let count = count.filter(|requirement| requirement.verdict == verdict);
        let labels = [("verdict", verdict_word(verdict))];
        text.sample("nsgaudit_requirements", &labels, count.count())?;
    }
    text.family(
        "nsgaudit_requirement_verdict",
        "1 for the verdict that a requirement has.",
    )?;
    for requirement in &audit.requirements {
        let direction = requirement.direction.to_string();
        let mut labels = of(requirement, &direction).to_vec();
        labels.push(("verdict", verdict_word(requirement.verdict)));
        let advice = if requirement.advice { "true" } else { "false" };
        labels.push(("advice", advice));
        text.sample("nsgaudit_requirement_verdict", &labels, 1)?;
    }
    text.family(
        "nsgaudit_requirement_flows",
        "Flows of a requirement, by decision.",
    )?;
    for requirement in &audit.requirements {
        let direction = requirement.direction.to_string();
        for (decision, seen) in [
            ("allow", &requirement.allowed),
            ("deny", &requirement.denied),
        ] {
            let mut labels = of(requirement, &direction).to_vec();
            labels.push(("decision", decision));
            text.sample("nsgaudit_requirement_flows", &labels, seen.flows)?;
        }
    }
    text.family(
        "nsgaudit_requirement_last_flow_timestamp_seconds",
        "Last flow of a requirement, by decision; absent where none was seen.",
    )?;
    for requirement in &audit.requirements {
        let direction = requirement.direction.to_string();
        for (decision, seen) in [
            ("allow", &requirement.allowed),
            ("deny", &requirement.denied),
        ] {
            if let Some(time) = seconds(seen.last.as_deref()) {
                let mut labels = of(requirement, &direction).to_vec();
                labels.push(("decision", decision));
                let name = "nsgaudit_requirement_last_flow_timestamp_seconds";
                text.sample(name, &labels, time)?;
            }
        }
    }
    Ok(())
}

/// The labels that tell a requirement from others.
fn of<'a>(requirement: &'a Requirement, direction: &'a str) -> [(&'static str, &'a str); 3] {
    [
        ("row", &requirement.row),
        ("subnet", &requirement.subnet),
        ("direction", direction),
    ]
}

fn findings(audit: &Audit, text: &mut Exposition<'_>) -> io::Result<()> {
    let mut counts = BTreeMap::new();
    for finding in &audit.findings {
        let severity = checks::severity_word(finding.severity);
        *counts
            .entry((&*finding.code, &*finding.check, severity))
            .or_insert(0u64) += 1;
    }
    text.family("nsgaudit_findings", "Findings, by check and severity.")?;
    for ((code, check, severity), count) in counts {
        let labels = [("code", code), ("check", check), ("severity", severity)];
        text.sample("nsgaudit_findings", &labels, count)?;
    }
    Ok(())
}

fn traffic(audit: &Audit, text: &mut Exposition<'_>) -> io::Result<()> {
    let mut counts = BTreeMap::new();
    for group in &audit.groups {
        let decision = match group.decision {
            Decision::Allow => "allow",
            Decision::Deny => "deny",
        };
        let count: &mut (u64, u64) = counts
            .entry((class_word(group.class), decision))
            .or_default();
        count.0 = count.0.saturating_add(group.flows);
        let bytes = group.bytes_forward.saturating_add(group.bytes_reverse);
        count.1 = count.1.saturating_add(bytes);
    }
    text.family(
        "nsgaudit_flows",
        "Flows as each observer saw them, by class of traffic.",
    )?;
    for ((class, decision), (flows, _)) in &counts {
        let labels = [("class", *class), ("decision", *decision)];
        text.sample("nsgaudit_flows", &labels, flows)?;
    }
    text.family(
        "nsgaudit_flow_bytes",
        "Bytes both ways, by class of traffic.",
    )?;
    for ((class, decision), (_, bytes)) in &counts {
        let labels = [("class", *class), ("decision", *decision)];
        text.sample("nsgaudit_flow_bytes", &labels, bytes)?;
    }
    Ok(())
}

/// The verdict as the JSON has it.
pub(super) fn verdict_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Blocked => "blocked",
        Verdict::PartlyBlocked => "partly-blocked",
        Verdict::AtRisk => "at-risk",
        Verdict::Unproven => "unproven",
        Verdict::SatisfiedUnseen => "satisfied-unseen",
        Verdict::Satisfied => "satisfied",
        Verdict::NotApplicable => "not-applicable",
    }
}

/// Seconds since the epoch, where the text is a time.
fn seconds(time: Option<&str>) -> Option<f64> {
    Some(Timestamp::parse(time?)?.0 as f64 / 1000.0)
}

/// The text being written.
struct Exposition<'a> {
    out: &'a mut dyn Write,
}

impl Exposition<'_> {
    fn family(&mut self, name: &str, help: &str) -> io::Result<()> {
        writeln!(self.out, "# HELP {name} {help}\n# TYPE {name} gauge")
    }

    fn sample(
        &mut self,
        name: &str,
        labels: &[(&str, &str)],
        value: impl std::fmt::Display,
    ) -> io::Result<()> {
        self.out.write_all(name.as_bytes())?;
        for (index, (label, text)) in labels.iter().enumerate() {
            let open = if index == 0 { '{' } else { ',' };
            write!(self.out, "{open}{label}=\"{}\"", escaped(text))?;
        }
        let close = if labels.is_empty() { "" } else { "}" };
        writeln!(self.out, "{close} {value}")
    }
}

/// A label's value: the format knows three escapes and no others.
fn escaped(text: &str) -> String {
    let lines: Vec<String> = text
        .split('\n')
        .map(|line| {
            let line = escape::terminal(line);
            line.replace('\\', "\\\\").replace('"', "\\\"")
        })
        .collect();
    lines.join("\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn label_values_are_escaped() {
        assert_eq!(escaped("a\"b\\c\nd\u{1b}"), "a\\\"b\\\\c\\nd\\\\x1b");
    }

    #[test]
    fn every_sample_belongs_to_the_family_above_it_and_is_told_once() {
        for audit in [sample::incident(), sample::empty(), sample::hostile()] {
            let mut out = Vec::new();
            write(&audit, &mut out).unwrap();
            let text = String::from_utf8(out).unwrap();
            let (mut family, mut seen) = ("", std::collections::BTreeSet::new());
            for line in text.lines() {
                if let Some(kind) = line.strip_prefix("# TYPE ") {
                    family = kind.split(' ').next().unwrap();
                } else if !line.starts_with('#') {
                    let name = line.split(['{', ' ']).next().unwrap();
                    assert_eq!(name, family);
                    assert!(seen.insert(line.rsplit_once(' ').unwrap().0), "{line}");
                }
            }
        }
    }
}
