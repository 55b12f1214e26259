//! Routes beside rules: what they drop, lead to a firewall, or lead answers to; and private endpoints.

#![expect(clippy::unwrap_used, reason = "a test may")]

mod support;

use std::process::Command;

use serde_json::Value;
use support::{Ran, finish};

const CONFIG: &str = "testdata/incident/nsgaudit.toml";

fn run(arguments: &[&str], status: i32) -> Ran {
    let mut command = Command::new(support::PROGRAM);
    command
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    finish(command, &[]).expect(status)
}

/// What `test` says of a packet with the routes of `testdata/routes`.
fn told(packet: &str) -> String {
    run(
        &[
            "test",
            "--azure",
            "testdata/routes",
            "--config",
            CONFIG,
            packet,
        ],
        0,
    )
    .stdout
}

fn audit(logs: &str) -> Value {
    let arguments = [
        "audit",
        logs,
        "--config",
        CONFIG,
        "--azure",
        "testdata/routes",
        "--format",
        "json",
        "--fail-on",
        "never",
    ];
    run(&arguments, 0).json()
}

fn findings<'a>(audit: &'a Value, code: &str) -> Vec<&'a Value> {
    let findings = audit["findings"].as_array().unwrap();
    findings
        .iter()
        .filter(|finding| finding["code"] == code)
        .collect()
}

#[test]
fn a_packet_that_leaves_is_told_its_next_hop() {
    for (packet, expected) in [
        (
            "outbound tcp 10.20.0.5 -> 203.0.113.9:443",
            "  next hop: VirtualAppliance 10.30.0.4, by route to-firewall (0.0.0.0/0) of\n      rt-forced\n",
        ),
        (
            "outbound tcp 10.20.0.5 -> 10.20.2.5:443",
            "  next hop: VirtualNetworkServiceEndpoint, by the system's route (private\n      endpoint pe-store.nic)\n",
        ),
        (
            "outbound tcp 10.20.0.5 -> 10.20.0.40:443",
            "  next hop: VnetLocal, by the system's route (10.20.0.0/16)\n",
        ),
        (
            "outbound tcp 10.20.0.70 -> 20.86.89.2:5672",
            "  next hop: None, by route no-event-hubs (EventHub) of rt-apim\n",
        ),
    ] {
        let told = told(packet);
        assert!(told.ends_with(expected), "{told}");
    }
    // Nothing leaves that is denied, or that comes in.
    assert!(!told("inbound tcp 10.20.0.5:40000 -> 10.20.0.40:443").contains("next hop"));
}

#[test]
fn the_json_of_a_packet_has_its_route() {
    let arguments = [
        "test",
        "--format",
        "json",
        "--azure",
        "testdata/routes",
        "--config",
        CONFIG,
        "outbound tcp 10.20.0.5 -> 203.0.113.9:443",
        "inbound tcp 10.20.0.5:1 -> 10.20.0.40:443",
    ];
    let document = run(&arguments, 0).json();
    let route = &document["packets"][0]["route"];
    assert_eq!(route["next_hop"], "VirtualAppliance 10.30.0.4");
    assert_eq!(route["name"], "to-firewall");
    assert_eq!(route["not_sure"].as_array().unwrap().len(), 0);
    assert!(document["packets"][1]["route"].is_null());
}

#[test]
fn what_a_route_drops_is_blocked_whatever_the_rules_say() {
    let arguments = [
        "prove",
        "--all",
        "--azure",
        "testdata/routes",
        "--config",
        CONFIG,
        "--format",
        "json",
    ];
    let document = run(&arguments, 1).json();
    let requirements = document["requirements"].as_array().unwrap();
    let of = |subnet: &str| {
        let mut those = requirements.iter().filter(|one| {
            one["row"] == "ise-preview-2019/event-hub-log" && one["subnet"] == subnet
        });
        those.next().unwrap()
    };
    assert_eq!(of("apim")["verdict"], "blocked");
    let reason = of("apim")["reasons"][0].as_str().unwrap();
    assert!(
        reason.starts_with("dropped by route no-event-hubs (EventHub) of rt-apim: for example "),
        "{reason}"
    );
    assert_eq!(of("compute")["verdict"], "allowed");
}

