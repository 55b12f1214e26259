//! `nsgaudit audit`.

use std::io::IsTerminal as _;

use super::args::{AuditArgs, FailOn, Format};
use super::{Status, colours, output, setup, tell};
use crate::audit::{Audit, AuditInput, Severity, audit};
use crate::error::{Error, Result};
use crate::report;
use crate::report::text::TextOptions;
use crate::tally::TallyLimits;

/// The profile of the seed, where nothing names another.
const DEFAULT_PROFILE: &str = "ise";

pub(super) fn run(args: &AuditArgs) -> Result<Status> {
    let (audit, unreadable) = judged(args)?;
    let output = args.output.as_deref();
    match args.format {
        Format::Json => output::stream(output, &|to| report::json::write(&audit, to))?,
        Format::Text => {
            let colour = colours(args.color, output.is_some());
            let options = TextOptions {
                colour,
                all: args.all,
                ..TextOptions::default()
            };
            output::write(output, report::text::render(&audit, &options).as_bytes())?;
        }
    }
    Ok(status(&audit, args, unreadable))
}

/// The audit, and whether some input could not be read.
pub(super) fn judged(args: &AuditArgs) -> Result<(Audit, bool)> {
    if !(0.0..=100.0).contains(&args.min_coverage) {
        let message = format!(
            "--min-coverage: expected 0 to 100 percent, found {}",
            args.min_coverage
        );
        return Err(Error::Usage { message });
    }
    if args.max_groups < 256 {
        let message = format!(
            "--max-groups: expected at least 256, found {}",
            args.max_groups
        );
        return Err(Error::Usage { message });
    }
    let stated = setup::environment(&args.environment)?;
    let profile = args
        .profile
        .as_deref()
        .or(stated.profile.as_deref())
        .unwrap_or(DEFAULT_PROFILE)
        .to_owned();
    let catalogue = setup::catalogue(&[&profile])?;
    let basis = setup::basis(&catalogue, &profile, &args.service_tags)?;
    let logs = setup::logs(&args.logs, &stated.environment)?;
    let limits = TallyLimits {
        groups: args.max_groups,
        records: args.max_records,
    };
    let progress = !args.quiet && std::io::stderr().is_terminal();
    let mut assumptions = Vec::new();
    if stated.assumed {
        let said = "no environment is given: state the network (`nsgaudit init LOGS > \
                    nsgaudit.toml`), and correct what it says";
        assumptions.push(said.to_owned());
    }
    let read = setup::read(&logs, stated, &basis, limits, progress)?;
    assumptions.extend(read.assumptions);
    if logs.plan.skipped_by_path() > 0 {
        let skipped = logs.plan.skipped_by_path();
        assumptions.push(format!("{skipped} files were not read: by their paths, --since, --until, --nsg and --mac leave them out."));
    }
    let audit = audit(&AuditInput {
        facts: &read.facts,
        environment: &read.environment,
        profile: basis.profile,
        included: &basis.included,
        tags: &basis.tags,
        assumptions,
        file_name: &|file| logs.plan.display(file),
        program: concat!("nsgaudit ", env!("CARGO_PKG_VERSION")),
    });
    let unreadable = read
        .facts
        .faults
        .kinds()
        .any(|(kind, _)| kind.is_unreadable_input());
    Ok((audit, unreadable))
}

/// How the run ended. What could not be read comes first: it must never look like an answer.
pub(super) fn status(audit: &Audit, args: &AuditArgs, unreadable: bool) -> Status {
    if audit.input.flow_files == 0 && audit.input.faults.is_empty() {
        tell(
            "error",
            &format!(
                "no flow was counted: {}, without a fault and without a flow record",
                read(audit.input.files)
            ),
        );
        return Status::Inconclusive;
    }
    if audit.input.flow_files == 0 {
        tell(
            "error",
            "no flow record was read: the faults in the report say what was found instead",
        );
        return Status::Incomplete;
    }
    if unreadable {
        tell(
            "error",
            "some input could not be read: the faults in the report say which",
        );
        return Status::Incomplete;
    }
    if audit.input.tuples.counted == 0 {
        tell(
            "error",
            "no flow was counted: the filters leave nothing of what was read",
        );
        return Status::Inconclusive;
    }
    let worst = audit.findings.iter().map(|finding| finding.severity).max();
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

fn least(fail_on: FailOn) -> Option<Severity> {
    match fail_on {
        FailOn::Info => Some(Severity::Info),
        FailOn::Low => Some(Severity::Low),
        FailOn::Medium => Some(Severity::Medium),
        FailOn::High => Some(Severity::High),
        FailOn::Critical => Some(Severity::Critical),
        FailOn::Never => None,
    }
}
