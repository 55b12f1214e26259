//! Writing an output: whole or not at all.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// Writes `bytes` to standard output (`None`) or to a file, as [`stream`] does.
pub fn write(target: Option<&Path>, bytes: &[u8]) -> Result<()> {
    stream(target, &|to| to.write_all(bytes))
}

/// What is written: called once, with where to.
pub type Content<'a> = dyn Fn(&mut (dyn Write + Send)) -> io::Result<()> + 'a;

/// Writes `content` to standard output (`None`) or to a file.
///
/// A file is written beside its target under another name, synced, and then renamed over it: the
/// target holds either what it held before or all of `content`. An existing file keeps its
/// permissions; a link is followed. Devices, pipes and sockets are written to directly. A reader
/// that closes its pipe early (`nsgaudit … | head`) is no error.
pub fn stream(target: Option<&Path>, content: &Content<'_>) -> Result<()> {
    let Some(path) = target else {
        return pipe(Path::new("standard output"), io::stdout(), content);
    };
    if let Some(path) = path.to_str() {
        match path {
            "/dev/stdout" | "/dev/fd/1" | "/proc/self/fd/1" => return stream(None, content),
            "/dev/stderr" | "/dev/fd/2" | "/proc/self/fd/2" => {
                return pipe(Path::new(path), io::stderr(), content);
            }
            _ => {}
        }
    }
    let failed = |source| Error::Write {
        path: path.to_owned(),
        source,
    };
    let place = Place::of(path).map_err(failed)?;
    match place {
        Place::Device => {
            let device = OpenOptions::new().write(true).open(path).map_err(failed)?;
            pipe(path, device, content)
        }
        Place::File { path, existing } => replace(&path, existing, content).map_err(failed),
    }
}

/// Bytes that are gathered before they are written.
const BUFFER: usize = 1 << 16;

/// What a target is.
enum Place {
    /// Something that takes bytes and keeps none.
    Device,
    /// A file, there or not; links resolved.
    File {
        path: PathBuf,
        existing: Option<Metadata>,
    },
}

impl Place {
    fn of(path: &Path) -> io::Result<Self> {
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == ErrorKind::NotFound => return Self::new_file(path),
            Err(error) => return Err(error),
        };
        if metadata.is_dir() {
            return Err(refused(
                ErrorKind::IsADirectory,
                "it is a folder: name a file in it",
            ));
        }
        if !metadata.is_file() {
            return Ok(Self::Device);
        }
        if metadata.permissions().readonly() {
            return Err(refused(
                ErrorKind::PermissionDenied,
                "it is there and read-only",
            ));
        }
        Ok(Self::File {
            path: fs::canonicalize(path)?,
            existing: Some(metadata),
        })
    }

    fn new_file(path: &Path) -> io::Result<Self> {
        if fs::symlink_metadata(path).is_ok() {
            return Err(refused(
                ErrorKind::NotFound,
                "it is a link to a file that is not there",
            ));
        }
        if path.as_os_str().is_empty() || path.as_os_str().to_string_lossy().ends_with('/') {
            return Err(refused(
                ErrorKind::InvalidInput,
                "it names no file: a folder and a file name are expected",
            ));
        }
        let folder = folder_of(path);
        match fs::metadata(folder) {
            Ok(metadata) if metadata.is_dir() => Ok(Self::File {
                path: path.to_owned(),
                existing: None,
            }),
            Ok(_) => Err(refused(
                ErrorKind::NotADirectory,
                &format!("{} is not a folder", folder.display()),
            )),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(refused(
                ErrorKind::NotFound,
                &format!(
                    "the folder {} is not there: create it first",
                    folder.display()
                ),
            )),
            Err(error) => Err(error),
        }
    }
}

fn refused(kind: ErrorKind, reason: &str) -> io::Error {
    io::Error::new(kind, reason.to_owned())
}

/// The folder that holds `path`: `.` for a bare name.
fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn pipe(path: &Path, to: impl Write + Send, content: &Content<'_>) -> Result<()> {
    let mut to = BufWriter::with_capacity(BUFFER, to);
    match content(&mut to).and_then(|()| to.flush()) {
        Err(source) if source.kind() != ErrorKind::BrokenPipe => Err(Error::Write {
            path: path.to_owned(),
            source,
        }),
        _ => Ok(()),
    }
}

