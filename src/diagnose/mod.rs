//! From an audit to an answer: what is broken, since when, by what, how sure, and what to do.
//!
//! Known causes stand as data in `causes.toml`; [`diagnose`] asks the audit for the evidence of each
//! and sorts them: what the evidence shows, what it fits, what stays open and what would settle it, what
//! it rules out. It decides nothing about flows, which the audit has done, and it claims no more than
//! the evidence that it prints.

mod causes;
mod commands;
mod evidence;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;

use crate::audit::{Audit, Confidence, Incident, Input, Requirement, Verdict};

use crate::net::Timestamp;

use causes::Cause;
use evidence::{Found, ask, by_row, listed};

/// Version of the diagnosis' shape.
pub const SCHEMA_VERSION: &str = "nsgaudit/diagnosis/1";

/// Pieces of evidence that are told of a cause.
const TOLD: usize = 6;
/// Gaps of a subnet that are told.
const GAPS: usize = 3;

/// What is broken and why.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Diagnosis {
    /// `nsgaudit/diagnosis/1`.
    pub schema: String,
    /// Version of the program.
    pub program: String,
    /// Whether anything is seen to be broken.
    pub state: State,
    /// What broke and when, the gravest first: see the audit.
    pub incidents: Vec<Incident>,
    /// The causes that the evidence shows or fits, best first.
    pub causes: Vec<Judged>,
    /// Causes that nothing speaks for or against, and what would settle them.
    pub open: Vec<Judged>,
    /// Causes that the evidence rules out, and why.
    pub ruled_out: Vec<Judged>,
    /// What was not covered, so that nothing is known of it.
    pub not_covered: Vec<String>,
    /// How many purposes were seen to work in every subnet, and how many there are.
    pub working: [u64; 2],
    /// The profile and the service tags.
    pub against: String,
    /// What was read.
    pub input: Input,
}

/// Whether anything is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// No flow was counted.
    NothingCounted,
    /// Required traffic is denied, or not answered; or the evidence shows a known cause.
    Broken,
    /// Nothing required is denied, but something fits a cause.
    Suspected,
    /// It was broken, and all of it was seen to work again.
    Recovered,
    /// Nothing is seen to be broken.
    NothingSeen,
}

/// How the evidence stands to a cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// The evidence shows it.
    Shown,
    /// The evidence fits it, and something else as well.
    Fits,
    /// Nothing speaks for or against it.
    Open,
    /// The evidence speaks against it, and none for it.
    RuledOut,
}

/// A cause, judged.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Judged {
    /// Stable name.
    pub id: String,
    /// One line.
    pub title: String,
    /// What stops working.
    pub breaks: String,
    /// How the evidence stands to it.
    pub standing: Standing,
    /// How sure; only of causes that are shown or fit.
    pub confidence: Option<Confidence>,
    /// The incident that it explains: index into `incidents`.
    pub incident: Option<usize>,
    /// How many requirements it explains.
    pub explains: u64,
    /// What speaks for it.
    pub evidence: Vec<String>,
    /// What speaks against it.
    pub against: Vec<String>,
    /// What would settle it, where it is not shown.
    pub settle: Vec<String>,
    /// What to do.
    pub remedy: Vec<String>,
    /// Commands to copy. Words in capitals are for the reader to fill in.
    pub commands: Vec<String>,
    /// Who says so.
    pub source: Vec<String>,
}

/// Judges the known causes by what an audit holds.
pub fn diagnose(audit: &Audit) -> Diagnosis {
    let mut judged: Vec<(Rank, Judged)> = causes::causes()
        .iter()
        .filter_map(|cause| judge(cause, audit))
        .collect();
    judged.sort_by(|a, b| a.0.cmp(&b.0));
    let of = |standing: &[Standing]| -> Vec<Judged> {
        let those = judged
            .iter()
            .filter(|(_, one)| standing.contains(&one.standing));
        those.map(|(_, one)| one.clone()).collect()
    };
    let causes = of(&[Standing::Shown, Standing::Fits]);
    let (open, ruled_out) = (of(&[Standing::Open]), of(&[Standing::RuledOut]));
    Diagnosis {
        schema: SCHEMA_VERSION.to_owned(),
        program: audit.program.clone(),
        state: state(audit, &causes),
        incidents: audit.incidents.clone(),
        causes,
        open,
        ruled_out,
        not_covered: not_covered(audit),
        working: working(audit),
        against: format!("{}: {}", audit.basis.profile, audit.basis.title),
        input: audit.input.clone(),
    }
}

