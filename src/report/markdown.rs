//! The audit as Markdown: the job summary of a build server, or a comment on a change.
//!
//! Names come from logs. In tables they are set as code; in sentences every mark is escaped, and a
//! word that a renderer would make a link or a mention of is set as code.

use std::fmt::Write as _;
use std::io::{self, Write};

use super::escape;
use crate::audit::checks::severity_word;
use crate::audit::{Audit, Finding, Observed, Requirement, Severity, Verdict};

/// Findings that are told in full: a build server cuts long summaries.
const FINDINGS: usize = 50;

/// Writes the summary.
pub fn write(audit: &Audit, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "# nsgaudit: {}\n", headline(audit))?;
    facts(audit, out)?;
    verdicts(audit, out)?;
    requirements(audit, out)?;
    findings(audit, out)
}

fn headline(audit: &Audit) -> String {
    let count = |verdict| {
        let requirements = audit.requirements.iter();
        requirements
            .filter(|requirement| requirement.verdict == verdict && !requirement.advice)
            .count()
    };
    let serious = audit.findings.iter();
    let serious = serious
        .filter(|finding| finding.severity >= Severity::High)
        .count();
    let [blocked, partly, risk] =
        [Verdict::Blocked, Verdict::PartlyBlocked, Verdict::AtRisk].map(count);
    if audit.input.tuples.counted == 0 {
        return "no flow was counted, so nothing is proven".to_owned();
    }
    format!(
        "{blocked} requirements blocked, {partly} partly blocked, {risk} at risk; {serious} \
         findings of severity high or critical"
    )
}

fn facts(audit: &Audit, out: &mut dyn Write) -> io::Result<()> {
    let input = &audit.input;
    let window = match (&input.first, &input.last) {
        (Some(first), Some(last)) => format!("{} to {}", code(first), code(last)),
        _ => "nothing was counted".to_owned(),
    };
    writeln!(out, "- window: {window}")?;
    writeln!(
        out,
        "- read: {} tuples in {} files, {} counted; coverage {}.{} %",
        input.tuples.read,
        input.files,
        input.tuples.counted,
        input.coverage.per_mille / 10,
        input.coverage.per_mille % 10
    )?;
    writeln!(
        out,
        "- against: {} ({})",
        code(&audit.basis.profile),
        sentence(&audit.basis.edition)
    )?;
    writeln!(out, "- environment: {}", code(&audit.basis.environment))?;
    for assumption in &audit.assumptions {
        writeln!(out, "- assumed: {}", sentence(assumption))?;
    }
    for fault in &input.faults {
        writeln!(out, "- skipped: {} {}", fault.count, code(&fault.kind))?;
    }
    writeln!(out)
}

fn verdicts(audit: &Audit, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "## Verdicts\n\n| verdict | requirements |\n| --- | ---: |"
    )?;
    for verdict in Verdict::ALL {
        let count = audit.requirements.iter();
        let count = count.filter(|requirement| requirement.verdict == verdict);
        let count = count.count();
        if count > 0 {
            writeln!(out, "| {} | {count} |", verdict.name())?;
        }
    }
    writeln!(out)
}

/// The requirements that are neither satisfied nor unproven: those that need someone.
fn requirements(audit: &Audit, out: &mut dyn Write) -> io::Result<()> {
    let wanting: Vec<&Requirement> = audit
        .requirements
        .iter()
        .filter(|requirement| requirement.verdict <= Verdict::AtRisk)
        .collect();
    if wanting.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "## Blocked and at risk\n\n| verdict | purpose | subnet | traffic | since | rule |\n\
         | --- | --- | --- | --- | --- | --- |"
    )?;
    for requirement in wanting {
        let advice = if requirement.advice { " (advice)" } else { "" };
        let since = requirement
            .denied
            .first
            .as_deref()
            .map_or(String::new(), code_cell);
        writeln!(
            out,
            "| {}{advice} | {} | {} | {} {} | {since} | {} |",
            requirement.verdict.name(),
            purpose(&requirement.purpose),
            code_cell(&requirement.subnet),
            requirement.direction,
            code_cell(&requirement.ports),
            rule(requirement)
        )?;
    }
    writeln!(out)
}

/// The rule that denied most, or else the first that the configuration names.
fn rule(requirement: &Requirement) -> String {
    if let Some(rule) = requirement.denied.rules.first() {
        return match rule.outcome {
            Some(outcome) => format!("packets: {}", outcome.name()),
            None => format!("{} of {}", code_cell(&rule.rule), code_cell(&rule.nsg)),
        };
    }
    let configured = requirement.configured.as_ref();
    match configured.and_then(|configured| configured.rules.first()) {
        Some(rule) => format!("{} of {}", code_cell(&rule.rule), code_cell(&rule.nsg)),
        None => String::new(),
    }
}

/// A purpose in a cell: a user's own profile may call it anything.
fn purpose(text: &str) -> String {
    if text.contains('|') || text.split(' ').any(linked) {
        code_cell(text)
    } else {
        plain(text)
    }
}

fn findings(audit: &Audit, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "## Findings\n")?;
    if audit.findings.is_empty() {
        return writeln!(out, "None.");
    }
    for finding in audit.findings.iter().take(FINDINGS) {
        one(finding, out)?;
    }
    let more = audit.findings.len().saturating_sub(FINDINGS);
    if more > 0 {
        writeln!(out, "{more} more findings are in the other reports.")?;
    }
    Ok(())
}

