//! Flow groups, and flow records, as Parquet: typed columns, compressed with zstd.
//!
//! Text is UTF-8 as it was, nothing escaped. Counts are unsigned 64-bit, ports unsigned 16-bit, times
//! milliseconds in UTC. Every column may be null: not known. Names of columns are those of the CSV.

use std::fmt::{Display, Write as _};
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use parquet::basic::{Compression, ZstdLevel};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::parser::parse_message_type;

use super::flows::{self, Fields};
use super::table::{Cell, GROUPS, Kind};
use crate::audit::Audit;
use crate::flowlog::batch::{RecordBatch, Tuple};
use crate::net::Timestamp;

/// Rows that are held before they are written as a row group.
const ROWS: usize = 1 << 16;

/// Writes the audit's flow groups.
pub fn groups(audit: &Audit, out: &mut dyn Write) -> io::Result<()> {
    let kinds = GROUPS.iter().map(|column| (column.name, column.kind));
    let mut table = Table::new("groups", kinds)?;
    for group in &audit.groups {
        for column in &GROUPS {
            table.cell(&(column.cell)(group))?;
        }
        table.end(out)?;
    }
    table.finish(out)
}

/// Flow records, one by one.
pub struct Flows(Table);

impl Flows {
    /// An empty table, with the columns of [`flows::FIELDS`].
    pub fn new() -> io::Result<Self> {
        let kind = |name: &str| match name {
            "time" | "last" => Kind::Time,
            "source_port" | "destination_port" => Kind::Port,
            "packets_forward" | "packets_reverse" | "bytes_forward" | "bytes_reverse" | "flows"
            | "offset" => Kind::Count,
            _ => Kind::Text,
        };
        let kinds = flows::FIELDS.into_iter().map(|name| (name, kind(name)));
        Table::new("flows", kinds).map(Self)
    }

    /// Adds one tuple of a batch, and writes when there are enough. `path` names the batch's file.
    pub fn write(
        &mut self,
        out: &mut dyn Write,
        batch: &RecordBatch,
        tuple: &Tuple,
        path: &str,
    ) -> io::Result<()> {
        flows::fields(batch, tuple, path, &mut self.0)?;
        self.0.end(out)
    }

    /// Writes what is left, and the footer without which the file cannot be read.
    pub fn finish(self, out: &mut dyn Write) -> io::Result<()> {
        self.0.finish(out)
    }
}

/// Where the library writes to, until it is passed on: it wants to own its output.
#[derive(Clone, Default)]
struct Held(Arc<Mutex<Vec<u8>>>);

impl Held {
    fn pass_on(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        out.write_all(&bytes)?;
        bytes.clear();
        Ok(())
    }
}

