//! Bytes of flow logs -> flow records. Knows no files and no judgement.

pub mod batch;
mod json_text;
mod record;
pub mod scan;
#[doc(hidden)]
pub mod slow;
pub mod traffic_analytics;
pub mod tuple;
mod wrapper;

pub use batch::{Bits, FlowState, LogKind, RecordBatch, Sink, Tuple, TupleGroup, Wide};
pub use scan::{Limits, Outcome, Scanner, Segment};
