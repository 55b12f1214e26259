//! `audit --manifest`: what a run read and wrote, with sizes and hashes.
//!
//! Hashing is a pass of its own over the files, only where it is asked for. Sizes and times of
//! change are noted before the run and compared after it, so that a file which changed in between
//! is told rather than hashed as if it had been read.

use std::cell::RefCell;
use std::fs::{self, File};
use std::io::{self, Read as _, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest as _, Sha256};

use super::output::{self, Content};
use crate::audit::Audit;
use crate::catalogue;
use crate::environment::ServiceTags;
use crate::error::{Error, Result};
use crate::input::Plan;
use crate::manifest::{
    BuiltIn, InputFile, MANIFEST_SCHEMA, Manifest, ManifestBasis, OutputFile, Role, hexadecimal,
};
use crate::report;

/// Bytes that are hashed at a time.
const PIECE: usize = 1 << 18;

/// What a run reads, noted before it, and what it writes.
#[derive(Debug)]
pub(super) struct Recorder {
    inputs: Vec<Noted>,
    outputs: RefCell<Vec<OutputFile>>,
}

/// A file as it was before the run.
#[derive(Debug)]
struct Noted {
    role: Role,
    /// None for standard input.
    path: Option<PathBuf>,
    length: u64,
    changed: Option<SystemTime>,
    regular: bool,
}

impl Noted {
    fn of(role: Role, path: PathBuf) -> Self {
        let metadata = fs::metadata(&path).ok();
        Self {
            role,
            length: metadata.as_ref().map_or(0, fs::Metadata::len),
            changed: metadata.as_ref().and_then(|found| found.modified().ok()),
            regular: metadata.is_some_and(|found| found.is_file()),
            path: Some(path),
        }
    }

    /// The file with its hash, or why there is none.
    fn hashed(&self, base: Option<&Path>) -> InputFile {
        let (sha256, note) = match self.hash() {
            Ok(hash) => (Some(hash), None),
            Err(why) => (None, Some(why)),
        };
        InputFile {
            role: self.role,
            path: self
                .path
                .as_deref()
                .map_or_else(|| "(standard input)".to_owned(), |path| shown(path, base)),
            bytes: self.length,
            sha256,
            note,
        }
    }

