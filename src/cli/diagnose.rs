//! `nsgaudit diagnose`.

use std::io::IsTerminal as _;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::args::Colour;
use super::judge::{ExitArgs, ReadArgs, judge, status};
use super::{Status, colours, output};
use crate::diagnose::diagnose;
use crate::error::Result;
use crate::report::{json, text};

/// Options of `diagnose`.
#[derive(Debug, Args)]
pub struct DiagnoseArgs {
    /// What is read, and what it is held against.
    #[command(flatten)]
    pub read: ReadArgs,
    /// Format of the diagnosis.
    #[arg(long, value_enum, default_value_t = Format::Text, help_heading = "Report")]
    pub format: Format,
    /// Write the diagnosis to a file, whole or not at all.
    #[arg(long, short, value_name = "FILE", help_heading = "Report")]
    pub output: Option<PathBuf>,
    /// Every cause and all evidence.
    #[arg(long, help_heading = "Report")]
    pub all: bool,
    /// Colour: auto, always, never.
    #[arg(long, value_enum, default_value_t = Colour::Auto, value_name = "WHEN", help_heading = "Report")]
    pub color: Colour,
    /// No progress bar.
    #[arg(long, short, help_heading = "Report")]
    pub quiet: bool,
    /// What makes the run fail.
    #[command(flatten)]
    pub exit: ExitArgs,
}

/// Formats of a diagnosis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people, 80 columns.
    Text,
    /// The whole diagnosis.
    Json,
}

pub(super) fn run(args: &DiagnoseArgs) -> Result<Status> {
    args.exit.check()?;
    let progress = !args.quiet && std::io::stderr().is_terminal();
    let judged = judge(&args.read, progress, |_, _| Ok(()))?;
    let diagnosis = diagnose(&judged.audit);
    let output = args.output.as_deref();
    match args.format {
        Format::Json => output::stream(output, &|to| json::write_diagnosis(&diagnosis, to))?,
        Format::Text => {
            let options = text::TextOptions {
                colour: colours(args.color, output.is_some()),
                all: args.all,
                ..text::TextOptions::default()
            };
            let page = text::diagnosis::render(&diagnosis, &options);
            output::write(output, page.as_bytes())?;
        }
    }
    Ok(status(&judged.audit, &args.exit, judged.is_unreadable()))
}
