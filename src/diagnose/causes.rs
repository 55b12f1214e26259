//! The known causes, as data: `causes.toml`, and the closed vocabulary of evidence that it is written in.

use serde::Deserialize;

use crate::audit::{ConfiguredVerdict, Severity, Source, TrafficClass, Verdict};
use crate::net::{Direction, PortSet};

/// A known cause.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Cause {
    /// Stable name.
    pub(super) id: String,
    /// How often and how plainly sources name it: 1 first.
    pub(super) rank: u32,
    /// Says what others say more precisely: comes after them.
    #[serde(default)]
    pub(super) generic: bool,
    /// One line.
    pub(super) title: String,
    /// What stops working.
    pub(super) breaks: String,
    /// All must hold, or the cause does not come into question at all.
    #[serde(default)]
    pub(super) when: Vec<Evidence>,
    /// Each of these shows it.
    #[serde(default)]
    pub(super) proves: Vec<Evidence>,
    /// Each of these fits it, and something else as well.
    #[serde(default)]
    pub(super) supports: Vec<Evidence>,
    /// Each of these speaks against it.
    #[serde(default)]
    pub(super) refutes: Vec<Evidence>,
    /// Whether what speaks against it does so only where nothing speaks for it: what one destination
    /// answers says nothing of another.
    #[serde(default)]
    pub(super) local: bool,
    /// What would settle it.
    pub(super) settle: Vec<String>,
    /// What to do: sentences.
    pub(super) remedy: Vec<String>,
    /// Commands to print.
    pub(super) commands: Vec<Template>,
    /// Who says so.
    pub(super) source: Vec<String>,
}

/// A command that helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Template {
    /// Show the rule that denies.
    ShowRule,
    /// Who changed rules in the gap.
    WhoChanged,
    /// Allow what is required.
    Allow,
    /// The effective routes of an interface.
    Routes,
    /// The network's DNS servers.
    DnsServers,
}

/// Evidence that an audit may hold.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Evidence {
    /// A requirement's verdict.
    Requirement(OfRequirement),
    /// What given rules do with a requirement.
    Configured(OfRules),
    /// Flows that were seen.
    Flows(OfFlows),
    /// A finding of the audit.
    Finding(OfFindings),
    /// The audited subnets.
    Subnets(OfSubnets),
    /// The profile, or one whose name begins so.
    Profile(String),
    /// Flows were seen on this day or later.
    After(String),
    /// Several of these together.
    All(Vec<Evidence>),
}

/// Requirements, and the verdicts that are evidence.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct OfRequirement {
    /// Rows by their names; any where empty.
    #[serde(default)]
    pub(super) rows: Vec<String>,
    /// The direction; any where missing.
    #[serde(default)]
    pub(super) direction: Option<Direction>,
    /// Ports, of which the row has one and not all; any where missing.
    #[serde(default)]
    pub(super) ports: Option<Ports>,
    /// Terms of which the row's other end has one; any where empty.
    #[serde(default)]
    pub(super) remote: Vec<String>,
    /// The verdicts.
    pub(super) verdicts: Vec<Verdict>,
    /// Who shows it: logs or packets; either where missing.
    #[serde(default)]
    pub(super) by: Option<Source>,
    /// Whether rows that are only advice count too.
    #[serde(default)]
    pub(super) advice: bool,
    /// Whether every one of them must have such a verdict (and there is one).
    #[serde(default)]
    pub(super) every: bool,
}

/// What given rules do.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct OfRules {
    /// The verdicts of the rules.
    pub(super) verdicts: Vec<ConfiguredVerdict>,
}

/// What became of flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum FlowState {
    /// Logs say that an NSG denied them.
    Denied,
    /// Packets show that nobody answered.
    Unanswered,
    /// Allowed; bytes were counted towards the responder, and none back.
    Silent,
    /// Allowed, and bytes came back.
    Answered,
    /// Allowed, whether or not anything came back.
    Allowed,
}

/// Flows at audited subnets.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct OfFlows {
    /// The direction; any where missing.
    #[serde(default)]
    pub(super) direction: Option<Direction>,
    /// The protocol; any where missing.
    #[serde(default)]
    pub(super) protocol: Option<String>,
    /// The destination port is one of these; any where missing.
    #[serde(default)]
    pub(super) ports: Option<Ports>,
    /// And none of these.
    #[serde(default)]
    pub(super) except_ports: Option<Ports>,
    /// Words of which the other end's place has one; any where empty.
    #[serde(default)]
    pub(super) remote: Vec<String>,
    /// How the flows are classed; any where empty.
    #[serde(default)]
    pub(super) classes: Vec<TrafficClass>,
    /// What became of them.
    pub(super) state: FlowState,
    /// Of `answered`: that none was silent either.
    #[serde(default)]
    pub(super) all: bool,
    /// That there was none of them, though flows were counted.
    #[serde(default)]
    pub(super) none: bool,
}

/// Findings by their codes.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct OfFindings {
    /// The codes.
    pub(super) codes: Vec<String>,
    /// How severe they are at least; more than info where missing.
    #[serde(default)]
    pub(super) least: Option<Severity>,
}

/// The audited subnets, where they are stated.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct OfSubnets {
    /// There are fewer.
    #[serde(default)]
    pub(super) fewer_than: Option<usize>,
    /// One is narrower (IPv4).
    #[serde(default)]
    pub(super) narrower_than: Option<u8>,
    /// That none of this is so.
    #[serde(default)]
    pub(super) none: bool,
}

/// Ports as causes write them: `454-455,3443`.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Ports(pub(super) PortSet);

impl TryFrom<String> for Ports {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let message = || format!("expected ports such as 454-455,3443, found {text:?}");
        port_set(&text).map(Self).ok_or_else(message)
    }
}

/// Ports and ranges between commas.
pub(super) fn port_set(text: &str) -> Option<PortSet> {
    let parts = text.split(',').map(|part| PortSet::parse(part.trim()));
    parts.reduce(|all, part| Some(all?.union(&part?)))?
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    cause: Vec<Cause>,
}

/// The known causes, in the order of the file.
pub(super) fn causes() -> Vec<Cause> {
    // The file is a part of the program, and a test reads it.
    let read = toml::from_str::<Document>(include_str!("causes.toml"));
    read.map(|document| document.cause).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_causes_are_read_and_told_apart() {
        let read = toml::from_str::<Document>(include_str!("causes.toml")).unwrap();
        assert!(read.cause.len() >= 21);
        let ids: BTreeSet<_> = read.cause.iter().map(|cause| &cause.id).collect();
        assert_eq!(ids.len(), read.cause.len());
        for cause in &read.cause {
            assert!(
                !cause.source.is_empty() && !cause.remedy.is_empty(),
                "{}",
                cause.id
            );
            assert!(
                !cause.settle.is_empty() && !cause.breaks.is_empty(),
                "{}",
                cause.id
            );
        }
    }
}
