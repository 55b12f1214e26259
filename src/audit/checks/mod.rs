//! The checks: one table, one text each, and what they find.

mod captures;
mod evidence;
mod open;
mod ports;
mod required;
mod routes;
mod rules;

use std::fmt::Write as _;

use crate::environment::ServiceTags;

use super::configured::Configured;
use super::given::Given;
use super::matching::Matcher;
use super::model::{Finding, Input, Observed, Severity};
use super::observe::Presenter;
use super::requirements::Requirements;
use super::traffic::Judged;
use super::verdict::Decided;

/// A check: a rule of ours with a stable code. Codes are never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Check {
    /// Stable code, such as `NSG101`.
    pub code: &'static str,
    /// Name, such as `required-blocked`.
    pub name: &'static str,
    /// How bad its findings usually are; the text says when they are worse or better.
    pub severity: Severity,
    /// What it finds, in one line.
    pub summary: &'static str,
    /// The whole text, in Markdown.
    pub doc: &'static str,
}

macro_rules! check {
    ($code:literal, $name:literal, $severity:ident, $summary:literal) => {
        Check {
            code: $code,
            name: $name,
            severity: Severity::$severity,
            summary: $summary,
            doc: include_str!(concat!($code, ".md")),
        }
    };
}

/// All checks, in order of code.
pub static CHECKS: &[Check] = &[
    check!(
        "NSG101",
        "required-blocked",
        Critical,
        "required traffic is denied, and none was allowed since"
    ),
    check!(
        "NSG102",
        "required-partly-blocked",
        High,
        "required traffic is denied and allowed"
    ),
    check!(
        "NSG103",
        "required-unproven",
        Info,
        "no flow shows whether required traffic is allowed"
    ),
    check!(
        "NSG104",
        "required-unanswered",
        Low,
        "required traffic is allowed, but nothing came back"
    ),
    check!(
        "NSG105",
        "dropped-behind-nsg",
        High,
        "logs say that it is allowed, packets show that nobody answers"
    ),
    check!(
        "NSG106",
        "required-refused",
        High,
        "required traffic reaches a host, which refuses it"
    ),
    check!(
        "NSG107",
        "required-at-risk",
        High,
        "the rules deny required traffic that nothing has tried yet"
    ),
    check!(
        "NSG201",
        "open-from-internet",
        High,
        "the internet reaches a port that nothing requires"
    ),
    check!(
        "NSG202",
        "open-between-subnets",
        Medium,
        "private networks reach a port that nothing requires"
    ),
    check!(
        "NSG203",
        "open-outbound",
        Low,
        "a subnet reaches the internet on a port that nothing requires"
    ),
    check!(
        "NSG204",
        "undetermined-traffic",
        Info,
        "traffic that unknown addresses leave undetermined"
    ),
    check!(
        "NSG205",
        "allowed-unneeded",
        Low,
        "the rules allow what nothing requires, seen or not"
    ),
    check!(
        "NSG301",
        "rule-never-decides",
        Low,
        "earlier rules take every packet of a rule"
    ),
    check!(
        "NSG302",
        "rule-undetermined",
        Low,
        "a rule names addresses that are not known"
    ),
    check!(
        "NSG303",
        "rule-unused",
        Info,
        "a rule decided no flow of the logs"
    ),
    check!(
        "NSG304",
        "rules-differ-from-logs",
        Medium,
        "logs tell of other decisions than the given rules would take"
    ),
    check!(
        "NSG305",
        "route-drops-required",
        High,
        "a route with next hop None drops required traffic, or answers to it"
    ),
    check!(
        "NSG306",
        "required-leaves-elsewhere",
        Medium,
        "a route leads required traffic to a firewall or gateway, which decides of it"
    ),
    check!(
        "NSG307",
        "asymmetric-return",
        High,
        "answers to required inbound traffic leave by a firewall or gateway"
    ),
    check!(
        "NSG901",
        "coverage-gap",
        Low,
        "hours without records between an interface's first and last"
    ),
    check!(
        "NSG902",
        "faults",
        Low,
        "records or files that could not be read"
    ),
    check!(
        "NSG903",
        "mixed-versions",
        Info,
        "several kinds of flow log describe the same network"
    ),
    check!(
        "NSG904",
        "non-monotonic",
        Info,
        "files whose records run backwards in time"
    ),
    check!(
        "NSG905",
        "duplicates",
        Info,
        "records that several downloads hold"
    ),
    check!(
        "NSG906",
        "tally-coarsened",
        Low,
        "more different flows than the tally keeps apart"
    ),
    check!(
        "NSG907",
        "log-filtered",
        Low,
        "a log that seems to leave record types out on purpose"
    ),
    check!(
        "NSG908",
        "logs-and-packets-disagree",
        Medium,
        "logs say that it is denied, packets show that it is answered"
    ),
    check!(
        "NSG909",
        "one-sided-capture",
        Low,
        "a capture has one direction of connections only"
    ),
    check!(
        "NSG910",
        "connections-evicted",
        Low,
        "more connections at a time than are kept"
    ),
];

