//! `nsgaudit audit`.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use super::args::AuditArgs;
use super::judge::{judge, status};
use super::manifest::{self, Recorder};
use super::{Status, baseline, reports, setup, tell};
use crate::error::Result;
use crate::manifest::Role;

pub(super) fn run(args: &AuditArgs) -> Result<Status> {
    reports::check(args)?;
    args.exit.check()?;
    let kept = &args.baseline;
    manifest::check_target(kept.manifest.as_deref(), args.output.as_deref())?;
    let accepted = baseline::read(kept)?;
    let progress = !args.quiet && std::io::stderr().is_terminal();
    let mut recorder = None;
    let judged = judge(&args.read, progress, |logs, profile| {
        recorder = kept
            .manifest
            .as_ref()
            .map(|_| Recorder::begin(&logs.plan, &other_inputs(args, profile)));
        Ok(())
    })?;
    let unreadable = judged.is_unreadable();
    // The audit has all of it that is reported.
    let mut audit = judged.audit;
    drop(judged.facts);
    accepted.apply(&mut audit);
    accepted.draft(&audit, kept.write_baseline.as_deref())?;
    let written = reports::write(&audit, args, recorder.as_ref());
    if let (Some(recorder), Some(target)) = (recorder, &kept.manifest) {
        for file in recorder.finish(target, &audit, args.read.service_tags.is_empty())? {
            tell("no hash", &file);
        }
    }
    let status = status(&audit, &args.exit, unreadable);
    Ok(if written { status } else { Status::Incomplete })
}

/// What a run reads besides its logs, for the manifest.
fn other_inputs(args: &AuditArgs, profile: &str) -> Vec<(Role, PathBuf)> {
    let read = &args.read;
    let environment = &read.environment;
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
        read.service_tags
            .iter()
            .map(|path| (Role::ServiceTags, tags_file(path))),
    );
    others.extend(
        args.baseline
            .baseline
            .iter()
            .map(|path| (Role::Baseline, path.clone())),
    );
    others.extend(read.azure.iter().map(|path| (Role::Azure, path.clone())));
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
