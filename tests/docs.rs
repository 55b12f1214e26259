//! The documentation is run: every `$ nsgaudit …` line of the README and of `docs/` works from the
//! repository's root, and prints what is shown below it (`...` stands for any lines).

#![expect(clippy::unwrap_used, reason = "a test may")]

use std::path::{Path, PathBuf};
use std::process::Command;

/// One command with what the page shows of its output.
struct Shown {
    page: PathBuf,
    line: usize,
    command: String,
    output: Vec<String>,
}

fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pages = vec![root.join("README.md")];
    for entry in std::fs::read_dir(root.join("docs")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "md") {
            pages.push(path);
        }
    }
    pages.sort();
    pages
}

/// The commands of a page's console blocks.
fn shown(page: &Path) -> Vec<Shown> {
    let text = std::fs::read_to_string(page).unwrap();
    let mut found: Vec<Shown> = Vec::new();
    let (mut fenced, mut console, mut prompted) = (false, false, false);
    for (number, line) in text.lines().enumerate() {
        if let Some(kind) = line.trim_start().strip_prefix("```") {
            fenced = !fenced;
            console = fenced && kind.trim() == "console";
            prompted = false;
        } else if console {
            match line.strip_prefix("$ ") {
                Some(command) => {
                    prompted = true;
                    found.push(Shown {
                        page: page.to_owned(),
                        line: number + 1,
                        command: command.to_owned(),
                        output: Vec::new(),
                    });
                }
                None => {
                    if let Some(last) = found.last_mut().filter(|_| prompted) {
                        last.output.push(line.to_owned());
                    }
                }
            }
        }
    }
    found
}

/// Whether `lines` are what `shown` shows; `...` stands for any number of lines.
fn matches(shown: &[String], lines: &[&str]) -> bool {
    match shown.split_first() {
        None => lines.is_empty(),
        Some((first, rest)) if first == "..." => {
            (0..=lines.len()).any(|skipped| matches(rest, &lines[skipped..]))
        }
        Some((first, rest)) => lines.split_first().is_some_and(|(line, lines)| {
            line.trim_end() == first.trim_end() && matches(rest, lines)
        }),
    }
}

#[test]
fn every_command_of_the_documentation_runs_and_prints_what_is_shown() {
    let binary = Path::new(env!("CARGO_BIN_EXE_nsgaudit"));
    let path = format!("{}:{}", binary.parent().unwrap().display(), env_path());
    let mut run = 0;
    for shown in pages().iter().flat_map(|page| shown(page)) {
        if !shown.command.starts_with("nsgaudit ") {
            continue;
        }
        let place = format!("{}:{}: {}", shown.page.display(), shown.line, shown.command);
        let output = Command::new("bash")
            .args(["-c", &shown.command])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env("PATH", &path)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let errors = String::from_utf8_lossy(&output.stderr);
        // 1 is findings, which is what an incident has.
        assert!(
            matches!(output.status.code(), Some(0 | 1)),
            "{place}\n{errors}\n{text}"
        );
        if !shown.output.is_empty() {
            assert!(
                matches(&shown.output, &lines),
                "{place}\n--- printed:\n{text}"
            );
        }
        run += 1;
    }
    assert!(run >= 5, "only {run} commands found");
}

#[test]
fn the_readme_names_the_test_command_that_ci_runs() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let ci = std::fs::read_to_string(root.join(".ci/run")).unwrap();
    assert!(readme.contains("```sh\ntests/setup.sh && cargo test\n```"));
    for command in ["tests/setup.sh", "cargo test"] {
        assert!(ci.lines().any(|line| line == command), "{command}");
    }
}

#[expect(clippy::disallowed_methods, reason = "a test may read the environment")]
fn env_path() -> String {
    std::env::var("PATH").unwrap_or_default()
}
