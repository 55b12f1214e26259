//! From a number back to tuples, and from a report back to its inputs.

#![expect(clippy::unwrap_used, reason = "a test may")]

mod support;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use support::{Bench, Ran};

fn testdata(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("testdata")
        .join(name)
}

const APIM: &str = "3a948fc7d3097e1d";

fn incident() -> [String; 3] {
    let folder = testdata("incident");
    let config = folder.join("nsgaudit.toml");
    [
        folder.to_str().unwrap().to_owned(),
        "--config".to_owned(),
        config.to_str().unwrap().to_owned(),
    ]
}

fn evidence(bench: &Bench, finding: &str, more: &[&str]) -> Ran {
    let arguments = ["evidence".to_owned(), finding.to_owned()]
        .into_iter()
        .chain(incident());
    bench.run(arguments.chain(more.iter().map(|&text| text.to_owned())))
}

fn lines(ran: &Ran) -> Vec<Value> {
    ran.stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn shell(command: &str, folder: &Path) -> String {
    let output = Command::new("bash")
        .args(["-c", command])
        .current_dir(folder)
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_finding_with_flows_reconciles_with_its_tuples() {
    let bench = Bench::new();
    for folder in ["incident-capture", "traffic-analytics", "quirks"] {
        let logs = testdata(folder);
        let logs = logs.to_str().unwrap();
        let report = format!("{folder}.json");
        bench.run([
            "audit",
            logs,
            "--format",
            "json",
            "--fail-on",
            "never",
            "--output",
            &report,
        ]);
        let json: Value = serde_json::from_slice(&fs::read(bench.path(&report)).unwrap()).unwrap();
        let with_flows = json["findings"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|one| !one["evidence"].is_null());
        let mut found = 0;
        for finding in with_flows {
            found += 1;
            let print = finding["fingerprint"].as_str().unwrap();
            let ran = bench
                .run(["evidence", print, logs, "--audit", &report])
                .expect(0);
            assert!(ran.stdout.contains("\nreconciled: "), "{}", ran.stdout);
        }
        assert!(found > 0, "{folder}");
    }
}

#[test]
fn each_tuple_is_listed_and_its_command_finds_it() {
    let bench = Bench::new();
    let ran = evidence(&bench, APIM, &["--format", "jsonl"]).expect(0);
    let tuples = lines(&ran);
    assert_eq!(tuples.len(), 110);
    let schema = bench.run(["schema", "evidence"]).expect(0).json();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    for tuple in &tuples {
        assert!(validator.is_valid(tuple), "{tuple}");
    }
    let mut other = tuples[0].clone();
    other["offset"] = "7".into();
    assert!(!validator.is_valid(&other));
    assert!(
        ran.stderr.contains("reconciled: every tuple"),
        "{}",
        ran.stderr
    );
    for tuple in tuples.iter().step_by(17) {
        let text = shell(tuple["locate"].as_str().unwrap(), bench.folder.path());
        let fields: Vec<_> = text.trim_end().split(',').collect();
        let port = tuple["source_port"].to_string();
        assert_eq!(
            [fields[1], fields[2], fields[3]],
            [
                tuple["source"].as_str().unwrap(),
                tuple["destination"].as_str().unwrap(),
                &port
            ]
        );
        assert_eq!((fields[7], &tuple["decision"]), ("D", &"deny".into()));
    }
    let csv = evidence(&bench, APIM, &["--format", "csv"])
        .expect(0)
        .stdout;
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    assert_eq!(
        reader
            .records()
            .map(Result::unwrap)
            .filter(|row| row.len() == 17)
            .count(),
        110
    );
}

#[test]
fn duplicates_are_named_and_compressed_files_are_found_in() {
    let bench = Bench::new();
    let source = testdata("behind/NSG-COMPUTE-00224812A000.json");
    let text = fs::read(&source).unwrap();
    bench.write("a.json", &text);
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&text).unwrap();
    bench.write("it's b.json.gz", packed.finish().unwrap());
    let report = bench.report(["a.json", "it's b.json.gz"]);
    let finding = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| !one["evidence"].is_null())
        .unwrap();
    let print = finding["fingerprint"].as_str().unwrap();
    let ran = bench
        .run([
            "evidence",
            print,
            "a.json",
            "it's b.json.gz",
            "--format",
            "jsonl",
        ])
        .expect(0);
    let tuples = lines(&ran);
    let (twice, once): (Vec<_>, Vec<_>) =
        tuples.iter().partition(|tuple| tuple["duplicate"] == true);
    assert_eq!(
        (twice.len(), once.len() as u64),
        (once.len(), finding["evidence"]["tuples"].as_u64().unwrap())
    );
    assert!(
        ran.stderr.contains("marked as duplicates"),
        "{}",
        ran.stderr
    );
    for tuple in [twice[0], once[0]] {
        let text = shell(tuple["locate"].as_str().unwrap(), bench.folder.path());
        assert!(
            text.contains(tuple["source"].as_str().unwrap()),
            "{} -> {text}",
            tuple["locate"]
        );
    }
}

