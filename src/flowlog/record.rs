//! One record object -> a record batch. The JSON around the tuples, in any key order.
//!
//! A record is read whole or not at all: the text of a record lies in one piece in the scanner's
//! buffer. What a key means depends on its name and, for a record's own fields, on its depth; a
//! tuple array belongs to the nearest enclosing objects that name a rule, an interface, a holder of
//! the rule. They may name it after the array.

use super::batch::{RecordBatch, Tuple, TupleGroup};
use super::json_text::{check_string, unescape};
use super::tuple;
use crate::fault::FaultKind;
use crate::net::{LastMac, Timestamp};
use crate::simd::{self, Common, Level, Quotes};

/// Why a record was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// The text ends inside it.
    Incomplete,
    /// It is no valid JSON, or no valid UTF-8, or nested too deep; what was expected.
    Damaged(&'static str),
}

/// What a whole record is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Content {
    /// Flow tuples, in the batch.
    Flows,
    /// A record without tuple arrays; its category.
    NotFlow(String),
    /// Flow tuples of a version that is not known; the version.
    UnknownVersion(String),
    /// A collector's wrapper around a log's text, unescaped.
    Wrapped(String),
    /// An object around an array of records, which starts and ends at these places of the text.
    Records(usize, usize),
}

/// A faulty tuple of the record read last: its offset in the text, and what is wrong.
pub(super) type TupleFault = (u32, FaultKind);

/// Reads records; its memory is reused.
#[derive(Debug, Default)]
pub(super) struct RecordParser {
    frames: Vec<Frame>,
    groups: Vec<Group>,
    spans: Vec<(u32, u32)>,
    rest: Vec<u32>,
    own: Own,
    macs: LastMac,
    /// Tuple arrays, single tuples counted.
    arrays: usize,
    /// The group of the array being read, where it has one yet.
    group: Option<u16>,
    /// The batch of the record read last.
    pub(super) batch: RecordBatch,
    /// Faults of its tuples: the first of each array chunk's, all counted.
    pub(super) faults: Vec<TupleFault>,
    /// How many tuples it had, good and bad.
    pub(super) tuples_read: u64,
}

/// Deepest nesting that is followed: as `serde_json` has it.
const DEEPEST: usize = 127;
const TOO_DEEP: Stop = Stop::Damaged("at most 127 levels of nesting");
/// Tuples decoded at a time.
const CHUNK: usize = 4_096;
/// Most tuple arrays in a record, single tuples counted.
const MOST_ARRAYS: usize = 65_535;
/// Longest rule name and resource ID that are kept, in bytes.
const LONGEST_NAME: usize = 1_024;

/// A string in the text, quotes excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    start: u32,
    end: u32,
}

impl Span {
    fn of(self, text: &[u8]) -> &[u8] {
        &text[self.start as usize..self.end as usize]
    }
}

/// An object or array that is open.
#[derive(Debug, Clone, Copy)]
struct Frame {
    object: bool,
    /// Whether it is an array of `flows`, `flowGroups` or `flowTuples`.
    flows: bool,
    first_group: u32,
    names: Names,
}

/// What an object names for the tuple arrays in it.
#[derive(Debug, Clone, Copy, Default)]
struct Names {
    rule: Option<Span>,
    mac: Option<Span>,
    acl: Option<Span>,
}

/// A tuple array, while its names are not all known.
#[derive(Debug, Clone)]
struct Group {
    first: u32,
    end: u32,
    names: Names,
}

/// The record's own fields.
#[derive(Debug, Clone, Copy, Default)]
struct Own {
    time: Option<Span>,
    category: Option<Span>,
    mac: Option<Span>,
    resource: Option<Span>,
    target: Option<Span>,
    version: Option<Span>,
    wrapped: Option<Span>,
    /// Start and end of an array of records; the end is 0 until it is known.
    records: Option<(usize, usize)>,
    has_arrays: bool,
}

/// What a key's value is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Other,
    Rule,
    Mac,
    Acl,
    Tuples,
    Tuple,
    Flows,
    Time,
    Category,
    RecordMac,
    Resource,
    Target,
    Version,
    Wrapped,
    Records,
}

