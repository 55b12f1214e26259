//! Toned text that cannot exceed the page's width, and cannot hold what a terminal obeys.
//!
//! All text enters through [`Text::push`], which escapes it; tones become colours only in
//! [`Page::finish`], so that colour can add nothing but itself.

use anstyle::{AnsiColor, Style};
use unicode_width::UnicodeWidthChar;

use crate::report::escape;

/// What a piece of text is to the reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::report) enum Tone {
    Plain,
    Strong,
    Bad,
    Doubtful,
    Good,
    Quiet,
}

impl Tone {
    fn style(self) -> Style {
        match self {
            Self::Plain => Style::new(),
            Self::Strong => Style::new().bold(),
            Self::Bad => AnsiColor::Red.on_default().bold(),
            Self::Doubtful => AnsiColor::Yellow.on_default(),
            Self::Good => AnsiColor::Green.on_default(),
            Self::Quiet => Style::new().dimmed(),
        }
    }
}

/// A run of toned characters, all of them harmless.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::report) struct Text(Vec<(char, Tone)>);

impl Text {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) fn toned(tone: Tone, text: &str) -> Self {
        Self::new().push(tone, text)
    }

    pub(super) fn push(mut self, tone: Tone, text: &str) -> Self {
        self.0
            .extend(escape::terminal(text).chars().map(|c| (c, tone)));
        self
    }

    pub(super) fn plain(self, text: &str) -> Self {
        self.push(Tone::Plain, text)
    }

    /// Pieces of one tone each, for a report that is no terminal.
    pub(in crate::report) fn pieces(&self) -> Vec<(Tone, String)> {
        self.0
            .chunk_by(|(_, a), (_, b)| a == b)
            .map(|piece| (piece[0].1, piece.iter().map(|(c, _)| c).collect()))
            .collect()
    }

    pub(super) fn width(&self) -> usize {
        self.0.iter().map(|&(c, _)| width(c)).sum()
    }

    pub(super) fn append(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Spaces added on the right up to `to` columns.
    pub(super) fn padded(self, to: usize) -> Self {
        let missing = to.saturating_sub(self.width());
        self.plain(&" ".repeat(missing))
    }

    /// Spaces added on the left up to `to` columns.
    pub(super) fn flushed(self, to: usize) -> Self {
        let missing = to.saturating_sub(self.width());
        Self::new().plain(&" ".repeat(missing)).append(self)
    }

    /// Lines of at most `limit` columns.
    pub(super) fn wrapped(&self, limit: usize) -> Vec<Self> {
        self.wrapped_after(limit, limit)
    }

    /// Lines of at most `first` columns, then of at most `rest`: broken at spaces, and words that
    /// are longer than a line (paths) after a slash where there is one. At least one line.
    fn wrapped_after(&self, first: usize, rest: usize) -> Vec<Self> {
        let mut lines = Vec::new();
        let mut limit = first.max(2);
        let mut cells = self.0.as_slice();
        loop {
            let end = fitting(cells, limit);
            if end == cells.len() {
                lines.push(Self(cells.to_vec()));
                return lines;
            }
            let at = break_point(cells, end);
            lines.push(Self(cells[..at].to_vec()));
            let spaces = cells[at..].iter().take_while(|(c, _)| *c == ' ').count();
            cells = &cells[at + spaces..];
            limit = rest.max(2);
        }
    }
}

/// How many of the characters fit into `limit` columns.
fn fitting(cells: &[(char, Tone)], limit: usize) -> usize {
    let mut used = 0;
    for (index, &(c, _)) in cells.iter().enumerate() {
        used += width(c);
        if used > limit {
            return index;
        }
    }
    cells.len()
}

/// Where to break a line of which `end` characters fit: before the last space, else after the last
/// slash of its second half, else at its end. Never at the front.
fn break_point(cells: &[(char, Tone)], end: usize) -> usize {
    if let Some(space) = (1..=end).rev().find(|&at| cells[at].0 == ' ')
        && cells[..space].iter().any(|(c, _)| *c != ' ')
    {
        return space;
    }
    (end / 2 + 1..=end)
        .rev()
        .find(|&at| at > 0 && cells[at - 1].0 == '/')
        .unwrap_or(end)
        .max(1)
}

/// The words of a command, as a shell tells them apart: single quotes hold spaces.
fn shell_words(command: &str) -> Vec<&str> {
    let mut quoted = false;
    let words = command.split(|c: char| {
        quoted ^= c == '\'';
        c == ' ' && !quoted
    });
    words.filter(|word| !word.is_empty()).collect()
}

/// Columns of one character. An emoji selector widens what stands before it.
fn width(c: char) -> usize {
    if c == '\u{fe0f}' {
        return 1;
    }
    c.width().unwrap_or(0)
}

