//! Back from groups to tuples: a second reading tells which tuples were counted into which groups.
//!
//! Each tuple goes the way that it went when it was counted: same partition, same rules, same level
//! of coarsening, same duplicates; only that it is told and not added up.

use std::collections::BTreeMap;

use hashbrown::HashMap;

use super::facts::{Facts, Group, Port};
use super::finish::{Gathered, Places};
use super::key::{BlocksV6, Flags, Key, NamedPorts, OTHER_PORTS, Place};
use super::worker::{Shared, TallyLimits, Worker, lock};
use crate::classify::{ClassId, Partition};
use crate::fault::FaultKind;
use crate::flowlog::{LogKind, RecordBatch, Sink, Tuple};
use crate::net::{Decision, Direction, Outcome, Protocol};

/// What a run counted by: what a second reading needs to know its groups again.
#[derive(Debug)]
pub struct Ground {
    /// The partition that tuples were classed by.
    pub counted_by: Partition,
    /// The partition that the facts speak of, where it is another.
    pub partition: Option<Partition>,
    /// Dates of the service tags' editions, ms.
    pub editions: Vec<i64>,
    /// Ports that rows name.
    pub ports: NamedPorts,
    /// The limits of the run.
    pub limits: TallyLimits,
    /// IPv6 blocks that occurred.
    pub blocks: Blocks,
}

/// IPv6 blocks that occurred.
#[derive(Debug, Default)]
pub struct Blocks(BlocksV6);

impl Gathered {
    /// The IPv6 blocks that occurred, for a [`Ground`].
    pub fn blocks(&self) -> Blocks {
        Blocks(self.blocks_v6().clone())
    }
}

/// What tells groups apart.
type Identity = (
    (ClassId, ClassId, Protocol, Port),
    (Direction, Decision, LogKind, usize),
    (usize, Option<Outcome>),
);

fn identity(group: &Group) -> Identity {
    (
        (group.source, group.destination, group.protocol, group.port),
        (group.direction, group.decision, group.kind, group.edition),
        (group.rule, group.outcome),
    )
}

/// A tuple of a wanted group.
#[derive(Debug, Clone, Copy)]
pub struct Traced<'a> {
    /// Its record.
    pub batch: &'a RecordBatch,
    /// The tuple.
    pub tuple: &'a Tuple,
    /// Index of its group in the facts.
    pub group: usize,
    /// The same record was read before: it was not counted again.
    pub duplicate: bool,
}

/// Takes the tuples of wanted groups.
pub type Found<'a> = Box<dyn FnMut(Traced<'_>) + Send + 'a>;

/// Reads records again, and tells the tuples of wanted groups.
pub struct Tracer<'a> {
    shared: &'a Shared<'a>,
    worker: Worker<'a>,
    facts: &'a Facts,
    ground: &'a Ground,
    wanted: BTreeMap<Identity, usize>,
    classes: HashMap<Place, ClassId, foldhash::fast::FixedState>,
    rules: HashMap<u16, Option<usize>, foldhash::fast::FixedState>,
    found: Found<'a>,
}

impl std::fmt::Debug for Tracer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tracer({} groups)", self.wanted.len())
    }
}

/// Most places that are remembered; then they are asked for anew.
const MOST_PLACES: usize = 1 << 16;

impl<'a> Tracer<'a> {
    /// A tracer of `wanted` groups (indexes) of `facts`. `shared` is a tally for one worker, made of
    /// `ground`'s partition, editions, ports and limits, to which nothing is added.
    pub fn new(
        shared: &'a Shared<'a>,
        ground: &'a Ground,
        facts: &'a Facts,
        wanted: &[usize],
        found: Found<'a>,
    ) -> Self {
        lock(&shared.rules).overflowed = facts.rules_folded;
        Self {
            shared,
            worker: Worker::new(shared, 0),
            facts,
            ground,
            wanted: wanted
                .iter()
                .filter_map(|&index| Some((identity(facts.groups.get(index)?), index)))
                .collect(),
            classes: HashMap::default(),
            rules: HashMap::default(),
            found,
        }
    }

    /// The records that follow are of this file, whose path tells `hour`.
    pub fn begin_file(&mut self, file: u32, hour: Option<i64>) {
        self.worker.begin_file(file, hour);
    }

    fn group(&mut self, batch: &RecordBatch, tuple: &Tuple) -> Option<usize> {
        let (source, destination) = self.worker.place(batch, tuple);
        let key = Key {
            source,
            destination,
            port: u32::from(tuple.destination_port),
            rule: self.worker.rule_of(tuple),
            protocol: tuple.protocol,
            flags: Flags::new(tuple.bits, self.worker.edition(tuple.time)),
        }
        .coarsened(self.facts.coarsening, &self.ground.ports);
        let rule = self.rule(&key)?;
        let identity = (
            (
                self.class(key.source),
                self.class(key.destination),
                Protocol(key.protocol),
                match u16::try_from(key.port) {
                    Ok(port) if key.port != OTHER_PORTS => Port::One(port),
                    _ => Port::Other,
                },
            ),
            (
                key.flags.direction(),
                key.flags.decision(),
                key.outcome()
                    .map_or(key.flags.log_kind(), |_| LogKind::Capture),
                key.flags.edition(),
            ),
            (rule, key.outcome()),
        );
        self.wanted.get(&identity).copied()
    }

    /// Index of the key's rule in the facts; none where the first reading did not have it.
    fn rule(&mut self, key: &Key) -> Option<usize> {
        let (facts, shared) = (self.facts, self.shared);
        let index = |name: &super::facts::RuleName| facts.rules.binary_search(name).ok();
        if key.outcome().is_some() {
            return index(&super::facts::RuleName::default());
        }
        *self.rules.entry(key.rule).or_insert_with(|| {
            let rules = lock(&shared.rules);
            index(rules.name(rules.resolved(key.rule)))
        })
    }

    fn class(&mut self, place: Place) -> ClassId {
        if self.classes.len() >= MOST_PLACES {
            self.classes.clear();
        }
        let ground = self.ground;
        let places = Places {
            counted_by: &ground.counted_by,
            partition: ground.partition.as_ref().unwrap_or(&ground.counted_by),
            blocks: &ground.blocks.0,
        };
        *self
            .classes
            .entry(place)
            .or_insert_with(|| places.class(place))
    }
}

impl Sink for Tracer<'_> {
    fn record(&mut self, batch: &RecordBatch) {
        let Some(duplicate) = self.worker.admits(batch) else {
            return;
        };
        // Where there were too many records to tell all duplicates, all were counted.
        let duplicate = duplicate && !self.facts.duplicates_kept;
        for tuple in &batch.tuples {
            if !self.worker.keeps(batch, tuple) {
                continue;
            }
            if let Some(group) = self.group(batch, tuple) {
                (self.found)(Traced {
                    batch,
                    tuple,
                    group,
                    duplicate,
                });
            }
        }
    }

    fn fault(&mut self, _: u64, _: FaultKind, _: String) {
        // The first reading told it.
    }
}
