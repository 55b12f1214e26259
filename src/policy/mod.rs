//! Rules: what they decide of one packet, and of all.

pub mod ask;
mod axis;
mod bits;
mod blocks;
mod classes;
pub mod contract;
pub mod count;
mod cover;
pub mod decider;
pub mod diff;
pub mod drift;
pub mod evaluate;
mod first_match;
mod grid;
pub mod logged;
pub mod network;
pub mod overlap;
pub mod packet;
pub mod prove;
mod regions;
pub mod route;
pub mod rule;
pub mod shadow;
pub mod unneeded;

#[cfg(test)]
pub(crate) mod testing;
