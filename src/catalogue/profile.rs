//! A profile: one edition of one service's port table, row for row, with its sources.

use std::collections::BTreeMap;

use crate::net::{Direction, PortSet, PrefixSet, Protocol};

/// One service's port table in one edition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Stable name, such as `ise-preview-2019`.
    pub name: String,
    /// Other names that select it, such as `ise`.
    pub aliases: Vec<String>,
    /// One line on what it is.
    pub title: String,
    /// Which edition of the text it follows.
    pub edition: String,
    /// Whether the service lives: `current`, `retired 2024-08-31`, …
    pub status: String,
    /// Remarks on the whole profile.
    pub notes: Vec<String>,
    /// The texts that rows cite.
    pub references: Vec<Reference>,
    /// Profiles whose rows apply too (to the subnets of their own role).
    pub includes: Vec<Include>,
    /// The rows, in the table's order.
    pub rows: Vec<Row>,
}

/// A text that rows cite by its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Key, such as `ise-20190312`.
    pub key: String,
    /// Where the text is: repository or site, path, commit.
    pub location: String,
    /// The text's own date.
    pub edition: String,
    /// Remarks.
    pub note: String,
}

/// A profile that applies with another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Include {
    /// Name of the profile.
    pub profile: String,
    /// Why.
    pub why: String,
}

/// A row: one purpose with its ports and addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Stable within the profile, such as `event-hub-log`.
    pub id: String,
    /// Place in the source's table, such as `15` or `in-3`; empty for users' own rows.
    pub row: String,
    /// What the traffic is for.
    pub purpose: String,
    /// Directions it applies to, seen from the subnet: one or both.
    pub directions: Vec<Direction>,
    /// Protocols it allows; empty where the text names none or says any.
    pub protocols: Vec<Protocol>,
    /// Destination ports.
    pub ports: PortSet,
    /// Where it comes from: the union of the terms.
    pub source: Vec<AddressTerm>,
    /// Where it goes to: the union of the terms.
    pub destination: Vec<AddressTerm>,
    /// Who really calls, as later editions name them: an allow for these satisfies the row, what
    /// is open beyond them is unneeded.
    pub known_callers: Vec<KnownPeers>,
    /// Where it really goes, as later editions name it; as `known_callers`.
    pub known_destinations: Vec<KnownPeers>,
    /// When the row is required.
    pub condition: Condition,
    /// Whether it is advice (not in the edition's table) rather than a requirement.
    pub advice: bool,
    /// What stops working when it is blocked.
    pub impact: String,
    /// How far `impact` is the text's own: `stated`, `inferred`, `none`.
    pub impact_basis: String,
    /// Remarks.
    pub note: String,
    /// Which text, and which row of it.
    pub source_reference: String,
}

/// The real peers of some of a row's ports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownPeers {
    /// Which of the row's ports.
    pub ports: PortSet,
    /// Who: the union of the terms.
    pub peers: Vec<AddressTerm>,
    /// The edition that names them.
    pub since: String,
}

/// When a row is required.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Condition {
    /// In words; empty for always.
    pub text: String,
    /// What must hold in the environment, all of it: keys such as `endpoint`, `sku`,
    /// `request-triggers`, with the value that must be stated (`internal`, `premium`, `true`).
    /// Empty with a text: nothing can settle it, the row counts as required.
    pub when: BTreeMap<String, String>,
}

/// One way to name addresses.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AddressTerm {
    /// Everything: `*`, `@any`, `@clients`, `@varies`.
    Any,
    /// The tag `VirtualNetwork`.
    VirtualNetwork,
    /// The tag `Internet`.
    Internet,
    /// The tag `AzureLoadBalancer`: 168.63.129.16.
    AzureLoadBalancer,
    /// The address space of the virtual network alone: `@vnet-address-space`.
    VnetAddressSpace,
    /// The subnet of the requirement itself: `@same-subnet`.
    SameSubnet,
    /// The subnets of a role: `@redis-subnet` is role `redis`.
    SubnetRole(String),
    /// A set that the environment names under `[addresses]`: `@custom-dns` is `custom-dns`.
    Named(String),
    /// A service tag, canonical spelling: `Storage`, `Sql.WestEurope`.
    ServiceTag(String),
    /// Prefixes written out.
    Prefixes(PrefixSet),
}
