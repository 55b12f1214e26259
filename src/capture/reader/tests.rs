//! What holds for both formats: the cut of reads and the size of pieces do not show.

mod build;
mod pcap;
mod pcapng;

use std::io::{self, ErrorKind, Read};

use proptest::prelude::*;

use super::{HEADROOM, ReadFault, Reader, first_time};
use crate::capture::piece::{Piece, Span};
use crate::fault::FaultKind;

/// Gives an input in steps of so many bytes, every other time interrupted.
pub(super) struct Drip<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) step: usize,
    pub(super) interrupted: bool,
}

impl Read for Drip<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.interrupted = !self.interrupted;
        if self.interrupted {
            return Err(ErrorKind::Interrupted.into());
        }
        let length = self.step.min(buffer.len());
        self.bytes.read(&mut buffer[..length])
    }
}

/// A packet: offset of its record, what the record says, and its bytes.
pub(super) type Seen = (u64, Span, Vec<u8>);

/// All packets and faults, offsets from the start of the file.
pub(super) fn read_by(input: impl Read, target: usize) -> (Vec<Seen>, Vec<ReadFault>) {
    let mut reader = Reader::new(input);
    let (mut piece, mut faults, mut seen) = (Piece::default(), Vec::new(), Vec::new());
    let mut end = 0;
    while reader.fill(&mut piece, target, &mut faults).unwrap() {
        assert!(piece.base >= end, "pieces follow one another");
        end = piece.base + piece.bytes.len() as u64;
        for span in &piece.packets {
            let start = span.start - span.record;
            let plain = Span {
                record: 0,
                start,
                ..*span
            };
            seen.push((piece.offset(span), plain, piece.data(span).to_vec()));
        }
    }
    assert!(!reader.fill(&mut piece, target, &mut faults).unwrap());
    (seen, faults)
}

pub(super) fn read(bytes: &[u8]) -> (Vec<Seen>, Vec<ReadFault>) {
    read_by(bytes, 1 << 18)
}

/// The same, in chunks that were read elsewhere, but for the first piece.
pub(super) fn read_chunks(bytes: &[u8], first: usize, step: usize) -> (Vec<Seen>, Vec<ReadFault>) {
    let mut reader = Reader::new(bytes);
    let (mut piece, mut faults, mut seen) = (Piece::default(), Vec::new(), Vec::new());
    let add = |piece: &Piece, seen: &mut Vec<Seen>| {
        for span in &piece.packets {
            let start = span.start - span.record;
            let plain = Span {
                record: 0,
                start,
                ..*span
            };
            seen.push((piece.offset(span), plain, piece.data(span).to_vec()));
        }
    };
    if !reader.fill(&mut piece, first, &mut faults).unwrap() {
        return (seen, faults);
    }
    add(&piece, &mut seen);
    let mut at = reader.bytes() as usize;
    while !reader.is_over() {
        let chunk = &bytes[at..bytes.len().min(at + step)];
        at += chunk.len();
        piece.bytes.clear();
        piece.bytes.resize(HEADROOM, 0);
        piece.bytes.extend_from_slice(chunk);
        reader.decode_chunk(&mut piece, HEADROOM, chunk.len() < step, &mut faults);
        add(&piece, &mut seen);
    }
    (seen, faults)
}

pub(super) fn kinds(faults: &[ReadFault]) -> Vec<(u64, FaultKind)> {
    let kinds = faults.iter().map(|fault| (fault.offset, fault.kind));
    kinds.collect()
}

