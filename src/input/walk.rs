//! From arguments to files: folders are walked, links followed, every file found once.
//!
//! Files are known by the true path of their folder, so that the same file reached through two
//! arguments or two links is one file. Every true folder is read once, which is why no tangle of
//! links can make the walk long; a link straight back up is reported as a loop all the same.

use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use super::blob_path::{BlobPath, Target};
use super::plan::{Plan, PlanOptions};
use super::tree::{FileKey, Tree, TreeBuilder};
use crate::error::{Error, Result};
use crate::fault::{FaultKind, FaultTally};

/// A link to a file, by its own path and by that of the file.
#[derive(Debug, Clone, Copy)]
struct Alias {
    target: FileKey,
    link: FileKey,
}

/// What a walk found.
pub(super) struct Found {
    pub(super) tree: Tree,
    pub(super) files: Vec<FileKey>,
    pub(super) faults: FaultTally,
    pub(super) left_out: u64,
}

/// A walk under way.
pub(super) struct Walk<'a> {
    options: &'a PlanOptions,
    tree: TreeBuilder,
    files: Vec<FileKey>,
    aliases: Vec<Alias>,
    folders: Vec<FolderState>,
    faults: FaultTally,
    last_parent: Option<(PathBuf, u32)>,
}

#[derive(Debug, Clone, Copy, Default)]
struct FolderState {
    /// Its entries are in the plan.
    read: bool,
    /// Its path tells that its files are not asked for.
    left_out: bool,
}

impl<'a> Walk<'a> {
    pub(super) fn new(options: &'a PlanOptions) -> Self {
        Self {
            options,
            tree: TreeBuilder::new(),
            files: Vec::new(),
            aliases: Vec::new(),
            folders: Vec::new(),
            faults: FaultTally::default(),
            last_parent: None,
        }
    }

