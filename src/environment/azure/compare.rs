//! Effective rules beside the groups that they come from: where the two differ.

use super::Azure;
use super::node::shown;
use crate::environment::nsg::Effective;
use crate::environment::rules::{DocumentFault, Nsg, SecurityRule, Side};
use crate::net::PrefixSet;
use crate::net::prefix::Family;

/// Where effective rules differ from the group that a document states, and what of them is not used.
pub(super) fn remarks(azure: &Azure) -> Vec<DocumentFault> {
    let mut remarks = Vec::new();
    for effective in &azure.effective {
        let listed = &effective.nsg;
        let mut given = azure.nsgs.iter();
        if let Some(given) = given.find(|nsg| nsg.id.eq_ignore_ascii_case(&listed.id)) {
            remarks.extend(compare(given, effective));
        }
        for id in &listed.interfaces {
            let mut interfaces = azure.interfaces.iter();
            if !interfaces.any(|interface| interface.id.eq_ignore_ascii_case(id)) {
                let what = "are the effective rules of an interface that no document gives, so that \
                            its addresses are not known: they are not used";
                remarks.push(said(effective, &effective.path, what.to_owned()));
            }
        }
    }
    remarks
}

fn said(effective: &Effective, path: &str, detail: String) -> DocumentFault {
    DocumentFault {
        file: effective.nsg.file.clone(),
        path: path.to_owned(),
        detail,
    }
}

/// What a group says and its effective rules say otherwise. What is not known of either differs from
/// nothing.
fn compare(given: &Nsg, effective: &Effective) -> Vec<DocumentFault> {
    let listed = &effective.nsg;
    let same = |rule: &SecurityRule, rules: &[SecurityRule]| {
        let key = |rule: &SecurityRule| (rule.direction, rule.priority, rule.name.to_lowercase());
        rules.iter().position(|other| key(other) == key(rule))
    };
    let mut remarks = Vec::new();
    let (stated_in, group) = (&given.file, shown(&given.name));
    for rule in &listed.rules {
        let name = shown(&rule.name);
        let Some(at) = same(rule, &given.rules) else {
            let unread = given.unread.iter();
            if !unread
                .into_iter()
                .any(|unread| unread.name == rule.name || unread.name.is_empty())
            {
                remarks.push(said(
                    effective,
                    &rule.path,
                    format!(
                        "{name} ({}, priority {}) is in effect, but not among the rules of {group} in \
                         {stated_in}, which are taken",
                        rule.access, rule.priority
                    ),
                ));
            }
            continue;
        };
        let what = differing(&given.rules[at], rule);
        if !what.is_empty() {
            let what = what.join(", ");
            remarks.push(said(
                effective,
                &rule.path,
                format!("{name} of {group} has other {what} in {stated_in}, which is taken"),
            ));
        }
    }
    for rule in &given.rules {
        if same(rule, &listed.rules).is_none() {
            remarks.push(said(
                effective,
                &effective.path,
                format!(
                    "lacks {} ({}, priority {}) of {group}, which {stated_in} states: it is taken",
                    shown(&rule.name),
                    rule.access,
                    rule.priority
                ),
            ));
        }
    }
    remarks
}

/// In what an effective rule differs from the one that is stated.
fn differing(given: &SecurityRule, listed: &SecurityRule) -> Vec<&'static str> {
    let mut what = Vec::new();
    let mut ask = |differs: bool, word| {
        if differs {
            what.push(word);
        }
    };
    ask(given.access != listed.access, "access");
    ask(given.protocols != listed.protocols, "protocols");
    for (given, listed, [addresses, ports]) in [
        (&given.source, &listed.source, ["sources", "source ports"]),
        (
            &given.destination,
            &listed.destination,
            ["destinations", "destination ports"],
        ),
    ] {
        ask(!is_alike(given, listed), addresses);
        ask(given.ports != listed.ports, ports);
    }
    what
}

/// Whether two sides are for the same addresses, as far as is known. Listings print `*` as `0.0.0.0/0`,
/// application security groups as what is in them, and what tags hold beside the tags.
fn is_alike(given: &Side, listed: &Side) -> bool {
    if !given.groups.is_empty() || !listed.groups.is_empty() || !given.unknown.is_empty() {
        return true;
    }
    if !given.has_tags_of(listed) {
        return false;
    }
    let v4 = |side: &Side| {
        if side.any {
            PrefixSet::any().ranges(Family::V4).to_vec()
        } else {
            side.prefixes.ranges(Family::V4).to_vec()
        }
    };
    let v6 = |side: &Side| side.prefixes.ranges(Family::V6).to_vec();
    listed.expanded
        || v4(given) == v4(listed)
            && (given.any || !listed.unknown.is_empty() || v6(given) == v6(listed))
}
