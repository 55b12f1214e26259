//! The HTML report in a real browser: Debian's Chromium, driven by `tests/browser/check.mjs`.
//!
//! `tests/setup.sh` installs what this needs. Without it these tests fail; they are never left out.

#![expect(clippy::unwrap_used, reason = "a test may")]

mod support;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{LazyLock, Mutex};

use support::blob::{self, COMPUTE, Flow, Format, OUTSIDE, Record, START};
use support::{Bench, PROGRAM};

/// Browsers are large: one at a time.
static BROWSER: Mutex<()> = Mutex::new(());

/// The report of the bundled incident.
static INCIDENT: LazyLock<(Bench, PathBuf)> = LazyLock::new(|| {
    let bench = Bench::new();
    let report = bench.path("incident.html");
    let incident = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/incident");
    audit(
        Command::new(PROGRAM)
            .args(["audit", "testdata/incident", "--config"])
            .arg(incident.join("nsgaudit.toml"))
            .current_dir(env!("CARGO_MANIFEST_DIR")),
        &report,
    );
    (bench, report)
});

/// Runs an audit that ends with findings or without, and writes the report.
#[track_caller]
fn audit(command: &mut Command, report: &Path) {
    let ended = command
        .args(["--format", "html", "--quiet", "--output"])
        .arg(report)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&ended.stderr);
    assert!(matches!(ended.status.code(), Some(0 | 1)), "{errors}");
}

fn there(program: &str) -> bool {
    Command::new(program)
        .arg("--version")
        .output()
        .is_ok_and(|ended| ended.status.success())
}

/// Lets the browser look; what it says where all holds.
#[track_caller]
fn look(check: &str, report: &Path, more: &[&Path], names: &[&str]) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
    let run = "run tests/setup.sh, which installs it";
    assert!(there("node"), "Node.js is missing: {run}");
    assert!(there("chromium"), "Chromium is missing: {run}");
    let packages = script.join("node_modules/puppeteer-core");
    assert!(
        packages.exists(),
        "{} is missing: {run}",
        packages.display()
    );
    let alone = BROWSER
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let ended = Command::new("node")
        .arg(script.join("check.mjs"))
        .args([Path::new(check), report])
        .args(more)
        .env("NAMES", serde_json::to_string(names).unwrap())
        .output()
        .unwrap();
    drop(alone);
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    let errors = String::from_utf8_lossy(&ended.stderr);
    assert!(
        ended.status.success(),
        "{check} of {}:\n{said}{errors}",
        report.display()
    );
    said
}

#[track_caller]
fn look_at_incident(check: &str) {
    look(check, &INCIDENT.1, &[], &[]);
}

#[test]
fn it_loads_without_a_complaint_and_asks_nothing_of_the_network() {
    look_at_incident("loads");
}

#[test]
fn groups_can_be_searched_filtered_sorted_and_paged() {
    look_at_incident("groups");
}

#[test]
fn links_from_outside_lead_to_a_requirement_or_to_groups() {
    look_at_incident("links");
}

#[test]
fn time_lines_zoom() {
    look_at_incident("times");
}

#[test]
fn an_incident_is_told_marked_and_its_commands_are_copied() {
    look_at_incident("incidents");
}

#[test]
fn advice_can_be_copied() {
    look_at_incident("copies");
}

#[test]
fn without_javascript_all_is_told_but_nothing_offered_that_needs_it() {
    look_at_incident("scriptless");
}

#[test]
fn axe_finds_no_fault_in_light_dark_wide_and_narrow() {
    look_at_incident("accessible");
}

#[test]
fn print_has_the_findings_their_evidence_and_what_is_closed_on_screen() {
    let bench = Bench::new();
    let stem = bench.path("print");
    look("print", &INCIDENT.1, &[&stem], &[]);
    assert!(
        there_pdftotext(),
        "pdftotext is missing: run tests/setup.sh, which installs it"
    );
    for file in ["print.pdf", "print.scriptless.pdf"] {
        let ended = Command::new("pdftotext")
            .args([
                "-layout".as_ref(),
                bench.path(file).as_os_str(),
                "-".as_ref(),
            ])
            .output()
            .unwrap();
        let text = String::from_utf8(ended.stdout).unwrap();
        for part in [
            "1 required purpose is BLOCKED",
            "NSG101",
            "NSG201",
            "Allow outbound TCP (and UDP) port 5672 to EventHub before rule",
            "10.20.0.68:36366",
            // Closed on the screen:
            "Purposes of which nothing was seen",
            "AppServiceManagement",
        ] {
            assert!(text.contains(part), "{file} lacks {part:?}:\n{text}");
        }
    }
}

/// `pdftotext` says its version on standard error, with a status of its own.
fn there_pdftotext() -> bool {
    Command::new("pdftotext").arg("-v").output().is_ok()
}

#[test]
fn the_incident_is_small_and_the_same_each_time() {
    let report = std::fs::read(&INCIDENT.1).unwrap();
    assert!(report.len() <= 400_000, "{} bytes", report.len());
    let bench = Bench::new();
    let again = bench.path("again.html");
    audit(
        Command::new(PROGRAM)
            .args([
                "audit",
                "testdata/incident",
                "--config",
                "testdata/incident/nsgaudit.toml",
            ])
            .current_dir(env!("CARGO_MANIFEST_DIR")),
        &again,
    );
    let again = std::fs::read(again).unwrap();
    assert!(blank_of_paths(&report) == blank_of_paths(&again));
}

