//! Where bytes come from: files, folders, globs, standard input, compressed or not. The only room
//! that opens logs. What a file is, its content says ([`sniff`]), never its name.

pub mod blob_path;
mod open;
mod paths;
mod plan;
mod readahead;
mod sniff;
mod walk;

pub use open::{Limits, OpenFault, Opened, stream_fault};
pub use plan::{Plan, PlanOptions};
pub use sniff::{Kind, sniff};
