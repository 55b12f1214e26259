//! Groups and their counts: bounded, mergeable, the same in any order.

use hashbrown::HashMap;

use super::facts::{NO_SPAN, Sample, Totals};
use super::key::{Key, LEVELS, NamedPorts};

/// Buckets of a timeline.
pub(super) const BUCKETS: i64 = 64;
/// Samples of a group.
pub(super) const SAMPLES: usize = 5;

/// What a batch of tuples of one group adds to it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Addition {
    pub(crate) key: Key,
    /// Bucket of the flows, at `shift`.
    pub(crate) bucket: i64,
    /// Width of the bucket: two to the power of this, in minutes.
    pub(crate) shift: u8,
    pub(crate) totals: Totals,
}

/// Flows that began in one bucket of time. 16 bytes: there may be 64 of them a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Bucket {
    flows: u64,
    /// When the first and the last of them began, from the bucket's start, in [`steps`]. Kept beside the
    /// count, so that the moment of a change can be told exactly, however wide buckets are.
    first: u32,
    last: u32,
}

/// Flows that began in a bucket, and when the first and the last did, ms.
pub(crate) type Begun = (u64, (i64, i64));

/// The steps in which a bucket tells times: two to the power of this, in ms. Single milliseconds up to
/// buckets of 22 days, which means four years of logs.
fn steps(shift: u8) -> u8 {
    shift.saturating_sub(15)
}

/// Start of a bucket, ms.
fn start_of(bucket: i64, shift: u8) -> i64 {
    (bucket << shift).saturating_mul(60_000)
}

impl Bucket {
    const EMPTY: Self = Self {
        flows: 0,
        first: u32::MAX,
        last: 0,
    };

    fn new((flows, (first, last)): Begun, bucket: i64, shift: u8) -> Self {
        let from_start = |time: i64| {
            let after = time.saturating_sub(start_of(bucket, shift)).max(0) >> steps(shift);
            u32::try_from(after).unwrap_or(u32::MAX)
        };
        Self {
            flows,
            first: from_start(first),
            last: from_start(last),
        }
    }

    fn begun(self, bucket: i64, shift: u8) -> Begun {
        if self.flows == 0 {
            return (0, NO_SPAN);
        }
        let start = start_of(bucket, shift);
        let time = |after: u32| start.saturating_add(i64::from(after) << steps(shift));
        (self.flows, (time(self.first), time(self.last)))
    }

    fn add(&mut self, other: Self) {
        self.flows = self.flows.saturating_add(other.flows);
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
    }
}

/// One group's counts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cell {
    pub(crate) totals: Totals,
    /// First bucket at `shift`.
    start: i64,
    shift: u8,
    buckets: Vec<Bucket>,
    pub(crate) samples: Vec<Sample>,
}

/// All groups of a part of the input.
#[derive(Debug, Clone)]
pub(crate) struct Groups {
    cells: HashMap<Key, Cell, foldhash::fast::FixedState>,
    level: u8,
    limit: usize,
    ports: NamedPorts,
    /// First and last minute of any tuple.
    minutes: Option<(i64, i64)>,
}

impl Groups {
    /// No groups yet; never more than `limit` of them.
    pub(crate) fn new(limit: usize, ports: NamedPorts) -> Self {
        let hasher = foldhash::fast::FixedState::with_seed(0x6e73_6761_7564_6974);
        Self {
            cells: HashMap::with_hasher(hasher),
            level: 0,
            limit,
            ports,
            minutes: None,
        }
    }

    /// The width of buckets that all minutes so far ask for: the least power of two at which they
    /// fall into [`BUCKETS`].
    pub(crate) fn shift(&self) -> u8 {
        let Some((first, last)) = self.minutes else {
            return 0;
        };
        (0..63)
            .find(|&shift| (last >> shift) - (first >> shift) < BUCKETS)
            .unwrap_or(63)
    }

    /// The level of coarsening.
    pub(crate) fn level(&self) -> u8 {
        self.level
    }

    /// Adds counts. The time of the group's last sample, where it has all it can have: later tuples
    /// are none.
    pub(crate) fn add(&mut self, addition: &Addition) -> Option<i64> {
        let minutes = (
            addition.totals.first.div_euclid(60_000),
            addition.totals.last.div_euclid(60_000),
        );
        let (first, last) = self.minutes.unwrap_or(minutes);
        self.minutes = Some((first.min(minutes.0), last.max(minutes.1)));
        let shift = self.shift();
        let key = addition.key.coarsened(self.level, &self.ports);
        let cell = self.cells.entry(key).or_default();
        let bucket = addition.bucket >> (shift - addition.shift.min(shift));
        let totals = &addition.totals;
        if let Some(span) = totals.first_begin.zip(totals.last_begin) {
            cell.add_bucket(bucket, shift, (totals.flows, span));
        }
        add_totals(&mut cell.totals, &addition.totals);
        let last_sample = cell.samples.get(SAMPLES - 1).map(|sample| sample.time);
        self.fit();
        last_sample
    }

