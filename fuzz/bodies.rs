//! What each fuzz target holds, for the fuzzer and for the tests that replay its files on stable.

#[path = "connections.rs"]
pub(crate) mod connections;
#[path = "policy.rs"]
pub(crate) mod policy;

use std::io::{Cursor, Read};
use std::path::Path;

use nsgaudit::capture::layers;
use nsgaudit::capture::packet::{Packet, Skip, Transport};
use nsgaudit::capture::piece::{Piece, Span};
use nsgaudit::capture::reader::{ReadFault, Reader, first_time};
use nsgaudit::catalogue::load;
use nsgaudit::config::{Config, write_toml};
use nsgaudit::environment::{TagEdition, azure, nsg, vnet};
use nsgaudit::fault::FaultKind;
use nsgaudit::flowlog::{
    Limits, Outcome, RecordBatch, Scanner, Segment, Sink, Tuple, slow, traffic_analytics, tuple,
};
use nsgaudit::input::blob_path::BlobPath;
use nsgaudit::input::sniff as head;
use nsgaudit::net::Timestamp;
use nsgaudit::report::escape;
use nsgaudit::simd::{self, Common, Level};

/// A target: the folder of its files, and what it does with one.
pub(crate) type Target = (&'static str, fn(&[u8]));

/// All targets.
pub(crate) const TARGETS: [Target; 12] = [
    ("flow_log", flow_log),
    ("segments", segments),
    ("tuple", tuple),
    ("traffic_analytics", traffic_analytics),
    ("documents", documents),
    ("azure_documents", azure_documents),
    ("contracts", policy::contracts),
    ("routing", policy::routing),
    ("inputs", inputs),
    ("capture_reader", capture_reader),
    ("capture_layers", capture_layers),
    ("capture_connections", capture_connections),
];

/// All that a decoder said, faults in a fixed order.
#[derive(Debug, Default, PartialEq, Eq, Clone)]
pub(crate) struct Heard {
    pub(crate) records: Vec<RecordBatch>,
    pub(crate) faults: Vec<(u64, FaultKind)>,
}

impl Sink for Heard {
    fn record(&mut self, batch: &RecordBatch) {
        let mut next = 0;
        for (number, group) in batch.groups.iter().enumerate() {
            assert_eq!(group.tuples.start, next, "groups follow one another");
            next = group.tuples.end;
            for tuple in &batch.tuples[group.tuples.start as usize..next as usize] {
                assert_eq!(tuple.group as usize, number, "a tuple is in its group");
            }
        }
        assert_eq!(
            next as usize,
            batch.tuples.len(),
            "each tuple is in a group"
        );
        self.records.push(batch.clone());
    }

    fn fault(&mut self, offset: u64, kind: FaultKind, _: String) {
        self.faults.push((offset, kind));
    }
}

impl Heard {
    /// The kinds of the faults, sorted.
    pub(crate) fn kinds(&self) -> Vec<FaultKind> {
        let mut kinds: Vec<_> = self.faults.iter().map(|&(_, kind)| kind).collect();
        kinds.sort();
        kinds
    }

    /// Adds the fault that a whole file has which lacks its end.
    pub(crate) fn close(&mut self, outcome: &Outcome, length: usize) {
        if outcome.opened > 0 && !outcome.truncated {
            self.faults.push((length as u64, FaultKind::Truncated));
        }
        self.faults.sort_unstable();
    }
}

/// Gives a text in pieces of `step` bytes.
pub(crate) struct Pieces<'a>(Cursor<&'a [u8]>, usize);

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = buffer.len().min(self.1);
        self.0.read(&mut buffer[..length])
    }
}

/// How a text is read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Way {
    pub(crate) level: Level,
    pub(crate) limits: Limits,
    /// Bytes that the scanner reads at a time.
    pub(crate) piece: usize,
    /// Bytes that the reader gives at a time.
    pub(crate) step: usize,
}

impl Way {
    /// As files are read.
    pub(crate) fn usual() -> Self {
        Self {
            level: Level::best(),
            limits: Limits::default(),
            piece: 192 * 1024,
            step: usize::MAX,
        }
    }
}

/// Reads one segment.
pub(crate) fn read_segment(text: &[u8], segment: Segment, way: Way, heard: &mut Heard) -> Outcome {
    let mut scanner = Scanner::new(way.level, way.limits).in_pieces_of(way.piece);
    let rest = &text[(segment.start as usize).min(text.len())..];
    let mut reader = Pieces(Cursor::new(rest), way.step);
    let before = heard.records.len();
    let (outcome, result) = scanner.scan(&mut reader, segment, 0, heard);
    assert!(result.is_ok(), "reading from memory");
    assert_eq!(outcome.records as usize, heard.records.len() - before);
    assert!(scanner.capacity() <= way.limits.record + 2 * way.piece + 1024);
    outcome
}

