//! The finished tally of a run: what was observed, in a total order, ready to be judged.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::classify::{ClassId, Classes};
use crate::fault::FaultTally;
use crate::flowlog::LogKind;
use crate::flowlog::tuple::fold;
use crate::net::{Decision, Direction, Mac, Outcome, Protocol, Timestamp};

/// Destination port of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Port {
    /// One port.
    One(u16),
    /// Ports that no row names, folded together because there were too many groups.
    Other,
}

/// The rule that decided, as logged.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct RuleName {
    /// NSG resource ID or `aclID`, as logged, upper case; empty where missing.
    pub acl: String,
    /// Rule name as logged (`UserRule_AllowSql`); empty where missing.
    pub rule: String,
}

/// What was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Tuples.
    pub tuples: u64,
    /// Flows that began (denied attempts each count as one).
    pub flows: u64,
    /// Packets source to destination and back.
    pub packets: [u64; 2],
    /// Bytes source to destination and back.
    pub bytes: [u64; 2],
    /// Time of the first tuple, ms.
    pub first: i64,
    /// Time of the last tuple, ms.
    pub last: i64,
    /// Time of the first tuple that begins a flow, ms; `None` where none does.
    pub first_begin: Option<i64>,
    /// Time of the last tuple that begins a flow, ms; `None` where none does.
    pub last_begin: Option<i64>,
}

/// Flows begun over time: a fixed number of buckets, their width a power of two of minutes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Timeline {
    /// Number of the first bucket: its start in minutes since the epoch, divided by its width.
    pub start: i64,
    /// Flows begun, a count a bucket; no leading zeros.
    pub counts: Vec<u64>,
    /// When the first and the last flow of each bucket began, ms; [`NO_SPAN`] where none did. The
    /// last of a bucket may lie beyond it, where a record stands for flows over some time.
    pub spans: Vec<(i64, i64)>,
}

/// The span of a bucket in which no flow began.
pub const NO_SPAN: (i64, i64) = (i64::MAX, i64::MIN);

/// One tuple kept as evidence. Ordered by time first: the samples of a group are its first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sample {
    /// Event time, ms.
    pub time: i64,
    /// Source address.
    pub source: IpAddr,
    /// Source port; 0 where the log does not say.
    pub source_port: u16,
    /// Destination address.
    pub destination: IpAddr,
    /// Destination port.
    pub destination_port: u16,
    /// Number of the file in the plan.
    pub file: u32,
    /// Byte offset of the tuple's text in the file's (decompressed) text.
    pub offset: u64,
}

/// All flows with the same classes, protocol, port, direction, decision, rule and observer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Class of the source.
    pub source: ClassId,
    /// Class of the destination.
    pub destination: ClassId,
    /// Protocol.
    pub protocol: Protocol,
    /// Destination port.
    pub port: Port,
    /// Direction seen from the logged interface: together with `kind`, the observer.
    pub direction: Direction,
    /// What was decided. Of captured connections, what their outcome says of it; allowed, where that
    /// says nothing.
    pub decision: Decision,
    /// What became of captured connections; `None` of logged flows.
    pub outcome: Option<Outcome>,
    /// What wrote the record.
    pub kind: LogKind,
    /// Index of the service tags' edition.
    pub edition: usize,
    /// Index into [`Facts::rules`].
    pub rule: usize,
    /// Counts, duplicates taken out.
    pub totals: Totals,
    /// Flows over time, in buckets of [`Facts::bucket_minutes`].
    pub timeline: Timeline,
    /// The first tuples (at most five) by time, addresses, file and offset.
    pub samples: Vec<Sample>,
}

/// What an interface was logged under: an NSG, or the target of a flow log.
///
/// Names are only ever compared, and thousands of interfaces with names of a kilobyte each would
/// fill the memory: so 64 bits mixed from the name, in upper case, stand for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target(u64);

impl Target {
    /// The target of a name, however that is spelt in upper and lower case.
    pub fn of(name: &str) -> Self {
        if name.is_ascii() {
            return Self::of_bytes(name.as_bytes());
        }
        Self::of_bytes(name.to_uppercase().as_bytes())
    }