impl Write for Held {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A table being written: the rows of one row group, and the file.
struct Table {
    columns: Vec<Buffer>,
    next: usize,
    rows: usize,
    word: String,
    held: Held,
    file: SerializedFileWriter<Held>,
}

/// The values of a column, of the rows that have one.
enum Values {
    Text(Vec<ByteArray>),
    Wide(Vec<i64>),
    Narrow(Vec<i32>),
    Flag(Vec<bool>),
}

/// A column of the row group.
struct Buffer {
    values: Values,
    /// 1 for each row that has a value, else 0.
    levels: Vec<i16>,
}

impl Table {
    fn new(
        name: &str,
        columns: impl Iterator<Item = (&'static str, Kind)> + Clone,
    ) -> io::Result<Self> {
        let mut schema = format!("message {name} {{\n");
        for (name, kind) in columns.clone() {
            let kind = match kind {
                Kind::Text => ("binary", " (STRING)"),
                Kind::Count => ("int64", " (INTEGER(64,false))"),
                Kind::Port => ("int32", " (INTEGER(16,false))"),
                Kind::Time => ("int64", " (TIMESTAMP(MILLIS,true))"),
                Kind::Flag => ("boolean", ""),
            };
            // Writing to a string does not fail.
            _ = writeln!(schema, "optional {} {name}{};", kind.0, kind.1);
        }
        schema.push('}');
        let schema = parse_message_type(&schema).map_err(broken)?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_created_by(concat!("nsgaudit ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        let held = Held::default();
        let file = SerializedFileWriter::new(held.clone(), Arc::new(schema), Arc::new(properties))
            .map_err(broken)?;
        let columns = columns.map(|(_, kind)| Buffer {
            values: match kind {
                Kind::Text => Values::Text(Vec::new()),
                Kind::Count | Kind::Time => Values::Wide(Vec::new()),
                Kind::Port => Values::Narrow(Vec::new()),
                Kind::Flag => Values::Flag(Vec::new()),
            },
            levels: Vec::new(),
        });
        Ok(Self {
            columns: columns.collect(),
            next: 0,
            rows: 0,
            word: String::new(),
            held,
            file,
        })
    }

    fn cell(&mut self, cell: &Cell<'_>) -> io::Result<()> {
        match cell {
            Cell::None => self.unknown(),
            Cell::Text(text) => self.text(text),
            Cell::Number(number) => self.number(Some(*number)),
            Cell::Time(text) => match Timestamp::parse(text) {
                Some(time) => self.time(time.0),
                None => self.unknown(),
            },
            Cell::Flag(flag) => match self.column() {
                Values::Flag(values) => {
                    values.push(*flag);
                    Ok(())
                }
                _ => Err(misplaced()),
            },
        }
    }

    /// The next column, which is to get a value.
    fn column(&mut self) -> &mut Values {
        let column = &mut self.columns[self.next];
        self.next += 1;
        column.levels.push(1);
        &mut column.values
    }

    /// Ends a row.
    fn end(&mut self, out: &mut dyn Write) -> io::Result<()> {
        debug_assert_eq!(self.next, self.columns.len());
        self.next = 0;
        self.rows += 1;
        if self.rows < ROWS {
            return Ok(());
        }
        self.row_group(out)
    }

    /// Writes the rows held.
    fn row_group(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let mut group = self.file.next_row_group().map_err(broken)?;
        for column in &mut self.columns {
            let mut writer = group.next_column().map_err(broken)?.ok_or_else(misplaced)?;
            column.write(&mut writer).map_err(broken)?;
            writer.close().map_err(broken)?;
        }
        group.close().map_err(broken)?;
        self.rows = 0;
        self.held.pass_on(out)
    }

    fn finish(mut self, out: &mut dyn Write) -> io::Result<()> {
        if self.rows > 0 {
            self.row_group(out)?;
        }
        self.file.close().map_err(broken)?;
        self.held.pass_on(out)
    }
}

impl Fields for Table {
    fn unknown(&mut self) -> io::Result<()> {
        self.columns[self.next].levels.push(0);
        self.next += 1;
        Ok(())
    }

    fn number(&mut self, number: Option<u64>) -> io::Result<()> {
        let Some(number) = number else {
            return self.unknown();
        };
        match self.column() {
            // The bits of an unsigned number, as the format has it.
            Values::Wide(values) => values.push(number as i64),
            Values::Narrow(values) => values.push(number as i32),
            Values::Text(_) | Values::Flag(_) => return Err(misplaced()),
        }
        Ok(())
    }

    fn word(&mut self, word: impl Display) -> io::Result<()> {
        let mut text = std::mem::take(&mut self.word);
        text.clear();
        // Writing to a string does not fail.
        _ = write!(text, "{word}");
        let pushed = self.text(&text);
        self.word = text;
        pushed
    }

    fn text(&mut self, text: &str) -> io::Result<()> {
        if text.is_empty() {
            return self.unknown();
        }
        let Values::Text(values) = self.column() else {
            return Err(misplaced());
        };
        // Rules, holders and files stay the same for many rows: those share their bytes.
        let value = match values.last() {
            Some(last) if last.data() == text.as_bytes() => last.clone(),
            _ => ByteArray::from(text),
        };
        values.push(value);
        Ok(())
    }

    fn time(&mut self, time: i64) -> io::Result<()> {
        let Values::Wide(values) = self.column() else {
            return Err(misplaced());
        };
        values.push(time);
        Ok(())
    }
}

impl Buffer {
    /// Writes the column and empties it.
    fn write(&mut self, writer: &mut SerializedColumnWriter<'_>) -> Result<(), ParquetError> {
        let levels = Some(&self.levels[..]);
        match &mut self.values {
            Values::Text(values) => {
                writer
                    .typed::<ByteArrayType>()
                    .write_batch(values, levels, None)?;
                values.clear();
            }
            Values::Wide(values) => {
                writer
                    .typed::<Int64Type>()
                    .write_batch(values, levels, None)?;
                values.clear();
            }
            Values::Narrow(values) => {
                writer
                    .typed::<Int32Type>()
                    .write_batch(values, levels, None)?;
                values.clear();
            }
            Values::Flag(values) => {
                writer
                    .typed::<BoolType>()
                    .write_batch(values, levels, None)?;
                values.clear();
            }
        }
        self.levels.clear();
        Ok(())
    }
}

fn broken(error: ParquetError) -> io::Error {
    io::Error::other(error)
}

/// A value of another kind than its column's, which the tables of columns rule out.
fn misplaced() -> io::Error {
    io::Error::other("a value does not fit its column")
}
