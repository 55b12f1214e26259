//! Groups -> counts. Merges in any order; judges nothing.
//!
//! Workers count into small tables of their own ([`local`]), which are emptied into the run's groups
//! ([`totals`]); [`finish`] makes the facts of them.

mod coverage;
pub mod facts;
pub mod finish;
mod key;
mod local;
pub mod narrow;
mod rules;
mod seen;
mod totals;
pub mod trace;
mod worker;

pub(crate) use coverage::MOST_NAMES;
pub use facts::{
    CaptureTotals, Coverage, Facts, Group, Hours, Interface, NO_SPAN, Port, ReadTotals, RuleName,
    Sample, Target, Timeline, Totals,
};
pub use key::{MOST_EDITIONS, NamedPorts};
pub use narrow::Narrow;
pub use worker::{FileNotes, Shared, TallyLimits, Worker};
