//! A worker's own small table: one cache line a group and bucket, emptied into the shared groups
//! when it is full.
//!
//! It stays in the second-level cache, so that counting a tuple does not wait for memory. Keys are
//! made, hashed and prefetched for a batch of tuples before any is counted.

use super::facts::{Sample, Totals};
use super::key::{Flags, Key, NamedPorts, OTHER_PORTS, Place};
use super::totals::{Addition, Groups};
use crate::flowlog::tuple::fold;
use crate::flowlog::{Bits, FlowState, RecordBatch, Tuple};

/// Places of the table. A power of two; 64 bytes each.
const PLACES: usize = 1 << 14;
/// Most entries: half, so that probes stay short.
const MOST: usize = PLACES / 2;
/// Most samples waiting.
const MOST_SAMPLES: usize = 1 << 14;

/// Where a tuple is counted: its group, and the place of that in the table, looked up ahead.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Spot {
    /// Number of the tuple in its record.
    pub(crate) tuple: u32,
    at: At,
    /// Time within the bucket, ms.
    within: u32,
    place: u32,
    /// The width of buckets it was looked up for.
    shift: u8,
}

/// A group and a bucket, packed so that two compare in three instructions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
struct At {
    /// Source in the upper half, destination in the lower.
    places: u64,
    /// Bucket in the upper half; rule, port.
    what: u64,
    /// Protocol in the upper half, flags.
    kind: u16,
}

impl At {
    #[inline]
    fn new(places: [Place; 2], bucket: u32, rule: u16, port: u16, kind: [u8; 2]) -> Self {
        Self {
            places: (places[0].0 as u64) << 32 | places[1].0 as u64,
            what: (bucket as u64) << 32 | (rule as u64) << 16 | port as u64,
            kind: (kind[0] as u16) << 8 | kind[1] as u16,
        }
    }

    #[inline]
    fn hash(self) -> u64 {
        fold(
            self.places ^ 0x9e37_79b9_7f4a_7c15,
            self.what ^ (self.kind as u64).wrapping_mul(0xd1b5_4a32_d192_ed03),
        )
    }

    fn source(self) -> Place {
        Place((self.places >> 32) as u32)
    }

    fn destination(self) -> Place {
        Place(self.places as u32)
    }

    fn bucket(self) -> u32 {
        (self.what >> 32) as u32
    }

    fn rule(self) -> u16 {
        (self.what >> 16) as u16
    }

    fn flags(self) -> Flags {
        Flags(self.kind as u8 & !FOLDED)
    }

    fn key(self) -> Key {
        let folded = self.kind & FOLDED as u16 != 0;
        Key {
            source: self.source(),
            destination: self.destination(),
            port: if folded {
                OTHER_PORTS
            } else {
                self.what as u16 as u32
            },
            rule: self.rule(),
            protocol: (self.kind >> 8) as u8,
            flags: self.flags(),
        }
    }
}

/// What a wide tuple adds.
#[derive(Debug, Clone, Copy)]
struct Amounts {
    flows: u32,
    /// From the tuple's time to its last flow's, ms: 0 in logs.
    lasting: i64,
    packets: [u64; 2],
    bytes: [u64; 2],
}

impl Amounts {
    fn of(batch: &RecordBatch, tuple: &Tuple) -> Self {
        let (packets, bytes) = batch.counters(tuple);
        let last = batch.last(tuple);
        Self {
            flows: batch.flows(tuple),
            lasting: (last - tuple.time).max(0),
            packets,
            bytes,
        }
    }
}

/// One group's counts in one bucket. 64 bytes.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C, align(64))]
struct Entry {
    /// The parts of an [`At`], which itself would take its padding along.
    places: u64,
    what: u64,
    /// Times within the bucket, ms.
    first: u32,
    last: u32,
    /// `u32::MAX` where no flow began.
    first_begin: u32,
    /// Plus one; 0 where no flow began.
    last_begin: u32,
    flows: u32,
    /// 0 for a free place.
    tuples: u32,
    packets: [u32; 2],
    /// Forward and back, 48 bits each, so that the entry stays a cache line. Above those of the first
    /// stands the kind of the [`At`], above those of the second the entry's [`sample_until`](Self::sample_until).
    bytes: [u64; 2],
}

/// The bits of [`Entry::bytes`] that count.
const BYTES: u64 = (1 << 48) - 1;

