//! A rule as Azure's own fields have it.

use schemars::JsonSchema;
use serde::Serialize;

use crate::environment::rules::{SecurityRule, Side};
use crate::net::{Decision, Direction, ProtocolSet};

/// A rule, in Azure's words.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(super) struct Fields {
    /// Name.
    pub name: String,
    /// Priority: 100 to 4096.
    pub priority: u32,
    /// `Inbound` or `Outbound`.
    pub direction: &'static str,
    /// `Allow` or `Deny`.
    pub access: &'static str,
    /// `Tcp`, `Udp`, `Icmp`, `Esp`, `Ah` or `*`.
    pub protocol: &'static str,
    /// Where from.
    pub source: Place,
    /// Where to.
    pub destination: Place,
    /// What it is for; empty of rules that were there.
    pub description: String,
}

/// One side of a rule.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(super) struct Place {
    /// Prefixes, a service tag, or `*`; empty where groups are named.
    pub prefixes: Vec<String>,
    /// Resource IDs of application security groups.
    pub groups: Vec<String>,
    /// Ports and ranges, or `*`.
    pub ports: Vec<String>,
}

impl Fields {
    pub(super) fn new(rule: &SecurityRule, priority: u32, description: String) -> Self {
        Self {
            name: rule.name.clone(),
            priority,
            direction: match rule.direction {
                Direction::Inbound => "Inbound",
                Direction::Outbound => "Outbound",
            },
            access: match rule.access {
                Decision::Allow => "Allow",
                Decision::Deny => "Deny",
            },
            protocol: protocol(rule.protocols),
            source: Place::new(&rule.source),
            destination: Place::new(&rule.destination),
            description,
        }
    }
}

fn protocol(protocols: ProtocolSet) -> &'static str {
    const WORDS: [&str; 5] = ["Tcp", "Udp", "Icmp", "Esp", "Ah"];
    let place = ProtocolSet::EACH.iter().position(|&one| one == protocols);
    place.map_or("*", |place| WORDS[place])
}

impl Place {
    fn new(side: &Side) -> Self {
        let prefixes = if side.any {
            vec!["*".to_owned()]
        } else {
            let prefixes = side.prefixes.prefixes();
            let prefixes = prefixes.iter().map(ToString::to_string);
            prefixes.chain(side.tags.iter().cloned()).collect()
        };
        let ports = if side.ports.is_any() {
            vec!["*".to_owned()]
        } else {
            let ranges = side.ports.ranges().iter();
            ranges
                .map(|&(low, high)| {
                    if low == high {
                        low.to_string()
                    } else {
                        format!("{low}-{high}")
                    }
                })
                .collect()
        };
        Self {
            prefixes,
            groups: side.groups.clone(),
            ports,
        }
    }
}
