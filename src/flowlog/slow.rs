//! The slow twin: the same decoder as the fast scanner, written to be read.
//!
//! It holds the whole text in memory, parses every record with `serde_json` and never looks for
//! speed. Property tests hold the fast scanner against it; nothing else uses it.

mod json;
#[cfg(test)]
mod tests;
mod tuple;

use super::batch::{RecordBatch, Sink, TupleGroup};
use crate::fault::FaultKind;
use crate::net::{Mac, Timestamp};
use json::Json;

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
/// Longest record.
const RECORD_LIMIT: usize = 16 << 20;
/// Deepest `records` inside `records`.
const DEPTH_LIMIT: u32 = 8;
/// Most groups of a record.
const GROUP_LIMIT: usize = 65_535;

const BOM: &[u8] = b"\xEF\xBB\xBF";

/// Decodes a whole text: NSG and virtual network flow logs in every envelope.
pub fn decode(text: &[u8], file: u32, sink: &mut impl Sink) {
    let mut decoder = Decoder {
        sink,
        batch: RecordBatch {
            file,
            ..RecordBatch::default()
        },
        place: None,
    };
    decoder.document(text);
}

struct Decoder<'a, S> {
    sink: &'a mut S,
    batch: RecordBatch,
    /// Offset and length of the record whose member is being decoded as a text of its own.
    place: Option<(u64, u64)>,
}

/// What the enclosing objects say of the tuples in them.
#[derive(Clone, Copy, Default)]
struct Context<'a> {
    rule: &'a str,
    acl: &'a str,
    mac: Option<Mac>,
}

