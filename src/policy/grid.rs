//! A question as a table: pairs of addresses that no rule tells apart against protocols and ports
//! that no rule tells apart.
//!
//! Two rows of a thousand rules each have some thousand of either, so the table is small; what is
//! larger is cut into pieces first, never sampled.

use hashbrown::HashMap;

use super::axis::Field;
use super::bits::Bits;
use super::classes::{
    Column, Compiled, DESTINATION, DESTINATION_PORT, Question, SOURCE, SOURCE_PORT,
};
use super::count::Count;
use crate::net::ProtocolSet;

/// Most pairs of classes that one table is made of, and most low classes: more is cut.
const MOST_PAIRS: usize = if cfg!(test) { 24 } else { 1 << 20 };
/// Most cells of one table. Unit tests have less of both, so that they meet what is cut.
const MOST_CELLS: usize = if cfg!(test) { 120 } else { 1 << 26 };

/// Steps that an answer may take: pairs of classes that are looked at, and cells of tables. A thousand
/// rules on both levels take some millions; rules made to be hard would take more than there is time for.
/// What is left when they are spent is not known.
#[derive(Debug, Clone)]
pub(super) struct Steps {
    left: u64,
}

impl Steps {
    /// As many as one answer has: some ten seconds.
    pub(super) fn of_an_answer() -> Self {
        Self { left: 1 << 31 }
    }

    /// So many.
    pub(super) fn new(left: u64) -> Self {
        Self { left }
    }

    fn take(&mut self, steps: usize) {
        self.left = self.left.saturating_sub(steps as u64);
    }
}

/// Part of a question: some classes of each field.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    /// Numbers of classes, sorted, in the order of [`Question::fields`].
    pub(super) chosen: [Vec<u32>; 4],
    /// Protocols. Of those without ports the packets have none, so just one piece has them.
    pub(super) protocols: ProtocolSet,
}

/// Classes that no rule of the piece tells apart.
#[derive(Debug)]
pub(super) struct Group {
    mask: Bits,
    /// Numbers of the classes, sorted.
    pub(super) classes: Vec<u32>,
    size: Count,
    first: u128,
}

/// Pairs of addresses that no rule of the piece tells apart.
#[derive(Debug)]
pub(super) struct High {
    /// The columns that hold them, as far as they can decide.
    pub(super) mask: Bits,
    /// How many.
    pub(super) size: Count,
    /// The lowest source, and the lowest destination with it.
    pub(super) first: (u128, u128),
    /// Source groups and destination groups.
    pub(super) pairs: Vec<(u32, u32)>,
}

/// Protocols and ports that no rule of the piece tells apart.
#[derive(Debug)]
pub(super) struct Low {
    mask: Bits,
    /// How many: at most all of TCP and UDP and three more.
    pub(super) size: u64,
    /// The lowest protocol, the lowest source port with it, the lowest destination port with both.
    pub(super) first: (ProtocolSet, u16, u16),
    /// Protocols, groups of source ports and of destination ports.
    pub(super) members: Vec<(ProtocolSet, u32, u32)>,
}

/// Number of the port groups of protocols without ports.
pub(super) const NO_PORT: u32 = u32::MAX;

/// The table of a piece. Columns and rows that do not reach into the piece are left out.
#[derive(Debug)]
pub(super) struct Grid {
    /// The columns, with their numbers in the whole.
    pub(super) columns: Vec<Column>,
    /// Source groups and destination groups, source port groups and destination port groups.
    pub(super) groups: [Vec<Group>; 4],
    /// Pairs of addresses.
    pub(super) highs: Vec<High>,
    /// Protocols and ports.
    pub(super) lows: Vec<Low>,
    /// Of each column, the lows that its row matches.
    pub(super) matched: Vec<Bits>,
}

/// Hands every table of a question to `visit`, as long as there are steps left; returns what is left then.
/// Of each list, columns behind the `decisive`-th row that takes everything its addresses have are left
/// out of [`High::mask`].
#[must_use]
pub(super) fn tables(
    question: &Question<'_>,
    decisive: usize,
    steps: &mut Steps,
    mut visit: impl FnMut(&Grid),
) -> Vec<Piece> {
    let chosen = [SOURCE, DESTINATION, SOURCE_PORT, DESTINATION_PORT]
        .map(|field| question.fields[field].all());
    let mut pieces = vec![Piece {
        chosen,
        protocols: question.protocols,
    }];
    while steps.left > 0
        && let Some(piece) = pieces.pop()
    {
        match Grid::new(question, &piece, decisive, steps) {
            Ok(grid) => visit(&grid),
            Err(halves) => pieces.extend(*halves),
        }
    }
    pieces
}

