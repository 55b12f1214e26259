//! Security admin rules of network managers as a level before all NSGs.
//!
//! A rule is in effect where Azure lists it for the virtual network. Of all others it is not known:
//! configurations are deployed region by region, to network groups whose members a policy may choose.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::{Network, is_same, tell_ties, unread_rules};
use crate::environment::azure::{AdminAccess, AdminRule, AdminStanding, Network as Given};
use crate::net::Direction;
use crate::policy::rule::{Access, Level, LevelKind, Rule};

/// Whether a rule is in effect on a virtual network.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Reach {
    Yes,
    No,
    /// What is not known.
    Unknown(&'static str),
}

/// How high the scope of a network manager is, the highest first: of a conflict its rules decide.
/// (Microsoft: Azure Virtual Network Manager, hierarchy of scopes.)
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Scope {
    ManagementGroups,
    Subscriptions,
    Unknown,
}

/// What a rule of which nothing was read may do.
const ANY: [Access; Access::COUNT] = [Access::Allow, Access::AlwaysAllow, Access::Deny];

impl Network<'_> {
    /// The security admin rules on the way of packets whose local end is `local`; `None` where there
    /// are none in its direction.
    pub(super) fn admin_level(&self, local: IpAddr, direction: Direction) -> Option<Level> {
        let network = self.network_of(local);
        self.admin_of(direction, true, |rule| self.reach(rule, network))
    }

    /// All security admin rules of a direction, as if all were in effect.
    pub(super) fn admin_rules(&self, direction: Direction) -> Option<Level> {
        self.admin_of(direction, false, |_| Reach::Yes)
    }

    /// The rules of a direction, in their order; where `doubts`, with what is not known of it.
    fn admin_of(
        &self,
        direction: Direction,
        doubts: bool,
        reach: impl Fn(&AdminRule) -> Reach,
    ) -> Option<Level> {
        let mut managers: BTreeMap<(Scope, String), Vec<Rule>> = BTreeMap::new();
        let of_it = self.azure.admin_rules.iter();
        for rule in of_it.filter(|rule| rule.direction == direction) {
            let doubt = match reach(rule) {
                Reach::Yes => None,
                Reach::Unknown(doubt) => Some(doubt.to_owned()),
                Reach::No => continue,
            };
            let manager = manager(&rule.id).to_lowercase();
            let scope = self.scope(&manager);
            let rule = Rule {
                doubt,
                ..self.admin_rule(rule)
            };
            managers.entry((scope, manager)).or_default().push(rule);
        }
        let only = managers.keys().next().filter(|_| managers.len() == 1);
        let only = only.map(|(_, manager)| manager.clone());
        let unread = self.unread_admin_rules(direction);
        // Where a manager's scope is not known, or a rule's manager, no order of managers is.
        let known = unread.is_empty() && managers.keys().all(|(scope, _)| *scope != Scope::Unknown);
        let mut by_scope: BTreeMap<Scope, (usize, Vec<Rule>)> = BTreeMap::new();
        for ((scope, _), mut rules) in managers {
            let scope = if known { scope } else { Scope::Unknown };
            let of_scope = by_scope.entry(scope).or_default();
            of_scope.0 += 1;
            of_scope.1.append(&mut rules);
        }
        if !unread.is_empty() {
            by_scope.entry(Scope::Unknown).or_default().1.extend(unread);
        }
        let rules = by_scope.into_values().flat_map(|(managers, mut rules)| {
            settle(&mut rules, managers > 1, doubts);
            rules
        });
        level_of(rules.collect(), self.manager_id(only.as_deref()))
    }

    /// The ID of a network manager as written; empty where there is not one alone.
    fn manager_id(&self, lower: Option<&str>) -> &str {
        let ids = self.azure.admin_rules.iter().map(|rule| manager(&rule.id));
        let mut ids = ids.filter(|id| lower.is_some_and(|lower| id.eq_ignore_ascii_case(lower)));
        ids.next().unwrap_or_default()
    }

    /// Rules that could not be read, which may do anything.
    fn unread_admin_rules(&self, direction: Direction) -> Vec<Rule> {
        // The same rule may be listed once for each of several networks.
        let unread = self.azure.unread_admin_rules.iter();
        let seen = self.azure.admin_rules_seen.iter();
        let seen = seen.filter(|_| self.azure.admin_rules.is_empty());
        let either = unread.chain(seen);
        let either = either.filter(|rule| rule.direction.is_none_or(|its| its == direction));
        either.flat_map(|rule| unread_rules(rule, &ANY)).collect()
    }

    /// How high the scope of a network manager is: of two that manage the same network, one that has
    /// management groups is above one that has only subscriptions.
    fn scope(&self, id: &str) -> Scope {
        let mut managers = self.azure.managers.iter();
        match managers.find(|manager| is_same(&manager.id, id)) {
            Some(manager) if !manager.management_groups.is_empty() => Scope::ManagementGroups,
            Some(manager) if !manager.subscriptions.is_empty() => Scope::Subscriptions,
            _ => Scope::Unknown,
        }
    }

    /// Where the documents state a security admin rule: file and JSON path.
    pub(super) fn admin_stated_at(&self, rule: &Rule) -> (String, String) {
        let mut rules = self.azure.admin_rules.iter();
        let same = |other: &&AdminRule| other.name == rule.name && other.priority == rule.priority;
        let found = rules.find(same);
        found.map_or_else(Default::default, |found| {
            (found.file.clone(), found.path.clone())
        })
    }

    fn admin_rule(&self, rule: &AdminRule) -> Rule {
        Rule {
            name: rule.name.clone(),
            priority: rule.priority,
            access: match rule.access {
                AdminAccess::Allow => Access::Allow,
                AdminAccess::AlwaysAllow => Access::AlwaysAllow,
                AdminAccess::Deny => Access::Deny,
            },
            protocols: rule.protocols,
            source: self.addresses(&rule.source),
            source_ports: rule.source.ports.clone(),
            destination: self.addresses(&rule.destination),
            destination_ports: rule.destination.ports.clone(),
            is_default: false,
            doubt: None,
        }
    }

    /// The virtual network that an address is in.
    fn network_of(&self, local: IpAddr) -> Option<&Given> {
        self.azure.networks.iter().find(|network| {
            let mut subnets = network.subnets.iter();
            network.space.contains(local) || subnets.any(|subnet| subnet.prefixes.contains(local))
        })
    }

    fn reach(&self, rule: &AdminRule, network: Option<&Given>) -> Reach {
        match &rule.standing {
            AdminStanding::Configured => {
                Reach::Unknown("whether it is deployed, and to which virtual networks")
            }
            AdminStanding::Deployed => {
                let members = rule.members.iter();
                let mut members = members.chain(self.members_of(rule));
                match network {
                    Some(network) if members.any(|member| is_same(member, &network.id)) => {
                        Reach::Yes
                    }
                    _ => Reach::Unknown("which virtual networks its network groups have"),
                }
            }
            AdminStanding::Effective => self.listed_for(rule, network),
        }
    }

    /// The members that documents state of the network groups that a rule applies to.
    fn members_of<'r>(&'r self, rule: &'r AdminRule) -> impl Iterator<Item = &'r String> {
        self.azure
            .group_members
            .iter()
            .filter(|member| {
                rule.groups
                    .iter()
                    .any(|group| is_same(group, &member.group))
            })
            .map(|member| &member.network)
    }

    /// Whether a virtual network is the one that a rule is listed for: the only one there is, or the
    /// one that the file is named after.
    fn listed_for(&self, rule: &AdminRule, network: Option<&Given>) -> Reach {
        let networks = &self.azure.networks;
        if networks.len() <= 1 {
            return Reach::Yes;
        }
        let file = std::path::Path::new(&rule.file);
        let stem = file.file_stem().map(std::ffi::OsStr::to_string_lossy);
        let named = |given: &&Given| stem.as_ref().is_some_and(|stem| is_same(stem, &given.name));
        let mut of_that_name = networks.iter().filter(named);
        match (of_that_name.next(), of_that_name.next(), network) {
            (Some(target), None, Some(network)) if std::ptr::eq(target, network) => Reach::Yes,
            (Some(_), None, Some(_)) => Reach::No,
            _ => Reach::Unknown("for which virtual network it is listed"),
        }
    }
}

