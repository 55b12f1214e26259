//! The vocabulary of the field: addresses, prefixes, ports, protocols, times, counters.
//!
//! Std and `ipnet` only; no I/O, no other module of ours. What exists is valid: a [`PortSet`] is
//! merged and sorted, a [`PrefixSet`] has no overlaps.

pub mod mac;
pub mod outcome;
pub mod port;
pub mod prefix;
pub mod protocol;
pub mod protocol_set;
pub mod rule_name;
pub mod time;

pub use mac::{LastMac, Mac};
pub use outcome::Outcome;
pub use port::PortSet;
pub use prefix::PrefixSet;
pub use protocol::Protocol;
pub use protocol_set::ProtocolSet;
pub use time::Timestamp;

/// Direction of a flow as the logged network interface sees it.
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
pub enum Direction {
    /// Towards the interface.
    Inbound,
    /// From the interface.
    Outbound,
}

/// What was decided for a flow.
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
pub enum Decision {
    /// Let through.
    Allow,
    /// Dropped.
    Deny,
}

impl std::fmt::Display for Direction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
        })
    }
}

impl std::fmt::Display for Decision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        })
    }
}
