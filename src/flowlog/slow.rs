//! The slow twin: the same decoder as the fast scanner, written to be read. It is what the format of
//! a flow log's text is taken to be.
//!
//! It holds the whole text in memory, makes a tree of every record and never looks for speed. Tests
//! and fuzzing hold the fast scanner against it; nothing else uses it.
//!
//! The rules, where a text leaves a choice:
//!
//! - Between records is glue: white space, commas, brackets, closing braces, byte order marks, and
//!   `{"records":` or `{"value":`, which open a brace to be closed. All else is stray text, which
//!   ends where the next record seems to start: at `{` and one of a record's own keys, unescaped.
//! - Glue are also the other members of the object around a list of records: those after a `]`, with
//!   nothing but white space, commas and such members between; and those before `"records":[` or
//!   `"value":[` in an object whose first key is none of a record's own. A member with such a list is
//!   glue up to the list. All else in which a record seems to start, or in which `flowTuple` or
//!   `"flow.` stands, is no such member. One that is none, or is longer than a record, is stray text
//!   and takes the closing brace with it; one that the text ends in is truncated, as a record is.
//! - A record is an object of at most [`Limits::record`] bytes. What of it is looked at is this many
//!   bytes and no more, so the rest of the text changes nothing.
//! - The first damage in a record counts, not a later end of the text. A string that is not closed
//!   and a number that the end touches are where the text ends. A text that ends inside a record in
//!   which another seems to start is damaged there, not truncated.
//! - Damage is also: nesting beyond 127 levels, a number beyond 64 bits, a record's own key in an
//!   object of `flows` or `flowGroups`, an object or list among tuples, more than 65,535 lists of
//!   tuples (single tuples counted).
//! - Of members that say the same, the last in the text wins that has the right type; others do not
//!   count. Keys are compared unescaped.
//! - The version is the last of `flowLogVersion` in the record and `Version` in any object that is a
//!   member of it. The text of a wrapper is the last of `_raw`, `message`, `event.original` in the
//!   record and `original` in any object that is a member of it, that begins with `{` or `[` after
//!   white space. Wrappers inside a wrapper's text are not opened.
//! - An object with a list called `records` is not a record: the list is read as glue and records,
//!   and reading goes on after the object.
//! - A tuple belongs to the rule, the interface and the holder of rules (`rule`, `mac`, `aclID`) that
//!   the nearest object around it names, be it before or after. An interface that is none, or that is
//!   not named, is the record's `macAddress`; a holder that is not named is the record's
//!   `resourceId`, in any case of letters.
//! - Names longer than 1,024 bytes are cut.

mod json;
#[cfg(test)]
mod tests;
mod tuple;

use super::Limits;
use super::batch::{RecordBatch, Sink, TupleGroup};
use super::tuple::Parsed;
use crate::fault::FaultKind;
use crate::net::{Mac, Timestamp};
use json::{Json, Member, Stop, Value};

/// First keys of a record: where reading goes on after damage.
const RECORD_KEYS: [&str; 12] = [
    "time",
    "systemId",
    "macAddress",
    "category",
    "resourceId",
    "resourceid",
    "operationName",
    "flowLogGUID",
    "flowLogResourceID",
    "targetResourceID",
    "flowLogVersion",
    "records",
];
/// First keys of an object that only wraps a list of records.
const WRAPPER_KEYS: [&str; 2] = ["records", "value"];
/// Members in which collectors keep the original text of a record.
const RAW_KEYS: [&str; 3] = ["_raw", "message", "event.original"];
/// Members whose lists hold flows, and never records.
const FLOWS_KEYS: [&str; 2] = ["flows", "flowGroups"];
/// Longest name that is kept.
const LONGEST_NAME: usize = 1_024;

const BOM: &[u8] = b"\xEF\xBB\xBF";

/// Decodes a whole text: NSG and virtual network flow logs in every envelope.
pub fn decode(text: &[u8], limits: Limits, file: u32, sink: &mut impl Sink) {
    let batch = RecordBatch {
        file,
        ..RecordBatch::default()
    };
    let mut decoder = Decoder {
        sink,
        batch,
        limit: limits.record,
        place: None,
    };
    decoder.document(text);
}

struct Decoder<'a, S> {
    sink: &'a mut S,
    batch: RecordBatch,
    limit: usize,
    /// Offset and length of the record whose member is being decoded as a text of its own.
    place: Option<(u64, u64)>,
}

