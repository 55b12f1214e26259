//! Flow records of logs in the Elastic Common Schema, an object a line.
//!
//! What the schema has no field for stands below `azure.flowlog`. Direction is seen from the logged
//! interface, which makes it `ingress` or `egress`. Packets and bytes of an end are those that it sent.

use std::io::{self, Write};
use std::net::IpAddr;

use serde::Serialize;

use super::community::community_id;
use super::flows::state;
use super::json_text;
use crate::flowlog::batch::{FlowState, LogKind, RecordBatch, Tuple};
use crate::net::{Decision, Direction, Protocol, Timestamp};

/// Version of the schema.
pub const VERSION: &str = "9.4.0";

#[derive(Serialize)]
struct Document<'a> {
    #[serde(rename = "@timestamp")]
    timestamp: String,
    ecs: Ecs,
    event: What,
    source: End,
    destination: End,
    network: Network,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<Rule<'a>>,
    observer: Observer,
    cloud: Cloud<'a>,
    log: Log<'a>,
    azure: Azure<'a>,
}

#[derive(Serialize)]
struct Ecs {
    version: &'static str,
}

#[derive(Serialize)]
struct What {
    kind: &'static str,
    category: [&'static str; 1],
    r#type: Vec<&'static str>,
    action: &'static str,
    outcome: &'static str,
    dataset: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<String>,
}

#[derive(Serialize)]
struct End {
    address: IpAddr,
    ip: IpAddr,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    packets: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
}

#[derive(Serialize)]
struct Network {
    r#type: &'static str,
    transport: String,
    iana_number: String,
    direction: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    community_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    packets: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
}

#[derive(Serialize)]
struct Rule<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    ruleset: &'a str,
}

#[derive(Serialize)]
struct Observer {
    r#type: &'static str,
    vendor: &'static str,
    product: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    mac: Vec<String>,
}

#[derive(Serialize)]
struct Cloud<'a> {
    provider: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<Account<'a>>,
}

#[derive(Serialize)]
struct Account<'a> {
    id: &'a str,
}

#[derive(Serialize)]
struct Log<'a> {
    file: File<'a>,
}

#[derive(Serialize)]
struct File<'a> {
    path: &'a str,
}

#[derive(Serialize)]
struct Azure<'a> {
    flowlog: FlowLog<'a>,
}

#[derive(Serialize)]
struct FlowLog<'a> {
    format: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    flows: u32,
    #[serde(skip_serializing_if = "str::is_empty")]
    target: &'a str,
    offset: u64,
}

/// Writes one tuple of a batch. `path` names the file that the batch is from.
pub fn write_flow(
    out: &mut dyn Write,
    batch: &RecordBatch,
    tuple: &Tuple,
    path: &str,
) -> io::Result<()> {
    let (bits, kind) = (tuple.bits, tuple.bits.kind());
    let aggregated = kind == LogKind::TrafficAnalytics;
    let ends = batch.addresses(tuple);
    let (packets, bytes) = batch.counters(tuple);
    let counted = kind != LogKind::NsgV1;
    let group = batch.groups.get(usize::from(tuple.group));
    let (rule, acl) = group.map_or(("", ""), |group| (&group.rule, &group.acl));
    let allowed = bits.decision() == Decision::Allow;
    let mut types = vec!["connection", if allowed { "allowed" } else { "denied" }];
    types.extend(match bits.state() {
        FlowState::None => None,
        FlowState::Begin => Some("start"),
        FlowState::Continue => Some("info"),
        FlowState::End => Some("end"),
    });
    let last = batch.wide.get(tuple.source as usize);
    let last = last.filter(|_| aggregated && bits.is_wide());
    let end = |address, port, side: usize| End {
        address,
        ip: address,
        port,
        packets: counted.then_some(packets[side]),
        bytes: counted.then_some(bytes[side]),
    };
    let source_port = (!aggregated).then_some(tuple.source_port);
    let protocol = Protocol(tuple.protocol);
    let document = Document {
        timestamp: Timestamp(tuple.time).to_string(),
        ecs: Ecs { version: VERSION },
        event: What {
            kind: "event",
            category: ["network"],
            r#type: types,
            action: if allowed {
                "flow-allowed"
            } else {
                "flow-denied"
            },
            outcome: if allowed { "success" } else { "failure" },
            dataset: "azure.flowlog",
            end: last.map(|wide| Timestamp(wide.last).to_string()),
        },
        source: end(ends.0, source_port, 0),
        destination: end(ends.1, Some(tuple.destination_port), 1),
        network: Network {
            r#type: if ends.0.is_ipv4() { "ipv4" } else { "ipv6" },
            transport: match protocol {
                Protocol::ICMP_V6 => "ipv6-icmp".to_owned(),
                other => other.to_string(),
            },
            iana_number: tuple.protocol.to_string(),
            direction: match bits.direction() {
                Direction::Inbound => "ingress",
                Direction::Outbound => "egress",
            },
            community_id: source_port.and_then(|port| {
                let other = (ends.1, tuple.destination_port);
                community_id(tuple.protocol, (ends.0, port), other)
            }),
            packets: counted.then(|| packets[0].saturating_add(packets[1])),
            bytes: counted.then(|| bytes[0].saturating_add(bytes[1])),
        },
        rule: (!rule.is_empty()).then_some(Rule {
            name: rule,
            ruleset: acl,
        }),
        observer: Observer {
            r#type: "firewall",
            vendor: "Microsoft",
            product: "Azure",
            mac: group
                .and_then(|group| group.mac)
                .map(|mac| dashed(&mac.to_string()))
                .into_iter()
                .collect(),
        },
        cloud: Cloud {
            provider: "azure",
            account: subscription(acl)
                .or_else(|| subscription(&batch.target))
                .map(|id| Account { id }),
        },
        log: Log {
            file: File { path },
        },
        azure: Azure {
            flowlog: FlowLog {
                format: kind.name(),
                state: state(bits.state()),
                flows: batch.flows(tuple),
                target: &batch.target,
                offset: batch.offset,
            },
        },
    };
    json_text::line(out, &document)
}

/// `00224812AB34` as the schema wants it: `00-22-48-12-AB-34`.
fn dashed(mac: &str) -> String {
    let mut out = String::with_capacity(mac.len() * 3 / 2);
    for (index, letter) in mac.chars().enumerate() {
        if index > 0 && index % 2 == 0 {
            out.push('-');
        }
        out.push(letter);
    }
    out
}

/// The subscription of a resource ID, in whatever case it was logged.
pub(super) fn subscription(id: &str) -> Option<&str> {
    let mut parts = id.split('/').skip_while(|part| part.is_empty());
    let named = parts.next()?.eq_ignore_ascii_case("subscriptions");
    parts.next().filter(|part| named && !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_id_tells_its_subscription() {
        assert_eq!(
            subscription("/SUBSCRIPTIONS/0f1e/RESOURCEGROUPS/x"),
            Some("0f1e")
        );
        assert_eq!(subscription("nsg-name"), None);
        assert_eq!(subscription(""), None);
        assert_eq!(subscription("/subscriptions//x"), None);
    }

    #[test]
    fn interfaces_are_named_as_the_schema_wants() {
        assert_eq!(dashed("00224812AB34"), "00-22-48-12-AB-34");
    }
}
