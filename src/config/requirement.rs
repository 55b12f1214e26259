//! `[[requirement]]`: the user's own rows. The only place that knows how they are written.

use serde::Deserialize;
use toml::Value;

use crate::catalogue::{AddressTerm, Condition, Row};
use crate::environment::text::{parse_prefix, prefixes};
use crate::net::{Direction, PortSet, PrefixSet, Protocol};

/// A requirement as TOML has it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RequirementSpec {
    id: String,
    #[serde(default)]
    purpose: String,
    direction: String,
    #[serde(default)]
    protocol: Option<String>,
    ports: Value,
    #[serde(default)]
    source: Option<Value>,
    #[serde(default)]
    destination: Option<Value>,
    #[serde(default)]
    impact: String,
    #[serde(default)]
    condition: String,
}

/// The row of the file's requirement of a number.
pub(super) fn row(spec: RequirementSpec, number: usize) -> Result<Row, String> {
    checked(spec).map_err(|message| format!("requirement {number}: {message}"))
}

fn checked(spec: RequirementSpec) -> Result<Row, String> {
    let directions = directions(&spec.direction)?;
    let otherwise = |peer| vec![peer];
    let remote = if directions == [Direction::Outbound] {
        AddressTerm::Internet
    } else {
        AddressTerm::VirtualNetwork
    };
    Ok(Row {
        purpose: if spec.purpose.is_empty() {
            spec.id.clone()
        } else {
            spec.purpose
        },
        id: spec.id,
        row: String::new(),
        directions,
        protocols: protocols(spec.protocol.as_deref().unwrap_or("tcp"))?,
        ports: ports(&spec.ports)?,
        source: terms("source", spec.source)?
            .unwrap_or_else(|| otherwise(AddressTerm::VirtualNetwork)),
        destination: terms("destination", spec.destination)?.unwrap_or_else(|| otherwise(remote)),
        known_callers: Vec::new(),
        known_destinations: Vec::new(),
        condition: Condition {
            text: spec.condition,
            ..Condition::default()
        },
        advice: false,
        impact_basis: if spec.impact.is_empty() {
            "none".to_owned()
        } else {
            "stated".to_owned()
        },
        impact: spec.impact,
        note: String::new(),
        source_reference: String::new(),
    })
}

fn directions(text: &str) -> Result<Vec<Direction>, String> {
    match text {
        "inbound" => Ok(vec![Direction::Inbound]),
        "outbound" => Ok(vec![Direction::Outbound]),
        "both" => Ok(vec![Direction::Inbound, Direction::Outbound]),
        other => Err(format!(
            "expected direction \"inbound\", \"outbound\" or \"both\", found {other:?}"
        )),
    }
}

fn protocols(text: &str) -> Result<Vec<Protocol>, String> {
    match text {
        "tcp" => Ok(vec![Protocol::TCP]),
        "udp" => Ok(vec![Protocol::UDP]),
        "tcp+udp" => Ok(vec![Protocol::TCP, Protocol::UDP]),
        "icmp" => Ok(vec![Protocol::ICMP]),
        "any" => Ok(Vec::new()),
        other => Err(format!(
            "expected protocol \"tcp\", \"udp\", \"tcp+udp\", \"icmp\" or \"any\", found {other:?}"
        )),
    }
}

fn ports(value: &Value) -> Result<PortSet, String> {
    let wrong = || {
        format!("expected ports such as 443, \"6379-6383\", \"*\" or a list of them, found {value}")
    };
    let one = |value: &Value| match value {
        Value::Integer(port) => u16::try_from(*port)
            .ok()
            .map(|port| PortSet::new([(port, port)])),
        Value::String(text) => PortSet::parse(text),
        _ => None,
    };
    let items = value
        .as_array()
        .map_or(std::slice::from_ref(value), Vec::as_slice);
    let sets: Option<Vec<PortSet>> = items.iter().map(one).collect();
    sets.filter(|sets| !sets.is_empty())
        .map(|sets| PortSet::new(sets.iter().flat_map(|set| set.ranges().iter().copied())))
        .ok_or_else(wrong)
}

