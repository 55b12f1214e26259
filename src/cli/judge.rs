//! Logs, network, rules and profile -> the audit, for every verb that reports of one.

use std::path::{Path, PathBuf};

use clap::Args;

use super::args::{EnvironmentArgs, FailOn, LogArgs};
use super::setup::{self, Basis, Logs};
use super::{Status, given, tell};
use crate::audit::given::Ways;
use crate::audit::{Audit, AuditInput, Severity, audit};
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::tally::trace::Ground;
use crate::tally::{Facts, TallyLimits};

/// The profile of the seed, where nothing names another.
pub(super) const DEFAULT_PROFILE: &str = "ise";
/// Fewest flow groups that a run can do with.
const FEWEST_GROUPS: usize = 256;

/// What is read, and what it is held against.
#[derive(Debug, Args)]
pub struct ReadArgs {
    /// Which logs.
    #[command(flatten)]
    pub logs: LogArgs,
    /// What the network looks like.
    #[command(flatten)]
    pub environment: EnvironmentArgs,
    /// Folder of what Azure prints of the rules (`nsgaudit collect`): the report then joins what is
    /// required, what the rules allow and what was seen. Without --config and --vnet the network is
    /// that of the folder.
    #[arg(long, value_name = "DIR", help_heading = "Environment")]
    pub azure: Option<PathBuf>,
    /// Profile to audit against: a name, or a file of your own. By default the one that the
    /// environment states, else `ise`.
    #[arg(long, value_name = "NAME", help_heading = "Environment")]
    pub profile: Option<String>,
    /// Service tags as Microsoft publishes them or `az network list-service-tags` prints them;
    /// FILE=YYYY-MM-DD where the name does not tell the date. By default the built-in snapshot.
    #[arg(long, value_name = "FILE", help_heading = "Environment")]
    pub service_tags: Vec<PathBuf>,
    /// Most flow groups that are told apart.
    #[arg(
        long,
        value_name = "N",
        default_value_t = 32_768,
        help_heading = "Limits"
    )]
    pub max_groups: usize,
    /// Most records that are remembered to know duplicates: of each hour, and of all files whose path
    /// tells no hour.
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1_835_008,
        help_heading = "Limits"
    )]
    pub max_records: usize,
}

/// What makes a run fail.
#[derive(Debug, Args)]
pub struct ExitArgs {
    /// Exit with 1 where a finding is at least this severe.
    #[arg(long, value_enum, default_value_t = FailOn::High, value_name = "SEVERITY", help_heading = "Exit status")]
    pub fail_on: FailOn,
    /// Exit with 3 where fewer interface-hours than this (percent) have logs.
    #[arg(
        long,
        value_name = "PERCENT",
        default_value_t = 0.0,
        help_heading = "Exit status"
    )]
    pub min_coverage: f64,
}

/// An audit, and what it was made of.
pub(super) struct Judged {
    /// The audit.
    pub(super) audit: Audit,
    /// What was observed.
    pub(super) facts: Facts,
    /// What a second reading needs.
    pub(super) ground: Ground,
    /// The logs.
    pub(super) logs: Logs,
}

/// What a run has read, and what it is held against.
pub(super) struct World<'a> {
    /// What was observed.
    pub(super) facts: Facts,
    /// What a second reading needs.
    pub(super) ground: Ground,
    /// The logs.
    pub(super) logs: &'a Logs,
    /// The network.
    pub(super) environment: &'a Environment,
    /// Profile and tags.
    pub(super) basis: &'a Basis<'a>,
    /// The rules, where they are given.
    pub(super) today: Option<&'a Ways<'a>>,
    /// Rules that are proposed.
    pub(super) proposed: Option<&'a Ways<'a>>,
    /// What was assumed.
    pub(super) assumptions: Vec<String>,
}

/// Reads and judges. Before the first log is read, `begin` sees the logs and the name of the profile.
pub(super) fn judge(
    args: &ReadArgs,
    progress: bool,
    begin: impl FnOnce(&Logs, &str) -> Result<()>,
) -> Result<Judged> {
    let conclude = |world: World<'_>| {
        let audit = audit(&AuditInput {
            facts: &world.facts,
            environment: world.environment,
            profile: world.basis.profile,
            included: &world.basis.included,
            tags: &world.basis.tags,
            rules: world.today,
            assumptions: world.assumptions,
            file_name: &|file| world.logs.plan.display(file),
            program: concat!("nsgaudit ", env!("CARGO_PKG_VERSION")),
        });
        (audit, world.facts, world.ground)
    };
    let ((audit, facts, ground), logs) = read_world(args, None, progress, begin, conclude)?;
    Ok(Judged {
        audit,
        facts,
        ground,
        logs,
    })
}

