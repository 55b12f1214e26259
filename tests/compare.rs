//! Audits compared, findings accepted, and what fingerprints do not depend on.

#![expect(clippy::unwrap_used, reason = "a test may")]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use support::Bench;

fn testdata(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("testdata")
        .join(name)
}

/// Arguments of an audit of the incident.
fn incident(more: &[&str]) -> Vec<String> {
    let folder = testdata("incident");
    let config = folder.join("nsgaudit.toml");
    let fixed = [
        "audit",
        folder.to_str().unwrap(),
        "--config",
        config.to_str().unwrap(),
    ];
    fixed
        .iter()
        .chain(more)
        .map(|&text| text.to_owned())
        .collect()
}

/// Writes the incident's report, narrowed, into the bench.
fn report(bench: &Bench, name: &str, more: &[&str]) {
    let mut arguments = incident(&["--format", "json", "--fail-on", "never", "--output", name]);
    arguments.extend(more.iter().map(|&text| text.to_owned()));
    bench.run(arguments).expect(0);
}

/// The incident, before and after it began.
fn halves() -> Bench {
    let bench = Bench::new();
    report(&bench, "before.json", &["--until", "2026-01-05T14:00:00Z"]);
    report(&bench, "after.json", &["--since", "2026-01-05T14:00:00Z"]);
    bench
}

fn prints(report: &Value) -> Vec<String> {
    let findings = report["findings"].as_array().unwrap().iter();
    findings
        .map(|one| one["fingerprint"].as_str().unwrap().to_owned())
        .collect()
}

fn list<'a>(difference: &'a Value, what: &str) -> Vec<&'a str> {
    let list = difference[what].as_array().unwrap().iter();
    list.map(|one| one["fingerprint"].as_str().unwrap())
        .collect()
}

fn read(bench: &Bench, name: &str) -> Value {
    serde_json::from_slice(&fs::read(bench.path(name)).unwrap()).unwrap()
}

#[test]
fn an_audit_does_not_differ_from_itself() {
    let bench = halves();
    let same = bench
        .run(["diff", "after.json", "after.json", "--format", "json"])
        .expect(0)
        .json();
    assert!(list(&same, "new_findings").is_empty() && list(&same, "fixed").is_empty());
    assert!(same["changed"].as_array().unwrap().is_empty());
    assert!(same["inputs"].as_array().unwrap().is_empty());
    assert_eq!(same["comparable"], "yes");
    assert!(!list(&same, "unchanged").is_empty());
}

