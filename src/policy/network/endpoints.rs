//! Private endpoints: network policies of a subnet say whether its NSG filters them; security admin rules
//! never do.

use std::net::IpAddr;

use super::{Network, is_same};
use crate::environment::azure::{Interface, NetworkSubnet};
use crate::net::{PortSet, PrefixSet, ProtocolSet};
use crate::policy::rule::{Access, Addresses, Level, Rule};

/// Whether the NSG of its subnet does not filter an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exempt {
    /// It does filter it.
    No,
    /// It does not: the address is of a private endpoint.
    Yes,
    /// What is not known.
    Unknown(&'static str),
}

/// Policies with which NSGs filter private endpoints.
const FILTERED: [&str; 2] = ["Enabled", "NetworkSecurityGroupEnabled"];
/// Policies with which they do not.
const NOT_FILTERED: [&str; 2] = ["Disabled", "RouteTableEnabled"];

impl Network<'_> {
    /// Whether the subnet's NSG does not filter an address, as it is not by that of a private endpoint
    /// unless the subnet's policies say so.
    pub(super) fn exempt(&self, local: IpAddr, subnet: Option<&NetworkSubnet>) -> Exempt {
        let policies = subnet.map_or("", |subnet| &subnet.private_endpoint_policies);
        let is = |words: &[&str]| words.iter().any(|word| word.eq_ignore_ascii_case(policies));
        match self.endpoint(local, subnet) {
            Exempt::Yes | Exempt::Unknown(_) if is(&FILTERED) => Exempt::No,
            Exempt::Yes if !is(&NOT_FILTERED) => {
                Exempt::Unknown("whether NSGs filter private endpoints in its subnet")
            }
            other => other,
        }
    }

    /// Whether an address is one of a private endpoint.
    pub(super) fn endpoint(&self, local: IpAddr, subnet: Option<&NetworkSubnet>) -> Exempt {
        let holds = |interface: &&Interface| {
            let mut configurations = interface.configurations.iter();
            configurations.any(|one| one.address == Some(local))
        };
        if let Some(interface) = self.azure.interfaces.iter().find(holds) {
            return match interface.private_endpoint {
                Some(_) => Exempt::Yes,
                None => Exempt::No,
            };
        }
        let given = |id: &String| {
            let mut interfaces = self.azure.interfaces.iter();
            interfaces.any(|interface| {
                interface
                    .private_endpoint
                    .as_deref()
                    .is_some_and(|of| is_same(of, id))
            })
        };
        let mut endpoints = subnet
            .into_iter()
            .flat_map(|subnet| &subnet.private_endpoints);
        if endpoints.all(given) {
            return Exempt::No;
        }
        Exempt::Unknown("which addresses of the subnet private endpoints have")
    }
}

/// A level of which it holds, or may hold, that it lets everything by.
pub(super) fn lets_by(mut level: Level, exempt: Exempt) -> Level {
    let doubt = match exempt {
        Exempt::No => return level,
        Exempt::Yes => None,
        Exempt::Unknown(why) => Some(why.to_owned()),
    };
    if doubt.is_none() {
        level.rules.clear();
    }
    let any = || Addresses {
        known: PrefixSet::any(),
        unknown: Vec::new(),
    };
    let rule = Rule {
        name: "(private endpoints are not filtered)".to_owned(),
        priority: 0,
        access: Access::Allow,
        protocols: ProtocolSet::ANY,
        source: any(),
        source_ports: PortSet::any(),
        destination: any(),
        destination_ports: PortSet::any(),
        is_default: true,
        doubt,
    };
    level.rules.insert(0, rule);
    level
}

#[cfg(test)]
mod tests;
