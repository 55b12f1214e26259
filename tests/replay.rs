//! `replay`: past traffic against proposed rules, on the bundled incident and network.

#![expect(clippy::unwrap_used, reason = "a test may")]

mod support;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;
use support::{Bench, Ran};

fn testdata(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("testdata")
        .join(name)
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// The incident against proposed rules, with today's where `today`.
fn run(proposed: &Path, today: bool, more: &[&str]) -> Ran {
    let mut arguments = vec![
        "replay".to_owned(),
        text(&testdata("incident")),
        "--config".to_owned(),
        text(&testdata("incident/nsgaudit.toml")),
        "--rules".to_owned(),
        text(proposed),
    ];
    if today {
        arguments.extend(["--azure".to_owned(), text(&testdata("azure"))]);
    }
    arguments.extend(more.iter().map(|&one| one.to_owned()));
    Bench::new().run(arguments)
}

fn proposed(name: &str) -> PathBuf {
    testdata("replay").join(name)
}

fn list<'r>(replay: &'r Value, name: &str) -> &'r [Value] {
    replay[name].as_array().unwrap()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap()
}

/// The sums add up, and to what was counted.
#[track_caller]
fn reconciled(replay: &Value) {
    let counts = &replay["counts"];
    for what in [
        "groups",
        "flows",
        "tuples",
        "bytes_forward",
        "bytes_reverse",
    ] {
        let parts = ["newly_denied", "newly_allowed", "unchanged", "undetermined"];
        let sum: u64 = parts.iter().map(|part| number(&counts[part][what])).sum();
        assert_eq!(sum, number(&counts["read"][what]), "{what}");
    }
    let counted = &replay["input"]["tuples"]["counted"];
    assert_eq!(&counts["read"]["tuples"], counted);
    for name in ["newly_denied", "newly_allowed", "undetermined"] {
        let listed = list(replay, name).iter();
        let groups: u64 = listed.map(|of| number(&of["sum"]["groups"])).sum();
        assert_eq!(groups, number(&counts[name]["groups"]), "{name}");
    }
}

#[test]
fn without_the_hardening_what_it_blocked_is_allowed_and_nothing_is_denied() {
    let ran = run(
        &proposed("without-hardening.json"),
        true,
        &["--format", "json"],
    );
    let replay = ran.expect(0).json();
    reconciled(&replay);
    assert_eq!(replay["passes"], "yes");
    assert!(list(&replay, "newly_denied").is_empty());
    let allowed = list(&replay, "newly_allowed");
    assert!(!allowed.is_empty());
    for of in allowed {
        assert_eq!(of["port"], 5672);
        assert_eq!(of["need"], "required");
        assert_eq!(of["today"], "deny");
        assert_eq!(of["proposed"], "allow");
        assert_eq!(of["logged"]["rule"], "UserRule_hardening-2026-01");
        let by = of["by"].as_str().unwrap();
        assert!(
            by.contains("by AllowEventHubOut (allow, priority 220)"),
            "{by}"
        );
        let sample = &of["sample"];
        assert!(sample["file"].as_str().unwrap().ends_with("PT1H.json"));
        assert!(sample["tuple"].as_str().unwrap().ends_with(":5672"));
    }
    let better = list(&replay, "requirements").iter();
    let better: Vec<_> = better.filter(|of| of["touch"] == "better").collect();
    assert!(better.iter().any(|of| of["ports"] == "5672"), "{better:?}");
    // What the rule took from all other addresses was never tried.
    let changes = list(&replay, "changes");
    let seen = |change: &&Value| number(&change["seen"]["groups"]) > 0;
    assert!(changes.len() > changes.iter().filter(seen).count());
    let subnets = changes
        .iter()
        .filter(seen)
        .map(|change| change["subnet"].as_str());
    let subnets: std::collections::BTreeSet<_> = subnets.flatten().collect();
    assert_eq!(
        subnets.into_iter().collect::<Vec<_>>(),
        ["apim", "ase", "compute", "redis"]
    );
}

