//! `nsgaudit diagnose`: each bundled story is told within ten lines, and nothing is claimed beyond its
//! evidence.

#![expect(clippy::unwrap_used, reason = "a test may")]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use support::{Bench, Ran, finish};

const CONFIG: &str = "testdata/incident/nsgaudit.toml";
const DNS_CONFIG: &str = "testdata/stories/dns/nsgaudit.toml";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn diagnose(logs: &str, config: &str, more: &[&str]) -> Ran {
    let mut command = Command::new(support::PROGRAM);
    command
        .args(["diagnose", logs, "--config", config, "--fail-on", "never"])
        .args(more)
        .current_dir(root());
    finish(command, &[]).expect(0)
}

fn json(logs: &str, config: &str) -> Value {
    diagnose(logs, config, &["--format", "json"]).json()
}

/// Asserts how the text begins.
#[track_caller]
fn assert_begins(logs: &str, config: &str, lines: &[&str]) {
    assert!(lines.len() <= 11, "ten lines, and what else there is");
    let text = diagnose(logs, config, &[]).stdout;
    let told: Vec<&str> = text.lines().take(lines.len()).collect();
    assert_eq!(told, lines, "{text}");
    for line in text.lines().filter(|line| !line.contains("--")) {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

fn ids<'a>(diagnosis: &'a Value, list: &str) -> Vec<&'a str> {
    let causes = diagnosis[list].as_array().unwrap();
    causes
        .iter()
        .map(|cause| cause["id"].as_str().unwrap())
        .collect()
}

#[test]
fn the_incident_is_told_in_ten_lines() {
    assert_begins("testdata/incident", CONFIG, &INCIDENT);
    let diagnosis = json("testdata/incident", CONFIG);
    assert_eq!(diagnosis["state"], "broken");
    assert_eq!(
        ids(&diagnosis, "causes"),
        ["event-hub", "required-port-closed"]
    );
    let ruled_out = ids(&diagnosis, "ruled_out");
    for id in [
        "sql",
        "redis",
        "connector-deployment",
        "asymmetric-return",
        "dropped-behind-nsg",
    ] {
        assert!(ruled_out.contains(&id), "{ruled_out:?}");
    }
    let incident = &diagnosis["incidents"][0];
    assert_eq!(incident["first_denied"], "2026-01-05T14:24:07Z");
    assert_eq!(incident["confidence"], "high");
    let command = diagnosis["causes"][0]["commands"][0].as_str().unwrap();
    assert!(
        command.contains("--nsg-name=NSG-APIM --name=hardening-2026-01"),
        "{command}"
    );
}

const INCIDENT: [&str; 10] = [
    "BROKEN: Log to Event Hub policy and monitoring agent (outbound 5672) in apim,",
    "  ase, compute and redis.",
    "  since     2026-01-05T14:24:07Z (last allowed 14:23:46Z, 21 s before);",
    "            everywhere since 14:28:00Z; goes on",
    "  by        rule UserRule_hardening-2026-01 of NSG-APIM, NSG-ASE, NSG-COMPUTE",
    "            and NSG-REDIS; before it UserRule_AllowEventHubOut allowed",
    "  cause     5672 to Event Hubs is closed: the inner API Management cannot log.",
    "  sure      high: the logs name the rule, and flows were allowed until then and",
    "            denied since",
    "  do        allow VirtualNetwork to EventHub on 5672 above the rule that denies,",
];

#[test]
fn packets_alone_name_no_rule_and_are_less_sure() {
    let diagnosis = json("testdata/incident-capture", CONFIG);
    assert_eq!(diagnosis["state"], "broken");
    let cause = &diagnosis["causes"][0];
    assert_eq!(
        (&cause["id"], &cause["standing"]),
        (&"event-hub".into(), &"fits".into())
    );
    assert_eq!(cause["confidence"], "medium");
    assert_eq!(
        cause["commands"].as_array().unwrap().len(),
        0,
        "no NSG is known"
    );
    assert!(!cause["settle"].as_array().unwrap().is_empty());
}

#[test]
fn what_is_dropped_behind_the_nsg_is_not_blamed_on_a_rule() {
    let diagnosis = json("testdata/behind", CONFIG);
    let causes = ids(&diagnosis, "causes");
    assert_eq!(
        causes,
        ["event-hub", "required-port-closed", "dropped-behind-nsg"]
    );
    let behind = &diagnosis["causes"][2];
    let incident = &diagnosis["incidents"][behind["incident"].as_u64().unwrap() as usize];
    assert_eq!(incident["first_denied"], "2026-01-05T14:44:32.052Z");
    // Three subnets' part of the first incident is shown by packets only.
    assert_eq!(diagnosis["incidents"][0]["confidence"], "medium");
}

#[test]
fn nothing_broken_says_what_was_not_covered() {
    assert_begins(
        "testdata/healthy",
        CONFIG,
        &[
            "Nothing broken was seen: 24 of 37 required purposes were seen to work in every",
            "  subnet.",
            "Not covered: no logs for subnets apim, ase, compute and redis between",
            "  2026-02-01T11:00:00Z and 2026-02-02T10:00:00Z; and 4 more, below.",
        ],
    );
    let diagnosis = json("testdata/healthy", CONFIG);
    assert_eq!(diagnosis["state"], "nothing-seen");
    assert!(ids(&diagnosis, "causes").is_empty());
}

