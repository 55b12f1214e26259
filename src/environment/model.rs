//! The model: virtual network, subnets with roles, peered and on-premises space, what is stated.

use std::collections::BTreeMap;

use crate::catalogue::Row;
use crate::net::PrefixSet;

/// The audited network.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Environment {
    /// Name of the virtual network; empty where unknown.
    pub name: String,
    /// Where this was read: `nsgaudit.toml`, a file of `--vnet`, or empty where it is assumed.
    pub source: String,
    /// Address space of the virtual network. Contains all subnets.
    pub address_space: PrefixSet,
    /// Subnets, in order of name. Prefixes do not overlap.
    pub subnets: Vec<Subnet>,
    /// Address space of peered networks.
    pub peered: PrefixSet,
    /// On-premises address space behind gateways.
    pub on_premises: PrefixSet,
    /// Whether all private address space counts as part of the tag `VirtualNetwork`: where peers and
    /// on-premises space are not known.
    pub all_private: bool,
    /// Named address sets that profile rows refer to (`custom-dns`, `connector-outbound-ips`, …).
    pub addresses: BTreeMap<String, PrefixSet>,
    /// What is stated of the service, for conditions: `endpoint` = `internal`, `sku` = `premium`,
    /// `request-triggers` = `true`, …; keys and values in lower case.
    pub stated: BTreeMap<String, String>,
    /// The user's own requirements, beside the profile's.
    pub requirements: Vec<Row>,
}

/// A subnet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subnet {
    /// Name, unique in the environment.
    pub name: String,
    /// Its prefixes.
    pub prefixes: PrefixSet,
    /// What it holds: `redis`, `ase`, `compute`, `apim`, …; empty where not stated.
    pub role: String,
    /// Whether it belongs to the audited service. A virtual network has other subnets too.
    pub audited: bool,
}
