//! Lint: what a profile should be beyond loading, for our own profiles and users'.

use std::collections::BTreeSet;

use super::term::is_known_tag;
use super::{AddressTerm, Catalogue, KnownPeers, Profile, Row};

/// How bad a remark is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// An audit with this profile may be wrong.
    Error,
    /// Someone should look.
    Warning,
}

/// One remark on a profile.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LintMessage {
    /// How bad it is.
    pub severity: Severity,
    /// Name of the profile.
    pub profile: String,
    /// Id of the row; empty for the profile as a whole.
    pub row: String,
    /// What was expected, what was found, what to do.
    pub message: String,
}

/// Remarks on a profile, errors first, then by row. Empty means clean.
///
/// `catalogue` is where includes are looked up.
pub fn lint(profile: &Profile, catalogue: &Catalogue) -> Vec<LintMessage> {
    let mut linter = Linter {
        profile,
        row: "",
        keys: profile
            .references
            .iter()
            .map(|reference| reference.key.as_str())
            .collect(),
        found: BTreeSet::new(),
    };
    linter.whole(catalogue);
    let mut ids = BTreeSet::new();
    for row in &profile.rows {
        linter.row = &row.id;
        if !ids.insert(&row.id) {
            linter.error("the id is there twice; give each row its own");
        }
        linter.traffic(row);
        linter.words(row);
        linter.sources(row);
        linter.peers("known_callers", &row.known_callers, row);
        linter.peers("known_destinations", &row.known_destinations, row);
    }
    linter.found.into_iter().collect()
}

struct Linter<'a> {
    profile: &'a Profile,
    row: &'a str,
    keys: BTreeSet<&'a str>,
    found: BTreeSet<LintMessage>,
}

impl Linter<'_> {
    fn add(&mut self, severity: Severity, message: String) {
        self.found.insert(LintMessage {
            severity,
            profile: self.profile.name.clone(),
            row: self.row.to_owned(),
            message,
        });
    }

    fn error(&mut self, message: impl Into<String>) {
        self.add(Severity::Error, message.into());
    }

    fn warn(&mut self, message: impl Into<String>) {
        self.add(Severity::Warning, message.into());
    }

    fn whole(&mut self, catalogue: &Catalogue) {
        let profile = self.profile;
        for (field, text) in [
            ("title", &profile.title),
            ("edition", &profile.edition),
            ("status", &profile.status),
        ] {
            if text.trim().is_empty() {
                self.warn(format!("`{field}` is empty; reports print it"));
            }
        }
        if self.keys.len() != profile.references.len() {
            self.error("two references have the same key; give each its own");
        }
        for reference in &profile.references {
            if reference.location.trim().is_empty() {
                self.warn(format!("reference `{}` has no location", reference.key));
            }
        }
        for include in &profile.includes {
            if include.profile == profile.name {
                self.error("the profile includes itself; take the include out");
            } else if catalogue.find(&include.profile).is_none() {
                self.error(format!(
                    "includes `{}`, which is no profile; load it too, or correct the name",
                    include.profile
                ));
            }
        }
    }

    fn traffic(&mut self, row: &Row) {
        if row.directions.is_empty() {
            self.error("no direction; give `inbound`, `outbound` or `both`");
        }
        if row.ports.is_empty() {
            self.error("no ports; name at least one");
        } else if row.ports.contains(0) && !row.ports.is_any() {
            self.warn("port 0 carries no traffic; begin the range at 1");
        }
        if row.source.is_empty() || row.destination.is_empty() {
            self.error("no source or no destination; write `@any` for everything");
        }
        for term in row.source.iter().chain(&row.destination) {
            self.tag(term);
        }
    }

    fn tag(&mut self, term: &AddressTerm) {
        if let AddressTerm::ServiceTag(tag) = term
            && !is_known_tag(tag)
        {
            self.warn(format!(
                "`{tag}` is no service tag that we know; check the spelling, or write `@name` for \
                 a set of your own"
            ));
        }
    }

    fn words(&mut self, row: &Row) {
        if !row.condition.when.is_empty() && row.condition.text.trim().is_empty() {
            self.warn("`when` without `condition`; say in words when the row is required");
        }
        if row.impact.trim().is_empty() {
            self.warn("no `impact`; say what stops working when the row is blocked");
        } else if row.impact_basis == "none" {
            self.warn(
                "an `impact` without its basis; set `impact_basis` to `stated` or `inferred`",
            );
        }
        if row.advice && !row.row.is_empty() {
            self.warn("advice has no place in the table; leave `row` out, or `advice`");
        }
    }

    fn sources(&mut self, row: &Row) {
        if row.source_reference.trim().is_empty() {
            self.warn("no `source_reference`; name the text that says so");
        }
        for part in row.source_reference.split(';') {
            let key = first_word(part);
            if !key.is_empty() {
                self.reference("source_reference", key);
            }
        }
    }

    fn reference(&mut self, field: &str, key: &str) {
        if !self.keys.contains(key) {
            self.error(format!(
                "`{field}` cites `{key}`, which is no `[[reference]]` of the profile; add it, or \
                 correct the key"
            ));
        }
    }

    fn peers(&mut self, field: &str, peers: &[KnownPeers], row: &Row) {
        for known in peers {
            if known.ports.union(&row.ports) != row.ports {
                self.error(format!(
                    "`{field}` speaks of port {}, the row of {}; name only the row's ports",
                    known.ports, row.ports
                ));
            }
            if known.since.is_empty() {
                self.warn(format!(
                    "`{field}` has no `since`; name the reference that says so"
                ));
            } else {
                self.reference(&format!("{field}.since"), &known.since);
            }
            for term in &known.peers {
                self.tag(term);
            }
        }
    }
}

