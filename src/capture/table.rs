//! The live connections of one capture, or of a share of its conversations: takes the sums of its
//! pieces in order, gives back those that have ended. Bounded: beyond the limit the oldest are given
//! back as if they had ended.

use hashbrown::HashTable;

use super::connection::{Connection, Sent, by_age};
use super::packet::Tunnel;

/// The live connections of one share of a capture.
#[derive(Debug)]
pub struct Table {
    live: Live,
    limit: usize,
    /// As many live connections are never looked through for those that have ended.
    least: usize,
    /// With more than so many live it is looked which have ended.
    crowded: usize,
    /// What was counted.
    pub totals: Totals,
}

/// What a table has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Connections that have ended.
    pub ended: u64,
    /// Of these: because of the limit.
    pub evicted: u64,
    /// Of these: in a tunnel.
    pub tunnelled: u64,
    /// ICMP errors about connections that the capture does not have.
    pub lost_errors: u64,
}

impl Totals {
    /// Adds another table's.
    pub fn add(&mut self, other: Self) {
        self.ended += other.ended;
        self.evicted += other.evicted;
        self.tunnelled += other.tunnelled;
        self.lost_errors += other.lost_errors;
    }
}

/// Slots in blocks, so that growing copies nothing and needs no room twice.
#[derive(Debug, Default)]
struct Slots {
    blocks: Vec<Vec<Connection>>,
    free: Vec<u32>,
}

const BLOCK: usize = 1 << 12;
/// As many live connections of a capture are never looked through for those that have ended.
const CROWDED: usize = 1 << 16;

impl Slots {
    #[inline]
    fn get(&self, number: u32) -> &Connection {
        &self.blocks[number as usize / BLOCK][number as usize % BLOCK]
    }

    #[inline]
    fn get_mut(&mut self, number: u32) -> &mut Connection {
        &mut self.blocks[number as usize / BLOCK][number as usize % BLOCK]
    }

    fn insert(&mut self, connection: Connection) -> u32 {
        if let Some(number) = self.free.pop() {
            *self.get_mut(number) = connection;
            return number;
        }
        if self.blocks.last().is_none_or(|block| block.len() == BLOCK) {
            self.blocks.push(Vec::with_capacity(BLOCK));
        }
        let block = self.blocks.len() - 1;
        self.blocks[block].push(connection);
        (block * BLOCK + self.blocks[block].len() - 1) as u32
    }
}

/// What takes connections that have ended.
pub trait Finished {
    /// Takes some, by file and offset of their first packets.
    fn finished(&mut self, connections: &[Connection]);
}

/// Connections that have ended, given on in parts.
struct Ended<'f> {
    connections: Vec<Connection>,
    totals: &'f mut Totals,
    to: &'f mut dyn Finished,
}

/// How many are given on at once.
const PART: usize = 1_024;

impl<'f> Ended<'f> {
    fn new(totals: &'f mut Totals, to: &'f mut dyn Finished) -> Self {
        Self {
            connections: Vec::new(),
            totals,
            to,
        }
    }

    fn push(&mut self, connection: Connection) {
        if connection.packets() == 0 {
            self.totals.lost_errors += 1;
            return;
        }
        self.totals.ended += 1;
        self.totals.tunnelled += u64::from(connection.tunnel != Tunnel::None);
        self.connections.push(connection);
        if self.connections.len() == PART {
            self.give();
        }
    }

    fn give(&mut self) {
        self.connections
            .sort_unstable_by_key(|connection| (connection.file, connection.offset));
        self.to.finished(&self.connections);
        self.connections.clear();
    }

    /// Gives on the rest.
    fn finish(mut self) {
        if !self.connections.is_empty() {
            self.give();
        }
    }
}

/// Live connections by key.
#[derive(Debug, Default)]
struct Live {
    /// Numbers of their slots.
    index: HashTable<u32>,
    slots: Slots,
}

impl Live {
    fn len(&self) -> usize {
        self.index.len()
    }