/// What the fast scanner says.
pub(crate) fn fast(text: &[u8], way: Way) -> Heard {
    let mut heard = Heard::default();
    let outcome = read_segment(text, Segment::WHOLE, way, &mut heard);
    assert_eq!(outcome.bytes, text.len() as u64, "all is read");
    heard.close(&outcome, text.len());
    heard
}

/// What the slow twin says.
pub(crate) fn twin(text: &[u8], limits: Limits) -> Heard {
    let mut heard = Heard::default();
    slow::decode(text, limits, 0, &mut heard);
    heard.faults.sort_unstable();
    heard
}

/// A number that is the same for the same bytes.
fn number_of(bytes: &[u8]) -> usize {
    let mix = |sum: u64, &byte: &u8| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    (bytes.iter().fold(0xcbf2_9ce4_8422_2325, mix) >> 16) as usize
}

/// A flow log reads the same with vector instructions and without, in pieces and whole, as its slow
/// twin reads it, with a limit that bites and one that does not.
pub(crate) fn flow_log(bytes: &[u8]) {
    let number = number_of(bytes);
    let (piece, step) = (1 + number % 150, 1 + number / 150 % 90);
    let small = Limits {
        record: 1 + number / 13_500 % (2 * bytes.len() + 1),
    };
    for limits in [Limits::default(), small] {
        let expected = twin(bytes, limits);
        for level in [Level::best(), Level::Scalar] {
            for piece in [192 * 1024, piece] {
                let way = Way {
                    level,
                    limits,
                    piece,
                    step,
                };
                assert_eq!(fast(bytes, way), expected, "{way:?}");
            }
        }
    }
}

/// The careful parser reads a tuple as its twin does; the loops of `simd` leave it alone or read it
/// as the careful parser does.
pub(crate) fn tuple(bytes: &[u8]) {
    let parsed = tuple::parse(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        assert_eq!(parsed, slow::parse_tuple(text));
    }
    if bytes.contains(&b'"') {
        return;
    }
    let mut text = vec![b'\n'; 64];
    text.push(b'"');
    let span = (text.len() as u32, (text.len() + bytes.len()) as u32);
    text.extend_from_slice(bytes);
    text.push(b'"');
    text.extend_from_slice(&[b'7'; 128]);
    for level in [Level::best(), Level::Scalar] {
        let common = Common {
            record: 60,
            group: 9,
        };
        let mut tuples = [Tuple::default()];
        let mut rest = Vec::new();
        simd::decode(&text, &[span], common, &mut tuples, &mut rest, level);
        if rest.is_empty() {
            let [mut read] = tuples;
            assert_eq!((read.offset, read.group), (5, 9));
            (read.offset, read.group) = (0, 0);
            let expected = parsed.as_ref().map(|parsed| (parsed.tuple, parsed.wide));
            assert_eq!(Ok((read, None)), expected, "{level:?}");
        } else {
            assert_eq!(rest, [0], "{level:?}");
        }
    }
}

/// A text in segments is the whole, or is known not to be. The first three bytes say where it is
/// cut, the fourth how it is read.
pub(crate) fn segments(bytes: &[u8]) {
    let Some((&[first, second, third, how], text)) = bytes.split_first_chunk() else {
        return;
    };
    let mut borders = [first, second, third].map(|cut| (cut as usize * text.len() / 256) as u64);
    borders.sort_unstable();
    let level = [Level::best(), Level::Scalar][how as usize & 1];
    let limits = Limits {
        record: if how & 2 == 0 {
            4 << 20
        } else {
            4 * how as usize
        },
    };
    let way = Way {
        level,
        limits,
        piece: 1 + how as usize,
        step: 70,
    };
    in_segments(text, &borders, way);
}

/// A text cut at `borders` (ascending) is the whole, or is known not to be; which.
pub(crate) fn in_segments(text: &[u8], borders: &[u64], way: Way) -> bool {
    let mut borders: Vec<u64> = borders
        .iter()
        .copied()
        .filter(|&border| border > 0)
        .collect();
    borders.dedup();
    let starts = [0].into_iter().chain(borders.iter().copied());
    let ends = borders.iter().copied().chain([u64::MAX]);
    let mut heard = Heard::default();
    let outcomes: Vec<_> = starts
        .zip(ends)
        .map(|(start, end)| read_segment(text, Segment { start, end }, way, &mut heard))
        .collect();
    let Some(joined) = Outcome::join(&outcomes) else {
        return false;
    };
    heard.close(&joined, text.len());
    assert_eq!(heard, fast(text, way), "{outcomes:?}");
    assert_eq!(joined.bytes, text.len() as u64);
    assert_eq!(joined.end, Some(text.len() as u64));
    true
}

