//! The audit: the one value that a run produces. Reports render it, nothing is decided after it.
//!
//! This is also the JSON report; its shape is versioned by [`SCHEMA_VERSION`].

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::net::{Decision, Direction, Outcome};
use crate::policy::rule::Answer;

/// Version of the report's shape: raised when a field changes its meaning or goes away.
pub const SCHEMA_VERSION: &str = "nsgaudit/audit/1";

/// A finished audit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Audit {
    /// `nsgaudit/audit/1`.
    pub schema: String,
    /// Version of the program.
    pub program: String,
    /// What the audit was held against.
    pub basis: Basis,
    /// What was assumed because nobody stated it: sentences.
    pub assumptions: Vec<String>,
    /// What was read.
    pub input: Input,
    /// Verdict of each requirement: worst first.
    pub requirements: Vec<Requirement>,
    /// What broke, and when: requirements that changed together are one incident. Those that go on
    /// come first, then those that hit most requirements, then the earliest.
    #[serde(default)]
    pub incidents: Vec<Incident>,
    /// What someone should look at: worst first.
    pub findings: Vec<Finding>,
    /// The baseline that findings were held against; absent where none was given.
    #[serde(default)]
    pub baseline: Option<BaselineText>,
    /// Flows between places, for the traffic matrix.
    pub matrix: Vec<MatrixCell>,
    /// Every flow group, classified.
    pub groups: Vec<TrafficGroup>,
}

/// What the audit was held against.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Basis {
    /// Name of the profile.
    pub profile: String,
    /// Its title.
    pub title: String,
    /// Its edition.
    pub edition: String,
    /// Service tag editions used: date and where from.
    pub service_tags: Vec<String>,
    /// Where the environment comes from: a file, or `assumed`.
    pub environment: String,
    /// Subnets: name, prefixes, role, whether audited.
    pub subnets: Vec<SubnetText>,
}

/// A subnet, as text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SubnetText {
    /// Name.
    pub name: String,
    /// Prefixes.
    pub prefixes: Vec<String>,
    /// Role; empty where not stated.
    pub role: String,
    /// Whether it belongs to the audited service.
    pub audited: bool,
}

/// What was read, and what could not be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Input {
    /// First event time counted (RFC 3339, UTC), where any.
    pub first: Option<String>,
    /// Last event time counted.
    pub last: Option<String>,
    /// Files in the plan.
    pub files: u64,
    /// Files with at least one flow record.
    pub flow_files: u64,
    /// Bytes of decompressed text.
    pub bytes: u64,
    /// Flow records: read = counted + duplicate + filtered.
    pub records: Reconciled,
    /// Flow tuples: read = counted + duplicate + filtered + faulty.
    pub tuples: Reconciled,
    /// Faults by kind.
    pub faults: Vec<FaultText>,
    /// Interface-hours with records, of those between the first and the last hour.
    pub coverage: CoverageText,
    /// Whether the group table was full and keys were coarsened: 0 not at all.
    pub coarsening: u8,
    /// Whether counts include duplicates, since there were too many records to remember.
    pub duplicates_kept: bool,
    /// What was read of packet captures, where there were any.
    pub captures: Option<CapturesText>,
}

/// What was read of packet captures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CapturesText {
    /// Capture files.
    pub files: u64,
    /// Captures: rotated files that follow each other are one.
    pub captures: u64,
    /// Packets: read = counted + not IP + skipped.
    pub packets: PacketsText,
    /// Connections put together from them. A record each.
    pub connections: u64,
    /// Of these: ended early, since there were more at a time than `--max-connections`.
    pub connections_evicted: u64,
    /// Of these: taken out of a tunnel (VXLAN, GRE, Geneve, IP in IP).
    pub connections_tunnelled: u64,
    /// ICMP errors about connections that were not captured.
    pub lost_errors: u64,
}

/// What became of packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PacketsText {
    /// Read.
    pub read: u64,
    /// In a connection, or an ICMP error about one.
    pub counted: u64,
    /// Sound, but no IP packets.
    pub not_ip: u64,
    /// Not decoded, each a fault.
    pub skipped: u64,
}

