//! Each flow group, classed: needed, blocked, open without need, the platform's, or nobody's here.

use std::collections::BTreeMap;

use crate::classify::{ClassId, Scope};
use crate::net::{Decision, Direction, Outcome};
use crate::tally::{Group, Port};

use super::given::{Given, Ruled};
use super::matching::{Match, Matcher, is_judged_on};
use super::model::{TrafficClass, TrafficGroup};
use super::names;
use super::observe::Presenter;
use super::requirements::Requirements;

/// The audited end of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct End {
    /// Its subnet.
    pub(crate) subnet: u16,
    /// Direction as that subnet sees it.
    pub(crate) direction: Direction,
}

/// A group with what it means.
#[derive(Debug, Clone)]
pub(crate) struct Judged<'a> {
    /// The group.
    pub(crate) group: &'a Group,
    /// Which audited subnet it is judged for; `None` where it touches none.
    pub(crate) end: Option<End>,
    /// How it is classed.
    pub(crate) class: TrafficClass,
    /// Requirements that it is traffic of, the most specific first: indexes.
    pub(crate) needed: Vec<usize>,
    /// Requirements that it may be traffic of, could their addresses be known.
    pub(crate) possible: Vec<usize>,
    /// Requirements whose row would hold it as written, but whose known peers do not.
    pub(crate) beyond: Vec<usize>,
}

impl Judged<'_> {
    /// Class of the end that is not the audited subnet.
    pub(crate) fn remote(&self) -> ClassId {
        match self.end.map(|end| end.direction) {
            Some(Direction::Outbound) => self.group.destination,
            _ => self.group.source,
        }
    }
}

/// Classes every group, in the facts' order.
pub(crate) fn judge<'a>(
    groups: &'a [Group],
    requirements: &Requirements<'_>,
    matcher: &Matcher<'_>,
) -> Vec<Judged<'a>> {
    let mut by_end: BTreeMap<(u16, Direction), Vec<usize>> = BTreeMap::new();
    for (index, bound) in requirements.bound.iter().enumerate() {
        let end = (bound.subnet, bound.direction);
        by_end.entry(end).or_default().push(index);
    }
    groups
        .iter()
        .map(|group| {
            let end = audited_end(group, matcher);
            let bound = end.and_then(|end| by_end.get(&(end.subnet, end.direction)));
            judge_one(
                group,
                end,
                bound.map_or(&[], Vec::as_slice),
                requirements,
                matcher,
            )
        })
        .collect()
}

fn judge_one<'a>(
    group: &'a Group,
    end: Option<End>,
    bound: &[usize],
    requirements: &Requirements<'_>,
    matcher: &Matcher<'_>,
) -> Judged<'a> {
    let mut judged = Judged {
        group,
        end,
        class: TrafficClass::Other,
        needed: Vec::new(),
        possible: Vec::new(),
        beyond: Vec::new(),
    };
    for &index in bound {
        match matcher.matches(&requirements.bound[index], group) {
            Match::Yes => judged.needed.push(index),
            Match::Unknown => judged.possible.push(index),
            Match::Beyond => judged.beyond.push(index),
            Match::No => {}
        }
    }
    judged
        .needed
        .sort_by_cached_key(|&index| matcher.specificity(&requirements.bound[index], group));
    judged
        .possible
        .sort_by_cached_key(|&index| matcher.specificity(&requirements.bound[index], group));
    judged.class = class(&judged, requirements, matcher);
    judged
}

/// The end that was logged, where its subnet is audited; otherwise the other one: a flow that a
/// neighbour denies is no less denied.
fn audited_end(group: &Group, matcher: &Matcher<'_>) -> Option<End> {
    let as_source = (group.source, Direction::Outbound);
    let as_destination = (group.destination, Direction::Inbound);
    let ends = match group.direction {
        Direction::Outbound => [as_source, as_destination],
        Direction::Inbound => [as_destination, as_source],
    };
    ends.into_iter().find_map(
        |(class, direction)| match matcher.classes.class(class).scope {
            Scope::Subnet(subnet) if matcher.is_audited(subnet) => Some(End { subnet, direction }),
            _ => None,
        },
    )
}

fn class(
    judged: &Judged<'_>,
    requirements: &Requirements<'_>,
    matcher: &Matcher<'_>,
) -> TrafficClass {
    if judged.end.is_none() {
        return TrafficClass::Other;
    }
    let platform = matcher.classes.class(judged.remote()).scope == Scope::Platform;
    if judged.needed.is_empty() && platform {
        return TrafficClass::Platform;
    }
    let group = judged.group;
    let perhaps = !judged.possible.is_empty();
    match group.decision {
        Decision::Allow if !judged.needed.is_empty() => TrafficClass::Needed,
        Decision::Allow if group.outcome == Some(Outcome::OneSided) => TrafficClass::OneSided,
        Decision::Allow if perhaps => TrafficClass::Undetermined,
        Decision::Allow => TrafficClass::OpenUnneeded,
        Decision::Deny => {
            let required = judged
                .needed
                .iter()
                .any(|&index| is_judged_on(requirements.bound[index].row, group.protocol));
            if required {
                TrafficClass::BlockedRequired
            } else if perhaps || !judged.needed.is_empty() {
                TrafficClass::Undetermined
            } else {
                TrafficClass::RightlyBlocked
            }
        }
    }
}

