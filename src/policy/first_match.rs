//! The first match of every list of rules, for all lows of a high at once.

use std::collections::BTreeMap;
use std::ops::Range;

use super::bits::Bits;
use super::decider::{Decider, Ruling};
use super::grid::{Grid, High};
use super::rule::{Access, Level};

/// Lows that no rule surely took yet.
#[derive(Debug, Clone)]
struct Open {
    lows: Bits,
    /// The first rule of each access that may match.
    may: [Option<usize>; Access::COUNT],
}

/// What decides at one level, whose rules are the rows `list`, of the lows `undecided` of a high.
fn deciders(
    grid: &Grid,
    high: &High,
    list: &Range<usize>,
    level: &Level,
    undecided: Bits,
) -> Vec<(Decider, Bits)> {
    let mut decided = Vec::new();
    let mut open = vec![Open {
        lows: undecided,
        may: [None; Access::COUNT],
    }];
    for at in high.mask.ones() {
        let column = grid.columns[at];
        if !list.contains(&column.row) {
            continue;
        }
        let rule = column.row - list.start;
        let access = level.rules[rule].access;
        if column.sure {
            take(&mut open, rule, level, &grid.matched[at], &mut decided);
        } else {
            let split = open
                .iter_mut()
                .filter(|open| open.may[access as usize].is_none());
            let maybe: Vec<_> = split
                .filter_map(|open| split_off(open, rule, access, &grid.matched[at]))
                .collect();
            open.extend(maybe);
        }
        open.retain(|open| !open.lows.is_empty());
        if open.is_empty() {
            break;
        }
    }
    decided.extend(
        open.into_iter()
            .map(|open| (Decider::of(level, open.may, None), open.lows)),
    );
    decided
}

/// Takes what a rule surely matches.
fn take(
    open: &mut [Open],
    rule: usize,
    level: &Level,
    matched: &Bits,
    decided: &mut Vec<(Decider, Bits)>,
) {
    for open in open.iter_mut().filter(|open| open.lows.meets(matched)) {
        let decider = Decider::of(level, open.may, Some(rule));
        decided.push((decider, open.lows.and(matched)));
        open.lows.remove(matched);
    }
}

/// Splits off what a rule may match.
fn split_off(open: &mut Open, rule: usize, access: Access, matched: &Bits) -> Option<Open> {
    if !open.lows.meets(matched) {
        return None;
    }
    let mut maybe = Open {
        lows: open.lows.and(matched),
        may: open.may,
    };
    maybe.may[access as usize] = Some(rule);
    open.lows.remove(matched);
    Some(maybe)
}

/// What becomes of the lows `undecided` of a high; `lists` has the rows of each level.
pub(super) fn rulings(
    grid: &Grid,
    high: &High,
    lists: &[Range<usize>],
    levels: &[Level],
    undecided: Bits,
) -> Vec<(Ruling, Bits)> {
    let mut paths = vec![(Vec::new(), undecided)];
    for (list, level) in lists.iter().zip(levels) {
        let mut longer = Vec::new();
        for (path, lows) in paths {
            for (decider, lows) in deciders(grid, high, list, level, lows) {
                let mut path: Vec<Decider> = path.clone();
                path.push(decider);
                longer.push((path, lows));
            }
        }
        paths = longer;
    }
    let mut rulings: BTreeMap<Ruling, Bits> = BTreeMap::new();
    for (path, lows) in paths {
        rulings
            .entry(Ruling::new(levels, &path))
            .and_modify(|all| all.add(&lows))
            .or_insert(lows);
    }
    rulings.into_iter().collect()
}
