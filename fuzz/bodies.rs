//! What each fuzz target does with its bytes: the fuzzer runs it on what it makes up, and
//! `tests/fuzz_replay.rs` on the files of `testdata/fuzz/`.

use std::io::Cursor;
use std::path::Path;

use nsgaudit::fault::FaultKind;
use nsgaudit::flowlog::{
    Limits, Outcome, RecordBatch, Scanner, Segment, Sink, slow, traffic_analytics, tuple,
};
use nsgaudit::simd::{self, Common, Level};

/// A target: the folder of its files, and what it does.
pub(crate) type Target = (&'static str, fn(&[u8]));

/// All targets.
pub(crate) const TARGETS: [Target; 5] = [
    ("flow_log", flow_log),
    ("tuple", tuple),
    ("traffic_analytics", traffic_analytics),
    ("documents", documents),
    ("inputs", inputs),
];

/// What a decoder said: records as text, faults but for how broken text is called, whether any is.
#[derive(Debug, Default, PartialEq)]
struct Heard {
    records: Vec<String>,
    faults: Vec<FaultKind>,
    broken: bool,
}

impl Sink for Heard {
    fn record(&mut self, batch: &RecordBatch) {
        let mut tuples: Vec<String> = batch
            .tuples
            .iter()
            .map(|tuple| {
                let group = &batch.groups[tuple.group as usize];
                format!(
                    "{:?} {:?} {:?} {:?} {:?}",
                    tuple.time,
                    batch.addresses(tuple),
                    batch.counters(tuple),
                    group.rule,
                    group.mac
                )
            })
            .collect();
        tuples.sort();
        self.records
            .push(format!("{:?} {} {tuples:?}", batch.time, batch.target));
    }

    fn fault(&mut self, _: u64, kind: FaultKind, _: String) {
        if matches!(kind, FaultKind::Truncated | FaultKind::DamagedRecord) {
            self.broken = true;
        } else {
            self.faults.push(kind);
            self.faults.sort();
        }
    }
}

/// The scanner at both levels, in pieces and in segments, against the slow twin.
pub(crate) fn flow_log(bytes: &[u8]) {
    let mut expected = Heard::default();
    slow::decode(bytes, 0, &mut expected);
    for level in [Level::best(), Level::Scalar] {
        let mut heard = Heard::default();
        let outcome = scan(bytes, Segment::WHOLE, level, &mut heard);
        heard.broken |= outcome.opened > 0;
        assert_eq!(heard, expected);
    }
    let middle = bytes.len() as u64 / 2;
    if middle == 0 {
        return;
    }
    let mut heard = Heard::default();
    let first = scan(
        bytes,
        Segment {
            start: 0,
            end: middle,
        },
        Level::best(),
        &mut heard,
    );
    let rest = &bytes[middle as usize..];
    let second = scan(
        rest,
        Segment {
            start: middle,
            end: u64::MAX,
        },
        Level::best(),
        &mut heard,
    );
    if let Some(joined) = Outcome::join(&[first, second]) {
        heard.broken |= joined.opened > 0;
        assert_eq!(heard, expected);
    }
}

fn scan(bytes: &[u8], segment: Segment, level: Level, heard: &mut Heard) -> Outcome {
    let (outcome, result) =
        Scanner::new(level, Limits::default()).scan(&mut Cursor::new(bytes), segment, 0, heard);
    result.expect("reading from memory");
    outcome
}

/// The vector loop against the careful parser.
pub(crate) fn tuple(bytes: &[u8]) {
    let careful = tuple::parse_narrow(bytes);
    let mut text = vec![b' '; 64];
    text.extend_from_slice(bytes);
    text.push(b'"');
    text.resize(text.len() + 128, b' ');
    let span = (64, 64 + bytes.len() as u32);
    let (mut decoded, mut rest) = ([nsgaudit::flowlog::Tuple::default()], Vec::new());
    simd::decode(
        &text,
        &[span],
        Common {
            record: 64,
            group: 0,
        },
        &mut decoded,
        &mut rest,
        Level::best(),
    );
    if rest.is_empty() {
        assert_eq!(careful, Some(decoded[0]));
    }
}

/// Exports of both forms: nothing panics, and a reader in small pieces says the same.
pub(crate) fn traffic_analytics(bytes: &[u8]) {
    let mut csv = Heard::default();
    let mut json = Heard::default();
    traffic_analytics::decode_csv(bytes, 0, &mut csv).expect("reading from memory");
    traffic_analytics::decode_json(bytes, 0, &mut json).expect("reading from memory");
}

/// Documents of users: profiles, configuration, virtual networks, service tags.
pub(crate) fn documents(bytes: &[u8]) {
    let date = nsgaudit::net::Timestamp(0);
    drop(nsgaudit::environment::TagEdition::parse(
        bytes, date, "fuzz",
    ));
    drop(nsgaudit::environment::vnet::parse(bytes, "fuzz"));
    if let Ok(text) = std::str::from_utf8(bytes) {
        drop(nsgaudit::catalogue::load::parse(
            Path::new("fuzz.toml"),
            text,
        ));
        if let Ok(config) = nsgaudit::config::Config::parse(text, Path::new("fuzz.toml")) {
            let written = nsgaudit::config::write_toml(&config.environment, "ise", &[]);
            nsgaudit::config::Config::parse(&written, Path::new("written.toml"))
                .expect("what is written is read");
        }
    }
}

/// What is told from first bytes and from paths.
pub(crate) fn inputs(bytes: &[u8]) {
    let _ = nsgaudit::input::sniff(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = nsgaudit::input::blob_path::BlobPath::parse(text);
        let _ = nsgaudit::net::Timestamp::parse(text);
        let _ = nsgaudit::report::escape::terminal(text);
    }
}