fn state(audit: &Audit, causes: &[Judged]) -> State {
    let mut required = audit.incidents.iter().filter(|incident| !incident.advice);
    if audit.input.tuples.counted == 0 {
        State::NothingCounted
    } else if required.clone().any(|incident| incident.ended.is_none())
        || causes.iter().any(|cause| {
            let incident = cause.incident.map(|at| &audit.incidents[at]);
            cause.standing == Standing::Shown && incident.is_none_or(|of| of.ended.is_none())
        })
    {
        State::Broken
    } else if required.next().is_some() {
        State::Recovered
    } else if !causes.is_empty() {
        State::Suspected
    } else {
        State::NothingSeen
    }
}

/// The order of causes: how the evidence stands, then how sure it is, then whether what it explains
/// goes on, then the more precise cause, then how many requirements it explains, then how often sources
/// name it, then its name.
type Rank = (
    Standing,
    Reverse<Option<Confidence>>,
    bool,
    bool,
    Reverse<usize>,
    u32,
    String,
);

/// A cause and its place; `None` where it does not come into question.
fn judge(cause: &Cause, audit: &Audit) -> Option<(Rank, Judged)> {
    if cause
        .when
        .iter()
        .any(|evidence| ask(evidence, audit, None).is_none())
    {
        return None;
    }
    let all = |list: &[causes::Evidence], since| -> Vec<Found<'_>> {
        let found = list
            .iter()
            .filter_map(|evidence| ask(evidence, audit, since));
        found.collect()
    };
    let (proofs, supports) = (all(&cause.proves, None), all(&cause.supports, None));
    let mut refutes = all(&cause.refutes, began(&[&proofs[..], &supports].concat()));
    if cause.local && !(proofs.is_empty() && supports.is_empty()) {
        refutes.clear();
    }
    let standing = match (proofs.is_empty(), supports.is_empty(), refutes.is_empty()) {
        (false, _, true) => Standing::Shown,
        (false, _, false) | (true, false, _) => Standing::Fits,
        (true, true, false) => Standing::RuledOut,
        (true, true, true) => Standing::Open,
    };
    let spoken = [&proofs[..], &supports].concat();
    let requirements = explained(&spoken);
    let incident = incident(audit, &requirements, &spoken);
    let confidence = confidence(
        standing,
        !refutes.is_empty(),
        incident.map(|at| &audit.incidents[at]),
    );
    let speaks = matches!(standing, Standing::Shown | Standing::Fits);
    let over = incident.is_some_and(|at| audit.incidents[at].ended.is_some());
    let rank = (
        standing,
        Reverse(confidence),
        over,
        cause.generic,
        Reverse(requirements.len()),
        cause.rank,
        cause.id.clone(),
    );
    let commands = if speaks {
        let incident = incident.map(|at| &audit.incidents[at]);
        commands::commands(&cause.commands, incident, &requirements)
    } else {
        Vec::new()
    };
    let judged = Judged {
        id: cause.id.clone(),
        title: cause.title.clone(),
        breaks: cause.breaks.clone(),
        standing,
        confidence,
        incident,
        explains: requirements.len() as u64,
        evidence: words(&spoken),
        against: words(&refutes),
        settle: if standing == Standing::Shown {
            Vec::new()
        } else {
            cause.settle.clone()
        },
        remedy: cause.remedy.clone(),
        commands,
        source: cause.source.clone(),
    };
    Some((rank, judged))
}

/// When the first of some flows was seen.
fn began(found: &[Found<'_>]) -> Option<Timestamp> {
    let groups = found.iter().flat_map(|found| &found.groups);
    groups
        .filter_map(|group| Timestamp::parse(&group.first))
        .min()
}

/// The requirements of some evidence, each once.
fn explained<'a>(found: &[Found<'a>]) -> Vec<&'a Requirement> {
    let mut requirements: Vec<&Requirement> = Vec::new();
    for requirement in found.iter().flat_map(|found| &found.requirements) {
        if !requirements
            .iter()
            .any(|other| std::ptr::eq(*other, *requirement))
        {
            requirements.push(requirement);
        }
    }
    requirements
}

