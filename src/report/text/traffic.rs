//! Who spoke to whom, and how the traffic is classed.

use super::page::{Page, Text, Tone};
use super::table::{Align, Table};
use super::{left_out, shown};
use crate::audit::{Audit, MatrixCell, TrafficClass, TrafficGroup};
use crate::report::number::{bytes, compact, grouped};

pub(super) fn print(page: &mut Page, audit: &Audit, all: bool) {
    if !audit.matrix.is_empty() {
        let grid = grid(&audit.matrix);
        if grid.natural_width() <= page.width() {
            page.heading(
                "TRAFFIC",
                "flows allowed/denied; rows open, columns are opened to",
            );
            grid.print(page);
        } else {
            page.heading("TRAFFIC", "flows from place to place");
            list(page, &audit.matrix, all);
        }
    }
    classes(page, &audit.groups);
}

/// Places in the order in which they are named first.
fn places<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut places: Vec<&str> = Vec::new();
    for name in names {
        if !places.contains(&name) {
            places.push(name);
        }
    }
    places
}

fn grid(cells: &[MatrixCell]) -> Table {
    let sources = places(cells.iter().map(|cell| cell.source.as_str()));
    let everywhere = cells.iter().map(|cell| cell.destination.as_str());
    let destinations: Vec<&str> = places(sources.iter().copied().chain(everywhere))
        .into_iter()
        .filter(|place| cells.iter().any(|cell| cell.destination == *place))
        .collect();
    let headings = destinations.iter().map(|name| (Align::Right, *name));
    let mut table = Table::new([(Align::Left, "from \\ to")].into_iter().chain(headings));
    for source in sources {
        let row = destinations.iter().map(|destination| {
            cells
                .iter()
                .find(|cell| cell.source == source && cell.destination == *destination)
                .map_or_else(|| Text::toned(Tone::Quiet, "-"), pair)
        });
        table.row([Text::new().plain(source)].into_iter().chain(row).collect());
    }
    table
}

/// `12k/340`.
fn pair(cell: &MatrixCell) -> Text {
    Text::new()
        .plain(&compact(cell.allowed))
        .plain("/")
        .append(denied(cell))
}

fn denied(cell: &MatrixCell) -> Text {
    let tone = if cell.denied > 0 {
        Tone::Bad
    } else {
        Tone::Quiet
    };
    Text::toned(tone, &compact(cell.denied))
}

fn list(page: &mut Page, cells: &[MatrixCell], all: bool) {
    let mut table = Table::new([
        (Align::Left, "from"),
        (Align::Left, "to"),
        (Align::Right, "allowed"),
        (Align::Right, "denied"),
        (Align::Right, "volume"),
    ]);
    let count = shown(cells.len(), all);
    for cell in cells.iter().take(count) {
        table.row(vec![
            Text::new().plain(&cell.source),
            Text::new().plain(&cell.destination),
            Text::new().plain(&compact(cell.allowed)),
            denied(cell),
            Text::new().plain(&bytes(cell.bytes)),
        ]);
    }
    table.print(page);
    left_out(page, cells.len(), count);
}

/// How much of the traffic is of which class.
fn classes(page: &mut Page, groups: &[TrafficGroup]) {
    let mut table = Table::new([
        (Align::Left, "class"),
        (Align::Right, "groups"),
        (Align::Right, "flows"),
        (Align::Right, "volume"),
        (Align::Left, "which is"),
    ]);
    for class in [
        TrafficClass::BlockedRequired,
        TrafficClass::OpenUnneeded,
        TrafficClass::Undetermined,
        TrafficClass::Needed,
        TrafficClass::RightlyBlocked,
        TrafficClass::Platform,
        TrafficClass::OneSided,
        TrafficClass::Other,
    ] {
        let mut count: u64 = 0;
        let mut flows: u64 = 0;
        let mut volume: u64 = 0;
        for group in groups.iter().filter(|group| group.class == class) {
            count += 1;
            flows = flows.saturating_add(group.flows);
            volume = volume
                .saturating_add(group.bytes_forward)
                .saturating_add(group.bytes_reverse);
        }
        if count == 0 {
            continue;
        }
        let (name, tone, meaning) = described(class);
        table.row(vec![
            Text::toned(tone, name),
            Text::new().plain(&grouped(count)),
            Text::new().plain(&compact(flows)),
            Text::new().plain(&bytes(volume)),
            Text::toned(Tone::Quiet, meaning),
        ]);
    }
    if table.is_empty() {
        return;
    }
    page.heading("CLASSES", "every flow group, as each observer logged it");
    table.print(page);
}

/// Name, tone and meaning of a class.
pub(in crate::report) fn described(class: TrafficClass) -> (&'static str, Tone, &'static str) {
    match class {
        TrafficClass::BlockedRequired => ("blocked-required", Tone::Bad, "denied, but required"),
        TrafficClass::OpenUnneeded => (
            "open-unneeded",
            Tone::Doubtful,
            "allowed, and nothing needs it",
        ),
        TrafficClass::Undetermined => (
            "undetermined",
            Tone::Doubtful,
            "needed or not: addresses unknown",
        ),
        TrafficClass::Needed => ("needed", Tone::Good, "allowed, and required"),
        TrafficClass::RightlyBlocked => (
            "rightly-blocked",
            Tone::Plain,
            "denied, and nothing needs it",
        ),
        TrafficClass::Platform => ("platform", Tone::Plain, "Azure's DNS, metadata and probes"),
        TrafficClass::OneSided => ("one-sided", Tone::Plain, "captured in one direction only"),
        TrafficClass::Other => ("other", Tone::Plain, "touches no audited subnet"),
    }
}
