//! `nsgaudit fix`: a change of rules that allows what is required, proved and then printed.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;

use clap::{Args, ValueEnum};

use super::judge::{
    Came, DEFAULT_PROFILE, ReadArgs, World, is_unreadable, nothing_read, read_world,
};
use super::setup::Logs;
use super::{Status, given, output, setup, tell};
use crate::audit::given::Ways;
use crate::audit::needed::{Needed, needed};
use crate::audit::replay::{ReplayInput, replay};
use crate::error::{Error, Result};
use crate::fault::FaultKind;
use crate::fix::{Fix, FixInput, Flow, Seen, least_privilege, smallest};
use crate::flowlog::{LogKind, RecordBatch, Scanner, Segment, Sink};
use crate::net::Protocol;
use crate::pipeline::Source;
use crate::report::fix::{arm, az, bicep, json, terraform, text};
use crate::tally::Narrow;

/// Options of `fix`.
#[derive(Debug, Args)]
#[command(mut_arg("logs", |logs| logs.required(false)))]
pub struct FixArgs {
    /// What is read, and what it is held against. Without logs there is no replay.
    #[command(flatten)]
    pub read: ReadArgs,
    /// Only this requirement, as `profile/row` or `row`; may be given more than once.
    #[arg(long, value_name = "ROW", help_heading = "Fix")]
    pub only: Vec<String>,
    /// Whole rule sets in place of today's: they allow what is required and what the logs saw let
    /// through and answered, and deny all else.
    #[arg(long, requires = "logs", conflicts_with = "only", help_heading = "Fix")]
    pub least_privilege: bool,
    /// Rows of advice too, which are not required.
    #[arg(long, help_heading = "Fix")]
    pub advice: bool,
    /// What the fix is printed as.
    #[arg(long, value_enum, default_value_t = Format::Text, help_heading = "Report")]
    pub format: Format,
    /// Write to a file, whole or not at all.
    #[arg(long, short, value_name = "FILE", help_heading = "Report")]
    pub output: Option<PathBuf>,
    /// No progress bar.
    #[arg(long, short, help_heading = "Report")]
    pub quiet: bool,
}

/// What a fix is printed as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people, 80 columns.
    Text,
    /// A shell script of `az` commands.
    Az,
    /// A Bicep file, for one resource group.
    Bicep,
    /// Terraform, for the provider azurerm.
    Terraform,
    /// A template for Azure Resource Manager.
    Arm,
    /// One document; docs/fix.schema.json is its schema.
    Json,
}

pub(super) fn run(args: &FixArgs) -> Result<Status> {
    if args.read.azure.is_none() {
        return Err(Error::Usage {
            message: "fix changes rules: expected --azure DIR with those of today, as `nsgaudit collect` \
                      fetches them"
                .to_owned(),
        });
    }
    let (fix, empty) = if args.read.logs.logs.is_empty() {
        (of_rules(args)?, None)
    } else {
        of_logs(args)?
    };
    let page = match args.format {
        Format::Text => text::render(&fix),
        Format::Az => az::render(&fix),
        Format::Terraform => terraform::render(&fix),
        Format::Arm => arm::render(&fix),
        Format::Json => json::render(&fix),
        Format::Bicep => bicep::render(&fix).ok_or_else(|| Error::Usage {
            message:
                "--format bicep: the NSGs are in several resource groups, and a Bicep file changes \
                      one; --format arm has a deployment for each"
                    .to_owned(),
        })?,
    };
    output::write(args.output.as_deref(), page.as_bytes())?;
    Ok(empty.unwrap_or_else(|| status(&fix, args.format)))
}

/// 1 where a fix is printed, else 3 where something stays open.
fn status(fix: &Fix, format: Format) -> Status {
    let open = fix.open.len();
    if open > 0 && format != Format::Text {
        tell(
            "note",
            &format!("not allowed by it: {open} of the requirements; --format text says why"),
        );
    }
    if !fix.changes.is_empty() {
        Status::Findings
    } else if open > 0 || fix.refused.is_some() {
        Status::Inconclusive
    } else {
        Status::Quiet
    }
}

/// Says where a row that is asked for is none of the profile.
fn check_rows(only: &[String], needed: &[Needed]) -> Result<()> {
    let is_there = |row: &String| {
        let mut all = needed.iter();
        all.any(|one| one.row == *row || one.row.rsplit('/').next() == Some(row.as_str()))
    };
    match only.iter().find(|row| !is_there(row)) {
        None => Ok(()),
        Some(row) => Err(Error::Usage {
            message: format!(
                "--only: no requirement of this network is called {row:?}: `nsgaudit prove --all` lists \
                 them, as in ise-preview-2019/event-hub-log"
            ),
        }),
    }
}

