//! The audit's lists as flat tables: the columns that CSV and Parquet share.
//!
//! Names stay; new columns are added at the end.

use std::borrow::Cow;

use crate::audit::{Finding, Observed, Requirement, TrafficClass, TrafficGroup};
use crate::audit::{RuleLocation, checks};

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Text.
    Text,
    /// A number from 0 on.
    Count,
    /// A port.
    Port,
    /// A time, UTC, in milliseconds.
    Time,
    /// Yes or no.
    Flag,
}

/// A value in a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cell<'a> {
    /// Not known, or there is none.
    None,
    /// Others' text, or ours.
    Text(Cow<'a, str>),
    /// A count or a port.
    Number(u64),
    /// A time as RFC 3339.
    Time(&'a str),
    /// Yes or no.
    Flag(bool),
}

/// A column of a table of `T`.
pub(super) struct Column<T> {
    /// Its name.
    pub(super) name: &'static str,
    /// What it holds.
    pub(super) kind: Kind,
    /// Its value in a row.
    pub(super) cell: fn(&T) -> Cell<'_>,
}

const fn column<T>(
    name: &'static str,
    kind: Kind,
    cell: for<'a> fn(&'a T) -> Cell<'a>,
) -> Column<T> {
    Column { name, kind, cell }
}

/// Text; empty is none.
fn text(text: &str) -> Cell<'_> {
    if text.is_empty() {
        Cell::None
    } else {
        Cell::Text(Cow::Borrowed(text))
    }
}

fn owned(text: String) -> Cell<'static> {
    if text.is_empty() {
        Cell::None
    } else {
        Cell::Text(Cow::Owned(text))
    }
}

fn time(time: Option<&String>) -> Cell<'_> {
    time.map_or(Cell::None, |time| Cell::Time(time))
}

/// Row names in one cell: they hold no blanks.
fn list(items: &[String]) -> Cell<'_> {
    owned(items.join(" "))
}

/// `NSG/rule` of each, one a line.
fn rules(rules: &[RuleLocation]) -> Cell<'_> {
    let names: Vec<String> = rules
        .iter()
        .map(|rule| format!("{}/{}", rule.nsg, rule.rule))
        .collect();
    owned(names.join("\n"))
}

/// The rule that decided most flows.
fn first_rule(observed: &Observed) -> Cell<'_> {
    observed
        .rules
        .first()
        .map_or(Cell::None, |rule| text(&rule.rule))
}

/// The stable word of a class, as the JSON has it.
pub(super) fn class_word(class: TrafficClass) -> &'static str {
    match class {
        TrafficClass::BlockedRequired => "blocked-required",
        TrafficClass::OpenUnneeded => "open-unneeded",
        TrafficClass::Undetermined => "undetermined",
        TrafficClass::Needed => "needed",
        TrafficClass::RightlyBlocked => "rightly-blocked",
        TrafficClass::Platform => "platform",
        TrafficClass::OneSided => "one-sided",
        TrafficClass::Other => "other",
    }
}

/// Flow groups.
pub(super) static GROUPS: [Column<TrafficGroup>; 20] = [
    column("source", Kind::Text, |group| text(&group.source)),
    column("destination", Kind::Text, |group| text(&group.destination)),
    column("protocol", Kind::Text, |group| text(&group.protocol)),
    column("port", Kind::Port, |group| {
        group
            .port
            .map_or(Cell::None, |port| Cell::Number(port.into()))
    }),
    column("direction", Kind::Text, |group| {
        owned(group.direction.to_string())
    }),
    column("decision", Kind::Text, |group| {
        owned(group.decision.to_string())
    }),
    column("log", Kind::Text, |group| text(&group.log)),
    column("nsg", Kind::Text, |group| text(&group.nsg)),
    column("rule", Kind::Text, |group| text(&group.rule)),
    column("outcome", Kind::Text, |group| {
        group
            .outcome
            .map_or(Cell::None, |outcome| text(outcome.name()))
    }),
    column("class", Kind::Text, |group| text(class_word(group.class))),
    column("rows", Kind::Text, |group| list(&group.rows)),
    column("flows", Kind::Count, |group| Cell::Number(group.flows)),
    column("tuples", Kind::Count, |group| Cell::Number(group.tuples)),
    column("bytes_forward", Kind::Count, |group| {
        Cell::Number(group.bytes_forward)
    }),
    column("bytes_reverse", Kind::Count, |group| {
        Cell::Number(group.bytes_reverse)
    }),
    column("first", Kind::Time, |group| Cell::Time(&group.first)),
    column("last", Kind::Time, |group| Cell::Time(&group.last)),
    column("given", Kind::Text, |group| {
        let given = group.given.as_ref();
        given.map_or(Cell::None, |given| text(given.answer.name()))
    }),
    column("given_by", Kind::Text, |group| {
        let given = group.given.as_ref();
        given.map_or(Cell::None, |given| text(&given.by))
    }),
];

