//! Every format through a reader or validator that is not ours: does it hold to its standard, does it
//! tell what the JSON report tells, and do names that mean harm come back as they were.
//!
//! `tests/setup.sh` installs the readers.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot read an output fails"
)]

#[path = "../support/mod.rs"]
mod support;

mod builds;
mod changes;
mod events;
mod lists;
mod pages;
mod runs;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use nsgaudit::audit::{
    Audit, Basis, CoverageText, Finding, Input, Reconciled, RuleLocation, SCHEMA_VERSION, Severity,
};
use nsgaudit::report::sarif::{self, Baseline, BaselineState};
use serde_json::{Value, json};
use support::blob::{APIM, CONFIG, Flow, Format, OUTSIDE, Record, START, blob};
use support::{Bench, finish};

/// Names that mean harm to some reader.
const HOSTILE: [&str; 10] = [
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "\u{1b}[2J\u{1b}]0;owned\u{7}\u{202e}x",
    "=cmd|' /C calc'!A0",
    "+1+1",
    "@SUM(1)",
    "a\"b'c`d``e,f;g|h\\i\\|j",
    "two\nlines\r\nand\ta tab",
    "$(touch owned); rm -rf ~ && `id` | %PATH%",
    "[link](http://evil.example) **bold** user@evil.example www.evil.example #1 {0}",
    "ünï ✓ 規則 --> ]]> ${x} </testsuite>",
];

/// The formats of an audit, with the ends of their files.
const FORMATS: [&str; 12] = [
    "text",
    "json",
    "jsonl",
    "csv",
    "csv-requirements",
    "csv-findings",
    "markdown",
    "junit",
    "sarif",
    "ocsf",
    "parquet",
    "prometheus",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file of the readers.
#[track_caller]
fn reader(path: &str) -> PathBuf {
    let path = root().join("target/readers").join(path);
    assert!(
        path.exists(),
        "{} is not there: run tests/setup.sh first",
        path.display()
    );
    path
}

/// What an outside reader saw; fails where it finds a fault.
#[track_caller]
fn read(arguments: &[&str]) -> Value {
    let mut command = Command::new(reader("venv/bin/python"));
    command.arg(root().join("tests/readers/read.py"));
    command.args(arguments);
    finish(command, &[]).expect(0).json()
}

/// A name as it is written out where a format cannot hold it: as a terminal shows it, but for line
/// breaks and tabs.
fn written_out(name: &str) -> String {
    name.replace('\u{1b}', "\\x1b")
        .replace('\u{7}', "\\x07")
        .replace('\u{202e}', "\\u{202e}")
}

/// The same, in one line.
fn in_one_line(name: &str) -> String {
    written_out(name)
        .replace('\n', "\\n")
        .replace('\r', "\\r")
        .replace('\t', "\\t")
}

/// An audit's reports, one of each format, in a folder.
struct Reports {
    bench: Bench,
    json: Value,
}

impl Reports {
    /// Audits with these arguments, whatever is found.
    fn of(bench: Bench, arguments: &[OsString]) -> Self {
        let mut all: Vec<OsString> = ["audit", "--fail-on", "never", "--format", "json"]
            .map(OsString::from)
            .to_vec();
        all.extend_from_slice(arguments);
        for format in FORMATS {
            all.push("--report".into());
            all.push(format!("{format}=report.{format}").into());
        }
        let ran = bench.run(&all);
        assert!(ran.status == 0 || ran.status == 2, "{}", ran.stderr);
        let json = ran.json();
        Self { bench, json }
    }

    /// Of the bundled incident.
    fn incident() -> Self {
        let folder = root().join("testdata/incident");
        let config = folder.join("nsgaudit.toml");
        let logs = folder.join("insights-logs-networksecuritygroupflowevent");
        Self::of(
            Bench::new(),
            &[logs.into(), "--config".into(), config.into()],
        )
    }

    /// Of a network and logs whose every name means harm.
    fn hostile() -> Self {
        let (bench, arguments) = hostile();
        Self::of(bench, &arguments)
    }

    fn file(&self, format: &str) -> String {
        let path = self.bench.path(format!("report.{format}"));
        path.to_str().unwrap().to_owned()
    }

    fn text(&self, format: &str) -> String {
        fs::read_to_string(self.file(format)).unwrap()
    }

    fn list(&self, name: &str) -> &Vec<Value> {
        self.json[name].as_array().unwrap()
    }

    /// The sum of a field over the groups.
    fn sum(&self, field: &str) -> u64 {
        let groups = self.list("groups").iter();
        groups.map(|group| group[field].as_u64().unwrap()).sum()
    }
}

/// Logs in files whose names mean harm, of rules that do, in a network whose subnet does.
fn hostile() -> (Bench, Vec<OsString>) {
    let bench = Bench::new();
    let mut arguments: Vec<OsString> = Vec::new();
    for (number, name) in HOSTILE.iter().enumerate() {
        let time = START + 60 * number as i64;
        let port = 3_000 + number as u16;
        let records = [
            Record::new(
                time,
                "00224812A004",
                "NSG-APIM",
                name,
                vec![Flow::out(time, APIM, OUTSIDE, 443).deny()],
            ),
            Record::new(
                time,
                "00224812A004",
                "NSG-APIM",
                name,
                vec![Flow::out(time, OUTSIDE, APIM, port).inbound()],
            ),
        ];
        let file = format!("{}.json", name.replace('/', "_"));
        bench.write(&file, blob(Format::VnetV4, &records));
        arguments.push(format!("./{file}").into());
    }
    let subnet = toml::Value::from(HOSTILE[0]).to_string();
    let config = CONFIG.replace("\"apim\"\nprefixes", &format!("{subnet}\nprefixes"));
    assert_ne!(config, CONFIG);
    bench.write("network.toml", config);
    arguments.extend(["--config", "network.toml"].map(OsString::from));
    (bench, arguments)
}

/// The texts of a list, as a set.
fn texts<'a>(items: impl IntoIterator<Item = &'a Value>) -> BTreeSet<String> {
    let items = items.into_iter().filter_map(Value::as_str);
    items.map(str::to_owned).collect()
}

fn names() -> BTreeSet<String> {
    HOSTILE.into_iter().map(str::to_owned).collect()
}

/// Asserts that all the names, changed so, are among the texts.
#[track_caller]
fn assert_names(found: &BTreeSet<String>, change: impl Fn(&str) -> String) {
    for name in HOSTILE {
        let name = change(name);
        assert!(found.contains(&name), "{name:?} is not among {found:?}");
    }
}