fn of_rules(args: &FixArgs) -> Result<Fix> {
    let read = &args.read;
    let mut stated = setup::environment(&read.environment)?;
    let azure = given::read(read.azure.as_deref(), &mut stated)?;
    let profile = read.profile.as_deref().or(stated.profile.as_deref());
    let profile = profile.unwrap_or(DEFAULT_PROFILE).to_owned();
    let catalogue = setup::catalogue(&[&profile])?;
    let basis = setup::basis(&catalogue, &profile, &read.service_tags)?;
    let environment = &stated.environment;
    let needed = needed(basis.profile, &basis.included, environment, &basis.tags);
    check_rows(&args.only, &needed)?;
    let Some(network) = given::network(azure.as_ref(), environment, &basis.tags) else {
        return Err(no_rules());
    };
    Ok(smallest(&FixInput {
        network: &network,
        environment,
        tags: &basis.tags,
        needed: &needed,
        advice: args.advice,
        only: &args.only,
    })
    .fix)
}

fn no_rules() -> Error {
    Error::Usage {
        message: "--azure: expected rules, found none".to_owned(),
    }
}

/// The fix, and how the run ends where the logs tell nothing.
fn of_logs(args: &FixArgs) -> Result<(Fix, Option<Status>)> {
    let progress = !args.quiet && std::io::stderr().is_terminal();
    let conclude = |world: World<'_>| -> Result<(Fix, Option<Status>)> {
        let Some(today) = world.today else {
            return Err(no_rules());
        };
        let (basis, environment) = (world.basis, world.environment);
        let needed = needed(basis.profile, &basis.included, environment, &basis.tags);
        check_rows(&args.only, &needed)?;
        let input = FixInput {
            network: today.network,
            environment,
            tags: &basis.tags,
            needed: &needed,
            advice: args.advice,
            only: &args.only,
        };
        let fixed = if args.least_privilege {
            least_privilege(&input, &seen(world.logs))
        } else {
            smallest(&input)
        };
        let mut fix = fixed.fix;
        let network = given::network(Some(&fixed.azure), environment, &basis.tags);
        let Some(network) = network else {
            return Err(no_rules());
        };
        let replayed = replay(&ReplayInput {
            facts: &world.facts,
            environment,
            profile: basis.profile,
            included: &basis.included,
            tags: &basis.tags,
            today: Some(today),
            proposed: &Ways::new(&network, environment),
            file_name: &|file| world.logs.plan.display(file),
        });
        fix.replayed(&replayed);
        let read = world.facts.read;
        let came = Came {
            files: read.files,
            flow_files: read.flow_files,
            faulty: world.facts.faults.kinds().next().is_some(),
            counted: read.tuples_counted,
            unreadable: is_unreadable(&world.facts),
        };
        Ok((fix, nothing_read(&came)))
    };
    let (concluded, _) = read_world(&args.read, None, progress, |_, _| Ok(()), conclude)?;
    concluded
}

/// Reads the logs once more for who talked with whom.
fn seen(logs: &Logs) -> Seen {
    let mut gathering = Gathering {
        seen: Seen::default(),
        narrow: &logs.narrow,
    };
    let mut scanner = Scanner::new(logs.reading.level, logs.reading.scan);
    for file in 0..logs.plan.len() as u32 {
        // What cannot be opened the first reading told.
        if let Ok(opened) = logs.plan.open(file, &logs.reading.open) {
            Source::new(opened, &AtomicU64::new(0)).scan(
                file,
                Segment::WHOLE,
                &mut scanner,
                &mut gathering,
            );
        }
    }
    gathering.seen
}

/// Takes what the logs say of flows.
struct Gathering<'a> {
    seen: Seen,
    narrow: &'a Narrow,
}

impl Sink for Gathering<'_> {
    fn record(&mut self, batch: &RecordBatch) {
        for tuple in &batch.tuples {
            let group = &batch.groups[tuple.group as usize];
            if !self.narrow.keeps_group(group) || !self.narrow.keeps_tuple(batch, tuple) {
                continue;
            }
            let (source, destination) = batch.addresses(tuple);
            let has_source_port = tuple.bits.kind() != LogKind::TrafficAnalytics;
            self.seen.add(&Flow {
                direction: tuple.bits.direction(),
                protocol: Protocol(tuple.protocol),
                source,
                source_port: has_source_port.then_some(tuple.source_port),
                destination,
                destination_port: tuple.destination_port,
                decision: tuple.bits.decision(),
                packets: batch.counters(tuple).0,
            });
        }
    }

    fn fault(&mut self, _: u64, _: FaultKind, _: String) {
        // The first reading told it.
    }
}