#[test]
fn findings_name_route_purposes_and_the_way_past() {
    let audit = audit("testdata/stories/asymmetric");
    let drops = findings(&audit, "NSG305");
    assert_eq!(drops.len(), 1);
    assert_eq!(
        drops[0]["title"],
        "Route no-event-hubs (EventHub) of rt-apim drops required traffic: apim"
    );
    assert_eq!(drops[0]["severity"], "high");
    assert_eq!(drops[0]["rules"][0]["rule"], "no-event-hubs");
    assert_eq!(
        drops[0]["rules"][0]["file"],
        "testdata/routes/route-tables.json"
    );
    let leaves = findings(&audit, "NSG306");
    assert_eq!(leaves.len(), 2, "a route of each table");
    let forced = leaves
        .iter()
        .find(|one| one["rules"][0]["nsg"] == "rt-forced")
        .unwrap();
    assert!(
        forced["details"]
            .to_string()
            .contains("VirtualAppliance 10.30.0.4"),
        "{forced}"
    );
    // Management comes straight from Azure, and its answers go to the firewall.
    let returns = findings(&audit, "NSG307");
    assert!(!returns.is_empty());
    let of_compute = returns
        .iter()
        .find(|one| one["rules"][0]["nsg"] == "rt-forced")
        .unwrap();
    assert_eq!(of_compute["severity"], "high");
    let details = of_compute["details"].to_string();
    assert!(
        details.contains("next hop Internet to each of"),
        "{details}"
    );
    // All of Azure's routes are known here: no gateway may have learned others.
    let assumptions = audit["assumptions"].to_string();
    assert!(!assumptions.contains("gateway"), "{assumptions}");
}

#[test]
fn without_documents_of_the_routes_it_is_said_that_they_are_not_known() {
    let arguments = [
        "audit",
        "testdata/stories/asymmetric",
        "--config",
        CONFIG,
        "--azure",
        "testdata/azure/nsgs.json",
        "--format",
        "json",
        "--fail-on",
        "never",
    ];
    let audit = run(&arguments, 0).json();
    let assumptions = audit["assumptions"].to_string();
    assert!(
        assumptions.contains(
            "the routes of apim, ase, compute, redis are not known (no document gives the subnet)"
        ),
        "{assumptions}"
    );
    assert!(findings(&audit, "NSG306").is_empty());
}

#[test]
fn a_diagnosis_shows_by_the_routes_why_answers_do_not_return() {
    let diagnose = |more: &[&str]| {
        let first = [
            "diagnose",
            "testdata/stories/asymmetric",
            "--config",
            CONFIG,
            "--format",
            "json",
            "--fail-on",
            "never",
        ];
        run(&[&first[..], more].concat(), 0).json()
    };
    let without = diagnose(&[]);
    assert_eq!(without["state"], "suspected");
    let with = diagnose(&["--azure", "testdata/routes"]);
    assert_eq!(with["state"], "broken");
    let causes = with["causes"].as_array().unwrap();
    let asymmetric = causes
        .iter()
        .find(|one| one["id"] == "asymmetric-return")
        .unwrap();
    assert_eq!(asymmetric["standing"], "shown");
    let evidence = asymmetric["evidence"].to_string();
    assert!(evidence.contains("NSG307"), "{evidence}");
    let drops = causes
        .iter()
        .find(|one| one["id"] == "route-drops")
        .unwrap();
    assert_eq!(drops["standing"], "shown");
    assert!(
        causes.iter().all(|one| one["id"] != "required-port-closed"),
        "{causes:?}"
    );
}

#[test]
fn no_nsg_filters_a_private_endpoint_unless_its_subnet_says_so() {
    let packet = |to: &str| format!("inbound tcp 203.0.113.9:40000 -> {to}:443");
    let endpoint = told(&packet("10.20.2.5"));
    assert!(
        endpoint.contains("subnet NSG-DATA: allow by (private endpoints are not filtered)"),
        "{endpoint}"
    );
    let beside = told(&packet("10.20.2.6"));
    assert!(
        beside.contains("subnet NSG-DATA: deny by DenyInternet"),
        "{beside}"
    );
}
