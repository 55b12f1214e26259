//! A rule of an NSG, from any of the forms that it is printed in.

use super::defaults::{default_name, default_place};
use super::side::{self, Style};
use crate::environment::azure::node::{Content, Leaf, Node, Notes, escape, shown};
use crate::environment::rules::{SecurityRule, Side, UnreadRule};
use crate::net::{Decision, Direction, ProtocolSet};

/// The longest name that Azure takes.
const LONGEST_NAME: usize = 80;

/// Priorities that users may give.
const PRIORITIES: std::ops::RangeInclusive<u32> = 100..=4096;

/// A rule, or what is known of one that cannot be read.
pub(super) type Rule = Result<SecurityRule, UnreadRule>;

/// The part of a rule that says what it does with what it matches.
struct Head {
    name: String,
    is_default: bool,
    priority: Option<u32>,
    direction: Option<Direction>,
    access: Option<Decision>,
}

/// Reads a rule. `name` is its own name, without that of its group.
pub(super) fn read(
    node: &Node<'_>,
    name: Option<String>,
    default: bool,
    notes: &mut Notes,
) -> Rule {
    let head = head(node, name, default, notes);
    let style = if head.is_default {
        Style::Default
    } else {
        Style::User
    };
    body(node, head, style, notes)
}

/// Reads a rule of the listing of effective rules, whose name tells what it is.
pub(super) fn read_effective(node: &Node<'_>, notes: &mut Notes) -> Rule {
    let full = node.word("name");
    let (kind, name) = full.split_once('/').unwrap_or(("", &full));
    let default = kind.eq_ignore_ascii_case("defaultSecurityRules")
        || (kind.is_empty() && default_name(name).is_some());
    let head = head(node, Some(name.to_owned()), default, notes);
    let style = if head.is_default {
        Style::Default
    } else {
        Style::Effective
    };
    body(node, head, style, notes)
}

fn head(node: &Node<'_>, name: Option<String>, default: bool, notes: &mut Notes) -> Head {
    let mut name = name.map(|name| escape(&name)).unwrap_or_default();
    check_name(&name, node, notes);
    let priority = priority(node, &PRIORITIES, notes);
    let late = priority.is_some_and(|priority| priority >= 65_000);
    let known = default_name(&name).filter(|_| default || late);
    if let Some(known) = known {
        known.clone_into(&mut name);
    }
    let direction = word(
        node,
        "direction",
        "Inbound or Outbound",
        notes,
        |text| match text {
            "inbound" => Some(Direction::Inbound),
            "outbound" => Some(Direction::Outbound),
            _ => None,
        },
    );
    let access = word(node, "access", "Allow or Deny", notes, |text| match text {
        "allow" => Some(Decision::Allow),
        "deny" => Some(Decision::Deny),
        _ => None,
    });
    let head = Head {
        is_default: default || known.is_some(),
        name,
        priority,
        direction,
        access,
    };
    check_priority(&head, node, notes);
    head
}

fn body(node: &Node<'_>, head: Head, style: Style, notes: &mut Notes) -> Rule {
    let protocols = protocol(node, notes);
    let source = side::read(node, "source", style, notes);
    let destination = side::read(node, "destination", style, notes);
    let condition = conditional(node, notes);
    let whole = complete(&head, protocols, source, destination).filter(|_| !condition);
    match whole {
        Some(mut rule) => {
            rule.path.clone_from(&node.path);
            Ok(rule)
        }
        None => Err(UnreadRule {
            name: head.name,
            direction: head.direction,
            priority: head.priority,
            access: head.access,
            path: node.path.clone(),
        }),
    }
}

fn complete(
    head: &Head,
    protocols: Option<ProtocolSet>,
    source: Option<Side>,
    destination: Option<Side>,
) -> Option<SecurityRule> {
    Some(SecurityRule {
        name: head.name.clone(),
        priority: head.priority?,
        direction: head.direction?,
        access: head.access?,
        protocols: protocols?,
        source: source?,
        destination: destination?,
        is_default: head.is_default,
        path: String::new(),
    })
}

