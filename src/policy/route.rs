//! Which route a packet takes: the longest prefix that holds its destination, as Azure chooses.
//!
//! Of routes with one prefix the user's comes first, then a gateway's, then the system's; of a user's
//! the one with a prefix before those with service tags, and of these a region's before the whole
//! service's before those of all of Azure. A service endpoint's route comes before all others, whatever
//! their prefixes. (Microsoft: virtual network traffic routing, "how Azure selects a route".)

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::net::PrefixSet;

/// Where a route leads.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hop {
    /// The virtual network itself, and the platform's own addresses.
    Local,
    /// A peered virtual network.
    Peering,
    /// A service, by a service endpoint or a private endpoint.
    Endpoint,
    /// The internet; of Azure's own services its backbone.
    Internet,
    /// A gateway of the virtual network or of a peer: on-premises.
    Gateway,
    /// A virtual appliance, such as a firewall; its address, where it is said.
    Appliance(Option<IpAddr>),
    /// Nowhere: packets are dropped.
    Dropped,
    /// What could not be read, as written.
    Unknown(String),
}

impl Hop {
    /// Whether somebody else decides what becomes of a packet.
    pub fn is_elsewhere(&self) -> bool {
        matches!(self, Self::Gateway | Self::Appliance(_))
    }
}

impl std::fmt::Display for Hop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Local => f.write_str("VnetLocal"),
            Self::Peering => f.write_str("VNetPeering"),
            Self::Endpoint => f.write_str("VirtualNetworkServiceEndpoint"),
            Self::Internet => f.write_str("Internet"),
            Self::Gateway => f.write_str("VirtualNetworkGateway"),
            Self::Appliance(Some(address)) => write!(f, "VirtualAppliance {address}"),
            Self::Appliance(None) => f.write_str("VirtualAppliance"),
            Self::Dropped => f.write_str("None"),
            Self::Unknown(text) => write!(f, "{text:?}, which is not known"),
        }
    }
}

/// Which of several routes comes first: the least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rank {
    /// Before all, whatever the prefix: a service endpoint, the platform's addresses.
    Fixed,
    /// A user's, with a prefix.
    User,
    /// A user's, with the tag of a service in a region.
    RegionalTag,
    /// A user's, with the tag of a service.
    Tag,
    /// A user's, with the tag of all of Azure in a region.
    RegionalCloud,
    /// A user's, with the tag of all of Azure.
    Cloud,
    /// Of a gateway.
    Gateway,
    /// The system's own.
    System,
}

impl Rank {
    /// The rank of a user's route to a service tag.
    pub fn of_tag(tag: &str) -> Self {
        const CLOUD: &str = "AzureCloud";
        let (service, region) = tag.split_once('.').unwrap_or((tag, ""));
        match (service.eq_ignore_ascii_case(CLOUD), region.is_empty()) {
            (false, false) => Self::RegionalTag,
            (false, true) => Self::Tag,
            (true, false) => Self::RegionalCloud,
            (true, true) => Self::Cloud,
        }
    }

    /// Whether a user stated it.
    pub fn is_users(self) -> bool {
        (Self::User..=Self::Cloud).contains(&self)
    }
}

/// A route.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    /// Its name; empty of the system's.
    pub name: String,
    /// Name of its table; empty of the system's.
    pub table: String,
    /// Where to, as written: a prefix, a service tag, or what it stands for.
    pub destination: String,
    /// Its prefixes: one, or those of a tag.
    pub prefixes: Vec<IpNet>,
    /// Which of several comes first.
    pub rank: Rank,
    /// Where it leads.
    pub hop: Hop,
    /// File and JSON path that state it; empty of the system's.
    pub stated_at: (String, String),
}

impl Route {
    /// In words: `default (0.0.0.0/0) of rt-spoke`, `the system's route (10.0.0.0/8)`.
    pub fn words(&self) -> String {
        match (self.name.is_empty(), self.table.is_empty()) {
            (false, false) => format!(
                "route {} ({}) of {}",
                self.name, self.destination, self.table
            ),
            (false, true) => format!("route {} ({})", self.name, self.destination),
            (true, _) => format!("the system's route ({})", self.destination),
        }
    }
}

/// Addresses of which a route may exist that is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// The addresses that it may take.
    pub addresses: PrefixSet,
    /// Why, in words: `routes that a gateway learned are not given`.
    pub why: String,
}

