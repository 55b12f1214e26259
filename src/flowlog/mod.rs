//! Bytes of flow logs -> flow records. Knows no files and no judgement.

pub mod batch;
#[doc(hidden)]
pub mod slow;
pub mod traffic_analytics;

pub use batch::{Bits, FlowState, LogKind, RecordBatch, Sink, Tuple, TupleGroup, Wide};
