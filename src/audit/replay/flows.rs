//! Groups as the replay lists them: those that read alike as one, what matters most first.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::model::{AtLevel, Counts, Flows, Logged, Need, Needed, Replay, Sum};
use super::{Asking, Becomes, Told};
use crate::audit::matching::is_judged_on;
use crate::audit::model::{Basis, Input};
use crate::audit::names;
use crate::audit::observe::Presenter;
use crate::audit::requirements::Requirements;
use crate::audit::traffic::Judged;
use crate::environment::Environment;
use crate::net::{Decision, Direction, Protocol};
use crate::policy::rule::Answer;
use crate::tally::{Group, Port, Sample};

/// A sum that is being added up.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counted {
    groups: u64,
    flows: u64,
    tuples: u64,
    bytes: [u64; 2],
    times: Option<(i64, i64)>,
}

impl Counted {
    pub(super) fn add(&mut self, group: &Group) {
        let totals = &group.totals;
        self.groups += 1;
        self.flows += totals.flows;
        self.tuples += totals.tuples;
        self.bytes[0] += totals.bytes[0];
        self.bytes[1] += totals.bytes[1];
        let (first, last) = self.times.unwrap_or((totals.first, totals.last));
        self.times = Some((first.min(totals.first), last.max(totals.last)));
    }

    pub(super) fn told(&self) -> Sum {
        Sum {
            groups: self.groups,
            flows: self.flows,
            tuples: self.tuples,
            bytes_forward: self.bytes[0],
            bytes_reverse: self.bytes[1],
            first: self.times.map(|(first, _)| names::time(first)),
            last: self.times.map(|(_, last)| names::time(last)),
        }
    }
}

/// What is the same in all flows of an entry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Alike {
    need: Need,
    requirements: Vec<Needed>,
    source: String,
    destination: String,
    protocol: Protocol,
    port: Port,
    direction: Direction,
    logged: Logged,
    proposed: Answer,
    by: String,
    levels: Vec<AtLevel>,
    today: Option<Answer>,
}

/// The flows of an entry.
#[derive(Debug, Clone, Default)]
struct Entry {
    counted: Counted,
    sample: Option<Sample>,
}

type List = BTreeMap<Alike, Entry>;

/// Gathers what is listed.
pub(super) struct Lister<'a> {
    requirements: &'a Requirements<'a>,
    environment: &'a Environment,
    presenter: &'a Presenter<'a>,
    asking: &'a Asking<'a>,
    read: Counted,
    /// Newly denied, newly allowed, unchanged, undetermined.
    sums: [Counted; 4],
    /// The same, of the unchanged only what is denied and needed.
    lists: [List; 4],
}

impl<'a> Lister<'a> {
    pub(super) fn new(
        requirements: &'a Requirements<'a>,
        environment: &'a Environment,
        presenter: &'a Presenter<'a>,
        asking: &'a Asking<'a>,
    ) -> Self {
        Self {
            requirements,
            environment,
            presenter,
            asking,
            read: Counted::default(),
            sums: Default::default(),
            lists: Default::default(),
        }
    }

    pub(super) fn add(&mut self, judged: &Judged<'_>, told: &Told) {
        let group = judged.group;
        self.read.add(group);
        let list = match told.becomes {
            Becomes::NewlyDenied => 0,
            Becomes::NewlyAllowed => 1,
            Becomes::Unchanged(_) => 2,
            Becomes::Undetermined => 3,
        };
        self.sums[list].add(group);
        let (need, rows) = self.need(judged);
        let is_listed = match told.becomes {
            Becomes::Unchanged(Some(Decision::Deny)) => need == Need::Required,
            Becomes::Unchanged(_) => false,
            Becomes::NewlyDenied | Becomes::NewlyAllowed | Becomes::Undetermined => true,
        };
        if !is_listed {
            return;
        }
        let alike = self.alike(group, told, need, &rows);
        let entry = self.lists[list].entry(alike).or_default();
        entry.counted.add(group);
        let samples = entry.sample.iter().chain(&group.samples);
        entry.sample = samples.min().cloned();
    }

