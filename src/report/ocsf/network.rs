//! Network Activities (4001): flow groups and flow records. There may be very many, so they are plain
//! structs, written as they stand.

use std::io::{self, Write};
use std::net::IpAddr;

use serde::Serialize;

use super::{VERSION, millis, version};
use crate::audit::{Audit, TrafficClass, TrafficGroup};
use crate::flowlog::batch::{FlowState, LogKind, RecordBatch, Tuple};
use crate::net::{Decision, Direction, Outcome, Protocol};
use crate::report::community::community_id;
use crate::report::ecs::subscription;
use crate::report::json_text;

/// What a network activity is: number, name, and the name of its type.
#[derive(Clone, Copy)]
struct Kind(u32, &'static str, &'static str);

const OPEN: Kind = Kind(1, "Open", "Network Activity: Open");
const CLOSE: Kind = Kind(2, "Close", "Network Activity: Close");
const RESET: Kind = Kind(3, "Reset", "Network Activity: Reset");
const FAIL: Kind = Kind(4, "Fail", "Network Activity: Fail");
const REFUSE: Kind = Kind(5, "Refuse", "Network Activity: Refuse");
const TRAFFIC: Kind = Kind(6, "Traffic", "Network Activity: Traffic");

#[derive(Serialize)]
struct Event<'a, U> {
    class_uid: u32,
    class_name: &'static str,
    category_uid: u32,
    category_name: &'static str,
    activity_id: u32,
    activity_name: &'static str,
    type_uid: u32,
    type_name: &'static str,
    severity_id: u32,
    severity: &'static str,
    time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<i32>,
    metadata: Metadata<'a>,
    cloud: Cloud<'a>,
    action_id: u32,
    action: &'static str,
    disposition_id: u32,
    disposition: &'static str,
    src_endpoint: Endpoint<'a>,
    dst_endpoint: Endpoint<'a>,
    connection_info: Connection<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    traffic: Option<Traffic>,
    #[serde(skip_serializing_if = "Option::is_none")]
    firewall_rule: Option<Rule<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<Policy<'a>>,
    unmapped: U,
}

#[derive(Serialize)]
struct Metadata<'a> {
    version: &'static str,
    product: Product<'a>,
    profiles: [&'static str; 2],
    log_name: &'static str,
}

#[derive(Serialize)]
struct Product<'a> {
    name: &'static str,
    vendor_name: &'static str,
    version: &'a str,
}

#[derive(Serialize)]
struct Cloud<'a> {
    provider: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<Account<'a>>,
}

#[derive(Serialize)]
struct Account<'a> {
    uid: &'a str,
    r#type: &'static str,
    type_id: u32,
}

#[derive(Serialize, Default)]
struct Endpoint<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    interface_uid: Option<String>,
}

#[derive(Serialize)]
struct Connection<'a> {
    direction_id: u32,
    direction: &'static str,
    protocol_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol_num: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol_ver_id: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    community_uid: Option<String>,
}

impl<'a> Connection<'a> {
    fn new(direction: Direction, protocol_name: &'a str) -> Self {
        let (direction_id, direction) = match direction {
            Direction::Inbound => (1, "Inbound"),
            Direction::Outbound => (2, "Outbound"),
        };
        Self {
            direction_id,
            direction,
            protocol_name,
            protocol_num: None,
            protocol_ver_id: None,
            community_uid: None,
        }
    }
}

#[derive(Serialize)]
struct Traffic {
    #[serde(skip_serializing_if = "Option::is_none")]
    packets_out: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    packets_in: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    packets: Option<u64>,
    bytes_out: u64,
    bytes_in: u64,
    bytes: u64,
}

impl Traffic {
    /// Of what the source sent and what came back.
    fn new(packets: Option<[u64; 2]>, bytes: [u64; 2]) -> Self {
        let [out, back] = [0, 1].map(|side| packets.map(|packets| packets[side]));
        Self {
            packets_out: out,
            packets_in: back,
            packets: packets.map(|[out, back]| out.saturating_add(back)),
            bytes_out: bytes[0],
            bytes_in: bytes[1],
            bytes: bytes[0].saturating_add(bytes[1]),
        }
    }
}

