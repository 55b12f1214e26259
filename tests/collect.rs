//! The script of `collect --print`: run with a false `az` that records what it is asked and prints the
//! bundled documents.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test may")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::{Bench, Ran, finish};

fn testdata(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("testdata")
        .join(name)
}

/// Prints the document of each list, and what it was asked: a line an argument, `--` after each call.
const AZ: &str = r#"#!/bin/sh
for argument in "$@"; do printf '%s\n' "$argument"; done >> "$AZ_LOG"
echo -- >> "$AZ_LOG"
case "$*" in
  *"$AZ_FAILS"*) printf '[ {'; exit 7 ;;
  *"nic list-effective-nsg"*|*"nic show-effective-route-table"*) echo "not running" >&2; exit 3 ;;
  *"nic list"*"[].id"*) printf '%s\n' '/nics/a b' '/nics/$(touch broken)' ;;
  *"vnet "*"id"*"tsv"*) echo /networks/one ;;
  *"vnet "*"location"*"tsv"*) printf '%s\n' westeurope westeurope ;;
  *"nsg list"*) cat "$AZ_DATA/nsgs.json" ;;
  *"vnet list"*|*"vnet show"*) cat "$AZ_DATA/vnet.json" ;;
  *"nic list"*) cat "$AZ_DATA/nics.json" ;;
  *"asg list"*) cat "$AZ_DATA/asgs.json" ;;
  *"route-table list"*) cat "$AZ_DATA/route-tables.json" ;;
  *) echo '[]' ;;
esac
"#;

/// No command has this in it.
const NONE: &str = "no such command";

/// Runs a script with the false `az`, whose commands with `fails` in them fail half-way; gives what it was asked.
fn run_script(bench: &Bench, script: &str, fails: &str, status: i32) -> (Ran, Vec<Vec<String>>) {
    let az = bench.write("bin/az", AZ);
    fs::set_permissions(&az, fs::Permissions::from_mode(0o755)).unwrap();
    let script = bench.write("collect.sh", script);
    let mut command = Command::new("sh");
    command
        .arg(&script)
        .current_dir(bench.folder.path())
        .env(
            "PATH",
            format!("{}:/usr/bin:/bin", bench.path("bin").display()),
        )
        .env("AZ_FAILS", fails)
        .env("AZ_LOG", bench.path("asked"))
        .env("AZ_DATA", testdata("azure"));
    let ran = finish(command, &[]).expect(status);
    let asked = fs::read_to_string(bench.path("asked")).unwrap();
    let lines: Vec<_> = asked.lines().map(str::to_owned).collect();
    let calls = lines.split(|line| line == "--").map(<[_]>::to_vec);
    (ran, calls.filter(|call| !call.is_empty()).collect())
}

#[test]
fn nothing_is_run_and_the_verb_says_so() {
    let bench = Bench::new();
    let ran = bench.run(["collect"]).expect(2);
    assert!(ran.stderr.contains("expected --print"), "{}", ran.stderr);
    assert!(ran.stdout.is_empty());
    bench.run(["collect", "--print", "--vnet", "x"]).expect(2);
}

#[test]
fn the_script_fills_a_folder_that_proves_the_same() {
    let bench = Bench::new();
    let script = bench
        .run(["collect", "--print", "--resource-group", "rg-integration"])
        .expect(0)
        .stdout;
    let mut syntax = Command::new("sh");
    syntax.arg("-n");
    finish(syntax, script.as_bytes()).expect(0);
    let (ran, calls) = run_script(&bench, &script, NONE, 0);
    assert!(calls.iter().all(|call| call[0] == "network"), "{calls:?}");
    assert!(
        ran.stderr.contains("4 files could not be fetched"),
        "{}",
        ran.stderr
    );
    let told = |folder: &Path| {
        let config = testdata("incident/nsgaudit.toml");
        let arguments = ["prove", "--anomalies", "--unneeded", "--all"].map(Into::into);
        let arguments = arguments.into_iter().chain([
            "--azure".into(),
            folder.as_os_str().to_owned(),
            "--config".into(),
            config.into_os_string(),
        ]);
        bench.run(arguments).expect(1).stdout
    };
    // Routes are listed with the ID of their interface, in one word.
    let query = "{networkInterface: {id: '/nics/$(touch broken)'}, value: value}";
    let mut routes = calls
        .iter()
        .filter(|call| call[2] == "show-effective-route-table");
    assert!(
        routes.any(|call| call.iter().any(|word| word == query)),
        "{calls:?}"
    );
    assert!(bench.path("collected/rules/admin/1/one.json").exists());
    let collected = bench.path("collected/rules");
    assert_eq!(told(&collected), told(&testdata("azure")));
    // Files are whole or not there.
    let mut waiting = vec![bench.path("collected")];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            assert!(path.extension().is_none_or(|end| end != "part"), "{path:?}");
            if path.is_dir() {
                waiting.push(path);
            }
        }
    }
    assert!(!bench.path("broken").exists());
    let tags = fs::read_dir(bench.path("collected/service-tags")).unwrap();
    assert_eq!(tags.count(), 1);
    let regions = fs::read_dir(bench.path("collected/flow-logs")).unwrap();
    assert_eq!(regions.count(), 1);
}

