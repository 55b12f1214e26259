//! Products of sets of classes, put together to few.

use std::collections::BTreeMap;

use hashbrown::HashMap;

use super::classes::{DESTINATION, DESTINATION_PORT, Question, SOURCE, SOURCE_PORT};
use super::count::Count;
use super::rule::Cube;
use crate::net::prefix::Family;
use crate::net::{PortSet, PrefixSet, ProtocolSet};

/// A product of classes of each field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Block {
    /// Numbers of sets of classes, in the order of [`Question::fields`].
    pub(super) fields: [u32; 4],
    /// Protocols.
    pub(super) protocols: ProtocolSet,
}

impl Block {
    /// A block whose addresses are yet to be filled in.
    pub(super) fn of_low(protocols: ProtocolSet, [source, destination]: [u32; 2]) -> Self {
        let mut fields = [0; 4];
        fields[SOURCE_PORT] = source;
        fields[DESTINATION_PORT] = destination;
        Self { fields, protocols }
    }
}

/// Sets of classes, numbered.
#[derive(Debug, Default)]
pub(super) struct Interner {
    numbers: HashMap<Vec<u32>, u32>,
    sets: Vec<Vec<u32>>,
}

impl Interner {
    /// The number of a sorted set.
    pub(super) fn number(&mut self, set: Vec<u32>) -> u32 {
        let sets = &mut self.sets;
        *self.numbers.entry(set).or_insert_with_key(|set| {
            sets.push(set.clone());
            sets.len() as u32 - 1
        })
    }

    /// The number of the union of disjoint sets.
    fn union(&mut self, sets: &[u32]) -> u32 {
        if let [one] = sets {
            return *one;
        }
        let mut all: Vec<u32> = sets
            .iter()
            .flat_map(|&set| self.sets[set as usize].iter().copied())
            .collect();
        all.sort_unstable();
        all.dedup();
        self.number(all)
    }
}

/// Distinct pairs as disjoint products, in order: those of equal second sides, or of equal first
/// sides, whichever are fewer.
pub(super) fn rectangles(mut pairs: Vec<(u32, u32)>) -> Vec<(Vec<u32>, Vec<u32>)> {
    let by_first = columns(&mut pairs);
    let mut turned: Vec<_> = pairs.iter().map(|&(a, b)| (b, a)).collect();
    let by_second = columns(&mut turned);
    if by_second.len() < by_first.len() {
        by_second.into_iter().map(|(b, a)| (a, b)).collect()
    } else {
        by_first
    }
}

/// Joins the firsts that have the same seconds.
fn columns(pairs: &mut [(u32, u32)]) -> Vec<(Vec<u32>, Vec<u32>)> {
    pairs.sort_unstable();
    let mut joined: BTreeMap<Vec<u32>, Vec<u32>> = BTreeMap::new();
    for column in pairs.chunk_by(|a, b| a.0 == b.0) {
        let seconds = column.iter().map(|&(_, second)| second).collect();
        joined.entry(seconds).or_default().push(column[0].0);
    }
    joined
        .into_iter()
        .map(|(seconds, firsts)| (firsts, seconds))
        .collect()
}

/// Joins disjoint blocks that differ in one part only, until none do.
pub(super) fn merge(mut blocks: Vec<Block>, interner: &mut Interner) -> Vec<Block> {
    loop {
        let before = blocks.len();
        for field in [DESTINATION_PORT, SOURCE_PORT] {
            blocks = merge_field(&blocks, field, interner);
        }
        blocks = merge_protocols(&blocks);
        for field in [DESTINATION, SOURCE] {
            blocks = merge_field(&blocks, field, interner);
        }
        if blocks.len() == before {
            return blocks;
        }
    }
}

fn merge_field(blocks: &[Block], field: usize, interner: &mut Interner) -> Vec<Block> {
    let mut alike: BTreeMap<Block, Vec<u32>> = BTreeMap::new();
    for block in blocks {
        let mut rest = *block;
        rest.fields[field] = 0;
        alike.entry(rest).or_default().push(block.fields[field]);
    }
    let join = |(mut block, sets): (Block, Vec<u32>)| {
        block.fields[field] = interner.union(&sets);
        block
    };
    alike.into_iter().map(join).collect()
}

fn merge_protocols(blocks: &[Block]) -> Vec<Block> {
    let mut alike: BTreeMap<[u32; 4], ProtocolSet> = BTreeMap::new();
    for block in blocks {
        let protocols = alike.entry(block.fields).or_default();
        *protocols = protocols.union(block.protocols);
    }
    alike
        .into_iter()
        .map(|(fields, protocols)| Block { fields, protocols })
        .collect()
}

/// Makes cubes of blocks. The same sets come again and again, so each is made once.
pub(super) struct Writer {
    family: Family,
    /// Inclusive ranges of each class of each field.
    ranges: [Vec<Vec<(u128, u128)>>; 4],
    /// How many numbers each class of each field has.
    sizes: [Vec<Count>; 4],
    addresses: HashMap<(usize, u32), PrefixSet>,
    ports: HashMap<(usize, u32), PortSet>,
}

