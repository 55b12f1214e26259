//! The scanner: a stream of bytes -> records, faults, and nothing lost in between.
//!
//! Between records lies glue: white space, commas, brackets, byte order marks and the
//! `{"records":[` around them, with the members before it and after its `]` ([`wrapper`]). An object in
//! the glue is a record. After damage, the next record is
//! where `{` is followed by one of a record's own keys. So every variant of the file reads the same
//! way: whole blobs, fragments, cut blobs, JSON lines, bare records, arrays.
//!
//! A file may be read in segments, each by a scanner of its own: a segment's records are those that
//! start in it. What a segment found first must be what the one before found next, which
//! [`Outcome`] lets the caller check; where it is not, the file is read in one piece.

use std::io::{self, Read};

use super::batch::{RecordBatch, Sink};
use super::record::{Content, RecordParser, Stop, is_record_key};
use super::wrapper::{self, Member};
use crate::fault::FaultKind;
use crate::simd::line::to_line;
use crate::simd::{Level, Quotes};

/// Bytes read at a time: fits the second-level cache with the tuples made of it.
const PIECE: usize = 192 * 1024;
/// Byte order mark of UTF-8.
const BOM: &[u8] = b"\xef\xbb\xbf";
/// Bytes before the text that loads may touch.
const FRONT: usize = 64;
/// Bytes after the text that loads may touch.
const BACK: usize = 128;

/// What a file lacks whose `{"records":` is not closed.
pub const UNCLOSED: &str = "expected the closing ]}, found the file's end";

/// Limits that bound a scanner's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest record, in bytes. Azure cuts records at about 32 KiB.
    pub record: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { record: 4 << 20 }
    }
}

/// Which part of a file to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Offset of the first byte; the reader stands there. Not 0: look for the first record start.
    pub start: u64,
    /// Records that start at or after this offset are another segment's.
    pub end: u64,
}

impl Segment {
    /// The whole file.
    pub const WHOLE: Self = Self {
        start: 0,
        end: u64::MAX,
    };
}

/// What a segment had.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Offset at which this segment started to read records, where not 0: its first record start.
    pub first: Option<u64>,
    /// Offset of the next segment's first record; `None` where the file ended.
    pub next: Option<u64>,
    /// Bytes of this segment.
    pub bytes: u64,
    /// `{"records":` opened, less `}` closed.
    pub opened: i64,
    /// Whether the file ended inside a record.
    pub truncated: bool,
    /// Flow records.
    pub records: u64,
    /// Tuples of them that were faulty.
    pub tuples_faulty: u64,
    /// Offset of the file's end, where it was reached.
    pub end: Option<u64>,
}

/// Reads flow logs; its memory is reused from file to file.
#[derive(Debug)]
pub struct Scanner {
    level: Level,
    limits: Limits,
    /// Bytes read at a time.
    piece: usize,
    /// Text from [`FRONT`] to `end`, then room.
    bytes: Vec<u8>,
    end: usize,
    /// Offset in the file of `bytes[FRONT]`.
    base: u64,
    quotes: Quotes,
    parser: RecordParser,
    /// Whether the text being read is itself out of a wrapper: then wrappers in it are not opened.
    inner: bool,
}

/// Where the scanner is.
enum Mode {
    /// Between records.
    Glue,
    /// Looking for a record start after damage.
    Resync,
}

/// What a step came to.
enum Step {
    /// Go on.
    On,
    /// More bytes are needed from here on.
    More,
    /// The segment is done.
    Done,
}

impl Scanner {
    /// A scanner for this processor.
    pub fn new(level: Level, limits: Limits) -> Self {
        Self {
            level,
            limits,
            piece: PIECE,
            bytes: vec![0; FRONT],
            end: FRONT,
            base: 0,
            quotes: Quotes::default(),
            parser: RecordParser::default(),
            inner: false,
        }
    }

    /// The same, reading `piece` bytes at a time: what is read must not depend on it.
    #[doc(hidden)]
    #[must_use]
    pub fn in_pieces_of(self, piece: usize) -> Self {
        Self {
            piece: piece.max(1),
            ..self
        }
    }