/// Lines, none longer than the width.
pub(super) struct Page {
    width: usize,
    lines: Vec<Text>,
}

/// Columns before an entry's text: margin, label and a space.
const ENTRY: usize = 12;

impl Page {
    pub(super) fn new(width: usize) -> Self {
        Self {
            width,
            lines: Vec::new(),
        }
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// Columns that an entry's text has on its first line.
    pub(super) fn entry_width(&self) -> usize {
        self.width - ENTRY
    }

    pub(super) fn blank(&mut self) {
        self.lines.push(Text::new());
    }

    /// A blank line and a section's title, with a remark beside it.
    pub(super) fn heading(&mut self, title: &str, remark: &str) {
        self.blank();
        let mut text = Text::toned(Tone::Strong, title);
        if !remark.is_empty() {
            text = text.plain("  ").push(Tone::Quiet, remark);
        }
        self.hanging(&Text::new(), &text, 2);
    }

    /// A line, broken where it is too long.
    pub(super) fn line(&mut self, text: &Text) {
        self.hanging(&Text::new(), text, 2);
    }

    /// Text after `lead`; further lines are indented by `indent`.
    pub(super) fn hanging(&mut self, lead: &Text, text: &Text, indent: usize) {
        let first = self.width.saturating_sub(lead.width());
        let rest = self.width.saturating_sub(indent);
        let margin = Text::new().plain(&" ".repeat(indent));
        for (number, line) in text.wrapped_after(first, rest).into_iter().enumerate() {
            let start = if number == 0 { lead } else { &margin };
            self.lines.push(start.clone().append(line));
        }
    }

    /// `  label     text`, with the text in a column of its own.
    pub(super) fn entry(&mut self, label: &str, text: &Text) {
        let lead = Text::new()
            .plain("  ")
            .push(Tone::Quiet, label)
            .padded(ENTRY);
        self.hanging(&lead, text, ENTRY);
    }

    /// A command to copy, broken between its words where a shell lets one: quoted words stay whole,
    /// even where they are wider than the page.
    pub(super) fn command(&mut self, command: &str) {
        let (first, rest) = ("    ", "      ");
        let mut line = first.to_owned();
        let mut fresh = true;
        for word in shell_words(command) {
            // Two columns for the backslash.
            if !fresh && line.chars().count() + word.chars().count() + 3 > self.width {
                self.lines.push(Text::new().plain(&line).plain(" \\"));
                rest.clone_into(&mut line);
                fresh = true;
            }
            if !fresh {
                line.push(' ');
            }
            line.push_str(word);
            fresh = false;
        }
        self.lines.push(Text::new().plain(&line));
    }

    /// The page; `colour` adds escape codes and nothing else.
    pub(super) fn finish(self, colour: bool) -> String {
        let mut out = String::new();
        for line in self.lines {
            let end = line
                .0
                .iter()
                .rposition(|(c, _)| *c != ' ')
                .map_or(0, |last| last + 1);
            for run in line.0[..end].chunk_by(|(_, a), (_, b)| a == b) {
                let style = if colour {
                    run[0].1.style()
                } else {
                    Style::new()
                };
                out.push_str(&style.render().to_string());
                out.extend(run.iter().map(|(c, _)| c));
                out.push_str(&style.render_reset().to_string());
            }
            out.push('\n');
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> Text {
        Text::new().plain(text)
    }

    fn lines(text: &str, limit: usize) -> Vec<String> {
        plain(text)
            .wrapped(limit)
            .iter()
            .map(|line| line.0.iter().map(|(c, _)| c).collect())
            .collect()
    }

    #[test]
    fn text_breaks_at_spaces_and_paths_after_slashes() {
        assert_eq!(lines("one two three", 7), ["one two", "three"]);
        assert_eq!(lines("aa/bb/cccccc", 7), ["aa/bb/", "cccccc"]);
        assert_eq!(lines("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(lines("", 4), [""]);
    }

    #[test]
    fn wide_characters_count_twice() {
        assert_eq!(lines("規則規則", 5), ["規則", "規則"]);
        assert_eq!(plain("規則").width(), 4);
    }

    #[test]
    fn colour_adds_escape_codes_only() {
        let page = || {
            let mut page = Page::new(20);
            page.line(&plain("all is ").push(Tone::Bad, "lost\u{1b}[0m"));
            page
        };
        assert_eq!(page().finish(false), "all is lost\\x1b[0m\n");
        let coloured = page().finish(true);
        assert!(coloured.contains("\u{1b}["));
        assert_eq!(
            anstream::adapter::strip_str(&coloured).to_string(),
            page().finish(false)
        );
    }
}
