//! The findings as SARIF 2.1.0, for code scanning.
//!
//! A finding's place is the rule in the document that states it, where rules were given and are
//! named; else the NSG's rule or the subnet as a logical location. Evidence stands in related
//! locations: the log file, with the byte offset of the tuple in its decompressed text.

mod line;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};

use serde_json::{Value, json};

use super::json_text;
use crate::audit::checks::{CHECKS, Check, severity_word};
use crate::audit::{Audit, Finding, RuleLocation, SampleText, Severity};

pub use line::line_of;

/// The schema, as the standard names it.
const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// How a finding stands to the baseline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BaselineState {
    /// It was not there.
    New,
    /// It was there, the same.
    Unchanged,
    /// It was there, and has changed.
    Updated,
    /// It was there, and is no more.
    Absent,
}

impl BaselineState {
    fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Unchanged => "unchanged",
            Self::Updated => "updated",
            Self::Absent => "absent",
        }
    }
}

/// What a baseline says of findings.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Baseline {
    /// How findings stand to it, by fingerprint. One that is not named is new.
    pub states: BTreeMap<String, BaselineState>,
    /// Why findings are accepted, by fingerprint: reason, owner, expiry, in words.
    pub accepted: BTreeMap<String, String>,
    /// Findings that it has and the audit has not: told as absent.
    pub absent: Vec<Finding>,
}

impl Baseline {
    /// What the audit tells of the baseline that it was given; `None` where it was given none.
    pub fn of(audit: &Audit) -> Option<Self> {
        let text = audit.baseline.as_ref()?;
        let mut baseline = Self::default();
        for finding in &audit.findings {
            if let Some(accepted) = &finding.suppressed {
                let why = format!(
                    "{} ({}, until {})",
                    accepted.reason, accepted.owner, accepted.expires
                );
                baseline.accepted.insert(finding.fingerprint.clone(), why);
                let known = BaselineState::Unchanged;
                baseline.states.insert(finding.fingerprint.clone(), known);
            }
        }
        for entry in &text.expired {
            let known = BaselineState::Unchanged;
            baseline.states.insert(entry.fingerprint.clone(), known);
        }
        Some(baseline)
    }

    /// Adds to a result how its finding stands to the baseline.
    fn mark(&self, result: &mut Value, finding: &Finding, state: Option<BaselineState>) {
        let state = state.or_else(|| self.states.get(&finding.fingerprint).copied());
        result["baselineState"] = json!(state.unwrap_or(BaselineState::New).word());
        if let Some(why) = self.accepted.get(&finding.fingerprint) {
            result["suppressions"] = json!([{
                "kind": "external",
                "status": "accepted",
                "justification": why,
            }]);
        }
    }
}

/// The line of the document where a rule is stated, where that can be told: see [`line_of`].
pub type LineOf<'a> = dyn Fn(&RuleLocation) -> Option<u64> + 'a;

/// Writes the findings. With a baseline, each says how it stands to it.
pub fn write(
    audit: &Audit,
    baseline: Option<&Baseline>,
    line: &LineOf<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let here = audit.findings.iter().map(|finding| (finding, None));
    let gone = baseline.iter().flat_map(|baseline| &baseline.absent);
    let gone = gone.map(|finding| (finding, Some(BaselineState::Absent)));
    let results: Vec<Value> = here
        .chain(gone)
        .map(|(finding, state)| {
            let mut result = result(finding, line);
            if let Some(baseline) = baseline {
                baseline.mark(&mut result, finding, state);
            }
            result
        })
        .collect();
    let notes: Vec<Value> = audit.input.faults.iter().map(|fault| {
        let samples = fault.samples.iter().map(|sample| file(&sample.file, Some(sample.offset)));
        json!({
            "level": "warning",
            "message": { "text": format!("{} {} were skipped", fault.count, fault.kind) },
            "descriptor": { "id": fault.kind },
            "locations": samples.map(|place| json!({ "physicalLocation": place })).collect::<Vec<_>>(),
        })
    }).collect();
    let (name, version) = audit
        .program
        .split_once(' ')
        .unwrap_or((&audit.program, "0"));
    let log = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": name,
                "version": version,
                "semanticVersion": version,
                "rules": CHECKS.iter().map(rule).collect::<Vec<_>>(),
            }},
            "automationDetails": { "id": format!("nsgaudit/{}/", audit.basis.profile) },
            "invocations": [{
                "executionSuccessful": true,
                "toolExecutionNotifications": notes,
            }],
            "columnKind": "utf16CodeUnits",
            "results": results,
            "properties": {
                "edition": audit.basis.edition,
                "first": audit.input.first,
                "last": audit.input.last,
                "coveragePerMille": audit.input.coverage.per_mille,
            },
        }],
    });
    json_text::indented(out, &log)
}

