//! Captured connections as lines: Zeek's `conn.log` (tab-separated, or JSON lines), with what Zeek
//! does not have at the end.

use std::fmt::Write as _;
use std::io::{self, Write};

use super::community::community_id;
use crate::capture::packet::address;
use crate::capture::record::tunnel_name;
use crate::capture::state::{Certainty, Judged};
use crate::net::Protocol;

/// How lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionsFormat {
    /// Zeek's tab-separated text with its header.
    Tsv,
    /// A JSON object a line.
    JsonLines,
}

/// Names and types of the fields, in Zeek's words.
const FIELDS: [(&str, &str); 23] = [
    ("ts", "time"),
    ("id.orig_h", "addr"),
    ("id.orig_p", "port"),
    ("id.resp_h", "addr"),
    ("id.resp_p", "port"),
    ("proto", "enum"),
    ("duration", "interval"),
    ("orig_bytes", "count"),
    ("resp_bytes", "count"),
    ("conn_state", "string"),
    ("history", "string"),
    ("orig_pkts", "count"),
    ("orig_ip_bytes", "count"),
    ("resp_pkts", "count"),
    ("resp_ip_bytes", "count"),
    ("ip_proto", "count"),
    ("community_id", "string"),
    ("outcome", "string"),
    ("initiator_by", "string"),
    ("syns", "count"),
    ("tunnel", "string"),
    ("file", "string"),
    ("offset", "count"),
];

/// Writes what comes before the first line: Zeek's header, nothing in JSON lines.
pub fn write_header(out: &mut impl Write, format: ConnectionsFormat) -> io::Result<()> {
    if format == ConnectionsFormat::JsonLines {
        return Ok(());
    }
    out.write_all(b"#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n")?;
    let line = |what: &str, field: fn(&(&'static str, &'static str)) -> &'static str| {
        let fields: Vec<_> = FIELDS.iter().map(field).collect();
        format!("#{what}\t{}\n", fields.join("\t"))
    };
    out.write_all(line("fields", |field| field.0).as_bytes())?;
    out.write_all(line("types", |field| field.1).as_bytes())
}

/// Writes one connection. `path` names the file of its first packet.
pub fn write_connection(
    out: &mut impl Write,
    judged: &Judged<'_>,
    path: &str,
    format: ConnectionsFormat,
) -> io::Result<()> {
    let connection = judged.connection;
    let (source, destination) = (judged.source(), judged.destination());
    let [forward, back] =
        [judged.initiator, judged.initiator.other()].map(|side| connection.sent[side as usize]);
    let mut line = Line {
        out,
        format,
        field: 0,
    };
    line.raw(&seconds(connection.first))?;
    line.text(&address(source.0).to_string())?;
    line.number(source.1.into())?;
    line.text(&address(destination.0).to_string())?;
    line.number(destination.1.into())?;
    line.text(&Protocol(connection.key.protocol).to_string())?;
    // Packets may be out of order: the last of them may be the earlier one.
    line.raw(&seconds(
        connection.last.saturating_sub(connection.first).max(0),
    ))?;
    line.number(forward.payload)?;
    line.number(back.payload)?;
    line.text(judged.state())?;
    line.optional(&judged.history())?;
    line.number(forward.packets)?;
    line.number(forward.bytes)?;
    line.number(back.packets)?;
    line.number(back.bytes)?;
    line.number(connection.key.protocol.into())?;
    let ends = [source, destination].map(|end| (address(end.0), end.1));
    let id = community_id(connection.key.protocol, ends[0], ends[1]);
    line.optional(&id.unwrap_or_default())?;
    line.text(judged.outcome().name())?;
    line.text(match judged.certainty {
        Certainty::Handshake => "handshake",
        Certainty::Port => "port",
        Certainty::FirstPacket => "first-packet",
    })?;
    line.number(connection.syns.into())?;
    line.text(tunnel_name(connection.tunnel))?;
    line.text(path)?;
    line.number(connection.offset)?;
    line.end()
}

/// Seconds with six digits after the point, as Zeek writes times and durations.
fn seconds(nanoseconds: i64) -> String {
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let microseconds = nanoseconds.unsigned_abs() / 1_000;
    format!(
        "{sign}{}.{:06}",
        microseconds / 1_000_000,
        microseconds % 1_000_000
    )
}

/// A line being written, field by field.
struct Line<'a, W> {
    out: &'a mut W,
    format: ConnectionsFormat,
    field: usize,
}

