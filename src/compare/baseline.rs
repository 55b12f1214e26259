//! Findings that somebody accepted: a TOML file, held against an audit.
//!
//! Each entry says why, who answers for it and until when. Nothing is accepted silently: what is
//! suppressed is counted and listed, what has expired comes back, what matches nothing is told.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Deserialize;
use toml::Spanned;

use crate::audit::{Audit, BaselineEntry, BaselineText, Finding, Suppression};
use crate::net::Timestamp;

/// The most that a file may hold.
pub const MAX_BASELINE: u64 = 4 << 20;

/// The entries of a file, by fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Baseline {
    entries: BTreeMap<String, BaselineEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileSpec {
    #[serde(default)]
    accept: Vec<Spanned<EntrySpec>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EntrySpec {
    fingerprint: String,
    code: String,
    /// For the reader of the file.
    #[serde(default, rename = "title")]
    _title: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    owner: String,
    expires: Option<Expires>,
}

/// A date of TOML, or one in quotes.
#[derive(Deserialize)]
#[serde(untagged)]
enum Expires {
    Date(toml::value::Datetime),
    Text(String),
}

/// A day, as `YYYY-MM-DD`: such texts compare as the days do.
///
/// # Errors
/// What was expected and found.
pub fn day(text: &str) -> Result<String, String> {
    let shape = text.len() == 10 && text.bytes().all(|b| b == b'-' || b.is_ascii_digit());
    if shape && Timestamp::parse(text).is_some() {
        return Ok(text.to_owned());
    }
    Err(format!("expected a day such as 2026-06-30, found {text:?}"))
}

impl Baseline {
    /// Reads a file's text.
    ///
    /// # Errors
    /// Which line, what was expected and found, what to do.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
        let file: FileSpec = toml::from_str(text).map_err(|error| error.to_string())?;
        let mut entries = BTreeMap::new();
        for spec in file.accept {
            let line = 1 + text
                .get(..spec.span().start)
                .unwrap_or_default()
                .matches('\n')
                .count();
            let told = |message: String| format!("line {line}: {message}");
            let entry = entry(spec.into_inner()).map_err(told)?;
            let fingerprint = entry.fingerprint.clone();
            if entries.insert(fingerprint.clone(), entry).is_some() {
                return Err(told(format!(
                    "fingerprint {fingerprint} is there twice: keep one of its entries"
                )));
            }
        }
        Ok(Self { entries })
    }

    /// Marks the findings that are accepted on the day `today`, and says in the audit what became of
    /// each entry. `file` is the name to tell.
    pub fn apply(&self, audit: &mut Audit, today: &str, file: &str) {
        let mut told = BaselineText {
            file: file.to_owned(),
            today: today.to_owned(),
            entries: self.entries.len() as u64,
            suppressed: 0,
            expired: Vec::new(),
            unmatched: Vec::new(),
        };
        let mut matched = BTreeMap::new();
        for finding in &mut audit.findings {
            let Some(entry) = self.of(finding) else {
                continue;
            };
            let holds = today <= entry.expires.as_str();
            matched.insert(entry.fingerprint.as_str(), holds);
            if holds {
                told.suppressed += 1;
                finding.suppressed = Some(Suppression {
                    reason: entry.reason.clone(),
                    owner: entry.owner.clone(),
                    expires: entry.expires.clone(),
                });
            } else {
                finding.details.push(format!(
                    "It was accepted by {} until {}, and that has expired: {}",
                    entry.owner, entry.expires, entry.reason
                ));
            }
        }
        for entry in self.entries.values() {
            match matched.get(entry.fingerprint.as_str()) {
                Some(true) => {}
                Some(false) => told.expired.push(entry.clone()),
                None => told.unmatched.push(entry.clone()),
            }
        }
        audit.baseline = Some(told);
    }

    fn of(&self, finding: &Finding) -> Option<&BaselineEntry> {
        let entry = self.entries.get(&finding.fingerprint)?;
        entry
            .code
            .eq_ignore_ascii_case(&finding.code)
            .then_some(entry)
    }

    /// A file of all findings of an audit. Those that the baseline has keep its words; of others
    /// reason, owner and expiry are empty, and such a file is refused until somebody fills them in.
    pub fn draft(&self, audit: &Audit) -> String {
        let mut text = String::from(
            "# Accepted findings of nsgaudit. Delete the entries of what is to be mended; of the rest say\n\
             # why it is accepted, who answers for that, and the last day on which it holds (YYYY-MM-DD).\n",
        );
        for finding in &audit.findings {
            let kept = self.of(finding);
            let field = |of: fn(&BaselineEntry) -> &String| {
                quoted(kept.map_or("", |entry| of(entry).as_str()))
            };
            // Writing to a string cannot fail.
            _ = write!(
                text,
                "\n[[accept]]\nfingerprint = {}\ncode = {}\ntitle = {}\nreason = {}\nowner = {}\nexpires = {}\n",
                quoted(&finding.fingerprint),
                quoted(&finding.code),
                quoted(&finding.title),
                field(|entry| &entry.reason),
                field(|entry| &entry.owner),
                field(|entry| &entry.expires),
            );
        }
        text
    }
}

