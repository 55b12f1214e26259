//! One side of a rule: addresses, tags, groups and ports, from singular and plural fields alike.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Subnets, Ipv6Subnets};

use crate::environment::azure::node::{Content, Items, Leaf, Node, Notes, describe, shown};
use crate::environment::rules::Side;
use crate::net::prefix::{Family, parse_prefix};
use crate::net::{PortSet, PrefixSet};

/// Who states a rule: that decides what its texts mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::environment) enum Style {
    /// A user, in an NSG.
    User,
    /// Azure, in an NSG: all addresses may be printed as `0.0.0.0/0`.
    Default,
    /// The listing of effective rules, in which a user's `*` is printed as `0.0.0.0/0` too.
    Effective,
}

/// Tags of classic networks, and what they are now.
const CLASSIC: [(&str, &str); 3] = [
    ("VIRTUAL_NETWORK", "VirtualNetwork"),
    ("AZURE_LOADBALANCER", "AzureLoadBalancer"),
    ("INTERNET", "Internet"),
];

/// Reads the side of a rule whose fields begin with `end`: `source` or `destination`.
///
/// `None` where its ports cannot be told, which is a fault.
pub(super) fn read(node: &Node<'_>, end: &str, style: Style, notes: &mut Notes) -> Option<Side> {
    let mut leaves = Vec::new();
    for key in ["AddressPrefix", "AddressPrefixes"] {
        leaves.extend(node.leaves(&format!("{end}{key}")));
    }
    let mut side = Side::default();
    addresses(&mut side, leaves, style, notes);
    groups(&mut side, node, end, notes);
    expanded(&mut side, node, end, notes);
    if is_nothing(&side) {
        notes.fault(
            &node.path,
            format!("expected a {end} address, tag or group, found none"),
        );
        side.unknown.push("none given".to_owned());
    }
    settle(&mut side, style);
    mixed(&side, node, end, style, notes);
    side.ports = ports(node, end, notes)?;
    Some(side)
}

/// Adds addresses, prefixes, ranges and tags, and what cannot be read as one.
pub(in crate::environment) fn addresses(
    side: &mut Side,
    leaves: Vec<Leaf>,
    style: Style,
    notes: &mut Notes,
) {
    let mut prefixes = Vec::new();
    for leaf in leaves {
        match &leaf.content {
            Content::Text(text) => match networks(text) {
                Some(networks) => {
                    if let Some(prefix) = host_bits(text) {
                        let what = format!("{text} has host bits: it is {prefix}");
                        notes.remark(&leaf.path, what);
                    }
                    side.any |= style == Style::Default && networks == [IpNet::default()];
                    prefixes.extend(networks);
                }
                None => name(side, text, &leaf, notes),
            },
            Content::Unknown(text) => {
                let what = format!("{text} is known to a deployment only");
                notes.remark(&leaf.path, what);
                side.unknown.push(text.clone());
            }
            Content::Wrong(what) => unknown(side, what, &leaf, notes),
        }
    }
    side.prefixes = side.prefixes.union(&PrefixSet::new(prefixes));
}

/// Adds what is no address: `*`, or a tag.
fn name(side: &mut Side, text: &str, leaf: &Leaf, notes: &mut Notes) {
    if text == "*" || text.eq_ignore_ascii_case("any") {
        side.any = true;
    } else if is_tag(text) {
        let modern = CLASSIC.iter().find(|(classic, _)| *classic == text);
        let tag = modern.map_or(text, |(_, modern)| modern);
        if !side
            .tags
            .iter()
            .any(|known| known.eq_ignore_ascii_case(tag))
        {
            side.tags.push(tag.to_owned());
        }
    } else {
        unknown(side, &shown(text), leaf, notes);
    }
}

fn unknown(side: &mut Side, what: &str, leaf: &Leaf, notes: &mut Notes) {
    let found = leaf.found();
    notes.fault(
        &leaf.path,
        format!("expected an address, prefix or tag, found {found}"),
    );
    side.unknown.push(what.to_owned());
}

/// The prefixes of `10.0.0.0/24`, `10.0.0.4` or `10.0.0.4-10.0.0.9`.
fn networks(text: &str) -> Option<Vec<IpNet>> {
    if let Some(prefix) = parse_prefix(text) {
        return Some(vec![prefix]);
    }
    let (low, high) = text.split_once('-')?;
    match (low.trim().parse().ok()?, high.trim().parse().ok()?) {
        (IpAddr::V4(low), IpAddr::V4(high)) if low <= high => {
            Some(Ipv4Subnets::new(low, high, 0).map(IpNet::from).collect())
        }
        (IpAddr::V6(low), IpAddr::V6(high)) if low <= high => {
            Some(Ipv6Subnets::new(low, high, 0).map(IpNet::from).collect())
        }
        _ => None,
    }
}

