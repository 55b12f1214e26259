//! The same input gives the same bytes, however it is read and however it is stored.

#![expect(clippy::unwrap_used, reason = "a test may")]

mod support;

use std::io::Write as _;
use std::path::Path;

use serde_json::Value;
use support::blob::{self, CONFIG, Format, Record};
use support::{Bench, assert_reconciled, assert_same, faults, number, without_places};

/// A bench with the tests' network and a folder of blobs of every format.
fn bench() -> Bench {
    let bench = Bench::new();
    bench.write("nsgaudit.toml", CONFIG);
    let records = blob::mixed(1, 900, 12);
    for (number, part) in records.chunks(60).enumerate() {
        let format = [Format::NsgV2, Format::VnetV4, Format::NsgV1][number % 3];
        bench.write(
            format!("logs/part-{number:02}.json"),
            blob::blob(format, part),
        );
    }
    for (hour, part) in (14..).zip(records.chunks(300)) {
        bench.write(
            Path::new("logs").join(blob::nsg_path("NSG-APIM", "00224812A000", hour)),
            blob::blob(Format::NsgV2, part),
        );
    }
    bench.write("logs/damaged.json", damaged(&records[..40]));
    bench
}

/// A blob with a bad tuple and a record that is cut in its middle.
fn damaged(records: &[Record]) -> String {
    let mut texts: Vec<String> = records
        .iter()
        .map(|record| record.text(Format::NsgV2))
        .collect();
    texts[3] = texts[3].replace(",T,", ",Q,");
    let half = texts[7].len() / 2;
    texts[7].truncate(half);
    blob::join(texts)
}

#[test]
fn threads_do_not_show() {
    let bench = bench();
    for extra in [&[][..], &["--all"]] {
        let one = bench.report_text(["logs", "--threads", "1"].iter().chain(extra), &[]);
        assert!(number(&one.json(), "/input/tuples/counted") > 2_000);
        assert_reconciled(&one.json());
        for threads in ["2", "3", "7"] {
            let several =
                bench.report_text(["logs", "--threads", threads].iter().chain(extra), &[]);
            assert_eq!(one.stdout, several.stdout, "{threads} threads");
        }
    }
    let text = |threads| {
        let arguments = [
            "audit",
            "logs",
            "--fail-on=never",
            "--all",
            "--threads",
            threads,
        ];
        bench.run(arguments).expect(0).stdout
    };
    assert_eq!(text("1"), text("7"));
}

#[test]
fn threads_do_not_show_where_the_network_is_assumed() {
    let bench = bench();
    std::fs::remove_file(bench.path("nsgaudit.toml")).unwrap();
    let one = bench.report_text(["logs", "--threads", "1"], &[]).stdout;
    for threads in ["2", "3", "7"] {
        let several = bench.report_text(["logs", "--threads", threads], &[]);
        assert_eq!(one, several.stdout, "{threads} threads");
    }
}

#[test]
fn vector_instructions_do_not_show() {
    let bench = bench();
    let vector = bench.report_text(["logs"], &[]).stdout;
    assert_eq!(vector, bench.report_text(["logs", "--scalar"], &[]).stdout);
    let flows = |extra: &[&str]| {
        let arguments = ["flows", "logs"].iter().chain(extra);
        bench.run(arguments).expect(0).stdout
    };
    assert_eq!(flows(&[]), flows(&["--scalar"]));
}

#[test]
fn the_order_of_arguments_does_not_show() {
    let bench = bench();
    let names: Vec<String> = (0..15)
        .map(|number| format!("logs/part-{number:02}.json"))
        .collect();
    let forward = bench.report_text(&names, &[]).stdout;
    let backward = bench.report_text(names.iter().rev(), &[]).stdout;
    assert_eq!(forward, backward);
    let repeated = bench.report_text(names.iter().chain(&names), &[]).stdout;
    assert_eq!(forward, repeated, "a file named twice is one file");
}

#[test]
fn names_of_files_show_as_names_only() {
    let bench = bench();
    let renamed = Bench::new();
    renamed.write("nsgaudit.toml", CONFIG);
    for number in 0..15 {
        let bytes = std::fs::read(bench.path(format!("logs/part-{number:02}.json"))).unwrap();
        renamed.write(format!("logs/{}/x{}", number % 4, 99 - number), bytes);
    }
    assert_same(
        &without_places(&bench.report(["logs/part-*.json"])),
        &without_places(&renamed.report(["logs"])),
    );
}

