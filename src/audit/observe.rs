//! Counting flows once, whoever logged them.
//!
//! A flow inside the network is logged at both its ends, and a network that moves to the newer kind
//! of log writes both for a while. What one family of logs saw in one direction is a *view*: within a
//! view groups differ in rule or edition only, so that they are disjoint and add up; between views
//! the same flows recur. `docs/verdicts.md` says how the views are joined, and why so.

use std::collections::{BTreeMap, BTreeSet};

use crate::classify::ClassId;
use crate::environment::ServiceTags;
use crate::flowlog::LogKind;
use crate::net::{Decision, Direction, Outcome, Protocol, Timestamp};
use crate::tally::{Facts, Group, Port, RuleName, Sample};

use super::model::{GroupIndexes, Observed, OutcomeCount, RuleCount, SampleText, TimelineText};
use super::names;

/// Most tuples that are shown of one number.
const SAMPLES: usize = 5;

/// Logs that never write one flow twice in one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Family {
    Nsg,
    Vnet,
    TrafficAnalytics,
    Capture,
}

/// One family of logs, in one direction.
type View = (Family, Direction);
/// What is the same flow in every view.
type Key = (ClassId, ClassId, Protocol, Port, Decision);

fn view(group: &Group) -> View {
    let family = match group.kind {
        LogKind::NsgV1 | LogKind::NsgV2 => Family::Nsg,
        LogKind::VnetV4 => Family::Vnet,
        LogKind::TrafficAnalytics => Family::TrafficAnalytics,
        LogKind::Capture => Family::Capture,
    };
    (family, group.direction)
}

fn key(group: &Group) -> Key {
    (
        group.source,
        group.destination,
        group.protocol,
        group.port,
        group.decision,
    )
}

/// What one view saw of one key.
#[derive(Debug, Clone, Default)]
struct Seen {
    flows: u64,
    buckets: BTreeMap<i64, u64>,
    /// Tuples, packets and bytes forward and back.
    counters: [u64; 5],
    first: i64,
    last: i64,
}

impl Seen {
    fn add(&mut self, group: &Group) {
        let totals = &group.totals;
        if self.counters[0] == 0 && self.buckets.is_empty() {
            (self.first, self.last) = (totals.first, totals.last);
        }
        self.first = self.first.min(totals.first);
        self.last = self.last.max(totals.last);
        self.flows += totals.flows;
        let [sent, received] = totals.packets;
        let [bytes_sent, bytes_received] = totals.bytes;
        let more = [totals.tuples, sent, received, bytes_sent, bytes_received];
        for (sum, more) in self.counters.iter_mut().zip(more) {
            *sum += more;
        }
        for (bucket, &flows) in (group.timeline.start..).zip(&group.timeline.counts) {
            if flows > 0 {
                *self.buckets.entry(bucket).or_default() += flows;
            }
        }
    }
}

/// Flows counted once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Counted {
    /// Flows begun.
    pub(crate) flows: u64,
    /// Tuples, packets forward and back, bytes forward and back.
    pub(crate) counters: [u64; 5],
    /// Flows begun by bucket.
    pub(crate) buckets: BTreeMap<i64, u64>,
}

/// Counts the flows of some groups once, in any order.
pub(crate) fn count<'g>(groups: impl IntoIterator<Item = &'g Group>) -> Counted {
    let mut keys: BTreeMap<Key, BTreeMap<View, Seen>> = BTreeMap::new();
    for group in groups {
        let views = keys.entry(key(group)).or_default();
        views.entry(view(group)).or_default().add(group);
    }
    let mut counted = Counted::default();
    for views in keys.into_values() {
        let views: Vec<_> = views.into_values().collect();
        join(&views, &mut counted);
    }
    counted
}

/// Adds one key: flows are the greatest view's in each bucket, counters those of the best views
/// that do not overlap in time.
fn join(views: &[Seen], counted: &mut Counted) {
    let mut buckets: BTreeMap<i64, u64> = BTreeMap::new();
    for view in views {
        for (&bucket, &flows) in &view.buckets {
            let most = buckets.entry(bucket).or_default();
            *most = flows.max(*most);
        }
    }
    let least = views.iter().map(|view| view.flows).max().unwrap_or(0);
    counted.flows += buckets.values().sum::<u64>().max(least);
    for (bucket, flows) in buckets {
        *counted.buckets.entry(bucket).or_default() += flows;
    }
    for (sum, most) in counted.counters.iter_mut().zip(best(views)) {
        *sum += most;
    }
}

/// The greatest sum of each counter over views that do not overlap in time. There are at most eight
/// views, so every choice is tried.
fn best(views: &[Seen]) -> [u64; 5] {
    let mut best = [0; 5];
    for choice in 1u32..1 << views.len() {
        let chosen: Vec<_> = (0..views.len())
            .filter(|index| choice & 1 << index != 0)
            .map(|index| &views[index])
            .collect();
        let apart = chosen.iter().enumerate().all(|(index, one)| {
            chosen[index + 1..]
                .iter()
                .all(|other| one.last < other.first || other.last < one.first)
        });
        if apart {
            for (index, best) in best.iter_mut().enumerate() {
                let sum = chosen.iter().map(|view| view.counters[index]).sum();
                *best = (*best).max(sum);
            }
        }
    }
    best
}