#[test]
fn a_required_port_that_is_newly_denied_fails_and_is_named_first() {
    let ran = run(&proposed("deny-databases.json"), true, &[]).expect(1);
    let told = &ran.stdout;
    let first: Vec<_> = told.lines().take(3).collect();
    let first = first.join(" ");
    let first = first.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        first.starts_with("FAILS: the proposed rules newly deny what is required"),
        "{told}"
    );
    assert!(first.contains("Azure SQL dependency (compute)"), "{told}");
    assert!(
        told.contains("by deny-databases (deny, priority 110) of subnet NSG-COMPUTE"),
        "{told}"
    );
    assert!(
        told.lines().all(|line| line.chars().count() <= 80),
        "{told}"
    );
    let replay = run(
        &proposed("deny-databases.json"),
        true,
        &["--format", "json"],
    );
    let replay = replay.expect(1).json();
    reconciled(&replay);
    // What today's rules deny already comes after what they do not.
    let denied = list(&replay, "newly_denied").iter();
    let told: Vec<_> = denied.map(|of| (&of["today"], &of["port"])).collect();
    let (new, old) = told.split_at(2);
    assert!(
        new.iter()
            .all(|&(today, port)| today == "allow" && port == 1433),
        "{told:?}"
    );
    assert!(
        old.iter()
            .all(|&(today, port)| today == "deny" && port == 5672),
        "{told:?}"
    );
    let mut touched = list(&replay, "requirements").iter();
    let sql = touched.find(|of| of["row"] == "ise-preview-2019/sql");
    let sql = sql.unwrap();
    assert_eq!(sql["touch"], "newly-denied");
    assert_eq!(sql["today"], "allowed");
    run(
        &proposed("deny-databases.json"),
        true,
        &["--fail-on", "never"],
    )
    .expect(0);
}

/// An NSG that the proposal does not name is not taken to be gone: nor is it known.
#[test]
fn what_the_proposal_does_not_name_is_kept_with_todays_rules_and_unknown_without() {
    let with = run(
        &proposed("deny-databases.json"),
        true,
        &["--format", "json"],
    );
    let with = with.expect(1).json();
    let without = run(
        &proposed("deny-databases.json"),
        false,
        &["--format", "json"],
    )
    .json();
    reconciled(&without);
    assert!(without["changes"].is_null());
    let unknown = |replay: &Value| number(&replay["counts"]["undetermined"]["groups"]);
    assert!(unknown(&with) < unknown(&without));
    let words = list(&without, "undetermined").iter();
    let words: Vec<_> = words.map(|of| of["by"].as_str().unwrap()).collect();
    assert!(
        words
            .iter()
            .any(|by| by.contains("do not have the NSG that logged it")),
        "{words:?}"
    );
}

#[test]
fn todays_own_rules_change_nothing_that_nobody_sent() {
    let replay = run(&testdata("azure"), true, &["--format", "json"]).json();
    reconciled(&replay);
    assert!(list(&replay, "changes").is_empty());
    assert!(list(&replay, "requirements").is_empty());
    // Allowed before the hardening, denied by the rules since.
    let denied = list(&replay, "newly_denied");
    assert!(
        denied
            .iter()
            .all(|of| of["port"] == 5672 && of["today"] == "deny"),
        "{denied:?}"
    );
}

/// Every sample is asked of the rules by itself, and answered as its group was.
#[test]
fn samples_are_answered_as_their_groups() {
    let bench = Bench::new();
    let nsgs = std::fs::read(proposed("deny-databases.json")).unwrap();
    let mut merged: Value =
        serde_json::from_slice(&std::fs::read(testdata("azure/nsgs.json")).unwrap()).unwrap();
    let new: Value = serde_json::from_slice(&nsgs).unwrap();
    for nsg in merged.as_array_mut().unwrap() {
        if nsg["name"] == new[0]["name"] {
            nsg["securityRules"] = new[0]["securityRules"].clone();
        }
    }
    for name in ["vnet.json", "nics.json", "asgs.json", "route-tables.json"] {
        bench.write(
            Path::new("new").join(name),
            std::fs::read(testdata("azure").join(name)).unwrap(),
        );
    }
    bench.write("new/nsgs.json", merged.to_string());
    let replay = run(
        &proposed("deny-databases.json"),
        true,
        &["--format", "json"],
    )
    .json();
    let lists = [
        "newly_denied",
        "newly_allowed",
        "still_denied",
        "undetermined",
    ];
    let mut packets = String::new();
    let mut answers = Vec::new();
    for of in lists.iter().flat_map(|name| list(&replay, name)) {
        let direction = of["direction"].as_str().unwrap();
        let tuple = of["sample"]["tuple"].as_str().unwrap();
        writeln!(packets, "{direction} {tuple}").unwrap();
        answers.push(of["proposed"].as_str().unwrap());
    }
    let file = bench.write("packets", packets);
    let mut arguments = vec!["test".to_owned(), "--short".to_owned()];
    arguments.extend(["--azure".to_owned(), text(&bench.path("new"))]);
    arguments.extend([
        "--config".to_owned(),
        text(&testdata("incident/nsgaudit.toml")),
    ]);
    arguments.extend(["--file".to_owned(), text(&file)]);
    let told = bench.run(arguments).expect(0).stdout;
    let told = told.lines().filter_map(|line| line.rsplit_once(": "));
    let told: Vec<_> = told.map(|(_, answer)| answer).collect();
    assert!(!answers.is_empty());
    assert_eq!(told, answers);
}

