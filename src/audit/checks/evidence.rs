//! NSG901 to NSG907: what the evidence itself is worth.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::flowlog::LogKind;
use crate::net::{Decision, Mac};
use crate::tally::{Interface, MOST_NAMES};

use super::super::basis::hour;
use super::super::model::{FaultText, Finding, Severity};
use super::super::names;
use super::{Findings, finding};

/// Most interfaces or files that a finding lists.
const LISTED: usize = 10;
/// Missing share of interface-hours, in per mille, from which gaps are more than quiet hours: an
/// hour in ten.
const MANY_GAPS: u64 = 100;
/// Tuples from which a log that has not one begin was filtered: a connection of a few minutes has
/// a begin in three tuples.
const BUSY: u64 = 1_000;
/// Tuples from which a log without one denial is worth a word: the internet knocks at every public
/// address several times an hour.
const BUSY_WITHOUT_DENIAL: u64 = 10_000;

impl Findings<'_> {
    /// What the logs lack.
    pub(super) fn evidence(&self, findings: &mut Vec<Finding>) {
        findings.extend(self.coverage_gap());
        findings.extend(self.read.faults.iter().map(faults));
        findings.extend(self.mixed_versions());
        findings.extend(self.non_monotonic());
        findings.extend(self.duplicates());
        findings.extend(self.coarsened());
        findings.extend(self.filtered());
    }

    fn coverage_gap(&self) -> Option<Finding> {
        let interfaces = &self.presenter.facts.coverage.interfaces;
        let mut gaps: Vec<_> = interfaces
            .iter()
            .filter_map(|(&mac, interface)| Gap::of(mac, interface))
            .collect();
        gaps.sort_by_key(|gap| (Reverse(gap.missing), gap.mac));
        let missing: u64 = gaps.iter().map(|gap| gap.missing).sum();
        let within: u64 = gaps.iter().map(|gap| gap.hours).sum();
        let share = (missing * 1000).checked_div(within)?;
        let title = format!(
            "{} of {} without records for {} between the first and the last",
            gaps.len(),
            names::count(interfaces.len() as u64, "interface"),
            names::count(missing, "hour")
        );
        let mut details = vec![
            "What was denied or allowed in those hours is not known: a quiet hour writes no \
             record, and neither does a lost one."
                .to_owned(),
        ];
        details.extend(gaps.iter().take(LISTED).map(Gap::text));
        if gaps.len() > LISTED {
            details.push(format!("{} more interfaces.", gaps.len() - LISTED));
        }
        Some(Finding {
            severity: if share >= MANY_GAPS {
                Severity::Medium
            } else {
                Severity::Low
            },
            details,
            ..finding("NSG901", &[], title)
        })
    }

    fn mixed_versions(&self) -> Option<Finding> {
        let facts = self.presenter.facts;
        let kinds: BTreeSet<LogKind> = facts.groups.iter().map(|group| group.kind).collect();
        let files = facts.coverage.mixed_file_count;
        if kinds.len() < 2 && files == 0 {
            return None;
        }
        let kinds: Vec<_> = kinds.iter().map(|kind| kind.name()).collect();
        let mut details = vec![
            "Flows that several kinds logged at the same time are counted once: see \
             docs/verdicts.md."
                .to_owned(),
        ];
        for (&file, kinds) in facts.coverage.mixed_files.iter().take(LISTED) {
            let kinds: Vec<_> = kinds.iter().map(|kind| kind.name()).collect();
            details.push(format!(
                "{} holds {}.",
                (self.presenter.file_name)(file),
                kinds.join(", ")
            ));
        }
        let title = if files == 0 {
            format!("The flows come from {}", kinds.join(", "))
        } else {
            format!("{} of several log kinds", names::count(files, "file"))
        };
        Some(Finding {
            details,
            ..finding("NSG903", &[], title)
        })
    }

    fn non_monotonic(&self) -> Option<Finding> {
        let coverage = &self.presenter.facts.coverage;
        if coverage.backward_file_count == 0 {
            return None;
        }
        let files = coverage.backward_files.iter().take(LISTED);
        let details = files.map(|(&file, &steps)| {
            format!(
                "{}: {} back.",
                (self.presenter.file_name)(file),
                names::count(steps, "step")
            )
        });
        let title = format!(
            "{} with records that run backwards in time",
            names::count(coverage.backward_file_count, "file")
        );
        Some(Finding {
            details: details.collect(),
            ..finding("NSG904", &[], title)
        })
    }

    fn duplicates(&self) -> Option<Finding> {
        let facts = self.presenter.facts;
        let records = facts.read.records_duplicate;
        if facts.duplicates_kept {
            let title = "More records than are remembered: duplicates could not be taken out";
            return Some(Finding {
                severity: Severity::Low,
                details: vec![
                    "Counts include records that overlapping downloads hold twice; verdicts do not \
                     depend on counts. Audit fewer files at a time for exact ones."
                        .to_owned(),
                ],
                ..finding("NSG905", &["kept"], title.to_owned())
            });
        }
        (records > 0).then(|| Finding {
            details: vec![format!(
                "{} in them were counted once.",
                names::count(facts.read.tuples_duplicate, "tuple")
            )],
            ..finding(
                "NSG905",
                &[],
                format!("{} read more than once", names::count(records, "record")),
            )
        })
    }

    fn coarsened(&self) -> Option<Finding> {
        let facts = self.presenter.facts;
        let mut details = Vec::new();
        if facts.coarsening > 0 {
            details.push(format!(
                "Flow groups were folded (level {}). Told apart no longer: {}.",
                facts.coarsening,
                folded(facts.coarsening).join("; ")
            ));
        }
        if facts.rules_folded {
            details.push("Rule names were folded by their prefix.".to_owned());
        }
        if facts.coverage.overflowed {
            details.push("Not every interface is remembered: coverage is of some.".to_owned());
        }
        if facts.coverage.crowded > 0 {
            details.push(format!(
                "{} with more than {MOST_NAMES} own addresses or targets (NSGs): of each the \
                 smallest are remembered, so that an assumed network may lack the others' subnets.",
                names::count(facts.coverage.crowded, "interface")
            ));
        }
        if details.is_empty() {
            return None;
        }
        let title = "More different flows, rules, interfaces or addresses of one than the tally \
                     keeps apart";
        Some(Finding {
            details,
            ..finding("NSG906", &[], title.to_owned())
        })
    }

    fn filtered(&self) -> Vec<Finding> {
        let mut kinds: BTreeMap<LogKind, Census> = BTreeMap::new();
        for group in &self.presenter.facts.groups {
            kinds.entry(group.kind).or_default().add(group);
        }
        let kinds = kinds.iter();
        kinds
            .flat_map(|(&kind, census)| census.lacks(kind))
            .collect()
    }
}