/// What presenting groups asks of the run.
pub(crate) struct Presenter<'a> {
    /// What was observed.
    pub(crate) facts: &'a Facts,
    /// Words for places.
    pub(crate) places: &'a names::Places<'a>,
    /// The service tags, to name remote addresses.
    pub(crate) tags: &'a ServiceTags,
    /// Names of the files.
    pub(crate) file_name: &'a dyn Fn(u32) -> String,
}

impl Presenter<'_> {
    /// Groups as one observed thing.
    pub(crate) fn observed(&self, groups: &[&Group]) -> Observed {
        if groups.is_empty() {
            return Observed::default();
        }
        let counted = count(groups.iter().copied());
        let [
            tuples,
            packets_forward,
            packets_reverse,
            bytes_forward,
            bytes_reverse,
        ] = counted.counters;
        let first = groups.iter().map(|group| group.totals.first).min();
        let last = groups.iter().map(|group| group.totals.last).max();
        Observed {
            flows: counted.flows,
            tuples,
            packets_forward,
            packets_reverse,
            bytes_forward,
            bytes_reverse,
            first: first.map(names::time),
            last: last.map(names::time),
            rules: self.rules(groups),
            samples: self.samples(groups),
            timeline: self.timeline(&counted.buckets),
            groups: self.indexes(groups),
        }
    }

    /// Which groups of the facts they are, in order.
    fn indexes(&self, groups: &[&Group]) -> GroupIndexes {
        let mut indexes: Vec<_> = groups
            .iter()
            .filter_map(|group| self.facts.groups.element_offset(group))
            .collect();
        indexes.sort_unstable();
        indexes.dedup();
        GroupIndexes(indexes)
    }

    /// The deciding rules, most flows first.
    pub(crate) fn rules(&self, groups: &[&Group]) -> Vec<RuleCount> {
        let mut by_rule: BTreeMap<(usize, Option<Outcome>), Vec<&Group>> = BTreeMap::new();
        for &group in groups {
            let decider = (group.rule, group.outcome);
            by_rule.entry(decider).or_default().push(group);
        }
        let mut rules: Vec<_> = by_rule
            .into_iter()
            .map(|((rule, outcome), groups)| {
                let name = self.rule(rule);
                RuleCount {
                    nsg: names::holder(&name).to_owned(),
                    flows: count(groups).flows,
                    nsg_id: name.acl,
                    rule: name.rule,
                    outcome,
                }
            })
            .collect();
        rules.sort_by(|a, b| {
            let order = b.flows.cmp(&a.flows);
            let name = |rule: &RuleCount| (rule.nsg_id.clone(), rule.rule.clone(), rule.outcome);
            order.then_with(|| name(a).cmp(&name(b)))
        });
        rules
    }

    /// What became of captured connections, in the order of the outcomes.
    pub(crate) fn outcomes(groups: &[&Group]) -> Vec<OutcomeCount> {
        let of = |outcome: Outcome| -> Option<OutcomeCount> {
            let those = groups.iter().filter(|group| group.outcome == Some(outcome));
            let first = those.clone().map(|group| group.totals.first).min()?;
            let last = those.clone().map(|group| group.totals.last).max()?;
            let counted = count(those.copied());
            Some(OutcomeCount {
                outcome,
                connections: counted.flows.max(counted.counters[0]),
                first: names::time(first),
                last: names::time(last),
            })
        };
        Outcome::ALL.into_iter().filter_map(of).collect()
    }

    /// The rule of an index.
    pub(crate) fn rule(&self, index: usize) -> RuleName {
        self.facts.rules.get(index).cloned().unwrap_or_default()
    }

    /// The first tuples, of different connections.
    fn samples(&self, groups: &[&Group]) -> Vec<SampleText> {
        let sorted: BTreeSet<_> = groups
            .iter()
            .flat_map(|group| {
                let rest = (group.protocol, group.direction);
                group.samples.iter().map(move |sample| (sample, rest))
            })
            .collect();
        let mut connections = BTreeSet::new();
        sorted
            .into_iter()
            .filter(|(sample, _)| connections.insert(five_tuple(sample)))
            .take(SAMPLES)
            .map(|(sample, (protocol, direction))| self.sample(sample, protocol, direction))
            .collect()
    }

    pub(super) fn sample(
        &self,
        sample: &Sample,
        protocol: Protocol,
        direction: Direction,
    ) -> SampleText {
        let remote = match direction {
            Direction::Inbound => sample.source,
            Direction::Outbound => sample.destination,
        };
        let edition = self.tags.edition_at(Timestamp(sample.time));
        SampleText {
            time: names::time(sample.time),
            tuple: format!(
                "{protocol} {} -> {}",
                endpoint(sample.source, sample.source_port),
                endpoint(sample.destination, sample.destination_port)
            ),
            file: (self.file_name)(sample.file),
            offset: sample.offset,
            tags: match self.tags.editions.get(edition) {
                Some(edition) => edition.tags_of(remote),
                None => Vec::new(),
            },
        }
    }

    fn timeline(&self, buckets: &BTreeMap<i64, u64>) -> TimelineText {
        let minutes = self.facts.bucket_minutes;
        let (Some((&first, _)), Some((&last, _))) =
            (buckets.first_key_value(), buckets.last_key_value())
        else {
            return TimelineText {
                bucket_minutes: minutes,
                ..TimelineText::default()
            };
        };
        TimelineText {
            start: Some(names::time(
                first.saturating_mul(minutes).saturating_mul(60_000),
            )),
            bucket_minutes: minutes,
            counts: (first..=last)
                .map(|bucket| buckets.get(&bucket).copied().unwrap_or(0))
                .collect(),
        }
    }
}

