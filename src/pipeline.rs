//! Plan -> workers -> what they gathered. The only module that starts threads.
//!
//! Files are taken in the plan's order. A large file is cut into segments that workers read side by
//! side, each from the first record start it finds; afterwards the segments are checked to meet
//! ([`Outcome::join`]), and where they do not, everything is read once more with that file in one
//! piece. So neither the number of threads nor the cut shows in the answer.

mod captures;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{self, Cursor, Read, Seek as _, SeekFrom};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

pub use captures::{CaptureReading, CapturesRead};
use captures::{Found, Taker};

use crate::capture::reader::first_time;
use crate::capture::record::{Recorder, Vantage};
use crate::capture::table::Finished;
use crate::error::{Error, Result};
use crate::fault::FaultKind;
use crate::flowlog::scan::UNCLOSED;
use crate::flowlog::{LogKind, Outcome, Scanner, Segment, Sink, traffic_analytics};
use crate::input::{self, Kind, Opened, Plan};
use crate::simd::Level;
use crate::tally::finish::{FileFindings, Gathered};
use crate::tally::trace::Tracer;
use crate::tally::{FileNotes, Shared, Worker};

/// Files from this size on are cut into segments of this size, where there are several workers.
const SEGMENT: u64 = 16 << 20;
/// Bytes of a file that are looked at to tell what it is.
const HEAD: usize = 64 << 10;

/// How to read.
#[derive(Debug, Clone)]
pub struct Reading {
    /// Workers.
    pub threads: usize,
    /// Instructions that the scanner uses.
    pub level: Level,
    /// Limits of a scanner.
    pub scan: crate::flowlog::Limits,
    /// Limits of compressed input.
    pub open: input::Limits,
    /// How captures are read.
    pub captures: CaptureReading,
}

/// Reads the whole plan into a tally, made by `tally` anew for each attempt (of which there are at
/// most two). `progress` counts bytes read.
///
/// # Errors
/// Where threads cannot be started.
pub fn run<'a>(
    plan: &Plan,
    reading: &Reading,
    tally: &dyn Fn() -> Shared<'a>,
    progress: &AtomicU64,
) -> Result<Gathered> {
    let pool = pool(reading.threads)?;
    let mut in_one_piece = BTreeSet::new();
    loop {
        let shared = tally();
        let attempt = Attempt::new(plan, reading, &in_one_piece, progress);
        pool.scope(|scope| {
            for number in 0..reading.threads {
                let (attempt, shared) = (&attempt, &shared);
                scope.spawn(move |_| attempt.work(Worker::new(shared, number)));
            }
        });
        let results = attempt
            .results
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        match results.settle(&shared) {
            Ok(mut files) => {
                shared.merge_faults(plan.faults().clone());
                let found = attempt
                    .captures
                    .into_inner()
                    .unwrap_or_else(PoisonError::into_inner);
                if !found.is_empty() {
                    tally_captures(&pool, plan, found, reading, &shared, &mut files, progress);
                }
                return Ok(shared.gather(plan.len() as u64, files));
            }
            Err(torn) => in_one_piece.extend(torn),
        }
        progress.store(0, Ordering::Relaxed);
    }
}

