//! Two audits compared, as JSON and as Markdown.

use std::fmt::Write as _;

use super::escape;
use super::text::{change_text, gone_word};
use crate::audit::Verdict;
use crate::audit::checks::severity_word;
use crate::compare::{Comparable, DIFF_SCHEMA, Difference, FindingText};

/// The difference as indented JSON with a final line break.
pub fn json(difference: &Difference) -> String {
    super::json::document(difference)
}

/// The JSON schema (draft 2020-12) of what [`json()`] writes.
pub fn schema() -> String {
    super::json::schema_of::<Difference>(DIFF_SCHEMA, "nsgaudit diff")
}

/// The difference in Markdown, as a comment or a job's summary shows it.
pub fn markdown(difference: &Difference) -> String {
    let counts = &difference.summary;
    let mut out = String::from("## Network audit: what changed\n\n");
    // Writing to a string cannot fail.
    _ = writeln!(
        out,
        "**{} new** ({} suppressed), {} gone ({} not shown to be mended), {} changed, {} unchanged.\n",
        counts.new,
        counts.new_suppressed,
        counts.fixed,
        counts.fixed_unproven,
        counts.changed,
        counts.unchanged
    );
    if difference.comparable != Comparable::Yes {
        let word = match difference.comparable {
            Comparable::No => "Not comparable",
            _ => "Compare with care",
        };
        _ = writeln!(out, "> **{word}.**");
        for warning in &difference.warnings {
            _ = writeln!(out, "> {}", markdown_text(warning));
        }
        out.push('\n');
    }
    for (label, side) in [("old", &difference.old), ("new", &difference.new)] {
        let time = |time: &Option<String>| time.clone().unwrap_or_else(|| "-".to_owned());
        _ = writeln!(
            out,
            "- {label}: {}, {} to {}, coverage {}.{} %, {}",
            markdown_text(&side.file),
            markdown_text(&time(&side.first)),
            markdown_text(&time(&side.last)),
            side.coverage_per_mille / 10,
            side.coverage_per_mille % 10,
            markdown_text(&side.profile)
        );
    }
    table(
        &mut out,
        "New",
        difference
            .new_findings
            .iter()
            .map(|one| (one, suppressed(one))),
    );
    table(
        &mut out,
        "Gone",
        difference.fixed.iter().map(|one| {
            let word = format!("{}: {}", gone_word(one.gone), one.meaning);
            (&one.finding, word)
        }),
    );
    table(
        &mut out,
        "Changed",
        difference.changed.iter().map(|one| {
            let mut words = Vec::new();
            if one.severity_before != one.finding.severity {
                words.push(format!(
                    "severity: was {}",
                    severity_word(one.severity_before)
                ));
            }
            words.extend(one.changes.iter().map(change_text));
            (&one.finding, words.join("; "))
        }),
    );
    verdicts(&mut out, difference);
    if !difference.inputs.is_empty() {
        out.push_str("\n### Input and basis\n\n");
        for change in &difference.inputs {
            _ = writeln!(out, "- {}", markdown_text(&change_text(change)));
        }
    }
    out
}

fn suppressed(finding: &FindingText) -> String {
    finding.suppressed.as_ref().map_or_else(String::new, |by| {
        format!(
            "suppressed by {} until {}: {}",
            by.owner, by.expires, by.reason
        )
    })
}

fn table<'a>(
    out: &mut String,
    title: &str,
    findings: impl ExactSizeIterator<Item = (&'a FindingText, String)>,
) {
    if findings.len() == 0 {
        return;
    }
    _ = writeln!(
        out,
        "\n### {title}\n\n| severity | code | finding | remark | fingerprint |\n| --- | --- | --- | --- | --- |"
    );
    for (finding, remark) in findings {
        _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} |",
            severity_word(finding.severity),
            markdown_text(&finding.code),
            markdown_text(&finding.title),
            markdown_text(&remark),
            markdown_text(&finding.fingerprint)
        );
    }
}

