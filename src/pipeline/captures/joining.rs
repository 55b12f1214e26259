//! What pieces add up to is joined: in their order, by several workers side by side, each of which
//! takes one share of the conversations at a time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::feed::Ticket;
use super::{CapturesRead, Ended};
use crate::capture::sequence::Sequence;
use crate::capture::spread::Spread;
use crate::capture::table::Table;
use crate::capture::tracker::Tracked;
use crate::pipeline::lock;
use crate::tally::CaptureTotals;

/// Files of one capture may overlap so much: a writer rotates while packets wait to be written.
const OVERLAP: i64 = 1_000_000_000;

/// Joins what pieces add up to.
pub(super) struct Joining<'e> {
    state: Mutex<State>,
    /// The live connections, by share.
    tables: Vec<Mutex<Table>>,
    /// Told when pieces were joined.
    moved: Condvar,
    /// Most live connections of a capture.
    connections: usize,
    /// Pieces that may wait to be joined.
    most_waiting: usize,
    ended: &'e Mutex<Ended>,
}

/// Where the joining is.
#[derive(Default)]
struct State {
    /// Number of the piece that comes next.
    next: u64,
    /// Pieces that came before their turn.
    ready: BTreeMap<u64, (Ticket, Tracked)>,
    /// The capture so far.
    sequence: Sequence,
    series: Option<String>,
    /// Time of the last packet.
    last: Option<i64>,
    /// Steps that not all shares have done.
    steps: VecDeque<Arc<Step>>,
    /// How many came before these.
    passed: u64,
    shares: Vec<Share>,
    read: CapturesRead,
}

/// What each share does, in order.
enum Step {
    /// Join a piece whose last packet has this time.
    Join(Spread, Option<i64>),
    /// What follows is another capture.
    End,
}

/// Where a share is.
#[derive(Clone, Copy, Default)]
struct Share {
    /// Steps done.
    done: u64,
    /// Whether a worker is at it.
    busy: bool,
}

impl<'e> Joining<'e> {
    /// Joins to at most `connections` live ones, kept by `shares`; those that end go to `ended`.
    pub(super) fn new(
        connections: usize,
        shares: usize,
        most_waiting: usize,
        ended: &'e Mutex<Ended>,
    ) -> Self {
        let table = || Mutex::new(Table::new(connections, shares));
        Self {
            state: Mutex::new(State {
                shares: vec![Share::default(); shares],
                ..State::default()
            }),
            tables: (0..shares).map(|_| table()).collect(),
            moved: Condvar::new(),
            connections,
            most_waiting,
            ended,
        }
    }

    /// Takes a piece, and joins what can be joined. Where too much waits, it waits too.
    pub(super) fn put(&self, ticket: Ticket, tracked: Tracked) {
        let mut state = lock(&self.state);
        state.ready.insert(ticket.number, (ticket, tracked));
        state.advance();
        self.moved.notify_all();
        self.join(state);
    }

    /// The last capture is over.
    pub(super) fn end(&self) {
        lock(&self.state).end_capture();
    }

    /// Does what is left to do for the shares, side by side with others.
    pub(super) fn join_rest(&self) {
        self.join(lock(&self.state));
    }

    /// What was read, when all is joined.
    pub(super) fn finish(self) -> CapturesRead {
        let state = self.state.into_inner();
        state.unwrap_or_else(PoisonError::into_inner).read
    }

    fn join<'s>(&'s self, mut state: MutexGuard<'s, State>) {
        loop {
            if let Some((share, steps)) = state.take() {
                drop(state);
                let totals = self.steps(share, &steps);
                state = lock(&self.state);
                state.read.totals.add(&totals);
                state.give_back(share, steps.len());
                self.moved.notify_all();
            } else if state.ready.len() + state.steps.len() > self.most_waiting {
                let woken = self.moved.wait(state);
                state = woken.unwrap_or_else(PoisonError::into_inner);
            } else {
                return;
            }
        }
    }

    /// Does a share's next steps.
    fn steps(&self, share: usize, steps: &[Arc<Step>]) -> CaptureTotals {
        let mut table = lock(&self.tables[share]);
        let (mut ended, mut totals) = (Ended::default(), CaptureTotals::default());
        for step in steps {
            match &**step {
                Step::Join(spread, now) => table.absorb(spread.share(share), *now, &mut ended),
                Step::End => {
                    let empty = Table::new(self.connections, self.tables.len());
                    let (parts, seen) = std::mem::replace(&mut *table, empty).into_parts();
                    ended.parts.extend(parts);
                    totals.add(&CaptureTotals {
                        connections: seen.ended,
                        connections_evicted: seen.evicted,
                        connections_tunnelled: seen.tunnelled,
                        lost_errors: seen.lost_errors,
                        ..CaptureTotals::default()
                    });
                }
            }
        }
        if !ended.parts.is_empty() {
            lock(self.ended).parts.append(&mut ended.parts);
        }
        totals
    }
}

impl State {
    /// Makes steps of the pieces whose turn it is.
    fn advance(&mut self) {
        while let Some((ticket, tracked)) = self.ready.remove(&self.next) {
            self.next += 1;
            self.piece(ticket, tracked);
        }
    }

    fn piece(&mut self, ticket: Ticket, tracked: Tracked) {
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
        let now = tracked.span.map(|(_, last)| last);
        self.last = now.or(self.last);
        if tracked.counts.counted > 0 {
            self.read.flow_files.insert(ticket.file);
        }
        let spread = self.sequence.take(tracked, self.shares.len());
        self.steps.push_back(Arc::new(Step::Join(spread, now)));
    }

    /// What follows is another capture.
    fn end_capture(&mut self) {
        if self.series.take().is_none() {
            return;
        }
        self.last = None;
        self.steps.push_back(Arc::new(Step::End));
        let Sequence {
            packets, faults, ..
        } = std::mem::take(&mut self.sequence);
        self.read.faults.merge(faults);
        self.read.totals.add(&CaptureTotals {
            captures: 1,
            packets: packets.read,
            packets_counted: packets.counted,
            packets_not_ip: packets.not_ip,
            packets_skipped: packets.skipped,
            ..CaptureTotals::default()
        });
    }

    /// The share that nobody is at and that is furthest behind, and its next steps.
    fn take(&mut self) -> Option<(usize, Vec<Arc<Step>>)> {
        let all = self.passed + self.steps.len() as u64;
        let (number, share) = (self.shares.iter_mut().enumerate())
            .filter(|(_, share)| !share.busy && share.done < all)
            .min_by_key(|(number, share)| (share.done, *number))?;
        share.busy = true;
        let done = (share.done - self.passed) as usize;
        Some((number, self.steps.iter().skip(done).cloned().collect()))
    }

    /// A share has done so many more steps; those that all have done are over.
    fn give_back(&mut self, share: usize, steps: usize) {
        let share = &mut self.shares[share];
        share.done += steps as u64;
        share.busy = false;
        let least = self.shares.iter().map(|share| share.done).min();
        let over = least.unwrap_or(self.passed) - self.passed;
        self.steps.drain(..over as usize);
        self.passed += over;
    }
}