fn terms(key: &str, value: Option<Value>) -> Result<Option<Vec<AddressTerm>>, String> {
    let items = match value {
        None => return Ok(None),
        Some(Value::Array(items)) => items,
        Some(one) => vec![one],
    };
    let terms: Option<Vec<_>> = items
        .iter()
        .map(|item| item.as_str().and_then(parse_term))
        .collect();
    match terms {
        Some(terms) if !terms.is_empty() => Ok(Some(terms)),
        _ => Err(format!(
            "expected {key} as a service tag (\"Storage\"), a prefix, a set of [addresses] \
             (\"@partners\"), a role (\"@redis-subnet\"), \"*\", or a list of them"
        )),
    }
}

fn parse_term(text: &str) -> Option<AddressTerm> {
    let word = |text: &str| {
        let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(inner)
    };
    if let Some(name) = text.strip_prefix('@') {
        return word(name).then(|| match (name, name.strip_suffix("-subnet")) {
            ("same-subnet", _) => AddressTerm::SameSubnet,
            ("vnet-address-space", _) => AddressTerm::VnetAddressSpace,
            (_, Some(role)) => AddressTerm::SubnetRole(role.to_owned()),
            _ => AddressTerm::Named(name.to_owned()),
        });
    }
    if let Ok(prefix) = parse_prefix(text) {
        return Some(AddressTerm::Prefixes(PrefixSet::new([prefix])));
    }
    match text.to_lowercase().as_str() {
        "*" | "any" => Some(AddressTerm::Any),
        "internet" => Some(AddressTerm::Internet),
        "virtualnetwork" => Some(AddressTerm::VirtualNetwork),
        "azureloadbalancer" => Some(AddressTerm::AzureLoadBalancer),
        _ => word(text).then(|| AddressTerm::ServiceTag(text.to_owned())),
    }
}

/// The keys and values of a row: texts, to be escaped, and lists of them.
pub(super) fn texts(row: &Row) -> Vec<(&'static str, Vec<String>)> {
    let direction = match row.directions.as_slice() {
        [one] => one.to_string(),
        _ => "both".to_owned(),
    };
    let protocol = match row.protocols.as_slice() {
        [] => "any".to_owned(),
        several => several
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("+"),
    };
    let ports = if row.ports.is_any() {
        vec!["*".to_owned()]
    } else {
        let range = |&(low, high): &(u16, u16)| {
            if low == high {
                low.to_string()
            } else {
                format!("{low}-{high}")
            }
        };
        row.ports.ranges().iter().map(range).collect()
    };
    vec![
        ("id", vec![row.id.clone()]),
        ("purpose", vec![row.purpose.clone()]),
        ("direction", vec![direction]),
        ("protocol", vec![protocol]),
        ("ports", ports),
        ("source", row.source.iter().flat_map(term_texts).collect()),
        (
            "destination",
            row.destination.iter().flat_map(term_texts).collect(),
        ),
        ("impact", vec![row.impact.clone()]),
        ("condition", vec![row.condition.text.clone()]),
    ]
}

/// Whether a key's value is a list whatever its length.
pub(super) fn is_list(key: &str) -> bool {
    matches!(key, "ports" | "source" | "destination")
}

fn term_texts(term: &AddressTerm) -> Vec<String> {
    let one = |text: &str| vec![text.to_owned()];
    match term {
        AddressTerm::Any => one("*"),
        AddressTerm::VirtualNetwork => one("VirtualNetwork"),
        AddressTerm::Internet => one("Internet"),
        AddressTerm::AzureLoadBalancer => one("AzureLoadBalancer"),
        AddressTerm::VnetAddressSpace => one("@vnet-address-space"),
        AddressTerm::SameSubnet => one("@same-subnet"),
        AddressTerm::SubnetRole(role) => vec![format!("@{role}-subnet")],
        AddressTerm::Named(name) => vec![format!("@{name}")],
        AddressTerm::ServiceTag(tag) => one(tag),
        AddressTerm::Prefixes(set) => prefixes(set).iter().map(ToString::to_string).collect(),
    }
}
