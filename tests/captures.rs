//! Captures through the built program: the same answer however they are stored and read, what the
//! packets of the made incident prove, and what is damaged.

#![expect(clippy::unwrap_used, reason = "a test may")]

mod support;

use std::collections::BTreeMap;
use std::io::Write as _;

use serde_json::Value;
use support::blob::{self, APIM, APP, COMPUTE, CONFIG, Flow, Format, OUTSIDE, Record, START};
use support::packets::{self, ACK, Capture, End, SYN, borders, rotated, tcp, udp, vxlan};
use support::{Bench, Ran, assert_same, faults, number, without_places};

const TESTDATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata");
const EVENT_HUB: &str = "20.86.89.1";

fn bench() -> Bench {
    let bench = Bench::new();
    bench.write("nsgaudit.toml", CONFIG);
    bench
}

/// A bench with a capture in `one.pcap`.
fn with(capture: &Capture) -> Bench {
    let bench = bench();
    bench.write("one.pcap", &capture.bytes);
    bench
}

/// Asserts that all packets are accounted for; how many were counted.
#[track_caller]
fn counted(report: &Value) -> u64 {
    support::assert_reconciled(report);
    let of = |field: &str| number(report, &format!("/input/captures/packets/{field}"));
    assert_eq!(
        of("read"),
        of("counted") + of("not_ip") + of("skipped"),
        "{}",
        report["input"]["captures"]
    );
    of("counted")
}

/// What must be the same for the same packets, in however many files.
fn without_files(report: &Value) -> Value {
    let mut report = without_places(report);
    let captures = report["input"]["captures"].as_object_mut().unwrap();
    captures.remove("files");
    report
}

/// Rows of `flows --from capture`, by the names of their fields.
#[track_caller]
fn rows(ran: &Ran) -> Vec<BTreeMap<String, String>> {
    let mut names = Vec::new();
    let mut rows = Vec::new();
    for line in ran.stdout.lines() {
        if let Some(fields) = line.strip_prefix("#fields\t") {
            names = fields.split('\t').map(str::to_owned).collect();
        } else if !line.starts_with('#') {
            let fields = line.split('\t').map(str::to_owned);
            rows.push(names.iter().cloned().zip(fields).collect());
        }
    }
    rows
}

#[track_caller]
fn flows(bench: &Bench, arguments: &[&str]) -> Ran {
    let fixed = ["flows", "--from", "capture", "--format", "tsv"];
    bench.run(fixed.iter().chain(arguments)).expect(0)
}