/// What became of what was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reconciled {
    /// Read.
    pub read: u64,
    /// Counted.
    pub counted: u64,
    /// The same record had been counted (overlapping downloads).
    pub duplicate: u64,
    /// Left out by the user's filters.
    pub filtered: u64,
    /// Bad, each a fault.
    pub faulty: u64,
}

/// A kind of fault.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FaultText {
    /// Stable code.
    pub kind: String,
    /// How many.
    pub count: u64,
    /// The first few: file, offset, what was expected and found.
    pub samples: Vec<FaultSample>,
}

/// One fault.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FaultSample {
    /// The file.
    pub file: String,
    /// Byte offset in its decompressed text.
    pub offset: u64,
    /// What was expected and found.
    pub detail: String,
}

/// How much of the window has logs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CoverageText {
    /// Logged interfaces.
    pub interfaces: u64,
    /// Hours from the first to the last with any record.
    pub hours: u64,
    /// Interface-hours with records.
    pub covered: u64,
    /// Interface-hours in the window.
    pub possible: u64,
    /// `covered` / `possible` in per mille (1000 = all).
    pub per_mille: u64,
    /// The audited subnets, and when none of their interfaces has records.
    #[serde(default)]
    pub subnets: Vec<SubnetCoverage>,
}

/// When a subnet has logs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SubnetCoverage {
    /// The subnet.
    pub subnet: String,
    /// Logged interfaces with an address in it.
    pub interfaces: u64,
    /// Times within the window in which none of them has a record: whole hours, the first eight.
    pub gaps: Vec<Gap>,
    /// How many such times there are.
    pub gap_count: u64,
}

/// A time without records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Gap {
    /// Its start (RFC 3339).
    pub from: String,
    /// Its end.
    pub to: String,
}

/// How bad.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Worth looking at.
    Low,
    /// Should be mended.
    Medium,
    /// Must be mended.
    High,
    /// Broken now.
    Critical,
}

/// What holds for a requirement.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Denied, and nothing allowed since.
    Blocked,
    /// Both denied and allowed flows were seen.
    PartlyBlocked,
    /// The rules deny it (or some of it), and nothing tried: the time bomb.
    AtRisk,
    /// Nothing was seen; without rules that settles nothing.
    Unproven,
    /// The rules allow it; nothing was seen of it.
    SatisfiedUnseen,
    /// Allowed, and seen to work.
    Satisfied,
    /// Its condition does not hold here.
    NotApplicable,
}

impl Verdict {
    /// All, worst first.
    pub const ALL: [Self; 7] = [
        Self::Blocked,
        Self::PartlyBlocked,
        Self::AtRisk,
        Self::Unproven,
        Self::SatisfiedUnseen,
        Self::Satisfied,
        Self::NotApplicable,
    ];

    /// The word in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Blocked => "blocked",
            Self::PartlyBlocked => "partly blocked",
            Self::AtRisk => "at risk",
            Self::Unproven => "unproven",
            Self::SatisfiedUnseen => "satisfied, unseen",
            Self::Satisfied => "satisfied",
            Self::NotApplicable => "not applicable",
        }
    }
}

/// A row of the profile bound to one subnet and one direction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Requirement {
    /// `profile/row-id`.
    pub row: String,
    /// What it is for.
    pub purpose: String,
    /// The subnet.
    pub subnet: String,
    /// Direction, seen from the subnet.
    pub direction: Direction,
    /// Protocols, `any` where the text names none.
    pub protocol: String,
    /// Ports.
    pub ports: String,
    /// Source, as the row names it.
    pub source: String,
    /// Destination, as the row names it.
    pub destination: String,
    /// Advice rather than requirement.
    pub advice: bool,
    /// When it is required, in words; empty for always.
    pub condition: String,
    /// What stops working when it is blocked.
    pub impact: String,
    /// Source text and its row.
    pub reference: String,
    /// What holds.
    pub verdict: Verdict,
    /// Why, in a sentence.
    pub reason: String,
    /// What was allowed.
    pub allowed: Observed,
    /// What was denied, or, of captured connections, not answered.
    pub denied: Observed,
    /// What became of its captured connections; empty where none was captured.
    pub packets: Vec<OutcomeCount>,
    /// What the rules do with all packets of it; absent where no rules were given.
    pub configured: Option<ConfiguredText>,
    /// When what became of its flows changed, in order of time: at most 32, the first and the last 16.
    #[serde(default)]
    pub changes: Vec<Change>,
    /// Whether logs say that some of it is allowed while packets show that nobody answers: what drops
    /// it is behind the NSG.
    #[serde(default)]
    pub dropped_behind: bool,
}

