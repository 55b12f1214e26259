//! By which routes required packets leave a subnet, and answers to those that came in.

use std::collections::BTreeMap;

use super::names;
use crate::environment::Environment;
use crate::net::{Direction, PrefixSet};
use crate::policy::network::routes::Routing;
use crate::policy::route::{Hop, Route, Routes};

/// What is known of the routes of a requirement's other end.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Routed {
    /// The addresses of the other end.
    pub remote: PrefixSet,
    /// Those addresses by their routes, where the subnet's routes are known.
    pub parts: Vec<RoutedPart>,
}

/// Addresses that take one route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoutedPart {
    /// The route.
    pub route: Route,
    /// The addresses.
    pub addresses: PrefixSet,
    /// Why another route may be chosen: empty where it is sure.
    pub doubts: Vec<String>,
}

impl Routed {
    /// Cuts addresses of the other end by the routes of a place. The same addresses at another place
    /// with the same routes are told once.
    pub(crate) fn new(routes: Option<&Routes>, remote: &PrefixSet) -> Self {
        let parts = routes.map_or_else(Vec::new, |routes| routes.parts(remote));
        let parts = parts.into_iter().filter_map(|part| {
            Some(RoutedPart {
                route: part.route?.clone(),
                addresses: part.addresses,
                doubts: part.doubts.into_iter().map(str::to_owned).collect(),
            })
        });
        Self {
            remote: remote.clone(),
            parts: parts.collect(),
        }
    }

    /// Adds what holds of other addresses, or at another place.
    pub(super) fn add(&mut self, other: Self) {
        self.remote = self.remote.union(&other.remote);
        let mut all: BTreeMap<(Route, Vec<String>), PrefixSet> = BTreeMap::new();
        for part in self.parts.drain(..).chain(other.parts) {
            let same = all.entry((part.route, part.doubts)).or_default();
            *same = same.union(&part.addresses);
        }
        let parts = all
            .into_iter()
            .map(|((route, doubts), addresses)| RoutedPart {
                route,
                addresses,
                doubts,
            });
        self.parts = parts.collect();
    }

    /// The parts that are dropped: by a route that a user wrote; by the system's for private space that
    /// is nowhere only where that is all there is of the other end.
    pub fn dropped(&self) -> impl Iterator<Item = &RoutedPart> {
        let nowhere = |part: &RoutedPart| part.route.hop == Hop::Dropped;
        let all = self.parts.iter().filter(|part| nowhere(part));
        let all = all.fold(PrefixSet::empty(), |all, part| all.union(&part.addresses));
        let is_all = !self.remote.is_empty() && all == self.remote;
        self.parts
            .iter()
            .filter(move |part| nowhere(part) && (part.route.rank.is_users() || is_all))
    }

    /// The parts of which a firewall, or what is behind a gateway, decides: of public addresses, and of
    /// others where that is all there is of the other end and an appliance stands there.
    pub(super) fn elsewhere(&self, public: &PrefixSet) -> impl Iterator<Item = RoutedPart> {
        let parts = self
            .parts
            .iter()
            .filter(|part| part.route.hop.is_elsewhere());
        parts.filter_map(|part| {
            let of_public = part.addresses.intersection(public);
            let is_all = part.addresses == self.remote;
            let by_appliance = matches!(part.route.hop, Hop::Appliance(_));
            let addresses = match of_public.is_empty() {
                false => of_public,
                true if is_all && by_appliance => part.addresses.clone(),
                true => return None,
            };
            Some(RoutedPart {
                addresses,
                ..part.clone()
            })
        })
    }
}

impl RoutedPart {
    /// Whether it is known that this is the route.
    pub(crate) fn is_sure(&self) -> bool {
        self.doubts.is_empty()
    }

    /// Why packets, or answers to them, do not arrive.
    pub(crate) fn why(&self, direction: Direction) -> String {
        let what = match direction {
            Direction::Outbound => "dropped",
            Direction::Inbound => "answers dropped",
        };
        let example = self.addresses.first();
        let example = example.map_or_else(String::new, |one| format!(": for example {one}"));
        format!("{what} by {}{}{example}", self.route.words(), self.unless())
    }

    /// ` (unless …)`, where the route is not sure.
    pub(super) fn unless(&self) -> String {
        if self.doubts.is_empty() {
            return String::new();
        }
        format!(" (not sure: {})", self.doubts.join("; "))
    }
}

/// Most subnets that a sentence lists.
const LISTED: usize = 5;

