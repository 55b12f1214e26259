//! A worker's own small table: one cache line a group and bucket, emptied into the shared groups
//! when it is full.
//!
//! It stays in the second-level cache, so that counting a tuple does not wait for memory. Keys are
//! made, hashed and prefetched for a batch of tuples before any is counted.

use super::facts::{Sample, Totals};
use super::key::{Flags, Key, Place};
use super::totals::{Addition, Groups};
use crate::flowlog::tuple::fold;

/// Places of the table. A power of two; 64 bytes each.
const PLACES: usize = 1 << 15;
/// Most entries: half, so that probes stay short.
const MOST: usize = PLACES / 2;
/// Most samples waiting.
const MOST_SAMPLES: usize = 1 << 14;

/// What a tuple adds.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Count {
    pub(crate) source: Place,
    pub(crate) destination: Place,
    pub(crate) port: u16,
    pub(crate) rule: u16,
    pub(crate) protocol: u8,
    pub(crate) flags: Flags,
    /// Event time, ms.
    pub(crate) time: i64,
    /// Time of the last flow, ms: the event time in logs.
    pub(crate) last: i64,
    pub(crate) flows: u32,
    pub(crate) packets: [u64; 2],
    pub(crate) bytes: [u64; 2],
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
    /// The greatest time among the first five tuples, in steps of the bucket's 65,536th part: a
    /// later tuple is none of the group's first five.
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

/// A worker's table. The default has no places: a stand-in while the real one is lent out.
#[derive(Debug, Default)]
pub(crate) struct Local {
    entries: Box<[Entry]>,
    used: Vec<u32>,
    samples: Vec<(Key, Sample)>,
    /// Width of buckets: two to the power of this, in minutes.
    shift: u8,
}

/// A place to count at, looked up ahead.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Slot {
    place: u32,
    bucket: u32,
    within: u32,
    /// The width of buckets it was looked up for.
    shift: u8,
}

impl Local {
    pub(crate) fn new() -> Self {
        Self {
            entries: vec![Entry::default(); PLACES].into_boxed_slice(),
            used: Vec::with_capacity(MOST),
            samples: Vec::new(),
            shift: 0,
        }
    }

    /// Finds the place of a count and has it fetched.
    #[inline]
    pub(crate) fn slot(&self, count: &Count) -> Slot {
        let minute = (count.time as u64 / 60_000) as u32;
        let bucket = minute >> self.shift;
        let within = (count.time - ((bucket as i64) << self.shift) * 60_000) as u32;
        let a = (count.source.0 as u64) << 32 | count.destination.0 as u64;
        let b = (bucket as u64) << 32
            | (count.port as u64) << 16
            | (count.protocol as u64) << 8
            | count.flags.0 as u64;
        let hash = fold(
            a ^ 0x9e37_79b9_7f4a_7c15,
            b ^ (count.rule as u64).wrapping_mul(0xd1b5_4a32_d192_ed03) ^ 0x8ebc_6af0_9c88_c6e3,
        );
        let place = (hash >> 32) as u32 & (PLACES as u32 - 1);
        crate::simd::prefetch(&self.entries[place as usize]);
        Slot {
            place,
            bucket,
            within,
            shift: self.shift,
        }
    }

    /// Counts at `slot`. Whether a sample of the tuple is wanted; `None` where the table must be
    /// emptied first.
    #[inline]
    pub(crate) fn count(&mut self, slot: Slot, count: &Count) -> Option<bool> {
        let fits = |value: u64| u32::try_from(value).is_ok();
        if !(fits(count.packets[0]) && fits(count.packets[1])) || count.last - count.time > 60_000 {
            return None;
        }
        // The table may have been emptied, and its buckets widened, since.
        let slot = if slot.shift == self.shift {
            slot
        } else {
            self.slot(count)
        };
        let mut place = slot.place as usize;
        loop {
            let entry = &mut self.entries[place];
            if entry.tuples == 0 {
                return self.begin(place, slot, count);
            }
            let same = entry.source == count.source.0
                && entry.destination == count.destination.0
                && entry.bucket == slot.bucket
                && entry.rule == count.rule
                && entry.port == count.port
                && entry.protocol == count.protocol
                && entry.flags == count.flags.0;
            if same {
                return entry.add(slot, count, self.shift);
            }
            place = (place + 1) % PLACES;
        }
    }