#[test]
fn threads_and_the_order_of_files_change_nothing() {
    let of = |more: &[&str]| run(&proposed("deny-databases.json"), true, more).stdout;
    for format in ["text", "json"] {
        let one = of(&["--format", format, "--all", "--threads", "1"]);
        assert_eq!(one, of(&["--format", format, "--all", "--threads", "4"]));
        assert_eq!(
            one,
            of(&["--format", format, "--all", "--threads", "3", "--scalar"])
        );
    }
}

#[test]
fn a_hostile_name_is_told_and_not_obeyed() {
    for format in ["text", "json"] {
        let ran = run(
            &proposed("hostile-name.json"),
            true,
            &["--all", "--format", format],
        );
        let told = ran.expect(1).stdout;
        assert!(told.contains("<script>"), "{told}");
        assert!(!told.contains(['\u{1b}', '\u{202e}']), "{told}");
    }
}

#[test]
fn what_cannot_be_meant_is_said() {
    let bench = Bench::new();
    let wrong = |path: &Path, today: bool, words: &str| {
        let ran = run(path, today, &[]).expect(2);
        let flat: Vec<_> = ran.stderr.split_whitespace().collect();
        assert!(flat.join(" ").contains(words), "{}", ran.stderr);
        assert!(ran.stdout.is_empty());
    };
    wrong(&bench.path("none.json"), true, "none.json");
    wrong(&bench.write("text.json", "rules"), true, "text.json");
    wrong(&bench.write("empty.json", "[]"), true, "found none");
    wrong(&testdata("azure/vnet.json"), true, "found none");
    let arguments = ["replay", &text(&testdata("incident")), "--rules"].map(str::to_owned);
    let rules = text(&proposed("deny-databases.json"));
    let ran = bench.run(arguments.into_iter().chain([rules])).expect(2);
    assert!(
        ran.stderr
            .contains("the subnets of the network are not known"),
        "{}",
        ran.stderr
    );
}

#[test]
fn the_json_holds_to_its_schema() {
    let schema = Bench::new().run(["schema", "replay"]).expect(0).json();
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/replay.schema.json");
    let committed: Value = serde_json::from_slice(&std::fs::read(committed).unwrap()).unwrap();
    assert_eq!(schema, committed);
    let validator = jsonschema::validator_for(&schema).unwrap();
    for (name, today) in [
        ("deny-databases.json", true),
        ("without-hardening.json", false),
    ] {
        let replay = run(&proposed(name), today, &["--format", "json"]).json();
        let errors: Vec<_> = validator
            .iter_errors(&replay)
            .map(|error| error.to_string())
            .collect();
        assert!(errors.is_empty(), "{errors:?}");
    }
}

/// What packets show is held against the rules too: an answer says that something let them through.
#[test]
fn captures_are_replayed_as_logs_are() {
    let capture = text(&testdata("incident-capture"));
    let ran = run(
        &proposed("deny-databases.json"),
        true,
        &[&capture, "--format", "json"],
    );
    let replay = ran.expect(1).json();
    reconciled(&replay);
    let denied = list(&replay, "newly_denied").iter();
    let captured = denied.filter(|of| of["logged"]["outcome"] == "answered");
    assert!(captured.count() > 0);
}
