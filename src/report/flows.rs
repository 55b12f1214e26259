//! Flow records as lines for other programs: JSON lines or CSV.
//!
//! The fields, in this order, in both formats:
//!
//! | field | value |
//! | --- | --- |
//! | `time` | event time, RFC 3339, UTC, milliseconds |
//! | `source`, `destination` | addresses |
//! | `source_port`, `destination_port` | numbers; the source port of an aggregated row is not known |
//! | `protocol` | `tcp`, `udp`, `icmp`, else `proto-` and the number |
//! | `direction` | `inbound`, `outbound` |
//! | `decision` | `allow`, `deny` |
//! | `state` | `begin`, `continue`, `end`; not known where the format has none |
//! | `packets_forward`, `packets_reverse` | source to destination and back |
//! | `bytes_forward`, `bytes_reverse` | the same in bytes |
//! | `flows` | flows begun that the line stands for |
//! | `last` | time of the last of them, of aggregated rows only |
//! | `rule`, `acl` | what decided, as logged |
//! | `mac` | the logged interface, `00224812AB34` |
//! | `target` | what was logged, as logged |
//! | `log` | what wrote the record, `vnet-v4` |
//! | `file`, `offset` | where the record starts, in bytes of the decompressed text |
//!
//! Characters that a terminal would obey or not show are escaped, in JSON as `\uXXXX`, in CSV written
//! out (`\x1b`, `\u{202e}`). What is not known is `null` in JSON and empty in CSV. CSV lines end with CR LF (RFC 4180). Cells
//! of text that start with `=`, `+`, `-`, `@`, a tab or CR get an apostrophe in front, because
//! spreadsheets run those as formulas, and names in logs are chosen by whoever owns the resource.

use std::fmt::Display;
use std::io::{self, Write};

use super::csv::write_cell;
use super::escape;
use crate::flowlog::batch::{FlowState, LogKind, RecordBatch, Tuple};
use crate::net::{Protocol, Timestamp};

/// How lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlowsFormat {
    /// One JSON object a line.
    JsonLines,
    /// RFC 4180; [`write_header`] first.
    Csv,
}

/// The fields' names, in order. Names stay; new ones are added at the end.
pub const FIELDS: [&str; 22] = [
    "time",
    "source",
    "source_port",
    "destination",
    "destination_port",
    "protocol",
    "direction",
    "decision",
    "state",
    "packets_forward",
    "packets_reverse",
    "bytes_forward",
    "bytes_reverse",
    "flows",
    "last",
    "rule",
    "acl",
    "mac",
    "target",
    "log",
    "file",
    "offset",
];

/// Writes what comes before the first line: the names in CSV, nothing in JSON lines.
pub fn write_header(out: &mut impl Write, format: FlowsFormat) -> io::Result<()> {
    match format {
        FlowsFormat::JsonLines => Ok(()),
        FlowsFormat::Csv => write!(out, "{}\r\n", FIELDS.join(",")),
    }
}

/// Writes one tuple of a batch as one line. `path` names the file that the batch is from.
///
/// Writes in small pieces: give it a buffer.
pub fn write_flow(
    out: &mut impl Write,
    batch: &RecordBatch,
    tuple: &Tuple,
    path: &str,
    format: FlowsFormat,
) -> io::Result<()> {
    let mut line = Line {
        out,
        format,
        field: 0,
    };
    fields(batch, tuple, path, &mut line)?;
    line.end()
}

/// Takes the fields of a flow, in the order of [`FIELDS`].
pub(super) trait Fields {
    /// A field that is not known.
    fn unknown(&mut self) -> io::Result<()>;
    /// A number, where known.
    fn number(&mut self, number: Option<u64>) -> io::Result<()>;
    /// A field of our own words, which need no escapes.
    fn word(&mut self, word: impl Display) -> io::Result<()>;
    /// A field of others' text; empty is not known.
    fn text(&mut self, text: &str) -> io::Result<()>;
    /// A time, milliseconds since the epoch.
    fn time(&mut self, time: i64) -> io::Result<()>;
}

