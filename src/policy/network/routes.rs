//! Which routes the packets of a subnet take: documents -> routes.
//!
//! Where Azure's own listing of an interface's routes is given, those are the routes of its subnet. Else
//! they are put together: the user's table, service and private endpoints, peers, and what every subnet
//! has. What is not given stays a doubt, and never becomes a route.

use std::net::IpAddr;

use ipnet::IpNet;

use super::{Network, is_same};
use crate::environment::azure::{
    EffectiveRoutes, Interface, Network as Given, NetworkSubnet, NextHop, Route as Stated,
    RouteSource, RouteTable, ServiceEndpoint,
};
use crate::net::PrefixSet;
use crate::net::prefix::parse_prefix;
use crate::policy::route::{Doubt, Hop, Part, Rank, Route, Routes};
use crate::policy::rule::Probe;

/// The platform's addresses, which no route changes.
const PLATFORM: [&str; 2] = ["168.63.129.16", "169.254.169.254"];
/// Routes that every subnet has.
const DEFAULTS: [(&str, Hop); 6] = [
    ("0.0.0.0/0", Hop::Internet),
    ("::/0", Hop::Internet),
    ("10.0.0.0/8", Hop::Dropped),
    ("172.16.0.0/12", Hop::Dropped),
    ("192.168.0.0/16", Hop::Dropped),
    ("100.64.0.0/10", Hop::Dropped),
];
/// Service tags of the services that have service endpoints.
const ENDPOINTS: [(&str, &str); 11] = [
    ("Microsoft.Storage", "Storage"),
    ("Microsoft.Storage.Global", "Storage"),
    ("Microsoft.Sql", "Sql"),
    ("Microsoft.EventHub", "EventHub"),
    ("Microsoft.ServiceBus", "ServiceBus"),
    ("Microsoft.KeyVault", "AzureKeyVault"),
    ("Microsoft.AzureActiveDirectory", "AzureActiveDirectory"),
    ("Microsoft.AzureCosmosDB", "AzureCosmosDB"),
    ("Microsoft.Web", "AppService"),
    ("Microsoft.CognitiveServices", "CognitiveServicesManagement"),
    ("Microsoft.ContainerRegistry", "AzureContainerRegistry"),
];
/// Subnets in which something learns routes.
const LEARNING: [&str; 2] = ["GatewaySubnet", "RouteServerSubnet"];

/// The routes of all subnets that documents give.
#[derive(Debug)]
pub struct Routing {
    subnets: Vec<OfSubnet>,
}

/// A subnet with its routes; why they are not known, where they are not.
#[derive(Debug)]
struct OfSubnet {
    prefixes: PrefixSet,
    routes: Result<Routes, String>,
}

impl Routing {
    /// The routes of an address's subnet, or why they are not known; `None` where no document gives the
    /// subnet.
    pub fn of(&self, local: IpAddr) -> Option<Result<&Routes, &str>> {
        let mut subnets = self.subnets.iter();
        let subnet = subnets.find(|subnet| subnet.prefixes.contains(local))?;
        Some(subnet.routes.as_ref().map_err(String::as_str))
    }

    /// The route of an outgoing packet, or why it is not known; `None` where no document gives its
    /// subnet.
    pub fn to(&self, probe: &Probe) -> Option<Result<Part<'_>, &str>> {
        let routes = self.of(probe.source)?;
        Some(routes.map(|routes| routes.of(probe.destination)))
    }
}

