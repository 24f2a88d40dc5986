//! `smidge diff`: old and new in, patch out.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::{
    Failure, Format, Say,
    hash::kind,
    input::{Output, is_dash},
    say::{Taken, peak_memory_bytes},
    size,
};
use crate::{diff, exchange, tree::Tree};

/// Writes the patch that turns OLD into NEW. Both are files, or both are folders.
///
/// The patch is applied and verified in the folder for temporaries (TMPDIR) before it appears. The same inputs, options
/// and version give the same patch, whatever the number of threads.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// What the patch will be applied to
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// What it will turn OLD into
    #[arg(value_name = "NEW")]
    new: PathBuf,
    /// Where to write the patch; `-` for standard output
    #[arg(long, short, value_name = "PATCH")]
    output: PathBuf,
    /// How long to search for a smaller patch
    #[arg(long, value_enum, default_value_t = Effort::Default)]
    effort: Effort,
    /// How to write the patch down
    #[arg(long, value_enum, default_value_t = Format::Smidge)]
    format: Format,
    /// Memory that applying the patch may take, such as 8MB
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    max_memory: Option<u64>,
    /// Take the smallest patch found after N seconds, or the first one if that
    /// takes longer. The one option that makes the patch depend on the machine
    #[arg(long, value_name = "N", value_parser = seconds)]
    budget_seconds: Option<Duration>,
    /// Do not apply the patch before it appears; saves what applying takes
    #[arg(long)]
    no_check: bool,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: Option<f64> = text.parse().ok();
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| "write a number of seconds, such as 10 or 0.5".to_owned())
}

/// How long to search for a smaller patch. The figures are `docs/benchmarks.md`'s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Effort {
    /// For pipelines in a hurry: patches 1.3 times as large, up to 5 times where
    /// minified names changed; half the time
    Fast,
    /// For most releases: 1 to 5 s for an app of 5 to 60 MB, memory for 3 times
    /// OLD and NEW together
    Default,
    /// For the smallest patch: 2 % smaller, up to 13 %; twice the time, memory
    /// for 4 times OLD and NEW, up to 17 times
    Max,
}

impl From<Effort> for diff::Effort {
    fn from(effort: Effort) -> Self {
        match effort {
            Effort::Fast => Self::Fast,
            Effort::Default => Self::Default,
            Effort::Max => Self::Max,
        }
    }
}

pub(super) fn run(arguments: &Arguments, say: Say) -> Result<(), Failure> {
    if arguments.format != Format::Smidge {
        return run_foreign(arguments, say);
    }
    let taken = Taken::start();
    let bar = say.bar("diff");
    let mut options =
        diff::Options { effort: arguments.effort.into(), progress: bar.progress(), ..diff::Options::default() };
    options.budget = arguments.budget_seconds;
    options.check = !arguments.no_check;
    if let Some(bytes) = arguments.max_memory {
        options.apply_memory_bytes = bytes;
    }
    let mut output = Output::create(&arguments.output)?;
    let summary = diff::diff(&arguments.old, &arguments.new, output.writer(), &options)?;
    output.commit()?;
    drop(bar);
    if !summary.faults.is_empty() {
        say.warn(&format!(
            "the smallest encoding did not work, so the patch holds a plainer one that does. This is an error in \
             smidge; please report it, with the two inputs if you may show them: {}",
            summary.faults.join("; then ")
        ));
    }
    let value = json!({
        "old": end(&summary.old),
        "new": end(&summary.new),
        "patch_bytes": summary.patch_bytes,
        "format": "smidge",
        "checked": summary.checked,
        "complete": summary.complete,
        "faults": summary.faults,
        "secs": taken.time().as_secs_f64(),
        "peak_memory_bytes": peak_memory_bytes(),
    });
    let new_bytes = summary.new.total_bytes();
    let lines = format!(
        "old    {}\nnew    {}\npatch  {:>8}  {} of new, {}\ntook   {}{}\n",
        end_line(&summary.old),
        end_line(&summary.new),
        size::show(summary.patch_bytes),
        size::percent(summary.patch_bytes, new_bytes),
        if summary.checked { "applied and verified" } else { "not checked" },
        taken.columns(),
        if summary.complete { "" } else { "; the budget ran out" },
    );
    say.result(&value, &lines, is_dash(&arguments.output))
}

/// Writes another program's patch of one file and applies it again before it appears.
fn run_foreign(arguments: &Arguments, say: Say) -> Result<(), Failure> {
    if arguments.max_memory.is_some() {
        return Err(Failure::usage("only smidge's own format can promise with --max-memory what applying will take"));
    }
    if arguments.budget_seconds.is_some() {
        return Err(Failure::usage("only smidge's own format can be searched for with --budget-seconds"));
    }
    if arguments.no_check {
        return Err(Failure::usage("a patch in another program's format is always checked; leave out --no-check"));
    }
    let taken = Taken::start();
    let (old, new) = (read_file(&arguments.old)?, read_file(&arguments.new)?);
    let (patch, name) = match arguments.format {
        Format::Bsdiff => (exchange::bsdiff::diff(&old, &new)?, "bsdiff"),
        Format::Bidiff | Format::Smidge => (exchange::bidiff::diff(&old, &new)?, "bidiff"),
    };
    let mut output = Output::create(&arguments.output)?;
    output.writer().write_all(&patch).map_err(|source| Failure::io("write", &arguments.output, &source))?;
    output.commit()?;
    let patch_bytes = patch.len() as u64;
    let value = json!({
        "old": { "kind": "file", "bytes": old.len() },
        "new": { "kind": "file", "bytes": new.len() },
        "patch_bytes": patch_bytes,
        "format": name,
        "checked": true,
        "secs": taken.time().as_secs_f64(),
        "peak_memory_bytes": peak_memory_bytes(),
    });
    let lines = format!(
        "old    {:>8}  1 file\nnew    {:>8}  1 file\npatch  {:>8}  {} of new, applied and compared\ntook   {}\n",
        size::show(old.len() as u64),
        size::show(new.len() as u64),
        size::show(patch_bytes),
        size::percent(patch_bytes, new.len() as u64),
        taken.columns(),
    );
    say.result(&value, &lines, is_dash(&arguments.output))
}

fn read_file(path: &Path) -> Result<Vec<u8>, Failure> {
    if path.is_dir() {
        return Err(Failure::unusable(format_args!(
            "{} is a folder; this format knows only files, smidge's own knows both",
            path.display()
        )));
    }
    fs::read(path).map_err(|source| Failure::io("read", path, &source))
}

/// One end of a patch in JSON.
pub(super) fn end(tree: &Tree) -> Value {
    json!({
        "hash": tree.hash().to_string(),
        "kind": kind(tree.kind),
        "files": tree.entries.len(),
        "bytes": tree.total_bytes(),
    })
}

/// One end of a patch for people, about 60 columns.
pub(super) fn end_line(tree: &Tree) -> String {
    let files = match (tree.kind, tree.entries.len()) {
        (crate::tree::Kind::File, _) => "1 file".to_owned(),
        (_, 1) => "1 file in a folder".to_owned(),
        (_, files) => format!("{files} files in a folder"),
    };
    format!("{:>8}  {files}, {}…", size::show(tree.total_bytes()), &tree.hash().to_string()[..16])
}
