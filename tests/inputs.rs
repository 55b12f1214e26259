//! Inputs that are not what they seem: each is a counted fault or a clear error, never a panic and
//! never a run that does not end.

#![cfg(unix)]

mod support;

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::Command;
use std::thread;

use support::blob::{self, Format, Seeded};
use support::{Bench, assert_reconciled, faults, number};

const FLAGS: [&str; 3] = ["audit", "--format=json", "--fail-on=never"];

fn log() -> String {
    blob::blob(Format::NsgV2, &blob::mixed(41, 50, 20))
}

fn bench() -> Bench {
    let bench = Bench::new();
    bench.write("logs/good.json", log());
    bench
}

/// The report of a run that could not read all of its input.
#[track_caller]
fn partial(bench: &Bench, arguments: &[&str], fault: &str) {
    let ran = bench.run(FLAGS.iter().chain(arguments)).expect(2);
    let report = ran.json();
    assert_reconciled(&report);
    assert_eq!(faults(&report, fault), 1, "{}", report["input"]["faults"]);
    assert_eq!(number(&report, "/input/records/counted"), 50);
    assert!(ran.stderr.contains("could not be read"), "{}", ran.stderr);
}

#[test]
fn a_pipe_that_is_named_is_read_and_one_in_a_folder_is_left_alone() {
    let bench = bench();
    for name in ["pipe", "logs/pipe"] {
        let made = Command::new("mkfifo")
            .arg(bench.path(name))
            .status()
            .unwrap();
        assert!(made.success());
    }
    assert_eq!(number(&bench.report(["logs"]), "/input/files"), 1);
    let path = bench.path("pipe");
    let writer = thread::spawn(move || fs::write(path, log()).unwrap());
    let report = bench.report(["pipe"]);
    writer.join().unwrap();
    assert_eq!(number(&report, "/input/records/counted"), 50);
}

#[test]
fn links_that_lead_nowhere_or_back_up_are_faults() {
    let dangling = bench();
    symlink("nowhere.json", dangling.path("logs/dangling.json")).unwrap();
    partial(&dangling, &["logs"], "unreadable");
    dangling
        .run(FLAGS.iter().chain(&["logs/dangling.json"]))
        .expect(2);

    let upwards = bench();
    symlink("..", upwards.path("logs/up")).unwrap();
    partial(&upwards, &["logs"], "symlink-loop");

    let selfish = bench();
    symlink("self", selfish.path("logs/self")).unwrap();
    partial(&selfish, &["logs"], "symlink-loop");
    selfish.run(FLAGS.iter().chain(&["logs/self"])).expect(2);

    // Two folders that link to each other: each true file is read once.
    let mutual = bench();
    fs::create_dir(mutual.path("other")).unwrap();
    symlink("../other", mutual.path("logs/other")).unwrap();
    symlink("../logs", mutual.path("other/logs")).unwrap();
    let ran = mutual.run(FLAGS.iter().chain(&["logs", "other"]));
    assert_eq!(number(&ran.json(), "/input/files"), 1);
    assert_eq!(number(&ran.json(), "/input/records/counted"), 50);
}

