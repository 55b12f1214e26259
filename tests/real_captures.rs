//! Real packet captures, where `NSGAUDIT_SAMPLES` names a folder of them. They are not part of the
//! project.

#![expect(clippy::unwrap_used, reason = "a test may")]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use jiff::Timestamp;
use nsgaudit::capture::piece::Piece;
use nsgaudit::capture::reader::Reader;
use nsgaudit::fault::FaultKind::{self, DamagedCapture, Truncated, UnknownLinkType};

/// Damaged and cut files: packets read, faults, and place and kind of the first.
///
/// Where capinfos stops at the damage, `bug-1450-04` and `-05` go on from 6 packets to 13;
/// `block_len_zero` lost the description of the interface that all its packets are of.
const DAMAGED: [(&str, u64, usize, u64, FaultKind); 9] = [
    (
        "scapy/bad_rsn_parsing_overrides_ssid.pcap",
        1,
        1,
        359,
        Truncated,
    ),
    (
        "suricata-verify/bug-1450-04__tls_DER-incomplete-header.pcap",
        13,
        1,
        5035,
        DamagedCapture,
    ),
    (
        "suricata-verify/bug-1450-05__tls_DER-incomplete-content.pcap",
        13,
        1,
        5035,
        DamagedCapture,
    ),
    (
        "derived/pcap_cut_in_record_header.pcap",
        1,
        1,
        106,
        Truncated,
    ),
    ("derived/pcap_header_cut_10.pcap", 0, 1, 0, Truncated),
    (
        "derived/pcapng_bad_trailer.pcapng",
        29,
        1,
        3952,
        DamagedCapture,
    ),
    (
        "derived/pcapng_block_len_zero.pcapng",
        0,
        31,
        28,
        DamagedCapture,
    ),
    ("derived/pcapng_cut_in_block.pcapng", 29, 1, 3952, Truncated),
    ("derived/pcapng_no_idb.pcapng", 0, 1, 28, UnknownLinkType),
];
/// Files of which capinfos says other bytes or times; the number of packets is the same.
const OTHERWISE: [(&str, &str); 7] = [
    (
        "tcpdump/atm-heapoverflow.pcap",
        "it counts no pseudo-header of ATM",
    ),
    (
        "tcpdump/atm-oam-heapoverflow.pcap",
        "it counts no pseudo-header of ATM",
    ),
    (
        "tcpdump/bgp_vpn_rt-oobr.pcap",
        "fractions above a second, times past 2038",
    ),
    (
        "tcpdump/olsr-oobr-2.pcap",
        "fractions above a second, times past 2038",
    ),
    (
        "tcpdump/timestamp_invalid_micro.pcap",
        "fractions above a second",
    ),
    (
        "tcpdump/timestamp_invalid_nano.pcap",
        "fractions above a second",
    ),
    ("derived/pcap_usec_over.pcap", "fractions above a second"),
];
/// Files that capinfos gives up, of which all packets are read: those of which it does not know
/// the link type, and two captures that were put one after the other.
const MORE: [(&str, u64); 2] = [
    ("derived/pcap_two_concatenated.pcap", 60),
    ("tcpdump/dsa.pcap", 8),
];

#[expect(clippy::print_stdout, reason = "a test that reads nothing says so")]
fn samples() -> Option<PathBuf> {
    let folder = std::env::var_os("NSGAUDIT_SAMPLES").map(PathBuf::from);
    if folder.is_none() {
        println!("NSGAUDIT_SAMPLES is not set: no real captures to read");
    }
    folder.map(|folder| folder.join("captures"))
}

fn input(path: &Path) -> Box<dyn Read> {
    let file = File::open(path).unwrap();
    if path.extension().is_some_and(|end| end == "gz") {
        Box::new(MultiGzDecoder::new(file))
    } else {
        Box::new(file)
    }
}

/// What is told of a capture: how many packets, the faults, and the error that ended reading.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    packets: u64,
    /// Bytes that the packets had on the wire.
    bytes: u64,
    /// Earliest and latest time, of the packets that have one.
    times: Option<(i64, i64)>,
    faults: Vec<(u64, FaultKind)>,
    error: Option<String>,
}

