//! pcap: what its variants say, and damage.

use pcap_file::pcap::PcapReader;

use super::build::Pcap;
use super::{check_cuts, kinds, read};
use crate::fault::FaultKind::{DamagedCapture, Truncated};

const SECOND: u32 = 1_700_000_000;

fn pcap(change: impl Fn(&mut Pcap)) -> Pcap {
    let mut pcap = Pcap::default();
    change(&mut pcap);
    pcap
}

#[test]
fn bytes_of_the_specification_are_a_packet() {
    let file = b"\xd4\xc3\xb2\xa1\x02\x00\x04\x00\0\0\0\0\0\0\0\0\xff\xff\0\0\x01\0\0\0\
                 \x01\0\0\0\x02\0\0\0\x03\0\0\0\x05\0\0\0abc";
    let (seen, faults) = read(file);
    assert_eq!(faults, []);
    let (offset, span, data) = &seen[0];
    assert_eq!(
        (*offset, span.start, data.as_slice()),
        (24, 16, &b"abc"[..])
    );
    assert_eq!(
        (span.time, span.captured, span.original),
        (1_000_002_000, 3, 5)
    );
    assert_eq!(span.link, 1);
}

#[test]
fn byte_orders_and_units_and_variants_are_told_by_the_magic() {
    for big in [false, true] {
        for (magic, start, nanoseconds) in [
            (0xa1b2_c3d4, 16, 2_000),
            (0xa1b2_3c4d, 16, 2),
            (0xa1b2_cd34, 24, 2_000),
        ] {
            let made = pcap(|pcap| (pcap.big, pcap.magic) = (big, magic));
            let (seen, faults) = read(&made.file(&[(1, 10), (2, 0), (3, 7)]));
            assert_eq!((seen.len(), faults.len()), (3, 0));
            assert_eq!(seen[2].1.start, start);
            assert_eq!(seen[2].1.time, 3_000_000_000 + nanoseconds);
            assert_eq!(seen[2].2, [0xee; 7]);
        }
    }
}

#[test]
fn what_pcap_file_reads_is_what_is_read() {
    for big in [false, true] {
        let made = pcap(|pcap| pcap.big = big);
        let file = made.file(&[(SECOND, 60), (SECOND + 1, 0), (SECOND, 1500)]);
        let (seen, _) = read(&file);
        let mut reader = PcapReader::new(&file[..]).unwrap();
        for (_, span, data) in seen {
            let theirs = reader.next_raw_packet().unwrap().unwrap();
            assert_eq!(theirs.data, data);
            assert_eq!(
                (theirs.incl_len, theirs.orig_len),
                (span.captured, span.original)
            );
        }
        assert!(reader.next_raw_packet().is_none());
    }
}

#[test]
fn lengths_of_old_versions_may_be_swapped() {
    for (version, captured) in [((2, 2), 3), ((2, 3), 3), ((2, 4), 5)] {
        let made = pcap(|pcap| pcap.version = version);
        let mut file = made.head();
        file.extend(made.record(1, (5, 3), b"abcde"));
        assert_eq!(read(&file).0[0].1.captured, captured);
    }
}

#[test]
fn the_link_type_is_the_low_half() {
    let made = pcap(|pcap| pcap.link = 0x2400_0071);
    assert_eq!(read(&made.file(&[(1, 1)])).0[0].1.link, 0x71);
}

#[test]
fn a_snap_length_of_0_or_too_small_is_no_limit_and_a_large_one_is() {
    for snap in [0, 10] {
        let made = pcap(|pcap| pcap.snap = snap);
        let (seen, faults) = read(&made.file(&[(1, 200_000), (2, 1)]));
        assert_eq!((seen.len(), faults.len()), (2, 0));
    }
    let file = |snap| pcap(|pcap| pcap.snap = snap).file(&[(1, 300_000), (2, 1)]);
    assert_eq!(kinds(&read(&file(65_535)).1), [(24, DamagedCapture)]);
    assert_eq!(read(&file(300_000)).0.len(), 2);
}

#[test]
fn every_cut_gives_the_whole_packets_before_it() {
    let file = Pcap::default().file(&[(1, 30), (2, 0), (3, 5)]);
    check_cuts(&file[..], &[0, 24, 70, 86, 107]);
}

#[test]
fn reading_goes_on_after_a_damaged_length() {
    for length in [u32::MAX, 0x0100_0000, 0x0004_0001] {
        let packets: Vec<_> = (0..6).map(|number| (SECOND + number, 50)).collect();
        let mut file = Pcap::default().file(&packets);
        file[24 + 2 * 66 + 8..][..4].copy_from_slice(&length.to_le_bytes());
        let (seen, faults) = read(&file);
        let offsets: Vec<_> = seen.iter().map(|seen| (seen.0 - 24) / 66).collect();
        assert_eq!(offsets, [0, 1, 3, 4, 5], "{length}");
        assert_eq!(kinds(&faults), [(24 + 2 * 66, DamagedCapture)]);
        assert!(faults[0].detail.contains(&length.to_string()));
    }
}

#[test]
fn reading_goes_on_after_lost_and_strange_bytes() {
    let packets: Vec<_> = (0..6).map(|number| (SECOND + number, 50)).collect();
    let mut file = Pcap::default().file(&packets);
    file.splice(100..140, vec![0xff; 5000]);
    let (seen, faults) = read(&file);
    assert_eq!(
        seen.last().unwrap().1.time / 1_000_000_000,
        i64::from(SECOND) + 5
    );
    assert!(seen.len() >= 4, "{seen:?}");
    assert!(faults.iter().all(|fault| fault.kind == DamagedCapture));
}

#[test]
fn zeros_are_no_packets_to_go_on_with() {
    let mut file = Pcap::default().file(&[(1, 10)]);
    file.extend(Pcap::default().record(2, (u32::MAX, u32::MAX), b""));
    file.extend([0; 10_000]);
    let (seen, faults) = read(&file);
    assert_eq!(seen.len(), 1);
    assert_eq!(kinds(&faults), [(50, DamagedCapture)]);
}

#[test]
fn captures_put_one_after_the_other_are_read_each_by_its_header() {
    let mut file = Pcap::default().file(&[(1, 10)]);
    let other = pcap(|pcap| (pcap.big, pcap.link, pcap.magic) = (true, 113, 0xa1b2_3c4d));
    file.extend(other.file(&[(9, 4)]));
    let (seen, faults) = read(&file);
    assert_eq!(faults, []);
    assert_eq!((seen[1].1.link, seen[1].1.time), (113, 9_000_000_002));
    let (seen, faults) = read(&file[..70]);
    assert_eq!((seen.len(), kinds(&faults)), (2, vec![(66, Truncated)]));
}