#[derive(Serialize)]
struct Rule<'a> {
    name: &'a str,
}

#[derive(Serialize)]
struct Policy<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    uid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
}

/// Of a group, what the schema has no field for.
#[derive(Serialize)]
struct OfGroup<'a> {
    log: &'a str,
    class: TrafficClass,
    rows: &'a [String],
    flows: u64,
    tuples: u64,
}

/// Of a flow record, what the schema has no field for.
#[derive(Serialize)]
struct OfFlow<'a> {
    log: LogKind,
    target: &'a str,
    file: &'a str,
    offset: u64,
    flows: u32,
}

/// What was decided, as action and disposition: of packets nobody's decision is known.
fn ruling(decision: Option<Decision>) -> [(u32, &'static str); 2] {
    match decision {
        Some(Decision::Allow) => [(1, "Allowed"), (1, "Allowed")],
        Some(Decision::Deny) => [(2, "Denied"), (2, "Blocked")],
        None => [(3, "Observed"), (17, "Logged")],
    }
}

/// What captured packets show.
fn shown(outcome: Outcome) -> Kind {
    match outcome {
        Outcome::Answered | Outcome::Midstream | Outcome::OneSided => TRAFFIC,
        Outcome::Reset => RESET,
        Outcome::Refused => REFUSE,
        Outcome::Prohibited | Outcome::Unreachable | Outcome::Unanswered => FAIL,
    }
}

/// An event of its kind and decision; ends, times, rule and counters are to be filled in.
fn event<'a, U>(
    kind: Kind,
    decision: Option<Decision>,
    time: i64,
    version: &'a str,
    connection_info: Connection<'a>,
    unmapped: U,
) -> Event<'a, U> {
    let [action, disposition] = ruling(decision);
    Event {
        class_uid: 4001,
        class_name: "Network Activity",
        category_uid: 4,
        category_name: "Network Activity",
        activity_id: kind.0,
        activity_name: kind.1,
        type_uid: 400_100 + kind.0,
        type_name: kind.2,
        severity_id: 1,
        severity: "Informational",
        time,
        start_time: None,
        end_time: None,
        count: None,
        metadata: Metadata {
            version: VERSION,
            product: Product {
                name: "nsgaudit",
                vendor_name: "nsgaudit",
                version,
            },
            profiles: ["cloud", "security_control"],
            log_name: "azure-flow-log",
        },
        cloud: Cloud {
            provider: "Azure",
            account: None,
        },
        action_id: action.0,
        action: action.1,
        disposition_id: disposition.0,
        disposition: disposition.1,
        src_endpoint: Endpoint::default(),
        dst_endpoint: Endpoint::default(),
        connection_info,
        traffic: None,
        firewall_rule: None,
        policy: None,
        unmapped,
    }
}

/// Text, where there is any.
fn some(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

/// Writes the flow groups.
pub(super) fn write_groups(audit: &Audit, out: &mut dyn Write) -> io::Result<()> {
    let version = version(audit);
    let groups = audit.groups.iter();
    groups
        .map(|group| of_group(version, group))
        .try_for_each(|event| json_text::line(out, &event))
}

fn of_group<'a>(version: &'a str, group: &'a TrafficGroup) -> Event<'a, OfGroup<'a>> {
    let (kind, decision) = match (group.outcome, group.decision) {
        (Some(outcome), _) => (shown(outcome), None),
        (None, Decision::Allow) => (TRAFFIC, Some(Decision::Allow)),
        (None, Decision::Deny) => (FAIL, Some(Decision::Deny)),
    };
    let last = millis(Some(&group.last)).unwrap_or(0);
    let connection = Connection::new(group.direction, &group.protocol);
    let own = OfGroup {
        log: &group.log,
        class: group.class,
        rows: &group.rows,
        flows: group.flows,
        tuples: group.tuples,
    };
    Event {
        start_time: millis(Some(&group.first)),
        end_time: Some(last),
        count: Some(i32::try_from(group.flows).unwrap_or(i32::MAX)),
        src_endpoint: Endpoint {
            name: Some(&group.source),
            ..Endpoint::default()
        },
        dst_endpoint: Endpoint {
            name: Some(&group.destination),
            port: group.port,
            ..Endpoint::default()
        },
        traffic: Some(Traffic::new(
            None,
            [group.bytes_forward, group.bytes_reverse],
        )),
        firewall_rule: some(&group.rule).map(|name| Rule { name }),
        policy: some(&group.nsg).map(|name| Policy {
            uid: None,
            name: Some(name),
        }),
        ..event(kind, decision, last, version, connection, own)
    }
}

