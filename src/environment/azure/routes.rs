//! Route tables.

use std::net::IpAddr;

use super::interfaces::id_and_name;
use super::model::{EffectiveRoute, EffectiveRoutes, NextHop, Route, RouteSource, RouteTable};
use super::node::{Content, Items, Leaf, Node, Notes};
use super::walk::{Found, Kind, Walked, id_name, id_parent};
use crate::environment::nsg::side::{Style, addresses};
use crate::environment::rules::Side;

/// Next hops as Azure writes them, in lower case.
const HOPS: [(&str, NextHop); 9] = [
    ("virtualnetworkgateway", NextHop::Gateway),
    ("vnetlocal", NextHop::Local),
    ("internet", NextHop::Internet),
    ("virtualappliance", NextHop::Appliance),
    ("none", NextHop::None),
    // Effective routes have these too.
    ("vnetpeering", NextHop::Peering),
    ("vnetglobalpeering", NextHop::Peering),
    ("virtualnetworkserviceendpoint", NextHop::Endpoint),
    ("interfaceendpoint", NextHop::Endpoint),
];

/// Reads all route tables, with routes that stand beside them.
pub(super) fn read(walked: &Walked<'_>, notes: &mut Notes) -> Vec<RouteTable> {
    let mut tables = Vec::new();
    let mut of_found = vec![None; walked.found.len()];
    for (at, found) in walked.found.iter().enumerate() {
        if found.kind == Kind::RouteTable {
            of_found[at] = Some(tables.len());
            tables.push(table(&found.node, notes));
        }
    }
    for found in walked.of(Kind::Route) {
        let within = found.within.and_then(|within| of_found[within]);
        let at = within.unwrap_or_else(|| parent(&mut tables, found, notes));
        let route = route(&found.node, notes);
        let routes = &mut tables[at].routes;
        routes.retain(|known| !known.name.eq_ignore_ascii_case(&route.name));
        routes.push(route);
    }
    tables
}

fn table(node: &Node<'_>, notes: &mut Notes) -> RouteTable {
    let (id, name) = id_and_name(node);
    let routes = match node.items("routes") {
        Items::Absent => Vec::new(),
        Items::List(items) => items.iter().map(|item| route(item, notes)).collect(),
        Items::Unread(path, found) => {
            notes.fault(&path, format!("expected routes, found {found}"));
            Vec::new()
        }
    };
    RouteTable {
        id,
        name,
        file: notes.file.clone(),
        routes,
        subnets: node.references("subnets"),
        without_learned: node
            .get("disableBgpRoutePropagation")
            .and_then(|said| said.value.as_bool()),
        routes_only: false,
    }
}

fn route(node: &Node<'_>, notes: &mut Notes) -> Route {
    route_to(node, node.leaves("addressPrefix"), notes)
}

fn route_to(node: &Node<'_>, leaves: Vec<Leaf>, notes: &mut Notes) -> Route {
    let mut destination = Side::default();
    if leaves.is_empty() {
        notes.fault(
            &node.path,
            "expected a route with `addressPrefix`, found none",
        );
        destination.unknown.push("none given".to_owned());
    }
    addresses(&mut destination, leaves, Style::User, notes);
    Route {
        name: id_name(&node.word("name")).to_owned(),
        destination,
        next_hop: next_hop(node, notes),
        next_hop_address: next_hop_address(node, notes),
        path: node.path.clone(),
    }
}

fn next_hop(node: &Node<'_>, notes: &mut Notes) -> NextHop {
    let Some(leaf) = node.leaf("nextHopType") else {
        notes.fault(
            &node.path,
            "expected a route with `nextHopType`, found none",
        );
        return NextHop::Unknown(String::new());
    };
    let text = match &leaf.content {
        Content::Text(text) | Content::Unknown(text) | Content::Wrong(text) => text.as_str(),
    };
    let known = HOPS
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(text));
    known.map_or_else(
        || {
            let found = leaf.found();
            notes.fault(
                &leaf.path,
                format!(
                    "expected VirtualNetworkGateway, VnetLocal, Internet, VirtualAppliance or \
                     None, found {found}"
                ),
            );
            NextHop::Unknown(super::node::shown(text))
        },
        |(_, hop)| hop.clone(),
    )
}