/// A blob of more than 64 MiB: the same mixed minutes, each time at other times of the day.
fn big(path: &Path) -> Vec<String> {
    const COPIES: i64 = 34;
    let mut records = blob::mixed(5, 1_000, 1);
    for record in &mut records {
        // Fewer and longer records are quicker to make.
        for port in 1..32 {
            let mut again = record.flows[0].clone();
            again.source_port = again.source_port.wrapping_add(port);
            record.flows.push(again);
        }
    }
    let mut chunks = Vec::new();
    for copy in 0..COPIES {
        let moved = records.iter().map(|record| {
            let mut record = record.clone();
            record.time += copy * 1_000;
            for flow in &mut record.flows {
                flow.time += copy * 1_000;
            }
            record.text(Format::NsgV2)
        });
        chunks.push(blob::join(moved));
    }
    let mut file = std::io::BufWriter::new(std::fs::File::create(path).unwrap());
    file.write_all(b"{\"records\":[").unwrap();
    for (number, chunk) in chunks.iter().enumerate() {
        let inner = &chunk["{\"records\":[".len()..chunk.len() - 2];
        file.write_all(if number > 0 { b"," } else { b"" }).unwrap();
        file.write_all(inner.as_bytes()).unwrap();
    }
    file.write_all(b"]}").unwrap();
    file.flush().unwrap();
    chunks
}

#[test]
fn a_big_file_is_what_its_records_are() {
    let bench = Bench::new();
    bench.write("nsgaudit.toml", CONFIG);
    let chunks = big(&bench.path("big.json"));
    let length = std::fs::metadata(bench.path("big.json")).unwrap().len();
    assert!(length > 64 << 20, "{length} bytes");
    let whole = bench.report_text(["big.json", "--threads", "1"], &[]);
    for threads in ["2", "7"] {
        let cut = bench.report_text(["big.json", "--threads", threads], &[]);
        assert!(whole.stdout == cut.stdout, "{threads} threads differ");
    }
    for (number, chunk) in chunks.iter().enumerate() {
        bench.write(format!("small/{number:03}.json"), chunk);
    }
    let small = bench.report(["small", "--threads", "3"]);
    assert_eq!(number(&small, "/input/files"), chunks.len() as u64);
    assert_same(&without_places(&whole.json()), &without_places(&small));
}

#[test]
fn damage_at_the_borders_of_segments_does_not_show() {
    let bench = Bench::new();
    bench.write("nsgaudit.toml", CONFIG);
    drop(big(&bench.path("big.json")));
    let mut bytes = std::fs::read(bench.path("big.json")).unwrap();
    // The border falls into damage; the records around it are lost, or cut in two, or look like
    // the start of one although they stand inside a text.
    let first = 16 << 20;
    bytes[first - 5_000..first + 5_000].fill(b'x');
    let second = 32 << 20;
    bytes[second - 3_000..second - 2_990].fill(b'"');
    let third = 48 << 20;
    let fake = br#"\"{"time":"2026-01-05T14:00:00Z","category":"#;
    bytes[third - 20..third - 20 + fake.len()].copy_from_slice(fake);
    bench.write("big.json", &bytes);
    let whole = bench.report_text(["big.json", "--threads", "1"], &[]);
    assert!(faults(&whole.json(), "damaged-record") >= 2);
    assert_reconciled(&whole.json());
    for threads in ["2", "3"] {
        let cut = bench.report_text(["big.json", "--threads", threads], &[]);
        assert!(whole.stdout == cut.stdout, "{threads} threads differ");
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn compression_and_pipes_show_as_names_only() {
    let bench = Bench::new();
    bench.write("nsgaudit.toml", CONFIG);
    let text = blob::blob(Format::NsgV2, &blob::mixed(3, 1_500, 4));
    let zipped = gzip(text.as_bytes());
    let zstd = zstd::encode_all(text.as_bytes(), 1).unwrap();
    bench.write("log.json", &text);
    bench.write("log.json.gz", &zipped);
    bench.write("zipped-though-the-name-is-plain.json", &zipped);
    bench.write("log.zst", &zstd);
    let renamed = |report: Value, name: &str| -> Value {
        let named = format!("{name:?}");
        let text = serde_json::to_string(&report).unwrap();
        assert!(text.contains(&named), "{name} is named");
        serde_json::from_str(&text.replace(&named, "\"log.json\"")).unwrap()
    };
    let plain = bench.report(["log.json"]);
    for name in [
        "log.json.gz",
        "zipped-though-the-name-is-plain.json",
        "log.zst",
    ] {
        assert_same(&renamed(bench.report([name]), name), &plain);
    }
    for input in [text.as_bytes(), &zipped, &zstd] {
        let report = bench.report_text(["-"], input).json();
        assert_same(&renamed(report, "(standard input)"), &plain);
    }
}
