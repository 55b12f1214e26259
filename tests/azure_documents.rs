//! Documents of Azure: those of the test environment against the logs of the same, and real ones
//! where `NSGAUDIT_SAMPLES` names a folder of them.

#![expect(clippy::unwrap_used, reason = "a test may")]

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use nsgaudit::environment::azure::{Azure, read_folder};
use nsgaudit::environment::rules::{Nsg, SecurityRule, Side};
use nsgaudit::environment::{ServiceTags, nsg};
use nsgaudit::net::Mac;
use serde_json::Value;

fn testdata(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("testdata")
        .join(name)
}

fn environment() -> Azure {
    let azure = read_folder(&testdata("azure")).unwrap();
    assert_eq!((&azure.faults, &azure.remarks), (&Vec::new(), &Vec::new()));
    azure
}

#[test]
fn the_environment_is_read_whole() {
    let azure = environment();
    let rules: usize = azure.nsgs.iter().map(|nsg| nsg.rules.len()).sum();
    assert_eq!((azure.nsgs.len(), rules), (5, 4 * 9 + 1 + 1 + 5 * 6));
    assert!(
        azure
            .nsgs
            .iter()
            .all(|nsg| nsg.unread.is_empty() && !nsg.defaults_added)
    );
    assert_eq!((azure.interfaces.len(), azure.groups.len()), (8, 2));
    assert_eq!((azure.networks.len(), azure.route_tables.len()), (1, 1));
    let network = &azure.networks[0];
    for subnet in network.subnets.iter().take(4) {
        let id = subnet.nsg.as_ref().unwrap();
        let nsg = azure.nsgs.iter().find(|nsg| nsg.id == *id).unwrap();
        assert_eq!(nsg.subnets, [subnet.id.as_str()]);
    }
}

/// Where the tests know what a tag or group holds.
fn holds(side: &Side, address: IpAddr, azure: &Azure, tags: &ServiceTags) -> bool {
    let in_tag = |tag: &String| {
        let found = tags.editions[0].prefixes(tag);
        found.is_some_and(|prefixes| prefixes.contains(address))
    };
    let in_group = |group: &String| {
        let all = azure.interfaces.iter().flat_map(|one| &one.configurations);
        all.into_iter()
            .any(|one| one.address == Some(address) && one.groups.contains(group))
    };
    side.any
        || side.prefixes.contains(address)
        || side.tags.iter().any(in_tag)
        || side.groups.iter().any(in_group)
}

/// A user's rule of a log's name.
fn logged<'a>(nsg: &'a Nsg, name: &str) -> Option<&'a SecurityRule> {
    let name = name.strip_prefix("UserRule_")?;
    nsg.rules
        .iter()
        .find(|rule| !rule.is_default && rule.name == name)
}

fn logs(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            logs(&path, found);
        } else if path.extension().is_some_and(|end| end == "json") {
            found.push(path);
        }
    }
}

#[test]
fn every_rule_of_the_logs_is_in_the_documents_and_matches() {
    let (azure, tags) = (environment(), ServiceTags::embedded());
    let mut files = Vec::new();
    logs(&testdata("incident"), &mut files);
    let mut seen = 0;
    for file in files {
        let log: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        for record in log["records"].as_array().unwrap() {
            let id = record["resourceId"].as_str().unwrap();
            let nsg = azure
                .nsgs
                .iter()
                .find(|nsg| nsg.id.eq_ignore_ascii_case(id))
                .unwrap();
            for flow in record["properties"]["flows"].as_array().unwrap() {
                let name = flow["rule"].as_str().unwrap();
                let Some(rule) = logged(nsg, name) else {
                    assert!(name.starts_with("DefaultRule_"), "{name}");
                    let name = &name["DefaultRule_".len()..];
                    assert!(
                        nsg.rules
                            .iter()
                            .any(|rule| rule.is_default && rule.name == name)
                    );
                    continue;
                };
                let flows = flow["flows"].as_array().unwrap();
                for tuple in flows
                    .iter()
                    .flat_map(|one| one["flowTuples"].as_array().unwrap())
                {
                    let fields: Vec<_> = tuple.as_str().unwrap().split(',').collect();
                    let (source, destination) =
                        (fields[1].parse().unwrap(), fields[2].parse().unwrap());
                    assert!(
                        holds(&rule.source, source, &azure, &tags),
                        "{name}: {tuple}"
                    );
                    assert!(
                        holds(&rule.destination, destination, &azure, &tags),
                        "{name}: {tuple}"
                    );
                    assert!(
                        rule.destination.ports.contains(fields[4].parse().unwrap()),
                        "{name}: {tuple}"
                    );
                    seen += 1;
                }
                let mac = Mac::parse(flows[0]["mac"].as_str().unwrap().as_bytes());
                assert!(
                    azure
                        .interfaces
                        .iter()
                        .any(|one| one.mac == mac && mac.is_some())
                );
            }
        }
    }
    assert!(seen > 2_000, "{seen}");
}