impl<S: Sink> Decoder<'_, S> {
    /// Glue, record, glue, record, to the end of the text.
    fn document(&mut self, text: &[u8]) {
        let mut at = 0;
        let mut opened = 0i64;
        while let Some(&byte) = text.get(at) {
            let rest = &text[at..];
            if rest.starts_with(BOM) {
                at += BOM.len();
            } else if matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b',' | b'[' | b']') {
                at += 1;
            } else if byte == b'}' {
                opened -= 1;
                at += 1;
            } else if let Some(length) = opening(rest, &WRAPPER_KEYS) {
                opened += 1;
                at += length;
            } else if byte != b'{' {
                self.fault(at, FaultKind::StrayText, "text between records");
                at = resync(text, at).unwrap_or(text.len());
            } else {
                match self.object(text, at) {
                    Some(next) => at = next,
                    None => return,
                }
            }
        }
        if opened > 0 {
            self.fault(
                text.len(),
                FaultKind::Truncated,
                "the closing ]} is missing",
            );
        }
    }

    /// Reads the object at `at`; where to go on, or `None` where the text ends inside it.
    fn object(&mut self, text: &[u8], at: usize) -> Option<usize> {
        let limit = text.len().min(at + RECORD_LIMIT);
        let mut values = serde_json::Deserializer::from_slice(&text[at..limit]).into_iter::<Json>();
        let error = match values.next() {
            Some(Ok(value)) if holds_another_record(&value) => {
                self.fault(
                    at,
                    FaultKind::DamagedRecord,
                    "a record inside another's flows",
                );
                return Some(resync(text, at + 1).unwrap_or(text.len()));
            }
            Some(Ok(value)) => {
                let length = values.byte_offset();
                let place = self.place.unwrap_or((at as u64, length as u64));
                (self.batch.offset, self.batch.length) = place;
                self.member_or_record(&value, 0);
                return Some(at + length);
            }
            Some(Err(error)) => error,
            None => return None,
        };
        let next = resync(text, at + 1);
        if error.is_eof() && limit < text.len() {
            self.fault(at, FaultKind::RecordTooLarge, "record above 16 MiB");
        } else if error.is_eof() && next.is_none() {
            self.fault(at, FaultKind::Truncated, "the text ends inside a record");
            return None;
        } else {
            self.fault(at, FaultKind::DamagedRecord, error.to_string());
        }
        Some(next.unwrap_or(text.len()))
    }

    /// A record, a list of records, or a collector's wrapper around the text of one.
    fn member_or_record(&mut self, value: &Json, depth: u32) {
        if let Some(raw) = raw_text(value).filter(|_| self.place.is_none()) {
            self.place = Some((self.batch.offset, self.batch.length));
            self.document(raw.as_bytes());
            self.place = None;
        } else if let Some(Json::Array(records)) = value.get("records") {
            if depth == DEPTH_LIMIT {
                return self.record_fault(FaultKind::DamagedRecord, "records nested too deep");
            }
            for record in records {
                self.member_or_record(record, depth + 1);
            }
        } else {
            self.record(value);
        }
    }

    /// Hands on one flow record.
    fn record(&mut self, record: &Json) {
        self.batch.clear_but_place();
        let resource = record.text_ignoring_case("resourceId").unwrap_or_default();
        let target = record.text("targetResourceID").unwrap_or(resource);
        self.batch.target.push_str(target);
        self.batch.time = record.text("time").and_then(Timestamp::parse);
        let context = Context {
            acl: resource,
            mac: mac(record.text("macAddress")),
            ..Context::default()
        };
        if let Some(version) = unknown_version(record) {
            self.record_fault(FaultKind::UnknownVersion, version);
        } else if self.walk(record, context) == 0 {
            let category = record.text("category").unwrap_or("none");
            let detail = format!("no flow tuples; category {category}");
            self.record_fault(FaultKind::NotFlowRecord, detail);
        } else if self.batch.groups.len() > GROUP_LIMIT {
            self.record_fault(FaultKind::DamagedRecord, "more than 65,535 tuple groups");
        } else {
            self.sink.record(&self.batch);
        }
    }

    /// Collects the tuple groups in `value`; how many lists of tuples there were.
    fn walk(&mut self, value: &Json, outer: Context<'_>) -> usize {
        match value {
            Json::Array(items) => items.iter().map(|item| self.walk(item, outer)).sum(),
            Json::Object(members) => {
                let context = Context {
                    rule: value.text("rule").unwrap_or(outer.rule),
                    acl: value.text("aclID").unwrap_or(outer.acl),
                    mac: mac(value.text("mac")).or(outer.mac),
                };
                members
                    .iter()
                    .map(|(key, member)| match member {
                        Json::Array(tuples) if key == "flowTuples" => self.group(tuples, context),
                        Json::Array(_) if FLOWS_KEYS.contains(&key.as_str()) => {
                            1 + self.walk(member, context)
                        }
                        Json::Text(_) if is_single(key) => {
                            self.group(std::slice::from_ref(member), context)
                        }
                        _ => self.walk(member, context),
                    })
                    .sum()
            }
            _ => 0,
        }
    }

    /// Adds the tuples of one list. Returns 1: it was a list of tuples.
    fn group(&mut self, tuples: &[Json], context: Context<'_>) -> usize {
        let first = self.batch.tuples.len();
        for value in tuples {
            let read = match value {
                Json::Text(text) => tuple::read(text),
                _ => Err((
                    FaultKind::FieldCount,
                    "a tuple that is no string".to_owned(),
                )),
            };
            match read {
                Ok(fields) => fields.store(&mut self.batch),
                Err((kind, detail)) => self.record_fault(kind, detail),
            }
        }
        let end = self.batch.tuples.len();
        if end > first {
            self.batch.groups.push(TupleGroup {
                rule: context.rule.to_owned(),
                acl: context.acl.to_owned(),
                mac: context.mac,
                tuples: first as u32..end as u32,
            });
        }
        1
    }

    /// A fault at a place of the text being decoded.
    fn fault(&mut self, at: usize, kind: FaultKind, detail: impl Into<String>) {
        let offset = self.place.map_or(at as u64, |(offset, _)| offset);
        self.sink.fault(offset, kind, detail.into());
    }

    /// A fault of the record being decoded.
    fn record_fault(&mut self, kind: FaultKind, detail: impl Into<String>) {
        self.sink.fault(self.batch.offset, kind, detail.into());
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
fn raw_text(value: &Json) -> Option<&str> {
    let nested = value.get("event").and_then(|event| event.text("original"));
    RAW_KEYS
        .iter()
        .filter_map(|key| value.text(key))
        .chain(nested)
        .find(|text| {
            text.trim_start_matches(is_json_space)
                .starts_with(['{', '['])
        })
}

/// The version of a record of flows, where it is none that is known: the last `flowLogVersion` of
/// the record, or `Version` of an object in it.
fn unknown_version(record: &Json) -> Option<String> {
    let Json::Object(members) = record else {
        return None;
    };
    let mut versions = members.iter().filter_map(|(key, member)| {
        if key == "flowLogVersion" {
            Some(member)
        } else {
            member.get("Version")
        }
    });
    let scalar = |version: &&Json| !matches!(version, Json::Object(_) | Json::Array(_));
    let version = versions.rfind(scalar)?;
    let number = match version {
        Json::Number(number) => Some(*number),
        Json::Text(text) if text.is_empty() => return None,
        Json::Text(text) => text.trim().parse().ok(),
        Json::Object(_) | Json::Array(_) => return None,
        Json::Other => None,
    };
    let known = number.is_some_and(|number| [1.0, 2.0, 4.0].contains(&number));
    (!known && is_flow_record(record)).then(|| format!("version {version:?}"))
}

/// Whether there is a list of flows or of tuples anywhere in `value`.
fn is_flow_record(value: &Json) -> bool {
    match value {
        Json::Array(items) => items.iter().any(is_flow_record),
        Json::Object(members) => members.iter().any(|(key, member)| {
            let list = matches!(member, Json::Array(_))
                && (key == "flowTuples" || FLOWS_KEYS.contains(&key.as_str()));
            list || (matches!(member, Json::Text(_)) && is_single(key)) || is_flow_record(member)
        }),
        _ => false,
    }
}

/// Whether a list of flows holds a record, or a list of tuples anything but texts, numbers and the
/// like: then the text between two records is lost, and neither can be trusted.
fn holds_another_record(value: &Json) -> bool {
    match value {
        Json::Array(items) => items.iter().any(holds_another_record),
        Json::Object(members) => members.iter().any(|(key, member)| {
            let in_list = match member {
                Json::Array(items) if key == "flowTuples" => items
                    .iter()
                    .any(|item| matches!(item, Json::Object(_) | Json::Array(_))),
                Json::Array(items) if FLOWS_KEYS.contains(&key.as_str()) => items
                    .iter()
                    .any(|item| RECORD_KEYS.iter().any(|key| item.get(key).is_some())),
                _ => false,
            };
            in_list || holds_another_record(member)
        }),
        _ => false,
    }
}

/// Whether a string under `key` is one tuple: `flowTuple`, `flow.0`, `flow.1` and so on.
fn is_single(key: &str) -> bool {
    let number = key.strip_prefix("flow.").unwrap_or_default();
    key == "flowTuple" || !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
}

fn mac(text: Option<&str>) -> Option<Mac> {
    text.and_then(|text| Mac::parse(text.as_bytes()))
}

fn is_json_space(letter: char) -> bool {
    matches!(letter, ' ' | '\t' | '\r' | '\n')
}

/// The smallest place from `from` on where a record seems to start.
fn resync(text: &[u8], from: usize) -> Option<usize> {
    (from..text.len()).find(|&at| opening(&text[at..], &RECORD_KEYS).is_some())
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
