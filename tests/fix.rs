//! `nsgaudit fix`: what it proposes for the bundled rules, in every form, read back by others.

#![expect(clippy::unwrap_used, reason = "a test may")]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use support::{Bench, Ran};

fn testdata(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("testdata")
        .join(name)
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// The fix for the rules of a folder.
fn fix(azure: &Path, more: &[&str]) -> Ran {
    let mut all = vec![
        "fix".to_owned(),
        "--config".to_owned(),
        text(&testdata("incident/nsgaudit.toml")),
        "--azure".to_owned(),
        text(azure),
    ];
    all.extend(more.iter().map(|&word| word.to_owned()));
    Bench::new().run(all)
}

/// As [`fix`], with the bundled logs.
fn fix_of_logs(azure: &Path, more: &[&str]) -> Ran {
    let logs = text(&testdata("incident"));
    fix(azure, &[&[logs.as_str()], more].concat())
}

fn prove(azure: &Path) -> Value {
    let config = text(&testdata("incident/nsgaudit.toml"));
    let azure = text(azure);
    let arguments = [
        "prove", "--config", &config, "--azure", &azure, "--format", "json",
    ];
    let ran = Bench::new().run(arguments);
    assert!(matches!(ran.status, 0 | 1), "{}", ran.stderr);
    ran.json()
}

/// The verdict of each requirement: row, subnet and direction.
fn verdicts(proved: &Value) -> Vec<(String, String)> {
    let all = proved["requirements"].as_array().unwrap().iter();
    all.map(|one| {
        let key = format!("{} {} {}", one["row"], one["subnet"], one["direction"]);
        (key, one["verdict"].as_str().unwrap().to_owned())
    })
    .collect()
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

/// The bundled rules with the resources of a template put in: each rule by its name, each whole NSG by
/// its own.
fn deployed(bench: &Bench, azure: &Path, template: &Value) -> PathBuf {
    let bytes = std::fs::read(azure.join("nsgs.json")).unwrap();
    let mut nsgs: Value = serde_json::from_slice(&bytes).unwrap();
    for resource in template["resources"].as_array().unwrap() {
        let name = resource["name"].as_str().unwrap();
        let (nsg, rule) = name.split_once('/').unwrap_or((name, ""));
        let mut all = nsgs.as_array_mut().unwrap().iter_mut();
        let nsg = all.find(|one| one["name"] == nsg).unwrap();
        if rule.is_empty() {
            nsg["securityRules"] = resource["properties"]["securityRules"].clone();
            continue;
        }
        rules(nsg).retain(|one| one["name"] != rule);
        rules(nsg).push(json!({ "name": rule, "properties": resource["properties"] }));
    }
    for name in ["vnet.json", "nics.json", "asgs.json", "route-tables.json"] {
        let bytes = std::fs::read(testdata("azure").join(name)).unwrap();
        bench.write(Path::new("deployed").join(name), bytes);
    }
    bench.write("deployed/nsgs.json", nsgs.to_string());
    bench.path("deployed")
}

#[test]
fn what_is_printed_is_proved_again_by_our_own_importer() {
    let azure = testdata("azure");
    let template = fix(&azure, &["--format", "arm"]).expect(1).json();
    let bench = Bench::new();
    let after = deployed(&bench, &azure, &template);
    let told = fix(&azure, &["--format", "json"]).expect(1).json();
    let (before, now) = (verdicts(&prove(&azure)), verdicts(&prove(&after)));
    let fixed: Vec<_> = told["fixed"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| format!("{} {} {}", one["row"], one["subnet"], one["direction"]))
        .collect();
    assert_eq!(fixed.len(), 25);
    for ((key, before), (_, now)) in before.iter().zip(&now) {
        if fixed.contains(key) {
            assert_ne!(before, "allowed", "{key}");
            assert_eq!(now, "allowed", "{key}");
        }
        if before == "allowed" {
            assert_eq!(now, "allowed", "{key}");
        }
    }
    // The second run has nothing left to do but what is not known.
    let again = fix(&after, &["--format", "json"]).expect(3).json();
    assert_eq!(again["changes"], json!([]));
    assert_eq!(again["open"], told["open"]);
    // The template is one of those that we read: alone it has rules of the NSGs.
    let alone = bench.write("alone/template.json", template.to_string());
    let arguments = [
        "prove",
        "--azure",
        alone.parent().unwrap().to_str().unwrap(),
    ];
    let ran = Bench::new().run(arguments);
    assert!(!ran.stderr.contains("expected a"), "{}", ran.stderr);
}

#[test]
fn the_incident_is_fixed_by_one_rule_an_nsg_and_past_traffic_agrees() {
    let only = ["--only", "event-hub-log", "--format", "json"];
    let told = fix_of_logs(&testdata("azure"), &only).expect(1).json();
    let changes = told["changes"].as_array().unwrap();
    assert_eq!(changes.len(), 4);
    for change in changes {
        let [new] = &change["new"].as_array().unwrap()[..] else {
            panic!("{change}");
        };
        let rule = &new["rule"];
        assert_eq!(rule["priority"], 100, "before hardening-2026-01 (110)");
        assert_eq!(rule["destination"]["prefixes"], json!(["EventHub"]));
        assert_eq!(rule["destination"]["ports"], json!(["5672"]));
        assert_eq!(rule["protocol"], "Tcp");
    }
    let replay = &told["shown"]["replay"];
    assert_eq!(replay["newly_denied"], 0);
    assert!(replay["newly_allowed"].as_u64().unwrap() > 0);
    assert_eq!(told["shown"]["newly_denied"], "0");
}

/// Runs the script with an `az` that writes down its arguments, each on a line, and a blank one after.
fn run_script(script: &str) -> Vec<Vec<String>> {
    let bench = Bench::new();
    let script = bench.write("fix.sh", script);
    let log = bench.path("log");
    let az = "#!/bin/sh\nfor word in \"$@\"; do printf '%s\\n' \"$word\" >> \"$LOG\"; done\necho >> \"$LOG\"\n";
    let az = bench.write("bin/az", az);
    let made = Command::new("chmod").arg("+x").arg(&az).status().unwrap();
    assert!(made.success());
    let path = format!("{}:/usr/bin:/bin", az.parent().unwrap().display());
    let ran = Command::new("sh")
        .arg(&script)
        .env("PATH", path)
        .env("LOG", &log)
        .current_dir(bench.folder.path())
        .output()
        .unwrap();
    assert!(
        ran.status.success(),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    let log = std::fs::read_to_string(log).unwrap_or_default();
    log.split("\n\n")
        .map(|call| call.lines().map(str::to_owned).collect::<Vec<_>>())
        .filter(|call| !call.is_empty())
        .collect()
}

#[test]
fn the_commands_say_what_the_template_says() {
    let azure = testdata("azure");
    let script = fix(&azure, &["--format", "az"]).expect(1).stdout;
    assert!(script.starts_with("#!/bin/sh\n# The smallest change"));
    let calls = run_script(&script);
    let template = fix(&azure, &["--format", "arm"]).expect(1).json();
    let resources = template["resources"].as_array().unwrap();
    assert_eq!(calls.len(), resources.len());
    for (call, resource) in calls.iter().zip(resources) {
        let value = |key: &str| {
            let lead = format!("--{key}=");
            let mut found = call.iter().filter_map(|word| word.strip_prefix(&lead));
            found.next().unwrap_or_default().to_owned()
        };
        let list = |key: &str| -> Value {
            let from = call
                .iter()
                .position(|word| word == &format!("--{key}"))
                .unwrap();
            let words = call[from + 1..]
                .iter()
                .take_while(|word| !word.starts_with("--"));
            let words: Vec<_> = words.collect();
            if let [one] = words[..] {
                json!(one)
            } else {
                json!(words)
            }
        };
        assert_eq!(call[..4], ["network", "nsg", "rule", "create"]);
        let name = format!("{}/{}", value("nsg-name"), value("name"));
        assert_eq!(resource["name"], name);
        let properties = &resource["properties"];
        assert_eq!(properties["priority"].to_string(), value("priority"));
        for key in ["direction", "access", "protocol", "description"] {
            assert_eq!(properties[key], value(key));
        }
        for (option, key) in [
            ("source-address-prefixes", "sourceAddressPrefix"),
            ("destination-address-prefixes", "destinationAddressPrefix"),
            ("source-port-ranges", "sourcePortRange"),
            ("destination-port-ranges", "destinationPortRange"),
        ] {
            let plural = key.replace("Prefix", "Prefixes").replace("Range", "Ranges");
            let told = properties.get(key).or_else(|| properties.get(&plural));
            assert_eq!(told, Some(&list(option)), "{name} {key}");
        }
        assert_eq!(value("resource-group"), "rg-integration");
    }
}

#[test]
fn hostile_names_are_words_to_a_shell() {
    let bench = Bench::new();
    let names = ["it's $(touch owned)", "a;b|c `id`", "x\"y\\z", "${HOME} ~"];
    let azure = changed(&bench, |nsg| {
        let at = ["NSG-COMPUTE", "NSG-ASE", "NSG-APIM", "NSG-REDIS"];
        let Some(at) = at.iter().position(|name| nsg["name"] == *name) else {
            return;
        };
        // No priority is free before these: they have to move.
        for rule in rules(nsg) {
            if rule["name"] == "hardening-2026-01" {
                rule["name"] = json!(names[at]);
                rule["priority"] = json!(100);
            }
        }
    });
    let only = ["--only", "event-hub-log", "--format"];
    let script = fix(&azure, &[&only[..], &["az"]].concat()).expect(1).stdout;
    let calls = run_script(&script);
    assert_eq!(calls.len(), 8);
    let mut moved: Vec<_> = calls
        .iter()
        .filter(|call| call[3] == "update")
        .map(|call| {
            assert!(call.contains(&"--priority=101".to_owned()));
            let name = call.iter().find_map(|word| word.strip_prefix("--name="));
            name.unwrap().to_owned()
        })
        .collect();
    moved.sort();
    let mut expected = names.map(str::to_owned);
    expected.sort();
    assert_eq!(moved, expected);
    // And the moved rules keep their order.
    let template = fix(&azure, &[&only[..], &["arm"]].concat())
        .expect(1)
        .json();
    let after = deployed(&bench, &azure, &template);
    for (key, verdict) in verdicts(&prove(&after)) {
        if key.contains("event-hub-log") {
            assert_eq!(verdict, "allowed", "{key}");
        }
    }
    for format in ["terraform", "bicep"] {
        let page = fix(&azure, &[&only[..], &[format]].concat())
            .expect(1)
            .stdout;
        assert!(
            !page.lines().any(|line| line.contains("${HOME}")
                && !line.contains("\\${HOME}")
                && !line.contains("$${HOME}")),
            "{page}"
        );
    }
}

#[test]
fn a_rule_that_may_deny_counts_as_one_that_does() {
    // A rule of which it is not known what it takes, before the one that denies.
    let bench = Bench::new();
    let azure = changed(&bench, |nsg| {
        let unknown = json!({
            "name": "unknown", "priority": 100, "direction": "Outbound", "access": "Deny",
            "protocol": "*", "sourceAddressPrefix": "*", "sourcePortRange": "*",
            "destinationAddressPrefix": "NoSuchTag", "destinationPortRange": "5672"
        });
        if nsg["name"] == "NSG-APIM" {
            rules(nsg).push(unknown);
        }
    });
    let told = fix(&azure, &["--only", "event-hub-log", "--format", "json"])
        .expect(1)
        .json();
    let names: Vec<_> = told["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| change["nsg"]["name"].as_str().unwrap().to_owned())
        .collect();
    // That rule denies it, known or not: the new one comes before it, and takes its priority.
    assert!(names.contains(&"NSG-APIM".to_owned()), "{told}");
    let apim = told["changes"].as_array().unwrap().iter();
    let apim = apim
        .clone()
        .find(|change| change["nsg"]["name"] == "NSG-APIM")
        .unwrap();
    assert_eq!(apim["moved"][0]["name"], "unknown");
    assert_eq!(apim["new"][0]["rule"]["priority"], 100);
}

/// An outbound rule of a network manager, as it is listed where it is in effect.
fn admin_rule(access: &str) -> Value {
    let path = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/networkManagers/avnm/\
                securityAdminConfigurations/c/ruleCollections/k/rules/NoEvents";
    json!({ "value": [{
        "id": path, "name": "NoEvents", "kind": "Custom", "access": access,
        "direction": "Outbound", "priority": 5, "protocol": "Tcp",
        "sources": [{"addressPrefix": "*", "addressPrefixType": "IPPrefix"}],
        "sourcePortRanges": ["0-65535"],
        "destinations": [{"addressPrefix": "EventHub", "addressPrefixType": "ServiceTag"}],
        "destinationPortRanges": ["5672"],
        "ruleCollectionAppliesToGroups": [{"networkGroupId": "/g"}],
        "ruleGroups": [{"id": "/g", "memberType": "VirtualNetwork"}],
    }]})
}

#[test]
fn what_no_nsg_can_change_is_said_and_not_fixed() {
    let bench = Bench::new();
    let azure = changed(&bench, |_| {});
    bench.write(
        "azure/admin/vnet-integration.json",
        admin_rule("Deny").to_string(),
    );
    let told = fix(&azure, &["--only", "event-hub-log", "--format", "json"])
        .expect(3)
        .json();
    assert_eq!(told["changes"], json!([]));
    let open = told["open"].as_array().unwrap();
    assert_eq!(open.len(), 4);
    for one in open {
        let why = one["why"].as_str().unwrap();
        assert!(
            why.contains("NoEvents") && why.contains("network manager"),
            "{why}"
        );
    }
    for format in ["az", "bicep", "terraform"] {
        let page = fix(&azure, &["--only", "event-hub-log", "--format", format])
            .expect(3)
            .stdout;
        assert!(
            !page.contains("create") && !page.contains("resource "),
            "{page}"
        );
    }
}

#[test]
fn the_answer_is_the_same_for_any_number_of_threads() {
    let azure = testdata("azure");
    let one = fix_of_logs(&azure, &["--threads", "1"]).expect(1);
    let four = fix_of_logs(&azure, &["--threads", "4"]).expect(1);
    assert_eq!(one.stdout, four.stdout);
}

#[test]
fn rules_that_deny_nothing_required_need_no_fix() {
    let bench = Bench::new();
    let azure = changed(&bench, |nsg| {
        let allow = |direction: &str| {
            json!({
                "name": format!("all-{direction}"), "priority": 100, "direction": direction,
                "access": "Allow", "protocol": "*", "sourceAddressPrefix": "*",
                "sourcePortRange": "*", "destinationAddressPrefix": "*", "destinationPortRange": "*"
            })
        };
        *rules(nsg) = vec![allow("Inbound"), allow("Outbound")];
    });
    let ran = fix(&azure, &["--only", "event-hub-log"]).expect(0);
    assert!(ran.stdout.starts_with("Nothing to fix"), "{}", ran.stdout);
    fix(&azure, &["--only", "event-hub"]).expect(2);
    fix(&azure, &["--least-privilege"]).expect(2);
}

#[test]
fn least_privilege_allows_what_is_required_and_was_seen_and_nothing_more() {
    let azure = testdata("azure");
    let told = fix_of_logs(&azure, &["--least-privilege", "--format", "json"])
        .expect(1)
        .json();
    let template = fix_of_logs(&azure, &["--least-privilege", "--format", "arm"])
        .expect(1)
        .json();
    let bench = Bench::new();
    let after = deployed(&bench, &azure, &template);
    let (before, now) = (verdicts(&prove(&azure)), verdicts(&prove(&after)));
    // Only advice is given up, and that is said.
    let open = told["open"].as_array().unwrap();
    let given_up = |key: &str| {
        open.iter().any(|one| {
            let one = &one["requirement"];
            one["advice"] == true
                && key == format!("{} {} {}", one["row"], one["subnet"], one["direction"])
        })
    };
    for ((key, before), (_, now)) in before.iter().zip(&now) {
        if before == "allowed" && !given_up(key) {
            assert_eq!(now, "allowed", "{key}");
        }
    }
    assert_eq!(told["shown"]["replay"]["passes"], true, "{}", told["shown"]);
    for change in told["changes"].as_array().unwrap() {
        let removed = change["removed"].as_array().unwrap();
        assert!(!removed.is_empty(), "{}", change["nsg"]);
        let last = change["new"].as_array().unwrap().last().unwrap();
        assert_eq!(last["rule"]["access"], "Deny");
    }
    // Over all packets of all subnets, what is open is what the fix says.
    let config = text(&testdata("incident/nsgaudit.toml"));
    let folder = text(&after);
    let arguments = [
        "prove",
        "--unneeded",
        "--config",
        &config,
        "--azure",
        &folder,
    ];
    let open = Bench::new().run(arguments).stdout;
    assert!(!open.contains("AllowInternetOutBound"), "{open}");
    // The same with any number of threads.
    let one = ["--least-privilege", "--format", "json", "--threads", "1"];
    assert_eq!(fix_of_logs(&azure, &one).expect(1).json(), told);
}

#[track_caller]
fn committed(path: &Path, page: &str) {
    #[expect(clippy::disallowed_methods, reason = "a test may read the environment")]
    if std::env::var("UPDATE_SNAPSHOTS").is_ok_and(|value| value == "1") {
        std::fs::write(path, page).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == page,
        "{} differs from what is printed now; look at it, then run with UPDATE_SNAPSHOTS=1:\n{page}",
        path.display()
    );
}

#[test]
fn every_form_is_the_one_that_was_looked_at() {
    let azure = testdata("azure");
    for (format, file) in [
        ("text", "fix.txt"),
        ("az", "fix.sh"),
        ("bicep", "fix.bicep"),
        ("terraform", "fix.tf"),
        ("arm", "fix.arm.json"),
    ] {
        let only = ["--only", "event-hub-log", "--format", format];
        let page = fix_of_logs(&azure, &only).expect(1).stdout;
        committed(&testdata("reports").join(file), &page);
    }
}

#[test]
fn what_a_route_drops_stays_open_and_the_route_is_named() {
    let ran = fix(&testdata("routes"), &["--format", "json"]);
    let told = ran.expect(3).json();
    let open = told["open"].as_array().unwrap();
    let why: Vec<_> = open.iter().map(ToString::to_string).collect();
    assert!(
        why.iter().any(|why| why.contains("no-event-hubs")
            && why.contains("no rule of an NSG changes that")
            && why.contains("event-hub")),
        "{why:#?}"
    );
}
