//! Security admin rules of network managers.

use super::interfaces::id_and_name;
use super::model::{AdminAccess, AdminRule, AdminStanding, GroupMember, Manager};
use super::node::{Items, Leaf, Node, Notes};
use super::walk::{Kind, Walked, id_parent};
use crate::environment::nsg::rule::{priority, protocol, word};
use crate::environment::nsg::side::{Style, addresses, ports};
use crate::environment::rules::{Side, UnreadRule};
use crate::net::{Decision, Direction};

/// Priorities that users may give.
const PRIORITIES: std::ops::RangeInclusive<u32> = 1..=4096;

/// Reads all security admin rules, and those of which not enough is known.
pub(super) fn read(walked: &Walked<'_>, notes: &mut Notes) -> (Vec<AdminRule>, Vec<UnreadRule>) {
    let (mut rules, mut unread) = (Vec::new(), Vec::new());
    for found in walked.of(Kind::AdminRule) {
        match rule(&found.node, notes) {
            Ok(rule) => rules.push(rule),
            Err(rule) => unread.push(rule),
        }
    }
    (rules, unread)
}

fn rule(node: &Node<'_>, notes: &mut Notes) -> Result<AdminRule, UnreadRule> {
    let (id, name) = id_and_name(node);
    let collection = id_parent(&id).unwrap_or_default().to_owned();
    let priority = priority(node, &PRIORITIES, notes);
    let expected = "Allow, AlwaysAllow or Deny";
    let access = word(node, "access", expected, notes, |text| match text {
        "allow" => Some(AdminAccess::Allow),
        "alwaysallow" => Some(AdminAccess::AlwaysAllow),
        "deny" => Some(AdminAccess::Deny),
        _ => None,
    });
    let expected = "Inbound or Outbound";
    let direction = word(node, "direction", expected, notes, |text| match text {
        "inbound" => Some(Direction::Inbound),
        "outbound" => Some(Direction::Outbound),
        _ => None,
    });
    let protocols = protocol(node, notes);
    let source = side(node, "source", notes);
    let destination = side(node, "destination", notes);
    let whole = || {
        Some(AdminRule {
            id,
            name: name.clone(),
            file: notes.file.clone(),
            collection,
            priority: priority?,
            access: access?,
            direction: direction?,
            protocols: protocols?,
            source: source?,
            destination: destination?,
            standing: standing(node),
            groups: groups(node),
            members: members_of(node),
            path: node.path.clone(),
        })
    };
    whole().ok_or_else(|| UnreadRule {
        name,
        direction,
        priority,
        access: access.map(|access| match access {
            AdminAccess::Deny => Decision::Deny,
            AdminAccess::Allow | AdminAccess::AlwaysAllow => Decision::Allow,
        }),
        path: node.path.clone(),
    })
}

/// Listings of what is in effect name the collection's groups; those of what is deployed the region and
/// the time too.
fn standing(node: &Node<'_>) -> AdminStanding {
    let has = |key| node.get(key).is_some();
    if has("commitTime") || has("region") {
        AdminStanding::Deployed
    } else if has("ruleCollectionAppliesToGroups") || has("ruleGroups") {
        AdminStanding::Effective
    } else {
        AdminStanding::Configured
    }
}

/// The items of a list that have a text under `key`, and those texts.
fn texts<'a>(node: &Node<'a>, list: &str, key: &str) -> Vec<(Node<'a>, String)> {
    let Items::List(items) = node.items(list) else {
        return Vec::new();
    };
    let texts = items.into_iter().map(|item| {
        let text = item.word(key);
        (item, text)
    });
    texts.filter(|(_, text)| !text.is_empty()).collect()
}

/// The network groups that a listed rule applies to.
fn groups(node: &Node<'_>) -> Vec<String> {
    let stated = texts(node, "ruleCollectionAppliesToGroups", "networkGroupId");
    let effective = texts(node, "ruleGroups", "id");
    let mut all: Vec<_> = stated
        .into_iter()
        .chain(effective)
        .map(|(_, id)| id)
        .collect();
    all.sort();
    all.dedup();
    all
}

/// The virtual networks that a listing names as members, which it does of static ones only.
fn members_of(node: &Node<'_>) -> Vec<String> {
    let groups = texts(node, "ruleGroups", "id");
    let members = groups
        .iter()
        .flat_map(|(group, _)| texts(group, "groupMembers", "resourceId"));
    members.map(|(_, id)| id).collect()
}

/// Reads all network managers.
pub(super) fn managers(walked: &Walked<'_>, file: &str) -> Vec<Manager> {
    let managers = walked.of(Kind::Manager).map(|found| {
        let (id, name) = id_and_name(&found.node);
        let scopes = found.node.get("networkManagerScopes");
        let of = |key| {
            let leaves = scopes.iter().flat_map(|scopes| scopes.leaves(key));
            leaves.filter_map(Leaf::text).collect()
        };
        Manager {
            id,
            name,
            file: file.to_owned(),
            management_groups: of("managementGroups"),
            subscriptions: of("subscriptions"),
        }
    });
    managers.collect()
}

/// Reads all static members of network groups.
pub(super) fn members(walked: &Walked<'_>) -> Vec<GroupMember> {
    let members = walked.of(Kind::GroupMember).map(|found| GroupMember {
        group: id_parent(&found.node.word("id"))
            .unwrap_or_default()
            .to_owned(),
        network: found.node.word("resourceId"),
    });
    members.collect()
}

/// Rules of network managers among the effective rules of interfaces. What is printed of them does not
/// tell whether an allow is one for good.
pub(super) fn seen(walked: &Walked<'_>) -> Vec<UnreadRule> {
    let managed = walked.of(Kind::Effective).filter(|found| {
        let association = found.node.own("association");
        association.is_some_and(|node| node.reference("networkManager").is_some())
    });
    let rules = managed.flat_map(|found| match found.node.items("effectiveSecurityRules") {
        Items::List(items) => items,
        _ => Vec::new(),
    });
    let unread = rules.map(|rule| UnreadRule {
        name: rule.word("name"),
        path: rule.path,
        ..UnreadRule::default()
    });
    unread.collect()
}

/// A side: `sources` with an address and its type each; no list at all is any address.
fn side(node: &Node<'_>, end: &str, notes: &mut Notes) -> Option<Side> {
    let mut side = Side::default();
    match node.items(&format!("{end}s")) {
        Items::Absent => side.any = true,
        Items::List(items) => {
            for item in items {
                address(&mut side, &item, notes);
            }
        }
        Items::Unread(path, found) => {
            notes.fault(&path, format!("expected a list of {end}s, found {found}"));
            side.unknown.push(found);
        }
    }
    // Rules without ports are for all of them.
    let given = ["Range", "Ranges"].iter().any(|key| {
        let key = format!("{end}Port{key}");
        !node.leaves(&key).is_empty()
    });
    side.ports = if given {
        ports(node, end, notes)?
    } else {
        crate::net::PortSet::any()
    };
    Some(side)
}

fn address(side: &mut Side, item: &Node<'_>, notes: &mut Notes) {
    let kind = item.word("addressPrefixType");
    let known = ["", "IPPrefix", "ServiceTag"];
    let leaves = item.leaves("addressPrefix");
    if known.iter().any(|known| known.eq_ignore_ascii_case(&kind)) && !leaves.is_empty() {
        addresses(side, leaves, Style::User, notes);
    } else {
        notes.fault(
            &item.path,
            format!("expected an address of type IPPrefix or ServiceTag, found type {kind:?}"),
        );
        side.unknown.push(format!("an address of type {kind:?}"));
    }
}