/// What must come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Value(Role),
    ValueOrEnd,
    Key,
    KeyOrEnd,
    CommaOrEnd,
}

/// The text being read.
struct Cursor<'a> {
    text: &'a [u8],
    end: usize,
    at: usize,
    /// Places of the quotes before `end`.
    quotes: &'a [u32],
    /// Index of the first quote at or after `at`.
    quote: usize,
    /// Whether there is any backslash.
    escapes: bool,
}

impl Cursor<'_> {
    #[inline]
    fn skip_space(&mut self) {
        while self.at < self.end && matches!(self.text[self.at], b' ' | b'\n' | b'\r' | b'\t') {
            self.at += 1;
        }
    }

    #[inline]
    fn byte(&self) -> Result<u8, Stop> {
        if self.at < self.end {
            Ok(self.text[self.at])
        } else {
            Err(Stop::Incomplete)
        }
    }

    /// Reads the string that starts here and checks what is in it.
    #[inline]
    fn string(&mut self) -> Result<Span, Stop> {
        let span = self.raw_string()?;
        check_string(span.of(self.text), self.escapes)?;
        Ok(span)
    }

    /// Reads the string that starts here, unchecked.
    #[inline]
    fn raw_string(&mut self) -> Result<Span, Stop> {
        match self.quotes.get(self.quote..) {
            Some([open, close, ..]) if *open as usize == self.at => {
                self.at = *close as usize + 1;
                self.quote += 2;
                Ok(Span {
                    start: open + 1,
                    end: *close,
                })
            }
            Some([open]) if *open as usize == self.at => Err(Stop::Incomplete),
            _ => Err(Stop::Damaged("a string")),
        }
    }
}

impl RecordParser {
    /// Reads the record that starts at `start` with `{`. What `text` has after `end` means nothing.
    /// The answer is where the record ends.
    pub(super) fn parse(
        &mut self,
        text: &[u8],
        start: usize,
        end: usize,
        quotes: &Quotes,
        level: Level,
    ) -> Result<usize, Stop> {
        self.frames.clear();
        self.groups.clear();
        self.faults.clear();
        self.batch.clear_tuples();
        self.own = Own::default();
        self.tuples_read = 0;
        self.arrays = 0;
        let places = &quotes.places;
        let before = |end: usize| places.partition_point(|&place| (place as usize) < end);
        let is_cut = places.last().is_some_and(|&last| last as usize >= end);
        let mut cursor = Cursor {
            text,
            end,
            at: start,
            quotes: &places[..if is_cut { before(end) } else { places.len() }],
            quote: before(start),
            escapes: quotes.backslash,
        };
        let common = Common {
            record: start as u32,
            group: 0,
        };
        let mut next = Next::Value(Role::Other);
        loop {
            cursor.skip_space();
            let byte = cursor.byte()?;
            next = match next {
                Next::Value(role) => self.value(&mut cursor, role, common, level)?,
                Next::ValueOrEnd if byte == b']' => self.close(&mut cursor),
                Next::ValueOrEnd => self.value(&mut cursor, Role::Other, common, level)?,
                Next::KeyOrEnd if byte == b'}' => self.close(&mut cursor),
                Next::Key | Next::KeyOrEnd => self.key(&mut cursor)?,
                Next::CommaOrEnd => self.comma_or_end(&mut cursor, byte)?,
            };
            if self.frames.is_empty() {
                return Ok(cursor.at);
            }
        }
    }

    fn comma_or_end(&mut self, cursor: &mut Cursor<'_>, byte: u8) -> Result<Next, Stop> {
        let object = self.frames.last().is_some_and(|frame| frame.object);
        match (byte, object) {
            (b',', true) => {
                cursor.at += 1;
                Ok(Next::Key)
            }
            (b',', false) => {
                cursor.at += 1;
                Ok(Next::Value(Role::Other))
            }
            (b'}', true) | (b']', false) => Ok(self.close(cursor)),
            _ => Err(Stop::Damaged("a comma or the closing bracket")),
        }
    }