/// Writes one tuple of a batch as a Network Activity. `path` names the file that the batch is from.
pub fn write_flow(
    out: &mut dyn Write,
    batch: &RecordBatch,
    tuple: &Tuple,
    path: &str,
) -> io::Result<()> {
    let (bits, log) = (tuple.bits, tuple.bits.kind());
    let aggregated = log == LogKind::TrafficAnalytics;
    let (source, destination) = batch.addresses(tuple);
    let (packets, bytes) = batch.counters(tuple);
    let group = batch.groups.get(usize::from(tuple.group));
    let (rule, acl) = group.map_or(("", ""), |group| (&group.rule, &group.acl));
    let kind = match (bits.decision(), bits.state()) {
        (Decision::Deny, _) => FAIL,
        (_, FlowState::Begin) => OPEN,
        (_, FlowState::End) => CLOSE,
        (_, FlowState::None | FlowState::Continue) => TRAFFIC,
    };
    let source_port = (!aggregated).then_some(tuple.source_port);
    let protocol = Protocol(tuple.protocol).to_string();
    let mut connection = Connection::new(bits.direction(), &protocol);
    connection.protocol_num = Some(tuple.protocol);
    connection.protocol_ver_id = Some(if source.is_ipv4() { 4 } else { 6 });
    connection.community_uid = source_port.and_then(|port| {
        let other = (destination, tuple.destination_port);
        community_id(tuple.protocol, (source, port), other)
    });
    let own = OfFlow {
        log,
        target: &batch.target,
        file: path,
        offset: batch.offset,
        flows: batch.flows(tuple),
    };
    let version = env!("CARGO_PKG_VERSION");
    let decision = Some(bits.decision());
    let mut event = event(kind, decision, tuple.time, version, connection, own);
    let last = batch.wide.get(tuple.source as usize);
    if let Some(wide) = last.filter(|_| aggregated && bits.is_wide()) {
        event.start_time = Some(tuple.time);
        event.end_time = Some(wide.last);
    }
    let end = |ip, port| Endpoint {
        ip: Some(ip),
        port,
        ..Endpoint::default()
    };
    event.src_endpoint = end(source, source_port);
    event.dst_endpoint = end(destination, Some(tuple.destination_port));
    let logged = match bits.direction() {
        Direction::Inbound => &mut event.dst_endpoint,
        Direction::Outbound => &mut event.src_endpoint,
    };
    let mac = group.and_then(|group| group.mac);
    logged.interface_uid = mac.map(|mac| mac.to_string());
    let account = subscription(acl).or_else(|| subscription(&batch.target));
    event.cloud.account = account.map(|uid| Account {
        uid,
        r#type: "Azure Subscription",
        type_id: 13,
    });
    // Version 1 of NSG logs has no counters.
    event.traffic = (log != LogKind::NsgV1).then(|| Traffic::new(Some(packets), bytes));
    event.firewall_rule = some(rule).map(|name| Rule { name });
    event.policy = some(acl).map(|uid| Policy {
        uid: Some(uid),
        name: None,
    });
    json_text::line(out, &event)
}