/// The prefix that an address inside one was written for.
fn host_bits(text: &str) -> Option<IpNet> {
    let prefix: IpNet = text.trim().parse().ok()?;
    (prefix.trunc() != prefix).then(|| prefix.trunc())
}

/// Whether a text can be the name of a service tag. What a cut-off `ConvertTo-Json` leaves of a
/// list is none.
fn is_tag(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let cut = text.starts_with("System.") || text.starts_with("Microsoft.Azure.Commands");
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(fits) && !cut
}

/// Application security groups. With one there is no prefix: that is not every address.
fn groups(side: &mut Side, node: &Node<'_>, end: &str, notes: &mut Notes) {
    let key = format!("{end}ApplicationSecurityGroups");
    match node.items(&key) {
        Items::Absent => {}
        Items::List(items) => {
            for item in items {
                let id = match item.value.as_str() {
                    Some(text) => Some(item.scope.name(text)).filter(|id| !id.is_empty()),
                    None => item.name("id"),
                };
                match id {
                    Some(id) if !id.contains('[') => side.groups.push(id),
                    Some(id) => side.unknown.push(shown(&id)),
                    None => {
                        let found = describe(item.value);
                        notes.fault(
                            &item.path,
                            format!(
                                "expected an application security group with its id, found {found}"
                            ),
                        );
                        side.unknown.push(found);
                    }
                }
            }
        }
        Items::Unread(path, found) => {
            notes.fault(
                &path,
                format!("expected application security groups, found {found}"),
            );
            side.unknown.push(found);
        }
    }
}

/// What Azure resolved the side's tags to.
fn expanded(side: &mut Side, node: &Node<'_>, end: &str, notes: &mut Notes) {
    let mut letters = end.chars();
    let first = letters.next().map(|c| c.to_ascii_uppercase());
    let end: String = first.into_iter().chain(letters).collect();
    for key in [
        format!("expanded{end}AddressPrefix"),
        format!("expanded{end}AddressPrefixes"),
    ] {
        let leaves = node.leaves(&key);
        side.expanded |= !leaves.is_empty();
        addresses(side, leaves, Style::User, notes);
    }
}

fn is_nothing(side: &Side) -> bool {
    let lists = [&side.tags, &side.groups, &side.unknown];
    !side.any && side.prefixes.is_empty() && lists.iter().all(|list| list.is_empty())
}

/// The effective rules print `*` as `0.0.0.0/0`: whether IPv6 belongs to it cannot be told.
fn settle(side: &mut Side, style: Style) {
    let all_v4 = side.prefixes.ranges(Family::V4) == [(0, Family::V4.max())];
    let any_v6 = !side.prefixes.ranges(Family::V6).is_empty();
    if style == Style::Effective && all_v4 && !any_v6 && side.tags.is_empty() && !side.any {
        side.unknown
            .push("IPv6, where 0.0.0.0/0 stands for *".to_owned());
    }
}

/// Azure takes neither several tags nor both families in one side of a rule.
fn mixed(side: &Side, node: &Node<'_>, end: &str, style: Style, notes: &mut Notes) {
    if side.tags.len() > 1 {
        let tags = crate::environment::text::list(&side.tags);
        notes.remark(&node.path, format!("the {end} has several tags: {tags}"));
    }
    let has = |family| !side.prefixes.ranges(family).is_empty();
    if style == Style::User && has(Family::V4) && has(Family::V6) {
        notes.remark(
            &node.path,
            format!("the {end} has both IPv4 and IPv6 prefixes"),
        );
    }
}

/// The ports of a side; `None`, and a fault, where one of them cannot be told.
pub(in crate::environment) fn ports(
    node: &Node<'_>,
    end: &str,
    notes: &mut Notes,
) -> Option<PortSet> {
    let keys = [format!("{end}PortRange"), format!("{end}PortRanges")];
    let leaves: Vec<_> = keys.iter().flat_map(|key| node.leaves(key)).collect();
    if leaves.is_empty() {
        notes.fault(&node.path, format!("expected {end} ports, found none"));
        return None;
    }
    let mut all = Some(PortSet::default());
    for leaf in leaves {
        let found = match &leaf.content {
            Content::Text(text) => port_range(text),
            _ => None,
        };
        if found.is_none() {
            notes.fault(
                &leaf.path,
                format!(
                    "expected a port, a range such as 1024-2048 or *, found {}",
                    leaf.found()
                ),
            );
        }
        all = all.zip(found).map(|(all, ports)| all.union(&ports));
    }
    all
}

fn port_range(text: &str) -> Option<PortSet> {
    let any = text.eq_ignore_ascii_case("any");
    PortSet::parse(if any { "*" } else { text })
}