/// What a level of coarsening takes away, in words; `docs/architecture.md` has the table.
fn folded(level: u8) -> Vec<&'static str> {
    let ports = match level {
        0 => return Vec::new(),
        1 => "of denied flows, ports from 1024 on that no row names",
        2 => "ports from 1024 on that no row names",
        3..=7 => "ports that no row names",
        _ => "all ports, so that rows of single ports are not judged",
    };
    let blocks = match level {
        5 => "assumed blocks of addresses below /24",
        6 => "assumed blocks of addresses below /16, and all of IPv6",
        _ => "own and private addresses, where blocks are assumed",
    };
    let mut words = vec![ports];
    if level >= 4 {
        words.push("which rule decided");
    }
    if level >= 5 {
        words.push(blocks);
    }
    if level >= 9 {
        words.push("protocols; what is on the remote side");
    }
    words
}

/// The hours that an interface lacks.
struct Gap {
    mac: Mac,
    address: String,
    missing: u64,
    hours: u64,
    first_missing: i64,
}

impl Gap {
    fn of(mac: Mac, interface: &Interface) -> Option<Self> {
        let hours = &interface.hours;
        let (first, last) = hours.ends()?;
        let span = last.abs_diff(first) + 1;
        let missing = span.saturating_sub(hours.count());
        let steps = hours.iter().zip(hours.iter().skip(1));
        let (before_it, _) = steps.into_iter().find(|&(hour, next)| next > hour + 1)?;
        Some(Self {
            mac,
            address: interface
                .addresses
                .first()
                .map_or_else(String::new, |address| format!(" ({address})")),
            missing,
            hours: span,
            first_missing: before_it + 1,
        })
    }

    fn text(&self) -> String {
        format!(
            "{}{}: {} of {} missing, the first {}.",
            self.mac,
            self.address,
            self.missing,
            names::count(self.hours, "hour"),
            hour(self.first_missing)
        )
    }
}

/// Kinds of fault after which an unknown amount is missing.
const LOSSES: [&str; 5] = [
    "truncated",
    "unreadable",
    "damaged-compression",
    "compression-bomb",
    "file-shrank",
];
/// Kinds of fault that are no loss: what is no flow log was never evidence.
const NO_LOSS: [&str; 2] = ["not-flow-log", "not-flow-record"];

fn faults(fault: &FaultText) -> Finding {
    let severity = if LOSSES.contains(&fault.kind.as_str()) {
        Severity::Medium
    } else if NO_LOSS.contains(&fault.kind.as_str()) {
        Severity::Info
    } else {
        Severity::Low
    };
    let samples = fault.samples.iter().map(|sample| {
        format!(
            "{} at byte {}: {}",
            sample.file, sample.offset, sample.detail
        )
    });
    Finding {
        severity,
        details: samples.collect(),
        ..finding(
            "NSG902",
            &[&fault.kind],
            format!("{}: {}", fault.kind, names::count(fault.count, "fault")),
        )
    }
}

/// Which record types a kind of log has.
#[derive(Default)]
struct Census {
    allowed: u64,
    denied: u64,
    begins: bool,
}

impl Census {
    fn add(&mut self, group: &crate::tally::Group) {
        match group.decision {
            Decision::Deny => self.denied += group.totals.tuples,
            Decision::Allow => {
                self.allowed += group.totals.tuples;
                self.begins |= group.totals.last_begin.is_some() || group.totals.flows > 0;
            }
        }
    }

    fn lacks(&self, kind: LogKind) -> Vec<Finding> {
        let stateful = matches!(kind, LogKind::NsgV2 | LogKind::VnetV4);
        let mut lacks = Vec::new();
        if stateful && self.allowed >= BUSY && !self.begins {
            lacks.push(("begin", "no flow begins"));
        }
        if self.denied == 0 && self.allowed >= BUSY_WITHOUT_DENIAL {
            lacks.push(("deny", "no flow is denied"));
        }
        if self.allowed == 0 && self.denied >= BUSY {
            lacks.push(("allow", "no flow is allowed"));
        }
        let tuples = self.allowed + self.denied;
        lacks
            .into_iter()
            .map(|(what, words)| Finding {
                details: vec![format!(
                    "A flow log can be set to leave record types out (EnabledFilteringCriteria, \
                     RecordTypes), and its blobs do not say so: {words} in {tuples} tuples. \
                     Look at the flow log's settings before trusting what it does not show."
                )],
                ..finding(
                    "NSG907",
                    &[kind.name(), what],
                    format!("The {} logs look filtered: {words}", kind.name()),
                )
            })
            .collect()
    }
}