    /// How many bytes of text it has room for: at most [`Limits::record`] and two pieces.
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Reads `segment` of file number `file` and hands what it has to `sink`.
    ///
    /// # Errors
    /// What `reader` says. All whole records before it were handed on, and the outcome of them is
    /// lost with the error; [`Sink`] has been told all.
    pub fn scan(
        &mut self,
        reader: &mut dyn Read,
        segment: Segment,
        file: u32,
        sink: &mut dyn Sink,
    ) -> (Outcome, io::Result<()>) {
        self.base = segment.start;
        self.end = FRONT;
        self.quotes.restart(FRONT);
        let mut run = Run {
            mode: if segment.start == 0 {
                Mode::Glue
            } else {
                Mode::Resync
            },
            at: FRONT,
            segment,
            file,
            outcome: Outcome::default(),
            inside: Vec::new(),
            after_array: false,
            seeking: segment.start != 0,
            ended: false,
        };
        let mut result = Ok(());
        loop {
            match self.step(&mut run, sink) {
                Step::On => {}
                Step::Done => break,
                Step::More if run.ended => break,
                Step::More => match self.refill(reader, &mut run) {
                    Ok(ended) => run.ended = ended,
                    Err(error) => {
                        // What was delivered is read to its end, then the error is told.
                        result = Err(error);
                        run.ended = true;
                    }
                },
            }
        }
        if run.ended && run.outcome.next.is_none() {
            run.outcome.end = Some(self.base + (self.end - FRONT) as u64);
        }
        let reached = run
            .outcome
            .next
            .or(run.outcome.end)
            .unwrap_or(segment.start);
        let from = run.outcome.first.unwrap_or(segment.start);
        run.outcome.bytes = reached - from.min(reached);
        (run.outcome, result)
    }

