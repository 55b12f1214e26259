//! Which earlier rules take all packets of a rule.

use std::collections::BTreeSet;

use super::bits::Bits;
use super::classes::{Compiled, Question};
use super::count::Count;
use super::grid::{Grid, High, Steps, tables};
use super::rule::Cube;

/// A part of the rule's packets that the rules chosen so far leave.
struct Left {
    high: High,
    lows: Bits,
}

/// A table and what is left of it.
struct Rest {
    matched: Vec<Bits>,
    rows: Vec<usize>,
    sizes: Vec<u64>,
    left: Vec<Left>,
}

impl Rest {
    fn new(grid: &Grid) -> Self {
        let left = grid.highs.iter().map(|high| Left {
            high: High {
                mask: high.mask.clone(),
                size: high.size,
                first: high.first,
                pairs: Vec::new(),
            },
            lows: Bits::full(grid.lows.len()),
        });
        Self {
            matched: grid.matched.clone(),
            rows: grid.columns.iter().map(|column| column.row).collect(),
            sizes: grid.lows.iter().map(|low| low.size).collect(),
            left: left.collect(),
        }
    }

    /// Adds what each row takes of what is left.
    fn gains(&self, gains: &mut [Count]) {
        for left in &self.left {
            for at in left.high.mask.ones() {
                let taken = left.lows.and(&self.matched[at]);
                let size: u64 = taken.ones().map(|low| self.sizes[low]).sum();
                let gain = &mut gains[self.rows[at]];
                *gain = gain.plus(left.high.size.times(Count::from(size as u128)));
            }
        }
    }

    /// Takes away what a row takes.
    fn take(&mut self, row: usize) {
        let Some(at) = self.rows.iter().position(|&other| other == row) else {
            return;
        };
        for left in self.left.iter_mut().filter(|left| left.high.mask.has(at)) {
            left.lows.remove(&self.matched[at]);
        }
        self.left.retain(|left| !left.lows.is_empty());
    }
}

/// The columns by which the rows surely match.
fn surely(compiled: &Compiled, rows: impl Fn(usize) -> bool) -> Bits {
    let mut columns = Bits::empty(compiled.columns.len());
    for (number, column) in compiled.columns.iter().enumerate() {
        if column.sure && rows(column.row) {
            columns.insert(number);
        }
    }
    columns
}

/// A cube's packets as the rows that `columns` are of see them.
fn asked<'a>(compiled: &'a Compiled, cube: &Cube, columns: &Bits) -> Vec<Question<'a>> {
    let keep = |mut question: Question<'a>| {
        question.kept = columns.clone();
        question
    };
    compiled.questions(cube).map(keep).collect()
}

/// Every table of a question. A rule is covered only where its level could be followed to the end, of
/// which this is a part.
fn all_tables(question: &Question<'_>, visit: impl FnMut(&Grid)) {
    let left = tables(question, 1, &mut Steps::new(u64::MAX), visit);
    debug_assert!(left.is_empty());
}

/// Whether some rows together surely take a whole cube.
fn takes_all(compiled: &Compiled, cube: &Cube, rows: &[usize]) -> bool {
    let columns = surely(compiled, |row| rows.contains(&row));
    let mut all = true;
    for question in asked(compiled, cube, &columns) {
        all_tables(&question, |grid| {
            all &= grid.highs.iter().all(|high| {
                let mut left = Bits::full(grid.lows.len());
                for at in high.mask.ones() {
                    left.remove(&grid.matched[at]);
                }
                left.is_empty()
            });
        });
    }
    all
}

/// Rows before `rule` that together surely take a cube, none of which can be left out: the fewest, where
/// those are soon found. First the row that takes most is taken, then the one that takes most of the
/// rest, and so on. The cube is one that the rows before do take.
pub(super) fn cover(compiled: &Compiled, rule: usize, cube: &Cube) -> Vec<usize> {
    let columns = surely(compiled, |row| row < rule);
    let mut rests = Vec::new();
    for question in asked(compiled, cube, &columns) {
        all_tables(&question, |grid| rests.push(Rest::new(grid)));
    }
    let mut chosen = Vec::new();
    loop {
        let mut gains = vec![Count::ZERO; rule];
        for rest in &rests {
            rest.gains(&mut gains);
        }
        let best = (0..rule).rev().max_by_key(|&row| gains[row]);
        let Some(best) = best.filter(|&row| !gains[row].is_zero()) else {
            break;
        };
        chosen.push(best);
        for rest in &mut rests {
            rest.take(best);
        }
    }
    for at in (0..chosen.len()).rev() {
        let mut fewer = chosen.clone();
        fewer.remove(at);
        if takes_all(compiled, cube, &fewer) {
            chosen = fewer;
        }
    }
    chosen.sort_unstable();
    fewer(compiled, cube, &columns, chosen)
}

/// Most steps of the search for a smaller cover.
const STEPS: usize = 20_000;

/// The fewest rows that take a cube, where the search for them is short; else `known`, which no row can
/// be left out of. Taking what takes most finds the fewest where those are one or two.
fn fewer(compiled: &Compiled, cube: &Cube, columns: &Bits, known: Vec<usize>) -> Vec<usize> {
    if known.len() <= 2 {
        return known;
    }
    // What has to be taken: by each kind of packet, the rows that take it.
    let mut kinds: BTreeSet<Vec<usize>> = BTreeSet::new();
    for question in asked(compiled, cube, columns) {
        all_tables(&question, |grid| {
            for high in &grid.highs {
                let mut takers = vec![Vec::new(); grid.lows.len()];
                for at in high.mask.ones() {
                    for low in grid.matched[at].ones() {
                        takers[low].push(grid.columns[at].row);
                    }
                }
                kinds.extend(takers);
            }
        });
    }
    // Rows of which few take a kind are tried first.
    let mut kinds: Vec<_> = kinds.into_iter().collect();
    kinds.sort_by_key(Vec::len);
    let mut steps = STEPS;
    for most in 3..known.len() {
        let mut chosen = Vec::new();
        match search(&kinds, most, &mut chosen, &mut steps) {
            Some(true) => {
                chosen.sort_unstable();
                return chosen;
            }
            Some(false) => {}
            None => break,
        }
    }
    known
}

/// Adds to `chosen` until every kind has a taker among them, with at most `most` more; `None` where there
/// are no steps left to tell.
fn search(
    kinds: &[Vec<usize>],
    most: usize,
    chosen: &mut Vec<usize>,
    steps: &mut usize,
) -> Option<bool> {
    *steps = steps.checked_sub(1)?;
    let open = kinds
        .iter()
        .find(|kind| !kind.iter().any(|row| chosen.contains(row)));
    let Some(kind) = open else {
        return Some(true);
    };
    if most == 0 {
        return Some(false);
    }
    for &row in kind {
        chosen.push(row);
        if search(kinds, most - 1, chosen, steps)? {
            return Some(true);
        }
        chosen.pop();
    }
    Some(false)
}