    fn alike(&self, group: &Group, told: &Told, need: Need, rows: &[usize]) -> Alike {
        let endpoint = |class| self.presenter.places.endpoint(class, group.edition);
        let rule = self.presenter.rule(group.rule);
        let rules = &self.asking.proposed;
        let mut requirements: Vec<_> = rows.iter().map(|&row| self.needed(row)).collect();
        requirements.sort();
        requirements.dedup();
        Alike {
            need,
            requirements,
            source: endpoint(group.source),
            destination: endpoint(group.destination),
            protocol: group.protocol,
            port: group.port,
            direction: group.direction,
            logged: Logged {
                log: group.kind.name().to_owned(),
                decision: group.decision,
                nsg: names::holder(&rule).to_owned(),
                rule: rule.rule,
                outcome: group.outcome,
            },
            proposed: told.answer.unwrap_or(Answer::Undetermined),
            by: match told.why {
                Some(why) => why.words().to_owned(),
                None => rules.words(&told.proposed),
            },
            levels: rules.levels(&told.proposed),
            today: told.today_answer,
        }
    }

    fn needed(&self, index: usize) -> Needed {
        let bound = &self.requirements.bound[index];
        Needed {
            row: bound.name.clone(),
            purpose: bound.row.purpose.clone(),
            subnet: self.environment.subnets[bound.subnet as usize].name.clone(),
        }
    }

    /// Whether requirements need a group, and which.
    fn need(&self, judged: &Judged<'_>) -> (Need, Vec<usize>) {
        let row = |index: usize| self.requirements.bound[index].row;
        let advice = |all: &[usize]| all.iter().all(|&index| row(index).advice);
        let (on, beside): (Vec<usize>, Vec<usize>) = judged
            .needed
            .iter()
            .partition(|&&index| is_judged_on(row(index), judged.group.protocol));
        let perhaps = [&beside[..], &judged.possible].concat();
        let required: Vec<_> = on.iter().copied().filter(|&one| !row(one).advice).collect();
        if !required.is_empty() {
            (Need::Required, required)
        } else if !advice(&perhaps) {
            (Need::Perhaps, perhaps)
        } else if !on.is_empty() || !perhaps.is_empty() {
            (Need::Advice, [on, perhaps].concat())
        } else {
            (Need::None, Vec::new())
        }
    }

    /// The lists and sums; of the rest of a replay nothing.
    pub(super) fn finish(self, basis: Basis, input: Input) -> Replay {
        let presenter = self.presenter;
        let [denied, allowed, unchanged, undetermined] = self.lists;
        let list = |list| listed(list, presenter);
        let [newly_denied, newly_allowed, unchanged_sum, undetermined_sum] =
            self.sums.map(|sum| sum.told());
        Replay {
            basis,
            input,
            counts: Counts {
                read: self.read.told(),
                newly_denied,
                newly_allowed,
                unchanged: unchanged_sum,
                undetermined: undetermined_sum,
            },
            newly_denied: list(denied),
            newly_allowed: list(allowed),
            undetermined: list(undetermined),
            still_denied: list(unchanged),
            requirements: Vec::new(),
            with_today: false,
            changes: Vec::new(),
        }
    }
}

/// What is needed most first, of it what today's rules do not deny already, then most flows.
fn listed(list: List, presenter: &Presenter<'_>) -> Vec<Flows> {
    let mut all: Vec<_> = list.into_iter().collect();
    // Stable: of as many, in the order of what they are.
    all.sort_by_key(|(alike, entry)| {
        let counted = entry.counted;
        let is_denied = alike.today == Some(Answer::Deny);
        (
            alike.need,
            is_denied,
            Reverse((counted.flows, counted.tuples)),
        )
    });
    all.into_iter()
        .map(|(alike, entry)| Flows {
            sample: entry
                .sample
                .map(|sample| presenter.sample(&sample, alike.protocol, alike.direction)),
            sum: entry.counted.told(),
            need: alike.need,
            requirements: alike.requirements,
            source: alike.source,
            destination: alike.destination,
            protocol: alike.protocol.to_string(),
            port: match alike.port {
                Port::One(port) => Some(port),
                Port::Other => None,
            },
            direction: alike.direction,
            logged: alike.logged,
            proposed: alike.proposed,
            by: alike.by,
            levels: alike.levels,
            today: alike.today,
        })
        .collect()
}
