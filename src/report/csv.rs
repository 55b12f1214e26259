//! One list of the audit as CSV (RFC 4180): a header, then a line an item.
//!
//! What is not known is an empty cell. Text that a spreadsheet would run as a formula gets an
//! apostrophe in front; what a terminal would obey is written out (`\x1b`).

use std::io::{self, Write};

use super::escape;
use super::table::{Cell, Column, FINDINGS, GROUPS, REQUIREMENTS};
use crate::audit::Audit;

/// Writes the flow groups.
pub fn groups(audit: &Audit, out: &mut dyn Write) -> io::Result<()> {
    table(&GROUPS, &audit.groups, out)
}

/// Writes the requirements with their verdicts.
pub fn requirements(audit: &Audit, out: &mut dyn Write) -> io::Result<()> {
    table(&REQUIREMENTS, &audit.requirements, out)
}

/// Writes the findings.
pub fn findings(audit: &Audit, out: &mut dyn Write) -> io::Result<()> {
    table(&FINDINGS, &audit.findings, out)
}

fn table<T>(columns: &[Column<T>], rows: &[T], mut out: &mut dyn Write) -> io::Result<()> {
    let names: Vec<&str> = columns.iter().map(|column| column.name).collect();
    write!(out, "{}\r\n", names.join(","))?;
    for row in rows {
        for (index, column) in columns.iter().enumerate() {
            if index > 0 {
                out.write_all(b",")?;
            }
            match (column.cell)(row) {
                Cell::None => {}
                Cell::Text(text) => write_cell(&mut out, &escape::cell(&text))?,
                Cell::Number(number) => write!(out, "{number}")?,
                Cell::Time(time) => write_cell(&mut out, &escape::cell(time))?,
                Cell::Flag(flag) => write!(out, "{flag}")?,
            }
        }
        out.write_all(b"\r\n")?;
    }
    Ok(())
}

/// Writes others' text as a CSV cell, quoted where it must be, and never a formula.
pub(super) fn write_cell(out: &mut impl Write, text: &str) -> io::Result<()> {
    let guard: &[u8] = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        b"'"
    } else {
        b""
    };
    if !text.contains(['"', ',', '\r', '\n']) {
        out.write_all(guard)?;
        return out.write_all(text.as_bytes());
    }
    out.write_all(b"\"")?;
    out.write_all(guard)?;
    for (index, piece) in text.split('"').enumerate() {
        if index > 0 {
            out.write_all(b"\"\"")?;
        }
        out.write_all(piece.as_bytes())?;
    }
    out.write_all(b"\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn written(table: fn(&Audit, &mut dyn Write) -> io::Result<()>, audit: &Audit) -> Vec<u8> {
        let mut out = Vec::new();
        table(audit, &mut out).unwrap();
        out
    }

    #[test]
    fn each_item_is_a_line_with_every_column() {
        let audit = sample::incident();
        for (table, items) in [
            (
                groups as fn(&Audit, &mut dyn Write) -> _,
                audit.groups.len(),
            ),
            (requirements, audit.requirements.len()),
            (findings, audit.findings.len()),
        ] {
            let text = written(table, &audit);
            let mut reader = csv::Reader::from_reader(&text[..]);
            let width = reader.headers().unwrap().len();
            let records: Vec<_> = reader.records().map(Result::unwrap).collect();
            assert_eq!(records.len(), items);
            assert!(records.iter().all(|record| record.len() == width));
        }
    }

    #[test]
    fn names_that_mean_harm_are_read_back_written_out() {
        let text = written(findings, &sample::hostile());
        let mut reader = csv::Reader::from_reader(&text[..]);
        let subnet = reader
            .headers()
            .unwrap()
            .iter()
            .position(|name| name == "subnet");
        let record = reader.records().next().unwrap().unwrap();
        assert_eq!(
            &record[subnet.unwrap()],
            "UserRule_\\x1b[2J\\x1b]0;x\\x07\\u{202e}tac\\u{2066}\\x9b31m\r\nok"
        );
    }

    #[test]
    fn names_that_spreadsheets_would_run_are_guarded() {
        for (rule, cell) in [
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@x", "'@x"),
            ("\tx", "'\tx"),
            ("=a,\"b\"", "\"'=a,\"\"b\"\"\""),
            ("\r\nx", "\"'\r\nx\""),
            ("a=b", "a=b"),
        ] {
            let mut out = Vec::new();
            write_cell(&mut out, rule).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), cell);
        }
    }
}
