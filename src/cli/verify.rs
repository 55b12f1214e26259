//! `nsgaudit verify`: whether a manifest's inputs and outputs are what they were.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, Parser as _};

use super::args::{Cli, Verb};
use super::diff::read_bounded;
use super::{Status, manifest, output};
use crate::error::{Error, Result};
use crate::input::{Plan, PlanOptions};
use crate::manifest::{MAX_MANIFEST, Manifest, Role, parse};
use crate::report::escape;

/// Options of `verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// The manifest that `audit --manifest` wrote; - for standard input.
    #[arg(value_name = "MANIFEST")]
    pub manifest: PathBuf,
    /// The folder that relative paths are below; by default the current one.
    #[arg(long, value_name = "FOLDER")]
    pub root: Option<PathBuf>,
    /// Every file, not only those that differ.
    #[arg(long)]
    pub all: bool,
}

/// What became of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Found {
    Same,
    Differs(String),
    Lacks,
    /// There is no hash to hold it against.
    Unknown(String),
}

pub(super) fn run(args: &VerifyArgs) -> Result<Status> {
    let bytes = read_bounded(&args.manifest, MAX_MANIFEST)?;
    let manifest = parse(&bytes).map_err(|message| Error::Invalid {
        path: args.manifest.clone(),
        message,
    })?;
    drop(bytes);
    if let Some(root) = &args.root {
        std::env::set_current_dir(root).map_err(|source| Error::Read {
            path: root.clone(),
            source,
        })?;
    }
    let mut told = Told::default();
    for file in &manifest.inputs {
        let found = match (&file.sha256, &file.note) {
            (Some(hash), _) => held(Path::new(&file.path), file.bytes, hash),
            (None, note) => Found::Unknown(note.clone().unwrap_or_default()),
        };
        told.add(file.role.name(), &file.path, found);
    }
    for file in &manifest.outputs {
        match &file.path {
            Some(path) => told.add(
                "output",
                path,
                held(Path::new(path), file.bytes, &file.sha256),
            ),
            None => told.add(
                "output",
                "(standard output)",
                Found::Unknown(format!("compare with sha256 {}", file.sha256)),
            ),
        }
    }
    for (path, why) in added(&manifest) {
        told.add("logs", &path, Found::Differs(why));
    }
    program(&manifest, &mut told);
    output::write(None, told.text(&manifest, args.all).as_bytes())?;
    Ok(if told.trouble() {
        Status::Findings
    } else {
        Status::Quiet
    })
}

/// A file held against its size and hash. The size is asked first: most that differ differ in it.
fn held(path: &Path, bytes: u64, hash: &str) -> Found {
    let length = match std::fs::metadata(path) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Found::Lacks,
        Err(error) => return Found::Differs(error.to_string()),
    };
    if length != bytes {
        return Found::Differs(format!("expected {bytes} bytes, found {length}"));
    }
    match manifest::sha256(path) {
        Ok((found, _)) if found == hash => Found::Same,
        Ok((found, _)) => Found::Differs(format!("expected sha256 {hash}, found {found}")),
        Err(error) => Found::Differs(error.to_string()),
    }
}

/// Files that the run's arguments find today and the manifest lacks: a repeated run would read them.
fn added(manifest: &Manifest) -> Vec<(String, String)> {
    let arguments = std::iter::once("nsgaudit".to_owned()).chain(manifest.arguments.clone());
    let Ok(Cli {
        verb: Verb::Audit(args),
    }) = Cli::try_parse_from(arguments)
    else {
        return Vec::new();
    };
    let narrowed = args.read.logs.since.is_some()
        || args.read.logs.until.is_some()
        || !args.read.logs.nsg.is_empty()
        || !args.read.logs.mac.is_empty();
    // What such options leave out by path is in no manifest, so that nothing can be said.
    if narrowed {
        return Vec::new();
    }
    let Ok(plan) = Plan::new(&args.read.logs.logs, &PlanOptions::default()) else {
        return Vec::new();
    };
    let known: BTreeSet<&str> = manifest
        .inputs
        .iter()
        .filter(|file| file.role == Role::Logs)
        .map(|file| file.path.as_str())
        .collect();
    let base = manifest::folder();
    (0..plan.len() as u32)
        .filter(|&file| !plan.is_stdin(file))
        .map(|file| manifest::shown(&plan.path(file), base.as_deref()))
        .filter(|path| !known.contains(path.as_str()))
        .map(|path| (path, "it was not there when the audit ran".to_owned()))
        .collect()
}

/// Whether this program would say the same.
fn program(manifest: &Manifest, told: &mut Told) {
    let own_tags = manifest
        .built_in
        .iter()
        .any(|part| part.name == "service tags");
    let ours = manifest::built_in(&manifest.basis.profile, own_tags);
    for part in &manifest.built_in {
        let found = match ours.iter().find(|ours| ours.name == part.name) {
            None => Found::Lacks,
            Some(ours) if ours.sha256 == part.sha256 => Found::Same,
            Some(_) => Found::Differs("this program has another edition of it".to_owned()),
        };
        told.add("built in", &part.name, found);
    }
    let here = concat!("nsgaudit ", env!("CARGO_PKG_VERSION"));
    let found = if manifest.program == here {
        Found::Same
    } else {
        Found::Differs(format!(
            "this program is {here}: repeat the audit with that one"
        ))
    };
    told.add("program", &manifest.program, found);
}

/// What was found, in the manifest's order.
#[derive(Debug, Default)]
struct Told {
    lines: Vec<(&'static str, String, Found)>,
}

impl Told {
    fn add(&mut self, what: &'static str, name: &str, found: Found) {
        self.lines.push((what, name.to_owned(), found));
    }

    fn count(&self, wanted: fn(&Found) -> bool) -> usize {
        self.lines
            .iter()
            .filter(|(_, _, found)| wanted(found))
            .count()
    }

    fn trouble(&self) -> bool {
        self.count(|found| matches!(found, Found::Differs(_) | Found::Lacks)) > 0
    }

    fn text(&self, manifest: &Manifest, all: bool) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        _ = writeln!(
            text,
            "{} the same, {} differ, {} missing, {} without a hash",
            self.count(|found| *found == Found::Same),
            self.count(|found| matches!(found, Found::Differs(_))),
            self.count(|found| *found == Found::Lacks),
            self.count(|found| matches!(found, Found::Unknown(_))),
        );
        for (what, name, found) in &self.lines {
            let (word, why) = match found {
                Found::Same if !all => continue,
                Found::Same => ("same", ""),
                Found::Differs(why) => ("differs", why.as_str()),
                Found::Lacks => ("missing", ""),
                Found::Unknown(why) => ("no hash", why.as_str()),
            };
            let colon = if why.is_empty() { "" } else { ": " };
            _ = writeln!(
                text,
                "{word:8} {what} {}{colon}{}",
                escape::terminal(name),
                escape::terminal(why)
            );
        }
        if !self.trouble() {
            let arguments: Vec<_> = manifest
                .arguments
                .iter()
                .map(|argument| escape::shell(argument))
                .collect();
            _ = writeln!(text, "to repeat: nsgaudit {}", arguments.join(" "));
        }
        text
    }
}
