//! Real packet captures, where `NSGAUDIT_SAMPLES` names a folder of them. They are not part of the
//! project.

#![expect(clippy::unwrap_used, reason = "a test may")]

mod support;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use jiff::Timestamp;
use nsgaudit::capture::piece::{Piece, Span};
use nsgaudit::capture::reader::Reader;
use nsgaudit::fault::FaultKind::{self, DamagedCapture, Truncated, UnknownLinkType};
use support::{Bench, assert_reconciled, number};

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
            if span.time != Span::NO_TIME {
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

#[test]
fn every_capture_is_audited_and_listed_and_its_packets_are_accounted_for() {
    let Some(folder) = samples() else { return };
    let bench = Bench::new();
    let (mut packets, mut rows) = (0, 0);
    for file in captures(&folder) {
        let path = folder.join(&file).into_os_string().into_string().unwrap();
        let audit = bench.run(["audit", "--format", "json", &path]);
        assert!((0..=3).contains(&audit.status), "{file}: {}", audit.stderr);
        if !audit.stdout.is_empty() {
            let report = audit.json();
            assert_reconciled(&report);
            if report["input"]["captures"].is_null() {
                assert_eq!(file, "derived/pcap_empty_file.pcap", "not a byte");
                continue;
            }
            let of = |field: &str| number(&report, &format!("/input/captures/packets/{field}"));
            let read = of("read");
            let accounted = of("counted") + of("not_ip") + of("skipped");
            assert_eq!(read, accounted, "{file}");
            packets += read;
        }
        let list = bench.run(["flows", "--from=capture", "--format=tsv", &path]);
        assert!((0..=3).contains(&list.status), "{file}: {}", list.stderr);
        rows += list
            .stdout
            .lines()
            .filter(|line| !line.starts_with('#'))
            .count();
    }
    println!("{packets} packets, {rows} connections");
    assert!(packets > 0 && rows > 0);
}

/// Protocol and the two ends, in order.
type FiveTuple = (String, [(String, String); 2]);

/// States of TCP and UDP connections in a `conn.log`, by five-tuple, in the order of time.
fn states(log: &str) -> BTreeMap<FiveTuple, Vec<String>> {
    let mut names: Vec<&str> = Vec::new();
    let mut rows: BTreeMap<FiveTuple, Vec<(f64, String)>> = BTreeMap::new();
    for line in log.lines() {
        if let Some(fields) = line.strip_prefix("#fields\t") {
            names = fields.split('\t').collect();
        } else if !line.starts_with('#') {
            let fields: Vec<_> = line.split('\t').collect();
            let of = |name: &str| fields[names.iter().position(|at| *at == name).unwrap()];
            let end = |end: &str| {
                let [host, port] = ["h", "p"].map(|what| of(&format!("id.{end}_{what}")));
                (host.to_owned(), port.to_owned())
            };
            let mut ends = [end("orig"), end("resp")];
            ends.sort();
            if matches!(of("proto"), "tcp" | "udp") {
                let key = (of("proto").to_owned(), ends);
                let row = (of("ts").parse().unwrap(), of("conn_state").to_owned());
                rows.entry(key).or_default().push(row);
            }
        }
    }
    let sorted = |mut rows: Vec<(f64, String)>| {
        rows.sort_by(|a, b| a.0.total_cmp(&b.0));
        rows.into_iter().map(|(_, state)| state).collect()
    };
    rows.into_iter()
        .map(|(key, rows)| (key, sorted(rows)))
        .collect()
}

/// The capture that Zeek wrote this log of: `@` stands for `/`.
fn logged(folder: &Path, log: &str) -> PathBuf {
    let name = log.strip_suffix(".conn.log").unwrap();
    let path = folder.join(name.replacen('@', "/", 1));
    if path.exists() {
        return path;
    }
    folder.join(name.replace('@', "/"))
}

/// What two lists of connections have in common.
#[derive(Debug, Default)]
struct Agreement {
    /// Connections of five-tuples of which both list equally many.
    rows: usize,
    /// Of these: in the same state.
    same: usize,
    /// Five-tuples of which both list some, but not equally many.
    otherwise: usize,
    only_zeek: usize,
    only_here: usize,
}

#[test]
fn connections_and_their_states_are_those_that_zeek_tells() {
    let Some(folder) = samples() else { return };
    let bench = Bench::new();
    let logs = folder.join("expected/zeek-8.2.2-bare-conn");
    let mut found: BTreeMap<String, Agreement> = BTreeMap::new();
    for log in std::fs::read_dir(logs).unwrap() {
        let log = log.unwrap();
        let path = logged(&folder, log.file_name().to_str().unwrap());
        let arguments = ["flows", "--from=capture", "--format=tsv"].map(AsRef::as_ref);
        let list = bench.run(arguments.iter().chain(&[path.as_os_str()]));
        let theirs = String::from_utf8_lossy(&std::fs::read(log.path()).unwrap()).into_owned();
        let (ours, mut theirs) = (states(&list.stdout), states(&theirs));
        for (key, ours) in ours {
            let agreement = found.entry(key.0.clone()).or_default();
            match theirs.remove(&key) {
                None => agreement.only_here += 1,
                Some(theirs) if theirs.len() != ours.len() => agreement.otherwise += 1,
                Some(theirs) => {
                    agreement.rows += ours.len();
                    let pairs = ours.iter().zip(&theirs);
                    agreement.same += pairs.filter(|(ours, theirs)| ours == theirs).count();
                }
            }
        }
        for (protocol, _) in theirs.into_keys() {
            found.entry(protocol).or_default().only_zeek += 1;
        }
    }
    println!("{found:?}");
    // docs/captures.md says why they differ.
    for (protocol, permille, otherwise, only_zeek, only_here) in
        [("tcp", 985, 23, 19, 3), ("udp", 985, 13, 74, 6)]
    {
        let agreement = &found[protocol];
        assert!(
            agreement.same * 1_000 >= agreement.rows * permille
                && agreement.rows > 700
                && agreement.otherwise <= otherwise
                && agreement.only_zeek <= only_zeek
                && agreement.only_here <= only_here,
            "{protocol}: {agreement:?}"
        );
    }
}
