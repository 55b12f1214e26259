//! Rows of a JSON export: row objects in an array or one a line, or the tables of the query API.
//!
//! The text is walked, never held: lists and envelopes are stepped into, and only one row at a time
//! is parsed.

use std::fmt;
use std::io::{self, Read};

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::ROW_LIMIT;
use super::columns::{Cells, Columns, Slot, slot};
use super::row::Rows;
use super::window::Window;
use crate::fault::FaultKind;
use crate::flowlog::batch::Sink;

/// Decodes a JSON export; how many bytes were read.
///
/// # Errors
/// Those of the reader. What was whole until then has been handed on.
pub fn decode_json(reader: impl Read, file: u32, sink: &mut impl Sink) -> io::Result<u64> {
    let mut walk = Walk {
        window: Window::new(reader)?,
        sink,
        rows: Rows::new(file),
        columns: Columns::default(),
        places: Vec::new(),
        damaged: false,
    };
    while walk.step()? {}
    Ok(walk.window.read())
}

/// Members that hold a list of rows, of tables, or one of those.
const LISTS: [&str; 5] = ["tables", "value", "records", "data", "results"];
/// First members of an object that is no row, beside [`LISTS`]. Other members tell by what follows.
const ENVELOPE: [&str; 10] = [
    "rows",
    "columns",
    "name",
    "statistics",
    "render",
    "error",
    "nextLink",
    "status",
    "@odata.context",
    "kind",
];
/// Members that may name columns and hold no rows.
const ASIDE: [&str; 3] = ["statistics", "render", "error"];
/// Deepest nesting of lists and envelopes.
const DEPTH_LIMIT: usize = 16;
/// How far the first key of an object is looked for.
const KEY_REACH: usize = 4096;

/// What is being walked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// An array of row objects, tables or lists.
    List,
    /// The array `rows` of a table: arrays of values.
    Rows,
    /// An object that is no row.
    Envelope,
}

struct Walk<'a, R, S> {
    window: Window<R>,
    sink: &'a mut S,
    rows: Rows,
    columns: Columns,
    places: Vec<Place>,
    /// Text was passed over: closing brackets may be in it.
    damaged: bool,
}

/// Where a value ends.
enum Value {
    Whole(usize),
    /// Longer than [`ROW_LIMIT`]; what follows that is to be skipped with this.
    TooLarge(Balance),
    /// A line break in a string, here.
    Damaged(usize),
    /// The text ends first.
    Cut,
}