#[test]
fn a_folder_without_permission_is_a_fault() {
    let bench = bench();
    let locked = bench.path("logs/locked");
    fs::create_dir(&locked).unwrap();
    fs::set_permissions(&locked, Permissions::from_mode(0o000)).unwrap();
    let may_read = fs::read_dir(&locked).is_ok();
    if may_read {
        println!("folders without permission are not tested: this user may read them all");
        bench.report(["logs"]);
    } else {
        partial(&bench, &["logs"], "unreadable");
    }
    fs::set_permissions(&locked, Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_file_that_is_a_folder_below_a_file_is_an_error() {
    let bench = bench();
    let ran = bench
        .run(FLAGS.iter().chain(&["logs/good.json/deeper"]))
        .expect(2);
    assert!(ran.stderr.contains("deeper"), "{}", ran.stderr);
}

#[test]
fn files_without_flows_are_named_and_never_half_read() {
    let mut numbers = Seeded::new(42);
    let noise: Vec<u8> = (0..300_000).map(|_| numbers.below(256) as u8).collect();
    let zeros = vec![0; 100_000];
    let gzip_noise = [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3][..], &noise].concat();
    let zstd_noise = [&[0x28, 0xb5, 0x2f, 0xfd][..], &noise].concat();
    let deep = format!("{{\"records\":{}", "[".repeat(200_000));
    let braces = format!("{{\"flowTuples\":{}", "{\"records\":[".repeat(50_000));
    let cases: [(&str, &[u8], Option<&str>); 13] = [
        ("noise", &noise, Some("not-flow-log")),
        ("zeros", &zeros, Some("not-flow-log")),
        (
            "program",
            b"\x7fELF\x02\x01\x01\0\0\0\0\0",
            Some("not-flow-log"),
        ),
        (
            "page",
            b"<!DOCTYPE html><title>Sign in</title>",
            Some("not-flow-log"),
        ),
        ("zip", b"PK\x03\x04\x14\0\0\0", Some("not-flow-log")),
        ("utf-16", b"\xff\xfe{\0\"\0r\0", Some("not-flow-log")),
        ("object", b"{}", Some("not-flow-log")),
        ("gzip noise", &gzip_noise, Some("damaged-compression")),
        ("zstd noise", &zstd_noise, Some("damaged-compression")),
        ("empty", b"", None),
        ("white", b" \r\n\t\n", None),
        ("deep", deep.as_bytes(), None),
        ("braces", braces.as_bytes(), None),
    ];
    for (name, bytes, fault) in cases {
        let bench = Bench::new();
        bench.write(name, bytes);
        // What is empty was read, and holds nothing; all else is at fault.
        let status = if matches!(name, "empty" | "white") {
            3
        } else {
            2
        };
        let ran = bench.run(FLAGS.iter().chain(&[name])).expect(status);
        let report = ran.json();
        assert_reconciled(&report);
        assert_eq!(number(&report, "/input/tuples/counted"), 0, "{name}");
        assert_eq!(number(&report, "/input/flow_files"), 0, "{name}");
        if let Some(fault) = fault {
            assert_eq!(
                faults(&report, fault),
                1,
                "{name}: {}",
                report["input"]["faults"]
            );
        }
        // Beside a good file it does no harm.
        bench.write("good.json", log());
        let report = bench.report([name, "good.json"]);
        assert_eq!(number(&report, "/input/records/counted"), 50, "{name}");
    }
}

#[test]
fn white_space_hides_nothing() {
    let bench = Bench::new();
    for blank in [10, 60_000, 65_536, 70_000, 1_000_000] {
        bench.write("padded.json", format!("{}{}", " ".repeat(blank), log()));
        let report = bench.report(["padded.json"]);
        assert_eq!(number(&report, "/input/records/counted"), 50, "{blank}");
        bench.write("padded.txt", format!("{}hello", "\n".repeat(blank)));
        let ran = bench.run(FLAGS.iter().chain(&["padded.txt"])).expect(2);
        let said = ran.json()["input"]["faults"].as_array().unwrap().len();
        assert_eq!(said, 1, "{blank}");
    }
}

#[test]
fn empty_folders_are_an_error_alone_and_nothing_beside_others() {
    let bench = bench();
    fs::create_dir_all(bench.path("empty/deeper")).unwrap();
    let ran = bench.run(["audit", "empty"]).expect(2);
    assert!(ran.stderr.contains("no files in empty"), "{}", ran.stderr);
    assert_eq!(number(&bench.report(["empty", "logs"]), "/input/files"), 1);
}

#[test]
fn patterns_are_taken_as_such_unless_a_file_is_called_so() {
    let bench = bench();
    bench.write("logs/[x].json", log());
    bench.write("logs/x.json", log());
    bench.write("logs/deep/er/y.json", log());
    let files = |pattern: &str| number(&bench.report([pattern]), "/input/files");
    assert_eq!(files("logs/*.json"), 3);
    assert_eq!(files("logs/**/*.json"), 4);
    assert_eq!(files("logs/?.json"), 1);
    assert_eq!(files("l*"), 4, "folders that match are walked");
    assert_eq!(files("logs/[x].json"), 1);
    let named = bench.run(["flows", "logs/[x].json", "--limit=1"]).expect(0);
    assert!(named.stdout.contains("logs/[x].json"), "{}", named.stdout);
    for pattern in ["logs/*.nope", "logs/[", "logs/***"] {
        let ran = bench.run(["audit", pattern]).expect(2);
        assert!(ran.stderr.contains(pattern), "{}", ran.stderr);
    }
}

#[test]
fn names_may_be_anything() {
    use std::os::unix::ffi::OsStrExt as _;
    let bench = Bench::new();
    for name in [
        &b"not \xff utf-8"[..],
        b" ",
        b"-dash",
        b"a\nb",
        "\u{e9}".as_bytes(),
    ] {
        bench.write(std::ffi::OsStr::from_bytes(name), log());
    }
    let report = bench.report(["."]);
    assert_eq!(number(&report, "/input/files"), 5);
    assert_eq!(number(&report, "/input/records/counted"), 50);
    assert_eq!(number(&report, "/input/records/duplicate"), 200);
    assert_eq!(number(&bench.report(["--", "-dash"]), "/input/files"), 1);
}

#[test]
fn special_files_end() {
    let bench = bench();
    let empty = bench.run(FLAGS.iter().chain(&["/dev/null"])).expect(3);
    assert_eq!(number(&empty.json(), "/input/tuples/read"), 0);
    let shown = bench
        .run(FLAGS.iter().chain(&["/proc/self/status"]))
        .expect(2);
    assert_eq!(faults(&shown.json(), "not-flow-log"), 1);
    // Memory of the program itself: reading fails at once.
    bench.run(FLAGS.iter().chain(&["/proc/self/mem"])).expect(2);
}

#[test]
fn a_compressed_bomb_is_cut_off() {
    let bench = bench();
    let zeros = vec![b' '; 300 << 20];
    let bomb = zstd::encode_all(&zeros[..], 1).unwrap();
    assert!(bomb.len() < 1 << 20);
    bench.write("bomb.zst", &bomb);
    let report = bench.report(["bomb.zst", "logs", "--max-inflated=1000000"]);
    assert_eq!(
        faults(&report, "compression-bomb"),
        1,
        "{}",
        report["input"]["faults"]
    );
    assert_eq!(number(&report, "/input/records/counted"), 50);
    // A log that is cut off is audited as far as it was read.
    let long = blob::blob(Format::NsgV2, &blob::mixed(43, 2_000, 4));
    bench.write("long.zst", zstd::encode_all(long.as_bytes(), 1).unwrap());
    let report = bench.report(["long.zst", "--max-inflated=100000"]);
    assert_eq!(
        faults(&report, "compression-bomb"),
        1,
        "{}",
        report["input"]["faults"]
    );
    assert!(number(&report, "/input/records/counted") > 20);
    assert_reconciled(&report);
}
