//! Opening: plain files as they are, gzip and zstd inflated, each told by its first bytes.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Seek as _, SeekFrom};
use std::path::Path;

use super::readahead::ReadAhead;
use crate::fault::FaultKind;

/// An opened file.
pub enum Opened {
    /// A plain file, which can be read in parts.
    Seekable {
        /// The file, at its start.
        file: File,
        /// Its length in bytes when it was opened.
        length: u64,
    },
    /// Anything else: compressed, standard input, a pipe.
    Stream(Box<dyn Read + Send>),
}

/// Why a file cannot be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenFault {
    /// The fault.
    pub kind: FaultKind,
    /// What was expected and found.
    pub detail: String,
}

/// Limits of compressed input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes that one file may inflate to.
    pub inflate_bytes: u64,
    /// Most bytes out for each byte in, once [`RATIO_FROM`] have come out. Flow logs inflate 10 to
    /// 30 times; deflate can do 1,032, which only repetition reaches.
    pub inflate_ratio: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            inflate_bytes: u64::MAX,
            inflate_ratio: 250,
        }
    }
}

/// Inflated bytes below which no ratio is too high.
const RATIO_FROM: u64 = 256 << 20;
/// How deep compressed data in compressed data is followed.
const DEEPEST: usize = 2;
/// Longest look back that zstd data may ask for: two to the power of this, in bytes.
const ZSTD_WINDOW_LOG: u32 = 27;

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// Opens a file of the file system.
pub(super) fn file(path: &Path, limits: Limits) -> Result<Opened, OpenFault> {
    let unreadable = |error: io::Error| OpenFault {
        kind: FaultKind::Unreadable,
        detail: error.to_string(),
    };
    let mut file = File::open(path).map_err(unreadable)?;
    let meta = file.metadata().map_err(unreadable)?;
    if !meta.is_file() {
        return stream(file, limits);
    }
    let magic = magic(&mut file).map_err(unreadable)?;
    file.seek(SeekFrom::Start(0)).map_err(unreadable)?;
    if magic.starts_with(GZIP) || magic.starts_with(ZSTD) {
        return stream(file, limits);
    }
    Ok(Opened::Seekable {
        file,
        length: meta.len(),
    })
}

/// Opens standard input.
pub(super) fn stdin(limits: Limits) -> Result<Opened, OpenFault> {
    stream(io::stdin(), limits)
}

fn stream(reader: impl Read + Send + 'static, limits: Limits) -> Result<Opened, OpenFault> {
    let damaged = |error: io::Error| OpenFault {
        kind: stream_fault(&error),
        detail: error.to_string(),
    };
    let read = Counter {
        inner: reader,
        bytes: std::sync::Arc::default(),
    };
    let taken = std::sync::Arc::clone(&read.bytes);
    let mut reader: Box<dyn Read + Send> = Box::new(read);
    let mut inflated = false;
    for _ in 0..DEEPEST {
        let magic = magic(&mut reader).map_err(damaged)?;
        let whole = BufReader::with_capacity(1 << 17, Cursor::new(magic.clone()).chain(reader));
        reader = if magic.starts_with(GZIP) {
            Box::new(Inflate {
                inner: flate2::bufread::MultiGzDecoder::new(whole),
            })
        } else if magic.starts_with(ZSTD) {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(whole).map_err(damaged)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG).map_err(damaged)?;
            Box::new(Inflate { inner: decoder })
        } else {
            reader = Box::new(whole);
            break;
        };
        inflated = true;
    }
    if inflated {
        let guarded = Guard {
            inner: reader,
            taken,
            given: 0,
            limits,
        };
        return Ok(Opened::Stream(Box::new(ReadAhead::new(guarded))));
    }
    Ok(Opened::Stream(reader))
}

/// The first four bytes.
fn magic(reader: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut magic = Vec::with_capacity(4);
    reader.take(4).read_to_end(&mut magic)?;
    Ok(magic)
}

/// Counts bytes taken.
struct Counter<R> {
    inner: R,
    bytes: std::sync::Arc<std::sync::atomic::AtomicU64>,
}

impl<R: Read> Read for Counter<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.bytes
            .fetch_add(count as u64, std::sync::atomic::Ordering::Relaxed);
        Ok(count)
    }
}

/// Marks a decoder's own errors as damage; those of the file below pass.
struct Inflate<R> {
    inner: R,
}

