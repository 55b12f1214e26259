//! Captures: one file after another, read in pieces that workers decode side by side; what the pieces
//! add up to is joined in their order.
//!
//! Only reading and joining are done by one worker at a time. So neither the number of threads nor
//! the cut shows in the answer.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::File;
use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use super::{Reading, Source, lock};
use crate::capture::connection::Connection;
use crate::capture::layers::Options;
use crate::capture::piece::Piece;
use crate::capture::reader::{HEADROOM, ReadFault, Reader};
use crate::capture::table::{Finished, Table};
use crate::capture::tracker::{Tracked, Tracker};
use crate::fault::{FaultKind, FaultTally};
use crate::input::{self, Opened, Plan};
use crate::tally::CaptureTotals;

/// Bytes of a capture that are decoded at a time.
const PIECE: usize = 1 << 20;
/// Most connections that are handed on at once.
const PART: usize = 1 << 10;
/// Files of one capture may overlap so much: a writer rotates while packets wait to be written.
const OVERLAP: i64 = 1_000_000_000;

/// A capture in the plan.
pub(super) struct Found<'a> {
    /// Number of the file.
    pub file: u32,
    /// Time of its first packet, where it can be told.
    pub first_time: Option<i64>,
    /// The opened file, where it cannot be opened again.
    pub opened: Option<Source<'a>>,
}

/// How captures are read.
#[derive(Debug, Clone)]
pub struct CaptureReading {
    /// Most live connections.
    pub connections: usize,
    /// What to open.
    pub layers: Options,
}

/// What was read.
#[derive(Debug, Default)]
pub struct CapturesRead {
    /// What became of packets.
    pub totals: CaptureTotals,
    /// Faults.
    pub faults: FaultTally,
    /// Files of which a packet was counted.
    pub flow_files: BTreeSet<u32>,
    /// Bytes of (inflated) content.
    pub bytes: u64,
}

/// What takes a worker's share of the connections.
pub(super) type Taker<'t> = Box<dyn Finished + Send + 't>;

/// Reads captures with a worker for each of `takers`; connections go to whichever is free.
pub(super) fn run(
    pool: &rayon::ThreadPool,
    plan: &Plan,
    mut found: Vec<Found<'_>>,
    reading: &Reading,
    mut takers: Vec<Taker<'_>>,
    progress: &AtomicU64,
) -> CapturesRead {
    found.sort_by_cached_key(|found| {
        let series = series(&plan.path(found.file).to_string_lossy());
        (series, found.first_time, found.file)
    });
    let mut feed = Feed::new(plan, found, reading, progress);
    feed.in_chunks = takers.len() > 1;
    let (feed, turned) = (Mutex::new(feed), Condvar::new());
    let ended = Mutex::new(Ended::default());
    let joining = Joining {
        state: Mutex::new(Joiner::new(reading.captures.connections, &ended)),
        moved: Condvar::new(),
        most_ready: 2 * takers.len(),
    };
    pool.scope(|scope| {
        for taker in &mut takers {
            let (feed, joining, ended, turned) = (&feed, &joining, &ended, &turned);
            scope.spawn(move |_| {
                let mut tracker = Tracker::new(reading.captures.layers.clone());
                let mut piece = Piece::default();
                loop {
                    take_all(ended, taker);
                    let next = lock(feed).next(&mut piece);
                    let ticket = match next {
                        Next::Piece(ticket) => ticket,
                        Next::Chunk(chunk) => {
                            let read = chunk.read(&mut piece, progress);
                            match decode_in_turn(feed, turned, &chunk, read, &mut piece) {
                                Some(ticket) => ticket,
                                None => continue,
                            }
                        }
                        Next::Nothing => break,
                    };
                    let tracked = tracker.track(&piece, ticket.file);
                    joining.put(ticket, tracked);
                }
            });
        }
    });
    let joiner = joining.state.into_inner();
    let mut read = joiner.unwrap_or_else(PoisonError::into_inner).finish();
    pool.scope(|scope| {
        for taker in &mut takers {
            let ended = &ended;
            scope.spawn(move |_| take_all(ended, taker));
        }
    });
    let feed = feed.into_inner().unwrap_or_else(PoisonError::into_inner);
    read.totals.files = feed.files;
    read.bytes = feed.bytes;
    read.faults.merge(feed.faults);
    read
}

/// Connections that have ended, in parts.
#[derive(Debug, Default)]
struct Ended {
    parts: VecDeque<Vec<Connection>>,
}