    fn key(&mut self, cursor: &mut Cursor<'_>) -> Result<Next, Stop> {
        if cursor.byte()? != b'"' {
            return Err(Stop::Damaged("a key"));
        }
        let key = cursor.raw_string()?;
        let nested = nested_role(key.of(cursor.text));
        if nested.is_none() {
            check_string(key.of(cursor.text), cursor.escapes)?;
        }
        cursor.skip_space();
        if cursor.byte()? != b':' {
            return Err(Stop::Damaged("a colon after a key"));
        }
        cursor.at += 1;
        if let Some(role) = nested {
            return Ok(Next::Value(role));
        }
        let text = unescape(key.of(cursor.text), cursor.escapes);
        let role = self.role(&text);
        let inside_flows = self.frames.len() >= 2 && self.frames[self.frames.len() - 2].flows;
        if inside_flows && is_record_key(&text) {
            // A record inside another's flows: the text between them is lost.
            return Err(Stop::Damaged("flows, not another record"));
        }
        Ok(Next::Value(role))
    }

    /// What a key means at the depth where it stands.
    fn role(&self, key: &[u8]) -> Role {
        let depth = self.frames.len();
        match key {
            _ if let Some(role) = nested_role(key) => role,
            b"flowTuple" => Role::Tuple,
            b"Version" if depth == 2 => Role::Version,
            b"original" if depth == 2 => Role::Wrapped,
            _ if key.starts_with(b"flow.") => numbered(key),
            _ if depth == 1 => own_role(key),
            _ => Role::Other,
        }
    }

    fn value(
        &mut self,
        cursor: &mut Cursor<'_>,
        role: Role,
        common: Common,
        level: Level,
    ) -> Result<Next, Stop> {
        match cursor.byte()? {
            b'"' => {
                let span = if role == Role::Tuple {
                    cursor.raw_string()?
                } else {
                    cursor.string()?
                };
                self.string(cursor, role, span, common, level)?;
            }
            b'{' => return self.open(cursor, true, false),
            b'[' if role == Role::Tuples => self.tuples(cursor, common, level)?,
            b'[' => {
                self.own.has_arrays |= role == Role::Flows;
                if role == Role::Records {
                    self.own.records = Some((cursor.at, 0));
                }
                return self.open(cursor, false, role == Role::Flows);
            }
            _ => {
                let token = plain_token(cursor)?;
                if role == Role::Version {
                    self.own.version = Some(token);
                }
            }
        }
        Ok(if self.frames.is_empty() {
            Next::ValueOrEnd
        } else {
            Next::CommaOrEnd
        })
    }

    fn open(&mut self, cursor: &mut Cursor<'_>, object: bool, flows: bool) -> Result<Next, Stop> {
        if self.frames.len() == DEEPEST {
            return Err(TOO_DEEP);
        }
        cursor.at += 1;
        let first_group = self.groups.len() as u32;
        self.frames.push(Frame {
            object,
            flows,
            first_group,
            names: Names::default(),
        });
        Ok(if object {
            Next::KeyOrEnd
        } else {
            Next::ValueOrEnd
        })
    }

    fn close(&mut self, cursor: &mut Cursor<'_>) -> Next {
        cursor.at += 1;
        if let (2, Some((_, end @ 0))) = (self.frames.len(), &mut self.own.records) {
            *end = cursor.at;
        }
        if let Some(frame) = self.frames.pop() {
            for group in &mut self.groups[frame.first_group as usize..] {
                group.names.rule = group.names.rule.or(frame.names.rule);
                group.names.mac = group.names.mac.or(frame.names.mac);
                group.names.acl = group.names.acl.or(frame.names.acl);
            }
        }
        Next::CommaOrEnd
    }

