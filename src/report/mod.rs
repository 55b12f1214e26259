//! Renderings. Each renders what it is given and decides nothing.

pub mod flows;
