//! Which rules stand on a packet's way: documents + environment + service tags -> levels.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::diff::{Difference, diff};
use super::rule::{Access, Addresses, Cube, Level, LevelKind, Rule};
use crate::catalogue::AddressTerm;
use crate::classify::addresses_of;
use crate::environment::azure::Azure;
use crate::environment::rules::{Nsg, SecurityRule, Side, UnreadRule};
use crate::environment::{Environment, ServiceTags};
use crate::net::{Direction, PortSet, PrefixSet, ProtocolSet};

mod admin;

/// The rules of a network.
#[derive(Debug, Clone)]
pub struct Network<'a> {
    azure: &'a Azure,
    environment: &'a Environment,
    tags: &'a ServiceTags,
    edition: usize,
    /// Members of application security groups, by their IDs in lower case.
    groups: BTreeMap<String, PrefixSet>,
    /// Prefixes of user-defined routes, which `VirtualNetwork` holds too.
    routed: PrefixSet,
    /// Whether a route leads every address elsewhere: what `VirtualNetwork` holds is then not known.
    default_route: bool,
}

/// Addresses with the same levels on their way.
#[derive(Debug, Clone)]
pub struct Place {
    /// The addresses.
    pub addresses: PrefixSet,
    /// The levels, in the order of the direction asked for.
    pub levels: Vec<Level>,
}

impl<'a> Network<'a> {
    /// The rules that documents state, with the tags of one edition.
    pub fn new(
        azure: &'a Azure,
        environment: &'a Environment,
        tags: &'a ServiceTags,
        edition: usize,
    ) -> Self {
        let mut groups: BTreeMap<String, PrefixSet> = BTreeMap::new();
        for configuration in azure.interfaces.iter().flat_map(|nic| &nic.configurations) {
            let address = configuration
                .address
                .map(|address| PrefixSet::new([address.into()]));
            for group in &configuration.groups {
                let members = groups.entry(group.to_lowercase()).or_default();
                *members = members.union(&address.clone().unwrap_or_default());
            }
        }
        let routes = || azure.route_tables.iter().flat_map(|table| &table.routes);
        let everything = PrefixSet::any();
        let is_default = |side: &Side| {
            side.any
                || everything
                    .difference(&side.prefixes)
                    .ranges(crate::net::prefix::Family::V4)
                    .is_empty()
        };
        Self {
            azure,
            environment,
            tags,
            edition,
            groups,
            routed: routes()
                .filter(|route| !is_default(&route.destination))
                .fold(PrefixSet::empty(), |all, route| {
                    all.union(&route.destination.prefixes)
                }),
            default_route: routes().any(|route| is_default(&route.destination)),
        }
    }

    /// The levels on the way of a packet whose local end is `local`: security admin rules, and the NSGs
    /// of its subnet and of its interface, in the order in which they are asked.
    pub fn levels(&self, local: IpAddr, direction: Direction) -> Vec<Level> {
        let mut levels = Vec::new();
        levels.extend(self.subnet_level(local, direction));
        levels.extend(self.interface_level(local, direction));
        if direction == Direction::Outbound {
            levels.reverse();
        }
        if let Some(admin) = self.admin_level(local, direction) {
            levels.insert(0, admin);
        }
        levels
    }

    /// The addresses of `within` by the levels on their way: interfaces with an NSG of their own
    /// apart from the rest of each subnet.
    pub fn places(&self, within: &PrefixSet, direction: Direction) -> Vec<Place> {
        let mut rest = within.clone();
        let mut places = Vec::new();
        let mut add = |addresses: PrefixSet, rest: &mut PrefixSet| {
            *rest = rest.difference(&addresses);
            if let Some(first) = addresses.first() {
                places.push(Place {
                    levels: self.levels(first, direction),
                    addresses,
                });
            }
        };
        for interface in &self.azure.interfaces {
            for address in interface
                .configurations
                .iter()
                .filter_map(|one| one.address)
            {
                let single = PrefixSet::new([address.into()]).intersection(&rest);
                if self.interface_level(address, direction).is_some() {
                    add(single, &mut rest);
                }
            }
        }
        for subnet in self.subnets() {
            add(subnet.prefixes.intersection(&rest), &mut rest);
        }
        for network in &self.azure.networks {
            add(network.space.intersection(&rest), &mut rest);
        }
        let unplaced = rest.clone();
        add(unplaced, &mut rest);
        places
    }

