//! Rows of a CSV export: the ends of rows are found here, the fields by the crate `csv`.

use std::io::{self, Read};

use csv::{ByteRecord, Reader, ReaderBuilder, Terminator};

use super::ROW_LIMIT;
use super::columns::{Columns, Field, slot};
use super::row::{DIRECTIONS, Rows};
use super::window::Window;
use crate::fault::FaultKind;
use crate::flowlog::batch::Sink;

/// Byte order mark of UTF-8.
const BOM: &[u8] = b"\xEF\xBB\xBF";

/// Decodes a CSV export; how many bytes were read.
///
/// The first row names the columns; a later row of names (of files put together) names them anew,
/// in any order and number.
///
/// # Errors
/// Those of the reader. What was whole until then has been handed on.
pub fn decode_csv(reader: impl Read, file: u32, sink: &mut impl Sink) -> io::Result<u64> {
    let mut window = Window::new(reader)?;
    let mut table = Table {
        rows: Rows::new(file),
        fields: Fields::new(),
        columns: None,
    };
    loop {
        let offset = window.offset();
        let goes_on = match next_row(&mut window)? {
            RowEnd::Line { text, length } => {
                let goes_on = table.row(&window.text()[..text], offset, true, sink);
                window.consume(length);
                goes_on
            }
            RowEnd::Last { quoted: false } => {
                let length = window.text().len();
                table.row(window.text(), offset, false, sink);
                window.consume(length);
                false
            }
            RowEnd::Last { quoted: true } => {
                sink.fault(
                    offset,
                    FaultKind::Truncated,
                    "the file ends inside a row".to_owned(),
                );
                false
            }
            RowEnd::Unclosed { length } => {
                let detail = "a quote that is never closed".to_owned();
                sink.fault(offset, FaultKind::DamagedRecord, detail);
                window.consume(length);
                true
            }
            RowEnd::TooLarge => {
                sink.fault(
                    offset,
                    FaultKind::RecordTooLarge,
                    "row above 1 MiB".to_owned(),
                );
                skip_line(&mut window)?
            }
        };
        if !goes_on {
            return Ok(window.read());
        }
    }
}

/// How a row ends.
enum RowEnd {
    /// At a line break: the length without and with it.
    Line { text: usize, length: usize },
    /// At the end of the file, which may be inside a quoted field.
    Last { quoted: bool },
    /// Nowhere: a quote opens and never closes. The row is given up at the end of its first line.
    Unclosed { length: usize },
    /// Nowhere: there is no line break in reach.
    TooLarge,
}

/// Finds the end of the row at the start of the window.
fn next_row(window: &mut Window<impl Read>) -> io::Result<RowEnd> {
    let mut scan = Scan::default();
    loop {
        let end = scan.find(window.text());
        if let Some(end) = end.filter(|&end| end <= ROW_LIMIT) {
            let line = &window.text()[..end];
            let text = line.strip_suffix(b"\r").unwrap_or(line).len();
            return Ok(RowEnd::Line {
                text,
                length: end + 1,
            });
        }
        let too_large = window.text().len() > ROW_LIMIT;
        if too_large || !window.fill()? {
            let reach = window.text().len().min(ROW_LIMIT + 1);
            let first_line = memchr::memchr(b'\n', &window.text()[..reach]);
            return Ok(match first_line {
                Some(end) => RowEnd::Unclosed { length: end + 1 },
                None if too_large => RowEnd::TooLarge,
                None => RowEnd::Last {
                    quoted: scan.quoted,
                },
            });
        }
    }
}

/// Looks for a line break outside quotes, as much as there is of the row.
#[derive(Default)]
struct Scan {
    scanned: usize,
    quoted: bool,
    /// Position after a quote that closed: another quote there stands for itself.
    closed: Option<usize>,
}

impl Scan {
    /// Position of the line break; `None` asks for more of the row.
    fn find(&mut self, row: &[u8]) -> Option<usize> {
        for at in memchr::memchr2_iter(b'"', b'\n', &row[self.scanned..]) {
            let at = self.scanned + at;
            if row[at] == b'\n' {
                if !self.quoted {
                    return Some(at);
                }
            } else if self.quoted {
                self.quoted = false;
                self.closed = Some(at + 1);
            } else {
                self.quoted = at == 0 || row[at - 1] == b',' || self.closed == Some(at);
            }
        }
        self.scanned = row.len();
        None
    }
}

/// Consumes up to and with the next line break; false at the end of the file.
fn skip_line(window: &mut Window<impl Read>) -> io::Result<bool> {
    loop {
        if let Some(end) = memchr::memchr(b'\n', window.text()) {
            window.consume(end + 1);
            return Ok(true);
        }
        window.consume(window.text().len());
        if !window.fill()? {
            return Ok(false);
        }
    }
}

