//! Real logs, where `NSGAUDIT_SAMPLES` names a folder of them. They are not part of the project.

#![expect(clippy::unwrap_used, reason = "a test may")]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// File, records and tuples, counted apart from us: the strings in `flowTuples` arrays.
const COUNTS: [(&str, u64, u64); 8] = [
    ("nsg-v1/erjosito-2020-04-07-v1.json", 19, 897),
    ("nsg-v1/ms-connector-2018-05-30-v1.json", 24, 1_187),
    ("nsg-v2/erjosito-2019-10-16-v2.json", 50, 4_678),
    ("nsg-v2/erjosito-2022-05-02-v2.json", 22, 173),
    ("nsg-v2/danifitz-2020-07-08-v2-portscan.json", 15, 8_203),
    ("nsg-odd/docs-2017-02-16-v1-nested-records.json", 5, 21),
    (
        "vnet-v4/erjosito-2024-03-14-single-record-no-wrapper.json",
        1,
        29,
    ),
    ("vnet-v4/sumo-2024-12-12-vnet-target-key-order.json", 8, 166),
];

#[expect(clippy::print_stdout, reason = "a test that reads nothing says so")]
fn samples() -> Option<PathBuf> {
    let folder = std::env::var_os("NSGAUDIT_SAMPLES").map(PathBuf::from);
    if folder.is_none() {
        println!("NSGAUDIT_SAMPLES is not set: no real logs to read");
    }
    folder
}

fn audit(path: &Path) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_nsgaudit"))
        .args(["audit", "--format", "json"])
        .arg(path)
        .current_dir(std::env::temp_dir())
        .output()
        .unwrap();
    assert!(output.status.code().is_some(), "{}", path.display());
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn real_logs_are_read_whole() {
    let Some(folder) = samples() else { return };
    for (file, records, tuples) in COUNTS {
        let report = audit(&folder.join(file));
        let input = &report["input"];
        assert_eq!(input["records"]["read"].as_u64(), Some(records), "{file}");
        assert_eq!(input["tuples"]["read"].as_u64(), Some(tuples), "{file}");
        assert_eq!(input["tuples"]["faulty"].as_u64(), Some(0), "{file}");
        let sum: u64 = ["counted", "duplicate", "filtered", "faulty"]
            .iter()
            .map(|key| input["tuples"][key].as_u64().unwrap())
            .sum();
        assert_eq!(sum, tuples, "{file}");
    }
}

#[test]
fn other_logs_are_named_and_not_half_read() {
    let Some(folder) = samples() else { return };
    let report = audit(&folder.join("not-flow-logs"));
    assert_eq!(report["input"]["records"]["read"].as_u64(), Some(0));
    let faults = report["input"]["faults"].as_array().unwrap();
    assert_eq!(faults.len(), 1);
    assert_eq!(
        (faults[0]["kind"].as_str(), faults[0]["count"].as_u64()),
        (Some("not-flow-log"), Some(3))
    );
}

#[test]
fn every_sample_ends_in_a_report() {
    let Some(folder) = samples() else { return };
    let report = audit(&folder);
    assert!(report["input"]["flow_files"].as_u64().unwrap() >= 20);
}