/// Reads the logs and all that they are held against, with the rules of `proposed` too, and concludes.
pub(super) fn read_world<T>(
    args: &ReadArgs,
    proposed: Option<&Path>,
    progress: bool,
    begin: impl FnOnce(&Logs, &str) -> Result<()>,
    conclude: impl FnOnce(World<'_>) -> T,
) -> Result<(T, Logs)> {
    if args.max_groups < FEWEST_GROUPS {
        let message = format!(
            "--max-groups: expected at least {FEWEST_GROUPS}, found {}",
            args.max_groups
        );
        return Err(Error::Usage { message });
    }
    let mut stated = setup::environment(&args.environment)?;
    let azure = given::read(args.azure.as_deref(), &mut stated)?;
    let proposed = given::proposed(proposed, azure.as_ref(), &mut stated)?;
    let profile = args.profile.as_deref().or(stated.profile.as_deref());
    let profile = profile.unwrap_or(DEFAULT_PROFILE).to_owned();
    let catalogue = setup::catalogue(&[&profile])?;
    let basis = setup::basis(&catalogue, &profile, &args.service_tags)?;
    let logs = setup::logs(&args.logs, &stated.environment)?;
    begin(&logs, &profile)?;
    let limits = TallyLimits {
        groups: args.max_groups,
        records: args.max_records,
    };
    let mut assumptions = Vec::new();
    if stated.assumed {
        let said = "no environment is given: state the network (`nsgaudit init LOGS > \
                    nsgaudit.toml`), and correct what it says";
        assumptions.push(said.to_owned());
    }
    let environment = stated.environment.clone();
    let network = given::network(azure.as_ref(), &environment, &basis.tags);
    let today = network
        .as_ref()
        .map(|network| Ways::new(network, &environment));
    let network = given::network(proposed.as_ref(), &environment, &basis.tags);
    let proposed = network
        .as_ref()
        .map(|network| Ways::new(network, &environment));
    let ways = today.iter().chain(&proposed);
    let cuts: Vec<_> = ways.flat_map(Ways::cuts).collect();
    let (read, ground) = setup::read_to_trace(&logs, stated, &basis, &cuts, limits, progress)?;
    assumptions.extend(read.assumptions);
    if logs.plan.skipped_by_path() > 0 {
        let skipped = logs.plan.skipped_by_path();
        assumptions.push(format!("{skipped} files were not read: by their paths, --since, --until, --nsg and --mac leave them out."));
    }
    let concluded = conclude(World {
        facts: read.facts,
        ground,
        logs: &logs,
        environment: &read.environment,
        basis: &basis,
        today: today.as_ref(),
        proposed: proposed.as_ref(),
        assumptions,
    });
    Ok((concluded, logs))
}

impl Judged {
    /// Whether some input could not be read at all.
    pub(super) fn is_unreadable(&self) -> bool {
        is_unreadable(&self.facts)
    }
}

/// Whether some input could not be read at all.
pub(super) fn is_unreadable(facts: &Facts) -> bool {
    let mut kinds = facts.faults.kinds();
    kinds.any(|(kind, _)| kind.is_unreadable_input())
}

impl ExitArgs {
    /// Whether the options can be meant, before anything is read.
    pub(super) fn check(&self) -> Result<()> {
        if (0.0..=100.0).contains(&self.min_coverage) {
            return Ok(());
        }
        let message = format!(
            "--min-coverage: expected 0 to 100 percent, found {}",
            self.min_coverage
        );
        Err(Error::Usage { message })
    }
}

/// How much came of what was read, as far as it tells whether a run has anything to go by.
pub(super) struct Came {
    /// Files read.
    pub(super) files: u64,
    /// Of these: with flow records.
    pub(super) flow_files: u64,
    /// Whether there were faults.
    pub(super) faulty: bool,
    /// Tuples counted.
    pub(super) counted: u64,
    /// Whether some input could not be read at all.
    pub(super) unreadable: bool,
}

/// How the run ended, where what was read tells nothing. What could not be read comes first: it must
/// never look like an answer.
pub(super) fn nothing_read(came: &Came) -> Option<Status> {
    let (status, message) = if came.flow_files == 0 && !came.faulty {
        let files = read(came.files);
        let message =
            format!("no flow was counted: {files}, without a fault and without a flow record");
        (Status::Inconclusive, message)
    } else if came.flow_files == 0 {
        let message =
            "no flow record was read: the faults in the report say what was found instead";
        (Status::Incomplete, message.to_owned())
    } else if came.unreadable {
        let message = "some input could not be read: the faults in the report say which";
        (Status::Incomplete, message.to_owned())
    } else if came.counted == 0 {
        let message = "no flow was counted: the filters leave nothing of what was read";
        (Status::Inconclusive, message.to_owned())
    } else {
        return None;
    };
    tell("error", &message);
    Some(status)
}

/// How the run ended.
pub(super) fn status(audit: &Audit, args: &ExitArgs, unreadable: bool) -> Status {
    let nothing = nothing_read(&Came {
        files: audit.input.files,
        flow_files: audit.input.flow_files,
        faulty: !audit.input.faults.is_empty(),
        counted: audit.input.tuples.counted,
        unreadable,
    });
    if let Some(status) = nothing {
        return status;
    }
    let worst = audit
        .findings
        .iter()
        .filter(|finding| finding.suppressed.is_none())
        .map(|finding| finding.severity)
        .max();
    if least(args.fail_on).is_some_and(|least| worst.is_some_and(|worst| worst >= least)) {
        return Status::Findings;
    }
    let covered = audit.input.coverage.per_mille as f64 / 10.0;
    if args.min_coverage > 0.0 && covered < args.min_coverage {
        tell(
            "error",
            &format!(
                "coverage is {covered:.1} %, below --min-coverage {}",
                args.min_coverage
            ),
        );
        return Status::Inconclusive;
    }
    Status::Quiet
}

fn read(files: u64) -> String {
    match files {
        1 => "1 file was read".to_owned(),
        several => format!("{several} files were read"),
    }
}

pub(super) fn least(fail_on: FailOn) -> Option<Severity> {
    match fail_on {
        FailOn::Info => Some(Severity::Info),
        FailOn::Low => Some(Severity::Low),
        FailOn::Medium => Some(Severity::Medium),
        FailOn::High => Some(Severity::High),
        FailOn::Critical => Some(Severity::Critical),
        FailOn::Never => None,
    }
}