#[test]
fn dns_is_told_by_its_rule_and_its_moment() {
    assert_begins(
        "testdata/stories/dns",
        DNS_CONFIG,
        &[
            "BROKEN: Name resolution (outbound tcp, udp 53) in redis.",
            "  since     2026-01-05T14:30:12.5Z (last allowed 14:29:42.5Z, 30 s before); goes",
            "            on",
            "  by        rule UserRule_deny-on-premises of NSG-REDIS; before it",
            "            DefaultRule_AllowVnetOutBound allowed",
            "  cause     names do not resolve: DNS (53) is denied or does not answer.",
        ],
    );
    // Answers before the denial say nothing against it.
    let diagnosis = json("testdata/stories/dns", DNS_CONFIG);
    assert_eq!(
        diagnosis["causes"][0]["against"].as_array().unwrap().len(),
        0
    );
    // Where nobody states the DNS servers it stays a suspicion: who says that these are needed?
    let unstated = json("testdata/stories/dns/compute.json", CONFIG);
    assert_eq!(unstated["state"], "suspected");
    assert_eq!(ids(&unstated, "causes"), ["dns"]);
}

#[test]
fn management_without_answers_is_suspected_and_not_shown() {
    let diagnosis = json("testdata/stories/asymmetric", CONFIG);
    assert_eq!(diagnosis["state"], "suspected");
    assert_eq!(ids(&diagnosis, "causes"), ["asymmetric-return"]);
    assert_eq!(diagnosis["causes"][0]["confidence"], "medium");
    assert!(ids(&diagnosis, "ruled_out").contains(&"dropped-behind-nsg"));
}

#[test]
fn connectors_that_cannot_be_deployed_are_told() {
    assert_begins(
        "testdata/stories/connectors",
        CONFIG,
        &[
            "BROKEN: API Management: management endpoint and Connector deployment (inbound",
            "  3443 and inbound 454, 3443) in apim, ase, compute and redis.",
            "  since     2026-01-05T14:20:05.25Z (last allowed 14:18:05.34Z, 1 min before);",
            "            everywhere since 14:20:05.34Z; goes on",
            "  by        rule UserRule_tighten-inbound of NSG-APIM, NSG-ASE, NSG-COMPUTE and",
            "            NSG-REDIS; before it UserRule_AllowManagement allowed",
            "  cause     connectors cannot be deployed: 454 or 3443 from outside is closed.",
        ],
    );
    let diagnosis = json("testdata/stories/connectors", CONFIG);
    assert!(ids(&diagnosis, "ruled_out").contains(&"ase-management"));
}

#[test]
fn denied_probes_are_told() {
    let diagnosis = json("testdata/stories/probes", CONFIG);
    assert_eq!(ids(&diagnosis, "causes")[0], "load-balancer-probes");
    assert_eq!(
        diagnosis["incidents"][0]["first_denied"],
        "2026-01-05T14:10:00.75Z"
    );
    assert_eq!(diagnosis["incidents"][0]["gap_ms"], 15_000);
}

#[test]
fn nothing_counted_is_no_answer() {
    let bench = Bench::new();
    bench.write("empty.json", "{\"records\":[]}");
    let ran = bench.run(["diagnose", "empty.json"]);
    assert!(ran.status >= 2, "{}", ran.status);
    assert!(
        ran.stdout.starts_with("NOTHING WAS COUNTED"),
        "{}",
        ran.stdout
    );
}

#[test]
fn the_json_holds_to_the_schema() {
    let schema = Bench::new().run(["schema", "diagnosis"]).expect(0).json();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    for logs in ["testdata/incident", "testdata/stories/connectors"] {
        let diagnosis = json(logs, CONFIG);
        let faults = validator.iter_errors(&diagnosis);
        let faults: Vec<String> = faults.map(|error| error.to_string()).collect();
        assert_eq!(faults, [""; 0], "{logs}");
    }
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let one = diagnose("testdata/incident", CONFIG, &["--threads", "1"]);
    let four = diagnose("testdata/incident", CONFIG, &["--threads", "4"]);
    assert_eq!(one.stdout, four.stdout);
}

#[test]
fn hostile_names_reach_neither_the_terminal_nor_the_shell() {
    let text =
        std::fs::read_to_string(root().join("testdata/stories/connectors/compute.json")).unwrap();
    let bench = Bench::new();
    let config = root().join(CONFIG);
    let rule = "UserRule_\\u001b[2J$(touch pwned)'x";
    let nsg = "nsg-'; touch pwned; '";
    let hostile = text
        .replace("UserRule_tighten-inbound", rule)
        .replace("nsg-compute", nsg);
    bench.write("compute.json", hostile);
    let ran = bench.run([
        Path::new("diagnose"),
        Path::new("compute.json"),
        Path::new("--config"),
        &config,
        Path::new("--format"),
        Path::new("json"),
    ]);
    assert!(!ran.stdout.contains('\u{1b}'));
    let diagnosis = ran.json();
    let commands = diagnosis["causes"][0]["commands"].as_array().unwrap();
    assert!(!commands.is_empty());
    for command in commands {
        let script = format!("az() {{ :; }}; {}", command.as_str().unwrap());
        let done = Command::new("bash")
            .args(["-c", &script])
            .current_dir(bench.folder.path())
            .status()
            .unwrap();
        assert!(done.success(), "{command}");
    }
    assert!(!bench.path("pwned").exists());
}