    /// Takes away what is before `run.at` and reads more; whether the stream has ended.
    fn refill(&mut self, reader: &mut dyn Read, run: &mut Run) -> io::Result<bool> {
        let kept = self.end - run.at;
        // A few bytes more stay, so that what is read comes to where a cache line begins.
        let more = to_line(&self.bytes[FRONT + kept..]);
        let gone = (run.at - FRONT).saturating_sub(more);
        self.bytes.copy_within(FRONT + gone..self.end, FRONT);
        self.quotes.shift(gone);
        self.base += gone as u64;
        self.end -= gone;
        run.at -= gone;
        // A long record is read in steps that double, so that it is not parsed over and over.
        let wanted = self
            .piece
            .max(kept.min(self.limits.record.saturating_sub(kept)));
        let needed = self.end + wanted + BACK;
        if self.bytes.len() < needed {
            self.bytes.reserve_exact(needed - self.bytes.len());
            self.bytes.resize(needed, 0);
        }
        let limit = self.end + wanted;
        while self.end < limit {
            match reader.read(&mut self.bytes[self.end..limit]) {
                Ok(0) => {
                    self.quotes.extend(&self.bytes[..self.end], self.level);
                    return Ok(true);
                }
                Ok(count) => self.end += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.quotes.extend(&self.bytes[..self.end], self.level);
                    return Err(error);
                }
            }
        }
        self.quotes.extend(&self.bytes[..self.end], self.level);
        Ok(false)
    }

    fn offset(&self, at: usize) -> u64 {
        self.base + (at - FRONT) as u64
    }

    fn step(&mut self, run: &mut Run, sink: &mut dyn Sink) -> Step {
        match run.mode {
            Mode::Glue => self.glue(run, sink),
            Mode::Resync => self.resync(run),
        }
    }

    fn glue(&mut self, run: &mut Run, sink: &mut dyn Sink) -> Step {
        while run.at < self.end {
            if let Some((_, end)) = run
                .inside
                .pop_if(|(array_end, _)| *array_end <= self.offset(run.at))
            {
                run.at = FRONT + (end - self.base) as usize;
                run.after_array = false;
                continue;
            }
            match self.bytes[run.at] {
                b' ' | b'\t' | b'\n' | b'\r' | b',' => run.at += 1,
                bracket @ (b'[' | b']') => {
                    run.after_array = bracket == b']';
                    run.at += 1;
                }
                0xef if self.bytes[run.at..self.end].starts_with(BOM) => run.at += BOM.len(),
                0xef if !run.ended && self.end - run.at < BOM.len() => return Step::More,
                b'}' => {
                    run.outcome.opened -= 1;
                    run.after_array = false;
                    run.at += 1;
                }
                b'{' => {
                    run.after_array = false;
                    return self.object(run, sink);
                }
                b'"' if run.after_array => match self.member(run, sink) {
                    Step::On if matches!(run.mode, Mode::Glue) => {}
                    step => return step,
                },
                other => {
                    let detail = format!("expected a record, found byte 0x{other:02x}");
                    sink.fault(self.offset(run.at), FaultKind::StrayText, detail);
                    run.mode = Mode::Resync;
                    return Step::On;
                }
            }
        }
        Step::More
    }

    /// At a member after an array of records: pass it by, or say what is wrong with it.
    fn member(&mut self, run: &mut Run, sink: &mut dyn Sink) -> Step {
        let window = self.window(run.at);
        let (whole, too_long) = self.reach(run, run.at, window);
        match wrapper::member(&self.bytes[..window], run.at) {
            Ok(Member::Records(array)) => run.at = array,
            Ok(Member::Plain(end)) => run.at = end,
            Err(Stop::Incomplete) if !whole => return Step::More,
            Err(Stop::Incomplete) if !too_long => return self.cut(run, FaultKind::StrayText, sink),
            Err(Stop::Incomplete) => {
                return self.stray_member(run, "a member of at most the length of a record", sink);
            }
            Err(Stop::Damaged(expected)) => return self.stray_member(run, expected, sink),
        }
        Step::On
    }

    /// Searches for the next record after a member that is none. The brace that closes the wrapper is
    /// in the text passed over, so that it is not also missed at the file's end.
    fn stray_member(&mut self, run: &mut Run, expected: &str, sink: &mut dyn Sink) -> Step {
        run.outcome.opened -= 1;
        let detail = format!("expected {expected}, in a member after the array of records");
        self.skip_record(run, FaultKind::StrayText, detail, sink)
    }

    /// At an object between records: step into `{"records":`, or read a record.
    fn object(&mut self, run: &mut Run, sink: &mut dyn Sink) -> Step {
        let start = run.at;
        if run.inside.is_empty() && self.offset(start) >= run.segment.end {
            run.outcome.next = Some(self.offset(start));
            return Step::Done;
        }
        let window = self.window(start);
        let (whole, too_long) = self.reach(run, start, window);
        let text = &self.bytes[..window];
        let array = match first_key(text, start) {
            FirstKey::Key(key, after) if wrapper::is_array_key(key) => Ok(Some(after)),
            FirstKey::Key(key, _) if is_record_key(key) => Ok(None),
            FirstKey::Unfinished => Err(Stop::Incomplete),
            _ => wrapper::head(text, start),
        };
        match array {
            Ok(Some(array)) => {
                run.outcome.opened += 1;
                run.at = array;
                return Step::On;
            }
            Err(Stop::Incomplete) if !whole => return Step::More,
            _ => {}
        }
        match self
            .parser
            .parse(&self.bytes, start, window, &self.quotes, self.level)
        {
            Ok(end) => {
                run.at = end;
                self.take(run, start, end, sink);
                Step::On
            }
            Err(Stop::Incomplete) if !whole => Step::More,
            Err(Stop::Incomplete) if too_long => {
                let detail = format!(
                    "expected a record of at most {} bytes, found a longer one",
                    self.limits.record
                );
                self.skip_record(run, FaultKind::RecordTooLarge, detail, sink)
            }
            Err(Stop::Incomplete) => self.cut(run, FaultKind::DamagedRecord, sink),
            Err(Stop::Damaged(expected)) => {
                let detail = format!("expected {expected}");
                self.skip_record(run, FaultKind::DamagedRecord, detail, sink)
            }
        }
    }

    /// Where the text ends that a record at `start` may have. What is beyond changes nothing, so it
    /// makes no difference how much of it was read already.
    fn window(&self, start: usize) -> usize {
        self.end.min(start.saturating_add(self.limits.record))
    }

    /// Whether more text would change nothing about what starts at `start`, and whether that is
    /// because it may not be longer.
    fn reach(&self, run: &Run, start: usize, window: usize) -> (bool, bool) {
        let too_long = self.end - start >= self.limits.record;
        (run.ended || window < self.end || too_long, too_long)
    }

    fn skip_record(
        &mut self,
        run: &mut Run,
        kind: FaultKind,
        detail: String,
        sink: &mut dyn Sink,
    ) -> Step {
        sink.fault(self.offset(run.at), kind, detail);
        run.at += 1;
        run.mode = Mode::Resync;
        Step::On
    }

    /// The stream ends inside the record or member at `run.at`. Where a record starts in it, it is not
    /// cut but damaged, of this `kind`.
    fn cut(&mut self, run: &mut Run, kind: FaultKind, sink: &mut dyn Sink) -> Step {
        let start = run.at;
        let mut from = start + 1;
        while let Some(at) =
            memchr::memchr(b'{', &self.bytes[from..self.end]).map(|found| from + found)
        {
            let text = &self.bytes[..self.window(at)];
            if matches!(first_key(text, at), FirstKey::Key(key, _) if is_record_key(key)) {
                if kind == FaultKind::StrayText {
                    return self.stray_member(run, "its end before the next record", sink);
                }
                let detail = "expected the record's end, found the next record".to_owned();
                return self.skip_record(run, kind, detail, sink);
            }
            from = at + 1;
        }
        run.outcome.truncated = true;
        let what = if kind == FaultKind::StrayText {
            "member"
        } else {
            "record"
        };
        let detail = format!(
            "expected the {what}'s end, found the file's end after {} bytes",
            self.end - start
        );
        sink.fault(self.offset(start), FaultKind::Truncated, detail);
        run.at = self.end;
        Step::More
    }

    fn resync(&mut self, run: &mut Run) -> Step {
        // In an array of records that was read whole, the search ends with the array.
        let array_end = run
            .inside
            .last()
            .map(|(end, _)| FRONT + (end - self.base) as usize);
        let end = array_end.unwrap_or(self.end);
        while let Some(at) =
            memchr::memchr(b'{', &self.bytes[run.at..end]).map(|found| run.at + found)
        {
            run.at = at;
            let window = self.window(at).min(end);
            let whole = run.ended || window < self.end || self.end - at >= self.limits.record;
            match first_key(&self.bytes[..window], at) {
                FirstKey::Key(key, _) if is_record_key(key) => {
                    run.mode = Mode::Glue;
                    if run.seeking {
                        run.seeking = false;
                        if self.offset(at) < run.segment.end {
                            run.outcome.first = Some(self.offset(at));
                        }
                    }
                    return Step::On;
                }
                FirstKey::Unfinished if !whole => return Step::More,
                _ => run.at = at + 1,
            }
        }
        run.at = end;
        if array_end.is_some() {
            run.mode = Mode::Glue;
            return Step::On;
        }
        Step::More
    }

    /// Hands on the record from `start` to `end`, as what it is.
    fn take(&mut self, run: &mut Run, start: usize, end: usize, sink: &mut dyn Sink) {
        let offset = self.offset(start);
        match self
            .parser
            .finish(&self.bytes, self.quotes.backslash, !self.inner)
        {
            Content::Flows => {
                run.outcome.records += 1;
                run.outcome.tuples_faulty += self.parser.faults.len() as u64;
                for &(place, kind) in &self.parser.faults {
                    let detail = fault_detail(kind, &self.bytes[place as usize..self.end]);
                    sink.fault(self.offset(place as usize), kind, detail);
                }
                let batch = &mut self.parser.batch;
                batch.file = run.file;
                batch.offset = offset;
                batch.length = (end - start) as u64;
                sink.record(batch);
            }
            Content::NotFlow(category) => {
                sink.fault(offset, FaultKind::NotFlowRecord, not_flow_detail(&category));
            }
            Content::UnknownVersion(version) => {
                let detail = format!("expected version 1, 2 or 4, found {version:?}");
                sink.fault(offset, FaultKind::UnknownVersion, detail);
            }
            Content::Records(array, array_end) => {
                run.at = array;
                run.inside.push((self.offset(array_end), self.offset(end)));
            }
            Content::Wrapped(text) => {
                let mut scanner = Self {
                    inner: true,
                    ..Self::new(self.level, self.limits)
                };
                let mut unwrap = Unwrap {
                    sink,
                    offset,
                    length: (end - start) as u64,
                };
                let (inner, _) =
                    scanner.scan(&mut text.as_bytes(), Segment::WHOLE, run.file, &mut unwrap);
                if inner.opened > 0 && !inner.truncated {
                    sink.fault(offset, FaultKind::Truncated, UNCLOSED.to_owned());
                }
                run.outcome.records += inner.records;
                run.outcome.tuples_faulty += inner.tuples_faulty;
            }
        }
    }
}