    fn of_bytes(name: &[u8]) -> Self {
        let seed = 0x9e37_79b9_7f4a_7c15 ^ name.len() as u64;
        Self(name.chunks(8).fold(seed, |mixed, chunk| {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            word.make_ascii_uppercase();
            fold(mixed ^ u64::from_le_bytes(word), 0x8ebc_6af0_9c88_c6e3)
        }))
    }
}

/// Hours since the epoch, ascending; kept as days of 24 bits, for there may be millions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hours(Vec<(i64, u32)>);

impl Hours {
    /// Adds the hours of a day, a bit each. The day comes after all that were added.
    pub(crate) fn push(&mut self, day: i64, bits: u32) {
        self.0.push((day, bits));
    }

    /// How many.
    pub fn count(&self) -> u64 {
        self.0
            .iter()
            .map(|(_, bits)| u64::from(bits.count_ones()))
            .sum()
    }

    /// The hours.
    pub fn iter(&self) -> impl Iterator<Item = i64> {
        self.0.iter().flat_map(|&(day, bits)| {
            (0..24)
                .filter(move |hour| bits >> hour & 1 != 0)
                .map(move |hour| day * 24 + hour)
        })
    }

    /// The first and the last.
    pub fn ends(&self) -> Option<(i64, i64)> {
        let (first, early) = self.0.first()?;
        let (last, late) = self.0.last()?;
        let first = first * 24 + i64::from(early.trailing_zeros());
        Some((first, last * 24 + i64::from(late.ilog2())))
    }
}

impl FromIterator<i64> for Hours {
    fn from_iter<I: IntoIterator<Item = i64>>(hours: I) -> Self {
        let mut days: BTreeMap<i64, u32> = BTreeMap::new();
        for hour in hours {
            *days.entry(hour.div_euclid(24)).or_default() |= 1 << hour.rem_euclid(24);
        }
        Self(days.into_iter().collect())
    }
}

/// A logged network interface.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Interface {
    /// Its own addresses as the logs show them: the smallest 16 by value.
    pub addresses: Vec<IpAddr>,
    /// Targets (NSGs, flow log targets) under which it was logged: the smallest 16 by value.
    pub targets: Vec<Target>,
    /// Hours (since the epoch) in which it has records.
    pub hours: Hours,
}

/// Which interfaces have logs, and when.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Coverage {
    /// The interfaces, by MAC address.
    pub interfaces: BTreeMap<Mac, Interface>,
    /// Whether there were more interfaces than are remembered (then these are the smallest).
    pub overflowed: bool,
    /// How many of them have more own addresses, or targets, than are remembered.
    pub crowded: u64,
    /// Files whose records' times run backwards: file number -> how many steps back; the first
    /// files, at most 20.
    pub backward_files: BTreeMap<u32, u64>,
    /// How many files run backwards.
    pub backward_file_count: u64,
    /// Files that hold records of several kinds: file number -> the kinds; the first, at most 20.
    pub mixed_files: BTreeMap<u32, Vec<LogKind>>,
    /// How many files hold several kinds.
    pub mixed_file_count: u64,
    /// Local addresses of captured connections, where the environment is assumed: the smallest 4,096.
    pub captured_hosts: BTreeSet<IpAddr>,
}

/// What was read and what became of it. All sums reconcile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReadTotals {
    /// Files (and standard input) in the plan.
    pub files: u64,
    /// Files that held at least one flow record.
    pub flow_files: u64,
    /// Bytes of (decompressed) text.
    pub bytes: u64,
    /// Records read, good and bad.
    pub records: u64,
    /// Of these: counted.
    pub records_counted: u64,
    /// Of these: the same record was counted before (overlapping downloads).
    pub records_duplicate: u64,
    /// Of these: left out by `--nsg`, `--mac`.
    pub records_filtered: u64,
    /// Of these: bad, or no flow records, each a fault.
    pub records_faulty: u64,
    /// Tuples read from those records, good and bad.
    pub tuples: u64,
    /// Of these: counted.
    pub tuples_counted: u64,
    /// Of these: in duplicate records.
    pub tuples_duplicate: u64,
    /// Of these: left out by `--since`, `--until`, `--subnet`, or in filtered records.
    pub tuples_filtered: u64,
    /// Of these: bad, each a fault.
    pub tuples_faulty: u64,
    /// What was read of captures.
    pub captures: CaptureTotals,
}

