//! Address -> class number, quick enough for every tuple.
//!
//! IPv4: the first 16 bits lead to a class or to a block of the next 8, that to a class or a block of
//! the last 8. IPv6: sorted interval starts. Both are made from the same flat list of intervals.

use crate::net::prefix::Family;

/// One family's address space as intervals: the first address of each, ascending from 0, and its
/// class number.
pub(super) type Intervals = Vec<(u128, u16)>;

/// Marks an entry that leads to a block.
const BLOCK: u16 = 0x8000;
/// Most classes, and most blocks, that entries can name.
pub(super) const MOST_CLASSES: usize = BLOCK as usize;

/// The finished table.
#[derive(Debug, Clone)]
pub struct Lookup {
    /// By the first 16 bits: a class, or [`BLOCK`] and the number of a block.
    top: Box<[u16]>,
    /// 256 entries each.
    blocks: Vec<u16>,
    v6_starts: Vec<u128>,
    v6_classes: Vec<u16>,
}

impl Lookup {
    /// Builds the table; `None` where there are more blocks than entries can name.
    pub(super) fn new(v4: &Intervals, v6: &Intervals) -> Option<Self> {
        let mut lookup = Self {
            top: vec![0; 65_536].into_boxed_slice(),
            blocks: Vec::new(),
            v6_starts: v6.iter().map(|&(start, _)| start).collect(),
            v6_classes: v6.iter().map(|&(_, class)| class).collect(),
        };
        let mut at = 0;
        for high in 0..65_536u32 {
            lookup.top[high as usize] = lookup.entry(v4, &mut at, high << 16, 16)?;
        }
        Some(lookup)
    }

    /// The entry for the addresses from `first` on that share all but the last `bits` bits. `at` is
    /// the interval that holds `first`, and afterwards the one that holds what follows.
    fn entry(&mut self, v4: &Intervals, at: &mut usize, first: u32, bits: u32) -> Option<u16> {
        let last = first | ((1u64 << bits) - 1) as u32;
        while v4
            .get(*at + 1)
            .is_some_and(|&(start, _)| start <= first as u128)
        {
            *at += 1;
        }
        if v4
            .get(*at + 1)
            .is_none_or(|&(start, _)| start > last as u128)
        {
            return Some(v4[*at].1);
        }
        let number = self.blocks.len() / 256;
        if number >= MOST_CLASSES {
            return None;
        }
        self.blocks.resize(self.blocks.len() + 256, 0);
        for step in 0..256u32 {
            let entry = self.entry(v4, at, first | step << (bits - 8), bits - 8)?;
            self.blocks[number * 256 + step as usize] = entry;
        }
        Some(BLOCK | number as u16)
    }

    /// Class number of an IPv4 address.
    #[inline]
    pub fn v4(&self, address: u32) -> u16 {
        let mut entry = self.top[(address >> 16) as usize];
        if entry & BLOCK != 0 {
            entry = self.in_block(entry, address >> 8);
            if entry & BLOCK != 0 {
                entry = self.in_block(entry, address);
            }
        }
        entry
    }

    #[inline]
    fn in_block(&self, entry: u16, byte: u32) -> u16 {
        self.blocks[(entry & !BLOCK) as usize * 256 + (byte & 0xff) as usize]
    }

    /// Class number of an IPv6 address.
    #[inline]
    pub fn v6(&self, address: u128) -> u16 {
        let after = self.v6_starts.partition_point(|&start| start <= address);
        self.v6_classes[after - 1]
    }

    /// Class number of a family's number.
    pub fn number(&self, family: Family, number: u128) -> u16 {
        match family {
            Family::V4 => self.v4(number as u32),
            Family::V6 => self.v6(number),
        }
    }
}
