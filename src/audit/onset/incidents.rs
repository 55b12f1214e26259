//! Changes of several requirements that fit one moment, as one incident.

use std::collections::BTreeSet;

use crate::net::Timestamp;
use crate::net::rule_name::is_default;

use super::super::model::{
    Change, ChangeKind, Confidence, Decider, Incident, Requirement, Source, Verdict,
};

/// How far apart, in ms, changes by one named rule may be to be one incident: NSG after NSG, as a
/// pipeline or a tired hand rolls a rule out.
const ROLL_OUT: i64 = 10 * 60_000;
/// A gap up to this many ms says when well enough: an hour is what one blob holds.
const NARROW: u64 = 3_600_000;

/// What broke together, in the order that [`Audit::incidents`](super::super::model::Audit::incidents)
/// states.
pub(crate) fn incidents(requirements: &[&Requirement]) -> Vec<Incident> {
    let mut broken: Vec<Broken<'_>> = requirements
        .iter()
        .flat_map(|requirement| {
            let changes = requirement.changes.iter();
            changes.filter_map(|change| Broken::of(requirement, change))
        })
        .collect();
    broken.sort_by(|a, b| a.order().cmp(&b.order()));
    let mut gathered: Vec<Gathered<'_>> = Vec::new();
    for one in broken {
        match gathered.iter_mut().find(|many| many.takes(&one)) {
            Some(many) => many.add(one),
            None => gathered.push(Gathered::new(one)),
        }
    }
    let mut incidents: Vec<_> = gathered.iter().map(|many| (many.rank(), many)).collect();
    incidents.sort_by(|a, b| a.0.cmp(&b.0));
    incidents
        .into_iter()
        .map(|(_, many)| many.incident())
        .collect()
}

/// A change after which a requirement's flows were denied.
struct Broken<'a> {
    requirement: &'a Requirement,
    change: &'a Change,
    before: Option<i64>,
    after: i64,
    /// Rules of NSGs, by name: the same rule may stand in several.
    rules: BTreeSet<&'a str>,
}

impl<'a> Broken<'a> {
    fn of(requirement: &'a Requirement, change: &'a Change) -> Option<Self> {
        if change.kind == ChangeKind::Recovered {
            return None;
        }
        // Some denials of what others are allowed are right: they broke nothing.
        let denied_always = change.kind == ChangeKind::DeniedFromTheFirst;
        if denied_always && requirement.verdict != Verdict::Blocked {
            return None;
        }
        Some(Self {
            requirement,
            change,
            before: change.last_before.as_deref().and_then(time),
            after: time(&change.first_after)?,
            rules: rules(&change.after),
        })
    }

    fn is_never_allowed(&self) -> bool {
        self.change.kind == ChangeKind::DeniedFromTheFirst
    }

    fn order(&self) -> impl Ord + use<'a> {
        let requirement = self.requirement;
        (
            self.after,
            self.is_never_allowed(),
            self.before,
            &requirement.row,
            &requirement.subnet,
            requirement.direction,
            self.change.source,
            self.change.kind,
        )
    }
}

/// An incident in the making. Its first change broke first.
struct Gathered<'a> {
    broken: Vec<Broken<'a>>,
    rules: BTreeSet<&'a str>,
    /// The latest that any of them was allowed before the first was denied.
    before: Option<i64>,
    /// When the last of them broke.
    last: i64,
}

impl<'a> Gathered<'a> {
    fn new(first: Broken<'a>) -> Self {
        Self {
            rules: first.rules.clone(),
            before: first.before,
            last: first.after,
            broken: vec![first],
        }
    }

    fn takes(&self, one: &Broken<'_>) -> bool {
        let first = &self.broken[0];
        let same_rules = self.rules == one.rules;
        // Packets name no rule: they fit any.
        let no_conflict = same_rules || self.rules.is_empty() || one.rules.is_empty();
        if one.is_never_allowed() || first.is_never_allowed() {
            return same_rules && !one.rules.is_empty() && one.is_never_allowed();
        }
        let at_once = one.before <= Some(first.after);
        let rolled_out = same_rules
            && self.rules.iter().any(|rule| is_of_a_user(rule))
            && one.after - self.last <= ROLL_OUT;
        (no_conflict && at_once) || rolled_out
    }

    fn add(&mut self, one: Broken<'a>) {
        if one.before <= Some(self.broken[0].after) {
            self.before = self.before.max(one.before);
        }
        if !one.is_never_allowed() {
            self.last = self.last.max(one.after);
        }
        self.rules.extend(&one.rules);
        self.broken.push(one);
    }

