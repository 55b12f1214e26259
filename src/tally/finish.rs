//! The end of a run: groups of keys -> facts of classes, in a total order.

use std::collections::BTreeMap;

use super::facts::{Facts, Group, Port, RuleName, Timeline};
use super::key::{BlocksV6, Key, Meaning, OTHER_PORTS, Place};
use super::rules::Rules;
use super::totals::{Cell, Groups};
use super::worker::{FileNotes, Parts, Shared};
use crate::classify::{ClassId, Partition};
use crate::flowlog::LogKind;
use crate::net::prefix::Family;
use crate::net::{Outcome, Protocol};

/// What a run's workers have put together, until the environment is known.
#[derive(Debug)]
pub struct Gathered {
    parts: Parts,
    rules: Rules,
    duplicates_kept: bool,
    /// Interfaces and hours: what an assumed environment is made of.
    pub coverage: super::facts::Coverage,
}

/// What is to be said of files as a whole: the first of each sort, and how many there were.
#[derive(Debug, Default)]
pub struct FileFindings {
    flow_files: u64,
    backward: BTreeMap<u32, u64>,
    backward_count: u64,
    mixed: BTreeMap<u32, Vec<LogKind>>,
    mixed_count: u64,
}

/// Most files of a sort that are named.
const MOST_FILES: usize = 20;

impl FileFindings {
    /// Adds what was noted of a whole file.
    pub fn add(&mut self, file: u32, notes: FileNotes) {
        self.flow_files += u64::from(notes.records > 0);
        if notes.steps_back > 0 {
            self.backward_count += 1;
            self.backward.insert(file, notes.steps_back);
            keep_first(&mut self.backward);
        }
        if notes.kinds.count_ones() > 1 {
            self.mixed_count += 1;
            self.mixed.insert(
                file,
                LogKind::ALL
                    .into_iter()
                    .filter(|&kind| notes.kinds >> kind as u8 & 1 != 0)
                    .collect(),
            );
            keep_first(&mut self.mixed);
        }
    }
}

fn keep_first<T>(files: &mut BTreeMap<u32, T>) {
    while files.len() > MOST_FILES {
        files.pop_last();
    }
}

impl Shared<'_> {
    /// What the workers, who have all finished, have put together from so many files.
    pub fn gather(self, files: u64, findings: FileFindings) -> Gathered {
        let unlocked = |mutex: std::sync::Mutex<Parts>| {
            mutex
                .into_inner()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
        };
        let mut parts = unlocked(self.parts);
        let rules = self
            .rules
            .into_inner()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let seen = self
            .seen
            .into_inner()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        parts.read.files = files;
        parts.read.flow_files = findings.flow_files;
        let coverage = super::facts::Coverage {
            backward_files: findings.backward,
            backward_file_count: findings.backward_count,
            mixed_files: findings.mixed,
            mixed_file_count: findings.mixed_count,
            captured_hosts: std::mem::take(&mut parts.hosts),
            ..std::mem::take(&mut parts.interfaces).finish()
        };
        Gathered {
            parts,
            rules,
            duplicates_kept: seen.overflowed,
            coverage,
        }
    }
}

impl Gathered {
    pub(super) fn blocks_v6(&self) -> &BlocksV6 {
        &self.parts.blocks
    }

    /// The facts. `counted_by` is the partition that the workers classed by, `partition` the one
    /// that the facts are to speak of: the same, unless the environment was assumed in between.
    pub fn finish(self, counted_by: &Partition, partition: &Partition) -> Facts {
        let Self {
            mut parts,
            rules,
            duplicates_kept,
            coverage,
        } = self;
        if duplicates_kept {
            parts.read.keep_duplicates();
        }
        let mut groups = parts.counted;
        groups.merge(parts.duplicates, !duplicates_kept);
        let (level, shift) = (groups.level(), groups.shift());
        let places = Places {
            counted_by,
            partition,
            blocks: &parts.blocks,
        };
        let (names, cells) = settle(groups, &rules, &places);
        let groups: Vec<Group> = cells
            .into_iter()
            .map(|(key, cell)| group(key, cell))
            .collect();
        let first = groups.iter().map(|group| group.totals.first).min();
        let last = groups.iter().map(|group| group.totals.last).max();
        Facts {
            classes: partition.classes.clone(),
            rules: names,
            window: first.zip(last),
            groups,
            bucket_minutes: 1 << shift,
            coverage,
            read: parts.read,
            faults: parts.faults,
            coarsening: level,
            rules_folded: rules.overflowed,
            duplicates_kept,
        }
    }
}

