//! Virtual networks with what hangs on their subnets: groups, route tables, delegations, endpoints.

use super::interfaces::id_and_name;
use super::model::{Network, NetworkSubnet, Peering, ServiceEndpoint};
use super::node::{Content, Items, Leaf, Node, Notes};
use super::walk::{Found, Kind, Walked, id_name, id_parent};
use crate::net::PrefixSet;
use crate::net::prefix::parse_prefix;

/// Reads all networks, with subnets and peerings that stand beside them.
pub(super) fn read(walked: &Walked<'_>, notes: &mut Notes) -> Vec<Network> {
    let mut networks = Vec::new();
    let mut of_found = vec![None; walked.found.len()];
    for (at, found) in walked.found.iter().enumerate() {
        if found.kind == Kind::Network {
            of_found[at] = Some(networks.len());
            networks.push(network(&found.node, notes));
        }
    }
    for found in &walked.found {
        let within = found.within.and_then(|within| of_found[within]);
        match found.kind {
            Kind::Subnet => {
                let at = within.unwrap_or_else(|| parent(&mut networks, found, notes));
                let subnet = subnet(&found.node, notes);
                add(&mut networks[at].subnets, subnet);
            }
            Kind::Peering => {
                let at = within.unwrap_or_else(|| parent(&mut networks, found, notes));
                networks[at].peerings.push(peering(&found.node, notes));
            }
            _ => {}
        }
    }
    networks
}

fn network(node: &Node<'_>, notes: &mut Notes) -> Network {
    let (id, name) = id_and_name(node);
    let mut unknown = Vec::new();
    let space = node.get("addressSpace");
    let leaves = space.map(|space| space.leaves("addressPrefixes"));
    let dns = node
        .get("dhcpOptions")
        .map(|options| options.leaves("dnsServers"));
    Network {
        id,
        name,
        file: notes.file.clone(),
        space: prefixes(leaves.unwrap_or_default(), &mut unknown, notes),
        dns_servers: prefixes(dns.unwrap_or_default(), &mut unknown, notes),
        unknown,
        subnets: each(node, "subnets", notes, subnet),
        peerings: each(node, "virtualNetworkPeerings", notes, peering),
        parts_only: false,
    }
}

fn each<T>(
    node: &Node<'_>,
    key: &str,
    notes: &mut Notes,
    read: impl Fn(&Node<'_>, &mut Notes) -> T,
) -> Vec<T> {
    match node.items(key) {
        Items::Absent => Vec::new(),
        Items::List(items) => items.iter().map(|item| read(item, notes)).collect(),
        Items::Unread(path, found) => {
            notes.fault(&path, format!("expected a list of {key}, found {found}"));
            Vec::new()
        }
    }
}

fn subnet(node: &Node<'_>, notes: &mut Notes) -> NetworkSubnet {
    let (id, full) = id_and_name(node);
    let mut leaves = node.leaves("addressPrefix");
    leaves.extend(node.leaves("addressPrefixes"));
    let items = |key| match node.items(key) {
        Items::List(items) => items,
        _ => Vec::new(),
    };
    let delegations = items("delegations");
    let delegations = delegations
        .iter()
        .filter_map(|item| item.name("serviceName"));
    let endpoints = items("serviceEndpoints");
    let endpoints = endpoints.iter().filter_map(service_endpoint);
    let mut unknown = Vec::new();
    NetworkSubnet {
        id,
        name: id_name(&full).to_owned(),
        prefixes: prefixes(leaves, &mut unknown, notes),
        unknown,
        nsg: node.reference("networkSecurityGroup"),
        route_table: node.reference("routeTable"),
        delegations: delegations.collect(),
        service_endpoints: endpoints.collect(),
        private_endpoints: node.references("privateEndpoints"),
        private_endpoint_policies: node.word("privateEndpointNetworkPolicies"),
        path: node.path.clone(),
    }
}

fn service_endpoint(node: &Node<'_>) -> Option<ServiceEndpoint> {
    let locations = node.leaves("locations").into_iter();
    Some(ServiceEndpoint {
        service: node.name("service")?,
        locations: locations.filter_map(Leaf::text).collect(),
    })
}

fn peering(node: &Node<'_>, notes: &mut Notes) -> Peering {
    let mut leaves = Vec::new();
    for key in ["remoteAddressSpace", "remoteVirtualNetworkAddressSpace"] {
        if let Some(space) = node.get(key) {
            leaves.extend(space.leaves("addressPrefixes"));
        }
    }
    let state = node.word("peeringState");
    let full = node.word("name");
    Peering {
        name: id_name(&full).to_owned(),
        connected: state.is_empty() || state.eq_ignore_ascii_case("Connected"),
        remote: node.reference("remoteVirtualNetwork").unwrap_or_default(),
        space: prefixes(leaves, &mut Vec::new(), notes),
        remote_gateway: node
            .get("useRemoteGateways")
            .is_some_and(|used| used.value == true),
    }
}

/// Prefixes and addresses; what is none becomes a fault, what a deployment knows a remark.
fn prefixes(leaves: Vec<Leaf>, unknown: &mut Vec<String>, notes: &mut Notes) -> PrefixSet {
    let mut read = Vec::new();
    for leaf in leaves {
        match &leaf.content {
            Content::Text(text) => {
                let prefix = parse_prefix(text);
                if prefix.is_none() {
                    let found = leaf.found();
                    notes.fault(&leaf.path, format!("expected a prefix, found {found}"));
                    unknown.push(super::node::shown(text));
                }
                read.extend(prefix);
            }
            Content::Unknown(text) => {
                notes.remark(&leaf.path, format!("{text} is known to a deployment only"));
                unknown.push(text.clone());
            }
            Content::Wrong(what) => {
                notes.fault(&leaf.path, format!("expected a prefix, found {what}"));
                unknown.push(what.clone());
            }
        }
    }
    PrefixSet::new(read)
}

/// A subnet that is stated within its network and beside it: what is beside is deployed later.
fn add(subnets: &mut Vec<NetworkSubnet>, subnet: NetworkSubnet) {
    subnets.retain(|known| !known.name.eq_ignore_ascii_case(&subnet.name));
    subnets.push(subnet);
}

/// The network of a subnet or peering that stands alone: one of the document, or a new one.
fn parent(networks: &mut Vec<Network>, found: &Found<'_>, notes: &mut Notes) -> usize {
    let node = &found.node;
    let own = node.word("id");
    let id = id_parent(&own).unwrap_or_default();
    let full = node.word("name");
    let name = match full.rsplit_once('/') {
        Some((network, _)) => network,
        None => id_name(id),
    };
    let same = |network: &Network| {
        if id.is_empty() || network.id.is_empty() {
            network.name.eq_ignore_ascii_case(name)
        } else {
            network.id.eq_ignore_ascii_case(id)
        }
    };
    networks.iter().position(same).unwrap_or_else(|| {
        networks.push(Network {
            id: id.to_owned(),
            name: name.to_owned(),
            file: notes.file.clone(),
            parts_only: true,
            ..Network::default()
        });
        networks.len() - 1
    })
}