/// The routes of a subnet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routes {
    all: Vec<Route>,
    /// Of each route the addresses for which it is chosen.
    chosen: Vec<PrefixSet>,
    doubts: Vec<Doubt>,
}

/// Addresses that take one route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part<'r> {
    /// The addresses.
    pub addresses: PrefixSet,
    /// Their route; `None` where no route holds them.
    pub route: Option<&'r Route>,
    /// Why another route may be chosen for them.
    pub doubts: Vec<&'r str>,
}

impl Part<'_> {
    /// Whether it is known that this is the route.
    pub fn is_sure(&self) -> bool {
        self.doubts.is_empty()
    }

    /// Where the addresses lead, where that is known.
    pub fn hop(&self) -> Option<&Hop> {
        self.route.map(|route| &route.hop)
    }
}

impl Routes {
    /// Routes in any order, and what is not known of others.
    pub fn new(mut routes: Vec<Route>, mut doubts: Vec<Doubt>) -> Self {
        routes.sort();
        routes.dedup();
        let chosen = chosen(&routes);
        doubts.extend(contested(&routes, &chosen));
        doubts.retain(|doubt| !doubt.addresses.is_empty());
        Self {
            all: routes,
            chosen,
            doubts,
        }
    }

    /// What is not known of further routes.
    pub fn doubts(&self) -> &[Doubt] {
        &self.doubts
    }

    /// The addresses of a set by the routes that they take, each address once: in the order of the
    /// routes, those without any last, sure ones before doubtful ones.
    pub fn parts(&self, within: &PrefixSet) -> Vec<Part<'_>> {
        let mut rest = within.clone();
        let mut parts = Vec::new();
        for (route, chosen) in self.all.iter().zip(&self.chosen) {
            let addresses = chosen.intersection(&rest);
            if !addresses.is_empty() {
                rest = rest.difference(&addresses);
                self.add(&mut parts, addresses, Some(route));
            }
        }
        if !rest.is_empty() {
            self.add(&mut parts, rest, None);
        }
        parts
    }

    /// The route of one address.
    pub fn of(&self, address: IpAddr) -> Part<'_> {
        let chosen = self.chosen.iter().position(|set| set.contains(address));
        let doubts = self.doubts.iter();
        let doubts = doubts.filter(|doubt| doubt.addresses.contains(address));
        Part {
            addresses: PrefixSet::new([address.into()]),
            route: chosen.map(|at| &self.all[at]),
            doubts: doubts.map(|doubt| doubt.why.as_str()).collect(),
        }
    }

    /// Cuts addresses of one route by what is doubtful of them.
    fn add<'r>(
        &'r self,
        parts: &mut Vec<Part<'r>>,
        addresses: PrefixSet,
        route: Option<&'r Route>,
    ) {
        let mut cut: Vec<(PrefixSet, Vec<&str>)> = vec![(addresses, Vec::new())];
        for doubt in &self.doubts {
            let mut next = Vec::with_capacity(cut.len());
            for (addresses, doubts) in cut {
                let doubtful = addresses.intersection(&doubt.addresses);
                let sure = addresses.difference(&doubt.addresses);
                if !doubtful.is_empty() {
                    let doubts = [&doubts[..], &[doubt.why.as_str()]].concat();
                    next.push((doubtful, doubts));
                }
                if !sure.is_empty() {
                    next.push((sure, doubts));
                }
            }
            cut = next;
        }
        cut.sort_by(|one, other| (one.1.len(), &one.1).cmp(&(other.1.len(), &other.1)));
        parts.extend(cut.into_iter().map(|(addresses, doubts)| Part {
            addresses,
            route,
            doubts,
        }));
    }
}

/// Of each route the addresses for which it is chosen: the best routes first, each takes what those
/// before it left.
fn chosen(routes: &[Route]) -> Vec<PrefixSet> {
    let mut by_length: BTreeMap<(bool, Reverse<u8>, Rank, usize), Vec<IpNet>> = BTreeMap::new();
    for (at, route) in routes.iter().enumerate() {
        let fixed = route.rank == Rank::Fixed;
        for prefix in &route.prefixes {
            let key = (!fixed, Reverse(prefix.prefix_len()), route.rank, at);
            by_length.entry(key).or_default().push(*prefix);
        }
    }
    let mut chosen = vec![PrefixSet::empty(); routes.len()];
    let mut taken = PrefixSet::empty();
    for ((_, _, _, at), prefixes) in by_length {
        let all = PrefixSet::new(prefixes);
        chosen[at] = chosen[at].union(&all.difference(&taken));
        taken = taken.union(&all);
    }
    chosen
}

