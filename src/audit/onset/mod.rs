//! Onset: when what becomes of a requirement's flows changed, what changed with it, and which
//! requirements changed together.
//!
//! The tally keeps, of each group and bucket of time, when the first and the last flow began. Here the
//! groups of one conversation (who, with whom, by which protocol and port, seen in which direction, in
//! logs or in packets) become spans of allowed and of denied flows; [`phases`] finds the turns between
//! them; turns of several conversations that fit one moment are one change; changes of several
//! requirements that fit one moment are one incident. Nothing depends on the order of groups.
//!
//! It refuses to guess: where allowed and denied flows overlap in one bucket, that is flapping.

mod incidents;
mod phases;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use crate::classify::ClassId;
use crate::net::{Decision, Direction, Protocol};
use crate::tally::{Group, NO_SPAN, Port};

use self::phases::{Event, Span, Turn};
use super::model::{Change, ChangeKind, Decider, Source};
use super::names;
use super::observe::Presenter;

pub(crate) use incidents::incidents;

/// Most changes of a requirement that are told at each end.
const MOST_CHANGES: usize = 16;
/// Conversations that a change lists.
const LISTED: usize = 3;

/// Flows that can be compared in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Conversation {
    source: ClassId,
    destination: ClassId,
    protocol: Protocol,
    port: Port,
    direction: Direction,
    evidence: Source,
}

impl Conversation {
    fn of(group: &Group) -> Self {
        Self {
            source: group.source,
            destination: group.destination,
            protocol: group.protocol,
            port: group.port,
            direction: group.direction,
            evidence: match group.outcome {
                None => Source::Logs,
                Some(_) => Source::Packets,
            },
        }
    }
}

/// A turn of one conversation.
#[derive(Debug, Clone)]
struct Turned {
    conversation: Conversation,
    event: Event,
    ended: Option<i64>,
    before: BTreeSet<Decider>,
    after: BTreeSet<Decider>,
    /// Editions of the tags before and after.
    editions: [Option<usize>; 2],
}

/// The changes that groups of one requirement show, in order of time.
pub(crate) fn changes(groups: &[&Group], presenter: &Presenter<'_>) -> Vec<Change> {
    if groups.iter().all(|group| group.decision == Decision::Allow) {
        return Vec::new();
    }
    let mut conversations: BTreeMap<Conversation, Vec<usize>> = BTreeMap::new();
    for (index, group) in groups.iter().enumerate() {
        let conversation = Conversation::of(group);
        conversations.entry(conversation).or_default().push(index);
    }
    let mut turned = Vec::new();
    for (conversation, members) in conversations {
        let spans = members
            .iter()
            .flat_map(|&index| spans(groups[index], index));
        let events = phases::events(&spans.collect::<Vec<_>>());
        for (number, event) in events.iter().enumerate() {
            turned.push(Turned {
                conversation,
                ended: event
                    .breaks()
                    .then(|| phases::ended(&events, number))
                    .flatten(),
                before: deciders(&event.deciders_before, groups, presenter),
                after: deciders(&event.deciders_after, groups, presenter),
                editions: [&event.deciders_before, &event.deciders_after].map(|deciders| {
                    let editions = deciders.iter().map(|&index| groups[index].edition);
                    editions.max()
                }),
                event: event.clone(),
            });
        }
    }
    let mut changes: Vec<_> = together(turned)
        .iter()
        .map(|turned| change(turned, presenter))
        .collect();
    if changes.len() > 2 * MOST_CHANGES {
        changes.drain(MOST_CHANGES..changes.len() - MOST_CHANGES);
    }
    changes
}

/// The spans of a group, decided by whoever `decider` is.
fn spans(group: &Group, decider: usize) -> impl Iterator<Item = Span> {
    let allowed = group.decision == Decision::Allow;
    let spans = group.timeline.spans.iter();
    spans
        .filter(|&&span| span != NO_SPAN)
        .map(move |&(first, last)| Span {
            first,
            last,
            allowed,
            decider,
        })
}

fn deciders(members: &[usize], groups: &[&Group], presenter: &Presenter<'_>) -> BTreeSet<Decider> {
    let members = members.iter().map(|&index| {
        let name = presenter.rule(groups[index].rule);
        Decider {
            nsg: names::holder(&name).to_owned(),
            nsg_id: name.acl,
            rule: name.rule,
            outcome: groups[index].outcome,
        }
    });
    members.collect()
}

/// Turns that fit one moment. The moment of each lies between its last flow before and its first flow
/// after; they fit if these gaps have a time in common, and the same rules decide after it.
fn together(mut turned: Vec<Turned>) -> Vec<Vec<Turned>> {
    turned.sort_by_key(order);
    let mut together: Vec<Vec<Turned>> = Vec::new();
    for one in turned {
        let fits = together.iter_mut().find(|many| is_same(many, &one));
        match fits {
            Some(many) => many.push(one),
            None => together.push(vec![one]),
        }
    }
    together.sort_by_key(|many| order(&many[0]));
    together
}

