//! The tuples behind a finding, each with where it stands, as text, CSV or JSON lines.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _, Write};
use std::path::{Path, PathBuf};

use super::escape;
use crate::audit::checks::severity_word;
use crate::audit::{Finding, Observed};
use crate::flowlog::{LogKind, RecordBatch, Tuple};
use crate::net::{Protocol, Timestamp};

/// How tuples are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EvidenceFormat {
    /// For people: file by file, with a command that finds the first tuple of each.
    Text,
    /// RFC 4180.
    Csv,
    /// One JSON object a line.
    JsonLines,
}

/// The fields of CSV and JSON lines, in order.
pub const FIELDS: [&str; 17] = [
    "time",
    "source",
    "source_port",
    "destination",
    "destination_port",
    "protocol",
    "direction",
    "decision",
    "flows",
    "nsg",
    "rule",
    "outcome",
    "log",
    "duplicate",
    "file",
    "offset",
    "locate",
];

/// A tuple to list.
#[derive(Debug, Clone, Copy)]
pub struct Listed<'a> {
    /// Its record.
    pub batch: &'a RecordBatch,
    /// The tuple.
    pub tuple: &'a Tuple,
    /// Number of its group.
    pub group: usize,
    /// The same record was read before: it was not counted again.
    pub duplicate: bool,
}

/// What was listed of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// Tuples, duplicates left out.
    pub tuples: u64,
    /// Flows that they say have begun.
    pub flows: u64,
    /// Tuples of records that were read before.
    pub duplicates: u64,
}

/// Writes what comes before the tuples.
///
/// # Errors
/// Where it cannot be written.
pub fn start(
    out: &mut impl Write,
    finding: &Finding,
    seen: Option<&Observed>,
    format: EvidenceFormat,
) -> io::Result<()> {
    match format {
        EvidenceFormat::Text => out.write_all(head(finding, seen).as_bytes()),
        EvidenceFormat::Csv => write!(out, "{}\r\n", FIELDS.join(",")),
        EvidenceFormat::JsonLines => Ok(()),
    }
}

fn head(finding: &Finding, seen: Option<&Observed>) -> String {
    let mut text = format!(
        "{}[{} {}] {}\n{}\n",
        severity_word(finding.severity),
        finding.code,
        finding.check,
        finding.fingerprint,
        finding.title
    );
    if seen.is_none() {
        for detail in &finding.details {
            text.push_str(detail);
            text.push('\n');
        }
    }
    let lines: Vec<_> = text.lines().map(escape::terminal).collect();
    lines.join("\n") + "\n"
}

/// Prints tuples as they come.
pub struct Printer<'a> {
    out: &'a mut (dyn Write + Send),
    format: EvidenceFormat,
    counts: BTreeMap<usize, Count>,
    /// The file of the last tuple.
    file: Option<(u32, PathBuf, &'static str)>,
    /// Why nothing more is written.
    pub failed: Option<io::Error>,
}

impl std::fmt::Debug for Printer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Printer({:?})", self.format)
    }
}

impl<'a> Printer<'a> {
    /// A printer to `out`, which should have a buffer.
    pub fn new(out: &'a mut (dyn Write + Send), format: EvidenceFormat) -> Self {
        Self {
            out,
            format,
            counts: BTreeMap::new(),
            file: None,
            failed: None,
        }
    }

    /// Prints one tuple; `path` tells the path of a file.
    pub fn tuple(&mut self, traced: &Listed<'_>, path: &dyn Fn(u32) -> PathBuf) {
        let count = self.counts.entry(traced.group).or_default();
        if traced.duplicate {
            count.duplicates += 1;
        } else {
            count.tuples += 1;
            count.flows += u64::from(traced.batch.flows(traced.tuple));
        }
        if self.failed.is_none() {
            self.failed = self.print(traced, path).err();
        }
    }

