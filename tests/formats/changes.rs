//! Changes of rules as Terraform: read by python-hcl2.

use std::path::Path;

use serde_json::{Value, json};

use super::support::Bench;
use super::{HOSTILE, read, root};

/// What `fix` prints for the rules of a folder, in a format.
fn fix(bench: &Bench, azure: &Path, format: &str) -> String {
    let config = root().join("testdata/incident/nsgaudit.toml");
    let arguments = [
        "fix",
        "--only",
        "event-hub-log",
        "--format",
        format,
        "--config",
        config.to_str().unwrap(),
        "--azure",
        azure.to_str().unwrap(),
    ];
    bench.run(arguments).expect(1).stdout
}

/// The resources of a Terraform file.
fn resources(bench: &Bench, text: &str) -> Vec<Value> {
    let path = bench.write("fix.tf", text);
    let file = read(&["hcl", path.to_str().unwrap()]);
    let all = file["resource"].as_array().unwrap().iter();
    all.map(|one| {
        let labels = one["azurerm_network_security_rule"].as_object().unwrap();
        labels.values().next().unwrap().clone()
    })
    .collect()
}

#[test]
fn terraform_says_what_the_template_says() {
    let bench = Bench::new();
    let azure = root().join("testdata/azure");
    let template: Value = serde_json::from_str(&fix(&bench, &azure, "arm")).unwrap();
    let told = resources(&bench, &fix(&bench, &azure, "terraform"));
    let expected = template["resources"].as_array().unwrap();
    assert_eq!(told.len(), expected.len());
    for (told, expected) in told.iter().zip(expected) {
        let name = |key: &str| told[key].as_str().unwrap().to_owned();
        let full = format!("{}/{}", name("network_security_group_name"), name("name"));
        assert_eq!(expected["name"], full);
        let properties = &expected["properties"];
        for (ours, azures) in [
            ("priority", "priority"),
            ("direction", "direction"),
            ("access", "access"),
            ("protocol", "protocol"),
            ("description", "description"),
            ("source_address_prefix", "sourceAddressPrefix"),
            ("source_port_range", "sourcePortRange"),
            ("destination_address_prefix", "destinationAddressPrefix"),
            ("destination_port_range", "destinationPortRange"),
        ] {
            assert_eq!(told[ours], properties[azures], "{full} {ours}");
        }
    }
}

/// Rules that have to move are written out again, whatever they are called.
#[test]
fn hostile_names_come_back_from_terraform() {
    for name in HOSTILE {
        let bench = Bench::new();
        for file in ["vnet.json", "nics.json", "asgs.json", "route-tables.json"] {
            let bytes = std::fs::read(root().join("testdata/azure").join(file)).unwrap();
            bench.write(Path::new("azure").join(file), bytes);
        }
        let bytes = std::fs::read(root().join("testdata/azure/nsgs.json")).unwrap();
        let mut nsgs: Value = serde_json::from_slice(&bytes).unwrap();
        for rule in nsgs[0]["securityRules"].as_array_mut().unwrap() {
            if rule["name"] == "hardening-2026-01" {
                rule["name"] = json!(name);
                rule["priority"] = json!(100);
            }
        }
        bench.write("azure/nsgs.json", nsgs.to_string());
        let told = resources(&bench, &fix(&bench, &bench.path("azure"), "terraform"));
        assert_eq!(told.len(), 5);
        let moved = told.iter().find(|one| one["priority"] == 101).unwrap();
        // The importer writes out what a terminal would obey.
        let expected = moved["name"].as_str().unwrap();
        assert!(!expected.contains(char::is_control), "{expected:?}");
        if !name.contains(|c: char| c.is_control() || c == '\u{202e}') {
            assert_eq!(expected, name);
        }
    }
}