/// Bit of [`Entry::sample_until()`]: it is known from the run's groups.
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

    /// Finds the place of a tuple and has it fetched. `spot` is written where it stays: moving it
    /// would wait for the writes.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "measured: 3 % of an audit")]
    pub(crate) fn spot(
        &self,
        spot: &mut Spot,
        (source, destination): (Place, Place),
        rule: u16,
        flags: Flags,
        tuple: &Tuple,
    ) {
        let bucket = (tuple.time as u64 / 60_000) as u32 >> self.shift;
        spot.within = (tuple.time - ((bucket as i64) << self.shift) * 60_000) as u32;
        let denied = tuple.bits.0 & Bits::DENY != 0;
        let folded = self.ports.folds(self.level, denied, tuple.destination_port);
        let port = if folded { 0 } else { tuple.destination_port };
        let flags = flags.0 | if folded { FOLDED } else { 0 };
        let places = [source, destination];
        spot.at = At::new(places, bucket, rule, port, [tuple.protocol, flags]);
        spot.place = (spot.at.hash() >> 32) as u32 & (PLACES as u32 - 1);
        spot.shift = self.shift;
        crate::simd::prefetch(&self.entries[spot.place as usize]);
    }

    /// Counts a tuple of `batch`. Whether a sample of it is wanted; `None` where the table must be
    /// emptied first, or the amounts do not fit an entry.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "measured: 3 % of an audit")]
    pub(crate) fn count(
        &mut self,
        spot: &Spot,
        batch: &RecordBatch,
        tuple: &Tuple,
    ) -> Option<bool> {
        if spot.shift != self.shift {
            return self.count_anew(spot, batch, tuple);
        }
        let mut place = spot.place as usize;
        loop {
            let entry = &mut self.entries[place];
            if entry.at() == spot.at && entry.tuples != 0 {
                return entry.add_any(spot, batch, tuple);
            }
            if entry.tuples == 0 {
                return self.begin(place, spot, batch, tuple);
            }
            place = (place + 1) % PLACES;
        }
    }

    /// As [`count`](Self::count), after the table was emptied and its buckets widened.
    #[cold]
    fn count_anew(&mut self, spot: &Spot, batch: &RecordBatch, tuple: &Tuple) -> Option<bool> {
        let mut again = *spot;
        let (places, rule) = ((spot.at.source(), spot.at.destination()), spot.at.rule());
        self.spot(&mut again, places, rule, spot.at.flags(), tuple);
        self.count(&again, batch, tuple)
    }

    #[cold]
    fn begin(
        &mut self,
        place: usize,
        spot: &Spot,
        batch: &RecordBatch,
        tuple: &Tuple,
    ) -> Option<bool> {
        if self.used.len() == MOST || self.samples.len() >= MOST_SAMPLES {
            return None;
        }
        let key = spot.at.key();
        let start = ((spot.at.bucket() as i64) << spot.shift) * 60_000;
        let sample_until = match self.sated[sated_place(&key)] {
            Some((sated, until)) if sated == key => known_until(until - start, spot.shift),
            _ => 0,
        };
        let mut entry = Entry {
            places: spot.at.places,
            what: spot.at.what,
            first: u32::MAX,
            first_begin: u32::MAX,
            bytes: [u64::from(spot.at.kind) << 48, u64::from(sample_until) << 48],
            ..Entry::default()
        };
        let wanted = entry.add_any(spot, batch, tuple)?;
        self.entries[place] = entry;
        self.used.push(place as u32);
        Some(wanted)
    }

    /// Keeps a sample of the tuple that was counted last.
    pub(crate) fn sample(&mut self, spot: &Spot, sample: Sample) {
        self.samples.push((spot.at.key(), sample));
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
    pub(crate) fn add_directly(
        spot: &Spot,
        batch: &RecordBatch,
        tuple: &Tuple,
        groups: &mut Groups,
    ) {
        let amounts = Amounts::of(batch, tuple);
        let last = tuple.time + amounts.lasting;
        groups.add(&Addition {
            key: spot.at.key(),
            bucket: tuple.time.div_euclid(60_000),
            shift: 0,
            totals: Totals {
                tuples: 1,
                flows: amounts.flows as u64,
                packets: amounts.packets,
                bytes: amounts.bytes,
                first: tuple.time,
                last,
                first_begin: (amounts.flows > 0).then_some(tuple.time),
                last_begin: (amounts.flows > 0).then_some(last),
            },
        });
    }
}