/// A Traffic Analytics export reads without panic, the same in pieces as whole, and never gives more
/// records and faults than it has bytes.
pub(crate) fn traffic_analytics(bytes: &[u8]) {
    let step = 1 + number_of(bytes) % 60;
    let mut said = [(); 4].map(|()| Heard::default());
    let [csv, csv_pieces, json, json_pieces] = &mut said;
    let pieces = || Pieces(Cursor::new(bytes), step);
    let results = [
        (
            traffic_analytics::decode_csv(bytes, 0, csv),
            traffic_analytics::decode_csv(pieces(), 0, csv_pieces),
        ),
        (
            traffic_analytics::decode_json(bytes, 0, json),
            traffic_analytics::decode_json(pieces(), 0, json_pieces),
        ),
    ];
    for (whole, in_pieces) in results {
        // How far a decoder read ahead that gave the file up may differ.
        assert!(whole.is_ok() && in_pieces.is_ok(), "reading from memory");
    }
    assert_eq!(csv, csv_pieces);
    assert_eq!(json, json_pieces);
    for heard in &said {
        assert!(heard.records.len() + heard.faults.len() <= bytes.len() + 2);
    }
}

/// Documents of users: nothing panics, and configuration that is written is read again.
pub(crate) fn documents(bytes: &[u8]) {
    let date = Timestamp(0);
    drop(TagEdition::parse(bytes, date, "fuzz"));
    drop(vnet::parse(bytes, "fuzz"));
    if let Ok(text) = std::str::from_utf8(bytes) {
        drop(load::parse(Path::new("fuzz.toml"), text));
        if let Ok(config) = Config::parse(text, Path::new("fuzz.toml")) {
            let written = write_toml(&config.environment, "ise", &[]);
            Config::parse(&written, Path::new("written.toml")).expect("what is written is read");
        }
    }
}

/// Documents of Azure: nothing panics, the same bytes say the same, no group lacks a default rule,
/// and no side of a rule is without addresses or ports.
pub(crate) fn azure_documents(bytes: &[u8]) {
    let read = nsg::parse(bytes, "fuzz");
    assert_eq!(read, nsg::parse(bytes, "fuzz"));
    let all = azure::parse(bytes, "fuzz");
    let Ok(document) = read else {
        return;
    };
    let all = all.expect("what holds groups is an environment");
    assert_eq!(
        (&all.nsgs, &all.effective),
        (&document.nsgs, &document.effective)
    );
    let effective = document.effective.iter().map(|one| &one.nsg);
    for nsg in document.nsgs.iter().chain(effective) {
        assert!(nsg.rules.len() + nsg.unread.len() >= 6, "the default rules");
        assert!(!nsg.name.contains(char::is_control));
        for rule in &nsg.rules {
            assert!(!rule.protocols.is_empty() && !rule.name.contains(char::is_control));
            for side in [&rule.source, &rule.destination] {
                let lists = [&side.tags, &side.groups, &side.unknown];
                let named = lists.iter().any(|list| !list.is_empty());
                assert!(side.any || named || !side.prefixes.is_empty());
                assert!(!side.ports.is_empty());
            }
        }
    }
}

/// What is told from first bytes, paths and times, and how others' text is printed.
pub(crate) fn inputs(bytes: &[u8]) {
    sniff(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        blob_path(text);
        assert!(
            Timestamp::parse(text)
                .is_none_or(|time| Timestamp::parse(&time.to_string()) == Some(time))
        );
        assert!(!escape::terminal(text).contains(['\u{1b}', '\u{202e}']));
    }
}

/// What a path tells does not change with letter case or the separator.
fn blob_path(path: &str) {
    let told = BlobPath::parse(path);
    let upper = path.to_ascii_uppercase();
    let other = BlobPath::parse(&upper);
    assert_eq!((told.hour, told.mac), (other.hour, other.mac));
    let backslashes = path.replace('/', "\\");
    assert_eq!(BlobPath::parse(&backslashes), told);
}