fn verdicts(out: &mut String, difference: &Difference) {
    if difference.verdicts.is_empty() {
        return;
    }
    out.push_str("\n### Verdicts\n\n| requirement | subnet | direction | before | now |\n| --- | --- | --- | --- | --- |\n");
    for change in &difference.verdicts {
        let name = |verdict: Option<Verdict>| verdict.map_or("not asked", Verdict::name);
        _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} |",
            markdown_text(&change.purpose),
            markdown_text(&change.subnet),
            change.direction,
            name(change.old),
            name(change.new)
        );
    }
}

/// Text that Markdown shows as it is: no markup, no HTML, no link, one line.
fn markdown_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let text = escape::terminal(text);
    for (at, letter) in text.char_indices() {
        match letter {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            // What is between two letters is no address, and notifies nobody.
            '@' => out.push_str("&#64;"),
            // No address becomes a link.
            ':' if text[at..].starts_with("://") => out.push_str("&#58;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' | '!' | '$' => {
                out.extend(['\\', letter]);
            }
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::audit::Audit;
    use crate::compare::diff;
    use crate::report::sample;
    use crate::report::text::{TextOptions, render_difference};
    use unicode_width::UnicodeWidthStr;

    fn between(old: &Audit, new: &Audit) -> Difference {
        diff(old, new, ["2025-12.json", "2026-01.json"], "nsgaudit 0.0.0")
    }

    fn samples() -> Vec<Difference> {
        let audits = [
            sample::incident(),
            sample::quiet(),
            sample::hostile(),
            sample::empty(),
        ];
        let pairs = audits
            .iter()
            .flat_map(|old| audits.iter().map(move |new| (old, new)));
        pairs.map(|(old, new)| between(old, new)).collect()
    }

    #[test]
    fn a_difference_keeps_to_the_schema_and_comes_back() {
        let schema: Value = serde_json::from_str(&schema()).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        for difference in samples() {
            let text = json(&difference);
            let value: Value = serde_json::from_str(&text).unwrap();
            let errors: Vec<_> = validator
                .iter_errors(&value)
                .map(|e| e.to_string())
                .collect();
            assert!(errors.is_empty(), "{errors:?}");
            assert_eq!(
                serde_json::from_str::<Difference>(&text).unwrap(),
                difference
            );
        }
    }

    #[test]
    fn the_committed_schema_is_the_one_we_write() {
        sample::assert_committed("docs/diff.schema.json", "UPDATE_DOCS", &schema());
    }

    #[test]
    fn the_committed_differences_are_what_we_write() {
        let repaired = between(&sample::incident(), &sample::quiet());
        let broken = between(&sample::quiet(), &sample::incident());
        let options = TextOptions::default();
        for (name, text) in [
            ("diff-repaired.txt", render_difference(&repaired, &options)),
            ("diff-broken.txt", render_difference(&broken, &options)),
            ("diff-broken.md", markdown(&broken)),
        ] {
            sample::assert_committed(
                &format!("testdata/reports/{name}"),
                "UPDATE_SNAPSHOTS",
                &text,
            );
        }
    }

    #[test]
    fn no_line_is_too_long_and_no_control_character_gets_through() {
        for difference in samples() {
            let text = render_difference(&difference, &TextOptions::default());
            assert!(text.lines().all(|line| line.width() <= 80), "{text}");
            for text in [text, markdown(&difference), json(&difference)] {
                assert!(!text.chars().any(|c| c != '\n' && c.is_control()));
                assert!(!text.contains('\u{202e}'));
            }
        }
    }

    #[test]
    fn markdown_shows_names_and_obeys_none() {
        let hostile = "<script>|[x](http://y) `a` *b* @team";
        let shown = markdown_text(hostile);
        assert_eq!(
            shown,
            "&lt;script&gt;\\|\\[x\\](http&#58;//y) \\`a\\` \\*b\\* &#64;team"
        );
    }
}
