//! The audit for a person at a terminal: the answer first, the worst first, the evidence beside it.

mod accepted;
mod account;
mod citation;
pub mod diagnosis;
mod difference;
mod findings;
mod headline;
pub(super) mod incident;
mod joint;
mod page;
pub mod replay;
mod table;
mod traffic;
mod verdicts;

#[cfg(test)]
mod tests;

use super::number;
use crate::audit::Audit;
use citation::Citations;
pub use difference::render_difference;
pub(super) use difference::{change_text, gone_word};
use page::Page;

pub(in crate::report) use findings::labels;
pub(in crate::report) use headline::lines as answer;
pub(in crate::report) use page::Tone;
pub(in crate::report) use traffic::described as class;

/// How the text is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextOptions {
    /// Escape codes for colour. Without them the text is the same.
    pub colour: bool,
    /// Columns of the page, 60 at least; no line is longer.
    pub width: usize,
    /// Everything, not just the first of each list.
    pub all: bool,
}

impl Default for TextOptions {
    fn default() -> Self {
        Self {
            colour: false,
            width: 80,
            all: false,
        }
    }
}

/// Entries of a list that are shown unless all are asked for.
const SHOWN: usize = 20;
/// Narrower than this no table is legible.
const NARROWEST: usize = 60;

/// The audit as text.
///
/// Names and details from the input are escaped
/// (see [`escape::terminal`](crate::report::escape::terminal)).
pub fn render(audit: &Audit, options: &TextOptions) -> String {
    let mut page = Page::new(options.width.max(NARROWEST));
    let all = options.all;
    let mut files = Citations::default();
    headline::print(&mut page, audit);
    verdicts::print(&mut page, audit, all);
    findings::print(&mut page, &mut files, audit, all);
    accepted::print(&mut page, audit);
    traffic::print(&mut page, audit, all);
    account::print(&mut page, &mut files, audit, all);
    page.finish(options.colour)
}

/// How many of `total` entries to show.
fn shown(total: usize, all: bool) -> usize {
    if all { total } else { total.min(SHOWN) }
}

/// `and 7 more: --all, or --format json`, where entries were left out.
fn left_out(page: &mut Page, total: usize, shown: usize) {
    if total > shown {
        let more = number::grouped((total - shown) as u64);
        page.line(&page::Text::toned(
            Tone::Quiet,
            &format!("  and {more} more: --all, or --format json"),
        ));
    }
}
