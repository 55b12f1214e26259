//! A fix for people.

use super::fields::{Fields, Place};
use super::proof;
use crate::fix::{Fix, Kind, NsgChange, Why};
use crate::report::rules::line;

/// Requirements and seen traffic of one kind that are listed.
const LISTED: usize = 20;

/// The page, 80 columns.
pub fn render(fix: &Fix) -> String {
    let mut text = String::new();
    line(&mut text, &headline(fix));
    for change in &fix.changes {
        text.push('\n');
        nsg(&mut text, change);
    }
    if !fix.open.is_empty() {
        text.push('\n');
        line(&mut text, "OPEN  not wholly allowed by it");
        for (about, why) in &fix.open {
            let head = format!(
                "  - {}: {} of {}, {}",
                about.purpose, about.direction, about.subnet, about.row
            );
            line(&mut text, &head);
            line(&mut text, &format!("      {why}"));
        }
    }
    if !fix.apart.is_empty() {
        text.push('\n');
        apart(&mut text, fix);
    }
    if !fix.changes.is_empty() {
        text.push('\n');
        line(&mut text, "PROOF");
        for sentence in proof(fix) {
            line(&mut text, &format!("  {sentence}"));
        }
        line(
            &mut text,
            "  To change it: --format az, bicep, terraform or arm.",
        );
    }
    text
}

fn headline(fix: &Fix) -> String {
    let nsgs = fix.changes.len();
    let rules: usize = fix.changes.iter().map(|change| change.new.len()).sum();
    if let Some(why) = &fix.refused {
        return format!("No fix: {why}.");
    }
    match (fix.kind, nsgs) {
        (_, 0) if fix.open.is_empty() => {
            "Nothing to fix: the rules allow all that is required.".to_owned()
        }
        (_, 0) => format!(
            "No fix: {} requirements are not wholly allowed, and no change of rules was proved to allow \
             them.",
            fix.open.len()
        ),
        (Kind::Smallest, _) => format!(
            "SMALLEST CHANGE: {} in {} allow {} that are not wholly allowed.",
            several(rules, "new rule"),
            several(nsgs, "NSG"),
            several(fix.fixed.len(), "requirement")
        ),
        (Kind::LeastPrivilege, _) => format!(
            "LEAST PRIVILEGE: {} in {}, in place of the rules of today.",
            several(rules, "rule"),
            several(nsgs, "NSG")
        ),
    }
}

fn several(count: usize, what: &str) -> String {
    let end = if count == 1 { "" } else { "s" };
    format!("{count} {what}{end}")
}

fn nsg(text: &mut String, change: &NsgChange) {
    let group = &change.nsg.resource_group;
    let place = if group.is_empty() {
        String::new()
    } else {
        format!(" (resource group {group})")
    };
    line(text, &format!("{}{place}", change.nsg.name));
    for moved in &change.moves {
        let (rule, to) = (&moved.rule, moved.to);
        let words = format!(
            "  {}: {} priority {} becomes {to}, to make room",
            rule.name, rule.direction, rule.priority
        );
        line(text, &words);
    }
    for new in &change.new {
        let fields = Fields::new(&new.rule, new.rule.priority, new.description());
        let words = format!(
            "  {}: {} {} {} {} {}",
            fields.priority,
            fields.name,
            fields.access.to_lowercase(),
            new.rule.direction,
            new.rule.protocols,
            sides(&fields)
        );
        line(text, &words);
        line(text, &format!("      for {}", new.rows.join(", ")));
        if opens_to_the_internet(&fields) {
            line(
                text,
                "      lets in the whole internet, as the requirement is written: state who really \
                 calls, if you know",
            );
        }
    }
    if !change.removed.is_empty() {
        let names: Vec<_> = change
            .removed
            .iter()
            .map(|rule| rule.name.as_str())
            .collect();
        line(text, &format!("  removed: {}", names.join(", ")));
    }
}

fn opens_to_the_internet(fields: &Fields) -> bool {
    let wide = |prefix: &String| matches!(prefix.as_str(), "*" | "Internet");
    let from = &fields.source.prefixes;
    fields.direction == "Inbound" && fields.access == "Allow" && from.iter().any(wide)
}

fn sides(fields: &Fields) -> String {
    let of = |place: &Place| {
        let groups = place.groups.iter();
        let groups = groups.map(|id| id.rsplit('/').next().unwrap_or(id).to_owned());
        let all: Vec<_> = place.prefixes.iter().cloned().chain(groups).collect();
        match all.get(3..) {
            Some(rest) if !rest.is_empty() => {
                format!("{} and {} more", all[..3].join(", "), rest.len())
            }
            _ => all.join(", "),
        }
    };
    format!(
        "{} -> {} port {}",
        of(&fields.source),
        of(&fields.destination),
        fields.destination.ports.join(", ")
    )
}

fn apart(text: &mut String, fix: &Fix) {
    line(
        text,
        "SET APART  let through, and not allowed by these rules",
    );
    for (why, words) in [
        (
            Why::Scan,
            "from sources that were denied at many ports or hosts: scans",
        ),
        (Why::Unanswered, "nothing came back"),
        (
            Why::Ephemeral,
            "to ports that systems give out for answers: the way back of other flows",
        ),
    ] {
        let those: Vec<_> = fix.apart.iter().filter(|one| one.why == why).collect();
        if those.is_empty() {
            continue;
        }
        line(text, &format!("  {words}"));
        for one in those.iter().take(LISTED) {
            line(text, &format!("    - {}: {} tuples", one.what, one.tuples));
        }
        if those.len() > LISTED {
            line(text, &format!("    and {} more", those.len() - LISTED));
        }
    }
}
