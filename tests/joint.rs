//! `audit --azure`: required x configured x observed, and what rules and logs tell of each other.

#![expect(clippy::unwrap_used, reason = "a test may")]

mod support;

use std::path::{Path, PathBuf};

use serde_json::Value;
use support::Bench;

fn testdata(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("testdata")
        .join(name)
}

/// The audit of the bundled incident beside some rules.
fn arguments(azure: &Path, more: &[&str]) -> Vec<String> {
    let text = |path: PathBuf| path.to_str().unwrap().to_owned();
    let mut all = vec![
        "audit".to_owned(),
        text(testdata("incident")),
        "--config".to_owned(),
        text(testdata("incident/nsgaudit.toml")),
        "--azure".to_owned(),
        azure.to_str().unwrap().to_owned(),
    ];
    all.extend(more.iter().map(|&text| text.to_owned()));
    all
}

fn report(azure: &Path, more: &[&str]) -> Value {
    let arguments = arguments(azure, &[&["--format", "json"], more].concat());
    Bench::new().run(arguments).expect(1).json()
}

/// The bundled rules, changed.
fn changed(bench: &Bench, change: impl Fn(&mut Value)) -> PathBuf {
    for name in ["vnet.json", "nics.json", "asgs.json", "route-tables.json"] {
        let bytes = std::fs::read(testdata("azure").join(name)).unwrap();
        bench.write(Path::new("azure").join(name), bytes);
    }
    let bytes = std::fs::read(testdata("azure/nsgs.json")).unwrap();
    let mut nsgs: Value = serde_json::from_slice(&bytes).unwrap();
    nsgs.as_array_mut().unwrap().iter_mut().for_each(change);
    bench.write("azure/nsgs.json", nsgs.to_string());
    bench.path("azure")
}

fn rules(nsg: &mut Value) -> &mut Vec<Value> {
    nsg["securityRules"].as_array_mut().unwrap()
}

fn findings<'r>(report: &'r Value, code: &str) -> Vec<&'r Value> {
    let all = report["findings"].as_array().unwrap().iter();
    all.filter(|finding| finding["code"] == code).collect()
}

fn requirement<'r>(report: &'r Value, row: &str, subnet: &str) -> &'r Value {
    let mut all = report["requirements"].as_array().unwrap().iter();
    let row = format!("ise-preview-2019/{row}");
    all.find(|of| of["row"] == row && of["subnet"] == subnet)
        .unwrap()
}

fn details(finding: &Value) -> String {
    let sentences = finding["details"].as_array().unwrap().iter();
    let sentences: Vec<_> = sentences.map(|text| text.as_str().unwrap()).collect();
    sentences.join(" ")
}

#[test]
fn one_table_joins_what_is_required_configured_and_observed() {
    let told = Bench::new()
        .run(arguments(&testdata("azure"), &[]))
        .expect(1)
        .stdout;
    let flat: Vec<_> = told
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    for line in [
        "REQUIREMENTS required x configured x observed, worst first",
        "purpose way ports rules seen verdict subnets",
        "Log to Event Hub policy out 5672 deny both BLOCK all 4",
        "Azure Traffic Manager in 443 deny - risk all 4",
        "Azure SQL dependency out 1433 allow allowed ok all 4",
        "Load balancing, 8500 in tcp, udp 8500 allow - (ok) redis",
    ] {
        assert!(flat.iter().any(|told| told == line), "{line}\n{told}");
    }
    assert!(told.lines().all(|line| line.chars().count() <= 80));
}

#[test]
fn each_verdict_says_what_the_rules_do_and_where_they_are_stated() {
    let report = report(&testdata("azure"), &[]);
    let blocked = requirement(&report, "event-hub-log", "compute");
    assert_eq!(blocked["verdict"], "blocked");
    assert_eq!(blocked["configured"]["verdict"], "blocked");
    let rule = &blocked["configured"]["rules"][0];
    assert_eq!(rule["rule"], "hardening-2026-01");
    // The document says at that path what the report says of it.
    let file = rule["file"].as_str().unwrap();
    let bytes = std::fs::read(testdata("azure").join(Path::new(file).file_name().unwrap()));
    let document: Value = serde_json::from_slice(&bytes.unwrap()).unwrap();
    let path = rule["path"].as_str().unwrap();
    let pointer = path.replace('[', "/").replace(']', "").replace('.', "/");
    let pointer = format!("/{}", pointer.trim_start_matches('/'));
    let stated = document.pointer(&pointer).unwrap_or(&Value::Null);
    assert_eq!(stated["name"], "hardening-2026-01", "{pointer}");
    let satisfied = requirement(&report, "sql", "redis");
    assert_eq!(satisfied["verdict"], "satisfied");
    let risks = findings(&report, "NSG107");
    assert!(
        risks
            .iter()
            .all(|risk| details(risk).contains("nothing tried"))
    );
    assert_eq!(risks.len(), 8);
}

