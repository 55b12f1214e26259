//! Audits to render in tests, and committed files to hold the renderings against.

mod rows;
mod variants;

pub(crate) use variants::{empty, hostile, large, quiet};

use crate::audit::{
    Audit, Basis, CoverageText, FaultSample, FaultText, Finding, Input, MatrixCell, Observed,
    Reconciled, Requirement, RuleCount, SCHEMA_VERSION, SampleText, Severity, SubnetText,
    TimelineText, TrafficClass, TrafficGroup, Verdict,
};
use crate::net::{Decision, Direction};
use rows::{ROWS, Row};

const FILE: &str = "insights-logs-networksecuritygroupflowevent/resourceId=/SUBSCRIPTIONS/\
    0F1E2D3C-0000-4000-8000-000000000001/RESOURCEGROUPS/RG-ISE/PROVIDERS/MICROSOFT.NETWORK/\
    NETWORKSECURITYGROUPS/NSG-ISE/y=2026/m=01/d=05/h=14/m=00/macAddress=000D3AF87856/PT1H.json";

/// Holds `text` against a committed file, or rewrites the file where the variable is set.
#[expect(
    clippy::disallowed_methods,
    reason = "tests may ask whether to rewrite"
)]
pub(crate) fn assert_committed(path: &str, variable: &str, text: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var(variable).is_ok_and(|value| value == "1") {
        std::fs::write(&path, text).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == text,
        "{} differs from what is written now; look at it, then run with {variable}=1:\n{text}",
        path.display()
    );
}

fn strings(items: &[&str]) -> Vec<String> {
    items.iter().map(|&item| item.to_owned()).collect()
}

fn rule(nsg: &str, rule: &str, flows: u64) -> RuleCount {
    RuleCount {
        nsg: nsg.to_owned(),
        nsg_id: format!(
            "/subscriptions/0f1e2d3c/resourceGroups/rg-ise/providers/Microsoft.Network/networkSecurityGroups/{nsg}"
        ),
        rule: rule.to_owned(),
        outcome: None,
        flows,
    }
}

fn tuple(time: &str, tuple: &str, offset: u64, tags: &[&str]) -> SampleText {
    SampleText {
        time: time.to_owned(),
        tuple: tuple.to_owned(),
        file: FILE.to_owned(),
        offset,
        tags: strings(tags),
    }
}

fn observed(flows: u64, first: &str, last: &str, rules: Vec<RuleCount>) -> Observed {
    Observed {
        flows,
        tuples: flows,
        first: Some(first.to_owned()),
        last: Some(last.to_owned()),
        rules,
        ..Observed::default()
    }
}

/// Allowed flows of the morning, with volume.
fn worked(flows: u64) -> Observed {
    Observed {
        packets_forward: flows * 12,
        packets_reverse: flows * 10,
        bytes_forward: flows * 9_000,
        bytes_reverse: flows * 41_000,
        ..observed(
            flows,
            "2026-01-05T10:00:37Z",
            "2026-01-05T16:59:41Z",
            vec![rule("nsg-ise", "DefaultRule_AllowInternetOutBound", flows)],
        )
    }
}

fn amqp_denied(flows: u64) -> Observed {
    Observed {
        samples: vec![
            tuple(
                "2026-01-05T14:24:07Z",
                "tcp 10.0.1.4:51544 -> 40.68.12.7:5672",
                48_211,
                &["EventHub.WestEurope", "EventHub"],
            ),
            tuple(
                "2026-01-05T14:24:09Z",
                "tcp 10.0.1.5:50112 -> 40.68.12.7:5672",
                48_377,
                &["EventHub.WestEurope", "EventHub"],
            ),
        ],
        timeline: TimelineText {
            start: Some("2026-01-05T10:00:00Z".to_owned()),
            bucket_minutes: 10,
            counts: (0..42)
                .map(|n| if n < 26 { 0 } else { 10 + (n * 7) % 40 })
                .collect(),
        },
        ..observed(
            flows,
            "2026-01-05T14:24:07Z",
            "2026-01-05T16:59:58Z",
            vec![rule("nsg-ise", "UserRule_DenyAmqp", flows)],
        )
    }
}