/// A file's head is told the same whatever follows it.
fn sniff(bytes: &[u8]) {
    let told = head::sniff(bytes);
    // The first four bytes of a packet capture are white space.
    let is_blank = bytes.iter().all(u8::is_ascii_whitespace) && !bytes.starts_with(b"\n\r\r\n");
    assert!(!is_blank || told == head::Kind::Empty);
    let mut longer = bytes.to_vec();
    longer.resize(head::HEAD.max(bytes.len()), b' ');
    let told = head::sniff(&longer);
    longer.extend_from_slice(b"}\0");
    assert_eq!(head::sniff(&longer), told);
}

/// A capture, sound or not, gives the same packets and faults in pieces of any size, and its packets
/// lie one behind the other in it.
pub(crate) fn capture_reader(bytes: &[u8]) {
    let whole = read_capture(bytes, 256 * 1024, usize::MAX);
    for (target, step) in [(1, 1), (64, 7), (1000, 999)] {
        assert_eq!(read_capture(bytes, target, step), whole, "{target} {step}");
    }
    let mut end = 0;
    for (offset, span) in &whole.0 {
        let (record, start) = (*offset as usize, *offset as usize + span.start as usize);
        assert!(
            end <= record && record < start,
            "packets follow one another"
        );
        end = start + span.captured as usize;
    }
    assert!(end <= bytes.len(), "packets are in the file");
    assert!(whole.1.is_sorted_by_key(|fault| fault.offset));
    let cut = |fault: &ReadFault| fault.kind == FaultKind::Truncated;
    assert!(whole.1.iter().rev().skip(1).all(|fault| !cut(fault)));
    if let Some(time) = first_time(bytes) {
        assert_eq!(whole.0.first().map(|(_, span)| span.time), Some(time));
    }
}

/// The packets by place, and the faults.
fn read_capture(bytes: &[u8], target: usize, step: usize) -> (Vec<(u64, Span)>, Vec<ReadFault>) {
    let mut reader = Reader::new(Pieces(Cursor::new(bytes), step));
    let (mut piece, mut packets, mut faults) = (Piece::default(), Vec::new(), Vec::new());
    while reader
        .fill(&mut piece, target, &mut faults)
        .expect("reading from memory")
    {
        for span in &piece.packets {
            let start = span.start - span.record;
            assert_eq!(piece.data(span).len(), span.captured as usize);
            let from = piece.offset(span) as usize + start as usize;
            assert!(bytes[from..].starts_with(piece.data(span)));
            let plain = Span {
                record: 0,
                start,
                ..*span
            };
            packets.push((piece.offset(span), plain));
        }
    }
    (packets, faults)
}

/// Link types by the first byte of a file: those that are decoded, and one that is not.
const LINKS: [u16; 17] = [
    1, 101, 113, 276, 0, 108, 9, 50, 51, 104, 12, 14, 228, 229, 127, 1, 1,
];

/// A packet reads the same at fixed offsets as with care, and says no less the more of it was kept.
/// The first byte names the link type, the second says how many bytes more there were on the wire.
pub(crate) fn capture_layers(bytes: &[u8]) {
    let Some((&[link, more], data)) = bytes.split_first_chunk() else {
        return;
    };
    let link = LINKS[usize::from(link) % LINKS.len()];
    let original = (data.len() + usize::from(more)) as u32;
    let options = layers::Options::default();
    let packet = layers::decode(link, data, original, &options);
    assert_eq!(
        packet,
        layers::decode_carefully(link, data, original, &options)
    );
    if let Ok(packet) = &packet {
        holds_together(packet);
    }
    let cut = &data[..number_of(bytes) % (data.len() + 1)];
    let part = layers::decode(link, cut, original, &options);
    match (&packet, &part) {
        (Ok(_), Ok(part)) => holds_together(part),
        (Err(Skip::NotIp), Err(Skip::NotIp))
        | (Err(Skip::Fault(..)), _)
        | (_, Err(Skip::Fault(FaultKind::SnappedPacket, _))) => {}
        differ => panic!("{differ:?}"),
    }
}

/// What no packet may say.
fn holds_together(packet: &Packet) {
    assert!(packet.payload <= packet.ip_length, "{packet:?}");
    let is_later = packet.fragment.is_some_and(|fragment| !fragment.first);
    if is_later || packet.transport == Transport::Other {
        assert_eq!(packet.transport, Transport::Other);
        assert_eq!((packet.source_port, packet.destination_port), (0, 0));
    }
}

/// Connections are the same however a capture is cut: a capture's, and those of a sequence of packets,
/// of which each six bytes make one.
pub(crate) fn capture_connections(bytes: &[u8]) {
    if head::sniff(bytes) == head::Kind::Capture {
        connections::file(bytes);
    } else {
        connections::cuts_do_not_show(&connections::steps(bytes));
    }
}
