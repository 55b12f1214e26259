//! The command line: the only room that touches the terminal, the clock and the exit status.

pub mod output;
pub mod progress;