    /// Offers a sample for a group that has counts.
    pub(crate) fn sample(&mut self, key: Key, sample: Sample) {
        let cell = self
            .cells
            .entry(key.coarsened(self.level, &self.ports))
            .or_default();
        keep_sample(&mut cell.samples, sample);
        self.fit();
    }

    /// Coarsens until the groups fit.
    fn fit(&mut self) {
        while self.cells.len() > self.limit && self.level < LEVELS {
            self.level += 1;
            let cells = std::mem::take(&mut self.cells);
            for (key, cell) in cells {
                let coarser = key.coarsened(self.level, &self.ports);
                self.cells.entry(coarser).or_default().merge(cell);
            }
        }
    }

    /// The groups, in order of their keys, all timelines of the same width.
    pub(crate) fn into_sorted(mut self) -> Vec<(Key, Cell)> {
        let shift = self.shift();
        let mut sorted: Vec<_> = self.cells.drain().collect();
        sorted.sort_unstable_by_key(|&(key, _)| key);
        for (_, cell) in &mut sorted {
            cell.coarsen_timeline(shift);
        }
        sorted
    }

    /// Adds the counts of `other`'s groups (whose keys are coarsened to this level).
    pub(crate) fn merge(&mut self, other: Self, samples_only: bool) {
        let level = self.level.max(other.level);
        if level > self.level {
            self.level = level;
            let cells = std::mem::take(&mut self.cells);
            for (key, cell) in cells {
                self.cells
                    .entry(key.coarsened(level, &self.ports))
                    .or_default()
                    .merge(cell);
            }
        }
        if let Some((first, last)) = other.minutes {
            let (our_first, our_last) = self.minutes.unwrap_or((first, last));
            self.minutes = Some((our_first.min(first), our_last.max(last)));
        }
        for (key, mut cell) in other.cells {
            if samples_only {
                cell = Cell {
                    samples: cell.samples,
                    ..Cell::default()
                };
            }
            self.cells
                .entry(key.coarsened(level, &self.ports))
                .or_default()
                .merge(cell);
        }
        self.fit();
    }
}

impl Cell {
    fn add_bucket(&mut self, bucket: i64, shift: u8, begun: Begun) {
        self.coarsen_timeline(shift);
        if begun.0 == 0 {
            return;
        }
        let added = Bucket::new(begun, bucket, self.shift);
        if self.buckets.is_empty() {
            self.start = bucket;
        }
        if bucket < self.start {
            let missing = (self.start - bucket) as usize;
            self.buckets
                .splice(0..0, std::iter::repeat_n(Bucket::EMPTY, missing));
            self.start = bucket;
        }
        let at = (bucket - self.start) as usize;
        if at >= self.buckets.len() {
            self.buckets.resize(at + 1, Bucket::EMPTY);
        }
        self.buckets[at].add(added);
    }

    /// Makes buckets as wide as `shift` says, if they are narrower.
    fn coarsen_timeline(&mut self, shift: u8) {
        if shift <= self.shift {
            return;
        }
        let by = shift - self.shift;
        let start = self.start >> by;
        let mut buckets: Vec<Bucket> = Vec::new();
        for (number, &bucket) in self.buckets.iter().enumerate() {
            let number = self.start + number as i64;
            let wider = number >> by;
            let at = (wider - start) as usize;
            if at >= buckets.len() {
                buckets.resize(at + 1, Bucket::EMPTY);
            }
            if bucket.flows > 0 {
                let begun = bucket.begun(number, self.shift);
                buckets[at].add(Bucket::new(begun, wider, shift));
            }
        }
        (self.start, self.shift, self.buckets) = (start, shift, buckets);
    }

    pub(crate) fn merge(&mut self, mut other: Self) {
        let shift = self.shift.max(other.shift);
        self.coarsen_timeline(shift);
        other.coarsen_timeline(shift);
        for (bucket, begun) in other.timeline() {
            self.add_bucket(bucket, shift, begun);
        }
        add_totals(&mut self.totals, &other.totals);
        for sample in other.samples {
            keep_sample(&mut self.samples, sample);
        }
    }

    /// The buckets, and what began in them.
    pub(crate) fn timeline(&self) -> impl Iterator<Item = (i64, Begun)> {
        let buckets = (self.start..).zip(&self.buckets);
        buckets.map(|(number, bucket)| (number, bucket.begun(number, self.shift)))
    }
}