/// Writes a temporary file in the same folder and renames it; dropped, it is removed.
fn replace(path: &Path, existing: Option<Metadata>, content: &Content<'_>) -> io::Result<()> {
    let folder = folder_of(path);
    let mut builder = tempfile::Builder::new();
    builder.prefix(".nsgaudit-").suffix(".tmp");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // What a new file gets; the process's umask is taken off it.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let mut file = builder.tempfile_in(folder)?;
    let mut to = BufWriter::with_capacity(BUFFER, &mut file);
    content(&mut to)?;
    to.flush()?;
    drop(to);
    if let Some(existing) = existing {
        file.as_file().set_permissions(existing.permissions())?;
    }
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    // The name is in the folder; that it also survives a power cut is worth a try, not an error.
    if let Ok(folder) = File::open(folder) {
        _ = folder.sync_all();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn message(target: &Path) -> String {
        write(Some(target), b"x").unwrap_err().to_string()
    }

    #[test]
    fn a_file_is_written_whole_and_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("audit.json");
        for bytes in [b"first, longer".as_slice(), b"second"] {
            write(Some(&target), bytes).unwrap();
            assert_eq!(fs::read(&target).unwrap(), bytes);
            assert_eq!(names(folder.path()), ["audit.json"]);
        }
    }

    #[test]
    fn folders_are_refused_with_a_reason() {
        let folder = tempfile::tempdir().unwrap();
        assert!(message(folder.path()).ends_with("it is a folder: name a file in it"));
        let missing = folder.path().join("no/audit.json");
        assert!(message(&missing).contains("is not there: create it first"));
        let file = folder.path().join("file");
        fs::write(&file, "x").unwrap();
        assert!(message(&file.join("audit.json")).starts_with("cannot write"));
        assert!(message(&folder.path().join("new/")).contains("names no file"));
        assert_eq!(names(folder.path()), ["file"]);
    }

    #[cfg(unix)]
    mod unix {
        use super::*;
        use std::os::unix::fs::{PermissionsExt, symlink};

        fn mode(path: &Path) -> u32 {
            fs::metadata(path).unwrap().permissions().mode() & 0o7777
        }

        #[test]
        fn an_existing_file_keeps_its_permissions() {
            let folder = tempfile::tempdir().unwrap();
            let target = folder.path().join("audit.json");
            fs::write(&target, "old").unwrap();
            fs::set_permissions(&target, fs::Permissions::from_mode(0o600)).unwrap();
            write(Some(&target), b"new").unwrap();
            assert_eq!(mode(&target), 0o600);
            fs::set_permissions(&target, fs::Permissions::from_mode(0o664)).unwrap();
            write(Some(&target), b"newer").unwrap();
            assert_eq!(mode(&target), 0o664);
        }

        #[test]
        fn a_new_file_gets_the_usual_permissions() {
            let folder = tempfile::tempdir().unwrap();
            let usual = folder.path().join("usual");
            fs::write(&usual, "x").unwrap();
            let target = folder.path().join("audit.json");
            write(Some(&target), b"x").unwrap();
            assert_eq!(mode(&target), mode(&usual));
        }

        #[test]
        fn a_read_only_file_stays() {
            let folder = tempfile::tempdir().unwrap();
            let target = folder.path().join("audit.json");
            fs::write(&target, "old").unwrap();
            fs::set_permissions(&target, fs::Permissions::from_mode(0o444)).unwrap();
            assert!(message(&target).ends_with("it is there and read-only"));
            assert_eq!(fs::read(&target).unwrap(), b"old");
        }

        #[test]
        fn a_link_is_followed_and_stays_a_link() {
            let folder = tempfile::tempdir().unwrap();
            let real = folder.path().join("real.json");
            let link = folder.path().join("link.json");
            fs::write(&real, "old").unwrap();
            symlink(&real, &link).unwrap();
            write(Some(&link), b"new").unwrap();
            assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
            assert_eq!(fs::read(&real).unwrap(), b"new");
            fs::remove_file(&real).unwrap();
            assert!(message(&link).contains("link to a file that is not there"));
        }

        #[test]
        fn a_folder_that_takes_no_file_leaves_the_target_alone() {
            let folder = tempfile::tempdir().unwrap();
            let target = folder.path().join("audit.json");
            fs::write(&target, "old").unwrap();
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o555)).unwrap();
            let result = write(Some(&target), b"new");
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
            // Root may write anywhere.
            let expected: &[u8] = if result.is_err() { b"old" } else { b"new" };
            assert_eq!(fs::read(&target).unwrap(), expected);
            assert_eq!(names(folder.path()), ["audit.json"]);
        }

        #[test]
        fn a_pipe_is_written_to_and_stays_a_pipe() {
            let folder = tempfile::tempdir().unwrap();
            let pipe = folder.path().join("pipe");
            let made = std::process::Command::new("mkfifo")
                .arg(&pipe)
                .status()
                .unwrap();
            assert!(made.success());
            let reader = std::thread::spawn({
                let pipe = pipe.clone();
                move || fs::read(pipe).unwrap()
            });
            write(Some(&pipe), b"through").unwrap();
            assert_eq!(reader.join().unwrap(), b"through");
            assert!(!fs::metadata(&pipe).unwrap().is_file());
        }

        #[test]
        fn devices_take_bytes_and_a_full_one_is_an_error() {
            write(Some(Path::new("/dev/null")), b"x").unwrap();
            if Path::new("/dev/full").exists() {
                assert!(message(Path::new("/dev/full")).starts_with("cannot write /dev/full: "));
            }
        }
    }

    #[test]
    fn a_reader_that_went_away_is_no_error() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        pipe(Path::new("standard output"), Closed, &|to| {
            to.write_all(b"x")
        })
        .unwrap();
    }
}
