//! Packet sequences of few conversations, and what they add up to in one piece and in several.

use std::fmt::Debug;

use nsgaudit::capture::connection::Connection;
use nsgaudit::capture::layers::Options;
use nsgaudit::capture::piece::{Piece, Span};
use nsgaudit::capture::reader::Reader;
use nsgaudit::capture::record::{Recorder, Vantage};
use nsgaudit::capture::sequence::Sequence;
use nsgaudit::capture::spread::SHARES;
use nsgaudit::capture::table::{Finished, Table, Totals};
use nsgaudit::capture::tracker::{PacketCounts, Tracker};
use nsgaudit::fault::FaultKind;
use nsgaudit::flowlog::{RecordBatch, Sink};

/// Bytes of a fuzzed file that make a packet.
pub(crate) const STEP: usize = 6;
const MILLISECOND: i64 = 1_000_000;
const SECOND: i64 = 1_000 * MILLISECOND;
/// Times between packets: some beyond each silence and the patience with fragments, some backwards.
const GAPS: [i64; 16] = [
    0,
    1,
    MILLISECOND,
    20 * MILLISECOND,
    -MILLISECOND,
    -700 * MILLISECOND,
    SECOND,
    5 * SECOND,
    29 * SECOND,
    31 * SECOND,
    59 * SECOND,
    60 * SECOND,
    61 * SECOND,
    299 * SECOND,
    301 * SECOND,
    -40 * SECOND,
];

/// A packet and the time between it and the one before it.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) gap: i64,
    pub(crate) cut: bool,
    frame: Vec<u8>,
}

impl Step {
    /// What six bytes say.
    pub(crate) fn of([kind, ends, what, number, gap, cut]: [u8; STEP]) -> Self {
        Self {
            gap: GAPS[usize::from(gap % 16)],
            cut: cut & 1 != 0,
            frame: frame(kind, ends, what, number),
        }
    }
}

/// Steps of a fuzzed file.
pub(crate) fn steps(bytes: &[u8]) -> Vec<Step> {
    let (whole, _) = bytes.as_chunks::<STEP>();
    whole.iter().copied().map(Step::of).collect()
}

fn frame(kind: u8, ends: u8, what: u8, number: u8) -> Vec<u8> {
    let [here, there] = [u32::from(ends & 1), u32::from(ends >> 1 & 3)];
    let hosts = [0x0a14_0004 + here, 0x0a14_0008 + there];
    let ports = [
        50_000 + u16::from(ends >> 3 & 1),
        [443, 53][usize::from(ends >> 4 & 1)],
    ];
    let is_back = ends & 32 != 0;
    let turned = |mut pair: [u32; 2]| {
        if is_back {
            pair.reverse();
        }
        pair
    };
    let [source, destination] = turned(hosts);
    let [from, to] = turned(ports.map(u32::from)).map(|port| port as u16);
    let payload = vec![0; usize::from(number >> 4)];
    let id = u16::from(number & 3);
    let (protocol, fragment, body) = match kind % 8 {
        0..=3 => (6, 0, tcp(from, to, number & 3, what, &payload)),
        4 => (17, 0, udp(from, to, &payload)),
        5 => {
            let echo = if is_back { 0 } else { 8 };
            (1, 0, vec![echo, 0, 0, 0, 0, number & 3, 0, 0])
        }
        6 => {
            let protocol = [6, 17][usize::from(number & 1)];
            let quoted = [&from.to_be_bytes()[..], &to.to_be_bytes(), &[0; 4]].concat();
            let mut body = vec![3, what % 16, 0, 0, 0, 0, 0, 0];
            body.extend(ipv4(protocol, source, destination, 0, 0, &quoted));
            let (router, teller) = (0x0a14_0001, source);
            return ipv4(1, router, teller, 0, 0, &body);
        }
        _ => match what & 7 {
            0..=2 => (17, 0x2000, udp(from, to, &payload)),
            3 => (6, 0x2000, tcp(from, to, 0, 16, &payload)),
            4 => (6, 5, payload),
            _ => (17, 5, payload),
        },
    };
    ipv4(protocol, source, destination, id, fragment, &body)
}

fn tcp(from: u16, to: u16, number: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut body = [from.to_be_bytes(), to.to_be_bytes()].concat();
    body.extend([0, 0, 1, number, 0, 0, 0, 0, 0x50, flags, 0, 0, 0, 0, 0, 0]);
    body.extend(payload);
    body
}

fn udp(from: u16, to: u16, payload: &[u8]) -> Vec<u8> {
    let length = 8 + payload.len() as u16;
    let mut body = [from, to, length, 0].map(u16::to_be_bytes).concat();
    body.extend(payload);
    body
}

fn ipv4(protocol: u8, from: u32, to: u32, id: u16, fragment: u16, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x45, 0];
    packet.extend((20 + body.len() as u16).to_be_bytes());
    packet.extend([id, fragment].map(u16::to_be_bytes).concat());
    packet.extend([64, protocol, 0, 0]);
    packet.extend([from, to].map(u32::to_be_bytes).concat());
    packet.extend(body);
    packet
}

/// Pieces of a sequence, cut where `cuts` says so of a packet's number.
pub(crate) fn pieces(steps: &[Step], cuts: impl Fn(usize) -> bool) -> Vec<Piece> {
    let mut pieces = vec![Piece::default()];
    let (mut time, mut offset) = (1_767_621_600 * SECOND, 0);
    for (number, step) in steps.iter().enumerate() {
        if number > 0 && cuts(number) {
            pieces.push(Piece {
                base: offset,
                ..Piece::default()
            });
        }
        let Some(piece) = pieces.last_mut() else {
            continue;
        };
        time += step.gap;
        let record = piece.bytes.len() as u32;
        piece.bytes.extend([0; 16]);
        piece.bytes.extend(&step.frame);
        let length = step.frame.len() as u32;
        piece.packets.push(Span {
            time,
            record,
            start: record + 16,
            captured: length,
            original: length,
            link: 101,
        });
        offset += 16 + u64::from(length);
    }
    pieces
}