/// The check of a code or name, compared without case.
pub fn find(code: &str) -> Option<&'static Check> {
    CHECKS.iter().find(|check| {
        check.code.eq_ignore_ascii_case(code) || check.name.eq_ignore_ascii_case(code)
    })
}

/// The text of the check of a code or name.
pub fn explain(code: &str) -> Option<&'static str> {
    find(code).map(|check| check.doc)
}

/// All checks, a line each, as `nsgaudit checks` prints them.
pub fn list_text() -> String {
    let width = CHECKS.iter().map(|check| check.name.len()).max();
    let width = width.unwrap_or(0);
    let mut text = String::new();
    for check in CHECKS {
        let severity = severity_word(check.severity);
        // Writing to a string cannot fail.
        _ = writeln!(
            text,
            "{}  {:width$}  {severity:8}  {}",
            check.code, check.name, check.summary
        );
    }
    text
}

/// The word that reports print for a severity.
pub fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Low => "low",
        Severity::Medium => "medium",
        Severity::High => "high",
        Severity::Critical => "critical",
    }
}

/// `docs/checks.md`: the table and all texts.
pub fn document() -> String {
    let mut text = String::from(
        "# Checks\n\n\
         Generated from the table in `src/audit/checks/mod.rs` and the texts beside it;\n\
         `nsgaudit explain CODE` prints one. Codes are never reused.\n\n\
         | code | name | usual severity | what it finds |\n\
         | --- | --- | --- | --- |\n",
    );
    for check in CHECKS {
        let severity = severity_word(check.severity);
        _ = writeln!(
            text,
            "| {} | {} | {severity} | {} |",
            check.code, check.name, check.summary
        );
    }
    for check in CHECKS {
        text.push('\n');
        for line in check.doc.lines() {
            let deeper = if line.starts_with('#') { "#" } else { "" };
            _ = writeln!(text, "{deeper}{line}");
        }
    }
    text
}

/// What the checks look at.
pub(crate) struct Findings<'a> {
    pub(crate) requirements: &'a Requirements<'a>,
    pub(crate) matcher: Matcher<'a>,
    pub(crate) presenter: &'a Presenter<'a>,
    pub(crate) judged: &'a [Judged<'a>],
    pub(crate) decided: &'a [Decided<'a>],
    pub(crate) read: &'a Input,
    /// What the given rules do, where rules are given.
    pub(crate) given: Option<&'a Given<'a>>,
    /// What rules and routes do with each requirement, in the order of the requirements.
    pub(crate) configured: &'a [Option<Configured>],
    pub(crate) tags: &'a ServiceTags,
}

impl Findings<'_> {
    /// Runs all checks: worst first, then most flows.
    pub(crate) fn collect(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        self.required(&mut findings);
        self.open(&mut findings);
        self.evidence(&mut findings);
        self.captures(&mut findings);
        self.rules(&mut findings);
        self.routes(&mut findings);
        findings.sort_by(|a, b| {
            let order = b
                .severity
                .cmp(&a.severity)
                .then_with(|| a.code.cmp(&b.code));
            let order = order.then_with(|| flows(b).cmp(&flows(a)));
            order.then_with(|| sort_key(a).cmp(&sort_key(b)))
        });
        findings
    }
}

