//! Rules: what they decide of one packet, and of all.

pub mod decider;
pub mod evaluate;
pub mod rule;

#[cfg(test)]
mod testing;
