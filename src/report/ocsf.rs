//! The audit, and flow records of logs, as events of the Open Cybersecurity Schema Framework, one a
//! line.
//!
//! Verdicts and findings are Compliance Findings (2003), flow groups and flow records Network
//! Activities (4001). A requirement that has a finding of its own is told by that finding alone. Times
//! are those of the flows, never of a clock: 0 where nothing was seen.

use std::collections::BTreeSet;
use std::io::{self, Write};

use serde_json::{Value, json};

use super::community::community_id;
use super::ecs::subscription;
use super::jsonl::object;
use crate::audit::checks::severity_word;
use crate::audit::{
    Audit, Finding, Observed, Requirement, RuleLocation, Severity, TrafficGroup, Verdict,
};
use crate::flowlog::batch::{FlowState, LogKind, RecordBatch, Tuple};
use crate::net::{Decision, Direction, Outcome, Protocol, Timestamp};

/// Version of the schema.
pub const VERSION: &str = "1.8.0";

/// Writes the audit: findings, requirements, flow groups.
pub fn write(audit: &Audit, out: &mut dyn Write) -> io::Result<()> {
    for finding in &audit.findings {
        object(out, &of_finding(audit, finding))?;
    }
    let told = told(&audit.findings);
    for requirement in &audit.requirements {
        if !told.contains(&(requirement.subnet.as_str(), requirement.row.as_str())) {
            object(out, &of_requirement(audit, requirement))?;
        }
    }
    for group in &audit.groups {
        object(out, &of_group(audit, group))?;
    }
    Ok(())
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

/// A class's number and name, and its category's.
struct Class {
    uid: u32,
    name: &'static str,
    category: u32,
    category_name: &'static str,
}

const COMPLIANCE: Class = Class {
    uid: 2003,
    name: "Compliance Finding",
    category: 2,
    category_name: "Findings",
};

const NETWORK: Class = Class {
    uid: 4001,
    name: "Network Activity",
    category: 4,
    category_name: "Network Activity",
};

/// The fields that every event has.
fn event(class: &Class, activity: (u32, &str), severity: (u32, &str), time: i64) -> Value {
    json!({
        "class_uid": class.uid,
        "class_name": class.name,
        "category_uid": class.category,
        "category_name": class.category_name,
        "activity_id": activity.0,
        "activity_name": activity.1,
        "type_uid": class.uid * 100 + activity.0,
        "type_name": format!("{}: {}", class.name, activity.1),
        "severity_id": severity.0,
        "severity": severity.1,
        "time": time,
    })
}

fn metadata(version: &str, profiles: &[&str], log: &str) -> Value {
    let mut metadata = json!({
        "version": VERSION,
        "product": { "name": "nsgaudit", "vendor_name": "nsgaudit", "version": version },
        "log_name": log,
    });
    if !profiles.is_empty() {
        metadata["profiles"] = json!(profiles);
    }
    metadata
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
    let mut event = event(&COMPLIANCE, (1, "Create"), level, time.unwrap_or(0));
    event["metadata"] = metadata(version(audit), &[], "nsgaudit");
    event["message"] = json!(finding.title);
    // What cannot be decided for want of evidence is a warning, not a failure.
    let failed = finding.severity > Severity::Info;
    let result = if failed { (3, "Fail") } else { (2, "Warning") };
    event["status_id"] = json!(1);
    event["status"] = json!("New");
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
    let mut event = event(
        &COMPLIANCE,
        (1, "Create"),
        severity(level),
        time.unwrap_or(0),
    );
    let result = status(requirement.verdict);
    let uid = format!(
        "{}@{}/{}",
        requirement.row, requirement.subnet, requirement.direction
    );
    let title = format!("{}: {}", requirement.purpose, requirement.verdict.name());
    event["metadata"] = metadata(version(audit), &[], "nsgaudit");
    event["message"] = json!(requirement.reason);
    event["status_id"] = json!(1);
    event["status"] = json!("New");
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

/// What a network activity is, its action and disposition, of what was decided or captured.
struct Activity {
    id: (u32, &'static str),
    action: (u32, &'static str),
    disposition: (u32, &'static str),
}

impl Activity {
    fn of_decision(decision: Decision, allowed: (u32, &'static str)) -> Self {
        match decision {
            Decision::Allow => Self {
                id: allowed,
                action: (1, "Allowed"),
                disposition: (1, "Allowed"),
            },
            Decision::Deny => Self {
                id: (4, "Fail"),
                action: (2, "Denied"),
                disposition: (2, "Blocked"),
            },
        }
    }

    /// Of packets nobody's decision is known: they are observed.
    fn of_outcome(outcome: Outcome) -> Self {
        Self {
            id: match outcome {
                Outcome::Answered | Outcome::Midstream | Outcome::OneSided => (6, "Traffic"),
                Outcome::Reset => (3, "Reset"),
                Outcome::Refused => (5, "Refuse"),
                Outcome::Prohibited | Outcome::Unreachable | Outcome::Unanswered => (4, "Fail"),
            },
            action: (3, "Observed"),
            disposition: (17, "Logged"),
        }
    }
}

/// The fields that a group and a flow share.
fn activity(activity: &Activity, time: i64, version: &str, account: Option<&str>) -> Value {
    let mut event = event(&NETWORK, activity.id, (1, "Informational"), time);
    event["metadata"] = metadata(version, &["cloud", "security_control"], "azure-flow-log");
    event["cloud"] = json!({ "provider": "Azure" });
    if let Some(account) = account {
        event["cloud"]["account"] =
            json!({ "uid": account, "type": "Azure Subscription", "type_id": 13 });
    }
    event["action_id"] = json!(activity.action.0);
    event["action"] = json!(activity.action.1);
    event["disposition_id"] = json!(activity.disposition.0);
    event["disposition"] = json!(activity.disposition.1);
    event
}

fn of_group(audit: &Audit, group: &TrafficGroup) -> Value {
    let kind = group.outcome.map_or_else(
        || Activity::of_decision(group.decision, (6, "Traffic")),
        Activity::of_outcome,
    );
    let last = millis(Some(&group.last)).unwrap_or(0);
    let mut event = activity(&kind, last, version(audit), None);
    event["start_time"] = json!(millis(Some(&group.first)).unwrap_or(0));
    event["end_time"] = json!(last);
    event["count"] = json!(i32::try_from(group.flows).unwrap_or(i32::MAX));
    event["src_endpoint"] = json!({ "name": group.source });
    event["dst_endpoint"] = json!({ "name": group.destination });
    if let Some(port) = group.port {
        event["dst_endpoint"]["port"] = json!(port);
    }
    event["connection_info"] = connection(group.direction, &group.protocol);
    event["traffic"] = json!({
        "bytes_out": group.bytes_forward,
        "bytes_in": group.bytes_reverse,
        "bytes": group.bytes_forward.saturating_add(group.bytes_reverse),
    });
    if !group.rule.is_empty() {
        event["firewall_rule"] = json!({ "name": group.rule });
    }
    if !group.nsg.is_empty() {
        event["policy"] = json!({ "name": group.nsg });
    }
    event["unmapped"] = json!({
        "log": group.log,
        "class": group.class,
        "rows": group.rows,
        "flows": group.flows,
        "tuples": group.tuples,
    });
    event
}

fn connection(direction: Direction, protocol: &str) -> Value {
    let (id, name) = match direction {
        Direction::Inbound => (1, "Inbound"),
        Direction::Outbound => (2, "Outbound"),
    };
    json!({ "direction_id": id, "direction": name, "protocol_name": protocol })
}

/// Writes one tuple of a batch as a Network Activity. `path` names the file that the batch is from.
pub fn write_flow(
    out: &mut dyn Write,
    batch: &RecordBatch,
    tuple: &Tuple,
    path: &str,
) -> io::Result<()> {
    let (bits, kind) = (tuple.bits, tuple.bits.kind());
    let aggregated = kind == LogKind::TrafficAnalytics;
    let (source, destination) = batch.addresses(tuple);
    let (packets, bytes) = batch.counters(tuple);
    let group = batch.groups.get(usize::from(tuple.group));
    let (rule, acl) = group.map_or(("", ""), |group| (&group.rule, &group.acl));
    let id = match bits.state() {
        FlowState::Begin => (1, "Open"),
        FlowState::End => (2, "Close"),
        FlowState::None | FlowState::Continue => (6, "Traffic"),
    };
    let account = subscription(acl).or_else(|| subscription(&batch.target));
    let mut event = activity(
        &Activity::of_decision(bits.decision(), id),
        tuple.time,
        env!("CARGO_PKG_VERSION"),
        account,
    );
    let last = batch.wide.get(tuple.source as usize);
    if let Some(wide) = last.filter(|_| aggregated && bits.is_wide()) {
        event["start_time"] = json!(tuple.time);
        event["end_time"] = json!(wide.last);
    }
    event["src_endpoint"] = json!({ "ip": source });
    event["dst_endpoint"] = json!({ "ip": destination, "port": tuple.destination_port });
    let protocol = Protocol(tuple.protocol).to_string();
    event["connection_info"] = connection(bits.direction(), &protocol);
    event["connection_info"]["protocol_num"] = json!(tuple.protocol);
    event["connection_info"]["protocol_ver_id"] = json!(if source.is_ipv4() { 4 } else { 6 });
    if !aggregated {
        event["src_endpoint"]["port"] = json!(tuple.source_port);
        let ends = (
            (source, tuple.source_port),
            (destination, tuple.destination_port),
        );
        if let Some(id) = community_id(tuple.protocol, ends.0, ends.1) {
            event["connection_info"]["community_uid"] = json!(id);
        }
    }
    if let Some(mac) = group.and_then(|group| group.mac) {
        let own = match bits.direction() {
            Direction::Inbound => "dst_endpoint",
            Direction::Outbound => "src_endpoint",
        };
        event[own]["interface_uid"] = json!(mac.to_string());
    }
    if kind != LogKind::NsgV1 {
        event["traffic"] = json!({
            "packets_out": packets[0],
            "packets_in": packets[1],
            "packets": packets[0].saturating_add(packets[1]),
            "bytes_out": bytes[0],
            "bytes_in": bytes[1],
            "bytes": bytes[0].saturating_add(bytes[1]),
        });
    }
    if !rule.is_empty() {
        event["firewall_rule"] = json!({ "name": rule });
    }
    if !acl.is_empty() {
        event["policy"] = json!({ "uid": acl });
    }
    event["unmapped"] = json!({
        "log": kind,
        "target": batch.target,
        "file": path,
        "offset": batch.offset,
        "flows": batch.flows(tuple),
    });
    object(out, &event)
}

/// Milliseconds since the epoch, where the text is a time.
fn millis(time: Option<&str>) -> Option<i64> {
    Some(Timestamp::parse(time?)?.0)
}
