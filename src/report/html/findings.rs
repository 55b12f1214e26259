//! What someone should look at: worst first, each with what it means, what decided, and the evidence.

use std::collections::BTreeSet;

use maud::{Markup, html};

use super::strip::{self, Axis};
use super::{ids, pieces};
use crate::audit::{Audit, Finding, Observed, Severity};
use crate::net::Timestamp;
use crate::report::number::{counted, grouped};
use crate::report::purpose::ports;
use crate::report::text::labels;

/// Findings shown in full.
const FULL: usize = 250;
/// Findings of which the title is shown.
const TITLES: usize = 5_000;

pub(super) fn section(audit: &Audit) -> Markup {
    let axis = Axis::of(audit);
    let findings = &audit.findings;
    html! {
        section id="findings" aria-labelledby="findings-heading" {
            h2 id="findings-heading" { "Findings" }
            p class="lead" { (counts(findings)) }
            @for finding in findings.iter().take(FULL) { (one(audit, axis, finding)) }
            @if findings.len() > FULL { (titles(findings)) }
        }
        "\n"
    }
}

/// `5 critical, 1 low, 14 info`.
fn counts(findings: &[Finding]) -> Markup {
    if findings.is_empty() {
        return html! { "None." };
    }
    let worst_first = [
        Severity::Critical,
        Severity::High,
        Severity::Medium,
        Severity::Low,
        Severity::Info,
    ];
    html! {
        @for severity in worst_first {
            @let count = findings.iter().filter(|finding| finding.severity == severity).count();
            @if count > 0 {
                (badge(severity)) " " (grouped(count as u64)) " "
            }
        }
    }
}

fn badge(severity: Severity) -> Markup {
    let (word, class) = pieces::severity(severity);
    html! { span class={ "s " (class) } { (word) } }
}

fn one(audit: &Audit, axis: Option<Axis>, finding: &Finding) -> Markup {
    let id = ids::finding(finding);
    html! {
        article class={ "finding " (pieces::severity(finding.severity).1) } id=(id) aria-labelledby={ (id) "/title" } {
            h3 id={ (id) "/title" } {
                (badge(finding.severity)) " " span class="code" { (finding.code) } " " (finding.title)
                " " a class="anchor" href=(ids::link(&id)) aria-label={ "Link to this finding, " (finding.code) } { "#" }
            }
            div class="advice" {
                @for detail in &finding.details { p { (detail) } }
                // Shown by the script, which alone can copy.
                button type="button" class="copy" hidden aria-label={ "Copy the text of " (finding.code) ": " (finding.title) } { "Copy" }
            }
            dl {
                dt { "Check" } dd { (finding.check) ", " code { "nsgaudit explain " (finding.code) } }
                @if let Some(subnet) = &finding.subnet { dt { "Subnet" } dd { (named(audit, subnet)) } }
                (rows(audit, finding))
                @if let Some(seen) = &finding.evidence { dt { (labels(finding).0) } dd { (pieces::observed(seen)) } }
                @if let Some(seen) = &finding.contrast { dt { (labels(finding).1) } dd { (pieces::observed(seen)) } }
                (holders(finding))
                @if !finding.rules.is_empty() { dt { "Rules" } dd { (pieces::locations(&finding.rules)) } }
            }
            (when(axis, finding))
            @if let Some(seen) = &finding.evidence { @if !seen.samples.is_empty() {
                (pieces::samples(&seen.samples, "Evidence: the first tuples", &finding.title))
            } }
            @if let Some(seen) = &finding.contrast { @if !seen.samples.is_empty() {
                details {
                    summary { "Evidence of the contrary: " (counted(seen.samples.len() as u64, "tuple")) }
                    (pieces::samples(&seen.samples, "In contrast: the first tuples", &finding.title))
                }
            } }
        }
        "\n"
    }
}

/// Whether the evidence is what was denied, as it is where traffic is required.
fn is_denied(finding: &Finding) -> bool {
    labels(finding).0 == "denied"
}

/// `apim 10.20.0.64/27`.
fn named(audit: &Audit, subnet: &str) -> Markup {
    let known = audit
        .basis
        .subnets
        .iter()
        .find(|known| known.name == subnet);
    html! { (subnet) @if let Some(known) = known { " " code { (known.prefixes.join(", ")) } } }
}

/// NSGs named in full, since names are unique in a resource group only.
const HOLDERS: usize = 4;

fn holders(finding: &Finding) -> Markup {
    let seen = finding.evidence.iter().chain(&finding.contrast);
    let ids: BTreeSet<&str> = seen
        .flat_map(|seen| &seen.rules)
        .map(|rule| rule.nsg_id.as_str())
        .filter(|id| id.contains('/'))
        .collect();
    html! {
        @for id in ids.iter().take(HOLDERS) { dt { "NSG" } dd class="path" { (id) } }
        @if ids.len() > HOLDERS { dt {} dd class="quiet" { "and " (grouped((ids.len() - HOLDERS) as u64)) " more" } }
    }
}

/// Rows shown of a finding.
const ROWS: usize = 8;

fn rows(audit: &Audit, finding: &Finding) -> Markup {
    html! {
        @for row in finding.rows.iter().take(ROWS) {
            @let requirement = audit.requirements.iter().find(|requirement| {
                requirement.row == *row && finding.subnet.as_ref().is_none_or(|subnet| *subnet == requirement.subnet)
            });
            dt { "Required" }
            dd {
                @if let Some(of) = requirement {
                    (of.direction) " " (ports(of)) ", " (of.source) " → " (of.destination) " "
                    a href=(ids::link(&ids::requirement(of))) { (row) }
                } @else { (row) }
            }
        }
        @if finding.rows.len() > ROWS {
            dt {} dd class="quiet" { "and " (counted((finding.rows.len() - ROWS) as u64, "row")) " more" }
        }
    }
}

fn when(axis: Option<Axis>, finding: &Finding) -> Markup {
    let none = Observed::default();
    let (Some(axis), Some(seen)) = (axis, &finding.evidence) else {
        return html! {};
    };
    if seen.timeline.counts.is_empty() {
        return html! {};
    }
    let contrast = finding.contrast.as_ref().unwrap_or(&none);
    let (allowed, denied) = if is_denied(finding) {
        (contrast, seen)
    } else {
        (seen, contrast)
    };
    html! { div class="finding-strip" {
        (strip::strip(axis, allowed, denied, &[]))
        div class="ends" aria-hidden="true" {
            span { (pieces::time(&Timestamp(axis.start).to_string())) }
            span { (pieces::time(&Timestamp(axis.start + axis.length * 60_000).to_string())) }
        }
    } }
}

/// The findings that are too many to be shown in full.
fn titles(findings: &[Finding]) -> Markup {
    let shown = findings.len().min(TITLES);
    html! {
        h3 { "More findings" }
        (pieces::left_out(FULL, findings.len(), "findings are shown in full; of the others the title follows"))
        ul class="titles" {
            @for finding in &findings[FULL..shown] {
                li id=(ids::finding(finding)) { (badge(finding.severity)) " " span class="code" { (finding.code) } " " (finding.title) }
            }
        }
        @if findings.len() > shown {
            p class="note" { "And " (grouped((findings.len() - shown) as u64)) " more, in " code { "--format json" } "." }
        }
    }
}
