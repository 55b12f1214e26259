//! Who spoke to whom: the matrix of subnets and other places, as a heat map.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::pieces;
use crate::audit::{Audit, MatrixCell};
use crate::report::number::{bytes, compact, grouped};

/// Places that are shown as rows or columns.
const PLACES: usize = 40;
/// Steps of colour.
const STEPS: u32 = 5;

pub(super) fn section(audit: &Audit) -> Markup {
    let (places, total) = places(&audit.matrix);
    html! {
        section id="matrix" aria-labelledby="matrix-heading" {
            h2 id="matrix-heading" { "Traffic matrix" }
            @if places.is_empty() {
                p { "No flow was counted." }
            } @else {
                p class="lead" {
                    "Flows " span class="key allowed" { "allowed" } " and " span class="key denied" { "denied" }
                    ", from the place of the row to that of the column; the more, the deeper the colour (each step is about "
                    "ten times as many). Each flow once, whoever logged it."
                }
                (table(&audit.matrix, &places))
                (pieces::left_out(places.len(), total, "places, those with most flows"))
            }
        }
        "\n"
    }
}

/// Places in the order of their first mention; of too many those with most flows.
fn places(cells: &[MatrixCell]) -> (Vec<&str>, usize) {
    let mut flows: BTreeMap<&str, u64> = BTreeMap::new();
    let mut order: Vec<&str> = Vec::new();
    for cell in cells {
        for name in [cell.source.as_str(), cell.destination.as_str()] {
            let sum = flows.entry(name).or_insert_with(|| {
                order.push(name);
                0
            });
            *sum = sum.saturating_add(cell.allowed).saturating_add(cell.denied);
        }
    }
    let total = order.len();
    if total > PLACES {
        let mut most = order.clone();
        most.sort_by_key(|name| std::cmp::Reverse(flows.get(name).copied()));
        most.truncate(PLACES);
        order.retain(|name| most.contains(name));
    }
    (order, total)
}

fn table(cells: &[MatrixCell], places: &[&str]) -> Markup {
    let known: BTreeMap<(&str, &str), &MatrixCell> = cells
        .iter()
        .map(|cell| ((cell.source.as_str(), cell.destination.as_str()), cell))
        .collect();
    // Places that nothing goes to, or comes from, get no column, or row.
    let destinations: Vec<&str> = places
        .iter()
        .copied()
        .filter(|to| places.iter().any(|from| known.contains_key(&(*from, *to))))
        .collect();
    let caption = "Flows allowed and denied, from row to column";
    html! {
        div class="scroll" tabindex="0" role="region" aria-label=(caption) {
            table class="heat" {
                caption { (caption) }
                thead { tr {
                    th scope="col" { "from \\ to" }
                    @for place in &destinations { th scope="col" { (place) } }
                } }
                tbody {
                    @for source in places {
                        @if places.iter().any(|to| known.contains_key(&(*source, *to))) {
                            tr {
                                th scope="row" { (source) }
                                @for destination in &destinations { (cell(known.get(&(*source, *destination)).copied())) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn cell(cell: Option<&MatrixCell>) -> Markup {
    let Some(cell) = cell else {
        return html! { td { span class="quiet" { "–" } } };
    };
    html! {
        td title={ (grouped(cell.allowed)) " allowed, " (grouped(cell.denied)) " denied, " (bytes(cell.bytes)) } {
            span class={ "h a" (step(cell.allowed)) } { (compact(cell.allowed)) span class="unseen" { " allowed, " } }
            span class={ "h d" (step(cell.denied)) } { (compact(cell.denied)) span class="unseen" { " denied" } }
        }
    }
}

/// 0 for none, then a step for each power of ten.
fn step(flows: u64) -> u32 {
    flows
        .checked_ilog10()
        .map_or(0, |power| (power + 1).min(STEPS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_flow_shows_and_colours_end() {
        assert_eq!(
            [0, 1, 9, 10, 99_999, u64::MAX].map(step),
            [0, 1, 1, 2, 5, 5]
        );
    }
}