/// Puts the rules of managers of one scope in order. Of `several` it is not known which comes first:
/// doubtful copies before them leave open what they answer otherwise, and nothing that all of them deny.
fn settle(rules: &mut Vec<Rule>, several: bool, doubts: bool) {
    rules.sort_by(|a, b| (a.priority, &a.name, a.access).cmp(&(b.priority, &b.name, b.access)));
    rules.dedup();
    if !doubts {
        return;
    }
    tell_ties(rules);
    if several {
        let copies = rules
            .iter()
            .filter(|rule| rule.doubt.is_none())
            .map(|rule| Rule {
                doubt: Some("which of several network managers comes first".to_owned()),
                ..rule.clone()
            });
        let copies: Vec<_> = copies.collect();
        rules.splice(0..0, copies);
    }
}

fn level_of(rules: Vec<Rule>, id: &str) -> Option<Level> {
    let name = id.rsplit('/').next().filter(|name| !name.is_empty());
    (!rules.is_empty()).then(|| Level {
        kind: LevelKind::Admin,
        name: name.unwrap_or("(not named)").to_owned(),
        id: id.to_owned(),
        rules,
    })
}

/// The ID of the network manager that a rule is of.
fn manager(id: &str) -> &str {
    let lower = id.to_ascii_lowercase();
    lower
        .find("/securityadminconfigurations/")
        .map_or("", |at| &id[..at])
}
