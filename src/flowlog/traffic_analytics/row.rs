//! One row's cells -> one record batch.

use std::net::IpAddr;

use super::columns::{Cells, Field};
use super::time;
use crate::fault::{DETAIL_LIMIT, FaultKind};
use crate::flowlog::batch::{Bits, FlowState, LogKind, RecordBatch, Sink, Tuple, TupleGroup, Wide};
use crate::net::{Decision, Direction, Mac, Protocol, Timestamp};

/// Turns rows into batches and hands them on. Reused from row to row.
#[derive(Default)]
pub(super) struct Rows {
    /// The cells of the row being read.
    pub(super) cells: Cells,
    batch: RecordBatch,
    ends: [Vec<End>; 2],
}

/// One side of a row: an address, with its own counts if it is an entry of a list.
#[derive(Debug, Clone, Copy)]
struct End {
    address: IpAddr,
    counts: Option<Counts>,
}

/// Flows begun, packets and bytes (each source to destination and back).
#[derive(Debug, Clone, Copy)]
struct Counts {
    flows: u64,
    packets: [u64; 2],
    bytes: [u64; 2],
}

/// Why a row cannot be read.
type Bad = (FaultKind, String);

impl Rows {
    /// Rows of the file with this number.
    pub(super) fn new(file: u32) -> Self {
        let mut rows = Self::default();
        rows.batch.file = file;
        rows
    }

    /// Hands the row in [`Self::cells`] on, or the fault that it is.
    pub(super) fn finish(&mut self, offset: u64, length: u64, sink: &mut impl Sink) {
        self.batch.clear();
        self.batch.offset = offset;
        self.batch.length = length;
        match self.read() {
            Ok(()) => sink.record(&self.batch),
            Err((kind, detail)) => sink.fault(offset, kind, detail),
        }
    }

    fn read(&mut self) -> Result<(), Bad> {
        let cells = &self.cells;
        let kind = cells.get(Field::SubType);
        if !kind.is_empty() && !kind.eq_ignore_ascii_case("FlowLog") {
            let detail = format!("SubType is {kind:?}, not FlowLog");
            return Err((FaultKind::NotFlowRecord, detail));
        }
        let direction = choice(cells, Field::Direction, DIRECTIONS)?;
        let decision = choice(cells, Field::Status, DECISIONS)?;
        let protocol = protocol(cells)?;
        let (start, last) = times(cells)?;
        let tuple = Tuple {
            time: start.0,
            destination_port: port(cells, protocol)?,
            protocol: protocol.0,
            bits: Bits::new(
                direction,
                decision,
                FlowState::None,
                LogKind::TrafficAnalytics,
            ),
            ..Tuple::default()
        };
        let row = row_counts(cells, direction, decision)?;
        let [sources, destinations] = &mut self.ends;
        ends(cells, direction, sources, destinations)?;
        pairs(&mut self.batch, tuple, last.0.max(start.0), row, &self.ends)?;
        self.names();
        Ok(())
    }

    /// Rule, interface and target of the batch.
    fn names(&mut self) {
        let (cells, batch) = (&self.cells, &mut self.batch);
        let acl = cells.get(Field::Acl);
        let target = match cells.get(Field::Target) {
            "" => acl,
            target => target,
        };
        batch.target.push_str(target);
        batch.time = time::parse(cells.get(Field::Generated));
        batch.groups.push(TupleGroup {
            rule: rule(cells).to_owned(),
            acl: acl.to_owned(),
            mac: Mac::parse(cells.get(Field::Mac).as_bytes()),
            outcome: None,
            tuples: 0..batch.tuples.len() as u32,
        });
    }
}

pub(super) const DIRECTIONS: [(&str, Direction); 4] = [
    ("I", Direction::Inbound),
    ("O", Direction::Outbound),
    ("Inbound", Direction::Inbound),
    ("Outbound", Direction::Outbound),
];
const DECISIONS: [(&str, Decision); 4] = [
    ("A", Decision::Allow),
    ("D", Decision::Deny),
    ("Allowed", Decision::Allow),
    ("Denied", Decision::Deny),
];
const PROTOCOLS: [(&str, Protocol); 6] = [
    ("T", Protocol::TCP),
    ("U", Protocol::UDP),
    ("I", Protocol::ICMP),
    ("TCP", Protocol::TCP),
    ("UDP", Protocol::UDP),
    ("ICMP", Protocol::ICMP),
];

