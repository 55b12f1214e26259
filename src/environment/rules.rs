//! Network security groups as the documents of Azure state them: nothing resolved yet.

use crate::net::{Decision, Direction, PortSet, PrefixSet, ProtocolSet};

/// A network security group.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Nsg {
    /// Resource ID as written; empty where the document has none.
    pub id: String,
    /// Name.
    pub name: String,
    /// The file that states it.
    pub file: String,
    /// Its rules, defaults included, in the order of the document.
    pub rules: Vec<SecurityRule>,
    /// Rules of which not enough could be read to say what they do. What reaches one of them is
    /// undetermined.
    pub unread: Vec<UnreadRule>,
    /// Whether the document lacked the default rules, so that they were added.
    pub defaults_added: bool,
    /// Resource IDs (or names) of the subnets that it is attached to.
    pub subnets: Vec<String>,
    /// Resource IDs (or names) of the network interfaces that it is attached to.
    pub interfaces: Vec<String>,
    /// Whether the document states rules of it but not the group itself, so that its attachments
    /// are not known.
    pub rules_only: bool,
}

/// A rule that is there, but of which an expression or a mistake hides what it does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UnreadRule {
    /// Name; empty where the document hides it too.
    pub name: String,
    /// Direction; it may be either where none is known.
    pub direction: Option<Direction>,
    /// Priority; it may be any where none is known.
    pub priority: Option<u32>,
    /// What it does; it may be either where none is known.
    pub access: Option<Decision>,
    /// JSON path in its file.
    pub path: String,
}

/// A security rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityRule {
    /// Name.
    pub name: String,
    /// Priority: the lowest is asked first; 100 to 4096, defaults from 65000 on.
    pub priority: u32,
    /// Direction.
    pub direction: Direction,
    /// What it does with what it matches.
    pub access: Decision,
    /// Protocols.
    pub protocols: ProtocolSet,
    /// Sources.
    pub source: Side,
    /// Destinations.
    pub destination: Side,
    /// Whether it is one of the six default rules.
    pub is_default: bool,
    /// JSON path in its file, such as `securityRules[3]`.
    pub path: String,
}

/// One side of a rule. Addresses are those in any of the parts; none at all is no address.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Side {
    /// `*`: every address of both families.
    pub any: bool,
    /// Prefixes and addresses.
    pub prefixes: PrefixSet,
    /// Service tags as written (`Storage.WestEurope`, `VirtualNetwork`, `Internet`, …).
    pub tags: Vec<String>,
    /// Resource IDs (or names) of application security groups.
    pub groups: Vec<String>,
    /// What could not be read (a template's expression, a bad prefix): it may hold any address.
    pub unknown: Vec<String>,
    /// Whether Azure itself resolved the tags (effective rules): `prefixes` then holds them all.
    pub expanded: bool,
    /// Ports.
    pub ports: PortSet,
}

impl Side {
    /// Whether both have the same tags.
    pub fn has_tags_of(&self, other: &Self) -> bool {
        let lower = |side: &Self| -> std::collections::BTreeSet<String> {
            side.tags.iter().map(|tag| tag.to_lowercase()).collect()
        };
        lower(self) == lower(other)
    }
}

/// Something in a document that is not as it should be. The rest is still read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DocumentFault {
    /// The file.
    pub file: String,
    /// JSON path, such as `[0].properties.securityRules[3].properties.priority`.
    pub path: String,
    /// What was expected, and what was found.
    pub detail: String,
}
