//! Reports: one file a format. They render what they are given, an [`Audit`](crate::audit::Audit) or
//! a flow record; they never decide.

pub mod connections;
pub mod escape;
pub mod flows;
pub mod html;
pub mod json;
mod number;
mod purpose;
pub mod rules;
pub mod text;

#[cfg(test)]
pub(crate) mod sample;