/// Holds a sound file to what every cut of it must give: the whole packets before the cut, and no
/// fault but that of the cut record.
pub(super) fn check_cuts(file: &[u8], records: &[usize]) {
    let (whole, faults) = read(file);
    assert_eq!(faults, []);
    for cut in 0..=file.len() {
        let (seen, faults) = read(&file[..cut]);
        let end = |at| records.iter().find(|&&next| next > at);
        let before = whole
            .iter()
            .filter(|seen| end(seen.0 as usize).is_some_and(|&end| end <= cut));
        assert_eq!(seen.len(), before.count(), "cut at {cut}");
        assert_eq!(seen, whole[..seen.len()]);
        let start = records.iter().rev().find(|&&start| start <= cut);
        let start = *start.unwrap();
        if start == cut {
            assert_eq!(faults, [], "cut at {cut}");
        } else {
            assert_eq!(kinds(&faults), [(start as u64, FaultKind::Truncated)]);
        }
    }
}

#[test]
fn an_unknown_file_is_one_fault() {
    let (seen, faults) = read(b"GMBU and more");
    assert_eq!(seen, []);
    assert_eq!(kinds(&faults), [(0, FaultKind::DamagedCapture)]);
    assert_eq!(read(b""), (Vec::new(), Vec::new()));
    assert_eq!(kinds(&read(b"\xd4\xc3").1), [(0, FaultKind::Truncated)]);
}

/// Gives bytes, and then fails.
struct Failing<'a>(&'a [u8]);

impl Read for Failing<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 => Err(io::Error::other("damaged compression")),
            count => Ok(count),
        }
    }
}

#[test]
fn what_came_before_an_error_is_given_first() {
    let file = build::Pcap::default().file(&[(1, 10), (2, 20)]);
    let mut reader = Reader::new(Failing(&file[..file.len() - 3]));
    let (mut piece, mut faults) = (Piece::default(), Vec::new());
    assert!(reader.fill(&mut piece, 1 << 18, &mut faults).unwrap());
    assert_eq!(piece.packets.len(), 1);
    assert!(reader.fill(&mut piece, 1 << 18, &mut faults).is_err());
    assert!(!reader.fill(&mut piece, 1 << 18, &mut faults).unwrap());
    assert_eq!(faults, []);
    assert_eq!(reader.bytes(), file.len() as u64 - 3);
}

#[test]
fn the_first_time_is_told_from_a_head() {
    let file = build::Pcap::default().file(&[(7, 10), (8, 2000)]);
    assert_eq!(first_time(&file[..60]), Some(7_000_002_000));
    assert_eq!(first_time(&file[..40]), None);
    assert_eq!(first_time(b"GMBU"), None);
}

/// A file of either format, sound or with some bytes overwritten.
fn files() -> impl Strategy<Value = Vec<u8>> {
    let packets = prop::collection::vec((1_700_000_000..1_700_000_100_u32, 0..300_usize), 0..12);
    let damage = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6);
    (packets, damage, any::<bool>(), any::<bool>()).prop_map(|(packets, damage, ng, big)| {
        let mut file = if ng {
            build::pcapng(big, &packets)
        } else {
            let pcap = build::Pcap {
                big,
                ..build::Pcap::default()
            };
            pcap.file(&packets)
        };
        let start = 28.min(file.len() - 1);
        let length = file.len() - start;
        for (place, byte) in damage {
            file[start + place.index(length)] = byte;
        }
        file
    })
}

proptest! {
    #[test]
    fn how_it_is_read_does_not_show(file in files(), step in 1..900_usize, target in 1..4000_usize) {
        let whole = read(&file);
        let drip = Drip { bytes: &file, step, interrupted: false };
        prop_assert_eq!(&read_by(drip, target), &whole);
        let drip = Drip { bytes: &file, step: 1, interrupted: false };
        prop_assert_eq!(&read_by(drip, 1), &whole);
        prop_assert_eq!(&read_chunks(&file, target, step), &whole);
        prop_assert_eq!(&read_chunks(&file, 1, 1), &whole);
    }

    #[test]
    fn no_bytes_panic(
        head in prop::sample::select(vec![0xa1b2_c3d4_u32, 0xa1b2_cd34, 0xa1b2_3c4d, 0x0a0d_0d0a]),
        bytes in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        let mut file = head.to_le_bytes().to_vec();
        file.extend(&bytes);
        read(&file);
    }
}