/// Where keys' places lie in the final partition.
pub(super) struct Places<'a> {
    pub(super) counted_by: &'a Partition,
    pub(super) partition: &'a Partition,
    pub(super) blocks: &'a BlocksV6,
}

impl Places<'_> {
    pub(super) fn class(&self, place: Place) -> ClassId {
        let number = match place.meaning() {
            Meaning::Class(class) if std::ptr::eq(self.counted_by, self.partition) => class,
            Meaning::Class(class) => {
                let (family, first) = self.counted_by.first_address(class);
                self.partition.lookup.number(family, first)
            }
            Meaning::BlockV4(first) => self.partition.lookup.v4(first),
            Meaning::BlockV6(place) => {
                let known = self
                    .blocks
                    .first_addresses
                    .iter()
                    .find(|&&first| Place::block_v6(first) == place);
                // Of a block that is not remembered only that it is private (or logged) is known.
                self.partition
                    .lookup
                    .number(Family::V6, known.copied().unwrap_or(UNKNOWN_V6))
            }
        };
        ClassId(number as u32)
    }
}

/// A unique local address that stands for those not remembered.
const UNKNOWN_V6: u128 = 0xfdff_ffff_ffff_ffff << 64;

/// A key in its final terms. Ordered as reports list groups.
type Settled = (
    ClassId,
    ClassId,
    Protocol,
    Port,
    usize,
    super::key::Flags,
    Option<Outcome>,
);

/// Names of the rules that occur, sorted; groups by their settled keys.
fn settle(
    groups: Groups,
    rules: &Rules,
    places: &Places<'_>,
) -> (Vec<RuleName>, BTreeMap<Settled, Cell>) {
    let sorted = groups.into_sorted();
    let no_rule = RuleName::default();
    let name = |key: &Key| match key.outcome() {
        Some(_) => &no_rule,
        None => rules.name(rules.resolved(key.rule)),
    };
    let mut numbers: BTreeMap<RuleName, usize> = BTreeMap::new();
    for (key, _) in &sorted {
        numbers.insert(name(key).clone(), 0);
    }
    for (index, number) in numbers.values_mut().enumerate() {
        *number = index;
    }
    let mut classes: BTreeMap<Place, ClassId> = BTreeMap::new();
    let mut cells: BTreeMap<Settled, Cell> = BTreeMap::new();
    for (key, cell) in sorted {
        let rule = numbers[name(&key)];
        let mut class = |place| *classes.entry(place).or_insert_with(|| places.class(place));
        let settled = settled(&key, class(key.source), class(key.destination), rule);
        cells.entry(settled).or_default().merge(cell);
    }
    (numbers.into_keys().collect(), cells)
}

fn settled(key: &Key, source: ClassId, destination: ClassId, rule: usize) -> Settled {
    let port = if key.port == OTHER_PORTS {
        Port::Other
    } else {
        Port::One(key.port as u16)
    };
    (
        source,
        destination,
        Protocol(key.protocol),
        port,
        rule,
        key.flags,
        key.outcome(),
    )
}

fn group(key: Settled, cell: Cell) -> Group {
    let (source, destination, protocol, port, rule, flags, outcome) = key;
    let start = cell.timeline().next().map_or(0, |(bucket, _)| bucket);
    let (counts, spans) = cell.timeline().map(|(_, begun)| begun).unzip();
    Group {
        source,
        destination,
        protocol,
        port,
        direction: flags.direction(),
        decision: flags.decision(),
        kind: match outcome {
            Some(_) => LogKind::Capture,
            None => flags.log_kind(),
        },
        outcome,
        edition: flags.edition(),
        rule,
        totals: cell.totals,
        timeline: Timeline {
            start,
            counts,
            spans,
        },
        samples: cell.samples,
    }
}
