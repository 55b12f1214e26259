//! Facts + catalogue + environment -> the audit. The only place that judges.

pub mod model;

pub use model::*;
