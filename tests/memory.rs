//! Memory has a bound, whatever the input: measured as the kernel reports it.

#![cfg(target_os = "linux")]

mod support;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use support::Bench;
use support::blob::{self, Flow, Format, Record, START, Seeded};

/// Most that a run may ever hold, in KiB.
const BOUND: u64 = 96 << 10;

/// The program as it is shipped, where it was built since; else the one under test.
fn program() -> PathBuf {
    let tested = PathBuf::from(support::PROGRAM);
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/release/nsgaudit");
    let built = |path: &Path| fs::metadata(path).and_then(|found| found.modified()).ok();
    if built(&shipped) >= built(&tested) {
        shipped
    } else {
        tested
    }
}

/// The most memory that a run held, in KiB.
fn peak(bench: &Bench, arguments: &[&str]) -> u64 {
    let mut child = Command::new(program())
        .args([
            "audit",
            "--format=json",
            "--fail-on=never",
            "-o",
            "report.json",
        ])
        .args(arguments)
        .current_dir(bench.folder.path())
        .stdout(Stdio::null())
        .spawn()
        .expect("the program starts");
    let path = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let status = loop {
        // A process that has ended, and is not yet waited for, has no memory to tell of.
        let text = fs::read_to_string(&path).unwrap_or_default();
        let told = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let told = told.and_then(|rest| rest.trim().strip_suffix(" kB"));
        let told: Option<u64> = told.and_then(|number| number.trim().parse().ok());
        peak = peak.max(told.unwrap_or(0));
        if let Some(status) = child.try_wait().expect("the program can be waited for") {
            break status;
        }
        thread::sleep(Duration::from_millis(5));
    };
    assert_eq!(status.code(), Some(0), "{arguments:?}");
    assert!(peak > 0, "the kernel told nothing");
    peak
}

/// Numbers of which hardly any occurs twice, as a log shows them.
struct Noise(Seeded);

impl Noise {
    fn address(&mut self) -> String {
        let mut byte = || self.0.below(256);
        format!("{}.{}.{}.{}", byte() % 223 + 1, byte(), byte(), byte())
    }

    fn flow(&mut self, time: i64) -> Flow {
        let (source, destination) = (self.address(), self.address());
        let mut flow = Flow::out(time, &source, &destination, self.0.below(65_536) as u16);
        flow.outbound = self.0.below(2) == 0;
        flow.udp = self.0.below(2) == 0;
        flow.allowed = self.0.below(2) == 0;
        flow
    }

    fn mac(&mut self, interfaces: u64) -> String {
        format!("{:012X}", self.0.below(interfaces))
    }
}

/// A log of these records' texts.
fn write_log(path: &Path, texts: impl Iterator<Item = String>) {
    let mut file = std::io::BufWriter::new(fs::File::create(path).expect("a file"));
    file.write_all(b"{\"records\":[").expect("written");
    for (number, text) in texts.enumerate() {
        let comma: &[u8] = if number > 0 { b"," } else { b"" };
        file.write_all(comma).expect("written");
        file.write_all(text.as_bytes()).expect("written");
    }
    file.write_all(b"]}").expect("written");
    file.flush().expect("written");
}

/// A log in which hardly anything occurs twice: 20,000 records of 30 tuples at so many interfaces,
/// with as many rules. Large enough to be cut for four workers.
fn hostile(path: &Path, format: Format, interfaces: u64) {
    let mut noise = Noise(Seeded::new(51));
    let records = (0..20_000).map(|record| {
        let time = START + record % 30_000;
        let flows = (0..30).map(|_| noise.flow(time)).collect();
        let mac = noise.mac(interfaces);
        let nsg = format!("nsg-{record}-{}", "n".repeat(200));
        let rule = format!("rule-{record}-{}", "r".repeat(800));
        Record::new(time, &mac, &nsg, &rule, flows).text(format)
    });
    write_log(path, records);
}

/// A log of so many records, each of another interface, target and day.
fn crowd(path: &Path, records: i64) {
    let mut noise = Noise(Seeded::new(53));
    let records = (0..records).map(|record| {
        let flows = (0..4).map(|_| noise.flow(START)).collect();
        let mac = noise.mac(1 << 48);
        let text = Record::new(START, &mac, &record.to_string(), "r", flows).text(Format::NsgV2);
        let day = format!(
            "20{:02}-{:02}-{:02}",
            record % 26,
            record % 12 + 1,
            record % 28 + 1
        );
        text.replacen("2026-01-05", &day, 1)
    });
    write_log(path, records);
}

/// Asserts the bound for one and several threads.
#[track_caller]
fn assert_bound(bench: &Bench, arguments: &[&str]) {
    for threads in ["1", "4"] {
        let most = peak(bench, &[arguments, &["--threads", threads]].concat());
        assert!(most < BOUND, "{arguments:?}, {threads} threads: {most} KiB");
    }
}

#[test]
fn a_hostile_log_stays_in_bounds() {
    for (format, interfaces) in [(Format::NsgV2, 8), (Format::VnetV4, 1 << 48)] {
        let bench = Bench::new();
        bench.write("network.toml", blob::CONFIG);
        hostile(&bench.path("hostile.json"), format, interfaces);
        assert_bound(&bench, &["hostile.json"]);
        assert_bound(&bench, &["hostile.json", "--config", "network.toml"]);
    }
}

