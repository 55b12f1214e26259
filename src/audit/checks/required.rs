//! NSG101 to NSG104: required traffic.

use std::collections::BTreeMap;

use super::super::model::{Finding, Severity, Verdict};
use super::super::names;
use super::super::requirements::Standing;
use super::super::verdict::Decided;
use super::{Findings, finding, some};
use crate::net::{Direction, Outcome};

impl Findings<'_> {
    /// What blocks required traffic, what leaves it unproven, what does not answer.
    pub(super) fn required(&self, findings: &mut Vec<Finding>) {
        let mut unproven: BTreeMap<usize, Vec<&Decided<'_>>> = BTreeMap::new();
        for decided in self.decided {
            match decided.requirement.verdict {
                Verdict::Blocked => findings.push(blocked(decided, "NSG101")),
                Verdict::PartlyBlocked => findings.push(blocked(decided, "NSG102")),
                Verdict::AtRisk => findings.push(at_risk(decided)),
                Verdict::Unproven if decided.refused.is_some() => findings.push(refused(decided)),
                Verdict::Unproven if !decided.requirement.advice => {
                    unproven
                        .entry(decided.bound.order)
                        .or_default()
                        .push(decided);
                }
                Verdict::Satisfied if decided.unanswered => findings.push(unanswered(decided)),
                _ => {}
            }
        }
        findings.extend(unproven.into_values().filter_map(|row| row_unproven(&row)));
    }
}

fn of_requirement(code: &'static str, decided: &Decided<'_>, what: &str) -> Finding {
    let requirement = &decided.requirement;
    let direction = requirement.direction.to_string();
    let identity = [&requirement.subnet, direction.as_str(), &requirement.row];
    let title = format!(
        "{}: {direction} {} of {} {what}",
        requirement.purpose,
        ports(decided),
        requirement.subnet
    );
    Finding {
        details: vec![requirement.reason.clone()],
        subnet: Some(requirement.subnet.clone()),
        rows: vec![requirement.row.clone()],
        rules: requirement
            .configured
            .as_ref()
            .map_or_else(Vec::new, |configured| configured.rules.clone()),
        ..finding(code, &identity, title)
    }
}

/// `port 443`, `ports 454-455`, `all ports`.
fn ports(decided: &Decided<'_>) -> String {
    let ports = &decided.bound.row.ports;
    match ports.len() {
        1 => format!("port {ports}"),
        _ if ports.is_any() => "all ports".to_owned(),
        _ => format!("ports {ports}"),
    }
}

fn blocked(decided: &Decided<'_>, code: &'static str) -> Finding {
    let wholly = code == "NSG101";
    let what = if wholly {
        "is blocked"
    } else {
        "is partly blocked"
    };
    let mut finding = of_requirement(code, decided, what);
    finding.severity = severity(decided, wholly);
    finding.details.extend(consequence(decided));
    finding.details.extend(remedy(decided));
    finding.evidence = some(&decided.requirement.denied);
    finding.contrast = some(&decided.requirement.allowed);
    finding
}

fn at_risk(decided: &Decided<'_>) -> Finding {
    let what = if decided.is_by_routes() {
        "is dropped by a route"
    } else {
        "is denied by the rules"
    };
    let mut finding = of_requirement("NSG107", decided, what);
    if decided.requirement.advice {
        finding.severity = Severity::Low;
    }
    finding.details.extend(consequence(decided));
    finding.details.extend(remedy(decided));
    finding
}

fn severity(decided: &Decided<'_>, wholly: bool) -> Severity {
    let settled = decided.bound.standing == Standing::Required;
    match (decided.requirement.advice, wholly) {
        (true, _) => Severity::Low,
        (_, true) if settled => Severity::Critical,
        (_, false) if decided.repaired || decided.open_row || is_by_rules(decided) => {
            Severity::Medium
        }
        _ => Severity::High,
    }
}

