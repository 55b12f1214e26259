//! The files of `testdata/quirks` and `testdata/traffic-analytics`, each held against what its
//! sidecar says that a user must get: records, tuples, duplicates, faults.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use nsgaudit::fault::FaultKind;
use nsgaudit::flowlog::traffic_analytics::{decode_csv, decode_json};
use nsgaudit::flowlog::{Limits, RecordBatch, Scanner, Segment, Sink};
use nsgaudit::simd::Level;
use serde::Deserialize;

/// What stands between a file's name and `json` in the name of its sidecar.
const SIDECAR: &str = ".expected.json";

/// Bytes that the scanner reads at a time.
const PIECE: usize = 192 * 1024;

/// A sidecar; see `testdata/README.md`.
#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
struct Expected {
    records: u64,
    counted_tuples: u64,
    #[serde(default)]
    duplicate_records: u64,
    flows: Option<u64>,
    faults: BTreeMap<String, u64>,
    why: String,
}

/// Counts what a decoder says. A record that was there before counts as a duplicate, as in the tally.
#[derive(Debug, Default)]
struct Counted {
    records: u64,
    tuples: u64,
    duplicates: u64,
    flows: u64,
    faults: BTreeMap<String, u64>,
    seen: HashSet<u64>,
}

impl Sink for Counted {
    fn record(&mut self, batch: &RecordBatch) {
        self.records += 1;
        if !self.seen.insert(batch.identity()) {
            self.duplicates += 1;
            return;
        }
        self.tuples += batch.tuples.len() as u64;
        let flows = batch.tuples.iter().map(|tuple| batch.flows(tuple));
        self.flows += flows.map(u64::from).sum::<u64>();
    }

    fn fault(&mut self, _: u64, kind: FaultKind, _: String) {
        *self.faults.entry(kind.code().to_owned()).or_default() += 1;
    }
}

impl Counted {
    /// How it differs from the sidecar; `None` where it does not.
    fn differs(self, expected: &Expected) -> Option<String> {
        let found = Expected {
            records: self.records,
            counted_tuples: self.tuples,
            duplicate_records: self.duplicates,
            flows: expected.flows.map(|_| self.flows),
            faults: self.faults,
            why: expected.why.clone(),
        };
        (found != *expected).then(|| format!("expected {expected:#?}\nfound {found:#?}"))
    }
}

/// Files of a folder of test data and their sidecars. Neither may be without the other.
fn files(folder: &str) -> Vec<(PathBuf, Expected)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("testdata")
        .join(folder);
    let names: Vec<String> = fs::read_dir(&folder)
        .expect("the folder is part of the repository")
        .map(|entry| entry.expect("a readable folder").file_name())
        .map(|name| name.into_string().expect("names are ASCII"))
        .collect();
    let (sidecars, mut data): (Vec<String>, Vec<String>) =
        names.into_iter().partition(|name| name.ends_with(SIDECAR));
    data.sort();
    assert!(!data.is_empty(), "{} is empty", folder.display());
    assert_eq!(data.len(), sidecars.len(), "each file has one sidecar");
    data.iter()
        .map(|name| {
            let sidecar = fs::read(folder.join(format!("{name}{SIDECAR}"))).expect(name);
            let expected = serde_json::from_slice(&sidecar).expect(name);
            (folder.join(name), expected)
        })
        .collect()
}

/// Decodes every file of a folder and tells of all that differ, not only of the first.
fn check(folder: &str, decode: impl Fn(&Path, &[u8]) -> Counted) {
    let differing: Vec<String> = files(folder)
        .iter()
        .filter_map(|(path, expected)| {
            let text = fs::read(path).expect("a readable file");
            let difference = decode(path, &text).differs(expected)?;
            Some(format!("{}: {difference}", path.display()))
        })
        .collect();
    assert!(differing.is_empty(), "{}", differing.join("\n\n"));
}

fn scan(level: Level, text: &[u8]) -> Counted {
    let mut counted = Counted::default();
    let mut scanner = Scanner::new(level, Limits::default());
    let (outcome, result) = scanner.scan(&mut { text }, Segment::WHOLE, 0, &mut counted);
    result.expect("reading from memory");
    assert_eq!(outcome.records, counted.records);
    if outcome.opened > 0 && !outcome.truncated {
        // The caller of the scanner tells of a missing `]}`: only it knows that the file ended.
        counted.fault(0, FaultKind::Truncated, String::new());
    }
    counted
}

fn table(path: &Path, text: &[u8]) -> Counted {
    let mut counted = Counted::default();
    let read = if is_csv(path) {
        decode_csv(text, 0, &mut counted)
    } else {
        decode_json(text, 0, &mut counted)
    };
    read.expect("reading from memory");
    counted
}

fn is_csv(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "csv")
}

fn quirk(level: Level, path: &Path, text: &[u8]) -> Counted {
    if is_csv(path) {
        table(path, text)
    } else {
        scan(level, text)
    }
}

#[test]
fn quirks_read_as_their_sidecars_say() {
    check("quirks", |path, text| quirk(Level::best(), path, text));
}

#[test]
fn quirks_read_the_same_without_vector_instructions() {
    check("quirks", |path, text| quirk(Level::Scalar, path, text));
}

/// Blanks before the text put the edge between two reads into its middle.
#[test]
fn quirks_read_the_same_across_the_edge_of_a_piece() {
    check("quirks", |path, text| {
        if is_csv(path) {
            return table(path, text);
        }
        let mut moved = vec![b' '; PIECE - text.len() / 2];
        moved.extend_from_slice(text);
        scan(Level::best(), &moved)
    });
}

#[test]
fn exports_read_as_their_sidecars_say() {
    check("traffic-analytics", table);
}
