//! The way out of the report: nothing leaves it that the eye cannot see or a reader would obey.

use std::io::{self, Write};

use maud::Markup;

use crate::report::escape;

/// Writes HTML, and writes out (`\u{202e}`) what would turn text round, hide it or control a terminal.
///
/// Markup has been escaped already, by `maud`; the document's own text has no such characters.
pub(super) struct Door<'a> {
    out: &'a mut dyn Write,
}

impl<'a> Door<'a> {
    pub(super) fn new(out: &'a mut dyn Write) -> Self {
        Self { out }
    }

    /// Markup, made harmless.
    pub(super) fn markup(&mut self, markup: &Markup) -> io::Result<()> {
        self.out.write_all(escape::cell(&markup.0).as_bytes())
    }

    /// Text of our own, or text that was made harmless before.
    pub(super) fn raw(&mut self, text: &str) -> io::Result<()> {
        self.out.write_all(text.as_bytes())
    }
}
