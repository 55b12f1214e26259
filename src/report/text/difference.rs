//! Two audits compared, for a person: what is new first, then what is gone and what that means.

use super::page::{Page, Text, Tone};
use super::{TextOptions, left_out, shown};
use crate::audit::{Severity, Verdict};
use crate::compare::{Change, Comparable, Difference, FindingText, Gone, Side};

/// The difference as text. Names from the input are escaped.
pub fn render_difference(difference: &Difference, options: &TextOptions) -> String {
    let mut page = Page::new(options.width.max(super::NARROWEST));
    headline(&mut page, difference);
    let all = options.all;
    new(&mut page, difference, all);
    fixed(&mut page, difference, all);
    changed(&mut page, difference, all);
    unchanged(&mut page, difference, all);
    verdicts(&mut page, difference, all);
    inputs(&mut page, difference, all);
    page.finish(options.colour)
}

fn headline(page: &mut Page, difference: &Difference) {
    let counts = &difference.summary;
    let tone = if counts.new > counts.new_suppressed {
        Tone::Bad
    } else {
        Tone::Good
    };
    let mut line = Text::toned(tone, &format!("{} new", counts.new));
    if counts.new_suppressed > 0 {
        line = line.plain(&format!(" ({} of them suppressed)", counts.new_suppressed));
    }
    line = line.plain(&format!(", {} gone", counts.fixed));
    if counts.fixed_unproven > 0 {
        line = line.plain(&format!(
            " ({} of them not shown to be mended)",
            counts.fixed_unproven
        ));
    }
    page.line(&line.plain(&format!(
        ", {} changed, {} unchanged; {} verdicts changed.",
        counts.changed, counts.unchanged, counts.verdicts
    )));
    let word = match difference.comparable {
        Comparable::Yes => None,
        Comparable::Doubtful => Some((Tone::Doubtful, "Compare with care:")),
        Comparable::No => Some((Tone::Bad, "NOT COMPARABLE:")),
    };
    if let Some((tone, word)) = word {
        page.line(&Text::toned(tone, word));
        for warning in &difference.warnings {
            page.hanging(&Text::new().plain("- "), &Text::new().plain(warning), 2);
        }
    }
    page.blank();
    for (label, side) in [("old", &difference.old), ("new", &difference.new)] {
        page.entry(label, &Text::new().plain(&side_text(side)));
    }
}

fn side_text(side: &Side) -> String {
    let window = match (&side.first, &side.last) {
        (Some(first), Some(last)) => format!("{first} to {last}"),
        _ => "nothing counted".to_owned(),
    };
    format!(
        "{}: {window}, coverage {}.{} %, {}, {}",
        side.file,
        side.coverage_per_mille / 10,
        side.coverage_per_mille % 10,
        side.profile,
        side.program
    )
}

fn section(page: &mut Page, title: &str, count: usize) -> bool {
    page.heading(title, &count.to_string());
    if count == 0 {
        page.line(&Text::new().plain("  none"));
    }
    count > 0
}

fn new(page: &mut Page, difference: &Difference, all: bool) {
    let list = &difference.new_findings;
    section(page, "NEW", list.len());
    let count = shown(list.len(), all);
    for finding in list.iter().take(count) {
        one(page, finding);
    }
    left_out(page, list.len(), count);
}

fn fixed(page: &mut Page, difference: &Difference, all: bool) {
    let list = &difference.fixed;
    section(page, "GONE", list.len());
    let count = shown(list.len(), all);
    for fixed in list.iter().take(count) {
        one(page, &fixed.finding);
        let tone = match fixed.gone {
            Gone::Settled => Tone::Good,
            Gone::Continues => Tone::Bad,
            Gone::Unseen | Gone::NotAsked => Tone::Doubtful,
        };
        let text = Text::toned(tone, gone_word(fixed.gone))
            .plain(": ")
            .plain(&fixed.meaning);
        page.hanging(&Text::new().plain("    "), &text, 4);
    }
    left_out(page, list.len(), count);
}