/// What the rules do with all packets of a requirement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConfiguredText {
    /// In one word.
    pub verdict: ConfiguredVerdict,
    /// Which packets are not allowed, by which rule, with one as witness: sentences.
    pub reasons: Vec<String>,
    /// The rules that decide what is not allowed.
    pub rules: Vec<RuleLocation>,
}

/// What rules do with all packets of a requirement, in one word.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum ConfiguredVerdict {
    /// All are denied.
    Blocked,
    /// Some are allowed and some are denied.
    Partly,
    /// What becomes of them is not known.
    Undetermined,
    /// All are allowed.
    Allowed,
}

/// A security rule, and where the given documents state it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct RuleLocation {
    /// Name of the NSG (or of another holder).
    pub nsg: String,
    /// Name of the rule.
    pub rule: String,
    /// The file; empty for a default rule that the document lacks.
    pub file: String,
    /// JSON path in the file.
    pub path: String,
}

/// How what becomes of a requirement's flows changed.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    /// Allowed, then denied (or no longer answered).
    Stopped,
    /// Denied from the first flow that was seen: it began at that time or before.
    DeniedFromTheFirst,
    /// Allowed and denied in turn, in an order that is not known or too often to be told one by one.
    Flapping,
    /// Denied, then allowed.
    Recovered,
}

/// What shows a change.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// Flow logs: what NSGs decided.
    Logs,
    /// Captured packets: whether anybody answered.
    Packets,
}

/// A rule as logged, or what packets showed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Decider {
    /// NSG or other holder of the rule: the last part of its resource ID.
    pub nsg: String,
    /// The holder's full ID as logged.
    pub nsg_id: String,
    /// Rule name as logged; empty where packets showed it.
    pub rule: String,
    /// Where packets showed it: what became of the connections.
    pub outcome: Option<Outcome>,
}

/// A moment at which what becomes of a requirement's flows changed.
///
/// It lies between `last_before` and `first_after`, both times of flows that were seen. Only flows that
/// begin count: a rule change does not cut those that are established.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// What changed.
    pub kind: ChangeKind,
    /// What shows it.
    pub source: Source,
    /// The last flow as it was before (RFC 3339, to the millisecond): of `stopped` the last allowed
    /// one, of `recovered` the last denied one. Absent where none was seen.
    pub last_before: Option<String>,
    /// The first flow as it was after: of `stopped` the first denied one.
    pub first_after: String,
    /// Milliseconds between the two; absent of `flapping`, and where `last_before` is.
    pub gap_ms: Option<u64>,
    /// Of `flapping`: when it ended.
    pub until: Option<String>,
    /// Of `flapping`: how many turns there were, at least.
    pub turns: u64,
    /// Whether flows are denied after it.
    pub breaks: bool,
    /// Who decided the last flows before.
    pub before: Vec<Decider>,
    /// Who decided the first flows after.
    pub after: Vec<Decider>,
    /// Edition of the service tags before and after, where it is not the same.
    pub editions: Option<[String; 2]>,
    /// Conversations (who, with whom, on which port) that changed with it.
    pub conversations: u64,
    /// Of these: seen allowed again since.
    pub recovered: u64,
    /// Where all are: the first flow from which on nothing of it was denied.
    pub ended: Option<String>,
    /// The first few conversations, in words.
    pub listed: Vec<String>,
}

/// How sure something is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// The evidence fits other explanations as well.
    Low,
    /// It fits, and something is missing.
    Medium,
    /// The evidence shows it.
    High,
}