/// Reads captures into the tally.
fn tally_captures(
    pool: &rayon::ThreadPool,
    plan: &Plan,
    found: Vec<Found<'_>>,
    reading: &Reading,
    shared: &Shared<'_>,
    files: &mut FileFindings,
    progress: &AtomicU64,
) {
    let mut workers: Vec<_> = (0..reading.threads)
        .map(|number| Worker::new(shared, number))
        .collect();
    for worker in &mut workers {
        worker.begin_file(found[0].file, None);
    }
    let takers = workers
        .iter_mut()
        .map(|worker| Box::new(Recorder::new(worker, Audited(shared))) as Taker<'_>)
        .collect();
    let shares = captures::shares(reading.captures.connections);
    let read = captures::run(pool, plan, found, reading, shares, takers, progress);
    for (number, mut worker) in workers.into_iter().enumerate() {
        worker.end_file(if number == 0 { read.bytes } else { 0 }, 0);
        worker.finish();
    }
    shared.merge_faults(read.faults);
    shared.add_captures(&read.totals);
    for file in read.flow_files {
        let notes = FileNotes {
            kinds: 1 << LogKind::Capture as u8,
            records: 1,
            ..FileNotes::default()
        };
        files.add(file, notes);
    }
}

/// Reads the plan once more, with one worker and in its order, into a tracer. `shared` is the tally that
/// the tracer was made with.
///
/// # Errors
/// Where the thread cannot be started.
pub fn trace(
    plan: &Plan,
    reading: &Reading,
    shared: &Shared<'_>,
    tracer: &mut Tracer<'_>,
    progress: &AtomicU64,
) -> Result<()> {
    let mut scanner = Scanner::new(reading.level, reading.scan);
    let mut found = Vec::new();
    for file in 0..plan.len() as u32 {
        tracer.begin_file(file, plan.hour(file));
        // What cannot be opened was a fault when it was counted.
        let Ok(opened) = plan.open(file, &reading.open) else {
            continue;
        };
        let source = Source::new(opened, progress);
        if source.kind == Kind::Capture {
            found.push(source.found(plan, file));
        } else {
            source.scan(file, Segment::WHOLE, &mut scanner, tracer);
        }
    }
    if let Some(first) = found.first() {
        tracer.begin_file(first.file, None);
        let takers = vec![Box::new(Recorder::new(tracer, Audited(shared))) as Taker<'_>];
        let shares = captures::shares(reading.captures.connections);
        captures::run(&pool(1)?, plan, found, reading, shares, takers, progress);
    }
    Ok(())
}

/// The audited network, as a tally knows it.
struct Audited<'a>(&'a Shared<'a>);

impl Vantage for Audited<'_> {
    fn is_local(&self, address: IpAddr) -> bool {
        self.0.is_local(address)
    }

    fn is_service(&self, port: u16) -> bool {
        self.0.is_service(port)
    }
}

/// Reads the captures of a plan, with one worker; their connections go to `finished` in an order that
/// is always the same. Other files are faults.
///
/// # Errors
/// Where the thread cannot be started.
pub fn connections(
    plan: &Plan,
    reading: &Reading,
    finished: &mut (dyn Finished + Send),
    progress: &AtomicU64,
) -> Result<CapturesRead> {
    let mut faults = plan.faults().clone();
    let mut found = Vec::new();
    for file in 0..plan.len() as u32 {
        match plan.open(file, &reading.open) {
            Ok(opened) => match Source::new(opened, progress) {
                source if source.kind == Kind::Capture => found.push(source.found(plan, file)),
                source => {
                    let detail = format!("expected a packet capture, found {}", source.what());
                    faults.add(file, 0, FaultKind::NotFlowLog, detail);
                }
            },
            Err(fault) => faults.add(file, 0, fault.kind, fault.detail),
        }
    }
    let takers = vec![Box::new(finished) as Taker<'_>];
    // In one share, so that connections come in the order in which they ended.
    let mut read = captures::run(&pool(1)?, plan, found, reading, 1, takers, progress);
    read.faults.merge(faults);
    Ok(read)
}

fn pool(threads: usize) -> Result<rayon::ThreadPool> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|error| Error::Usage {
            message: format!("cannot start {threads} threads: {error}"),
        })
}

/// One reading of everything.
struct Attempt<'a> {
    plan: &'a Plan,
    reading: &'a Reading,
    /// Files whose segments did not meet.
    in_one_piece: &'a BTreeSet<u32>,
    queue: Mutex<Queue>,
    /// Told when a file's segments are in the queue.
    cut: Condvar,
    results: Mutex<Results>,
    /// Captures among the files: they are read when all logs are.
    captures: Mutex<Vec<Found<'a>>>,
    progress: &'a AtomicU64,
}

