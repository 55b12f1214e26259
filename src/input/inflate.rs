//! Gzip and zstd, told by their first bytes: many members or frames, one nested level, and limits
//! that no archive bomb gets past.

use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::GzDecoder;

use crate::fault::FaultKind;

/// A reader that can be handed to another thread.
pub(super) type Bytes = Box<dyn Read + Send>;

/// How many bytes of a head tell a compression.
pub(super) const MAGIC: usize = 4;
/// Below this many inflated bytes the ratio is not looked at: so little harms nobody.
const RATIO_FREE: u64 = 256 << 20;
/// Largest zstd window that is allocated: 128 MiB, what `zstd -d` takes without being asked.
const ZSTD_WINDOW_LOG: u32 = 27;
const READ: usize = 64 << 10;

/// How much compressed data may grow.
///
/// Text is read as a stream, so a bomb costs time and never memory; the limits bound the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Inflated bytes a compressed byte. The default is 1000: flow logs inflate 10 to 60 times,
    /// and one deflate stream cannot exceed 1032, so what is above is nested or made of zeros. It
    /// is looked at from 256 MiB of inflated text on.
    pub inflate_ratio: u64,
    /// Inflated bytes of one file. The default is 1 TiB.
    pub inflate_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            inflate_ratio: 1000,
            inflate_bytes: 1 << 40,
        }
    }
}

/// The fault that an error of a stream of ours stands for.
pub fn stream_fault(error: &io::Error) -> FaultKind {
    error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<StreamError>())
        .map_or(FaultKind::Unreadable, |known| known.kind)
}

/// An error that knows its fault, inside an `io::Error`.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
struct StreamError {
    kind: FaultKind,
    message: String,
}

pub(super) fn error_of(kind: FaultKind, message: String) -> io::Error {
    io::Error::other(StreamError { kind, message })
}

/// A compression that is understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Codec {
    Gzip,
    Zstd,
}

impl Codec {
    /// The compression that starts with `head`.
    pub(super) fn of(head: &[u8]) -> Option<Self> {
        match head {
            [0x1f, 0x8b, 8, ..] => Some(Self::Gzip),
            // A frame, or one that is skipped (parallel compressors start with those).
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Self::Zstd),
            _ => None,
        }
    }

    fn decoder(self, source: Bytes) -> io::Result<Bytes> {
        let source = BufReader::with_capacity(READ, source);
        let decoder: Bytes = match self {
            Self::Gzip => Box::new(GzipMembers::new(source)),
            Self::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(source)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG)?;
                Box::new(decoder)
            }
        };
        Ok(Box::new(Damage(decoder)))
    }
}

/// The text of a compressed source, whose first level is `codec`. Blocks until its head is known.
pub(super) fn inflate(source: Bytes, codec: Codec, limits: &Limits) -> io::Result<Bytes> {
    let taken = Arc::new(AtomicU64::new(0));
    let (head, mut text) = peek(codec.decoder(steady(source, &taken))?);
    if let Some(inner) = Codec::of(&head) {
        text = inner.decoder(text)?;
    }
    Ok(Box::new(Limited {
        inner: text,
        taken,
        given: 0,
        ratio_free: RATIO_FREE,
        limits: *limits,
        over: false,
    }))
}

/// A reader that waits out interruptions and counts what was taken.
pub(super) fn steady(inner: Bytes, taken: &Arc<AtomicU64>) -> Bytes {
    Box::new(Source {
        inner,
        taken: Arc::clone(taken),
    })
}

/// The first bytes of a reader, and the reader with those bytes and a possible error put back.
pub(super) fn peek(mut reader: Bytes) -> (Vec<u8>, Bytes) {
    let mut head = Vec::with_capacity(MAGIC);
    let mut trouble = None;
    while head.len() < MAGIC {
        let mut bytes = [0; MAGIC];
        match reader.read(&mut bytes[..MAGIC - head.len()]) {
            Ok(0) => break,
            Ok(count) => head.extend_from_slice(&bytes[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                trouble = Some(error);
                break;
            }
        }
    }
    let rest: Bytes = match trouble {
        Some(error) => Box::new(Fails(Some(error))),
        None => reader,
    };
    (head.clone(), Box::new(Cursor::new(head).chain(rest)))
}

/// Gives one error, then nothing.
struct Fails(Option<io::Error>);

impl Read for Fails {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

/// A source: counts, waits out interruptions, and marks errors as the source's own.
struct Source {
    inner: Bytes,
    taken: Arc<AtomicU64>,
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.inner.read(buffer) {
                Ok(count) => {
                    self.taken.fetch_add(count as u64, Ordering::Relaxed);
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error_of(FaultKind::Unreadable, error.to_string())),
            }
        }
    }
}

/// Marks what is wrong with the compressed data itself.
struct Damage(Bytes);

impl Read for Damage {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|error| {
            if error
                .get_ref()
                .is_some_and(<dyn std::error::Error + Send + Sync>::is::<StreamError>)
            {
                return error;
            }
            let message = if error.kind() == io::ErrorKind::UnexpectedEof {
                "the compressed data ends too early".to_owned()
            } else {
                format!("the compressed data is damaged: {error}")
            };
            error_of(FaultKind::DamagedCompression, message)
        })
    }
}

/// Stops a stream at its first error, and where it inflates beyond the limits.
struct Limited {
    inner: Bytes,
    taken: Arc<AtomicU64>,
    given: u64,
    ratio_free: u64,
    limits: Limits,
    over: bool,
}

impl Limited {
    fn check(&self) -> io::Result<()> {
        let taken = self.taken.load(Ordering::Relaxed).max(1);
        let message = if self.given > self.limits.inflate_bytes {
            format!("inflates to more than {} bytes", self.limits.inflate_bytes)
        } else if self.given > self.ratio_free && self.given / taken > self.limits.inflate_ratio {
            format!("inflates more than {} times", self.limits.inflate_ratio)
        } else {
            return Ok(());
        };
        Err(error_of(FaultKind::CompressionBomb, message))
    }
}

impl Read for Limited {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.over {
            return Ok(0);
        }
        let read = self.check().and_then(|()| self.inner.read(buffer));
        match read {
            Ok(count) => self.given += count as u64,
            // Decoders may repeat an error for ever, or start anew behind it.
            Err(_) => self.over = true,
        }
        read
    }
}

/// The members of a gzip file, one after the other; zeros between and after them are padding.
struct GzipMembers<R: BufRead> {
    /// `None` once the data or its use has ended.
    member: Option<GzDecoder<R>>,
}

impl<R: BufRead> GzipMembers<R> {
    fn new(source: R) -> Self {
        Self {
            member: Some(GzDecoder::new(source)),
        }
    }
}

impl<R: BufRead> Read for GzipMembers<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        while let Some(mut member) = self.member.take() {
            match member.read(buffer)? {
                0 => {
                    let mut source = member.into_inner();
                    if skip_zeros(&mut source)? {
                        self.member = Some(GzDecoder::new(source));
                    }
                }
                count => {
                    self.member = Some(member);
                    return Ok(count);
                }
            }
        }
        Ok(0)
    }
}

/// Skips zeros; whether anything follows.
fn skip_zeros(source: &mut impl BufRead) -> io::Result<bool> {
    loop {
        let bytes = source.fill_buf()?;
        if bytes.is_empty() {
            return Ok(false);
        }
        let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
        let more = zeros < bytes.len();
        source.consume(zeros);
        if more {
            return Ok(true);
        }
    }
}

#[cfg(test)]
#[path = "inflate_tests.rs"]
mod tests;
