//! A worker: takes whole records from a decoder, classes their tuples and counts them.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Mutex;

use super::coverage::Interfaces;
use super::facts::{CaptureTotals, ReadTotals, Sample};
use super::key::{BlocksV6, Flags, NamedPorts, Place, captured};
use super::local::{Local, Spot};
use super::narrow::Narrow;
use super::rules::{RecentRules, Rules};
use super::seen::Seen;
use super::totals::Groups;
use crate::classify::{Partition, Scope};
use crate::fault::{FaultKind, FaultTally};
use crate::flowlog::scan::UNCLOSED;
use crate::flowlog::{RecordBatch, Sink, Tuple};
use crate::net::{Direction, Timestamp};

/// Most local ends of captured connections that are remembered: the smallest.
const MOST_HOSTS: usize = 4_096;
/// Tuples whose places are looked up before any is counted.
const BATCH: usize = 32;

/// What all workers of a run share.
#[derive(Debug)]
pub struct Shared<'a> {
    pub(super) partition: &'a Partition,
    /// Dates of the service tags' editions, ms, ascending.
    pub(super) editions: Vec<i64>,
    pub(super) narrow: &'a Narrow,
    ports: &'a NamedPorts,
    pub(super) rules: Mutex<Rules>,
    pub(super) seen: Mutex<Seen>,
    pub(super) parts: Mutex<Parts>,
    /// By class: whether its addresses are told apart by block.
    by_block: Vec<bool>,
}

/// What workers have put together.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) counted: Groups,
    pub(super) duplicates: Groups,
    pub(super) interfaces: Interfaces,
    pub(super) blocks: BlocksV6,
    pub(super) hosts: BTreeSet<IpAddr>,
    pub(super) read: ReadTotals,
    pub(super) faults: FaultTally,
}

/// Limits of a tally.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TallyLimits {
    /// Most groups that are told apart; beyond it keys are coarsened.
    pub groups: usize,
    /// Most records that are remembered to know duplicates.
    pub records: usize,
}

impl Default for TallyLimits {
    /// 32,768 groups (some 40 MB at worst); 1,835,008 records (a table of 2^21 places, 19 MB).
    fn default() -> Self {
        Self {
            groups: 32_768,
            records: (1 << 21) / 8 * 7,
        }
    }
}

impl<'a> Shared<'a> {
    /// A tally for `workers` workers.
    pub fn new(
        partition: &'a Partition,
        editions: Vec<i64>,
        ports: &'a NamedPorts,
        narrow: &'a Narrow,
        workers: usize,
        limits: TallyLimits,
    ) -> Self {
        let by_block = partition
            .classes
            .classes
            .iter()
            .map(|class| partition.assumed && class.scope == Scope::Private)
            .collect();
        Self {
            partition,
            editions,
            narrow,
            ports,
            rules: Mutex::new(Rules::new()),
            seen: Mutex::new(Seen::new(workers, limits.records)),
            parts: Mutex::new(Parts {
                counted: Groups::new(limits.groups, ports.clone()),
                duplicates: Groups::new(limits.groups, ports.clone()),
                interfaces: Interfaces::default(),
                blocks: BlocksV6::default(),
                hosts: BTreeSet::new(),
                read: ReadTotals::default(),
                faults: FaultTally::default(),
            }),
            by_block,
        }
    }

    /// Whether flow logs of the audited network would be written for an address: one of a subnet, or,
    /// where nothing states the environment, a private one.
    pub fn is_local(&self, address: IpAddr) -> bool {
        let lookup = &self.partition.lookup;
        let class = match address {
            IpAddr::V4(v4) => lookup.v4(v4.into()),
            IpAddr::V6(v6) => lookup.v6(v6.into()),
        };
        match self.partition.classes.classes[class as usize].scope {
            Scope::Subnet(_) => true,
            Scope::Private => self.partition.assumed,
            _ => false,
        }
    }