impl Confidence {
    /// The word in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// Requirements that broke together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Incident {
    /// The last flow that was still allowed before it, in the gap that all its changes share.
    pub last_allowed: Option<String>,
    /// The first flow that was denied or not answered.
    pub first_denied: String,
    /// Milliseconds between the two.
    pub gap_ms: Option<u64>,
    /// When the last of its requirements broke, where a rule was rolled out step by step.
    pub last_start: Option<String>,
    /// When all of it was seen to work again; absent where it goes on.
    pub ended: Option<String>,
    /// Whether allowed and denied flows alternated.
    pub flapping: bool,
    /// Rows: `profile/row-id`, each once.
    pub rows: Vec<String>,
    /// Purposes, each once.
    pub purposes: Vec<String>,
    /// `outbound 5672`, each once.
    pub traffic: Vec<String>,
    /// Subnets, each once.
    pub subnets: Vec<String>,
    /// How many requirements broke.
    pub requirements: u64,
    /// Whether all of them are advice.
    pub advice: bool,
    /// Who decided before.
    pub before: Vec<Decider>,
    /// Who denies.
    pub after: Vec<Decider>,
    /// How sure the moment and the culprit are.
    pub confidence: Confidence,
    /// Why so sure: a sentence.
    pub basis: String,
}

/// How many captured connections had an outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OutcomeCount {
    /// What became of them.
    pub outcome: Outcome,
    /// How many; of those that began before the capture, how many were seen.
    pub connections: u64,
    /// When the first began (RFC 3339).
    pub first: String,
    /// When the last began, or was last tried.
    pub last: String,
}

/// Flows seen, duplicates and second observers taken out.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Observed {
    /// Flows begun (attempts, where denied).
    pub flows: u64,
    /// Tuples.
    pub tuples: u64,
    /// Packets source to destination.
    pub packets_forward: u64,
    /// Packets back.
    pub packets_reverse: u64,
    /// Bytes source to destination.
    pub bytes_forward: u64,
    /// Bytes back.
    pub bytes_reverse: u64,
    /// First seen (RFC 3339), where any.
    pub first: Option<String>,
    /// Last seen.
    pub last: Option<String>,
    /// The rules that decided, most flows first: NSG and rule, with flows.
    pub rules: Vec<RuleCount>,
    /// The first tuples: at most five.
    pub samples: Vec<SampleText>,
    /// Flows begun over time.
    pub timeline: TimelineText,
    /// The groups of the facts that it is made of, by index. Not in the document: `evidence` asks.
    #[serde(skip)]
    #[schemars(skip)]
    pub groups: GroupIndexes,
}

/// Groups of the facts, by index. All are equal: they say where a number comes from, not what it is.
#[derive(Debug, Clone, Default)]
pub struct GroupIndexes(pub Vec<usize>);

impl PartialEq for GroupIndexes {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// A deciding rule and how many flows it decided.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RuleCount {
    /// NSG or other holder of the rule: the last part of its resource ID, or the ID as logged.
    pub nsg: String,
    /// The holder's full ID as logged.
    pub nsg_id: String,
    /// Rule name as logged; empty where packets showed it.
    pub rule: String,
    /// Where packets showed it: what became of the connections.
    pub outcome: Option<Outcome>,
    /// Flows (attempts) it decided.
    pub flows: u64,
}

/// One tuple as evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SampleText {
    /// Event time (RFC 3339).
    pub time: String,
    /// `tcp 10.0.0.4:51544 -> 198.51.100.7:443`.
    pub tuple: String,
    /// The file.
    pub file: String,
    /// Byte offset of the tuple in the file's decompressed text.
    pub offset: u64,
    /// Service tags that hold the remote address, most specific first; empty where none.
    pub tags: Vec<String>,
}

/// Flows over time.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct TimelineText {
    /// Start of the first bucket (RFC 3339); absent where there is none.
    pub start: Option<String>,
    /// Minutes of a bucket.
    pub bucket_minutes: i64,
    /// Flows begun, a bucket each.
    pub counts: Vec<u64>,
}