    /// Adds what an argument names: a file, a folder, or the matches of a glob.
    pub(super) fn add_argument(&mut self, argument: &OsStr) -> Result<()> {
        let path = Path::new(argument);
        match fs::metadata(path) {
            Ok(metadata) => self.add_path(path, &metadata),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                match argument
                    .to_str()
                    .filter(|text| text.contains(['*', '?', '[']))
                {
                    Some(pattern) => self.add_matches(pattern),
                    None => Err(Error::Read {
                        path: path.to_owned(),
                        source: error,
                    }),
                }
            }
            Err(error) => {
                self.fault(path, &error);
                Ok(())
            }
        }
    }

    fn add_matches(&mut self, pattern: &str) -> Result<()> {
        let matches = glob::glob(pattern).map_err(|error| Error::Usage {
            message: format!("{pattern}: neither a file nor a pattern: {error}"),
        })?;
        let mut any = false;
        for found in matches {
            any = true;
            match found {
                Ok(path) => match fs::metadata(&path) {
                    Ok(metadata) => self.add_path(&path, &metadata)?,
                    Err(error) => self.fault(&path, &error),
                },
                Err(error) => self.fault(error.path(), error.error()),
            }
        }
        if any {
            return Ok(());
        }
        Err(Error::Usage {
            message: format!("{pattern}: no file matches this pattern"),
        })
    }

    fn add_path(&mut self, path: &Path, metadata: &Metadata) -> Result<()> {
        if !metadata.is_dir() {
            return self.add_named_file(path, metadata);
        }
        match fs::canonicalize(path) {
            Ok(path) => {
                let folder = self.tree.folder(&path)?;
                self.walk(folder)
            }
            Err(error) => {
                self.fault(path, &error);
                Ok(())
            }
        }
    }

    /// Adds a file that was named. Pipes and devices too: they have no true path of their own.
    fn add_named_file(&mut self, path: &Path, metadata: &Metadata) -> Result<()> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            self.fault(path, &io::Error::other("not the name of a file"));
            return Ok(());
        };
        let folder = self.parent(parent)?;
        let link = FileKey {
            folder,
            name: self.tree.name(name)?,
        };
        let is_link = fs::symlink_metadata(path).is_ok_and(|own| own.is_symlink());
        if is_link && metadata.is_file() {
            return self.add_link(path, link);
        }
        self.files.push(link);
        Ok(())
    }

    /// The true folder of a file that was named; the last one is remembered.
    fn parent(&mut self, parent: &Path) -> Result<u32> {
        if let Some((path, folder)) = &self.last_parent
            && path == parent
        {
            return Ok(*folder);
        }
        let here = if parent.as_os_str().is_empty() {
            Path::new(".")
        } else {
            parent
        };
        let whole = fs::canonicalize(here)
            .or_else(|_| std::path::absolute(here))
            .map_err(|source| Error::Read {
                path: here.to_owned(),
                source,
            })?;
        let folder = self.tree.folder(&whole)?;
        self.survey(folder, &whole);
        self.last_parent = Some((parent.to_owned(), folder));
        Ok(folder)
    }

    fn add_link(&mut self, path: &Path, link: FileKey) -> Result<()> {
        let Ok(target) = fs::canonicalize(path) else {
            // A file that is open but has no path any more, such as `/dev/fd/3` of a deleted one.
            self.files.push(link);
            return Ok(());
        };
        if let (Some(parent), Some(name)) = (target.parent(), target.file_name()) {
            let target = FileKey {
                folder: self.tree.folder(parent)?,
                name: self.tree.name(name)?,
            };
            self.aliases.push(Alias { target, link });
        }
        Ok(())
    }

    /// Reads a folder and all below it.
    fn walk(&mut self, folder: u32) -> Result<()> {
        let mut pending = vec![folder];
        while let Some(folder) = pending.pop() {
            if std::mem::replace(&mut self.state(folder).read, true) {
                continue;
            }
            let path = self.tree.tree().folder_path(folder);
            self.survey(folder, &path);
            let entries = match fs::read_dir(&path) {
                Ok(entries) => entries,
                Err(error) => {
                    self.fault(&path, &error);
                    continue;
                }
            };
            for entry in entries {
                let found = entry.and_then(|entry| Ok((entry.file_type()?, entry)));
                match found {
                    Ok((kind, entry)) => {
                        self.add_entry(&path, folder, kind, &entry, &mut pending)?;
                    }
                    Err(error) => self.fault(&path, &error),
                }
            }
        }
        Ok(())
    }

    fn add_entry(
        &mut self,
        path: &Path,
        folder: u32,
        kind: fs::FileType,
        entry: &fs::DirEntry,
        pending: &mut Vec<u32>,
    ) -> Result<()> {
        let name = entry.file_name();
        if kind.is_dir() {
            pending.push(self.tree.subfolder(folder, &name)?);
        } else if kind.is_file() {
            let name = self.tree.name(&name)?;
            self.files.push(FileKey { folder, name });
        } else if kind.is_symlink() {
            let key = FileKey {
                folder,
                name: self.tree.name(&name)?,
            };
            self.follow(path, &path.join(name), key, pending)?;
        }
        // Pipes, sockets and devices inside a folder are no files of the run: a pipe would block.
        Ok(())
    }

    fn follow(
        &mut self,
        folder: &Path,
        path: &Path,
        key: FileKey,
        pending: &mut Vec<u32>,
    ) -> Result<()> {
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_file() => self.add_link(path, key),
            Ok(metadata) if metadata.is_dir() => match fs::canonicalize(path) {
                Ok(target) if folder.starts_with(&target) => {
                    self.loop_fault("a link back up", path);
                    Ok(())
                }
                Ok(target) => {
                    pending.push(self.tree.folder(&target)?);
                    Ok(())
                }
                Err(error) => {
                    self.fault(path, &error);
                    Ok(())
                }
            },
            Ok(_) => Ok(()),
            Err(error) => {
                self.fault(path, &error);
                Ok(())
            }
        }
    }

    /// Notes what a folder's path tells of the files in it.
    fn survey(&mut self, folder: u32, path: &Path) {
        let text = path.to_string_lossy();
        let blob = BlobPath::parse(&text);
        self.tree.set_hour(folder, blob.hour);
        self.state(folder).left_out = !wanted(self.options, &blob);
    }

    fn state(&mut self, folder: u32) -> &mut FolderState {
        let count = self.tree.folder_count();
        if self.folders.len() < count {
            self.folders.resize(count, FolderState::default());
        }
        &mut self.folders[folder as usize]
    }

    fn fault(&mut self, path: &Path, error: &io::Error) {
        if is_loop(error) {
            return self.loop_fault("a link to itself, or too long a chain of links", path);
        }
        let detail = format!("{error}: {}", tail(path));
        self.faults
            .add(Plan::NO_FILE, 0, FaultKind::Unreadable, detail);
    }

    fn loop_fault(&mut self, what: &str, path: &Path) {
        let detail = format!("{what}, not followed: {}", tail(path));
        self.faults
            .add(Plan::NO_FILE, 0, FaultKind::SymlinkLoop, detail);
    }

    /// Sorts what was found, takes each file once, and leaves out what is not asked for.
    pub(super) fn finish(mut self) -> Found {
        self.files.sort_unstable();
        self.files.dedup();
        self.settle_aliases();
        let found = self.files.len();
        let folders = &self.folders;
        self.files.retain(|file| {
            !folders
                .get(file.folder as usize)
                .is_some_and(|f| f.left_out)
        });
        let left_out = (found - self.files.len()) as u64;
        let tree = self.tree.finish();
        self.files.sort_unstable_by(|&a, &b| tree.compare(a, b));
        self.files.shrink_to_fit();
        Found {
            tree,
            files: self.files,
            faults: self.faults,
            left_out,
        }
    }

    /// Of the names of one linked file keeps one: one that tells an hour, else the file's own,
    /// else the first.
    fn settle_aliases(&mut self) {
        let tree = self.tree.tree();
        let has_hour = |file: FileKey| tree.hour(file.folder).is_some();
        self.aliases.sort_unstable_by(|a, b| {
            (a.target.cmp(&b.target))
                .then_with(|| has_hour(b.link).cmp(&has_hour(a.link)))
                .then_with(|| tree.compare(a.link, b.link))
        });
        let mut more = Vec::new();
        for group in self.aliases.chunk_by(|a, b| a.target == b.target) {
            let Alias { target, link } = group[0];
            match self.files.binary_search(&target) {
                Ok(at) if has_hour(link) && !has_hour(target) => more.push((Some(at), link)),
                Ok(_) => {}
                Err(_) => more.push((None, link)),
            }
        }
        for (at, link) in more {
            match at {
                Some(at) => self.files[at] = link,
                None => self.files.push(link),
            }
        }
    }
}

