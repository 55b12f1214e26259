//! The environment: what the audited network looks like, whatever said so.

pub mod model;
pub mod tags;

pub use model::*;
pub use tags::{ServiceTags, TagEdition};
