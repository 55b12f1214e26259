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
mod endpoints;
pub mod routes;

/// The rules of a network.
#[derive(Debug, Clone)]
pub struct Network<'a> {
    azure: &'a Azure,
    environment: &'a Environment,
    tags: &'a ServiceTags,
    edition: usize,
    /// Members of application security groups, by their IDs in lower case.
    groups: BTreeMap<String, PrefixSet>,
    /// What the tags of the rules hold, by their names in lower case; `None` of those not known.
    resolved: BTreeMap<String, Option<PrefixSet>>,
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
        let mut network = Self {
            resolved: BTreeMap::new(),
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
        };
        // Rules name the same tags again and again.
        network.resolved = network.used_tags();
        network
    }

    /// The tags of all rules, resolved.
    fn used_tags(&self) -> BTreeMap<String, Option<PrefixSet>> {
        let listed = self.azure.effective.iter().map(|effective| &effective.nsg);
        let rules = self.azure.nsgs.iter().chain(listed);
        let rules = rules.flat_map(|nsg| &nsg.rules);
        let sides = rules.flat_map(|rule| [&rule.source, &rule.destination]);
        let admin = self.azure.admin_rules.iter();
        let admin = admin.flat_map(|rule| [&rule.source, &rule.destination]);
        let mut resolved = BTreeMap::new();
        for tag in sides.chain(admin).flat_map(|side| &side.tags) {
            resolved
                .entry(tag.to_lowercase())
                .or_insert_with(|| self.resolve(tag));
        }
        resolved
    }

    /// The documents that state the rules.
    pub fn documents(&self) -> &'a Azure {
        self.azure
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
            let subnet = self
                .subnets()
                .find(|subnet| subnet.prefixes.contains(local));
            levels.insert(0, endpoints::lets_by(admin, self.endpoint(local, subnet)));
        }
        levels
    }

    /// The addresses of `within` by the levels on their way: interfaces with an NSG of their own and
    /// private endpoints apart from the rest of each subnet.
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
                if self.has_level(interface) || interface.private_endpoint.is_some() {
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

    /// Whether the documents give the subnet of an address: then they say whether an NSG stands before
    /// it.
    pub fn gives_subnet_of(&self, local: IpAddr) -> bool {
        self.subnets().any(|subnet| subnet.prefixes.contains(local))
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
            directions.map(|direction| self.compiled(LevelKind::Subnet, nsg, None, direction))
        });
        admin.into_iter().flatten().chain(nsgs).collect()
    }

    /// What a term of a contract means: as in a rule, where a rule can have it.
    pub(crate) fn meaning(&self, term: &AddressTerm) -> Addresses {
        let in_rules = matches!(
            term,
            AddressTerm::VirtualNetwork
                | AddressTerm::Internet
                | AddressTerm::AzureLoadBalancer
                | AddressTerm::ServiceTag(_)
        );
        if in_rules {
            return self.addresses(&Side {
                tags: vec![term.to_string()],
                ..Side::default()
            });
        }
        match addresses_of(term, self.environment, false, self.tags, self.edition) {
            Some(known) => Addresses {
                known,
                unknown: Vec::new(),
            },
            None => Addresses {
                known: PrefixSet::empty(),
                unknown: vec![term.to_string()],
            },
        }
    }

    /// A subnet by its name, or by `network/name`, without case; of several of that name all
    /// addresses. Those of the environment come first.
    pub(super) fn subnet_named(&self, name: &str) -> Option<PrefixSet> {
        let stated = self.environment.subnets.iter();
        let stated = stated
            .filter(|subnet| subnet.name.eq_ignore_ascii_case(name))
            .map(|subnet| &subnet.prefixes);
        let networks = self.azure.networks.iter();
        let given = networks.flat_map(|network| {
            let whole = format!("{}/", network.name);
            let rest = name
                .get(..whole.len())
                .filter(|lead| lead.eq_ignore_ascii_case(&whole))
                .map_or(name, |lead| &name[lead.len()..]);
            let named = |subnet: &&crate::environment::azure::NetworkSubnet| {
                subnet.name.eq_ignore_ascii_case(rest)
            };
            network.subnets.iter().filter(named)
        });
        let union = |all: Option<PrefixSet>, set: &PrefixSet| {
            Some(all.map_or_else(|| set.clone(), |all| all.union(set)))
        };
        let found = stated.fold(None, union);
        found.or_else(|| given.map(|subnet| &subnet.prefixes).fold(None, union))
    }

    /// The addresses that hosts can have: those of all subnets and interfaces that are given.
    pub(crate) fn hosts(&self) -> PrefixSet {
        let interfaces = self.azure.interfaces.iter();
        let addresses = interfaces
            .flat_map(|interface| &interface.configurations)
            .filter_map(|one| one.address);
        let own = PrefixSet::new(addresses.map(Into::into));
        self.subnets()
            .fold(own, |all, subnet| all.union(&subnet.prefixes))
    }

    /// The address space of all networks that are given.
    pub(super) fn space(&self) -> PrefixSet {
        let networks = self.azure.networks.iter();
        networks.fold(PrefixSet::empty(), |all, network| all.union(&network.space))
    }

    fn subnets(&self) -> impl Iterator<Item = &crate::environment::azure::NetworkSubnet> {
        self.azure
            .networks
            .iter()
            .flat_map(|network| &network.subnets)
    }

    fn subnet_level(&self, local: IpAddr, direction: Direction) -> Option<Level> {
        let given = self
            .subnets()
            .find(|subnet| subnet.prefixes.contains(local));
        if let Some(subnet) = given {
            let named = subnet.nsg.as_deref();
            let attached = |nsg: &Nsg| nsg.subnets.iter().any(|id| is_same(id, &subnet.id));
            let level = self.level(LevelKind::Subnet, named, attached, direction);
            let exempt = self.exempt(local, Some(subnet));
            return level.map(|level| endpoints::lets_by(level, exempt));
        }
        // Where no document gives the subnet, groups that say where they are attached still name it.
        let mut stated = self.environment.subnets.iter();
        let subnet = stated.find(|subnet| subnet.prefixes.contains(local))?;
        let attached = |nsg: &Nsg| {
            let mut ids = nsg.subnets.iter();
            ids.any(|id| is_same(id.rsplit('/').next().unwrap_or(id), &subnet.name))
        };
        let level = self.level(LevelKind::Subnet, None, attached, direction);
        let exempt = self.exempt(local, None);
        level.map(|level| endpoints::lets_by(level, exempt))
    }

    fn interface_level(&self, local: IpAddr, direction: Direction) -> Option<Level> {
        let holds = |nic: &&crate::environment::azure::Interface| {
            nic.configurations
                .iter()
                .any(|one| one.address == Some(local))
        };
        let interface = self.azure.interfaces.iter().find(holds)?;
        let named = interface.nsg.as_deref();
        let attached = |nsg: &Nsg| nsg.interfaces.iter().any(|id| is_same(id, &interface.id));
        self.level(LevelKind::Interface, named, attached, direction)
    }

    /// Whether an interface has a level of its own.
    fn has_level(&self, interface: &crate::environment::azure::Interface) -> bool {
        let listed = self.azure.effective.iter().map(|one| &one.nsg);
        let mut nsgs = self.azure.nsgs.iter().chain(listed);
        let attached = |nsg: &Nsg| nsg.interfaces.iter().any(|id| is_same(id, &interface.id));
        interface.nsg.is_some() || nsgs.any(attached)
    }

    /// The level of the NSG that is named, or that says itself where it is attached; else of the
    /// effective rules that are listed for it. One that is named and not there is a level of which
    /// nothing is known.
    fn level(
        &self,
        kind: LevelKind,
        named: Option<&str>,
        attached: impl Fn(&Nsg) -> bool,
        direction: Direction,
    ) -> Option<Level> {
        let nsgs = || self.azure.nsgs.iter();
        let found = named.and_then(|id| nsgs().find(|nsg| is_same(&nsg.id, id)));
        let found = found.or_else(|| nsgs().find(|&nsg| attached(nsg)));
        let mut listed = self.azure.effective.iter().map(|one| &one.nsg);
        // A listing of another group was printed before the group was exchanged, or after.
        let expected = found.map(|nsg| nsg.id.as_str()).or(named);
        let listed =
            listed.find(|&nsg| attached(nsg) && expected.is_none_or(|id| is_same(id, &nsg.id)));
        match (found.or(listed), named) {
            (Some(nsg), _) => {
                let mut level = self.compiled(kind, nsg, listed, direction);
                tell_ties(&mut level.rules);
                Some(level)
            }
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

    /// The rules of a group; `listed` are the effective ones of the same place, if given: how Azure
    /// resolved a tag there is what holds.
    fn compiled(
        &self,
        kind: LevelKind,
        nsg: &Nsg,
        listed: Option<&Nsg>,
        direction: Direction,
    ) -> Level {
        let of_direction = |rule: &&SecurityRule| rule.direction == direction;
        let same = |rule: &SecurityRule| {
            let mut listed = listed?.rules.iter().filter(of_direction);
            listed.find(|other| is_same(&other.name, &rule.name) && other.priority == rule.priority)
        };
        let rules = nsg.rules.iter().filter(of_direction);
        let mut rules: Vec<_> = rules.map(|rule| self.rule(rule, same(rule))).collect();
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

    fn rule(&self, rule: &SecurityRule, listed: Option<&SecurityRule>) -> Rule {
        let side = |side: &Side, listed: Option<&Side>| match listed {
            Some(listed) if listed.expanded && side.has_tags_of(listed) => self.addresses(&Side {
                prefixes: side.prefixes.union(&listed.prefixes),
                expanded: true,
                ..side.clone()
            }),
            _ => self.addresses(side),
        };
        Rule {
            name: rule.name.clone(),
            priority: rule.priority,
            access: rule.access.into(),
            protocols: rule.protocols,
            source: side(&rule.source, listed.map(|listed| &listed.source)),
            source_ports: rule.source.ports.clone(),
            destination: side(&rule.destination, listed.map(|listed| &listed.destination)),
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
                Some(set) if known.is_empty() => known = set,
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

    /// What a tag holds; `None` where that is not known.
    fn tag(&self, tag: &str) -> Option<PrefixSet> {
        let known = self.resolved.get(&tag.to_lowercase());
        known.cloned().unwrap_or_else(|| self.resolve(tag))
    }

    fn resolve(&self, tag: &str) -> Option<PrefixSet> {
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
    /// The addresses.
    pub addresses: PrefixSet,
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
                        addresses: new.addresses,
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

/// Rules of one priority that do different things may come in any order. Doubtful copies before them
/// leave open what several of them match, and nothing else.
fn tell_ties(rules: &mut Vec<Rule>) {
    let mut told = Vec::with_capacity(rules.len());
    for tied in rules.chunk_by(|one, other| one.priority == other.priority) {
        if tied.iter().any(|rule| rule.access != tied[0].access) {
            let doubt = format!(
                "which of the rules of priority {} comes first",
                tied[0].priority
            );
            told.extend(tied.iter().cloned().map(|rule| Rule {
                doubt: Some(doubt.clone()),
                ..rule
            }));
        }
        told.extend_from_slice(tied);
    }
    *rules = told;
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
