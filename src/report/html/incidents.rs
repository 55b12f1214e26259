//! What broke: requirements that broke together, since when, by which change, how sure, what to do.

use maud::{Markup, html};

use super::{ids, pieces};
use crate::audit::{Audit, Incident, Requirement};
use crate::diagnose::{Judged, diagnose};
use crate::report::number::{counted, grouped};
use crate::report::text::Tone;
use crate::report::text::incident::{by, since, what};

/// Incidents shown.
const SHOWN: usize = 50;
/// Requirements linked from one.
const LINKS: usize = 12;

pub(super) fn section(audit: &Audit) -> Markup {
    let causes = diagnose(audit).causes;
    let total = audit.incidents.len();
    html! {
        section id="incidents" aria-labelledby="incidents-heading" {
            h2 id="incidents-heading" { "Incidents" }
            p class="lead" {
                @if total == 0 { "No requirement was seen to break." }
                @else { "Requirements that broke together, by the times of single flows. All times are UTC." }
            }
            @for (number, incident) in audit.incidents.iter().take(SHOWN).enumerate() {
                @let of_it = causes.iter().filter(|cause| cause.incident == Some(number));
                (one(audit, incident, &of_it.collect::<Vec<_>>()))
            }
            (pieces::left_out(SHOWN, total, "incidents"))
        }
        "\n"
    }
}

fn one(audit: &Audit, incident: &Incident, causes: &[&Judged]) -> Markup {
    let id = ids::incident(incident);
    let title = what(incident);
    let (sign, class) = match (&incident.ended, incident.advice) {
        (Some(_), _) => ("over", "s-low"),
        (None, true) => ("advice", "s-medium"),
        (None, false) => ("broken", "s-critical"),
    };
    html! {
        article class={ "finding " (class) } id=(id) aria-labelledby={ (id) "/title" } {
            h3 id={ (id) "/title" } {
                span class={ "s " (class) } { (sign) } " " (title)
                " " a class="anchor" href=(ids::link(&id)) aria-label={ "Link to this incident, " (title) } { "#" }
            }
            dl {
                dt { "Since" } dd { (pieces::toned(&since(incident).pieces())) }
                @if let Some(by) = by(incident) { dt { "By" } dd { (pieces::toned(&by.pieces())) } }
                dt { "Sure" } dd { b { (incident.confidence.name()) } ": " (incident.basis) }
                dt { "Broke" } dd { (counted(incident.requirements, "requirement")) (broke(audit, incident)) }
            }
            @for cause in causes { (of_cause(cause)) }
            (pieces::commands(&commands(causes), &title))
        }
        "\n"
    }
}

/// Links to the requirements that broke.
fn broke(audit: &Audit, incident: &Incident) -> Markup {
    let is_of = |requirement: &&Requirement| {
        incident.rows.contains(&requirement.row)
            && incident.subnets.contains(&requirement.subnet)
            && requirement.changes.iter().any(|change| change.breaks)
    };
    let all: Vec<&Requirement> = audit.requirements.iter().filter(is_of).collect();
    html! {
        @for (number, requirement) in all.iter().take(LINKS).enumerate() {
            (if number == 0 { ": " } else { ", " })
            a href=(ids::link(&ids::requirement(requirement))) { (requirement.purpose) " (" (requirement.subnet) ")" }
        }
        @if all.len() > LINKS { " and " (grouped((all.len() - LINKS) as u64)) " more" }
    }
}

/// A cause that the evidence shows or fits, and what to do.
fn of_cause(cause: &Judged) -> Markup {
    html! {
        p { b class=(pieces::tone(Tone::Strong)) { (cause.title) "." } " " (cause.breaks) }
        @if !cause.remedy.is_empty() { ul { @for line in &cause.remedy { li { (line) } } } }
    }
}

/// The commands of all causes, each once.
fn commands(causes: &[&Judged]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for command in causes.iter().flat_map(|cause| &cause.commands) {
        if !lines.contains(command) {
            lines.push(command.clone());
        }
    }
    lines
}
