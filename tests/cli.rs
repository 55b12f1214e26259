//! What the program promises at its edges: exit statuses, outputs, and what it prints for whom.

#![expect(clippy::unwrap_used, reason = "a test may")]

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use support::blob::{self, APIM, APP, CONFIG, Flow, Format, OUTSIDE, Record, START};
use support::{Bench, PROGRAM, Ran, finish, number};

/// A log with a blocked requirement: findings of severity critical.
fn blocked() -> String {
    let flow = Flow::out(START, APIM, "20.86.89.41", 5_672);
    blob::blob(Format::NsgV2, &[Record::apim(START + 9, vec![flow.deny()])])
}

/// A log without a finding above low.
fn quiet() -> String {
    let flow = Flow::out(START, APP, APIM, 443).end([1, 60, 1, 60]);
    let record = Record::new(START + 9, "00224812A0FF", "NSG-APP", "Allow", vec![flow]);
    blob::blob(Format::NsgV2, &[record])
}

fn bench() -> Bench {
    let bench = Bench::new();
    bench.write("nsgaudit.toml", CONFIG);
    bench.write("blocked.json", blocked());
    bench.write("quiet.json", quiet());
    bench
}

#[test]
fn statuses_0_and_1_tell_findings() {
    let bench = bench();
    bench.run(["audit", "quiet.json"]).expect(0);
    bench.run(["audit", "blocked.json"]).expect(1);
    let levels = ["info", "low", "medium", "high", "critical", "never"];
    let statuses =
        |log: &str| levels.map(|level| bench.run(["audit", log, "--fail-on", level]).status);
    assert_eq!(statuses("blocked.json"), [1, 1, 1, 1, 1, 0]);
    let quiet = statuses("quiet.json");
    assert_eq!(quiet[3..], [0, 0, 0], "{quiet:?}");
    assert!(quiet.is_sorted_by(|low, high| low >= high), "{quiet:?}");
}

/// A run that could not complete: status 2 and a reason that holds `says`.
#[track_caller]
fn incomplete(ran: Ran, says: &str) -> Ran {
    let ran = ran.expect(2);
    assert!(
        ran.stderr.contains(says),
        "{says:?} is not in {}",
        ran.stderr
    );
    ran
}

#[test]
fn status_2_tells_usage() {
    let bench = bench();
    for (arguments, says) in [
        (&[][..], "Usage"),
        (&["audit"], "<LOGS>"),
        (&["nope"], "nope"),
        (&["audit", "quiet.json", "--nope"], "--nope"),
        (&["audit", "quiet.json", "--threads=0"], "--threads"),
        (&["audit", "quiet.json", "--threads=100000"], "--threads"),
        (&["audit", "quiet.json", "--since=yesterday"], "--since"),
        (&["audit", "quiet.json", "--mac=00:11"], "--mac"),
        (&["audit", "quiet.json", "--subnet=nope"], "--subnet"),
        (
            &["audit", "quiet.json", "--min-coverage=101"],
            "--min-coverage",
        ),
        (
            &["audit", "quiet.json", "--min-coverage=NaN"],
            "--min-coverage",
        ),
        (&["audit", "quiet.json", "--max-groups=1"], "--max-groups"),
        (&["audit", "quiet.json", "--max-record=1"], "--max-record"),
        (&["audit", "quiet.json", "--profile=nope"], "nope"),
        (
            &["audit", "quiet.json", "--service-tags=nope.json"],
            "nope.json",
        ),
        (&["audit", "quiet.json", "--vnet=nope.json"], "nope.json"),
        (&["audit", "quiet.json", "--config=nope.toml"], "nope.toml"),
        (
            &["audit", "quiet.json", "--vnet=a", "--config=b"],
            "--config",
        ),
        (&["audit", "nope.json"], "nope.json"),
        (&["audit", "nope*.json"], "nope*.json"),
        (&["audit", ""], "cannot read"),
        (&["flows", "quiet.json", "--port=99999"], "--port"),
        (
            &["flows", "quiet.json", "--address=10.0.0.0/33"],
            "--address",
        ),
        (&["explain", "nope"], "nope"),
        (&["profiles", "show", "nope"], "nope"),
        (&["profiles", "show", "nope.toml"], "nope.toml"),
        (&["init", "quiet.json", "--profile=nope"], "nope"),
    ] {
        let ran = incomplete(bench.run(arguments), says);
        assert_eq!(ran.stdout, "", "{arguments:?}");
    }
}