impl Finished for Ended {
    fn finished(&mut self, connections: &[Connection]) {
        self.parts.push_back(connections.to_vec());
    }
}

/// Hands on parts while there are any.
fn take_all(ended: &Mutex<Ended>, taker: &mut Taker<'_>) {
    loop {
        let part = lock(ended).parts.pop_front();
        let Some(mut part) = part else { return };
        part.sort_unstable_by_key(|connection| (connection.file, connection.offset));
        for connections in part.chunks(PART) {
            taker.finished(connections);
        }
    }
}

/// What the names of a capture's rotated files have in common. Numbers count for nothing where a
/// writer puts them: behind `_` or the last dot (`x.pcap1`), two digits or more behind a separator, and
/// folders that are nothing but a number, such as a day's. The 1 of `vm1.pcap` is a name's.
fn series(path: &str) -> String {
    let mut parts: Vec<_> = path.split('/').collect();
    let name = parts.pop().unwrap_or_default();
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let folders = parts
        .into_iter()
        .map(|part| if is_number(part) { "#" } else { part });
    let mut series: String = folders.flat_map(|part| [part, "/"]).collect();
    let ending = name.rfind('.').unwrap_or(name.len());
    let mut at = 0;
    while at < name.len() {
        let rest = &name[at..];
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            let letter = rest.chars().next().unwrap_or_default();
            series.push(letter);
            at += letter.len_utf8();
            continue;
        }
        let behind = name[..at].chars().next_back();
        let counts = at > ending
            || behind == Some('_')
            || digits >= 2 && behind.is_none_or(|letter| !letter.is_alphanumeric());
        series.push_str(if counts { "#" } else { &rest[..digits] });
        at += digits;
    }
    series
}

/// Where a piece belongs.
#[derive(Debug, Clone)]
struct Ticket {
    /// Its place among all pieces.
    number: u64,
    file: u32,
    /// Where it is the file's first: the file's [`series`].
    begins: Option<String>,
}

/// What a worker does next.
enum Next {
    /// A piece was read and decoded.
    Piece(Ticket),
    /// Read this chunk, without holding up others, and have it decoded in its turn.
    Chunk(Chunk),
    /// There is nothing more.
    Nothing,
}

/// A chunk of a regular file, to be read.
struct Chunk {
    source: Arc<File>,
    /// Which of the opened files it is of.
    opened: u64,
    /// Its place among the chunks of that.
    number: u64,
    /// Where it begins.
    at: u64,
}