/// Lines without the file's name and the offset in it, sorted.
#[track_caller]
fn lines(bench: &Bench, arguments: &[&str]) -> Vec<String> {
    let ran = flows(bench, arguments);
    let mut lines: Vec<_> = ran
        .stdout
        .lines()
        .map(|line| line.rsplitn(3, '\t').last().unwrap().to_owned())
        .collect();
    lines.sort();
    lines
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn codes(report: &Value) -> Vec<&str> {
    let findings = report["findings"].as_array().unwrap();
    findings
        .iter()
        .map(|finding| finding["code"].as_str().unwrap())
        .collect()
}

#[test]
fn threads_do_not_show() {
    let bench = with(&packets::mixed(11, 60_000));
    let audit = |threads| bench.report_text(["one.pcap", "--threads", threads], &[]);
    let listed = |threads| flows(&bench, &["one.pcap", "--threads", threads]).stdout;
    let (report, list) = (audit("1"), listed("1"));
    assert_eq!(counted(&report.json()), 60_000);
    assert!(list.lines().count() > 20_000);
    for threads in ["2", "4"] {
        assert!(report.stdout == audit(threads).stdout, "{threads} threads");
        assert!(list == listed(threads), "{threads} threads");
    }
}

#[test]
fn compression_and_pipes_show_as_names_only() {
    let capture = packets::mixed(12, 40_000);
    let bench = with(&capture);
    let zipped = gzip(&capture.bytes);
    let zstd = zstd::encode_all(capture.bytes.as_slice(), 1).unwrap();
    bench.write("one.pcap.gz", &zipped);
    bench.write("one.zst", &zstd);
    let renamed = |text: &str, name: &str| {
        assert!(text.contains(name), "{name} is named");
        text.replace(name, "one.pcap")
    };
    let plain = bench.report_text(["one.pcap"], &[]).stdout;
    let list = flows(&bench, &["one.pcap"]).stdout;
    for name in ["one.pcap.gz", "one.zst"] {
        let report = bench.report_text([name], &[]).stdout;
        assert!(renamed(&report, name) == plain, "{name}");
        assert!(
            renamed(&flows(&bench, &[name]).stdout, name) == list,
            "{name}"
        );
    }
    for input in [&capture.bytes, &zipped, &zstd] {
        let report = bench.report_text(["-"], input).stdout;
        assert!(renamed(&report, "(standard input)") == plain);
    }
}

#[test]
fn a_capture_in_rotated_files_is_the_capture() {
    let capture = packets::mixed(13, 30_000);
    let bench = with(&capture);
    let whole = bench.report(["one.pcap"]);
    let list = lines(&bench, &["one.pcap"]);
    assert_eq!(number(&whole, "/input/captures/captures"), 1);
    for parts in [2, 7, 40] {
        let folder = format!("in-{parts}");
        for (part, bytes) in (1..).zip(rotated(&capture.bytes, parts)) {
            bench.write(format!("{folder}/ring_{part:05}.pcap"), bytes);
        }
        for threads in ["1", "4"] {
            let report = bench.report([&folder, "--threads", threads]);
            assert_eq!(number(&report, "/input/captures/files"), parts as u64);
            assert_same(&without_files(&report), &without_files(&whole));
            assert!(lines(&bench, &[&folder, "--threads", threads]) == list);
        }
    }
}

#[test]
fn captures_of_two_machines_are_two_captures() {
    let capture = packets::mixed(14, 3_000);
    let bench = bench();
    let parts = rotated(&capture.bytes, 2);
    bench.write("one/part_1.pcap", &parts[0]);
    bench.write("one/part_2.pcap", &parts[1]);
    bench.write("two/web.pcap", &parts[0]);
    bench.write("two/database.pcap", &parts[1]);
    let (joined, apart) = (bench.report(["one"]), bench.report(["two"]));
    assert_eq!(number(&joined, "/input/captures/captures"), 1);
    assert_eq!(number(&apart, "/input/captures/captures"), 2);
    let of = |report| number(report, "/input/captures/connections");
    assert!(of(&apart) > of(&joined), "cut in two where they would join");
    assert_eq!(counted(&joined), counted(&apart));
}

#[test]
fn files_of_one_name_that_overlap_in_time_are_not_one_capture() {
    let (client, server) = ((COMPUTE, 50_000), (OUTSIDE, 443));
    let (mut early, mut late) = (Capture::default(), Capture::default());
    early.answered(0, client, server);
    early.packet(60_000, &tcp(client, server, ACK, 7, 10));
    late.answered(30_000, (APIM, 50_000), server);
    late.packet(61_000, &tcp(client, server, ACK, 7, 10));
    let bench = bench();
    bench.write("part_1.pcap", &early.bytes);
    bench.write("part_2.pcap", &late.bytes);
    let report = bench.report(["part_1.pcap", "part_2.pcap"]);
    assert_eq!(number(&report, "/input/captures/captures"), 2);
    assert_eq!(number(&report, "/input/captures/connections"), 3);
}

#[test]
fn more_connections_than_are_kept_are_ended_early_and_told() {
    const LIVE: u64 = 5_000;
    let mut capture = Capture::default();
    for round in 0..8 {
        for number in 0..LIVE {
            let to = format!("198.51.{}.{}", number / 200, number % 200 + 1);
            let time = round * 20_000 + number as i64;
            capture.packet(time, &tcp((COMPUTE, 50_000), (&to, 443), SYN, 7, 0));
        }
    }
    let bench = with(&capture);
    let limit = ["one.pcap", "--max-connections", "1024", "--threads"];
    let audit = |threads| bench.report_text(limit.iter().chain(&[threads]), &[]);
    let one = audit("1");
    let report = one.json();
    assert_eq!(counted(&report), 8 * LIVE);
    assert!(number(&report, "/input/captures/connections_evicted") > LIVE);
    assert!(codes(&report).contains(&"NSG910"), "{:?}", codes(&report));
    let list = flows(&bench, &[&limit[..], &["1"]].concat());
    let connections = rows(&list);
    let told = number(&report, "/input/captures/connections");
    assert_eq!(connections.len() as u64, told);
    let packets = connections.iter().map(|row| &row["orig_pkts"]);
    let packets: u64 = packets.map(|text| text.parse::<u64>().unwrap()).sum();
    assert_eq!(packets, 8 * LIVE, "no packet is lost");
    for threads in ["2", "4"] {
        assert!(one.stdout == audit(threads).stdout, "{threads} threads");
        let again = flows(&bench, &[&limit[..], &[threads]].concat());
        assert!(list.stdout == again.stdout, "{threads} threads");
    }
    let roomy = bench.report(["one.pcap"]);
    assert_eq!(number(&roomy, "/input/captures/connections"), LIVE);
    assert!(!codes(&roomy).contains(&"NSG910"));
}

#[test]
fn the_incident_is_found_from_packets_alone() {
    let capture = format!("{TESTDATA}/incident-capture/ise.pcap");
    let config = format!("{TESTDATA}/incident/nsgaudit.toml");
    let bench = Bench::new();
    let ran = bench
        .run(["audit", &capture, "--config", &config])
        .expect(1);
    let text = ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    for words in [
        "1 required purpose is BLOCKED",
        "Log to Event Hub policy and monitoring agent",
        "since 2026-01-05T14:24:07Z",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
}

#[test]
fn every_outcome_of_the_made_incident_is_found() {
    let bench = Bench::new();
    let capture = format!("{TESTDATA}/incident-capture/ise.pcap");
    let found = rows(&flows(&bench, &[&capture]));
    let truth = std::fs::read_to_string(format!("{TESTDATA}/incident-capture/ise.csv")).unwrap();
    let mut truth = csv::Reader::from_reader(truth.as_bytes());
    let mut told: BTreeMap<String, Vec<BTreeMap<String, String>>> = BTreeMap::new();
    for row in found {
        let names = ["id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "proto"];
        let key = names.map(|name| row[name].as_str()).join(" ");
        told.entry(key).or_default().push(row);
    }
    let (mut midstream, mut errors) = (0, 0);
    for row in truth.deserialize() {
        let row: BTreeMap<String, String> = row.unwrap();
        let names = [
            "source",
            "source_port",
            "destination",
            "destination_port",
            "protocol",
        ];
        let key = names.map(|name| row[name].as_str()).join(" ");
        if row["outcome"] == "icmp-error" {
            errors += 1;
            assert!(!told.contains_key(&key), "{key} is said of another");
            continue;
        }
        let of_key = told.remove(&key).unwrap_or_else(|| panic!("no {key}"));
        let sum = |field: &str| -> u64 {
            let numbers = of_key.iter().map(|row| row[field].parse::<u64>().unwrap());
            numbers.sum()
        };
        for (ours, theirs) in [
            ("orig_pkts", "orig_packets"),
            ("resp_pkts", "resp_packets"),
            ("orig_ip_bytes", "orig_ip_bytes"),
            ("resp_ip_bytes", "resp_ip_bytes"),
        ] {
            assert_eq!(sum(ours).to_string(), row[theirs], "{key}: {ours}");
        }
        let first = (row["first_ns"].parse::<u64>().unwrap() / 1_000).to_string();
        assert_eq!(of_key[0]["ts"].replace('.', ""), first, "{key}");
        let expected = match row["outcome"].as_str() {
            "closed" | "answered" => "answered",
            "dropped" => "unanswered",
            "midstream" => {
                midstream += 1;
                assert!(of_key.len() > 1, "its silences end a conversation");
                continue;
            }
            same => same,
        };
        assert_eq!(of_key.len(), 1, "{key}");
        assert_eq!(of_key[0]["conn_state"], row["zeek_state"], "{key}");
        assert_eq!(of_key[0]["outcome"], expected, "{key}");
    }
    assert_eq!((midstream, errors), (1, 5));
    assert!(told.is_empty(), "{told:?}");
}

#[test]
fn logs_and_packets_together_tell_what_is_dropped_behind_the_nsg() {
    let config = format!("{TESTDATA}/incident/nsgaudit.toml");
    let folder = format!("{TESTDATA}/behind");
    let bench = Bench::new();
    let report = bench.report([&folder, "--config", &config]);
    let findings = report["findings"].as_array().unwrap();
    let behind: Vec<_> = findings
        .iter()
        .filter(|finding| finding["code"] == "NSG105")
        .map(|finding| finding["title"].as_str().unwrap())
        .collect();
    assert!(
        behind.iter().any(|title| title.contains("Storage")),
        "{behind:?}"
    );
    let ran = bench.run(["audit", &folder, "--config", &config]).expect(1);
    let text = ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("behind the NSG"), "{text}");
}

#[test]
fn denied_by_logs_and_answered_in_packets_is_a_disagreement() {
    let mut capture = Capture::default();
    let server = (EVENT_HUB, 5_672);
    for (port, at) in [(50_001, 50_000), (50_002, 120_000), (50_003, 200_000)] {
        capture.answered(at, (COMPUTE, port), server);
    }
    let bench = with(&capture);
    let denied = [60, 130, 180].map(|at| Flow::out(START + at, COMPUTE, EVENT_HUB, 5_672).deny());
    let record = Record::apim(START + 240, denied.to_vec());
    bench.write("log.json", blob::blob(Format::NsgV2, &[record]));
    let both = bench.report(["one.pcap", "log.json"]);
    assert!(codes(&both).contains(&"NSG908"), "{:?}", codes(&both));
    assert!(!codes(&bench.report(["log.json"])).contains(&"NSG908"));
}

#[test]
fn a_required_host_that_refuses_is_told_from_one_that_is_blocked() {
    let refused = |refused| {
        let mut capture = Capture::default();
        for (port, at) in (50_001..).zip([0, 70_000, 140_000]) {
            capture.tried(at, (COMPUTE, port), (APIM, 6_380), refused);
        }
        with(&capture).report(["one.pcap"])
    };
    let (reset, silent) = (refused(true), refused(false));
    assert!(codes(&reset).contains(&"NSG106"), "{:?}", codes(&reset));
    assert!(!codes(&reset).contains(&"NSG101"), "{:?}", codes(&reset));
    assert!(codes(&silent).contains(&"NSG101"), "{:?}", codes(&silent));
    assert!(!codes(&silent).contains(&"NSG106"), "{:?}", codes(&silent));
}

#[test]
fn one_direction_alone_proves_nothing() {
    let mut capture = Capture::default();
    for port in 50_001..50_004 {
        let (client, server): (End<'_>, End<'_>) = ((COMPUTE, port), (EVENT_HUB, 5_672));
        for (at, flags, payload) in [(0, SYN, 0), (10, ACK, 0), (20, ACK, 50)] {
            capture.packet(at, &tcp(client, server, flags, 7, payload));
        }
    }
    let report = with(&capture).report(["one.pcap"]);
    assert!(codes(&report).contains(&"NSG909"), "{:?}", codes(&report));
    assert!(!codes(&report).contains(&"NSG101"), "{:?}", codes(&report));
}

#[test]
fn a_capture_that_is_cut_inside_a_packet_tells_all_before_it() {
    let capture = packets::mixed(15, 200);
    let borders = borders(&capture.bytes);
    for (packet, after) in [(0, 1), (1, 15), (100, 16), (150, 20), (199, 30)] {
        let bench = bench();
        bench.write("cut.pcap", &capture.bytes[..borders[packet] + after]);
        let ran = bench.run(["audit", "cut.pcap", "--format=json", "--fail-on=never"]);
        // Where nothing is left, nothing was read.
        let report = ran.expect(if packet == 0 { 2 } else { 0 }).json();
        assert_eq!(counted(&report), packet as u64);
        assert_eq!(faults(&report, "truncated"), 1);
        let sample = &report["input"]["faults"][0]["samples"][0];
        assert_eq!(sample["offset"], borders[packet], "{sample}");
    }
}

#[test]
fn a_capture_without_packets_is_told_as_an_empty_input_is() {
    let bench = bench();
    bench.write("empty.json", "");
    bench.write("empty.pcap", Capture::default().bytes);
    let of_log = bench.run(["audit", "empty.json"]);
    let of_capture = bench.run(["audit", "empty.pcap"]);
    assert_eq!(
        of_capture.status, of_log.status,
        "{of_capture:?} {of_log:?}"
    );
    assert_ne!(of_capture.status, 0);
    let list = bench.run(["flows", "--from", "capture", "empty.pcap"]);
    assert!(list.stdout.is_empty(), "{}", list.stdout);
}

#[test]
fn damage_never_panics_and_is_accounted_for() {
    let capture = packets::mixed(16, 300);
    let (good, borders) = (capture.bytes.clone(), borders(&capture.bytes));
    let mut garbage = good[..packets::FILE_HEADER].to_vec();
    garbage.extend((0..5_000u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 13) as u8));
    let patched = |at: usize, bytes: &[u8]| {
        let mut patched = good.clone();
        patched[at..at + bytes.len()].copy_from_slice(bytes);
        patched
    };
    let cases = [
        ("garbage", garbage),
        ("kept-length", patched(borders[7] + 8, &[255; 4])),
        ("wire-length", patched(borders[7] + 12, &[255; 4])),
        ("lengths", patched(borders[7] + 8, &[255; 8])),
        ("last-length", patched(borders[299] + 8, &[255; 4])),
        ("first-length", patched(borders[0] + 8, &[255; 4])),
        ("time", patched(borders[100], &[255; 8])),
        ("no-length", patched(borders[9] + 8, &[0; 4])),
        ("snap-length", patched(16, &[255; 4])),
        ("link", patched(20, &[99, 0, 0, 0])),
    ];
    for (name, bytes) in cases {
        let bench = bench();
        bench.write("bad.pcap", bytes);
        let ran = bench.run(["audit", "bad.pcap", "--format=json", "--fail-on=never"]);
        assert!((0..=3).contains(&ran.status), "{name}: {}", ran.stderr);
        if !ran.stdout.is_empty() {
            let report = ran.json();
            let counted = counted(&report);
            let whole = matches!(name, "time" | "wire-length" | "snap-length");
            assert!(!whole || counted == 300, "{name}: {counted}");
        }
        bench.run(["flows", "--from", "capture", "bad.pcap"]);
    }
}

#[test]
fn time_that_runs_backwards_or_jumps_for_years_loses_no_packet() {
    const YEAR: i64 = 365 * 86_400_000;
    let mut capture = Capture::default();
    let (client, server) = ((COMPUTE, 50_000), (APP, 443));
    for number in 0..200 {
        let at = [-number * 700, YEAR * (number % 3), -YEAR * (number % 2)];
        for time in at {
            capture.packet(time, &tcp(client, server, ACK, 7, 10));
            capture.packet(time, &udp(server, client, &[0; 4]));
        }
    }
    let bench = with(&capture);
    let one = bench.report_text(["one.pcap", "--threads", "1"], &[]);
    assert_eq!(counted(&one.json()), 1_200);
    let four = bench.report_text(["one.pcap", "--threads", "4"], &[]);
    assert_eq!(one.stdout, four.stdout);
    let rows = rows(&flows(&bench, &["one.pcap"]));
    let packets = rows
        .iter()
        .flat_map(|row| [&row["orig_pkts"], &row["resp_pkts"]]);
    let packets: u64 = packets.map(|text| text.parse::<u64>().unwrap()).sum();
    assert_eq!(packets, 1_200);
    assert!(rows.iter().all(|row| !row["duration"].starts_with('-')));
}

#[test]
fn vxlan_on_another_port_is_opened_when_that_is_named() {
    let mut inner = Capture::default();
    inner.answered(0, (COMPUTE, 50_000), (APIM, 443));
    let borders = borders(&inner.bytes);
    let mut tapped = Capture::default();
    for (number, pair) in (0..).zip(borders.windows(2)) {
        let packet = &inner.bytes[pair[0] + 16..pair[1]];
        tapped.packet(number * 10, &vxlan(8_888, packet));
    }
    let bench = with(&tapped);
    let tunnelled = |extra: &[&str]| {
        let report = bench.report(["one.pcap"].iter().chain(extra));
        number(&report, "/input/captures/connections_tunnelled")
    };
    assert_eq!(tunnelled(&[]), 0);
    assert_eq!(tunnelled(&["--vxlan-port", "8888"]), 1);
    assert_eq!(
        tunnelled(&["--vxlan-port", "8888", "--vxlan-port", "4789"]),
        1
    );
    let opened = rows(&flows(&bench, &["one.pcap", "--vxlan-port", "8888"]));
    assert_eq!(opened.len(), 1);
    assert_eq!(opened[0]["conn_state"], "SF");
    assert_eq!(opened[0]["tunnel"], "vxlan");
    let closed = rows(&flows(&bench, &["one.pcap"]));
    assert_eq!(closed[0]["id.resp_p"], "8888");
}

#[test]
fn flags_that_do_not_fit_captures_are_usage_errors() {
    let bench = with(&packets::mixed(17, 10));
    for arguments in [
        &["flows", "one.pcap", "--from", "capture", "--format", "csv"][..],
        &["flows", "one.pcap", "--format", "tsv"],
        &[
            "flows",
            "one.pcap",
            "--from",
            "capture",
            "--direction",
            "inbound",
        ],
        &["audit", "one.pcap", "--max-connections", "1023"],
        &["audit", "one.pcap", "--vxlan-port", "65536"],
    ] {
        let ran = bench.run(arguments).expect(2);
        assert!(ran.stdout.is_empty(), "{arguments:?}: {}", ran.stdout);
        assert!(!ran.stderr.is_empty(), "{arguments:?}");
    }
}
