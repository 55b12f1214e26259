//! The `nsgaudit` program: everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    nsgaudit::cli::main()
}