    fn ended(&self) -> Option<&'a str> {
        let ends = self.broken.iter().map(|one| {
            let end = one.change.ended.as_deref();
            end.and_then(|text| Some((time(text)?, text)))
        });
        let ends: Option<Vec<_>> = ends.collect();
        ends?.into_iter().max().map(|(_, text)| text)
    }

    fn requirements(&self) -> usize {
        let keys: BTreeSet<_> = self.broken.iter().map(|one| key(one.requirement)).collect();
        keys.len()
    }

    fn is_advice(&self) -> bool {
        self.broken.iter().all(|one| one.requirement.advice)
    }

    /// Those that go on first; advice last; most requirements; the earliest; by row.
    fn rank(&self) -> impl Ord + use<'a> {
        (
            self.ended().is_some(),
            self.is_advice(),
            std::cmp::Reverse(self.requirements()),
            self.broken[0].order(),
        )
    }

    fn incident(&self) -> Incident {
        let first = &self.broken[0];
        let each = |of: &dyn Fn(&Broken<'_>) -> String| -> Vec<String> {
            let texts: BTreeSet<_> = self.broken.iter().map(of).collect();
            texts.into_iter().collect()
        };
        let union = |of: fn(&Change) -> &Vec<Decider>| -> Vec<Decider> {
            let all: BTreeSet<_> = self.broken.iter().flat_map(|one| of(one.change)).collect();
            all.into_iter().cloned().collect()
        };
        let before = self.before.map(|time| Timestamp(time).to_string());
        let flapping = |one: &Broken<'_>| one.change.kind == ChangeKind::Flapping;
        let flapping = self.broken.iter().any(flapping);
        let gap_ms = self.before.filter(|_| !flapping);
        let gap_ms = gap_ms.map(|before| first.after.abs_diff(before));
        let (confidence, basis) = self.confidence(gap_ms, flapping);
        Incident {
            last_allowed: before,
            first_denied: first.change.first_after.clone(),
            gap_ms,
            last_start: (self.last > first.after).then(|| Timestamp(self.last).to_string()),
            ended: self.ended().map(str::to_owned),
            flapping,
            rows: each(&|one| one.requirement.row.clone()),
            purposes: each(&|one| one.requirement.purpose.clone()),
            traffic: each(&|one| traffic(one.requirement)),
            subnets: each(&|one| one.requirement.subnet.clone()),
            requirements: self.requirements() as u64,
            advice: self.is_advice(),
            before: union(|change| &change.before),
            after: union(|change| &change.after),
            confidence,
            basis,
        }
    }

    fn confidence(&self, gap_ms: Option<u64>, flapping: bool) -> (Confidence, String) {
        let (confidence, basis) = self.confidence_of_all(gap_ms, flapping);
        let shown = |source: Source| -> BTreeSet<&str> {
            let broken = self.broken.iter().filter(|one| one.change.source == source);
            broken.map(|one| one.requirement.subnet.as_str()).collect()
        };
        let (logged, captured) = (shown(Source::Logs), shown(Source::Packets));
        let only_captured: Vec<&str> = captured.difference(&logged).copied().collect();
        if confidence == Confidence::High && !only_captured.is_empty() {
            let basis = format!(
                "{basis}, but of {} only packets show it",
                only_captured.join(", ")
            );
            return (Confidence::Medium, basis);
        }
        (confidence, basis.to_owned())
    }

    fn confidence_of_all(&self, gap_ms: Option<u64>, flapping: bool) -> (Confidence, &'static str) {
        let logs = |one: &Broken<'_>| one.change.source == Source::Logs;
        if self.broken[0].is_never_allowed() {
            let basis = "it was never seen allowed, so that it may have begun long before";
            return (Confidence::Low, basis);
        }
        if flapping {
            let basis = "allowed and denied flows alternate, so that one moment does not tell it";
            return (Confidence::Low, basis);
        }
        if !self.broken.iter().any(logs) {
            let basis = "only packets show it, and packets do not name who drops them";
            return (Confidence::Medium, basis);
        }
        if self.rules.is_empty() {
            let basis = "the logs do not name the rule that denies";
            return (Confidence::Medium, basis);
        }
        if gap_ms.is_none_or(|gap| gap > NARROW) {
            let basis = "the logs name the rule, but more than an hour lies between the last allowed \
                         and the first denied flow";
            return (Confidence::Medium, basis);
        }
        let basis = "the logs name the rule, and flows were allowed until then and denied since";
        (Confidence::High, basis)
    }
}

fn key(requirement: &Requirement) -> impl Ord + use<'_> {
    (
        &requirement.row,
        &requirement.subnet,
        requirement.direction,
        &requirement.protocol,
        &requirement.ports,
    )
}

/// `outbound 5672`.
fn traffic(requirement: &Requirement) -> String {
    let protocol = match requirement.protocol.as_str() {
        "any" => "",
        protocol => protocol,
    };
    let ports = match requirement.ports.as_str() {
        "*" => "all ports",
        ports => ports,
    };
    let words = [&requirement.direction.to_string(), protocol, ports];
    let words = words.into_iter().filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

fn rules(deciders: &[Decider]) -> BTreeSet<&str> {
    let rules = deciders.iter().map(|decider| decider.rule.as_str());
    rules.filter(|rule| !rule.is_empty()).collect()
}

/// Default rules stand in every NSG: that two of them deny says nothing of one cause.
fn is_of_a_user(rule: &str) -> bool {
    !is_default(rule)
}

fn time(text: &str) -> Option<i64> {
    Timestamp::parse(text).map(|Timestamp(time)| time)
}
