//! The audit, and flow records of logs, as events of the Open Cybersecurity Schema Framework, one a
//! line.
//!
//! Verdicts and findings are Compliance Findings (2003), flow groups and flow records Network
//! Activities (4001). A requirement that has a finding of its own is told by that finding alone. Times
//! are those of the flows, never of a clock: 0 where nothing was seen.

mod network;

use std::collections::BTreeSet;
use std::io::{self, Write};

use serde_json::{Value, json};

use super::json_text;
use crate::audit::checks::severity_word;
use crate::audit::{Audit, Finding, Observed, Requirement, RuleLocation, Severity, Verdict};
use crate::net::Timestamp;

pub use network::write_flow;

/// Version of the schema.
pub const VERSION: &str = "1.8.0";

/// Writes the audit: findings, requirements, flow groups.
pub fn write(audit: &Audit, out: &mut dyn Write) -> io::Result<()> {
    for finding in &audit.findings {
        json_text::line(out, &of_finding(audit, finding))?;
    }
    let told = told(&audit.findings);
    for requirement in &audit.requirements {
        if !told.contains(&(requirement.subnet.as_str(), requirement.row.as_str())) {
            json_text::line(out, &of_requirement(audit, requirement))?;
        }
    }
    network::write_groups(audit, out)
}

/// Subnet and row of the requirements that have a finding of their own.
fn told(findings: &[Finding]) -> BTreeSet<(&str, &str)> {
    findings
        .iter()
        .filter(|finding| finding.code.starts_with("NSG1"))
        .filter_map(|finding| Some((finding.subnet.as_deref()?, &finding.rows)))
        .flat_map(|(subnet, rows)| rows.iter().map(move |row| (subnet, row.as_str())))
        .collect()
}

/// The fields that every Compliance Finding has: a new one each.
fn event(severity: (u32, &str), time: i64) -> Value {
    json!({
        "class_uid": 2003,
        "class_name": "Compliance Finding",
        "category_uid": 2,
        "category_name": "Findings",
        "activity_id": 1,
        "activity_name": "Create",
        "type_uid": 200_301,
        "type_name": "Compliance Finding: Create",
        "severity_id": severity.0,
        "severity": severity.1,
        "time": time,
        "status_id": 1,
        "status": "New",
    })
}

fn metadata(version: &str) -> Value {
    json!({
        "version": VERSION,
        "product": { "name": "nsgaudit", "vendor_name": "nsgaudit", "version": version },
        "log_name": "nsgaudit",
    })
}

/// The version in `nsgaudit 1.2.3`.
fn version(audit: &Audit) -> &str {
    audit.program.rsplit(' ').next().unwrap_or_default()
}

fn severity(severity: Severity) -> (u32, &'static str) {
    match severity {
        Severity::Info => (1, "Informational"),
        Severity::Low => (2, "Low"),
        Severity::Medium => (3, "Medium"),
        Severity::High => (4, "High"),
        Severity::Critical => (5, "Critical"),
    }
}

/// Pass, Warning (no result, for want of evidence), Fail, Other.
fn status(verdict: Verdict) -> (u32, &'static str) {
    match verdict {
        Verdict::Blocked | Verdict::PartlyBlocked | Verdict::AtRisk => (3, "Fail"),
        Verdict::Unproven => (2, "Warning"),
        Verdict::Satisfied | Verdict::SatisfiedUnseen => (1, "Pass"),
        Verdict::NotApplicable => (99, "not applicable"),
    }
}

fn of_finding(audit: &Audit, finding: &Finding) -> Value {
    let seen = finding.evidence.as_ref();
    let time = seen.and_then(|seen| millis(seen.last.as_deref()));
    let time = time.or_else(|| millis(audit.input.last.as_deref()));
    let level = severity(finding.severity);
    let mut event = event(level, time.unwrap_or(0));
    event["metadata"] = metadata(version(audit));
    event["message"] = json!(finding.title);
    // What cannot be decided for want of evidence is a warning, not a failure.
    let failed = finding.severity > Severity::Info;
    let result = if failed { (3, "Fail") } else { (2, "Warning") };
    event["compliance"] = json!({
        "standards": [audit.basis.profile],
        "requirements": finding.rows,
        "control": finding.code,
        "status_id": result.0,
        "status": result.1,
        "status_details": finding.details,
        "checks": [{
            "uid": finding.code,
            "name": finding.check,
            "severity": severity_word(finding.severity),
            "severity_id": level.0,
            "status_id": result.0,
            "status": result.1,
            "standards": [audit.basis.profile],
        }],
    });
    event["finding_info"] = info(&finding.fingerprint, &finding.title, seen);
    if !finding.details.is_empty() {
        event["remediation"] = json!({ "desc": finding.details.join(" ") });
    }
    let resources = resources(finding.subnet.as_deref(), seen, &finding.rules);
    if !resources.is_empty() {
        event["resources"] = json!(resources);
    }
    add_evidence(&mut event, seen);
    event
}

