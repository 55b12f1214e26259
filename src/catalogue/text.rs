//! Profiles, lint and diff as plain text of at most 80 columns.
//!
//! Pure: the caller prints. All text of profiles is escaped, since users' files are not trusted.

use std::fmt::Write as _;

use super::diff::{condition_text, direction_text, peers_text, protocol_text, terms_text};
use super::{Catalogue, LintMessage, Profile, ProfileDiff, Row, Severity, escape};

/// Columns that a line may have.
const WIDTH: usize = 80;

/// Fields that explain a row and do not change what it requires: a diff only names them.
const WORDS: &[&str] = &["purpose", "impact", "note"];

/// All profiles: name, aliases, title, edition, status.
pub fn list(catalogue: &Catalogue) -> String {
    let mut out = String::new();
    for profile in catalogue.profiles() {
        let mut head = profile.name.clone();
        if !profile.aliases.is_empty() {
            head = format!("{head} (also: {})", profile.aliases.join(", "));
        }
        wrap(&mut out, "", &head);
        wrap(&mut out, "    ", &profile.title);
        field(&mut out, "    ", "edition", &profile.edition);
        field(&mut out, "    ", "status", &profile.status);
    }
    out
}

/// One profile in full: head, rows, advice, references.
pub fn show(profile: &Profile) -> String {
    let mut out = String::new();
    wrap(
        &mut out,
        "",
        &format!("{}: {}", profile.name, profile.title),
    );
    field(&mut out, "", "aliases", &profile.aliases.join(", "));
    field(&mut out, "", "edition", &profile.edition);
    field(&mut out, "", "status", &profile.status);
    for include in &profile.includes {
        field(
            &mut out,
            "",
            "includes",
            &format!("{}: {}", include.profile, include.why),
        );
    }
    for note in &profile.notes {
        field(&mut out, "", "note", note);
    }
    let (advice, required): (Vec<_>, Vec<_>) = profile.rows.iter().partition(|row| row.advice);
    section(&mut out, "Rows", &required);
    section(&mut out, "Advice: not in this edition's table", &advice);
    if !profile.references.is_empty() {
        out.push_str("\nReferences\n");
    }
    for reference in &profile.references {
        out.push('\n');
        wrap(
            &mut out,
            "",
            &format!("[{}] {}", reference.key, reference.location),
        );
        field(&mut out, "    ", "edition", &reference.edition);
        field(&mut out, "    ", "note", &reference.note);
    }
    out
}

/// The remarks of a lint, one a paragraph, and how many there are.
pub fn lint(messages: &[LintMessage]) -> String {
    let mut out = String::new();
    for message in messages {
        let severity = match message.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let row = if message.row.is_empty() {
            String::new()
        } else {
            format!(" row `{}`:", message.row)
        };
        let line = format!("{severity}: {}:{row} {}", message.profile, message.message);
        hang(&mut out, "", "    ", &line);
    }
    let errors = messages
        .iter()
        .filter(|message| message.severity == Severity::Error)
        .count();
    let warnings = messages.len() - errors;
    let summary = match (errors, warnings) {
        (0, 0) => "clean: no remarks".to_owned(),
        _ => format!(
            "{} and {}",
            counted(errors, "error"),
            counted(warnings, "warning")
        ),
    };
    wrap(&mut out, "", &summary);
    out
}

/// What differs between two profiles.
pub fn diff(diff: &ProfileDiff) -> String {
    let mut out = String::new();
    wrap(&mut out, "", &format!("{} -> {}", diff.before, diff.after));
    for (title, sign, rows) in [("Added", "+", &diff.added), ("Removed", "-", &diff.removed)] {
        if rows.is_empty() {
            continue;
        }
        line(&mut out, &format!("\n{title}"));
        for row in rows {
            hang(
                &mut out,
                &format!("{sign} "),
                "    ",
                &format!(
                    "{}{}: {}",
                    row.id,
                    if row.advice { " (advice)" } else { "" },
                    row.purpose
                ),
            );
            wrap(&mut out, "    ", &traffic(row));
        }
    }
    if !diff.changed.is_empty() {
        line(&mut out, "\nChanged");
    }
    for change in &diff.changed {
        let id = if change.before == change.after {
            change.before.clone()
        } else {
            format!("{} -> {}", change.before, change.after)
        };
        hang(&mut out, "~ ", "    ", &format!("{id}: {}", change.purpose));
        let (reworded, changed): (Vec<_>, Vec<_>) = change
            .fields
            .iter()
            .partition(|part| WORDS.contains(&part.field));
        for part in changed {
            let value = format!(
                "{} -> {}",
                or_nothing(&part.before),
                or_nothing(&part.after)
            );
            field(&mut out, "    ", part.field, &value);
        }
        let names: Vec<_> = reworded.iter().map(|part| part.field).collect();
        field(&mut out, "    ", "reworded", &names.join(", "));
    }
    line(
        &mut out,
        &format!(
            "\n{} added, {} removed, {} changed, {} the same",
            diff.added.len(),
            diff.removed.len(),
            diff.changed.len(),
            diff.same
        ),
    );
    out
}

