//! A worker's own small table: one cache line a group and bucket, emptied into the shared groups
//! when it is full.
//!
//! It stays in the second-level cache, so that counting a tuple does not wait for memory. Keys are
//! made, hashed and prefetched for a batch of tuples before any is counted.

use super::facts::{Sample, Totals};
use super::key::{Flags, Key, NamedPorts, OTHER_PORTS, Place};
use super::totals::{Addition, Groups};
use crate::flowlog::tuple::fold;
use crate::flowlog::{Bits, RecordBatch, Tuple};

/// Places of the table. A power of two; 64 bytes each.
const PLACES: usize = 1 << 14;
/// Most entries: half, so that probes stay short.
const MOST: usize = PLACES / 2;
/// Most samples waiting.
const MOST_SAMPLES: usize = 1 << 14;

/// Where a tuple is counted: its group, and the place of that in the table, looked up ahead.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Spot {
    source: u32,
    destination: u32,
    bucket: u32,
    /// Time within the bucket, ms.
    within: u32,
    place: u32,
    rule: u16,
    port: u16,
    flags: u8,
    /// The width of buckets it was looked up for.
    shift: u8,
}

/// What a tuple adds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Amounts {
    pub(crate) flows: u32,
    /// From the tuple's time to its last flow's, ms: 0 in logs.
    pub(crate) lasting: i64,
    pub(crate) packets: [u64; 2],
    pub(crate) bytes: [u64; 2],
}

impl Amounts {
    #[inline]
    pub(crate) fn of(batch: &RecordBatch, tuple: &Tuple) -> Self {
        if tuple.bits.is_wide() {
            let wide = &batch.wide[tuple.source as usize];
            let lasting = (wide.last - tuple.time).max(0);
            return Self {
                flows: wide.flows,
                lasting,
                packets: wide.packets,
                bytes: wide.bytes,
            };
        }
        Self {
            flows: batch.flows(tuple),
            lasting: 0,
            packets: tuple.packets.map(u64::from),
            bytes: tuple.bytes.map(u64::from),
        }
    }
}

/// One group's counts in one bucket. 64 bytes.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C, align(64))]
struct Entry {
    source: u32,
    destination: u32,
    bucket: u32,
    rule: u16,
    port: u16,
    protocol: u8,
    flags: u8,
    /// Until when a tuple may be one of the group's first five, in steps of the bucket's 32,768th
    /// part: the greatest time among the first five of this entry, or, with [`KNOWN`] set, of all
    /// that the run has counted of the group so far.
    sample_until: u16,
    /// Times within the bucket, ms.
    first: u32,
    last: u32,
    /// Plus one; 0 where no flow began.
    last_begin: u32,
    flows: u32,
    /// 0 for a free place.
    tuples: u32,
    packets: [u32; 2],
    bytes: [u64; 2],
}

/// Bit of [`Entry::sample_until`]: it is known from the run's groups.
const KNOWN: u16 = 1 << 15;
/// Places of the table of groups whose first five tuples are known.
const SATED: usize = 1 << 12;

/// A worker's table.
#[derive(Debug)]
pub(crate) struct Local {
    entries: Box<[Entry]>,
    used: Vec<u32>,
    samples: Vec<(Key, Sample)>,
    /// Groups that have their samples, and the last one's time: so that a group that goes on is not
    /// sampled anew each time the table was emptied.
    sated: Vec<Option<(Key, i64)>>,
    /// Width of buckets: two to the power of this, in minutes.
    shift: u8,
    /// The run's level of coarsening, as it was last seen: ports that it folds are folded here.
    level: u8,
    ports: NamedPorts,
}

/// Bit of an entry's flags: its port is folded.
const FOLDED: u8 = 1 << 7;

impl Local {
    pub(crate) fn new(ports: &NamedPorts) -> Self {
        Self {
            entries: vec![Entry::default(); PLACES].into_boxed_slice(),
            used: Vec::with_capacity(MOST),
            samples: Vec::new(),
            sated: vec![None; SATED],
            shift: 0,
            level: 0,
            ports: ports.clone(),
        }
    }