fn one(finding: &Finding, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "### {} {} {}: {}\n",
        severity_word(finding.severity),
        code(&finding.code),
        code(&finding.check),
        sentence(&finding.title)
    )?;
    for detail in &finding.details {
        writeln!(out, "{}\n", sentence(detail))?;
    }
    for rule in &finding.rules {
        writeln!(
            out,
            "- rule: {} of {}, {} {}",
            code(&rule.rule),
            code(&rule.nsg),
            code(&rule.file),
            code(&rule.path)
        )?;
    }
    if let Some(seen) = &finding.evidence {
        evidence(seen, out)?;
    }
    writeln!(out, "- fingerprint: {}\n", code(&finding.fingerprint))
}

fn evidence(seen: &Observed, out: &mut dyn Write) -> io::Result<()> {
    let mut line = format!("- seen: {} flows", seen.flows);
    if let (Some(first), Some(last)) = (&seen.first, &seen.last) {
        // Writing to a string does not fail.
        _ = write!(line, ", {} to {}", code(first), code(last));
    }
    writeln!(out, "{line}")?;
    for rule in seen.rules.iter().take(3) {
        if rule.outcome.is_none() {
            writeln!(
                out,
                "- by: {} of {}, {} flows",
                code(&rule.rule),
                code(&rule.nsg),
                rule.flows
            )?;
        }
    }
    if let Some(sample) = seen.samples.first() {
        writeln!(
            out,
            "- for example: {} {} in {} at {}",
            code(&sample.time),
            code(&sample.tuple),
            code(&sample.file),
            sample.offset
        )?;
    }
    Ok(())
}

/// Text as a code span, which every renderer shows as it is; not for tables.
fn code(text: &str) -> String {
    span(&escape::terminal(text))
}

/// Text as a code span in a table, where bars are escaped even in code.
///
/// A backslash right before a bar is written `\x5c`: renderers do not agree on those two.
fn code_cell(text: &str) -> String {
    let text = escape::terminal(text);
    span(&text.replace("\\|", "\\x5c|").replace('|', "\\|"))
}

fn span(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    let longest = text
        .split(|letter| letter != '`')
        .map(str::len)
        .max()
        .unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    // A blank at both ends is taken away again; it keeps our marks apart from the text's.
    let apart = text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']);
    let blank = if apart { " " } else { "" };
    format!("{fence}{blank}{text}{blank}{fence}")
}

/// A sentence, whose `quoted` parts are set as code.
fn sentence(text: &str) -> String {
    // Four blanks in front would make it code.
    let text = text.trim_start();
    let parts: Vec<&str> = text.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return plain(text);
    }
    let written: Vec<String> = parts
        .iter()
        .enumerate()
        .map(|(index, part)| {
            if index % 2 == 0 {
                plain(part)
            } else {
                code(part)
            }
        })
        .collect();
    written.concat()
}

/// Words with every mark escaped that may mean something where it stands.
fn plain(text: &str) -> String {
    let text = escape::terminal(text);
    let mut out = String::with_capacity(text.len() + 16);
    for (index, word) in text.split(' ').enumerate() {
        if index > 0 {
            out.push(' ');
        }
        if linked(word) {
            out.push_str(&code(word));
            continue;
        }
        // A list's number, or what could underline or begin a list.
        let leads =
            word.starts_with(|first: char| first.is_ascii_digit() || "-+=:~".contains(first));
        for letter in word.chars() {
            let marks = "\\`*_{}[]<>#!|~&$^".contains(letter);
            if marks || leads && letter.is_ascii_punctuation() {
                out.push('\\');
            }
            out.push(letter);
        }
    }
    out
}

/// Whether renderers make a link or a mention of a word, without any mark of Markdown.
fn linked(word: &str) -> bool {
    word.contains(['@', '#']) || word.contains("://") || word.to_ascii_lowercase().contains("www.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn written(audit: &Audit) -> String {
        let mut out = Vec::new();
        write(audit, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn names_are_set_as_code_whatever_they_hold() {
        for (name, span) in [
            ("plain", "`plain`"),
            ("a`b", "``a`b``"),
            ("`a``", "``` `a`` ```"),
            ("a\nb\u{1b}", "`a\\nb\\x1b`"),
            (" a", "`  a `"),
            ("", ""),
        ] {
            assert_eq!(code(name), span);
        }
        assert_eq!(code("a|b\\|c"), "`a|b\\|c`");
        assert_eq!(code_cell("a|b\\|c"), "`a\\|b\\x5c\\|c`");
    }

    #[test]
    fn sentences_keep_their_words_and_lose_their_marks() {
        assert_eq!(
            sentence("`purpose` is *blocked* in <b>x</b> [y](z)"),
            "`purpose` is \\*blocked\\* in \\<b\\>x\\</b\\> \\[y\\](z)"
        );
        assert_eq!(
            sentence("ask @ops at www.example.com or #12"),
            "ask `@ops` at `www.example.com` or `#12`"
        );
        assert_eq!(sentence("odd ` one"), "odd \\` one");
        assert_eq!(sentence("    1. x --- :y:"), "1\\. x \\-\\-\\- \\:y\\:");
    }

    #[test]
    fn no_control_character_reaches_the_summary() {
        let text = written(&sample::hostile());
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'));
        assert!(text.contains("\\x1b"));
    }

    #[test]
    fn nothing_read_is_not_told_as_nothing_wrong() {
        assert!(written(&sample::empty()).starts_with("# nsgaudit: no flow was counted"));
    }
}
