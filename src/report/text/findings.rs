//! What someone should look at: worst first, each with what it means and the evidence.

use super::citation::Citations;
use super::page::{Page, Text, Tone};
use super::{left_out, shown};
use crate::audit::{Audit, Finding, Observed, SampleText, Severity, TimelineText};
use crate::net::Timestamp;
use crate::report::number::{self, between, bytes, counted, grouped};
use crate::report::purpose::ports;

/// Sample tuples shown of findings less than grave, unless all are asked for.
const SAMPLES: usize = 2;
/// Rules and rows named of a finding, unless all are asked for.
const NAMED: usize = 3;

pub(super) fn print<'a>(page: &mut Page, files: &mut Citations<'a>, audit: &'a Audit, all: bool) {
    let findings: Vec<_> = audit
        .findings
        .iter()
        .filter(|finding| finding.suppressed.is_none())
        .collect();
    page.heading("FINDINGS", &summary(&findings));
    let count = shown(findings.len(), all);
    for (number, finding) in findings.iter().take(count).enumerate() {
        if number > 0 {
            page.blank();
        }
        one(page, files, audit, finding, all);
    }
    if findings.is_empty() {
        page.line(&Text::new().plain("  none"));
    }
    left_out(page, findings.len(), count);
}

/// `1 critical, 2 high, 1 low`.
fn summary(findings: &[&Finding]) -> String {
    let mut parts = Vec::new();
    for severity in [
        Severity::Critical,
        Severity::High,
        Severity::Medium,
        Severity::Low,
        Severity::Info,
    ] {
        let same = |finding: &&&Finding| finding.severity == severity;
        let count = findings.iter().filter(same).count();
        if count > 0 {
            parts.push(format!("{} {}", grouped(count as u64), word(severity)));
        }
    }
    parts.join(", ")
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Low => "low",
        Severity::Medium => "medium",
        Severity::High => "high",
        Severity::Critical => "critical",
    }
}

fn tone(severity: Severity) -> Tone {
    match severity {
        Severity::Critical | Severity::High => Tone::Bad,
        Severity::Medium => Tone::Doubtful,
        Severity::Low | Severity::Info => Tone::Strong,
    }
}

fn one<'a>(
    page: &mut Page,
    files: &mut Citations<'a>,
    audit: &Audit,
    finding: &'a Finding,
    all: bool,
) {
    let code = format!(
        "{}[{} {}]",
        word(finding.severity),
        finding.code,
        finding.check
    );
    let title = Text::toned(tone(finding.severity), &code)
        .plain(": ")
        .push(Tone::Strong, &finding.title);
    page.hanging(&Text::new(), &title, 4);
    for detail in &finding.details {
        page.hanging(&Text::new().plain("  "), &Text::new().plain(detail), 2);
    }
    if let Some(subnet) = &finding.subnet {
        page.entry("subnet", &subnet_text(audit, subnet));
    }
    rows(page, audit, finding, all);
    let (ours, theirs) = labels(finding);
    let samples = if all || finding.severity >= Severity::High {
        usize::MAX
    } else {
        SAMPLES
    };
    if let Some(evidence) = &finding.evidence {
        observed(page, ours, evidence, None, all);
    }
    if let Some(contrast) = &finding.contrast {
        let above = finding.evidence.as_ref().map(|seen| &seen.timeline);
        observed(page, theirs, contrast, above, all);
    }
    if let Some(evidence) = &finding.evidence {
        for sample in evidence.samples.iter().take(samples) {
            sample_lines(page, files, sample);
        }
    }
    if all {
        page.entry("print", &Text::new().plain(&finding.fingerprint));
    }
}

/// The subnet with its prefixes, where the audit knows them.
fn subnet_text(audit: &Audit, name: &str) -> Text {
    let text = Text::new().plain(name);
    let known = audit.basis.subnets.iter().find(|known| known.name == name);
    match known {
        Some(known) if !known.prefixes.is_empty() => {
            text.plain(" ").plain(&known.prefixes.join(", "))
        }
        _ => text,
    }
}

/// Which decision the evidence is of: required traffic is told by what was denied, anything open by
/// what was allowed.
pub(in crate::report) fn labels(finding: &Finding) -> (&'static str, &'static str) {
    match finding.code.get(..4) {
        Some("NSG1") => ("denied", "allowed"),
        Some("NSG2") => ("allowed", "denied"),
        _ => ("flows", "others"),
    }
}