impl<R: Read, S: Sink> Walk<'_, R, S> {
    /// Takes the next row or bracket; false at the end.
    fn step(&mut self) -> io::Result<bool> {
        let Some(byte) = self.skip_glue()? else {
            if !self.places.is_empty() && !self.damaged {
                self.fault(
                    FaultKind::Truncated,
                    "the text ends before its last bracket",
                );
            }
            return Ok(false);
        };
        match (self.places.last().copied(), byte) {
            (Some(Place::Envelope), b'"') => self.member(),
            (Some(Place::Envelope), b'}') | (Some(Place::List | Place::Rows), b']') => {
                self.places.pop();
                self.window.consume(1);
                Ok(true)
            }
            (None | Some(Place::List), b'[') => self.enter(Place::List),
            (None | Some(Place::List), b'{') if self.is_envelope()? => self.enter(Place::Envelope),
            (None | Some(Place::List | Place::Rows), b'{') | (Some(Place::Rows), b'[') => {
                self.row()
            }
            _ => self.stray(),
        }
    }

    /// Skips white space and commas; the byte after them.
    fn skip_glue(&mut self) -> io::Result<Option<u8>> {
        loop {
            let text = self.window.text();
            let glue = text
                .iter()
                .position(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b','));
            self.window.consume(glue.unwrap_or(text.len()));
            if glue.is_some() || !self.window.fill()? {
                return Ok(self.window.text().first().copied());
            }
        }
    }

    /// Steps into an array or object.
    fn enter(&mut self, place: Place) -> io::Result<bool> {
        if self.places.len() == DEPTH_LIMIT {
            return self.stray();
        }
        self.places.push(place);
        self.window.consume(1);
        Ok(true)
    }

    /// Whether the object at the start of the window is no row but holds rows.
    fn is_envelope(&mut self) -> io::Result<bool> {
        self.window.ensure(KEY_REACH)?;
        let reach = self.window.text().len().min(KEY_REACH);
        Ok(opens_envelope(&self.window.text()[..reach]))
    }

    /// Reads a member of an envelope.
    fn member(&mut self) -> io::Result<bool> {
        let length = match self.value()? {
            Value::Whole(length) => length,
            Value::Cut => return Ok(self.cut()),
            Value::TooLarge(_) | Value::Damaged(_) => return self.stray(),
        };
        let key = String::from_utf8_lossy(&self.window.text()[1..length - 1]).into_owned();
        self.window.consume(length);
        match self.skip_glue()? {
            Some(b':') => {}
            Some(_) => return self.stray(),
            None => return Ok(self.cut()),
        }
        self.window.consume(1);
        let Some(first) = self.skip_glue()? else {
            return Ok(self.cut());
        };
        match (key.to_ascii_lowercase().as_str(), first) {
            ("columns", b'[') => self.columns(),
            ("rows", b'[') => self.enter_rows(),
            (list, b'[') if LISTS.contains(&list) => self.enter(Place::List),
            (list, b'{') if LISTS.contains(&list) => self.enter(Place::Envelope),
            (_, b'[' | b'{' | b'"') => self.skip_value(&key),
            _ => self.skip_scalar(),
        }
    }

    /// Reads a table's list of columns.
    fn columns(&mut self) -> io::Result<bool> {
        match self.value()? {
            Value::Whole(length) => {
                let text = &self.window.text()[..length];
                let columns: Vec<Column> = serde_json::from_slice(text).unwrap_or_default();
                self.columns = Columns::new(columns.iter().map(Column::name));
                self.window.consume(length);
                Ok(true)
            }
            Value::TooLarge(_) | Value::Damaged(_) => self.stray(),
            Value::Cut => Ok(self.cut()),
        }
    }

    /// Steps into a table's rows, or skips them if they cannot be flow records.
    fn enter_rows(&mut self) -> io::Result<bool> {
        if self.opens_nothing()? {
            // Whatever its columns are, nothing is lost.
        } else if self.columns.len() == 0 {
            self.fault(
                FaultKind::NotFlowLog,
                "a table whose rows come before its columns",
            );
        } else if let Some(missing) = self.columns.missing() {
            let detail = format!("a table without the column {}", missing.name());
            self.fault(FaultKind::NotFlowLog, &detail);
        } else {
            return self.enter(Place::Rows);
        }
        self.skip(Balance::default())
    }

    /// Whether the list at the start of the window is empty.
    fn opens_nothing(&mut self) -> io::Result<bool> {
        self.window.ensure(KEY_REACH)?;
        let text = self.window.text();
        let inside = text[1..text.len().min(KEY_REACH)].trim_ascii_start();
        Ok(inside.starts_with(b"]"))
    }

    /// Reads one row, an object or an array of values.
    fn row(&mut self) -> io::Result<bool> {
        match self.value()? {
            Value::Whole(length) => {
                let text = &self.window.text()[..length];
                self.rows.cells.clear();
                let seed = RowSeed {
                    cells: &mut self.rows.cells,
                    columns: &self.columns,
                };
                let mut deserializer = serde_json::Deserializer::from_slice(text);
                match seed.deserialize(&mut deserializer) {
                    Ok(()) => {
                        let offset = self.window.offset();
                        self.rows.finish(offset, length as u64, self.sink);
                    }
                    Err(error) => self.fault(FaultKind::DamagedRecord, &error.to_string()),
                }
                self.window.consume(length);
                Ok(true)
            }
            Value::TooLarge(balance) => {
                self.fault(FaultKind::RecordTooLarge, "row above 1 MiB");
                self.window.consume(ROW_LIMIT);
                self.skip(balance)
            }
            Value::Damaged(length) => {
                self.fault(FaultKind::DamagedRecord, "a line break in a string");
                self.window.consume(length);
                self.resync()
            }
            Value::Cut => Ok(self.cut()),
        }
    }

    /// Finds the end of the string, array or object at the start of the window.
    fn value(&mut self) -> io::Result<Value> {
        let mut balance = Balance::default();
        let mut scanned = 0;
        loop {
            let reach = self.window.text().len().min(ROW_LIMIT);
            match balance.scan(&self.window.text()[scanned..reach]) {
                Scan::End(length) => return Ok(Value::Whole(scanned + length)),
                Scan::Damaged(length) => return Ok(Value::Damaged(scanned + length)),
                Scan::More => scanned = reach,
            }
            if scanned == ROW_LIMIT {
                return Ok(Value::TooLarge(balance));
            }
            if !self.window.fill()? {
                return Ok(Value::Cut);
            }
        }
    }

    /// Consumes a value, or the rest of one.
    fn skip(&mut self, mut balance: Balance) -> io::Result<bool> {
        loop {
            match balance.scan(self.window.text()) {
                Scan::End(length) => {
                    self.window.consume(length);
                    return Ok(true);
                }
                Scan::Damaged(length) => {
                    self.window.consume(length);
                    return self.resync();
                }
                Scan::More => self.window.consume(self.window.text().len()),
            }
            if !self.window.fill()? {
                return Ok(self.cut());
            }
        }
    }

    /// Consumes a string, list or object of an envelope. Rows in it are no rows that are known of.
    fn skip_value(&mut self, key: &str) -> io::Result<bool> {
        match self.value()? {
            Value::Whole(length) if is_json(&self.window.text()[..length]) => {
                self.fault_of_rows_under(key, length);
                self.window.consume(length);
                Ok(true)
            }
            Value::TooLarge(balance) => {
                self.fault_of_rows_under(key, ROW_LIMIT);
                self.window.consume(ROW_LIMIT);
                self.skip(balance)
            }
            Value::Whole(_) | Value::Damaged(_) => self.stray(),
            Value::Cut => Ok(self.cut()),
        }
    }

    /// Says that a member with rows in its first `length` bytes is not read.
    fn fault_of_rows_under(&mut self, key: &str, length: usize) {
        let aside = ASIDE.iter().any(|known| known.eq_ignore_ascii_case(key));
        let text = &self.window.text()[..length];
        if !aside && !text.starts_with(b"\"") && names_a_column(text) {
            let detail = format!("rows under the key {key:?}, which is not read");
            self.fault(FaultKind::BadRow, &detail);
        }
    }

    /// Consumes a number, `true`, `false` or `null`.
    fn skip_scalar(&mut self) -> io::Result<bool> {
        loop {
            let text = self.window.text();
            let reach = &text[..text.len().min(KEY_REACH)];
            let end = scalar_end(reach);
            if let Some(end) = end.filter(|&end| is_json(&text[..end])) {
                self.window.consume(end);
                return Ok(true);
            }
            if end.is_some() || reach.len() == KEY_REACH {
                return self.stray();
            }
            if !self.window.fill()? {
                return Ok(self.cut());
            }
        }
    }

    fn cut(&mut self) -> bool {
        self.fault(FaultKind::Truncated, "the text ends inside a value");
        false
    }

    fn stray(&mut self) -> io::Result<bool> {
        self.fault(FaultKind::StrayText, "text that is no row");
        self.window.consume(1);
        self.resync()
    }

    /// Goes on at the next place where a row may start; false at the end.
    fn resync(&mut self) -> io::Result<bool> {
        self.damaged = true;
        let second = match self.places.last() {
            Some(Place::Rows) => b'[',
            _ => b'{',
        };
        loop {
            let text = self.window.text();
            let start = memchr::memchr2(b'{', second, text);
            self.window.consume(start.unwrap_or(text.len()));
            if start.is_some() {
                if self.places.last() == Some(&Place::Envelope) {
                    self.places.pop();
                }
                return Ok(true);
            }
            if !self.window.fill()? {
                return Ok(false);
            }
        }
    }

    /// A fault at the start of the window.
    fn fault(&mut self, kind: FaultKind, detail: &str) {
        self.sink
            .fault(self.window.offset(), kind, detail.to_owned());
    }
}