/// A check as a rule: its text is the help.
fn rule(check: &Check) -> Value {
    json!({
        "id": check.code,
        "name": pascal(check.name),
        "shortDescription": { "text": format!("{}.", capital(check.summary)) },
        "fullDescription": { "text": format!("{}.", capital(check.summary)) },
        "help": { "text": check.doc, "markdown": check.doc },
        "defaultConfiguration": { "level": level(check.severity) },
        "properties": {
            "tags": ["security", "network", "azure"],
            "precision": "high",
            "security-severity": score(check.severity),
        },
    })
}

fn result(finding: &Finding, line: &LineOf<'_>) -> Value {
    let index = CHECKS.iter().position(|check| check.code == finding.code);
    let mut text = finding.title.clone();
    text.push('.');
    for detail in &finding.details {
        // Writing to a string does not fail.
        _ = write!(text, " {detail}");
    }
    let samples = finding.evidence.iter().flat_map(|seen| &seen.samples);
    let related: Vec<Value> = samples
        .enumerate()
        .map(|(id, sample)| evidence(id, sample))
        .collect();
    let mut result = json!({
        "ruleId": finding.code,
        "level": level(finding.severity),
        "message": { "text": message(&text) },
        "locations": places(finding, line),
        "relatedLocations": related,
        "partialFingerprints": { "nsgauditFinding/v1": finding.fingerprint },
        "properties": {
            "severity": severity_word(finding.severity),
            "check": finding.check,
            "subnet": finding.subnet,
            "rows": finding.rows,
            "flows": finding.evidence.as_ref().map(|seen| seen.flows),
            "first": finding.evidence.as_ref().and_then(|seen| seen.first.as_ref()),
            "last": finding.evidence.as_ref().and_then(|seen| seen.last.as_ref()),
        },
    });
    if let Some(index) = index {
        result["ruleIndex"] = json!(index);
    }
    result
}

/// Where it is: where rules are stated, else what it is about.
fn places(finding: &Finding, line: &LineOf<'_>) -> Vec<Value> {
    if !finding.rules.is_empty() {
        let rules = finding.rules.iter();
        return rules.map(|rule| stated(rule, line)).collect();
    }
    let decided = finding.evidence.iter().flat_map(|seen| &seen.rules);
    let mut logical: Vec<Value> = finding
        .subnet
        .iter()
        .map(|subnet| json!({ "name": subnet, "fullyQualifiedName": subnet, "kind": "resource" }))
        .collect();
    for rule in decided.filter(|rule| rule.outcome.is_none()) {
        logical.push(json!({
            "name": rule.rule,
            "fullyQualifiedName": format!("{}/{}", rule.nsg_id, rule.rule),
            "kind": "resource",
        }));
    }
    if logical.is_empty() {
        return Vec::new();
    }
    vec![json!({ "logicalLocations": logical })]
}

/// A rule where a document states it. Where none does, it is a default rule.
fn stated(rule: &RuleLocation, line: &LineOf<'_>) -> Value {
    let logical = json!([{
        "name": rule.rule,
        "fullyQualifiedName": format!("{}/{}", rule.nsg, rule.rule),
        "kind": "resource",
    }]);
    if rule.file.is_empty() {
        return json!({ "logicalLocations": logical });
    }
    let mut place = file(&rule.file, None);
    place["properties"] = json!({ "jsonPath": rule.path });
    if let Some(line) = line(rule) {
        place["region"] = json!({ "startLine": line });
    }
    json!({
        "physicalLocation": place,
        "logicalLocations": logical,
        "message": { "text": message(&format!("rule {} at {}", rule.rule, rule.path)) },
    })
}

fn evidence(id: usize, sample: &SampleText) -> Value {
    json!({
        "id": id,
        "physicalLocation": file(&sample.file, Some(sample.offset)),
        "message": { "text": message(&format!("{} {}", sample.time, sample.tuple)) },
    })
}

