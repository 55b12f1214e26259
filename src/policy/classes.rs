//! Rules, compiled: each part of packets cut into classes, each class with the rules that hold it.
//!
//! A packet has both addresses of one family, and protocols without ports have no port: a packet of
//! those is told by its addresses alone, and rules for certain ports do not match it.

use std::ops::Range;

use hashbrown::HashMap;

use super::axis::{Axis, Field, Sets};
use super::bits::Bits;
use super::rule::{Addresses, Cube, Level, Rule};
use crate::net::prefix::Family;
use crate::net::{PortSet, PrefixSet, ProtocolSet};

/// Packets that a rule, or a cube of its own, is for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a> {
    protocols: ProtocolSet,
    source: &'a PrefixSet,
    source_unknown: bool,
    source_ports: &'a PortSet,
    destination: &'a PrefixSet,
    destination_unknown: bool,
    destination_ports: &'a PortSet,
    /// Whether it may not be in effect at all.
    doubt: bool,
}

impl<'a> From<&'a Rule> for Row<'a> {
    fn from(rule: &'a Rule) -> Self {
        Self {
            protocols: rule.protocols,
            source: &rule.source.known,
            source_unknown: is_unknown(&rule.source),
            source_ports: &rule.source_ports,
            destination: &rule.destination.known,
            destination_unknown: is_unknown(&rule.destination),
            destination_ports: &rule.destination_ports,
            doubt: rule.doubt.is_some(),
        }
    }
}

impl<'a> From<&'a Cube> for Row<'a> {
    fn from(cube: &'a Cube) -> Self {
        Self {
            protocols: cube.protocols,
            source: &cube.source,
            source_unknown: false,
            source_ports: &cube.source_ports,
            destination: &cube.destination,
            destination_unknown: false,
            destination_ports: &cube.destination_ports,
            doubt: false,
        }
    }
}

fn is_unknown(addresses: &Addresses) -> bool {
    !addresses.unknown.is_empty()
}

/// What a bit of address masks stands for. A rule with unknown addresses, or one that may not be in
/// effect, has two columns, first what it may match, then what it surely does; others have the second
/// only.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    /// Number of the row.
    pub(super) row: usize,
    /// Whether the row surely matches.
    pub(super) sure: bool,
}

/// Lists of rows, compiled. Rows are numbered through all lists.
#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) columns: Vec<Column>,
    /// The rows of each list.
    pub(super) lists: Vec<Range<usize>>,
    /// Rows that match each protocol of [`ProtocolSet::EACH`], whatever the ports; of those without
    /// ports the rows for all ports only.
    protocols: [Bits; 5],
    /// Addresses of IPv4 and IPv6, sources and destinations: masks over columns.
    addresses: [[Axis; 2]; 2],
    /// Ports, of sources and destinations: masks over rows.
    ports: [Axis; 2],
}

/// The classes that lie within a cube, of one family.
#[derive(Debug)]
pub(super) struct Question<'a> {
    pub(super) compiled: &'a Compiled,
    pub(super) family: Family,
    /// Sources, destinations, source ports, destination ports.
    pub(super) fields: [Field; 4],
    /// Protocols; those without ports only where the cube is for all ports.
    pub(super) protocols: ProtocolSet,
    /// The columns to be told apart: all, unless some are to be left out.
    pub(super) kept: Bits,
}

/// Number of the sources in [`Question::fields`].
pub(super) const SOURCE: usize = 0;
/// Number of the destinations.
pub(super) const DESTINATION: usize = 1;
/// Number of the source ports.
pub(super) const SOURCE_PORT: usize = 2;
/// Number of the destination ports.
pub(super) const DESTINATION_PORT: usize = 3;

/// The distinct ones of `sets`, each as sorted ranges that do not touch. Rules share what a tag holds,
/// so what lies in one place is looked at once.
fn distinct<'a>(sets: impl Iterator<Item = &'a [(u128, u128)]>) -> Sets<'a> {
    let mut numbers: HashMap<&[(u128, u128)], usize> = HashMap::new();
    let mut places: HashMap<(*const (u128, u128), usize), usize> = HashMap::new();
    let mut found = Sets {
        ranges: Vec::new(),
        of_column: Vec::new(),
    };
    for set in sets {
        let place = (set.as_ptr(), set.len());
        let number = *places.entry(place).or_insert_with(|| {
            *numbers.entry(set).or_insert_with(|| {
                found.ranges.push(set);
                found.ranges.len() - 1
            })
        });
        found.of_column.push(number);
    }
    found
}

fn port_ranges(ports: &PortSet) -> Vec<(u128, u128)> {
    let wide = |&(low, high): &(u16, u16)| (low as u128, high as u128);
    ports.ranges().iter().map(wide).collect()
}

