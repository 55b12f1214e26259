//! `nsgaudit`: what Azure flow logs show, held against what a service requires.

pub mod audit;
pub mod capture;
pub mod catalogue;
pub mod classify;
pub mod cli;
pub mod compare;
pub mod config;
pub mod diagnose;
pub mod environment;
pub mod error;
pub mod fault;
pub mod fix;
pub mod flowlog;
pub mod input;
pub mod manifest;
pub mod net;
pub mod pipeline;
pub mod policy;
pub mod report;
pub mod simd;
pub mod tally;

pub use error::{Error, Result};