/// Whether the object that `text` starts with is no row: by its first member, or by a list of rows
/// before which no column is named.
fn opens_envelope(text: &[u8]) -> bool {
    let is = |key: &[u8], names: &[&str]| {
        names
            .iter()
            .any(|name| key.eq_ignore_ascii_case(name.as_bytes()))
    };
    let mut rest = &text[1..];
    for number in 0.. {
        rest = rest.trim_ascii_start();
        let Some((key, after)) = key(rest) else {
            return false;
        };
        if is(key, &LISTS) && (number == 0 || matches!(after, [b'[' | b'{', ..]))
            || number == 0 && is(key, &ENVELOPE)
        {
            return true;
        }
        if str::from_utf8(key).is_ok_and(|key| slot(key).is_some()) {
            return false;
        }
        let end = match after {
            [b'"' | b'[' | b'{', ..] => match Balance::default().scan(after) {
                Scan::End(end) => end,
                Scan::Damaged(_) | Scan::More => return false,
            },
            _ => scalar_end(after).unwrap_or(after.len()),
        };
        let Some(next) = after[end..].trim_ascii_start().strip_prefix(b",") else {
            return false;
        };
        rest = next;
    }
    false
}

/// The key that `text` starts with, and what is after its colon.
fn key(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let text = text.strip_prefix(b"\"")?;
    let (key, after) = text.split_at(memchr::memchr(b'"', text)?);
    let after = after[1..].trim_ascii_start().strip_prefix(b":")?;
    Some((key, after.trim_ascii_start()))
}

