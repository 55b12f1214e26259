//! Errors: what stops a run. Each says what was expected, what was found, where, and what to do.

use std::path::PathBuf;

/// The result of everything that can stop a run.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a run cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file that the run depends on cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// An output cannot be written; nothing was left behind.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file, or `standard output`.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A configuration, profile, environment or tag file is not what it must be.
    #[error("{}: {message}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What was expected, what was found and where in the file.
        message: String,
    },
    /// An argument that cannot be used.
    #[error("{message}")]
    Usage {
        /// What was expected and found.
        message: String,
    },
}

impl Error {
    /// Advice apart from the fact: what to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Read { source, .. } if source.kind() == std::io::ErrorKind::PermissionDenied => {
                Some("run as a user who may read it, or leave it out".to_owned())
            }
            Self::Read { source, .. } if source.kind() == std::io::ErrorKind::NotFound => Some(
                "check the spelling; folders are walked, globs are quoted or left to the shell"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}
