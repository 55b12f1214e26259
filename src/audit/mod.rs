//! Facts + catalogue + environment -> the audit. The only place that judges.
//!
//! Pure: no I/O, no clock; the same facts give the same audit, and every list has a total order.
//! How verdicts are found and flows counted is told in `docs/verdicts.md`.

mod matching;
pub mod model;
mod names;
mod observe;
mod requirements;
#[cfg(test)]
mod testing;
mod traffic;
mod verdict;

pub use model::*;
pub use requirements::OWN_PROFILE;