/// The groups as the report lists them: by class, most flows first.
pub(crate) fn present(
    judged: &[Judged<'_>],
    requirements: &Requirements<'_>,
    presenter: &Presenter<'_>,
    given: Option<&Given<'_>>,
) -> Vec<TrafficGroup> {
    let ruling = |index: usize| given?.ruled(index).map(Ruled::text);
    let mut groups: Vec<_> = judged
        .iter()
        .enumerate()
        .map(|(index, judged)| TrafficGroup {
            given: ruling(index),
            ..present_one(judged, requirements, presenter)
        })
        .collect();
    groups.sort_by(|a, b| {
        let order = a.class.cmp(&b.class).then_with(|| b.flows.cmp(&a.flows));
        order.then_with(|| sort_key(a).cmp(&sort_key(b)))
    });
    groups
}

fn sort_key(group: &TrafficGroup) -> impl Ord + '_ {
    let ends = (&group.source, &group.destination, &group.protocol);
    let observer = (group.port, group.direction, group.decision, &group.log);
    let rule = (&group.nsg, &group.rule, group.outcome);
    let counts = (&group.first, &group.last, group.tuples, group.bytes_forward);
    (ends, observer, rule, counts)
}

fn present_one(
    judged: &Judged<'_>,
    requirements: &Requirements<'_>,
    presenter: &Presenter<'_>,
) -> TrafficGroup {
    let group = judged.group;
    let endpoint = |class| presenter.places.endpoint(class, group.edition);
    let rule = presenter.rule(group.rule);
    let rows = if judged.needed.is_empty() {
        &judged.possible
    } else {
        &judged.needed
    };
    TrafficGroup {
        source: endpoint(group.source),
        destination: endpoint(group.destination),
        protocol: group.protocol.to_string(),
        port: match group.port {
            Port::One(port) => Some(port),
            Port::Other => None,
        },
        direction: group.direction,
        decision: group.decision,
        log: group.kind.name().to_owned(),
        nsg: names::holder(&rule).to_owned(),
        rule: rule.rule,
        outcome: group.outcome,
        given: None,
        class: judged.class,
        rows: rows
            .iter()
            .map(|&index| requirements.bound[index].name.clone())
            .collect(),
        flows: group.totals.flows,
        tuples: group.totals.tuples,
        bytes_forward: group.totals.bytes[0],
        bytes_reverse: group.totals.bytes[1],
        first: names::time(group.totals.first),
        last: names::time(group.totals.last),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::requirements::bind;
    use crate::audit::testing::{
        APIM, COMPUTE, CONNECTORS, GroupBuilder, INTERNET, JUMP, PEERED, PLATFORM, RowBuilder,
        STORAGE, classes, environment, group, profile, row,
    };

    fn seen(rows: Vec<RowBuilder>, group: GroupBuilder) -> (TrafficClass, Vec<String>) {
        let (classes, environment, profile) = (classes(), environment(), profile(rows));
        let requirements = bind(&profile, &[], &environment);
        let matcher = Matcher {
            classes: &classes,
            environment: &environment,
            assumed_roles: &requirements.assumed_roles,
        };
        let groups = [group.build()];
        let judged = judge(&groups, &requirements, &matcher);
        let rows = judged[0]
            .needed
            .iter()
            .map(|&index| requirements.bound[index].row.id.clone());
        (judged[0].class, rows.collect())
    }

    fn rows() -> Vec<RowBuilder> {
        vec![
            row("calls").outbound("Internet", "443"),
            row("storage").outbound("Storage", "443"),
            row("deploy")
                .inbound("Internet", "454")
                .callers("454", "AzureConnectors"),
            row("dns").outbound("@custom-dns", "53"),
        ]
    }

    #[test]
    fn the_most_specific_row_comes_first_and_all_are_kept() {
        let (class, rows) = seen(rows(), group(COMPUTE, STORAGE, 443));
        assert_eq!(class, TrafficClass::Needed);
        assert_eq!(rows, ["storage", "calls"]);
    }

    #[test]
    fn a_scan_from_the_internet_on_454_is_rightly_blocked() {
        let scan = group(INTERNET, COMPUTE, 454).inbound().deny();
        assert_eq!(seen(rows(), scan).0, TrafficClass::RightlyBlocked);
        let open = group(INTERNET, COMPUTE, 454).inbound();
        assert_eq!(seen(rows(), open).0, TrafficClass::OpenUnneeded);
        let denied = group(CONNECTORS, COMPUTE, 454).inbound().deny();
        assert_eq!(seen(rows(), denied).0, TrafficClass::BlockedRequired);
    }

    #[test]
    fn unknown_addresses_leave_traffic_undetermined() {
        let query = group(COMPUTE, PEERED, 53);
        assert_eq!(seen(rows(), query).0, TrafficClass::Undetermined);
    }

    #[test]
    fn denied_udp_of_a_row_without_protocol_is_undetermined() {
        let quic = group(COMPUTE, STORAGE, 443).udp().deny();
        assert_eq!(seen(rows(), quic).0, TrafficClass::Undetermined);
    }

    #[test]
    fn the_platform_and_what_touches_no_audited_subnet_are_set_apart() {
        let wire = group(COMPUTE, PLATFORM, 80);
        assert_eq!(seen(rows(), wire).0, TrafficClass::Platform);
        let others = group(JUMP, PEERED, 22);
        assert_eq!(seen(rows(), others).0, TrafficClass::Other);
    }

    #[test]
    fn a_flow_that_only_a_neighbour_logged_is_judged_for_the_audited_end() {
        let ssh = group(APIM, JUMP, 22).inbound();
        assert_eq!(seen(rows(), ssh).0, TrafficClass::OpenUnneeded);
    }
}