impl Chunk {
    /// Reads it into the room behind the piece's [`HEADROOM`]; whether the file ends with it.
    fn read(&self, piece: &mut Piece, progress: &AtomicU64) -> io::Result<bool> {
        piece.bytes.resize(HEADROOM + PIECE, 0);
        let mut filled = HEADROOM;
        let result = loop {
            if filled == piece.bytes.len() {
                break Ok(false);
            }
            let at = self.at + (filled - HEADROOM) as u64;
            match read_at(&self.source, &mut piece.bytes[filled..], at) {
                Ok(0) => break Ok(true),
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        piece.bytes.truncate(filled);
        progress.fetch_add((filled - HEADROOM) as u64, Ordering::Relaxed);
        result
    }
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
fn decode_in_turn(
    feed: &Mutex<Feed<'_>>,
    turned: &Condvar,
    chunk: &Chunk,
    read: io::Result<bool>,
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
struct Feed<'a> {
    plan: &'a Plan,
    reading: &'a Reading,
    progress: &'a AtomicU64,
    queue: VecDeque<Found<'a>>,
    /// Whether several workers may read one file.
    in_chunks: bool,
    open: Option<Open<'a>>,
    /// Files opened so far.
    opened: u64,
    next: u64,
    files: u64,
    bytes: u64,
    faults: FaultTally,
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
    fn new(
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
            in_chunks: false,
            open: None,
            opened: 0,
            next: 0,
            files: 0,
            bytes: 0,
            faults: FaultTally::default(),
        }
    }

    /// Fills `piece` with the next packets, or tells where they are to be read.
    fn next(&mut self, piece: &mut Piece) -> Next {
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
    fn decode(
        &mut self,
        chunk: &Chunk,
        read: io::Result<bool>,
        piece: &mut Piece,
    ) -> Option<Ticket> {
        let open = self.open.as_mut().filter(|_| self.opened == chunk.opened)?;
        open.chunks.as_mut()?.decoded += 1;
        let (ended, failure) = match read {
            Ok(ended) => (ended, None),
            Err(error) => (true, Some(error)),
        };
        let mut faults = Vec::new();
        open.reader.decode_chunk(piece, ended, &mut faults);
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
        if !(self.in_chunks && cfg!(unix) && self.plan.is_regular(file)) {
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

/// Joins what pieces add up to.
struct Joining<'f> {
    state: Mutex<Joiner<'f>>,
    /// Told when pieces were joined.
    moved: Condvar,
    most_ready: usize,
}

struct Joiner<'f> {
    next: u64,
    /// Pieces that came before their turn.
    ready: BTreeMap<u64, (Ticket, Tracked)>,
    table: Table,
    connections: usize,
    series: Option<String>,
    /// Time of the last packet.
    last: Option<i64>,
    ended: &'f Mutex<Ended>,
    read: CapturesRead,
}

impl Joining<'_> {
    fn put(&self, ticket: Ticket, tracked: Tracked) {
        let mut joiner = lock(&self.state);
        while ticket.number != joiner.next && joiner.ready.len() >= self.most_ready {
            joiner = self
                .moved
                .wait(joiner)
                .unwrap_or_else(PoisonError::into_inner);
        }
        joiner.ready.insert(ticket.number, (ticket, tracked));
        while let Some((ticket, tracked)) = {
            let next = joiner.next;
            joiner.ready.remove(&next)
        } {
            joiner.join(ticket, tracked);
            joiner.next += 1;
        }
        self.moved.notify_all();
    }
}

impl<'f> Joiner<'f> {
    fn new(connections: usize, ended: &'f Mutex<Ended>) -> Self {
        Self {
            next: 0,
            ready: BTreeMap::new(),
            table: Table::new(connections),
            connections,
            series: None,
            last: None,
            ended,
            read: CapturesRead::default(),
        }
    }

    fn join(&mut self, ticket: Ticket, tracked: Tracked) {
        if let Some(series) = ticket.begins {
            let first = tracked.span.map(|(first, _)| first);
            let follows = self
                .last
                .zip(first)
                .is_none_or(|(last, first)| first >= last.saturating_sub(OVERLAP));
            if self.series.as_ref() != Some(&series) || !follows {
                self.end_capture();
            }
            self.series = Some(series);
        }
        if let Some((_, last)) = tracked.span {
            self.last = Some(last);
        }
        if tracked.counts.counted > 0 {
            self.read.flow_files.insert(ticket.file);
        }
        let mut ended = Ended::default();
        self.table.absorb(tracked, &mut ended);
        if !ended.parts.is_empty() {
            lock(self.ended).parts.append(&mut ended.parts);
        }
    }

    /// What follows is another capture.
    fn end_capture(&mut self) {
        if self.series.take().is_none() {
            return;
        }
        self.last = None;
        let empty = Table::new(self.connections);
        let (parts, seen) = std::mem::replace(&mut self.table, empty).into_parts();
        lock(self.ended).parts.extend(parts);
        self.read.faults.merge(seen.faults);
        self.read.totals.add(&CaptureTotals {
            captures: 1,
            packets: seen.packets.read,
            packets_counted: seen.packets.counted,
            packets_not_ip: seen.packets.not_ip,
            packets_skipped: seen.packets.skipped,
            connections: seen.ended,
            connections_evicted: seen.evicted,
            connections_tunnelled: seen.tunnelled,
            lost_errors: seen.lost_errors,
            ..CaptureTotals::default()
        });
    }

    fn finish(mut self) -> CapturesRead {
        self.end_capture();
        self.read
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotated_files_are_one_series_and_machines_are_not() {
        let same = [
            "/vm-1/2026/01/05/packetcapture_14_00_00_000.cap",
            "/vm-1/2026/01/06/packetcapture_00_15_10_123.cap",
        ];
        assert_eq!(series(same[0]), series(same[1]));
        assert_ne!(
            series(same[0]),
            series("/vm-2/2026/01/05/packetcapture_14_00_00_000.cap")
        );
        assert_eq!(series("ring_00001_2026.pcap"), "ring_#_#.pcap");
        assert_eq!(series("x.pcap1"), series("x.pcap12"));
        assert_ne!(series("vm1.pcap"), series("vm2.pcap"));
        assert_ne!(series("vm-1.pcap"), series("vm-2.pcap"));
        assert_eq!(series("x_1.pcap"), series("x_2.pcap"));
        assert_eq!(series("é1.7ü"), "é1.#ü");
    }
}