/// Whether the files of a folder are asked for, as far as its path tells.
fn wanted(options: &PlanOptions, blob: &BlobPath<'_>) -> bool {
    // A blob's records lag behind its name by minutes, so one hour on either side is kept.
    let in_window = blob.hour.is_none_or(|hour| {
        options.since.is_none_or(|since| hour >= since.hour() - 1)
            && options.until.is_none_or(|until| hour <= until.hour() + 1)
    });
    let of_nsg = match blob.target {
        Some(Target::Nsg(name)) if !options.nsg.is_empty() => options.nsg.iter().any(|nsg| {
            let asked = nsg.trim_end_matches('/');
            let asked = asked.rsplit('/').next().unwrap_or(asked);
            asked.eq_ignore_ascii_case(name)
        }),
        _ => true,
    };
    let of_mac = options.mac.is_empty() || blob.mac.is_none_or(|mac| options.mac.contains(&mac));
    in_window && of_nsg && of_mac
}

/// Whether the system gave up on a chain of links.
fn is_loop(error: &io::Error) -> bool {
    let code = if cfg!(target_os = "linux") { 40 } else { 62 };
    cfg!(unix) && error.raw_os_error() == Some(code)
}

/// The end of a path, short enough for a fault's detail.
fn tail(path: &Path) -> String {
    const KEEP: usize = 96;
    let text = path.to_string_lossy();
    match text.len().checked_sub(KEEP) {
        Some(cut) if cut > 0 => format!("…{}", &text[text.ceil_char_boundary(cut)..]),
        _ => text.into_owned(),
    }
}
