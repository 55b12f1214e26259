//! Bytes of flow logs -> flow records. Knows no files and no judgement.

pub mod batch;

pub use batch::{Bits, FlowState, LogKind, RecordBatch, Sink, Tuple, TupleGroup, Wide};