    /// Whether a port is a service's: below 1024, or named by a row of the profile.
    pub fn is_service(&self, port: u16) -> bool {
        port < 1_024 || self.ports.has(port)
    }

    /// Adds what was read of captures.
    pub fn add_captures(&self, totals: &CaptureTotals) {
        lock(&self.parts).read.captures.add(totals);
    }

    /// Adds faults that no worker met.
    pub fn merge_faults(&self, faults: FaultTally) {
        lock(&self.parts).faults.merge(faults);
    }

    /// Adds a fault that no worker met: one of a file as a whole.
    pub fn fault(&self, file: u32, offset: u64, kind: FaultKind, detail: &str) {
        lock(&self.parts).faults.add(file, offset, kind, detail);
    }
}

/// One worker's part of a tally.
#[derive(Debug)]
pub struct Worker<'a> {
    shared: &'a Shared<'a>,
    number: usize,
    /// Taken while a record is counted.
    local: Option<Box<Local>>,
    /// Made when the first duplicate is met.
    duplicates: Option<Box<Local>>,
    recent: RecentRules,
    rules: Vec<u16>,
    kept: Vec<bool>,
    interfaces: Interfaces,
    blocks: BlocksV6,
    /// Local ends of captured connections.
    hosts: BTreeSet<IpAddr>,
    faults: FaultTally,
    read: ReadTotals,
    file: FileNotes,
    file_number: u32,
    hour: Option<i64>,
}

impl FileNotes {
    /// The notes of a file of which `self` is a part and `next` the part after it.
    #[must_use]
    pub fn then(self, next: Self) -> Self {
        let step_back = self
            .last_time
            .zip(next.first_time)
            .is_some_and(|(last, first)| first < last);
        Self {
            kinds: self.kinds | next.kinds,
            first_time: self.first_time.or(next.first_time),
            last_time: next.last_time.or(self.last_time),
            steps_back: self.steps_back + next.steps_back + u64::from(step_back),
            records: self.records + next.records,
        }
    }
}

/// What a worker notes of the file (or segment) it reads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FileNotes {
    /// Kinds of records: a bit each.
    pub kinds: u8,
    /// `time` of the first record that has one, ms.
    pub first_time: Option<i64>,
    /// `time` of the last record that has one, ms.
    pub last_time: Option<i64>,
    /// How often a record's time is before the one's before it.
    pub steps_back: u64,
    /// Flow records.
    pub records: u64,
}

impl<'a> Worker<'a> {
    /// Worker `number` of `shared`.
    pub fn new(shared: &'a Shared<'a>, number: usize) -> Self {
        Self {
            shared,
            number,
            local: None,
            duplicates: None,
            recent: RecentRules::new(),
            rules: Vec::new(),
            kept: Vec::new(),
            interfaces: Interfaces::default(),
            blocks: BlocksV6::default(),
            hosts: BTreeSet::new(),
            faults: FaultTally::default(),
            read: ReadTotals::default(),
            file: FileNotes::default(),
            file_number: 0,
            hour: None,
        }
    }

    /// The records that follow are of this file, whose path tells `hour`.
    pub fn begin_file(&mut self, file: u32, hour: Option<i64>) {
        self.file = FileNotes::default();
        self.file_number = file;
        self.hour = hour;
        lock(&self.shared.seen).begin(self.number, hour);
    }

    /// What was noted of the file.
    pub fn end_file(&mut self, bytes: u64, tuples_faulty: u64) -> FileNotes {
        self.read.bytes += bytes;
        self.read.tuples += tuples_faulty;
        self.read.tuples_faulty += tuples_faulty;
        self.file
    }

    /// Puts the worker's part to the others'.
    pub fn finish(self) {
        lock(&self.shared.seen).end(self.number);
        let mut parts = lock(&self.shared.parts);
        if let Some(mut local) = self.local {
            local.drain(&mut parts.counted);
        }
        if let Some(mut duplicates) = self.duplicates {
            duplicates.drain(&mut parts.duplicates);
        }
        parts.interfaces.merge(self.interfaces);
        parts.blocks.merge(&self.blocks);
        parts.hosts.extend(self.hosts);
        while parts.hosts.len() > MOST_HOSTS {
            parts.hosts.pop_last();
        }
        parts.faults.merge(self.faults);
        add_read(&mut parts.read, &self.read);
    }