/// What the enclosing objects say of the tuples in them.
#[derive(Clone, Copy, Default)]
struct Context<'a> {
    rule: &'a str,
    acl: &'a str,
    mac: Option<&'a str>,
    record_mac: Option<&'a str>,
}

impl<S: Sink> Decoder<'_, S> {
    fn document(&mut self, text: &[u8]) {
        let opened = self.records(text, 0);
        if opened > 0 {
            self.fault(
                text.len(),
                FaultKind::Truncated,
                "the closing ]} is missing",
            );
        }
    }

    /// Glue, record, glue, record, to the end of the text. How many wrappers are still open; none
    /// where the text ends in a record.
    fn records(&mut self, text: &[u8], start: usize) -> i64 {
        let mut at = start;
        let mut opened = 0;
        let mut after_list = false;
        while let Some(&byte) = text.get(at) {
            if text[at..].starts_with(BOM) {
                at += BOM.len();
            } else if matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b',') {
                at += 1;
            } else if byte == b'"' && after_list {
                match self.member(text, at, &mut opened) {
                    Some(next) => at = next,
                    None => return 0,
                }
            } else if matches!(byte, b'[' | b']') {
                after_list = byte == b']';
                at += 1;
            } else if byte == b'}' {
                after_list = false;
                opened -= 1;
                at += 1;
            } else if let Some(length) = wrapper(self.window(text, at)) {
                after_list = false;
                opened += 1;
                at += length;
            } else if byte != b'{' {
                self.fault(at, FaultKind::StrayText, "text between records");
                at = self.resync(text, at).unwrap_or(text.len());
            } else {
                after_list = false;
                match self.object(text, at, &mut opened) {
                    Some(next) => at = next,
                    None => return 0,
                }
            }
        }
        opened
    }

    /// Reads the member at `at`, after a list; where to go on, or `None` where the text ends inside it.
    fn member(&mut self, text: &[u8], at: usize, opened: &mut i64) -> Option<usize> {
        let is_cut = match member(self.window(text, at)) {
            Ok(Member::List(length) | Member::Other(length)) => return Some(at + length),
            Err(stop) => stop == Stop::Ends && text.len() - at < self.limit,
        };
        let next = self.resync(text, at);
        if is_cut && next.is_none() {
            self.fault(at, FaultKind::Truncated, "the text ends inside a member");
            return None;
        }
        self.fault(at, FaultKind::StrayText, "no member without flows");
        *opened -= 1;
        Some(next.unwrap_or(text.len()))
    }

    /// Reads the object at `at`; where to go on, or `None` where the text ends inside it.
    fn object(&mut self, text: &[u8], at: usize, opened: &mut i64) -> Option<usize> {
        let window = &text[..at + self.window(text, at).len()];
        let stop = match json::read(window, at) {
            Ok(value) => {
                *opened += self.member_or_record(text, &value);
                return Some(value.end);
            }
            Err(stop) => stop,
        };
        let next = self.resync(text, at + 1);
        match stop {
            Stop::Damaged(expected) => self.fault(at, FaultKind::DamagedRecord, expected),
            Stop::Ends if text.len() - at >= self.limit => {
                self.fault(at, FaultKind::RecordTooLarge, "a longer record");
            }
            Stop::Ends if next.is_none() => {
                self.fault(at, FaultKind::Truncated, "the text ends inside a record");
                return None;
            }
            Stop::Ends => self.fault(at, FaultKind::DamagedRecord, "the next record"),
        }
        Some(next.unwrap_or(text.len()))
    }

    /// A record, a list of records, or a collector's wrapper around the text of one. How many
    /// wrappers in a list of records were left open.
    fn member_or_record(&mut self, text: &[u8], value: &Json) -> i64 {
        let own = (value.start as u64, (value.end - value.start) as u64);
        if let Some(raw) = raw_text(text, value).filter(|_| self.place.is_none()) {
            self.place = Some(own);
            self.document(raw.as_bytes());
            self.place = None;
            return 0;
        }
        if let Some(list) = value.last(|key| key == "records", as_list) {
            return self.records(&text[..list.end], list.start);
        }
        (self.batch.offset, self.batch.length) = self.place.unwrap_or(own);
        self.record(value);
        0
    }

    /// Hands on one flow record.
    fn record(&mut self, record: &Json) {
        self.batch.clear_but_place();
        let resource = record
            .last(|key| key.eq_ignore_ascii_case("resourceId"), Json::as_text)
            .unwrap_or_default();
        let target = record.text("targetResourceID").unwrap_or(resource);
        self.batch.target.push_str(cut(target));
        self.batch.time = record.text("time").and_then(Timestamp::parse);
        let context = Context {
            acl: resource,
            record_mac: record.text("macAddress"),
            ..Context::default()
        };
        if !is_flow_record(record) {
            let category = record.text("category").unwrap_or("none");
            let detail = format!("no flow tuples; category {category}");
            self.fault(record.start, FaultKind::NotFlowRecord, detail);
        } else if let Some(version) = unknown_version(record) {
            self.fault(record.start, FaultKind::UnknownVersion, version);
        } else {
            self.walk(record, record.start, context);
            self.sink.record(&self.batch);
        }
    }

    /// Collects the tuple groups in `value`.
    fn walk(&mut self, value: &Json, start: usize, outer: Context<'_>) {
        match &value.value {
            Value::Array(items) => {
                for item in items {
                    self.walk(item, start, outer);
                }
            }
            Value::Object(members) => {
                let context = Context {
                    rule: value.text("rule").unwrap_or(outer.rule),
                    acl: value.text("aclID").unwrap_or(outer.acl),
                    mac: value.text("mac").or(outer.mac),
                    ..outer
                };
                for (key, member) in members {
                    match &member.value {
                        Value::Array(tuples) if key == "flowTuples" => {
                            self.group(tuples, start, context);
                        }
                        Value::Text(_) if is_single(key) => {
                            self.group(std::slice::from_ref(member), start, context);
                        }
                        _ => self.walk(member, start, context),
                    }
                }
            }
            _ => {}
        }
    }

    /// Adds the tuples of one list of the record at `start`.
    fn group(&mut self, tuples: &[Json], start: usize, context: Context<'_>) {
        let first = self.batch.tuples.len();
        for value in tuples {
            let Some(text) = value.as_text() else {
                self.fault(value.start, FaultKind::FieldCount, "no string");
                continue;
            };
            // Of a wrapper's text, no offsets are known.
            let offset = self.place.map_or(value.start + 1 - start, |_| 0);
            match tuple::read(text) {
                Ok(fields) => fields.store(&mut self.batch, offset as u32),
                Err((kind, detail)) => self.fault(value.start + 1, kind, detail),
            }
        }
        let end = self.batch.tuples.len();
        if end > first {
            self.batch.groups.push(TupleGroup {
                rule: cut(context.rule).to_owned(),
                acl: cut(context.acl).to_owned(),
                mac: mac(context.mac).or(mac(context.record_mac)),
                outcome: None,
                tuples: first as u32..end as u32,
            });
        }
    }

    /// A fault at a place of the text being decoded.
    fn fault(&mut self, at: usize, kind: FaultKind, detail: impl Into<String>) {
        let offset = self.place.map_or(at as u64, |(offset, _)| offset);
        self.sink.fault(offset, kind, detail.into());
    }

    /// The smallest place from `from` on where a record seems to start.
    fn resync(&self, text: &[u8], from: usize) -> Option<usize> {
        (from..text.len())
            .find(|&at| text[at] == b'{' && opening(self.window(text, at), &RECORD_KEYS).is_some())
    }

    /// As much of the text from `at` on as one record may have.
    fn window<'t>(&self, text: &'t [u8], at: usize) -> &'t [u8] {
        &text[at..text.len().min(at + self.limit)]
    }
}