/// A fault that names a column and what is in it.
fn bad(field: Field, found: &str) -> Bad {
    let found = &found[..found.floor_char_boundary(DETAIL_LIMIT)];
    let detail = match found {
        "" => format!("{} is missing or blank", field.name()),
        _ => format!("{} is {found:?}", field.name()),
    };
    (FaultKind::BadRow, detail)
}

/// The meaning of a word, in any case.
fn choice<T: Copy>(cells: &Cells, field: Field, words: [(&str, T); 4]) -> Result<T, Bad> {
    let found = cells.get(field);
    word(found, &words).ok_or_else(|| bad(field, found))
}

fn word<T: Copy>(found: &str, words: &[(&str, T)]) -> Option<T> {
    let (_, meaning) = words
        .iter()
        .find(|(word, _)| word.eq_ignore_ascii_case(found))?;
    Some(*meaning)
}

fn protocol(cells: &Cells) -> Result<Protocol, Bad> {
    let found = cells.get(Field::Protocol);
    word(found, &PROTOCOLS)
        .or_else(|| Some(Protocol(u8::try_from(number(found)?).ok()?)))
        .ok_or_else(|| bad(Field::Protocol, found))
}

/// The destination port; 0 where the cell is blank and the protocol knows no ports.
fn port(cells: &Cells, protocol: Protocol) -> Result<u16, Bad> {
    let found = cells.get(Field::Port);
    if found.is_empty() && !matches!(protocol, Protocol::TCP | Protocol::UDP) {
        return Ok(0);
    }
    number(found)
        .and_then(|port| u16::try_from(port).ok())
        .ok_or_else(|| bad(Field::Port, found))
}

/// First and last time of the row's flows. The last is the first where the row does not say.
fn times(cells: &Cells) -> Result<(Timestamp, Timestamp), Bad> {
    let read = |field| {
        let found = cells.get(field);
        time::parse(found).ok_or_else(|| bad(field, found))
    };
    let field = [Field::Start, Field::IntervalStart, Field::Generated]
        .into_iter()
        .find(|&field| !cells.get(field).is_empty())
        .unwrap_or(Field::Start);
    let start = read(field)?;
    let last = match cells.get(Field::End) {
        "" => start,
        _ => read(Field::End)?,
    };
    Ok((start, last))
}

/// The row's own counts.
///
/// Flows are the one of the four counters that fits direction and decision. `CompletedFlows` is not
/// used: it counts flows that ended, which can be more than began in the interval, and denied flows
/// never end. A row without any count stands for one flow, the least that it can.
fn row_counts(cells: &Cells, direction: Direction, decision: Decision) -> Result<Counts, Bad> {
    let field = match (decision, direction) {
        (Decision::Allow, Direction::Inbound) => Field::AllowedIn,
        (Decision::Deny, Direction::Inbound) => Field::DeniedIn,
        (Decision::Allow, Direction::Outbound) => Field::AllowedOut,
        (Decision::Deny, Direction::Outbound) => Field::DeniedOut,
    };
    let flows = match count(cells, field)? {
        Some(flows) => flows,
        None => count(cells, Field::Flows)?.unwrap_or(1),
    };
    let both = |[forward, reverse]: [Field; 2]| {
        Ok([
            count(cells, forward)?.unwrap_or(0),
            count(cells, reverse)?.unwrap_or(0),
        ])
    };
    Ok(Counts {
        flows,
        packets: both([Field::PacketsForward, Field::PacketsReverse])?,
        bytes: both([Field::BytesForward, Field::BytesReverse])?,
    })
}

/// A counter; `None` where the cell is blank.
fn count(cells: &Cells, field: Field) -> Result<Option<u64>, Bad> {
    let found = cells.get(field);
    if found.is_empty() {
        return Ok(None);
    }
    number(found).map(Some).ok_or_else(|| bad(field, found))
}

/// A whole number, also as `443.0`, which is how columns of type real are printed.
fn number(text: &str) -> Option<u64> {
    let whole = match text.split_once('.') {
        Some((whole, zeros)) if zeros.bytes().all(|byte| byte == b'0') => whole,
        Some(_) => return None,
        None => text,
    };
    whole
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then_some(())?;
    whole.parse().ok()
}