/// Whether a string in `text`, which may be cut anywhere, is a column that every row has.
fn names_a_column(mut text: &[u8]) -> bool {
    while let Some(start) = memchr::memchr(b'"', text) {
        let string = &text[start + 1..];
        let mut end = 0;
        while let Some(&byte) = string.get(end).filter(|&&byte| byte != b'"') {
            end += 1 + usize::from(byte == b'\\');
        }
        let Some((name, rest)) = string.split_at_checked(end) else {
            return false;
        };
        if str::from_utf8(name).is_ok_and(|name| slot(name).is_some_and(Slot::is_required)) {
            return true;
        }
        text = rest.get(1..).unwrap_or_default();
    }
    false
}

/// Where a number, `true`, `false` or `null` ends.
fn scalar_end(text: &[u8]) -> Option<usize> {
    text.iter().position(|byte| b",]}\" \t\r\n".contains(byte))
}

fn is_json(text: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(text).is_ok()
}

/// Counts brackets outside strings.
#[derive(Debug, Default)]
struct Balance {
    depth: u64,
    quoted: bool,
    escaped: bool,
}

enum Scan {
    /// The value ends before this position.
    End(usize),
    /// A string has a line break before this position.
    Damaged(usize),
    /// It goes on.
    More,
}

impl Balance {
    /// Goes through the next piece of a value.
    fn scan(&mut self, text: &[u8]) -> Scan {
        let mut at = 0;
        while at < text.len() {
            if self.quoted && !self.escaped {
                match memchr::memchr3(b'"', b'\\', b'\n', &text[at..]) {
                    Some(plain) => at += plain,
                    None => return Scan::More,
                }
            }
            let byte = text[at];
            at += 1;
            match byte {
                _ if self.escaped => self.escaped = false,
                b'"' => self.quoted = !self.quoted,
                b'\\' if self.quoted => self.escaped = true,
                b'\n' if self.quoted => return Scan::Damaged(at),
                _ if self.quoted => {}
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
            if self.depth == 0 && !self.quoted {
                return Scan::End(at);
            }
        }
        Scan::More
    }
}

/// A column of a table, as the APIs spell it.
#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Column {
    Object {
        #[serde(alias = "Name", alias = "ColumnName")]
        name: String,
    },
    Text(String),
}

impl Column {
    fn name(&self) -> &str {
        match self {
            Self::Object { name } | Self::Text(name) => name,
        }
    }
}

/// Reads a row into cells.
struct RowSeed<'a> {
    cells: &'a mut Cells,
    columns: &'a Columns,
}

impl<'de> DeserializeSeed<'de> for RowSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for RowSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(slot) = members.next_key_seed(KeySeed)? {
            members.next_value_seed(CellSeed {
                cells: self.cells,
                slot,
            })?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<(), A::Error> {
        let mut index = 0;
        loop {
            let seed = CellSeed {
                cells: self.cells,
                slot: self.columns.get(index),
            };
            if values.next_element_seed(seed)?.is_none() {
                return Ok(());
            }
            index += 1;
        }
    }
}

/// Looks a key up without keeping it.
struct KeySeed;

impl<'de> DeserializeSeed<'de> for KeySeed {
    type Value = Option<Slot>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<Slot>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeySeed {
    type Value = Option<Slot>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a column's name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Option<Slot>, E> {
        Ok(slot(name))
    }
}

/// Reads a value into its cell. Numbers are written out, lists and objects left out.
struct CellSeed<'a> {
    cells: &'a mut Cells,
    slot: Option<Slot>,
}

impl CellSeed<'_> {
    fn set(self, text: &str) {
        if let Some(slot) = self.slot {
            self.cells.set(slot, text);
        }
    }
}

impl<'de> DeserializeSeed<'de> for CellSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for CellSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a cell")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        self.set(&number.to_string());
        Ok(())
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.set(&number.to_string());
        Ok(())
    }

    fn visit_f64<E>(self, number: f64) -> Result<(), E> {
        self.set(&number.to_string());
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.set(text);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(())
    }
}