impl Network<'_> {
    /// The routes of every subnet that is given.
    pub fn routing(&self) -> Routing {
        let networks = self.azure.networks.iter();
        let subnets = networks.flat_map(|network| {
            let subnets = network.subnets.iter();
            subnets.map(|subnet| OfSubnet {
                prefixes: subnet.prefixes.clone(),
                routes: self.routes(network, subnet),
            })
        });
        Routing {
            subnets: subnets.collect(),
        }
    }

    fn routes(&self, network: &Given, subnet: &NetworkSubnet) -> Result<Routes, String> {
        if let Some(listed) = self.listed(subnet) {
            return Ok(self.as_listed(listed));
        }
        if network.parts_only || !network.unknown.is_empty() {
            return Err(format!(
                "the address space of {} is not given",
                network.name
            ));
        }
        let table = self.table(subnet)?;
        let mut made = Made::default();
        made.routes.extend(defaults());
        for prefix in network.space.prefixes() {
            made.system(prefix.to_string(), vec![prefix], Rank::System, Hop::Local);
        }
        self.peers(network, &mut made);
        self.private_endpoints(&mut made);
        for endpoint in &subnet.service_endpoints {
            self.service_endpoint(endpoint, &mut made);
        }
        for stated in table.into_iter().flat_map(|table| &table.routes) {
            let of = table.map(|table| (table.name.as_str(), table.file.as_str()));
            self.stated(stated, of.unwrap_or_default(), None, &mut made);
        }
        self.learned(network, table, &mut made);
        Ok(made.routes())
    }

    /// The listing of the routes of an interface of a subnet.
    fn listed(&self, subnet: &NetworkSubnet) -> Option<&EffectiveRoutes> {
        let in_subnet = |interface: &&Interface| {
            let mut configurations = interface.configurations.iter();
            configurations.any(|one| {
                let address = one.address;
                is_same(&one.subnet, &subnet.id)
                    || address.is_some_and(|address| subnet.prefixes.contains(address))
            })
        };
        let interfaces = self.azure.interfaces.iter().filter(in_subnet);
        let mut listings = interfaces.flat_map(|interface| {
            let listings = self.azure.effective_routes.iter();
            listings.filter(|listing| self.is_of(listing, interface))
        });
        listings.next()
    }

    /// Whether a listing is of an interface: it says so, or its file has the name of that one alone.
    fn is_of(&self, listing: &EffectiveRoutes, interface: &Interface) -> bool {
        if !listing.interface.is_empty() {
            return is_same(&listing.interface, &interface.id);
        }
        let file = std::path::Path::new(&listing.file).file_stem();
        let named =
            |one: &&Interface| file.is_some_and(|stem| is_same(&stem.to_string_lossy(), &one.name));
        named(&interface) && self.azure.interfaces.iter().filter(named).count() == 1
    }

    fn as_listed(&self, listed: &EffectiveRoutes) -> Routes {
        let mut made = Made::default();
        for platform in PLATFORM.iter().filter_map(|text| parse_prefix(text)) {
            made.system(
                platform.to_string(),
                vec![platform],
                Rank::Fixed,
                Hop::Local,
            );
        }
        for one in &listed.routes {
            let rank = match (one.source, &one.route.next_hop) {
                (_, NextHop::Endpoint) if one.route.destination.prefixes != host(&one.route) => {
                    Rank::Fixed
                }
                (RouteSource::User, _) => Rank::User,
                (RouteSource::Gateway, _) => Rank::Gateway,
                (RouteSource::System, _) => Rank::System,
            };
            self.stated(&one.route, ("", &listed.file), Some(rank), &mut made);
        }
        if listed.unread > 0 {
            made.doubt(
                &PrefixSet::any(),
                "routes of the listing could not be read".to_owned(),
            );
        }
        made.routes()
    }

    /// The route table of a subnet; none where it has none.
    fn table(&self, subnet: &NetworkSubnet) -> Result<Option<&RouteTable>, String> {
        let tables = || self.azure.route_tables.iter();
        let Some(id) = subnet.route_table.as_deref() else {
            let mut attached = tables();
            return Ok(
                attached.find(|table| table.subnets.iter().any(|of| is_same(of, &subnet.id)))
            );
        };
        let mut of_id = tables().filter(|table| is_same(&table.id, id));
        match of_id.next() {
            Some(table) if !table.routes_only => Ok(Some(table)),
            _ => {
                let name = id.rsplit('/').next().unwrap_or(id);
                Err(format!("its route table {name} is not given"))
            }
        }
    }

    /// Routes to peers, by the documents and as the environment states them.
    fn peers(&self, network: &Given, made: &mut Made) {
        for peering in network.peerings.iter().filter(|peering| peering.connected) {
            let mut others = self.azure.networks.iter();
            let given = others.find(|other| is_same(&other.id, &peering.remote));
            let space = match given {
                Some(given) if peering.space.is_empty() => &given.space,
                _ => &peering.space,
            };
            if space.is_empty() {
                let why = format!(
                    "the address space behind peering {} is not given",
                    peering.name
                );
                made.doubt(&PrefixSet::any(), why);
            }
            for prefix in space.prefixes() {
                made.system(prefix.to_string(), vec![prefix], Rank::System, Hop::Peering);
            }
        }
        for prefix in self.environment.peered.prefixes() {
            made.system(prefix.to_string(), vec![prefix], Rank::System, Hop::Peering);
        }
    }

    /// A private endpoint's address has a route of its own, unless its subnet lets the user's routes
    /// apply.
    fn private_endpoints(&self, made: &mut Made) {
        for interface in &self.azure.interfaces {
            if interface.private_endpoint.is_none() {
                continue;
            }
            for address in interface
                .configurations
                .iter()
                .filter_map(|one| one.address)
            {
                let mut subnets = self.subnets();
                let subnet = subnets.find(|subnet| subnet.prefixes.contains(address));
                let policies = subnet.map_or("", |subnet| &subnet.private_endpoint_policies);
                let routed = ["Enabled", "RouteTableEnabled"];
                if !routed
                    .iter()
                    .any(|word| word.eq_ignore_ascii_case(policies))
                {
                    let destination = format!("private endpoint {}", interface.name);
                    made.system(
                        destination,
                        vec![address.into()],
                        Rank::System,
                        Hop::Endpoint,
                    );
                }
            }
        }
    }

    fn service_endpoint(&self, endpoint: &ServiceEndpoint, made: &mut Made) {
        let service = &endpoint.service;
        let known = ENDPOINTS.iter().find(|(name, _)| is_same(name, service));
        let Some((_, tag)) = known else {
            let why = format!("what addresses {service} has, is not known");
            return made.doubt(&public(), why);
        };
        let networks = |tag: &str| self.tags.editions.get(self.edition)?.networks(tag);
        let everywhere = endpoint.locations.iter().any(|one| one == "*");
        let tags: Vec<String> = if everywhere {
            vec![(*tag).to_owned()]
        } else {
            let regions = endpoint.locations.iter();
            regions
                .map(|region| format!("{tag}.{}", region.replace(' ', "")))
                .collect()
        };
        let mut unknown = tags.is_empty();
        for tag in tags {
            match networks(&tag) {
                Some(prefixes) => {
                    made.system(
                        format!("{service}: {tag}"),
                        prefixes,
                        Rank::Fixed,
                        Hop::Endpoint,
                    );
                }
                None => unknown = true,
            }
        }
        if unknown {
            let all = networks(tag).map_or_else(public, PrefixSet::new);
            made.doubt(
                &all,
                format!("what addresses the endpoint of {service} has, is not known"),
            );
        }
    }

    /// A route that a document states.
    fn stated(&self, stated: &Stated, of: (&str, &str), rank: Option<Rank>, made: &mut Made) {
        let (table, file) = of;
        let side = &stated.destination;
        let hop = hop(stated);
        let mut add = |destination: String, prefixes: Vec<IpNet>, its: Rank| {
            made.routes.push(Route {
                name: stated.name.clone(),
                table: table.to_owned(),
                destination,
                prefixes,
                rank: rank.unwrap_or(its),
                hop: hop.clone(),
                stated_at: (file.to_owned(), stated.path.clone()),
            });
        };
        let prefixes = if side.any {
            PrefixSet::any()
        } else {
            side.prefixes.clone()
        };
        for prefix in prefixes.prefixes() {
            add(prefix.to_string(), vec![prefix], Rank::User);
        }
        let mut unknown = side.unknown.clone();
        for tag in &side.tags {
            let edition = self.tags.editions.get(self.edition);
            match edition.and_then(|edition| edition.networks(tag)) {
                Some(prefixes) => add(tag.clone(), prefixes, Rank::of_tag(tag)),
                None => unknown.push(tag.clone()),
            }
        }
        for what in unknown {
            let name = &stated.name;
            let why =
                format!("the addresses of {what}, to which route {name} leads, are not known");
            made.doubt(&PrefixSet::any(), why);
        }
    }

    /// What a gateway may have learned: it comes after the user's routes of the same prefix, and before
    /// them where its prefix is longer. It never takes the network's own, peers' and endpoints' addresses.
    fn learned(&self, network: &Given, table: Option<&RouteTable>, made: &mut Made) {
        if table.is_some_and(|table| table.without_learned == Some(true)) {
            return;
        }
        for prefix in self.environment.on_premises.prefixes() {
            made.system(
                format!("{prefix}, on-premises"),
                vec![prefix],
                Rank::Gateway,
                Hop::Gateway,
            );
        }
        let learns =
            |subnet: &NetworkSubnet| LEARNING.iter().any(|name| is_same(name, &subnet.name));
        let by_peer = network
            .peerings
            .iter()
            .any(|peering| peering.remote_gateway);
        if !by_peer && !network.subnets.iter().any(learns) {
            return;
        }
        let preferred = made.routes.iter().filter(|route| {
            let host = route
                .prefixes
                .iter()
                .all(|one| one.prefix_len() == one.max_prefix_len());
            let users_host = route.rank == Rank::User && host;
            matches!(route.hop, Hop::Local | Hop::Peering | Hop::Endpoint) && !route.rank.is_users()
                || users_host
        });
        let preferred = preferred.flat_map(|route| route.prefixes.iter().copied());
        let rest = PrefixSet::new(preferred).complement();
        made.doubt(
            &rest,
            "routes that a gateway learned are not given".to_owned(),
        );
    }
}