/// What was read of captures. Packets: read = counted + not IP + skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CaptureTotals {
    /// Capture files.
    pub files: u64,
    /// Captures: rotated files that follow each other are one.
    pub captures: u64,
    /// Packets read.
    pub packets: u64,
    /// Of these: in a connection, or an ICMP error about one.
    pub packets_counted: u64,
    /// Of these: sound, but no IP packets.
    pub packets_not_ip: u64,
    /// Of these: not decoded, each a fault.
    pub packets_skipped: u64,
    /// Connections.
    pub connections: u64,
    /// Of these: ended early, since there were more at a time than are kept.
    pub connections_evicted: u64,
    /// Of these: taken out of a tunnel.
    pub connections_tunnelled: u64,
    /// ICMP errors about connections that were not captured.
    pub lost_errors: u64,
}

impl CaptureTotals {
    /// Adds others.
    pub fn add(&mut self, other: &Self) {
        self.files += other.files;
        self.captures += other.captures;
        self.packets += other.packets;
        self.packets_counted += other.packets_counted;
        self.packets_not_ip += other.packets_not_ip;
        self.packets_skipped += other.packets_skipped;
        self.connections += other.connections;
        self.connections_evicted += other.connections_evicted;
        self.connections_tunnelled += other.connections_tunnelled;
        self.lost_errors += other.lost_errors;
    }
}

impl ReadTotals {
    /// There were too many records to tell all duplicates: none is taken out. Which ones were told
    /// depends on the order of reading, and must not show.
    pub(crate) fn keep_duplicates(&mut self) {
        self.records_counted += std::mem::take(&mut self.records_duplicate);
        self.tuples_counted += std::mem::take(&mut self.tuples_duplicate);
    }
}

/// Everything that a run observed.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The classes that groups refer to.
    pub classes: Classes,
    /// The deciding rules, sorted.
    pub rules: Vec<RuleName>,
    /// The groups, in a total order.
    pub groups: Vec<Group>,
    /// Minutes of a timeline bucket, a power of two.
    pub bucket_minutes: i64,
    /// First and last event time of counted tuples, ms.
    pub window: Option<(i64, i64)>,
    /// Interfaces and hours.
    pub coverage: Coverage,
    /// What was read.
    pub read: ReadTotals,
    /// Faults.
    pub faults: FaultTally,
    /// How far group keys were coarsened for want of room: 0 not at all; the words for each level
    /// are in `docs/architecture.md`.
    pub coarsening: u8,
    /// Whether more rule names occurred than are kept (then they are folded by their prefix).
    pub rules_folded: bool,
    /// Whether duplicates could not be taken out, since there were more records than are
    /// remembered: then counts include them.
    pub duplicates_kept: bool,
}

/// The word for an event time in reports.
pub fn time_text(milliseconds: i64) -> String {
    Timestamp(milliseconds).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_target_is_its_name_in_any_case() {
        assert_eq!(Target::of("/x/Nsg-app-1"), Target::of("/X/NSG-APP-1"));
        assert_eq!(Target::of("nsg-ä"), Target::of("NSG-Ä"));
        let names = ["", "A", "A\0", "NSG-APP-1", "NSG-APP-2", "NSG-APP-11"];
        let targets: BTreeSet<_> = names.into_iter().map(Target::of).collect();
        assert_eq!(targets.len(), names.len());
    }

    proptest! {
        #[test]
        fn hours_come_back_as_they_went_in(hours in prop::collection::btree_set(-90i64..90, 0..20)) {
            let kept: Hours = hours.iter().copied().collect();
            prop_assert!(kept.iter().eq(hours.iter().copied()));
            prop_assert_eq!(kept.count(), hours.len() as u64);
            let ends = hours.first().copied().zip(hours.last().copied());
            prop_assert_eq!(kept.ends(), ends);
        }
    }
}
