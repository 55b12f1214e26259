//! Which earlier rules take all packets of a rule.

use super::bits::Bits;
use super::classes::{Compiled, Question};
use super::count::Count;
use super::grid::{Grid, High, tables};
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

/// Whether some rows together surely take a whole cube.
fn takes_all(compiled: &Compiled, cube: &Cube, rows: &[usize]) -> bool {
    let columns = surely(compiled, |row| rows.contains(&row));
    let mut all = true;
    for question in asked(compiled, cube, &columns) {
        tables(&question, 1, |grid| {
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

/// Rows before `rule` that together surely take a cube, none of which can be left out: the one that
/// takes most, then the one that takes most of the rest, and so on. The cube is one that the rows
/// before do take.
pub(super) fn cover(compiled: &Compiled, rule: usize, cube: &Cube) -> Vec<usize> {
    let columns = surely(compiled, |row| row < rule);
    let mut rests = Vec::new();
    for question in asked(compiled, cube, &columns) {
        tables(&question, 1, |grid| rests.push(Rest::new(grid)));
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
    chosen
}
