//! The time line of each requirement, all below each other on one axis.

use maud::{Markup, html};

use super::strip::{self, Axis};
use super::{ids, pieces};
use crate::audit::{Audit, Requirement};
use crate::net::Timestamp;
use crate::report::number::{counted, span};
use crate::report::purpose::ports;

/// Time lines shown.
const SHOWN: usize = 400;

pub(super) fn section(audit: &Audit) -> Markup {
    let Some(axis) = Axis::of(audit) else {
        return html! {
            section id="times" aria-labelledby="times-heading" {
                h2 id="times-heading" { "Time lines" }
                p { "No flow of a requirement was seen." }
            }
            "\n"
        };
    };
    let seen: Vec<&Requirement> = audit
        .requirements
        .iter()
        .filter(|requirement| has_buckets(requirement))
        .collect();
    let total = seen.len();
    let (troubled, others): (Vec<&Requirement>, Vec<_>) = seen
        .into_iter()
        .take(SHOWN)
        .partition(|requirement| requirement.denied.flows > 0);
    html! {
        section id="times" aria-labelledby="times-heading" data-start=(axis.start) data-minutes=(axis.length) {
            h2 id="times-heading" { "Time lines" }
            p class="lead" {
                "Flows begun, of each requirement: " span class="key allowed" { "allowed upward" } ", "
                span class="key denied" { "denied downward" } ", each strip to its own scale. "
                "A solid line marks where flows are denied from, a dotted one where they were last seen allowed, or are again. "
                (bucket(audit)) "All times are UTC."
            }
            div class="zoom" hidden role="group" aria-label="Zoom of all time lines" {
                button type="button" data-zoom="in" { "Zoom in" }
                button type="button" data-zoom="out" { "Zoom out" }
                button type="button" data-zoom="back" { "Earlier" }
                button type="button" data-zoom="on" { "Later" }
                button type="button" data-zoom="change" { "Around the first denial" }
                button type="button" data-zoom="all" { "All" }
                output id="zoom-window" { (Timestamp(axis.start)) " to " (Timestamp(axis.start + axis.length * 60_000)) }
            }
            (axis_row(axis))
            (rows(axis, &troubled))
            @if !others.is_empty() {
                details open[troubled.is_empty()] {
                    summary { (counted(others.len() as u64, "requirement")) " without a denied flow" }
                    (rows(axis, &others))
                }
            }
            (pieces::left_out(SHOWN, total, "time lines"))
        }
        "\n"
    }
}

fn has_buckets(requirement: &Requirement) -> bool {
    [&requirement.allowed, &requirement.denied]
        .iter()
        .any(|seen| !seen.timeline.counts.is_empty())
}

/// What a bar stands for.
fn bucket(audit: &Audit) -> Markup {
    let widths = audit.requirements.iter().flat_map(|requirement| {
        [&requirement.allowed.timeline, &requirement.denied.timeline].map(|timeline| {
            if timeline.counts.is_empty() {
                0
            } else {
                timeline.bucket_minutes
            }
        })
    });
    let widest = widths.max().unwrap_or(0);
    html! { @if widest > 0 { "A step is " (span(widest.saturating_mul(60_000))) ". " } }
}

/// Times above the strips. Places are parts of the width, so that text is not stretched.
fn axis_row(axis: Axis) -> Markup {
    html! {
        div class="time-row axis-row" aria-hidden="true" {
            div {}
            svg class="axis" height="20" {
                @for (minute, words) in axis.ticks() {
                    @let at = minute as f64 * 100.0 / axis.length as f64;
                    text x={ (format!("{at:.2}")) "%" } y="14" { (words) }
                }
            }
        }
    }
}

fn rows(axis: Axis, requirements: &[&Requirement]) -> Markup {
    html! {
        ul class="times" {
            @for requirement in requirements {
                li class="time-row" {
                    div class="time-label" {
                        a href=(ids::link(&ids::requirement(requirement))) { (requirement.subnet) } " "
                        span { (requirement.direction) " " (ports(requirement)) }
                        " " span class="quiet" { (requirement.purpose) }
                    }
                    (strip::strip(axis, &requirement.allowed, &requirement.denied, &requirement.changes))
                }
            }
        }
    }
}
