//! `nsgaudit audit`.

use std::io::IsTerminal as _;

use super::args::{AuditArgs, FailOn, Format};
use super::{Status, colours, output, setup, tell};
use crate::audit::{Audit, AuditInput, Severity, audit};
use crate::error::{Error, Result};
use crate::fault::FaultKind;
use crate::report;
use crate::report::text::TextOptions;
use crate::tally::TallyLimits;

/// The profile of the seed, where nothing names another.
const DEFAULT_PROFILE: &str = "ise";

pub(super) fn run(args: &AuditArgs) -> Result<Status> {
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
    let read = setup::read(&logs, stated, &basis, limits, progress)?;
    let audit = audit(&AuditInput {
        facts: &read.facts,
        environment: &read.environment,
        profile: basis.profile,
        included: &basis.included,
        tags: &basis.tags,
        assumptions: read.assumptions,
        file_name: &|file| logs.plan.display(file),
        program: concat!("nsgaudit ", env!("CARGO_PKG_VERSION")),
    });
    let text = match args.format {
        Format::Json => report::json::render(&audit),
        Format::Text => {
            let colour = colours(args.color, args.output.is_some());
            report::text::render(
                &audit,
                &TextOptions {
                    colour,
                    all: args.all,
                    ..TextOptions::default()
                },
            )
        }
    };
    output::write(args.output.as_deref(), text.as_bytes())?;
    Ok(status(
        &audit,
        args,
        read.facts.faults.kinds().map(|(kind, _)| kind),
    ))
}

/// How the run ended. What could not be read comes first: it must never look like an answer.
fn status(audit: &Audit, args: &AuditArgs, mut faults: impl Iterator<Item = FaultKind>) -> Status {
    if audit.input.flow_files == 0 {
        tell(
            "error",
            "no flow record was read: the faults in the report say what was found instead",
        );
        return Status::Incomplete;
    }
    if faults.any(FaultKind::is_unreadable_input) {
        tell(
            "error",
            "some input could not be read: the faults in the report say which",
        );
        return Status::Incomplete;
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