/// Gives the records of a wrapper's text the wrapper's own offset.
struct Unwrap<'a> {
    sink: &'a mut dyn Sink,
    offset: u64,
    length: u64,
}

impl Sink for Unwrap<'_> {
    fn record(&mut self, batch: &RecordBatch) {
        let mut outer = batch.clone();
        (outer.offset, outer.length) = (self.offset, self.length);
        for tuple in &mut outer.tuples {
            tuple.offset = 0;
        }
        self.sink.record(&outer);
    }

    fn fault(&mut self, _: u64, kind: FaultKind, detail: String) {
        self.sink.fault(self.offset, kind, detail);
    }
}

/// One reading of one segment.
struct Run {
    mode: Mode,
    at: usize,
    segment: Segment,
    file: u32,
    outcome: Outcome,
    /// Objects around arrays of records that are being read: where the array ends, and the object.
    inside: Vec<(u64, u64)>,
    /// Whether an array was closed and only members of the object around it came since.
    after_array: bool,
    /// Whether the segment's first record start is still looked for.
    seeking: bool,
    /// Whether the stream has ended.
    ended: bool,
}

/// The first key of an object.
pub(super) enum FirstKey<'a> {
    /// The key, raw, and the place after its colon.
    Key(&'a [u8], usize),
    /// There is none: another object.
    None,
    /// The text ends before it is known.
    Unfinished,
}