#[test]
fn status_2_tells_that_something_could_not_be_read() {
    let bench = bench();
    bench.write("logs/quiet.json", quiet());
    let unreadable = bench.write("logs/unreadable.json", quiet());
    std::os::unix::fs::symlink(bench.path("logs"), bench.path("logs/loop")).unwrap();
    fs::set_permissions(
        &unreadable,
        std::os::unix::fs::PermissionsExt::from_mode(0o000),
    )
    .unwrap();
    if fs::read(&unreadable).is_ok() {
        println!("unreadable files are not tested: this user may read them all");
    } else {
        fs::remove_file(bench.path("logs/loop")).unwrap();
        let ran = bench.run(["audit", "logs", "--format=json"]);
        let ran = incomplete(ran, "could not be read");
        assert_eq!(support::faults(&ran.json(), "unreadable"), 1);
        std::os::unix::fs::symlink(bench.path("logs"), bench.path("logs/loop")).unwrap();
        fs::remove_file(&unreadable).unwrap();
    }
    let ran = incomplete(
        bench.run(["audit", "logs", "--format=json", "--fail-on=info"]),
        "could not be read",
    );
    assert_eq!(support::faults(&ran.json(), "symlink-loop"), 1);
    assert!(
        number(&ran.json(), "/input/tuples/counted") > 0,
        "the rest is audited"
    );
    incomplete(bench.run(["flows", "logs"]), "symlink-loop");
}