/// Requirements.
pub(super) static REQUIREMENTS: [Column<Requirement>; 22] = [
    column("row", Kind::Text, |row| text(&row.row)),
    column("purpose", Kind::Text, |row| text(&row.purpose)),
    column("subnet", Kind::Text, |row| text(&row.subnet)),
    column("direction", Kind::Text, |row| {
        owned(row.direction.to_string())
    }),
    column("protocol", Kind::Text, |row| text(&row.protocol)),
    column("ports", Kind::Text, |row| text(&row.ports)),
    column("source", Kind::Text, |row| text(&row.source)),
    column("destination", Kind::Text, |row| text(&row.destination)),
    column("advice", Kind::Flag, |row| Cell::Flag(row.advice)),
    column("condition", Kind::Text, |row| text(&row.condition)),
    column("verdict", Kind::Text, |row| text(row.verdict.name())),
    column("reason", Kind::Text, |row| text(&row.reason)),
    column("impact", Kind::Text, |row| text(&row.impact)),
    column("reference", Kind::Text, |row| text(&row.reference)),
    column("allowed_flows", Kind::Count, |row| {
        Cell::Number(row.allowed.flows)
    }),
    column("allowed_first", Kind::Time, |row| {
        time(row.allowed.first.as_ref())
    }),
    column("allowed_last", Kind::Time, |row| {
        time(row.allowed.last.as_ref())
    }),
    column("denied_flows", Kind::Count, |row| {
        Cell::Number(row.denied.flows)
    }),
    column("denied_first", Kind::Time, |row| {
        time(row.denied.first.as_ref())
    }),
    column("denied_last", Kind::Time, |row| {
        time(row.denied.last.as_ref())
    }),
    column("denied_rule", Kind::Text, |row| first_rule(&row.denied)),
    column("configured_rules", Kind::Text, |row| {
        let configured = row.configured.as_ref();
        configured.map_or(Cell::None, |configured| rules(&configured.rules))
    }),
];

/// Findings.
pub(super) static FINDINGS: [Column<Finding>; 12] = [
    column("code", Kind::Text, |finding| text(&finding.code)),
    column("check", Kind::Text, |finding| text(&finding.check)),
    column("severity", Kind::Text, |finding| {
        text(checks::severity_word(finding.severity))
    }),
    column("fingerprint", Kind::Text, |finding| {
        text(&finding.fingerprint)
    }),
    column("title", Kind::Text, |finding| text(&finding.title)),
    column("details", Kind::Text, |finding| {
        owned(finding.details.join("\n"))
    }),
    column("subnet", Kind::Text, |finding| {
        finding.subnet.as_deref().map_or(Cell::None, text)
    }),
    column("rows", Kind::Text, |finding| list(&finding.rows)),
    column("flows", Kind::Count, |finding| {
        let evidence = finding.evidence.as_ref();
        evidence.map_or(Cell::None, |seen| Cell::Number(seen.flows))
    }),
    column("first", Kind::Time, |finding| {
        time(
            finding
                .evidence
                .as_ref()
                .and_then(|seen| seen.first.as_ref()),
        )
    }),
    column("last", Kind::Time, |finding| {
        time(
            finding
                .evidence
                .as_ref()
                .and_then(|seen| seen.last.as_ref()),
        )
    }),
    column("rules", Kind::Text, |finding| {
        match finding.evidence.as_ref() {
            Some(seen) if finding.rules.is_empty() => first_rule(seen),
            _ => rules(&finding.rules),
        }
    }),
];
