//! Packet captures: bytes -> packets -> connections -> flow records.

pub mod connection;
pub mod fragments;
pub mod layers;
pub mod packet;
pub mod piece;
pub mod reader;
pub mod record;
pub mod sequence;
pub mod spread;
pub mod state;
pub mod table;
pub mod tracker;