/// Something that someone should look at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// Stable code, such as `NSG101`.
    pub code: String,
    /// The check's name, such as `required-blocked`.
    pub check: String,
    /// How bad.
    pub severity: Severity,
    /// Same for the same trouble in another run: does not depend on counts or times.
    pub fingerprint: String,
    /// One sentence.
    pub title: String,
    /// What it means and what to do: sentences.
    pub details: Vec<String>,
    /// Subnet it concerns, where one.
    pub subnet: Option<String>,
    /// Requirement rows it concerns: `profile/row-id`.
    pub rows: Vec<String>,
    /// The flows behind it.
    pub evidence: Option<Observed>,
    /// The other decision's flows, where both were seen.
    pub contrast: Option<Observed>,
    /// The security rules that it concerns, where rules were given.
    pub rules: Vec<RuleLocation>,
    /// Who accepted it, why and until when; absent where nobody did. It fails no run then.
    #[serde(default)]
    pub suppressed: Option<Suppression>,
}

/// An accepted finding: the words of the baseline's entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Suppression {
    /// Why it is accepted.
    pub reason: String,
    /// Who answers for that.
    pub owner: String,
    /// The last day on which it holds, `YYYY-MM-DD`.
    pub expires: String,
}

/// What became of a baseline's entries: suppressed + expired + unmatched = entries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BaselineText {
    /// The file.
    pub file: String,
    /// The day that expiry was judged by, `YYYY-MM-DD`.
    pub today: String,
    /// Entries.
    pub entries: u64,
    /// Findings that they suppress.
    pub suppressed: u64,
    /// Entries whose finding is back, since they have expired.
    pub expired: Vec<BaselineEntry>,
    /// Entries that match no finding of this audit.
    pub unmatched: Vec<BaselineEntry>,
}

/// An entry of a baseline.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct BaselineEntry {
    /// Fingerprint of the finding.
    pub fingerprint: String,
    /// Code of its check.
    pub code: String,
    /// Why it is accepted.
    pub reason: String,
    /// Who answers for that.
    pub owner: String,
    /// The last day on which it holds, `YYYY-MM-DD`.
    pub expires: String,
}

/// Flows from one place to another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MatrixCell {
    /// Subnet name, or `internet`, `peered`, `on-premises`, `platform`, `private`, `virtual-network`.
    pub source: String,
    /// The same.
    pub destination: String,
    /// Flows allowed.
    pub allowed: u64,
    /// Flows denied.
    pub denied: u64,
    /// Bytes both ways.
    pub bytes: u64,
}

/// How a flow group is classed.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum TrafficClass {
    /// A requirement needs it and it was denied.
    BlockedRequired,
    /// Allowed, and no requirement needs it.
    OpenUnneeded,
    /// Allowed or denied, and only a requirement whose addresses are unknown may need it.
    Undetermined,
    /// Allowed, and a requirement needs it.
    Needed,
    /// Denied, and no requirement needs it.
    RightlyBlocked,
    /// The platform's own: DNS, metadata, health probes.
    Platform,
    /// Captured in one direction only, so that what became of it is not known; no requirement needs it.
    OneSided,
    /// Touches no audited subnet.
    Other,
}

/// What the given rules do with a flow group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GivenRuling {
    /// What becomes of it.
    pub answer: Answer,
    /// Who decides, in words.
    pub by: String,
}

/// A flow group, classified.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TrafficGroup {
    /// Where from: subnet name or scope, with the most specific tag that the profile knows.
    pub source: String,
    /// Where to.
    pub destination: String,
    /// Protocol.
    pub protocol: String,
    /// Destination port; absent where folded.
    pub port: Option<u16>,
    /// Direction, seen from the logged interface.
    pub direction: Direction,
    /// What was decided.
    pub decision: Decision,
    /// Log kind.
    pub log: String,
    /// NSG or other holder of the rule.
    pub nsg: String,
    /// Rule as logged.
    pub rule: String,
    /// What became of captured connections; absent of logged flows.
    pub outcome: Option<Outcome>,
    /// What the given rules do with it; absent where no rules were given.
    pub given: Option<GivenRuling>,
    /// How it is classed.
    pub class: TrafficClass,
    /// The rows that it matches, most specific first.
    pub rows: Vec<String>,
    /// Flows begun, as this observer saw them.
    pub flows: u64,
    /// Tuples.
    pub tuples: u64,
    /// Bytes source to destination.
    pub bytes_forward: u64,
    /// Bytes back.
    pub bytes_reverse: u64,
    /// First seen.
    pub first: String,
    /// Last seen.
    pub last: String,
}