/// Of which audited subnets the routes are not known, and why: sentences.
pub(super) fn not_known(routing: &Routing, environment: &Environment) -> Vec<String> {
    let mut unknown: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut doubtful: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for subnet in environment.subnets.iter().filter(|subnet| subnet.audited) {
        let routes = subnet.prefixes.first().and_then(|first| routing.of(first));
        match routes {
            None => {
                let why = "no document gives the subnet".to_owned();
                unknown.entry(why).or_default().push(subnet.name.clone());
            }
            Some(Err(why)) => unknown
                .entry(why.to_owned())
                .or_default()
                .push(subnet.name.clone()),
            Some(Ok(routes)) => {
                let mut whys: Vec<_> = routes
                    .doubts()
                    .iter()
                    .map(|doubt| doubt.why.as_str())
                    .collect();
                whys.sort_unstable();
                whys.dedup();
                for why in whys {
                    doubtful.entry(why).or_default().push(subnet.name.clone());
                }
            }
        }
    }
    let unknown = unknown.into_iter().map(|(why, subnets)| {
        let subnets = names::first_few(&subnets, LISTED);
        format!("the routes of {subnets} are not known ({why}): what they drop or lead to a firewall is not judged")
    });
    let doubtful = doubtful.into_iter().map(|(why, subnets)| {
        let subnets = names::first_few(&subnets, LISTED);
        format!("the routes of {subnets} are not all known: {why}")
    });
    unknown.chain(doubtful).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::route::Rank;

    fn route(name: &str, prefix: &str, rank: Rank, hop: Hop) -> Route {
        Route {
            name: name.to_owned(),
            table: "rt".to_owned(),
            destination: prefix.to_owned(),
            prefixes: vec![prefix.parse().unwrap()],
            rank,
            hop,
            stated_at: Default::default(),
        }
    }

    fn set(texts: &[&str]) -> PrefixSet {
        PrefixSet::parse(texts.iter().copied()).unwrap()
    }

    #[test]
    fn private_space_that_is_nowhere_counts_only_where_it_is_all() {
        let routes = Routes::new(
            vec![
                route("", "10.0.0.0/8", Rank::System, Hop::Dropped),
                route("", "10.20.0.0/16", Rank::System, Hop::Local),
                route("drop", "10.99.0.0/16", Rank::User, Hop::Dropped),
            ],
            Vec::new(),
        );
        let dropped = |remote: &[&str]| {
            let routed = Routed::new(Some(&routes), &set(remote));
            let names = routed.dropped().map(|part| part.route.name.clone());
            names.collect::<Vec<_>>()
        };
        assert_eq!(dropped(&["10.20.0.0/16", "10.21.0.0/16"]), [""; 0]);
        assert_eq!(dropped(&["10.20.0.0/16", "10.99.0.0/16"]), ["drop"]);
        assert_eq!(dropped(&["10.21.0.0/16"]), [""]);
        assert_eq!(dropped(&["10.21.0.0/16", "10.99.0.0/16"]).len(), 2);
    }

    #[test]
    fn a_firewall_decides_of_public_addresses_and_of_private_ones_where_it_has_all() {
        let firewall = Hop::Appliance("10.30.0.4".parse().ok());
        let routes = Routes::new(
            vec![
                route("all", "0.0.0.0/0", Rank::User, firewall),
                route("on-premises", "192.168.0.0/16", Rank::User, Hop::Gateway),
                route("own", "10.0.0.0/8", Rank::System, Hop::Local),
            ],
            Vec::new(),
        );
        let public = set(&["13.0.0.0/8"]);
        let elsewhere = |remote: &[&str]| {
            let routed = Routed::new(Some(&routes), &set(remote));
            let parts = routed.elsewhere(&public);
            parts.map(|part| part.addresses).collect::<Vec<_>>()
        };
        assert_eq!(elsewhere(&["10.0.0.0/8", "172.31.0.0/16"]), []);
        assert_eq!(elsewhere(&["172.31.0.0/16"]), [set(&["172.31.0.0/16"])]);
        assert_eq!(elsewhere(&["192.168.0.0/16"]), []);
        assert_eq!(
            elsewhere(&["10.0.0.0/8", "13.1.0.0/16"]),
            [set(&["13.1.0.0/16"])]
        );
    }

    #[test]
    fn the_same_route_of_two_places_is_one_part() {
        let routes = Routes::new(
            vec![route("all", "0.0.0.0/0", Rank::User, Hop::Internet)],
            Vec::new(),
        );
        let mut routed = Routed::new(Some(&routes), &set(&["13.1.0.0/16"]));
        routed.add(Routed::new(Some(&routes), &set(&["13.0.0.0/16"])));
        assert_eq!(routed.parts.len(), 1);
        assert_eq!(routed.parts[0].addresses, set(&["13.0.0.0/15"]));
        assert_eq!(routed.remote, set(&["13.0.0.0/15"]));
    }
}