/// What is still to be read.
#[derive(Default)]
struct Queue {
    next: u32,
    /// Files that were taken and may yet be cut into segments.
    opening: u32,
    /// Segments of files that were begun: file, number of the segment, where it lies.
    segments: VecDeque<(u32, usize, Segment)>,
}

/// What a worker takes.
#[derive(Debug, PartialEq, Eq)]
enum Unit {
    File(u32),
    Segment(u32, usize, Segment),
}

impl<'a> Attempt<'a> {
    fn new(
        plan: &'a Plan,
        reading: &'a Reading,
        in_one_piece: &'a BTreeSet<u32>,
        progress: &'a AtomicU64,
    ) -> Self {
        Self {
            plan,
            reading,
            in_one_piece,
            queue: Mutex::default(),
            cut: Condvar::new(),
            results: Mutex::default(),
            captures: Mutex::default(),
            progress,
        }
    }

    fn work(&self, mut worker: Worker<'_>) {
        let mut scanner = Scanner::new(self.reading.level, self.reading.scan);
        while let Some(unit) = self.take() {
            match unit {
                Unit::File(file) => self.file(file, &mut scanner, &mut worker),
                Unit::Segment(file, number, segment) => {
                    self.segment(file, number, segment, &mut scanner, &mut worker);
                }
            }
        }
        worker.finish();
    }

    /// What to read next. Where all files are taken, it waits for those that others may yet cut.
    fn take(&self) -> Option<Unit> {
        let mut queue = lock(&self.queue);
        loop {
            if let Some((file, number, segment)) = queue.segments.pop_front() {
                return Some(Unit::Segment(file, number, segment));
            }
            if (queue.next as usize) < self.plan.len() {
                queue.next += 1;
                queue.opening += 1;
                return Some(Unit::File(queue.next - 1));
            }
            if queue.opening == 0 {
                return None;
            }
            queue = self.cut.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// A file that was taken will not be cut any more: `segments` are all that others may read.
    fn opened(&self, segments: impl Iterator<Item = (u32, usize, Segment)>) {
        let mut queue = lock(&self.queue);
        queue.segments.extend(segments);
        queue.opening -= 1;
        self.cut.notify_all();
    }

    fn file(&self, file: u32, scanner: &mut Scanner, worker: &mut Worker<'_>) {
        worker.begin_file(file, self.plan.hour(file));
        let opened = match self.plan.open(file, &self.reading.open) {
            Ok(opened) => opened,
            Err(fault) => {
                self.opened(std::iter::empty());
                worker.fault(0, fault.kind, fault.detail);
                return;
            }
        };
        let length = match &opened {
            Opened::Seekable { length, .. } => *length,
            Opened::Stream(_) => 0,
        };
        let source = Source::new(opened, self.progress);
        if source.kind == Kind::Capture {
            self.opened(std::iter::empty());
            lock(&self.captures).push(source.found(self.plan, file));
            return;
        }
        let first = self.cut(file, length);
        let outcome = source.scan(file, first, scanner, worker);
        if let Some(end) = outcome.end.filter(|&end| end < length) {
            let detail = format!("expected {length} bytes, as when it was opened, found {end}");
            worker.fault(end, FaultKind::FileShrank, detail);
        }
        let notes = worker.end_file(outcome.bytes, outcome.tuples_faulty);
        lock(&self.results).add(file, 0, first == Segment::WHOLE, outcome, notes);
    }

    /// The file's first segment; the others go to the queue.
    fn cut(&self, file: u32, length: u64) -> Segment {
        if length < 2 * SEGMENT || self.reading.threads == 1 || self.in_one_piece.contains(&file) {
            self.opened(std::iter::empty());
            return Segment::WHOLE;
        }
        let count = length / SEGMENT;
        let segment = |number: u64| Segment {
            start: number * SEGMENT,
            end: if number + 1 == count {
                u64::MAX
            } else {
                (number + 1) * SEGMENT
            },
        };
        self.opened((1..count).map(|number| (file, number as usize, segment(number))));
        segment(0)
    }

    fn segment(
        &self,
        file: u32,
        number: usize,
        segment: Segment,
        scanner: &mut Scanner,
        worker: &mut Worker<'_>,
    ) {
        worker.begin_file(file, self.plan.hour(file));
        let opened = self.plan.open(file, &self.reading.open);
        let mut outcome = Outcome::default();
        match opened {
            Ok(Opened::Seekable {
                file: mut handle, ..
            }) => {
                let sought = handle.seek(SeekFrom::Start(segment.start)).map(|_| ());
                let mut counted = Counted {
                    inner: handle,
                    progress: self.progress,
                };
                let (read, result) = scanner.scan(&mut counted, segment, file, worker);
                outcome = read;
                if let Err(error) = sought.and(result) {
                    worker.fault(segment.start, FaultKind::Unreadable, error.to_string());
                }
            }
            Ok(Opened::Stream(_)) => {
                worker.fault(
                    segment.start,
                    FaultKind::Unreadable,
                    "expected the file that was opened before, found another".to_owned(),
                );
            }
            Err(fault) => worker.fault(segment.start, fault.kind, fault.detail),
        }
        let notes = worker.end_file(outcome.bytes, outcome.tuples_faulty);
        lock(&self.results).add(file, number, false, outcome, notes);
    }
}

/// An opened file, and what its first bytes say it is.
pub struct Source<'a> {
    kind: Kind,
    head: Vec<u8>,
    rest: Rest<Counted<'a, Box<dyn Read + Send>>>,
}

impl std::fmt::Debug for Source<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Source({:?})", self.kind)
    }
}