impl RecordBatch {
    /// Empties the batch for the next record of the same place.
    fn clear_but_place(&mut self) {
        let length = self.length;
        self.clear();
        self.length = length;
    }
}

/// The original text that a collector wrapped, if it is JSON.
fn raw_text<'a>(text: &[u8], value: &'a Json) -> Option<&'a str> {
    let wrapped = |member: &'a Json| member.as_text().filter(|_| begins_json(text, member));
    let mut members = value.members().iter().rev();
    members.find_map(|(key, member)| {
        let direct = Some(member).filter(|_| RAW_KEYS.contains(&key.as_str()));
        direct
            .and_then(wrapped)
            .or_else(|| member.last(|key| key == "original", wrapped))
    })
}

/// Whether a string begins with white space and `{` or `[`.
fn begins_json(text: &[u8], string: &Json) -> bool {
    let mut rest = &text[string.start + 1..string.end - 1];
    while let [b' ', after @ ..] | [b'\\', b'n' | b'r' | b't', after @ ..] = rest {
        rest = after;
    }
    matches!(rest, [b'{' | b'[', ..])
}

/// The version of a record, where it is none that is known.
fn unknown_version(record: &Json) -> Option<String> {
    let mut members = record.members().iter().rev();
    let version = members.find_map(|(key, member)| match key.as_str() {
        "flowLogVersion" => {
            version_text(member).or_else(|| member.last(|key| key == "Version", version_text))
        }
        _ => member.last(|key| key == "Version", version_text),
    })?;
    let number = version.trim().parse::<f64>();
    let known = number.is_ok_and(|number| [1.0, 2.0, 4.0].contains(&number));
    (!known && !version.is_empty()).then(|| format!("version {version:?}"))
}

