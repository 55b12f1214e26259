//! What was read, what could not be, what was assumed: how far the answer can be trusted.

use super::citation::Citations;
use super::page::{Page, Text, Tone};
use super::table::{Align, Table};
use super::{left_out, shown};
use crate::audit::{Audit, Basis, CapturesText, FaultText, Input, Reconciled, Verdict};
use crate::report::number::{bytes, counted, grouped, percent};

/// Samples of a kind of fault, unless all are asked for.
const SAMPLES: usize = 2;

pub(super) fn print<'a>(page: &mut Page, files: &mut Citations<'a>, audit: &'a Audit, all: bool) {
    input(page, files, &audit.input, all);
    basis(page, &audit.basis, &audit.program, &audit.assumptions, all);
    next(page, audit);
}

/// What was read and what could not be, and the files that were cited.
pub(super) fn input<'a>(page: &mut Page, files: &mut Citations<'a>, input: &'a Input, all: bool) {
    page.heading("INPUT", "read = counted + duplicate + filtered + faulty");
    read(page, input);
    faults(page, files, &input.faults, all);
    files.print(page);
}

fn read(page: &mut Page, input: &Input) {
    let mut table = Table::new([
        (Align::Left, ""),
        (Align::Right, "read"),
        (Align::Right, "counted"),
        (Align::Right, "duplicate"),
        (Align::Right, "filtered"),
        (Align::Right, "faulty"),
    ]);
    for (name, counts) in [("records", &input.records), ("tuples", &input.tuples)] {
        let cell = |value| Text::new().plain(&grouped(value));
        let tone = if counts.faulty > 0 {
            Tone::Doubtful
        } else {
            Tone::Plain
        };
        table.row(vec![
            Text::new().plain(name),
            cell(counts.read),
            cell(counts.counted),
            cell(counts.duplicate),
            cell(counts.filtered),
            Text::toned(tone, &grouped(counts.faulty)),
        ]);
    }
    table.print(page);
    for (name, counts) in [("records", &input.records), ("tuples", &input.tuples)] {
        unreconciled(page, name, *counts);
    }
    let files = format!(
        "{} of {} held flow records, {} of text",
        grouped(input.flow_files),
        grouped(input.files),
        bytes(input.bytes)
    );
    page.entry("files", &Text::new().plain(&files));
    if let Some(read) = &input.captures {
        captures(page, read);
    }
    if input.coverage.interfaces > 0 || input.captures.is_none() {
        coverage(page, input);
    }
    if input.duplicates_kept {
        let text = "too many records to remember: counts may include records that were read twice";
        page.entry("note", &Text::toned(Tone::Doubtful, text));
    }
    if input.coarsening > 0 {
        let text = format!(
            "the table of flow groups was full: keys were coarsened (level {})",
            input.coarsening
        );
        page.entry("note", &Text::toned(Tone::Doubtful, &text));
    }
}

/// Says so where the sum is not what was read: then the program is wrong, and nobody else may be.
fn unreconciled(page: &mut Page, name: &str, counts: Reconciled) {
    let parts = [
        counts.counted,
        counts.duplicate,
        counts.filtered,
        counts.faulty,
    ];
    let sum: u128 = parts.into_iter().map(u128::from).sum();
    if sum != u128::from(counts.read) {
        let text = format!("{name} do not add up to what was read: please report this");
        page.entry("BUG", &Text::toned(Tone::Bad, &text));
    }
}

/// Packets: read = counted + not IP + skipped.
fn captures(page: &mut Page, read: &CapturesText) {
    let packets = &read.packets;
    let mut text = format!(
        "{} read = {} counted + {} not IP + {} skipped; {}",
        counted(packets.read, "packet"),
        grouped(packets.counted),
        grouped(packets.not_ip),
        grouped(packets.skipped),
        counted(read.connections, "connection"),
    );
    for (number, what) in [
        (read.connections_tunnelled, "of them in tunnels"),
        (read.connections_evicted, "of them ended early"),
        (read.lost_errors, "ICMP errors about others"),
    ] {
        if number > 0 {
            text.extend([", ", &grouped(number), " ", what]);
        }
    }
    page.entry("packets", &Text::new().plain(&text));
    let sum = packets.counted + packets.not_ip + packets.skipped;
    if sum != packets.read {
        let text = "packets do not add up to what was read: please report this";
        page.entry("BUG", &Text::toned(Tone::Bad, text));
    }
}