fn amqp_worked(flows: u64) -> Observed {
    Observed {
        last: Some("2026-01-05T14:23:51Z".to_owned()),
        timeline: TimelineText {
            start: Some("2026-01-05T10:00:00Z".to_owned()),
            bucket_minutes: 10,
            counts: (0..42)
                .map(|n| if n > 26 { 0 } else { 60 + (n * 11) % 30 })
                .collect(),
        },
        ..worked(flows)
    }
}

const SUBNETS: [&str; 4] = ["apim", "compute", "connectors", "redis"];

fn requirement(row: Row, subnet: &str, verdict: Verdict) -> Requirement {
    let (id, purpose, direction, ports, source, destination) = row;
    let conditional = id == "comm-to-logic-apps";
    Requirement {
        row: format!("ise-preview-2019/{id}"),
        purpose: purpose.to_owned(),
        subnet: subnet.to_owned(),
        direction,
        protocol: "any".to_owned(),
        ports: ports.to_owned(),
        source: source.to_owned(),
        destination: destination.to_owned(),
        advice: id == "resource-health",
        condition: if conditional {
            "a logic app has a request trigger or webhook".to_owned()
        } else {
            String::new()
        },
        impact: "diagnostics and metrics stop".to_owned(),
        reference: "seed, row 15".to_owned(),
        verdict,
        reason: match verdict {
            Verdict::Blocked => "denied since 2026-01-05T14:24:07Z, and nothing allowed since",
            Verdict::PartlyBlocked => "both denied and allowed flows were seen",
            Verdict::AtRisk => "the rules deny it, and nothing tried",
            Verdict::SatisfiedUnseen => "the rules allow it; no flow of it was seen",
            Verdict::Unproven => "no flow of it was seen, and no rules were given",
            Verdict::Satisfied => "allowed flows with answers were seen",
            Verdict::NotApplicable => "its condition does not hold",
        }
        .to_owned(),
        allowed: if verdict == Verdict::Satisfied {
            worked(120)
        } else {
            Observed::default()
        },
        denied: Observed::default(),
        packets: Vec::new(),
        configured: None,
        changes: Vec::new(),
        dropped_behind: false,
    }
}

fn requirements() -> Vec<Requirement> {
    use Verdict::{Blocked, PartlyBlocked, Satisfied, Unproven};
    let mut all = Vec::new();
    for row in ROWS {
        for subnet in SUBNETS {
            let verdict = match (row.0, subnet) {
                ("event-hub-log", "apim" | "compute") => Blocked,
                ("event-hub-log", "connectors")
                | ("storage" | "intersubnet", _)
                | ("comm-to-logic-apps", "apim") => Satisfied,
                ("apim-management", "apim") => PartlyBlocked,
                ("apim-management", _) => continue,
                _ => Unproven,
            };
            let mut requirement = requirement(row, subnet, verdict);
            if verdict == Blocked {
                requirement.denied = amqp_denied(602);
                requirement.allowed = amqp_worked(1_923);
            }
            if verdict == PartlyBlocked {
                requirement.denied = management_denied();
                requirement.allowed = worked(410);
            }
            all.push(requirement);
        }
    }
    all.sort_by_key(|requirement| requirement.verdict);
    all
}

fn management_denied() -> Observed {
    Observed {
        samples: vec![tuple(
            "2026-01-05T11:02:10Z",
            "tcp 20.40.125.155:40112 -> 10.0.0.4:3443",
            1_204,
            &["ApiManagement.WestEurope", "AzureCloud"],
        )],
        ..observed(
            17,
            "2026-01-05T11:02:10Z",
            "2026-01-05T16:31:44Z",
            vec![rule("nsg-apim", "DefaultRule_DenyAllInBound", 17)],
        )
    }
}

fn finding(code: &str, check: &str, severity: Severity, title: &str) -> Finding {
    Finding {
        code: code.to_owned(),
        check: check.to_owned(),
        severity,
        fingerprint: "3b1d0c5a9e7f2468".to_owned(),
        title: title.to_owned(),
        details: Vec::new(),
        subnet: None,
        rows: Vec::new(),
        evidence: None,
        contrast: None,
        rules: Vec::new(),
        suppressed: None,
    }
}

