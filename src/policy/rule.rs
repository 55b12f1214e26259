//! A compiled rule set: every address a set of numbers, unknown ones marked as such.

use crate::net::{Decision, PortSet, PrefixSet, ProtocolSet, rule_name};

/// What a rule does with what it matches.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// Let through at this level: the other levels are asked too.
    Allow,
    /// Dropped.
    Deny,
    /// Let through, whatever the levels behind it say: security admin rules only.
    AlwaysAllow,
}

impl Access {
    /// How many there are.
    pub const COUNT: usize = 3;

    /// Whether it lets through or drops.
    pub fn decision(self) -> Decision {
        match self {
            Self::Allow | Self::AlwaysAllow => Decision::Allow,
            Self::Deny => Decision::Deny,
        }
    }
}

impl From<Decision> for Access {
    fn from(decision: Decision) -> Self {
        match decision {
            Decision::Allow => Self::Allow,
            Decision::Deny => Self::Deny,
        }
    }
}

impl std::fmt::Display for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::AlwaysAllow => "always allow",
        })
    }
}

/// A rule of one direction, its tags and groups resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Name.
    pub name: String,
    /// Priority.
    pub priority: u32,
    /// What it does.
    pub access: Access,
    /// Protocols.
    pub protocols: ProtocolSet,
    /// Source addresses.
    pub source: Addresses,
    /// Source ports; asked of TCP and UDP only.
    pub source_ports: PortSet,
    /// Destination addresses.
    pub destination: Addresses,
    /// Destination ports. Protocols without ports match only where these are all.
    pub destination_ports: PortSet,
    /// Whether it is a default rule.
    pub is_default: bool,
    /// Why it is not known whether the rule is in effect here; `None` where it surely is. One that may
    /// not be may match whatever it is for, and surely matches nothing.
    pub doubt: Option<String>,
}

impl Rule {
    /// `hardening (deny, priority 110)`.
    pub fn words(&self) -> String {
        format!(
            "{} ({}, priority {})",
            self.name, self.access, self.priority
        )
    }
}

/// Addresses of one side of a rule.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Addresses {
    /// Addresses that are surely among them.
    pub known: PrefixSet,
    /// What of them is not known (tags without data, expressions): any other address may be among
    /// them. Empty where all is known.
    pub unknown: Vec<String>,
}

/// The rules of one level and direction: by priority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Level {
    /// What level it is.
    pub kind: LevelKind,
    /// Name of the NSG (or of the network manager).
    pub name: String,
    /// Resource ID, where known.
    pub id: String,
    /// The rules, lowest priority first.
    pub rules: Vec<Rule>,
}

impl Level {
    /// Whether it is that of what a log names as the holder of a rule: by resource ID, or by name where
    /// one of both has no ID.
    pub fn is_held_by(&self, acl: &str) -> bool {
        if acl.contains('/') && self.id.contains('/') {
            return self.id.eq_ignore_ascii_case(acl);
        }
        let name = rule_name::holder(acl);
        !name.is_empty() && self.name.eq_ignore_ascii_case(name)
    }
}

/// The levels, in the order of inbound traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LevelKind {
    /// Security admin rules of a network manager: asked before all NSGs, in both directions.
    Admin,
    /// NSG of the subnet.
    Subnet,
    /// NSG of the network interface.
    Interface,
}

impl LevelKind {
    /// The word in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Admin => "network manager",
            Self::Subnet => "subnet",
            Self::Interface => "interface",
        }
    }

    /// What becomes of packets that no rule matches: security admin rules leave them to the NSGs. The
    /// documents of a whole NSG leave none.
    pub fn unmatched(self) -> Option<Access> {
        match self {
            Self::Admin => Some(Access::Allow),
            Self::Subnet | Self::Interface => None,
        }
    }
}

/// Packets: a product of five sets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cube {
    /// Protocols.
    pub protocols: ProtocolSet,
    /// Sources.
    pub source: PrefixSet,
    /// Source ports.
    pub source_ports: PortSet,
    /// Destinations.
    pub destination: PrefixSet,
    /// Destination ports.
    pub destination_ports: PortSet,
}

/// One packet, as a rule sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Probe {
    /// One protocol of the five.
    pub protocol: ProtocolSet,
    /// Source address.
    pub source: std::net::IpAddr,
    /// Source port; 0 where the protocol has none.
    pub source_port: u16,
    /// Destination address.
    pub destination: std::net::IpAddr,
    /// Destination port.
    pub destination_port: u16,
}

/// What a rule set does with a packet, or with all of some.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// Let through.
    Allow,
    /// Dropped.
    Deny,
    /// Something that decides is not known.
    Undetermined,
}

impl Answer {
    /// The word in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Undetermined => "undetermined",
        }
    }
}