    fn note_record(&mut self, batch: &RecordBatch) {
        self.file.records += batch.records();
        for tuple in batch.tuples.first().into_iter().chain(batch.tuples.last()) {
            self.file.kinds |= 1 << tuple.bits.kind() as u8;
        }
        if let Some(Timestamp(time)) = batch.time {
            self.file.steps_back += u64::from(self.file.last_time.is_some_and(|last| time < last));
            self.file.first_time.get_or_insert(time);
            self.file.last_time = Some(time);
        }
    }

    /// Numbers of the groups' rules, and which groups the user's filters keep.
    fn resolve_groups(&mut self, batch: &RecordBatch) {
        self.rules.clear();
        self.kept.clear();
        let shared = self.shared;
        for group in &batch.groups {
            self.kept.push(shared.narrow.keeps_group(group));
            let ask = || lock(&shared.rules).number(&group.acl, &group.rule);
            let number = match group.outcome {
                Some(outcome) => captured(outcome),
                None => self.recent.number(&group.acl, &group.rule, ask),
            };
            self.rules.push(number);
        }
    }

    /// Notes that the interfaces of the groups have a record, and under which NSG where the log
    /// says so, else under which target. It must come before their addresses.
    fn note_interfaces(&mut self, batch: &RecordBatch) {
        let first = || batch.tuples.first().map(|tuple| Timestamp(tuple.time));
        let Some(hour) = batch.time.or_else(first).map(Timestamp::hour) else {
            return;
        };
        if self.interfaces.is_large() {
            self.put_interfaces();
        }
        let mut last = (None, "");
        for (group, _) in batch
            .groups
            .iter()
            .zip(&self.kept)
            .filter(|&(_, &kept)| kept)
        {
            let under = if group.acl.contains('/') {
                &group.acl
            } else {
                &batch.target
            };
            if let Some(mac) = group.mac.filter(|&mac| last != (Some(mac), under)) {
                last = (Some(mac), under);
                self.interfaces.record(mac, hour, under);
            }
        }
    }

    #[cold]
    fn put_interfaces(&mut self) {
        let interfaces = std::mem::take(&mut self.interfaces);
        lock(&self.shared.parts).interfaces.merge(interfaces);
    }

    /// Whether the same record was counted before.
    fn is_duplicate(&self, batch: &RecordBatch) -> bool {
        lock(&self.shared.seen).check(self.hour, batch.identity())
    }

    #[inline]
    pub(super) fn place(&mut self, batch: &RecordBatch, tuple: &Tuple) -> (Place, Place) {
        let lookup = &self.shared.partition.lookup;
        let outbound = tuple.bits.direction() == Direction::Outbound;
        if tuple.bits.is_wide() {
            let (source, destination) = batch.addresses(tuple);
            return (
                self.place_of(source, outbound),
                self.place_of(destination, !outbound),
            );
        }
        let (source, destination) = (lookup.v4(tuple.source), lookup.v4(tuple.destination));
        if !self.shared.partition.assumed {
            return (Place::class(source), Place::class(destination));
        }
        let by_block = &self.shared.by_block;
        let place = |class: u16, address: u32, local: bool| {
            if local || by_block[class as usize] {
                Place::block_v4(address)
            } else {
                Place::class(class)
            }
        };
        (
            place(source, tuple.source, outbound),
            place(destination, tuple.destination, !outbound),
        )
    }

