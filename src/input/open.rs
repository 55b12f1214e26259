//! Opening a file of the plan: a seekable file where it is plain, a stream of text where not.

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek};
use std::path::Path;
use std::sync::Arc;

use super::inflate::{self, Bytes, Codec, Limits};
use super::plan::Plan;
use super::readahead::readahead;
use crate::fault::FaultKind;

/// Compressed files up to this size are inflated by their caller: a thread would cost more.
const SMALL: u64 = 256 << 10;

/// An opened file.
pub enum Opened {
    /// A plain regular file, at its start: may be read in pieces, in any order.
    Seekable {
        /// The file.
        file: File,
        /// Its length when it was opened.
        length: u64,
    },
    /// Text that comes only once and in order: inflated data, standard input, pipes, devices.
    /// Errors name their fault by [`super::stream_fault`].
    Stream(Box<dyn Read + Send>),
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Seekable { length, .. } => write!(f, "Seekable({length})"),
            Self::Stream(_) => f.write_str("Stream"),
        }
    }
}

/// Why a file could not be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenFault {
    /// The fault to count.
    pub kind: FaultKind,
    /// The system's reason.
    pub detail: String,
}

impl From<io::Error> for OpenFault {
    fn from(error: io::Error) -> Self {
        Self {
            kind: inflate::stream_fault(&error),
            detail: error.to_string(),
        }
    }
}

impl Plan {
    /// Opens a file of the plan. Waits where the file is a pipe that nobody has written to yet.
    ///
    /// # Errors
    /// A file that is gone, may not be read, or is no file (any more).
    pub fn open(&self, file: u32, limits: &Limits) -> Result<Opened, OpenFault> {
        if self.is_stdin(file) {
            return Ok(open_stream(Box::new(io::stdin()), limits)?);
        }
        Ok(open_path(&self.path(file), limits)?)
    }
}

fn open_path(path: &Path, limits: &Limits) -> io::Result<Opened> {
    let metadata = retry(|| std::fs::metadata(path))?;
    if metadata.is_dir() {
        return Err(io::Error::other("a folder"));
    }
    if is_socket(&metadata) {
        return Err(io::Error::other("a socket, not a file"));
    }
    let mut file = retry(|| File::open(path))?;
    if !metadata.is_file() {
        return open_stream(Box::new(file), limits);
    }
    let head = read_head(&mut file)?;
    file.rewind()?;
    // The opened file may be another than the one looked at before.
    let length = file.metadata()?.len();
    match Codec::of(&head) {
        Some(codec) => {
            let text = inflate::inflate(Box::new(file), codec, limits)?;
            Ok(Opened::Stream(if length > SMALL {
                Box::new(readahead(text)?)
            } else {
                text
            }))
        }
        // Files of the kernel say that they are empty and are not.
        None if length == 0 && !head.is_empty() => Ok(Opened::Stream(Box::new(file))),
        None => Ok(Opened::Seekable { file, length }),
    }
}

fn open_stream(source: Bytes, limits: &Limits) -> io::Result<Opened> {
    let (head, source) = inflate::peek(inflate::steady(source, &Arc::default()));
    Ok(Opened::Stream(match Codec::of(&head) {
        Some(codec) => Box::new(readahead(inflate::inflate(source, codec, limits)?)?),
        None => source,
    }))
}

fn read_head(file: &mut File) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(inflate::MAGIC);
    // `read_to_end` waits out interruptions.
    file.take(inflate::MAGIC as u64).read_to_end(&mut head)?;
    Ok(head)
}

fn retry<T>(mut action: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match action() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

#[cfg(unix)]
fn is_socket(metadata: &Metadata) -> bool {
    std::os::unix::fs::FileTypeExt::is_socket(&metadata.file_type())
}

#[cfg(not(unix))]
fn is_socket(_: &Metadata) -> bool {
    false
}

#[cfg(test)]
#[path = "open_tests.rs"]
mod tests;