/// The key at the front of ` ise-2019, row 5`.
fn first_word(text: &str) -> &str {
    text.split_whitespace()
        .next()
        .map_or("", |word| word.trim_end_matches([',', ':']))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn each_trouble_has_a_remark() {
        let text = r#"
name = "mine"
title = "Mine"
[[include]]
profile = "nowhere"
[[reference]]
key = "a"
location = "wiki"
[[row]]
id = "one"
row = "1"
purpose = "One"
direction = "inbound"
ports = "0-80"
source = "NoSuchTag"
advice = true
when = { sku = "premium" }
source_reference = "a, row 1; b row 2"
known_callers = [{ ports = 443, peers = "LogicApps" }, { peers = "LogicApps", since = "c" }]
[[row]]
id = "two"
purpose = "Two"
direction = "inbound"
ports = 80
impact = "Nothing works"
"#;
        let mut profile = crate::catalogue::load::parse(Path::new("x"), text).unwrap();
        profile.rows.push(profile.rows[1].clone());
        let found = lint(&profile, &Catalogue::embedded().unwrap());
        let expected = [
            "E mine/: includes `nowhere`",
            "E mine/one: `known_callers.since` cites `c`",
            "E mine/one: `known_callers` speaks of port 443, the row of 0-80",
            "E mine/one: `source_reference` cites `b`",
            "E mine/two: the id is there twice",
            "W mine/: `edition` is empty",
            "W mine/: `status` is empty",
            "W mine/one: `NoSuchTag` is no service tag",
            "W mine/one: `known_callers` has no `since`",
            "W mine/one: `when` without `condition`",
            "W mine/one: advice has no place",
            "W mine/one: no `impact`",
            "W mine/one: port 0",
            "W mine/two: an `impact` without its basis",
            "W mine/two: no `source_reference`",
        ];
        let lines: Vec<_> = found
            .iter()
            .map(|m| {
                format!(
                    "{:.1} {}/{}: {}",
                    format!("{:?}", m.severity),
                    m.profile,
                    m.row,
                    m.message
                )
            })
            .collect();
        assert_eq!(lines.len(), expected.len(), "{lines:#?}");
        for (line, start) in lines.iter().zip(expected) {
            assert!(line.starts_with(start), "{line}\n{start}");
        }
    }
}