fn add_totals(ours: &mut Totals, theirs: &Totals) {
    if theirs.tuples == 0 {
        return;
    }
    if ours.tuples == 0 {
        *ours = *theirs;
        return;
    }
    ours.tuples = ours.tuples.saturating_add(theirs.tuples);
    ours.flows = ours.flows.saturating_add(theirs.flows);
    for side in 0..2 {
        ours.packets[side] = ours.packets[side].saturating_add(theirs.packets[side]);
        ours.bytes[side] = ours.bytes[side].saturating_add(theirs.bytes[side]);
    }
    ours.first = ours.first.min(theirs.first);
    ours.last = ours.last.max(theirs.last);
    ours.first_begin = match (ours.first_begin, theirs.first_begin) {
        (Some(ours), Some(theirs)) => Some(ours.min(theirs)),
        (ours, theirs) => ours.or(theirs),
    };
    ours.last_begin = ours.last_begin.max(theirs.last_begin);
}

/// Keeps the first [`SAMPLES`] tuples; of the same tuple in several files, the first file's.
fn keep_sample(samples: &mut Vec<Sample>, sample: Sample) {
    let same = |kept: &Sample| {
        (
            kept.time,
            kept.source,
            kept.source_port,
            kept.destination,
            kept.destination_port,
        ) == (
            sample.time,
            sample.source,
            sample.source_port,
            sample.destination,
            sample.destination_port,
        )
    };
    if let Some(kept) = samples.iter_mut().find(|kept| same(kept)) {
        if sample < *kept {
            *kept = sample;
        }
        return;
    }
    let at = samples.partition_point(|kept| *kept < sample);
    if at < SAMPLES {
        // Most groups have one sample: no room for more is kept ahead.
        samples.reserve_exact(1);
        samples.insert(at, sample);
        samples.truncate(SAMPLES);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tally::key::{Flags, Place};
    use proptest::prelude::*;

    fn additions() -> impl Strategy<Value = Vec<(Addition, Sample)>> {
        let one = (0u16..6, 0u32..3_000, 0i64..400_000, 0u64..3).prop_map(
            |(class, port, minute, flows)| {
                let time = minute * 60_000 + 1;
                let key = Key {
                    source: Place::class(class),
                    port,
                    flags: Flags(2),
                    ..Key::default()
                };
                let totals = Totals {
                    tuples: 1,
                    flows,
                    packets: [1, 2],
                    bytes: [3, 4],
                    first: time,
                    last: time,
                    first_begin: (flows > 0).then_some(time),
                    last_begin: (flows > 0).then_some(time),
                };
                let address = std::net::IpAddr::from([10, 0, 0, class as u8]);
                let sample = Sample {
                    time,
                    source: address,
                    source_port: 1,
                    destination: address,
                    destination_port: port as u16,
                    file: class as u32,
                    offset: time as u64,
                };
                (
                    Addition {
                        key,
                        bucket: minute,
                        shift: 0,
                        totals,
                    },
                    sample,
                )
            },
        );
        prop::collection::vec(one, 1..60)
    }

    fn groups(parts: &[(Addition, Sample)], limit: usize) -> Groups {
        let mut groups = Groups::new(limit, NamedPorts::default());
        for (addition, sample) in parts {
            groups.add(addition);
            groups.sample(addition.key, sample.clone());
        }
        groups
    }

    fn finished(groups: Groups) -> String {
        let level = groups.level();
        format!("{level} {:?}", groups.into_sorted())
    }

    proptest! {
        #[test]
        fn order_and_parts_change_nothing(parts in additions(), cut in 0usize..60, limit in 2usize..40) {
            let whole = finished(groups(&parts, limit));
            let mut backwards = parts.clone();
            backwards.reverse();
            prop_assert_eq!(&finished(groups(&backwards, limit)), &whole);
            let cut = cut.min(parts.len());
            let mut merged = groups(&parts[cut..], limit);
            merged.merge(groups(&parts[..cut], limit), false);
            prop_assert_eq!(&finished(merged), &whole);
        }

        #[test]
        fn nothing_is_lost_by_coarsening(parts in additions(), limit in 2usize..40) {
            let cells = groups(&parts, limit).into_sorted();
            let sum = |of: fn(&Totals) -> u64| cells.iter().map(|(_, cell)| of(&cell.totals)).sum::<u64>();
            prop_assert_eq!(sum(|totals| totals.tuples), parts.len() as u64);
            let flows: u64 = parts.iter().map(|(addition, _)| addition.totals.flows).sum();
            prop_assert_eq!(sum(|totals| totals.flows), flows);
            let buckets = || cells.iter().flat_map(|(_, cell)| cell.timeline());
            let timeline: u64 = buckets().map(|(_, (flows, _))| flows).sum();
            prop_assert_eq!(timeline, flows);
            let begun = parts.iter().filter_map(|(addition, _)| addition.totals.first_begin);
            let first = buckets().map(|(_, (_, span))| span.0).filter(|&time| time < i64::MAX).min();
            prop_assert_eq!(first, begun.clone().min());
            let last = buckets().map(|(_, (_, span))| span.1).filter(|&time| time > i64::MIN).max();
            prop_assert_eq!(last, begun.max());
        }
    }
}