/// File, groups, user rules, default rules that it states; counted apart from us.
const REAL: [(&str, usize, usize, usize); 10] = [
    ("az-cli-nsg-flattened-2020.json", 1, 2, 6),
    ("batfish-NetworkSecurityGroupTest.json", 1, 2, 6),
    ("batfish-portal-export-VM1-nsg.json", 1, 3, 6),
    ("batfish-portal-export-VM2-nsg.json", 1, 0, 6),
    ("batfish-portal-export-subnet-nsg.json", 1, 5, 6),
    ("checkov-arm-template-FAILED.json", 2, 2, 0),
    ("checkov-arm-template-RULE-1Pass-1Fail.json", 1, 2, 0),
    // Its one rule is of a group that it does not hold: there may be others.
    ("checkov-arm-template-RULE-PASSED.json", 1, 2, 0),
    ("jupiterone-rest-nsg-list-264k.json", 49, 39, 294),
    ("jupiterone-rest-nsg-list-9k.json", 1, 2, 6),
];

/// What is wrong with them: a name given twice, and rules under conditions.
const REAL_FAULTS: [(&str, &str); 3] = [
    (
        "batfish-NetworkSecurityGroupTest.json",
        "properties.securityRules[1]",
    ),
    (
        "checkov-arm-template-RULE-1Pass-1Fail.json",
        "resources[2].condition",
    ),
    (
        "checkov-arm-template-RULE-PASSED.json",
        "resources[1].condition",
    ),
];

#[expect(clippy::print_stdout, reason = "a test that reads nothing says so")]
fn samples() -> Option<PathBuf> {
    let folder = std::env::var_os("NSGAUDIT_SAMPLES").map(PathBuf::from);
    if folder.is_none() {
        println!("NSGAUDIT_SAMPLES is not set: no real documents to read");
    }
    folder
}

#[test]
fn real_groups_are_read_whole() {
    let Some(folder) = samples() else { return };
    for (file, nsgs, user, default) in REAL {
        let path = folder.join("arm-nsg").join(file);
        let read = nsg::parse(&fs::read(&path).unwrap(), file).unwrap();
        let rules = || read.nsgs.iter().flat_map(|nsg| &nsg.rules);
        let unread: usize = read.nsgs.iter().map(|nsg| nsg.unread.len()).sum();
        let users = rules().filter(|rule| !rule.is_default).count();
        // A default rule that was added has no place in the document.
        let stated = rules().filter(|rule| rule.is_default && !rule.path.is_empty());
        assert_eq!(read.nsgs.len(), nsgs, "{file}");
        assert_eq!((users + unread, stated.count()), (user, default), "{file}");
        assert_eq!(rules().count() - users, 6 * nsgs, "{file}");
    }
}

#[test]
fn a_folder_of_real_documents_is_read_whole() {
    let Some(folder) = samples() else { return };
    let azure = read_folder(&folder.join("arm-nsg")).unwrap();
    let name = |file: &str| file.rsplit('/').next().unwrap().to_owned();
    let faults: Vec<_> = azure
        .faults
        .iter()
        .map(|one| (name(&one.file), one.path.clone()))
        .collect();
    let expected = REAL_FAULTS.map(|(file, path)| (file.to_owned(), path.to_owned()));
    assert_eq!(faults, expected);
    assert_eq!((azure.interfaces.len(), azure.groups.len()), (15, 2));
    let whole: Vec<_> = azure
        .remarks
        .iter()
        .filter(|one| one.detail.contains("expected"))
        .collect();
    assert_eq!(whole.len(), 1, "{whole:?}");
    assert!(whole[0].detail.contains("networkwatchers/flowlogs"));
}