/// The requirement rows that the finding is about, in the firewall's terms.
fn rows(page: &mut Page, audit: &Audit, finding: &Finding, all: bool) {
    let count = if all { finding.rows.len() } else { NAMED };
    for name in finding.rows.iter().take(count) {
        let row = audit.requirements.iter().find(|requirement| {
            requirement.row == *name
                && finding
                    .subnet
                    .as_ref()
                    .is_none_or(|subnet| *subnet == requirement.subnet)
        });
        let text = row.map_or_else(
            || name.clone(),
            |row| {
                format!(
                    "{} {}, {} -> {} ({name})",
                    row.direction,
                    ports(row),
                    row.source,
                    row.destination
                )
            },
        );
        page.entry("required", &Text::new().plain(&text));
    }
    if finding.rows.len() > count {
        let more = format!("and {} rows more", finding.rows.len() - count);
        page.entry("", &Text::toned(Tone::Quiet, &more));
    }
}

/// What was seen; `above` is the timeline printed before, whose scale need not be told again.
fn observed(
    page: &mut Page,
    label: &str,
    observed: &Observed,
    above: Option<&TimelineText>,
    all: bool,
) {
    if observed.tuples == 0 && observed.flows == 0 {
        page.entry(label, &Text::new().plain("none seen"));
        return;
    }
    let mut text = Text::toned(Tone::Strong, &counted(observed.flows, "flow"));
    let volume = observed
        .bytes_forward
        .saturating_add(observed.bytes_reverse);
    if volume > 0 {
        text = text.plain(&format!(
            ", {} sent and {} returned",
            bytes(observed.bytes_forward),
            bytes(observed.bytes_reverse)
        ));
    }
    page.entry(label, &text);
    if let (Some(first), Some(last)) = (&observed.first, &observed.last) {
        let length = between(first, last).map_or_else(String::new, |span| format!(" ({span})"));
        page.entry(
            "",
            &Text::new().plain(&format!("{first} to {last}{length}")),
        );
    }
    timeline(page, &observed.timeline, above);
    let count = if all { observed.rules.len() } else { NAMED };
    for rule in observed.rules.iter().take(count) {
        let decider = match rule.outcome {
            Some(outcome) => format!("packets, {}", outcome.name()),
            None => rule.rule.clone(),
        };
        let mut text = Text::toned(Tone::Strong, &decider);
        if !rule.nsg.is_empty() {
            text = text.plain(" of NSG ").push(Tone::Strong, &rule.nsg);
        }
        page.entry(
            "by",
            &text.plain(&format!(": {}", counted(rule.flows, "flow"))),
        );
    }
    if observed.rules.len() > count {
        let more = format!("and {} rules more", observed.rules.len() - count);
        page.entry("", &Text::toned(Tone::Quiet, &more));
    }
}

/// Bars, and below them where they start and end and what one stands for.
fn timeline(page: &mut Page, timeline: &TimelineText, above: Option<&TimelineText>) {
    let Some(start) = &timeline.start else {
        return;
    };
    if timeline.counts.len() < 2 {
        return;
    }
    let (bars, fold) = number::sparkline(&timeline.counts, page.width() - 20);
    let minute = 60_000;
    let bucket = timeline.bucket_minutes.saturating_mul(minute);
    let bar = number::span(bucket.saturating_mul(fold as i64));
    let end = Timestamp::parse(start).and_then(|start| {
        let length = bucket.checked_mul(timeline.counts.len() as i64)?;
        Some(Timestamp(start.0.checked_add(length)?).to_string())
    });
    page.entry("when", &Text::new().plain(&bars));
    let scale = |timeline: &TimelineText| {
        let length = timeline.counts.len();
        (timeline.start.clone(), timeline.bucket_minutes, length)
    };
    if above.is_some_and(|above| scale(above) == scale(timeline)) {
        return;
    }
    let to = end.map_or_else(String::new, |end| format!(" to {end}"));
    let scale = format!("{start}{to}, {bar} a bar");
    page.entry("", &Text::toned(Tone::Quiet, &scale));
}

/// Time and tuple; below, where to find it and what the remote address is.
fn sample_lines<'a>(page: &mut Page, files: &mut Citations<'a>, sample: &'a SampleText) {
    page.entry(
        "e.g.",
        &Text::new().plain(&format!("{} {}", sample.time, sample.tuple)),
    );
    let place = files.place(&sample.file, sample.offset, page.entry_width());
    let mut place = Text::toned(Tone::Quiet, &place);
    if !sample.tags.is_empty() {
        place = place.plain("  ").plain(&sample.tags.join(", "));
    }
    page.entry("", &place);
}
