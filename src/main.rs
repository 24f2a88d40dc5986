//! The command line: parse, run, exit code. All of it is in [`smidge::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    smidge::cli::main()
}
