//! Capture files -> pieces, in order: read by several workers, framed by one at a time.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use super::Found;
use super::series::series;
use crate::capture::piece::Piece;
use crate::capture::reader::{HEADROOM, ReadFault, Reader};
use crate::fault::{FaultKind, FaultTally};
use crate::input::{self, Opened, Plan};
use crate::pipeline::{Reading, Source, lock};
use crate::simd::line::{LINE, to_line};

/// Bytes of a capture that are decoded at a time.
const PIECE: usize = 1 << 20;

/// Where a piece belongs.
#[derive(Debug, Clone)]
pub(super) struct Ticket {
    /// Its place among all pieces.
    pub(super) number: u64,
    pub(super) file: u32,
    /// Where it is the file's first: the file's [`series`].
    pub(super) begins: Option<String>,
}

/// What a worker does next.
pub(super) enum Next {
    /// A piece was read and decoded.
    Piece(Ticket),
    /// Read this chunk, without holding up others, and have it decoded in its turn.
    Chunk(Chunk),
    /// There is nothing more.
    Nothing,
}

/// A chunk of a regular file, to be read.
pub(super) struct Chunk {
    source: Arc<File>,
    /// Which of the opened files it is of.
    opened: u64,
    /// Its place among the chunks of that.
    number: u64,
    /// Where it begins.
    at: u64,
}

impl Chunk {
    /// Reads it behind at least [`HEADROOM`] bytes of the piece.
    pub(super) fn read(&self, piece: &mut Piece, progress: &AtomicU64) -> Filled {
        piece.bytes.resize(HEADROOM + LINE + PIECE, 0);
        let start = HEADROOM + to_line(&piece.bytes[HEADROOM..]);
        piece.bytes.truncate(start + PIECE);
        let mut filled = start;
        let result = loop {
            if filled == piece.bytes.len() {
                break Ok(false);
            }
            let at = self.at + (filled - start) as u64;
            match read_at(&self.source, &mut piece.bytes[filled..], at) {
                Ok(0) => break Ok(true),
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        piece.bytes.truncate(filled);
        progress.fetch_add((filled - start) as u64, Ordering::Relaxed);
        Filled {
            start,
            ended: result,
        }
    }
}

/// What reading a chunk gave.
pub(super) struct Filled {
    /// Where in the piece its bytes begin.
    start: usize,
    /// Whether the file ends with them.
    ended: io::Result<bool>,
}

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, at)
}

/// Elsewhere files are not read in chunks.
#[cfg(not(unix))]
fn read_at(_: &File, _: &mut [u8], _: u64) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Waits until the chunks before it are decoded, and has it decoded. `None` where the file had ended
/// before it, or it holds no packet's end.
pub(super) fn decode_in_turn(
    feed: &Mutex<Feed<'_>>,
    turned: &Condvar,
    chunk: &Chunk,
    read: Filled,
    piece: &mut Piece,
) -> Option<Ticket> {
    let mut feed = lock(feed);
    while feed.is_before(chunk) {
        feed = turned.wait(feed).unwrap_or_else(PoisonError::into_inner);
    }
    let ticket = feed.decode(chunk, read, piece);
    turned.notify_all();
    ticket
}

/// Gives out pieces, in order.
pub(super) struct Feed<'a> {
    plan: &'a Plan,
    reading: &'a Reading,
    progress: &'a AtomicU64,
    queue: VecDeque<Found<'a>>,
    open: Option<Open<'a>>,
    /// Files opened so far.
    opened: u64,
    next: u64,
    pub(super) files: u64,
    pub(super) bytes: u64,
    pub(super) faults: FaultTally,
}

struct Open<'a> {
    file: u32,
    begun: bool,
    reader: Reader<Box<dyn Read + Send + 'a>>,
    chunks: Option<Chunks>,
}

/// Reading of an opened file by several workers, behind its first piece.
struct Chunks {
    source: Arc<File>,
    /// Where the first chunk begins.
    start: u64,
    /// Chunks given out, and decoded.
    given: u64,
    decoded: u64,
}

impl<'a> Feed<'a> {
    pub(super) fn new(
        plan: &'a Plan,
        found: Vec<Found<'a>>,
        reading: &'a Reading,
        progress: &'a AtomicU64,
    ) -> Self {
        Self {
            plan,
            reading,
            progress,
            queue: found.into(),
            open: None,
            opened: 0,
            next: 0,
            files: 0,
            bytes: 0,
            faults: FaultTally::default(),
        }
    }