    fn string(
        &mut self,
        cursor: &mut Cursor<'_>,
        role: Role,
        span: Span,
        common: Common,
        level: Level,
    ) -> Result<(), Stop> {
        let Some(frame) = self.frames.last_mut() else {
            return Ok(());
        };
        match role {
            Role::Rule => frame.names.rule = Some(span),
            Role::Mac => frame.names.mac = Some(span),
            Role::Acl => frame.names.acl = Some(span),
            Role::Time => self.own.time = Some(span),
            Role::Category => self.own.category = Some(span),
            Role::RecordMac => self.own.mac = Some(span),
            Role::Resource => self.own.resource = Some(span),
            Role::Target => self.own.target = Some(span),
            Role::Version => self.own.version = Some(span),
            Role::Wrapped if looks_like_json(span.of(cursor.text)) => self.own.wrapped = Some(span),
            Role::Tuple => {
                self.begin_array()?;
                self.spans.push((span.start, span.end));
                self.add_group(cursor, common, level)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Reads the array of tuples that starts here. Where the text ends in it, what is damaged before
    /// its end is told first.
    fn tuples(
        &mut self,
        cursor: &mut Cursor<'_>,
        common: Common,
        level: Level,
    ) -> Result<(), Stop> {
        let read = self.tuples_to_end(cursor, common, level);
        if read == Err(Stop::Incomplete) {
            for &(start, end) in &self.spans {
                check_string(&cursor.text[start as usize..end as usize], cursor.escapes)?;
            }
        }
        read
    }

    /// What follows is an array of tuples, or a single one.
    fn begin_array(&mut self) -> Result<(), Stop> {
        self.own.has_arrays = true;
        self.spans.clear();
        self.group = None;
        self.arrays += 1;
        if self.arrays > MOST_ARRAYS {
            return Err(Stop::Damaged("at most 65,535 tuple arrays in a record"));
        }
        Ok(())
    }

    fn tuples_to_end(
        &mut self,
        cursor: &mut Cursor<'_>,
        common: Common,
        level: Level,
    ) -> Result<(), Stop> {
        self.begin_array()?;
        if self.frames.len() == DEEPEST {
            return Err(TOO_DEEP);
        }
        cursor.at += 1;
        cursor.skip_space();
        if cursor.byte()? == b']' {
            cursor.at += 1;
            return Ok(());
        }
        loop {
            self.gather(cursor);
            if cursor.byte()? == b'"' {
                let span = cursor.raw_string()?;
                self.spans.push((span.start, span.end));
            } else {
                self.other_element(cursor)?;
            }
            if self.spans.len() >= CHUNK {
                self.add_group(cursor, common, level)?;
                self.spans.clear();
            }
            cursor.skip_space();
            match cursor.byte()? {
                b',' => cursor.at += 1,
                b']' => break,
                _ => return Err(Stop::Damaged("a comma or the end of the tuples")),
            }
            cursor.skip_space();
        }
        cursor.at += 1;
        self.add_group(cursor, common, level)
    }

    /// Takes the strings that follow one another with a single comma between them, but the last.
    #[inline]
    fn gather(&mut self, cursor: &mut Cursor<'_>) {
        let places = cursor.quotes;
        let Some(&[first, _]) = places.get(cursor.quote..cursor.quote + 2) else {
            return;
        };
        if first as usize != cursor.at {
            return;
        }
        let room = CHUNK.saturating_sub(self.spans.len() + 1);
        let mut quote = cursor.quote;
        for _ in 0..room {
            let Some(&[open, close, following]) = places.get(quote..quote + 3) else {
                break;
            };
            if following != close + 2 || cursor.text[close as usize + 1] != b',' {
                break;
            }
            self.spans.push((open + 1, close));
            quote += 2;
        }
        cursor.quote = quote;
        cursor.at = places[quote] as usize;
    }

    /// An element of a tuple array that is no string: a fault of its own, or damage.
    fn other_element(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Stop> {
        if matches!(cursor.byte()?, b'{' | b'[') {
            return Err(Stop::Damaged("a tuple, not an object or array"));
        }
        let token = plain_token(cursor)?;
        self.tuples_read += 1;
        self.faults.push((token.start, FaultKind::FieldCount));
        Ok(())
    }

    /// Decodes the spans gathered and makes them a group (or part of the group before, where they
    /// are of the same array).
    fn add_group(
        &mut self,
        cursor: &Cursor<'_>,
        mut common: Common,
        level: Level,
    ) -> Result<(), Stop> {
        if self.spans.is_empty() {
            return Ok(());
        }
        common.group = self.group.unwrap_or(self.groups.len() as u16);
        let first = self.batch.tuples.len();
        self.batch
            .tuples
            .resize(first + self.spans.len(), Tuple::default());
        self.rest.clear();
        simd::decode(
            cursor.text,
            &self.spans,
            common,
            &mut self.batch.tuples[first..],
            &mut self.rest,
            level,
        );
        self.tuples_read += self.spans.len() as u64;
        let lost = self.decode_rest(cursor, common, first)?;
        if lost {
            let mut kept = first;
            for at in first..self.batch.tuples.len() {
                if self.batch.tuples[at].time != 0 {
                    self.batch.tuples[kept] = self.batch.tuples[at];
                    kept += 1;
                }
            }
            self.batch.tuples.truncate(kept);
        }
        let end = self.batch.tuples.len() as u32;
        if let Some(group) = self.group {
            self.groups[group as usize].end = end;
        } else if end > first as u32 {
            self.group = Some(common.group);
            self.groups.push(Group {
                first: first as u32,
                end,
                names: Names::default(),
            });
        }
        Ok(())
    }

    /// Decodes carefully what is not of the common shape; whether any was faulty (its time is 0).
    fn decode_rest(
        &mut self,
        cursor: &Cursor<'_>,
        common: Common,
        first: usize,
    ) -> Result<bool, Stop> {
        let mut lost = false;
        for &number in &self.rest {
            let (start, end) = self.spans[number as usize];
            let raw = &cursor.text[start as usize..end as usize];
            if cursor.escapes {
                check_string(raw, true)?;
            }
            let parsed = tuple::parse(&unescape(raw, cursor.escapes));
            if parsed.is_err() {
                // What is a tuple is also what JSON allows in a string.
                check_string(raw, cursor.escapes)?;
            }
            let place = &mut self.batch.tuples[first + number as usize];
            match parsed {
                Ok(parsed) => {
                    *place = Tuple {
                        group: common.group,
                        offset: start - common.record,
                        ..parsed.tuple
                    };
                    if let Some(wide) = parsed.wide {
                        place.source = self.batch.wide.len() as u32;
                        self.batch.wide.push(wide);
                    }
                }
                Err(kind) => {
                    place.time = 0;
                    lost = true;
                    self.faults.push((start, kind));
                }
            }
        }
        Ok(lost)
    }

    /// Completes the batch of the record just read.
    /// Wrappers are told apart only where `unwrap` says so.
    pub(super) fn finish(&mut self, text: &[u8], escapes: bool, unwrap: bool) -> Content {
        let own = self.own;
        let words = |span: Option<Span>| span.map(|span| unescape(span.of(text), escapes));
        if let Some(span) = own.wrapped.filter(|_| unwrap) {
            return Content::Wrapped(
                String::from_utf8_lossy(&unescape(span.of(text), escapes)).into_owned(),
            );
        }
        if let Some((start, end)) = own.records {
            return Content::Records(start, end);
        }
        if !own.has_arrays {
            let category = words(own.category).unwrap_or_default();
            return Content::NotFlow(name(&category));
        }
        let version = words(own.version).unwrap_or_default();
        if !version.is_empty() && !is_known_version(&version) {
            return Content::UnknownVersion(name(&version));
        }
        self.batch.time =
            words(own.time).and_then(|time| Timestamp::parse(std::str::from_utf8(&time).ok()?));
        let resource = words(own.resource).unwrap_or_default();
        let target = words(own.target);
        self.batch
            .target
            .push_str(&name(target.as_ref().unwrap_or(&resource)));
        let mac = words(own.mac).and_then(|text| self.macs.parse(&text));
        self.batch.groups.truncate(self.groups.len());
        for (number, group) in self.groups.iter().enumerate() {
            if number == self.batch.groups.len() {
                self.batch.groups.push(TupleGroup::default());
            }
            let place = &mut self.batch.groups[number];
            replace(
                &mut place.rule,
                &words(group.names.rule).unwrap_or_default(),
            );
            replace(
                &mut place.acl,
                words(group.names.acl).as_ref().unwrap_or(&resource),
            );
            place.mac = match words(group.names.mac) {
                Some(text) => self.macs.parse(&text).or(mac),
                None => mac,
            };
            place.tuples = group.first..group.end;
        }
        Content::Flows
    }
}

/// Keys of a record's own object. Between damaged records, `{` and one of these starts a record.
pub(super) fn is_record_key(key: &[u8]) -> bool {
    RECORD_KEYS.contains(&key)
}

const RECORD_KEYS: [&[u8]; 12] = [
    b"time",
    b"systemId",
    b"macAddress",
    b"category",
    b"resourceId",
    b"resourceid",
    b"operationName",
    b"flowLogGUID",
    b"flowLogResourceID",
    b"targetResourceID",
    b"flowLogVersion",
    b"records",
];

/// What the keys around tuples mean, at any depth. None of them is a record's own.
#[inline]
fn nested_role(key: &[u8]) -> Option<Role> {
    match key {
        b"rule" => Some(Role::Rule),
        b"flowTuples" => Some(Role::Tuples),
        b"flows" | b"flowGroups" => Some(Role::Flows),
        b"mac" => Some(Role::Mac),
        b"aclID" => Some(Role::Acl),
        _ => None,
    }
}

fn own_role(key: &[u8]) -> Role {
    match key {
        b"time" => Role::Time,
        b"category" => Role::Category,
        b"macAddress" => Role::RecordMac,
        b"targetResourceID" => Role::Target,
        b"flowLogVersion" => Role::Version,
        b"records" => Role::Records,
        b"_raw" | b"message" | b"event.original" => Role::Wrapped,
        _ if key.eq_ignore_ascii_case(b"resourceId") => Role::Resource,
        _ => Role::Other,
    }
}

/// `flow.0`, `flow.1`, …: a tuple each, as some collectors flatten them.
fn numbered(key: &[u8]) -> Role {
    let number = &key["flow.".len()..];
    let is_number = !number.is_empty() && number.iter().all(u8::is_ascii_digit);
    if is_number { Role::Tuple } else { Role::Other }
}

fn is_known_version(text: &[u8]) -> bool {
    let number = std::str::from_utf8(text)
        .ok()
        .and_then(|text| text.trim().parse::<f64>().ok());
    number.is_some_and(|number| [1.0, 2.0, 4.0].contains(&number))
}

/// Whether a string's raw text begins with white space and then `{` or `[`.
fn looks_like_json(mut raw: &[u8]) -> bool {
    while let [b' ', rest @ ..] | [b'\\', b'n' | b'r' | b't', rest @ ..] = raw {
        raw = rest;
    }
    matches!(raw, [b'{' | b'[', ..])
}

/// A name as text, cut at [`LONGEST_NAME`].
fn name(text: &[u8]) -> String {
    let mut owned = String::new();
    replace(&mut owned, text);
    owned
}

fn replace(place: &mut String, text: &[u8]) {
    // Mostly the record before said the same.
    if place.as_bytes() == text {
        return;
    }
    place.clear();
    match std::str::from_utf8(text) {
        Ok(text) => place.push_str(text),
        Err(_) => place.push_str(&String::from_utf8_lossy(text)),
    }
    if place.len() > LONGEST_NAME {
        place.truncate(place.floor_char_boundary(LONGEST_NAME));
    }
}

/// A number, `true`, `false` or `null`, by the rules of JSON.
fn plain_token(cursor: &mut Cursor<'_>) -> Result<Span, Stop> {
    let start = cursor.at;
    while cursor.at < cursor.end
        && matches!(cursor.text[cursor.at], b'0'..=b'9' | b'a'..=b'z' | b'+' | b'-' | b'.' | b'E')
    {
        cursor.at += 1;
    }
    if cursor.at == cursor.end {
        return Err(Stop::Incomplete);
    }
    let token = Span {
        start: start as u32,
        end: cursor.at as u32,
    };
    match serde_json::from_slice::<serde_json::Value>(token.of(cursor.text)) {
        Ok(_) => Ok(token),
        Err(_) => Err(Stop::Damaged("a JSON value")),
    }
}
