//! Two audits held against each other, and findings against what somebody accepted.
//!
//! Pure: documents come as bytes or values, the day of today as a date.

pub mod baseline;
pub mod diff;
pub mod document;
pub mod model;

pub use baseline::Baseline;
pub use diff::diff;
pub use document::parse;
pub use model::{
    Change, Changed, Comparable, DIFF_SCHEMA, Difference, FindingText, Fixed, Gone, Side, Summary,
    VerdictChange,
};
