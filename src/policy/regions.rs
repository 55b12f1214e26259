//! What a cube falls into: exact counts, lowest packets, and few cubes.

use std::collections::BTreeMap;

use hashbrown::HashMap;

use super::bits::Bits;
use super::blocks::{Block, Interner, Writer, join_families, merge, rectangles};
use super::classes::{Compiled, DESTINATION, DESTINATION_PORT, Question, SOURCE, SOURCE_PORT};
use super::count::Count;
use super::grid::{Grid, Group, High, NO_PORT, Piece, Steps, tables};
use super::rule::{Cube, Probe};
use crate::net::ProtocolSet;
use crate::net::prefix::address;

/// Packets of which the same holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Region {
    /// How many.
    pub(super) count: Count,
    /// The lowest.
    pub(super) witness: Probe,
    /// All of them or the largest, disjoint; none where only an outline is wanted.
    pub(super) cubes: Vec<Cube>,
    /// How many cubes there was no room for.
    pub(super) left_out: usize,
}

/// Room for the cubes of an answer, in ranges: some 32 MB. A cube of what tags leave over has tens of
/// thousands, and thousands of them nobody reads.
pub(super) const ROOM: usize = 1 << 20;

/// How much is told of packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// How many they are, and the lowest: to make cubes takes longer than to find both.
    Outline,
    /// All of them as cubes, as far as there is room for so many ranges.
    Cubes(usize),
}

impl Extent {
    /// As many cubes as an answer has room for.
    pub const ALL: Self = Self::Cubes(ROOM);
}

/// A region of one family in the making.
#[derive(Debug)]
struct Growing {
    count: Count,
    witness: Probe,
    blocks: Vec<Block>,
}

/// Splits a cube's packets by what `decide` says of each high's lows, which are disjoint; what it
/// leaves out is in no region. Of each family, cubes have at most so many ranges together as `extent` has
/// room for, shared out among the regions; what of its share a region leaves is for those behind it. What
/// there are no steps left for is in the region `beyond`.
pub(super) fn partition<K: Ord + Clone>(
    compiled: &Compiled,
    cube: &Cube,
    extent: Extent,
    steps: &mut Steps,
    beyond: &K,
    decide: impl Fn(&Grid, &High) -> Vec<(K, Bits)>,
) -> BTreeMap<K, Region> {
    let mut regions: BTreeMap<K, Region> = BTreeMap::new();
    for question in compiled.questions(cube) {
        let mut interner = Interner::default();
        let mut growing: BTreeMap<K, Growing> = BTreeMap::new();
        let left = tables(&question, 1, steps, |grid| {
            let table = Table::new(&question, grid, extent);
            table.grow(&decide, &mut growing, &mut interner);
        });
        for piece in &left {
            for mut grown in whole(&question, piece, &mut interner) {
                if extent == Extent::Outline {
                    grown.blocks.clear();
                }
                add(&mut growing, beyond, grown);
            }
        }
        let mut writer = Writer::new(&question);
        let mut room = match extent {
            Extent::Cubes(room) => room,
            Extent::Outline => 0,
        };
        let all = growing.len();
        for (number, (key, grown)) in growing.into_iter().enumerate() {
            let blocks = merge(grown.blocks, &mut interner);
            let mut share = room / (all - number);
            room -= share;
            let (cubes, left_out) = writer.largest(blocks, &interner, &mut share);
            room += share;
            match regions.get_mut(&key) {
                None => {
                    let region = Region {
                        count: grown.count,
                        witness: grown.witness,
                        cubes,
                        left_out,
                    };
                    regions.insert(key, region);
                }
                Some(region) => {
                    region.count = region.count.plus(grown.count);
                    region.witness = region.witness.min(grown.witness);
                    region.left_out += left_out;
                    region.cubes = join_families(std::mem::take(&mut region.cubes), cubes);
                }
            }
        }
    }
    for region in regions.values_mut() {
        region.cubes.sort_unstable();
    }
    regions
}

