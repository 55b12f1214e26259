//! Reports: one file a format. They render what they are given, an [`Audit`](crate::audit::Audit) or
//! a flow record; they never decide.

pub mod connections;
pub mod contract;
pub mod drift;
pub mod escape;
pub mod flows;
pub mod json;
pub mod rules;
pub mod rules_json;
pub mod text;

#[cfg(test)]
pub(crate) mod sample;