/// Routes that are being put together.
#[derive(Default)]
struct Made {
    routes: Vec<Route>,
    doubts: Vec<Doubt>,
}

impl Made {
    fn system(&mut self, destination: String, prefixes: Vec<IpNet>, rank: Rank, hop: Hop) {
        self.routes.push(Route {
            name: String::new(),
            table: String::new(),
            destination,
            prefixes,
            rank,
            hop,
            stated_at: Default::default(),
        });
    }

    fn doubt(&mut self, addresses: &PrefixSet, why: String) {
        let platform = PrefixSet::new(PLATFORM.iter().filter_map(|text| parse_prefix(text)));
        self.doubts.push(Doubt {
            addresses: addresses.difference(&platform),
            why,
        });
    }

    fn routes(self) -> Routes {
        Routes::new(self.routes, self.doubts)
    }
}

/// What every subnet has.
fn defaults() -> Vec<Route> {
    let mut made = Made::default();
    for text in PLATFORM {
        made.system(
            text.to_owned(),
            parse_prefix(text).into_iter().collect(),
            Rank::Fixed,
            Hop::Local,
        );
    }
    for (text, hop) in DEFAULTS {
        made.system(
            text.to_owned(),
            parse_prefix(text).into_iter().collect(),
            Rank::System,
            hop,
        );
    }
    made.routes
}

/// The one address of a route to a single host, else nothing.
fn host(route: &Stated) -> PrefixSet {
    let prefixes = route.destination.prefixes.prefixes();
    let hosts = prefixes
        .into_iter()
        .filter(|one| one.prefix_len() == one.max_prefix_len());
    PrefixSet::new(hosts)
}

fn hop(stated: &Stated) -> Hop {
    match &stated.next_hop {
        NextHop::Gateway => Hop::Gateway,
        NextHop::Local => Hop::Local,
        NextHop::Peering => Hop::Peering,
        NextHop::Endpoint => Hop::Endpoint,
        NextHop::Internet => Hop::Internet,
        NextHop::Appliance => Hop::Appliance(stated.next_hop_address),
        NextHop::None => Hop::Dropped,
        NextHop::Unknown(text) => Hop::Unknown(text.clone()),
    }
}

/// All addresses that no private network has.
fn public() -> PrefixSet {
    let private = DEFAULTS.iter().filter(|(_, hop)| *hop == Hop::Dropped);
    PrefixSet::new(private.filter_map(|(text, _)| parse_prefix(text))).complement()
}

#[cfg(test)]
mod tests;
