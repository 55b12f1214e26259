//! A folder of documents, each told by its content.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::{Azure, Refused, compare, document, merge};
use crate::environment::rules::DocumentFault;
use crate::error::{Error, Result};

/// The most that a file may hold.
const MAX_FILE: u64 = 64 << 20;

/// The most files that are read.
const MAX_FILES: usize = 10_000;

/// Reads all `*.json` files of a folder and the folders in it, in order of their paths; or one file.
///
/// Where files state a resource otherwise, the one that is later by name is taken. A file that holds
/// nothing of use is a remark, one that cannot be read a fault.
///
/// # Errors
/// The folder cannot be read, or holds more files than are read.
pub fn read_folder(folder: &Path) -> Result<Azure> {
    let mut all = Azure::default();
    let paths = files(folder, &mut all.remarks)?;
    for path in paths {
        let name = path.display().to_string();
        let read = match bytes(&path) {
            Ok(bytes) => document(&bytes, &name),
            Err(error) => Err(Refused::Unread(format!("cannot be read: {error}"))),
        };
        match read {
            Ok(more) => merge::add(&mut all, more),
            Err(Refused::Unread(detail)) => all.faults.push(said(&path, detail)),
            Err(Refused::Other(detail)) => all.remarks.push(said(&path, detail)),
        }
    }
    merge::settle(&mut all);
    let told = compare::remarks(&all);
    all.remarks.extend(told);
    Ok(all)
}

fn said(path: &Path, detail: String) -> DocumentFault {
    DocumentFault {
        file: path.display().to_string(),
        path: String::new(),
        detail,
    }
}

fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(MAX_FILE + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(io::Error::other("it is larger than 64 MiB"));
    }
    Ok(bytes)
}

/// The files, sorted. Links to folders are not followed: they may lead in circles.
fn files(folder: &Path, remarks: &mut Vec<DocumentFault>) -> Result<Vec<PathBuf>> {
    let unread = |path: &Path| {
        let path = path.to_owned();
        |source| Error::Read { path, source }
    };
    if fs::metadata(folder).map_err(unread(folder))?.is_file() {
        return Ok(vec![folder.to_owned()]);
    }
    let (mut found, mut waiting) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(&folder).map_err(unread(&folder))? {
            let path = entry.map_err(unread(&folder))?.path();
            let own = fs::symlink_metadata(&path).map_err(unread(&path))?;
            let target = fs::metadata(&path);
            let is_json = path
                .extension()
                .is_some_and(|end| end.eq_ignore_ascii_case("json"));
            if own.is_dir() {
                waiting.push(path);
            } else if target.as_ref().is_ok_and(fs::Metadata::is_dir) {
                let detail = "is a link to a folder, and not followed";
                remarks.push(said(&path, detail.to_owned()));
            } else if is_json && target.map_or(true, |target| target.is_file()) {
                found.push(path);
            }
        }
        if found.len() > MAX_FILES {
            return Err(Error::Usage {
                message: format!(
                    "{} holds more than {MAX_FILES} JSON files: name a folder of the \
                     environment's documents alone",
                    folder.display()
                ),
            });
        }
    }
    found.sort();
    remarks.sort();
    Ok(found)
}
