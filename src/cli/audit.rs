//! `nsgaudit audit`.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use super::args::{AuditArgs, FailOn};
use super::manifest::{self, Recorder};
use super::{Status, baseline, given, reports, setup, tell};
use crate::audit::{Audit, AuditInput, Severity, audit};
use crate::error::{Error, Result};
use crate::manifest::Role;
use crate::tally::TallyLimits;

/// The profile of the seed, where nothing names another.
pub(super) const DEFAULT_PROFILE: &str = "ise";

pub(super) fn run(args: &AuditArgs) -> Result<Status> {
    reports::check(args)?;
    let kept = &args.baseline;
    manifest::check_target(kept.manifest.as_deref(), args.output.as_deref())?;
    let accepted = baseline::read(kept)?;
    let Judged {
        mut audit,
        unreadable,
        recorder,
    } = judged(args)?;
    accepted.apply(&mut audit);
    accepted.draft(&audit, kept.write_baseline.as_deref())?;
    let written = reports::write(&audit, args, recorder.as_ref());
    if let (Some(recorder), Some(target)) = (recorder, &kept.manifest) {
        for file in recorder.finish(target, &audit, args.service_tags.is_empty())? {
            tell("no hash", &file);
        }
    }
    let status = status(&audit, args, unreadable);
    Ok(if written { status } else { Status::Incomplete })
}

/// An audit, before it is reported.
pub(super) struct Judged {
    /// The audit.
    pub(super) audit: Audit,
    /// Whether some input could not be read.
    pub(super) unreadable: bool,
    /// The hashes of what was read, where a manifest is wanted.
    recorder: Option<Recorder>,
}

/// Reads and judges.
pub(super) fn judged(args: &AuditArgs) -> Result<Judged> {
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
    let mut stated = setup::environment(&args.environment)?;
    let azure = given::read(args.azure.as_deref(), &mut stated)?;
    let profile = args
        .profile
        .as_deref()
        .or(stated.profile.as_deref())
        .unwrap_or(DEFAULT_PROFILE)
        .to_owned();
    let catalogue = setup::catalogue(&[&profile])?;
    let basis = setup::basis(&catalogue, &profile, &args.service_tags)?;
    let logs = setup::logs(&args.logs, &stated.environment)?;
    let recorder = args
        .baseline
        .manifest
        .as_ref()
        .map(|_| Recorder::begin(&logs.plan, &other_inputs(args, &profile)));
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
    let environment = stated.environment.clone();
    let network = given::network(azure.as_ref(), &environment, &basis.tags);
    let cuts = given::cuts(network.as_ref(), &environment);
    let read = setup::read(&logs, stated, &basis, &cuts, limits, progress)?;
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
        rules: network.as_ref(),
        assumptions,
        file_name: &|file| logs.plan.display(file),
        program: concat!("nsgaudit ", env!("CARGO_PKG_VERSION")),
    });
    let unreadable = read
        .facts
        .faults
        .kinds()
        .any(|(kind, _)| kind.is_unreadable_input());
    Ok(Judged {
        audit,
        unreadable,
        recorder,
    })
}

/// What a run reads besides its logs, for the manifest.
fn other_inputs(args: &AuditArgs, profile: &str) -> Vec<(Role, PathBuf)> {
    let environment = &args.environment;
    let mut others: Vec<_> = setup::config_file(environment)
        .map(|path| (Role::Config, path.to_owned()))
        .into_iter()
        .collect();
    others.extend(
        environment
            .vnet
            .iter()
            .map(|path| (Role::Vnet, path.clone())),
    );
    others.extend(
        args.service_tags
            .iter()
            .map(|path| (Role::ServiceTags, tags_file(path))),
    );
    others.extend(
        args.baseline
            .baseline
            .iter()
            .map(|path| (Role::Baseline, path.clone())),
    );
    others.extend(args.azure.iter().map(|path| (Role::Azure, path.clone())));
    let profile = PathBuf::from(profile);
    if profile.is_file() {
        others.push((Role::Profile, profile));
    }
    others
}

/// The file of `FILE=YYYY-MM-DD`.
fn tags_file(path: &Path) -> PathBuf {
    let text = path.to_string_lossy();
    match text.rsplit_once('=') {
        Some((file, _)) if !path.exists() => PathBuf::from(file),
        _ => path.to_owned(),
    }
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
