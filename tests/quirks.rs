//! Every quirk file of `testdata/` against what its sidecar expects, at every level.

#![expect(clippy::unwrap_used, reason = "a test may")]

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;

use nsgaudit::fault::{FaultKind, FaultTally};
use nsgaudit::flowlog::{Limits, RecordBatch, Scanner, Segment, Sink, traffic_analytics};
use nsgaudit::input::Opened;
use nsgaudit::pipeline::Source;
use nsgaudit::simd::Level;

/// Bytes that the scanner reads at a time.
const PIECE: usize = 192 * 1024;

#[derive(Default)]
struct Counted {
    records: u64,
    tuples: u64,
    flows: u64,
    faults: FaultTally,
    /// Records that are the same as one before, as the tally knows them.
    duplicates: u64,
    seen: HashSet<u64>,
}

impl Sink for Counted {
    fn record(&mut self, batch: &RecordBatch) {
        self.records += 1;
        self.duplicates += u64::from(!self.seen.insert(batch.identity()));
        self.tuples += batch.tuples.len() as u64;
        self.flows += batch
            .tuples
            .iter()
            .map(|tuple| u64::from(batch.flows(tuple)))
            .sum::<u64>();
    }

    fn fault(&mut self, offset: u64, kind: FaultKind, detail: String) {
        self.faults.add(0, offset, kind, detail);
    }
}

/// The data files of a folder with what their sidecars expect.
fn expected(folder: &str) -> Vec<(PathBuf, serde_json::Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("testdata")
        .join(folder);
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.retain(|path| !path.to_string_lossy().ends_with(".expected.json"));
    files.sort();
    let sidecar = |path: &Path| PathBuf::from(format!("{}.expected.json", path.display()));
    files
        .into_iter()
        .map(|path| {
            let text = std::fs::read_to_string(sidecar(&path)).unwrap();
            (path, serde_json::from_str(&text).unwrap())
        })
        .collect()
}

fn faults(counted: &Counted) -> BTreeMap<String, u64> {
    counted
        .faults
        .kinds()
        .map(|(kind, tally)| (kind.code().to_owned(), tally.count))
        .collect()
}

fn check(path: &Path, expected: &serde_json::Value, counted: &Counted) {
    let wanted: BTreeMap<String, u64> = serde_json::from_value(expected["faults"].clone()).unwrap();
    assert_eq!(faults(counted), wanted, "faults of {}", path.display());
    for (key, found) in [
        ("records", counted.records),
        ("tuples", counted.tuples),
        ("rows", counted.records),
        ("flows", counted.flows),
    ] {
        if let Some(wanted) = expected[key].as_u64() {
            assert_eq!(found, wanted, "{key} of {}", path.display());
        }
    }
    let duplicates = expected["duplicates"].as_u64().unwrap_or_default();
    assert_eq!(counted.duplicates, duplicates, "{}", path.display());
}

#[test]
fn every_quirk_is_read_as_its_sidecar_says() {
    let files = expected("quirks");
    assert!(files.len() > 35, "only {} files", files.len());
    for (path, expected) in files {
        for level in [Level::best(), Level::Scalar] {
            let mut counted = Counted::default();
            let mut scanner = Scanner::new(level, Limits::default());
            let file = std::fs::File::open(&path).unwrap();
            let length = file.metadata().unwrap().len();
            let opened = Opened::Seekable { file, length };
            let progress = AtomicU64::new(0);
            Source::new(opened, &progress).scan(0, Segment::WHOLE, &mut scanner, &mut counted);
            check(&path, &expected, &counted);
        }
    }
}

/// Blanks before the text put the edge between two reads of the scanner into its middle.
#[test]
fn every_quirk_is_read_the_same_across_the_edge_of_a_piece() {
    for (path, expected) in expected("quirks") {
        if expected["faults"].get("not-flow-log").is_some() {
            continue; // Told from the head of the file, which no scanner sees.
        }
        let text = std::fs::read(&path).unwrap();
        let mut moved = vec![b' '; PIECE - text.len().min(PIECE) / 2];
        moved.extend_from_slice(&text);
        let mut counted = Counted::default();
        let mut scanner = Scanner::new(Level::best(), Limits::default());
        let (outcome, result) =
            scanner.scan(&mut moved.as_slice(), Segment::WHOLE, 0, &mut counted);
        result.unwrap();
        if outcome.opened > 0 && !outcome.truncated {
            counted.fault(0, FaultKind::Truncated, String::new());
        }
        check(&path, &expected, &counted);
    }
}

#[test]
fn every_export_is_read_as_its_sidecar_says() {
    for (path, expected) in expected("traffic-analytics") {
        let text = std::fs::read(&path).unwrap();
        let mut counted = Counted::default();
        if path.extension().unwrap() == "csv" {
            traffic_analytics::decode_csv(&text[..], 0, &mut counted).unwrap();
        } else {
            traffic_analytics::decode_json(&text[..], 0, &mut counted).unwrap();
        }
        check(&path, &expected, &counted);
    }
}