fn changed(page: &mut Page, difference: &Difference, all: bool) {
    let list = &difference.changed;
    if list.is_empty() {
        return;
    }
    section(page, "CHANGED", list.len());
    let count = shown(list.len(), all);
    for changed in list.iter().take(count) {
        one(page, &changed.finding);
        if changed.severity_before != changed.finding.severity {
            let text = format!(
                "severity: {} -> {}",
                word(changed.severity_before),
                word(changed.finding.severity)
            );
            page.hanging(&Text::new().plain("    "), &Text::new().plain(&text), 4);
        }
        for change in &changed.changes {
            let text = Text::new().plain(&change_text(change));
            page.hanging(&Text::new().plain("    "), &text, 4);
        }
    }
    left_out(page, list.len(), count);
}

fn unchanged(page: &mut Page, difference: &Difference, all: bool) {
    let list = &difference.unchanged;
    if list.is_empty() {
        return;
    }
    section(page, "UNCHANGED", list.len());
    // The worst come first.
    let grave = |finding: &&FindingText| finding.severity >= Severity::Medium;
    let grave = list.iter().filter(grave).count();
    let count = if all { list.len() } else { shown(grave, all) };
    for finding in list.iter().take(count) {
        one(page, finding);
    }
    left_out(page, list.len(), count);
}

fn verdicts(page: &mut Page, difference: &Difference, all: bool) {
    let list = &difference.verdicts;
    if list.is_empty() {
        return;
    }
    section(page, "VERDICTS", list.len());
    let count = shown(list.len(), all);
    for change in list.iter().take(count) {
        let name = |verdict: Option<Verdict>| verdict.map_or("not asked", Verdict::name);
        let worse = match (change.old, change.new) {
            (Some(old), Some(new)) => new < old,
            (old, new) => old.is_none() && new.is_some_and(|new| new <= Verdict::AtRisk),
        };
        let tone = if worse { Tone::Bad } else { Tone::Plain };
        let text = Text::new()
            .plain(&format!(
                "{} ({}) of {}: ",
                change.purpose, change.direction, change.subnet
            ))
            .push(
                tone,
                &format!("{} -> {}", name(change.old), name(change.new)),
            );
        page.hanging(&Text::new().plain("  "), &text, 4);
    }
    left_out(page, list.len(), count);
}

fn inputs(page: &mut Page, difference: &Difference, all: bool) {
    let list = &difference.inputs;
    if list.is_empty() {
        return;
    }
    section(page, "INPUT AND BASIS", list.len());
    let count = shown(list.len(), all);
    for change in list.iter().take(count) {
        let text = Text::new().plain(&change_text(change));
        page.hanging(&Text::new().plain("  "), &text, 4);
    }
    left_out(page, list.len(), count);
}

/// `high[NSG202 open-between-subnets]: title`, below it the fingerprint and who accepted it.
fn one(page: &mut Page, finding: &FindingText) {
    let code = format!(
        "{}[{} {}]",
        word(finding.severity),
        finding.code,
        finding.check
    );
    let tone = match finding.severity {
        Severity::Critical | Severity::High => Tone::Bad,
        Severity::Medium => Tone::Doubtful,
        Severity::Low | Severity::Info => Tone::Strong,
    };
    let title = Text::toned(tone, &code).plain(": ").plain(&finding.title);
    page.hanging(&Text::new().plain("  "), &title, 4);
    let mut below = Text::toned(Tone::Quiet, &finding.fingerprint);
    if let Some(by) = &finding.suppressed {
        below = below.plain(&format!(
            "  suppressed by {} until {}: {}",
            by.owner, by.expires, by.reason
        ));
    }
    page.hanging(&Text::new().plain("    "), &below, 4);
}

/// `files: 56 -> 60`; `absent` for what is not there.
pub(in crate::report) fn change_text(change: &Change) -> String {
    let said = |text: &Option<String>| text.clone().unwrap_or_else(|| "absent".to_owned());
    format!(
        "{}: {} -> {}",
        change.what,
        said(&change.old),
        said(&change.new)
    )
}

pub(in crate::report) fn gone_word(gone: Gone) -> &'static str {
    match gone {
        Gone::Settled => "mended",
        Gone::Continues => "goes on",
        Gone::Unseen => "unseen",
        Gone::NotAsked => "not asked",
    }
}

fn word(severity: Severity) -> &'static str {
    crate::audit::checks::severity_word(severity)
}