    /// Finds the place of a tuple and has it fetched.
    #[inline]
    pub(crate) fn spot(
        &self,
        source: Place,
        destination: Place,
        rule: u16,
        flags: Flags,
        tuple: &Tuple,
    ) -> Spot {
        let bucket = (tuple.time as u64 / 60_000) as u32 >> self.shift;
        let within = (tuple.time - ((bucket as i64) << self.shift) * 60_000) as u32;
        let denied = tuple.bits.0 & Bits::DENY != 0;
        let folded = self.ports.folds(self.level, denied, tuple.destination_port);
        let port = if folded { 0 } else { tuple.destination_port };
        let flags = Flags(flags.0 | if folded { FOLDED } else { 0 });
        let a = (source.0 as u64) << 32 | destination.0 as u64;
        let b = (bucket as u64) << 32
            | (port as u64) << 16
            | (tuple.protocol as u64) << 8
            | flags.0 as u64;
        let rule_mixed = (rule as u64).wrapping_mul(0xd1b5_4a32_d192_ed03);
        let hash = fold(
            a ^ 0x9e37_79b9_7f4a_7c15,
            b ^ rule_mixed ^ 0x8ebc_6af0_9c88_c6e3,
        );
        let place = (hash >> 32) as u32 & (PLACES as u32 - 1);
        crate::simd::prefetch(&self.entries[place as usize]);
        let (source, destination, flags, shift) = (source.0, destination.0, flags.0, self.shift);
        Spot {
            source,
            destination,
            bucket,
            within,
            place,
            rule,
            port,
            flags,
            shift,
        }
    }

    /// Counts a tuple. Whether a sample of it is wanted; `None` where the table must be emptied
    /// first, or the amounts do not fit an entry.
    #[inline]
    pub(crate) fn count(&mut self, spot: &Spot, tuple: &Tuple, amounts: &Amounts) -> Option<bool> {
        if (amounts.packets[0] | amounts.packets[1]) >> 32 != 0 || amounts.lasting > 60_000 {
            return None;
        }
        if spot.shift != self.shift {
            // The table was emptied, and its buckets widened, since.
            let flags = Flags(spot.flags & !FOLDED);
            let again = self.spot(
                Place(spot.source),
                Place(spot.destination),
                spot.rule,
                flags,
                tuple,
            );
            return self.count(&again, tuple, amounts);
        }
        let mut place = spot.place as usize;
        loop {
            let entry = &mut self.entries[place];
            if entry.tuples == 0 {
                return self.begin(place, spot, tuple, amounts);
            }
            let same = (entry.source == spot.source)
                && (entry.destination == spot.destination)
                && (entry.bucket == spot.bucket)
                && (entry.rule == spot.rule)
                && (entry.port == spot.port)
                && (entry.protocol == tuple.protocol)
                && (entry.flags == spot.flags);
            if same {
                return entry.add(spot, amounts);
            }
            place = (place + 1) % PLACES;
        }
    }

    #[cold]
    fn begin(
        &mut self,
        place: usize,
        spot: &Spot,
        tuple: &Tuple,
        amounts: &Amounts,
    ) -> Option<bool> {
        if self.used.len() == MOST || self.samples.len() >= MOST_SAMPLES {
            return None;
        }
        self.used.push(place as u32);
        let key = spot.key(tuple);
        let start = ((spot.bucket as i64) << spot.shift) * 60_000;
        let sample_until = match self.sated[sated_place(&key)] {
            Some((sated, until)) if sated == key => known_until(until - start, spot.shift),
            _ => 0,
        };
        self.entries[place] = Entry {
            source: spot.source,
            destination: spot.destination,
            bucket: spot.bucket,
            rule: spot.rule,
            port: spot.port,
            protocol: tuple.protocol,
            flags: spot.flags,
            first: u32::MAX,
            sample_until,
            ..Entry::default()
        };
        self.entries[place].add(spot, amounts)
    }

    /// Keeps a sample of the tuple that was counted last.
    pub(crate) fn sample(&mut self, spot: &Spot, tuple: &Tuple, sample: Sample) {
        self.samples.push((spot.key(tuple), sample));
    }

    /// Empties the table into `groups`, whose width of buckets it then takes.
    pub(crate) fn drain(&mut self, groups: &mut Groups) {
        for (key, sample) in self.samples.drain(..) {
            groups.sample(key, sample);
        }
        for &place in &self.used {
            let entry = std::mem::take(&mut self.entries[place as usize]);
            let addition = entry.addition(self.shift);
            if let Some(last_sample) = groups.add(&addition) {
                self.sated[sated_place(&addition.key)] = Some((addition.key, last_sample));
            }
        }
        self.used.clear();
        self.level = groups.level();
        self.shift = groups.shift().min(MOST_SHIFT);
    }

