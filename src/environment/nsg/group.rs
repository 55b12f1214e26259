//! Groups with their rules: own, in resources beside them, in lists of rules without a group.

use super::Effective;
use super::defaults::complete;
use super::rule::{self, Rule};
use crate::environment::azure::node::{Items, Node, Notes, describe, escape, shown};
use crate::environment::azure::walk::{Found, Kind, Walked, id_name, id_parent};
use crate::environment::rules::{Nsg, SecurityRule, UnreadRule};

/// Groups under construction.
struct Groups<'n> {
    nsgs: Vec<Nsg>,
    /// For each resource, the group that it became.
    of_found: Vec<Option<usize>>,
    notes: &'n mut Notes,
}

/// Reads all groups and effective rules that a walk found.
pub(in crate::environment) fn read(
    walked: &Walked<'_>,
    notes: &mut Notes,
) -> (Vec<Nsg>, Vec<Effective>) {
    let mut effective = Vec::new();
    let mut groups = Groups {
        nsgs: Vec::new(),
        of_found: vec![None; walked.found.len()],
        notes,
    };
    for (at, found) in walked.found.iter().enumerate() {
        match found.kind {
            Kind::Nsg => groups.group(at, &found.node),
            Kind::Effective => effective.extend(read_effective(&found.node, groups.notes)),
            Kind::View => groups.notes.fault(
                &found.node.path,
                "is the view of `az network watcher show-security-group-view`, which is not read: \
                 `az network nic list-effective-nsg` prints the same and more",
            ),
            _ => {}
        }
    }
    for found in &walked.found {
        if matches!(found.kind, Kind::Rule | Kind::DefaultRule) {
            groups.child(found);
        }
    }
    let Groups {
        mut nsgs, notes, ..
    } = groups;
    for nsg in &mut nsgs {
        finish(nsg, notes);
    }
    (nsgs, effective)
}

impl Groups<'_> {
    fn group(&mut self, at: usize, node: &Node<'_>) {
        let mut nsg = Nsg {
            id: node.word("id"),
            name: node.word("name"),
            file: self.notes.file.clone(),
            subnets: node.references("subnets"),
            interfaces: node.references("networkInterfaces"),
            ..Nsg::default()
        };
        if nsg.name.is_empty() {
            id_name(&nsg.id).clone_into(&mut nsg.name);
        }
        if nsg.name.is_empty() {
            self.notes
                .fault(&node.path, "expected a group with a name, found none");
        }
        for key in ["condition", "copy"] {
            if let Some(found) = node.own(key).filter(|found| found.value != true) {
                let what = "whether the group is there, or how often, only a deployment tells";
                self.notes.remark(&found.path, what);
            }
        }
        for (key, default) in [("securityRules", false), ("defaultSecurityRules", true)] {
            rules(&mut nsg, node, key, default, self.notes);
        }
        self.of_found[at] = Some(self.nsgs.len());
        self.nsgs.push(nsg);
    }

    /// A rule that is a resource of its own.
    fn child(&mut self, found: &Found<'_>) {
        let node = &found.node;
        let full = node.word("name");
        let (parent, name) = split_name(&full);
        let at = match found.within.and_then(|within| self.of_found[within]) {
            Some(at) => at,
            None => match self.parent(found, parent) {
                Some(at) => at,
                None => return,
            },
        };
        let default = found.kind == Kind::DefaultRule;
        let rule = rule::read(node, Some(name.to_owned()), default, self.notes);
        self.place(at, rule);
    }

    /// The group that a rule belongs to: one of the document, or a new one for its rules alone.
    fn parent(&mut self, found: &Found<'_>, name: Option<&str>) -> Option<usize> {
        let node = &found.node;
        let id = node.name("id").filter(|id| id.contains('/'));
        let id = id.as_deref().and_then(id_parent).unwrap_or_default();
        let name = name.unwrap_or_else(|| id_name(id));
        if name.is_empty() {
            self.notes.fault(
                &node.path,
                "is a rule, but of which group is not said: give the group itself",
            );
            return None;
        }
        let same = |nsg: &Nsg| {
            if id.is_empty() || nsg.id.is_empty() {
                nsg.name.eq_ignore_ascii_case(name)
            } else {
                nsg.id.eq_ignore_ascii_case(id)
            }
        };
        if let Some(at) = self.nsgs.iter().position(same) {
            return Some(at);
        }
        self.notes.remark(
            &node.path,
            format!(
                "rules of {}, which is not in the document itself",
                shown(name)
            ),
        );
        let mut nsg = Nsg {
            id: id.to_owned(),
            name: name.to_owned(),
            file: self.notes.file.clone(),
            rules_only: true,
            ..Nsg::default()
        };
        if !found.listed {
            nsg.unread.push(UnreadRule {
                path: node.path.clone(),
                ..UnreadRule::default()
            });
        }
        self.nsgs.push(nsg);
        Some(self.nsgs.len() - 1)
    }

    /// Exports state each rule twice, within its group and beside it; what is beside is deployed
    /// later.
    fn place(&mut self, at: usize, rule: Rule) {
        let nsg = &mut self.nsgs[at];
        let (name, path) = match &rule {
            Ok(rule) => (&rule.name, &rule.path),
            Err(rule) => (&rule.name, &rule.path),
        };
        let again = nsg
            .rules
            .iter()
            .position(|known| known.name.eq_ignore_ascii_case(name));
        if let Some(known) = again {
            let was = &nsg.rules[known];
            if !matches!(&rule, Ok(rule) if is_same(was, rule)) {
                self.notes.fault(
                    path,
                    format!(
                        "states {} otherwise than {}: the latter is left out",
                        shown(name),
                        was.path
                    ),
                );
            }
            nsg.rules.remove(known);
        }
        nsg.unread
            .retain(|known| known.name.is_empty() || !known.name.eq_ignore_ascii_case(name));
        put(nsg, rule);
    }
}

