//! pcapng: what its blocks say, and damage.

use super::build::{block, enhanced, half, interface, pcapng, section, word};
use super::{check_cuts, kinds, read};
use crate::capture::piece::Span;
use crate::fault::FaultKind::{DamagedCapture, UnknownLinkType};

/// An option: code and value, padded.
fn option(big: bool, code: u16, value: &[u8]) -> Vec<u8> {
    let mut option = half(big, code).to_vec();
    option.extend(half(big, value.len() as u16));
    option.extend(value);
    option.resize(option.len().next_multiple_of(4), 0);
    option
}

/// Time of one packet of an interface with these options.
fn time(big: bool, options: &[u8], ticks: u64) -> i64 {
    let mut file = section(big, u64::MAX);
    file.extend(interface(big, 1, 0, options));
    file.extend(enhanced(big, 0, ticks, b"abc"));
    let (seen, faults) = read(&file);
    assert_eq!(faults, []);
    seen[0].1.time
}

#[test]
fn clocks_are_read_as_their_interface_says() {
    for big in [false, true] {
        let clock = |resolution| option(big, 9, &[resolution]);
        assert_eq!(time(big, &[], 1_000_000), 1_000_000_000);
        assert_eq!(time(big, &clock(0), 7), 7_000_000_000);
        assert_eq!(time(big, &clock(9), 7), 7);
        assert_eq!(time(big, &clock(12), 7_999), 7);
        assert_eq!(time(big, &clock(127), u64::MAX), 0);
        assert_eq!(time(big, &clock(0x80), 3), 3_000_000_000);
        assert_eq!(time(big, &clock(0x8a), 1536), 1_500_000_000);
        assert_eq!(time(big, &clock(0xff), u64::MAX), 0);
        assert_eq!(time(big, &clock(0), u64::MAX), i64::MAX);
        let offset = |seconds: i64| {
            let number = if big {
                seconds.to_be_bytes()
            } else {
                seconds.to_le_bytes()
            };
            option(big, 14, &number)
        };
        assert_eq!(time(big, &offset(100), 5), 100_000_005_000);
        assert_eq!(time(big, &offset(-1), 0), -1_000_000_000);
        assert_eq!(time(big, &offset(i64::MIN), 0), i64::MIN);
    }
}

#[test]
fn options_without_end_or_past_it_end_with_their_block() {
    let mut endless = Vec::new();
    for _ in 0..1000 {
        endless.extend(option(false, 2, b""));
    }
    assert_eq!(time(false, &endless, 1), 1_000);
    assert_eq!(time(false, &[9, 0, 0xff, 0xff], 1), 1_000);
    let mut ended = option(false, 0, b"");
    ended.extend(option(false, 9, &[9]));
    assert_eq!(time(false, &ended, 1), 1_000);
}

#[test]
fn simple_and_obsolete_packets_are_read() {
    for big in [false, true] {
        let mut file = section(big, u64::MAX);
        file.extend(interface(big, 113, 6, &[]));
        let mut simple = word(big, 100).to_vec();
        simple.extend(b"abcdef");
        file.extend(block(big, 3, &simple));
        let mut obsolete = half(big, 0).to_vec();
        obsolete.extend(half(big, 1));
        for number in [0, 8, 3, 9] {
            obsolete.extend(word(big, number));
        }
        obsolete.extend(b"xyz");
        file.extend(block(big, 2, &obsolete));
        let (seen, faults) = read(&file);
        assert_eq!(faults, []);
        let (_, span, data) = &seen[0];
        assert_eq!(
            (span.time, span.original, data.as_slice()),
            (Span::NO_TIME, 100, &b"abcdef"[..])
        );
        let (_, span, data) = &seen[1];
        assert_eq!(
            (span.time, span.original, data.as_slice()),
            (8_000, 9, &b"xyz"[..])
        );
        assert_eq!(span.link, 113);
    }
}

#[test]
fn sections_are_of_either_order_and_their_lengths_may_lie() {
    let mut file = Vec::new();
    for (big, length) in [(false, u64::MAX), (true, 4), (false, 1 << 60)] {
        file.extend(section(big, length));
        file.extend(interface(big, 1 + u16::from(big), 0, &[]));
        file.extend(block(big, 5, &[0; 20]));
        file.extend(block(big, 0x7777_7777, b"not known"));
        file.extend(enhanced(big, 0, 1, b"abc"));
    }
    let (seen, faults) = read(&file);
    assert_eq!(faults, []);
    let links: Vec<_> = seen.iter().map(|seen| seen.1.link).collect();
    assert_eq!(links, [1, 2, 1]);
}

#[test]
fn a_packet_of_no_interface_is_a_fault_of_its_own() {
    let mut file = pcapng(false, &[(1, 3)]);
    let at = file.len() as u64;
    file.extend(enhanced(false, 1, 0, b"abc"));
    file.extend(enhanced(false, 0, 0, b"abc"));
    file.extend(section(false, u64::MAX));
    let simple = file.len() as u64;
    file.extend(block(false, 3, &[3, 0, 0, 0, 1, 2, 3]));
    let (seen, faults) = read(&file);
    assert_eq!(seen.len(), 2);
    assert_eq!(
        kinds(&faults),
        [(at, UnknownLinkType), (simple, UnknownLinkType)]
    );
}

#[test]
fn a_packet_longer_than_its_block_is_a_fault_and_no_more() {
    let mut file = pcapng(false, &[(1, 8), (2, 8)]);
    file[48 + 20] = 9;
    let (seen, faults) = read(&file);
    assert_eq!(
        (seen.len(), kinds(&faults)),
        (1, vec![(48, DamagedCapture)])
    );
}

#[test]
fn a_length_without_its_padding_is_understood() {
    let mut file = pcapng(false, &[(1, 6), (2, 8)]);
    let end = 48 + 40;
    for at in [48 + 4, end - 4] {
        file[at] = 38;
    }
    let (seen, faults) = read(&file);
    assert_eq!((seen.len(), faults.len()), (2, 0));
}

#[test]
fn every_cut_gives_the_whole_packets_before_it() {
    let file = pcapng(true, &[(1, 30), (2, 0), (3, 5)]);
    check_cuts(&file, &[0, 28, 48, 112, 144, 184]);
}

#[test]
fn reading_goes_on_after_damaged_lengths() {
    let packets: Vec<_> = (0..5).map(|number| (number, 50)).collect();
    let sound = pcapng(false, &packets);
    let at = 48 + 84;
    for place in [at + 4, at + 80] {
        for length in [0, 8, 85, 1 << 20, 0x0100_0001, u32::MAX] {
            let mut file = sound.clone();
            file[place..place + 4].copy_from_slice(&length.to_le_bytes());
            let (seen, faults) = read(&file);
            let is_cut = place == at + 4 && length == 1 << 20;
            if is_cut {
                assert_eq!((seen.len(), faults.len()), (1, 1));
                continue;
            }
            assert_eq!(seen.len(), 4, "{place} {length}");
            assert_eq!(kinds(&faults), [(at as u64, DamagedCapture)]);
        }
    }
}

#[test]
fn a_first_section_of_no_byte_order_is_damage() {
    let mut file = pcapng(false, &[(1, 3)]);
    file[8] = 0;
    let (seen, faults) = read(&file);
    assert_eq!((seen.len(), kinds(&faults)), (0, vec![(0, DamagedCapture)]));
    file.extend(pcapng(true, &[(1, 3)]));
    assert_eq!(read(&file).0.len(), 1);
}