fn five_tuple(sample: &Sample) -> impl Ord + use<> {
    (
        sample.source,
        sample.source_port,
        sample.destination,
        sample.destination_port,
    )
}

/// `10.0.0.4:51544`, `[fd00::1]:443`; without a port that the log does not say.
fn endpoint(address: std::net::IpAddr, port: u16) -> String {
    match port {
        0 => address.to_string(),
        port => std::net::SocketAddr::new(address, port).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::testing::{APIM, COMPUTE, STORAGE, group};
    use proptest::prelude::*;

    #[test]
    fn a_flow_logged_at_both_ends_by_both_families_counts_once() {
        let groups = [
            group(APIM, COMPUTE, 443).bytes(100, 200).build(),
            group(APIM, COMPUTE, 443).inbound().bytes(100, 200).build(),
            group(APIM, COMPUTE, 443).kind(LogKind::NsgV2).build(),
        ];
        let counted = count(&groups);
        assert_eq!(counted.flows, 1);
        assert_eq!(counted.counters, [1, 1, 1, 100, 200]);
    }

    #[test]
    fn a_move_from_nsg_to_vnet_logs_halves_nothing() {
        let groups = [
            group(COMPUTE, STORAGE, 443)
                .kind(LogKind::NsgV2)
                .at(&[0, 1])
                .bytes(10, 10)
                .build(),
            group(COMPUTE, STORAGE, 443)
                .at(&[2, 3])
                .bytes(10, 10)
                .build(),
        ];
        let counted = count(&groups);
        assert_eq!(counted.flows, 4);
        assert_eq!(counted.counters, [4, 2, 2, 20, 20]);
    }

    #[test]
    fn both_decisions_of_one_conversation_stay_apart() {
        let groups = [
            group(APIM, COMPUTE, 443).build(),
            group(APIM, COMPUTE, 443).inbound().deny().build(),
        ];
        assert_eq!(count(&groups).flows, 2);
    }

    fn some_groups() -> impl Strategy<Value = Vec<Group>> {
        let one = (
            0u32..3,
            0u32..3,
            1u16..3,
            0u64..2000,
            prop::collection::vec(0i64..30, 1..6),
        )
            .prop_map(|(source, destination, port, bytes, mut minutes)| {
                minutes.sort_unstable();
                group(ClassId(source), ClassId(destination), port)
                    .at(&minutes)
                    .bytes(bytes, bytes / 2)
                    .build()
            });
        prop::collection::vec(one, 1..8)
    }

    proptest! {
        #[test]
        fn a_second_view_of_the_same_flows_changes_no_count(groups in some_groups()) {
            let once = count(&groups);
            for change in [
                |group: &mut Group| group.kind = LogKind::NsgV2,
                |group: &mut Group| group.direction = Direction::Inbound,
            ] {
                let mut seconds = groups.clone();
                seconds.iter_mut().for_each(change);
                prop_assert_eq!(&count(groups.iter().chain(&seconds)), &once);
            }
        }

        #[test]
        fn halves_that_differ_in_time_add_up(groups in some_groups()) {
            let mut later = groups.clone();
            for group in &mut later {
                group.kind = LogKind::NsgV1;
                group.totals.first += 3_600_000;
                group.totals.last += 3_600_000;
                group.timeline.start += 60;
            }
            let (once, both) = (count(&groups), count(groups.iter().chain(&later)));
            prop_assert_eq!(both.flows, 2 * once.flows);
            prop_assert_eq!(both.counters, once.counters.map(|counter| 2 * counter));
        }

        #[test]
        fn the_order_of_groups_is_nothing(groups in some_groups()) {
            let backward: Vec<_> = groups.iter().rev().cloned().collect();
            prop_assert_eq!(count(&groups), count(&backward));
        }
    }
}