impl Grid {
    /// The table of a piece, or the piece in two where the table would be too large.
    fn new(
        question: &Question<'_>,
        piece: &Piece,
        decisive: usize,
        steps: &mut Steps,
    ) -> Result<Self, Box<[Piece; 2]>> {
        let compiled = question.compiled;
        let (columns, rows) = alive(question, piece);
        let fields = &question.fields;
        let group =
            |field: usize, kept: &[usize]| group(&fields[field], &piece.chosen[field], kept);
        let groups = [
            group(SOURCE, &columns),
            group(DESTINATION, &columns),
            group(SOURCE_PORT, &rows),
            group(DESTINATION_PORT, &rows),
        ];
        let product = |one: usize, other: usize| groups[one].len() * groups[other].len();
        if product(SOURCE, DESTINATION).max(product(SOURCE_PORT, DESTINATION_PORT)) > MOST_PAIRS {
            return Err(halves(piece, &groups));
        }
        steps.take(product(SOURCE, DESTINATION) + product(SOURCE_PORT, DESTINATION_PORT));
        let lows = lows(compiled, piece, &groups, &rows);
        let matched = matched(compiled, &columns, &rows, &lows);
        let columns: Vec<_> = columns
            .iter()
            .map(|&column| compiled.columns[column])
            .collect();
        let behind = behind(compiled, &columns, &matched, lows.len());
        let highs = highs(&groups, &behind, decisive);
        let cells = highs.len().saturating_mul(lows.len());
        steps.take(cells.min(MOST_CELLS));
        if cells > MOST_CELLS {
            return Err(halves(piece, &groups));
        }
        Ok(Self {
            columns,
            groups,
            highs,
            lows,
            matched,
        })
    }
}

/// The columns and the rows that reach into a piece.
fn alive(question: &Question<'_>, piece: &Piece) -> (Vec<usize>, Vec<usize>) {
    let compiled = question.compiled;
    let union = |field: usize, bound: usize| {
        let mut all = Bits::empty(bound);
        for &class in &piece.chosen[field] {
            all.add(&question.fields[field].classes[class as usize].mask);
        }
        all
    };
    let ports = union(SOURCE_PORT, compiled.rows()).and(&union(DESTINATION_PORT, compiled.rows()));
    let mut low = Bits::empty(compiled.rows());
    for (number, protocol) in chosen_protocols(piece) {
        let mut rows = compiled.protocol(number).clone();
        if protocol.has_ports() {
            rows.keep(&ports);
        }
        low.add(&rows);
    }
    let high =
        union(SOURCE, compiled.columns.len()).and(&union(DESTINATION, compiled.columns.len()));
    let columns: Vec<_> = high
        .and(&question.kept)
        .ones()
        .filter(|&column| low.has(compiled.columns[column].row))
        .collect();
    let mut rows: Vec<_> = columns
        .iter()
        .map(|&column| compiled.columns[column].row)
        .collect();
    rows.dedup();
    (columns, rows)
}

/// The protocols of a piece, with their numbers in [`ProtocolSet::EACH`].
fn chosen_protocols(piece: &Piece) -> impl Iterator<Item = (usize, ProtocolSet)> {
    let protocols = piece.protocols;
    ProtocolSet::EACH
        .into_iter()
        .enumerate()
        .filter(move |&(_, one)| !protocols.intersection(one).is_empty())
}

/// Joins the chosen classes that the kept columns (or rows) do not tell apart.
fn group(field: &Field, chosen: &[u32], kept: &[usize]) -> Vec<Group> {
    let mut numbers: HashMap<Bits, usize> = HashMap::new();
    let mut groups: Vec<Group> = Vec::new();
    // Where each column is among the kept ones: a class is in few columns.
    let mut places: Vec<Option<usize>> = vec![None; kept.last().map_or(0, |last| last + 1)];
    for (at, &column) in kept.iter().enumerate() {
        places[column] = Some(at);
    }
    for &number in chosen {
        let class = &field.classes[number as usize];
        let mut mask = Bits::empty(kept.len());
        for column in class.mask.ones() {
            if let Some(&Some(at)) = places.get(column) {
                mask.insert(at);
            }
        }
        let group = *numbers.entry(mask).or_insert_with_key(|mask| {
            groups.push(Group {
                mask: mask.clone(),
                classes: Vec::new(),
                size: Count::ZERO,
                first: class.first,
            });
            groups.len() - 1
        });
        let group = &mut groups[group];
        group.classes.push(number);
        group.size = group.size.plus(class.size);
    }
    groups
}

/// A piece in two, along the field that the rules cut most.
fn halves(piece: &Piece, groups: &[Vec<Group>; 4]) -> Box<[Piece; 2]> {
    let field = (0..groups.len())
        .max_by_key(|&field| groups[field].len())
        .unwrap_or(SOURCE);
    let half = groups[field].len() / 2;
    let classes = |groups: &[Group]| {
        let mut classes: Vec<_> = groups
            .iter()
            .flat_map(|group| group.classes.clone())
            .collect();
        classes.sort_unstable();
        classes
    };
    let [mut left, mut right] = [piece.clone(), piece.clone()];
    left.chosen[field] = classes(&groups[field][..half]);
    right.chosen[field] = classes(&groups[field][half..]);
    if field == SOURCE_PORT || field == DESTINATION_PORT {
        right.protocols = right
            .protocols
            .intersection(ProtocolSet::TCP.union(ProtocolSet::UDP));
    }
    Box::new([left, right])
}