    fn hash(&self) -> std::result::Result<String, String> {
        let Some(path) = &self.path else {
            return Err(
                "standard input is read once and cannot be hashed afterwards: audit a file \
                        instead"
                    .to_owned(),
            );
        };
        if !self.regular {
            return Err("no regular file: it cannot be read a second time".to_owned());
        }
        let now = Self::of(self.role, path.clone());
        if (now.length, now.changed) != (self.length, self.changed) {
            return Err("it changed while the audit ran: repeat the audit".to_owned());
        }
        match sha256(path) {
            Ok((hash, length)) if length == self.length => Ok(hash),
            Ok(_) => Err("it changed while it was hashed: repeat the audit".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// SHA-256 of a file's bytes, and how many they are.
pub(super) fn sha256(path: &Path) -> io::Result<(String, u64)> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut piece = vec![0; PIECE];
    let mut length = 0;
    loop {
        match file.read(&mut piece) {
            Ok(0) => return Ok((hexadecimal(&hasher.finalize()), length)),
            Ok(read) => {
                hasher.update(&piece[..read]);
                length += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// A path as the manifest has it: relative to the folder of the run where it is below that.
pub(super) fn shown(path: &Path, base: Option<&Path>) -> String {
    let below = base.and_then(|base| path.strip_prefix(base).ok());
    below.unwrap_or(path).to_string_lossy().into_owned()
}

/// The folder of the run.
pub(super) fn folder() -> Option<PathBuf> {
    std::env::current_dir().and_then(fs::canonicalize).ok()
}

/// What `path` names: itself, or the files below it, in order.
fn files(path: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(path) else {
        return vec![path.to_owned()];
    };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.extend(files(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found.sort();
    found
}

impl Recorder {
    /// Notes the files of a plan and the others that a run reads. Folders stand for the files below
    /// them.
    pub(super) fn begin(plan: &Plan, others: &[(Role, PathBuf)]) -> Self {
        let mut inputs: Vec<_> = (0..plan.len() as u32)
            .map(|file| {
                if plan.is_stdin(file) {
                    return Noted {
                        role: Role::Logs,
                        path: None,
                        length: 0,
                        changed: None,
                        regular: false,
                    };
                }
                Noted::of(Role::Logs, plan.path(file))
            })
            .collect();
        for (role, path) in others {
            inputs.extend(files(path).into_iter().map(|path| Noted::of(*role, path)));
        }
        Self {
            inputs,
            outputs: RefCell::default(),
        }
    }

    /// Writes an output as [`output::stream`] does, and notes its hash.
    pub(super) fn stream(&self, target: Option<&Path>, content: &Content<'_>) -> Result<()> {
        let hashed = RefCell::new((Sha256::new(), 0));
        output::stream(target, &|to| {
            let mut state = hashed.borrow_mut();
            *state = (Sha256::new(), 0);
            let (hasher, length) = &mut *state;
            content(&mut Hashing { to, hasher, length })
        })?;
        let (hasher, bytes) = hashed.into_inner();
        self.outputs.borrow_mut().push(OutputFile {
            path: target.map(|path| path.to_string_lossy().into_owned()),
            bytes,
            sha256: hexadecimal(&hasher.finalize()),
        });
        Ok(())
    }

    /// Hashes the inputs and writes the manifest; the files that have no hash, in words.
    pub(super) fn finish(self, target: &Path, audit: &Audit, own: bool) -> Result<Vec<String>> {
        let base = folder();
        let mut inputs: Vec<_> = self
            .inputs
            .iter()
            .map(|noted| noted.hashed(base.as_deref()))
            .collect();
        inputs.sort();
        let unhashed = inputs
            .iter()
            .filter_map(|file| Some(format!("{}: {}", file.path, file.note.as_ref()?)))
            .collect();
        let manifest = Manifest {
            schema: MANIFEST_SCHEMA.to_owned(),
            program: concat!("nsgaudit ", env!("CARGO_PKG_VERSION")).to_owned(),
            arguments: std::env::args_os()
                .skip(1)
                .map(|argument| argument.to_string_lossy().into_owned())
                .collect(),
            folder: base.map_or_else(String::new, |base| base.to_string_lossy().into_owned()),
            basis: ManifestBasis {
                profile: audit.basis.profile.clone(),
                edition: audit.basis.edition.clone(),
                service_tags: audit.basis.service_tags.clone(),
                environment: audit.basis.environment.clone(),
                report: audit.schema.clone(),
            },
            built_in: built_in(&audit.basis.profile, own),
            inputs,
            outputs: self.outputs.into_inner(),
        };
        output::write(Some(target), report::manifest::json(&manifest).as_bytes())?;
        Ok(unhashed)
    }
}

/// What comes from within the program: the profile, where it is none of the user's, and the tags
/// where no file of them is given (`own`).
pub(super) fn built_in(profile: &str, own_tags: bool) -> Vec<BuiltIn> {
    let hash = |bytes: &[u8]| hexadecimal(&Sha256::digest(bytes));
    let mut parts = Vec::new();
    if let Some(text) = catalogue::embedded_text(profile) {
        parts.push(BuiltIn {
            name: format!("profile {profile}"),
            sha256: hash(text.as_bytes()),
        });
    }
    if own_tags {
        parts.push(BuiltIn {
            name: "service tags".to_owned(),
            sha256: hash(ServiceTags::embedded_bytes()),
        });
    }
    parts
}

/// Hashes what passes.
struct Hashing<'a> {
    to: &'a mut (dyn Write + Send),
    hasher: &'a mut Sha256,
    length: &'a mut u64,
}

impl Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        *self.length += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// As an error, where a manifest was asked for on standard output together with a report there.
pub(super) fn check_target(manifest: Option<&Path>, output: Option<&Path>) -> Result<()> {
    match (manifest, output) {
        (Some(manifest), Some(output)) if manifest == output => Err(Error::Usage {
            message: format!(
                "--manifest and --output: expected two files, found {} twice",
                manifest.display()
            ),
        }),
        _ => Ok(()),
    }
}