/// The table being read.
struct Table {
    rows: Rows,
    fields: Fields,
    columns: Option<Columns>,
}

impl Table {
    /// Reads one row, its line break gone; whether to read on. `whole` says that it had one.
    fn row(&mut self, text: &[u8], offset: u64, whole: bool, sink: &mut impl Sink) -> bool {
        if text.iter().all(u8::is_ascii_whitespace) {
            return true;
        }
        let mut fault = |kind, detail: String| sink.fault(offset, kind, detail);
        // Of files put together, each may have its own.
        let unmarked = text.strip_prefix(BOM).unwrap_or(text);
        let Some(record) = self.fields.split(unmarked) else {
            fault(FaultKind::DamagedRecord, "a row that is no CSV".to_owned());
            return true;
        };
        let Some(columns) = &self.columns else {
            let columns = header(record);
            if let Some(missing) = columns.missing() {
                fault(
                    FaultKind::NotFlowLog,
                    format!("no column {}", missing.name()),
                );
                return false;
            }
            self.columns = Some(columns);
            return true;
        };
        let (found, expected) = (record.len(), columns.len());
        if let Some(named) = appended_header(record, columns) {
            let detail = "a row and a row of names on one line".to_owned();
            fault(FaultKind::BadRow, detail);
            self.columns = Some(named);
        } else if let Some(named) = repeated_header(record) {
            self.columns = Some(named);
        } else if found < expected && !whole {
            fault(
                FaultKind::Truncated,
                "the file ends inside a row".to_owned(),
            );
        } else if (expected..found).any(|index| !record[index].is_empty()) {
            let detail = format!("{found} fields under {expected} columns");
            fault(FaultKind::BadRow, detail);
        } else {
            self.rows.cells.clear();
            for (index, field) in record.iter().enumerate() {
                if let Some(slot) = columns.get(index) {
                    self.rows.cells.set(slot, &String::from_utf8_lossy(field));
                }
            }
            self.rows.finish(offset, text.len() as u64, sink);
        }
        true
    }
}

fn header(record: &ByteRecord) -> Columns {
    Columns::new(record.iter().map(name))
}

fn name(field: &[u8]) -> &str {
    str::from_utf8(field).unwrap_or_default()
}

/// The columns that a row names, if it names all that rows need.
fn repeated_header(record: &ByteRecord) -> Option<Columns> {
    // Rows are many and rows of names few: one name decides whether to look at the others.
    let direction = Field::Direction.name().as_bytes();
    record.iter().find(|field| {
        let start = field.trim_ascii_start().get(..direction.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(direction))
    })?;
    Some(header(record)).filter(|columns| columns.missing().is_none())
}

/// The columns that are named behind a row: a file put before another may lack its last line break.
fn appended_header(record: &ByteRecord, columns: &Columns) -> Option<Columns> {
    if record.len() <= columns.len() {
        return None;
    }
    let direction = columns.place(Field::Direction)?;
    // Under the old columns, a row has a value there and a longer header has a name.
    let value = name(&record[direction]).trim();
    DIRECTIONS
        .iter()
        .find(|(text, _)| value.eq_ignore_ascii_case(text))?;
    // The last value and the first name are one field.
    let joined = name(&record[columns.len() - 1]);
    let mut ends = joined.char_indices().map(|(at, _)| &joined[at..]);
    let first = ends.find(|end| slot(end).is_some()).unwrap_or_default();
    let others = record.iter().skip(columns.len()).map(name);
    Some(Columns::new(std::iter::once(first).chain(others)))
        .filter(|columns| columns.missing().is_none())
}

/// Splits rows into fields.
struct Fields {
    reader: Reader<Feed>,
    record: ByteRecord,
}

/// The one row that the CSV reader is given.
#[derive(Default)]
struct Feed {
    row: Vec<u8>,
    given: usize,
}

impl Read for Feed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let given = (&self.row[self.given..]).read(buffer)?;
        self.given += given;
        Ok(given)
    }
}

impl Fields {
    fn new() -> Self {
        Self {
            reader: ReaderBuilder::new()
                .has_headers(false)
                .flexible(true)
                .terminator(Terminator::Any(b'\n'))
                .from_reader(Feed::default()),
            record: ByteRecord::new(),
        }
    }

    /// The fields of a row.
    fn split(&mut self, row: &[u8]) -> Option<&ByteRecord> {
        let feed = self.reader.get_mut();
        feed.row.clear();
        feed.row.extend_from_slice(row);
        feed.row.push(b'\n');
        feed.given = 0;
        if matches!(self.reader.read_byte_record(&mut self.record), Ok(true)) {
            return Some(&self.record);
        }
        // The reader has seen an end of its input and will not read again.
        *self = Self::new();
        None
    }
}
