//! Reports: one file a format. They render what they are given, an [`Audit`](crate::audit::Audit) or
//! a flow record; they never decide.

pub mod connections;
pub mod difference;
pub mod escape;
pub mod evidence;
pub mod flows;
pub mod json;
pub mod manifest;
pub mod rules;
pub mod text;

#[cfg(test)]
pub(crate) mod sample;