/// [`Entry::sample_until()`] where the run's last sample of the group is `after` ms after the bucket's
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

/// Widest bucket of a local table: times within it fit 32 bits (32,768 minutes, 22 days).
const MOST_SHIFT: u8 = 15;

impl Entry {
    #[inline]
    fn at(&self) -> At {
        At {
            places: self.places,
            what: self.what,
            kind: (self.bytes[0] >> 48) as u16,
        }
    }

    /// Until when a tuple may be one of the group's first five, in steps of the bucket's 32,768th
    /// part: the greatest time among the first five of this entry, or, with [`KNOWN`] set, of all
    /// that the run has counted of the group so far.
    #[inline]
    fn sample_until(&self) -> u16 {
        (self.bytes[1] >> 48) as u16
    }

    /// Adds a tuple; `None` where a counter would run over.
    #[inline]
    fn add_any(&mut self, spot: &Spot, batch: &RecordBatch, tuple: &Tuple) -> Option<bool> {
        if tuple.bits.is_wide() {
            return self.add_wide(spot, &Amounts::of(batch, tuple));
        }
        let begins = matches!(tuple.bits.state(), FlowState::Begin | FlowState::None);
        let packets = [0, 1].map(|way| self.packets[way] as u64 + tuple.packets[way] as u64);
        // 32 bits more can only carry into what stands above.
        let bytes = [0, 1].map(|way| self.bytes[way].wrapping_add(tuple.bytes[way] as u64));
        let carried = (bytes[0] ^ self.bytes[0]) | (bytes[1] ^ self.bytes[1]);
        let over = (packets[0] | packets[1]) >> 32 | carried >> 48;
        if over != 0 || self.tuples == u32::MAX {
            return None;
        }
        self.packets = packets.map(|packets| packets as u32);
        self.bytes = bytes;
        self.flows += u32::from(begins);
        Some(self.note_time(spot, spot.within, begins))
    }

    fn add_wide(&mut self, spot: &Spot, amounts: &Amounts) -> Option<bool> {
        if amounts.lasting > 60_000 || self.tuples == u32::MAX {
            return None;
        }
        let packet = |way: usize| u32::try_from(amounts.packets[way]).ok();
        let packets = [
            self.packets[0].checked_add(packet(0)?)?,
            self.packets[1].checked_add(packet(1)?)?,
        ];
        let byte = |way: usize| {
            let sum = (self.bytes[way] & BYTES).checked_add(amounts.bytes[way])?;
            (sum <= BYTES).then_some(self.bytes[way] & !BYTES | sum)
        };
        let bytes = [byte(0)?, byte(1)?];
        self.flows = self.flows.checked_add(amounts.flows)?;
        (self.packets, self.bytes) = (packets, bytes);
        let last = spot.within + amounts.lasting as u32;
        Some(self.note_time(spot, last, amounts.flows > 0))
    }

    /// Counts the tuple, of which the last flow is at `last`; whether a sample of it is wanted.
    #[inline]
    fn note_time(&mut self, spot: &Spot, last: u32, begins: bool) -> bool {
        self.tuples += 1;
        self.first = self.first.min(spot.within);
        self.last = self.last.max(last);
        let begin = if begins { last + 1 } else { 0 };
        self.last_begin = self.last_begin.max(begin);
        let begin = if begins { spot.within } else { u32::MAX };
        self.first_begin = self.first_begin.min(begin);
        let step = (spot.within >> (spot.shift + 1)) as u16;
        let until = self.sample_until();
        if self.tuples <= super::totals::SAMPLES as u32 && until & KNOWN == 0 {
            self.bytes[1] = self.bytes[1] & BYTES | u64::from(until.max(step + 1)) << 48;
            return true;
        }
        step < until & !KNOWN
    }

    fn addition(&self, shift: u8) -> Addition {
        let bucket = self.at().bucket() as i64;
        let start = (bucket << shift) * 60_000;
        let totals = Totals {
            tuples: self.tuples as u64,
            flows: self.flows as u64,
            packets: self.packets.map(u64::from),
            bytes: self.bytes.map(|bytes| bytes & BYTES),
            first: start + self.first as i64,
            last: start + self.last as i64,
            first_begin: (self.last_begin > 0).then(|| start + self.first_begin as i64),
            last_begin: (self.last_begin > 0).then(|| start + self.last_begin as i64 - 1),
        };
        Addition {
            key: self.at().key(),
            bucket,
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
