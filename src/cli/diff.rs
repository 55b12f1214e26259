//! `nsgaudit diff`: two audits compared.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::args::{Colour, FailOn};
use super::{Status, colours, output};
use crate::audit::{Audit, Severity};
use crate::compare::{self, Difference};
use crate::error::{Error, Result};
use crate::report::difference;
use crate::report::text::{TextOptions, render_difference};

/// Options of `diff`.
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// The earlier audit, as `audit --format json` wrote it; - for standard input.
    #[arg(value_name = "OLD.json")]
    pub old: PathBuf,
    /// The later audit.
    #[arg(value_name = "NEW.json")]
    pub new: PathBuf,
    /// Format of the comparison.
    #[arg(long, value_enum, default_value_t = DiffFormat::Text, help_heading = "Report")]
    pub format: DiffFormat,
    /// Write to a file, whole or not at all.
    #[arg(long, short, value_name = "FILE", help_heading = "Report")]
    pub output: Option<PathBuf>,
    /// Every entry of each list, not only the first.
    #[arg(long, help_heading = "Report")]
    pub all: bool,
    /// Colour: auto, always, never.
    #[arg(long, value_enum, default_value_t = Colour::Auto, value_name = "WHEN", help_heading = "Report")]
    pub color: Colour,
    /// Exit with 1 where a new finding, or one that grew worse, is at least this severe.
    #[arg(long, value_enum, default_value_t = FailOn::Info, value_name = "SEVERITY", help_heading = "Exit status")]
    pub fail_on: FailOn,
}

/// Formats of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DiffFormat {
    /// For people, 80 columns.
    Text,
    /// The whole comparison; `nsgaudit schema diff` prints its schema.
    Json,
    /// Markdown, for a comment or a job's summary.
    Markdown,
}

pub(super) fn run(args: &DiffArgs) -> Result<Status> {
    if [&args.old, &args.new].iter().all(|path| is_stdin(path)) {
        let message = "diff: expected one of the two audits on standard input at most, found both";
        return Err(Error::Usage {
            message: message.to_owned(),
        });
    }
    let (old, new) = (read_audit(&args.old)?, read_audit(&args.new)?);
    let names = [&args.old, &args.new].map(|path| path.to_string_lossy());
    let program = concat!("nsgaudit ", env!("CARGO_PKG_VERSION"));
    let found = compare::diff(&old, &new, [&names[0], &names[1]], program);
    drop((old, new));
    let output = args.output.as_deref();
    let text = match args.format {
        DiffFormat::Json => difference::json(&found),
        DiffFormat::Markdown => difference::markdown(&found),
        DiffFormat::Text => render_difference(
            &found,
            &TextOptions {
                colour: colours(args.color, output.is_some()),
                all: args.all,
                ..TextOptions::default()
            },
        ),
    };
    output::write(output, text.as_bytes())?;
    Ok(match super::judge::least(args.fail_on) {
        Some(least) if fails(&found, least) => Status::Findings,
        _ => Status::Quiet,
    })
}

/// Whether a finding that nobody accepted is new, or worse than before, and so severe.
fn fails(found: &Difference, least: Severity) -> bool {
    let new = found.new_findings.iter();
    let worse = found
        .changed
        .iter()
        .filter(|changed| changed.finding.severity > changed.severity_before)
        .map(|changed| &changed.finding);
    new.chain(worse)
        .any(|finding| finding.suppressed.is_none() && finding.severity >= least)
}

fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

/// Reads an audit's JSON.
///
/// # Errors
/// The file cannot be read, or is no audit: what was expected and found.
pub(super) fn read_audit(path: &Path) -> Result<Audit> {
    let bytes = read_bounded(path, compare::document::MAX_DOCUMENT)?;
    compare::parse(&bytes).map_err(|message| Error::Invalid {
        path: named(path),
        message,
    })
}

fn named(path: &Path) -> PathBuf {
    if is_stdin(path) {
        return PathBuf::from("(standard input)");
    }
    path.to_owned()
}

/// A file's bytes, at most so many; `-` is standard input.
///
/// # Errors
/// The file cannot be read, or holds more.
pub(super) fn read_bounded(path: &Path, most: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = if is_stdin(path) {
        std::io::stdin()
            .lock()
            .take(most + 1)
            .read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(most + 1).read_to_end(&mut bytes))
    };
    read.map_err(|source| Error::Read {
        path: named(path),
        source,
    })?;
    if bytes.len() as u64 > most {
        return Err(Error::Invalid {
            path: named(path),
            message: format!(
                "expected at most {} MiB, and the file is larger",
                most >> 20
            ),
        });
    }
    Ok(bytes)
}