fn read(path: &Path, target: usize) -> Told {
    let mut reader = Reader::new(input(path));
    let (mut piece, mut faults) = (Piece::default(), Vec::new());
    let (mut packets, mut bytes, mut times) = (0, 0, None);
    let error = loop {
        match reader.fill(&mut piece, target, &mut faults) {
            Ok(true) => packets += piece.packets.len() as u64,
            Ok(false) => break None,
            Err(error) => break Some(error.to_string()),
        }
        for span in &piece.packets {
            assert_eq!(piece.data(span).len(), span.captured as usize);
            bytes += u64::from(span.original);
            if span.time != 0 {
                let (first, last) = times.unwrap_or((span.time, span.time));
                times = Some((span.time.min(first), span.time.max(last)));
            }
        }
    };
    Told {
        packets,
        bytes,
        times,
        faults: faults
            .iter()
            .map(|fault| (fault.offset, fault.kind))
            .collect(),
        error,
    }
}

/// Packets, their bytes, and the earliest and latest time, as capinfos writes them.
type Row = (u64, u64, String, String);

fn counted(folder: &Path) -> BTreeMap<String, Row> {
    let table = std::fs::read_to_string(folder.join("expected/capinfos.tsv")).unwrap();
    let rows = table.lines().skip(1).map(|line| {
        let fields: Vec<_> = line.split('\t').collect();
        let number = |at: usize| fields[at].parse().unwrap();
        let text = |at: usize| fields[at].to_owned();
        (text(0), (number(6), number(8), text(10), text(11)))
    });
    rows.collect()
}

/// A time with as many digits as another has; `n/a` for none.
fn written(time: Option<i64>, like: &str) -> String {
    let Some(time) = time else {
        return "n/a".to_owned();
    };
    let time = Timestamp::from_nanosecond(time.into()).unwrap();
    let text = time.strftime("%Y-%m-%d %H:%M:%S.%9f").to_string();
    text[..like.len().min(text.len())].to_owned()
}

/// Whether capinfos says the same. Of times it says nothing where one packet has none, and it takes
/// 1970 for a time, which is none here.
fn agrees((packets, bytes, first, last): &Row, told: &Told) -> bool {
    let is_time = |text: &str| text != "n/a" && !text.starts_with("1970-01-01 00:00:00");
    let times_agree = !is_time(first)
        || (
            written(told.times.map(|times| times.0), first),
            written(told.times.map(|times| times.1), last),
        ) == (first.clone(), last.clone());
    (*packets, *bytes) == (told.packets, told.bytes) && times_agree
}

/// All captures, plain or compressed, by the index.
fn captures(folder: &Path) -> Vec<String> {
    let index = std::fs::read_to_string(folder.join("INDEX.csv")).unwrap();
    let files = index.lines().skip(1);
    let files = files.filter_map(|line| Some(line.split_once(',')?.0.to_owned()));
    files.collect()
}

#[test]
fn packets_and_bytes_and_times_are_those_that_capinfos_tells() {
    let Some(folder) = samples() else { return };
    let counted = counted(&folder);
    let mut other = Vec::new();
    let mut same = 0;
    for file in captures(&folder) {
        let told = read(&folder.join(&file), 256 << 10);
        assert_eq!(told, read(&folder.join(&file), 1), "{file}");
        let Some(theirs) = counted.get(&file) else {
            continue;
        };
        let is_known =
            theirs.0 == told.packets && OTHERWISE.iter().any(|(known, _)| *known == file);
        if agrees(theirs, &told) == is_known {
            other.push(format!("{file}: {theirs:?}, {told:?}"));
        } else {
            same += 1;
        }
    }
    assert!(other.is_empty(), "{}", other.join("\n"));
    assert_eq!(same, counted.len());
}

#[test]
fn damage_is_told_where_it_is_and_reading_goes_on() {
    let Some(folder) = samples() else { return };
    let mut found = Vec::new();
    for file in captures(&folder) {
        let told = read(&folder.join(&file), 256 << 10);
        if let Some(&(offset, kind)) = told.faults.first() {
            found.push((file, told.packets, told.faults.len(), offset, kind));
        } else if told.error.is_some() {
            assert_eq!(
                (file.as_str(), told.packets),
                ("derived/gzip_cut.pcap.gz", 23)
            );
        }
    }
    let expected = DAMAGED.map(|(file, packets, faults, offset, kind)| {
        (file.to_owned(), packets, faults, offset, kind)
    });
    assert_eq!(found, expected);
}

#[test]
fn what_capinfos_does_not_open_is_read() {
    let Some(folder) = samples() else { return };
    for (file, packets) in MORE {
        let told = read(&folder.join(file), 256 << 10);
        assert_eq!(
            (told.packets, told.faults.as_slice()),
            (packets, &[][..]),
            "{file}"
        );
    }
}
