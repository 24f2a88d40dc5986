//! `smidge verify`: would this patch apply?

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::{
    Failure, Say,
    apply::limits,
    diff::{end, end_line},
    input::Patch,
    say::{Taken, peak_memory_bytes},
    size,
};
use crate::apply;

/// Checks that PATCH turns OLD into what it promises: does everything that `apply` does, in the folder for temporaries
/// (TMPDIR), and keeps nothing.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// What the patch was made for
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// The patch; `-` for standard input
    #[arg(value_name = "PATCH")]
    patch: PathBuf,
    /// Memory that applying may take, such as 8MB; a patch that needs more is refused
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    max_memory: Option<u64>,
}

pub(super) fn run(arguments: &Arguments, say: Say) -> Result<(), Failure> {
    let taken = Taken::start();
    let patch = Patch::open(&arguments.patch)?;
    patch.require_own()?;
    let bar = say.bar("verify");
    let options = apply::Options { limits: limits(arguments.max_memory), progress: bar.progress() };
    let summary = apply::verify(&arguments.old, &mut patch.reader(), &options)?;
    drop(bar);
    let value = json!({
        "old": end(&summary.old),
        "new": end(&summary.new),
        "patch_bytes": summary.patch_bytes,
        "verified": true,
        "secs": taken.time().as_secs_f64(),
        "peak_memory_bytes": peak_memory_bytes(),
    });
    let lines = format!(
        "patch  {:>8}  applies; nothing was kept\nnew    {}\ntook   {}\n",
        size::show(summary.patch_bytes),
        end_line(&summary.new),
        taken.columns()
    );
    say.result(&value, &lines, false)
}
