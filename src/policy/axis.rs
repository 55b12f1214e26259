//! One part of packets (addresses of a side and family, ports of a side), cut into classes: numbers
//! that no rule tells apart.

use hashbrown::HashTable;

use super::bits::Bits;
use super::count::Count;

/// The whole part, cut at every rule's borders.
#[derive(Debug)]
pub(super) struct Axis {
    /// Where each interval begins, and its class.
    starts: Vec<(u128, u32)>,
    /// Which columns hold each class.
    masks: Vec<Bits>,
    /// The greatest number.
    max: u128,
}

/// What lies within a question: its classes, numbered anew by their lowest number.
#[derive(Debug)]
pub(super) struct Field {
    /// Inclusive ranges and their class, in order.
    pub(super) pieces: Vec<(u128, u128, u32)>,
    /// The classes.
    pub(super) classes: Vec<Class>,
}

/// Numbers that no column tells apart.
#[derive(Debug)]
pub(super) struct Class {
    /// The columns that hold it.
    pub(super) mask: Bits,
    /// How many numbers.
    pub(super) size: Count,
    /// The lowest.
    pub(super) first: u128,
}

/// The distinct sets, as ranges, and which of them each column has.
pub(super) struct Sets<'a> {
    /// Inclusive ranges that neither overlap nor touch, per set.
    pub(super) ranges: Vec<&'a [(u128, u128)]>,
    /// Per column, a number in `ranges`.
    pub(super) of_column: Vec<usize>,
}

impl Axis {
    /// Cuts the numbers up to `max`.
    pub(super) fn new(sets: &Sets<'_>, max: u128) -> Self {
        let mut borders = Vec::new();
        for (set, ranges) in sets.ranges.iter().enumerate() {
            for &(low, high) in *ranges {
                borders.push((low, set));
                if high < max {
                    borders.push((high + 1, set));
                }
            }
        }
        // Each set's are in order already, which a stable sort makes use of.
        borders.sort_by_key(|&border| border);
        let mut borders = borders.into_iter().peekable();
        let mut current = Bits::empty(sets.ranges.len());
        // Each border changes one bit, so the hash of a signature is kept and not made anew.
        let mut numbers: HashTable<(u64, u32)> = HashTable::new();
        let mut hash = 0;
        let mut signatures: Vec<Bits> = Vec::new();
        let mut starts: Vec<(u128, u32)> = Vec::new();
        let mut start = 0;
        loop {
            while let Some((_, set)) = borders.next_if(|&(border, _)| border == start) {
                // A set's ranges do not touch, so each border flips its membership.
                current.flip(set);
                hash ^= mixed(set as u64);
            }
            let same = |&(_, class): &(u64, u32)| signatures[class as usize] == current;
            let class = if let Some(&(_, class)) = numbers.find(hash, same) {
                class
            } else {
                let class = signatures.len() as u32;
                signatures.push(current.clone());
                numbers.insert_unique(hash, (hash, class), |&(hash, _)| hash);
                class
            };
            if starts.last().is_none_or(|&(_, last)| last != class) {
                starts.push((start, class));
            }
            match borders.peek() {
                Some(&(border, _)) => start = border,
                None => break,
            }
        }
        // A signature has few of the sets.
        let of_sets = columns_of_sets(sets);
        let mask = |signature: &Bits| {
            let mut columns = Bits::empty(sets.of_column.len());
            signature.ones().for_each(|set| columns.add(&of_sets[set]));
            columns
        };
        let masks = signatures.iter().map(mask).collect();
        Self { starts, masks, max }
    }

    /// Which columns hold a number.
    pub(super) fn mask_at(&self, number: u128) -> &Bits {
        let at = self.starts.partition_point(|&(start, _)| start <= number) - 1;
        &self.masks[self.starts[at].1 as usize]
    }

    /// The last interval from `from` on that begins at or before a number, where that one does: it is
    /// near, mostly.
    fn last_at(&self, number: u128, from: usize) -> usize {
        let mut step = 1;
        let begins = |at: usize| {
            self.starts
                .get(at)
                .is_some_and(|&(start, _)| start <= number)
        };
        while begins(from + step) {
            step *= 2;
        }
        let near = &self.starts[from + step / 2..self.starts.len().min(from + step)];
        from + step / 2 + near.partition_point(|&(start, _)| start <= number) - 1
    }

    /// The classes within some sorted inclusive ranges.
    pub(super) fn within(&self, ranges: &[(u128, u128)]) -> Field {
        let mut renumbered: Vec<Option<u32>> = vec![None; self.masks.len()];
        let mut field = Field {
            pieces: Vec::new(),
            classes: Vec::new(),
        };
        let mut at = 0;
        for &(low, high) in ranges {
            at = self.last_at(low, at);
            loop {
                let (start, class) = self.starts[at];
                let end = self
                    .starts
                    .get(at + 1)
                    .map_or(self.max, |&(next, _)| next - 1);
                let (low, last) = (low.max(start), high.min(end));
                let class = *renumbered[class as usize].get_or_insert_with(|| {
                    field.classes.push(Class {
                        mask: self.masks[class as usize].clone(),
                        size: Count::ZERO,
                        first: low,
                    });
                    field.classes.len() as u32 - 1
                });
                let size = &mut field.classes[class as usize].size;
                *size = size.plus(Count::of_range(low, last));
                field.pieces.push((low, last, class));
                if end >= high {
                    break;
                }
                at += 1;
            }
        }
        field
    }
}

/// A number whose bits depend on all bits of another (the finalizer of splitmix64).
fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Of each set, the columns that have it.
fn columns_of_sets(sets: &Sets<'_>) -> Vec<Bits> {
    let mut columns = vec![Bits::empty(sets.of_column.len()); sets.ranges.len()];
    for (column, &set) in sets.of_column.iter().enumerate() {
        columns[set].insert(column);
    }
    columns
}

impl Field {
    /// The numbers of all classes.
    pub(super) fn all(&self) -> Vec<u32> {
        (0..self.classes.len() as u32).collect()
    }

    /// The inclusive ranges of each class.
    pub(super) fn ranges(&self) -> Vec<Vec<(u128, u128)>> {
        let mut ranges = vec![Vec::new(); self.classes.len()];
        for &(low, high, class) in &self.pieces {
            ranges[class as usize].push((low, high));
        }
        ranges
    }
}