    /// Fills `piece` with the next packets, or tells where they are to be read.
    pub(super) fn next(&mut self, piece: &mut Piece) -> Next {
        loop {
            if self.open.is_none() {
                let Some(found) = self.queue.pop_front() else {
                    return Next::Nothing;
                };
                self.open = self.open(found);
                self.opened += 1;
            }
            let Some(open) = &mut self.open else { continue };
            if let Some(chunks) = open.chunks.as_mut().filter(|_| open.begun) {
                let number = chunks.given;
                chunks.given += 1;
                return Next::Chunk(Chunk {
                    source: Arc::clone(&chunks.source),
                    opened: self.opened,
                    number,
                    at: chunks.start + number * PIECE as u64,
                });
            }
            let mut faults = Vec::new();
            let filled = open.reader.fill(piece, PIECE, &mut faults);
            if let Some(chunks) = &mut open.chunks {
                chunks.start = open.reader.bytes();
            }
            self.note(faults);
            match filled {
                Ok(true) => return Next::Piece(self.ticket()),
                Ok(false) => self.close(None),
                Err(error) => self.close(Some(error)),
            }
        }
    }

    /// Whether a chunk's turn has not come.
    fn is_before(&self, chunk: &Chunk) -> bool {
        self.opened == chunk.opened
            && self
                .open
                .as_ref()
                .and_then(|open| open.chunks.as_ref())
                .is_some_and(|chunks| chunks.decoded < chunk.number)
    }

    /// Decodes a chunk in its turn.
    fn decode(&mut self, chunk: &Chunk, read: Filled, piece: &mut Piece) -> Option<Ticket> {
        let open = self.open.as_mut().filter(|_| self.opened == chunk.opened)?;
        open.chunks.as_mut()?.decoded += 1;
        let (ended, failure) = match read.ended {
            Ok(ended) => (ended, None),
            Err(error) => (true, Some(error)),
        };
        let mut faults = Vec::new();
        open.reader
            .decode_chunk(piece, read.start, ended, &mut faults);
        if failure.is_some() {
            // What is cut by an error is no fault of the file's.
            faults.retain(|fault| fault.kind != FaultKind::Truncated);
        }
        let over = ended || open.reader.is_over();
        self.note(faults);
        let ticket = (!piece.packets.is_empty()).then(|| self.ticket());
        if over {
            self.close(failure);
        }
        ticket
    }

    fn note(&mut self, faults: Vec<ReadFault>) {
        let file = self.open.as_ref().map_or(0, |open| open.file);
        for fault in faults {
            self.faults
                .add(file, fault.offset, fault.kind, fault.detail);
        }
    }

    /// The place of what was decoded last.
    fn ticket(&mut self) -> Ticket {
        let number = self.next;
        self.next += 1;
        let (mut file, mut begins) = (0, None);
        if let Some(open) = &mut self.open {
            file = open.file;
            if !std::mem::replace(&mut open.begun, true) {
                begins = Some(series(&self.plan.path(file).to_string_lossy()));
            }
        }
        Ticket {
            number,
            file,
            begins,
        }
    }

    /// The opened file has ended.
    fn close(&mut self, failure: Option<io::Error>) {
        let Some(open) = self.open.take() else { return };
        if let Some(error) = failure {
            let (at, kind) = (open.reader.bytes(), input::stream_fault(&error));
            self.faults.add(open.file, at, kind, error.to_string());
        }
        self.bytes += open.reader.bytes();
    }

    fn open(&mut self, found: Found<'a>) -> Option<Open<'a>> {
        let file = found.file;
        self.files += 1;
        let source = match found.opened {
            Some(source) => source,
            None => match self.plan.open(file, &self.reading.open) {
                Ok(opened) => Source::new(opened, self.progress),
                Err(fault) => {
                    self.faults.add(file, 0, fault.kind, fault.detail);
                    return None;
                }
            },
        };
        if source.kind != input::Kind::Capture {
            let detail = "expected the capture that was there before, found another file";
            self.faults.add(file, 0, FaultKind::Unreadable, detail);
            return None;
        }
        Some(Open {
            file,
            begun: false,
            chunks: self.chunks(file),
            reader: Reader::new(source.into_reader()),
        })
    }
}

impl Feed<'_> {
    /// How several workers may read a file: not where it is compressed or a pipe.
    fn chunks(&self, file: u32) -> Option<Chunks> {
        if !(cfg!(unix) && self.plan.is_regular(file)) {
            return None;
        }
        match self.plan.open(file, &self.reading.open) {
            Ok(Opened::Seekable { file, .. }) => Some(Chunks {
                source: Arc::new(file),
                start: 0,
                given: 0,
                decoded: 0,
            }),
            _ => None,
        }
    }
}