    fn place_of(&mut self, address: IpAddr, local: bool) -> Place {
        let lookup = &self.shared.partition.lookup;
        let class = match address {
            IpAddr::V4(v4) => lookup.v4(v4.into()),
            IpAddr::V6(v6) => lookup.v6(v6.into()),
        };
        if !(self.shared.partition.assumed && (local || self.shared.by_block[class as usize])) {
            return Place::class(class);
        }
        match address {
            IpAddr::V4(v4) => Place::block_v4(v4.into()),
            IpAddr::V6(v6) => {
                self.blocks.add(v6.into());
                Place::block_v6(v6.into())
            }
        }
    }

    #[inline]
    pub(super) fn edition(&self, time: i64) -> u8 {
        let editions = &self.shared.editions;
        if editions.len() < 2 {
            return 0;
        }
        editions
            .partition_point(|&date| date <= time)
            .saturating_sub(1) as u8
    }

    /// Notes the interface's own address of a tuple. `last` is the group and the address of the tuple
    /// before: most have the same.
    #[inline]
    fn note_own(&mut self, batch: &RecordBatch, tuple: &Tuple, last: &mut Option<(u16, Own)>) {
        let outbound = tuple.bits.direction() == Direction::Outbound;
        let own = if tuple.bits.is_wide() {
            let wide = &batch.wide[tuple.source as usize];
            Own::Wide(if outbound {
                wide.source
            } else {
                wide.destination
            })
        } else if outbound {
            Own::V4(tuple.source)
        } else {
            Own::V4(tuple.destination)
        };
        if *last != Some((tuple.group, own)) {
            *last = Some((tuple.group, own));
            if let Some(mac) = batch.groups[tuple.group as usize].mac {
                self.interfaces.address(mac, own.address());
            } else if self.shared.partition.assumed
                && batch.connections > 0
                && self.shared.is_local(own.address())
            {
                self.hosts.insert(own.address());
                if self.hosts.len() > MOST_HOSTS {
                    self.hosts.pop_last();
                }
            }
        }
    }

    /// Counts a record's tuples; how many the user's filters left out.
    fn tally(&mut self, batch: &RecordBatch, duplicate: bool) -> u64 {
        let lent = if duplicate {
            &mut self.duplicates
        } else {
            &mut self.local
        };
        let mut local = lent
            .take()
            .unwrap_or_else(|| Box::new(Local::new(self.shared.ports)));
        let everything = self.shared.narrow.is_everything();
        let mut filtered = 0;
        let mut own = None;
        let mut spots = [Spot::default(); BATCH];
        for (start, tuples) in (0u32..).step_by(BATCH).zip(batch.tuples.chunks(BATCH)) {
            let mut used = 0;
            for (number, tuple) in (start..).zip(tuples) {
                if !(everything || self.keeps(batch, tuple)) {
                    filtered += 1;
                    continue;
                }
                self.note_own(batch, tuple, &mut own);
                let places = self.place(batch, tuple);
                let flags = Flags::new(tuple.bits, self.edition(tuple.time));
                let rule = self.rules[tuple.group as usize];
                let spot = &mut spots[used];
                spot.tuple = number;
                local.spot(spot, places, rule, flags, tuple);
                used += 1;
            }
            for spot in &spots[..used] {
                let tuple = &batch.tuples[spot.tuple as usize];
                match local.count(spot, batch, tuple) {
                    Some(false) => {}
                    Some(true) => local.sample(spot, sample(batch, tuple)),
                    None => self.count_after_drain(&mut local, batch, tuple, spot, duplicate),
                }
            }
        }
        *if duplicate {
            &mut self.duplicates
        } else {
            &mut self.local
        } = Some(local);
        filtered
    }

    /// For a second reading: whether a record is counted at all, and then whether it was counted before.
    pub(super) fn admits(&mut self, batch: &RecordBatch) -> Option<bool> {
        self.resolve_groups(batch);
        (!self.is_filtered(batch)).then(|| self.is_duplicate(batch))
    }

    /// Number of a tuple's rule, once its record is admitted.
    pub(super) fn rule_of(&self, tuple: &Tuple) -> u16 {
        self.rules[tuple.group as usize]
    }

