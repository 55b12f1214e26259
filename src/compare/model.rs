//! What two audits differ in: the one value that `diff` produces.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::audit::{Severity, Suppression, Verdict};
use crate::net::Direction;

/// Version of the difference's shape: raised when a field changes its meaning or goes away.
pub const DIFF_SCHEMA: &str = "nsgaudit/diff/1";

/// Two audits, compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    /// `nsgaudit/diff/1`.
    pub schema: String,
    /// Version of the program that compared.
    pub program: String,
    /// The earlier audit.
    pub old: Side,
    /// The later audit.
    pub new: Side,
    /// Whether the two can be held against each other.
    pub comparable: Comparable,
    /// What makes the comparison doubtful: sentences. Empty where it is not.
    pub warnings: Vec<String>,
    /// Counts.
    pub summary: Summary,
    /// Findings that only the later audit has: worst first.
    pub new_findings: Vec<FindingText>,
    /// Findings that only the earlier audit has.
    pub fixed: Vec<Fixed>,
    /// Findings of both whose severity or facts changed.
    pub changed: Vec<Changed>,
    /// Findings of both that say the same; counts and times may differ.
    pub unchanged: Vec<FindingText>,
    /// Requirements whose verdict changed, came or went.
    pub verdicts: Vec<VerdictChange>,
    /// What changed in inputs, coverage and what the audits were held against.
    pub inputs: Vec<Change>,
}

/// One of the two audits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Side {
    /// The file.
    pub file: String,
    /// The program that wrote it.
    pub program: String,
    /// The profile.
    pub profile: String,
    /// First event time; absent where nothing was counted.
    pub first: Option<String>,
    /// Last event time.
    pub last: Option<String>,
    /// Coverage, in per mille of the interface-hours.
    pub coverage_per_mille: u64,
    /// Findings.
    pub findings: u64,
}

/// Whether two audits can be held against each other.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Comparable {
    /// Nothing speaks against it.
    Yes,
    /// With the reservations that the warnings name.
    Doubtful,
    /// Another profile or nothing counted: what is new or fixed may be that alone.
    No,
}

/// How many of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// New findings, suppressed ones included.
    pub new: u64,
    /// Of these: suppressed.
    pub new_suppressed: u64,
    /// Findings that are gone.
    pub fixed: u64,
    /// Of these: gone only because nothing was seen, or nothing was asked.
    pub fixed_unproven: u64,
    /// Findings that changed.
    pub changed: u64,
    /// Findings that did not.
    pub unchanged: u64,
    /// Requirements whose verdict changed, came or went.
    pub verdicts: u64,
}

/// A finding, in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FindingText {
    /// Stable code.
    pub code: String,
    /// The check's name.
    pub check: String,
    /// How bad; of a changed finding, as the later audit says.
    pub severity: Severity,
    /// Fingerprint.
    pub fingerprint: String,
    /// One sentence.
    pub title: String,
    /// Subnet, where one.
    pub subnet: Option<String>,
    /// Requirement rows.
    pub rows: Vec<String>,
    /// Flows behind it, where any are.
    pub flows: u64,
    /// Who accepted it; absent where nobody did.
    pub suppressed: Option<Suppression>,
}

/// A finding that is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Fixed {
    /// What it was.
    #[serde(flatten)]
    pub finding: FindingText,
    /// What its going means.
    pub gone: Gone,
    /// The same in a sentence.
    pub meaning: String,
}

/// What the going of a finding means.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Gone {
    /// The later audit shows the opposite.
    Settled,
    /// The requirement is still in trouble, under another code.
    Continues,
    /// The later audit saw nothing of it: that proves nothing.
    Unseen,
    /// The later audit does not ask.
    NotAsked,
}

/// A finding of both that changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Changed {
    /// What it is now.
    #[serde(flatten)]
    pub finding: FindingText,
    /// Severity before.
    pub severity_before: Severity,
    /// What changed.
    pub changes: Vec<Change>,
}

/// A requirement whose verdict changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VerdictChange {
    /// `profile/row-id`.
    pub row: String,
    /// What it is for.
    pub purpose: String,
    /// The subnet.
    pub subnet: String,
    /// Direction, seen from the subnet.
    pub direction: Direction,
    /// Verdict before; absent where the earlier audit does not ask.
    pub old: Option<Verdict>,
    /// Verdict now; absent where the later audit does not ask.
    pub new: Option<Verdict>,
}

/// A fact that changed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// Which.
    pub what: String,
    /// Before; absent where there was none.
    pub old: Option<String>,
    /// Now; absent where there is none.
    pub new: Option<String>,
}
