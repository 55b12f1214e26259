//! What a file is, from its first bytes: a flow log, an export, or something else, named.
//!
//! Only content decides; every Azure log is called `PT1H.json`.

use super::inflate::Codec;
use super::sniff_json;
use memchr::memmem;

/// How many bytes of (inflated) text [`sniff`] looks at.
pub const HEAD: usize = 64 << 10;

/// What a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A flow log of an NSG or a virtual network in JSON, whole or in pieces.
    FlowLogJson,
    /// A Traffic Analytics export with a header line.
    TrafficAnalyticsCsv,
    /// A Traffic Analytics export in JSON: rows, lines or tables.
    TrafficAnalyticsJson,
    /// Captured packets: pcap or pcapng.
    Capture,
    /// Something else; what, in words.
    NotFlowLog(String),
    /// Nothing, white space, or an empty list: what a query that finds no rows leaves.
    Empty,
}

/// Tells what a file is from its head; more than [`HEAD`] bytes are not looked at.
pub fn sniff(head: &[u8]) -> Kind {
    let head = &head[..head.len().min(HEAD)];
    if CAPTURES.iter().any(|magic| head.starts_with(magic)) {
        return Kind::Capture;
    }
    if let Some(what) = by_magic(head) {
        return Kind::NotFlowLog(what.to_owned());
    }
    let text = skip_blank(head);
    match text.first() {
        None => Kind::Empty,
        Some(b'[') if text[1..].trim_ascii() == b"]" => Kind::Empty,
        Some(b'{' | b'[') => sniff_json::sniff(text),
        Some(b',') if matches!(skip_commas(text).first(), Some(b'{' | b'[')) => {
            sniff_json::sniff(skip_commas(text))
        }
        Some(b'<') => Kind::NotFlowLog(markup(text)),
        Some(_) => plain(text),
    }
}

/// Without byte order marks and white space.
fn skip_blank(mut text: &[u8]) -> &[u8] {
    loop {
        text = text.trim_ascii_start();
        match text.strip_prefix(b"\xef\xbb\xbf") {
            Some(rest) => text = rest,
            None => return text,
        }
    }
}

fn skip_commas(mut text: &[u8]) -> &[u8] {
    while let Some(rest) = text.strip_prefix(b",") {
        text = rest.trim_ascii_start();
    }
    text
}

/// First bytes of captures: pcap in both byte orders, with micro- and nanoseconds, as modified by
/// Kuznetzov; pcapng's section header.
const CAPTURES: [[u8; 4]; 7] = [
    *b"\xd4\xc3\xb2\xa1",
    *b"\xa1\xb2\xc3\xd4",
    *b"\x4d\x3c\xb2\xa1",
    *b"\xa1\xb2\x3c\x4d",
    *b"\x34\xcd\xb2\xa1",
    *b"\xa1\xb2\xcd\x34",
    *b"\x0a\x0d\x0d\x0a",
];

const UTF_16: &str = "UTF-16 text: convert it to UTF-8";

/// First bytes that tell a format, and its name.
const MAGIC: &[(&[u8], &str)] = &[
    (b"\xff\xfe", UTF_16),
    (b"\xfe\xff", UTF_16),
    (
        b"GMBU",
        "a Microsoft Network Monitor capture: convert it with Wireshark (editcap -F pcapng)",
    ),
    (
        b"RTSS",
        "a Microsoft Network Monitor 1 capture: convert it with Wireshark (editcap -F pcapng)",
    ),
    (
        b"snoop\0\0\0",
        "a snoop packet capture: convert it with Wireshark (editcap -F pcapng)",
    ),
    (b"PK\x03\x04", "a zip archive: extract it first"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive: extract it first"),
    (b"Rar!\x1a\x07", "a RAR archive: extract it first"),
    (
        b"\xfd7zXZ\0",
        "xz-compressed data: decompress it first, or use gzip or zstd",
    ),
    (
        b"BZh",
        "bzip2-compressed data: decompress it first, or use gzip or zstd",
    ),
    (
        b"\x04\x22\x4d\x18",
        "LZ4-compressed data: decompress it first, or use gzip or zstd",
    ),
    (b"PAR1", "a Parquet file: export it as JSON or CSV"),
    (
        b"Obj\x01",
        "an Avro file (such as Event Hubs Capture writes): export it as JSON",
    ),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"ElfFile\0", "a Windows event log"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"%PDF-", "a PDF document"),
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "an old Microsoft Office document",
    ),
    (b"\x7fELF", "a program"),
];

fn by_magic(head: &[u8]) -> Option<&'static str> {
    if let Some((_, name)) = MAGIC.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Some(name);
    }
    if Codec::of(head).is_some() {
        return Some("data compressed more than twice: decompress it first");
    }
    if head.get(257..262) == Some(b"ustar") {
        return Some("a tar archive: extract it first");
    }
    match head {
        [first, 0, second, 0, ..] | [0, first, 0, second, ..]
            if first.is_ascii() && second.is_ascii() && *first != 0 && *second != 0 =>
        {
            Some(UTF_16)
        }
        [0, ..] if head.iter().all(|&byte| byte == 0) => {
            Some("zeros only: a file whose content was never written")
        }
        _ => None,
    }
}

/// Names an XML or HTML file: mostly what a failed download left.
fn markup(text: &[u8]) -> String {
    let lower = text[..text.len().min(1024)].to_ascii_lowercase();
    if lower.starts_with(b"<!doctype html") || memmem::find(&lower, b"<html").is_some() {
        let title = element(text, b"<title>")
            .map(|title| format!(" (“{title}”)"))
            .unwrap_or_default();
        return format!("an HTML page{title}: a sign-in or error page instead of the file?");
    }
    if let Some(code) = element(text, b"<Code>") {
        return format!(
            "an error of Azure Storage ({code}) instead of the blob: download it again"
        );
    }
    if memmem::find(text, b"<EnumerationResults").is_some() {
        return "a list of blobs, not a blob".to_owned();
    }
    "an XML document".to_owned()
}