    /// Where the documents state a rule of a level: file and JSON path; empty where they do not.
    pub fn stated_at(&self, level: &Level, rule: &Rule) -> (String, String) {
        if level.kind == LevelKind::Admin {
            return self.admin_stated_at(rule);
        }
        let nsgs = self.azure.nsgs.iter();
        let mut of_level = nsgs.filter(|nsg| {
            if level.id.is_empty() {
                is_same(&nsg.name, &level.name)
            } else {
                is_same(&nsg.id, &level.id)
            }
        });
        let stated = of_level.find_map(|nsg| {
            let rules = nsg.rules.iter();
            let mut same = rules.filter(|other| {
                is_same(&other.name, &rule.name) && other.priority == rule.priority
            });
            same.next()
                .map(|rule| (nsg.file.clone(), rule.path.clone()))
        });
        stated.unwrap_or_default()
    }

    /// All NSGs and security admin rules as levels, in both directions: for what holds of a rule set by
    /// itself.
    pub fn all_levels(&self) -> Vec<Level> {
        let directions = [Direction::Inbound, Direction::Outbound];
        let admin = directions.map(|direction| self.admin_rules(direction));
        let nsgs = self.azure.nsgs.iter().flat_map(|nsg| {
            directions.map(|direction| self.compiled(LevelKind::Subnet, nsg, direction))
        });
        admin.into_iter().flatten().chain(nsgs).collect()
    }

    fn subnets(&self) -> impl Iterator<Item = &crate::environment::azure::NetworkSubnet> {
        self.azure
            .networks
            .iter()
            .flat_map(|network| &network.subnets)
    }

    fn subnet_level(&self, local: IpAddr, direction: Direction) -> Option<Level> {
        let subnet = self
            .subnets()
            .find(|subnet| subnet.prefixes.contains(local))?;
        let named = subnet.nsg.as_deref();
        let attached = |nsg: &&Nsg| nsg.subnets.iter().any(|id| is_same(id, &subnet.id));
        self.level(LevelKind::Subnet, named, attached, direction)
    }

    fn interface_level(&self, local: IpAddr, direction: Direction) -> Option<Level> {
        let holds = |nic: &&crate::environment::azure::Interface| {
            nic.configurations
                .iter()
                .any(|one| one.address == Some(local))
        };
        let interface = self.azure.interfaces.iter().find(holds)?;
        let named = interface.nsg.as_deref();
        let attached = |nsg: &&Nsg| nsg.interfaces.iter().any(|id| is_same(id, &interface.id));
        self.level(LevelKind::Interface, named, attached, direction)
    }

    /// The level of the NSG that is named, or that says itself where it is attached. One that is named
    /// and not there is a level of which nothing is known.
    fn level(
        &self,
        kind: LevelKind,
        named: Option<&str>,
        attached: impl Fn(&&Nsg) -> bool,
        direction: Direction,
    ) -> Option<Level> {
        let nsgs = || self.azure.nsgs.iter();
        let found = named.and_then(|id| nsgs().find(|nsg| is_same(&nsg.id, id)));
        match (found.or_else(|| nsgs().find(attached)), named) {
            (Some(nsg), _) => Some(self.compiled(kind, nsg, direction)),
            (None, Some(id)) => {
                let name = id.rsplit('/').next().unwrap_or(id);
                let unread = UnreadRule {
                    name: format!("(the rules of {name} are not given)"),
                    ..UnreadRule::default()
                };
                Some(Level {
                    kind,
                    name: name.to_owned(),
                    id: id.to_owned(),
                    rules: unread_rules(&unread, &[Access::Allow, Access::Deny]),
                })
            }
            (None, None) => None,
        }
    }

    fn compiled(&self, kind: LevelKind, nsg: &Nsg, direction: Direction) -> Level {
        let mut rules: Vec<_> = nsg
            .rules
            .iter()
            .filter(|rule| rule.direction == direction)
            .map(|rule| self.rule(rule))
            .collect();
        let unread = nsg
            .unread
            .iter()
            .filter(|rule| rule.direction.is_none_or(|its| its == direction));
        let either = [Access::Allow, Access::Deny];
        rules.extend(unread.flat_map(|rule| unread_rules(rule, &either)));
        rules.sort_by(|a, b| (a.priority, &a.name).cmp(&(b.priority, &b.name)));
        Level {
            kind,
            name: nsg.name.clone(),
            id: nsg.id.clone(),
            rules,
        }
    }

    fn rule(&self, rule: &SecurityRule) -> Rule {
        Rule {
            name: rule.name.clone(),
            priority: rule.priority,
            access: rule.access.into(),
            protocols: rule.protocols,
            source: self.addresses(&rule.source),
            source_ports: rule.source.ports.clone(),
            destination: self.addresses(&rule.destination),
            destination_ports: rule.destination.ports.clone(),
            is_default: rule.is_default,
            doubt: None,
        }
    }

