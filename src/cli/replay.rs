//! `nsgaudit replay`: past traffic against proposed rules.

use std::io::IsTerminal as _;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::args::{Colour, RulesFormat};
use super::judge::{Came, ReadArgs, World, is_unreadable, nothing_read, read_world};
use super::{Status, colours, output, tell};
use crate::audit::replay::{Passes, Replay, ReplayInput, replay};
use crate::error::{Error, Result};
use crate::report::replay::{Told, json};
use crate::report::text::{self, TextOptions};

/// Options of `replay`.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// The proposed rules: a file or folder of NSGs as --azure reads them. They take the place of the
    /// NSGs of the same resource ID or name that --azure gives; all else of --azure is kept.
    #[arg(long, value_name = "NEW", help_heading = "Environment")]
    pub rules: PathBuf,
    /// What is read, and what it is held against.
    #[command(flatten)]
    pub read: ReadArgs,
    /// Format of the replay: `nsgaudit schema replay` prints the schema of the JSON.
    #[arg(long, value_enum, default_value_t = RulesFormat::Text, help_heading = "Report")]
    pub format: RulesFormat,
    /// Write to a file, whole or not at all.
    #[arg(long, short, value_name = "FILE", help_heading = "Report")]
    pub output: Option<PathBuf>,
    /// Every entry of each list, with what every level does.
    #[arg(long, help_heading = "Report")]
    pub all: bool,
    /// Colour: auto, always, never.
    #[arg(long, value_enum, default_value_t = Colour::Auto, value_name = "WHEN", help_heading = "Report")]
    pub color: Colour,
    /// No progress bar.
    #[arg(long, short, help_heading = "Report")]
    pub quiet: bool,
    /// Exit with 1 where this is newly denied.
    #[arg(long, value_enum, default_value_t = FailOn::Required, value_name = "WHAT", help_heading = "Exit status")]
    pub fail_on: FailOn,
}

/// What fails a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FailOn {
    /// Flows or packets that a requirement needs.
    Required,
    /// Any flow that was seen, too.
    Observed,
    /// Nothing.
    Never,
}

pub(super) fn run(args: &ReplayArgs) -> Result<Status> {
    let progress = !args.quiet && std::io::stderr().is_terminal();
    let conclude = |world: World<'_>| -> Result<(Replay, Vec<String>, Came)> {
        let Some(proposed) = world.proposed else {
            let message = "--rules: expected proposed rules, found none".to_owned();
            return Err(Error::Usage { message });
        };
        let replayed = replay(&ReplayInput {
            facts: &world.facts,
            environment: world.environment,
            profile: world.basis.profile,
            included: &world.basis.included,
            tags: &world.basis.tags,
            today: world.today,
            proposed,
            file_name: &|file| world.logs.plan.display(file),
        });
        let read = world.facts.read;
        let came = Came {
            files: read.files,
            flow_files: read.flow_files,
            faulty: world.facts.faults.kinds().next().is_some(),
            counted: read.tuples_counted,
            unreadable: is_unreadable(&world.facts),
        };
        Ok((replayed, world.assumptions, came))
    };
    let rules = Some(args.rules.as_path());
    let (concluded, _) = read_world(&args.read, rules, progress, |_, _| Ok(()), conclude)?;
    let (replayed, assumptions, came) = concluded?;
    write(args, &replayed, &assumptions)?;
    Ok(nothing_read(&came).unwrap_or_else(|| status(&replayed, args.fail_on)))
}

fn write(args: &ReplayArgs, replayed: &Replay, assumptions: &[String]) -> Result<()> {
    let proposed = args.rules.display().to_string();
    let today = args.read.azure.as_ref();
    let today = today.map(|path| path.display().to_string());
    let told = Told {
        replay: replayed,
        proposed: &proposed,
        today: today.as_deref(),
        assumptions,
        program: concat!("nsgaudit ", env!("CARGO_PKG_VERSION")),
    };
    let output = args.output.as_deref();
    let text = match args.format {
        RulesFormat::Json => json(&told),
        RulesFormat::Text => text::replay::render(
            &told,
            &TextOptions {
                colour: colours(args.color, output.is_some()),
                all: args.all,
                ..TextOptions::default()
            },
        ),
    };
    output::write(output, text.as_bytes())
}

/// How the replay ended.
fn status(replayed: &Replay, fail_on: FailOn) -> Status {
    let observed = fail_on == FailOn::Observed && !replayed.newly_denied.is_empty();
    match replayed.passes() {
        _ if fail_on == FailOn::Never => Status::Quiet,
        _ if observed => Status::Findings,
        Passes::No => Status::Findings,
        Passes::Unknown => {
            tell(
                "error",
                "it is not known whether something that is required is newly denied",
            );
            Status::Inconclusive
        }
        Passes::Yes => Status::Quiet,
    }
}