/// Joins what is the same; the first that is found has the lowest packet.
fn lows(compiled: &Compiled, piece: &Piece, groups: &[Vec<Group>; 4], rows: &[usize]) -> Vec<Low> {
    let mut lows = Lows::default();
    for (number, protocol) in chosen_protocols(piece) {
        let mut takes = Bits::empty(rows.len());
        for (at, &row) in rows.iter().enumerate() {
            if compiled.protocol(number).has(row) {
                takes.insert(at);
            }
        }
        if !protocol.has_ports() {
            lows.add(takes, 1, (protocol, 0, 0), (protocol, NO_PORT, NO_PORT));
            continue;
        }
        for (source, from) in groups[SOURCE_PORT].iter().enumerate() {
            let takes = takes.and(&from.mask);
            for (destination, to) in groups[DESTINATION_PORT].iter().enumerate() {
                // Both sides have at most 65,536 ports, so the product fits.
                let size = from.size.times(to.size).exact().unwrap_or_default() as u64;
                lows.add(
                    takes.and(&to.mask),
                    size,
                    (protocol, from.first as u16, to.first as u16),
                    (protocol, source as u32, destination as u32),
                );
            }
        }
    }
    lows.list
}

/// Low classes in the making.
#[derive(Debug, Default)]
struct Lows {
    numbers: HashMap<Bits, usize>,
    list: Vec<Low>,
}

impl Lows {
    fn add(
        &mut self,
        mask: Bits,
        size: u64,
        first: (ProtocolSet, u16, u16),
        member: (ProtocolSet, u32, u32),
    ) {
        let list = &mut self.list;
        let number = *self.numbers.entry(mask).or_insert_with_key(|mask| {
            list.push(Low {
                mask: mask.clone(),
                size: 0,
                first,
                members: Vec::new(),
            });
            list.len() - 1
        });
        list[number].size += size;
        list[number].members.push(member);
    }
}

/// Of each column, the lows that its row matches.
fn matched(compiled: &Compiled, columns: &[usize], rows: &[usize], lows: &[Low]) -> Vec<Bits> {
    let mut of_row = vec![Bits::empty(lows.len()); rows.len()];
    for (number, low) in lows.iter().enumerate() {
        for row in low.mask.ones() {
            of_row[row].insert(number);
        }
    }
    columns
        .iter()
        .filter_map(|&column| rows.binary_search(&compiled.columns[column].row).ok())
        .map(|row| of_row[row].clone())
        .collect()
}

/// Of each column that surely takes every low, its list and the columns of that list behind it.
fn behind(
    compiled: &Compiled,
    columns: &[Column],
    matched: &[Bits],
    lows: usize,
) -> Vec<Option<(usize, Bits)>> {
    let all = Bits::full(lows);
    let list = |row: usize| compiled.lists.partition_point(|list| list.end <= row);
    let mut behind = vec![None; columns.len()];
    for (at, column) in columns.iter().enumerate() {
        if column.sure && matched[at] == all {
            let list = list(column.row);
            let mut later = Bits::empty(columns.len());
            (at + 1..columns.len())
                .take_while(|&other| compiled.lists[list].contains(&columns[other].row))
                .for_each(|other| later.insert(other));
            behind[at] = Some((list, later));
        }
    }
    behind
}

/// Clears the columns of each list behind the `decisive`-th that takes everything.
fn cut(mask: &mut Bits, full: &Bits, behind: &[Option<(usize, Bits)>], decisive: usize) {
    let mut seen = (usize::MAX, 0);
    for column in mask.and(full).ones() {
        let Some((list, later)) = &behind[column] else {
            continue;
        };
        seen = if seen.0 == *list {
            (*list, seen.1 + 1)
        } else {
            (*list, 1)
        };
        if seen.1 == decisive {
            mask.remove(later);
        }
    }
}

/// Joins what is the same; the first pair that is found has the lowest addresses.
fn highs(groups: &[Vec<Group>; 4], behind: &[Option<(usize, Bits)>], decisive: usize) -> Vec<High> {
    let mut full = Bits::empty(behind.len());
    for (column, behind) in behind.iter().enumerate() {
        if behind.is_some() {
            full.insert(column);
        }
    }
    let mut numbers: HashMap<Bits, usize> = HashMap::new();
    let mut highs: Vec<High> = Vec::new();
    for (source, from) in groups[SOURCE].iter().enumerate() {
        for (destination, to) in groups[DESTINATION].iter().enumerate() {
            let mut mask = from.mask.and(&to.mask);
            cut(&mut mask, &full, behind, decisive);
            let number = *numbers.entry(mask).or_insert_with_key(|mask| {
                highs.push(High {
                    mask: mask.clone(),
                    size: Count::ZERO,
                    first: (from.first, to.first),
                    pairs: Vec::new(),
                });
                highs.len() - 1
            });
            let high = &mut highs[number];
            high.size = high.size.plus(from.size.times(to.size));
            high.pairs.push((source as u32, destination as u32));
        }
    }
    highs
}
