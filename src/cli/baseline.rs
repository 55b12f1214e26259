//! `audit --baseline`, `--write-baseline`: findings that somebody accepted.

use std::path::{Path, PathBuf};

use clap::Args;

use super::diff::read_bounded;
use super::output;
use crate::audit::Audit;
use crate::compare::Baseline;
use crate::compare::baseline::{MAX_BASELINE, day};
use crate::error::{Error, Result};

/// Which findings are accepted, and what is kept of the run.
#[derive(Debug, Args)]
pub struct BaselineArgs {
    /// Accepted findings (TOML): each with fingerprint, code, reason, owner and expiry. They are listed
    /// apart and fail no run.
    #[arg(long, value_name = "FILE", help_heading = "Baseline")]
    pub baseline: Option<PathBuf>,
    /// Write a baseline of all findings, to be cut down and filled in; what --baseline has keeps its
    /// words.
    #[arg(long, value_name = "FILE", help_heading = "Baseline")]
    pub write_baseline: Option<PathBuf>,
    /// The day that expiry is judged by (YYYY-MM-DD); by default today, in UTC.
    #[arg(
        long,
        value_name = "DAY",
        requires = "baseline",
        help_heading = "Baseline"
    )]
    pub today: Option<String>,
    /// Write sizes and SHA-256 hashes of all inputs and outputs, for `nsgaudit verify`.
    #[arg(long, value_name = "FILE", help_heading = "Report")]
    pub manifest: Option<PathBuf>,
}

/// A baseline that was read, and the day it is held against.
#[derive(Debug, Default)]
pub(super) struct Held {
    baseline: Option<(Baseline, PathBuf)>,
    today: String,
}

/// Reads the baseline: before the logs are, so that a mistake in it is told at once.
pub(super) fn read(args: &BaselineArgs) -> Result<Held> {
    let Some(path) = &args.baseline else {
        return Ok(Held::default());
    };
    let today = match &args.today {
        Some(text) => day(text).map_err(|message| Error::Usage {
            message: format!("--today: {message}"),
        })?,
        None => jiff::Timestamp::now()
            .to_string()
            .chars()
            .take(10)
            .collect(),
    };
    let invalid = |message| Error::Invalid {
        path: path.clone(),
        message,
    };
    let bytes = read_bounded(path, MAX_BASELINE)?;
    let text = String::from_utf8(bytes).map_err(|error| invalid(error.to_string()))?;
    let baseline = Baseline::parse(&text).map_err(invalid)?;
    Ok(Held {
        baseline: Some((baseline, path.clone())),
        today,
    })
}

impl Held {
    /// Marks the audit's findings that are accepted.
    pub(super) fn apply(&self, audit: &mut Audit) {
        if let Some((baseline, path)) = &self.baseline {
            baseline.apply(audit, &self.today, &path.to_string_lossy());
        }
    }

    /// Writes a baseline of the audit's findings, where one is wanted.
    pub(super) fn draft(&self, audit: &Audit, target: Option<&Path>) -> Result<()> {
        let Some(target) = target else { return Ok(()) };
        let none = Baseline::default();
        let known = self
            .baseline
            .as_ref()
            .map_or(&none, |(baseline, _)| baseline);
        output::write(Some(target), known.draft(audit).as_bytes())
    }
}
