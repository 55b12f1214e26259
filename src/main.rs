//! The `nsgaudit` program: everything is in the library.

use std::process::ExitCode;

mod heap;

fn main() -> ExitCode {
    heap::share();
    nsgaudit::cli::main()
}