fn of_requirement(audit: &Audit, requirement: &Requirement) -> Value {
    let denied = requirement.denied.flows > 0;
    let seen = if denied {
        &requirement.denied
    } else {
        &requirement.allowed
    };
    let level = match requirement.verdict {
        Verdict::Blocked | Verdict::PartlyBlocked | Verdict::AtRisk if requirement.advice => {
            Severity::Low
        }
        Verdict::Blocked => Severity::Critical,
        Verdict::PartlyBlocked | Verdict::AtRisk => Severity::High,
        _ => Severity::Info,
    };
    let time = millis(seen.last.as_deref()).or_else(|| millis(audit.input.last.as_deref()));
    let mut event = event(severity(level), time.unwrap_or(0));
    let result = status(requirement.verdict);
    let uid = format!(
        "{}@{}/{}",
        requirement.row, requirement.subnet, requirement.direction
    );
    let title = format!("{}: {}", requirement.purpose, requirement.verdict.name());
    event["metadata"] = metadata(version(audit));
    event["message"] = json!(requirement.reason);
    event["compliance"] = json!({
        "standards": [audit.basis.profile],
        "requirements": [requirement.row],
        "control": requirement.row,
        "desc": format!(
            "{}: {} {} {}, {} -> {}",
            requirement.purpose,
            requirement.direction,
            requirement.protocol,
            requirement.ports,
            requirement.source,
            requirement.destination
        ),
        "status_id": result.0,
        "status": result.1,
        "status_code": requirement.verdict.name(),
        "status_details": [requirement.reason],
    });
    event["finding_info"] = info(&uid, &title, Some(seen));
    let rules = requirement.configured.as_ref();
    let rules = rules.map_or(&[][..], |configured| &configured.rules);
    event["resources"] = json!(resources(Some(&requirement.subnet), Some(seen), rules));
    if denied {
        add_evidence(&mut event, Some(seen));
    }
    event
}

fn info(uid: &str, title: &str, seen: Option<&Observed>) -> Value {
    let mut info = json!({ "uid": uid, "title": title });
    if let Some(seen) = seen {
        if let Some(first) = millis(seen.first.as_deref()) {
            info["first_seen_time"] = json!(first);
        }
        if let Some(last) = millis(seen.last.as_deref()) {
            info["last_seen_time"] = json!(last);
        }
    }
    info
}

/// The subnet, the NSGs that decided, the rules that documents state.
fn resources(subnet: Option<&str>, seen: Option<&Observed>, rules: &[RuleLocation]) -> Vec<Value> {
    let mut resources: Vec<Value> = subnet
        .filter(|subnet| !subnet.is_empty())
        .map(|subnet| json!({ "name": subnet, "type": "subnet" }))
        .into_iter()
        .collect();
    for rule in seen.iter().flat_map(|seen| &seen.rules) {
        let mut holder = json!({ "name": rule.nsg, "type": "network security group" });
        if !rule.nsg_id.is_empty() {
            holder["uid"] = json!(rule.nsg_id);
        }
        if !rule.nsg.is_empty() && !resources.contains(&holder) {
            resources.push(holder);
        }
    }
    for rule in rules {
        let data = json!({ "nsg": rule.nsg, "file": rule.file, "path": rule.path });
        resources.push(json!({ "name": rule.rule, "type": "security rule", "data": data }));
    }
    resources
}

fn add_evidence(event: &mut Value, seen: Option<&Observed>) {
    let Some(seen) = seen else { return };
    event["count"] = json!(i32::try_from(seen.flows).unwrap_or(i32::MAX));
    let samples = seen.samples.iter().map(|sample| {
        json!({ "data": {
            "time": sample.time,
            "tuple": sample.tuple,
            "file": sample.file,
            "offset": sample.offset,
            "tags": sample.tags,
        }})
    });
    let rules = seen.rules.iter().map(
        |rule| json!({ "data": { "nsg": rule.nsg_id, "rule": rule.rule, "flows": rule.flows } }),
    );
    let evidences: Vec<Value> = samples.chain(rules).collect();
    if !evidences.is_empty() {
        event["evidences"] = json!(evidences);
    }
}

/// Milliseconds since the epoch, where the text is a time.
fn millis(time: Option<&str>) -> Option<i64> {
    Some(Timestamp::parse(time?)?.0)
}
