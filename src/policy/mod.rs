//! Rules: what they decide of one packet, and of all.

pub mod rule;