fn next_hop_address(node: &Node<'_>, notes: &mut Notes) -> Option<IpAddr> {
    let leaf = node.leaf("nextHopIpAddress")?;
    let address = match &leaf.content {
        Content::Text(text) => text.parse().ok(),
        _ => None,
    };
    if address.is_none() {
        let found = leaf.found();
        notes.fault(&leaf.path, format!("expected an address, found {found}"));
    }
    address
}

/// Reads all listings of effective routes: those that name their interface, and one of all that stand in
/// the document by themselves.
pub(super) fn effective(walked: &Walked<'_>, notes: &mut Notes) -> Vec<EffectiveRoutes> {
    let mut listings = Vec::new();
    for found in walked.of(Kind::EffectiveRoutes) {
        let listed = match found.node.items("value") {
            Items::List(items) => items,
            Items::Absent => Vec::new(),
            Items::Unread(path, found) => {
                notes.fault(&path, format!("expected effective routes, found {found}"));
                Vec::new()
            }
        };
        listings.push(EffectiveRoutes {
            interface: found.node.reference("networkInterface").unwrap_or_default(),
            path: found.node.path.clone(),
            ..in_force(&listed, notes)
        });
    }
    let alone: Vec<_> = walked
        .of(Kind::EffectiveRoute)
        .map(|found| found.node.clone())
        .collect();
    if !alone.is_empty() {
        listings.push(in_force(&alone, notes));
    }
    listings
}

/// The routes of a listing that are in force: an invalid one gave way to another.
fn in_force(listed: &[Node<'_>], notes: &mut Notes) -> EffectiveRoutes {
    let active = |node: &&Node<'_>| !node.word("state").eq_ignore_ascii_case("Invalid");
    let mut routes = Vec::new();
    let mut unread = 0;
    for node in listed.iter().filter(active) {
        let source = match node.word("source").to_ascii_lowercase().as_str() {
            "user" => RouteSource::User,
            "virtualnetworkgateway" => RouteSource::Gateway,
            "default" => RouteSource::System,
            _ => {
                let expected = "expected source Default, User or VirtualNetworkGateway";
                let found = node.word("source");
                notes.fault(
                    &node.path,
                    format!("{expected}, found {:?}", super::node::shown(&found)),
                );
                unread += 1;
                continue;
            }
        };
        // One route may list several prefixes, of which each has its own length.
        let mut each: Vec<_> = node
            .leaves("addressPrefix")
            .into_iter()
            .map(|leaf| vec![leaf])
            .collect();
        if each.is_empty() {
            each.push(Vec::new());
        }
        routes.extend(each.into_iter().map(|leaves| EffectiveRoute {
            route: route_to(node, leaves, notes),
            source,
        }));
    }
    EffectiveRoutes {
        file: notes.file.clone(),
        routes,
        unread,
        ..EffectiveRoutes::default()
    }
}

/// The table of a route that stands alone: one of the document, or a new one.
fn parent(tables: &mut Vec<RouteTable>, found: &Found<'_>, notes: &mut Notes) -> usize {
    let node = &found.node;
    let own = node.word("id");
    let id = id_parent(&own).unwrap_or_default();
    let full = node.word("name");
    let name = full
        .rsplit_once('/')
        .map_or(id_name(id), |(table, _)| table);
    let same = |table: &RouteTable| {
        if id.is_empty() || table.id.is_empty() {
            table.name.eq_ignore_ascii_case(name)
        } else {
            table.id.eq_ignore_ascii_case(id)
        }
    };
    tables.iter().position(same).unwrap_or_else(|| {
        tables.push(RouteTable {
            id: id.to_owned(),
            name: name.to_owned(),
            file: notes.file.clone(),
            routes_only: true,
            ..RouteTable::default()
        });
        tables.len() - 1
    })
}
