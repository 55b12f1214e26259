//! The six rules that every NSG ends with, and the names that Azure's tools give them.

use crate::environment::rules::{Nsg, SecurityRule, Side};
use crate::net::{Decision, Direction, PortSet, ProtocolSet};

/// A default rule: name, priority, direction, source, destination, access. An empty address is any.
type Known = (
    &'static str,
    u32,
    Direction,
    &'static str,
    &'static str,
    Decision,
);

const DEFAULTS: [Known; 6] = [
    (
        "AllowVnetInBound",
        65_000,
        Direction::Inbound,
        "VirtualNetwork",
        "VirtualNetwork",
        Decision::Allow,
    ),
    (
        "AllowAzureLoadBalancerInBound",
        65_001,
        Direction::Inbound,
        "AzureLoadBalancer",
        "",
        Decision::Allow,
    ),
    (
        "DenyAllInBound",
        65_500,
        Direction::Inbound,
        "",
        "",
        Decision::Deny,
    ),
    (
        "AllowVnetOutBound",
        65_000,
        Direction::Outbound,
        "VirtualNetwork",
        "VirtualNetwork",
        Decision::Allow,
    ),
    (
        "AllowInternetOutBound",
        65_001,
        Direction::Outbound,
        "",
        "Internet",
        Decision::Allow,
    ),
    (
        "DenyAllOutBound",
        65_500,
        Direction::Outbound,
        "",
        "",
        Decision::Deny,
    ),
];

/// What IP flow verify calls them.
const OTHER_NAMES: [(&str, &str); 2] = [
    ("DefaultInboundDenyAll", "DenyAllInBound"),
    ("DefaultOutboundDenyAll", "DenyAllOutBound"),
];

/// The name of a default rule as NSGs and logs spell it; `None` for what is none.
pub fn default_name(name: &str) -> Option<&'static str> {
    let other = OTHER_NAMES
        .iter()
        .find(|(other, _)| other.eq_ignore_ascii_case(name));
    let name = other.map_or(name, |(_, known)| known);
    let known = DEFAULTS
        .iter()
        .find(|(known, ..)| known.eq_ignore_ascii_case(name));
    known.map(|&(known, ..)| known)
}

/// The priority and direction of a default rule, by the name that [`default_name`] gives.
pub(super) fn default_place(name: &str) -> Option<(u32, Direction)> {
    let known = DEFAULTS.iter().find(|(known, ..)| *known == name);
    known.map(|&(_, priority, direction, ..)| (priority, direction))
}

/// Adds the default rules that the document lacks: no NSG is without them.
pub(super) fn complete(nsg: &mut Nsg) {
    for known in DEFAULTS {
        let (name, priority, direction, ..) = known;
        let read = nsg.rules.iter().any(|rule| {
            rule.is_default && rule.priority == priority && rule.direction == direction
        });
        let unread = nsg
            .unread
            .iter()
            .any(|rule| default_name(&rule.name) == Some(name));
        if !read && !unread {
            nsg.rules.push(default_rule(known));
            nsg.defaults_added = true;
        }
    }
}

fn default_rule((name, priority, direction, source, destination, access): Known) -> SecurityRule {
    let side = |tag: &str| Side {
        any: tag.is_empty(),
        tags: (!tag.is_empty())
            .then(|| tag.to_owned())
            .into_iter()
            .collect(),
        ports: PortSet::any(),
        ..Side::default()
    };
    SecurityRule {
        name: name.to_owned(),
        priority,
        direction,
        access,
        protocols: ProtocolSet::ANY,
        source: side(source),
        destination: side(destination),
        is_default: true,
        path: String::new(),
    }
}
