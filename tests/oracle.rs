//! The audit's counts against those of DuckDB over the same logs, kept in `testdata/oracle/`
//! (`benches/oracle.py` made them).

#![expect(clippy::unwrap_used, reason = "a test may")]

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

type Key = (String, String, String, u64);

fn number(row: &Value, key: &str) -> u64 {
    row[key].as_u64().unwrap()
}

#[test]
fn the_incident_is_counted_as_duckdb_counts_it() {
    let output = Command::new(env!("CARGO_BIN_EXE_nsgaudit"))
        .args([
            "audit",
            "testdata/incident",
            "--config",
            "testdata/incident/nsgaudit.toml",
            "--format",
            "json",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let audit: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut ours: BTreeMap<Key, [u64; 4]> = BTreeMap::new();
    for group in audit["groups"].as_array().unwrap() {
        let text = |key: &str| group[key].as_str().unwrap().to_owned();
        let key = (
            text("direction"),
            text("decision"),
            text("protocol"),
            number(group, "port"),
        );
        let sums = ours.entry(key).or_default();
        for (sum, key) in sums
            .iter_mut()
            .zip(["tuples", "flows", "bytes_forward", "bytes_reverse"])
        {
            *sum += number(group, key);
        }
    }
    let path =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/oracle/incident.json");
    let oracle: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut theirs: BTreeMap<Key, [u64; 4]> = BTreeMap::new();
    for row in oracle["rows"].as_array().unwrap() {
        let protocol = if number(row, "protocol") == 6 {
            "tcp"
        } else {
            "udp"
        };
        let text = |key: &str| row[key].as_str().unwrap().to_owned();
        let key = (
            text("direction"),
            text("decision"),
            protocol.to_owned(),
            number(row, "port"),
        );
        let sums =
            ["tuples", "flows", "bytes_forward", "bytes_reverse"].map(|key| number(row, key));
        theirs.insert(key, sums);
    }
    assert!(theirs.len() > 20);
    assert_eq!(ours, theirs);
}
