//! The sums of a piece, told apart by share, so that several workers can join one capture.

use super::connection::Connection;

/// Shares of a capture's conversations where its live connections are kept in several tables.
pub const SHARES: usize = 16;

/// Sums in the order of their first packets, and which of them are of which share.
///
/// The share is a function of the conversation's key alone: all its sums are joined by one table, in
/// their order.
#[derive(Debug, Default)]
pub struct Spread {
    sums: Vec<Connection>,
    /// Numbers of sums: by share, then in their order.
    order: Vec<u32>,
    /// Where a share's numbers end in `order`; one entry a share.
    ends: Vec<u32>,
}

impl Spread {
    /// Tells sums apart by `shares`, at most [`SHARES`] and a power of two.
    pub fn new(sums: Vec<Connection>, shares: usize) -> Self {
        debug_assert!(shares.is_power_of_two() && shares <= SHARES);
        let share = |sum: &Connection| (sum.key.hash() >> 48) as usize & (shares - 1);
        let mut ends = vec![0; shares];
        for sum in &sums {
            ends[share(sum)] += 1;
        }
        let mut start = 0;
        for end in &mut ends {
            start += std::mem::replace(end, start);
        }
        let mut order = vec![0; sums.len()];
        for (number, sum) in (0..).zip(&sums) {
            let end = &mut ends[share(sum)];
            order[*end as usize] = number;
            *end += 1;
        }
        Self { sums, order, ends }
    }

    /// The sums of a share, in their order.
    pub fn share(&self, number: usize) -> impl Iterator<Item = &Connection> {
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.order[start as usize..self.ends[number] as usize]
            .iter()
            .map(|&number| &self.sums[number as usize])
    }

    /// All sums, in their order.
    pub fn into_sums(self) -> Vec<Connection> {
        self.sums
    }
}
