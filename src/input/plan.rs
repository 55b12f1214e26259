//! The plan of a run: which files, in which order.
//!
//! Files whose path tells no hour come first, then the others by hour; within each, by path. The
//! order of the arguments does not matter, and a file that two arguments name is in the plan once.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use super::blob_path::BlobPath;
use super::open::{self, Limits, OpenFault, Opened};
use super::paths::PathId;
use super::walk::Found;
use crate::error::{Error, Result};
use crate::net::{Mac, Timestamp};

/// What the user narrowed the run to, as far as paths can tell.
#[derive(Debug, Clone, Default)]
pub struct PlanOptions {
    /// Blobs of hours that end before this are left out.
    pub since: Option<Timestamp>,
    /// Blobs of hours that begin after this are left out.
    pub until: Option<Timestamp>,
    /// NSGs, by name or resource ID; empty for all.
    pub nsg: Vec<String>,
    /// Interfaces; empty for all.
    pub mac: Vec<Mac>,
}

/// The files of a run.
#[derive(Debug)]
pub struct Plan {
    found: Found,
    files: Vec<(Option<i32>, PathId)>,
    skipped: u64,
}

/// Standard input, as an argument.
const STDIN: &str = "-";

impl Plan {
    /// Lists the files that `arguments` name: files, folders, globs, `-` for standard input.
    ///
    /// # Errors
    /// An argument that names nothing; or nothing to read at all.
    pub fn new(arguments: &[OsString], options: &PlanOptions) -> Result<Self> {
        let mut found = Found::default();
        for (_, path) in resolve(arguments)? {
            if path.is_dir() {
                found.walk(&path);
            } else {
                found.file(path.as_os_str());
            }
        }
        let mut plan = Self {
            found,
            files: Vec::new(),
            skipped: 0,
        };
        plan.order(options);
        if plan.files.is_empty() {
            let message = match plan.skipped {
                0 => "expected flow logs, found only empty folders".to_owned(),
                skipped => format!(
                    "all {skipped} files are outside --since, --until, --nsg and --mac, as their paths tell"
                ),
            };
            return Err(Error::Usage { message });
        }
        Ok(plan)
    }

    fn order(&mut self, options: &PlanOptions) {
        for &id in &self.found.files {
            let path = self.found.paths.path(id);
            let blob = BlobPath::parse(path.iter().filter_map(OsStr::to_str));
            if options.leave_out(&blob) {
                self.skipped += 1;
            } else {
                self.files
                    .push((blob.hour.and_then(|hour| i32::try_from(hour).ok()), id));
            }
        }
        self.found.files = Vec::new();
        // The walk was in order of paths; the sort by hour keeps that order.
        self.files.sort_by_key(|&(hour, _)| hour);
    }

    /// How many files there are.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether there is none. Never so.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Hours since the epoch that a file's path tells.
    pub fn hour(&self, file: u32) -> Option<i64> {
        self.files[file as usize].0.map(i64::from)
    }

    /// The file's path.
    pub fn path(&self, file: u32) -> PathBuf {
        self.found.paths.path(self.files[file as usize].1)
    }

    /// The file's path for people.
    pub fn display(&self, file: u32) -> String {
        let path = self.path(file);
        if path == Path::new(STDIN) {
            "(standard input)".to_owned()
        } else {
            path.display().to_string()
        }
    }

    /// How many files were left out because their path tells that nothing of them is wanted.
    pub fn skipped_by_path(&self) -> u64 {
        self.skipped
    }

    /// Opens a file.
    ///
    /// # Errors
    /// Why it cannot be opened, or could not be walked.
    pub fn open(&self, file: u32, limits: &Limits) -> std::result::Result<Opened, OpenFault> {
        let (_, id) = self.files[file as usize];
        if let Some(fault) = self.found.broken.get(&id) {
            return Err(fault.clone());
        }
        let path = self.path(file);
        if path == Path::new(STDIN) {
            open::stdin(*limits)
        } else {
            open::file(&path, *limits)
        }
    }
}

impl PlanOptions {
    fn leave_out(&self, blob: &BlobPath) -> bool {
        // A record's time, which the blob's hour follows, is up to some minutes after its tuples'.
        let before = self
            .since
            .zip(blob.hour)
            .is_some_and(|(since, hour)| hour + 1 < since.hour());
        let after = self
            .until
            .zip(blob.hour)
            .is_some_and(|(until, hour)| hour - 1 > until.hour());
        let mac = blob
            .mac
            .is_some_and(|mac| !self.mac.is_empty() && !self.mac.contains(&mac));
        let named = |nsg: &String, wanted: &String| {
            let last = wanted.rsplit('/').next().unwrap_or(wanted);
            nsg.eq_ignore_ascii_case(last)
        };
        let nsg = blob.nsg.as_ref().is_some_and(|nsg| {
            !self.nsg.is_empty() && !self.nsg.iter().any(|wanted| named(nsg, wanted))
        });
        before || after || mac || nsg
    }
}

