//! What a replay says: its shape.

use schemars::JsonSchema;
use serde::Serialize;

use crate::audit::model::{Basis, ConfiguredVerdict, Input, SampleText};
use crate::net::{Decision, Direction, Outcome};
use crate::policy::network::Changed;
use crate::policy::rule::Answer;

/// Past traffic against a proposed rule set.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Replay {
    /// What it was held against.
    pub basis: Basis,
    /// What was read, and what could not be.
    pub input: Input,
    /// Sums. What was read is what is newly denied, newly allowed, unchanged and undetermined together.
    pub counts: Counts,
    /// Logged as allowed, and the proposed rules deny it: what is required first.
    pub newly_denied: Vec<Flows>,
    /// Logged as denied, and the proposed rules allow it: what is required first.
    pub newly_allowed: Vec<Flows>,
    /// Of which it is not known what the proposed rules do, or what was done before: what is required
    /// first.
    pub undetermined: Vec<Flows>,
    /// Of what is unchanged: denied as before, though a requirement needs it.
    pub still_denied: Vec<Flows>,
    /// Requirements that the proposed rules touch, proved over all packets.
    pub requirements: Vec<Touched>,
    /// Whether today's rules were given to compare with.
    pub with_today: bool,
    /// All packets that today's and the proposed rules answer otherwise, seen or not; empty where
    /// today's rules are not given.
    #[serde(skip)]
    pub changes: Vec<Unseen>,
}

/// Whether a replay lets the proposed rules pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Passes {
    /// Nothing that is required is newly denied.
    Yes,
    /// Of something that is required it is not known.
    Unknown,
    /// Something that is required is newly denied.
    No,
}

impl Replay {
    /// Whether the proposed rules leave all that is required as it is, or better.
    pub fn passes(&self) -> Passes {
        let touched = |how: Touch| {
            let mut all = self.requirements.iter();
            all.any(|of| of.touch == how && !of.advice)
        };
        let has = |all: &[Flows], needs: &[Need]| all.iter().any(|of| needs.contains(&of.need));
        if has(&self.newly_denied, &[Need::Required]) || touched(Touch::NewlyDenied) {
            Passes::No
        } else if has(&self.undetermined, &[Need::Required, Need::Perhaps])
            || has(&self.newly_denied, &[Need::Perhaps])
            || touched(Touch::Open)
        {
            Passes::Unknown
        } else {
            Passes::Yes
        }
    }
}

/// How many flows are what.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Counts {
    /// All that were counted, as logged: a flow that is logged at both its ends counts at each.
    pub read: Sum,
    /// Newly denied.
    pub newly_denied: Sum,
    /// Newly allowed.
    pub newly_allowed: Sum,
    /// Unchanged.
    pub unchanged: Sum,
    /// Undetermined.
    pub undetermined: Sum,
}

/// A sum over groups of flows.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Sum {
    /// Groups: each was asked once.
    pub groups: u64,
    /// Flows that began (denied attempts count as one each).
    pub flows: u64,
    /// Tuples.
    pub tuples: u64,
    /// Bytes source to destination.
    pub bytes_forward: u64,
    /// Bytes back.
    pub bytes_reverse: u64,
    /// Time of the first tuple (RFC 3339); `null` where there is none.
    pub first: Option<String>,
    /// Time of the last tuple.
    pub last: Option<String>,
}

/// Whether a requirement needs some flows. What matters most sorts first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Need {
    /// One does.
    Required,
    /// One may: its addresses are not known, or it is judged on another protocol.
    Perhaps,
    /// A row of advice does.
    Advice,
    /// None does.
    None,
}

/// Flows that read alike.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Flows {
    /// Whether a requirement needs them.
    pub need: Need,
    /// Which do, or may.
    pub requirements: Vec<Needed>,
    /// Where from: subnet, or scope with the most specific service tag.
    pub source: String,
    /// Where to.
    pub destination: String,
    /// Protocol.
    pub protocol: String,
    /// Destination port; `null` where ports were folded.
    pub port: Option<u16>,
    /// Direction, seen from the logged interface.
    pub direction: Direction,
    /// What was logged.
    pub logged: Logged,
    /// What the proposed rules do.
    pub proposed: Answer,
    /// By which rules, level by level; where it is not known, why.
    pub by: String,
    /// What each level does, in the order in which they are asked; empty where the flows' addresses
    /// are told apart by the proposed rules, or no rules are known.
    pub levels: Vec<AtLevel>,
    /// What today's rules do; `null` where they are not given.
    pub today: Option<Answer>,
    /// How many.
    pub sum: Sum,
    /// The first tuple.
    pub sample: Option<SampleText>,
}

/// What a log tells of the decision.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Logged {
    /// Kind of log.
    pub log: String,
    /// What was decided.
    pub decision: Decision,
    /// The NSG that decided, as logged; empty where not told.
    pub nsg: String,
    /// The rule, as logged; empty where not told.
    pub rule: String,
    /// What became of a captured connection; `null` of logged flows.
    pub outcome: Option<Outcome>,
}

/// What one level does.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct AtLevel {
    /// Kind of level: `network manager`, `subnet`, `interface`.
    pub level: String,
    /// Name of what holds the rules.
    pub holder: String,
    /// What it does.
    pub answer: Answer,
    /// Who decides there, in words.
    pub by: String,
}

/// A requirement that needs some flows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Needed {
    /// `profile/row-id`.
    pub row: String,
    /// What it is for.
    pub purpose: String,
    /// The subnet.
    pub subnet: String,
}

/// What the proposed rules do to a requirement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Touch {
    /// Some of its packets that today's rules allow are denied.
    NewlyDenied,
    /// It is not known whether some are.
    Open,
    /// It is denied less, or known better, and nothing is denied more.
    Better,
}

/// A requirement that the proposed rules touch. Where today's rules are not given: one that they do not
/// wholly allow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Touched {
    /// What they do to it.
    pub touch: Touch,
    /// `profile/row-id`.
    pub row: String,
    /// What it is for.
    pub purpose: String,
    /// The subnet.
    pub subnet: String,
    /// Direction, seen from it.
    pub direction: Direction,
    /// Protocols judged.
    pub protocols: String,
    /// Ports.
    pub ports: String,
    /// Advice rather than requirement.
    pub advice: bool,
    /// What today's rules do with it; `null` where they are not given.
    pub today: Option<ConfiguredVerdict>,
    /// What the proposed rules do with it.
    pub proposed: ConfiguredVerdict,
    /// Why, where the proposed rules do not allow all of it.
    pub reasons: Vec<String>,
}

/// What a change of rules answers otherwise of some addresses, and how much of that was seen.
#[derive(Debug, Clone)]
pub struct Unseen {
    /// The change.
    pub changed: Changed,
    /// Of each of its changes, the logged flows that it concerns; none of packets that nobody sent.
    pub seen: Vec<Sum>,
}