#[test]
fn any_number_of_interfaces_stays_in_bounds() {
    let bench = Bench::new();
    bench.write("network.toml", blob::CONFIG);
    crowd(&bench.path("crowd.json"), 80_000);
    assert_bound(&bench, &["crowd.json"]);
    assert_bound(&bench, &["crowd.json", "--config", "network.toml"]);
}

#[test]
fn many_small_files_stay_in_bounds() {
    const FILES: usize = 20_000;
    let bench = Bench::new();
    for number in 0..FILES {
        let flow = Flow::out(START + number as i64, blob::APIM, blob::OUTSIDE, 443);
        let record = Record::apim(flow.time + 9, vec![flow]);
        let (nsg, hour) = (number / 2_000, number / 100 % 20);
        let path = blob::nsg_path(&format!("NSG-{nsg}"), "00224812A004", hour as u32);
        let folder = bench.path("logs").join(path).with_file_name("");
        if number % 100 == 0 {
            fs::create_dir_all(&folder).expect("a folder");
        }
        let name = folder.join(format!("{number}.json"));
        fs::write(name, blob::blob(Format::NsgV2, &[record])).expect("a file");
    }
    let most = peak(&bench, &["logs"]);
    println!("{FILES} files: {most} KiB");
    assert!(most < BOUND, "{most} KiB");
    let report = fs::read_to_string(bench.path("report.json")).expect("a report");
    let report: serde_json::Value = serde_json::from_str(&report).expect("JSON");
    assert_eq!(
        support::number(&report, "/input/tuples/counted"),
        FILES as u64
    );
}

#[test]
fn a_record_without_end_stays_in_bounds() {
    let bench = Bench::new();
    let mut text = blob::blob(Format::NsgV2, &blob::mixed(52, 20, 30));
    text.truncate(text.len() - 2);
    text.push_str(",{\"time\":\"2026-01-05T14:00:00Z\",\"category\":\"");
    text.push_str(&"x".repeat(120 << 20));
    bench.write("endless.json", text);
    let most = peak(&bench, &["endless.json"]);
    println!("one record of 120 MiB: {most} KiB");
    assert!(most < BOUND, "{most} KiB");
}

/// A capture of so many SYN packets, each from another address: Ethernet frames of headers only.
fn flood(path: &Path, packets: u32) {
    let mut file = std::io::BufWriter::new(fs::File::create(path).expect("a file"));
    let header = [0xa1b2_c3d4u32, 0x0004_0002, 0, 0, 0x0004_0000, 1];
    file.write_all(&header.map(u32::to_le_bytes).concat())
        .expect("written");
    let mut frame = [0; 54];
    frame[12..14].copy_from_slice(&[8, 0]);
    frame[14..18].copy_from_slice(&[0x45, 0, 0, 40]);
    frame[22..24].copy_from_slice(&[64, 6]);
    frame[30..34].copy_from_slice(&[10, 20, 0, 68]);
    frame[36..38].copy_from_slice(&443u16.to_be_bytes());
    frame[46..48].copy_from_slice(&[0x50, 2]);
    for number in 0..packets {
        let (seconds, rest) = (number / 20_000, number % 20_000);
        let record = [START as u32 + seconds, rest * 50, 54, 54];
        file.write_all(&record.map(u32::to_le_bytes).concat())
            .expect("written");
        let source = 0x0b00_0000 + number.wrapping_mul(0x9e37_79b1) % (200 << 24);
        frame[26..30].copy_from_slice(&source.to_be_bytes());
        frame[34..36].copy_from_slice(&(1_024 + number % 60_000).to_be_bytes()[2..]);
        file.write_all(&frame).expect("written");
    }
    file.flush().expect("written");
}

#[test]
fn a_flood_of_connections_stays_in_the_bound_that_is_asked_for() {
    const PACKETS: u32 = 1_000_000;
    const LIVE: u64 = 100_000;
    let bench = Bench::new();
    bench.write("network.toml", blob::CONFIG);
    flood(&bench.path("flood.pcap"), PACKETS);
    let most_live = LIVE.to_string();
    for threads in ["1", "4"] {
        let limit = ["--max-connections", &most_live, "--threads", threads];
        let arguments = [&["flood.pcap", "--config", "network.toml"][..], &limit].concat();
        let most = peak(&bench, &arguments);
        println!("a flood of {PACKETS} packets, {threads} threads: {most} KiB");
        assert!(most < (64 << 10) + 160 * LIVE / 1_024, "{most} KiB");
        let report = fs::read_to_string(bench.path("report.json")).expect("a report");
        let report: serde_json::Value = serde_json::from_str(&report).expect("JSON");
        let of = |what: &str| support::number(&report, &format!("/input/captures/{what}"));
        assert_eq!(of("packets/read"), u64::from(PACKETS));
        assert_eq!(of("packets/counted"), u64::from(PACKETS));
        assert!(of("connections_evicted") > 0);
        assert_eq!(of("connections"), u64::from(PACKETS), "no address twice");
    }
}
