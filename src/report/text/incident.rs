//! An incident in words: what broke, since when, by what.

use super::number::span;
use super::page::{Text, Tone};
use crate::audit::{Decider, Incident};
use crate::diagnose::user_rule;
use crate::net::Outcome;
use crate::report::purpose::listed;

/// Purposes and subnets that a line names.
const NAMED: usize = 3;

/// `Azure SQL dependency (outbound 1433) in apim and ase`.
pub(in crate::report) fn what(incident: &Incident) -> String {
    let names = |all: &[String]| {
        let names: Vec<&str> = all.iter().map(String::as_str).collect();
        let (named, rest) = names.split_at(names.len().min(NAMED + usize::from(names.len() == 4)));
        match rest.len() {
            0 => listed(named),
            more => format!("{} and {more} more", named.join(", ")),
        }
    };
    format!(
        "{} ({}) in {}",
        names(&incident.purposes),
        names(&incident.traffic),
        names(&incident.subnets)
    )
}

/// When it began and ended, to the second or better.
pub(in crate::report) fn since(incident: &Incident) -> Text {
    let text = Text::toned(Tone::Strong, &incident.first_denied);
    let packets = incident
        .after
        .iter()
        .all(|decider| decider.outcome.is_some());
    let worked = if packets { "answered" } else { "allowed" };
    let mut after = match (&incident.last_allowed, incident.gap_ms) {
        (Some(last), Some(gap)) => {
            format!(
                " (last {worked} {}, {} before)",
                clock(last),
                span(gap as i64)
            )
        }
        (Some(last), None) => format!(" (last surely {worked} {})", clock(last)),
        (None, _) => format!(" or before: it was never seen {worked}"),
    };
    if let Some(last) = &incident.last_start {
        after.extend(["; everywhere since ", clock(last)]);
    }
    match &incident.ended {
        Some(ended) => after.extend(["; works again since ", ended]),
        None => after.push_str("; goes on"),
    }
    text.plain(&after)
}

/// The time of day, where the date stands beside it.
fn clock(time: &str) -> &str {
    time.split_once('T').map_or(time, |(_, clock)| clock)
}

/// The rule that denies, and the one that allowed; or what packets showed.
pub(in crate::report) fn by(incident: &Incident) -> Option<Text> {
    let named = |deciders: &[Decider]| -> Vec<String> {
        let mut names: Vec<String> = deciders
            .iter()
            .filter(|decider| !decider.rule.is_empty())
            .map(|decider| decider.rule.clone())
            .collect();
        names.sort();
        names.dedup();
        names
    };
    let holders = |deciders: &[Decider]| -> Vec<String> {
        let mut names: Vec<String> = deciders
            .iter()
            .filter(|decider| !decider.nsg.is_empty())
            .map(|decider| decider.nsg.clone())
            .collect();
        names.sort();
        names.dedup();
        names
    };
    let (after, before) = (named(&incident.after), named(&incident.before));
    if after.is_empty() {
        let mut outcomes: Vec<&str> = incident
            .after
            .iter()
            .filter_map(|decider| decider.outcome.map(Outcome::name))
            .collect();
        outcomes.sort_unstable();
        outcomes.dedup();
        let text = format!(
            "nobody that the packets name: connections are {}",
            listed(&outcomes)
        );
        return (!outcomes.is_empty()).then(|| Text::new().plain(&text));
    }
    let list = |names: &[String]| listed(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let mut text = Text::new()
        .plain("rule ")
        .push(Tone::Strong, &list(&after))
        .plain(" of ")
        .push(Tone::Strong, &list(&holders(&incident.after)));
    if !before.is_empty() && before != after {
        text = text
            .plain("; before it ")
            .plain(&list(&before))
            .plain(" allowed");
    }
    if after.iter().all(|rule| user_rule(rule).is_none()) {
        text = text.plain(" (a default rule: the rule that allowed is gone, or no longer matches)");
    }
    Some(text)
}
