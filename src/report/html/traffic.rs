//! Flow groups: the first as a table for every reader, all as data for the script.

use std::fmt::Write as _;

use maud::{Markup, html};

use super::pieces;
use crate::audit::{Audit, TrafficClass, TrafficGroup};
use crate::report::number::{bytes, counted, grouped};
use crate::report::text::class;

/// Groups that are shown without the script.
const SHOWN: usize = 50;

/// All classes, worst first.
const CLASSES: [TrafficClass; 8] = [
    TrafficClass::BlockedRequired,
    TrafficClass::OpenUnneeded,
    TrafficClass::Undetermined,
    TrafficClass::Needed,
    TrafficClass::RightlyBlocked,
    TrafficClass::Platform,
    TrafficClass::OneSided,
    TrafficClass::Other,
];

pub(super) fn section(audit: &Audit) -> Markup {
    let groups = &audit.groups;
    html! {
        section id="traffic" aria-labelledby="traffic-heading" {
            h2 id="traffic-heading" { "Flow groups" }
            p class="lead" {
                "All flows with the same ends, protocol, port, direction, decision and rule are one group, as each observer logged "
                "them: a flow that two interfaces logged is in two groups."
            }
            @if groups.is_empty() { p { "No flow was counted." } }
            @else {
                (classes(groups))
                (controls(groups))
                (table(groups))
            }
        }
        "\n"
    }
}

/// How much of the traffic is of which class.
fn classes(groups: &[TrafficGroup]) -> Markup {
    html! {
        div class="scroll" tabindex="0" role="region" aria-label="Groups by class" {
            table class="classes" {
                caption { "Groups by class" }
                thead { tr {
                    th scope="col" { "Class" } th scope="col" class="number" { "Groups" } th scope="col" class="number" { "Flows" }
                    th scope="col" class="number" { "Volume" } th scope="col" { "Which is" }
                } }
                tbody { @for class in CLASSES { (class_row(groups, class)) } }
            }
        }
    }
}

fn class_row(groups: &[TrafficGroup], class_of: TrafficClass) -> Markup {
    let (name, tone, meaning) = class(class_of);
    let (mut count, mut flows, mut volume) = (0u64, 0u64, 0u64);
    for group in groups.iter().filter(|group| group.class == class_of) {
        count += 1;
        flows = flows.saturating_add(group.flows);
        volume = volume
            .saturating_add(group.bytes_forward)
            .saturating_add(group.bytes_reverse);
    }
    html! {
        @if count > 0 {
            tr {
                th scope="row" class=(pieces::tone(tone)) { (name) }
                td class="number" { (grouped(count)) } td class="number" { (grouped(flows)) } td class="number" { (bytes(volume)) }
                td { (meaning) }
            }
        }
    }
}

/// What only the script can do; hidden until it runs.
fn controls(groups: &[TrafficGroup]) -> Markup {
    html! {
        form id="filters" hidden {
            label { "Search " input id="q" type="search" size="34" autocomplete="off" spellcheck="false"
                placeholder="name, port, rule, tag; \"two words\"; -not"; }
            label { "Class " select id="class" {
                option value="" { "all" }
                @for class_of in CLASSES {
                    @if groups.iter().any(|group| group.class == class_of) { option { (class(class_of).0) } }
                }
            } }
            label { "Decision " select id="decision" { option value="" { "all" } option { "allow" } option { "deny" } } }
            label { "Direction " select id="direction" { option value="" { "all" } option { "inbound" } option { "outbound" } } }
            button type="reset" { "Clear" }
        }
    }
}

fn table(groups: &[TrafficGroup]) -> Markup {
    let given = groups.iter().any(|group| group.given.is_some());
    let shown = groups.len().min(SHOWN);
    html! {
        p id="groups-said" class="note" {
            @if groups.len() > shown {
                "The first " (grouped(shown as u64)) " of " (counted(groups.len() as u64, "group")) ", the worst class first, of each the "
                "largest first. With JavaScript all can be searched and sorted."
            } @else { "All " (counted(groups.len() as u64, "group")) ", the worst class first." }
        }
        div class="scroll" tabindex="0" role="region" aria-label="Table of flow groups" {
            table id="groups" class="groups" {
                caption { "Flow groups" }
                thead { tr {
                    th scope="col" data-sort="class" { "Class" }
                    th scope="col" data-sort="source" { "From" }
                    th scope="col" data-sort="destination" { "To" }
                    th scope="col" data-sort="port" { "Port" }
                    th scope="col" data-sort="direction" { "Direction" }
                    th scope="col" data-sort="decision" { "Decision" }
                    th scope="col" class="number" data-sort="flows" { "Flows" }
                    th scope="col" class="number" data-sort="bytes" { "Volume" }
                    th scope="col" data-sort="first" { "First" }
                    th scope="col" data-sort="last" { "Last" }
                    th scope="col" data-sort="rule" { "Rule" }
                    @if given { th scope="col" data-sort="given" { "Given rules" } }
                    th scope="col" data-sort="rows" { "Required by" }
                } }
                tbody { @for group in groups.iter().take(SHOWN) { (row(group, given)) } }
            }
        }
        div id="pager" hidden role="group" aria-label="Pages of flow groups" {
            button type="button" data-page="-1" { "Previous" }
            output id="page-said" {}
            button type="button" data-page="1" { "Next" }
        }
    }
}

/// A row, of the same cells as the script's.
fn row(group: &TrafficGroup, given: bool) -> Markup {
    html! {
        tr {
            td { (class(group.class).0) }
            td { (group.source) }
            td { (group.destination) }
            td { (group.protocol) @if let Some(port) = group.port { " " (port) } }
            td { (group.direction) }
            td { (group.decision) @if let Some(outcome) = group.outcome { ", " (outcome.name()) } }
            td class="number" { (grouped(group.flows)) }
            td class="number" { (bytes(group.bytes_forward.saturating_add(group.bytes_reverse))) }
            td class="mono" { (group.first) }
            td class="mono" { (group.last) }
            td { (rule(group)) }
            @if given { td { (ruling(group)) } }
            td { (rows(&group.rows)) }
        }
    }
}

/// Rows named in a cell.
const ROWS: usize = 2;

/// `profile/row, profile/other-row, +3`.
fn rows(rows: &[String]) -> String {
    let mut text = rows[..rows.len().min(ROWS)].join(", ");
    if rows.len() > ROWS {
        _ = write!(text, ", +{}", rows.len() - ROWS);
    }
    text
}

/// `UserRule_x of NSG-APIM`.
pub(super) fn rule(group: &TrafficGroup) -> String {
    match (group.rule.as_str(), group.nsg.as_str()) {
        ("", nsg) => nsg.to_owned(),
        (rule, "") => rule.to_owned(),
        (rule, nsg) => format!("{rule} of {nsg}"),
    }
}

/// What the given rules do with it.
pub(super) fn ruling(group: &TrafficGroup) -> String {
    let Some(given) = &group.given else {
        return String::new();
    };
    let word = given.answer.name();
    if given.by.is_empty() {
        word.to_owned()
    } else {
        format!("{word}: {}", given.by)
    }
}
