//! Reports: one file a format. They render the [`Audit`](crate::audit::Audit); they never decide.

pub mod escape;
pub mod json;
pub mod text;

#[cfg(test)]
pub(crate) mod sample;
