//! Tables: columns as wide as their cells, narrowed (and their cells wrapped) where the page ends.

use super::page::{Page, Text, Tone};

/// Where a column's cells stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Right,
}

/// Rows under headings.
pub(super) struct Table {
    columns: Vec<(Align, String)>,
    rows: Vec<Vec<Text>>,
}

/// Spaces before a table and between its columns.
const INDENT: usize = 2;
const GAP: usize = 2;
/// The same, where the page is narrow.
const NARROW_GAP: usize = 1;
/// Narrower than this no column gets, unless its cells are.
const NARROWEST: usize = 5;

impl Table {
    pub(super) fn new<'a>(columns: impl IntoIterator<Item = (Align, &'a str)>) -> Self {
        Self {
            columns: columns
                .into_iter()
                .map(|(align, heading)| (align, heading.to_owned()))
                .collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row; it has a cell for each column.
    pub(super) fn row(&mut self, cells: Vec<Text>) {
        debug_assert_eq!(cells.len(), self.columns.len());
        self.rows.push(cells);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Columns that the table takes when nothing is wrapped.
    pub(super) fn natural_width(&self) -> usize {
        let widths = self.natural_widths();
        INDENT + widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1)
    }

    pub(super) fn print(self, page: &mut Page) {
        let (widths, gap) = self.widths(page.width());
        let head: Vec<Text> = self.headings().collect();
        if self.columns.iter().any(|(_, heading)| !heading.is_empty()) {
            self.print_row(page, &head, &widths, gap);
        }
        for row in &self.rows {
            self.print_row(page, row, &widths, gap);
        }
    }

    fn headings(&self) -> impl Iterator<Item = Text> {
        self.columns
            .iter()
            .map(|(_, heading)| Text::toned(Tone::Quiet, heading))
    }

    fn natural_widths(&self) -> Vec<usize> {
        let mut widths: Vec<usize> = self.headings().map(|heading| heading.width()).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.width().max(*width);
            }
        }
        widths
    }

    /// Widths of the columns, and of the gap between them.
    fn widths(&self, page: usize) -> (Vec<usize>, usize) {
        let mut widths = self.natural_widths();
        let gap = if self.natural_width() > page {
            NARROW_GAP
        } else {
            GAP
        };
        let gaps = gap * widths.len().saturating_sub(1);
        let room = page.saturating_sub(INDENT + gaps);
        while widths.iter().sum::<usize>() > room {
            let Some(widest) = widths.iter_mut().max().filter(|width| **width > NARROWEST) else {
                break;
            };
            *widest -= 1;
        }
        (widths, gap)
    }

    fn print_row(&self, page: &mut Page, cells: &[Text], widths: &[usize], gap: usize) {
        let wrapped: Vec<Vec<Text>> = cells
            .iter()
            .zip(widths)
            .map(|(cell, &width)| cell.wrapped(width))
            .collect();
        let height = wrapped.iter().map(Vec::len).max().unwrap_or(0);
        for number in 0..height {
            let mut line = Text::new().plain(&" ".repeat(INDENT));
            for (column, (lines, &width)) in wrapped.iter().zip(widths).enumerate() {
                if column > 0 {
                    line = line.plain(&" ".repeat(gap));
                }
                let cell = lines.get(number).cloned().unwrap_or_default();
                line = line.append(match self.columns[column].0 {
                    Align::Left => cell.padded(width),
                    Align::Right => cell.flushed(width),
                });
            }
            page.line(&line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_widest_column_gives_way() {
        let mut table = Table::new([(Align::Left, "what"), (Align::Right, "n")]);
        for (what, n) in [("a long sentence of words", "1"), ("short", "12,345")] {
            table.row(vec![Text::new().plain(what), Text::new().plain(n)]);
        }
        let mut page = Page::new(24);
        table.print(&mut page);
        assert_eq!(
            page.finish(false),
            "  what                 n\n  a long sentence      1\n  of words\n  short           12,345\n"
        );
    }
}