impl<'a> Source<'a> {
    /// Looks at the first bytes of an opened file. `progress` counts what is read.
    pub fn new(opened: Opened, progress: &'a AtomicU64) -> Self {
        let inner: Box<dyn Read + Send> = match opened {
            Opened::Seekable { file, .. } => Box::new(file),
            Opened::Stream(stream) => stream,
        };
        let mut reader = Counted { inner, progress };
        let (head, failed) = head(&mut reader);
        let kind = match input::sniff(&head) {
            // White space may go on and hide what comes after it.
            Kind::Empty if head.len() == HEAD => Kind::FlowLogJson,
            kind => kind,
        };
        Self {
            kind,
            head,
            rest: Rest { reader, failed },
        }
    }

    /// What it is, in words.
    fn what(&self) -> &str {
        match &self.kind {
            Kind::FlowLogJson => "a flow log",
            Kind::TrafficAnalyticsCsv | Kind::TrafficAnalyticsJson => "a Traffic Analytics export",
            Kind::Capture => "a packet capture",
            Kind::NotFlowLog(what) => what,
            Kind::Empty => "an empty file",
        }
    }

    /// As a capture of the plan. Kept open only where it cannot be opened again.
    fn found(self, plan: &Plan, file: u32) -> Found<'a> {
        Found {
            file,
            first_time: first_time(&self.head),
            opened: (!plan.is_regular(file)).then_some(self),
        }
    }

    fn into_reader(self) -> Box<dyn Read + Send + 'a> {
        Box::new(Cursor::new(self.head).chain(self.rest))
    }

    /// Reads it, as what it is, into `sink`. A capture is a fault here.
    pub fn scan(
        self,
        file: u32,
        segment: Segment,
        scanner: &mut Scanner,
        sink: &mut dyn Sink,
    ) -> Outcome {
        let mut outcome = Outcome::default();
        let kind = self.kind.clone();
        let mut whole = Cursor::new(&self.head[..]).chain(self.rest);
        let result = match kind {
            Kind::FlowLogJson => {
                let (read, result) = scanner.scan(&mut whole, segment, file, sink);
                outcome = read;
                if let (true, Some(end), Ok(())) = (
                    unclosed(&outcome) && segment == Segment::WHOLE,
                    outcome.end,
                    &result,
                ) {
                    sink.fault(end, FaultKind::Truncated, UNCLOSED.to_owned());
                }
                result
            }
            Kind::TrafficAnalyticsCsv => read_rows(
                traffic_analytics::decode_csv(whole, file, &mut Borrowed(sink)),
                &mut outcome,
            ),
            Kind::TrafficAnalyticsJson => read_rows(
                traffic_analytics::decode_json(whole, file, &mut Borrowed(sink)),
                &mut outcome,
            ),
            Kind::Capture => {
                let detail = "expected a flow log, found a packet capture: --from capture prints its connections";
                sink.fault(0, FaultKind::NotFlowLog, detail.to_owned());
                Ok(())
            }
            Kind::NotFlowLog(what) => {
                let detail = format!("expected a flow log, found {what}");
                sink.fault(0, FaultKind::NotFlowLog, detail);
                Ok(())
            }
            Kind::Empty => whole.read(&mut [0]).map(|_| ()),
        };
        if let Err(error) = result {
            let at = outcome.end.unwrap_or_default();
            sink.fault(at, input::stream_fault(&error), error.to_string());
        }
        outcome
    }
}

