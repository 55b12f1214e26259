//! What the rules do with packets: `test`, `prove` and `diff-rules` on the bundled network.

#![expect(clippy::unwrap_used, reason = "a test may")]

mod support;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;
use support::Bench;

fn testdata(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("testdata")
        .join(name)
}

/// The arguments that name the bundled rules and network.
fn network() -> [String; 4] {
    let text = |path: PathBuf| path.to_str().unwrap().to_owned();
    [
        "--azure".to_owned(),
        text(testdata("azure")),
        "--config".to_owned(),
        text(testdata("incident/nsgaudit.toml")),
    ]
}

fn run(verb: &str, more: &[&str], status: i32) -> String {
    let mut arguments = vec![verb.to_owned()];
    arguments.extend(network());
    arguments.extend(more.iter().map(|&text| text.to_owned()));
    Bench::new().run(arguments).expect(status).stdout
}

#[test]
fn the_rule_that_denies_is_named_with_what_the_others_lack() {
    let told = run("test", &["outbound tcp 10.20.0.5 -> 20.86.89.2:5672"], 0);
    assert!(
        told.starts_with("outbound tcp 10.20.0.5:49152 -> 20.86.89.2:5672: deny\n"),
        "{told}"
    );
    assert!(
        told.contains("by hardening-2026-01 (deny, priority 110)"),
        "{told}"
    );
    let told = run("test", &["outbound tcp 10.20.0.5 -> 52.239.140.7:443"], 0);
    assert!(told.contains("allow by AllowStorageOut"), "{told}");
    let near = "passed hardening-2026-01 (deny, priority 110): destination port 443 is not in 5672";
    let flat = told.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains(near), "{told}");
    assert!(
        told.lines().all(|line| line.chars().count() <= 80),
        "{told}"
    );
}

#[test]
fn an_answer_other_than_expected_is_a_finding() {
    run(
        "test",
        &["deny outbound tcp 10.20.0.5 -> 20.86.89.2:5672"],
        0,
    );
    run(
        "test",
        &["allow outbound tcp 10.20.0.5 -> 20.86.89.2:5672"],
        1,
    );
    run("test", &["outbound tcp 10.20.0.5 -> nowhere"], 2);
    run("test", &[], 2);
}

/// The rules of `testdata/azure` are those that the logs of the incident were written by, as they were
/// from the hardening on.
#[test]
fn the_rules_decide_as_the_logs_tell() {
    let bench = Bench::new();
    let flows = bench.run(["flows".as_ref(), testdata("incident").as_os_str()]);
    let mut lines = String::new();
    let mut count = 0;
    for line in flows.expect(0).stdout.lines() {
        let flow: Value = serde_json::from_str(line).unwrap();
        let text = |key: &str| flow[key].as_str().unwrap_or_default().to_owned();
        let old = flow["destination_port"] == 5672 && *text("time") < *"2026-01-05T14:24:07";
        if old || !matches!(text("protocol").as_str(), "tcp" | "udp") {
            continue;
        }
        count += 1;
        writeln!(
            lines,
            "{} {} {} {}:{} -> {}:{}",
            text("decision"),
            text("direction"),
            text("protocol"),
            text("source"),
            flow["source_port"],
            text("destination"),
            flow["destination_port"]
        )
        .unwrap();
    }
    assert!(count > 3_000, "{count}");
    let file = bench.write("packets.txt", lines);
    run("test", &["--short", "--file", file.to_str().unwrap()], 0);
}

#[test]
fn every_requirement_is_proved_and_the_witness_is_one() {
    let told = run("prove", &[], 1);
    let flat = told.split_whitespace().collect::<Vec<_>>().join(" ");
    for subnet in ["apim", "ase", "compute", "redis"] {
        let head = format!(
            "outbound tcp 5672 of {subnet}, ise-preview-2019/event-hub-log denied by hardening"
        );
        assert!(flat.contains(&head), "{head}: {told}");
    }
    let witness = flat.split("for example ").nth(1).unwrap();
    let words: Vec<_> = witness.split(' ').take(4).collect();
    run("test", &[&format!("deny outbound {}", words.join(" "))], 0);
}

#[test]
fn what_is_open_beyond_need_and_what_never_decides_are_told_on_request() {
    let told = run("prove", &["--unneeded", "--anomalies"], 1);
    let flat = told.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains("allowed, and nothing requires it, by AllowInternetOutBound"));
    assert!(flat.contains("NSG-JUMP: DenyAllInBound (deny, priority 65500) never decides"));
    assert!(!run("prove", &[], 1).contains("nothing requires it"));
}

#[test]
fn a_change_of_rules_is_told_exactly() {
    let bench = Bench::new();
    let folder = testdata("azure");
    for name in ["asgs", "nics", "route-tables", "vnet"] {
        let text = std::fs::read(folder.join(name).with_extension("json")).unwrap();
        bench.write(format!("after/{name}.json"), text);
    }
    let mut nsgs: Value =
        serde_json::from_slice(&std::fs::read(folder.join("nsgs.json")).unwrap()).unwrap();
    for nsg in nsgs.as_array_mut().unwrap() {
        let rules = nsg["securityRules"].as_array_mut().unwrap();
        rules.retain(|rule| rule["name"] != "hardening-2026-01");
    }
    bench.write("after/nsgs.json", nsgs.to_string());
    let [_, azure, config, file] = network();
    let compare = |old: &str, new: &str, status| {
        bench
            .run(["diff-rules", old, new, &config, &file])
            .expect(status)
            .stdout
    };
    assert_eq!(compare(&azure, &azure, 0), "0 changes\n");
    let told = compare(&azure, "after", 1);
    let heads: Vec<_> = told
        .lines()
        .filter(|line| line.contains(" -> allow"))
        .collect();
    assert!(heads.len() >= 12, "{told}");
    assert!(
        heads
            .iter()
            .all(|line| line.contains("outbound of ") && line.contains("deny -> allow"))
    );
    for line in told.lines().filter(|line| line.contains(" port ")) {
        assert!(
            line.contains("port *") || line.ends_with("port 5672"),
            "{line}"
        );
    }
    let back = compare("after", &azure, 1);
    assert!(back.contains("allow -> deny") && !back.contains("deny -> allow"));
}

#[test]
fn rules_that_are_not_given_leave_the_answer_open() {
    let bench = Bench::new();
    for name in ["vnet", "nics"] {
        let text = std::fs::read(testdata("azure").join(name).with_extension("json")).unwrap();
        bench.write(format!("part/{name}.json"), text);
    }
    let packet = "outbound tcp 10.20.0.36 -> 20.86.89.2:5672";
    let told = bench
        .run(["test", "--azure", "part", packet])
        .expect(0)
        .stdout;
    assert!(told.contains(": undetermined\n"), "{told}");
}
