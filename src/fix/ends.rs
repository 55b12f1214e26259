//! The sides of new rules: what a set of addresses is called in a rule.

use std::collections::BTreeSet;

use ipnet::IpNet;

use crate::audit::needed::NeededRemote;
use crate::catalogue::AddressTerm;
use crate::environment::azure::Azure;
use crate::environment::rules::Side;
use crate::net::prefix::Family;
use crate::net::{PortSet, PrefixSet};
use crate::policy::network::Network;

/// One side of a rule as Azure takes it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Name {
    Any,
    Tag(String),
    /// Resource ID of an application security group.
    Group(String),
    /// Prefixes of one family.
    Prefixes,
}

/// A side: how it is written, and the addresses that it means.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct End {
    pub(super) name: Name,
    pub(super) addresses: PrefixSet,
}

impl End {
    /// As a rule has it.
    pub(super) fn side(&self, ports: PortSet) -> Side {
        let mut side = Side {
            ports,
            ..Side::default()
        };
        match &self.name {
            Name::Any => side.any = true,
            Name::Tag(tag) => side.tags.push(tag.clone()),
            Name::Group(id) => side.groups.push(id.clone()),
            Name::Prefixes => side.prefixes = self.addresses.clone(),
        }
        side
    }
}

/// The ends that together are a set of addresses: an application security group whose members are just
/// these, else prefixes, each family for itself.
pub(super) fn of_addresses(addresses: &PrefixSet, azure: &Azure) -> Vec<End> {
    if let Some(id) = group_of(addresses, azure) {
        return vec![End {
            name: Name::Group(id),
            addresses: addresses.clone(),
        }];
    }
    families(addresses)
        .into_iter()
        .map(|addresses| End {
            name: Name::Prefixes,
            addresses,
        })
        .collect()
}

/// A set by families: the parts that are not empty.
pub(super) fn families(addresses: &PrefixSet) -> Vec<PrefixSet> {
    [Family::V4, Family::V6]
        .into_iter()
        .map(|family| PrefixSet::from_ranges(family, addresses.ranges(family).iter().copied()))
        .filter(|part| !part.is_empty())
        .collect()
}

/// The group whose members are just these addresses.
fn group_of(addresses: &PrefixSet, azure: &Azure) -> Option<String> {
    let configurations = || azure.interfaces.iter().flat_map(|nic| &nic.configurations);
    let ids: BTreeSet<&String> = configurations().flat_map(|one| &one.groups).collect();
    let members = |id: &String| {
        let mut those = configurations().filter(|one| {
            let mut groups = one.groups.iter();
            groups.any(|group| group.eq_ignore_ascii_case(id))
        });
        // A member whose address is not known makes the members unknown.
        let all: Option<Vec<IpNet>> = those.try_fold(Vec::new(), |mut all, one| {
            all.push(one.address?.into());
            Some(all)
        });
        all.map(PrefixSet::new)
    };
    ids.into_iter()
        .find(|id| id.contains('/') && members(id).as_ref() == Some(addresses))
        .cloned()
}

/// The ends that together are the other side of a requirement: a tag where it means just what is
/// required, else prefixes.
pub(super) fn of_remote(remote: &NeededRemote, network: &Network<'_>) -> Vec<End> {
    let mut ends = Vec::new();
    let mut rest = PrefixSet::empty();
    for (term, addresses) in &remote.terms {
        let Some(addresses) = addresses else { continue };
        let name = match term {
            AddressTerm::Any => Name::Any,
            AddressTerm::VirtualNetwork
            | AddressTerm::Internet
            | AddressTerm::AzureLoadBalancer
            | AddressTerm::ServiceTag(_) => {
                let meant = network.meaning(term);
                if meant.known != *addresses || !meant.unknown.is_empty() {
                    rest = rest.union(addresses);
                    continue;
                }
                Name::Tag(term.to_string())
            }
            _ => {
                rest = rest.union(addresses);
                continue;
            }
        };
        ends.push(End {
            name,
            addresses: addresses.clone(),
        });
    }
    if let Some(any) = ends.iter().find(|end| end.name == Name::Any) {
        return vec![any.clone()];
    }
    let rest = ends
        .iter()
        .fold(rest, |rest, end| rest.difference(&end.addresses));
    ends.extend(of_addresses(&rest, network.documents()));
    ends
}
