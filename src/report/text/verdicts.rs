//! The verdict of every purpose in every audited subnet.

use super::joint;
use super::page::{Page, Text, Tone};
use super::table::{Align, Table};
use crate::audit::{Audit, Verdict};
use crate::report::purpose::{self, Purpose, is_silent, listed, ports, subnets};

/// More subnets than this are named in words, not in columns.
const COLUMNS: usize = 6;
/// Columns that a subnet's heading may take; longer names are numbered.
const NAME: usize = 11;

pub(super) fn print(page: &mut Page, audit: &Audit, all: bool) {
    let purposes = purpose::gathered(audit);
    if purposes.is_empty() {
        return;
    }
    let joined = joint::has_rules(audit);
    let remark = if joined {
        "required x configured x observed, worst first"
    } else {
        "purpose by subnet, worst first"
    };
    page.heading("REQUIREMENTS", remark);
    let subnets = subnets(audit);
    let silent = |purpose: &&Purpose<'_>| !all && is_silent(purpose);
    let told: Vec<&Purpose<'_>> = purposes.iter().filter(|purpose| !silent(purpose)).collect();
    if !told.is_empty() {
        if joined {
            joint::table(page, &told, subnets.len());
            joint::legend(page);
        } else if subnets.len() <= COLUMNS {
            grid(page, &told, &subnets);
        } else {
            list(page, &told);
        }
        legend(page, &told, &subnets);
    }
    for (verdict, remark) in [
        (
            Verdict::Unproven,
            "Unproven in every subnet: no flow seen, neither working nor blocked",
        ),
        (Verdict::NotApplicable, "Not applicable here"),
    ] {
        let rest: Vec<&Purpose<'_>> = purposes
            .iter()
            .filter(|purpose| silent(purpose) && purpose.worst == verdict)
            .collect();
        collapsed(page, &rest, remark, !told.is_empty());
    }
    if all {
        reasons(page, &purposes);
    }
}

/// A verdict in a cell.
pub(super) fn mark(verdict: Option<Verdict>) -> Text {
    match verdict {
        Some(Verdict::Blocked) => Text::toned(Tone::Bad, "BLOCK"),
        Some(Verdict::PartlyBlocked) => Text::toned(Tone::Doubtful, "part"),
        Some(Verdict::AtRisk) => Text::toned(Tone::Doubtful, "risk"),
        Some(Verdict::Unproven) => Text::toned(Tone::Quiet, "?"),
        Some(Verdict::SatisfiedUnseen) => Text::toned(Tone::Good, "(ok)"),
        Some(Verdict::Satisfied) => Text::toned(Tone::Good, "ok"),
        Some(Verdict::NotApplicable) => Text::toned(Tone::Quiet, "n/a"),
        None => Text::toned(Tone::Quiet, "-"),
    }
}

