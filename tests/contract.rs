//! Contracts that rules are held to, logs that rules are held against, and the JSON of both.

#![expect(clippy::unwrap_used, reason = "a test may")]

mod support;

use std::path::{Path, PathBuf};

use serde_json::Value;
use support::{Bench, Ran};

fn testdata(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("testdata")
        .join(name)
}

/// Runs a verb on the bundled network.
fn run(bench: &Bench, verb: &str, more: &[&str], status: i32) -> Ran {
    let (azure, config) = (testdata("azure"), testdata("incident/nsgaudit.toml"));
    let fixed = [
        verb,
        "--azure",
        azure.to_str().unwrap(),
        "--config",
        config.to_str().unwrap(),
    ];
    bench.run(fixed.iter().chain(more)).expect(status)
}

fn prove(contract: &str, more: &[&str], status: i32) -> Ran {
    let bench = Bench::new();
    bench.write("c.txt", contract);
    run(
        &bench,
        "prove",
        &[&["--contract", "c.txt"], more].concat(),
        status,
    )
}

fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn validator() -> jsonschema::Validator {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/rules.schema.json");
    let schema: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    jsonschema::validator_for(&schema).unwrap()
}

#[test]
fn a_property_that_holds_is_proved() {
    let told = prove(
        "deny inbound any Internet -> subnet:compute:3389",
        &["--all"],
        0,
    )
    .stdout;
    assert!(told.contains("1 of 1 properties: proved"), "{told}");
    // Only rules of the contract's own are asked: the profile's requirements are not all allowed.
    assert!(!told.contains("requirements"), "{told}");
}

