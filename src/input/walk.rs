//! Walking folders: in order of names, links followed, loops told.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::open::OpenFault;
use super::paths::{PathId, Paths};
use crate::fault::FaultKind;

/// What a walk found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The paths.
    pub(super) paths: Paths,
    /// Files, in order; and folders that could not be walked.
    pub(super) files: Vec<PathId>,
    /// Why those could not.
    pub(super) broken: BTreeMap<PathId, OpenFault>,
}

impl Found {
    /// Adds the files below `folder`.
    pub(super) fn walk(&mut self, folder: &Path) {
        let root = self.paths.root(folder.as_os_str());
        match fs::canonicalize(folder) {
            Ok(real) => self.folder(root, folder, &mut vec![real]),
            Err(error) => self.broken(root, unreadable(&error)),
        }
    }

    /// Adds a file or something like it, as it was given.
    pub(super) fn file(&mut self, path: &std::ffi::OsStr) {
        let id = self.paths.root(path);
        self.files.push(id);
    }

    fn broken(&mut self, id: PathId, fault: OpenFault) {
        self.files.push(id);
        self.broken.insert(id, fault);
    }

    /// `above` has the real paths of the folder and those it was reached through.
    fn folder(&mut self, id: PathId, folder: &Path, above: &mut Vec<PathBuf>) {
        let names = match names(folder) {
            Ok(names) => names,
            Err(error) => return self.broken(id, unreadable(&error)),
        };
        for name in names.iter() {
            let path = folder.join(&name);
            let child = self.paths.child(id, &name);
            match fs::metadata(&path) {
                Ok(meta) if meta.is_dir() => self.subfolder(child, &path, above),
                Ok(meta) if meta.is_file() => self.files.push(child),
                Ok(_) => self.broken(
                    child,
                    OpenFault {
                        kind: FaultKind::Unreadable,
                        detail: "expected a file, found a pipe, socket or device".to_owned(),
                    },
                ),
                Err(error) => self.broken(child, unreadable(&error)),
            }
        }
    }

    fn subfolder(&mut self, id: PathId, path: &Path, above: &mut Vec<PathBuf>) {
        let is_link = fs::symlink_metadata(path).is_ok_and(|meta| meta.is_symlink());
        let real = if is_link {
            match fs::canonicalize(path) {
                Ok(real) if above.contains(&real) => {
                    let detail = format!(
                        "expected a folder that is not being walked, found a link to {}",
                        real.display()
                    );
                    return self.broken(
                        id,
                        OpenFault {
                            kind: FaultKind::SymlinkLoop,
                            detail,
                        },
                    );
                }
                Ok(real) => real,
                Err(error) => return self.broken(id, unreadable(&error)),
            }
        } else {
            let parent = above.last().cloned().unwrap_or_default();
            path.file_name()
                .map_or_else(|| parent.clone(), |name| parent.join(name))
        };
        above.push(real);
        self.folder(id, path, above);
        above.pop();
    }
}

/// A folder's names, sorted, in one piece of memory.
struct Names {
    bytes: Vec<u8>,
    places: Vec<(u32, u16)>,
}

impl Names {
    fn iter(&self) -> impl Iterator<Item = OsString> {
        self.places.iter().map(|&(start, length)| {
            let bytes = &self.bytes[start as usize..start as usize + length as usize];
            name_of(bytes)
        })
    }
}

#[cfg(unix)]
fn name_of(bytes: &[u8]) -> OsString {
    use std::os::unix::ffi::OsStrExt as _;
    std::ffi::OsStr::from_bytes(bytes).to_owned()
}

#[cfg(not(unix))]
fn name_of(bytes: &[u8]) -> OsString {
    OsString::from(String::from_utf8_lossy(bytes).into_owned())
}

fn names(folder: &Path) -> io::Result<Names> {
    let mut names = Names {
        bytes: Vec::new(),
        places: Vec::new(),
    };
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let bytes = name.as_encoded_bytes();
        names.places.push((
            names.bytes.len() as u32,
            bytes.len().min(u16::MAX as usize) as u16,
        ));
        names.bytes.extend_from_slice(bytes);
    }
    let Names { bytes, places } = &mut names;
    places.sort_unstable_by_key(|&(start, length)| {
        &bytes[start as usize..start as usize + length as usize]
    });
    Ok(names)
}

fn unreadable(error: &io::Error) -> OpenFault {
    OpenFault {
        kind: FaultKind::Unreadable,
        detail: error.to_string(),
    }
}
