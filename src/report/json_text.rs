//! JSON as it is written: what a terminal would obey is `\uXXXX` in strings, so that printing it is
//! harmless; the value stays what it is.

use std::io::{self, BufWriter, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

use super::escape;

/// Bytes that are gathered before they are passed on.
const BUFFER: usize = 1 << 16;

/// Writes a value indented by two, with a final line break. It is never held as text.
pub(super) fn indented(out: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(BUFFER, out);
    value.serialize(&mut Serializer::with_formatter(
        &mut out,
        Indented::default(),
    ))?;
    out.write_all(b"\n")?;
    out.flush()
}

/// Writes a value as one line.
pub(super) fn line(out: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
    // As one piece: the many small ones of a line would each go through the output on its own.
    let mut line = Vec::with_capacity(512);
    value.serialize(&mut Serializer::with_formatter(&mut line, Compact))?;
    line.push(b'\n');
    out.write_all(&line)
}

/// The part of a string that needs no escape of JSON's own.
fn fragment<W: ?Sized + Write>(writer: &mut W, fragment: &str) -> io::Result<()> {
    // Nearly all of it: our own words.
    if fragment.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return writer.write_all(fragment.as_bytes());
    }
    writer.write_all(escape::json(fragment).as_bytes())
}

/// On one line.
struct Compact;

impl Formatter for Compact {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        text: &str,
    ) -> io::Result<()> {
        fragment(writer, text)
    }
}

/// As [`serde_json::ser::PrettyFormatter`] has it, in fewer writes.
#[derive(Default)]
struct Indented {
    level: usize,
    has_value: bool,
}

/// A line break, and the indentation of the levels that occur.
const BREAK: &[u8; 65] = b"\n                                                                ";

impl Indented {
    fn begin<W: ?Sized + Write>(&mut self, writer: &mut W, mark: &[u8]) -> io::Result<()> {
        self.level += 1;
        self.has_value = false;
        writer.write_all(mark)
    }

    fn end<W: ?Sized + Write>(&mut self, writer: &mut W, mark: &[u8]) -> io::Result<()> {
        self.level -= 1;
        if self.has_value {
            self.line(writer)?;
        }
        writer.write_all(mark)
    }

    fn item<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if !first {
            writer.write_all(b",")?;
        }
        self.line(writer)
    }

    fn line<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        let mut blanks = 2 * self.level;
        let room = BREAK.len() - 1;
        writer.write_all(&BREAK[..=blanks.min(room)])?;
        while blanks > room {
            blanks -= room;
            writer.write_all(&BREAK[1..=blanks.min(room)])?;
        }
        Ok(())
    }
}

impl Formatter for Indented {
    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.begin(writer, b"[")
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.end(writer, b"]")
    }

    fn begin_array_value<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.item(writer, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.has_value = true;
        Ok(())
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.begin(writer, b"{")
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.end(writer, b"}")
    }

    fn begin_object_key<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.item(writer, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.has_value = true;
        Ok(())
    }

    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        text: &str,
    ) -> io::Result<()> {
        fragment(writer, text)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::ser::PrettyFormatter;
    use serde_json::{Value, json};

    use super::*;

    fn told(value: &Value) -> String {
        let mut text = Vec::new();
        indented(&mut text, value).unwrap();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn it_is_indented_as_serde_json_does() {
        let mut deep = json!({ "a": [1, {}, [], "b", null], "c": { "d": [[true]] } });
        for _ in 0..40 {
            deep = json!({ "x": [deep] });
            let mut expected = Vec::new();
            let pretty = PrettyFormatter::new();
            deep.serialize(&mut Serializer::with_formatter(&mut expected, pretty))
                .unwrap();
            expected.push(b'\n');
            assert_eq!(told(&deep).as_bytes(), expected);
        }
    }

    #[test]
    fn what_a_terminal_would_obey_is_written_out_and_read_back() {
        let value = json!({ "\u{1b}]0;": "a\u{202e}\"\n\u{9b}2J \u{1f600} ü" });
        let mut text = told(&value).into_bytes();
        line(&mut text, &value).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(!text.contains(['\u{1b}', '\u{202e}', '\u{9b}']), "{text}");
        assert!(text.contains("\\u202e") && text.contains('ü'), "{text}");
        let mut read = serde_json::Deserializer::from_str(&text).into_iter::<Value>();
        assert_eq!(read.next().unwrap().unwrap(), value);
        assert_eq!(read.next().unwrap().unwrap(), value);
    }
}
