//! A fix as JSON.

use schemars::JsonSchema;
use serde::Serialize;

use super::fields::Fields;
use crate::fix::{About, Apart, Fix, Kind, NsgChange, NsgName, Replayed, Size};

/// Version of the document.
const SCHEMA: &str = "nsgaudit/fix/1";

/// A proposed change of rules with its proof.
#[derive(Debug, Serialize, JsonSchema)]
struct Document<'a> {
    /// Version of this schema.
    schema: &'static str,
    /// What kind of fix.
    kind: Kind,
    /// Why there are no changes at all; `null` where there are, or none is needed.
    refused: Option<&'a str>,
    /// What was proved, in sentences.
    proof: Vec<String>,
    /// The same in numbers.
    shown: Shown<'a>,
    /// The changes, by the NSG; empty where nothing is to be changed, or nothing was proved.
    changes: Vec<Change<'a>>,
    /// Requirements that the changes allow.
    fixed: &'a [About],
    /// Requirements that are not wholly allowed, and stay so.
    open: Vec<Open<'a>>,
    /// What was seen and is not allowed by the rule sets, and why not.
    set_apart: &'a [Apart],
}

/// What was proved.
#[derive(Debug, Serialize, JsonSchema)]
struct Shown<'a> {
    /// Requirements that are wholly allowed by the changed rules, advice apart.
    allowed: usize,
    /// All of them.
    requirements: usize,
    /// Packets that are denied today and allowed by the changed rules; `null` where there are more than
    /// 2^128.
    newly_allowed: Option<String>,
    /// Packets that are allowed today and denied by the changed rules; `null` as above.
    newly_denied: Option<String>,
    /// Of each changed NSG the numbers that Azure limits.
    sizes: &'a [Size],
    /// The edition of the service tags.
    service_tags: &'a str,
    /// What past traffic shows; `null` where no logs were given.
    replay: Option<&'a Replayed>,
}

/// What changes at one NSG.
#[derive(Debug, Serialize, JsonSchema)]
struct Change<'a> {
    /// The NSG.
    nsg: &'a NsgName,
    /// Rules whose priority changes, in the order in which it must.
    moved: Vec<Moved<'a>>,
    /// New rules.
    new: Vec<New<'a>>,
    /// Names of rules that go, in the order in which they should.
    removed: Vec<&'a str>,
}

/// A rule whose priority changes.
#[derive(Debug, Serialize, JsonSchema)]
struct Moved<'a> {
    /// Name.
    name: &'a str,
    /// Priority today.
    from: u32,
    /// Priority then.
    to: u32,
}

/// A new rule.
#[derive(Debug, Serialize, JsonSchema)]
struct New<'a> {
    /// The rule.
    rule: Fields,
    /// What it is for.
    rows: &'a [String],
}

/// A requirement that stays as it is.
#[derive(Debug, Serialize, JsonSchema)]
struct Open<'a> {
    /// The requirement.
    requirement: &'a About,
    /// Why.
    why: &'a str,
}

/// The document, with a final line break.
pub fn render(fix: &Fix) -> String {
    let count = |count: crate::policy::count::Count| count.exact().map(|count| count.to_string());
    super::super::json::document(&Document {
        schema: SCHEMA,
        kind: fix.kind,
        refused: fix.refused.as_deref(),
        proof: super::proof(fix),
        shown: Shown {
            allowed: fix.proof.allowed,
            requirements: fix.proof.requirements,
            newly_allowed: count(fix.proof.newly_allowed),
            newly_denied: count(fix.proof.newly_denied),
            sizes: &fix.proof.sizes,
            service_tags: &fix.proof.tags,
            replay: fix.proof.replay.as_ref(),
        },
        changes: fix.changes.iter().map(change).collect(),
        fixed: &fix.fixed,
        open: fix
            .open
            .iter()
            .map(|(requirement, why)| Open { requirement, why })
            .collect(),
        set_apart: &fix.apart,
    })
}

fn change(change: &NsgChange) -> Change<'_> {
    let moved = change.moves.iter().map(|moved| Moved {
        name: &moved.rule.name,
        from: moved.rule.priority,
        to: moved.to,
    });
    let new = change.new.iter().map(|new| New {
        rule: Fields::new(&new.rule, new.rule.priority, new.description()),
        rows: &new.rows,
    });
    Change {
        nsg: &change.nsg,
        moved: moved.collect(),
        new: new.collect(),
        removed: change
            .removed
            .iter()
            .map(|rule| rule.name.as_str())
            .collect(),
    }
}

/// The JSON schema (draft 2020-12) of what [`render`] writes.
pub fn schema() -> String {
    crate::report::json::schema_of::<Document<'_>>(SCHEMA, "nsgaudit fix")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_schema_is_the_one_we_write() {
        crate::report::sample::assert_committed("docs/fix.schema.json", "UPDATE_DOCS", &schema());
    }
}