/// What a tag may take of another route that leads elsewhere: of two prefixes of a tag that make up one,
/// the one is known and not the two, which are longer.
fn contested(routes: &[Route], chosen: &[PrefixSet]) -> Vec<Doubt> {
    let is_tag = |route: &&Route| route.rank.is_users() && route.rank != Rank::User;
    let mut doubts = Vec::new();
    for tag in routes.iter().filter(is_tag) {
        let all = PrefixSet::new(tag.prefixes.iter().copied());
        for (route, chosen) in routes.iter().zip(chosen) {
            let is_host = route
                .prefixes
                .iter()
                .all(|one| one.prefix_len() == one.max_prefix_len());
            let comes_first = is_tag(&route) && route.rank < tag.rank;
            if route.rank.is_users() && route.hop != tag.hop && !comes_first && !is_host {
                doubts.push(Doubt {
                    addresses: chosen.intersection(&all),
                    why: format!("a prefix of {} may be longer", tag.destination),
                });
            }
        }
    }
    doubts
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn route(name: &str, prefixes: &[&str], rank: Rank, hop: Hop) -> Route {
        Route {
            name: name.to_owned(),
            table: "rt".to_owned(),
            destination: prefixes.join(", "),
            prefixes: prefixes.iter().map(|text| text.parse().unwrap()).collect(),
            rank,
            hop,
            stated_at: Default::default(),
        }
    }

    fn names(routes: &Routes, address: &str) -> String {
        let part = routes.of(address.parse().unwrap());
        part.route
            .map_or_else(String::new, |route| route.name.clone())
    }

    #[test]
    fn the_longest_prefix_is_chosen_and_of_one_prefix_the_users() {
        let firewall = Hop::Appliance(Some("10.30.0.4".parse().unwrap()));
        let routes = Routes::new(
            vec![
                route("default", &["0.0.0.0/0"], Rank::User, firewall),
                route("internet", &["0.0.0.0/0"], Rank::System, Hop::Internet),
                route("own", &["10.20.0.0/16"], Rank::System, Hop::Local),
                route("private", &["10.0.0.0/8"], Rank::System, Hop::Dropped),
                route("learned", &["10.20.0.0/16"], Rank::Gateway, Hop::Gateway),
            ],
            Vec::new(),
        );
        assert_eq!(names(&routes, "13.71.0.5"), "default");
        assert_eq!(names(&routes, "10.20.0.5"), "learned");
        assert_eq!(names(&routes, "10.21.0.5"), "private");
        assert_eq!(names(&routes, "2001:db8::1"), "");
    }

    #[test]
    fn a_service_endpoint_comes_before_every_prefix_and_a_prefix_before_an_equal_tag() {
        let routes = Routes::new(
            vec![
                route("endpoint", &["20.60.0.0/16"], Rank::Fixed, Hop::Endpoint),
                route("host", &["20.60.0.7/32"], Rank::User, Hop::Dropped),
                route(
                    "tag",
                    &["20.70.0.0/16"],
                    Rank::of_tag("Storage"),
                    Hop::Internet,
                ),
                route(
                    "region",
                    &["20.70.0.0/16"],
                    Rank::of_tag("Storage.WestEurope"),
                    Hop::Internet,
                ),
                route("prefix", &["20.80.0.0/16"], Rank::User, Hop::Dropped),
                route(
                    "cloud",
                    &["20.80.0.0/16"],
                    Rank::of_tag("azurecloud"),
                    Hop::Internet,
                ),
            ],
            Vec::new(),
        );
        assert_eq!(names(&routes, "20.60.0.7"), "endpoint");
        assert_eq!(names(&routes, "20.70.0.1"), "region");
        assert_eq!(names(&routes, "20.80.0.1"), "prefix");
        assert!(Rank::of_tag("AzureCloud.westeurope") < Rank::of_tag("AzureCloud"));
        assert!(Rank::Cloud.is_users() && !Rank::Gateway.is_users() && !Rank::Fixed.is_users());
    }

    #[test]
    fn a_prefix_within_a_tag_that_leads_elsewhere_is_doubtful() {
        let tag = route("tag", &["20.70.0.0/16"], Rank::Tag, Hop::Internet);
        let within = route("within", &["20.70.4.0/24"], Rank::User, Hop::Dropped);
        let host = route("host", &["20.70.5.1/32"], Rank::User, Hop::Dropped);
        let around = route("around", &["0.0.0.0/0"], Rank::User, Hop::Dropped);
        let routes = Routes::new(vec![tag, within, host, around], Vec::new());
        let sure = |address: &str| routes.of(address.parse().unwrap()).is_sure();
        assert!(!sure("20.70.4.9"));
        assert!(sure("20.70.5.1") && sure("20.70.9.9") && sure("192.0.2.1"));
    }

    #[test]
    fn doubts_cut_parts_and_stay_with_them() {
        let doubt = Doubt {
            addresses: PrefixSet::parse(["0.0.0.0/1"]).unwrap(),
            why: "learned routes are not given".to_owned(),
        };
        let default = route("default", &["0.0.0.0/0"], Rank::User, Hop::Internet);
        let routes = Routes::new(vec![default], vec![doubt]);
        let parts = routes.parts(&PrefixSet::any());
        assert_eq!(parts.len(), 3);
        assert!(parts[0].is_sure() && !parts[1].is_sure());
        assert_eq!(
            parts[0].addresses,
            PrefixSet::parse(["128.0.0.0/1"]).unwrap()
        );
        assert!(parts[2].route.is_none());
    }

    fn prefix() -> impl Strategy<Value = IpNet> {
        let v4 = (0u32..64, 26u8..=32).prop_map(|(host, length)| {
            let address: IpAddr = std::net::Ipv4Addr::from(0x0a00_0000 + host).into();
            IpNet::new(address, length).unwrap().trunc()
        });
        let v6 = (0u128..8, 125u8..=128).prop_map(|(host, length)| {
            let address: IpAddr = std::net::Ipv6Addr::from((0xfd << 120) + host).into();
            IpNet::new(address, length).unwrap().trunc()
        });
        prop_oneof![3 => v4, 1 => v6]
    }

    fn rank() -> impl Strategy<Value = Rank> {
        prop::sample::select(vec![
            Rank::Fixed,
            Rank::User,
            Rank::RegionalTag,
            Rank::Tag,
            Rank::RegionalCloud,
            Rank::Cloud,
            Rank::Gateway,
            Rank::System,
        ])
    }

    /// The route of an address by looking at each prefix of each route.
    fn naive(routes: &[Route], address: IpAddr) -> Option<usize> {
        let fitting = routes.iter().enumerate().flat_map(|(at, route)| {
            let holding = route
                .prefixes
                .iter()
                .filter(move |prefix| prefix.contains(&address));
            holding.map(move |prefix| (route.rank, prefix.prefix_len(), at))
        });
        let best = fitting
            .min_by_key(|&(rank, length, at)| (rank != Rank::Fixed, Reverse(length), rank, at));
        best.map(|(_, _, at)| at)
    }

    proptest! {
        #[test]
        fn every_address_takes_the_route_of_a_naive_search(
            all in prop::collection::vec((prop::collection::vec(prefix(), 1..4), rank()), 0..12),
            within in prop::collection::vec(prefix(), 0..6),
        ) {
            let all = all.into_iter().enumerate().map(|(number, (prefixes, rank))| Route {
                prefixes,
                ..route(&number.to_string(), &[], rank, Hop::Internet)
            });
            let routes = Routes::new(all.collect(), Vec::new());
            let within = PrefixSet::new(within);
            let parts = routes.parts(&within);
            let hosts = (0..64u32).map(|host| IpAddr::from(std::net::Ipv4Addr::from(0x0a00_0000 + host)));
            let more = (0..8u128).map(|host| IpAddr::from(std::net::Ipv6Addr::from((0xfd << 120) + host)));
            for address in hosts.chain(more) {
                let expected = naive(&routes.all, address).map(|at| &routes.all[at]);
                prop_assert_eq!(routes.of(address).route, expected);
                let holding: Vec<_> =
                    parts.iter().filter(|part| part.addresses.contains(address)).collect();
                prop_assert_eq!(holding.len(), usize::from(within.contains(address)));
                prop_assert!(holding.iter().all(|part| part.route == expected));
            }
        }
    }
}