/// The columns of rows, in order.
fn columns(rows: &[Row<'_>]) -> Vec<Column> {
    let mut columns = Vec::with_capacity(rows.len());
    for (number, row) in rows.iter().enumerate() {
        if row.source_unknown || row.destination_unknown || row.doubt {
            columns.push(Column {
                row: number,
                sure: false,
            });
        }
        columns.push(Column {
            row: number,
            sure: true,
        });
    }
    columns
}

/// The rows that match a protocol, whatever the ports.
fn protocol_rows(rows: &[Row<'_>], protocol: ProtocolSet) -> Bits {
    let mut matching = Bits::empty(rows.len());
    for (number, row) in rows.iter().enumerate() {
        let ports =
            protocol.has_ports() || row.source_ports.is_any() && row.destination_ports.is_any();
        if ports && !row.protocols.intersection(protocol).is_empty() {
            matching.insert(number);
        }
    }
    matching
}

impl Compiled {
    /// Compiles lists of rows, of each of which the first match decides.
    pub(super) fn new(lists: &[Vec<Row<'_>>]) -> Self {
        let rows: Vec<_> = lists.iter().flatten().copied().collect();
        let columns = columns(&rows);
        let (any, none) = (PrefixSet::any(), PrefixSet::empty());
        let known = |column: &Column, set, unknown: bool| match column.sure {
            true if rows[column.row].doubt => &none,
            false if unknown => &any,
            _ => set,
        };
        let sources: Vec<_> = columns
            .iter()
            .map(|column| (column, &rows[column.row]))
            .map(|(column, row)| known(column, row.source, row.source_unknown))
            .collect();
        let destinations: Vec<_> = columns
            .iter()
            .map(|column| (column, &rows[column.row]))
            .map(|(column, row)| known(column, row.destination, row.destination_unknown))
            .collect();
        let addresses = |family: Family| {
            [&sources, &destinations].map(|sets| {
                let sets = distinct(sets.iter().map(|set| set.ranges(family)));
                Axis::new(&sets, family.max())
            })
        };
        let ports = |of_row: fn(&Row<'_>) -> Vec<(u128, u128)>| {
            let ports: Vec<_> = rows.iter().map(of_row).collect();
            let sets = distinct(ports.iter().map(Vec::as_slice));
            Axis::new(&sets, u16::MAX as u128)
        };
        let mut start = 0;
        let lists = lists.iter().map(|list| {
            let range = start..start + list.len();
            start = range.end;
            range
        });
        Self {
            lists: lists.collect(),
            protocols: ProtocolSet::EACH.map(|protocol| protocol_rows(&rows, protocol)),
            addresses: [Family::V4, Family::V6].map(addresses),
            ports: [
                ports(|row| port_ranges(row.source_ports)),
                ports(|row| port_ranges(row.destination_ports)),
            ],
            columns,
        }
    }

    /// Compiles the rules of levels, a list each.
    pub(super) fn of_levels(levels: &[Level]) -> Self {
        let lists: Vec<Vec<Row<'_>>> = levels
            .iter()
            .map(|level| level.rules.iter().map(Row::from).collect())
            .collect();
        Self::new(&lists)
    }

    /// How many rows there are.
    pub(super) fn rows(&self) -> usize {
        self.lists.last().map_or(0, |list| list.end)
    }

    /// The rows that match a protocol of [`ProtocolSet::EACH`].
    pub(super) fn protocol(&self, number: usize) -> &Bits {
        &self.protocols[number]
    }

    /// The axes of addresses: sources, destinations.
    pub(super) fn addresses(&self, family: Family) -> &[Axis; 2] {
        &self.addresses[family as usize]
    }

    /// The axis of ports: of sources 0, of destinations 1.
    pub(super) fn ports(&self, side: usize) -> &Axis {
        &self.ports[side]
    }

    /// What lies within a cube, family by family.
    pub(super) fn questions(&self, cube: &Cube) -> impl Iterator<Item = Question<'_>> {
        [Family::V4, Family::V6]
            .into_iter()
            .filter_map(|family| self.within(cube, family))
    }

    /// What lies within a cube, of one family; `None` where nothing does.
    fn within(&self, cube: &Cube, family: Family) -> Option<Question<'_>> {
        let all_ports = cube.source_ports.is_any() && cube.destination_ports.is_any();
        let with_ports = ProtocolSet::TCP.union(ProtocolSet::UDP);
        let protocols = if all_ports {
            cube.protocols
        } else {
            cube.protocols.intersection(with_ports)
        };
        let [source, destination] = &self.addresses[family as usize];
        let fields = [
            source.within(cube.source.ranges(family)),
            destination.within(cube.destination.ranges(family)),
            self.ports[0].within(&port_ranges(&cube.source_ports)),
            self.ports[1].within(&port_ranges(&cube.destination_ports)),
        ];
        let empty = protocols.is_empty() || fields.iter().any(|field| field.classes.is_empty());
        (!empty).then_some(Question {
            compiled: self,
            family,
            fields,
            protocols,
            kept: Bits::full(self.columns.len()),
        })
    }
}