    fn begin(&mut self, place: usize, slot: Slot, count: &Count) -> Option<bool> {
        if self.used.len() == MOST || self.samples.len() >= MOST_SAMPLES {
            return None;
        }
        self.used.push(place as u32);
        self.entries[place] = Entry {
            source: count.source.0,
            destination: count.destination.0,
            bucket: slot.bucket,
            rule: count.rule,
            port: count.port,
            protocol: count.protocol,
            flags: count.flags.0,
            first: u32::MAX,
            ..Entry::default()
        };
        self.entries[place].add(slot, count, self.shift)
    }

    /// Keeps a sample of the tuple that was counted last.
    pub(crate) fn sample(&mut self, count: &Count, sample: Sample) {
        self.samples.push((key(count), sample));
    }

    /// Empties the table into `groups`, whose width of buckets it then takes.
    pub(crate) fn drain(&mut self, groups: &mut Groups) {
        for &place in &self.used {
            let entry = std::mem::take(&mut self.entries[place as usize]);
            groups.add(&entry.addition(self.shift));
        }
        self.used.clear();
        for (key, sample) in self.samples.drain(..) {
            groups.sample(key, sample);
        }
        self.shift = groups.shift().min(MOST_SHIFT);
    }

    /// Adds one count to `groups`, past the table: for counts that do not fit an entry.
    pub(crate) fn add_directly(count: &Count, groups: &mut Groups) {
        groups.add(&Addition {
            key: key(count),
            bucket: count.time.div_euclid(60_000),
            shift: 0,
            totals: Totals {
                tuples: 1,
                flows: count.flows as u64,
                packets: count.packets,
                bytes: count.bytes,
                first: count.time,
                last: count.last.max(count.time),
                last_begin: (count.flows > 0).then_some(count.last.max(count.time)),
            },
        });
    }
}

/// Widest bucket of a local table: times within it fit 32 bits (32,768 minutes, 22 days).
const MOST_SHIFT: u8 = 15;

fn key(count: &Count) -> Key {
    Key {
        source: count.source,
        destination: count.destination,
        port: count.port as u32,
        rule: count.rule,
        protocol: count.protocol,
        flags: count.flags,
    }
}

impl Entry {
    /// Adds a tuple; `None` where a counter would run over.
    #[inline]
    fn add(&mut self, slot: Slot, count: &Count, shift: u8) -> Option<bool> {
        let forward = self.packets[0].checked_add(count.packets[0] as u32)?;
        let reverse = self.packets[1].checked_add(count.packets[1] as u32)?;
        let flows = self.flows.checked_add(count.flows)?;
        let tuples = self.tuples.checked_add(1)?;
        let bytes_forward = self.bytes[0].checked_add(count.bytes[0])?;
        let bytes_reverse = self.bytes[1].checked_add(count.bytes[1])?;
        self.packets = [forward, reverse];
        self.bytes = [bytes_forward, bytes_reverse];
        self.flows = flows;
        self.tuples = tuples;
        let last = slot.within.wrapping_add((count.last - count.time) as u32);
        self.first = self.first.min(slot.within);
        self.last = self.last.max(last);
        if count.flows > 0 {
            self.last_begin = self.last_begin.max(last + 1);
        }
        // A bucket of 2^shift minutes has 2^shift * 60,000 < 2^(shift + 16) ms.
        let step = (slot.within >> shift) as u16;
        if self.tuples <= super::totals::SAMPLES as u32 {
            self.sample_until = self.sample_until.max(step);
            return Some(true);
        }
        Some(step <= self.sample_until)
    }

    fn addition(&self, shift: u8) -> Addition {
        let start = ((self.bucket as i64) << shift) * 60_000;
        let flags = Flags(self.flags);
        let key = Key {
            source: Place(self.source),
            destination: Place(self.destination),
            port: self.port as u32,
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