/// The arguments' paths by where they really are, each once; those inside another are left out.
fn resolve(arguments: &[OsString]) -> Result<Vec<(PathBuf, PathBuf)>> {
    let mut paths: BTreeMap<PathBuf, PathBuf> = BTreeMap::new();
    for argument in arguments {
        if argument == STDIN {
            paths.insert(PathBuf::from(STDIN), PathBuf::from(STDIN));
            continue;
        }
        for path in expand(argument)? {
            let real = fs::canonicalize(&path).map_err(|source| Error::Read {
                path: path.clone(),
                source,
            })?;
            // Of two spellings the lesser one is shown, whichever came first.
            let kept = paths.entry(real).or_insert_with(|| path.clone());
            if path < *kept {
                *kept = path;
            }
        }
    }
    let mut kept: Vec<(PathBuf, PathBuf)> = Vec::new();
    for (real, path) in paths {
        // In this order a folder comes before what is in it.
        if !kept
            .iter()
            .any(|(folder, _)| real != *folder && real.starts_with(folder))
        {
            kept.push((real, path));
        }
    }
    Ok(kept)
}

/// An argument that exists, or what the glob that it is matches.
fn expand(argument: &OsStr) -> Result<Vec<PathBuf>> {
    let literal = PathBuf::from(argument);
    let pattern = argument
        .to_str()
        .filter(|text| text.contains(['*', '?', '[']));
    let (false, Some(pattern)) = (literal.exists(), pattern) else {
        return Ok(vec![literal]);
    };
    let usage = |what: String| Error::Usage {
        message: format!("{pattern}: {what}"),
    };
    let matches = glob::glob(pattern).map_err(|error| {
        usage(format!(
            "expected a glob, found an error at {}: {}",
            error.pos, error.msg
        ))
    })?;
    let paths: Vec<_> = matches.filter_map(std::result::Result::ok).collect();
    if paths.is_empty() {
        Err(usage("expected at least one match, found none".to_owned()))
    } else {
        Ok(paths)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for path in [
            "resourceId=/NETWORKSECURITYGROUPS/A/y=2026/m=01/d=05/h=10/m=00/macAddress=000000000001/PT1H.json",
            "resourceId=/NETWORKSECURITYGROUPS/A/y=2026/m=01/d=05/h=11/m=00/macAddress=000000000001/PT1H.json",
            "resourceId=/NETWORKSECURITYGROUPS/B/y=2026/m=01/d=05/h=10/m=00/macAddress=000000000002/PT1H.json",
            "zz.json",
        ] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        folder
    }

    fn listed(plan: &Plan, below: &Path) -> Vec<String> {
        (0..plan.len() as u32)
            .map(|file| {
                plan.path(file)
                    .strip_prefix(below)
                    .unwrap()
                    .display()
                    .to_string()
            })
            .collect()
    }

    #[test]
    fn files_without_an_hour_come_first_then_hours_in_order() {
        let folder = tree();
        let plan = Plan::new(&[folder.path().into()], &PlanOptions::default()).unwrap();
        let files = listed(&plan, folder.path());
        assert_eq!(files[0], "zz.json");
        assert!(
            files[1].contains("/A/") && files[1].contains("h=10"),
            "{files:?}"
        );
        assert!(
            files[2].contains("/B/") && files[3].contains("h=11"),
            "{files:?}"
        );
        assert_eq!(plan.hour(0), None);
        assert_eq!(plan.hour(1), plan.hour(2));
    }

    #[test]
    fn neither_order_nor_repetition_of_arguments_matters() {
        let folder = tree();
        let whole: OsString = folder.path().into();
        let part: OsString = folder.path().join("resourceId=").into();
        let file: OsString = folder.path().join("zz.json").into();
        let glob: OsString = folder.path().join("*.json").into();
        let expected = listed(
            &Plan::new(&[whole.clone()], &PlanOptions::default()).unwrap(),
            folder.path(),
        );
        for arguments in [
            vec![file.clone(), whole.clone()],
            vec![part.clone(), file],
            vec![glob, part, whole],
        ] {
            let plan = Plan::new(&arguments, &PlanOptions::default()).unwrap();
            assert_eq!(listed(&plan, folder.path()), expected, "{arguments:?}");
        }
    }

    #[test]
    fn paths_that_tell_are_narrowed_and_others_kept() {
        let folder = tree();
        let options = PlanOptions {
            nsg: vec!["b".to_owned()],
            ..PlanOptions::default()
        };
        let plan = Plan::new(&[folder.path().into()], &options).unwrap();
        assert_eq!((plan.len(), plan.skipped_by_path()), (2, 2));
        let options = PlanOptions {
            since: Timestamp::parse("2026-01-05T13:00:00Z"),
            ..PlanOptions::default()
        };
        let plan = Plan::new(&[folder.path().into()], &options).unwrap();
        assert_eq!((plan.len(), plan.skipped_by_path()), (1, 3));
    }

    #[test]
    fn what_is_not_there_is_an_error() {
        for argument in ["no/such/file", "no/such/*.json"] {
            assert!(
                Plan::new(&[argument.into()], &PlanOptions::default()).is_err(),
                "{argument}"
            );
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_back_is_told_and_ends_the_walk() {
        let folder = tree();
        std::os::unix::fs::symlink(folder.path(), folder.path().join("loop")).unwrap();
        let plan = Plan::new(&[folder.path().into()], &PlanOptions::default()).unwrap();
        assert_eq!(plan.len(), 5);
        let faults: Vec<_> = (0..5)
            .filter_map(|file| plan.open(file, &Limits::default()).err())
            .map(|fault| fault.kind)
            .collect();
        assert_eq!(faults, [crate::fault::FaultKind::SymlinkLoop]);
    }
}