#[test]
fn hostile_names_stay_one_argument() {
    for name in [
        "a'; touch broken; '",
        "$(touch broken)",
        "`touch broken`",
        "\\'; touch broken #",
        "--help",
        "a b\" \"c",
        "'\\''",
        "*",
        "!x",
    ] {
        let bench = Bench::new();
        let own = format!("dir {name}").replace('/', "_");
        let script = bench
            .run([
                "collect",
                "--print",
                &format!("--resource-group={name}"),
                &format!("--subscription={name}"),
                &format!("--vnet={name}"),
                &format!("--output-dir={own}"),
            ])
            .expect(0)
            .stdout;
        let (_, calls) = run_script(&bench, &script, NONE, 0);
        assert!(!bench.path("broken").exists(), "{name}");
        let nsgs = calls.iter().find(|call| call[1] == "nsg").unwrap();
        assert!(
            nsgs.contains(&format!("--resource-group={name}")),
            "{nsgs:?}"
        );
        let subscription = format!("--subscription={name}");
        assert!(
            calls.iter().all(|call| call.contains(&subscription)),
            "{calls:?}"
        );
        let networks = calls.iter().filter(|call| call[1] == "vnet");
        for call in networks {
            assert!(call.contains(&format!("--name={name}")), "{call:?}");
        }
        assert!(bench.path(&own).join("rules/nsgs.json").exists(), "{name}");
    }
    let bench = Bench::new();
    for name in ["a\nb", "", "\u{1b}[2J", "a\u{202e}b"] {
        let ran = bench.run(["collect", "--print", "--subscription", name]);
        assert_eq!(ran.status, 2, "{name:?}");
    }
}

#[test]
fn a_folder_that_looks_like_an_option_is_none() {
    let bench = Bench::new();
    let script = bench
        .run(["collect", "--print", "--output-dir=-rf"])
        .expect(0);
    run_script(&bench, &script.stdout, NONE, 0);
    assert!(bench.path("-rf/rules/vnets.json").exists());
}

#[test]
fn a_list_that_fails_ends_the_script_and_leaves_no_half_file() {
    let bench = Bench::new();
    let script = bench.run(["collect", "--print"]).expect(0).stdout;
    // `set -e` ends it with the status of what failed.
    let (ran, calls) = run_script(&bench, &script, "asg list", 1);
    assert!(
        ran.stderr.ends_with("fetching rules/asgs.json\n"),
        "{}",
        ran.stderr
    );
    assert_eq!(calls.last().unwrap()[1], "asg");
    let rules = bench.path("collected/rules");
    assert!(rules.join("nsgs.json").exists());
    assert!(!rules.join("asgs.json").exists() && !rules.join("asgs.json.part").exists());
}

#[test]
fn what_may_be_missing_is_told_and_the_rest_is_fetched() {
    let bench = Bench::new();
    let script = bench.run(["collect", "--print"]).expect(0).stdout;
    let (ran, _) = run_script(&bench, &script, "network manager", 0);
    for told in [
        "without rules/admin/managers.json",
        "without rules/admin/1/one.json",
        "6 files could not be fetched",
    ] {
        assert!(ran.stderr.contains(told), "{}", ran.stderr);
    }
    let folder = bench.path("collected");
    assert!(!folder.join("rules/admin/1/one.json.part").exists());
    assert!(folder.join("flow-logs/region-1.json").exists());
}
