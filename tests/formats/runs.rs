//! Several reports of one run: the same bytes, whole or not at all, refused where they cannot be meant.

use super::*;

#[test]
fn every_format_is_the_same_bytes_each_time() {
    let (once, again) = (Reports::incident(), Reports::incident());
    for format in FORMATS {
        let [once, again] = [&once, &again].map(|reports| fs::read(reports.file(format)).unwrap());
        assert!(once == again && !once.is_empty(), "{format} differs");
    }
}

#[test]
fn one_report_that_fails_leaves_the_others_and_ends_with_2() {
    let (bench, mut arguments) = hostile();
    arguments.insert(0, "audit".into());
    arguments.extend(
        [
            "--format",
            "json",
            "--output",
            "main.json",
            "--report",
            "sarif=no/such/folder.sarif",
            "--report",
            "junit=cases.xml",
        ]
        .map(OsString::from),
    );
    let ran = bench.run(&arguments).expect(2);
    assert!(
        ran.stderr.contains("no/such/folder.sarif"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("create it first"), "{}", ran.stderr);
    for whole in ["main.json", "cases.xml"] {
        assert!(fs::metadata(bench.path(whole)).unwrap().len() > 1_000);
    }
    let left = fs::read_dir(bench.folder.path()).unwrap();
    let left = left.map(|entry| entry.unwrap().file_name());
    assert!(
        left.into_iter()
            .all(|name| !name.to_string_lossy().starts_with(".nsgaudit-"))
    );
}

#[test]
fn a_full_disk_is_an_error_and_the_other_reports_are_there() {
    let (bench, mut arguments) = hostile();
    arguments.insert(0, "audit".into());
    arguments.extend(
        [
            "--format",
            "json",
            "--output",
            "main.json",
            "--report",
            "parquet=/dev/full",
        ]
        .map(OsString::from),
    );
    let ran = bench.run(&arguments).expect(2);
    assert!(ran.stderr.contains("/dev/full"), "{}", ran.stderr);
    assert!(bench.path("main.json").exists());
}

#[test]
fn reports_that_cannot_be_meant_are_refused_before_anything_is_read() {
    let bench = Bench::new();
    for (report, word) in [
        ("sarif", "FORMAT=FILE"),
        ("sarif=", "FORMAT=FILE"),
        ("sarif=-", "standard output"),
        ("pdf=x", "csv-findings"),
    ] {
        let ran = bench.run(["audit", "x", "--report", report]).expect(2);
        assert!(ran.stderr.contains(word), "{}", ran.stderr);
    }
    let twice = ["audit", "x", "-o", "a", "--report", "json=a"];
    let ran = bench.run(twice).expect(2);
    assert!(
        ran.stderr.contains("two reports are to go to a"),
        "{}",
        ran.stderr
    );
}
