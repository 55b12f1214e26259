//! `nsgaudit schema`: the JSON schemas of what the program writes.

use clap::{Args, ValueEnum};

use super::{Status, print};
use crate::error::Result;
use crate::report;

/// Options of `schema`.
#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// Which document.
    #[arg(value_enum, default_value_t = SchemaOf::Audit)]
    pub of: SchemaOf,
}

/// Documents that have a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SchemaOf {
    /// The report of `audit`.
    Audit,
    /// The answer of `diagnose`.
    Diagnosis,
    /// The comparison of `diff`.
    Diff,
    /// A line of `evidence --format jsonl`.
    Evidence,
    /// The manifest of `audit --manifest`.
    Manifest,
    /// What `replay` says.
    Replay,
    /// What `fix` proposes.
    Fix,
    /// The answers of `test`, `prove` and `diff-rules`.
    Rules,
}

pub(super) fn run(args: &SchemaArgs) -> Result<Status> {
    print(&match args.of {
        SchemaOf::Audit => report::json::schema(),
        SchemaOf::Diagnosis => report::json::diagnosis_schema(),
        SchemaOf::Diff => report::difference::schema(),
        SchemaOf::Evidence => report::evidence::schema(),
        SchemaOf::Manifest => report::manifest::schema(),
        SchemaOf::Replay => report::replay::schema(),
        SchemaOf::Fix => report::fix::json::schema(),
        SchemaOf::Rules => report::rules_json::schema(),
    })
}