fn amqp_finding(subnet: &str) -> Finding {
    Finding {
        details: strings(&[
            "Diagnostic logs and metrics reach Azure Event Hubs over AMQP; while this is denied, they are lost.",
            "Allow outbound TCP 5672 from VirtualNetwork to EventHub in nsg-ise, above UserRule_DenyAmqp.",
        ]),
        subnet: Some(subnet.to_owned()),
        rows: strings(&["ise-preview-2019/event-hub-log"]),
        evidence: Some(amqp_denied(602)),
        contrast: Some(amqp_worked(1_923)),
        ..finding(
            "NSG101",
            "required-blocked",
            Severity::Critical,
            &format!(
                "`Dependency from Log to Event Hub policy and monitoring agent` is blocked in subnet `{subnet}`"
            ),
        )
    }
}

fn findings() -> Vec<Finding> {
    vec![
        amqp_finding("apim"),
        amqp_finding("compute"),
        Finding {
            details: strings(&[
                "No row of the profile needs SSH; 3 addresses of the internet opened it and got answers.",
                "Remove UserRule_AllowSsh, or narrow its source to the addresses that you administer from.",
            ]),
            subnet: Some("compute".to_owned()),
            evidence: Some(Observed {
                bytes_forward: 184_320,
                bytes_reverse: 1_153_434,
                samples: vec![tuple(
                    "2026-01-05T10:41:19Z",
                    "tcp 198.51.100.23:60211 -> 10.0.1.4:22",
                    9_120,
                    &[],
                )],
                ..observed(
                    37,
                    "2026-01-05T10:41:19Z",
                    "2026-01-05T16:50:02Z",
                    vec![rule("nsg-ise", "UserRule_AllowSsh", 37)],
                )
            }),
            ..finding(
                "NSG201",
                "open-from-internet",
                Severity::High,
                "tcp 22 of subnet `compute` is open to the internet and used",
            )
        },
        Finding {
            details: strings(&[
                "A second layer of rules denies some of the management traffic: compare the NSGs of subnet and interface.",
            ]),
            subnet: Some("apim".to_owned()),
            rows: strings(&["ise-preview-2019/apim-management"]),
            evidence: Some(management_denied()),
            contrast: Some(worked(410)),
            ..finding(
                "NSG102",
                "required-partly-blocked",
                Severity::Medium,
                "`API Management - management endpoint` is partly blocked in subnet `apim`",
            )
        },
        Finding {
            details: strings(&[
                "Hours without any record cannot be told from hours without traffic.",
            ]),
            ..finding(
                "NSG901",
                "gap-in-logs",
                Severity::Info,
                "3 of 56 interface-hours have no record",
            )
        },
    ]
}

fn cell(source: &str, destination: &str, allowed: u64, denied: u64) -> MatrixCell {
    MatrixCell {
        source: source.to_owned(),
        destination: destination.to_owned(),
        allowed,
        denied,
        bytes: allowed * 50_000,
    }
}

fn group(class: TrafficClass, port: Option<u16>, flows: u64) -> TrafficGroup {
    let denied = matches!(
        class,
        TrafficClass::BlockedRequired | TrafficClass::RightlyBlocked
    );
    TrafficGroup {
        source: "compute".to_owned(),
        destination: "internet EventHub.WestEurope".to_owned(),
        protocol: "tcp".to_owned(),
        port,
        direction: Direction::Outbound,
        decision: if denied {
            Decision::Deny
        } else {
            Decision::Allow
        },
        log: "nsg-v2".to_owned(),
        nsg: "nsg-ise".to_owned(),
        rule: "UserRule_x".to_owned(),
        outcome: None,
        given: None,
        class,
        rows: strings(&["ise-preview-2019/event-hub-log"]),
        flows,
        tuples: flows,
        bytes_forward: if denied { 0 } else { flows * 9_000 },
        bytes_reverse: if denied { 0 } else { flows * 41_000 },
        first: "2026-01-05T10:00:37Z".to_owned(),
        last: "2026-01-05T16:59:58Z".to_owned(),
    }
}

