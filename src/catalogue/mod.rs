//! The catalogue: what a service requires, as profiles of data. Knows no traffic.

pub mod profile;

pub use profile::*;