#[test]
fn a_finding_is_chosen_by_fingerprint_prefix_or_code_and_subnet() {
    let bench = Bench::new();
    let whole = evidence(&bench, APIM, &[]).expect(0).stdout;
    assert_eq!(evidence(&bench, "3A94", &[]).expect(0).stdout, whole);
    assert_eq!(evidence(&bench, "NSG101:apim", &[]).expect(0).stdout, whole);
    let several = evidence(&bench, "NSG101", &[]).expect(2).stderr;
    assert!(
        several.contains("4 findings are") && several.contains(APIM),
        "{several}"
    );
    let none = evidence(&bench, "ffff", &[]).expect(2).stderr;
    assert!(none.contains("no finding is"), "{none}");
    let contrast = evidence(&bench, APIM, &["--contrast", "--format", "jsonl"]).expect(0);
    assert!(
        lines(&contrast)
            .iter()
            .all(|tuple| tuple["decision"] == "allow")
    );
    assert!(!lines(&contrast).is_empty());
}

#[test]
fn the_report_alone_has_samples_and_another_report_does_not_reconcile() {
    let bench = Bench::new();
    let audit = ["audit".to_owned()].into_iter().chain(incident());
    let more = [
        "--format",
        "json",
        "--fail-on",
        "never",
        "--output",
        "r.json",
    ]
    .map(str::to_owned);
    bench.run(audit.chain(more)).expect(0);
    let samples = bench
        .run(["evidence", APIM, "--audit", "r.json"])
        .expect(0)
        .stdout;
    assert!(
        samples.contains("of 110 tuples: the report has no more"),
        "{samples}"
    );
    bench.run(["evidence", APIM]).expect(2);
    let narrowed = evidence(
        &bench,
        APIM,
        &["--audit", "r.json", "--until", "2026-01-05T15:00:00Z"],
    )
    .expect(3);
    assert!(
        narrowed.stdout.contains("NOT RECONCILED"),
        "{}",
        narrowed.stdout
    );
}

/// A folder with two logs and a manifest of their audit.
fn kept() -> Bench {
    let bench = Bench::new();
    for number in 0..2 {
        let name = format!("NSG-COMPUTE-00224812A00{number}.json");
        bench.write(
            format!("logs/{name}"),
            fs::read(testdata("behind").join(&name)).unwrap(),
        );
    }
    bench.write("tags/readme.txt", "");
    let arguments = [
        "audit",
        "logs",
        "--format",
        "json",
        "--output",
        "r.json",
        "--manifest",
        "m.json",
        "--fail-on",
        "never",
    ];
    bench.run(arguments).expect(0);
    bench
}

#[test]
fn a_manifest_has_the_hash_of_each_input_and_output() {
    let bench = kept();
    let manifest: Value = serde_json::from_slice(&fs::read(bench.path("m.json")).unwrap()).unwrap();
    let schema: Value =
        serde_json::from_str(&bench.run(["schema", "manifest"]).expect(0).stdout).unwrap();
    assert!(
        jsonschema::validator_for(&schema)
            .unwrap()
            .is_valid(&manifest)
    );
    let files = manifest["inputs"]
        .as_array()
        .unwrap()
        .iter()
        .chain(manifest["outputs"].as_array().unwrap());
    let mut seen = 0;
    for file in files {
        let sum = shell(
            &format!("sha256sum {}", file["path"].as_str().unwrap()),
            bench.folder.path(),
        );
        assert_eq!(sum.split(' ').next(), file["sha256"].as_str());
        seen += 1;
    }
    assert_eq!(seen, 3);
}

#[test]
fn verify_says_what_differs_what_is_missing_and_what_is_more() {
    let bench = kept();
    let same = bench.run(["verify", "m.json"]).expect(0).stdout;
    assert!(
        same.starts_with("6 the same, 0 differ, 0 missing")
            && same.contains("to repeat: nsgaudit audit logs "),
        "{same}"
    );
    let log = bench.path("logs/NSG-COMPUTE-00224812A000.json");
    let mut bytes = fs::read(&log).unwrap();
    bytes[10] ^= 1;
    fs::write(&log, &bytes).unwrap();
    fs::remove_file(bench.path("logs/NSG-COMPUTE-00224812A001.json")).unwrap();
    bench.write("logs/more.json", "{}");
    fs::write(bench.path("r.json"), "short").unwrap();
    let told = bench.run(["verify", "m.json"]).expect(1).stdout;
    for said in [
        "3 the same, 3 differ, 1 missing",
        "differs  logs logs/NSG-COMPUTE-00224812A000.json: expected sha256 ",
        "missing  logs logs/NSG-COMPUTE-00224812A001.json",
        "differs  logs logs/more.json: it was not there",
        "differs  output r.json: expected ",
    ] {
        assert!(told.contains(said), "{said}\n{told}");
    }
    bench.write("bad.json", "{\"schema\":\"nsgaudit/manifest/9\"}");
    bench.run(["verify", "bad.json"]).expect(2);
    bench.run(["verify", "none.json"]).expect(2);
}

#[test]
fn standard_input_has_no_hash_and_that_is_said() {
    let bench = kept();
    let text = fs::read(bench.path("logs/NSG-COMPUTE-00224812A000.json")).unwrap();
    let arguments = ["audit", "-", "--manifest", "s.json", "--fail-on", "never"];
    let ran = bench.run_with(arguments, &text).expect(0);
    assert!(
        ran.stderr.contains("no hash: (standard input)"),
        "{}",
        ran.stderr
    );
    let told = bench.run(["verify", "s.json"]).expect(0).stdout;
    assert!(told.contains("2 without a hash"), "{told}");
    let refused = bench.run(["evidence", "NSG201", "-"]).expect(2).stderr;
    assert!(refused.contains("read twice"), "{refused}");
}