/// Whether a template makes the rule under a condition, or several of it.
fn conditional(node: &Node<'_>, notes: &mut Notes) -> bool {
    let condition = node
        .own("condition")
        .filter(|condition| condition.value != true);
    let found = condition.or_else(|| node.own("copy"));
    if let Some(found) = &found {
        notes.fault(
            &found.path,
            "whether the rule is there is known to a deployment only",
        );
    }
    found.is_some()
}

fn check_name(name: &str, node: &Node<'_>, notes: &mut Notes) {
    let path = || {
        node.own("name")
            .map_or_else(|| node.path.clone(), |name| name.path)
    };
    if name.is_empty() {
        notes.fault(&path(), "expected a name, found none");
    } else if name.chars().count() > LONGEST_NAME && !name.contains('[') {
        notes.fault(
            &path(),
            format!(
                "expected a name of at most {LONGEST_NAME} letters, found {:?}",
                shown(name)
            ),
        );
    }
}

/// One word of a few, compared without case.
pub(in crate::environment) fn word<T>(
    node: &Node<'_>,
    key: &str,
    expected: &str,
    notes: &mut Notes,
    read: impl Fn(&str) -> Option<T>,
) -> Option<T> {
    let Some(leaf) = node.leaf(key) else {
        missing(node, key, expected, notes);
        return None;
    };
    let value = match &leaf.content {
        Content::Text(text) => read(&text.to_ascii_lowercase()),
        _ => None,
    };
    if value.is_none() {
        wrong(&leaf, expected, notes);
    }
    value
}

pub(in crate::environment) fn protocol(node: &Node<'_>, notes: &mut Notes) -> Option<ProtocolSet> {
    let expected = "Tcp, Udp, Icmp, Esp, Ah or *";
    let leaves = node.leaves("protocol");
    if leaves.is_empty() {
        missing(node, "protocol", expected, notes);
        return None;
    }
    let mut all = Some(ProtocolSet::default());
    for leaf in leaves {
        let found = match &leaf.content {
            Content::Text(text) => ProtocolSet::parse(text),
            _ => None,
        };
        if found.is_none() {
            wrong(&leaf, expected, notes);
        }
        all = all.zip(found).map(|(all, one)| all.union(one));
    }
    all
}

/// A number; that it is one that users may give is for the caller to check.
pub(in crate::environment) fn priority(
    node: &Node<'_>,
    taken: &std::ops::RangeInclusive<u32>,
    notes: &mut Notes,
) -> Option<u32> {
    let expected = &format!("a priority from {} to {}", taken.start(), taken.end());
    let Some(leaf) = node.leaf("priority") else {
        missing(node, "priority", expected, notes);
        return None;
    };
    let priority = match &leaf.content {
        Content::Text(text) => text.parse().ok(),
        _ => None,
    };
    if priority.is_none() {
        wrong(&leaf, expected, notes);
    }
    priority
}

/// A priority that Azure would not take still orders the rules.
fn check_priority(head: &Head, node: &Node<'_>, notes: &mut Notes) {
    let Some(priority) = head.priority else {
        return;
    };
    let expected = match default_place(&head.name).filter(|_| head.is_default) {
        Some((known, _)) if known != priority => known.to_string(),
        None if !head.is_default && !PRIORITIES.contains(&priority) => "100 to 4096".to_owned(),
        _ => return,
    };
    let path = node
        .get("priority")
        .map_or_else(|| node.path.clone(), |node| node.path);
    notes.fault(
        &path,
        format!("expected a priority of {expected}, found {priority}"),
    );
}

fn missing(node: &Node<'_>, key: &str, expected: &str, notes: &mut Notes) {
    notes.fault(
        &node.path,
        format!("expected {expected} under `{key}`, found nothing"),
    );
}

fn wrong(leaf: &Leaf, expected: &str, notes: &mut Notes) {
    notes.fault(
        &leaf.path,
        format!("expected {expected}, found {}", leaf.found()),
    );
}