    fn join(&mut self, sum: &Connection, ended: &mut Ended<'_>) {
        let hash = sum.key.hash();
        let slots = &mut self.slots;
        let found = self
            .index
            .find(hash, |&number| slots.get(number).key == sum.key);
        if let Some(&number) = found {
            let live = slots.get_mut(number);
            if live.continues(sum) {
                live.append(sum);
            } else {
                ended.push(std::mem::replace(live, *sum));
            }
            return;
        }
        let number = slots.insert(*sum);
        self.index
            .insert_unique(hash, number, |&number| slots.get(number).key.hash());
    }

    fn retain(&mut self, ended: &mut Ended<'_>, keep: impl Fn(&Connection) -> bool) {
        let slots = &mut self.slots;
        self.index.retain(|&mut number| {
            let live = slots.get(number);
            let keeps = keep(live);
            if !keeps {
                ended.push(*live);
                slots.free.push(number);
            }
            keeps
        });
    }

    /// Ends the `excess` oldest.
    fn evict(&mut self, excess: usize, ended: &mut Ended<'_>) {
        let mut numbers: Vec<u32> = self.index.iter().copied().collect();
        let slots = &self.slots;
        let (_, &mut last, _) =
            numbers.select_nth_unstable_by(excess - 1, |&a, &b| by_age(slots.get(a), slots.get(b)));
        let last = *slots.get(last);
        self.retain(ended, |live| by_age(live, &last).is_gt());
    }
}

impl<F: Finished + ?Sized> Finished for &mut F {
    fn finished(&mut self, connections: &[Connection]) {
        (**self).finished(connections);
    }
}

impl Table {
    /// A table of one of so many shares of a capture of which at most `limit` connections are live
    /// between pieces.
    pub fn new(limit: usize, shares: usize) -> Self {
        let limit = limit / shares;
        let least = CROWDED / shares;
        Self {
            live: Live::default(),
            limit,
            least,
            crowded: least.min(limit),
            totals: Totals::default(),
        }
    }

    /// Takes this share's sums of the next piece; `now` is the time of its last packet.
    pub fn absorb<'s>(
        &mut self,
        sums: impl Iterator<Item = &'s Connection>,
        now: Option<i64>,
        finished: &mut dyn Finished,
    ) {
        let mut ended = Ended::new(&mut self.totals, finished);
        for sum in sums {
            self.live.join(sum, &mut ended);
        }
        if self.live.len() > self.crowded {
            if let Some(now) = now {
                // Twice the silence, since packets may be somewhat out of order.
                self.live.retain(&mut ended, |live| {
                    now.saturating_sub(live.last) <= 2 * live.silence()
                });
            }
            if self.live.len() > self.limit {
                // An eighth of the room is made free, so that it is not made for each piece.
                let excess = self.live.len() - (self.limit - self.limit / 8);
                ended.totals.evicted += excess as u64;
                self.live.evict(excess, &mut ended);
            }
            self.crowded = self.least.max(2 * self.live.len()).min(self.limit);
        }
        ended.finish();
    }

    /// Ends everything, for the capture is over: parts to be sorted by whoever takes them.
    pub fn into_parts(mut self) -> (Vec<Vec<Connection>>, Totals) {
        let mut slots = std::mem::take(&mut self.live.slots);
        let free = std::mem::take(&mut slots.free);
        for &number in &free {
            // A sum of no packets is none.
            slots.get_mut(number).sent = <[Sent; 2]>::default();
        }
        let mut parts = slots.blocks;
        let mut none = 0;
        for part in &mut parts {
            let before = part.len();
            part.retain(|connection| connection.packets() > 0);
            none += (before - part.len()) as u64;
            self.totals.ended += part.len() as u64;
            self.totals.tunnelled += part
                .iter()
                .filter(|connection| connection.tunnel != Tunnel::None)
                .count() as u64;
        }
        self.totals.lost_errors += none - free.len() as u64;
        (parts, self.totals)
    }
}