#[test]
fn a_violated_property_names_rule_witness_and_all_packets() {
    let contract = "ssh: deny inbound tcp Internet -> 10.20.0.0/27:22,3389\n";
    let told = flat(&prove(contract, &[], 1).stdout);
    for part in [
        "1 of 1 properties: violated",
        "c.txt:1: ssh: deny inbound tcp Internet -> 10.20.0.0/27:22,3389",
        "allowed by allow-ssh-any (allow, priority 300) of subnet NSG-COMPUTE",
        "tcp 203.0.113.77/32 port * -> 10.20.0.4/32 port 22",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let witness = told.split("for example ").nth(1).unwrap();
    let words: Vec<_> = witness.split(' ').take(4).collect();
    let packet = format!("allow inbound {}", words.join(" "));
    run(&Bench::new(), "test", &[&packet], 0);
}

/// What the same rule does in several subnets and for interfaces of their own is told once, and the sets
/// are disjoint and all there are: their sizes add up to the count.
#[test]
fn the_sets_of_a_violation_are_all_its_packets() {
    let line = "allow outbound tcp subnet:compute,subnet:apim -> EventHub:5671,5672";
    let told: Value = serde_json::from_str(&prove(line, &["--format", "json"], 1).stdout).unwrap();
    let against = told["contract"][0]["against"].as_array().unwrap();
    let by: Vec<_> = against
        .iter()
        .map(|part| &part["by"][0]["holder"])
        .collect();
    assert_eq!(by, ["NSG-COMPUTE", "NSG-APIM"]);
    for part in against {
        assert_eq!(part["more_sets"], 0);
        let addresses = |set: &Value, side: &str| -> u128 {
            assert_eq!(set[format!("more_{side}")], 0);
            let prefixes = set[side].as_array().unwrap().iter();
            prefixes
                .map(|prefix| prefix.as_str().unwrap().parse::<ipnet::Ipv4Net>().unwrap())
                .map(|prefix| 1u128 << (32 - prefix.prefix_len()))
                .sum()
        };
        let mut sum = 0;
        for set in part["sets"].as_array().unwrap() {
            assert_eq!(set["source_ports"], serde_json::json!(["*"]));
            assert_eq!(set["destination_ports"], serde_json::json!(["5672"]));
            sum += addresses(set, "source") * addresses(set, "destination") * 65_536;
        }
        assert_eq!(part["count"], sum.to_string());
    }
    let sources: Vec<_> = against
        .iter()
        .map(|part| &part["sets"][0]["source"])
        .collect();
    assert_eq!(
        sources,
        [
            &serde_json::json!(["10.20.0.0/27"]),
            &serde_json::json!(["10.20.0.64/27"])
        ]
    );
}

#[test]
fn what_is_not_known_is_never_passed() {
    for (line, why) in [
        (
            "deny inbound tcp NoSuchTag -> subnet:compute:3389",
            "the addresses of NoSuchTag are not known",
        ),
        (
            "deny inbound tcp Internet -> subnet:nowhere:3389",
            "no subnet is called nowhere",
        ),
        (
            "deny inbound tcp Internet -> 10.99.0.0/24:22",
            "no network that is given has 10.99.0.0/24",
        ),
    ] {
        let told = flat(&prove(line, &[], 3).stdout);
        assert!(told.contains("1 of 1 properties: undetermined"), "{told}");
        assert!(told.contains(why), "{told}");
    }
    // IPv6 does not go to IPv4: there is no packet, so nothing is proved.
    let none = prove(
        "allow inbound tcp [2001:db8::/32] -> 10.20.0.0/27:80",
        &[],
        3,
    )
    .stdout;
    assert!(none.contains("1 of 1 properties: undetermined"), "{none}");
    // What is known to be against it is against it, whatever else is not known.
    prove(
        "deny inbound tcp Internet,NoSuchTag -> 10.20.0.0/27:22",
        &[],
        1,
    );
}

#[test]
fn rules_that_are_not_given_leave_a_property_open() {
    let bench = Bench::new();
    for name in ["vnet.json", "nics.json"] {
        let text = std::fs::read(testdata("azure").join(name)).unwrap();
        bench.write(format!("part/{name}"), text);
    }
    bench.write("c.txt", "allow inbound tcp any -> 10.20.0.32/27:443");
    let arguments = ["prove", "--azure", "part", "--contract", "c.txt"];
    let told = bench.run(arguments).expect(3).stdout;
    assert!(
        told.contains("is not given") || told.contains("are not given"),
        "{told}"
    );
}

#[test]
fn mistakes_are_told_with_their_places() {
    let ran = prove("# fine\nallow inbound tcp any -> any:99999\ndeny\n", &[], 2);
    assert!(ran.stdout.is_empty());
    assert!(
        ran.stderr.contains("c.txt:2:30: expected a port"),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr.contains("c.txt:3:5: expected `inbound`"),
        "{}",
        ran.stderr
    );
    prove("# nothing\n", &[], 2);
}

#[test]
fn several_contracts_and_a_profile_are_proved_together() {
    let bench = Bench::new();
    bench.write("a.txt", "deny inbound any Internet -> subnet:compute:3389");
    bench.write("b.txt", "allow outbound tcp subnet:compute -> Storage:443");
    let both = ["--contract", "a.txt", "--contract", "b.txt"];
    let told = run(&bench, "prove", &both, 0).stdout;
    assert!(told.contains("2 of 2 properties: proved"), "{told}");
    let more = [&both[..], &["--profile", "ise-preview-2019"]].concat();
    let told = run(&bench, "prove", &more, 1).stdout;
    assert!(told.contains("properties: proved") && told.contains("requirements: blocked"));
}

#[test]
fn what_the_contract_allows_is_needed() {
    let open = |contract: &str| {
        let ran = prove(contract, &["--unneeded", "--format", "json"], 0);
        let told: Value = serde_json::from_str(&ran.stdout).unwrap();
        let all = told["unneeded"].as_array().unwrap().clone();
        let inbound = all.iter().filter(|open| open["direction"] == "inbound");
        let parts = inbound.flat_map(|open| open["allowed"].as_array().unwrap());
        let by = parts.flat_map(|part| part["by"].as_array().unwrap());
        by.filter(|by| by["rule"] == "allow-ssh-any").count()
    };
    let other = "deny inbound any Internet -> subnet:compute:3389";
    assert!(open(other) > 0);
    // The rule is for all protocols, so that naming one leaves the other open.
    let tcp = "allow inbound tcp 203.0.113.77 -> 10.20.0.4:22";
    assert_eq!(open(tcp), 1);
    assert_eq!(open(&tcp.replace("tcp", "tcp,udp")), 0);
}

#[test]
fn the_json_says_what_the_text_says_and_keeps_to_the_schema() {
    let validator = validator();
    let check = |ran: &Ran, schema: &str| -> Value {
        let document: Value = serde_json::from_str(&ran.stdout).unwrap();
        let errors: Vec<_> = validator
            .iter_errors(&document)
            .map(|error| error.to_string())
            .collect();
        assert!(errors.is_empty(), "{errors:?}");
        assert_eq!(document["schema"], schema);
        document
    };
    let bench = Bench::new();
    bench.write("c.txt", "x: deny inbound tcp Internet -> 10.20.0.0/27:22");
    let json = ["--format", "json"];
    let packet = "deny outbound tcp 10.20.0.5 -> 20.86.89.2:5672";
    let test = run(&bench, "test", &[&json[..], &[packet]].concat(), 0);
    let test = check(&test, "nsgaudit/test/1");
    assert_eq!(test["packets"][0]["answer"], "deny");
    assert_eq!(test["packets"][0]["expected"], "deny");
    assert_eq!(test["otherwise"], 0);
    assert_eq!(
        test["packets"][0]["levels"][0]["by"]["rule"],
        "hardening-2026-01"
    );

    let more = [
        "--contract",
        "c.txt",
        "--anomalies",
        "--unneeded",
        "--profile",
        "ise",
    ];
    let proved = run(&bench, "prove", &[&json[..], &more].concat(), 1);
    let proved = check(&proved, "nsgaudit/prove/1");
    let property = &proved["contract"][0];
    assert_eq!(
        (&property["name"], &property["verdict"]),
        (&"x".into(), &"violated".into())
    );
    assert_eq!(
        property["against"][0]["witness"]["destination"],
        "10.20.0.4"
    );
    assert_eq!(
        property["against"][0]["sets"][0]["destination_ports"][0],
        "22"
    );
    assert!(proved["requirements"].as_array().unwrap().len() > 100);
    assert!(!proved["anomalies"].as_array().unwrap().is_empty());

    let azure = testdata("azure");
    let azure = azure.to_str().unwrap();
    let none = bench
        .run(["diff-rules", azure, azure, "--format", "json"])
        .expect(0);
    assert_eq!(
        check(&none, "nsgaudit/diff-rules/1")["changes"],
        Value::Array(Vec::new())
    );
    for name in ["vnet.json", "nics.json", "asgs.json", "route-tables.json"] {
        bench.write(
            format!("new/{name}"),
            std::fs::read(testdata("azure").join(name)).unwrap(),
        );
    }
    let nsgs = std::fs::read_to_string(testdata("azure/nsgs.json")).unwrap();
    bench.write("new/nsgs.json", nsgs.replace("\"5672\"", "\"5673\""));
    let some = bench
        .run(["diff-rules", azure, "new", "--format", "json"])
        .expect(1);
    let some = check(&some, "nsgaudit/diff-rules/1");
    let answers = some["changes"].as_array().unwrap().iter().map(|change| {
        let word = |side: &str| change[side]["answer"].as_str().unwrap().to_owned();
        format!("{} -> {}", word("before"), word("after"))
    });
    let answers: std::collections::BTreeSet<_> = answers.collect();
    assert!(
        answers.contains("deny -> allow") && answers.contains("allow -> deny"),
        "{answers:?}"
    );

    let logs = testdata("incident/insights-logs-networksecuritygroupflowevent");
    let from = ["--format", "json", "--from-logs", logs.to_str().unwrap()];
    check(&run(&bench, "test", &from, 1), "nsgaudit/test-from-logs/1");
}

/// The bundled rules are those from the hardening on; before it, port 5672 was open.
#[test]
fn logs_agree_but_for_what_was_changed_since() {
    let bench = Bench::new();
    let logs = testdata("incident/insights-logs-networksecuritygroupflowevent");
    let logs = logs.to_str().unwrap();
    let json = |more: &[&str], status| -> Value {
        let all = [&["--format", "json", "--from-logs", logs], more].concat();
        serde_json::from_str(&run(&bench, "test", &all, status).stdout).unwrap()
    };
    let all = json(&[], 1);
    assert_eq!(
        (&all["tuples"], &all["agree"]),
        (&3970.into(), &3665.into())
    );
    assert_eq!(
        (&all["differ"], &all["undetermined"]),
        (&305.into(), &0.into())
    );
    let flows = all["flows"].as_array().unwrap();
    let count = |flow: &Value| flow["times"]["tuples"].as_u64().unwrap();
    assert_eq!(flows.iter().map(count).sum::<u64>(), 305);
    for flow in flows {
        assert_eq!(flow["packet"]["destination_port"], 5672);
        assert_eq!(flow["logged"]["rule"], "UserRule_AllowEventHubOut");
        assert!(
            flow["by"]
                .as_str()
                .unwrap()
                .starts_with("by hardening-2026-01")
        );
        assert!(*flow["times"]["last"].as_str().unwrap() < *"2026-01-05T14:24:07");
    }
    let since = json(&["--since", "2026-01-05T14:24:07Z"], 0);
    assert_eq!(since["differ"], 0);
    let sums = [
        "agree",
        "differ",
        "undetermined",
        "out_of_scope",
        "left_out",
    ];
    let sum: u64 = sums.iter().map(|key| since[*key].as_u64().unwrap()).sum();
    assert_eq!(since["tuples"], sum);
    assert!(since["left_out"].as_u64().unwrap() > 0);
}

#[test]
fn flows_that_rules_have_no_say_in_are_out_of_scope() {
    let bench = Bench::new();
    let flow = |acl: &str, rule: &str, tuples: &str| {
        format!(
            r#"{{"records":[{{"time":"2026-01-05T15:00:00Z","flowLogVersion":4,"macAddress":"00224812A004","category":"FlowLogFlowEvent","flowLogResourceID":"/x","targetResourceID":"/vnet","operationName":"FlowLogFlowEvent","flowRecords":{{"flows":[{{"aclID":"{acl}","flowGroups":[{{"rule":"{rule}","flowTuples":[{tuples}]}}]}}]}}}}]}}"#
        )
    };
    let tuple = |from: &str, to: &str, protocol: u8| {
        format!("\"1767625200000,{from},{to},40000,443,{protocol},O,B,NX,0,0,0,0\"")
    };
    let platform = flow(
        "00000000-0000-0000-0000-000000000000",
        "PlatformRule",
        &tuple("10.20.0.5", "52.239.140.7", 6),
    );
    bench.write("a/PT1H.json", platform);
    let others = [
        tuple("10.99.0.5", "52.239.140.7", 6),
        tuple("10.20.0.5", "52.239.140.7", 132),
        tuple("10.20.0.5", "52.239.140.7", 6),
    ];
    bench.write(
        "b/PT1H.json",
        flow("some-guid", "UserRule_AllowStorageOut", &others.join(",")),
    );
    let arguments = ["--format", "json", "--from-logs", "a", "b"];
    let told: Value = serde_json::from_str(&run(&bench, "test", &arguments, 0).stdout).unwrap();
    assert_eq!(
        (&told["tuples"], &told["agree"]),
        (&4.into(), &1.into()),
        "{told}"
    );
    assert_eq!(told["out_of_scope"], 3);
    assert_eq!(told["out"].as_array().unwrap().len(), 3);
    // Where nothing could be held against the rules, nothing is said to agree.
    run(&bench, "test", &["--from-logs", "a"], 3);
    run(&bench, "test", &["--from-logs", "nowhere"], 2);
    run(
        &bench,
        "test",
        &[
            "--since",
            "2026-01-05",
            "inbound tcp 1.1.1.1 -> 10.20.0.5:1",
        ],
        2,
    );
}

/// Traffic Analytics has no source ports: they matter only where rules tell them apart.
#[test]
fn a_lost_source_port_matters_where_rules_have_source_ports() {
    let bench = Bench::new();
    for name in ["vnet.json", "nics.json", "asgs.json", "route-tables.json"] {
        bench.write(
            format!("azure/{name}"),
            std::fs::read(testdata("azure").join(name)).unwrap(),
        );
    }
    let mut nsgs: Value =
        serde_json::from_slice(&std::fs::read(testdata("azure/nsgs.json")).unwrap()).unwrap();
    for nsg in nsgs.as_array_mut().unwrap() {
        for rule in nsg["securityRules"].as_array_mut().unwrap() {
            if rule["name"] == "AllowStorageOut" {
                rule["sourcePortRange"] = "50000-60000".into();
            }
        }
        let deny: Value = serde_json::json!({
            "name": "DenyRest", "priority": 4000, "access": "Deny", "direction": "Outbound",
            "protocol": "*", "sourceAddressPrefix": "*", "sourcePortRange": "*",
            "destinationAddressPrefix": "*", "destinationPortRange": "*",
        });
        nsg["securityRules"].as_array_mut().unwrap().push(deny);
    }
    bench.write("azure/nsgs.json", nsgs.to_string());
    let header = "FlowStartTime_t,FlowType_s,SrcIP_s,DestIP_s,DestPort_d,L4Protocol_s,FlowDirection_s,FlowStatus_s,NSGRule_s,NSGList_s,SubType_s,FASchemaVersion_s,FlowEndTime_t,FlowIntervalStartTime_t,FlowIntervalEndTime_t\n";
    let row = |port: u16| {
        format!(
            "2026-01-05T15:00:00Z,AzurePublic,10.20.0.5,52.239.140.7,{port},T,O,A,UserRule_AllowStorageOut,,FlowLog,2,2026-01-05T15:01:00Z,2026-01-05T15:00:00Z,2026-01-05T15:10:00Z\n"
        )
    };
    bench.write("ta.csv", format!("{header}{}", row(443)));
    let config = testdata("incident/nsgaudit.toml");
    let arguments = [
        "test",
        "--azure",
        "azure",
        "--config",
        config.to_str().unwrap(),
        "--format",
        "json",
        "--from-logs",
        "ta.csv",
    ];
    let ran = bench.run(arguments);
    let told: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(told["undetermined"], 1, "{told} {}", ran.stderr);
    assert_eq!(ran.status, 3);
    let why = told["flows"][0]["by"].as_str().unwrap();
    assert!(why.contains("source ports apart"), "{why}");
}
