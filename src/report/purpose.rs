//! Requirements gathered by purpose: a row of the profile, with its subnets.

use crate::audit::{Audit, Observed, Requirement, Verdict};
use crate::net::Direction;

/// A row of the profile in one direction (or in both, where they say the same), over its subnets.
pub(super) struct Purpose<'a> {
    pub(super) requirements: Vec<&'a Requirement>,
    pub(super) directions: Vec<Direction>,
    pub(super) worst: Verdict,
}

impl<'a> Purpose<'a> {
    /// The row's text: the same in each of its requirements.
    pub(super) fn row(&self) -> &'a Requirement {
        self.requirements[0]
    }

    /// `in`, `out` or `both`.
    pub(super) fn direction(&self) -> &'static str {
        match self.directions.as_slice() {
            [Direction::Inbound] => "in",
            [Direction::Outbound] => "out",
            _ => "both",
        }
    }

    /// `outbound 5672`, `inbound and outbound udp 53`.
    pub(super) fn traffic(&self) -> String {
        let directions: Vec<String> = self.directions.iter().map(ToString::to_string).collect();
        format!("{} {}", directions.join(" and "), ports(self.row()))
    }

    /// The verdict in one subnet: the worst, where both directions are one purpose.
    pub(super) fn verdict_in(&self, subnet: &str) -> Option<Verdict> {
        self.requirements
            .iter()
            .filter(|requirement| requirement.subnet == subnet)
            .map(|requirement| requirement.verdict)
            .min()
    }

    /// Subnets with this verdict, in the audit's order, each once.
    pub(super) fn subnets_with(&self, verdict: Verdict) -> Vec<&'a str> {
        let mut names: Vec<&str> = Vec::new();
        for requirement in &self.requirements {
            let name = requirement.subnet.as_str();
            if self.verdict_in(name) == Some(verdict) && !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }
}

/// `5672`, `udp 53`, `all ports`.
pub(super) fn ports(row: &Requirement) -> String {
    let ports = match row.ports.as_str() {
        "*" | "any" | "all" | "0-65535" | "1-65535" => "all ports",
        ports => ports,
    };
    match row.protocol.as_str() {
        "any" | "" | "*" | "unspecified" => ports.to_owned(),
        protocol => format!("{protocol} {ports}"),
    }
}

/// Purposes, worst first; advice after what is required.
pub(super) fn gathered(audit: &Audit) -> Vec<Purpose<'_>> {
    let mut purposes: Vec<Purpose<'_>> = Vec::new();
    for requirement in &audit.requirements {
        let same = purposes.iter_mut().find(|purpose| {
            purpose.directions[0] == requirement.direction && same_row(purpose.row(), requirement)
        });
        if let Some(purpose) = same {
            purpose.worst = purpose.worst.min(requirement.verdict);
            purpose.requirements.push(requirement);
        } else {
            purposes.push(Purpose {
                requirements: vec![requirement],
                directions: vec![requirement.direction],
                worst: requirement.verdict,
            });
        }
    }
    let mut purposes = joined(purposes);
    purposes.sort_by_key(|purpose| (purpose.worst, purpose.row().advice));
    purposes
}

fn same_row(a: &Requirement, b: &Requirement) -> bool {
    (&a.row, &a.protocol, &a.ports) == (&b.row, &b.protocol, &b.ports)
}

/// Joins the two directions of a row where every subnet has the same verdict in both.
fn joined(purposes: Vec<Purpose<'_>>) -> Vec<Purpose<'_>> {
    let mut joined: Vec<Purpose<'_>> = Vec::new();
    for purpose in purposes {
        let twin = joined.iter_mut().find(|other| {
            other.directions.len() == 1
                && same_row(other.row(), purpose.row())
                && same_verdicts(other, &purpose)
                && same_verdicts(&purpose, other)
        });
        if let Some(twin) = twin {
            twin.requirements.extend(purpose.requirements);
            twin.directions.extend(purpose.directions);
            twin.directions.sort_unstable();
        } else {
            joined.push(purpose);
        }
    }
    joined
}

fn same_verdicts(a: &Purpose<'_>, b: &Purpose<'_>) -> bool {
    a.requirements
        .iter()
        .all(|requirement| b.verdict_in(&requirement.subnet) == Some(requirement.verdict))
}

/// Whether every subnet has the same verdict, and one that asks for nothing.
pub(super) fn is_silent(purpose: &Purpose<'_>) -> bool {
    matches!(purpose.worst, Verdict::Unproven | Verdict::NotApplicable)
        && purpose
            .requirements
            .iter()
            .all(|requirement| requirement.verdict == purpose.worst)
}

/// Audited subnets, and any other that has a requirement.
pub(super) fn subnets(audit: &Audit) -> Vec<&str> {
    let audited = audit.basis.subnets.iter().filter(|subnet| subnet.audited);
    let mut names: Vec<&str> = audited.map(|subnet| subnet.name.as_str()).collect();
    for requirement in &audit.requirements {
        if !names.contains(&requirement.subnet.as_str()) {
            names.push(&requirement.subnet);
        }
    }
    names
}

/// When it broke: the first denied flow, unless flows were allowed after it.
pub(super) fn onset(denied: &Observed, allowed: &Observed) -> Option<String> {
    let first = denied.first.as_ref()?;
    let worked_later = allowed
        .last
        .as_ref()
        .is_some_and(|last| !is_before(last, first));
    (!worked_later).then(|| first.clone())
}

/// Whether one RFC 3339 time is before another; by text where one of them is none.
pub(super) fn is_before(a: &str, b: &str) -> bool {
    use crate::net::Timestamp;
    match (Timestamp::parse(a), Timestamp::parse(b)) {
        (Some(a), Some(b)) => a < b,
        _ => a < b,
    }
}

/// `a`, `a and b`, `a, b and c`; from the fifth on, `and 3 more`.
pub(super) fn listed(names: &[&str]) -> String {
    const NAMED: usize = 4;
    let (named, rest) = names.split_at(names.len().min(NAMED));
    match (named, rest.len()) {
        ([], _) => String::new(),
        ([only], 0) => (*only).to_owned(),
        ([first @ .., last], 0) => format!("{} and {last}", first.join(", ")),
        (named, more) => format!("{} and {more} more", named.join(", ")),
    }
}