/// The gravest incident of which a cause's evidence is: the same rows and subnets.
fn incident(audit: &Audit, requirements: &[&Requirement], found: &[Found<'_>]) -> Option<usize> {
    let rows: BTreeSet<&str> = found
        .iter()
        .flat_map(|found| &found.groups)
        .flat_map(|group| &group.rows)
        .map(String::as_str)
        .collect();
    let is_of = |incident: &Incident| {
        requirements.iter().any(|requirement| {
            incident.rows.contains(&requirement.row)
                && incident.subnets.contains(&requirement.subnet)
        }) || incident.rows.iter().any(|row| rows.contains(row.as_str()))
    };
    audit.incidents.iter().position(is_of)
}

/// Never surer than the incident that it explains; evidence against it takes a step.
fn confidence(
    standing: Standing,
    contradicted: bool,
    incident: Option<&Incident>,
) -> Option<Confidence> {
    let sure = match (standing, contradicted) {
        (Standing::Shown, _) => Confidence::High,
        (Standing::Fits, false) => Confidence::Medium,
        (Standing::Fits, true) => Confidence::Low,
        (Standing::Open | Standing::RuledOut, _) => return None,
    };
    Some(incident.map_or(sure, |incident| sure.min(incident.confidence)))
}

fn words(found: &[Found<'_>]) -> Vec<String> {
    let mut words = by_row(&explained(found));
    for word in found.iter().flat_map(|found| &found.words) {
        if !words.contains(word) {
            words.push(word.clone());
        }
    }
    if words.len() > TOLD {
        let more = words.len() - TOLD;
        words.truncate(TOLD);
        words.push(format!("and {more} more"));
    }
    words
}

/// Required purposes that work in every subnet, and all.
fn working(audit: &Audit) -> [u64; 2] {
    let mut purposes: BTreeSet<(&str, bool)> = BTreeSet::new();
    let mut not_working: BTreeSet<(&str, bool)> = BTreeSet::new();
    let requirements = audit.requirements.iter();
    for requirement in requirements.filter(|of| !of.advice && of.verdict != Verdict::NotApplicable)
    {
        let inbound = requirement.direction == crate::net::Direction::Inbound;
        let purpose = (requirement.row.as_str(), inbound);
        purposes.insert(purpose);
        if requirement.verdict != Verdict::Satisfied {
            not_working.insert(purpose);
        }
    }
    let all = purposes.len() as u64;
    [all - not_working.len() as u64, all]
}

/// What nothing is known of: subnets without logs, purposes without flows, what could not be read.
fn not_covered(audit: &Audit) -> Vec<String> {
    let mut missing = Vec::new();
    let mut gaps: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    let mut crowded = Vec::new();
    for subnet in &audit.input.coverage.subnets {
        if subnet.interfaces == 0 {
            missing.push(format!(
                "no logs of any interface in subnet {}",
                subnet.subnet
            ));
            continue;
        }
        for gap in subnet.gaps.iter().take(GAPS) {
            let held = gaps.entry((&gap.from, &gap.to)).or_default();
            held.push(&subnet.subnet);
        }
        if subnet.gap_count > GAPS as u64 {
            crowded.push((subnet.subnet.as_str(), subnet.gap_count));
        }
    }
    for ((from, to), subnets) in gaps {
        let plural = if subnets.len() == 1 { "" } else { "s" };
        let names = listed(&subnets);
        missing.push(format!(
            "no logs for subnet{plural} {names} between {from} and {to}"
        ));
    }
    if !crowded.is_empty() {
        let counts: Vec<_> = crowded
            .iter()
            .map(|(name, gaps)| format!("{name} {gaps}"))
            .collect();
        let counts: Vec<&str> = counts.iter().map(String::as_str).collect();
        missing.push(format!(
            "more such times, of each subnet: {}",
            listed(&counts)
        ));
    }
    let unproven = audit
        .requirements
        .iter()
        .filter(|requirement| !requirement.advice && requirement.verdict == Verdict::Unproven);
    let purposes: BTreeSet<&str> = unproven.map(|of| of.purpose.as_str()).collect();
    if !purposes.is_empty() {
        let names: Vec<&str> = purposes.iter().copied().collect();
        let plural = if purposes.len() == 1 { "" } else { "s" };
        missing.push(format!(
            "{} purpose{plural} of which a subnet or more shows no flow, neither working nor blocked: {}",
            purposes.len(),
            listed(&names)
        ));
    }
    let faults: u64 = audit.input.faults.iter().map(|fault| fault.count).sum();
    if faults > 0 {
        let plural = if faults == 1 { "" } else { "s" };
        missing.push(format!(
            "{faults} fault{plural}: records, tuples or files of which nothing was counted"
        ));
    }
    if audit.input.duplicates_kept || audit.input.coarsening > 0 {
        missing
            .push("more flows than are kept apart: see NSG905 and NSG906 of the audit".to_owned());
    }
    missing
}

/// The name of a user's rule as Azure knows it; `None` of a default rule.
pub fn user_rule(logged: &str) -> Option<&str> {
    commands::user_rule(logged)
}