/// Adds to a region in the making.
fn add<K: Ord + Clone>(growing: &mut BTreeMap<K, Growing>, key: &K, grown: Growing) {
    let Some(known) = growing.get_mut(key) else {
        growing.insert(key.clone(), grown);
        return;
    };
    known.count = known.count.plus(grown.count);
    known.witness = known.witness.min(grown.witness);
    known.blocks.extend(grown.blocks);
}

/// All packets of a piece, with ports and without.
fn whole(question: &Question<'_>, piece: &Piece, interner: &mut Interner) -> Vec<Growing> {
    let classes = |field: usize| {
        let all = &question.fields[field].classes;
        piece.chosen[field]
            .iter()
            .map(|&class| &all[class as usize])
    };
    let size = |field: usize| -> Count { classes(field).map(|class| class.size).sum() };
    let first = |field: usize| classes(field).map(|class| class.first).min().unwrap_or(0);
    let pairs = size(SOURCE).times(size(DESTINATION));
    let mut all = Vec::new();
    for has_ports in [true, false] {
        let protocols: Vec<_> = ProtocolSet::EACH
            .into_iter()
            .filter(|&one| !piece.protocols.intersection(one).is_empty())
            .filter(|one| one.has_ports() == has_ports)
            .collect();
        let Some(&protocol) = protocols.first() else {
            continue;
        };
        let (ports, low) = if has_ports {
            let ports = size(SOURCE_PORT).times(size(DESTINATION_PORT));
            (ports, [first(SOURCE_PORT), first(DESTINATION_PORT)])
        } else {
            (Count::from(1), [0, 0])
        };
        let number = |field: usize, interner: &mut Interner| {
            // A cube has protocols without ports only where it is for all.
            let of_ports = matches!(field, SOURCE_PORT | DESTINATION_PORT);
            interner.number(if of_ports && !has_ports {
                question.fields[field].all()
            } else {
                piece.chosen[field].clone()
            })
        };
        let mut fields = [0; 4];
        for field in [SOURCE, DESTINATION, SOURCE_PORT, DESTINATION_PORT] {
            fields[field] = number(field, interner);
        }
        let each = Count::from(protocols.len() as u128);
        all.push(Growing {
            count: pairs.times(ports).times(each),
            witness: Probe {
                protocol,
                source: address(question.family, first(SOURCE)),
                source_port: low[0] as u16,
                destination: address(question.family, first(DESTINATION)),
                destination_port: low[1] as u16,
            },
            blocks: vec![Block {
                fields,
                protocols: protocols
                    .into_iter()
                    .fold(ProtocolSet::default(), ProtocolSet::union),
            }],
        });
    }
    all
}

/// A table being read, and the sets of lows met in it.
struct Table<'a> {
    question: &'a Question<'a>,
    grid: &'a Grid,
    extent: Extent,
    numbers: HashMap<Bits, u32>,
    sets: Vec<LowSet>,
}

/// Lows that belong together.
struct LowSet {
    size: u64,
    lows: Bits,
}

impl<'a> Table<'a> {
    fn new(question: &'a Question<'a>, grid: &'a Grid, extent: Extent) -> Self {
        Self {
            question,
            grid,
            extent,
            numbers: HashMap::new(),
            sets: Vec::new(),
        }
    }

    /// Number of a set of lows.
    fn intern(&mut self, lows: Bits) -> u32 {
        let (grid, sets) = (self.grid, &mut self.sets);
        *self.numbers.entry(lows).or_insert_with_key(|lows| {
            sets.push(LowSet {
                size: lows.ones().map(|low| grid.lows[low].size).sum(),
                lows: lows.clone(),
            });
            sets.len() as u32 - 1
        })
    }