/// Whether the given rules make it other than what was observed.
fn is_by_rules(decided: &Decided<'_>) -> bool {
    decided.requirement.verdict != decided.observed
}

fn consequence(decided: &Decided<'_>) -> Option<String> {
    let row = decided.bound.row;
    let basis = match row.impact_basis.as_str() {
        _ if row.impact.is_empty() || row.impact_basis == "none" => return None,
        "stated" => "as the documentation states",
        _ => "inferred from the row's purpose",
    };
    Some(format!("While it is blocked: {} ({basis}).", row.impact))
}

fn remedy(decided: &Decided<'_>) -> Option<String> {
    // No rule brings back what a route drops.
    if decided.is_by_routes() {
        return Some("Look at the finding NSG305 of the route.".to_owned());
    }
    if decided.repaired || decided.by_packets.is_some_and(|packets| packets.behind) {
        return None;
    }
    if let Some(packets) = decided.by_packets
        && packets.outcome != Outcome::Unanswered
    {
        return Some(packets.outcome.advice().to_owned());
    }
    let requirement = &decided.requirement;
    let peers = match requirement.direction {
        Direction::Inbound => format!("from {}", requirement.source),
        Direction::Outbound => format!("to {}", requirement.destination),
    };
    let known = known(decided);
    let before = match requirement.denied.rules.first() {
        Some(rule) if rule.outcome.is_none() => {
            format!(" before {}", names::rule_words(&rule.nsg, &rule.rule))
        }
        _ => String::new(),
    };
    let verb = if decided.by_packets.is_some() {
        "See that the NSGs allow"
    } else {
        "Allow"
    };
    Some(format!(
        "{verb} {} {} {} {peers}{known}{before}.",
        requirement.direction,
        requirement.protocol.replace("any", "TCP (and UDP)"),
        ports(decided)
    ))
}

/// Who really calls, where the row knows.
fn known(decided: &Decided<'_>) -> String {
    let known: Vec<_> = super::super::matching::known_lists(decided.bound)
        .iter()
        .map(|known| format!("{} for {}", names::terms(&known.peers), known.ports))
        .collect();
    if known.is_empty() {
        String::new()
    } else {
        format!(" (enough: {})", known.join("; "))
    }
}

fn unanswered(decided: &Decided<'_>) -> Finding {
    let mut finding = of_requirement("NSG104", decided, "is allowed, but nothing came back");
    finding.details.push(
        "No NSG drops replies to what it allowed. Look at the subnet's routes for the remote \
         addresses, then at the log of the firewall that they lead to, then at the host."
            .to_owned(),
    );
    finding.evidence = some(&decided.requirement.allowed);
    finding
}

fn refused(decided: &Decided<'_>) -> Finding {
    let mut finding = of_requirement("NSG106", decided, "is refused by the host");
    if decided.requirement.advice {
        finding.severity = Severity::Low;
    }
    finding.evidence.clone_from(&decided.refused);
    finding
}

/// One finding a row, whatever the number of its subnets: silence is one question.
fn row_unproven(row: &[&Decided<'_>]) -> Option<Finding> {
    let first = row.first()?;
    let requirement = &first.requirement;
    let places: Vec<_> = row
        .iter()
        .map(|decided| {
            let requirement = &decided.requirement;
            format!("{} ({})", requirement.subnet, requirement.direction)
        })
        .collect();
    let title = format!(
        "{}: no flow shows whether {} {} allowed",
        requirement.purpose,
        ports(first),
        if first.bound.row.ports.len() == 1 {
            "is"
        } else {
            "are"
        }
    );
    let mut reasons: Vec<_> = Vec::new();
    for decided in row {
        if !reasons.contains(&decided.requirement.reason) {
            reasons.push(decided.requirement.reason.clone());
        }
    }
    let mut details = vec![format!("Unproven for {}.", places.join(", "))];
    details.extend(reasons);
    Some(Finding {
        details,
        rows: vec![requirement.row.clone()],
        ..finding("NSG103", &[&requirement.row], title)
    })
}
