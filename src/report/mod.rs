//! Reports: one file a format. They render what they are given, an [`Audit`](crate::audit::Audit) or
//! a flow record; they never decide.

pub mod connections;
pub mod csv;
pub mod escape;
pub mod flows;
pub mod json;
pub mod jsonl;
pub mod parquet;
pub mod prometheus;
pub mod rules;
mod table;
pub mod text;

#[cfg(test)]
pub(crate) mod sample;