    /// What was listed, by group.
    ///
    /// # Errors
    /// Where something could not be written.
    pub fn finish(mut self) -> io::Result<BTreeMap<usize, Count>> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        if self.format == EvidenceFormat::Text && !self.counts.is_empty() {
            self.out.write_all(b"\n")?;
        }
        self.out.flush()?;
        Ok(self.counts)
    }

    fn print(&mut self, traced: &Listed<'_>, path: &dyn Fn(u32) -> PathBuf) -> io::Result<()> {
        let file = traced.batch.file;
        let begins = self.file.as_ref().is_none_or(|(last, ..)| *last != file);
        if begins {
            let path = path(file);
            let opener = opener(&path);
            self.file = Some((file, path, opener));
        }
        let Some((_, path, opener)) = &self.file else {
            return Ok(());
        };
        let row = Row::new(traced, path, opener);
        match self.format {
            EvidenceFormat::JsonLines => {
                let text = serde_json::to_string(&row)?;
                writeln!(self.out, "{}", escape::json(&text))
            }
            EvidenceFormat::Csv => row.csv(self.out),
            EvidenceFormat::Text => {
                if begins {
                    writeln!(
                        self.out,
                        "\n{}\n  $ {}",
                        escape::terminal(&row.file),
                        row.locate
                    )?;
                }
                let mark = if row.duplicate { "  duplicate" } else { "" };
                let by = row.outcome.map_or_else(|| row.rule.clone(), str::to_owned);
                writeln!(
                    self.out,
                    "  @{} {} {}  {} {}{mark}",
                    row.offset,
                    row.time,
                    row.tuple_text(),
                    row.decision,
                    escape::terminal(&by)
                )
            }
        }
    }
}

/// The JSON schema (draft 2020-12) of each line that [`EvidenceFormat::JsonLines`] gives.
pub fn schema() -> String {
    super::json::schema_of::<Row>("nsgaudit/evidence/1", "nsgaudit evidence, a line")
}

/// A tuple behind a finding.
#[derive(serde::Serialize, schemars::JsonSchema)]
struct Row {
    /// Event time (RFC 3339, UTC).
    time: String,
    /// Address that the flow comes from.
    source: String,
    /// Not known of aggregated rows.
    source_port: Option<u16>,
    /// Address that it goes to.
    destination: String,
    /// Port that it goes to.
    destination_port: u16,
    /// `tcp`, `udp`, or another by name or number.
    protocol: String,
    /// `inbound` or `outbound`, seen from the logged interface.
    direction: String,
    /// `allow` or `deny`.
    decision: String,
    /// Flows that the tuple says have begun.
    flows: u32,
    /// NSG, or other holder of the rule, as logged.
    nsg: String,
    /// Rule as logged; empty of captured connections.
    rule: String,
    /// What became of a captured connection; absent of logged flows.
    outcome: Option<&'static str>,
    /// Kind of log.
    log: &'static str,
    /// Whether its record was read before: such tuples are not counted.
    duplicate: bool,
    /// The file, relative to the working folder where it is below it.
    file: String,
    /// Of the tuple's text, in the decompressed text; of a capture, of the first packet's record.
    offset: u64,
    /// A shell command that prints what stands there.
    locate: String,
}

impl Row {
    fn new(traced: &Listed<'_>, path: &Path, opener: &str) -> Self {
        let Listed { batch, tuple, .. } = traced;
        let (source, destination) = batch.addresses(tuple);
        let group = batch.groups.get(usize::from(tuple.group));
        let outcome = group.and_then(|group| group.outcome);
        let kind = outcome.map_or(tuple.bits.kind(), |_| LogKind::Capture);
        let offset = batch.offset + u64::from(tuple.offset);
        Self {
            time: Timestamp(tuple.time).to_string(),
            source: source.to_string(),
            source_port: (kind != LogKind::TrafficAnalytics).then_some(tuple.source_port),
            destination: destination.to_string(),
            destination_port: tuple.destination_port,
            protocol: Protocol(tuple.protocol).to_string(),
            direction: tuple.bits.direction().to_string(),
            decision: tuple.bits.decision().to_string(),
            flows: batch.flows(tuple),
            nsg: group.map_or_else(String::new, |group| group.acl.clone()),
            rule: group.map_or_else(String::new, |group| group.rule.clone()),
            outcome: outcome.map(crate::net::Outcome::name),
            log: kind.name(),
            duplicate: traced.duplicate,
            file: path.to_string_lossy().into_owned(),
            offset,
            locate: locate(path, opener, offset, kind),
        }
    }

