//! `smidge man`: the manual pages, one for each command.

use std::{fs, path::PathBuf};

use clap::Args;

use super::Failure;

/// Writes smidge.1, smidge-diff.1 and so on into DIR.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The folder, which is made if it is missing
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let folder = &arguments.folder;
    fs::create_dir_all(folder).map_err(|source| Failure::io("create", folder, &source))?;
    clap_mangen::generate_to(super::command().disable_help_subcommand(true), folder)
        .map_err(|source| Failure::io("write manual pages into", folder, &source))
}
