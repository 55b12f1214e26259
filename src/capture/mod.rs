//! Packet captures: bytes -> packets -> connections -> flow records.

pub mod layers;
pub mod packet;
pub mod piece;
pub mod reader;