/// Reads the rules under a key of a group.
fn rules(nsg: &mut Nsg, node: &Node<'_>, key: &str, default: bool, notes: &mut Notes) {
    match node.items(key) {
        Items::Absent => {}
        Items::List(items) => {
            for item in items {
                if item.value.is_object() {
                    put(nsg, rule::read(&item, item.name("name"), default, notes));
                } else {
                    hidden(nsg, &item.path, &describe(item.value), notes);
                }
            }
        }
        Items::Unread(path, found) => hidden(nsg, &path, &found, notes),
    }
    // A loop of a template makes rules that are not written out.
    if let Items::List(copies) = node.items("copy") {
        for copy in copies
            .iter()
            .filter(|copy| copy.word("name").eq_ignore_ascii_case(key))
        {
            hidden(nsg, &copy.path, "a loop", notes);
        }
    }
}

/// Rules are here, but not which.
fn hidden(nsg: &mut Nsg, path: &str, found: &str, notes: &mut Notes) {
    notes.fault(path, format!("expected rules, found {found}"));
    nsg.unread.push(UnreadRule {
        path: path.to_owned(),
        ..UnreadRule::default()
    });
}

fn put(nsg: &mut Nsg, rule: Rule) {
    match rule {
        Ok(rule) => nsg.rules.push(rule),
        Err(rule) => nsg.unread.push(rule),
    }
}

/// Whether two rules differ in their place only.
fn is_same(one: &SecurityRule, other: &SecurityRule) -> bool {
    let path = String::new();
    SecurityRule {
        path: path.clone(),
        ..one.clone()
    } == SecurityRule {
        path,
        ..other.clone()
    }
}

/// The group and the rule of `group/rule`; a bracket keeps its slashes.
fn split_name(full: &str) -> (Option<&str>, &str) {
    let mut depth = 0_u32;
    for (at, letter) in full.char_indices() {
        match letter {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            '/' if depth == 0 => return (Some(&full[..at]), &full[at + 1..]),
            _ => {}
        }
    }
    (None, full)
}

/// Default rules, and what rules say against one another.
fn finish(nsg: &mut Nsg, notes: &mut Notes) {
    complete(nsg);
    let mut order: Vec<&SecurityRule> = nsg.rules.iter().collect();
    order.sort_by_key(|rule| (rule.direction, rule.priority));
    for pair in order.windows(2) {
        let (one, other) = (pair[0], pair[1]);
        if (one.direction, one.priority) == (other.direction, other.priority) {
            notes.fault(
                &other.path,
                format!(
                    "{} and {} of {} are both {} with priority {}: which is asked first is not said",
                    shown(&one.name),
                    shown(&other.name),
                    shown(&nsg.name),
                    one.direction,
                    one.priority
                ),
            );
        }
    }
    let mut names: Vec<&SecurityRule> = nsg.rules.iter().collect();
    names.sort_by_key(|rule| rule.name.to_ascii_lowercase());
    for pair in names.windows(2) {
        if !pair[0].name.is_empty() && pair[0].name.eq_ignore_ascii_case(&pair[1].name) {
            notes.fault(
                &pair[1].path,
                format!("has the name of {}: {}", pair[0].path, shown(&pair[1].name)),
            );
        }
    }
}

/// One entry of the effective rules.
fn read_effective(node: &Node<'_>, notes: &mut Notes) -> Option<Effective> {
    let association = node.own("association");
    let told = |key| association.as_ref().and_then(|node| node.reference(key));
    let id = node.reference("networkSecurityGroup").unwrap_or_default();
    if id.is_empty() && told("networkManager").is_some() {
        notes.fault(
            &node.path,
            "are rules of a network manager, of which this does not tell all: give what `az network \
             manager list-effective-security-admin-rule` prints",
        );
        return None;
    }
    let mut nsg = Nsg {
        name: escape(id_name(&id)),
        id,
        file: notes.file.clone(),
        subnets: told("subnet").into_iter().collect(),
        interfaces: told("networkInterface").into_iter().collect(),
        ..Nsg::default()
    };
    match node.items("effectiveSecurityRules") {
        Items::Absent => {}
        Items::List(items) => {
            for item in items {
                put(&mut nsg, rule::read_effective(&item, notes));
            }
        }
        Items::Unread(path, found) => hidden(&mut nsg, &path, &found, notes),
    }
    finish(&mut nsg, notes);
    let path = node.path.clone();
    Some(Effective { nsg, path })
}