/// Gives the fields of a tuple, in the order of [`FIELDS`].
pub(super) fn fields(
    batch: &RecordBatch,
    tuple: &Tuple,
    path: &str,
    line: &mut impl Fields,
) -> io::Result<()> {
    let (bits, kind) = (tuple.bits, tuple.bits.kind());
    let (source, destination) = batch.addresses(tuple);
    let (packets, bytes) = batch.counters(tuple);
    let aggregated = kind == LogKind::TrafficAnalytics;
    let counted = kind != LogKind::NsgV1;
    let last = batch.wide.get(tuple.source as usize);
    let last = last.filter(|_| aggregated && bits.is_wide());

    line.time(tuple.time)?;
    line.word(source)?;
    line.number((!aggregated).then_some(tuple.source_port.into()))?;
    line.word(destination)?;
    line.number(Some(tuple.destination_port.into()))?;
    line.word(Protocol(tuple.protocol))?;
    line.word(bits.direction())?;
    line.word(bits.decision())?;
    match state(bits.state()) {
        Some(state) => line.word(state)?,
        None => line.unknown()?,
    }
    for count in [packets[0], packets[1], bytes[0], bytes[1]] {
        line.number(counted.then_some(count))?;
    }
    line.number(Some(batch.flows(tuple).into()))?;
    match last {
        Some(wide) => line.time(wide.last)?,
        None => line.unknown()?,
    }
    let group = batch.groups.get(usize::from(tuple.group));
    line.text(group.map_or("", |group| &group.rule))?;
    line.text(group.map_or("", |group| &group.acl))?;
    match group.and_then(|group| group.mac) {
        Some(mac) => line.word(mac)?,
        None => line.unknown()?,
    }
    line.text(&batch.target)?;
    line.word(kind.name())?;
    line.text(path)?;
    line.number(Some(batch.offset))
}

pub(super) fn state(state: FlowState) -> Option<&'static str> {
    match state {
        FlowState::None => None,
        FlowState::Begin => Some("begin"),
        FlowState::Continue => Some("continue"),
        FlowState::End => Some("end"),
    }
}

/// One line being written, field by field.
struct Line<'a, W> {
    out: &'a mut W,
    format: FlowsFormat,
    field: usize,
}

impl<W: Write> Line<'_, W> {
    /// Starts the next field.
    fn next(&mut self) -> io::Result<()> {
        let name = FIELDS[self.field];
        let first = self.field == 0;
        self.field += 1;
        match self.format {
            FlowsFormat::Csv if first => Ok(()),
            FlowsFormat::Csv => self.out.write_all(b","),
            FlowsFormat::JsonLines => {
                self.out.write_all(if first { b"{\"" } else { b",\"" })?;
                self.out.write_all(name.as_bytes())?;
                self.out.write_all(b"\":")
            }
        }
    }

    fn end(self) -> io::Result<()> {
        debug_assert_eq!(self.field, FIELDS.len());
        self.out.write_all(match self.format {
            FlowsFormat::Csv => b"\r\n",
            FlowsFormat::JsonLines => b"}\n",
        })
    }
}

impl<W: Write> Fields for Line<'_, W> {
    fn unknown(&mut self) -> io::Result<()> {
        self.next()?;
        match self.format {
            FlowsFormat::Csv => Ok(()),
            FlowsFormat::JsonLines => self.out.write_all(b"null"),
        }
    }

    fn number(&mut self, number: Option<u64>) -> io::Result<()> {
        let Some(number) = number else {
            return self.unknown();
        };
        self.next()?;
        write!(self.out, "{number}")
    }

    fn word(&mut self, word: impl Display) -> io::Result<()> {
        self.next()?;
        match self.format {
            FlowsFormat::Csv => write!(self.out, "{word}"),
            FlowsFormat::JsonLines => write!(self.out, "\"{word}\""),
        }
    }

    fn text(&mut self, text: &str) -> io::Result<()> {
        if text.is_empty() {
            return self.unknown();
        }
        self.next()?;
        match self.format {
            FlowsFormat::Csv => write_cell(self.out, &escape::cell(text)),
            FlowsFormat::JsonLines if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) => {
                Ok(serde_json::to_writer(&mut *self.out, text)?)
            }
            FlowsFormat::JsonLines => {
                let quoted = serde_json::to_string(text)?;
                self.out.write_all(escape::json(&quoted).as_bytes())
            }
        }
    }

    fn time(&mut self, time: i64) -> io::Result<()> {
        self.next()?;
        let quote: &[u8] = match self.format {
            FlowsFormat::Csv => b"",
            FlowsFormat::JsonLines => b"\"",
        };
        self.out.write_all(quote)?;
        write_time(self.out, time)?;
        self.out.write_all(quote)
    }
}