/// In order of time; a stop before what is denied from the first flow at that time, which may join it.
fn order(turned: &Turned) -> impl Ord + use<> {
    let event = &turned.event;
    (
        event.after,
        event.turn == Turn::Denied,
        event.before,
        event.turn,
        turned.conversation,
    )
}

fn is_same(many: &[Turned], one: &Turned) -> bool {
    let first = &many[0];
    if first.conversation.evidence != one.conversation.evidence || !agree(&first.after, &one.after)
    {
        return false;
    }
    match (first.event.turn, one.event.turn) {
        (Turn::Flapped { .. }, Turn::Flapped { .. }) => {
            first.event.breaks() == one.event.breaks() && {
                let end = many.iter().filter_map(|other| match other.event.turn {
                    Turn::Flapped { until, .. } => Some(until),
                    _ => None,
                });
                end.max() >= Some(one.event.after)
            }
        }
        // What was never allowed before and is denied by the same rule since is part of it.
        (Turn::Stopped | Turn::Denied, Turn::Denied) => true,
        (Turn::Stopped, Turn::Stopped) | (Turn::Recovered, Turn::Recovered) => {
            one.event.before <= Some(first.event.after)
        }
        _ => false,
    }
}

/// Whether the same rules decide; where packets show it no rule is known.
fn agree(ours: &BTreeSet<Decider>, theirs: &BTreeSet<Decider>) -> bool {
    let rules = |deciders: &BTreeSet<Decider>| -> BTreeSet<(String, String)> {
        let key = |decider: &Decider| (decider.nsg_id.clone(), decider.rule.clone());
        deciders.iter().map(key).collect()
    };
    rules(ours) == rules(theirs)
}

fn change(turned: &[Turned], presenter: &Presenter<'_>) -> Change {
    let first = &turned[0];
    let turn = first.event.turn;
    let times = turned.iter().map(|one| one.event.before);
    let before = match turn {
        // The last before the first turn: others may have gone on.
        Turn::Flapped { .. } => first.event.before,
        _ => times.max().flatten(),
    };
    let until = turned.iter().filter_map(|one| match one.event.turn {
        Turn::Flapped { until, .. } => Some(until),
        _ => None,
    });
    let until = until.max();
    let (kind, gap) = match turn {
        Turn::Denied => (ChangeKind::DeniedFromTheFirst, None),
        Turn::Stopped => (ChangeKind::Stopped, before),
        Turn::Recovered => (ChangeKind::Recovered, before),
        Turn::Flapped { .. } => (ChangeKind::Flapping, None),
    };
    let recovered: Vec<i64> = turned.iter().filter_map(|one| one.ended).collect();
    let all = recovered.len() == turned.len();
    let union = |of: fn(&Turned) -> &BTreeSet<Decider>| -> Vec<Decider> {
        let all: BTreeSet<_> = turned.iter().flat_map(of).cloned().collect();
        all.into_iter().collect()
    };
    let listed: BTreeSet<_> = turned
        .iter()
        .map(|one| words(one, presenter))
        .take(LISTED)
        .collect();
    Change {
        kind,
        source: first.conversation.evidence,
        last_before: before.map(names::time),
        first_after: names::time(first.event.after),
        gap_ms: gap.map(|before| first.event.after.abs_diff(before)),
        until: until.map(names::time),
        turns: turned
            .iter()
            .map(|one| match one.event.turn {
                Turn::Flapped { turns, .. } => turns,
                _ => 0,
            })
            .max()
            .unwrap_or(0),
        breaks: first.event.breaks(),
        before: union(|one| &one.before),
        after: union(|one| &one.after),
        editions: editions(turned, presenter),
        conversations: turned.len() as u64,
        recovered: recovered.len() as u64,
        ended: (all && first.event.breaks())
            .then(|| recovered.iter().max().map(|&time| names::time(time)))
            .flatten(),
        listed: listed.into_iter().collect(),
    }
}

/// The editions of the tags before and after, where they differ: then the tags, and not a rule, may
/// be what changed.
fn editions(turned: &[Turned], presenter: &Presenter<'_>) -> Option<[String; 2]> {
    let at = |side: usize| turned.iter().filter_map(move |one| one.editions[side]);
    let (before, after) = (at(0).max()?, at(1).min()?);
    let date = |edition: usize| {
        let edition = presenter.tags.editions.get(edition);
        edition.map_or_else(String::new, |edition| edition.date.to_string())
    };
    (before != after).then(|| [date(before), date(after)])
}

fn words(turned: &Turned, presenter: &Presenter<'_>) -> String {
    let edition = turned.editions[1].unwrap_or(0);
    let end = |class| presenter.places.endpoint(class, edition);
    format!(
        "{} to {} on {}",
        end(turned.conversation.source),
        end(turned.conversation.destination),
        names::port(turned.conversation.port)
    )
}