fn basis() -> Basis {
    let subnet = |name: &str, prefix: &str, role: &str, audited| SubnetText {
        name: name.to_owned(),
        prefixes: strings(&[prefix]),
        role: role.to_owned(),
        audited,
    };
    Basis {
        profile: "ise-preview-2019".to_owned(),
        title: "Azure Logic Apps ISE".to_owned(),
        edition: "public preview, between 2019-02-26 and 2019-03-12".to_owned(),
        service_tags: strings(&["Public, 2026-01-05, ServiceTags_Public_20260105.json"]),
        environment: "environment.json".to_owned(),
        subnets: vec![
            subnet("apim", "10.0.0.0/26", "ise-apim", true),
            subnet("compute", "10.0.1.0/26", "ise-compute", true),
            subnet("connectors", "10.0.2.0/26", "ise-connectors", true),
            subnet("redis", "10.0.3.0/26", "", true),
            subnet("jumpbox", "10.0.9.0/28", "", false),
        ],
    }
}

fn input() -> Input {
    Input {
        first: Some("2026-01-05T10:00:37Z".to_owned()),
        last: Some("2026-01-05T16:59:58Z".to_owned()),
        files: 60,
        flow_files: 56,
        bytes: 117_862_400,
        records: Reconciled {
            read: 3_420,
            counted: 3_360,
            duplicate: 60,
            filtered: 0,
            faulty: 0,
        },
        tuples: Reconciled {
            read: 1_234_567,
            counted: 1_212_800,
            duplicate: 21_760,
            filtered: 0,
            faulty: 7,
        },
        faults: vec![
            FaultText {
                kind: "field-count".to_owned(),
                count: 7,
                samples: vec![FaultSample {
                    file: FILE.to_owned(),
                    offset: 88_102,
                    detail: "expected 8 or 13 fields, found 5: `1767621600,10.0.1.4,40.68`"
                        .to_owned(),
                }],
            },
            FaultText {
                kind: "not-flow-log".to_owned(),
                count: 4,
                samples: vec![FaultSample {
                    file: "readme.txt".to_owned(),
                    offset: 0,
                    detail: "text that is no JSON".to_owned(),
                }],
            },
        ],
        coverage: CoverageText {
            interfaces: 8,
            hours: 7,
            covered: 53,
            possible: 56,
            per_mille: 946,
            subnets: Vec::new(),
        },
        coarsening: 0,
        duplicates_kept: false,
        captures: None,
    }
}

/// Event Hub blocked in two subnets in the afternoon, SSH open from the internet.
pub(crate) fn incident() -> Audit {
    Audit {
        schema: SCHEMA_VERSION.to_owned(),
        program: "0.1.0".to_owned(),
        basis: basis(),
        assumptions: strings(&[
            "The access endpoint is not stated: rows for an external endpoint count as required.",
            "VirtualNetwork is taken as the virtual network's own space and 168.63.129.16.",
        ]),
        input: input(),
        requirements: requirements(),
        incidents: Vec::new(),
        findings: findings(),
        baseline: None,
        matrix: vec![
            cell("compute", "internet", 96_120, 1_204),
            cell("compute", "apim", 12_840, 0),
            cell("compute", "redis", 40_210, 0),
            cell("apim", "internet", 8_210, 602),
            cell("apim", "compute", 1_180, 0),
            cell("internet", "apim", 430, 2_017),
            cell("internet", "compute", 37, 1_950_340),
            cell("connectors", "internet", 512, 0),
        ],
        groups: vec![
            group(TrafficClass::BlockedRequired, Some(5672), 1_806),
            group(TrafficClass::OpenUnneeded, Some(22), 37),
            group(TrafficClass::Needed, Some(443), 150_120),
            group(TrafficClass::Needed, Some(5672), 3_846),
            group(TrafficClass::RightlyBlocked, None, 1_952_340),
            group(TrafficClass::Platform, Some(53), 8_400),
        ],
    }
}