fn entry(spec: EntrySpec) -> Result<BaselineEntry, String> {
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if spec.fingerprint.len() != 16 || !spec.fingerprint.bytes().all(hex) {
        return Err(format!(
            "fingerprint: expected 16 hexadecimal digits as the report has them, found {:?}",
            spec.fingerprint
        ));
    }
    let filled = |name: &str, text: &str, what: &str| {
        let text = text.trim();
        if text.is_empty() {
            return Err(format!(
                "{name} of {} is empty: say {what}, or delete the entry",
                spec.fingerprint
            ));
        }
        Ok(text.to_owned())
    };
    let code = filled("code", &spec.code, "which check it is of")?;
    let reason = filled("reason", &spec.reason, "why it is accepted")?;
    let owner = filled("owner", &spec.owner, "who answers for it")?;
    let expires = match &spec.expires {
        Some(Expires::Date(date)) => date.to_string(),
        Some(Expires::Text(text)) => text.clone(),
        None => String::new(),
    };
    let expires = filled("expires", &expires, "the last day on which it holds")?;
    let expires = day(&expires).map_err(|message| format!("expires: {message}"))?;
    Ok(BaselineEntry {
        fingerprint: spec.fingerprint,
        code,
        reason,
        owner,
        expires,
    })
}

/// A TOML string. What a terminal or an editor would obey or not show is written out.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            c if c.is_control()
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}') =>
            {
                _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;
    use proptest::prelude::*;

    const ENTRY: &str = "\n[[accept]]\nfingerprint = \"3b1d0c5a9e7f2468\"\ncode = \"NSG101\"\n\
        reason = \"planned\"\nowner = \"net team\"\nexpires = 2026-06-30\n";

    fn refused(change: impl Fn(&str) -> String) -> String {
        Baseline::parse(&change(ENTRY)).unwrap_err()
    }

    #[test]
    fn an_entry_suppresses_until_its_last_day_and_no_longer() {
        let baseline = Baseline::parse(ENTRY).unwrap();
        for (today, holds) in [("2026-06-30", true), ("2026-07-01", false)] {
            let mut audit = sample::incident();
            baseline.apply(&mut audit, today, "accepted.toml");
            let told = audit.baseline.as_ref().unwrap();
            let of_code: Vec<_> = audit
                .findings
                .iter()
                .filter(|one| one.code == "NSG101")
                .collect();
            assert!(!of_code.is_empty());
            assert!(of_code.iter().all(|one| one.suppressed.is_some() == holds));
            assert_eq!(told.expired.len(), usize::from(!holds));
            assert_eq!(
                told.suppressed,
                if holds { of_code.len() as u64 } else { 0 }
            );
            let noted =
                |one: &&Finding| one.details.iter().any(|said| said.contains("has expired"));
            assert_eq!(of_code.iter().all(noted), !holds);
            let others = audit.findings.iter().filter(|one| one.code != "NSG101");
            assert!(
                others.clone().count() > 0 && others.clone().all(|one| one.suppressed.is_none())
            );
        }
    }

    #[test]
    fn an_entry_that_matches_nothing_is_told() {
        let other = ENTRY.replace("NSG101", "NSG999");
        let mut audit = sample::incident();
        Baseline::parse(&other)
            .unwrap()
            .apply(&mut audit, "2026-01-01", "x");
        let told = audit.baseline.unwrap();
        assert_eq!((told.suppressed, told.unmatched.len()), (0, 1));
    }

    #[test]
    fn what_is_missing_is_told_with_its_line() {
        assert!(refused(|text| text.replace("planned", " ")).starts_with("line 2: reason"));
        assert!(refused(|text| text.replace("net team", "")).contains("owner"));
        assert!(refused(|text| text.replace("expires = 2026-06-30", "")).contains("expires"));
        assert!(refused(|text| text.replace("2026-06-30", "\"soon\"")).contains("2026-06-30"));
        assert!(
            refused(|text| text.replace("2026-06-30", "2026-06-30T10:00:00Z")).contains("a day")
        );
        assert!(refused(|text| text.replace("3b1d", "XXXX")).contains("hexadecimal"));
        assert!(refused(|text| text.repeat(2)).contains("twice"));
        assert!(refused(|text| text.replace("owner", "ownr")).contains("ownr"));
        assert_eq!(Baseline::parse("").unwrap(), Baseline::default());
    }

    #[test]
    fn a_draft_is_refused_until_it_is_filled_in_and_keeps_what_was() {
        let mut audit = sample::incident();
        for (number, finding) in (0u64..).zip(&mut audit.findings) {
            finding.fingerprint = format!("{number:016x}");
        }
        let draft = Baseline::default().draft(&audit);
        assert!(Baseline::parse(&draft).unwrap_err().contains("reason"));
        let filled = draft
            .replace("reason = \"\"", "reason = \"r\"")
            .replace("owner = \"\"", "owner = \"o\"")
            .replace("expires = \"\"", "expires = \"2026-02-28\"");
        let baseline = Baseline::parse(&filled).unwrap();
        assert_eq!(baseline.entries.len(), audit.findings.len());
        assert_eq!(baseline.draft(&audit), filled);
    }

    proptest! {
        #[test]
        fn any_title_is_quoted(title in "\\PC{0,20}|[\\x00-\\x7F]{0,20}") {
            let text = format!("x = {}", quoted(&title));
            let read: toml::Table = toml::from_str(&text).unwrap();
            prop_assert_eq!(read["x"].as_str(), Some(title.as_str()));
        }
    }
}
