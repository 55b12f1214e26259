//! Every requirement: what is required, what the rules say of it, what was seen of it.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::summary::remarks;
use super::{ids, pieces};
use crate::audit::{Audit, ConfiguredText, ConfiguredVerdict, Observed, Requirement, Verdict};
use crate::report::number::{counted, grouped};
use crate::report::purpose::{self, Purpose};

/// Requirements shown.
const SHOWN: usize = 1_500;
/// Sentences shown of what the rules do.
const REASONS: usize = 4;

pub(super) fn section(audit: &Audit) -> Markup {
    let configured = audit
        .requirements
        .iter()
        .any(|requirement| requirement.configured.is_some());
    let mut purposes = purpose::gathered(audit);
    let mut room = SHOWN;
    for purpose in &mut purposes {
        purpose.requirements.truncate(room);
        room -= purpose.requirements.len();
    }
    purposes.retain(|purpose| !purpose.requirements.is_empty());
    let files = Files::of(&purposes);
    html! {
        section id="requirements" aria-labelledby="requirements-heading" {
            h2 id="requirements-heading" { "Requirements" }
            p class="lead" {
                "Required, configured, observed: what the profile asks of each subnet, what the given rules do with all "
                "packets of it, and what was seen."
                @if !configured { " No rules were given: what is configured is not known, and only flows decide." }
            }
            @for purpose in &purposes { (one(purpose, configured, &files)) }
            (pieces::left_out(SHOWN, audit.requirements.len(), "requirements"))
            (files.list())
        }
        "\n"
    }
}

fn one(purpose: &Purpose<'_>, configured: bool, files: &Files<'_>) -> Markup {
    let row = purpose.row();
    html! {
        details class="purpose" open[purpose.worst <= Verdict::AtRisk] {
            summary {
                (pieces::verdict(purpose.worst)) " " b { (row.purpose) } (remarks(row))
                " " span class="quiet" { (purpose.traffic()) }
            }
            dl {
                dt { "Required" } dd { (purpose.traffic()) ", " (row.source) " → " (row.destination) }
                @if !row.condition.is_empty() { dt { "When" } dd { (row.condition) } }
                @if !row.impact.is_empty() { dt { "Blocked, it means" } dd { (row.impact) } }
                dt { "Source" } dd { code { (row.row) } @if !row.reference.is_empty() { ", " (row.reference) } }
            }
            div class="scroll" tabindex="0" role="region" aria-label={ "Subnets: " (row.purpose) ", " (purpose.traffic()) } {
                table class="requirement" {
                    caption class="unseen" { (row.purpose) ", " (purpose.traffic()) ": by subnet" }
                    thead { tr {
                        th scope="col" { "Subnet" }
                        th scope="col" { "Verdict" }
                        @if configured { th scope="col" { "Configured" } }
                        th scope="col" { "Observed: allowed" }
                        th scope="col" { "Observed: denied" }
                    } }
                    tbody { @for requirement in &purpose.requirements { (in_subnet(purpose, requirement, configured, files)) } }
                }
            }
        }
        "\n"
    }
}

fn in_subnet(
    purpose: &Purpose<'_>,
    requirement: &Requirement,
    configured: bool,
    files: &Files<'_>,
) -> Markup {
    html! {
        tr id=(ids::requirement(requirement)) {
            th scope="row" {
                (requirement.subnet)
                @if purpose.directions.len() > 1 { br; span class="quiet" { (requirement.direction) } }
            }
            td class="why" { (pieces::verdict(requirement.verdict)) " " (requirement.reason) (packets(requirement)) }
            @if configured { td { (rules(requirement.configured.as_ref())) } }
            td { (pieces::observed(&requirement.allowed)) (files.first(&requirement.allowed)) }
            td { (pieces::observed(&requirement.denied)) (files.first(&requirement.denied)) }
        }
    }
}

/// What became of captured connections.
fn packets(requirement: &Requirement) -> Markup {
    html! {
        @for of in &requirement.packets {
            br; "packets: " (counted(of.connections, "connection")) " " (of.outcome.name())
        }
    }
}

/// The files that hold the first tuples, by number: their paths are long, and the same again and again.
struct Files<'a> {
    numbers: BTreeMap<&'a str, usize>,
    in_order: Vec<&'a str>,
}

impl<'a> Files<'a> {
    fn of(purposes: &[Purpose<'a>]) -> Self {
        let mut files = Self {
            numbers: BTreeMap::new(),
            in_order: Vec::new(),
        };
        let requirements = purposes
            .iter()
            .flat_map(|purpose| purpose.requirements.iter().copied());
        for seen in requirements.flat_map(|requirement| [&requirement.allowed, &requirement.denied])
        {
            if let Some(sample) = seen.samples.first() {
                files.numbers.entry(&sample.file).or_insert_with(|| {
                    files.in_order.push(&sample.file);
                    files.in_order.len()
                });
            }
        }
        files
    }

    /// The first tuple, as evidence; findings have more.
    fn first(&self, seen: &Observed) -> Markup {
        html! {
            @if let Some(sample) = seen.samples.first() {
                br; span class="sample" { (sample.tuple) }
                @if let Some(number) = self.numbers.get(sample.file.as_str()) {
                    br; a class="sample" href={ "#file/" (number) } { "file " (number) } span class="sample" { ":" (sample.offset) }
                }
            }
        }
    }

    fn list(&self) -> Markup {
        html! {
            @if !self.in_order.is_empty() {
                details {
                    summary { (counted(self.in_order.len() as u64, "file")) " cited above" }
                    ol class="files" { @for (index, file) in self.in_order.iter().enumerate() {
                        li id={ "file/" (index + 1) } class="path" { (file) }
                    } }
                }
            }
        }
    }
}

fn rules(configured: Option<&ConfiguredText>) -> Markup {
    let Some(configured) = configured else {
        return html! { span class="quiet" { "not known" } };
    };
    let (word, class) = match configured.verdict {
        ConfiguredVerdict::Blocked => ("all denied", "bad"),
        ConfiguredVerdict::Partly => ("some denied", "doubt"),
        ConfiguredVerdict::Undetermined => ("undetermined", "doubt"),
        ConfiguredVerdict::Allowed => ("all allowed", "good"),
    };
    let left = configured.reasons.len().saturating_sub(REASONS);
    html! {
        b class=(class) { (word) }
        @for reason in configured.reasons.iter().take(REASONS) { br; (reason) }
        @if left > 0 { br; span class="quiet" { "and " (grouped(left as u64)) " more" } }
        @if !configured.rules.is_empty() { (pieces::locations(&configured.rules)) }
    }
}