    /// Addresses of one side of a rule.
    fn addresses(&self, side: &Side) -> Addresses {
        if side.any {
            return Addresses {
                known: PrefixSet::any(),
                unknown: Vec::new(),
            };
        }
        let mut known = side.prefixes.clone();
        let mut unknown = side.unknown.clone();
        for tag in side.tags.iter().filter(|_| !side.expanded) {
            match self.tag(tag) {
                Some(set) => known = known.union(&set),
                None => unknown.push(tag.clone()),
            }
            if self.default_route && tag.eq_ignore_ascii_case("VirtualNetwork") {
                unknown.push(format!(
                    "{tag}, since a route leads all addresses elsewhere"
                ));
            }
        }
        for group in &side.groups {
            match self.groups.get(&group.to_lowercase()) {
                Some(members) => known = known.union(members),
                None => unknown.push(group.rsplit('/').next().unwrap_or(group).to_owned()),
            }
        }
        Addresses { known, unknown }
    }

    fn tag(&self, tag: &str) -> Option<PrefixSet> {
        let term = match tag.to_ascii_lowercase().as_str() {
            "virtualnetwork" | "virtual_network" => AddressTerm::VirtualNetwork,
            "internet" => AddressTerm::Internet,
            "azureloadbalancer" | "azure_loadbalancer" => AddressTerm::AzureLoadBalancer,
            _ => AddressTerm::ServiceTag(tag.to_owned()),
        };
        let set = addresses_of(&term, self.environment, false, self.tags, self.edition)?;
        Some(match term {
            AddressTerm::VirtualNetwork => set.union(&self.routed),
            AddressTerm::Internet => set.difference(&self.routed),
            _ => set,
        })
    }
}

/// What a change of rules does with the packets of some addresses of a subnet.
#[derive(Debug, Clone)]
pub struct Changed {
    /// The subnet.
    pub subnet: String,
    /// Direction, seen from it.
    pub direction: Direction,
    /// The levels before.
    pub before: Vec<Level>,
    /// The levels after.
    pub after: Vec<Level>,
    /// What is answered otherwise.
    pub difference: Difference,
}

/// Compares the rules of two networks over all packets of the environment's subnets.
pub fn changes(
    before: &Network<'_>,
    after: &Network<'_>,
    environment: &Environment,
) -> Vec<Changed> {
    let mut all = Vec::new();
    for subnet in &environment.subnets {
        for direction in [Direction::Inbound, Direction::Outbound] {
            for old in before.places(&subnet.prefixes, direction) {
                for new in after.places(&old.addresses, direction) {
                    let within = everything_of(&new.addresses, direction);
                    all.push(Changed {
                        subnet: subnet.name.clone(),
                        direction,
                        difference: diff(&old.levels, &new.levels, &within),
                        before: old.levels.clone(),
                        after: new.levels,
                    });
                }
            }
        }
    }
    all
}

/// All packets with a local end among `local`.
pub fn everything_of(local: &PrefixSet, direction: Direction) -> Cube {
    let (source, destination) = match direction {
        Direction::Inbound => (PrefixSet::any(), local.clone()),
        Direction::Outbound => (local.clone(), PrefixSet::any()),
    };
    Cube {
        protocols: ProtocolSet::ANY,
        source,
        source_ports: PortSet::any(),
        destination,
        destination_ports: PortSet::any(),
    }
}

/// A rule of which it is not known what it does may do any of `either`, with whatever comes.
fn unread_rules(unread: &UnreadRule, either: &[Access]) -> Vec<Rule> {
    let may = |access: &Access| unread.access.is_none_or(|its| its == access.decision());
    let unknown = Addresses {
        known: PrefixSet::empty(),
        unknown: vec!["a rule that could not be read".to_owned()],
    };
    either
        .iter()
        .copied()
        .filter(may)
        .map(|access| Rule {
            name: unread.name.clone(),
            priority: unread.priority.unwrap_or(0),
            access,
            protocols: ProtocolSet::ANY,
            source: unknown.clone(),
            source_ports: PortSet::any(),
            destination: unknown.clone(),
            destination_ports: PortSet::any(),
            is_default: false,
            doubt: None,
        })
        .collect()
}

/// Whether two resource IDs (or names) are the same: Azure does not tell case apart.
fn is_same(a: &str, b: &str) -> bool {
    !a.is_empty() && a.eq_ignore_ascii_case(b)
}