#[test]
fn logs_of_before_the_change_differ_from_the_given_rules_and_say_until_when() {
    let report = report(&testdata("azure"), &[]);
    let drifts = findings(&report, "NSG304");
    // The rule was set before AllowEventHubOut in each of four NSGs.
    assert_eq!(drifts.len(), 4);
    for drift in drifts {
        assert_eq!(drift["severity"], "info");
        let title = drift["title"].as_str().unwrap();
        assert!(title.contains("UserRule_AllowEventHubOut"), "{title}");
        assert!(title.contains("deny by hardening-2026-01"), "{title}");
        let details = details(drift);
        assert!(details.contains("last 2026-01-05T14:2"), "{details}");
        assert!(details.contains("From 2026-01-05T14:2"), "{details}");
    }
}

#[test]
fn rules_that_are_not_those_in_force_are_told() {
    let bench = Bench::new();
    let azure = changed(&bench, |nsg| {
        rules(nsg).retain(|rule| rule["name"] != "hardening-2026-01");
    });
    let report = report(&azure, &[]);
    let drifts = findings(&report, "NSG304");
    // One for each NSG: its log speaks of it alone, also where an interface has another besides.
    assert_eq!(drifts.len(), 4);
    for drift in drifts {
        assert_eq!(drift["severity"], "medium");
        assert!(details(drift).contains("Collect the rules anew"));
    }
    // Seen denied, and allowed by what is given: still blocked, and the reason says both.
    let blocked = requirement(&report, "event-hub-log", "compute");
    assert_eq!(blocked["verdict"], "blocked");
    assert_eq!(blocked["configured"]["verdict"], "allowed");
    let reason = blocked["reason"].as_str().unwrap();
    assert!(
        reason.contains("The given rules allow all of it"),
        "{reason}"
    );
}

#[test]
fn rules_that_decide_nothing_are_told_with_the_coverage() {
    let bench = Bench::new();
    let azure = changed(&bench, |nsg| {
        let mut office = rules(nsg)[0].clone();
        office["name"] = "AllowRdpFromOffice".into();
        office["priority"] = 3900.into();
        office["direction"] = "Inbound".into();
        office["access"] = "Allow".into();
        office["protocol"] = "Tcp".into();
        office["sourceAddressPrefix"] = "198.51.100.0/24".into();
        office["sourceAddressPrefixes"] = Value::Array(Vec::new());
        office["destinationAddressPrefix"] = "*".into();
        office["destinationAddressPrefixes"] = Value::Array(Vec::new());
        office["destinationPortRange"] = "3389".into();
        office["destinationPortRanges"] = Value::Array(Vec::new());
        rules(nsg).push(office);
    });
    let report = report(&azure, &[]);
    let unused = findings(&report, "NSG303");
    let named = unused
        .iter()
        .filter(|finding| details(finding).contains("AllowRdpFromOffice"));
    assert!(named.count() >= 4);
    for finding in &unused {
        assert!(details(finding).contains("interface-hours"), "{finding}");
    }
    // And it is an opening that nothing requires and nobody used.
    let idle = findings(&report, "NSG205").into_iter().find(|finding| {
        let title = finding["title"].as_str().unwrap();
        title.contains("AllowRdpFromOffice")
    });
    let idle = idle.unwrap();
    assert!(details(idle).starts_with("Idle:"), "{idle}");
    assert!(idle["evidence"].is_null());
}

#[test]
fn used_openings_have_their_flows() {
    let report = report(&testdata("azure"), &[]);
    let open = findings(&report, "NSG205");
    let ssh = open.iter().find(|finding| {
        let title = finding["title"].as_str().unwrap();
        title.contains("allow-ssh-any")
    });
    let ssh = ssh.unwrap();
    assert!(details(ssh).starts_with("Used: 8 flows"), "{ssh}");
    assert_eq!(ssh["evidence"]["flows"], 8);
}

#[test]
fn threads_and_order_do_not_show() {
    let bench = Bench::new();
    let run = |threads: &str| {
        let arguments = arguments(
            &testdata("azure"),
            &["--format", "json", "--threads", threads],
        );
        bench.run(arguments).expect(1).stdout
    };
    assert_eq!(run("1"), run("4"));
}

#[test]
fn without_a_stated_network_that_of_the_folder_is_audited() {
    let path = |name: &str| testdata(name).to_str().unwrap().to_owned();
    let report = Bench::new()
        .run([
            "audit".to_owned(),
            path("incident"),
            "--azure".to_owned(),
            path("azure"),
            "--format".to_owned(),
            "json".to_owned(),
        ])
        .expect(1)
        .json();
    assert_eq!(report["basis"]["environment"], "documents of Azure");
    let blocked = requirement(&report, "event-hub-log", "compute");
    assert_eq!(blocked["configured"]["verdict"], "blocked");
}