#[test]
fn status_2_tells_that_there_was_no_flow_log() {
    let bench = bench();
    bench.write("text.txt", "hello");
    bench.write("begun.json", r#"{"records":["#);
    fs::create_dir(bench.path("folder")).unwrap();
    let ran = incomplete(
        bench.run(["audit", "text.txt", "--format=json"]),
        "no flow record",
    );
    assert_eq!(support::faults(&ran.json(), "not-flow-log"), 1);
    incomplete(bench.run(["audit", "begun.json"]), "no flow record");
    incomplete(bench.run(["audit", "folder"]), "no files");
    incomplete(bench.run(["init", "text.txt"]), "no flow record");
    incomplete(bench.run(["flows", "folder"]), "no files");
}

#[test]
fn status_3_tells_that_what_was_read_holds_nothing() {
    let bench = bench();
    let columns = r#"{"tables":[{"name":"x","columns":[{"name":"a","type":"int"}],"rows":[]}]}"#;
    let texts = [
        "",
        "[]",
        r#"{"records":[]}"#,
        " \n",
        columns,
        r#"{"tables":[]}"#,
    ];
    for (at, text) in texts.iter().enumerate() {
        let name = format!("{at}.json");
        bench.write(&name, text);
        let ran = bench.run(["audit", &name, "--format=json"]).expect(3);
        assert!(ran.stderr.contains("1 file was read"), "{}", ran.stderr);
        assert!(!ran.stderr.contains("faults"), "{}", ran.stderr);
        assert_eq!(number(&ran.json(), "/input/files"), 1, "{text}");
        assert_eq!(
            ran.json().pointer("/input/faults").unwrap(),
            &serde_json::json!([])
        );
    }
    let ran = bench.run(["audit", "0.json", "1.json"]).expect(3);
    assert!(ran.stderr.contains("2 files were read"), "{}", ran.stderr);
    bench.run_with(["audit", "-"], b"").expect(3);
    // Beside a log they are nothing.
    bench
        .run(["audit", "1.json", "2.json", "quiet.json"])
        .expect(0);
}

#[test]
fn status_3_tells_thin_coverage() {
    let bench = bench();
    let hours = [0, 4].map(|hour| {
        let flow = Flow::out(START + hour * 3_600, APIM, APP, 443).end([1, 60, 1, 60]);
        Record::apim(flow.time + 9, vec![flow])
    });
    bench.write("thin.json", blob::blob(Format::NsgV2, &hours));
    let run = |least: &str| {
        bench.run([
            "audit",
            "thin.json",
            "--fail-on=never",
            "--min-coverage",
            least,
        ])
    };
    run("0").expect(0);
    run("40").expect(0);
    let ran = run("41").expect(3);
    assert!(ran.stderr.contains("coverage"), "{}", ran.stderr);
    assert!(!ran.stdout.is_empty(), "the report is printed all the same");
    // Findings come before thin coverage, and what could not be read before both.
    bench
        .run(["audit", "thin.json", "blocked.json", "--min-coverage=90"])
        .expect(1);
}

#[test]
fn an_output_is_whole_or_not_there() {
    let bench = bench();
    let printed = bench.run(["audit", "blocked.json"]).expect(1).stdout;
    let target = bench.path("report.txt");
    let ran = bench
        .run(["audit", "blocked.json", "-o", "report.txt"])
        .expect(1);
    assert_eq!(ran.stdout, "");
    assert_eq!(fs::read_to_string(&target).unwrap(), printed);
    let names = |folder: &Path| {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    let before = names(bench.folder.path());
    incomplete(
        bench.run(["audit", "blocked.json", "-o", "no/such/report.txt"]),
        "create it first",
    );
    incomplete(
        bench.run(["audit", "blocked.json", "-o", "."]),
        "cannot write",
    );
    // A run that stops before it has a report leaves the one before alone.
    incomplete(
        bench.run(["audit", "nope.json", "-o", "report.txt"]),
        "nope.json",
    );
    assert_eq!(fs::read_to_string(&target).unwrap(), printed);
    assert_eq!(names(bench.folder.path()), before);
    // Colour is for terminals: none in a file.
    assert!(!printed.contains('\x1b'));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let bench = bench();
    bench.write(
        "long.json",
        blob::blob(Format::NsgV2, &blob::mixed(31, 3_000, 5)),
    );
    for verb in [
        "flows long.json",
        "flows long.json --format=csv",
        "audit long.json --format=json --all --fail-on=never",
        "audit long.json --all --fail-on=never",
        "schema",
        "--help",
        "checks",
    ] {
        let mut command = Command::new("sh");
        let script =
            format!("{{ '{PROGRAM}' {verb}; echo \"status $?\" >&2; }} | head -n 1 >/dev/null");
        command
            .args(["-c", &script])
            .current_dir(bench.folder.path());
        let ran = finish(command, b"").expect(0);
        assert_eq!(ran.stderr, "status 0\n", "{verb}");
    }
}

#[test]
fn help_fits_and_names_every_verb() {
    let bench = Bench::new();
    let verbs = [
        "audit", "flows", "init", "profiles", "explain", "checks", "schema",
    ];
    let help = bench.run(["--help"]).expect(0).stdout;
    for verb in verbs {
        assert!(
            help.lines().any(|line| line.trim_start().starts_with(verb)),
            "{verb}"
        );
        for long in ["-h", "--help"] {
            let own = bench.run([verb, long]).expect(0).stdout;
            for line in own.lines().chain(help.lines()) {
                assert!(line.chars().count() <= 100, "{verb}: {line}");
            }
        }
    }
    let version = bench.run(["--version"]).expect(0).stdout;
    assert_eq!(
        version,
        concat!("nsgaudit ", env!("CARGO_PKG_VERSION"), "\n")
    );
}

#[test]
fn the_schema_is_the_documented_one_and_holds_for_reports() {
    let bench = bench();
    let schema = bench.run(["schema"]).expect(0).stdout;
    for of in [
        "audit",
        "diagnosis",
        "diff",
        "evidence",
        "manifest",
        "rules",
    ] {
        let documented = format!("{}/docs/{of}.schema.json", env!("CARGO_MANIFEST_DIR"));
        let printed = bench.run(["schema", of]).expect(0).stdout;
        assert_eq!(printed, fs::read_to_string(documented).unwrap(), "{of}");
    }
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    bench.write(
        "mixed.json",
        blob::blob(Format::VnetV4, &blob::mixed(32, 500, 9)),
    );
    bench.write(
        "damaged.json",
        &blob::blob(Format::NsgV1, &blob::mixed(33, 50, 9))[..9_000],
    );
    for logs in [
        &["mixed.json"][..],
        &["quiet.json"],
        &["blocked.json", "mixed.json", "damaged.json"],
    ] {
        let report = bench.report(logs);
        let errors: Vec<String> = validator
            .iter_errors(&report)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert_eq!(errors, Vec::<String>::new(), "{logs:?}");
    }
}

#[test]
fn every_listed_check_is_explained() {
    let bench = Bench::new();
    let list = bench.run(["checks"]).expect(0).stdout;
    let codes: Vec<&str> = list
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(codes.len() > 10 && codes.is_sorted(), "{codes:?}");
    for code in codes {
        let text = bench.run(["explain", code]).expect(0).stdout;
        assert!(text.contains(code), "{code}");
        assert!(
            text.lines().all(|line| line.chars().count() <= 80),
            "{code}"
        );
    }
    let lower = bench.run(["explain", "nsg101"]).expect(0).stdout;
    assert_eq!(lower, bench.run(["explain", "NSG101"]).expect(0).stdout);
    let ran = incomplete(bench.run(["explain", "no\x1bpe"]), "nsgaudit checks");
    assert!(!ran.stderr.contains('\x1b'), "{}", ran.stderr);
}

#[test]
fn profiles_are_listed_shown_checked_and_compared() {
    let bench = Bench::new();
    let list = bench.run(["profiles", "list"]).expect(0).stdout;
    assert_eq!(list, bench.run(["profiles"]).expect(0).stdout);
    let names: Vec<&str> = list
        .lines()
        .filter(|line| !line.starts_with(' ') && !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(names.contains(&"ise-preview-2019"), "{names:?}");
    for name in &names {
        let shown = bench.run(["profiles", "show", name]).expect(0).stdout;
        assert!(shown.contains(name));
        assert_narrow(&shown);
        bench.run(["profiles", "lint", name]).expect(0);
        bench.run(["profiles", "diff", name, name]).expect(0);
    }
    assert_eq!(
        bench.run(["profiles", "show", "ise"]).expect(0).stdout,
        bench
            .run(["profiles", "show", "ise-preview-2019"])
            .expect(0)
            .stdout
    );
    let diff = bench
        .run(["profiles", "diff", "ise-preview-2019", "ise-ga-2023"])
        .expect(0)
        .stdout;
    assert!(diff.contains("Added"), "{diff}");
    bench.write("broken.toml", "name = 3");
    incomplete(
        bench.run(["profiles", "lint", "broken.toml"]),
        "broken.toml",
    );
}

#[test]
fn what_init_writes_is_accepted() {
    let bench = Bench::new();
    for (name, format) in [
        ("v1", Format::NsgV1),
        ("v2", Format::NsgV2),
        ("v4", Format::VnetV4),
    ] {
        let log = format!("{name}.json");
        bench.write(&log, blob::blob(format, &blob::mixed(34, 300, 9)));
        let config = format!("{name}.toml");
        bench.run(["init", &log, "-o", &config]).expect(0);
        let printed = bench.run(["init", &log]).expect(0).stdout;
        assert_eq!(fs::read_to_string(bench.path(&config)).unwrap(), printed);
        assert!(printed.contains("are assumed to be"), "{printed}");
        assert!(!printed.contains("no environment"), "{printed}");
        // The file states what was assumed before.
        let report = bench.report([&log, "--config", &config]);
        let assumed = bench.report([&log]);
        support::assert_same(&report["basis"]["subnets"], &assumed["basis"]["subnets"]);
        support::assert_same(&report["basis"]["profile"], &assumed["basis"]["profile"]);
        support::assert_same(&report["input"], &assumed["input"]);
    }
}

#[test]
fn what_init_writes_gives_the_verdicts_that_no_environment_gives() {
    let bench = Bench::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for name in ["incident", "healthy"] {
        let logs = root.join("testdata").join(name);
        let logs = logs.to_str().unwrap();
        bench.run(["init", logs, "-o", "made.toml"]).expect(0);
        let stated = bench.report([logs, "--config", "made.toml"]);
        let assumed = bench.report([logs]);
        for part in ["requirements", "matrix", "groups", "input"] {
            support::assert_same(&stated[part], &assumed[part]);
        }
        let codes = |report: &Value| -> Vec<String> {
            let findings = report["findings"].as_array().unwrap().iter();
            findings
                .map(|finding| finding["fingerprint"].to_string())
                .collect()
        };
        assert_eq!(codes(&stated), codes(&assumed), "{name}");
    }
}

#[test]
fn init_takes_the_network_from_its_document() {
    let bench = bench();
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/environment/vnet-az.json");
    let document = document.to_str().unwrap();
    bench
        .run(["init", "--vnet", document, "quiet.json", "-o", "made.toml"])
        .expect(0);
    let text = fs::read_to_string(bench.path("made.toml")).unwrap();
    assert!(text.contains("logged"), "{text}");
    assert!(!text.contains("all-private"), "{text}");
    // The file says what the document says.
    let report = bench.report(["quiet.json", "--config", "made.toml"]);
    let other = Bench::new();
    other.write("quiet.json", quiet());
    let from_document = other.report(["quiet.json", "--vnet", document]);
    for part in ["requirements", "matrix", "groups", "input"] {
        support::assert_same(&report[part], &from_document[part]);
    }
    support::assert_same(
        &report["basis"]["subnets"],
        &from_document["basis"]["subnets"],
    );
    incomplete(
        bench.run(["init", "quiet.json", "--vnet-name", "x"]),
        "--vnet",
    );
}

/// Text without escape sequences of colours.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\x1b[") {
        plain.push_str(before);
        rest = after.split_once('m').unwrap().1;
    }
    plain.push_str(rest);
    plain
}

#[track_caller]
fn assert_narrow(text: &str) {
    for line in text.lines() {
        // What cannot be broken, such as a path, stands on a line of its own.
        let unbreakable = !line.trim().contains(' ');
        assert!(unbreakable || line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn colour_adds_nothing_and_lines_are_narrow() {
    let bench = bench();
    bench.write(
        "mixed.json",
        blob::blob(Format::NsgV2, &blob::mixed(35, 500, 9)),
    );
    for extra in [&[][..], &["--all"]] {
        let run = |colour: &str| {
            let arguments = [
                "audit",
                "mixed.json",
                "blocked.json",
                "--fail-on=never",
                colour,
            ];
            bench.run(arguments.iter().chain(extra)).expect(0).stdout
        };
        let always = run("--color=always");
        let never = run("--color=never");
        assert!(always.contains("\x1b["));
        assert!(!never.contains('\x1b'));
        assert_eq!(plain(&always), never);
        assert_eq!(run("--color=auto"), never, "standard output is no terminal");
        assert_narrow(&never);
    }
    for (setting, value) in [("NO_COLOR", "1"), ("TERM", "dumb"), ("CLICOLOR_FORCE", "1")] {
        let mut command = Command::new(PROGRAM);
        command.args(["audit", "blocked.json"]).env(setting, value);
        command.current_dir(bench.folder.path());
        let ran = finish(command, b"").expect(1);
        assert!(!ran.stdout.contains('\x1b'), "{setting}");
    }
}

/// Names that a terminal, a browser or a table would obey.
const HOSTILE: [&str; 7] = [
    "\u{1b}[2J\u{1b}[31mowned",
    "first line\nsecond line\r\n0 findings",
    "<script>alert(1)</script>",
    "\u{202e}gnp.exe\u{2066}",
    "zero\u{200b}width\u{feff}\u{ad}",
    "bell\u{7}back\u{8}delete\u{7f}c1\u{9b}31m",
    "=HYPERLINK(\"http://192.0.2.1\")",
];

#[test]
fn hostile_names_never_reach_the_terminal() {
    let bench = Bench::new();
    let mut records = Vec::new();
    for (number, name) in (0i64..).zip(HOSTILE) {
        let flow = Flow::out(START + number, APIM, OUTSIDE, 22);
        let hostile = |flow: &Flow| {
            Record::new(
                START + 9 + number,
                "00224812A004",
                name,
                name,
                vec![flow.clone()],
            )
        };
        let mut record = hostile(&flow).text(Format::NsgV2);
        // The NSG's name stands in an ID that the blob builder does not escape.
        record = record.replace(&blob::nsg_id(name), &escaped(&blob::nsg_id(name)));
        records.push(record);
        let denied = flow.inbound().deny();
        records.push(
            hostile(&denied)
                .text(Format::NsgV2)
                .replace(&blob::nsg_id(name), &escaped(&blob::nsg_id(name))),
        );
    }
    records.push("{\"time\":\"\u{1b}[31m\u{202e}\", \"category\": \"\u{202e}\"}".to_owned());
    bench.write("log \u{1b}[31m\u{202e}.json", blob::join(records));
    let forbidden = |text: &str, breaks: bool| {
        text.chars().find(|&c| {
            (c.is_control() && !(breaks && matches!(c, '\n' | '\r')))
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
        })
    };
    for arguments in [
        &["audit", ".", "--fail-on=never", "--all"][..],
        &["audit", ".", "--fail-on=never", "--format=json"],
        &["init", "."],
        &["flows", "."],
        &["flows", ".", "--format=csv"],
    ] {
        let ran = bench.run(arguments).expect(0);
        assert!(!ran.stdout.is_empty());
        assert_eq!(forbidden(&ran.stdout, true), None, "{arguments:?}");
        assert_eq!(
            forbidden(&ran.stderr, true),
            None,
            "{arguments:?}: {}",
            ran.stderr
        );
        if arguments[0] == "audit" && arguments.contains(&"--all") {
            assert!(
                !ran.stdout
                    .lines()
                    .any(|line| line.contains("0 findings") && line.starts_with('0'))
            );
            assert_narrow(&ran.stdout);
        }
    }
    // What the logs say is still there, exactly.
    let report = bench.report(["."]);
    let rules: Vec<&str> = report["groups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| group["rule"].as_str().unwrap())
        .collect();
    for name in HOSTILE {
        assert!(rules.contains(&name), "{name:?} is not in {rules:?}");
    }
    let init = bench.run(["init", ".", "-o", "hostile.toml"]).expect(0);
    assert_eq!(init.stdout, "");
    bench.report([".", "--config", "hostile.toml"]);
}

fn escaped(text: &str) -> String {
    let quoted = serde_json::to_string(text).unwrap();
    quoted[1..quoted.len() - 1].to_owned()
}

/// Lines of `flows` as JSON.
fn lines(ran: &Ran) -> Vec<Value> {
    ran.stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn flows_are_lines_of_json_or_csv() {
    let bench = bench();
    let records = blob::mixed(36, 200, 9);
    bench.write("log.json", blob::blob(Format::NsgV2, &records));
    let flows: Vec<&Flow> = records.iter().flat_map(|record| &record.flows).collect();
    let json = lines(&bench.run(["flows", "log.json"]).expect(0));
    assert_eq!(json.len(), flows.len());
    for (line, flow) in json.iter().zip(&flows) {
        assert_eq!(line["source"], flow.source.as_str());
        assert_eq!(line["destination"], flow.destination.as_str());
        assert_eq!(line["source_port"], flow.source_port);
        assert_eq!(line["destination_port"], flow.port);
        assert_eq!(line["protocol"], if flow.udp { "udp" } else { "tcp" });
        assert_eq!(
            line["direction"],
            if flow.outbound { "outbound" } else { "inbound" }
        );
        assert_eq!(
            line["decision"],
            if flow.allowed { "allow" } else { "deny" }
        );
        let [packets, bytes, back, bytes_back] = flow.counters;
        if flow.state == 'E' {
            assert_eq!(line["packets_forward"], packets);
            assert_eq!(line["bytes_forward"], bytes);
            assert_eq!(line["packets_reverse"], back);
            assert_eq!(line["bytes_reverse"], bytes_back);
        }
    }
    let csv = bench
        .run(["flows", "log.json", "--format=csv"])
        .expect(0)
        .stdout;
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let names: Vec<&str> = json[0]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let mut header: Vec<String> = reader
        .headers()
        .unwrap()
        .iter()
        .map(str::to_owned)
        .collect();
    assert!(csv.starts_with("time,source,source_port,destination,destination_port,protocol,"));
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), flows.len());
    for (row, line) in rows.iter().zip(&json) {
        for (name, cell) in header.iter().zip(row) {
            let value = match &line[name] {
                Value::Null => String::new(),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            assert_eq!(cell, value, "{name}");
        }
    }
    header.sort();
    assert_eq!(header, names);
    // A place is where the record is.
    let text = fs::read_to_string(bench.path("log.json")).unwrap();
    let offset = json[40]["offset"].as_u64().unwrap() as usize;
    assert!(
        text[offset..].starts_with("{\"time\":"),
        "{}",
        &text[offset..offset + 20]
    );
}

#[test]
fn flows_are_filtered() {
    let bench = bench();
    let records = blob::mixed(37, 300, 9);
    bench.write("log.json", blob::blob(Format::VnetV4, &records));
    let flows: Vec<&Flow> = records.iter().flat_map(|record| &record.flows).collect();
    let check = |options: &[&str], keeps: &dyn Fn(&Flow) -> bool| {
        let found = lines(
            &bench
                .run(["flows", "log.json"].iter().chain(options))
                .expect(0),
        );
        let expected: Vec<u64> = flows
            .iter()
            .filter(|flow| keeps(flow))
            .map(|flow| flow.source_port.into())
            .collect();
        let found: Vec<u64> = found
            .iter()
            .map(|line| line["source_port"].as_u64().unwrap())
            .collect();
        assert!(!expected.is_empty() && expected.len() < flows.len());
        assert_eq!(found, expected, "{options:?}");
    };
    check(&["--port=443"], &|flow| flow.port == 443);
    check(&["--port=443", "--port=1000-2000"], &|flow| {
        [443, 1_433].contains(&flow.port)
    });
    check(&["--decision=deny"], &|flow| !flow.allowed);
    check(&["--decision=allow"], &|flow| flow.allowed);
    check(&["--direction=inbound"], &|flow| !flow.outbound);
    check(&["--direction=outbound", "--port=22"], &|flow| {
        flow.outbound && flow.port == 22
    });
    let touches = |flow: &Flow, start: &str| {
        flow.source.starts_with(start) || flow.destination.starts_with(start)
    };
    check(&["--address=198.51.100.0/24"], &|flow| {
        touches(flow, "198.51.100.")
    });
    check(
        &["--address=198.51.100.0/24", "--address=10.20.1.0/24"],
        &|flow| touches(flow, "198.51.100.") || touches(flow, "10.20.1."),
    );
    check(&["--address=10.20.0.68"], &|flow| {
        flow.source == "10.20.0.68" || flow.destination == "10.20.0.68"
    });
    let all = bench.run(["flows", "log.json"]).expect(0).stdout;
    for limit in [0, 1, 17, 1_000_000] {
        let some = bench
            .run(["flows", "log.json", "--limit", &limit.to_string()])
            .expect(0)
            .stdout;
        let expected: Vec<&str> = all.lines().take(limit).collect();
        assert_eq!(some.lines().collect::<Vec<_>>(), expected);
    }
}

#[test]
fn nothing_but_faults_is_said_where_nobody_watches() {
    let bench = bench();
    for arguments in [
        &["audit", "quiet.json"][..],
        &["audit", "quiet.json", "--quiet"],
        &["audit", "blocked.json", "--fail-on=never"],
        &["init", "quiet.json"],
        &["flows", "quiet.json"],
        &["checks"],
        &["profiles"],
    ] {
        assert_eq!(bench.run(arguments).expect(0).stderr, "", "{arguments:?}");
    }
}
