//! The environment: what the audited network looks like, whatever said so.

pub mod assume;
pub mod azure;
pub mod check;
pub mod logged;
pub mod model;
pub mod nsg;
pub mod remarks;
pub mod rules;
pub mod tags;
pub mod text;
pub mod vnet;

pub use assume::assume;
pub use logged::logged;
pub use model::*;
pub use remarks::remarks;
pub use tags::{ServiceTags, TagEdition};
