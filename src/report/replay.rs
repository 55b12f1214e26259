//! A replay as JSON.

use schemars::JsonSchema;
use serde::Serialize;

use super::rules_json::{self, Change};
use crate::audit::replay::{Passes, Replay, Sum};

/// Version of the document: fields are only added while it stays.
const SCHEMA: &str = "nsgaudit/replay/1";

/// A replay, and what is to be said of the run.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    /// The replay.
    pub replay: &'a Replay,
    /// Where the proposed rules come from.
    pub proposed: &'a str,
    /// Where today's come from, where they are given.
    pub today: Option<&'a str>,
    /// What was assumed: sentences.
    pub assumptions: &'a [String],
    /// Version of the program.
    pub program: &'a str,
}

/// The document.
#[derive(Debug, Serialize, JsonSchema)]
struct Document<'a> {
    /// Version of this schema.
    schema: &'static str,
    /// Program that wrote it.
    program: &'a str,
    /// Where the proposed rules come from.
    proposed_from: &'a str,
    /// Where today's rules come from; `null` where they are not given.
    today_from: Option<&'a str>,
    /// Whether the proposed rules leave all that is required as it is, or better.
    passes: Passes,
    /// What was assumed.
    assumptions: &'a [String],
    /// What becomes of the flows that were logged, and of the requirements.
    #[serde(flatten)]
    replay: &'a Replay,
    /// All packets that today's and the proposed rules answer otherwise; `null` where today's are not
    /// given.
    changes: Option<Vec<Seen>>,
}

/// A change of the rules, and how much of it was seen.
#[derive(Debug, Serialize, JsonSchema)]
struct Seen {
    /// The logged flows that it concerns; no group of packets that nobody sent.
    seen: Sum,
    /// The change.
    #[serde(flatten)]
    change: Change,
}

/// The replay as indented JSON with a final line break.
pub fn json(told: &Told<'_>) -> String {
    let replay = told.replay;
    let changes = replay.changes.iter().flat_map(|of| {
        let changes = rules_json::changes(std::slice::from_ref(&of.changed));
        let pairs = of.seen.iter().cloned().zip(changes);
        pairs.map(|(seen, change)| Seen { seen, change })
    });
    super::json::document(&Document {
        schema: SCHEMA,
        program: told.program,
        proposed_from: told.proposed,
        today_from: told.today,
        passes: replay.passes(),
        assumptions: told.assumptions,
        replay,
        changes: replay.with_today.then(|| changes.collect()),
    })
}

/// The JSON schema (draft 2020-12) of what [`json()`] writes.
pub fn schema() -> String {
    super::json::schema_of::<Document<'_>>(SCHEMA, "nsgaudit replay")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_schema_is_the_one_we_write() {
        crate::report::sample::assert_committed(
            "docs/replay.schema.json",
            "UPDATE_DOCS",
            &schema(),
        );
    }
}