    /// Adds a tuple to `groups`, past the table: for amounts that do not fit an entry.
    pub(crate) fn add_directly(spot: &Spot, tuple: &Tuple, amounts: &Amounts, groups: &mut Groups) {
        let last = tuple.time + amounts.lasting;
        groups.add(&Addition {
            key: spot.key(tuple),
            bucket: tuple.time.div_euclid(60_000),
            shift: 0,
            totals: Totals {
                tuples: 1,
                flows: amounts.flows as u64,
                packets: amounts.packets,
                bytes: amounts.bytes,
                first: tuple.time,
                last,
                last_begin: (amounts.flows > 0).then_some(last),
            },
        });
    }
}

fn port_of(port: u16, flags: u8) -> u32 {
    if flags & FOLDED == 0 {
        port as u32
    } else {
        OTHER_PORTS
    }
}

/// [`Entry::sample_until`] where the run's last sample of the group is `after` ms after the bucket's
/// start (before it, where negative).
fn known_until(after: i64, shift: u8) -> u16 {
    // A bucket of 2^shift minutes has 2^shift * 60,000 < 2^(shift + 16) ms.
    let step = after >> (shift + 1);
    if step >= i64::from(KNOWN) - 1 {
        0
    } else {
        KNOWN | (step + 1).max(0) as u16
    }
}

fn sated_place(key: &Key) -> usize {
    let a = (key.source.0 as u64) << 32 | key.destination.0 as u64;
    let b = (key.port as u64) << 32
        | (key.rule as u64) << 16
        | (key.protocol as u64) << 8
        | key.flags.0 as u64;
    (fold(a ^ 0x9e37_79b9_7f4a_7c15, b ^ 0x8ebc_6af0_9c88_c6e3) >> 32) as usize % SATED
}

impl Spot {
    fn key(&self, tuple: &Tuple) -> Key {
        Key {
            source: Place(self.source),
            destination: Place(self.destination),
            port: port_of(self.port, self.flags),
            rule: self.rule,
            protocol: tuple.protocol,
            flags: Flags(self.flags & !FOLDED),
        }
    }
}

/// Widest bucket of a local table: times within it fit 32 bits (32,768 minutes, 22 days).
const MOST_SHIFT: u8 = 15;

impl Entry {
    /// Adds a tuple; `None` where a counter would run over.
    #[inline]
    fn add(&mut self, spot: &Spot, amounts: &Amounts) -> Option<bool> {
        let (forward, over_forward) = self.packets[0].overflowing_add(amounts.packets[0] as u32);
        let (reverse, over_reverse) = self.packets[1].overflowing_add(amounts.packets[1] as u32);
        let (flows, over_flows) = self.flows.overflowing_add(amounts.flows);
        let (bytes_forward, over_bytes) = self.bytes[0].overflowing_add(amounts.bytes[0]);
        let (bytes_reverse, over_back) = self.bytes[1].overflowing_add(amounts.bytes[1]);
        let full = self.tuples == u32::MAX;
        if over_forward | over_reverse | over_flows | over_bytes | over_back | full {
            return None;
        }
        self.packets = [forward, reverse];
        self.bytes = [bytes_forward, bytes_reverse];
        self.flows = flows;
        self.tuples += 1;
        let last = spot.within.wrapping_add(amounts.lasting as u32);
        self.first = self.first.min(spot.within);
        self.last = self.last.max(last);
        let begin = if amounts.flows > 0 { last + 1 } else { 0 };
        self.last_begin = self.last_begin.max(begin);
        let step = (spot.within >> (spot.shift + 1)) as u16;
        if self.tuples <= super::totals::SAMPLES as u32 && self.sample_until & KNOWN == 0 {
            self.sample_until = self.sample_until.max(step + 1);
            return Some(true);
        }
        Some(step < self.sample_until & !KNOWN)
    }

    fn addition(&self, shift: u8) -> Addition {
        let start = ((self.bucket as i64) << shift) * 60_000;
        let flags = Flags(self.flags & !FOLDED);
        let key = Key {
            source: Place(self.source),
            destination: Place(self.destination),
            port: port_of(self.port, self.flags),
            rule: self.rule,
            protocol: self.protocol,
            flags,
        };
        let totals = Totals {
            tuples: self.tuples as u64,
            flows: self.flows as u64,
            packets: self.packets.map(u64::from),
            bytes: self.bytes,
            first: start + self.first as i64,
            last: start + self.last as i64,
            last_begin: (self.last_begin > 0).then(|| start + self.last_begin as i64 - 1),
        };
        Addition {
            key,
            bucket: self.bucket as i64,
            shift,
            totals,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_a_cache_line() {
        assert_eq!(size_of::<Entry>(), 64);
    }
}
