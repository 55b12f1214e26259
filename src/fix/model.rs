//! What a fix is: the shape of a change of rules, and of its proof.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::Serialize;

use crate::environment::rules::SecurityRule;
use crate::net::Direction;
use crate::policy::count::Count;

/// What kind of fix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// As few new rules as allow what is required.
    Smallest,
    /// Whole rule sets that allow what is required and what was seen, and nothing more.
    LeastPrivilege,
}

/// A proposed change of rules with its proof. What could not be proved is not among the changes.
#[derive(Debug, Clone)]
pub struct Fix {
    /// What kind.
    pub kind: Kind,
    /// Why there are no changes at all; `None` where there are, or none is needed.
    pub refused: Option<String>,
    /// The changes, by the NSG.
    pub changes: Vec<NsgChange>,
    /// Requirements that the changes allow.
    pub fixed: Vec<About>,
    /// Requirements that the rules do not wholly allow and that the changes leave so, each with why.
    pub open: Vec<(About, String)>,
    /// What was shown of the changes, before anything of them was printed.
    pub proof: Proof,
    /// What was seen and is not allowed by the rule sets: empty of the smallest change.
    pub apart: Vec<Apart>,
}

/// A requirement, as it is named in reports.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct About {
    /// `profile/row-id`.
    pub row: String,
    /// What it is for.
    pub purpose: String,
    /// The subnet.
    pub subnet: String,
    /// Direction, seen from it.
    pub direction: Direction,
    /// Advice rather than requirement.
    pub advice: bool,
}

/// What changes at one NSG.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NsgChange {
    /// The NSG.
    pub nsg: NsgName,
    /// Rules whose priority changes to make room: the highest first, so that no two ever share one.
    pub moves: Vec<Move>,
    /// New rules, by direction and priority.
    pub new: Vec<NewRule>,
    /// Rules that go: allowing ones first, so that nothing is open meanwhile that was not before.
    pub removed: Vec<SecurityRule>,
}

/// An NSG, as Azure finds it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct NsgName {
    /// Resource ID; empty where no document has it.
    pub id: String,
    /// Name.
    pub name: String,
    /// Subscription; empty where not known.
    pub subscription: String,
    /// Resource group; empty where not known.
    pub resource_group: String,
}

impl NsgName {
    /// Reads subscription and group from a resource ID.
    pub fn new(id: &str, name: &str) -> Self {
        let after = |key: &str| {
            let mut parts = id.split('/').filter(|part| !part.is_empty());
            parts.find(|part| part.eq_ignore_ascii_case(key));
            parts.next().unwrap_or_default().to_owned()
        };
        Self {
            id: id.to_owned(),
            name: name.to_owned(),
            subscription: after("subscriptions"),
            resource_group: after("resourceGroups"),
        }
    }
}

/// A rule whose priority changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// The rule, with its old priority.
    pub rule: SecurityRule,
    /// The new priority.
    pub to: u32,
}

/// A new rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRule {
    /// The rule: one protocol or all; of each side one of any, one tag, one group, or prefixes of one
    /// family.
    pub rule: SecurityRule,
    /// What it is for: `profile/row-id`, or `seen`.
    pub rows: Vec<String>,
}

impl NewRule {
    /// What it is for, as a description that Azure takes: at most 140 letters.
    pub fn description(&self) -> String {
        let mut text = "nsgaudit fix:".to_owned();
        for (number, row) in self.rows.iter().enumerate() {
            let row: String = row.chars().filter(char::is_ascii_graphic).collect();
            if text.len() + row.len() > 120 {
                _ = write!(text, " and {} more", self.rows.len() - number);
                break;
            }
            _ = write!(text, " {row}");
        }
        text
    }
}

/// What was shown of the changes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Proof {
    /// Requirements that are allowed wholly by the changed rules, of how many that are not advice.
    pub allowed: usize,
    /// All of them.
    pub requirements: usize,
    /// Packets that are denied today and allowed by the changed rules.
    pub newly_allowed: Count,
    /// Packets that are allowed today and denied by the changed rules.
    pub newly_denied: Count,
    /// Of each changed NSG the numbers that Azure limits.
    pub sizes: Vec<Size>,
    /// The edition of the service tags by which it was shown.
    pub tags: String,
    /// What past traffic shows; `None` where no logs were given.
    pub replay: Option<Replayed>,
}

/// The numbers of an NSG that Azure limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Size {
    /// The NSG.
    pub nsg: String,
    /// Rules of users.
    pub rules: usize,
    /// Addresses, prefixes and port ranges on the source side of all rules.
    pub sources: usize,
    /// The same of the destination side.
    pub destinations: usize,
}

/// What past traffic shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Replayed {
    /// Flows replayed.
    pub flows: u64,
    /// Time of the first and the last.
    pub window: Option<(String, String)>,
    /// Flows that were allowed and that the changed rules deny.
    pub newly_denied: u64,
    /// Flows that were denied and that the changed rules allow.
    pub newly_allowed: u64,
    /// Flows of which it is not known.
    pub undetermined: u64,
    /// Nothing that is required is newly denied, and that is known of all of it.
    pub passes: bool,
}

/// Traffic that was let through and that a rule set does not allow, and why not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Apart {
    /// Why.
    pub why: Why,
    /// What it was, in words.
    pub what: String,
    /// Tuples.
    pub tuples: u64,
}

/// Why seen traffic is set apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// Its source was denied at many ports or hosts.
    Scan,
    /// Nothing came back.
    Unanswered,
    /// To a port that systems give out for answers: it looks like the way back of another flow.
    Ephemeral,
}
