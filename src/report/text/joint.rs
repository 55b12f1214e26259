//! Required x configured x observed: one line a purpose and what rules and traffic say of it.

use crate::audit::{Audit, ConfiguredVerdict, Requirement, Verdict};

use super::page::{Page, Text, Tone};
use super::table::{Align, Table};
use super::verdicts::{mark, title};
use crate::report::purpose::{Purpose, listed, ports};

/// Whether rules were given, so that there is something to join.
pub(super) fn has_rules(audit: &Audit) -> bool {
    audit
        .requirements
        .iter()
        .any(|requirement| requirement.configured.is_some())
}

/// What tells lines of a purpose apart.
type Line = (Verdict, &'static str, &'static str);

/// The table; a purpose has a line for each way in which its subnets differ.
pub(super) fn table(page: &mut Page, purposes: &[&Purpose<'_>], subnets: usize) {
    let columns = [
        "purpose", "way", "ports", "rules", "seen", "verdict", "subnets",
    ];
    let mut table = Table::new(columns.map(|heading| (Align::Left, heading)));
    for purpose in purposes {
        let mut lines: Vec<(Line, Vec<&str>)> = Vec::new();
        for requirement in &purpose.requirements {
            let line = (requirement.verdict, rules(requirement), seen(requirement));
            let name = requirement.subnet.as_str();
            match lines.iter_mut().find(|(other, _)| *other == line) {
                Some((_, names)) if names.contains(&name) => {}
                Some((_, names)) => names.push(name),
                None => lines.push((line, vec![name])),
            }
        }
        lines.sort_by_key(|&(line, _)| line);
        for (number, ((verdict, rules, seen), names)) in lines.iter().enumerate() {
            let first = number == 0;
            let only_first = |text: Text| if first { text } else { Text::new() };
            table.row(vec![
                only_first(title(purpose)),
                only_first(Text::new().plain(purpose.direction())),
                only_first(Text::new().plain(&ports(purpose.row()))),
                Text::new().plain(rules),
                Text::new().plain(seen),
                mark(Some(*verdict)),
                where_to(names, subnets),
            ]);
        }
    }
    table.print(page);
}

fn where_to(names: &[&str], subnets: usize) -> Text {
    if names.len() > 1 && names.len() == subnets {
        return Text::new().plain(&format!("all {subnets}"));
    }
    Text::new().plain(&listed(names))
}

/// What the rules do with all packets of it.
fn rules(requirement: &Requirement) -> &'static str {
    match requirement.configured.as_ref().map(|rules| rules.verdict) {
        Some(ConfiguredVerdict::Blocked) => "deny",
        Some(ConfiguredVerdict::Partly) => "partly",
        Some(ConfiguredVerdict::Undetermined) => "unknown",
        Some(ConfiguredVerdict::Allowed) => "allow",
        None => "-",
    }
}

/// What was seen of it.
fn seen(requirement: &Requirement) -> &'static str {
    let (allowed, denied) = (&requirement.allowed, &requirement.denied);
    match (allowed.tuples > 0, denied.tuples > 0) {
        (true, true) => "both",
        (true, false) => "allowed",
        (false, true) => "denied",
        (false, false) => "-",
    }
}

/// The words of the columns.
pub(super) fn legend(page: &mut Page) {
    page.hanging(
        &Text::new().plain("  "),
        &Text::toned(
            Tone::Quiet,
            "rules = what the given rules do with all packets of it; seen = what logs and packets \
             show of it",
        ),
        2,
    );
}