fn coverage(page: &mut Page, input: &Input) {
    let coverage = &input.coverage;
    let missing = coverage.possible.saturating_sub(coverage.covered);
    let mut text = format!(
        "{} of {} interface-hours have records ({}; {}, {})",
        grouped(coverage.covered),
        grouped(coverage.possible),
        percent(coverage.per_mille),
        counted(coverage.interfaces, "interface"),
        counted(coverage.hours, "hour"),
    );
    if missing > 0 {
        text += "; the other ";
        text += &grouped(missing);
        text += " had no traffic or no log: it cannot be told which";
    }
    page.entry("coverage", &Text::new().plain(&text));
}

fn faults<'a>(page: &mut Page, files: &mut Citations<'a>, faults: &'a [FaultText], all: bool) {
    let total: u64 = faults
        .iter()
        .fold(0, |sum, fault| sum.saturating_add(fault.count));
    if total == 0 {
        page.entry("faults", &Text::new().plain("none"));
        return;
    }
    page.heading("FAULTS", &format!("{} in all", grouped(total)));
    let count = shown(faults.len(), all);
    for fault in faults.iter().take(count) {
        let title = Text::toned(Tone::Doubtful, &fault.kind);
        let number = format!(": {}", grouped(fault.count));
        page.hanging(&Text::new().plain("  "), &title.plain(&number), 4);
        let samples = if all { usize::MAX } else { SAMPLES };
        for sample in fault.samples.iter().take(samples) {
            let place = files.place(&sample.file, sample.offset, page.width() - 4);
            let text = Text::toned(Tone::Quiet, &place)
                .plain(": ")
                .plain(&sample.detail);
            page.hanging(&Text::new().plain("    "), &text, 6);
        }
    }
    left_out(page, faults.len(), count);
}

/// What it was held against.
pub(super) fn basis(
    page: &mut Page,
    basis: &Basis,
    program: &str,
    assumptions: &[String],
    all: bool,
) {
    page.heading("BASIS", program);
    let plain = |text: &str| Text::new().plain(text);
    page.entry(
        "profile",
        &plain(&format!("{}: {}", basis.profile, basis.title)),
    );
    page.entry("edition", &plain(&basis.edition));
    page.entry("network", &plain(&basis.environment));
    for (number, tags) in basis.service_tags.iter().enumerate() {
        page.entry(if number == 0 { "tags" } else { "" }, &plain(tags));
    }
    if basis.service_tags.is_empty() {
        page.entry("tags", &plain("none given: remote addresses have no names"));
    }
    let count = shown(basis.subnets.len(), all);
    for (number, subnet) in basis.subnets.iter().take(count).enumerate() {
        let mut text = plain(&subnet.name)
            .plain(" ")
            .plain(&subnet.prefixes.join(", "));
        if !subnet.role.is_empty() {
            text = text.plain(&format!(" as {}", subnet.role));
        }
        if !subnet.audited {
            text = text.push(Tone::Quiet, " (not audited)");
        }
        page.entry(if number == 0 { "subnets" } else { "" }, &text);
    }
    left_out(page, basis.subnets.len(), count);
    for (number, assumption) in assumptions.iter().enumerate() {
        page.entry(if number == 0 { "assumed" } else { "" }, &plain(assumption));
    }
    if assumptions.is_empty() {
        page.entry("assumed", &plain("nothing"));
    }
}

/// What to run next.
fn next(page: &mut Page, audit: &Audit) {
    page.blank();
    let unproven = audit
        .requirements
        .iter()
        .any(|requirement| requirement.verdict == Verdict::Unproven);
    let text = match audit
        .findings
        .iter()
        .find(|finding| finding.suppressed.is_none())
    {
        Some(finding) => Text::toned(Tone::Strong, &format!("nsgaudit explain {}", finding.code))
            .plain(" tells what the worst finding means and what to do"),
        None if unproven => Text::toned(Tone::Strong, "--all")
            .plain(" tells of every requirement why it is unproven"),
        None => Text::toned(Tone::Strong, "--format json").plain(" gives every flow group"),
    };
    page.line(&Text::new().plain("Next: ").append(text));
}