fn grid(page: &mut Page, purposes: &[&Purpose<'_>], subnets: &[&str]) {
    let numbered = subnets
        .iter()
        .any(|name| Text::new().plain(name).width() > NAME);
    let headings: Vec<String> = subnets
        .iter()
        .enumerate()
        .map(|(index, name)| {
            if numbered {
                format!("[{}]", index + 1)
            } else {
                (*name).to_owned()
            }
        })
        .collect();
    let columns = [
        (Align::Left, "purpose"),
        (Align::Left, "way"),
        (Align::Left, "ports"),
    ]
    .into_iter()
    .chain(headings.iter().map(|name| (Align::Left, name.as_str())));
    let mut table = Table::new(columns);
    for purpose in purposes {
        let row = [
            title(purpose),
            Text::new().plain(purpose.direction()),
            Text::new().plain(&ports(purpose.row())),
        ];
        let marks = subnets.iter().map(|name| mark(purpose.verdict_in(name)));
        table.row(row.into_iter().chain(marks).collect());
    }
    if numbered {
        for (heading, name) in headings.iter().zip(subnets) {
            let lead = Text::new().plain(&format!("  {heading} "));
            page.hanging(&lead, &Text::new().plain(name), 6);
        }
    }
    table.print(page);
}

/// The purpose; advice and conditions are marked, and explained in the legend.
pub(super) fn title(purpose: &Purpose<'_>) -> Text {
    let row = purpose.row();
    let mut text = Text::toned(
        match purpose.worst {
            Verdict::Blocked => Tone::Bad,
            Verdict::PartlyBlocked | Verdict::AtRisk => Tone::Doubtful,
            _ => Tone::Plain,
        },
        &row.purpose,
    );
    if row.advice {
        text = text.push(Tone::Quiet, " (a)");
    }
    if !row.condition.is_empty() {
        text = text.push(Tone::Quiet, " (c)");
    }
    text
}

/// A purpose a paragraph, its subnets by verdict.
fn list(page: &mut Page, purposes: &[&Purpose<'_>]) {
    for purpose in purposes {
        let traffic = format!(", {} {}", purpose.direction(), ports(purpose.row()));
        page.hanging(&Text::new().plain("  "), &title(purpose).plain(&traffic), 4);
        for verdict in Verdict::ALL {
            let subnets = purpose.subnets_with(verdict);
            if subnets.is_empty() {
                continue;
            }
            let lead = Text::new().plain("    ").append(mark(Some(verdict)));
            let count = format!("{}: {}", subnets.len(), listed(&subnets));
            page.hanging(&lead.padded(11), &Text::new().plain(&count), 11);
        }
    }
}

fn legend(page: &mut Page, purposes: &[&Purpose<'_>], subnets: &[&str]) {
    let used = |verdict| {
        purposes.iter().any(|purpose| {
            purpose
                .requirements
                .iter()
                .any(|requirement| requirement.verdict == verdict)
        })
    };
    let mut parts: Vec<&str> = [
        (Verdict::Blocked, "BLOCK = denied, nothing allowed since"),
        (Verdict::PartlyBlocked, "part = some of it is denied"),
        (Verdict::AtRisk, "risk = the rules deny it, nothing tried"),
        (Verdict::Unproven, "? = no flow seen"),
        (
            Verdict::SatisfiedUnseen,
            "(ok) = the rules allow it, no flow seen",
        ),
        (Verdict::Satisfied, "ok = seen to work"),
        (Verdict::NotApplicable, "n/a = condition does not hold"),
    ]
    .into_iter()
    .filter_map(|(verdict, text)| used(verdict).then_some(text))
    .collect();
    let missing = |purpose: &&Purpose<'_>| {
        subnets
            .iter()
            .any(|name| purpose.verdict_in(name).is_none())
    };
    if subnets.len() <= COLUMNS && purposes.iter().any(missing) {
        parts.push("- = not asked of it");
    }
    if purposes.iter().any(|purpose| purpose.row().advice) {
        parts.push("(a) = advice, not required");
    }
    if purposes.iter().any(|p| !p.row().condition.is_empty()) {
        parts.push("(c) = required on a condition");
    }
    let text = Text::toned(Tone::Quiet, &parts.join("; "));
    page.hanging(&Text::new().plain("  "), &text, 2);
}

/// Purposes that have nothing to show, in one paragraph.
fn collapsed(page: &mut Page, purposes: &[&Purpose<'_>], remark: &str, blank: bool) {
    if purposes.is_empty() {
        return;
    }
    let lead = format!("{remark} ({}):", purposes.len());
    if blank {
        page.blank();
    }
    page.hanging(&Text::new().plain("  "), &Text::new().plain(&lead), 2);
    let mut table = Table::new([(Align::Left, ""), (Align::Left, ""), (Align::Left, "")]);
    for purpose in purposes {
        table.row(vec![
            title(purpose),
            Text::new().plain(purpose.direction()),
            Text::new().plain(&ports(purpose.row())),
        ]);
    }
    table.print(page);
}

/// Every requirement with what it asks for and why its verdict is what it is.
fn reasons(page: &mut Page, purposes: &[Purpose<'_>]) {
    page.heading("REASONS", "every requirement");
    for purpose in purposes {
        let row = purpose.row();
        let asks = format!(
            ": {}, {} -> {}",
            purpose.traffic(),
            row.source,
            row.destination
        );
        page.hanging(
            &Text::new().plain("  "),
            &Text::toned(Tone::Strong, &row.row).plain(&asks),
            4,
        );
        for (label, text) in [
            ("when", &row.condition),
            ("impact", &row.impact),
            ("source", &row.reference),
        ] {
            if !text.is_empty() {
                let lead = Text::new().plain("    ").push(Tone::Quiet, label);
                page.hanging(&lead.padded(13), &Text::new().plain(text), 13);
            }
        }
        for requirement in &purpose.requirements {
            let lead = Text::new()
                .plain("    ")
                .append(mark(Some(requirement.verdict)))
                .padded(13);
            let reason = format!(
                "{} {}: {}",
                requirement.subnet, requirement.direction, requirement.reason
            );
            page.hanging(&lead, &Text::new().plain(&reason), 13);
        }
    }
}
