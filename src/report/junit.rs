//! The verdicts as JUnit XML: what build servers read.
//!
//! A test suite a subnet, a test case a requirement; one more suite, `checks`, has a case for each
//! check that is not about required traffic. Blocked, partly blocked and at risk fail; what is
//! unproven, does not apply, or is advice only and fails, is skipped, with the reason. A check fails
//! where it found something of medium severity or worse. Times are the flows', never a clock's.

use std::io::{self, Write};

use super::escape::xml;
use crate::audit::checks::{CHECKS, Check, severity_word};
use crate::audit::{Audit, Finding, Requirement, Severity, Verdict};

/// Writes the verdicts.
pub fn write(audit: &Audit, out: &mut dyn Write) -> io::Result<()> {
    let mut suites: Vec<Suite> = Vec::new();
    for requirement in &audit.requirements {
        let case = Case::of_requirement(requirement);
        match suites
            .iter_mut()
            .find(|suite| suite.name == requirement.subnet)
        {
            Some(suite) => suite.cases.push(case),
            None => suites.push(Suite {
                name: requirement.subnet.clone(),
                cases: vec![case],
            }),
        }
    }
    let cases = CHECKS
        .iter()
        .filter(|check| !check.code.starts_with("NSG1"))
        .map(|check| Case::of_check(check, &audit.findings))
        .collect();
    suites.push(Suite {
        name: "checks".to_owned(),
        cases,
    });
    out.write_all(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n")?;
    let count = |what: fn(&Outcome) -> bool| -> usize {
        suites.iter().map(|suite| suite.count(what)).sum()
    };
    writeln!(
        out,
        "<testsuites name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"0\">",
        xml(&format!("{} {}", audit.program, audit.basis.profile)),
        count(|_| true),
        count(Outcome::failed),
    )?;
    // A schema in use wants when and where; the audit's own window is when.
    let time = audit.input.first.as_deref().unwrap_or_default();
    let time = time.get(..19).unwrap_or("1970-01-01T00:00:00");
    for (id, suite) in suites.iter().enumerate() {
        suite.write(id, time, out)?;
    }
    out.write_all(b"</testsuites>\n")
}

/// What became of a test case.
enum Outcome {
    Passed,
    Failed { kind: String, message: String },
    Skipped { message: String },
}

impl Outcome {
    fn failed(&self) -> bool {
        matches!(self, Self::Failed { .. })
    }

    fn skipped(&self) -> bool {
        matches!(self, Self::Skipped { .. })
    }
}

struct Case {
    class: String,
    name: String,
    outcome: Outcome,
    /// More about it, a line each.
    text: Vec<String>,
}

impl Case {
    fn of_requirement(requirement: &Requirement) -> Self {
        let verdict = requirement.verdict.name();
        let told = format!("{verdict}: {}", requirement.reason);
        let outcome = match requirement.verdict {
            Verdict::Satisfied | Verdict::SatisfiedUnseen => Outcome::Passed,
            Verdict::Unproven | Verdict::NotApplicable => Outcome::Skipped { message: told },
            Verdict::Blocked | Verdict::PartlyBlocked | Verdict::AtRisk if requirement.advice => {
                Outcome::Skipped {
                    message: format!("advice only; {told}"),
                }
            }
            Verdict::Blocked | Verdict::PartlyBlocked | Verdict::AtRisk => Outcome::Failed {
                kind: verdict.to_owned(),
                message: requirement.reason.clone(),
            },
        };
        let mut text = vec![
            format!(
                "required: {} {} {}, {} -> {}",
                requirement.direction,
                requirement.protocol,
                requirement.ports,
                requirement.source,
                requirement.destination
            ),
            format!("source: {}", requirement.reference),
        ];
        if !requirement.impact.is_empty() {
            text.push(format!("impact: {}", requirement.impact));
        }
        for rule in &requirement.denied.rules {
            text.push(format!(
                "denied by: {} of {}, {} flows",
                rule.rule, rule.nsg, rule.flows
            ));
        }
        let configured = requirement.configured.iter();
        for location in configured.flat_map(|configured| &configured.rules) {
            text.push(format!(
                "rule: {} of {} ({} {})",
                location.rule, location.nsg, location.file, location.path
            ));
        }
        Self {
            class: requirement.subnet.clone(),
            name: format!(
                "{} ({} {}) [{}]",
                requirement.purpose, requirement.direction, requirement.ports, requirement.row
            ),
            outcome,
            text,
        }
    }

    fn of_check(check: &Check, findings: &[Finding]) -> Self {
        let found: Vec<&Finding> = findings
            .iter()
            .filter(|finding| finding.code == check.code)
            .collect();
        let worst = found.iter().map(|finding| finding.severity).max();
        let outcome = if worst.is_some_and(|worst| worst >= Severity::Medium) {
            Outcome::Failed {
                kind: worst.map_or("", severity_word).to_owned(),
                message: format!("{}: {} found", check.summary, found.len()),
            }
        } else {
            Outcome::Passed
        };
        Self {
            class: "checks".to_owned(),
            name: format!("{} {}", check.code, check.name),
            outcome,
            text: found
                .iter()
                .map(|finding| format!("{}: {}", severity_word(finding.severity), finding.title))
                .collect(),
        }
    }

    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        write!(
            out,
            "    <testcase name=\"{}\" classname=\"{}\" time=\"0\"",
            xml(&self.name),
            xml(&self.class)
        )?;
        let text = xml(&self.text.join("\n"));
        match &self.outcome {
            Outcome::Passed if text.is_empty() => return out.write_all(b"/>\n"),
            Outcome::Passed => writeln!(out, ">\n      <system-out>{text}</system-out>")?,
            Outcome::Skipped { message } => {
                writeln!(out, ">\n      <skipped>{}</skipped>", xml(message))?;
            }
            Outcome::Failed { kind, message } => writeln!(
                out,
                ">\n      <failure type=\"{}\" message=\"{}\">{text}</failure>",
                xml(kind),
                xml(message)
            )?,
        }
        out.write_all(b"    </testcase>\n")
    }
}

struct Suite {
    name: String,
    cases: Vec<Case>,
}

impl Suite {
    fn count(&self, what: fn(&Outcome) -> bool) -> usize {
        let cases = self.cases.iter();
        cases.filter(|case| what(&case.outcome)).count()
    }

    fn write(&self, id: usize, time: &str, out: &mut dyn Write) -> io::Result<()> {
        writeln!(
            out,
            "  <testsuite id=\"{id}\" name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"0\" \
             skipped=\"{}\" time=\"0\" timestamp=\"{}\" hostname=\"nsgaudit\">",
            xml(&self.name),
            self.cases.len(),
            self.count(Outcome::failed),
            self.count(Outcome::skipped),
            xml(time),
        )?;
        self.cases.iter().try_for_each(|case| case.write(out))?;
        out.write_all(b"  </testsuite>\n")
    }
}
