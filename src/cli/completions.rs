//! `smidge completions`: what a shell needs to complete our command lines.

use std::io;

use clap::Args;
use clap_complete::Shell;

use super::Failure;

/// Prints the completions for SHELL, to be put where the shell looks for them.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Which shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut super::command(), "smidge", &mut script);
    io::Write::write_all(&mut io::stdout(), &script)
        .map_err(|error| Failure::unusable(format_args!("cannot print the completions: {error}")))
}