fn section(out: &mut String, title: &str, rows: &[&Row]) {
    if rows.is_empty() {
        return;
    }
    line(out, &format!("\n{title}"));
    for row in rows {
        out.push('\n');
        let place = if row.row.is_empty() { "-" } else { &row.row };
        wrap(out, "", &format!("{place} {}: {}", row.id, row.purpose));
        wrap(out, "    ", &traffic(row));
        field(
            out,
            "    ",
            "known callers",
            &peers_text(&row.known_callers),
        );
        field(
            out,
            "    ",
            "known destinations",
            &peers_text(&row.known_destinations),
        );
        field(out, "    ", "required if", &condition_text(row));
        let impact = match row.impact_basis.as_str() {
            "none" => row.impact.clone(),
            basis => format!("{} ({basis})", row.impact),
        };
        field(out, "    ", "if blocked", &impact);
        field(out, "    ", "note", &row.note);
        field(out, "    ", "source", &row.source_reference);
    }
}

/// `inbound any 454-455: AppServiceManagement -> VirtualNetwork`.
fn traffic(row: &Row) -> String {
    format!(
        "{} {} {}: {} -> {}",
        direction_text(row),
        protocol_text(row),
        row.ports,
        terms_text(&row.source),
        terms_text(&row.destination)
    )
}

fn or_nothing(text: &str) -> &str {
    if text.is_empty() { "(nothing)" } else { text }
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn line(out: &mut String, text: &str) {
    // Writing to a String cannot fail.
    writeln!(out, "{text}").ok();
}

/// `name: value`, wrapped; nothing where the value is empty.
fn field(out: &mut String, indent: &str, name: &str, value: &str) {
    if !value.trim().is_empty() {
        hang(
            out,
            indent,
            &format!("{indent}    "),
            &format!("{name}: {value}"),
        );
    }
}

fn wrap(out: &mut String, indent: &str, text: &str) {
    hang(out, indent, indent, text);
}

/// Words of `text` in lines of at most [`WIDTH`] columns; a longer word has a line to itself.
fn hang(out: &mut String, first: &str, rest: &str, text: &str) {
    let mut current = first.to_owned();
    let mut empty = true;
    for word in text.split_whitespace().map(escape) {
        if !empty && current.chars().count() + 1 + word.chars().count() > WIDTH {
            line(out, current.trim_end());
            rest.clone_into(&mut current);
            empty = true;
        }
        if !empty {
            current.push(' ');
        }
        current.push_str(&word);
        empty = false;
    }
    if !empty {
        line(out, current.trim_end());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::{self, load};
    use std::path::Path;

    fn fits(text: &str) {
        for line in text.lines() {
            let one_word = line.split_whitespace().count() == 1;
            assert!(line.chars().count() <= WIDTH || one_word, "{line}");
            assert_eq!(line, line.trim_end());
        }
    }

    #[test]
    fn all_profiles_fit_the_page_and_nothing_is_lost() {
        let catalogue = Catalogue::embedded().unwrap();
        let listed = list(&catalogue);
        fits(&listed);
        let ise = catalogue.get("ise").unwrap();
        for profile in catalogue.profiles() {
            assert!(listed.contains(&profile.name));
            let shown = show(profile);
            fits(&shown);
            for row in &profile.rows {
                assert!(shown.contains(&format!(" {}:", row.id)), "{}", row.id);
            }
            fits(&diff(&catalogue::diff(ise, profile)));
        }
        let shown = show(ise);
        assert!(
            shown.contains("    inbound any 454-455: AppServiceManagement -> VirtualNetwork\n")
        );
        assert!(shown.find("\nRows\n").unwrap() < shown.find("\nAdvice").unwrap());
    }

    #[test]
    fn lint_counts_and_control_characters_are_escaped() {
        assert_eq!(lint(&[]), "clean: no remarks\n");
        let message = LintMessage {
            severity: Severity::Error,
            profile: "mine".to_owned(),
            row: "one".to_owned(),
            message: "bad\u{1b}[31m \u{202e}text".to_owned(),
        };
        assert_eq!(
            lint(&[message]),
            "error: mine: row `one`: bad\\u{1b}[31m \\u{202e}text\n1 error and 0 warnings\n"
        );
    }

    #[test]
    fn a_changed_row_says_what_it_was_and_is() {
        let text =
            "name='a'\ntitle='A'\n[[row]]\nid='x'\npurpose='X'\ndirection='inbound'\nports=1";
        let parse = |text: &str| load::parse(Path::new("x"), text).unwrap();
        let after = text.replace("ports=1", "ports=[1,3]\nnote='new'");
        let found = catalogue::diff(&parse(text), &parse(&after));
        assert_eq!(
            diff(&found),
            "a -> a\n\nChanged\n~ x: X\n    ports: 1 -> 1, 3\n    reworded: note\n\n\
             0 added, 0 removed, 1 changed, 0 the same\n"
        );
    }
}
