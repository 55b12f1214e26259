//! NSG201 to NSG204: traffic that is allowed and that nothing requires, or that cannot be told.

use std::collections::{BTreeMap, BTreeSet};

use crate::classify::Scope;
use crate::net::rule_name::is_platform;
use crate::net::{Direction, Protocol};
use crate::tally::{Group, Port};

use super::super::matching::known_lists;
use super::super::model::{Finding, Severity, TrafficClass};
use super::super::names;
use super::super::observe::count;
use super::super::traffic::{End, Judged};
use super::ports::sensitive;
use super::{Findings, finding};

/// Most rules, rows and places that a sentence lists.
const LISTED: usize = 5;
/// Ports open to one place from which they are one opening, not one each: no service needs so many
/// rules, and a scan through an open NSG would bury every other finding.
const MANY_PORTS: usize = 64;

/// What one finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Opening {
    subnet: u16,
    direction: Direction,
    remote: Scope,
    protocol: Protocol,
    port: Port,
}

impl Findings<'_> {
    /// What is open without need, and what cannot be told.
    pub(super) fn open(&self, findings: &mut Vec<Finding>) {
        let mut openings = Openings::new();
        let mut undetermined: BTreeMap<(u16, Direction, Vec<usize>), Vec<&Judged<'_>>> =
            BTreeMap::new();
        for judged in self.judged {
            let Some(end) = judged.end else { continue };
            match judged.class {
                TrafficClass::OpenUnneeded => {
                    let opening = self.opening(judged, end);
                    openings.entry(opening).or_default().push(judged);
                }
                TrafficClass::Undetermined => {
                    let rows = undecided_rows(judged);
                    let key = (end.subnet, end.direction, rows);
                    undetermined.entry(key).or_default().push(judged);
                }
                _ => {}
            }
        }
        let openings = fold_many_ports(openings);
        findings.extend(
            openings
                .iter()
                .map(|(&key, judged)| self.opened(key, judged)),
        );
        findings.extend(
            undetermined
                .iter()
                .map(|((subnet, direction, rows), judged)| {
                    self.undetermined(*subnet, *direction, rows, judged)
                }),
        );
    }

    fn opening(&self, judged: &Judged<'_>, end: End) -> Opening {
        Opening {
            subnet: end.subnet,
            direction: end.direction,
            remote: self.matcher.classes.class(judged.remote()).scope,
            protocol: judged.group.protocol,
            port: judged.group.port,
        }
    }

    fn subnet(&self, index: u16) -> String {
        names::place(Scope::Subnet(index), self.matcher.environment)
    }

    fn opened(&self, opening: Opening, judged: &[&Judged<'_>]) -> Finding {
        let code = code(opening);
        let groups: Vec<_> = judged.iter().map(|judged| judged.group).collect();
        let subnet = self.subnet(opening.subnet);
        let remote = names::place(opening.remote, self.matcher.environment);
        let port = names::port(opening.port);
        let protocol = opening.protocol.to_string();
        let direction = opening.direction.to_string();
        let service = service(opening).map_or_else(String::new, |name| format!(" ({name})"));
        let what = match opening.direction {
            Direction::Inbound => format!("{remote} reaches {subnet}"),
            Direction::Outbound => format!("{subnet} reaches {remote}"),
        };
        let place = names::place_identity(opening.remote, self.matcher.environment);
        let identity = [&subnet, direction.as_str(), &place, &protocol, &port];
        let title = format!("{what} on {protocol} {port}{service}, and nothing requires it");
        let beyond = self.beyond(judged);
        let evidence = self.presenter.observed(&groups);
        let platform = self.only_the_platform(&groups);
        let mut details = vec![format!(
            "{} allowed {}.",
            names::count(evidence.flows, "flow"),
            names::by(&evidence.rules)
        )];
        details.extend(folded_ports(opening, judged));
        details.extend(beyond.iter().map(|(_, sentence)| sentence.clone()));
        details.extend(caveats(code, platform));
        Finding {
            severity: severity(opening, code, platform),
            details,
            subnet: Some(subnet.clone()),
            rows: beyond.into_iter().map(|(row, _)| row).collect(),
            evidence: Some(evidence),
            ..finding(code, &identity, title)
        }
    }

    /// Rows that would hold the traffic as written, and whom they really need.
    fn beyond(&self, judged: &[&Judged<'_>]) -> Vec<(String, String)> {
        let rows: BTreeSet<_> = judged.iter().flat_map(|judged| &judged.beyond).collect();
        rows.into_iter()
            .map(|&index| {
                let bound = &self.requirements.bound[index];
                let known: Vec<_> = known_lists(bound)
                    .iter()
                    .map(|known| format!("{} on {}", names::terms(&known.peers), known.ports))
                    .collect();
                let sentence = format!(
                    "{} needs it only for {}: allow those, and no one else.",
                    bound.name,
                    known.join("; ")
                );
                (bound.name.clone(), sentence)
            })
            .collect()
    }

    fn only_the_platform(&self, groups: &[&Group]) -> bool {
        groups
            .iter()
            .map(|group| self.presenter.rule(group.rule))
            .all(|rule| is_platform(&rule.acl, &rule.rule))
    }

    fn undetermined(
        &self,
        subnet: u16,
        direction: Direction,
        rows: &[usize],
        judged: &[&Judged<'_>],
    ) -> Finding {
        let name = self.subnet(subnet);
        let names_of_rows: Vec<_> = rows
            .iter()
            .map(|&index| self.requirements.bound[index].name.clone())
            .collect();
        let groups: Vec<_> = judged.iter().map(|judged| judged.group).collect();
        let direction_word = direction.to_string();
        let mut identity = vec![name.as_str(), direction_word.as_str()];
        identity.extend(names_of_rows.iter().map(String::as_str));
        let listed = names::first_few(&names_of_rows, LISTED);
        let title =
            format!("{direction} traffic of {name} may be that of {listed}, which cannot be told");
        Finding {
            details: self.why_undetermined(judged),
            subnet: Some(name.clone()),
            evidence: Some(self.presenter.observed(&groups)),
            rows: names_of_rows.clone(),
            ..finding("NSG204", &identity, title)
        }
    }

    fn why_undetermined(&self, judged: &[&Judged<'_>]) -> Vec<String> {
        let mut details = Vec::new();
        if judged.iter().any(|judged| !judged.needed.is_empty()) {
            details.push(
                "Rows that name no protocol are judged on TCP; whether these other protocols were \
                 meant, the text does not say."
                    .to_owned(),
            );
        }
        if judged.iter().any(|judged| judged.needed.is_empty()) {
            details.push(
                "The addresses or the subnet of those rows are not known: state them under \
                 [addresses], and roles of subnets, in nsgaudit.toml."
                    .to_owned(),
            );
        }
        let mut places: BTreeMap<String, Vec<&Group>> = BTreeMap::new();
        for judged in judged {
            let scope = self.matcher.classes.class(judged.remote()).scope;
            let place = format!(
                "{} {} {} ({})",
                judged.group.decision,
                judged.group.protocol,
                names::port(judged.group.port),
                names::place(scope, self.matcher.environment)
            );
            places.entry(place).or_default().push(judged.group);
        }
        let mut places: Vec<_> = places
            .into_iter()
            .map(|(place, groups)| (count(groups).flows, place))
            .collect();
        places.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        let listed: Vec<_> = places
            .into_iter()
            .map(|(flows, place)| format!("{place}: {}", names::count(flows, "flow")))
            .collect();
        details.push(format!("{}.", names::first_few(&listed, LISTED)));
        details
    }
}

type Openings<'a> = BTreeMap<Opening, Vec<&'a Judged<'a>>>;

/// Folds the ports that are not sensitive, where too many are open to one place.
fn fold_many_ports(openings: Openings<'_>) -> Openings<'_> {
    let folded = |opening: &Opening| Opening {
        port: Port::Other,
        ..*opening
    };
    let mut ports: BTreeMap<Opening, usize> = BTreeMap::new();
    for opening in openings
        .keys()
        .filter(|opening| service(**opening).is_none())
    {
        *ports.entry(folded(opening)).or_default() += 1;
    }
    let mut fewer = Openings::new();
    for (opening, judged) in openings {
        let many = ports
            .get(&folded(&opening))
            .is_some_and(|&ports| ports > MANY_PORTS);
        let key = if many && service(opening).is_none() {
            folded(&opening)
        } else {
            opening
        };
        fewer.entry(key).or_default().extend(judged);
    }
    fewer
}

/// How many ports a folded opening has, and the first of them.
fn folded_ports(opening: Opening, judged: &[&Judged<'_>]) -> Option<String> {
    let ports: BTreeSet<_> = judged.iter().map(|judged| judged.group.port).collect();
    if opening.port != Port::Other || ports.len() < 2 {
        return None;
    }
    let ports: Vec<_> = ports.into_iter().map(names::port).collect();
    Some(format!(
        "{} ports: {}.",
        ports.len(),
        names::first_few(&ports, LISTED)
    ))
}

/// The rows that leave traffic undetermined, in the requirements' order.
fn undecided_rows(judged: &Judged<'_>) -> Vec<usize> {
    let mut rows = if judged.possible.is_empty() {
        judged.needed.clone()
    } else {
        judged.possible.clone()
    };
    rows.sort_unstable();
    rows
}

fn code(opening: Opening) -> &'static str {
    match (opening.remote, opening.direction) {
        (Scope::Internet, Direction::Inbound) => "NSG201",
        (Scope::Internet, Direction::Outbound) => "NSG203",
        _ => "NSG202",
    }
}

fn service(opening: Opening) -> Option<&'static str> {
    match opening.port {
        Port::One(port) => sensitive(port),
        Port::Other => None,
    }
}

fn severity(opening: Opening, code: &str, platform: bool) -> Severity {
    let sensitive = service(opening).is_some();
    match (code, sensitive) {
        ("NSG201", true) => Severity::Critical,
        ("NSG201" | "NSG202", false) if platform => Severity::Low,
        ("NSG201", false) => Severity::High,
        ("NSG203", false) => Severity::Low,
        _ => Severity::Medium,
    }
}

fn caveats(code: &str, platform: bool) -> Vec<String> {
    let mut caveats = Vec::new();
    if platform {
        caveats.push("The platform let it through; no NSG can be changed to stop it.".to_owned());
    }
    caveats.push(
        match code {
            "NSG201" => {
                "Narrow the rule to those who must call, or deny it. Machines without a public \
                 address log inbound tuples at their SNAT ports that never reached them: look \
                 whether bytes came back, and whether there is a public address at all."
            }
            "NSG202" => {
                "Where it is wanted, state it as a requirement of your own; otherwise deny it: \
                 the default rule AllowVnetInBound lets the whole network through."
            }
            _ => {
                "Where it is wanted, state it as a requirement of your own; otherwise deny it: \
                 the default rule AllowInternetOutBound lets everything out."
            }
        }
        .to_owned(),
    );
    caveats
}