pub(super) fn first_key(text: &[u8], object: usize) -> FirstKey<'_> {
    let skip = |mut at: usize| {
        while at < text.len() && matches!(text[at], b' ' | b'\n' | b'\r' | b'\t') {
            at += 1;
        }
        at
    };
    let quote = skip(object + 1);
    match text.get(quote) {
        None => return FirstKey::Unfinished,
        Some(b'"') => {}
        Some(_) => return FirstKey::None,
    }
    // The longest key that matters is 17 bytes.
    let rest = &text[quote + 1..text.len().min(quote + 1 + 24)];
    let Some(length) = rest.iter().position(|&byte| byte == b'"') else {
        return if rest.len() < 24 {
            FirstKey::Unfinished
        } else {
            FirstKey::None
        };
    };
    let colon = skip(quote + 2 + length);
    match text.get(colon) {
        None => FirstKey::Unfinished,
        Some(b':') => FirstKey::Key(&rest[..length], colon + 1),
        Some(_) => FirstKey::None,
    }
}

fn not_flow_detail(category: &str) -> String {
    if category.is_empty() {
        "expected flow tuples, found an object without any".to_owned()
    } else {
        format!("expected flow tuples, found a record of category {category}")
    }
}

/// What was expected of a tuple, and the tuple itself.
fn fault_detail(kind: FaultKind, text: &[u8]) -> String {
    let expected = match kind {
        FaultKind::BadTime => "seconds or milliseconds since 1970",
        FaultKind::BadAddress => "two IP addresses",
        FaultKind::BadPort => "ports of 0 to 65535",
        FaultKind::BadProtocol => "protocol T, U or a number of 0 to 255",
        FaultKind::BadDirection => "direction I or O",
        FaultKind::BadState => "a decision and flow state of the format",
        FaultKind::BadCounter => "counters that are numbers",
        _ => "8 or 13 comma-separated fields",
    };
    let end = text
        .iter()
        .take(120)
        .position(|&byte| byte == b'"')
        .unwrap_or(text.len().min(120));
    format!(
        "expected {expected}, found {}",
        String::from_utf8_lossy(&text[..end])
    )
}

impl Outcome {
    /// What the segments of a file, in order, make together; `None` where one found another record
    /// next than the following ones began with: then only a reading in one piece is right.
    pub fn join(segments: &[Self]) -> Option<Self> {
        let mut joined = *segments.first()?;
        for (number, segment) in segments.iter().enumerate().skip(1) {
            let Some(first) = segment.first else { continue };
            // The nearest segment before that read anything must lead here.
            let before = segments[..number]
                .iter()
                .rev()
                .find(|before| before.first.is_some());
            if before.unwrap_or(&segments[0]).next != Some(first) {
                return None;
            }
        }
        let last = segments
            .iter()
            .rev()
            .find(|segment| segment.first.is_some())
            .unwrap_or(&segments[0]);
        if last.next.is_some() {
            return None;
        }
        for segment in segments[1..]
            .iter()
            .filter(|segment| segment.first.is_some())
        {
            joined.bytes += segment.bytes;
            joined.opened += segment.opened;
            joined.truncated |= segment.truncated;
            joined.records += segment.records;
            joined.tuples_faulty += segment.tuples_faulty;
        }
        (joined.next, joined.end) = (None, last.end);
        Some(joined)
    }
}
