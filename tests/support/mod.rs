//! What the behaviour tests share: blobs as Azure writes them, and the built program under a time
//! limit. All addresses are documentation or private ones.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::allow_attributes,
    reason = "every test file uses a part of this"
)]

pub mod azure;
pub mod blob;
pub mod packets;

use std::ffi::OsStr;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_nsgaudit");

/// Longest that a run may take: beyond it, it hangs.
const LONGEST: Duration = Duration::from_mins(2);

/// How a run ended.
#[derive(Debug)]
pub struct Ran {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// The run, if it ended with `status`.
    #[track_caller]
    pub fn expect(self, status: i32) -> Self {
        assert_eq!(
            self.status, status,
            "stdout:\n{}\nstderr:\n{}",
            self.stdout, self.stderr
        );
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).expect("a JSON report")
    }
}

/// The program in an empty folder of its own, so that no `nsgaudit.toml` is picked up.
#[derive(Debug)]
pub struct Bench {
    pub folder: TempDir,
}

impl Bench {
    pub fn new() -> Self {
        Self {
            folder: TempDir::new().expect("a temporary folder"),
        }
    }

    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file, its folders too.
    pub fn write(&self, name: impl AsRef<Path>, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("the folder is made");
        fs::write(&path, bytes).expect("the file is written");
        path
    }

    /// Runs the program in the folder.
    #[track_caller]
    pub fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Ran {
        self.run_with(arguments, &[])
    }

    /// Runs the program in the folder, with this standard input.
    #[track_caller]
    pub fn run_with<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
        input: &[u8],
    ) -> Ran {
        let mut command = Command::new(PROGRAM);
        command.args(arguments).current_dir(self.folder.path());
        finish(command, input)
    }

    /// The JSON report of an audit that ends with 0.
    #[track_caller]
    pub fn report<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Value {
        self.report_text(arguments, &[]).json()
    }

    /// As [`Bench::report`], before it is parsed.
    #[track_caller]
    pub fn report_text<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
        input: &[u8],
    ) -> Ran {
        let fixed = ["audit", "--format", "json", "--fail-on", "never"].map(OsStr::new);
        let own: Vec<A> = arguments.into_iter().collect();
        self.run_with(
            fixed.into_iter().chain(own.iter().map(AsRef::as_ref)),
            input,
        )
        .expect(0)
    }
}

/// Runs a command to its end, or fails where that does not come; or where it panics.
#[track_caller]
pub fn finish(mut command: Command, input: &[u8]) -> Ran {
    let mut child = command
        .env_remove("NO_COLOR")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let input = input.to_owned();
    let writer = thread::spawn(move || {
        // The program need not read it all.
        drop(stdin.write_all(&input));
    });
    let stdout = gather(child.stdout.take().expect("a pipe"));
    let stderr = gather(child.stderr.take().expect("a pipe"));
    let step = Duration::from_millis(2);
    let mut waited = Duration::ZERO;
    let status = loop {
        if let Some(status) = child.try_wait().expect("the program can be waited for") {
            break status;
        }
        if waited > LONGEST {
            child.kill().expect("the program can be stopped");
            panic!("still running after {LONGEST:?}: {command:?}");
        }
        thread::sleep(step);
        waited += step;
    };
    writer.join().expect("standard input was written");
    let ran = Ran {
        status: status.code().unwrap_or(-1),
        stdout: stdout.join().expect("standard output was read"),
        stderr: stderr.join().expect("standard error was read"),
    };
    assert!(
        !ran.stderr.contains("panicked") && ran.status != 101 && ran.status != -1,
        "{command:?}: {status}\n{}",
        ran.stderr
    );
    ran
}

fn gather(mut from: impl Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).expect("the pipe is read");
        String::from_utf8(bytes).expect("output is UTF-8")
    })
}

/// A number of a report, by JSON pointer.
#[track_caller]
pub fn number(report: &Value, pointer: &str) -> u64 {
    report
        .pointer(pointer)
        .and_then(Value::as_u64)
        .unwrap_or_else(|| panic!("no number at {pointer}"))
}

/// How often a kind of fault was counted.
pub fn faults(report: &Value, kind: &str) -> u64 {
    report["input"]["faults"]
        .as_array()
        .expect("a list of faults")
        .iter()
        .filter(|fault| fault["kind"] == kind)
        .map(|fault| fault["count"].as_u64().expect("a count"))
        .sum()
}

/// Asserts that everything read is accounted for.
#[track_caller]
pub fn assert_reconciled(report: &Value) {
    for what in ["records", "tuples"] {
        let at = |field: &str| number(report, &format!("/input/{what}/{field}"));
        assert_eq!(
            at("read"),
            at("counted") + at("duplicate") + at("filtered") + at("faulty"),
            "{what}: {}",
            report["input"][what]
        );
    }
}

/// What is judged of the traffic: verdicts, matrix, groups and window, not who logged it or what was
/// read.
pub fn judged(report: &Value) -> Value {
    let report = without_places(report);
    serde_json::json!({
        "requirements": report["requirements"],
        "matrix": report["matrix"],
        "groups": report["groups"],
        "window": [report["input"]["first"], report["input"]["last"]],
    })
}

/// A report without what names files and offsets, or says how much text there was: what must be
/// the same for the same records, however they are stored.
pub fn without_places(report: &Value) -> Value {
    let mut report = report.clone();
    strip(&mut report);
    let input = report["input"].as_object_mut().expect("an input");
    for field in ["files", "flow_files", "bytes"] {
        input.remove(field);
    }
    report
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.remove("samples");
            members.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}

/// Asserts that two reports are equal; where not, says where they differ first.
#[track_caller]
pub fn assert_same(left: &Value, right: &Value) {
    if let Some(difference) = difference(left, right, "") {
        panic!("the reports differ at {difference}");
    }
}

fn difference(left: &Value, right: &Value, at: &str) -> Option<String> {
    match (left, right) {
        (Value::Object(ours), Value::Object(theirs)) if ours.keys().eq(theirs.keys()) => ours
            .iter()
            .find_map(|(key, ours)| difference(ours, &theirs[key], &format!("{at}/{key}"))),
        (Value::Array(ours), Value::Array(theirs)) if ours.len() == theirs.len() => {
            let mut pairs = ours.iter().zip(theirs).enumerate();
            pairs.find_map(|(index, (ours, theirs))| {
                difference(ours, theirs, &format!("{at}/{index}"))
            })
        }
        _ if left == right => None,
        _ => {
            let shown = |value: &Value| value.to_string().chars().take(600).collect::<String>();
            Some(format!("{at}:\n{}\n{}", shown(left), shown(right)))
        }
    }
}
