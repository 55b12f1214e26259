//! The first screen: what is wrong and why, then the verdict of every purpose in every subnet.

use maud::{Markup, html};

use super::{ids, pieces};
use crate::audit::{Audit, Requirement, Verdict};
use crate::report::number::{between, counted, grouped, percent};
use crate::report::purpose::{self, Purpose, is_silent, listed, subnets};
use crate::report::text::answer;

/// More subnets than this are named in words, not in columns.
const COLUMNS: usize = 12;

/// The page's title.
pub(super) fn title(audit: &Audit) -> String {
    format!("Network audit: {}", audit.basis.title)
}

pub(super) fn header(audit: &Audit, sections: &[(&str, &str)]) -> Markup {
    html! {
        a class="skip" href="#main" { "Skip to the verdicts" }
        header {
            h1 { (title(audit)) }
            (seen(audit))
            div class={ "answer " (if is_bad(audit) { "is-bad" } else { "is-quiet" }) } {
                (answer_lines(audit))
            }
        }
        nav aria-label="Sections" { ul {
                @for (id, heading) in sections { li { a href=(ids::link(id)) { (heading) } } }
        } }
        "\n"
    }
}

/// The lines that the text report begins with too.
fn answer_lines(audit: &Audit) -> Markup {
    let lines = answer(audit);
    html! {
        @for group in lines.chunk_by(|a, b| a.listed == b.listed) {
            @if group[0].listed {
                ul { @for line in group { li { (pieces::toned(&line.text.pieces())) } } }
            } @else {
                @for line in group { p { (pieces::toned(&line.text.pieces())) } }
            }
        }
    }
}

fn is_bad(audit: &Audit) -> bool {
    audit.input.tuples.counted == 0
        || audit.requirements.iter().any(|requirement| {
            let bad = matches!(
                requirement.verdict,
                Verdict::Blocked | Verdict::PartlyBlocked
            );
            bad && !requirement.advice
        })
}

/// When, how much, how complete.
fn seen(audit: &Audit) -> Markup {
    let input = &audit.input;
    html! {
        p class="seen" {
            @if let (Some(first), Some(last)) = (&input.first, &input.last) {
                (pieces::time(first)) " to " (pieces::time(last))
                @if let Some(length) = between(first, last) { " (" (length) ")" }
                " · "
            }
            (counted(input.tuples.counted, "tuple"))
            @if input.coverage.interfaces > 0 || input.captures.is_none() {
                " · coverage " (percent(input.coverage.per_mille))
            }
            " · profile " code { (audit.basis.profile) }
        }
    }
}

pub(super) fn verdicts(audit: &Audit) -> Markup {
    let purposes = purpose::gathered(audit);
    let subnets = subnets(audit);
    let (silent, told): (Vec<&Purpose<'_>>, Vec<_>) =
        purposes.iter().partition(|purpose| is_silent(purpose));
    html! {
        section id="verdicts" aria-labelledby="verdicts-heading" {
            h2 id="verdicts-heading" { "Verdicts" }
            (tally(audit))
            @if purposes.is_empty() { p { "The profile requires nothing of these subnets." } }
            @if !told.is_empty() { (table(&told, &subnets, "Purposes by subnet, worst first")) }
            @if !silent.is_empty() {
                details {
                    summary {
                        (counted(silent.len() as u64, "purpose")) " with nothing to show in any subnet: "
                        "unproven (no flow seen, neither working nor blocked) or not applicable"
                    }
                    (table(&silent, &subnets, "Purposes of which nothing was seen"))
                }
            }
        }
        "\n"
    }
}

/// How many requirements have each verdict. Serves as the legend too.
fn tally(audit: &Audit) -> Markup {
    html! {
        ul class="tally" aria-label="Requirements by verdict" {
            @for verdict in Verdict::ALL {
                @let count = audit.requirements.iter().filter(|requirement| requirement.verdict == verdict).count();
                @if count > 0 {
                    li {
                        b { (grouped(count as u64)) } " " (pieces::verdict(verdict))
                        span class="quiet" { (pieces::meaning(verdict)) }
                    }
                }
            }
        }
    }
}

fn table(purposes: &[&Purpose<'_>], subnets: &[&str], caption: &str) -> Markup {
    let wide = subnets.len() <= COLUMNS;
    html! {
        div class="scroll" tabindex="0" role="region" aria-label=(caption) {
            table class="verdicts" {
                caption { (caption) }
                thead { tr {
                    th scope="col" { "Purpose" }
                    th scope="col" { "Direction" }
                    th scope="col" { "Ports" }
                    @if wide { @for subnet in subnets { th scope="col" { (subnet) } } }
                    @else { th scope="col" { "Subnets" } }
                } }
                tbody {
                    @for purpose in purposes {
                        tr {
                            th scope="row" { (purpose.row().purpose) (remarks(purpose.row())) }
                            td { (purpose.direction()) }
                            td { (purpose::ports(purpose.row())) }
                            @if wide { @for subnet in subnets { td class="verdict" { (cell(purpose, subnet)) } } }
                            @else { td { (in_words(purpose)) } }
                        }
                    }
                }
            }
        }
    }
}

/// What makes a requirement less than one.
pub(super) fn remarks(row: &Requirement) -> Markup {
    html! {
        @if row.advice { " " span class="remark" { "advice" } }
        @if !row.condition.is_empty() { " " span class="remark" title=(row.condition) { "conditional" } }
    }
}

/// The verdict in one subnet, linked to the requirement that it is of.
fn cell(purpose: &Purpose<'_>, subnet: &str) -> Markup {
    let worst = purpose
        .requirements
        .iter()
        .filter(|requirement| requirement.subnet == subnet)
        .min_by_key(|requirement| requirement.verdict);
    html! {
        @if let Some(requirement) = worst {
            a href=(ids::link(&ids::requirement(requirement))) title=(requirement.reason) {
                (pieces::verdict(requirement.verdict))
            }
        } @else {
            span class="quiet" { "not asked" }
        }
    }
}

fn in_words(purpose: &Purpose<'_>) -> Markup {
    html! {
        ul class="plain-list" {
            @for verdict in Verdict::ALL {
                @let subnets = purpose.subnets_with(verdict);
                @if !subnets.is_empty() {
                    li { (pieces::verdict(verdict)) " " (grouped(subnets.len() as u64)) ": " (listed(&subnets)) }
                }
            }
        }
    }
}
