//! NSG305 to NSG307: by which routes required traffic leaves, beside the rules that allow it.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalogue::AddressTerm;
use crate::classify::addresses_of;
use crate::net::{Direction, PrefixSet};
use crate::policy::route::{Hop, Route};

use super::super::configured::Configured;
use super::super::matching::known_lists;
use super::super::model::{Finding, RuleLocation, Severity};
use super::super::names;
use super::super::requirements::Bound;
use super::super::routed::RoutedPart;
use super::{Findings, finding};

/// Most purposes, subnets and tags that a sentence lists.
const LISTED: usize = 5;

/// What takes one route.
#[derive(Default)]
struct Taken {
    purposes: BTreeSet<String>,
    rows: BTreeSet<String>,
    subnets: BTreeSet<String>,
    /// Service tags of the other ends.
    tags: BTreeSet<String>,
    addresses: PrefixSet,
    /// Whether some of it surely takes the route.
    sure: bool,
    /// Why another may be chosen for the rest.
    doubts: BTreeSet<String>,
}

impl Taken {
    fn add(&mut self, bound: &Bound<'_>, configured: &Configured, part: &RoutedPart) {
        let whole = part.addresses == configured.routed.remote;
        self.purposes.insert(format!(
            "{} ({} {}{})",
            configured.purpose,
            configured.direction,
            configured.ports,
            if whole { "" } else { ", in part" }
        ));
        self.rows.insert(configured.row.clone());
        self.subnets.insert(configured.subnet.clone());
        let known = known_lists(bound);
        let known = known.iter().flat_map(|known| &known.peers);
        self.tags.extend(
            bound
                .remote()
                .iter()
                .chain(known)
                .filter_map(|term| match term {
                    AddressTerm::ServiceTag(tag) => Some(tag.clone()),
                    _ => None,
                }),
        );
        self.addresses = self.addresses.union(&part.addresses);
        self.sure |= part.is_sure();
        self.doubts.extend(part.doubts.iter().cloned());
    }
}

impl Findings<'_> {
    /// What routes do with required traffic that rules may well allow.
    pub(super) fn routes(&self, findings: &mut Vec<Finding>) {
        let mut dropped: BTreeMap<Route, Taken> = BTreeMap::new();
        let mut elsewhere: BTreeMap<(Route, Direction), Taken> = BTreeMap::new();
        let newest = self.tags.editions.len().saturating_sub(1);
        let environment = self.matcher.environment;
        let public = addresses_of(
            &AddressTerm::Internet,
            environment,
            false,
            self.tags,
            newest,
        );
        let public = public.unwrap_or_default();
        for (bound, configured) in self.requirements.bound.iter().zip(self.configured) {
            let Some(configured) = configured.as_ref().filter(|of| !of.advice) else {
                continue;
            };
            for part in configured.routed.dropped() {
                dropped
                    .entry(part.route.clone())
                    .or_default()
                    .add(bound, configured, part);
            }
            for part in configured.routed.elsewhere(&public) {
                let key = (part.route.clone(), configured.direction);
                elsewhere
                    .entry(key)
                    .or_default()
                    .add(bound, configured, &part);
            }
        }
        findings.extend(dropped.iter().map(|(route, taken)| drops(route, taken)));
        findings.extend(
            elsewhere
                .iter()
                .map(|((route, direction), taken)| match direction {
                    Direction::Outbound => leaves(route, taken),
                    Direction::Inbound => returns(route, taken),
                }),
        );
    }
}

fn drops(route: &Route, taken: &Taken) -> Finding {
    let what = format!("{} drops required traffic", capital(&route.words()));
    let advice = "Take the route back, or give what is required a longer prefix with another next \
                  hop: no rule of an NSG brings back what a route drops.";
    of_route("NSG305", route, taken, &what, advice)
}

fn leaves(route: &Route, taken: &Taken) -> Finding {
    let what = format!(
        "{} leads required traffic to {}, which decides of it",
        capital(&route.words()),
        where_to(&route.hop)
    );
    let advice = format!(
        "What the NSGs allow is only allowed as far as there: see that it lets this through, without \
         breaking TLS open. {} Service endpoints lead past it too.",
        past(taken)
    );
    of_route("NSG306", route, taken, &what, &advice)
}

fn returns(route: &Route, taken: &Taken) -> Finding {
    let what = format!(
        "Answers to required inbound traffic leave by {} ({}), not the way it came",
        where_to(&route.hop),
        route.words()
    );
    let advice = format!(
        "A firewall drops answers to what it never saw, and another source address ends the \
         connection. {}",
        past(taken)
    );
    of_route("NSG307", route, taken, &what, &advice)
}

/// Routes that lead past what stands there.
fn past(taken: &Taken) -> String {
    let tags: Vec<_> = taken.tags.iter().cloned().collect();
    if tags.is_empty() {
        return "To lead past it, give the table routes to the other ends with next hop Internet."
            .to_owned();
    }
    format!(
        "To lead past it, give the table a route with next hop Internet to each of {}: a service tag \
         may stand as address prefix.",
        names::first_few(&tags, tags.len())
    )
}

fn where_to(hop: &Hop) -> String {
    match hop {
        Hop::Appliance(Some(address)) => format!("the appliance {address}"),
        Hop::Appliance(None) => "an appliance".to_owned(),
        _ => "the gateway".to_owned(),
    }
}

fn capital(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

fn of_route(code: &'static str, route: &Route, taken: &Taken, what: &str, advice: &str) -> Finding {
    let subnets: Vec<_> = taken.subnets.iter().cloned().collect();
    let purposes: Vec<_> = taken.purposes.iter().cloned().collect();
    let title = format!("{what}: {}", names::first_few(&subnets, LISTED));
    let mut details = vec![format!(
        "{}: {}.",
        names::count(purposes.len() as u64, "required purpose"),
        names::first_few(&purposes, LISTED)
    )];
    let prefixes: Vec<_> = taken
        .addresses
        .prefixes()
        .iter()
        .map(ToString::to_string)
        .collect();
    details.push(format!(
        "Next hop {}, for {}.",
        route.hop,
        names::first_few(&prefixes, LISTED)
    ));
    if !taken.doubts.is_empty() {
        let doubts: Vec<_> = taken.doubts.iter().cloned().collect();
        details.push(format!(
            "Not sure{}: {}. `az network nic show-effective-route-table` tells.",
            if taken.sure { " of all" } else { "" },
            doubts.join("; ")
        ));
    }
    details.push(advice.to_owned());
    let (file, path) = route.stated_at.clone();
    let stated = RuleLocation {
        nsg: route.table.clone(),
        rule: route.name.clone(),
        file,
        path,
    };
    let identity = [&*route.table, &*route.name, &*route.destination];
    let usual = finding(code, &identity, title);
    Finding {
        severity: if taken.sure {
            usual.severity
        } else {
            usual.severity.min(Severity::Medium)
        },
        details,
        subnet: <[String; 1]>::try_from(subnets).ok().map(|[only]| only),
        rows: taken.rows.iter().cloned().collect(),
        rules: if stated.rule.is_empty() {
            Vec::new()
        } else {
            vec![stated]
        },
        ..usual
    }
}