impl<W: Write> Line<'_, W> {
    fn next(&mut self) -> io::Result<()> {
        let first = self.field == 0;
        let (name, _) = FIELDS[self.field];
        self.field += 1;
        match self.format {
            ConnectionsFormat::Tsv if first => Ok(()),
            ConnectionsFormat::Tsv => self.out.write_all(b"\t"),
            ConnectionsFormat::JsonLines => {
                let before = if first { "{" } else { "," };
                write!(self.out, "{before}\"{name}\":")
            }
        }
    }

    /// A number as it is.
    fn raw(&mut self, text: &str) -> io::Result<()> {
        self.next()?;
        self.out.write_all(text.as_bytes())
    }

    fn number(&mut self, number: u64) -> io::Result<()> {
        self.next()?;
        write!(self.out, "{number}")
    }

    /// A text, or that there is none.
    fn optional(&mut self, text: &str) -> io::Result<()> {
        if !text.is_empty() {
            return self.text(text);
        }
        self.next()?;
        self.out.write_all(match self.format {
            ConnectionsFormat::Tsv => b"-",
            ConnectionsFormat::JsonLines => b"null",
        })
    }

    fn text(&mut self, text: &str) -> io::Result<()> {
        self.next()?;
        match self.format {
            ConnectionsFormat::Tsv => self.out.write_all(escaped(text).as_bytes()),
            ConnectionsFormat::JsonLines => {
                let quoted = serde_json::to_string(text)?;
                self.out.write_all(super::escape::json(&quoted).as_bytes())
            }
        }
    }

    fn end(self) -> io::Result<()> {
        debug_assert_eq!(self.field, FIELDS.len());
        self.out.write_all(match self.format {
            ConnectionsFormat::Tsv => b"\n",
            ConnectionsFormat::JsonLines => b"}\n",
        })
    }
}

/// A text as Zeek writes one: what would part fields or lines, or a terminal obey, as `\xNN`.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter == '\\' || letter.is_control() || ('\u{200b}'..='\u{206f}').contains(&letter) {
            let mut bytes = [0; 4];
            for byte in letter.encode_utf8(&mut bytes).bytes() {
                // Writing to a string cannot fail.
                _ = write!(safe, "\\x{byte:02x}");
            }
        } else {
            safe.push(letter);
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::connection::{Connection, Place};
    use crate::capture::packet::{Packet, Transport, Tunnel, number};

    fn connection(protocol: u8, transport: Transport) -> Connection {
        let parse = |text: &str| number(text.parse().unwrap());
        let packet = Packet {
            source: parse("128.232.110.120"),
            destination: parse("66.35.250.204"),
            source_port: 34_855,
            destination_port: 80,
            protocol,
            ip_length: 60,
            payload: 0,
            transport,
            fragment: None,
            tunnel: Tunnel::None,
        };
        Connection::of(
            &packet,
            Place {
                time: 1_767_607_237_123_456_789,
                file: 0,
                offset: 24,
            },
        )
    }

    fn syn() -> Connection {
        let flags = 2;
        connection(6, Transport::Tcp { flags, sequence: 7 })
    }

    fn line(connection: &Connection, path: &str, format: ConnectionsFormat) -> String {
        let judged = Judged::new(connection, &|port| port < 1_024);
        let mut out = Vec::new();
        write_connection(&mut out, &judged, path, format).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_connection_is_written_in_both_formats() {
        assert_eq!(
            line(&syn(), "a b.pcap", ConnectionsFormat::Tsv),
            "1767607237.123456\t128.232.110.120\t34855\t66.35.250.204\t80\ttcp\t0.000000\t0\t0\tS0\tS\t1\t60\t0\t0\t6\t\
             1:LQU9qZlK+B5F3KDmev6m5PMibrg=\tunanswered\thandshake\t1\tnone\ta b.pcap\t24\n"
        );
        let text = line(&syn(), "a\tb", ConnectionsFormat::JsonLines);
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["id.resp_p"], 80);
        assert_eq!(json["file"], "a\tb");
        assert_eq!(json.as_object().unwrap().len(), FIELDS.len());
    }

    #[test]
    fn names_part_no_fields() {
        let text = line(&syn(), "a\tb\nc\\\u{1b}", ConnectionsFormat::Tsv);
        assert!(text.contains("a\\x09b\\x0ac\\x5c\\x1b"), "{text}");
        assert_eq!(text.matches('\t').count(), FIELDS.len() - 1);
    }
}
