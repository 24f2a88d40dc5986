//! `smidge inspect`: what a patch holds.

use std::path::PathBuf;

use clap::Args;

use super::{Failure, Say, engine::patch, input::Patch};

/// Tells what PATCH is bound to, what applying it takes, and what each part of it weighs.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The patch; `-` for standard input
    #[arg(value_name = "PATCH")]
    patch: PathBuf,
    /// What the patch was made for; with it, also the files are told
    #[arg(long, value_name = "OLD")]
    old: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments, say: Say) -> Result<(), Failure> {
    let input = Patch::open(&arguments.patch)?;
    input.require_own()?;
    let inspection = patch::inspect(&mut input.reader(), arguments.old.as_deref())?;
    say.result(&patch::to_json(&inspection), &patch::to_lines(&inspection), false)
}