/// The text of the first element that `open` starts.
fn element(text: &[u8], open: &[u8]) -> Option<String> {
    let start = memmem::find(text, open)? + open.len();
    let length = memchr::memchr(b'<', &text[start..])?;
    Some(quote(&text[start..start + length]))
}

/// A piece of a file inside a sentence: short and without control characters.
pub(super) fn quote(text: &[u8]) -> String {
    const LONGEST: usize = 60;
    String::from_utf8_lossy(&text[..text.len().min(4 * LONGEST)])
        .trim()
        .chars()
        .filter(|letter| !letter.is_control())
        .take(LONGEST)
        .collect()
}

/// Tells text that does not start as JSON does.
fn plain(text: &[u8]) -> Kind {
    let line = text.split(|&byte| byte == b'\n').next().unwrap_or(text);
    if let Some(kind) = table(line) {
        return kind;
    }
    // The middle of a log that was cut, or lines of a collector with JSON in them.
    if sniff_json::has_tuples_key(text) {
        return Kind::FlowLogJson;
    }
    let not = |what: &str| Kind::NotFlowLog(what.to_owned());
    if is_binary(text) {
        return not("binary data of an unknown format");
    }
    if is_toml(text) {
        return not(TOML);
    }
    if is_tuple(line) {
        return not("bare flow tuples: give the log records they were taken from");
    }
    if line.contains(&b',') {
        return not("a table (CSV) without a FlowStatus column");
    }
    not("text that is neither JSON nor CSV")
}

/// A header line with Traffic Analytics columns.
fn table(line: &[u8]) -> Option<Kind> {
    let has_status = |separator: u8| {
        line.split(|&byte| byte == separator).any(|field| {
            let field = field.trim_ascii();
            let field = field.strip_prefix(b"\"").unwrap_or(field);
            let field = field.strip_suffix(b"\"").unwrap_or(field);
            field.eq_ignore_ascii_case(b"FlowStatus") || field.eq_ignore_ascii_case(b"FlowStatus_s")
        })
    };
    if has_status(b',') {
        return Some(Kind::TrafficAnalyticsCsv);
    }
    (has_status(b';') || has_status(b'\t')).then(|| {
        Kind::NotFlowLog(
            "a Traffic Analytics table separated by semicolons or tabs: export it with commas"
                .to_owned(),
        )
    })
}

/// Mostly the configuration, given as a log.
pub(super) const TOML: &str =
    "a TOML or INI file, such as nsgaudit.toml, not a flow log: --config takes the environment";

/// Whether the first line that is no comment is a header (`[service]`, `[[subnet]]`) or, after
/// comments, a key and its value.
pub(super) fn is_toml(text: &[u8]) -> bool {
    let mut lines = text.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
    let commented = text.starts_with(b"#");
    lines
        .find(|line| !line.is_empty() && !line.starts_with(b"#"))
        .is_some_and(|line| is_header(line) || (commented && is_assignment(line)))
}

/// `[virtual-network]` or `[[subnet]]`, and nothing after it but a comment. `[true]` is JSON.
fn is_header(line: &[u8]) -> bool {
    let Some(inner) = line.strip_prefix(b"[") else {
        return false;
    };
    let (inner, close) = match inner.strip_prefix(b"[") {
        Some(inner) => (inner, &b"]]"[..]),
        None => (inner, &b"]"[..]),
    };
    let Some(end) = memchr::memchr(b']', inner) else {
        return false;
    };
    let name = inner[..end].trim_ascii();
    let after = inner[end..].strip_prefix(close).map(<[u8]>::trim_ascii);
    after.is_some_and(|after| after.is_empty() || after.starts_with(b"#"))
        && is_key(name)
        && !matches!(name, b"true" | b"false" | b"null")
}

/// `name = value`.
fn is_assignment(line: &[u8]) -> bool {
    memchr::memchr(b'=', line).is_some_and(|at| is_key(line[..at].trim_ascii()))
}

/// A name as files of settings have them; what starts with a digit may be a number of JSON.
fn is_key(name: &[u8]) -> bool {
    let inner = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    name.first()
        .is_some_and(|&byte| byte.is_ascii_alphabetic() || byte == b'_')
        && name.iter().all(inner)
}

/// `1767607200,10.30.4.5,198.51.100.7,…`, quoted or not.
fn is_tuple(line: &[u8]) -> bool {
    let line = line.strip_prefix(b"\"").unwrap_or(line);
    let mut fields = line.split(|&byte| byte == b',');
    let time = fields.next().unwrap_or_default();
    matches!(time.len(), 10 | 13)
        && time.iter().all(u8::is_ascii_digit)
        && fields.clone().count() >= 7
        && fields.next().is_some_and(|address| {
            std::str::from_utf8(address).is_ok_and(|text| text.parse::<std::net::IpAddr>().is_ok())
        })
}

/// Whether more than a few bytes are none that text has.
fn is_binary(text: &[u8]) -> bool {
    let odd = text
        .iter()
        .filter(|&&byte| byte == 0x7f || (byte < b' ' && !matches!(byte, 8..=13 | 0x1b)))
        .count();
    odd * 50 > text.len()
}

#[cfg(test)]
#[path = "sniff_tests.rs"]
mod tests;
