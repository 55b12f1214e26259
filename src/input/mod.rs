//! Where bytes come from: files, folders, globs, standard input, compressed or not.
//!
//! The only module that opens log files. A [`Plan`] lists the files of a run in an order that
//! depends on nothing but their paths; [`Plan::open`] gives the text of one of them; [`sniff()`]
//! tells from its first bytes what it is. What the bytes mean is for the decoders.

pub mod blob_path;
pub mod inflate;
pub mod open;
pub mod plan;
pub mod readahead;
pub mod sniff;
mod sniff_json;
mod tree;
mod walk;

pub use blob_path::BlobPath;
pub use inflate::{Limits, stream_fault};
pub use open::{OpenFault, Opened};
pub use plan::{Plan, PlanOptions};
pub use readahead::{ReadAhead, readahead};
pub use sniff::{Kind, sniff};
