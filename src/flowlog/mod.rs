//! Bytes of flow logs -> flow records. Knows no files and no judgement.

pub mod batch;
mod record;
pub mod scan;
pub mod tuple;

pub use batch::{Bits, FlowState, LogKind, RecordBatch, Sink, Tuple, TupleGroup, Wide};
pub use scan::{Limits, Outcome, Scanner, Segment};
