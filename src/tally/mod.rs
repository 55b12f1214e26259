//! Groups -> counts. Merges in any order; judges nothing.

pub mod facts;

pub use facts::{
    Coverage, Facts, Group, Interface, Port, ReadTotals, RuleName, Sample, Timeline, Totals,
};