    fn tuple_text(&self) -> String {
        let end = |address: &str, port: u16| {
            if address.contains(':') {
                format!("[{address}]:{port}")
            } else {
                format!("{address}:{port}")
            }
        };
        let source = match self.source_port {
            Some(port) => end(&self.source, port),
            None => self.source.clone(),
        };
        format!(
            "{} {source} -> {}",
            self.protocol,
            end(&self.destination, self.destination_port)
        )
    }

    fn csv(&self, out: &mut dyn Write) -> io::Result<()> {
        let port = self
            .source_port
            .map_or_else(String::new, |port| port.to_string());
        let cells = [
            self.time.clone(),
            self.source.clone(),
            port,
            self.destination.clone(),
            self.destination_port.to_string(),
            self.protocol.clone(),
            self.direction.clone(),
            self.decision.clone(),
            self.flows.to_string(),
            guarded(&self.nsg),
            guarded(&self.rule),
            self.outcome.unwrap_or_default().to_owned(),
            self.log.to_owned(),
            self.duplicate.to_string(),
            guarded(&self.file),
            self.offset.to_string(),
            guarded(&self.locate),
        ];
        let mut writer = csv::WriterBuilder::new()
            .terminator(csv::Terminator::CRLF)
            .from_writer(out);
        writer.write_record(cells)?;
        writer.flush()
    }
}

/// A cell of text that no spreadsheet runs and no terminal obeys.
fn guarded(text: &str) -> String {
    let text = escape::cell(text);
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        return format!("'{text}");
    }
    text.into_owned()
}

/// What prints a file's (decompressed) text, by its first bytes.
fn opener(path: &Path) -> &'static str {
    let mut magic = [0; 4];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut magic));
    match (read, magic) {
        (Ok(()), [0x1f, 0x8b, ..]) => "gzip -dc",
        (Ok(()), [0x28, 0xb5, 0x2f, 0xfd]) => "zstd -dc",
        _ => "",
    }
}

/// The command that prints what stands at an offset.
fn locate(path: &Path, opener: &str, offset: u64, kind: LogKind) -> String {
    let path = escape::shell(&path.to_string_lossy());
    let from = offset + 1;
    let text = if opener.is_empty() {
        format!("tail -c +{from} -- {path}")
    } else {
        format!("{opener} -- {path} | tail -c +{from}")
    };
    match kind {
        LogKind::Capture => format!("{text} | head -c 64 | od -A d -t x1"),
        LogKind::TrafficAnalytics => format!("{text} | head -c 400"),
        _ => format!("{text} | head -c 200 | cut -d'\"' -f1"),
    }
}

/// What a report alone has of a finding: its first tuples.
pub fn samples(finding: &Finding, seen: Option<&Observed>) -> String {
    let mut text = head(finding, seen);
    let Some(seen) = seen else {
        return text + "No tuple is behind it: its sentences above say what it rests on.\n";
    };
    for sample in &seen.samples {
        text += &escape::terminal(&format!(
            "  {} {}  {} @{}",
            sample.time, sample.tuple, sample.file, sample.offset
        ));
        text.push('\n');
    }
    text + &format!(
        "{} of {} tuples: the report has no more; give the logs for all.\n",
        seen.samples.len(),
        seen.tuples
    )
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_committed_schema_is_the_one_we_write() {
        let schema = super::schema();
        crate::report::sample::assert_committed(
            "docs/evidence.schema.json",
            "UPDATE_DOCS",
            &schema,
        );
    }
}