/// What a capture adds up to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) connections: Vec<Connection>,
    pub(crate) packets: PacketCounts,
    pub(crate) lost_errors: u64,
    pub(crate) evicted: u64,
    pub(crate) faults: Vec<(FaultKind, u64)>,
}

impl Finished for Sums {
    fn finished(&mut self, connections: &[Connection]) {
        let place = |connection: &Connection| (connection.file, connection.offset);
        assert!(connections.is_sorted_by_key(place), "sorted by place");
        self.connections.extend(connections);
    }
}

/// What pieces add up to, with at most so many live connections, kept in one table.
pub(crate) fn sums(pieces: &[Piece], limit: usize) -> Sums {
    sums_in(1, pieces, limit)
}

/// The same, kept in so many tables.
fn sums_in(shares: usize, pieces: &[Piece], limit: usize) -> Sums {
    let mut tracker = Tracker::new(Options::default(), shares);
    let mut sequence = Sequence::default();
    let mut tables: Vec<_> = (0..shares).map(|_| Table::new(limit, shares)).collect();
    let mut sums = Sums::default();
    for piece in pieces {
        let tracked = tracker.track(piece, 0);
        let now = tracked.span.map(|(_, last)| last);
        let spread = sequence.take(tracked, shares);
        for (number, table) in tables.iter_mut().enumerate() {
            table.absorb(spread.share(number), now, &mut sums);
        }
    }
    let mut totals = Totals::default();
    for table in tables {
        let (parts, seen) = table.into_parts();
        sums.connections.extend(parts.into_iter().flatten());
        totals.add(seen);
    }
    assert_eq!(totals.ended, sums.connections.len() as u64);
    sums.packets = sequence.packets;
    sums.lost_errors = totals.lost_errors;
    sums.evicted = totals.evicted;
    let faults = sequence.faults.kinds();
    sums.faults = faults.map(|(kind, count)| (kind, count.count)).collect();
    sums.connections
        .sort_unstable_by_key(|connection| (connection.offset, connection.first));
    sums
}

/// A sequence adds up to the same in one piece, and cut before every packet, before the packets that
/// say so, and before some others; in one table and in several.
pub(crate) fn cuts_do_not_show(steps: &[Step]) {
    let whole = sums(&pieces(steps, |_| false), usize::MAX);
    assert_accounted(&whole);
    let by_step = |number: usize| steps[number].cut;
    let third = |number: usize| number.is_multiple_of(3);
    same(&sums(&pieces(steps, |_| true), usize::MAX), &whole);
    same(&sums(&pieces(steps, by_step), usize::MAX), &whole);
    same(&sums(&pieces(steps, third), usize::MAX), &whole);
    let crowded = sums(&pieces(steps, by_step), 2);
    assert_accounted(&crowded);
    assert_eq!(crowded.packets, whole.packets);
    let shared = sums_in(SHARES, &pieces(steps, by_step), usize::MAX);
    assert_eq!(shared, whole, "in several tables, and in one");
    let crowded = sums_in(2, &pieces(steps, third), 4);
    assert_accounted(&crowded);
    assert_eq!(crowded.packets, whole.packets);
}

fn same<T: PartialEq + Debug>(cut: &T, whole: &T) {
    assert_eq!(cut, whole, "cut, and in one piece");
}

/// Each packet is in a connection, or told of.
fn assert_accounted(sums: &Sums) {
    let packets = sums.packets;
    assert_eq!(
        packets.read,
        packets.counted + packets.not_ip + packets.skipped
    );
    let held: u64 = sums.connections.iter().map(Connection::packets).sum();
    assert!(held <= packets.counted, "{held} of {packets:?}");
    let all_errors = packets.counted - held;
    assert!(sums.lost_errors <= all_errors);
}

/// A file is read, added up and recorded without panic; the size of its pieces does not show.
pub(crate) fn file(bytes: &[u8]) {
    let whole = file_sums(bytes, 1 << 20);
    assert_accounted(&whole);
    for target in [1, 300] {
        same(&file_sums(bytes, target), &whole);
    }
    let mut counter = Counter::default();
    let mut recorder = Recorder::new(&mut counter, LowPorts);
    for part in whole.connections.chunks(3) {
        recorder.finished(part);
    }
    assert!(counter.tuples >= whole.connections.len());
}

fn file_sums(bytes: &[u8], target: usize) -> Sums {
    let mut reader = Reader::new(bytes);
    let (mut pieces, mut faults) = (Vec::new(), Vec::new());
    loop {
        let mut piece = Piece::default();
        match reader.fill(&mut piece, target, &mut faults) {
            Ok(true) => pieces.push(piece),
            Ok(false) => return sums(&pieces, usize::MAX),
            Err(error) => panic!("reading from memory: {error}"),
        }
    }
}

struct LowPorts;

impl Vantage for LowPorts {
    fn is_local(&self, address: std::net::IpAddr) -> bool {
        address.is_ipv4()
    }

    fn is_service(&self, port: u16) -> bool {
        port < 1_024
    }
}

#[derive(Default)]
struct Counter {
    tuples: usize,
}

impl Sink for Counter {
    fn record(&mut self, batch: &RecordBatch) {
        self.tuples += batch.tuples.len();
    }

    fn fault(&mut self, _: u64, _: FaultKind, _: String) {}
}
