//! What was read, what could not be, what was assumed: how far the answer can be trusted.

use maud::{Markup, html};

use super::pieces;
use crate::audit::{Audit, CapturesText, Input, Reconciled};
use crate::report::number::{bytes, counted, grouped, percent};

/// Subnets listed.
const SUBNETS: usize = 500;

pub(super) fn section(audit: &Audit) -> Markup {
    let input = &audit.input;
    html! {
        section id="input" aria-labelledby="input-heading" {
            h2 id="input-heading" { "Input and basis" }
            div class="columns" {
                div {
                    h3 { "Read" }
                    (read(input))
                    dl {
                        dt { "Files" } dd { (grouped(input.flow_files)) " of " (grouped(input.files)) " held flow records, " (bytes(input.bytes)) " of text" }
                        @if input.coverage.interfaces > 0 || input.captures.is_none() { dt { "Coverage" } dd { (coverage(input)) } }
                        @if let Some(read) = &input.captures { dt { "Packets" } dd { (captures(read)) } }
                        @if input.duplicates_kept { dt { "Note" } dd class="doubt" { "Too many records to remember: counts may include records that were read twice." } }
                        @if input.coarsening > 0 { dt { "Note" } dd class="doubt" { "The table of flow groups was full: keys were coarsened (level " (input.coarsening) ")." } }
                    }
                }
                div {
                    h3 { "Held against" }
                    (basis(audit))
                    h3 { "Assumed" }
                    @if audit.assumptions.is_empty() { p { "Nothing." } }
                    @else { ul { @for assumption in &audit.assumptions { li { (assumption) } } } }
                }
            }
            (faults(input))
            (subnets(audit))
        }
        "\n"
    }
}

fn read(input: &Input) -> Markup {
    let row = |name: &str, counts: &Reconciled| {
        html! {
            tr {
                th scope="row" { (name) }
                @for value in [counts.read, counts.counted, counts.duplicate, counts.filtered, counts.faulty] {
                    td class="number" { (grouped(value)) }
                }
            }
        }
    };
    html! {
        div class="scroll" tabindex="0" role="region" aria-label="What was read" {
            table {
                caption { "read = counted + duplicate + filtered + faulty" }
                thead { tr { th scope="col" { "of" } @for name in ["read", "counted", "duplicate", "filtered", "faulty"] { th scope="col" class="number" { (name) } } } }
                tbody { (row("records", &input.records)) (row("tuples", &input.tuples)) }
            }
        }
    }
}

fn coverage(input: &Input) -> Markup {
    let coverage = &input.coverage;
    let missing = coverage.possible.saturating_sub(coverage.covered);
    html! {
        (percent(coverage.per_mille)) ": " (grouped(coverage.covered)) " of " (grouped(coverage.possible))
        " interface-hours have records (" (counted(coverage.interfaces, "interface")) ", " (counted(coverage.hours, "hour")) ")"
        @if missing > 0 { "; the other " (grouped(missing)) " had no traffic or no log: it cannot be told which" }
    }
}

fn captures(read: &CapturesText) -> Markup {
    let packets = &read.packets;
    html! {
        (counted(packets.read, "packet")) " read = " (grouped(packets.counted)) " counted + " (grouped(packets.not_ip))
        " not IP + " (grouped(packets.skipped)) " skipped; " (counted(read.connections, "connection"))
        @for (number, what) in [
            (read.connections_tunnelled, "of them in tunnels"),
            (read.connections_evicted, "of them ended early"),
            (read.lost_errors, "ICMP errors about others"),
        ] { @if number > 0 { ", " (grouped(number)) " " (what) } }
    }
}

fn basis(audit: &Audit) -> Markup {
    let basis = &audit.basis;
    html! {
        dl {
            dt { "Profile" } dd { code { (basis.profile) } ": " (basis.title) }
            dt { "Edition" } dd { (basis.edition) }
            dt { "Network" } dd { (basis.environment) }
            dt { "Service tags" }
            @if basis.service_tags.is_empty() { dd { "none given: remote addresses have no names" } }
            @for tags in &basis.service_tags { dd { (tags) } }
        }
    }
}

fn faults(input: &Input) -> Markup {
    html! {
        h3 { "Faults" }
        @if input.faults.is_empty() { p { "None: everything was read." } }
        @else {
            div class="scroll" tabindex="0" role="region" aria-label="What could not be read" {
                table {
                    caption { "What could not be read; of each kind the first few" }
                    thead { tr { th scope="col" { "Kind" } th scope="col" class="number" { "Count" } th scope="col" { "Examples: file, byte offset, what was expected and found" } } }
                    tbody { @for fault in &input.faults {
                        tr {
                            th scope="row" { (fault.kind) }
                            td class="number" { (grouped(fault.count)) }
                            td { ul class="plain-list" { @for sample in &fault.samples {
                                li { code class="path" { (sample.file) ":" (sample.offset) } " " (sample.detail) }
                            } } }
                        }
                    } }
                }
            }
        }
    }
}

fn subnets(audit: &Audit) -> Markup {
    let subnets = &audit.basis.subnets;
    html! {
        h3 { "Subnets" }
        div class="scroll" tabindex="0" role="region" aria-label="Subnets" {
            table {
                caption { "The network, as it was stated or assumed" }
                thead { tr { th scope="col" { "Subnet" } th scope="col" { "Prefixes" } th scope="col" { "Role" } th scope="col" { "Audited" } } }
                tbody { @for subnet in subnets.iter().take(SUBNETS) {
                    tr {
                        th scope="row" { (subnet.name) }
                        td class="mono" { (subnet.prefixes.join(", ")) }
                        td { (subnet.role) }
                        td { (if subnet.audited { "yes" } else { "no" }) }
                    }
                } }
            }
        }
        (pieces::left_out(SUBNETS, subnets.len(), "subnets"))
    }
}