/// A place in a file.
fn file(path: &str, offset: Option<u64>) -> Value {
    let mut place = json!({ "artifactLocation": { "uri": uri(path) } });
    if let Some(offset) = offset {
        place["region"] = json!({ "byteOffset": offset });
    }
    place
}

/// A path as a URI reference: all but what stands for itself as `%XX`.
fn uri(path: &str) -> String {
    let mut uri = if path.starts_with('/') {
        "file://".to_owned()
    } else {
        String::new()
    };
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(byte.into());
            }
            // Writing to a string does not fail.
            _ => _ = write!(uri, "%{byte:02X}"),
        }
    }
    uri
}

/// Text in which nothing is a link: the format makes one of `[text](target)`.
fn message(text: &str) -> String {
    if text.contains("](") {
        text.replace('[', "\\[").replace(']', "\\]")
    } else {
        text.to_owned()
    }
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "note",
    }
}

/// The score that code scanning sorts by: the middle of the range of each word.
fn score(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "9.5",
        Severity::High => "8.0",
        Severity::Medium => "5.5",
        Severity::Low => "2.5",
        Severity::Info => "0.0",
    }
}

/// `required-blocked` as `RequiredBlocked`.
fn pascal(name: &str) -> String {
    name.split('-').map(capital).collect()
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn parsed(audit: &Audit, baseline: Option<&Baseline>) -> Value {
        let mut out = Vec::new();
        write(audit, baseline, &|_| Some(7), &mut out).unwrap();
        serde_json::from_slice(&out).unwrap()
    }

    #[test]
    fn a_rule_that_a_document_states_is_the_place() {
        let mut audit = sample::incident();
        audit.findings[0].rules = vec![
            RuleLocation {
                nsg: "nsg-ise".to_owned(),
                rule: "DenyAmqp".to_owned(),
                file: "rules/nsg a.json".to_owned(),
                path: "$[0].securityRules[3]".to_owned(),
            },
            RuleLocation {
                nsg: "nsg-ise".to_owned(),
                rule: "DenyAllOutBound".to_owned(),
                file: String::new(),
                path: String::new(),
            },
        ];
        let places = &parsed(&audit, None)["runs"][0]["results"][0]["locations"];
        let place = &places[0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "rules/nsg%20a.json");
        assert_eq!(place["properties"]["jsonPath"], "$[0].securityRules[3]");
        assert_eq!(place["region"]["startLine"], 7);
        assert!(places[1].get("physicalLocation").is_none());
        let name = &places[1]["logicalLocations"][0]["fullyQualifiedName"];
        assert_eq!(name, "nsg-ise/DenyAllOutBound");
    }

    #[test]
    fn a_baseline_says_how_each_finding_stands_to_it() {
        let audit = sample::incident();
        let first = audit.findings[0].fingerprint.clone();
        let mut gone = audit.findings[0].clone();
        gone.fingerprint = "gone".to_owned();
        let baseline = Baseline {
            states: BTreeMap::from([(first.clone(), BaselineState::Unchanged)]),
            accepted: BTreeMap::from([(first, "known; ops; until 2026-06-30".to_owned())]),
            absent: vec![gone],
        };
        let log = parsed(&audit, Some(&baseline));
        let results = log["runs"][0]["results"].as_array().unwrap();
        let states: Vec<&str> = results
            .iter()
            .map(|result| result["baselineState"].as_str().unwrap())
            .collect();
        let mut expected: Vec<&str> = audit
            .findings
            .iter()
            .map(|finding| {
                if finding.fingerprint == audit.findings[0].fingerprint {
                    "unchanged"
                } else {
                    "new"
                }
            })
            .collect();
        expected.push("absent");
        assert_eq!(states, expected);
        assert_eq!(
            results[0]["suppressions"][0]["justification"],
            "known; ops; until 2026-06-30"
        );
        assert!(
            parsed(&audit, None)["runs"][0]["results"][0]
                .get("baselineState")
                .is_none()
        );
    }

    #[test]
    fn paths_are_uri_references() {
        assert_eq!(uri("a b/ü#?.json"), "a%20b/%C3%BC%23%3F.json");
        assert_eq!(uri("/logs/x:y"), "file:///logs/x%3Ay");
    }

    #[test]
    fn a_name_cannot_be_a_link() {
        assert_eq!(message("x [a](http://b)"), "x \\[a\\](http://b)");
        assert_eq!(message("$[0]"), "$[0]");
    }
}
