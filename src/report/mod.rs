//! Reports: one file a format. They render what they are given, an [`Audit`](crate::audit::Audit) or
//! a flow record; they never decide.

mod community;
pub mod connections;
pub mod contract;
pub mod csv;
pub mod difference;
pub mod drift;
pub mod ecs;
pub mod escape;
pub mod evidence;
pub mod fix;
pub mod flows;
pub mod html;
pub mod json;
mod json_text;
pub mod jsonl;
pub mod junit;
pub mod manifest;
pub mod markdown;
mod number;
pub mod ocsf;
pub mod parquet;
pub mod prometheus;
mod purpose;
pub mod replay;
pub mod rules;
pub mod rules_json;
pub mod sarif;
mod table;
pub mod text;

#[cfg(test)]
pub(crate) mod sample;