fn read_rows(result: io::Result<u64>, outcome: &mut Outcome) -> io::Result<()> {
    result.map(|bytes| {
        outcome.bytes = bytes;
        outcome.end = Some(bytes);
    })
}

fn unclosed(outcome: &Outcome) -> bool {
    outcome.opened > 0 && !outcome.truncated
}

/// A sink by reference, for decoders that want to know its type.
struct Borrowed<'a>(&'a mut dyn Sink);

impl Sink for Borrowed<'_> {
    fn record(&mut self, batch: &crate::flowlog::RecordBatch) {
        self.0.record(batch);
    }

    fn fault(&mut self, offset: u64, kind: FaultKind, detail: String) {
        self.0.fault(offset, kind, detail);
    }
}

/// The first [`HEAD`] bytes; and an error that came before them all.
fn head(reader: &mut impl Read) -> (Vec<u8>, Option<io::Error>) {
    let mut head = Vec::new();
    let result = reader.by_ref().take(HEAD as u64).read_to_end(&mut head);
    (head, result.err())
}

/// The rest of a file: the error that its head ended with first.
struct Rest<R> {
    reader: R,
    failed: Option<io::Error>,
}

impl<R: Read> Read for Rest<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.failed.take() {
            Some(error) => Err(error),
            None => self.reader.read(buffer),
        }
    }
}

/// Counts what is read.
struct Counted<'a, R> {
    inner: R,
    progress: &'a AtomicU64,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.progress.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// What became of the files.
#[derive(Default)]
struct Results {
    findings: FileFindings,
    /// Files read in segments: by segment.
    segmented: BTreeMap<u32, BTreeMap<usize, (Outcome, FileNotes)>>,
}

impl Results {
    fn add(&mut self, file: u32, number: usize, whole: bool, outcome: Outcome, notes: FileNotes) {
        if whole {
            self.findings.add(file, notes);
        } else {
            self.segmented
                .entry(file)
                .or_default()
                .insert(number, (outcome, notes));
        }
    }

    /// What is to be said of the files; or the files whose segments did not meet.
    fn settle(mut self, shared: &Shared<'_>) -> std::result::Result<FileFindings, Vec<u32>> {
        let mut torn = Vec::new();
        for (&file, segments) in &self.segmented {
            let outcomes: Vec<_> = segments.values().map(|&(outcome, _)| outcome).collect();
            match Outcome::join(&outcomes) {
                None => torn.push(file),
                Some(joined) => {
                    if let (true, Some(end)) = (unclosed(&joined), joined.end) {
                        shared.fault(file, end, FaultKind::Truncated, UNCLOSED);
                    }
                    self.findings
                        .add(file, join_notes(segments.values().map(|&(_, notes)| notes)));
                }
            }
        }
        if torn.is_empty() {
            Ok(self.findings)
        } else {
            Err(torn)
        }
    }
}

/// The notes of a file from those of its segments, in order.
fn join_notes(segments: impl Iterator<Item = FileNotes>) -> FileNotes {
    segments.reduce(FileNotes::then).unwrap_or_default()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