    /// Adds what the table has to the regions.
    fn grow<K: Ord + Clone>(
        mut self,
        decide: &impl Fn(&Grid, &High) -> Vec<(K, Bits)>,
        growing: &mut BTreeMap<K, Growing>,
        interner: &mut Interner,
    ) {
        // By key and set of lows, the highs.
        let mut found: BTreeMap<K, BTreeMap<u32, Vec<u32>>> = BTreeMap::new();
        for (number, high) in self.grid.highs.iter().enumerate() {
            for (key, lows) in decide(self.grid, high) {
                if lows.is_empty() {
                    continue;
                }
                let set = self.intern(lows);
                let of_key = found.entry(key).or_default();
                of_key.entry(set).or_default().push(number as u32);
            }
        }
        let mut low_blocks = |set: &LowSet| match self.extent {
            Extent::Outline => Vec::new(),
            Extent::Cubes(_) => self.low_blocks(&set.lows, interner),
        };
        let low_blocks: Vec<_> = self.sets.iter().map(&mut low_blocks).collect();
        for (key, by_set) in found {
            for (set, highs) in by_set {
                let grown = self.growing(set, &highs, &low_blocks[set as usize], interner);
                add(growing, &key, grown);
            }
        }
    }

    /// What some highs and a set of lows make together.
    fn growing(
        &self,
        set: u32,
        highs: &[u32],
        low_blocks: &[Block],
        interner: &mut Interner,
    ) -> Growing {
        let set = &self.sets[set as usize];
        let highs = || highs.iter().map(|&high| &self.grid.highs[high as usize]);
        let size: Count = highs().map(|high| high.size).sum();
        let (source, destination) = highs().map(|high| high.first).min().unwrap_or_default();
        let low = set.lows.first().map(|low| self.grid.lows[low].first);
        let (protocol, source_port, destination_port) = low.unwrap_or_default();
        let mut blocks = Vec::new();
        if self.extent != Extent::Outline {
            let pairs = highs().flat_map(|high| high.pairs.iter().copied());
            for (sources, destinations) in rectangles(pairs.collect()) {
                let source = self.classes(SOURCE, &sources, interner);
                let destination = self.classes(DESTINATION, &destinations, interner);
                blocks.extend(low_blocks.iter().map(|&low| {
                    let mut block = low;
                    block.fields[SOURCE] = source;
                    block.fields[DESTINATION] = destination;
                    block
                }));
            }
        }
        Growing {
            count: size.times(Count::from(set.size as u128)),
            witness: Probe {
                protocol,
                source: address(self.question.family, source),
                source_port,
                destination: address(self.question.family, destination),
                destination_port,
            },
            blocks,
        }
    }

    /// The number of the set of all classes of some groups.
    fn classes(&self, field: usize, groups: &[u32], interner: &mut Interner) -> u32 {
        let group = |&number: &u32| -> &Group { &self.grid.groups[field][number as usize] };
        let mut classes: Vec<u32> = groups
            .iter()
            .flat_map(|number| group(number).classes.iter().copied())
            .collect();
        classes.sort_unstable();
        interner.number(classes)
    }

    /// A set of lows as blocks, whose addresses are yet to be filled in.
    fn low_blocks(&self, lows: &Bits, interner: &mut Interner) -> Vec<Block> {
        let members = || {
            lows.ones()
                .flat_map(|low| self.grid.lows[low].members.iter())
        };
        let mut blocks = Vec::new();
        for protocol in ProtocolSet::EACH {
            let ports: Vec<_> = members()
                .filter(|member| member.0 == protocol)
                .map(|&(_, source, destination)| (source, destination))
                .collect();
            if ports.first().is_some_and(|&(port, _)| port == NO_PORT) {
                // A cube has protocols without ports only where it is for all.
                let all = [SOURCE_PORT, DESTINATION_PORT]
                    .map(|field| interner.number(self.question.fields[field].all()));
                blocks.push(Block::of_low(protocol, all));
                continue;
            }
            for (sources, destinations) in rectangles(ports) {
                let source = self.classes(SOURCE_PORT, &sources, interner);
                let destination = self.classes(DESTINATION_PORT, &destinations, interner);
                blocks.push(Block::of_low(protocol, [source, destination]));
            }
        }
        merge(blocks, interner)
    }
}
