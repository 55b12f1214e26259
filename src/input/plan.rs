//! The files of a run, in an order that depends on nothing but their paths.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::blob_path::BlobPath;
use super::tree::{FileKey, Tree};
use super::walk::{Found, Walk};
use crate::error::{Error, Result};
use crate::fault::{FaultKind, FaultTally};
use crate::net::{Mac, Timestamp};

/// What a run asks for, as far as a path can answer. Records are filtered again when read.
#[derive(Debug, Clone, Default)]
pub struct PlanOptions {
    /// The window's first instant.
    pub since: Option<Timestamp>,
    /// The window's last instant.
    pub until: Option<Timestamp>,
    /// Names (or resource ids) of the NSGs asked for, in any letter case; all if empty.
    pub nsg: Vec<String>,
    /// The interfaces asked for; all if empty.
    pub mac: Vec<Mac>,
}

/// The files of a run. A file's number is its place in the order: standard input first, then the
/// files whose path tells no hour, then by hour; within that by path.
///
/// Takes about 20 bytes a file: folders and names are kept once.
#[derive(Debug)]
pub struct Plan {
    stdin: bool,
    tree: Tree,
    files: Vec<FileKey>,
    faults: FaultTally,
    skipped: u64,
    /// Where the run was started: displayed paths below it are relative to it.
    base: Option<PathBuf>,
}

impl Plan {
    /// The file number of faults that belong to no file of the plan.
    pub const NO_FILE: u32 = u32::MAX;

    /// Finds the files: named ones, those below named folders, matches of globs; `-` is standard
    /// input. An argument that exists is taken literally, whatever characters it holds.
    ///
    /// # Errors
    /// An argument that does not exist, a glob that matches nothing, and arguments that hold no
    /// file at all. A plan that the options leave empty is none.
    pub fn new(arguments: &[impl AsRef<OsStr>], options: &PlanOptions) -> Result<Self> {
        let mut walk = Walk::new(options);
        let mut stdin = false;
        for argument in arguments {
            match argument.as_ref() {
                dash if dash == "-" => stdin = true,
                argument => walk.add_argument(argument)?,
            }
        }
        let Found {
            tree,
            files,
            faults,
            left_out,
        } = walk.finish();
        if files.is_empty() && !stdin && left_out == 0 {
            return Err(nothing(arguments, &faults));
        }
        if files.len() >= Self::NO_FILE as usize - 1 {
            return Err(Error::Usage {
                message: "more than four thousand million files: give fewer".to_owned(),
            });
        }
        Ok(Self {
            stdin,
            tree,
            files,
            faults,
            skipped: left_out,
            base: std::env::current_dir().and_then(std::fs::canonicalize).ok(),
        })
    }

    /// How many files there are, standard input included.
    pub fn len(&self) -> usize {
        self.files.len() + usize::from(self.stdin)
    }

    /// Whether the options left nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a file is standard input.
    pub fn is_stdin(&self, file: u32) -> bool {
        self.stdin && file == 0
    }

    /// Whether a file can be opened again: it is no standard input, pipe or device.
    pub fn is_regular(&self, file: u32) -> bool {
        !self.is_stdin(file)
            && std::fs::metadata(self.path(file)).is_ok_and(|metadata| metadata.is_file())
    }

    /// A file's whole path; `-` for standard input and for a number that is no file's.
    pub fn path(&self, file: u32) -> PathBuf {
        self.key(file)
            .map_or_else(|| PathBuf::from("-"), |key| self.tree.file_path(key))
    }

    /// A file as reports name it: its whole path, relative to the working folder where it is below
    /// it, so that it can be opened from there. Not escaped.
    pub fn display(&self, file: u32) -> String {
        let Some(key) = self.key(file) else {
            let name = if self.is_stdin(file) {
                "(standard input)"
            } else {
                "(no file)"
            };
            return name.to_owned();
        };
        let path = self.tree.file_path(key);
        let shown = self
            .base
            .as_deref()
            .and_then(|base| path.strip_prefix(base).ok())
            .unwrap_or(&path);
        shown.to_string_lossy().into_owned()
    }

    /// The hour (since the epoch, UTC) of a file, where its path tells.
    pub fn hour(&self, file: u32) -> Option<i64> {
        self.tree.hour(self.key(file)?.folder)
    }

    /// The interface of a file, where its path tells.
    pub fn mac(&self, file: u32) -> Option<Mac> {
        let path = self.tree.folder_path(self.key(file)?.folder);
        BlobPath::parse(&path.to_string_lossy()).mac
    }

    /// What went wrong while looking for files, under the file number [`Plan::NO_FILE`]: folders
    /// that could not be read, links that lead nowhere or back up.
    pub fn faults(&self) -> &FaultTally {
        &self.faults
    }

    /// How many files are not in the plan because their path tells that they are not asked for.
    pub fn skipped_by_path(&self) -> u64 {
        self.skipped
    }

    /// Heap bytes of the plan.
    pub fn memory(&self) -> usize {
        self.tree.name_memory()
            + self.tree.table_memory()
            + self.files.capacity() * size_of::<FileKey>()
    }

    fn key(&self, file: u32) -> Option<FileKey> {
        let at = (file as usize).checked_sub(usize::from(self.stdin))?;
        self.files.get(at).copied()
    }
}

/// Why there is no plan although every argument exists.
fn nothing(arguments: &[impl AsRef<OsStr>], faults: &FaultTally) -> Error {
    let Some(first) = arguments.first() else {
        return Error::Usage {
            message: "no input: give files, folders, globs, or - for standard input".to_owned(),
        };
    };
    let path = PathBuf::from(first.as_ref());
    let reason = [FaultKind::Unreadable, FaultKind::SymlinkLoop]
        .into_iter()
        .find_map(|kind| faults.kinds().find(|&(found, _)| found == kind))
        .and_then(|(_, tally)| tally.samples.first());
    match reason {
        Some(fault) => Error::Read {
            path,
            source: std::io::Error::other(format!("nothing left to read: {}", fault.detail)),
        },
        None => Error::Usage {
            message: format!("no files in {}", names(arguments)),
        },
    }
}

fn names(arguments: &[impl AsRef<OsStr>]) -> String {
    const SHOWN: usize = 3;
    let mut names: Vec<String> = arguments
        .iter()
        .take(SHOWN)
        .map(|argument| Path::new(argument).display().to_string())
        .collect();
    if arguments.len() > SHOWN {
        names.push(format!("{} more", arguments.len() - SHOWN));
    }
    names.join(", ")
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
