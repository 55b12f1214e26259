//! The command line: the only room that touches standard streams, the environment, the clock and
//! the exit status. One file a verb.

pub mod args;
mod audit;
mod baseline;
pub mod collect;
mod connections;
pub mod contract;
mod diagnose;
mod diff;
mod evidence;
mod fill;
pub mod fix;
mod flows;
pub mod from_logs;
mod given;
mod init;
mod judge;
mod manifest;
pub mod output;
mod profiles;
pub mod progress;
pub mod replay;
mod reports;
mod rules;
mod schema;
mod setup;
mod verify;

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use clap::Parser as _;

use crate::audit::checks;
use crate::error::{Error, Result};
use crate::report;
use args::{Cli, Colour, Verb};

/// How a run ended, as its exit status says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// 0: nothing at or above `--fail-on`.
    Quiet,
    /// 1: findings.
    Findings,
    /// 2: it could not complete: usage, unreadable input.
    Incomplete,
    /// 3: no flow was counted, coverage below `--min-coverage`, or a property that is undetermined.
    Inconclusive,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(match status {
            Status::Quiet => 0,
            Status::Findings => 1,
            Status::Incomplete => 2,
            Status::Inconclusive => 3,
        })
    }
}

/// Runs the command line.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(message) => {
            let status = if message.use_stderr() {
                Status::Incomplete
            } else {
                Status::Quiet
            };
            // Where even this cannot be printed there is nobody to tell.
            drop(message.print());
            return status.into();
        }
    };
    match run(cli.verb) {
        Ok(status) => status.into(),
        Err(error) => {
            tell_error(&error);
            Status::Incomplete.into()
        }
    }
}

fn run(verb: Verb) -> Result<Status> {
    match verb {
        Verb::Audit(args) => audit::run(&args),
        Verb::Diagnose(args) => diagnose::run(&args),
        Verb::Flows(args) => flows::run(&args),
        Verb::Init(args) => init::run(&args),
        Verb::Test(args) => rules::test(&args),
        Verb::Prove(args) => rules::prove(&args),
        Verb::Diff(args) => diff::run(&args),
        Verb::Collect(args) => collect::run(&args),
        Verb::DiffRules(args) => rules::diff(*args),
        Verb::Fix(args) => fix::run(&args),
        Verb::Replay(args) => replay::run(&args),
        Verb::Evidence(args) => evidence::run(&args),
        Verb::Verify(args) => verify::run(&args),
        Verb::Profiles(args) => profiles::run(args),
        Verb::Explain { code } => explain(&code),
        Verb::Checks => print(&checks::list_text()),
        Verb::Schema(args) => schema::run(&args),
    }
}

fn explain(code: &str) -> Result<Status> {
    match checks::explain(code) {
        Some(text) => print(&fill::fill(text)),
        None => Err(Error::Usage {
            message: format!(
                "no check is called {code:?}: `nsgaudit checks` lists them, NSG101 is one"
            ),
        }),
    }
}

fn print(text: &str) -> Result<Status> {
    output::write(None, text.as_bytes())?;
    Ok(Status::Quiet)
}

/// Says what went wrong, and what to do.
fn tell_error(error: &Error) {
    tell("error", &error.to_string());
    if let Some(hint) = error.hint() {
        tell("hint", &hint);
    }
}

/// Says something on standard error, escaped for a terminal.
fn tell(kind: &str, text: &str) {
    let mut stderr = std::io::stderr().lock();
    for (number, line) in text.lines().enumerate() {
        let lead = if number == 0 { kind } else { "" };
        let colon = if number == 0 { ":" } else { " " };
        // Where standard error is closed there is nobody to tell.
        drop(writeln!(
            stderr,
            "{lead}{colon} {}",
            report::escape::terminal(line)
        ));
    }
}

/// Whether to colour standard output.
fn colours(when: Colour, to_file: bool) -> bool {
    match when {
        Colour::Always => true,
        Colour::Never => false,
        Colour::Auto => {
            #[expect(
                clippy::disallowed_methods,
                reason = "the command line reads the environment"
            )]
            let plain = std::env::var("NO_COLOR").is_ok_and(|value| !value.is_empty());
            !to_file && !plain && std::io::stdout().is_terminal()
        }
    }
}