/// Finds the addresses of both sides.
///
/// A list of public addresses comes before the plain address of its side. The oldest rows have one
/// address of the machine and one list of public ones: the direction tells which is which.
fn ends(
    cells: &Cells,
    direction: Direction,
    sources: &mut Vec<End>,
    destinations: &mut Vec<End>,
) -> Result<(), Bad> {
    side(cells, Field::SourcePublic, Field::Source, sources)?;
    side(
        cells,
        Field::DestinationPublic,
        Field::Destination,
        destinations,
    )?;
    let (near, far) = match direction {
        Direction::Inbound => (&mut *destinations, &mut *sources),
        Direction::Outbound => (&mut *sources, &mut *destinations),
    };
    if near.is_empty() && !cells.get(Field::VirtualMachine).is_empty() {
        near.push(plain_end(cells, Field::VirtualMachine)?);
    }
    if far.is_empty() {
        entries(cells.get(Field::Public), Field::Public, far)?;
    }
    if sources.is_empty() {
        return Err(no_address(Field::Source, Field::SourcePublic));
    }
    if destinations.is_empty() {
        return Err(no_address(Field::Destination, Field::DestinationPublic));
    }
    Ok(())
}

fn no_address(plain: Field, list: Field) -> Bad {
    let detail = format!(
        "{} and {} are both missing or blank",
        plain.name(),
        list.name()
    );
    (FaultKind::BadRow, detail)
}

/// The addresses of one side; none where both cells are blank.
fn side(cells: &Cells, list: Field, plain: Field, ends: &mut Vec<End>) -> Result<(), Bad> {
    ends.clear();
    entries(cells.get(list), list, ends)?;
    if ends.is_empty() && !cells.get(plain).is_empty() {
        ends.push(plain_end(cells, plain)?);
    }
    Ok(())
}

fn plain_end(cells: &Cells, field: Field) -> Result<End, Bad> {
    let found = cells.get(field);
    let address = found.parse().map_err(|_| bad(field, found))?;
    Ok(End {
        address,
        counts: None,
    })
}

/// Reads `address|begun|ended|packets out|in|bytes out|in`, several parted by spaces. "Out" is
/// source to destination, whatever the direction of the flow.
fn entries(list: &str, field: Field, ends: &mut Vec<End>) -> Result<(), Bad> {
    for entry in list.split_ascii_whitespace() {
        ends.push(public_end(entry).ok_or_else(|| bad(field, entry))?);
    }
    Ok(())
}

fn public_end(entry: &str) -> Option<End> {
    let (address, counts) = entry.split_once('|')?;
    let mut numbers = [0; 6];
    let mut parts = counts.split('|');
    for slot in &mut numbers {
        *slot = number(parts.next()?)?;
    }
    let [flows, _ended, out, back, bytes_out, bytes_back] = numbers;
    let counts = Counts {
        flows,
        packets: [out, back],
        bytes: [bytes_out, bytes_back],
    };
    parts.next().is_none().then_some(End {
        address: address.parse().ok()?,
        counts: Some(counts),
    })
}

/// Adds one tuple for every pair of addresses, with the counts of the entry that it comes from.
fn pairs(
    batch: &mut RecordBatch,
    tuple: Tuple,
    last: i64,
    row: Counts,
    [sources, destinations]: &[Vec<End>; 2],
) -> Result<(), Bad> {
    if sources.len() > 1 && destinations.len() > 1 {
        let detail = "several public addresses on both sides: which met which is lost";
        return Err((FaultKind::BadRow, detail.to_owned()));
    }
    let many_sources = sources.len() > 1;
    for source in sources {
        for destination in destinations {
            let (first, second) = if many_sources {
                (source, destination)
            } else {
                (destination, source)
            };
            let counts = first.counts.or(second.counts).unwrap_or(row);
            let mut tuple = tuple;
            tuple.bits.0 |= Bits::WIDE;
            tuple.source = batch.wide.len() as u32;
            batch.tuples.push(tuple);
            batch.wide.push(Wide {
                source: source.address,
                destination: destination.address,
                packets: counts.packets,
                bytes: counts.bytes,
                flows: u32::try_from(counts.flows).unwrap_or(u32::MAX),
                last,
            });
        }
    }
    Ok(())
}

/// The rule's name; from `index|name|direction|status|count` where only that is given.
fn rule(cells: &Cells) -> &str {
    match cells.get(Field::Rule) {
        "" => cells
            .get(Field::Rules)
            .split('|')
            .nth(1)
            .unwrap_or_default(),
        rule => rule,
    }
}