/// Writes `2026-01-05T10:00:37.123Z`. By hand: every line has one or two, and the calendar library
/// would take longer over them than all other fields do.
pub(super) fn write_time(out: &mut impl Write, time: i64) -> io::Result<()> {
    const DAY: i64 = 86_400_000;
    let (year, month, day) = civil(time.div_euclid(DAY));
    if !(0..=9999).contains(&year) {
        return write!(out, "{}", Timestamp(time));
    }
    let mut text = *b"0000-00-00T00:00:00.000Z";
    let rest = time.rem_euclid(DAY);
    put(&mut text[0..4], year);
    put(&mut text[5..7], month);
    put(&mut text[8..10], day);
    put(&mut text[11..13], rest / 3_600_000);
    put(&mut text[14..16], rest / 60_000 % 60);
    put(&mut text[17..19], rest / 1000 % 60);
    put(&mut text[20..23], rest % 1000);
    out.write_all(&text)
}

/// Writes a number's last digits over `digits`.
fn put(digits: &mut [u8], mut number: i64) {
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// Year, month and day of a day since the epoch, in the Gregorian calendar.
///
/// Years are counted from March, so that the leap day is the last of its year; 719,468 days lie
/// between 0000-03-01 and the epoch.
fn civil(day: i64) -> (i64, i64, i64) {
    let day = day + 719_468;
    let era = day.div_euclid(146_097);
    let of_era = day.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let march_month = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    (year + era * 400 + i64::from(month <= 2), month, of_month)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use proptest::prelude::*;

    use super::*;
    use crate::flowlog::batch::{Bits, TupleGroup, Wide};
    use crate::net::{Decision, Direction, Mac};

    /// A batch with one narrow tuple.
    fn batch(rule: &str) -> RecordBatch {
        RecordBatch {
            offset: 12,
            target: "/vnet".to_owned(),
            tuples: vec![Tuple {
                time: 1_767_607_237_123,
                source: 0x0A00_0004,
                destination: 0xC633_6407,
                source_port: 51_544,
                destination_port: 443,
                protocol: 6,
                bits: Bits::new(
                    Direction::Outbound,
                    Decision::Allow,
                    FlowState::End,
                    LogKind::VnetV4,
                ),
                packets: [12, 10],
                bytes: [2310, 6502],
                ..Tuple::default()
            }],
            groups: vec![TupleGroup {
                rule: rule.to_owned(),
                mac: Some(Mac(0x0022_4812_AB34)),
                ..TupleGroup::default()
            }],
            ..RecordBatch::default()
        }
    }

    fn written(batch: &RecordBatch, path: &str, format: FlowsFormat) -> String {
        let mut out = Vec::new();
        write_flow(&mut out, batch, &batch.tuples[0], path, format).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_flow_of_a_log_is_written_in_both_formats() {
        let batch = batch("UserRule_\"x\"");
        assert_eq!(
            written(&batch, "a/b.json", FlowsFormat::JsonLines),
            r#"{"time":"2026-01-05T10:00:37.123Z","source":"10.0.0.4","source_port":51544,"destination":"198.51.100.7","destination_port":443,"protocol":"tcp","direction":"outbound","decision":"allow","state":"end","packets_forward":12,"packets_reverse":10,"bytes_forward":2310,"bytes_reverse":6502,"flows":0,"last":null,"rule":"UserRule_\"x\"","acl":null,"mac":"00224812AB34","target":"/vnet","log":"vnet-v4","file":"a/b.json","offset":12}"#.to_owned() + "\n"
        );
        assert_eq!(
            written(&batch, "a/b.json", FlowsFormat::Csv),
            "2026-01-05T10:00:37.123Z,10.0.0.4,51544,198.51.100.7,443,tcp,outbound,allow,end,12,10,\
             2310,6502,0,,\"UserRule_\"\"x\"\"\",,00224812AB34,/vnet,vnet-v4,a/b.json,12\r\n"
        );
    }

    #[test]
    fn an_aggregated_row_has_a_last_time_and_neither_source_port_nor_state() {
        let mut batch = batch("r");
        let tuple = &mut batch.tuples[0];
        (tuple.source, tuple.destination) = (0, 0);
        tuple.bits = Bits::new(
            Direction::Inbound,
            Decision::Deny,
            FlowState::None,
            LogKind::TrafficAnalytics,
        );
        tuple.bits.0 |= Bits::WIDE;
        batch.wide.push(Wide {
            source: IpAddr::from([0x2001, 0xDB8, 0, 0, 0, 0, 0, 1]),
            destination: IpAddr::from([192, 0, 2, 1]),
            packets: [u64::MAX, 0],
            bytes: [0; 2],
            flows: 22,
            last: 1_767_607_238_000,
        });
        let json: serde_json::Value =
            serde_json::from_str(&written(&batch, "x", FlowsFormat::JsonLines)).unwrap();
        assert_eq!(json["source"], "2001:db8::1");
        assert_eq!(json["source_port"], serde_json::Value::Null);
        assert_eq!(json["state"], serde_json::Value::Null);
        assert_eq!(json["packets_forward"], u64::MAX);
        assert_eq!(
            (&json["flows"], &json["decision"]),
            (&22.into(), &"deny".into())
        );
        assert_eq!(json["last"], "2026-01-05T10:00:38.000Z");
    }

    #[test]
    fn a_csv_reader_finds_the_names_and_the_texts() {
        let rule = "a \"quoted\", long\r\nname";
        let mut out = Vec::new();
        write_header(&mut out, FlowsFormat::Csv).unwrap();
        out.extend(written(&batch(rule), "ä,b", FlowsFormat::Csv).into_bytes());
        let mut reader = csv::Reader::from_reader(&out[..]);
        assert_eq!(reader.headers().unwrap(), &FIELDS[..]);
        let record = reader.records().next().unwrap().unwrap();
        assert_eq!(
            (&record[15], &record[20], record.len()),
            (rule, "ä,b", FIELDS.len())
        );
    }

    proptest! {
        #[test]
        fn times_are_those_of_the_calendar_library(time in -62_167_219_200_000..=253_402_300_799_999_i64) {
            let mut out = Vec::new();
            write_time(&mut out, time).unwrap();
            let text = String::from_utf8(out).unwrap();
            prop_assert_eq!(text.len(), 24);
            prop_assert_eq!(Timestamp::parse(&text), Some(Timestamp(time)));
        }

        #[test]
        fn any_text_is_read_back_from_json(rule in "\\PC{0,9}|[\\x00-\\x7F]{1,9}", path in ".{1,9}") {
            let line = written(&batch(&rule), &path, FlowsFormat::JsonLines);
            prop_assert_eq!(line.matches('\n').count(), 1);
            let json: serde_json::Value = serde_json::from_str(&line).unwrap();
            prop_assert_eq!(json["rule"].as_str().unwrap_or_default(), rule);
            prop_assert_eq!(json["file"].as_str(), Some(&*path));
            let keys = json.as_object().unwrap().keys();
            prop_assert_eq!(keys.count(), FIELDS.len());
        }

        #[test]
        fn no_time_panics(time: i64) {
            write_time(&mut Vec::new(), time).unwrap();
        }
    }
}
