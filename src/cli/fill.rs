//! Markdown for a terminal: paragraphs and items are filled anew, all else stays as it is.

use unicode_width::UnicodeWidthStr as _;

/// Columns of a line.
const WIDTH: usize = 80;

/// The text with lines of at most 80 columns; but for headings, tables, code, and words that are longer.
pub(super) fn fill(markdown: &str) -> String {
    let mut filled = String::new();
    let mut paragraph = String::new();
    let mut fenced = false;
    for line in markdown.lines() {
        let fence = line.trim_start().starts_with("```");
        let indented = paragraph.is_empty() && line.starts_with("    ");
        if fenced || fence || indented || line.trim().is_empty() || line.starts_with(['#', '|']) {
            flush(&mut filled, &mut paragraph);
            fenced ^= fence;
            filled.push_str(line);
            filled.push('\n');
            continue;
        }
        if margin(line) > 0 {
            flush(&mut filled, &mut paragraph);
        }
        if paragraph.is_empty() {
            paragraph.push_str(line);
        } else {
            paragraph.push(' ');
            paragraph.push_str(line.trim());
        }
    }
    flush(&mut filled, &mut paragraph);
    filled
}

/// Columns before the text of an item of a list; 0 where `line` starts none.
fn margin(line: &str) -> usize {
    let item = line.trim_start_matches(' ');
    let numbered = item.trim_start_matches(|c: char| c.is_ascii_digit());
    let text = if numbered.len() < item.len() {
        numbered.strip_prefix(". ")
    } else {
        item.strip_prefix("- ").or_else(|| item.strip_prefix("* "))
    };
    text.map_or(0, |text| line.len() - text.len())
}

fn flush(filled: &mut String, paragraph: &mut String) {
    let margin = margin(paragraph);
    let (mark, text) = paragraph.split_at(margin);
    filled.push_str(mark);
    let mut column = margin;
    for word in words(text) {
        let width = word.width();
        if column > margin {
            if column + 1 + width > WIDTH {
                filled.push('\n');
                filled.push_str(&" ".repeat(margin));
                column = margin;
            } else {
                filled.push(' ');
                column += 1;
            }
        }
        filled.push_str(word);
        column += width;
    }
    if !paragraph.is_empty() {
        filled.push('\n');
    }
    paragraph.clear();
}

/// The words of a text. What stands in backticks is one, so that it can be copied.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let parts = text.split(move |c| {
        quoted ^= c == '`';
        c == ' ' && !quoted
    });
    parts.filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::checks::CHECKS;
    use proptest::prelude::*;

    #[test]
    fn paragraphs_and_items_are_filled_and_nothing_else() {
        let long = "word ".repeat(30);
        let fixed = format!("# {long}\n\n| {long} |\n\n```\n{long}\n- {long}\n```\n\n    {long}\n");
        assert_eq!(fill(&fixed), fixed);
        assert_eq!(
            fill("Two short\nlines.\n- an\n  item\n10. another\n"),
            "Two short lines.\n- an item\n10. another\n"
        );
        let item = fill(&format!("- {long}"));
        let lines: Vec<_> = item.lines().collect();
        assert_eq!(lines.len(), 2);
        assert!(lines[0].starts_with("- word") && lines[1].starts_with("  word"));
    }

    #[test]
    fn what_stands_in_backticks_is_not_broken() {
        let command = "`nsgaudit init LOGS > nsgaudit.toml`";
        for before in 0..80 {
            let text = format!("{} ({command}), after it", "x".repeat(before));
            assert!(fill(&text).contains(command), "{before}");
        }
    }

    #[test]
    fn no_check_is_explained_in_long_lines() {
        for check in CHECKS {
            let text = fill(check.doc);
            let mut code = false;
            for line in text.lines() {
                code ^= line.starts_with("```");
                assert!(code || line.width() <= WIDTH, "{}: {line}", check.code);
            }
            let words = |text: &str| text.split_whitespace().collect::<String>();
            assert_eq!(words(&text), words(check.doc));
        }
    }

    proptest! {
        #[test]
        fn no_text_loses_anything(text in "([a-z`|#é1-]{1,30}|[ \n]|- |\n\n|```\n){0,40}") {
            let filled = fill(&text);
            let solid = |text: &str| text.split_whitespace().collect::<String>();
            prop_assert_eq!(solid(&filled), solid(&text));
        }
    }
}