fn flows(finding: &Finding) -> u64 {
    finding.evidence.as_ref().map_or(0, |seen| seen.flows)
}

fn sort_key(finding: &Finding) -> impl Ord + '_ {
    (
        &finding.subnet,
        &finding.rows,
        &finding.title,
        &finding.fingerprint,
    )
}

/// A finding of `code` with its fingerprint; the rest is filled in by the check.
fn finding(code: &'static str, identity: &[&str], title: String) -> Finding {
    let check = find(code);
    Finding {
        code: code.to_owned(),
        check: check.map_or_else(String::new, |check| check.name.to_owned()),
        severity: check.map_or(Severity::Info, |check| check.severity),
        fingerprint: fingerprint(code, identity),
        title,
        details: Vec::new(),
        subnet: None,
        rows: Vec::new(),
        evidence: None,
        contrast: None,
        rules: Vec::new(),
        suppressed: None,
    }
}

/// FNV-1a of the code and what the finding is about, 64 bits in hexadecimal. Never of counts or
/// times: the same trouble has the same fingerprint tomorrow. `docs/compliance.md` says what goes into
/// each. A bar ends a part, and is escaped within one: names are chosen by whoever owns the resource.
fn fingerprint(code: &str, identity: &[&str]) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut add = |byte: u8| {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    };
    for part in std::iter::once(&code).chain(identity) {
        for byte in part.bytes() {
            if matches!(byte, b'|' | b'\\') {
                add(b'\\');
            }
            add(byte);
        }
        add(b'|');
    }
    format!("{hash:016x}")
}

/// Evidence, where there is any.
fn some(observed: &Observed) -> Option<Observed> {
    (observed.tuples > 0 || observed.flows > 0).then(|| observed.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADINGS: [&str; 7] = [
        "## What it looks for",
        "## Why it matters",
        "## Example that fires",
        "## Example that does not",
        "## What to do",
        "## What it cannot see",
        "## References",
    ];

    #[test]
    fn codes_and_names_are_unique_and_sorted() {
        assert!(CHECKS.windows(2).all(|pair| pair[0].code < pair[1].code));
        for check in CHECKS {
            assert_eq!(find(check.name), Some(check));
            assert_eq!(find(&check.code.to_lowercase()), Some(check));
        }
    }

    #[test]
    fn every_text_has_its_title_and_the_seven_headings_in_order() {
        for check in CHECKS {
            let title = format!("# {}: {}", check.code, check.name);
            assert_eq!(check.doc.lines().next(), Some(title.as_str()));
            let headings: Vec<_> = check
                .doc
                .lines()
                .filter(|line| line.starts_with("## "))
                .collect();
            assert_eq!(headings, HEADINGS, "{}", check.code);
        }
    }

    #[test]
    fn the_list_has_a_line_a_check() {
        let list = list_text();
        assert_eq!(list.lines().count(), CHECKS.len());
        assert!(list.starts_with("NSG101  required-blocked           critical  "));
    }

    #[test]
    fn docs_checks_md_is_the_table() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/checks.md");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, document()).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap();
        assert!(
            written == document(),
            "docs/checks.md is not what the table says; run the tests with UPDATE_DOCS=1"
        );
    }

    #[test]
    fn fingerprints_are_fnv_1a() {
        // The hash of "a|" is computed by hand from the published constants.
        assert_eq!(fingerprint("a", &[]), {
            let first = (0xcbf2_9ce4_8422_2325_u64 ^ 0x61).wrapping_mul(0x0000_0100_0000_01b3);
            let second = (first ^ 0x7c).wrapping_mul(0x0000_0100_0000_01b3);
            format!("{second:016x}")
        });
        assert_ne!(fingerprint("a", &["b", "c"]), fingerprint("a", &["bc"]));
        assert_ne!(fingerprint("a", &["b", "c"]), fingerprint("a", &["b|c"]));
        assert_ne!(
            fingerprint("a", &["b\\", "c"]),
            fingerprint("a", &["b\\|c"])
        );
    }
}