/// The report without the path of the configuration, which the two runs name differently.
fn blank_of_paths(report: &[u8]) -> String {
    let text = String::from_utf8(report.to_vec()).unwrap();
    text.replace(concat!(env!("CARGO_MANIFEST_DIR"), "/"), "")
}

#[test]
fn hostile_names_do_nothing() {
    const RULE: &str = "UserRule_</script><script>hit=1</script>";
    const DENY: &str = "UserRule_\"><img src=x onerror=hit=2>\u{202e}<!--";
    // Of IDs the capitals are what counts.
    const NSG: &str = "<SVG ONLOAD=HIT=3>&LT;'";
    const SUBNET: &str = "<b onclick=hit=4>compute</b>\" autofocus onfocus=\"hit=4";
    const TAG: &str = "Tag<iframe srcdoc='<script>parent.hit=5</script>'>";
    const PURPOSE: &str = "</title></style><base href='//hit'>]]>{{7*7}}${7*7}";
    // A path part cannot hold a slash: two parts together close the data block.
    const FOLDER: &str = "<img src=x onerror=hit=6><";
    let bench = Bench::new();
    let own = |name: &str| serde_json::to_string(name).unwrap();
    let network = format!(
        "[virtual-network]\nname = \"net\"\naddress-space = [\"10.20.0.0/16\"]\n\
         [[subnet]]\nname = {}\nprefixes = [\"10.20.0.0/27\"]\nrole = \"compute\"\n\
         [[requirement]]\nid = \"own\"\npurpose = {}\ndirection = \"outbound\"\nports = [5672]\n\
         destination = \"Internet\"\nimpact = {}\ncondition = {}\n",
        own(SUBNET),
        own(PURPOSE),
        own(PURPOSE),
        own(PURPOSE),
    );
    let config = bench.write("net.toml", network);
    let tags = bench.write(
        "tags.json",
        serde_json::json!({"cloud": "Public", "changeNumber": 1, "values": [{
            "name": TAG, "id": TAG,
            "properties": {"addressPrefixes": ["198.51.100.0/24"], "region": "", "systemService": ""},
        }]})
        .to_string(),
    );
    let record =
        |rule: &str, flows: Vec<Flow>| Record::new(START, "00224812A000", NSG, rule, flows);
    let out = |second, port| Flow::out(START + second, COMPUTE, OUTSIDE, port);
    let records = [
        record(
            RULE,
            vec![
                out(1, 5_672),
                out(2, 8_080),
                Flow::out(START + 3, OUTSIDE, COMPUTE, 22).inbound(),
            ],
        ),
        record(DENY, vec![out(30, 5_672).deny(), out(40, 5_672).deny()]),
    ];
    let log = format!("logs/{FOLDER}/script><script>hit=7</script>/PT1H.json");
    bench.write(&log, blob::blob(Format::NsgV2, &records));
    bench.write(format!("logs/{FOLDER}/script>/note.txt"), "no log");
    let report = bench.path("hostile.html");
    let mut dated = tags.into_os_string();
    dated.push("=2026-01-01");
    audit(
        Command::new(PROGRAM)
            .args(["audit", "logs", "--config"])
            .arg(config)
            .arg("--service-tags")
            .arg(dated)
            .current_dir(bench.folder.path()),
        &report,
    );
    let shown = DENY.replace('\u{202e}', "\\u{202e}");
    look(
        "hostile",
        &report,
        &[],
        &[RULE, &shown, NSG, SUBNET, TAG, PURPOSE, FOLDER],
    );
}

#[test]
fn a_hundred_thousand_groups_stay_usable() {
    let bench = Bench::new();
    let config = bench.write("net.toml", blob::CONFIG);
    // Each port of two subnets is a group of its own; the rules differ, and so do the numbers.
    for (subnet, own) in ["10.20.0.4", "10.20.0.68"].iter().enumerate() {
        let mut records = Vec::new();
        for block in 0..50u16 {
            let flows = (0..1_100).map(|number| {
                let port = 1 + (block * 1_300).wrapping_add(number) % 65_000;
                Flow::out(START + i64::from(number) % 3_000, OUTSIDE, own, port)
                    .inbound()
                    .deny()
            });
            let mut rule = String::from("UserRule_port-rule-");
            write!(rule, "{}", block % 20).unwrap();
            let mac = format!("00224812A00{subnet}");
            records.push(Record::new(
                START + i64::from(block),
                &mac,
                "NSG-TEST",
                &rule,
                flows.collect(),
            ));
        }
        // The port that the browser looks for.
        let last = Flow::out(START, OUTSIDE, own, 54_321).inbound().deny();
        let highest = Flow::out(START, OUTSIDE, own, 65_000).inbound().deny();
        records.push(Record::new(
            START + 60,
            &format!("00224812A00{subnet}"),
            "NSG-TEST",
            "UserRule_port-rule-x",
            vec![last, highest],
        ));
        bench.write(
            format!("logs/{subnet}.json"),
            blob::blob(Format::NsgV2, &records),
        );
    }
    let report = bench.path("large.html");
    audit(
        Command::new(PROGRAM)
            .args(["audit", "logs", "--max-groups", "200000", "--config"])
            .arg(config)
            .current_dir(bench.folder.path()),
        &report,
    );
    let size = std::fs::metadata(&report).unwrap().len();
    assert!(size < 15_000_000, "{size} bytes");
    println!("{size} bytes; {}", look("large", &report, &[], &[]));
}