impl Writer {
    /// For the blocks of a question.
    pub(super) fn new(question: &Question<'_>) -> Self {
        let fields = [SOURCE, DESTINATION, SOURCE_PORT, DESTINATION_PORT];
        let sizes = |field: usize| {
            let classes = question.fields[field].classes.iter();
            classes.map(|class| class.size).collect()
        };
        Self {
            family: question.family,
            ranges: fields.map(|field| question.fields[field].ranges()),
            sizes: fields.map(sizes),
            addresses: HashMap::new(),
            ports: HashMap::new(),
        }
    }

    fn addresses(&mut self, field: usize, set: u32, interner: &Interner) -> PrefixSet {
        let ranges = &self.ranges[field];
        let known = self.addresses.entry((field, set)).or_insert_with(|| {
            let classes = interner.sets[set as usize].iter();
            let all = classes.flat_map(|&class| ranges[class as usize].iter().copied());
            PrefixSet::from_ranges(self.family, all)
        });
        known.clone()
    }

    fn ports(&mut self, field: usize, set: u32, interner: &Interner) -> PortSet {
        let ranges = &self.ranges[field];
        let known = self.ports.entry((field, set)).or_insert_with(|| {
            let classes = interner.sets[set as usize].iter();
            let all = classes.flat_map(|&class| ranges[class as usize].iter());
            PortSet::new(all.map(|&(low, high)| (low as u16, high as u16)))
        });
        known.clone()
    }

    /// How many packets a block has.
    fn size(&self, block: &Block, interner: &Interner) -> Count {
        let sizes = |field: usize| -> Count {
            let classes = interner.sets[block.fields[field] as usize].iter();
            classes
                .map(|&class| self.sizes[field][class as usize])
                .sum()
        };
        let each = |ports: bool| {
            let protocols = ProtocolSet::EACH.into_iter().filter(|one| {
                one.has_ports() == ports && !block.protocols.intersection(*one).is_empty()
            });
            Count::from(protocols.count() as u128)
        };
        let ports = sizes(SOURCE_PORT).times(sizes(DESTINATION_PORT));
        let low = each(true).times(ports).plus(each(false));
        sizes(SOURCE).times(sizes(DESTINATION)).times(low)
    }

    /// How many ranges a block's sets have, at most.
    fn ranges(&self, block: &Block, interner: &Interner) -> usize {
        let ranges = |field: usize| -> usize {
            let classes = interner.sets[block.fields[field] as usize].iter();
            classes
                .map(|&class| self.ranges[field][class as usize].len())
                .sum()
        };
        (0..block.fields.len()).map(ranges).sum()
    }

    /// The largest blocks as cubes, as long as there is room for so many ranges, and how many are
    /// left out. Takes off `room` what it uses.
    pub(super) fn largest(
        &mut self,
        blocks: Vec<Block>,
        interner: &Interner,
        room: &mut usize,
    ) -> (Vec<Cube>, usize) {
        let mut sized: Vec<_> = blocks
            .into_iter()
            .map(|block| (std::cmp::Reverse(self.size(&block, interner)), block))
            .collect();
        sized.sort_unstable();
        let mut kept = Vec::new();
        for &(_, block) in &sized {
            let Some(left) = room.checked_sub(self.ranges(&block, interner)) else {
                break;
            };
            *room = left;
            kept.push(block);
        }
        let left_out = sized.len() - kept.len();
        (self.cubes(&kept, interner), left_out)
    }

    /// Blocks as cubes.
    fn cubes(&mut self, blocks: &[Block], interner: &Interner) -> Vec<Cube> {
        let cube = |block: &Block| {
            let fields = &block.fields;
            Cube {
                protocols: block.protocols,
                source: self.addresses(SOURCE, fields[SOURCE], interner),
                source_ports: self.ports(SOURCE_PORT, fields[SOURCE_PORT], interner),
                destination: self.addresses(DESTINATION, fields[DESTINATION], interner),
                destination_ports: self.ports(DESTINATION_PORT, fields[DESTINATION_PORT], interner),
            }
        };
        blocks.iter().map(cube).collect()
    }
}

/// Joins cubes of IPv4 with cubes of IPv6 for the same protocols and ports: there is no packet from
/// one family to the other that the join could add.
pub(super) fn join_families(v4: Vec<Cube>, v6: Vec<Cube>) -> Vec<Cube> {
    let key = |cube: &Cube| {
        (
            cube.protocols,
            cube.source_ports.clone(),
            cube.destination_ports.clone(),
        )
    };
    let mut waiting: BTreeMap<_, Vec<Cube>> = BTreeMap::new();
    for cube in v6.into_iter().rev() {
        waiting.entry(key(&cube)).or_default().push(cube);
    }
    let mut joined = v4;
    for cube in &mut joined {
        if let Some(other) = waiting.get_mut(&key(cube)).and_then(Vec::pop) {
            cube.source = cube.source.union(&other.source);
            cube.destination = cube.destination.union(&other.destination);
        }
    }
    joined.extend(waiting.into_values().flatten());
    debug_assert!(joined.iter().all(|cube| {
        [Family::V4, Family::V6]
            .into_iter()
            .any(|family| !cube.source.ranges(family).is_empty())
    }));
    joined
}