    /// Whether the user's filters leave all of a record out.
    fn is_filtered(&self, batch: &RecordBatch) -> bool {
        let narrow = self.shared.narrow;
        let by_group = !narrow.is_everything()
            && !self.kept.iter().any(|&kept| kept)
            && !batch.groups.is_empty();
        by_group || !narrow.keeps_times_of(batch)
    }

    pub(super) fn keeps(&self, batch: &RecordBatch, tuple: &Tuple) -> bool {
        self.kept[tuple.group as usize] && self.shared.narrow.keeps_tuple(batch, tuple)
    }

    #[cold]
    fn count_after_drain(
        &mut self,
        local: &mut Local,
        batch: &RecordBatch,
        tuple: &Tuple,
        spot: &Spot,
        duplicate: bool,
    ) {
        let mut parts = lock(&self.shared.parts);
        let groups = if duplicate {
            &mut parts.duplicates
        } else {
            &mut parts.counted
        };
        local.drain(groups);
        let wanted = local.count(spot, batch, tuple).unwrap_or_else(|| {
            Local::add_directly(spot, batch, tuple, groups);
            true
        });
        if wanted {
            local.sample(spot, sample(batch, tuple));
        }
    }
}

/// The address of a logged interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Own {
    V4(u32),
    Wide(IpAddr),
}

impl Own {
    fn address(self) -> IpAddr {
        match self {
            Self::V4(number) => IpAddr::V4(number.into()),
            Self::Wide(address) => address,
        }
    }
}

fn sample(batch: &RecordBatch, tuple: &Tuple) -> Sample {
    let (source, destination) = batch.addresses(tuple);
    Sample {
        time: tuple.time,
        source,
        source_port: tuple.source_port,
        destination,
        destination_port: tuple.destination_port,
        file: batch.file,
        offset: batch.offset + tuple.offset as u64,
    }
}

impl Sink for Worker<'_> {
    fn record(&mut self, batch: &RecordBatch) {
        self.note_record(batch);
        self.resolve_groups(batch);
        let (records, tuples) = (batch.records(), batch.tuples.len() as u64);
        self.read.records += records;
        self.read.tuples += tuples;
        if self.is_filtered(batch) {
            self.read.records_filtered += records;
            self.read.tuples_filtered += tuples;
            return;
        }
        self.note_interfaces(batch);
        let duplicate = self.is_duplicate(batch);
        let filtered = self.tally(batch, duplicate);
        self.read.tuples_filtered += filtered;
        if duplicate {
            self.read.records_duplicate += records;
            self.read.tuples_duplicate += tuples - filtered;
        } else {
            self.read.records_counted += records;
            self.read.tuples_counted += tuples - filtered;
        }
    }

    fn fault(&mut self, offset: u64, kind: FaultKind, detail: String) {
        let is_record = kind.is_of_a_record() && detail != UNCLOSED;
        self.read.records += u64::from(is_record);
        self.read.records_faulty += u64::from(is_record);
        self.faults.add(self.file_number, offset, kind, detail);
    }
}

/// The lock's content, also after a panic elsewhere: the run then ends with that panic.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn add_read(ours: &mut ReadTotals, theirs: &ReadTotals) {
    ours.files += theirs.files;
    ours.flow_files += theirs.flow_files;
    ours.bytes += theirs.bytes;
    ours.records += theirs.records;
    ours.records_counted += theirs.records_counted;
    ours.records_duplicate += theirs.records_duplicate;
    ours.records_filtered += theirs.records_filtered;
    ours.records_faulty += theirs.records_faulty;
    ours.tuples += theirs.tuples;
    ours.tuples_counted += theirs.tuples_counted;
    ours.tuples_duplicate += theirs.tuples_duplicate;
    ours.tuples_filtered += theirs.tuples_filtered;
    ours.tuples_faulty += theirs.tuples_faulty;
    ours.captures.add(&theirs.captures);
}