impl<R: Read> Read for Inflate<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer).map_err(|error| {
            if error.raw_os_error().is_some()
                || error.kind() == io::ErrorKind::Interrupted
                || error
                    .get_ref()
                    .is_some_and(<dyn std::error::Error + Send + Sync + 'static>::is::<StreamFault>)
            {
                return error;
            }
            fault(
                FaultKind::DamagedCompression,
                format!("expected compressed data, found an error: {error}"),
            )
        })
    }
}

/// Stops what inflates without end.
struct Guard<R> {
    inner: R,
    taken: std::sync::Arc<std::sync::atomic::AtomicU64>,
    given: u64,
    limits: Limits,
}

impl<R: Read> Read for Guard<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.given += count as u64;
        let taken = self.taken.load(std::sync::atomic::Ordering::Relaxed).max(1);
        if self.given > self.limits.inflate_bytes {
            let detail = format!(
                "expected at most {} bytes, found more: raise --max-inflated",
                self.limits.inflate_bytes
            );
            return Err(fault(FaultKind::CompressionBomb, detail));
        }
        if self.given > RATIO_FROM && self.given / taken > self.limits.inflate_ratio {
            let detail = format!(
                "expected at most {} bytes for each compressed one, found {}",
                self.limits.inflate_ratio,
                self.given / taken
            );
            return Err(fault(FaultKind::CompressionBomb, detail));
        }
        Ok(count)
    }
}

/// A fault on its way through a reader.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{detail}")]
struct StreamFault {
    kind: FaultKind,
    detail: String,
}

fn fault(kind: FaultKind, detail: String) -> io::Error {
    io::Error::other(StreamFault { kind, detail })
}

/// Which fault an error of a stream is.
pub fn stream_fault(error: &io::Error) -> FaultKind {
    error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<StreamFault>())
        .map_or(FaultKind::Unreadable, |fault| fault.kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write as _;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// What comes out, and the fault that ends it.
    fn inflated(bytes: Vec<u8>, limits: Limits) -> (Vec<u8>, Option<FaultKind>) {
        match stream(Cursor::new(bytes), limits) {
            Ok(Opened::Stream(mut reader)) => {
                let mut out = Vec::new();
                let error = reader.read_to_end(&mut out).err();
                (out, error.map(|error| stream_fault(&error)))
            }
            Ok(Opened::Seekable { .. }) => unreachable!("a stream is none"),
            Err(fault) => (Vec::new(), Some(fault.kind)),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn members_and_frames_are_joined(text in prop::collection::vec(any::<u8>(), 0..2_000), cut in 0usize..2_000) {
            let cut = cut.min(text.len());
            let members = [gzip(&text[..cut]), gzip(&text[cut..])].concat();
            prop_assert_eq!(inflated(members.clone(), Limits::default()), (text.clone(), None));
            prop_assert_eq!(inflated(gzip(&members), Limits::default()), (text.clone(), None));
            let frames = [zstd::encode_all(&text[..cut], 1).unwrap(), zstd::encode_all(&text[cut..], 1).unwrap()].concat();
            prop_assert_eq!(inflated(frames, Limits::default()), (text, None));
        }
    }

    #[test]
    fn a_cut_gives_what_there_is_and_then_the_fault() {
        let text: Vec<u8> = (0..40_000u32).flat_map(u32::to_le_bytes).collect();
        let whole = gzip(&text);
        for cut in (4..whole.len()).step_by(997) {
            let (out, fault) = inflated(whole[..cut].to_vec(), Limits::default());
            assert!(text.starts_with(&out), "cut at {cut}");
            assert_eq!(fault, Some(FaultKind::DamagedCompression), "cut at {cut}");
        }
    }

    #[test]
    fn a_bomb_is_stopped() {
        let limits = Limits {
            inflate_bytes: 1 << 20,
            ..Limits::default()
        };
        let (out, fault) = inflated(gzip(&vec![b' '; 4 << 20]), limits);
        assert!(out.len() <= 1 << 20);
        assert_eq!(fault, Some(FaultKind::CompressionBomb));
    }

    #[test]
    fn other_bytes_pass() {
        for text in [&b""[..], b"{", b"{\"records\":[]}"] {
            assert_eq!(
                inflated(text.to_vec(), Limits::default()),
                (text.to_vec(), None)
            );
        }
    }
}
