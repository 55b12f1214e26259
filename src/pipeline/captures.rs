//! Captures: one file after another, read in pieces that workers decode side by side; what the pieces
//! add up to is joined in their order.
//!
//! Only framing is done by one worker at a time, and joining by one for each share of the
//! conversations. So neither the number of threads nor the cut shows in the answer.

mod feed;
mod joining;
mod series;

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::AtomicU64;
use std::sync::{Condvar, Mutex, PoisonError};

use super::{Reading, Source, lock};
use crate::capture::connection::Connection;
use crate::capture::layers::Options;
use crate::capture::piece::Piece;
use crate::capture::spread::SHARES;
use crate::capture::table::Finished;
use crate::capture::tracker::Tracker;
use crate::fault::FaultTally;
use crate::input::Plan;
use crate::tally::CaptureTotals;
use feed::{Feed, Next, decode_in_turn};
use joining::Joining;
use series::series;

/// Most connections that are handed on at once.
const PART: usize = 1 << 10;
/// With fewer live connections allowed, their share of the limit would be too little.
const FEW: usize = 1 << 16;

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

/// Shares in which at most so many live connections are kept.
pub(super) fn shares(connections: usize) -> usize {
    if connections < FEW { 1 } else { SHARES }
}

/// Reads captures with a worker for each of `takers`, keeping live connections in so many `shares`;
/// connections go to whichever is free.
pub(super) fn run(
    pool: &rayon::ThreadPool,
    plan: &Plan,
    mut found: Vec<Found<'_>>,
    reading: &Reading,
    shares: usize,
    mut takers: Vec<Taker<'_>>,
    progress: &AtomicU64,
) -> CapturesRead {
    found.sort_by_cached_key(|found| {
        let series = series(&plan.path(found.file).to_string_lossy());
        (series, found.first_time, found.file)
    });
    let feed = Feed::new(plan, found, reading, progress);
    let (feed, turned) = (Mutex::new(feed), Condvar::new());
    let ended = Mutex::new(Ended::default());
    let (limit, waiting) = (reading.captures.connections, takers.len().div_ceil(2));
    let joining = Joining::new(limit, shares, waiting, &ended);
    pool.scope(|scope| {
        for taker in &mut takers {
            let (feed, joining, ended, turned) = (&feed, &joining, &ended, &turned);
            scope.spawn(move |_| {
                let mut tracker = Tracker::new(reading.captures.layers.clone(), shares);
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
    joining.end();
    pool.scope(|scope| {
        for taker in &mut takers {
            let (joining, ended) = (&joining, &ended);
            scope.spawn(move |_| {
                joining.join_rest();
                take_all(ended, taker);
            });
        }
    });
    let mut read = joining.finish();
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