#[test]
fn what_began_is_new_and_is_gone_the_other_way_round() {
    let bench = halves();
    let there = bench
        .run(["diff", "before.json", "after.json", "--format", "json"])
        .expect(1)
        .json();
    let back = bench.run(["diff", "after.json", "before.json", "--format", "json"]);
    let back = back.json();
    assert_eq!(list(&there, "new_findings"), list(&back, "fixed"));
    assert_eq!(list(&there, "fixed"), list(&back, "new_findings"));
    let codes: BTreeSet<_> = there["new_findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["code"].as_str().unwrap())
        .collect();
    assert!(
        codes.contains("NSG101") || codes.contains("NSG102"),
        "{codes:?}"
    );
    let worse = there["verdicts"].as_array().unwrap().iter().any(|one| {
        one["old"] == "satisfied"
            && one["new"]
                .as_str()
                .is_some_and(|now| now.contains("blocked"))
    });
    assert!(worse, "{}", there["verdicts"]);
    assert!(
        there["inputs"]
            .as_array()
            .unwrap()
            .iter()
            .any(|one| one["what"] == "first event")
    );
    let warned = back["warnings"].to_string();
    assert!(warned.contains("swapped"), "{warned}");
}

#[test]
fn the_exit_status_is_that_of_what_is_new_and_severe_enough() {
    let bench = halves();
    let status = |fail_on: &str| {
        bench
            .run(["diff", "before.json", "after.json", "--fail-on", fail_on])
            .status
    };
    assert_eq!(
        (status("info"), status("critical"), status("never")),
        (1, 1, 0)
    );
    let text = bench
        .run(["diff", "before.json", "after.json"])
        .expect(1)
        .stdout;
    assert!(
        text.lines().all(|line| line.chars().count() <= 80),
        "{text}"
    );
    let markdown = bench
        .run(["diff", "before.json", "after.json", "--format", "markdown"])
        .expect(1)
        .stdout;
    assert!(markdown.contains("### New\n"), "{markdown}");
}

#[test]
fn what_is_no_audit_is_an_error_in_words() {
    let bench = halves();
    let text = fs::read_to_string(bench.path("after.json")).unwrap();
    bench.write("cut.json", &text[..text.len() / 2]);
    bench.write(
        "newer.json",
        text.replacen("nsgaudit/audit/1", "nsgaudit/audit/2", 1),
    );
    bench.write("empty.json", "");
    for (name, said) in [
        ("cut.json", "EOF"),
        ("newer.json", "newer nsgaudit"),
        ("empty.json", "empty file"),
        ("missing.json", "cannot read"),
    ] {
        let ran = bench.run(["diff", "after.json", name]).expect(2);
        assert!(
            ran.stderr.contains(said) && ran.stdout.is_empty(),
            "{}",
            ran.stderr
        );
    }
    bench.run(["diff", "-", "-"]).expect(2);
}

#[test]
fn fingerprints_tell_findings_apart_and_do_not_depend_on_files_threads_or_window() {
    let bench = halves();
    report(&bench, "whole.json", &["--threads", "1"]);
    report(&bench, "threads.json", &["--threads", "4"]);
    let whole = read(&bench, "whole.json");
    assert_eq!(prints(&whole), prints(&read(&bench, "threads.json")));
    let distinct: BTreeSet<_> = prints(&whole).into_iter().collect();
    assert_eq!(distinct.len(), prints(&whole).len());
    // The same records under other names, and in one file.
    let mut number = 0;
    let mut copied = Vec::new();
    for entry in walk(&testdata("incident")) {
        if entry
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            number += 1;
            let name = format!("renamed/{}.json", 1000 - number);
            bench.write(&name, fs::read(&entry).unwrap());
            copied.push(name);
        }
    }
    assert!(copied.len() > 10);
    let config = testdata("incident").join("nsgaudit.toml");
    let renamed = bench.report(["renamed", "--config", config.to_str().unwrap()]);
    let of = |report: &Value| -> BTreeSet<String> {
        let findings = report["findings"].as_array().unwrap().iter();
        let of_traffic = findings.filter(|one| !one["code"].as_str().unwrap().starts_with("NSG9"));
        of_traffic
            .map(|one| one["fingerprint"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(of(&renamed), of(&whole));
    // An opening that both halves have has one fingerprint, whatever its counts and times.
    let open = |report: &Value| -> BTreeSet<(String, String)> {
        let findings = report["findings"].as_array().unwrap().iter();
        let open = findings.filter(|one| one["code"] == "NSG201");
        open.map(|one| (one["fingerprint"].to_string(), one["title"].to_string()))
            .collect()
    };
    assert_eq!(
        open(&read(&bench, "before.json")),
        open(&read(&bench, "after.json"))
    );
    assert!(!open(&whole).is_empty());
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(walk(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// A baseline of all findings of the incident, filled in.
fn accepted(bench: &Bench) -> String {
    bench
        .run(incident(&["--write-baseline", "draft.toml"]))
        .expect(1);
    let draft = fs::read_to_string(bench.path("draft.toml")).unwrap();
    let refused = bench.run(incident(&["--baseline", "draft.toml"])).expect(2);
    assert!(
        refused.stderr.contains("line 4: reason of") && refused.stdout.is_empty(),
        "{}",
        refused.stderr
    );
    draft
        .replace("reason = \"\"", "reason = \"planned work\"")
        .replace("owner = \"\"", "owner = \"network team\"")
        .replace("expires = \"\"", "expires = 2026-06-30")
}

#[test]
fn accepted_findings_are_counted_and_listed_and_fail_no_run() {
    let bench = Bench::new();
    bench.write("accepted.toml", accepted(&bench));
    let holds = &["--baseline", "accepted.toml", "--today", "2026-06-30"];
    let text = bench.run(incident(holds)).expect(0).stdout;
    assert!(
        text.contains("SUPPRESSED  ") && text.contains("by network team until 2026-06-30"),
        "{text}"
    );
    let json = bench
        .run(incident(&[holds, &["--format", "json"][..]].concat()))
        .expect(0)
        .json();
    let findings = json["findings"].as_array().unwrap();
    assert_eq!(json["baseline"]["suppressed"], findings.len());
    assert!(
        findings
            .iter()
            .all(|one| one["suppressed"]["owner"] == "network team")
    );
    // The same on any day until then: only --today (or the clock) counts.
    let earlier = bench
        .run(incident(&[
            "--baseline",
            "accepted.toml",
            "--today",
            "2026-02-01",
        ]))
        .expect(0);
    assert_eq!(earlier.stdout.replace("2026-02-01", "2026-06-30"), text);
}

#[test]
fn an_expired_entry_brings_its_finding_back_and_one_without_a_finding_is_told() {
    let bench = Bench::new();
    let stale = "\n[[accept]]\nfingerprint = \"00000000000000ff\"\ncode = \"NSG201\"\nreason = \"r\"\nowner = \"o\"\nexpires = 2030-01-01\n";
    bench.write("accepted.toml", accepted(&bench) + stale);
    let arguments = incident(&[
        "--baseline",
        "accepted.toml",
        "--today",
        "2026-07-01",
        "--format",
        "json",
    ]);
    let json = bench.run(arguments).expect(1).json();
    assert_eq!(json["baseline"]["suppressed"], 0);
    let expired = json["baseline"]["expired"].as_array().unwrap().len();
    assert_eq!(expired, json["findings"].as_array().unwrap().len());
    assert_eq!(
        json["baseline"]["unmatched"][0]["fingerprint"],
        "00000000000000ff"
    );
    assert!(
        json["findings"][0]["details"]
            .to_string()
            .contains("has expired")
    );
    let said = bench
        .run(incident(&[
            "--baseline",
            "accepted.toml",
            "--today",
            "yesterday",
        ]))
        .expect(2)
        .stderr;
    assert!(said.contains("--today: expected a day"), "{said}");
}

#[test]
fn a_draft_over_a_baseline_keeps_its_words() {
    let bench = Bench::new();
    bench.write("accepted.toml", accepted(&bench));
    let arguments = [
        "--baseline",
        "accepted.toml",
        "--today",
        "2026-01-06",
        "--write-baseline",
        "next.toml",
    ];
    bench.run(incident(&arguments)).expect(0);
    let next = fs::read_to_string(bench.path("next.toml")).unwrap();
    assert!(next.contains("planned work") && !next.contains("reason = \"\""));
}
