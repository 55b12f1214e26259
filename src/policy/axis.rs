//! One part of packets (addresses of a side and family, ports of a side), cut into classes: numbers
//! that no rule tells apart.

use hashbrown::HashMap;

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
pub(super) struct Sets {
    /// Inclusive ranges that neither overlap nor touch, per set.
    pub(super) ranges: Vec<Vec<(u128, u128)>>,
    /// Per column, a number in `ranges`.
    pub(super) of_column: Vec<usize>,
}

impl Axis {
    /// Cuts the numbers up to `max`.
    pub(super) fn new(sets: &Sets, max: u128) -> Self {
        let mut borders = Vec::new();
        for (set, ranges) in sets.ranges.iter().enumerate() {
            for &(low, high) in ranges {
                borders.push((low, set));
                if high < max {
                    borders.push((high + 1, set));
                }
            }
        }
        borders.sort_unstable();
        let mut borders = borders.into_iter().peekable();
        let mut current = Bits::empty(sets.ranges.len());
        let mut numbers: HashMap<Bits, u32> = HashMap::new();
        let mut signatures = Vec::new();
        let mut starts: Vec<(u128, u32)> = Vec::new();
        let mut start = 0;
        loop {
            while let Some((_, set)) = borders.next_if(|&(border, _)| border == start) {
                // A set's ranges do not touch, so each border flips its membership.
                current.flip(set);
            }
            let class = *numbers.entry(current.clone()).or_insert_with(|| {
                signatures.push(current.clone());
                signatures.len() as u32 - 1
            });
            if starts.last().is_none_or(|&(_, last)| last != class) {
                starts.push((start, class));
            }
            match borders.peek() {
                Some(&(border, _)) => start = border,
                None => break,
            }
        }
        let masks = signatures
            .iter()
            .map(|signature| columns_of(signature, &sets.of_column))
            .collect();
        Self { starts, masks, max }
    }

    /// Which columns hold a number.
    pub(super) fn mask_at(&self, number: u128) -> &Bits {
        let at = self.starts.partition_point(|&(start, _)| start <= number) - 1;
        &self.masks[self.starts[at].1 as usize]
    }

    /// The classes within some sorted inclusive ranges.
    pub(super) fn within(&self, ranges: &[(u128, u128)]) -> Field {
        let mut renumbered: HashMap<u32, u32> = HashMap::new();
        let mut field = Field {
            pieces: Vec::new(),
            classes: Vec::new(),
        };
        for &(low, high) in ranges {
            let mut at = self.starts.partition_point(|&(start, _)| start <= low) - 1;
            while let Some(&(start, class)) =
                self.starts.get(at).filter(|&&(start, _)| start <= high)
            {
                at += 1;
                let end = self.starts.get(at).map_or(self.max, |&(next, _)| next - 1);
                let (low, high) = (low.max(start), high.min(end));
                let class = *renumbered.entry(class).or_insert_with(|| {
                    field.classes.push(Class {
                        mask: self.masks[class as usize].clone(),
                        size: Count::ZERO,
                        first: low,
                    });
                    field.classes.len() as u32 - 1
                });
                let size = &mut field.classes[class as usize].size;
                *size = size.plus(Count::of_range(low, high));
                field.pieces.push((low, high, class));
            }
        }
        field
    }
}

/// The columns whose set is among those of a signature.
fn columns_of(signature: &Bits, of_column: &[usize]) -> Bits {
    let mut columns = Bits::empty(of_column.len());
    for (column, &set) in of_column.iter().enumerate() {
        if signature.has(set) {
            columns.insert(column);
        }
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