fn version_text(value: &Json) -> Option<&str> {
    match &value.value {
        Value::Text(text) | Value::Plain(text) => Some(text),
        _ => None,
    }
}

/// Whether there is a list of flows or of tuples anywhere in `value`.
fn is_flow_record(value: &Json) -> bool {
    match &value.value {
        Value::Array(items) => items.iter().any(is_flow_record),
        Value::Object(members) => members.iter().any(|(key, member)| {
            let is_list = as_list(member).is_some();
            is_list && (key == "flowTuples" || FLOWS_KEYS.contains(&key.as_str()))
                || member.as_text().is_some() && is_single(key)
                || is_flow_record(member)
        }),
        _ => false,
    }
}

/// Whether a string under `key` is one tuple: `flowTuple`, `flow.0`, `flow.1` and so on.
fn is_single(key: &str) -> bool {
    let number = key.strip_prefix("flow.").unwrap_or_default();
    key == "flowTuple" || !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
}

fn as_list(value: &Json) -> Option<&Json> {
    matches!(value.value, Value::Array(_)).then_some(value)
}

fn mac(text: Option<&str>) -> Option<Mac> {
    text.and_then(|text| Mac::parse(text.as_bytes()))
}

fn cut(name: &str) -> &str {
    &name[..name.floor_char_boundary(LONGEST_NAME)]
}

/// How long `{ "records" :` is, or `{ "count" : 5, "records" :`, where `text` starts so.
fn wrapper(text: &[u8]) -> Option<usize> {
    if let Some(length) = opening(text, &WRAPPER_KEYS) {
        return Some(length);
    }
    if opening(text, &RECORD_KEYS).is_some() {
        return None;
    }
    let mut rest = text.strip_prefix(b"{")?;
    loop {
        rest = skip_space(rest);
        match member(rest).ok()? {
            Member::List(length) => return Some(text.len() - rest.len() + length),
            Member::Other(length) => rest = skip_space(&rest[length..]).strip_prefix(b",")?,
        }
    }
}

/// The member that `text` starts with, if it holds no flows outside of a list of records.
fn member(text: &[u8]) -> Result<Member, Stop> {
    let member = json::read_member(text, 0)?;
    if let Member::Other(end) = member {
        let member = &text[..end];
        let seems_record = |at: usize| opening(&member[at..], &RECORD_KEYS).is_some();
        let says = |word: &[u8]| member.windows(word.len()).any(|part| part == word);
        if says(b"flowTuple") || says(b"\"flow.") || (0..end).any(seems_record) {
            return Err(Stop::Damaged("a member without flows"));
        }
    }
    Ok(member)
}

/// How long `{ "KEY" :` is, where `text` starts so with one of `keys`.
fn opening(text: &[u8], keys: &[&str]) -> Option<usize> {
    let rest = skip_space(text.strip_prefix(b"{")?).strip_prefix(b"\"")?;
    let rest = keys.iter().find_map(|key| {
        let rest = rest.strip_prefix(key.as_bytes())?;
        skip_space(rest.strip_prefix(b"\"")?).strip_prefix(b":")
    })?;
    Some(text.len() - rest.len())
}

fn skip_space(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t' | b'\r' | b'\n', rest @ ..] = text {
        text = rest;
    }
    text
}

/// Reads one tuple, to be held against the careful parser.
///
/// # Errors
/// The first fault.
pub fn parse_tuple(text: &str) -> Result<Parsed, FaultKind> {
    let mut batch = RecordBatch::default();
    let fields = tuple::read(text).map_err(|(kind, _)| kind)?;
    fields.store(&mut batch, 0);
    Ok(Parsed {
        tuple: batch.tuples[0],
        wide: batch.wide.first().copied(),
    })
}
